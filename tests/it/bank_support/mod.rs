//! A bank at a play, where a test wants it.

use bitcoin::{Amount, Transaction, secp256k1::rand};
use narthex::{
    bank::{BankOptions, BankPlay},
    contracts::{
        bank::{PAYER, finish_both},
        graph::NodeId,
        party::PartyName,
    },
    regtest::Chain,
};

use crate::common::{self, at};

pub fn options() -> BankOptions {
    let mut options = BankOptions::default();
    options.pennies = 20_000;
    options.common = common::seeded("bank");
    options
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
    play.provider()
        .unwrap()
        .claim(commitment, &mut rng)
        .unwrap()
}

pub fn timeout_refund_of(play: &mut BankPlay<'_>) -> Transaction {
    play.payer()
        .unwrap()
        .timeout_refund(&mut rand::thread_rng())
        .unwrap()
}

pub fn refund_of(play: &mut BankPlay<'_>) -> Transaction {
    play.payer()
        .unwrap()
        .refund(&mut rand::thread_rng())
        .unwrap()
}

/// An end that both sign at the rate in force, as often as they like, and its fee.
pub fn close_of(play: &mut BankPlay<'_>, force_closed: bool) -> (Transaction, Amount) {
    let rng = &mut rand::thread_rng();
    let mut provider = play.provider().unwrap();
    let paid = provider.paid();
    let plan = play.payer().unwrap().bank().close_plan(paid, force_closed);
    let fee = play.harness().fee(&plan.unwrap()).unwrap();
    let payer = play.payer().unwrap();
    let (graph, ours, nonce) = payer.close(paid, fee, force_closed, rng).unwrap();
    let (_, theirs, answer) = provider.close(paid, fee, force_closed, rng).unwrap();
    let ((ours, _), (_, share)) = (ours.sign(answer).unwrap(), theirs.sign(nonce).unwrap());
    let signature = ours.finish(share).unwrap();
    (finish_both(&graph, NodeId(0), signature).unwrap(), fee)
}
