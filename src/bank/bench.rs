//! How fast a bank opens, and how many pennies a provider checks in a second.

use std::{hint::black_box, time::Instant};

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    secp256k1::rand::{SeedableRng, rngs::StdRng},
};
use narthex_contracts::bank::{BankError, Links, Payer, Penny, Provider};
use narthex_regtest::Embedded;
use serde::Serialize;

use super::{Desk, DeskError, DeskOptions};

/// Figures of one bank. They are of this machine and this run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pace {
    /// Pennies of the bank.
    pub pennies: u32,
    /// Seconds to open it: the chain walked by the payer, terms, graph, the freeze signed both ways.
    pub open_s: f64,
    /// Pennies that the payer reveals in a second, one by one.
    pub revealed_per_s: f64,
    /// Pennies that the provider accepts in a second, one by one.
    pub verified_per_s: f64,
    /// The floor: hashes of the chain in a second, and nothing else.
    pub floor_per_s: f64,
    /// Rungs that were signed for all pennies.
    pub rungs: usize,
    /// Seconds for all rungs, signed and verified.
    pub rungs_s: f64,
    /// Most chain secrets that the payer held at a time, 36 bytes each.
    pub secrets_held: usize,
    /// Most rungs that the provider held at a time.
    pub rungs_held: usize,
}

/// Opens a bank and pays all of it, one penny after the other.
pub fn measure(options: &DeskOptions) -> Result<Pace, DeskError> {
    let mut chain = Embedded::new();
    let mut silent = ();
    let begun = Instant::now();
    let mut desk = Desk::prepare(&mut chain, options, &mut silent)?;
    let open_s = begun.elapsed().as_secs_f64();
    let mut rng = StdRng::from_seed(options.seed);
    let (payer, provider) = (&mut desk.payer, &mut desk.provider);
    let mut pace = Pace {
        pennies: options.pennies,
        open_s,
        revealed_per_s: 0.0,
        verified_per_s: 0.0,
        floor_per_s: floor(payer, options.pennies),
        rungs: 0,
        rungs_s: 0.0,
        secrets_held: 0,
        rungs_held: 0,
    };
    let (mut reveal_s, mut verify_s) = (0.0, 0.0);
    // Timed by the hundred, so that the clock costs nothing.
    let mut pennies = Vec::with_capacity(100);
    while payer.left() > 0 {
        let begun = Instant::now();
        for _ in 0..payer.left().min(100) {
            pennies.push(payer.pay(1)?);
        }
        reveal_s += begun.elapsed().as_secs_f64();
        pace.secrets_held = pace.secrets_held.max(payer.secrets_held());
        verify_s += take(payer, provider, &mut pennies, &mut pace, &mut rng)?;
        pace.rungs_held = pace.rungs_held.max(provider.rungs_held());
    }
    pace.revealed_per_s = f64::from(options.pennies) / reveal_s;
    pace.verified_per_s = f64::from(options.pennies) / verify_s;
    Ok(pace)
}

/// The provider takes pennies; seconds without those for rungs, which are counted apart.
fn take(
    payer: &mut Payer,
    provider: &mut Provider,
    pennies: &mut Vec<Penny>,
    pace: &mut Pace,
    rng: &mut StdRng,
) -> Result<f64, DeskError> {
    let (begun, mut apart) = (Instant::now(), 0.0);
    for penny in pennies.drain(..) {
        match provider.accept(&penny) {
            Err(BankError::Unenforceable { .. }) => {
                let begun = Instant::now();
                let rungs = payer.rungs(8, rng)?;
                provider.take_rungs(&rungs)?;
                pace.rungs += rungs.rungs.len();
                let seconds = begun.elapsed().as_secs_f64();
                pace.rungs_s += seconds;
                apart += seconds;
                provider.accept(&penny)?;
            }
            taken => drop(taken?),
        }
    }
    Ok(begun.elapsed().as_secs_f64() - apart)
}

/// The bare hash of a penny: one for each, from a state that holds what is the same for all.
fn floor(payer: &Payer, count: u32) -> f64 {
    let bank = payer.bank().terms().bank();
    // The same bytes as `Links` hashes, without it.
    let tag = sha256::Hash::hash(b"narthex/penny").to_byte_array();
    let mut state = sha256::Hash::engine();
    [&tag, &tag, &bank]
        .into_iter()
        .for_each(|part| state.input(part));
    let begun = Instant::now();
    let mut secret = [1; 32];
    for i in 1..=count {
        let mut engine = state.clone();
        engine.input(&i.to_be_bytes());
        engine.input(&secret);
        secret = sha256::Hash::from_engine(engine).to_byte_array();
    }
    let seconds = begun.elapsed().as_secs_f64();
    debug_assert_eq!(
        secret,
        (1..=count).fold([1; 32], |s, i| Links::new(&bank).below(i, &s))
    );
    black_box(secret);
    f64::from(count) / seconds
}
