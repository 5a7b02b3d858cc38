//! Whole banks as data: terms in; ids, pennies, every transaction, commitments and frames out.
//!
//! A change of any byte that parties hash or sign shows here. `NARTHEX_BLESS=1 cargo test -p narthex-channel --test it
//! bank_golden` writes the files anew; banks opened before such a change cannot be continued after it.

use crate::bank_support;
use narthex_base::codec::Message as _;

use std::path::PathBuf;

use bank_support::{SEED, open, public, record, retip};
use bitcoin::{
    hex::DisplayHex,
    secp256k1::rand::{CryptoRng, Error, RngCore},
};
use narthex_channel::bank::PennyPtlc;
use narthex_contracts::{
    bank::{Bank, BankRecord, Links, Penny},
    graph::TxGraph,
};
use serde_json::{Value, json};

/// Nonces of the vectors: the same bytes always, whatever the version of a random generator.
struct Same;

impl RngCore for Same {
    fn next_u32(&mut self) -> u32 {
        0x0707_0707
    }
    fn next_u64(&mut self) -> u64 {
        0x0707_0707_0707_0707
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(7);
        Ok(())
    }
}

impl CryptoRng for Same {}

fn transactions(graph: &TxGraph) -> Vec<Value> {
    let pin = |(id, node): (_, &narthex_contracts::graph::Node)| {
        let hashes = node.signing.map(|_| graph.sighashes(id).unwrap());
        let hashes = hashes.unwrap_or_default();
        json!({
            "name": node.name.to_string(),
            "txid": graph.txid(id).unwrap(),
            "weight_wu": graph.weight(id).unwrap().to_wu(),
            "lock_height": node.lock_height,
            "relative_lock_blocks": TxGraph::relative_lock_blocks(node),
            "sighashes": hashes.iter().map(|h| h.to_lower_hex_string()).collect::<Vec<_>>(),
        })
    };
    graph.nodes().map(pin).collect()
}

/// Everything that follows from the terms and the chain's seed.
fn derived(record: BankRecord) -> Value {
    let terms = record.clone().check().unwrap();
    let bank = Bank::new(terms.clone()).unwrap();
    let (mut payer, _) = open(&terms);
    let links = Links::new(&terms.bank());
    let penny = |index: u32| Penny {
        bank: terms.bank(),
        index,
        secret: links.down(record.pennies, SEED, index),
    };
    let pennies =
        [0, 1, 499, 500, record.pennies].map(|i| penny(i).to_bytes().to_lower_hex_string());
    let claims = (1..=usize::from(record.promises.max(1)))
        .map(|secrets| transactions(&bank.claim_by(1_000, secrets).unwrap()))
        .collect::<Vec<_>>();
    let commitments = payer.commitments(3, &mut Same).unwrap().to_bytes();
    payer.pay(600).unwrap();
    for i in 0..record.promises {
        let (point, count) = (public(21 + i), 500 + u32::from(i));
        payer.offer(PennyPtlc { point, count }).unwrap();
    }
    let frame = payer.claims(&mut Same).unwrap().to_bytes();
    json!({
        "bank": terms.bank().to_lower_hex_string(),
        "id": terms.id().to_lower_hex_string(),
        "pennies": pennies,
        "transactions": transactions(bank.graph()),
        "claims_of_1000": claims,
        "commitments": commitments.to_lower_hex_string(),
        "frame": frame.to_lower_hex_string(),
    })
}

fn path(name: &str) -> PathBuf {
    let file = format!("{name}.json");
    [env!("CARGO_MANIFEST_DIR"), "tests/vectors/banks", &file]
        .iter()
        .collect()
}

fn check(name: &str, model: BankRecord) {
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        let vector = json!({
            "seed": SEED.to_lower_hex_string(),
            "terms": model,
            "derived": derived(model.clone()),
        });
        let text = serde_json::to_string_pretty(&vector).unwrap() + "\n";
        std::fs::write(path(name), text).unwrap();
    }
    let text = std::fs::read_to_string(path(name)).unwrap();
    let vector: Value = serde_json::from_str(&text).unwrap();
    // From the file's terms alone, as another implementation would.
    let record: BankRecord = serde_json::from_value(vector["terms"].clone()).unwrap();
    assert_eq!(record, model, "the model of {name} changed");
    let found = derived(record);
    for (what, value) in vector["derived"].as_object().unwrap() {
        assert_eq!(&found[what], value, "{name}: {what}");
    }
    assert_eq!(found.as_object().unwrap().len(), 7);
}

#[test]
fn a_plain_bank() {
    check("plain", record(10_000));
}

#[test]
fn a_bank_of_promises() {
    let mut record = record(10_000);
    record.promises = 3;
    retip(&mut record);
    check("promises", record);
}
