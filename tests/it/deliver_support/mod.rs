//! Deliveries that stop where a test wants to attack.

use crate::common::at;
use bitcoin::{Amount, Transaction, secp256k1::rand};
use narthex::{
    deliver::{Post, PostOptions},
    regtest::Chain,
};

pub fn options() -> PostOptions {
    let given = std::env::var("NARTHEX_TEST_SEED").ok().map(|hex| {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    });
    let seed: [u8; 32] = given.unwrap_or_else(rand::random);
    let hex: String = seed.iter().map(|b| format!("{b:02x}")).collect();
    println!("NARTHEX_TEST_SEED={hex}");
    PostOptions {
        agents: 2,
        seed,
        ..PostOptions::default()
    }
}

pub const AMOUNT: i64 = 20_000;

pub fn prepared(chain: &mut dyn Chain) -> Post<'_> {
    let silent: &'static mut () = Box::leak(Box::new(()));
    Post::prepare(chain, &options(), silent).unwrap()
}

/// Funded, found, and the recipient has handed these agents their secrets.
pub fn paid<'c>(chain: &'c mut dyn Chain, agents: &[u8]) -> Post<'c> {
    let mut post = prepared(chain);
    post.fund().unwrap();
    post.bury().unwrap();
    post.scan().unwrap();
    for agent in agents {
        post.ask(*agent).unwrap();
        post.hand_over(*agent).unwrap();
    }
    post
}

pub fn mined(post: &mut Post<'_>, tx: &Transaction) -> u32 {
    at::mined(post.table(), tx)
}

pub fn refused(post: &mut Post<'_>, tx: &Transaction) -> String {
    at::refused(post.table(), tx)
}

pub fn empty_blocks(post: &mut Post<'_>, count: u32) {
    at::empty_blocks(post.table(), count);
}

/// What sender and agents have gained since before the funding, the funding's fee not counted.
pub fn gains(post: &mut Post<'_>) -> Vec<i64> {
    post.table().sync().unwrap();
    let sat = |v: u64| i64::try_from(v).unwrap();
    let balances = post.outcome("test").balances;
    let gain = balances
        .iter()
        .map(|b| sat(b.after_sat) + sat(b.fees_sat) - sat(b.before_sat));
    gain.collect()
}

pub fn t(post: &Post<'_>) -> u32 {
    post.delivery().terms().record().refund_height
}

pub fn sat(amount: Amount) -> i64 {
    i64::try_from(amount.to_sat()).unwrap()
}
