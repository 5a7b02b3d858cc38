//! What a panel's attestations open, and what they do not.

use crate::arbitration_support;

use arbitration_support::{attest, point, rulings, setup};
use bitcoin::secp256k1::Secp256k1;
use narthex_contracts::{
    attest::attestation_point,
    graph::{Node, NodeId, TxGraph},
    setup::SignaturesError,
    template::{ContractSecret, Rulings},
    terms::Role,
};
use narthex_game_model::{ArbiterSet, Ruling, Template};

/// S6 and S7 of a graph with the ruling and the majority that they are for.
fn verdicts(graph: &TxGraph) -> Vec<(NodeId, Ruling, ArbiterSet)> {
    let ruled = |node: &Node| match (node.name.base, node.name.variant?.into()) {
        ("S6", Rulings { worker, .. }) => Some((Ruling::WorkerAtFault, worker)),
        ("S7", Rulings { verifier, .. }) => Some((Ruling::VerifierAtFault, verifier)),
        _ => None,
    };
    graph
        .nodes()
        .filter_map(|(id, node)| ruled(node).map(|(ruling, set)| (id, ruling, set)))
        .collect()
}

/// S5 of a graph with who ruled what.
fn failures(graph: &TxGraph) -> Vec<(NodeId, Rulings)> {
    graph
        .nodes()
        .filter(|(_, node)| matches!(node.name.base, "S5" | "S5any"))
        .map(|(id, node)| (id, node.name.variant.unwrap().into()))
        .collect()
}

fn delay(graph: &TxGraph, id: NodeId) -> u16 {
    TxGraph::relative_lock_blocks(graph.node(id).unwrap())
}

#[test]
fn attestation_points_are_known_before_anybody_rules() {
    let (fixtures, holdings) = setup(Template::Hardened, 3, 2);
    let terms = holdings[&Role::Client].terms();
    let secp = Secp256k1::new();
    for ruling in Ruling::ALL {
        let points = terms.ruling_points(ruling).unwrap();
        for (i, foretold) in (0u8..).zip(&points) {
            let (identity, id) = (terms.identity(i).unwrap(), terms.contract_id());
            let nonce = &terms.announcement(i).unwrap().nonce;
            let made = attest(&fixtures, id, i, ruling);
            made.verify(&secp, identity, nonce, id).unwrap();
            let made = point(&made.secret().unwrap());
            assert_eq!(foretold.to_public_key().unwrap(), made);
            assert_eq!(
                attestation_point(&secp, identity, nonce, id, ruling),
                Some(made)
            );
        }
    }
}

/// For every set of at least k of n and either ruling: the attestations of just that set complete the settlement
/// of that set, and besides it only those of its own subsets, all of which have to wait longer. The other ruling
/// stays shut, and S7 without the result secret too.
fn each_majority_opens_its_settlement(n: u8, k: u8) -> usize {
    let (fixtures, holdings) = setup(Template::Hardened, n, k);
    let worker = &holdings[&Role::Worker];
    let graph = worker.graph().clone();
    let id = *worker.terms().contract_id();
    let verdicts = verdicts(&graph);
    let mut checked = 0;
    for majority in ArbiterSet::majorities(n, k) {
        for ruled in Ruling::ALL {
            let (a, b) = match ruled {
                Ruling::WorkerAtFault => (majority, ArbiterSet::empty()),
                Ruling::VerifierAtFault => (ArbiterSet::empty(), majority),
            };
            let without_result = rulings(&fixtures, &id, a, b);
            let secrets = without_result.clone();
            let secrets = secrets.with(ContractSecret::Result, fixtures.result());
            let mut own = None;
            let mut soonest_other = u16::MAX;
            for (node, ruling, set) in &verdicts {
                let opened = worker.complete(*node, &secrets);
                let may = *ruling == ruled && set.is_subset_of(majority);
                assert_eq!(opened.is_ok(), may, "{majority} {ruled:?}: {opened:?}");
                if let Err(error) = &opened {
                    assert!(matches!(error, SignaturesError::Secret { .. }), "{error}");
                }
                if may && *set == majority {
                    own = Some(delay(&graph, *node));
                } else if may {
                    soonest_other = soonest_other.min(delay(&graph, *node));
                }
                let secretless = worker.complete(*node, &without_result).is_ok();
                assert_eq!(secretless, may && ruled == Ruling::WorkerAtFault);
                checked += 1;
            }
            let own = own.expect("a settlement for this majority");
            assert!(own < soonest_other, "the fullest set first");
        }
    }
    checked
}

