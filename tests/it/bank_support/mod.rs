//! A bank at a desk, where a test wants it.

use bitcoin::{Transaction, secp256k1::rand};
use narthex::{
    bank::{Desk, DeskOptions},
    contracts::{bank::PAYER, party::PartyName},
    regtest::Chain,
};

use crate::common::at;

pub fn options() -> DeskOptions {
    let given = std::env::var("NARTHEX_TEST_SEED").ok().map(|hex| {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    });
    let seed: [u8; 32] = given.unwrap_or_else(rand::random);
    let hex: String = seed.iter().map(|b| format!("{b:02x}")).collect();
    println!("NARTHEX_TEST_SEED={hex}");
    DeskOptions {
        pennies: 20_000,
        seed,
        ..DeskOptions::default()
    }
}

/// A funded bank with so many pennies paid.
pub fn funded(chain: &mut dyn Chain, pennies: u32) -> Desk<'_> {
    let silent: &'static mut () = Box::leak(Box::new(()));
    let mut desk = Desk::prepare(chain, &options(), silent).unwrap();
    desk.fund().unwrap();
    desk.pay(pennies).unwrap();
    desk
}

/// Where a party sits.
pub fn seat(party: PartyName) -> usize {
    usize::from(party != PAYER)
}

pub fn mined(desk: &mut Desk<'_>, tx: &Transaction) -> u32 {
    at::mined(desk.table(), tx)
}

pub fn refused(desk: &mut Desk<'_>, tx: &Transaction) -> String {
    at::refused(desk.table(), tx)
}

pub fn empty_blocks(desk: &mut Desk<'_>, count: u32) {
    at::empty_blocks(desk.table(), count);
}

/// What both have gained since before the funding, fees that they paid not counted: payer, provider.
pub fn gains(desk: &mut Desk<'_>) -> [i64; 2] {
    desk.table().sync().unwrap();
    let outcome = desk.outcome("test");
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

pub fn claim_of(desk: &mut Desk<'_>, commitment: u32) -> Transaction {
    let mut rng = rand::thread_rng();
    desk.provider().claim(commitment, &mut rng).unwrap()
}

pub fn timeout_refund_of(desk: &mut Desk<'_>) -> Transaction {
    desk.payer()
        .timeout_refund(&mut rand::thread_rng())
        .unwrap()
}

pub fn refund_of(desk: &mut Desk<'_>) -> Transaction {
    desk.payer().refund(&mut rand::thread_rng()).unwrap()
}
