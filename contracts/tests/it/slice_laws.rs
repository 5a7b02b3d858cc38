//! The laws of the engine, for every transaction of a slice; terms that are refused; the graph as a golden vector.

use crate::slice_support;

use std::path::PathBuf;

use bitcoin::{
    Amount, ScriptBuf, Sequence, Transaction, TxOut, Weight,
    hashes::{Hash, sha256},
    hex::DisplayHex,
};
use narthex_contracts::{
    builder::BuilderError,
    graph::{NodeId, Source, Spend, TxGraph, anchor_script},
    party::PartySet,
    slice::{
        CLIENT, MAX_PROVIDERS, Points, SliceError, SliceRecord, SliceTerms, claim, provider, refund,
    },
    terms::{Change, FeeRate, FeeRules},
};
use serde::{Deserialize, Serialize};
use slice_support::{
    BURIED, client_party, participants, public, record, right, rng, script, secret, shared,
    slice_of,
};

/// What every pre-signed transaction keeps: no fee, one anchor, no dust, the weight that was foretold.
fn lawful(graph: &TxGraph, id: NodeId, tx: &Transaction) {
    let inputs: Amount = graph.prevouts(id).unwrap().iter().map(|o| o.value).sum();
    let outputs: Amount = tx.output.iter().map(|o| o.value).sum();
    assert_eq!(inputs, outputs);
    assert_eq!(tx.version.0, 3);
    let anchor = |o: &&TxOut| o.script_pubkey == anchor_script();
    assert_eq!(tx.output.iter().filter(anchor).count(), 1);
    for output in tx.output.iter().filter(|o| !anchor(o)) {
        assert!(output.value >= output.script_pubkey.minimal_non_dust());
    }
    assert_eq!(graph.weight(id).unwrap(), tx.weight());
    assert_eq!(graph.txid(id).unwrap(), tx.compute_txid());
}

#[test]
fn every_transaction_keeps_the_laws() {
    for (m, n) in [(2, 2), (2, 3), (4, 5)] {
        let mut slice = slice_of(m, n, 1);
        slice.commit_all(&(0..n).map(|_| Some(right())).collect::<Vec<_>>());
        slice.release(&(0..n).collect::<Vec<_>>());
        slice.hand_out();
        let graph = slice.client.holdings().graph().clone();
        assert_eq!(graph.nodes().len(), 1 + 2 * usize::from(n));
        let price = slice.terms.record().price_sat;
        let broadcasters = |id| graph.node(id).unwrap().signing.unwrap().broadcasters;
        for i in 0..n {
            let tx = slice.provider(i).claim(BURIED).unwrap();
            lawful(&graph, claim(i), &tx);
            assert_eq!(tx.output[0].value, price);
            assert_eq!(tx.output[0].script_pubkey, script(2 + i));
            let back = slice.client.refund(i, &mut slice.rng).unwrap();
            lawful(&graph, refund(i), &back);
            assert_eq!(back.output[0].script_pubkey, script(1));
            // Both spend the one coin of this provider: never both.
            let spent = |tx: &Transaction| tx.input[0].previous_output;
            assert_eq!(spent(&tx), spent(&back));
            assert_eq!(spent(&tx).vout, u32::from(i));
            // The client alone has an exit d blocks after the funding; the provider's, with the others' shares, is
            // open from the first block.
            assert_eq!(broadcasters(refund(i)), PartySet::from([CLIENT]));
            let d = slice.terms.record().refund_blocks;
            assert_eq!(back.input[0].sequence, Sequence::from_height(d));
            assert_eq!(broadcasters(claim(i)), PartySet::from([provider(i)]));
            assert!(!tx.input[0].sequence.is_relative_lock_time());
        }
    }
}

/// Each output's leaf and key are its own: no signature of one price moves another.
#[test]
fn no_key_serves_twice() {
    let slice = slice_of(2, 3, 2);
    let graph = slice.client.holdings().graph();
    let mut keys = Vec::new();
    for (_, node) in graph.nodes() {
        for input in &node.inputs {
            match input.spend {
                Spend::KeyPath(id) => keys.push(graph.key_set(id).unwrap().output_key()),
                Spend::Leaf(id) => {
                    let leaf = graph.leaf(id).unwrap();
                    keys.push(graph.key_set(leaf.signers[0]).unwrap().output_key());
                }
                Spend::Wallet(_) => {}
            }
        }
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), count), (6, 6));
    // Nor do two slices of the same parties share one.
    let other = slice_of(2, 3, 3);
    let script = |graph: &TxGraph, vout: usize| {
        let output = &graph.node(TxGraph::FUNDING).unwrap().outputs[vout];
        graph.script(output.script).unwrap().script.clone()
    };
    for vout in 0..3 {
        let theirs = other.client.holdings().graph();
        assert_ne!(script(graph, vout), script(theirs, vout));
    }
}

