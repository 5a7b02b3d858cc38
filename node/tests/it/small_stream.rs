//! A stream over a bank between two processes: a WebAssembly program's slices are paid for as they come, with either side killed on the way.

use std::{fs, process::Command, time::Duration};

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    small::{balance, last_outputs, order, over, path, see, show, standing, try_order, wait},
    support::{house::House, seed},
};

const PAYER: usize = 0;
const PROVIDER: usize = 1;
/// So many that processes are killed on the way.
const SLICES: u64 = 300;
const STEPS: u64 = 3;
const PRICE: u64 = 4;

/// Two with an open bank of 2,000 pennies of 100 sat, and a job.
fn banked(refund: &str) -> (House, String) {
    let mut house = House::of_pair();
    see(&house, &[PAYER, PROVIDER]);
    let provider = &house.nodes[PROVIDER];
    let with = format!("{}@{}", provider.id, provider.address);
    let words = [
        "bank",
        "--with",
        &with,
        "--claim-blocks",
        "6",
        "--depth",
        "2",
        "--pennies",
        "2000",
        "--refund-blocks",
        refund,
    ];
    let id = order(&house, PAYER, &words)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    wait(&house, "the ask comes", |house| {
        show(house, PROVIDER, &id)["state"] == "asked"
    });
    order(&house, PROVIDER, &["take", &id, "--depth", "2"]);
    wait(&house, "the funding is published", |house| {
        !house.waiting().is_empty()
    });
    house.mine(2);
    for at in [PAYER, PROVIDER] {
        wait(&house, "the bank is open", |house| {
            standing(house, at, &id) == "open"
        });
    }
    let manifest = json!({
        "narthex_job": 1,
        "work": {
            "kind": "wasm",
            "program": { "text": include_str!("../../../src/job/collatz.wat") },
            "limits": { "fuel": 1_000_000, "memory_bytes": 65_536, "output_bytes": 4 },
            "input": { "format": "counter", "start": 1, "records": SLICES * STEPS },
        },
    });
    fs::write(job(&house), manifest.to_string()).unwrap();
    (house, id)
}

fn job(house: &House) -> std::path::PathBuf {
    house.nodes[PAYER].dir.parent().unwrap().join("stream.json")
}

/// The payer orders, and the provider serves.
fn stream(house: &House, id: &str) {
    let job = job(house);
    let (slices, price) = (SLICES.to_string(), PRICE.to_string());
    let job = job.to_str().unwrap();
    let words = [
        "stream", id, "--job", job, "--slices", &slices, "--price", &price,
    ];
    // The coin may lie there, and not have been seen so deep yet.
    wait(house, "it is ordered", |house| {
        try_order(house, PAYER, &words).is_ok()
    });
    wait(house, "it is asked", |house| {
        show(house, PROVIDER, id)["stream"] == "asked"
    });
    order(house, PROVIDER, &["serve", id]);
}

fn figure(house: &House, at: usize, id: &str, name: &str) -> u64 {
    show(house, at, id)["figures"][name].as_u64().unwrap_or(0)
}

/// As far as a node that runs shows it, it is never ahead by more than a slice.
fn exposed(house: &House, at: usize, id: &str) {
    let exposure = figure(house, at, id, "stream_exposure");
    assert!(exposure <= 1, "{at} is ahead by {exposure} slices");
}

/// Collatz lengths of the first numbers, four bytes each.
fn result(numbers: u64) -> Vec<u8> {
    let length = |mut n: u64| {
        let mut count = 0u32;
        while n > 1 {
            n = if n.is_multiple_of(2) {
                n / 2
            } else {
                3 * n + 1
            };
            count += 1;
        }
        count
    };
    (1..=numbers)
        .flat_map(|n| length(n).to_le_bytes())
        .collect()
}

fn read(house: &House, id: &str) -> Vec<u8> {
    let delivered = try_order(house, PAYER, &["read", id]).unwrap();
    let hex = delivered["small-delivered"]["hex"].as_str();
    let hex = hex.unwrap_or_else(|| panic!("{delivered}"));
    narthex::bitcoin::hex::FromHex::from_hex(hex).unwrap()
}

/// Lines of whoever follows it to its end.
fn followed(house: &House, at: usize, id: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args(["small", "follow", "--json", "--dir"])
        .arg(&house.nodes[at].dir)
        .arg(id)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn slices_are_paid_for_as_they_come_whoever_is_killed() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut house, id) = banked("1008");
    let before = balance(&house, PROVIDER);
    stream(&house, &id);
    for at in [PROVIDER, PAYER, PAYER, PROVIDER] {
        std::thread::park_timeout(Duration::from_millis(rng.gen_range(0..120)));
        let made = figure(&house, PROVIDER, &id, "stream_made");
        println!("{} is killed at slice {made}", ["payer", "provider"][at]);
        assert!(made < SLICES, "nothing is left to be killed in");
        house.nodes[at].kill();
        house.again(at);
        for at in [PAYER, PROVIDER] {
            exposed(&house, at, &id);
        }
    }
    for at in [PAYER, PROVIDER] {
        wait(&house, "the stream is done", |house| {
            exposed(house, at, &id);
            show(house, at, &id)["stream"] == "done"
        });
    }
    assert_eq!(read(&house, &id), result(SLICES * STEPS));
    let lines = followed(&house, PAYER, &id);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["stream"], &last["opened"]),
        (&json!("done"), &json!(SLICES))
    );
    // Every slice is enforceable to its last penny.
    let enforceable = figure(&house, PROVIDER, &id, "enforceable");
    assert_eq!(enforceable, SLICES * PRICE);
    order(&house, PROVIDER, &["close", &id]);
    wait(&house, "the close is published", |house| {
        !house.waiting().is_empty()
    });
    house.mine(3);
    for at in [PAYER, PROVIDER] {
        over(&house, at, &id);
        assert_eq!(path(&house, at, &id), ["Bank", "Close"]);
    }
    let paid = SLICES * PRICE * 100;
    assert_eq!(balance(&house, PROVIDER), before + paid);
}

/// The payer is gone in the middle: the provider computes one slice more at most, and takes from the chain what it was paid.
#[test]
fn a_provider_whose_payer_is_gone_has_what_its_slices_cost() {
    let (mut house, id) = banked("20");
    stream(&house, &id);
    wait(&house, "some slices are paid", |house| {
        figure(house, PROVIDER, &id, "stream_paid") >= 2
    });
    house.nodes[PAYER].kill();
    std::thread::park_timeout(Duration::from_millis(500));
    exposed(&house, PROVIDER, &id);
    let paid = figure(&house, PROVIDER, &id, "enforceable");
    assert_eq!(paid, PRICE * figure(&house, PROVIDER, &id, "stream_paid"));
    order(&house, PROVIDER, &["force-close", &id]);
    // The force close, then the claim, each with the child that pays for it.
    for what in ["it is force-closed", "the claim is published"] {
        wait(&house, what, |house| house.waiting().len() == 2);
        house.mine(1);
    }
    house.mine(2);
    over(&house, PROVIDER, &id);
    assert_eq!(path(&house, PROVIDER, &id), ["Bank", "ForceClose", "Claim"]);
    assert_eq!(last_outputs(&house, PROVIDER, &id)[0], paid * 100);
    house.again(PAYER);
    over(&house, PAYER, &id);
    // It has what it had paid for, but for one slice at most.
    let opened = figure(&house, PAYER, &id, "stream_opened");
    assert!(
        opened * PRICE + PRICE >= paid,
        "{opened} slices for {paid} pennies"
    );
    assert_eq!(read(&house, &id), result(opened * STEPS));
}
