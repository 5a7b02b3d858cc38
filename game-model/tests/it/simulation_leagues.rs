//! One owner of worker and verifier against a client that audits: measured beside the closed form.

use crate::simulation_support;

use narthex_game_model::game::{
    Economics, Inspection, League, Rational, exact, hidden_league_game, solve,
};
use narthex_game_model::play::{Strategy, VerifierStrategy, WorkerStrategy};
use narthex_game_model::simulation::{
    Costs, LeaguePlay, LeaguePlayError, Setup, SetupError, Tally,
};
use narthex_game_model::{Amount, Ratio};
use num_bigint::BigInt;

use simulation_support::{agrees, falsify, fraction, params, ratio, run, setup};

const GAMES: u64 = 3_000;

fn play(f: &str, cheats: &str, audits: &str) -> Setup {
    let fraction = ratio("1/10");
    let mut setup = setup(
        WorkerStrategy::Deliver(Strategy::Skip { fraction, seed: 0 }),
        40,
        8,
    );
    setup.costs = Costs {
        work_sat: 5_000,
        verify_sat: 500,
        outside_gain_sat: 20_000,
        right_result_sat: 150_000,
        wrong_result_sat: 100_000,
        ..Costs::default()
    };
    setup.league = Some(LeaguePlay {
        league: League {
            worker_verifier: ratio(f),
            audit_cost: Amount::from_sat(500),
            kappa: Amount::from_sat(100_000),
        },
        cheats: ratio(cheats),
        audits: ratio(audits),
    });
    setup
}

fn whole(number: i128) -> Rational {
    Rational::from(BigInt::from(number))
}

/// Whether a sum over so many games is within five standard deviations of its expectation, exactly.
fn sums_to(sum: i128, games: u64, [mean, variance]: &[Rational; 2]) -> bool {
    let off = whole(sum) - exact(games) * mean;
    &off * &off <= exact(25u64) * exact(games) * variance
}

fn agree(setup: &Setup, seed: u8) -> Tally {
    let tally = run(setup, seed, GAMES);
    let expected = setup.league.unwrap().expectation(setup).unwrap();
    let league = &tally.league;
    assert!(
        agrees(tally.wrong_accepted, GAMES, &expected.accepted),
        "{tally:?}"
    );
    assert!(agrees(league.upheld, GAMES, &expected.upheld), "{tally:?}");
    assert_eq!(tally.scheme("challenge"), league.upheld);
    assert!(
        sums_to(tally.payoffs.client_sat, GAMES, &expected.client),
        "{tally:?}"
    );
    assert!(
        sums_to(league.cheating_sat, league.cheats, &expected.cheating),
        "{tally:?}"
    );
    let honest = league.leagues - league.cheats;
    assert_eq!(whole(league.honest_sat), exact(honest) * &expected.honest);
    tally
}

#[test]
fn leagues_and_audits_come_to_what_the_closed_form_says() {
    for (number, (f, cheats, audits)) in (20..).zip([
        ("1", "1/2", "1/3"),
        ("1/3", "1", "1/10"),
        ("1/2", "1/5", "4/5"),
        ("1/4", "1/3", "0"),
    ]) {
        let tally = agree(&play(f, cheats, audits), number);
        // At most f·ε, as the bound says.
        let most = &fraction_of(f) * &fraction_of(cheats);
        let wrong = exact(tally.wrong_accepted) / exact(GAMES);
        assert!(wrong <= &most + fraction(5, 100), "{wrong} {most}");
    }
    // Without recourse a league always cheats, and the client loses c + L in each of its contracts.
    let setup = play("1/4", "1", "0");
    let tally = agree(&setup, 30);
    assert_eq!(tally.wrong_accepted, tally.league.leagues);
    assert_eq!(tally.league.audits, 0);
    let economics = Economics {
        bad_steps: 4,
        ..Economics::example()
    };
    let league = setup.league.unwrap().league;
    let found = Inspection::new(&setup.params, &economics, &league);
    assert!(agrees(
        tally.wrong_accepted,
        GAMES,
        &found.accepted_without_challenge
    ));
    let lost = exact(tally.wrong_accepted) * exact(200_000u64) / exact(GAMES);
    assert!(lost > &found.loss_without_challenge * fraction(9, 10));
}

fn fraction_of(text: &str) -> Rational {
    let ratio: Ratio = ratio(text);
    Rational::new(ratio.numerator().into(), ratio.denominator().into())
}

