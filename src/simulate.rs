//! Simulated games beside what theory says of them.

use bitcoin::hex::DisplayHex;
use narthex_game_model::{
    play::{VerifierStrategy, WorkerStrategy},
    rational::{Rational, approximate, fraction},
    simulation::{
        Arena, Dice, LeaguePlay, RootRule, SeedRule, Setup, SetupError, SimulationError, Tally,
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
    /// Leagues of worker and verifier, where some are played.
    pub league: Option<LeagueRates>,
}

/// The rates at which leagues and client were played, as fractions, and the bound on what comes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeagueRates {
    /// f: share of the games with a league.
    pub worker_verifier: String,
    /// ε: how often it cheats.
    pub cheat_rate: String,
    /// q: how often the client audits.
    pub audit_rate: String,
    /// f·ε: at most so many wrong results are accepted.
    pub accepted_at_most: String,
}

impl LeagueRates {
    fn new(play: &LeaguePlay) -> LeagueRates {
        let f = play.league.worker_verifier;
        LeagueRates {
            worker_verifier: f.to_string(),
            cheat_rate: play.cheats.to_string(),
            audit_rate: play.audits.to_string(),
            accepted_at_most: (fraction(f) * fraction(play.cheats)).to_string(),
        }
    }
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
        comparisons: match &setup.league {
            Some(play) => compare_leagues(setup, play, &tally),
            None => compare(setup, &tally),
        },
        league: setup.league.as_ref().map(LeagueRates::new),
        tally,
    })
}

fn compare(setup: &Setup, tally: &Tally) -> Vec<Comparison> {
    let (steps, sample) = (setup.params.steps(), u64::from(setup.params.sample()));
    let mut comparisons = Vec::new();
    let Some(work) = setup.worker.work() else {
        return comparisons;
    };
    let grinds = matches!(setup.worker, WorkerStrategy::Grind { .. });
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
            let variance = variance(closed_form);
            comparisons.push(Comparison::new(
                what,
                measured,
                (closed_form, variance),
                games,
            ));
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
        // Where every root draws a sample of its own, all of them have to hit.
        let samples = match (&setup.worker, setup.roots) {
            (WorkerStrategy::Redraw { most_roots, .. }, RootRule::Latest) => *most_roots,
            _ => 1,
        };
        let all_hit = |p: Rational| f64::powf(approximate(&p), f64::from(samples));
        let expected = detection(steps, bad, sample).map(all_hit);
        let rate = tally.detected as f64 / games;
        note("cheats detected", rate, expected, &|p| p * (1.0 - p));
    }
    comparisons
}

/// Leagues and audits, beside what is expected of them.
fn compare_leagues(setup: &Setup, play: &LeaguePlay, tally: &Tally) -> Vec<Comparison> {
    let Ok(expected) = play.expectation(setup) else {
        return Vec::new();
    };
    let league = &tally.league;
    let mut comparisons = Vec::new();
    let mut note = |what, sum: f64, [mean, variance]: [f64; 2], games: u64| {
        if games > 0 {
            let games = games as f64;
            comparisons.push(Comparison::new(what, sum / games, (mean, variance), games));
        }
    };
    let of = |[mean, variance]: &[Rational; 2]| [approximate(mean), approximate(variance)];
    let odds = |p: &Rational| {
        let p = approximate(p);
        [p, p * (1.0 - p)]
    };
    let games = tally.games;
    let wrong = tally.wrong_accepted as f64;
    note(
        "wrong results accepted",
        wrong,
        odds(&expected.accepted),
        games,
    );
    note(
        "challenges upheld",
        league.upheld as f64,
        odds(&expected.upheld),
        games,
    );
    let client = tally.payoffs.client_sat as f64;
    note("client's payoff, sat", client, of(&expected.client), games);
    let cheating = league.cheating_sat as f64;
    note(
        "payoff of a league that cheats, sat",
        cheating,
        of(&expected.cheating),
        league.cheats,
    );
    comparisons
}

impl Comparison {
    fn new(
        what: &'static str,
        measured: f64,
        (closed_form, variance): (f64, f64),
        games: f64,
    ) -> Comparison {
        let spread = (variance / games).sqrt();
        let off = measured - closed_form;
        Comparison {
            what,
            measured,
            closed_form,
            deviations: if off == 0.0 { 0.0 } else { off / spread },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use narthex_game_model::game::Economics;
    use narthex_game_model::play::Strategy;
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

    #[test]
    fn who_shows_another_root_is_compared_by_the_rule_that_binds_it() {
        let (work, most_roots) = (falsify(), 2);
        let mut setup = setup(WorkerStrategy::Redraw { work, most_roots });
        let bound = run(&setup, [3; 32], 300, |_| ()).unwrap();
        setup.roots = RootRule::Latest;
        let free = run(&setup, [3; 32], 300, |_| ()).unwrap();
        for (report, closed_form) in [(&bound, 0.6894), (&free, 0.6894 * 0.6894)] {
            let [found] = &report.comparisons[..] else {
                panic!("{:?}", report.comparisons)
            };
            assert!((found.closed_form - closed_form).abs() < 1e-3, "{found:?}");
            assert!(found.deviations.abs() < 5.0, "{found:?}");
        }
        assert!(free.tally.detected < bound.tally.detected);
    }

    #[test]
    fn leagues_are_compared_by_their_rates() {
        let mut setup = setup(WorkerStrategy::Deliver(falsify()));
        setup.costs.outside_gain_sat = 20_000;
        setup.costs.wrong_result_sat = 100_000;
        let league = Economics::example().league.unwrap();
        let play = LeaguePlay::equilibrium(&setup, league).unwrap();
        // a/(p(κ + L + c)) of all, so ten times that of leagues.
        let all = 500.0 / (0.6894 * 300_000.0);
        assert!((approximate(&fraction(play.cheats)) - 10.0 * all).abs() < 1e-4);
        setup.league = Some(LeaguePlay {
            cheats: Ratio::new(1, 2).unwrap(),
            ..play
        });
        let report = run(&setup, [4; 32], 1_000, |_| ()).unwrap();
        assert_eq!(report.comparisons.len(), 4);
        for found in &report.comparisons {
            assert!(found.deviations.abs() < 5.0, "{found:?}");
        }
        assert_eq!(report.league.unwrap().accepted_at_most, "1/20");
    }
}
