//! Small contracts between two processes: opened, used and ended, with either side killed, or gone.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::{
    house::{House, PATIENCE},
    seed,
};

const PAYER: usize = 0;
const PROVIDER: usize = 1;

/// Waits until something is so, whichever of them is gone. What they said stands in the panic.
pub fn wait(house: &House, what: &str, is_so: impl Fn(&House) -> bool) {
    let start = Instant::now();
    while !is_so(house) {
        if start.elapsed() > PATIENCE {
            house.in_vain(what);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

pub fn tip(house: &House, at: usize) -> u64 {
    let node = &house.ask(at, &["status"])["node"];
    node["tip"].as_u64().unwrap_or(0)
}

/// Waits until nodes have seen the last block.
pub fn see(house: &House, nodes: &[usize]) {
    let height: u64 = house.chain.call("getblockcount", &[]).unwrap();
    for at in nodes {
        wait(house, "the last block is seen", |house| {
            tip(house, *at) == height
        });
    }
}

/// Two that have seen all their coins.
fn pair() -> House {
    let house = House::of_pair();
    see(&house, &[PAYER, PROVIDER]);
    house
}

/// An order about small contracts, as a node's operator gives it.
pub fn try_order(house: &House, at: usize, words: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args(["small", words[0], "--json", "--dir"])
        .arg(&house.nodes[at].dir)
        .args(&words[1..])
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

pub fn order(house: &House, at: usize, words: &[&str]) -> Value {
    try_order(house, at, words).unwrap()["small"].clone()
}

/// How it stands with a node; nothing where it does not know it, or starts.
pub fn show(house: &House, at: usize, id: &str) -> Value {
    let shown = try_order(house, at, &["show", id]);
    shown.map_or(Value::Null, |reply| reply["small"].clone())
}

pub fn standing(house: &House, at: usize, id: &str) -> String {
    let small = show(house, at, id);
    small["standing"].as_str().unwrap_or("none").to_owned()
}

fn paid(house: &House, at: usize, id: &str) -> u64 {
    show(house, at, id)["figures"]["paid"].as_u64().unwrap_or(0)
}

pub fn balance(house: &House, at: usize) -> u64 {
    let node = &house.ask(at, &["status"])["node"];
    node["balance_sat"].as_u64().unwrap()
}

/// Names of its transactions that are in blocks.
pub fn path(house: &House, at: usize, id: &str) -> Vec<String> {
    let small = show(house, at, id);
    let path = small["path"].as_array().cloned().unwrap_or_default();
    let names = path
        .iter()
        .map(|tx| tx["name"].as_str().unwrap().to_owned());
    names.collect()
}

/// What the outputs of the last of these transactions hold.
pub fn last_outputs(house: &House, at: usize, id: &str) -> Vec<u64> {
    let small = show(house, at, id);
    let last = small["path"].as_array().unwrap().last().unwrap().clone();
    let block: String = (house.chain)
        .call("getblockhash", &[last["height"].clone()])
        .unwrap();
    let tx: Value = (house.chain)
        .call(
            "getrawtransaction",
            &[last["txid"].clone(), json!(true), json!(block)],
        )
        .unwrap();
    let outputs = tx["vout"].as_array().unwrap().iter();
    let sat = |output: &Value| (output["value"].as_f64().unwrap() * 1e8).round() as u64;
    outputs.map(sat).collect()
}

/// A bank that the first pays the second through: 1,000 pennies of 100 sat.
fn open(house: &mut House, words: &[&str]) -> String {
    let with = format!(
        "{}@{}",
        house.nodes[PROVIDER].id, house.nodes[PROVIDER].address
    );
    let mut all = vec!["bank", "--with", &with, "--claim-blocks", "6"];
    if !words.contains(&"--depth") {
        all.extend(["--depth", "2"]);
    }
    all.extend(words);
    let id = order(house, PAYER, &all)["id"].as_str().unwrap().to_owned();
    wait(house, "the ask comes", |house| {
        show(house, PROVIDER, &id)["state"] == "asked"
    });
    id
}

fn take(house: &House, id: &str) {
    let taken = order(house, PROVIDER, &["take", id, "--depth", "2"]);
    assert_eq!(taken["state"], "joined");
}

/// Its funding confirms, so deep that pennies are given and taken.
fn fund(house: &mut House, id: &str) {
    fund_to(house, id, 2);
}

/// The same for whoever asks for so many blocks.
fn fund_to(house: &mut House, id: &str, depth: u32) {
    wait(house, "the funding is published", |house| {
        !house.waiting().is_empty()
    });
    house.mine(depth);
    for at in [PAYER, PROVIDER] {
        wait(house, "the bank is open", |house| {
            standing(house, at, id) == "open"
        });
    }
}

fn pay(house: &mut House, id: &str, to: u64) {
    // The coin may lie there, and not have been seen so deep yet.
    let words = ["pay", id, "--to", &to.to_string()];
    wait(house, "the payer pays", |house| {
        try_order(house, PAYER, &words).is_ok()
    });
    wait(house, "the provider is paid", |house| {
        paid(house, PROVIDER, id) == to
    });
}

pub fn over(house: &House, at: usize, id: &str) {
    wait(house, "it is over", |house| {
        show(house, at, id)["state"] == "over"
    });
}

/// It confirms, and the end lies so deep that it is over for both.
fn end(house: &mut House, id: &str) {
    house.mine(3);
    for at in [PAYER, PROVIDER] {
        over(house, at, id);
    }
}

#[test]
fn a_bank_is_paid_through_and_closed() {
    let mut house = pair();
    let before = balance(&house, PROVIDER);
    let id = open(&mut house, &[]);
    // Before it is taken there is nothing to be done in it.
    assert!(try_order(&house, PAYER, &["pay", &id, "--to", "1"]).is_err());
    take(&house, &id);
    fund(&mut house, &id);
    pay(&mut house, &id, 7);
    pay(&mut house, &id, 430);
    // The same again pays nothing, and fewer pennies are refused.
    order(&house, PAYER, &["pay", &id, "--to", "430"]);
    assert!(try_order(&house, PAYER, &["pay", &id, "--to", "429"]).is_err());
    assert!(try_order(&house, PROVIDER, &["pay", &id, "--to", "431"]).is_err());
    let provider = show(&house, PROVIDER, &id);
    assert!(provider["figures"]["enforceable"].as_u64().unwrap() > 430 - 40);
    order(&house, PROVIDER, &["close", &id]);
    wait(&house, "the close is published", |house| {
        !house.waiting().is_empty()
    });
    assert_eq!(house.waiting().len(), 1);
    end(&mut house, &id);
    for at in [PAYER, PROVIDER] {
        assert_eq!(path(&house, at, &id), ["Bank", "Close"]);
    }
    assert_eq!(last_outputs(&house, PROVIDER, &id)[0], 43_000);
    // A close costs the provider nothing.
    assert_eq!(balance(&house, PROVIDER), before + 43_000);
}

#[test]
fn an_ask_is_declined() {
    let mut house = pair();
    let id = open(&mut house, &[]);
    order(&house, PROVIDER, &["decline", &id, "--reason", "no time"]);
    wait(&house, "the payer hears it", |house| {
        show(house, PAYER, &id)["state"] == "declined"
    });
    assert_eq!(show(&house, PAYER, &id)["reason"], "no time");
    assert!(house.waiting().is_empty());
}

/// Kills one of them, a moment after whatever is under way began, and starts it again.
fn kill_one(house: &mut House, rng: &mut StdRng, id: &str) {
    std::thread::park_timeout(Duration::from_millis(rng.gen_range(0..250)));
    let at = rng.gen_range(0..2);
    println!(
        "{} is killed while {}",
        ["payer", "provider"][at],
        standing(house, at, id)
    );
    house.nodes[at].kill();
    house.again(at);
}

#[test]
fn whoever_is_killed_whenever_the_bank_goes_on() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = pair();
    let before = balance(&house, PROVIDER);
    let id = open(&mut house, &[]);
    house.nodes[PROVIDER].kill();
    house.again(PROVIDER);
    wait(&house, "the ask is known again", |house| {
        show(house, PROVIDER, &id)["state"] == "asked"
    });
    take(&house, &id);
    for _ in 0..3 {
        kill_one(&mut house, &mut rng, &id);
    }
    fund(&mut house, &id);
    for to in [3, 60, 400] {
        let words = ["pay", &id, "--to", &to.to_string()];
        wait(&house, "the payer pays", |house| {
            try_order(house, PAYER, &words).is_ok()
        });
        kill_one(&mut house, &mut rng, &id);
        wait(&house, "the provider is paid", |house| {
            paid(house, PROVIDER, &id) == to
        });
    }
    let closes = rng.gen_range(0..2);
    order(&house, closes, &["close", &id]);
    for _ in 0..2 {
        kill_one(&mut house, &mut rng, &id);
    }
    wait(&house, "the close is published", |house| {
        !house.waiting().is_empty()
    });
    end(&mut house, &id);
    for at in [PAYER, PROVIDER] {
        assert_eq!(path(&house, at, &id), ["Bank", "Close"]);
    }
    assert_eq!(balance(&house, PROVIDER), before + 40_000);
    // What is over is known again after a start.
    house.nodes[PAYER].kill();
    house.again(PAYER);
    over(&house, PAYER, &id);
}

#[test]
fn a_provider_whose_payer_is_gone_has_what_it_was_given() {
    let mut house = pair();
    let before = balance(&house, PROVIDER);
    // T is near: the provider stops the bank by itself before.
    let id = open(&mut house, &["--refund-blocks", "20"]);
    take(&house, &id);
    fund(&mut house, &id);
    pay(&mut house, &id, 500);
    let enforceable = show(&house, PROVIDER, &id)["figures"]["enforceable"].clone();
    let enforceable = enforceable.as_u64().unwrap() * 100;
    house.nodes[PAYER].kill();
    // It may not have looked at the last block yet.
    see(&house, &[PROVIDER]);
    let tip = house.ask(PROVIDER, &["status"])["node"]["tip"]
        .as_u64()
        .unwrap();
    let acts_at = show(&house, PROVIDER, &id)["acts_at"].as_u64().unwrap();
    assert!(acts_at > tip + 2, "{acts_at} at {tip}");
    house.mine((acts_at - tip - 2) as u32);
    see(&house, &[PROVIDER]);
    assert_eq!(standing(&house, PROVIDER, &id), "open", "not a block early");
    assert!(house.waiting().is_empty());
    house.mine(1);
    // The force close and the child that pays for it.
    wait(&house, "it is force-closed", |house| {
        house.waiting().len() == 2
    });
    // Killed between the force close and the claim.
    house.nodes[PROVIDER].kill();
    house.mine(1);
    house.again(PROVIDER);
    wait(&house, "the claim is published", |house| {
        house.waiting().len() == 2
    });
    house.mine(3);
    over(&house, PROVIDER, &id);
    assert_eq!(path(&house, PROVIDER, &id), ["Bank", "ForceClose", "Claim"]);
    assert_eq!(last_outputs(&house, PROVIDER, &id)[0], enforceable);
    let gained = balance(&house, PROVIDER) - before;
    assert!(
        gained < enforceable && gained + 5_000 > enforceable,
        "{gained}"
    );
    // The payer comes back to an end that it had no part in.
    house.again(PAYER);
    over(&house, PAYER, &id);
    assert_eq!(path(&house, PAYER, &id), ["Bank", "ForceClose", "Claim"]);
}

/// To the provider two blocks are deep, and it forgets the link to a payer that is away. The payer asks for four, and says all that it
/// ever said again: none of it is a new ask.
#[test]
fn a_payer_that_was_away_at_the_end_says_it_all_again() {
    let mut house = pair();
    let id = open(&mut house, &["--depth", "4"]);
    take(&house, &id);
    fund_to(&mut house, &id, 4);
    order(&house, PAYER, &["close", &id]);
    wait(&house, "the close is published", |house| {
        !house.waiting().is_empty()
    });
    house.nodes[PAYER].kill();
    house.mine(2);
    over(&house, PROVIDER, &id);
    house.again(PAYER);
    wait(&house, "the payer is connected", |house| {
        let peers = house.ask(PAYER, &["peers"])["peers"].clone();
        peers
            .as_array()
            .is_some_and(|peers| peers.iter().any(|peer| peer["link"] == "open"))
    });
    house.mine(2);
    over(&house, PAYER, &id);
    see(&house, &[PROVIDER]);
    assert_eq!(show(&house, PROVIDER, &id)["state"], "over");
}

#[test]
fn a_payer_whose_provider_is_gone_has_its_coin_back() {
    let mut house = pair();
    let id = open(&mut house, &[]);
    take(&house, &id);
    fund(&mut house, &id);
    house.nodes[PROVIDER].kill();
    order(&house, PAYER, &["force-close", &id]);
    wait(&house, "it is force-closed", |house| {
        house.waiting().len() == 2
    });
    house.mine(1);
    wait(&house, "it is seen", |house| {
        standing(house, PAYER, &id) == "force_closed"
    });
    let acts_at = show(&house, PAYER, &id)["acts_at"].as_u64().unwrap();
    let tip = tip(&house, PAYER);
    // A block before the delay has passed nothing is published.
    house.mine((acts_at - tip - 2) as u32);
    house.nodes[PAYER].kill();
    house.again(PAYER);
    wait(&house, "the block is seen", |house| {
        house.ask(PAYER, &["status"])["node"]["tip"].as_u64() == Some(acts_at - 2)
    });
    taken_back(&mut house, &id);
    assert_eq!(
        path(&house, PAYER, &id),
        ["Bank", "ForceClose", "TimeoutRefund"]
    );
    // Another that nobody stops goes back above T.
    house.again(PROVIDER);
    see(&house, &[PAYER, PROVIDER]);
    let id = open(&mut house, &["--refund-blocks", "12"]);
    take(&house, &id);
    fund(&mut house, &id);
    house.nodes[PROVIDER].kill();
    house.mine(9);
    wait(&house, "the block is seen", |house| {
        let small = show(house, PAYER, &id);
        let tip = house.ask(PAYER, &["status"])["node"]["tip"].as_u64();
        small["acts_at"].as_u64() == tip.map(|tip| tip + 2)
    });
    taken_back(&mut house, &id);
    assert_eq!(path(&house, PAYER, &id), ["Bank", "Refund"]);
}

/// Nothing was published so far; with the next block the payer takes its coin back, and three more end it.
fn taken_back(house: &mut House, id: &str) {
    assert!(house.waiting().is_empty());
    house.mine(1);
    wait(house, "it is taken back", |house| {
        house.waiting().len() == 2
    });
    house.mine(3);
    over(house, PAYER, id);
}
