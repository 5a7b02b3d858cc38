//! Two parties derive the same bytes from the same terms, and no field of the terms goes unnoticed.

use crate::laws_support;

use bitcoin::key::XOnlyPublicKey;
use laws_support::{Sample, config, samples};
use narthex_contracts::{
    graph::TxGraph,
    template,
    terms::{Terms, TermsDraft, TermsRecord},
};
use narthex_game_model::Template;
use proptest::prelude::*;
use serde_json::Value;

fn bytes(graph: &TxGraph) -> Vec<(String, Vec<u8>, Vec<[u8; 32]>)> {
    graph
        .nodes()
        .map(|(id, node)| {
            let tx = bitcoin::consensus::serialize(&graph.assemble(id).unwrap());
            (node.name.to_string(), tx, graph.sighashes(id).unwrap())
        })
        .collect()
}

/// The same JSON with its fields in alphabetical order and no white space: as another program would write it.
fn rewritten(terms: &Terms) -> String {
    let value: Value = serde_json::from_str(&terms.to_json().unwrap()).unwrap();
    serde_json::to_string(&value).unwrap()
}

fn check_agreement(sample: &Sample) {
    let terms = Terms::from_json(rewritten(&sample.terms).as_bytes()).unwrap();
    assert_eq!(terms, *sample.terms);
    assert_eq!(terms.contract_id(), sample.terms.contract_id());
    let graph = template::derive(&terms).unwrap();
    assert_eq!(bytes(&graph), bytes(&sample.graph));
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn parties_derive_the_same_bytes_alone(
        (record, seed) in samples(Template::Hardened, 4), (paper, paper_seed) in samples(Template::Paper, 4),
    ) {
        check_agreement(&Sample::new(record, seed));
        check_agreement(&Sample::new(paper, paper_seed));
    }
}

/// Inputs are sorted, so that the funding spends its coins in one order whoever lists them how. The order in the terms
/// is still part of what is agreed on: another order is another contract.
#[test]
fn the_order_of_coins_does_not_change_the_order_of_inputs() {
    let sample = Sample::example(Template::Hardened, 3, 2);
    let mut record = sample.terms.record().clone();
    let mut coin = record.client.funding.coins[0].clone();
    coin.outpoint.vout = 7;
    let change = record.client.funding.change.as_mut().unwrap();
    change.value_sat = change.value_sat + coin.value_sat - bitcoin::Amount::from_sat(1_000);
    record.client.funding.coins.push(coin);
    let one = sample.fixtures.announced(record.clone()).unwrap();
    record.client.funding.coins.reverse();
    let other = sample.fixtures.announced(record).unwrap();
    assert_ne!(one.contract_id(), other.contract_id());
    let [a, b] = [&one, &other].map(|terms| {
        let tx0 = template::derive(terms)
            .unwrap()
            .assemble(TxGraph::FUNDING)
            .unwrap();
        tx0.input
            .iter()
            .map(|i| i.previous_output)
            .collect::<Vec<_>>()
    });
    assert_eq!(a, b);
    assert!(a.is_sorted());
}

/// Every leaf of the JSON, by its path.
fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => return found.push(path.clone()),
    };
    for (key, child) in children {
        path.push(key);
        leaves(child, path, found);
        path.pop();
    }
}

fn at<'v>(value: &'v mut Value, path: &[String]) -> &'v mut Value {
    path.iter().fold(value, |value, key| match value {
        Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
        other => &mut other[key],
    })
}

/// Small changes of a leaf that leave it of its type.
fn changes(leaf: &Value) -> Vec<Value> {
    match leaf {
        Value::Number(n) => {
            let n = n.as_u64().unwrap();
            vec![(n + 1).into(), n.saturating_sub(1).into(), (n / 2).into()]
        }
        Value::String(s) => {
            let mut changed = Vec::new();
            if let Some((num, den)) = s.split_once('/') {
                let num: u32 = num.parse().unwrap();
                changed.push(format!("{}/{den}", num + 1).into());
            }
            // Another last hexadecimal digit, or another index of an outpoint.
            let last = s.chars().last().unwrap();
            for digit in ['0', '1', '2', 'a', 'f'].iter().filter(|d| **d != last) {
                changed.push(format!("{}{digit}", &s[..s.len() - 1]).into());
            }
            changed
        }
        Value::Null => vec![Value::Bool(false)],
        other => panic!("a leaf of another kind: {other}"),
    }
}