#[test]
fn two_of_three_and_three_of_five_open_exactly_their_own() {
    let (three, five) = (
        each_majority_opens_its_settlement(3, 2),
        each_majority_opens_its_settlement(5, 3),
    );
    // (4 sets · 2 rulings)² and (16 · 2)² pairs of attestations and settlements.
    assert_eq!((three, five), (64, 1024));
}

#[test]
fn each_missing_arbiter_costs_its_window() {
    for (n, k) in [(3, 2), (5, 3)] {
        let (_, holdings) = setup(Template::Hardened, n, k);
        let graph = holdings[&Role::Client].graph();
        let windows = holdings[&Role::Client].terms().params().windows();
        let missing = |set: ArbiterSet| u16::from(n - set.len()) * windows.per_missing_blocks;
        for (id, _, set) in verdicts(graph) {
            assert_eq!(delay(graph, id), missing(set));
        }
        let last_verdict = missing(ArbiterSet::full(k));
        for (id, ruled) in failures(graph) {
            let twice = graph.node(id).unwrap().name.base == "S5any";
            let decide = windows.decide_blocks * (1 + u16::from(twice));
            assert_eq!(delay(graph, id), decide + missing(ruled.ruled()));
            assert!(
                delay(graph, id) > last_verdict,
                "no failure may overtake a verdict"
            );
        }
    }
}

/// With every way for fewer than k to agree: no verdict opens, and S5 opens for just the rulings that were made and
/// for parts of them, the whole first.
#[test]
fn a_tie_or_a_minority_opens_nothing_but_failure() {
    for (n, k) in [(3u8, 2u8), (5, 3)] {
        let (fixtures, holdings) = setup(Template::Hardened, n, k);
        let client = &holdings[&Role::Client];
        let graph = client.graph().clone();
        let id = *client.terms().contract_id();
        let (verdicts, failures) = (verdicts(&graph), failures(&graph));
        let all = || (0..1u16 << n).filter_map(ArbiterSet::new);
        let mut ties = 0;
        for a in all().filter(|a| a.len() < k) {
            for b in all().filter(|b| b.len() < k && b.is_subset_of(a.complement(n))) {
                let secrets = rulings(&fixtures, &id, a, b);
                let secrets = secrets.with(ContractSecret::Result, fixtures.result());
                ties += usize::from(a.len() == b.len() && !a.is_empty());
                for (node, ..) in &verdicts {
                    for role in Role::all(n) {
                        assert!(holdings[&role].complete(*node, &secrets).is_err());
                    }
                }
                let mut fullest = None;
                for (node, ruled) in &failures {
                    let may = ruled.worker.is_subset_of(a) && ruled.verifier.is_subset_of(b);
                    let opened = client.complete(*node, &secrets);
                    assert_eq!(opened.is_ok(), may, "{a}/{b} {ruled:?} {opened:?}");
                    if may && graph.node(*node).unwrap().name.base == "S5" {
                        let rank = (delay(&graph, *node), ruled.worker, ruled.verifier);
                        fullest = Some(fullest.map_or(rank, |f: (u16, _, _)| f.min(rank)));
                    }
                }
                let (_, worker, verifier) = fullest.expect("S5 for what was ruled");
                assert_eq!((worker, verifier), (a, b), "who ruled is paid first");
            }
        }
        println!("{k}-of-{n}: {ties} ties open only S5");
        assert!(ties > 0);
    }
}
