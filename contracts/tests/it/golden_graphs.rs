//! Whole graphs as data: terms in, every transaction's id, weight, locks and signed messages out.
//!
//! A change of any byte that parties sign shows here. `NARTHEX_BLESS=1 cargo test -p narthex-contracts --test
//! golden_graphs` writes the files anew; contracts made before such a change cannot be continued after it.

use crate::laws_support;

use std::{fmt::Write, path::PathBuf, sync::Arc};

use bitcoin::{Amount, Txid, hex::DisplayHex};
use laws_support::{Sample, example};
use narthex_contracts::{fixtures::Fixtures, graph::TxGraph, template, terms::Terms};
use narthex_game_model::{Params, Template};
use serde::{Deserialize, Serialize};

/// What is pinned of a transaction.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    name: String,
    txid: Txid,
    weight_wu: u64,
    lock_height: u32,
    relative_lock_blocks: u16,
    sighashes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    contract_id: String,
    terms: serde_json::Value,
    transactions: Vec<Pinned>,
}

fn pin(graph: &TxGraph) -> Vec<Pinned> {
    graph
        .nodes()
        .map(|(id, node)| Pinned {
            name: node.name.to_string(),
            txid: graph.txid(id).unwrap(),
            weight_wu: graph.weight(id).unwrap().to_wu(),
            lock_height: node.lock_height,
            relative_lock_blocks: TxGraph::relative_lock_blocks(node),
            // Wallets sign the funding, each in its own way.
            sighashes: match node.signing {
                None => Vec::new(),
                Some(_) => graph
                    .sighashes(id)
                    .unwrap()
                    .iter()
                    .map(|h| h.to_lower_hex_string())
                    .collect(),
            },
        })
        .collect()
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/vectors/graphs", name]
        .iter()
        .collect()
}

/// One transaction per line, so that a difference is legible.
fn write_vector(name: &str, terms: &Terms) {
    let graph = template::derive(terms).unwrap();
    let mut text = String::from("{\n");
    writeln!(
        text,
        "\"contract_id\": \"{}\",",
        terms.contract_id().to_lower_hex_string()
    )
    .unwrap();
    writeln!(text, "\"terms\": {},", terms.to_json().unwrap()).unwrap();
    writeln!(text, "\"transactions\": [").unwrap();
    let lines = pin(&graph)
        .iter()
        .map(|p| serde_json::to_string(p).unwrap())
        .collect::<Vec<_>>();
    writeln!(text, "{}\n]\n}}", lines.join(",\n")).unwrap();
    std::fs::create_dir_all(path("")).unwrap();
    std::fs::write(path(name), text).unwrap();
}

fn check(name: &str, made_up: impl FnOnce() -> Sample) {
    check_terms(name, || made_up().terms);
}

fn check_terms(name: &str, made_up: impl FnOnce() -> Arc<Terms>) {
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        write_vector(name, &made_up());
    }
    let text = std::fs::read_to_string(path(name)).unwrap();
    assert!(text.len() < 300_000);
    let vector: Vector = serde_json::from_str(&text).unwrap();
    let terms = Terms::from_json(vector.terms.to_string().as_bytes()).unwrap();
    assert_eq!(
        terms.contract_id().to_lower_hex_string(),
        vector.contract_id
    );
    let found = pin(&template::derive(&terms).unwrap());
    assert_eq!(found.len(), vector.transactions.len());
    for (found, pinned) in found.iter().zip(&vector.transactions) {
        assert_eq!(found, pinned);
    }
}

#[test]
fn hardened_2_of_3() {
    check("hardened-2-of-3.json", || {
        Sample::example(Template::Hardened, 3, 2)
    });
}

#[test]
fn hardened_3_of_5_with_retainer() {
    check("hardened-3-of-5.json", || {
        let mut record = example(Template::Hardened, 5, 3);
        record.retainer = Amount::from_sat(2_500);
        Sample::new(record, [2; 32])
    });
}

#[test]
fn audited_2_of_3() {
    check("audited-2-of-3.json", || {
        Sample::example(Template::Audited, 3, 2)
    });
}

#[test]
fn paper_2_of_3() {
    check("paper-2-of-3.json", || {
        Sample::example(Template::Paper, 3, 2)
    });
}

/// On outputs of another transaction.
#[test]
fn hosted_2_of_3() {
    check_terms("hosted-2-of-3.json", || {
        let fixtures = Fixtures::new(
            Params::new(example(Template::Hardened, 3, 2)).unwrap(),
            [1; 32],
        );
        Arc::new(fixtures.hosted().unwrap().0)
    });
}
