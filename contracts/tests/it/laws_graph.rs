//! Laws that every transaction of every template keeps, whatever the parameters.

use crate::laws_support;

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Amount, Sequence, Witness};
use laws_support::{Sample, TEMPLATES, config, goes_on, outcome, samples};
use narthex_contracts::{
    graph::{Node, NodeId, Purpose, TxGraph, anchor_script},
    terms::{FeeRules, Role},
};
use narthex_game_model::{Outcome, Params, Party, Template, settle};
use proptest::prelude::*;

/// Value in and value out, by the bytes of the transaction and not by the nodes that it was made of.
fn check_value(sample: &Sample, id: NodeId, node: &Node) {
    let tx = sample.graph.assemble(id).unwrap();
    let paid_in: Amount = sample
        .graph
        .prevouts(id)
        .unwrap()
        .iter()
        .map(|o| o.value)
        .sum();
    let paid_out: Amount = tx.output.iter().map(|o| o.value).sum();
    if id == TxGraph::FUNDING {
        let fee = paid_in - paid_out;
        let due = sample
            .terms
            .record()
            .funding_rate_sat_per_kwu
            .fee(sample.graph.weight(id).unwrap());
        assert!(fee >= due.unwrap(), "Tx0 pays {fee} of {due:?}");
        return;
    }
    assert_eq!(paid_in, paid_out, "{} has a fee", node.name);
}

/// Each party gets what the settlement table says, and nobody else gets anything.
fn check_payout(params: &Params, node: &Node) {
    let mut paid: BTreeMap<Party, Amount> = BTreeMap::new();
    for output in &node.outputs {
        let party = match output.purpose {
            Purpose::Payout(party) => match Role::from(party) {
                Role::Client => Party::Client,
                Role::Worker => Party::Worker,
                Role::Verifier => Party::Verifier,
                Role::Arbiter(i) => Party::Arbiter(i.into()),
            },
            Purpose::Fund => Party::Fund,
            Purpose::Anchor => continue,
            other => panic!("{} has an output for {other:?}", node.name),
        };
        assert_eq!(
            paid.insert(party, output.value),
            None,
            "{} pays {party} twice",
            node.name
        );
    }
    let due: BTreeMap<Party, Amount> = settle(params, outcome(node).unwrap())
        .unwrap()
        .shares()
        .filter(|(_, share)| *share > Amount::ZERO)
        .collect();
    assert_eq!(paid, due, "{}", node.name);
}

/// Version 3, one anchor behind everything else, nothing below dust, small enough to be relayed.
fn check_shape(graph: &TxGraph, id: NodeId, node: &Node) {
    let mut tx = graph.assemble(id).unwrap();
    for output in &tx.output {
        let anchor = output.script_pubkey == anchor_script();
        let least = output.script_pubkey.minimal_non_dust();
        assert!(
            anchor || output.value >= least,
            "dust in {}: {output:?}",
            node.name
        );
    }
    let anchors = tx
        .output
        .iter()
        .filter(|o| o.script_pubkey == anchor_script());
    if id == TxGraph::FUNDING {
        assert_eq!((tx.version.0, anchors.count()), (2, 0));
    } else {
        assert_eq!((tx.version.0, anchors.count()), (3, 1), "{}", node.name);
        let last = tx.output.last().unwrap();
        assert_eq!(
            (last.value, &last.script_pubkey),
            (Amount::ZERO, &anchor_script())
        );
        assert!(tx.vsize() < 10_000);
    }
    // The weight stated is the weight with every witness in place.
    for input in &mut tx.input {
        input.witness = Witness::from_slice(&[[0; 64]]);
    }
    assert_eq!(Some(tx.weight()), graph.weight(id), "{}", node.name);
}

/// Relative locks are in blocks and fit 16 bits; the fullest majority may move first; every ruling may be
/// published before arbitration counts as failed.
fn check_locks(sample: &Sample) {
    let params = sample.params();
    let (n, windows) = (u32::from(params.arbiters()), params.windows());
    let per_missing = u32::from(windows.per_missing_blocks);
    let (mut rulings, mut failures) = (BTreeSet::new(), BTreeSet::new());
    for (_, node) in sample.graph.nodes() {
        for input in &node.inputs {
            let s = input.sequence;
            assert!(
                s == Sequence::ENABLE_RBF_NO_LOCKTIME
                    || (s.is_height_locked() && s.0 <= 0xffff && s.0 > 0)
            );
        }
        let lock = u32::from(TxGraph::relative_lock_blocks(node));
        match outcome(node) {
            Some(
                Outcome::WorkerAtFault { majority }
                | Outcome::VerifierAtFault { majority }
                | Outcome::ChallengeUpheld { majority }
                | Outcome::ChallengeDismissed { majority },
            ) => {
                let missing = n - u32::from(majority.len());
                let expected = if params.template() == Template::Paper {
                    0
                } else {
                    missing * per_missing
                };
                assert_eq!(lock, expected, "{}", node.name);
                rulings.insert(lock);
            }
            Some(ending) if ending.is_undecided() && params.template().has_delivery() => {
                assert!(lock >= windows.decide_blocks.into());
                failures.insert(lock);
            }
            _ => {}
        }
    }
    if params.template().has_delivery() {
        assert_eq!(rulings.first(), Some(&0));
        // The slowest majority has the appeal window to itself.
        let slowest = rulings.last().unwrap() + u32::from(windows.appeal_blocks);
        assert!(
            Some(&slowest) <= failures.first(),
            "{rulings:?} {failures:?}"
        );
    }
}

