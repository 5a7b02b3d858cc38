//! What a watchtower is given: complete transactions, no secret, and nothing that needs one.

use std::collections::BTreeSet;

use bitcoin::{
    hashes::{Hash as _, sha256},
    hex::DisplayHex as _,
    secp256k1::SecretKey,
};
use narthex_base::{
    codec::{Message, Writer},
    kinds,
};
use narthex_contracts::{
    fixtures::Fixtures,
    graph::NodeId,
    musig::AdaptorSignature,
    setup::{ContractSignatures, Secrets, SignaturesError},
    template::{BundleError, ContractSecret, Exit, NotGiven, TowerBundle, TowerPace},
    terms::{Role, Terms},
};
use narthex_game_model::{ArbiterSet, Ruling, Template};

use crate::arbitration_support::{attest, rulings, setup};

const PACE: TowerPace = TowerPace {
    since: 100,
    depth: 2,
    confirm: 1,
    message: 1,
};

fn names(bundle: &TowerBundle, held: &ContractSignatures<Terms>) -> BTreeSet<String> {
    let graph = held.graph();
    let nodes = bundle.transactions().filter_map(|node| graph.node(node));
    nodes.map(|node| node.name.to_string()).collect()
}

/// A bundle as whoever makes one may write it, whatever it says.
fn written(
    terms: &Terms,
    role: Role,
    transactions: &[(NodeId, Vec<AdaptorSignature>)],
) -> TowerBundle {
    let mut w = Writer::new(kinds::TOWER_BUNDLE);
    w.bytes(terms.to_json().unwrap().as_bytes());
    w.u8(role.index() as u8);
    w.u32(PACE.since).u32(PACE.depth);
    w.u16(PACE.confirm).u16(PACE.message);
    w.list(transactions, |w, (node, signatures)| {
        w.u32(node.0).list(signatures, |w, signature| {
            w.fixed(&signature.0);
        });
    });
    w.u32(0);
    TowerBundle::from_bytes(&w.finish()).unwrap()
}

fn picked(held: &ContractSignatures<Terms>) -> Vec<(NodeId, Vec<AdaptorSignature>)> {
    let bundle = TowerBundle::of(held, PACE, &[]).unwrap();
    let nodes = bundle.transactions();
    nodes.map(|node| (node, held.pick(node).unwrap())).collect()
}

#[test]
fn each_party_gives_what_it_may_and_no_more() {
    gives_what_it_may(Template::Hardened, &["S6", "S5any"]);
}

/// A challenge is the client's own judgement; how the panel rules on it is public.
#[test]
fn each_party_to_an_audit_gives_what_it_may_and_no_more() {
    gives_what_it_may(Template::Audited, &["S6", "S5any", "S6'", "S5any'"]);
}

fn gives_what_it_may(template: Template, ruled: &[&str]) {
    let (_, holdings) = setup(template, 3, 2);
    let own: [(Role, &[&str]); 4] = [
        (Role::Client, &["S1", "S1'", "S1''", "S4'"]),
        (Role::Worker, &["TxD", "TxA"]),
        (Role::Verifier, &["S1'", "S4'"]),
        (Role::Arbiter(0), &[]),
    ];
    for (role, own) in own {
        let held = &holdings[&role];
        let bundle = TowerBundle::of(held, PACE, &[]).unwrap();
        let names = names(&bundle, held);
        let plain = names
            .iter()
            .map(|name| name.split(['{', '[', '(']).next().unwrap());
        let plain: BTreeSet<_> = plain.map(str::trim).collect();
        for name in own {
            assert!(names.contains(*name), "{role}: {name} in {names:?}");
        }
        for name in &names {
            let is_ruled = name.starts_with("S6") || name.starts_with("S5any");
            assert!(own.contains(&name.as_str()) || is_ruled, "{role}: {name}");
        }
        for name in ruled {
            assert!(plain.contains(name), "{role}: {name} in {names:?}");
        }
        let never = ["S2", "S3", "S3'", "S4", "S5", "S7", "TxV0", "TxV1"];
        for never in never.into_iter().chain(["S5'", "S7'", "TxC"]) {
            assert!(!plain.contains(never), "{role}: {never} in {names:?}");
        }
        let again = TowerBundle::from_bytes(&bundle.to_bytes()).unwrap();
        assert_eq!(again, bundle);
        assert_eq!((again.role(), again.pace()), (role, PACE));
        println!("{role}: {} bytes, {names:?}", bundle.to_bytes().len());
    }
}

