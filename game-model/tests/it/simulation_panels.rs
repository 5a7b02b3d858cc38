//! Panels of strategies against the binomial.

use crate::simulation_support;

use narthex_game_model::play::{
    Appeal, ArbiterStrategy, Strategy, VerifierStrategy, WorkerStrategy,
};
use narthex_game_model::simulation::Tally;
use narthex_game_model::simulation::closed::majority;
use num_rational::BigRational;
use num_traits::One;
use simulation_support::{agrees, falsify, fraction, ratio, run, setup};

/// Panels rule on accusations of an honest worker.
fn accused(arbiters: Vec<ArbiterStrategy>, games: u64) -> Tally {
    let mut setup = setup(WorkerStrategy::Deliver(Strategy::Honest), 10, 1);
    setup.verifier = VerifierStrategy::BlindAccuse;
    setup.arbiters = arbiters;
    run(&setup, 9, games)
}

#[test]
fn panels_decide_by_what_their_arbiters_attest() {
    use ArbiterStrategy::{Equivocate, Guess, Honest, Silent};
    let ended = |arbiters: [ArbiterStrategy; 3], scheme| {
        let tally = accused(arbiters.to_vec(), 20);
        assert_eq!(tally.scheme(scheme), 20, "{arbiters:?}");
        tally
    };
    ended([Honest; 3], "7");
    ended([Honest, Honest, Silent], "7");
    ended([Silent; 3], "5");
    ended([Honest, Silent, Silent], "5");
    // Equivocators join whatever majority there is, and are seen.
    let seen = ended([Honest, Honest, Equivocate], "7");
    assert_eq!(seen.equivocations, 20);
    // Two of three are a majority for both rulings: the honest one makes the larger.
    assert_eq!(
        ended([Honest, Equivocate, Equivocate], "7").equivocations,
        40
    );
    let race = accused(vec![Equivocate; 3], 400);
    assert_eq!(race.scheme("6") + race.scheme("7"), 400);
    assert!(agrees(race.scheme("6"), 400, &fraction(1, 2)));
    let coins = accused(vec![Guess; 3], 400);
    assert!(agrees(coins.scheme("6"), 400, &fraction(1, 2)));
    // A majority takes the minority's stakes.
    let split = accused(vec![Honest, Honest, Guess], 200);
    assert_eq!(split.scheme("7"), 200);
    assert_eq!(split.equivocations, 0);
}

#[test]
fn erring_arbiters_are_right_as_often_as_the_binomial_says() {
    let erring = ArbiterStrategy::Erring {
        convicts_innocent: ratio("1/5"),
        acquits_guilty: ratio("1/3"),
        undecided: ratio("1/10"),
    };
    let games = 1_500;
    let tally = accused(vec![erring; 3], games);
    let right = majority(3, 2, ratio("7/10")).unwrap();
    let wrong = majority(3, 2, ratio("1/5")).unwrap();
    assert!(agrees(tally.scheme("7"), games, &right), "{tally:?}");
    assert!(agrees(tally.scheme("6"), games, &wrong), "{tally:?}");
    let undecided = BigRational::one() - right - wrong;
    assert!(agrees(tally.scheme("5"), games, &undecided), "{tally:?}");

    // The guilty that appeals meets the other rate.
    let mut setup = setup(WorkerStrategy::Deliver(falsify("1")), 10, 1);
    setup.appeal = Appeal::Always;
    setup.arbiters = vec![erring; 3];
    let tally = run(&setup, 10, games);
    // Right is 1 − 1/3 − 1/10.
    let convicted = majority(3, 2, ratio("17/30")).unwrap();
    assert!(agrees(tally.scheme("6"), games, &convicted), "{tally:?}");
    assert_eq!(tally.wrong_accepted, tally.scheme("7"));
}
