//! Every decoder of point-locked payments, of links and of parties of a contract on damaged inputs: the tables that `fuzz/` runs
//! under libFuzzer, in every test run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "it/bank_support/mod.rs"]
#[allow(dead_code)]
mod bank_support;
#[path = "../../fuzz/src/contract.rs"]
#[allow(dead_code)]
mod contract;
#[path = "../../fuzz/src/payments.rs"]
#[allow(dead_code)]
mod payments;
#[path = "../../fuzz/src/table.rs"]
#[allow(dead_code)]
mod table;
#[path = "../../fuzz/src/wire.rs"]
#[allow(dead_code)]
mod wire;

use bank_support::way::Way;
use serde::Serialize;

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// What the sides of real banks keep, with a payment on its way.
fn records() -> Vec<Vec<u8>> {
    let (payer, provider) = bank_support::open(&bank_support::terms(1_000));
    let mut way = Way::one();
    let idle = json(&way.bankers[0].record());
    let route = way.route(&[710, 700]);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    vec![
        json(&payer.record()),
        json(&provider.record()),
        idle,
        json(&way.bankers[0].record()),
        json(&way.b.record()),
    ]
}

/// Alone in its file: what other tests ask for would count.
#[test]
fn damaged_inputs_are_refused_or_keep_their_law() {
    let mut decoders = payments::decoders(&records());
    decoders.extend(wire::decoders());
    decoders.extend(contract::decoders());
    let before = table::most_memory();
    let read = table::damage_all(&decoders, 0x6e61_7274_6865_7839, 300);
    assert!(read > 100, "{read} damaged inputs were read");
    if let (Some(before), Some(after)) = (before, table::most_memory()) {
        let grown = after - before;
        assert!(grown < 256 << 20, "decoders asked for {grown} bytes");
    }
    // Random bytes behind the kind of each message.
    let mut numbers = table::Numbers(0x7074_6c63);
    for kind in [
        "", "{", "NXF1", "NXFC1", "NXKO1", "NXKN1", "NXKR1", "NXKS1", "NXKD1", "NXGL1", "NXGK1",
        "NXDA1", "NXDS1", "NXDR1", "NXYR1", "NXYM1", "NXCH1", "NXCL1",
    ] {
        for _ in 0..400 {
            let body = (0..numbers.below(300)).map(|_| numbers.next() as u8);
            let bytes: Vec<u8> = kind.bytes().chain(body).collect();
            payments::messages(&bytes);
        }
    }
    for kind in [
        "NXEV1", "NXEH1", "NXEX1", "NXLH1", "NXLR1", "NXLA1", "NXLP1", "NXLQ1", "NXLF1", "NXLC1",
        "NXNF3", "NXNA2", "NXND1", "NXNL2", "NXJW1", "NXJC1", "NXJL1",
    ] {
        for number in [None, Some(33_002u16), Some(33_038)] {
            for _ in 0..100 {
                let number = number.map(u16::to_be_bytes).into_iter().flatten();
                let body = (0..numbers.below(300)).map(|_| numbers.next() as u8);
                let bytes: Vec<u8> = number.chain(kind.bytes()).chain(body).collect();
                wire::messages(&bytes);
            }
        }
    }
    for kind in ["NXIM1", "NXIP1", "NXIL1"] {
        for first in 0..24u8 {
            for _ in 0..50 {
                let body = (0..numbers.below(300)).map(|_| numbers.next() as u8);
                let bytes: Vec<u8> = kind.bytes().chain([first]).chain(body).collect();
                contract::messages(&bytes);
            }
        }
    }
}