/// Field by field: the change is refused, or it is another contract, for which every arbiter has another nonce. Returns
/// how often each happened.
fn change_everything(sample: &Sample) -> (usize, usize) {
    let terms = sample.terms.draft();
    let nonces = |terms: &TermsDraft| -> Vec<XOnlyPublicKey> {
        let announced = sample.fixtures.announcements(terms.contract_id()).unwrap();
        announced.iter().map(|a| a.nonce).collect()
    };
    let own = nonces(terms);
    let json: Value = serde_json::from_str(&terms.to_json().unwrap()).unwrap();
    let (mut refused, mut other) = (0, 0);
    let mut paths = Vec::new();
    leaves(&json, &mut Vec::new(), &mut paths);
    for path in paths {
        let leaf = at(&mut json.clone(), &path).clone();
        for change in changes(&leaf).into_iter().filter(|change| *change != leaf) {
            let mut changed = json.clone();
            *at(&mut changed, &path) = change.clone();
            match TermsDraft::from_json(changed.to_string().as_bytes()) {
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
                Ok(changed) => {
                    let path = path.join(".");
                    assert_ne!(
                        changed.contract_id(),
                        terms.contract_id(),
                        "{path}: {leaf} to {change}"
                    );
                    let others = nonces(&changed);
                    assert!(own.iter().zip(&others).all(|(a, b)| a != b), "{path}");
                    other += 1;
                }
            }
        }
        // A field cannot be left out either.
        let mut changed = json.clone();
        let (last, parents) = path.split_last().unwrap();
        if let Value::Object(map) = at(&mut changed, parents) {
            map.remove(last);
            let without = TermsDraft::from_json(changed.to_string().as_bytes());
            // No change may be said by `null` or by nothing.
            let same = leaf.is_null() && without.as_ref() == Ok(terms);
            assert!(same || without.is_err(), "without {}", path.join("."));
        }
    }
    (refused, other)
}

#[test]
fn no_field_of_the_terms_goes_unnoticed() {
    for (template, n, k) in [(Template::Hardened, 3, 2), (Template::Paper, 3, 2)] {
        let sample = Sample::example(template, n, k);
        let (refused, other) = change_everything(&sample);
        // Both happen, and often: proofs are checked, and plain values make another contract.
        assert!(
            refused > 100 && other > 80,
            "{template}: {refused} refused, {other} others"
        );
    }
}

/// Announcements are for one contract: with any change of whole terms they are somebody else's, or none.
#[test]
fn no_announcement_survives_a_change_of_the_terms() {
    let sample = Sample::example(Template::Paper, 3, 2);
    let json: Value = serde_json::from_str(&sample.terms.to_json().unwrap()).unwrap();
    let mut paths = Vec::new();
    leaves(&json, &mut Vec::new(), &mut paths);
    let mut tried = 0;
    for path in paths {
        let leaf = at(&mut json.clone(), &path).clone();
        for change in changes(&leaf).into_iter().filter(|change| *change != leaf) {
            let mut changed = json.clone();
            *at(&mut changed, &path) = change.clone();
            let read = Terms::from_json(changed.to_string().as_bytes());
            assert!(read.is_err(), "{}: {leaf} to {change}", path.join("."));
            tried += 1;
        }
    }
    assert!(tried > 180, "{tried}");
}

#[test]
fn unknown_fields_are_refused_everywhere() {
    let sample = Sample::example(Template::Paper, 3, 2);
    let json: Value = serde_json::from_str(&sample.terms.to_json().unwrap()).unwrap();
    let mut objects = Vec::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        match at(&mut json.clone(), &path) {
            Value::Object(map) => {
                open.extend(
                    map.keys()
                        .map(|key| [&path[..], std::slice::from_ref(key)].concat()),
                );
                objects.push(path);
            }
            Value::Array(list) => {
                open.extend((0..list.len()).map(|i| [&path[..], &[i.to_string()]].concat()));
            }
            _ => {}
        }
    }
    assert!(objects.len() > 20);
    for path in objects {
        let mut changed = json.clone();
        at(&mut changed, &path)["surplus"] = 1.into();
        let error = Terms::from_json(changed.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains("surplus"), "{path:?}: {error}");
    }
}

#[test]
fn a_record_is_its_json() {
    let sample = Sample::example(Template::Hardened, 5, 3);
    let json = serde_json::to_string(sample.terms.record()).unwrap();
    let record: TermsRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(&record, sample.terms.record());
}
