//! Random transactions, packages, blocks and reorganisations, given to both chains in step: both must say the same,
//! with the same code, and hold the same mempool and coins.
//!
//! `NARTHEX_SEED` sets the seed, `NARTHEX_STEPS` the number of moves; a failure prints both.

mod coins;
mod moves;
mod pair;
mod rng;

use moves::Player;
use pair::Pair;
use rng::Rng;

const DEFAULT_SEED: u64 = 20_090_103;
const DEFAULT_STEPS: u64 = 1_200;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

#[test]
fn both_chains_say_the_same() {
    let seed = setting("NARTHEX_SEED", DEFAULT_SEED);
    let steps = setting("NARTHEX_STEPS", DEFAULT_STEPS);
    println!("seed {seed}, {steps} steps");
    let mut player = Player::new(Pair::start(seed), Rng::new(seed));
    for _ in 0..steps {
        player.step();
    }
    let tally = player.pair.finish();
    for (code, count) in &tally {
        println!("{count:>5} {code}");
    }
    // A test that only ever sees one verdict tests nothing.
    assert!(
        tally
            .get("accepted")
            .is_some_and(|count| count * 10 > steps),
        "too little was accepted: {tally:?}"
    );
    if steps >= DEFAULT_STEPS {
        assert!(tally.len() > 30, "too few kinds of refusal: {tally:?}");
    }
}
