//! How fast a bank opens, and how many pennies a provider checks in a second.

use std::{hint::black_box, time::Instant};

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    secp256k1::rand::{SeedableRng, rngs::StdRng},
};
use narthex_regtest::Embedded;
use serde::Serialize;

use super::{BankOptions, BankPlay};
use crate::harness::ScenarioError;

/// Figures of one bank. They are of this machine and this run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pace {
    /// Pennies of the bank.
    pub pennies: u32,
    /// Seconds to open it: the chain walked by the payer, terms, graph, the force close signed both ways.
    pub open_s: f64,
    /// Pennies that the payer reveals in a second, one by one.
    pub revealed_per_s: f64,
    /// Pennies that the provider accepts in a second, one by one.
    pub verified_per_s: f64,
    /// The floor: hashes of the chain in a second, and nothing else.
    pub floor_per_s: f64,
    /// Commitments that were signed for all pennies.
    pub commitments: usize,
    /// Seconds for all commitments, signed and verified.
    pub commitments_s: f64,
    /// Most chain secrets that the payer held at a time, 36 bytes each.
    pub secrets_held: usize,
    /// Most commitments that the provider held at a time.
    pub commitments_held: usize,
}

/// Opens a bank and pays all of it, one penny after the other.
pub fn measure(options: &BankOptions) -> Result<Pace, ScenarioError> {
    let mut chain = Embedded::new();
    let mut silent = ();
    let begun = Instant::now();
    let mut play = BankPlay::prepare(&mut chain, options, &mut silent)?;
    let open_s = begun.elapsed().as_secs_f64();
    let mut rng = StdRng::from_seed(options.common.seed);
    let mut provider = play.provider()?;
    let payer = play.payer()?;
    let mut pace = Pace {
        pennies: options.pennies,
        open_s,
        revealed_per_s: 0.0,
        verified_per_s: 0.0,
        floor_per_s: 0.0,
        commitments: 0,
        commitments_s: 0.0,
        secrets_held: 0,
        commitments_held: 0,
    };
    let (mut reveal_s, mut verify_s, mut floor_s) = (0.0, 0.0, 0.0);
    let mut floor = Floor::new(payer.bank().terms().bank());
    // Timed by the hundred, so that the clock costs nothing.
    let mut pennies = Vec::with_capacity(100);
    while payer.left() > 0 {
        if payer.covered() < payer.record().revealed.saturating_add(100) {
            let begun = Instant::now();
            let commitments = payer.commitments(8, &mut rng)?;
            provider.take_commitments(&commitments)?;
            pace.commitments += commitments.commitments.len();
            pace.commitments_s += begun.elapsed().as_secs_f64();
        }
        let begun = Instant::now();
        for _ in 0..payer.left().min(100) {
            pennies.push(payer.pay(1)?);
        }
        reveal_s += begun.elapsed().as_secs_f64();
        // By turns with the checks, so that what else the machine does is shared.
        let begun = Instant::now();
        for penny in &pennies {
            floor.hash(penny.index);
        }
        floor_s += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for penny in pennies.drain(..) {
            provider.accept(&penny)?;
        }
        verify_s += begun.elapsed().as_secs_f64();
        pace.secrets_held = pace.secrets_held.max(payer.secrets_held());
        pace.commitments_held = pace.commitments_held.max(provider.commitments_held());
    }
    pace.revealed_per_s = f64::from(options.pennies) / reveal_s;
    pace.verified_per_s = f64::from(options.pennies) / verify_s;
    pace.floor_per_s = f64::from(options.pennies) / floor_s;
    black_box(floor.secret);
    Ok(pace)
}

/// The bare hash of a penny, from a state that holds what is the same for all: the bytes that a link hashes.
struct Floor {
    state: sha256::HashEngine,
    secret: [u8; 32],
}

impl Floor {
    fn new(bank: [u8; 32]) -> Floor {
        let tag = sha256::Hash::hash(b"narthex/penny").to_byte_array();
        let mut state = sha256::Hash::engine();
        let parts = [&tag, &tag, &bank];
        parts.into_iter().for_each(|part| state.input(part));
        Floor {
            state,
            secret: [1; 32],
        }
    }

    fn hash(&mut self, index: u32) {
        let mut engine = self.state.clone();
        engine.input(&index.to_be_bytes());
        engine.input(&self.secret);
        self.secret = sha256::Hash::from_engine(engine).to_byte_array();
    }
}

#[cfg(test)]
mod tests {
    use narthex_contracts::bank::Links;

    use super::Floor;

    #[test]
    fn the_floor_hashes_what_a_link_does() {
        let mut floor = Floor::new([3; 32]);
        floor.hash(9);
        assert_eq!(floor.secret, Links::new(&[3; 32]).below(9, &[1; 32]));
    }
}