/// In equilibrium neither side would rather do something else: measured, to five standard deviations.
#[test]
fn at_the_equilibrium_both_sides_are_indifferent() {
    let mut setup = play("1", "1", "1");
    // What a league saves that leaves out a tenth of the work: z/10 and y.
    let economics = Economics {
        worker_cost: Amount::from_sat(500),
        bad_steps: 4,
        ..Economics::example()
    };
    let play = setup.league.as_mut().unwrap();
    let found = Inspection::new(&setup.params, &economics, &play.league);
    let near = |value: &Rational| {
        let scaled = (value * exact(1_000_000u64)).round().to_integer();
        Ratio::new(u32::try_from(scaled).unwrap(), 1_000_000).unwrap()
    };
    play.cheats = near(&found.cheats);
    play.audits = near(found.audits.as_ref().unwrap());
    let expected = setup.league.unwrap().expectation(&setup).unwrap();
    // To a satoshi, since rates are rounded to a millionth.
    let gap = &expected.cheating[0] - &expected.honest;
    assert!(&gap * &gap < exact(4u64), "{gap}");
    let tally = agree(&setup, 40);
    let client = |sum, games| whole(sum) / exact(games);
    let audited = client(tally.league.audited_client_sat, tally.league.audits);
    let others = client(
        tally.payoffs.client_sat - tally.league.audited_client_sat,
        GAMES - tally.league.audits,
    );
    // 250,000 sat are at stake in a wrong result, one of 500 games.
    let off = audited - others;
    let spread = &expected.client[1] / exact(tally.league.audits);
    assert!(&off * &off <= exact(50u64) * spread, "{off}");
}

/// A client that cannot tell a league from strangers audits by what it believes of all: then leagues cheat 1/f as often as
/// those that it knows, and f does not make wrong results rarer until it is below that rate.
#[test]
fn a_league_among_strangers_hides_behind_them() {
    let economics = Economics::example();
    let params = params(1_000, 100);
    let league = |f: &str| League {
        worker_verifier: ratio(f),
        ..economics.league.unwrap()
    };
    let known = Inspection::new(&params, &economics, &league("1"));
    for f in ["1/2", "1/10", "1/100", "1/1000", "1/100000"] {
        let share = fraction_of(f);
        let found = Inspection::new(&params, &economics, &league(f));
        let hidden = (&known.cheats / &share).min(exact(1));
        assert_eq!(found.hidden_cheats, hidden, "{f}");
        assert_eq!(found.hidden_accepted, &share * &hidden);
        assert_eq!(found.accepted, &share * &known.cheats);
        let game = hidden_league_game(&params, &economics, &league(f)).unwrap();
        let solution = solve(&game);
        let [mixed] = solution.equilibria.as_slice() else {
            panic!("{f}: {solution:?}");
        };
        let odds = |name: &str, action: usize| {
            let set = game
                .infosets
                .iter()
                .position(|set| set.name.ends_with(name));
            mixed.behaviour[&set.unwrap()][action].clone()
        };
        assert_eq!(odds("at work", 1), hidden, "{f}");
        let audits = match hidden < exact(1) {
            true => known.audits.clone().unwrap(),
            false => exact(0),
        };
        assert_eq!(odds("approved", 0), audits, "{f}");
    }
}

#[test]
fn leagues_that_cannot_be_played_are_named() {
    let refused = |change: &dyn Fn(&mut Setup)| {
        let mut setup = play("1/2", "1/2", "1/2");
        change(&mut setup);
        match setup.job() {
            Err(SetupError::League(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let two = Ratio::new(2, 1).unwrap();
    assert_eq!(
        refused(&|s| s.league.as_mut().unwrap().audits = two),
        LeaguePlayError::AboveOne(two)
    );
    assert_eq!(
        refused(&|s| s.league.as_mut().unwrap().league.kappa = Amount::from_sat(10_000_000)),
        LeaguePlayError::Kappa {
            kappa_sat: 10_000_000,
            stakes_sat: 420_000
        }
    );
    for worker in [
        WorkerStrategy::Deliver(Strategy::Honest),
        WorkerStrategy::TimeOut,
        WorkerStrategy::Copy,
        WorkerStrategy::Redraw {
            work: falsify("1/10"),
            most_roots: 2,
        },
    ] {
        let why = refused(&|s| s.worker = worker.clone());
        assert_eq!(why, LeaguePlayError::NoCheat, "{worker:?}");
    }
    assert_eq!(
        refused(&|s| s.verifier = VerifierStrategy::Silent),
        LeaguePlayError::NoCheat
    );
}
