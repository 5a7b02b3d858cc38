//! Simulated games beside what theory says of them.

use bitcoin::hex::DisplayHex;
use narthex_game_model::{
    play::{Strategy, VerifierStrategy, WorkerStrategy},
    rational::approximate,
    simulation::{
        Arena, Dice, SeedRule, Setup, SetupError, SimulationError, Tally,
        closed::{ClosedFormError, detection, grinding_tries},
    },
};
use rayon::prelude::*;
use serde::Serialize;

/// Games that are played between two reports of progress.
const BATCH: u64 = 64;

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Seed of the run, hex.
    pub seed: String,
    /// Everything counted and added up.
    pub tally: Tally,
    /// Figures that have a closed form under this setup.
    pub comparisons: Vec<Comparison>,
}

/// A measured figure and what theory says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What was measured.
    pub what: &'static str,
    /// The mean over all games.
    pub measured: f64,
    /// Its expectation, exact before it was rounded.
    pub closed_form: f64,
    /// How far the two are apart, in standard deviations of the mean.
    pub deviations: f64,
}

/// Why a run was not played to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The setup cannot be played.
    #[error(
        "these strategies, steps and parameters do not fit together; change what is named here"
    )]
    Setup(#[from] SetupError),
    /// More games than are played in one run.
    #[error("{games} games; at most {MAX_GAMES} are played in one run")]
    Games {
        /// Asked for.
        games: u64,
    },
    /// A game has no end.
    #[error(transparent)]
    Game(#[from] SimulationError),
}

/// Most games of one run: some days on one core.
pub const MAX_GAMES: u64 = 1_000_000_000;

/// Plays `games` games on all cores and tells how many more are done each time some are.
pub fn run(
    setup: &Setup,
    seed: [u8; 32],
    games: u64,
    progress: impl Fn(u64) + Sync,
) -> Result<Report, SimulateError> {
    if games > MAX_GAMES {
        return Err(SimulateError::Games { games });
    }
    let job = setup.job()?;
    let arena = Arena::new(setup, &job)?;
    let batches = (0..games.div_ceil(BATCH)).into_par_iter().map(|batch| {
        let numbers = batch * BATCH..games.min((batch + 1) * BATCH);
        let done = numbers.end - numbers.start;
        let mut tally = Tally::default();
        for number in numbers {
            tally.add(&arena.play(&Dice::new(seed, number))?);
        }
        progress(done);
        Ok::<_, SimulationError>(tally)
    });
    let tally = batches.try_reduce(Tally::default, |a, b| Ok(a.plus(&b)))?;
    Ok(Report {
        seed: seed.to_lower_hex_string(),
        comparisons: compare(setup, &tally),
        tally,
    })
}

fn compare(setup: &Setup, tally: &Tally) -> Vec<Comparison> {
    let (steps, sample) = (setup.params.steps(), u64::from(setup.params.sample()));
    let mut comparisons = Vec::new();
    let (work, grinds) = match &setup.worker {
        WorkerStrategy::Deliver(work) => (work, false),
        WorkerStrategy::Grind { work, .. } => (work, true),
        WorkerStrategy::TimeOut | WorkerStrategy::Copy => (&Strategy::Honest, false),
    };
    let bad = work.bad_steps(steps).len() as u64;
    if bad == 0 {
        return comparisons;
    }
    let games = tally.games.max(1) as f64;
    let mut note = |what,
                    measured: f64,
                    expected: Result<f64, ClosedFormError>,
                    variance: &dyn Fn(f64) -> f64| {
        // Jobs too large for an exact product have no closed form here.
        if let Ok(closed_form) = expected {
            let spread = (variance(closed_form) / games).sqrt();
            let off = measured - closed_form;
            comparisons.push(Comparison {
                what,
                measured,
                closed_form,
                deviations: if off == 0.0 { 0.0 } else { off / spread },
            });
        }
    };
    let escapes = grinds && setup.seed_rule == SeedRule::RootAlone;
    if grinds {
        // Trees that were given up cut the distribution off; then the mean falls short of it.
        let tries = grinding_tries(steps, bad, sample).map(|tries| approximate(&tries));
        let mean = tally.tries as f64 / games;
        note("trees made by the grinder", mean, tries, &|mean| {
            mean * (mean - 1.0)
        });
    }
    if !escapes && setup.verifier == VerifierStrategy::Honest {
        let expected = detection(steps, bad, sample).map(|p| approximate(&p));
        let rate = tally.detected as f64 / games;
        note("cheats detected", rate, expected, &|p| p * (1.0 - p));
    }
    comparisons
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use narthex_game_model::{Params, ParamsRecord, Ratio};

    fn setup(worker: WorkerStrategy) -> Setup {
        let record = ParamsRecord::example(3, 2, 800_000);
        let params = Params::new(record.for_job(50, 10).unwrap()).unwrap();
        Setup {
            worker,
            ..Setup::honest(params)
        }
    }

    fn falsify() -> Strategy {
        Strategy::Falsify {
            fraction: Ratio::new(1, 10).unwrap(),
            seed: 0,
        }
    }

    #[test]
    fn all_cores_play_the_games_that_one_would() {
        let setup = setup(WorkerStrategy::Deliver(falsify()));
        let done = std::sync::atomic::AtomicU64::new(0);
        let report = run(&setup, [1; 32], 150, |more| {
            done.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
        let job = setup.job().unwrap();
        let alone = Arena::new(&setup, &job).unwrap().run([1; 32], 150).unwrap();
        assert_eq!((report.tally, done.into_inner()), (alone, 150));
        let [found] = &report.comparisons[..] else {
            panic!("{:?}", report.comparisons)
        };
        assert!(found.deviations.abs() < 5.0, "{found:?}");
        // 1 − C(45,10)/C(50,10).
        assert!((found.closed_form - 0.6894).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn a_grinder_that_escapes_is_compared_by_its_tries() {
        let mut setup = setup(WorkerStrategy::Grind {
            work: falsify(),
            most_tries: 1_000,
        });
        setup.seed_rule = SeedRule::RootAlone;
        let report = run(&setup, [2; 32], 200, |_| ()).unwrap();
        assert_eq!(report.tally.detected, 0);
        assert_eq!(report.comparisons.len(), 1);
        assert!(report.comparisons[0].deviations.abs() < 5.0);
        let honest = WorkerStrategy::Deliver(Strategy::Honest);
        let nothing = run(
            &Setup {
                worker: honest,
                ..setup
            },
            [2; 32],
            3,
            |_| (),
        )
        .unwrap();
        assert_eq!(nothing.comparisons, []);
    }
}