/// Whatever a tower learns besides, t among it: it completes none of what it was not given, and t is not in its bytes.
#[test]
fn no_secret_is_in_it_nor_anything_that_a_secret_would_complete() {
    let (fixtures, holdings) = setup(Template::Hardened, 3, 2);
    let result: SecretKey = fixtures.result();
    for (role, held) in &holdings {
        let bundle = TowerBundle::of(held, PACE, &[]).unwrap();
        let bytes = bundle.to_bytes();
        for secret in [result, fixtures.token(), fixtures.key(*role)] {
            let found = bytes.windows(32).any(|part| part == secret.secret_bytes());
            assert!(!found, "{role}: a secret is in the bundle");
        }
        let tower = bundle.open().unwrap();
        let id = held.terms().contract_id();
        let all: ArbiterSet = (0..3).collect();
        let known = rulings(&fixtures, id, all, all)
            .with(ContractSecret::Result, result)
            .with(ContractSecret::Token, fixtures.token());
        let given: BTreeSet<_> = bundle.transactions().collect();
        for (node, _) in held.graph().nodes() {
            let completed = tower.complete(node, &known);
            match given.contains(&node) {
                true => drop(completed.unwrap()),
                false => assert!(
                    matches!(completed, Err(SignaturesError::NotHeld { .. })),
                    "{role}: {node:?}"
                ),
            }
            assert!(tower.release(node, Some(&fixtures.token())).is_err());
        }
    }
}

/// What it has is what the party itself would publish, byte for byte; by rulings, once they are known.
#[test]
fn it_completes_to_what_its_party_would_publish() {
    let (fixtures, holdings) = setup(Template::Hardened, 3, 2);
    let client = &holdings[&Role::Client];
    let id = client.terms().contract_id();
    let ruling = Ruling::WorkerAtFault;
    let attestations = [0, 2].map(|arbiter| attest(&fixtures, id, arbiter, ruling));
    let bundle = TowerBundle::of(client, PACE, &attestations).unwrap();
    assert_eq!(bundle.attestations(), attestations);
    let tower = bundle.open().unwrap();
    for name in [
        Exit::WORKER_TIMEOUT,
        Exit::WITHHELD,
        Exit::ABANDONED,
        Exit::UNAPPEALED,
    ] {
        let node = client.graph().find(name).unwrap();
        let none = Secrets::default();
        assert_eq!(tower.complete(node, &none), client.complete(node, &none));
    }
    let set: ArbiterSet = [0, 2].into_iter().collect();
    let node = client.graph().find(Exit::ruled(ruling, set)).unwrap();
    let mut known = Secrets::default();
    assert!(matches!(
        tower.complete(node, &known),
        Err(SignaturesError::Secret { .. })
    ));
    for attestation in &attestations {
        known.attest(attestation);
    }
    let tx = tower.complete(node, &known).unwrap();
    assert_eq!(Ok(tx), client.complete(node, &known));
}

