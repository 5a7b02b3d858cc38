//! Many schedules, and what they came to.

use std::collections::BTreeMap;

use bitcoin::hex::DisplayHex;
use narthex_base::tagged::tagged_hash_parts;
use rayon::prelude::*;
use serde::Serialize;

use super::{FaultKind, Outcome, Plan, Strategy, play};

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
    /// Schedules that came out otherwise when they were played again.
    pub unrepeatable: u64,
    /// What must not have happened, by its sort, with the first seed of each.
    pub violations: BTreeMap<String, Found>,
}

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
    pub shrunk: Vec<FaultKind>,
    /// What its adversary did.
    pub strategy: Option<Strategy>,
}

impl Report {
    /// Whether nothing happened that must not.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unrepeatable == 0
    }
}

/// Seed of a schedule by its number in a run.
fn seed_of(seed: &[u8; 32], number: u64) -> [u8; 32] {
    tagged_hash_parts("narthex/schedule-seed", &[seed, &number.to_be_bytes()])
}

/// Plays the schedules of a seed, on all cores.
pub fn run(
    seed: &[u8; 32],
    (schedules, plan): (u64, &Plan),
    mut progress: impl FnMut(u64),
) -> Report {
    let mut report = Report {
        seed: seed.to_lower_hex_string(),
        ..Report::default()
    };
    let mut at = 0;
    while at < schedules {
        let until = (at + BATCH).min(schedules);
        let played: Vec<_> = (at..until)
            .into_par_iter()
            .map(|number| {
                let seed = seed_of(seed, number);
                let outcome = play(&seed, plan);
                let again = number % TWICE == 0 && play(&seed, plan).trace != outcome.trace;
                (seed, outcome, again)
            })
            .collect();
        for (seed, outcome, differs) in played {
            report.count(&seed, plan, &outcome);
            report.unrepeatable += u64::from(differs);
        }
        at = until;
        progress(at);
    }
    report
}

impl Report {
    fn count(&mut self, seed: &[u8; 32], plan: &Plan, outcome: &Outcome) {
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
                found.shrunk = shrink(seed, plan, (outcome, violation.sort()));
            }
        }
    }
}

/// The fewest disturbances of a schedule under which a sort of violation still shows: each is left out that can be.
pub fn shrink(seed: &[u8; 32], plan: &Plan, (outcome, sort): (&Outcome, &str)) -> Vec<FaultKind> {
    let mut kinds = outcome.kinds.clone();
    let mut at = 0;
    while at < kinds.len() {
        let mut fewer = kinds.clone();
        fewer.remove(at);
        let with = Plan {
            kinds: Some(fewer.clone()),
            ..plan.clone()
        };
        let shows = play(seed, &with)
            .violations
            .iter()
            .any(|v| v.sort() == sort);
        match shows {
            true => kinds = fewer,
            false => at += 1,
        }
    }
    kinds
}
