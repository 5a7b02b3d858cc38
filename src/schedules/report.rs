//! Many schedules, and what they came to.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::hex::DisplayHex;
use narthex_base::tagged::tagged_hash_parts;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    FaultKind, LifePlan, Outcome, Plan, Pool, Strategy, live,
    lives::{Step, uncovered},
    play,
};

/// Schedules between two reports of progress.
const BATCH: u64 = 256;

/// One seed in so many is played twice, and must come out the same.
const TWICE: u64 = 100;

/// What many schedules came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Seed of the run, hex.
    pub seed: String,
    /// Schedules played.
    pub schedules: u64,
    /// Of these, those that ended with a contract.
    pub live: u64,
    /// Attempts of all of them.
    pub attempts: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Messages that were sent.
    pub messages: u64,
    /// Schedules with each disturbance, and with each strategy of an adversary.
    pub tried: BTreeMap<String, u64>,
    /// Blocks that were mined, and single faults that happened, where lives were played.
    pub blocks: u64,
    /// See `blocks`.
    pub faults: u64,
    /// How lives ended, and by which rows honest arbiters ruled.
    pub exits: BTreeMap<String, u64>,
    /// See `exits`.
    pub rows: BTreeMap<String, u64>,
    /// Rows of the machines' tables that no life came by.
    pub uncovered: Vec<String>,
    #[serde(skip)]
    steps: BTreeSet<Step>,
    /// Schedules that came out otherwise when they were played again.
    pub unrepeatable: u64,
    /// What must not have happened, by its sort, with the first seed of each.
    pub violations: BTreeMap<String, Found>,
}

/// Which disturbances a schedule has, less than its seed gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Less {
    /// These kinds and no others; the seed's own without it.
    pub kinds: Option<Vec<FaultKind>>,
    /// Single faults that do not happen, by their numbers.
    #[serde(default)]
    pub skipped: BTreeSet<u32>,
}

/// Plays the schedule of a seed.
type Play<'p> = dyn Fn(&[u8; 32], &Less) -> Outcome + Sync + 'p;

/// One sort of violation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// Schedules that show it.
    pub schedules: u64,
    /// The first one's seed, hex: `--replay` plays it again.
    pub seed: String,
    /// What was found there.
    pub found: String,
    /// The fewest disturbances of it that still show it.
    pub shrunk: Less,
    /// The last events with those.
    pub last: Vec<String>,
    /// What its adversary did.
    pub strategy: Option<Strategy>,
    /// Seeds of the next ones, at most twenty, with what was found there: one sort may have more than one cause.
    pub others: Vec<(String, String)>,
}

/// Most seeds of one sort that a report names beside the first.
const MOST_OTHERS: usize = 20;

impl Report {
    /// Whether nothing happened that must not.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unrepeatable == 0
    }
}

/// Seed of a schedule by its number in a run.
pub fn seed_of(seed: &[u8; 32], number: u64) -> [u8; 32] {
    tagged_hash_parts("narthex/schedule-seed", &[seed, &number.to_be_bytes()])
}

/// Plays the set-ups of a seed, on all cores.
pub fn run(seed: &[u8; 32], (schedules, plan): (u64, &Plan), progress: impl FnMut(u64)) -> Report {
    let played = |seed: &[u8; 32], less: &Less| {
        let kinds = less.kinds.clone().or_else(|| plan.kinds.clone());
        let plan = plan.clone();
        play(seed, &Plan { kinds, ..plan })
    };
    run_by(&played, seed, schedules, progress)
}

/// Plays the lives of a seed, on all cores, from the contracts of a pool.
pub fn run_lives(
    seed: &[u8; 32],
    (schedules, pool, plan): (u64, &Pool, &LifePlan),
    progress: impl FnMut(u64),
) -> Report {
    let played = |seed: &[u8; 32], less: &Less| {
        let mut plan = plan.clone();
        plan.less.kinds = less.kinds.clone().or(plan.less.kinds);
        plan.less.skipped.extend(&less.skipped);
        live(seed, pool, &plan)
    };
    let mut report = run_by(&played, seed, schedules, progress);
    report.uncovered = uncovered(&report.steps);
    report
}

