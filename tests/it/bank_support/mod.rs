//! A bank at a play, where a test wants it.

use bitcoin::{Transaction, secp256k1::rand};
use narthex::{
    bank::{BankOptions, BankPlay},
    contracts::{bank::PAYER, party::PartyName},
    harness::HarnessOptions,
    regtest::Chain,
};

use crate::common::at;

pub fn options() -> BankOptions {
    let given = std::env::var("NARTHEX_TEST_SEED").ok().map(|hex| {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    });
    let seed: [u8; 32] = given.unwrap_or_else(rand::random);
    let hex: String = seed.iter().map(|b| format!("{b:02x}")).collect();
    println!("NARTHEX_TEST_SEED={hex}");
    BankOptions {
        pennies: 20_000,
        common: HarnessOptions::seeded(seed),
        ..BankOptions::default()
    }
}

/// A funded bank with so many pennies paid.
pub fn funded(chain: &mut dyn Chain, pennies: u32) -> BankPlay<'_> {
    let silent: &'static mut () = Box::leak(Box::new(()));
    let mut play = BankPlay::prepare(chain, &options(), silent).unwrap();
    play.fund().unwrap();
    play.pay(pennies).unwrap();
    play
}

/// Where a party sits.
pub fn participant(party: PartyName) -> usize {
    usize::from(party != PAYER)
}

pub fn mined(play: &mut BankPlay<'_>, tx: &Transaction) -> u32 {
    at::mined(play.harness(), tx)
}

pub fn refused(play: &mut BankPlay<'_>, tx: &Transaction) -> String {
    at::refused(play.harness(), tx)
}

pub fn empty_blocks(play: &mut BankPlay<'_>, count: u32) {
    at::empty_blocks(play.harness(), count);
}

/// What both have gained since before the funding, fees that they paid not counted: payer, provider.
pub fn gains(play: &mut BankPlay<'_>) -> [i64; 2] {
    play.harness().sync().unwrap();
    let outcome = play.outcome("test");
    outcome
        .balances
        .iter()
        .map(|b| {
            let sat = |v: u64| i64::try_from(v).unwrap();
            sat(b.after_sat) + sat(b.fees_sat) - sat(b.before_sat)
        })
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

pub fn claim_of(play: &mut BankPlay<'_>, commitment: u32) -> Transaction {
    let mut rng = rand::thread_rng();
    play.provider().claim(commitment, &mut rng).unwrap()
}

pub fn timeout_refund_of(play: &mut BankPlay<'_>) -> Transaction {
    play.payer()
        .timeout_refund(&mut rand::thread_rng())
        .unwrap()
}

pub fn refund_of(play: &mut BankPlay<'_>) -> Transaction {
    play.payer().refund(&mut rand::thread_rng()).unwrap()
}
