//! How long the set-up of a contract takes, beside the floor: the same number of bare operations of
//! libsecp256k1's MuSig2 module, on the same threads and in the same run.
//!
//! Figures depend on the machine and on what else it does. The ratio to the floor does so much less: both are measured by
//! turns, and of each party and phase the least of all rounds counts, of the figure and of the floor alike. Whatever else
//! runs only adds to either.

mod figure;
mod floor;
pub mod model;

use narthex_contracts::{fixtures::Fixtures, terms::Role};
use narthex_game_model::Template;
use serde::Serialize;

pub use floor::{Floor, SafeFloor, Work};

/// A phase of the set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Every transaction and every message to sign, from the terms.
    Derive,
    /// A nonce pair for each signature.
    Nonces,
    /// Everybody's nonces read, sessions opened, shares made.
    Sign,
    /// Shares exchanged, added up and checked.
    Verify,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Phase; 4] = [Phase::Derive, Phase::Nonces, Phase::Sign, Phase::Verify];

    fn name(self) -> &'static str {
        match self {
            Phase::Derive => "derive",
            Phase::Nonces => "nonces",
            Phase::Sign => "sign",
            Phase::Verify => "verify",
        }
    }
}

/// Seconds by phase, in the order of [`Phase::ALL`].
pub type Seconds = [f64; 4];

/// What to measure.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Whose contracts.
    pub template: Template,
    /// Panels as arbiters and quorum.
    pub panels: Vec<(u8, u8)>,
    /// How often figure and floor are measured. The least of each party and phase is reported.
    pub rounds: usize,
}

impl Default for Options {
    /// `hardened`, 2-of-3, 3-of-5 and 4-of-7, three rounds: under a minute. 8-of-15 takes minutes and about 3 GB, since all
    /// 18 parties run in one process, and twice that if it is `audited`.
    fn default() -> Options {
        Options {
            template: Template::Hardened,
            panels: vec![(3, 2), (5, 3), (7, 4)],
            rounds: 3,
        }
    }
}

/// One line of the result. All times are in seconds, of all cores together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// Such as `3-of-5, all parties, sign`.
    pub name: String,
    /// What the ceremony took.
    pub figure: f64,
    /// What the bare operations took through the `secp256k1` crate's safe interface. None for deriving, which
    /// has no counterpart.
    pub floor_safe: Option<f64>,
    /// What they took as calls to the C library with a context of one's own, where that was measured.
    pub floor_raw: Option<f64>,
    /// Figure by safe floor.
    pub ratio: Option<f64>,
}

/// Measures every panel. `progress` is told what begins.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> anyhow::Result<Vec<Measurement>> {
    let mut all = Vec::new();
    for panel in &options.panels {
        let contract = (options.template, *panel);
        all.extend(measure(contract, options.rounds, None, &mut progress)?);
    }
    Ok(all)
}

/// Measures a contract of this template with a panel of `(arbiters, quorum)`: the client and all parties, in total and by
/// phase. With `raw`, that floor is measured too.
pub fn measure(
    (template, (arbiters, quorum)): (Template, (u8, u8)),
    rounds: usize,
    raw: Option<&dyn Floor>,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<Measurement>> {
    let panel = format!("{quorum}-of-{arbiters}");
    let name = match template {
        Template::Hardened => panel,
        Template::Audited => format!("audited {panel}"),
        Template::Paper => format!("paper {panel}"),
    };
    let mut fixtures = Fixtures::example(template, arbiters, quorum, 900_000, [42; 32])?;
    let rounds = rounds.max(1);
    let safe = SafeFloor::new(Role::all(arbiters).count())?;
    let mut samples = Vec::new();
    for round in 1..=rounds {
        progress(&format!("{name}, round {round} of {rounds}"));
        // Terms are signed once.
        fixtures.next_attempt();
        let terms = fixtures.terms()?;
        let mut floors = Vec::new();
        // A party's floor is measured between two phases of its own work, so that whatever else keeps the
        // machine busy slows both alike.
        let figures = figure::ceremony(&fixtures, &terms, |role, plan| {
            let work = plan.work(role);
            floors.push((safe.run(&work), raw.map(|raw| raw.run(&work))));
        })?;
        let of_round = figures.into_iter().zip(floors);
        samples.push(
            of_round
                .map(|(figure, (safe, raw))| Sample { figure, safe, raw })
                .collect::<Vec<_>>(),
        );
    }
    Ok(summarise(&name, &samples))
}

/// One party's times of one round.
#[derive(Debug, Clone, Copy)]
struct Sample {
    figure: Seconds,
    safe: Seconds,
    raw: Option<Seconds>,
}

impl Sample {
    fn plus(self, other: &Sample) -> Sample {
        self.with(other, |a, b| a + b)
    }

    /// The least of each phase, which is what was disturbed least.
    fn least(self, other: &Sample) -> Sample {
        self.with(other, f64::min)
    }

    fn with(self, other: &Sample, op: impl Fn(f64, f64) -> f64) -> Sample {
        let both = |a: Seconds, b: Seconds| std::array::from_fn(|i| op(a[i], b[i]));
        Sample {
            figure: both(self.figure, other.figure),
            safe: both(self.safe, other.safe),
            raw: self.raw.zip(other.raw).map(|(a, b)| both(a, b)),
        }
    }
}

fn summarise(name: &str, rounds: &[Vec<Sample>]) -> Vec<Measurement> {
    let least = |a: Vec<Sample>, b: Vec<Sample>| {
        let parties = a.iter().zip(&b);
        parties.map(|(a, b)| a.least(b)).collect()
    };
    let parties = rounds.iter().cloned().reduce(least).unwrap_or_default();
    // Canonical order puts the client first. It holds every kind of transaction, so nobody has more to do; picking
    // the slowest instead would pick whoever was disturbed most.
    let client = parties.first().copied();
    let everybody = parties.iter().copied().reduce(|a, b| a.plus(&b));
    let scopes = [("one party", client), ("all parties", everybody)];
    scopes
        .into_iter()
        .filter_map(|(scope, sample)| Some((scope, sample?)))
        .flat_map(|(scope, sample)| {
            let line = |part: &str, pick: &dyn Fn(&Seconds) -> f64| {
                let (figure, floor) = (pick(&sample.figure), pick(&sample.safe));
                let with_floor = floor > 0.0;
                Measurement {
                    name: format!("{name}, {scope}, {part}"),
                    figure,
                    floor_safe: with_floor.then_some(floor),
                    floor_raw: sample.raw.as_ref().filter(|_| with_floor).map(pick),
                    ratio: with_floor.then_some(figure / floor),
                }
            };
            let mut lines = vec![line("total", &|seconds| seconds.iter().sum())];
            for (i, phase) in Phase::ALL.into_iter().enumerate() {
                lines.push(line(phase.name(), &move |seconds| seconds[i]));
            }
            lines
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (
        values.len() % 2,
        values.get(middle.wrapping_sub(1)),
        values.get(middle),
    ) {
        (0, Some(a), Some(b)) => (a + b) / 2.0,
        (_, _, Some(middle)) => *middle,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