#[test]
fn what_no_tower_may_have_is_refused() {
    let (_, holdings) = setup(Template::Hardened, 3, 2);
    let (worker, verifier) = (&holdings[&Role::Worker], &holdings[&Role::Verifier]);
    let terms = worker.terms();
    let find = |name| worker.graph().find(name).unwrap();
    let refused = |held: &ContractSignatures<Terms>, node: NodeId, whose: NotGiven| {
        let mut all = picked(held);
        all.push((node, held.pick(node).unwrap()));
        all.sort_by_key(|(node, _)| *node);
        let error = written(terms, held.role(), &all).open().unwrap_err();
        let BundleError::NotForTowers { role, why, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!((*role, *why), (held.role(), whose), "{error}");
        error.to_string()
    };
    for name in [Exit::VERIFIER_TIMEOUT, Exit::NORMAL_LONG] {
        println!("{}", refused(worker, find(name), NotGiven::Secret));
    }
    for name in [Exit::APPROVED, Exit::REJECTED] {
        println!("{}", refused(verifier, find(name), NotGiven::Verdict));
    }
    // S7 needs t and rulings.
    let set: ArbiterSet = [0, 1].into_iter().collect();
    let acquitted = Exit::ruled(Ruling::VerifierAtFault, set);
    println!("{}", refused(worker, find(acquitted), NotGiven::Secret));
    // Another party's.
    let all = picked(worker);
    let error = written(terms, Role::Verifier, &all).open().unwrap_err();
    assert!(matches!(error, BundleError::NotForTowers { .. }), "{error}");
    // One that is not in the graph, and a party that is not in the terms.
    let nowhere = [(NodeId(60_000), vec![AdaptorSignature([1; 64])])];
    let error = written(terms, Role::Worker, &nowhere).open().unwrap_err();
    assert!(matches!(error, BundleError::NotForTowers { .. }), "{error}");
    let error = written(terms, Role::Arbiter(9), &all).open().unwrap_err();
    assert!(matches!(error, BundleError::NoParty { .. }), "{error}");
    let error = written(terms, Role::Worker, &[]).open().unwrap_err();
    assert!(matches!(error, BundleError::Empty { .. }), "{error}");
}

#[test]
fn signatures_that_do_not_fit_are_refused() {
    let (_, holdings) = setup(Template::Hardened, 3, 2);
    let client = &holdings[&Role::Client];
    let (terms, good) = (client.terms(), picked(client));
    written(terms, Role::Client, &good).open().unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at].1[0].0[40] ^= 1;
        let error = written(terms, Role::Client, &bad).open().unwrap_err();
        assert!(matches!(error, BundleError::Signatures(_)), "{at}: {error}");
        let mut more = good.clone();
        let one = more[at].1[0];
        more[at].1.push(one);
        let error = written(terms, Role::Client, &more).open().unwrap_err();
        assert!(matches!(error, BundleError::Signatures(_)), "{at}: {error}");
    }
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    let error = written(terms, Role::Client, &swapped).open().unwrap_err();
    assert!(matches!(error, BundleError::Order), "{error}");
    let mut twice = good.clone();
    twice.insert(0, good[0].clone());
    let error = written(terms, Role::Client, &twice).open().unwrap_err();
    assert!(matches!(error, BundleError::Order), "{error}");
    // Bytes that are cut off, or go on.
    let bytes = TowerBundle::of(client, PACE, &[]).unwrap().to_bytes();
    for end in [0, 5, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(TowerBundle::from_bytes(&bytes[..end]).is_err());
    }
    assert!(TowerBundle::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn other_templates_have_no_towers() {
    let (_, holdings) = setup(Template::Paper, 3, 2);
    let refused = TowerBundle::of(&holdings[&Role::Client], PACE, &[]).unwrap_err();
    assert!(matches!(refused, BundleError::Template { .. }), "{refused}");
}

/// Byte for byte, so that a tower of another version reads it. `NARTHEX_BLESS=1` writes the file anew.
#[test]
fn the_bytes_are_those_of_the_vector() {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let terms = fixtures.terms().unwrap();
    let transactions = [
        (NodeId(1), vec![AdaptorSignature([0x11; 64])]),
        (
            NodeId(300),
            vec![AdaptorSignature([0x22; 64]), AdaptorSignature([0x33; 64])],
        ),
    ];
    let bundle = written(&terms, Role::Verifier, &transactions);
    let bytes = bundle.to_bytes();
    let json = terms.to_json().unwrap();
    // Kind, length and terms.
    let (head, tail) = bytes.split_at(5 + 4 + json.len());
    assert_eq!(&head[9..], json.as_bytes());
    let now = serde_json::json!({
        "terms_sha256": sha256::Hash::hash(json.as_bytes()).to_string(),
        "before_terms": head[..9].to_lower_hex_string(),
        "after_terms": tail.to_lower_hex_string(),
    });
    let now = serde_json::to_string_pretty(&now).unwrap() + "\n";
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/tower_bundle.json"
    );
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), now);
}
