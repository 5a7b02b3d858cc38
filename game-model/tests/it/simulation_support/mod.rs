//! Setups, runs, and the bound by which a count agrees with a probability.

use narthex_game_model::play::{Strategy, WorkerStrategy};
use narthex_game_model::simulation::{Arena, Setup, Tally};
use narthex_game_model::{Params, ParamsRecord, Ratio};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;

pub fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

pub fn fraction(above: i64, below: i64) -> BigRational {
    BigRational::new(above.into(), below.into())
}

pub fn params(steps: u64, sample: u32) -> Params {
    let record = ParamsRecord::example(3, 2, 800_000);
    Params::new(record.for_job(steps, sample).unwrap()).unwrap()
}

pub fn setup(worker: WorkerStrategy, steps: u64, sample: u32) -> Setup {
    Setup {
        worker,
        ..Setup::honest(params(steps, sample))
    }
}

pub fn run(setup: &Setup, seed: u8, games: u64) -> Tally {
    let job = setup.job().unwrap();
    let tally = Arena::new(setup, &job)
        .unwrap()
        .run([seed; 32], games)
        .unwrap();
    // Settlements move coins and make none.
    assert_eq!(tally.transfers.total(), 0);
    assert_eq!(tally.games, games);
    tally
}

pub fn falsify(fraction: &str) -> Strategy {
    Strategy::Falsify {
        fraction: ratio(fraction),
        seed: 0,
    }
}

/// Whether a count of hits among tries is within five standard deviations of what `p` says, in
/// exact arithmetic: (hits − np)² ≤ 25·np(1−p).
pub fn agrees(hits: u64, tries: u64, p: &BigRational) -> bool {
    let tries = BigRational::from(BigInt::from(tries));
    let off = BigRational::from(BigInt::from(hits)) - &tries * p;
    &off * &off <= fraction(25, 1) * tries * p * (BigRational::one() - p)
}