/// No two outputs that a contract goes on from, or holds a stake in, have one key; none is also an address.
fn check_keys(graph: &TxGraph) {
    let mut held = BTreeSet::new();
    for (_, node) in graph.nodes() {
        for output in &node.outputs {
            if matches!(output.purpose, Purpose::Contract(_) | Purpose::Held { .. }) {
                let script = &graph.script(output.script).unwrap().script;
                assert!(held.insert(script.clone()), "{} shares a key", node.name);
            }
        }
    }
    for (_, node) in graph.nodes() {
        for output in &node.outputs {
            if matches!(
                output.purpose,
                Purpose::Payout(_) | Purpose::Fund | Purpose::Change(_)
            ) {
                assert!(!held.contains(&graph.script(output.script).unwrap().script));
            }
        }
    }
}

fn check(sample: &Sample) {
    for (id, node) in sample.graph.nodes() {
        check_value(sample, id, node);
        check_shape(&sample.graph, id, node);
        match outcome(node) {
            Some(_) => check_payout(sample.params(), node),
            None => assert!(goes_on(node), "{} is no step and no settlement", node.name),
        }
    }
    check_locks(sample);
    check_keys(&sample.graph);
    check_endings(sample);
}

/// Every ending of the table is there: a missing transaction is a missing right.
fn check_endings(sample: &Sample) {
    let params = sample.params();
    let (n, k) = (params.arbiters(), params.quorum());
    let found: Vec<Outcome> = sample
        .graph
        .nodes()
        .filter_map(|(_, node)| outcome(node))
        .collect();
    for wanted in Outcome::kinds(params.template(), n, k) {
        let named_silence = params.template().has_delivery() && n <= 7;
        let ruled = narthex_game_model::ArbiterSet::empty();
        let wanted = match wanted {
            Outcome::ArbitrationFailed { .. } if !named_silence => {
                Outcome::ArbitrationFailed { ruled }
            }
            Outcome::ChallengeUndecided { .. } if !named_silence => {
                Outcome::ChallengeUndecided { ruled }
            }
            other => other,
        };
        assert!(found.contains(&wanted), "nothing ends as {wanted}");
    }
    let majorities = narthex_game_model::ArbiterSet::majorities(n, k).count();
    let rulings = |scheme, challenged| {
        let of = |o: &&Outcome| o.scheme() == scheme && o.is_challenged() == challenged;
        found.iter().filter(of).count()
    };
    let all = (majorities, majorities);
    assert_eq!((rulings(6, false), rulings(7, false)), all);
    let challenges = if params.template() == Template::Audited {
        all
    } else {
        (0, 0)
    };
    assert_eq!((rulings(6, true), rulings(7, true)), challenges);
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn hardened((record, seed) in samples(Template::Hardened, 5)) {
        check(&Sample::new(record, seed));
    }

    #[test]
    fn audited((record, seed) in samples(Template::Audited, 4)) {
        check(&Sample::new(record, seed));
    }

    #[test]
    fn paper((record, seed) in samples(Template::Paper, 6)) {
        check(&Sample::new(record, seed));
    }
}

#[test]
fn every_panel_size() {
    // Up to 7 arbiters a failed arbitration has 3ⁿ cases: six and seven take long and are made as five are.
    for (n, k) in [(3, 2), (4, 3), (5, 4), (8, 7), (9, 8)] {
        for template in TEMPLATES {
            check(&Sample::example(template, n, k));
        }
    }
}

#[test]
fn a_law_that_is_broken_is_noticed() {
    let mut sample = Sample::example(Template::Hardened, 3, 2);
    let other = Sample::example(Template::Hardened, 4, 3);
    sample.graph = other.graph;
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&sample)));
    assert!(
        broken.is_err(),
        "a graph of other parameters passed as one of these"
    );
}
