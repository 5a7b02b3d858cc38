//! Deliveries that stop where a test wants to attack.

use crate::common::{self, at};
use bitcoin::{Amount, Transaction};
use narthex::{
    deliver::{DeliveryOptions, DeliveryPlay},
    regtest::Chain,
};

pub fn options() -> DeliveryOptions {
    let mut options = DeliveryOptions::default();
    options.agents = 2;
    options.common = common::seeded("delivery");
    options
}

pub const AMOUNT: i64 = 20_000;

pub fn prepared(chain: &mut dyn Chain) -> DeliveryPlay<'_> {
    let silent: &'static mut () = Box::leak(Box::new(()));
    DeliveryPlay::prepare(chain, &options(), silent).unwrap()
}

/// Funded, found, and the recipient has handed these agents their secrets.
pub fn paid<'c>(chain: &'c mut dyn Chain, agents: &[u8]) -> DeliveryPlay<'c> {
    let mut play = prepared(chain);
    play.fund().unwrap();
    play.bury().unwrap();
    play.scan().unwrap();
    for agent in agents {
        play.ask(*agent).unwrap();
        play.hand_over(*agent).unwrap();
    }
    play
}

pub fn mined(play: &mut DeliveryPlay<'_>, tx: &Transaction) -> u32 {
    at::mined(play.harness(), tx)
}

pub fn refused(play: &mut DeliveryPlay<'_>, tx: &Transaction) -> String {
    at::refused(play.harness(), tx)
}

pub fn empty_blocks(play: &mut DeliveryPlay<'_>, count: u32) {
    at::empty_blocks(play.harness(), count);
}

/// What sender and agents have gained since before the funding, the funding's fee not counted.
pub fn gains(play: &mut DeliveryPlay<'_>) -> Vec<i64> {
    play.harness().sync().unwrap();
    let sat = |v: u64| i64::try_from(v).unwrap();
    let balances = play.outcome("test").balances;
    let gain = balances
        .iter()
        .map(|b| sat(b.after_sat) + sat(b.fees_sat) - sat(b.before_sat));
    gain.collect()
}

pub fn t(play: &DeliveryPlay<'_>) -> u32 {
    play.delivery().terms().record().refund_height
}

pub fn sat(amount: Amount) -> i64 {
    i64::try_from(amount.to_sat()).unwrap()
}