fn run_by(
    play: &Play<'_>,
    seed: &[u8; 32],
    schedules: u64,
    mut progress: impl FnMut(u64),
) -> Report {
    let mut report = Report {
        seed: seed.to_lower_hex_string(),
        ..Report::default()
    };
    let less = Less::default();
    let mut at = 0;
    while at < schedules {
        let until = (at + BATCH).min(schedules);
        let played: Vec<_> = (at..until)
            .into_par_iter()
            .map(|number| {
                let seed = seed_of(seed, number);
                let outcome = play(&seed, &less);
                let again = number % TWICE == 0 && play(&seed, &less).trace != outcome.trace;
                (seed, outcome, again)
            })
            .collect();
        for (seed, outcome, differs) in played {
            report.count(&seed, play, &outcome);
            report.unrepeatable += u64::from(differs);
        }
        at = until;
        progress(at);
    }
    report
}

impl Report {
    fn count(&mut self, seed: &[u8; 32], play: &Play<'_>, outcome: &Outcome) {
        self.schedules += 1;
        self.live += u64::from(outcome.is_live);
        self.attempts += u64::from(outcome.attempts);
        self.kills += u64::from(outcome.kills);
        self.messages += outcome.messages;
        let named = |what: &dyn std::fmt::Debug| {
            let name = format!("{what:?}").to_lowercase();
            name.split([' ', '{']).next().unwrap_or_default().to_owned()
        };
        let tried = outcome.kinds.iter().map(|kind| named(kind));
        for name in tried.chain(outcome.strategy.iter().map(|strategy| named(strategy))) {
            *self.tried.entry(name).or_default() += 1;
        }
        if let Some(life) = &outcome.life {
            self.blocks += u64::from(life.blocks);
            self.faults += u64::from(life.faults);
            self.steps.extend(life.steps.iter().copied());
            let exit = life.exit.unwrap_or("none").to_owned();
            *self.exits.entry(exit).or_default() += 1;
            for row in &life.rows {
                *self.rows.entry(row.clone()).or_default() += 1;
            }
            for habit in &life.habits {
                *self.tried.entry(habit.clone()).or_default() += 1;
            }
        }
        let mut sorts: Vec<_> = outcome.violations.iter().collect();
        // A schedule counts once for each sort; the first of each stays in front.
        sorts.sort_by_key(|violation| violation.sort());
        sorts.dedup_by_key(|violation| violation.sort());
        for violation in sorts {
            let found = self.violations.entry(violation.sort().into()).or_default();
            found.schedules += 1;
            if found.schedules == 1 {
                found.seed = seed.to_lower_hex_string();
                found.found = violation.to_string();
                found.strategy = outcome.strategy;
                found.shrunk = shrink(play, seed, (outcome, violation.sort()));
                found.last = play(seed, &found.shrunk).last;
            } else if found.others.len() < MOST_OTHERS {
                let other = (seed.to_lower_hex_string(), violation.to_string());
                found.others.push(other);
            }
        }
    }
}

/// Most plays that single faults are left out in, to see which are needed.
const MOST_TRIES: u32 = 200;

/// The fewest disturbances of a schedule under which a sort of violation still shows: each kind is left out that can be, and then each single
/// fault.
pub fn shrink(play: &Play<'_>, seed: &[u8; 32], (outcome, sort): (&Outcome, &str)) -> Less {
    let shows = |less: &Less| {
        let played = play(seed, less);
        let is_it = played.violations.iter().any(|found| found.sort() == sort);
        is_it.then_some(played)
    };
    let mut kinds = outcome.kinds.clone();
    let mut last = outcome.clone();
    let mut at = 0;
    while at < kinds.len() {
        let mut fewer = kinds.clone();
        fewer.remove(at);
        let less = Less {
            kinds: Some(fewer.clone()),
            skipped: BTreeSet::new(),
        };
        match shows(&less) {
            Some(played) => (kinds, last) = (fewer, played),
            None => at += 1,
        }
    }
    let mut less = Less {
        kinds: Some(kinds),
        skipped: BTreeSet::new(),
    };
    // Without one, others come, which have the numbers behind it.
    let (mut number, mut tries) = (0, 0);
    while number < last.life.as_ref().map_or(0, |life| life.faults) && tries < MOST_TRIES {
        let mut fewer = less.clone();
        fewer.skipped.insert(number);
        if let Some(played) = shows(&fewer) {
            (less, last) = (fewer, played);
        }
        number += 1;
        tries += 1;
    }
    less
}