/// The fee rate holds for all outputs, though a wallet is asked for one.
#[test]
fn the_funding_pays_its_rate() {
    for n in [2, 3, MAX_PROVIDERS as u8] {
        let participants = participants(2, n, 4);
        let (points, _) = shared(&participants, &mut rng(4));
        let mut record = record(&participants, &points);
        let terms = record.clone().check().unwrap();
        let graph = client_party(&terms, &points);
        let graph = graph.graph();
        let fee = |record: &SliceRecord| {
            let coins = record.contribution.coins.iter().map(|c| c.value_sat);
            let coins: Amount = coins.sum();
            coins - record.price_sat * u64::from(n)
        };
        let due = FeeRate::from_sat_per_kwu(250)
            .fee(graph.weight(NodeId(0)).unwrap())
            .unwrap();
        assert!(fee(&record) >= due, "{} of {due}", fee(&record));
        // Less than the rate asks for is refused.
        let one = Weight::from_wu(2 * 43 * 4);
        record.contribution.coins[0].value_sat -=
            Amount::from_sat(300) - FeeRate::from_sat_per_kwu(250).fee(one).unwrap();
        assert!(matches!(
            record.check(),
            Err(SliceError::Pact(BuilderError::Contribution(_)))
        ));
    }
}

/// A field and a change of it that makes the terms unusable.
type Defect = (&'static str, fn(&mut SliceRecord));

#[test]
fn bad_terms_are_named() {
    let participants = participants(3, 4, 5);
    let (points, _) = shared(&participants, &mut rng(5));
    let good = || record(&participants, &points);
    let defects: [Defect; 15] = [
        ("quorum", |r| r.participants.quorum = 5),
        ("points", |r| drop(r.points.pop())),
        ("points", |r| r.points[1].truncate(1)),
        ("points", |r| r.points[1].push(public(1))),
        ("own_points", |r| r.own_points.truncate(3)),
        ("provider_scripts", |r| drop(r.provider_scripts.pop())),
        ("provider_scripts", |r| {
            r.provider_scripts[3] = vec![0x6a].into()
        }),
        ("client_script", |r| r.client_script = ScriptBuf::new()),
        ("price_sat", |r| r.price_sat = Amount::from_sat(329)),
        ("price_sat", |r| r.price_sat = Amount::MAX),
        ("price_sat", |r| {
            r.rate_sat_per_kwu = FeeRate::from_sat_per_kwu(u64::MAX)
        }),
        ("refund_blocks", |r| r.post_blocks = 2),
        ("refund_blocks", |r| r.post_blocks = 16),
        ("refund_blocks", |r| r.refund_blocks = 0),
        ("refund_blocks", |r| r.post_blocks = u16::MAX),
    ];
    for (field, change) in defects {
        let mut bad = good();
        change(&mut bad);
        match bad.check() {
            Err(SliceError::Terms { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let terms = good().check().unwrap();
    let json = serde_json::to_vec(&good()).unwrap();
    assert_eq!(SliceTerms::from_json(&json).unwrap(), terms);
    assert!(SliceTerms::from_json(&[b' '; 100_000]).is_err());
    for len in (0..json.len()).step_by(97) {
        assert!(SliceTerms::from_json(&json[..len]).is_err());
    }
    let unknown = String::from_utf8(json)
        .unwrap()
        .replacen('{', "{\"x\":1,", 1);
    assert!(SliceTerms::from_json(unknown.as_bytes()).is_err());
    assert_eq!(terms.point(3).unwrap().commitments().len(), 2);
    assert!(terms.point(4).is_err());
}

#[test]
fn every_field_is_in_the_id() {
    let participants = participants(2, 3, 6);
    let (points, _) = shared(&participants, &mut rng(6));
    let id = record(&participants, &points).check().unwrap().id();
    let changes: [fn(&mut SliceRecord); 15] = [
        |r| r.participants.client = public(99),
        |r| r.participants.providers[2] = public(99),
        |r| r.participants.job = sha256::Hash::all_zeros(),
        |r| r.participants.salt = sha256::Hash::all_zeros(),
        |r| r.points[2][0] = public(99),
        |r| r.own_points[2] = public(99),
        |r| r.price_sat -= Amount::ONE_SAT,
        |r| r.post_blocks += 1,
        |r| r.refund_blocks += 1,
        |r| r.client_script = script(99),
        |r| r.provider_scripts[1] = script(99),
        |r| r.rate_sat_per_kwu = FeeRate::from_sat_per_kwu(249),
        |r| r.contribution.coins[0].outpoint.vout += 1,
        |r| r.contribution.coins[0].value_sat += Amount::ONE_SAT,
        |r| {
            r.contribution.coins[0].value_sat += Amount::from_sat(1_000);
            r.contribution.change = Some(Change {
                value_sat: Amount::from_sat(900),
                script: script(8),
            });
        },
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut other = record(&participants, &points);
        change(&mut other);
        assert_ne!(other.check().unwrap().id(), id, "{i}");
    }
}

/// A slice of three with P2TR coins and payouts, as on the page.
fn example() -> (SliceTerms, Points) {
    let participants = participants(2, 3, 7);
    let (points, _) = shared(&participants, &mut rng(7));
    let mut record = record(&participants, &points);
    let p2tr = |byte: u8| ScriptBuf::from_bytes([&[0x51, 0x20][..], &[byte; 32]].concat());
    record.client_script = p2tr(1);
    record.provider_scripts = (2..5).map(p2tr).collect();
    (record.post_blocks, record.refund_blocks) = (36, 144);
    record.contribution.coins[0].script = p2tr(5);
    record.contribution.coins[0].value_sat += Amount::from_sat(50_000);
    record.contribution.change = Some(Change {
        value_sat: Amount::from_sat(50_000),
        script: p2tr(6),
    });
    (record.check().unwrap(), points)
}

/// The table of `docs/contracts/slice.md`.
#[test]
fn weights_are_those_of_the_page() {
    let (terms, points) = example();
    let party = client_party(&terms, &points);
    let page = include_str!("../../../docs/contracts/slice.md");
    for (id, node) in party.graph().nodes() {
        let weight = party.graph().weight(id).unwrap();
        let name = node.name.to_string();
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let row = format!(
            "| {name} | {} | {} |",
            weight.to_wu(),
            weight.to_vbytes_ceil()
        );
        assert!(page.contains(&row), "{row}");
    }
}

/// What is pinned of a transaction.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    name: String,
    txid: bitcoin::Txid,
    weight_wu: u64,
    relative_lock_blocks: u16,
    sighashes: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    terms_id: String,
    root: String,
    commitment: String,
    terms: SliceRecord,
    transactions: Vec<Pinned>,
}

/// Same terms, same bytes, on every machine. `NARTHEX_BLESS=1` writes the file anew; slices made before such a change
/// cannot be gone on with after it.
#[test]
fn the_graph_is_the_golden_one() {
    let (terms, points) = example();
    let party = client_party(&terms, &points);
    let graph = party.graph();
    let pin = |(id, node): (NodeId, &narthex_contracts::graph::Node)| Pinned {
        name: node.name.to_string(),
        txid: graph.txid(id).unwrap(),
        weight_wu: graph.weight(id).unwrap().to_wu(),
        relative_lock_blocks: TxGraph::relative_lock_blocks(node),
        sighashes: match node.inputs[0].source {
            Source::External { .. } => Vec::new(),
            Source::Output { .. } => {
                let hashes = graph.sighashes(id).unwrap();
                hashes.iter().map(|h| h.to_lower_hex_string()).collect()
            }
        },
    };
    let root = right().root(&terms);
    let found = Vector {
        terms_id: terms.id().to_lower_hex_string(),
        root: root.to_lower_hex_string(),
        commitment: terms.commitment(&root, &secret(9)).unwrap().to_string(),
        terms: terms.record().clone(),
        transactions: graph.nodes().map(pin).collect(),
    };
    let path = [
        env!("CARGO_MANIFEST_DIR"),
        "tests/vectors/graphs/slice-2-of-3.json",
    ];
    let path: PathBuf = path.iter().collect();
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let golden: Vector = serde_json::from_str(&text).unwrap();
    assert_eq!(found, golden);
    // From the file alone.
    assert_eq!(golden.terms.check().unwrap(), terms);
}
