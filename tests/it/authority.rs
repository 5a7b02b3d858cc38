//! Who can complete what: every transaction of both templates against every party, with what it knows, with all that
//! can be known, and with false secrets. And transactions that were changed after they were signed.

use crate::common;

use bitcoin::{
    Amount, Sequence, Transaction, Witness,
    absolute::LockTime,
    secp256k1::{SecretKey, rand},
    transaction::Version,
};
use common::{is_bad_signature, refused};
use narthex::{
    contracts::{
        graph::{Node, NodeName, TxGraph},
        setup::{Secrets, SignaturesError},
        template::{ContractSecret, Exit, Rulings},
        terms::Role,
    },
    game_model::{ArbiterSet, Ruling, Template},
    play::ContractPlay,
    regtest::{Chain, Embedded},
};

on_both_chains!(changed_after_signing);

/// Who may make a move when it has the secrets for it, from the document.
fn may(node: &Node, role: Role) -> bool {
    use Role::{Client, Verifier, Worker};
    let rulings = node.name.variant.map(Rulings::from);
    let ruled = |r: Role| match (rulings, r) {
        (Some(rulings), Role::Arbiter(i)) => rulings.ruled().contains(i.into()),
        _ => false,
    };
    match node.name.base {
        "S4" | "TxD" | "TxA" => role == Worker,
        // Whoever holds an adaptor signature can complete it with the secret; only the worker has that.
        // Nobody, until the verifier approves.
        "S3" => false,
        "S2" | "S3'" => matches!(role, Client | Worker | Verifier),
        "S1''" => role == Client,
        "S1" | "S1'" | "S4'" => matches!(role, Client | Verifier),
        "TxV1" | "TxV0" => role == Verifier,
        "S6" | "S7" | "S5any" => true,
        "S5" => role == Client || ruled(role),
        other => panic!("the document has no {other}"),
    }
}

/// Which secrets a move takes: the worker's, the arbiters'.
fn takes(node: &Node) -> (bool, bool) {
    let rulings = node.name.variant.map(Rulings::from);
    let rulings = rulings.is_some_and(|r| !r.ruled().is_empty());
    match node.name.base {
        "S3" | "S2" | "S3'" => (true, false),
        "S7" => (true, true),
        "S6" | "S5" | "S5any" => (false, rulings),
        _ => (false, false),
    }
}

fn scalar() -> SecretKey {
    SecretKey::new(&mut rand::thread_rng())
}

/// Everything that can be known: the worker's secret and both rulings of every arbiter.
fn everything(play: &ContractPlay<'_>) -> Secrets {
    let mut all = play.participant(Role::Worker).unwrap().secrets.clone();
    for i in 0..play.terms().panel_size() {
        for ruling in [Ruling::WorkerAtFault, Ruling::VerifierAtFault] {
            all.attest(&common::attestation(play, i, ruling));
        }
    }
    all
}

/// The numbers of all attestations.
fn attested(play: &ContractPlay<'_>) -> impl Iterator<Item = ContractSecret> {
    let all = ContractSecret::all(play.terms().panel_size());
    all.filter(|secret| matches!(secret, ContractSecret::Attestation(..)))
}

#[test]
fn every_move_is_its_movers() {
    let mut chain = Embedded::new();
    let play = common::funded(&mut chain);
    let all = everything(&play);
    let (mut moves, mut held) = (0, 0);
    for (id, node) in play.graph().nodes().skip(1) {
        let (result, rulings) = takes(node);
        for role in common::roles(&play) {
            let holdings = play.participant(role).unwrap().holdings.as_ref().unwrap();
            let with = |secrets: &Secrets| holdings.complete(id, secrets);
            moves += 1;
            let complete = with(&all);
            assert_eq!(
                complete.is_ok(),
                may(node, role),
                "{role} and {}: {complete:?}",
                node.name
            );
            if let Err(e) = complete {
                let waits = matches!(
                    e,
                    SignaturesError::Waiting { signer, .. } if signer == Role::Verifier
                );
                assert!(
                    matches!(e, SignaturesError::NotHeld { .. })
                        || waits && node.name == Exit::NORMAL,
                    "{role} and {}: {e}",
                    node.name
                );
                continue;
            }
            held += 1;
            let without = |secret: &str| {
                let mut less = all.clone();
                match secret {
                    "result" => less.remove(ContractSecret::Result),
                    _ => attested(&play).for_each(|secret| less.remove(secret)),
                }
                with(&less).is_ok()
            };
            assert_eq!(without("result"), !result, "{}", node.name);
            assert_eq!(without("rulings"), !rulings, "{}", node.name);
            let false_result = all.clone().with(ContractSecret::Result, scalar());
            assert_eq!(with(&false_result).is_ok(), !result, "{}", node.name);
        }
    }
    println!("{moves} pairs of move and party, {held} of them allowed");
}

/// The rulings of one arbiter, of one contract, open nothing of another's.
#[test]
fn rulings_do_not_travel() {
    let (mut one, mut two) = (Embedded::new(), Embedded::new());
    let play = common::funded(&mut one);
    let foreign = everything(&common::funded(&mut two));
    let own = &play.participant(Role::Worker).unwrap().secrets;
    let own = own.get(ContractSecret::Result).unwrap();
    let mixed = foreign.with(ContractSecret::Result, own);
    for (id, node) in play.graph().nodes().skip(1).filter(|(_, n)| takes(n).1) {
        for role in common::roles(&play) {
            let holdings = play.participant(role).unwrap().holdings.as_ref().unwrap();
            assert!(
                holdings.complete(id, &mixed).is_err(),
                "{role} and {}",
                node.name
            );
        }
    }
}

/// In the paper's template, one secret opens either verdict: the weakness is there, and nothing else is.
#[test]
fn the_papers_moves() {
    let mut chain = Embedded::new();
    let play = common::play(&mut chain, Template::Paper, (2, 3));
    let worker = play.participant(Role::Worker).unwrap().secrets.clone();
    let mut open = Vec::new();
    for (id, node) in play.graph().nodes().skip(1) {
        for role in common::roles(&play) {
            let holdings = play.participant(role).unwrap().holdings.as_ref().unwrap();
            if holdings.complete(id, &worker).is_ok() {
                open.push((node.name.base, role));
            }
        }
    }
    let expected = [
        ("Tx1", Role::Verifier),
        ("Tx2", Role::Client),
        ("Tx3", Role::Client),
        ("Tx3", Role::Worker),
        ("Tx3", Role::Verifier),
        ("Tx4", Role::Client),
        ("Tx4", Role::Verifier),
        ("Tx5", Role::Verifier),
        ("TxA", Role::Verifier),
        ("Tx6", Role::Client),
    ];
    assert_eq!(
        open, expected,
        "before the panel's secret is revealed, with the worker's two secrets"
    );
}

/// Every way of changing a signed transaction that keeps it one.
fn changes(tx: &Transaction, others: &[Transaction]) -> Vec<(&'static str, Transaction)> {
    let mut all: Vec<(&'static str, Transaction)> = Vec::new();
    let mut change = |what, f: &dyn Fn(&mut Transaction)| {
        let mut changed = tx.clone();
        f(&mut changed);
        assert_ne!(changed, *tx, "{what} changes nothing");
        all.push((what, changed));
    };
    let last = tx.output.len() - 1;
    change("a satoshi less", &|t| t.output[0].value -= Amount::ONE_SAT);
    change("a satoshi to the anchor", &|t| {
        t.output[0].value -= Amount::ONE_SAT;
        t.output[last].value += Amount::ONE_SAT;
    });
    change("another payee", &|t| {
        t.output[0].script_pubkey = common::miner()
    });
    change("an output less", &|t| drop(t.output.remove(0)));
    change("no anchor", &|t| drop(t.output.pop()));
    change("outputs in another order", &|t| t.output.reverse());
    change("another sequence", &|t| t.input[0].sequence = Sequence::MAX);
    change("a lock", &|t| {
        t.lock_time = LockTime::from_height(1).unwrap()
    });
    change("version 2", &|t| t.version = Version::TWO);
    change("a flag behind the signature", &|t| {
        let mut signature = t.input[0].witness.to_vec().remove(0);
        signature.push(1);
        t.input[0].witness = Witness::from_slice(&[signature]);
    });
    change("an annex", &|t| t.input[0].witness.push([0x50, 0]));
    if tx.lock_time != LockTime::ZERO {
        change("no lock", &|t| t.lock_time = LockTime::ZERO);
    }
    if tx.input.len() > 1 {
        change("signatures changed about", &|t| {
            let first = t.input[0].witness.clone();
            t.input[0].witness = t.input[1].witness.clone();
            t.input[1].witness = first;
        });
        change("a stake left out", &|t| {
            let gone = t.input.pop().unwrap();
            assert!(!gone.witness.is_empty());
            t.output[0].value -= Amount::from_sat(250_000);
        });
    }
    for other in others {
        change("the signature of another transaction", &|t| {
            t.input[0].witness = other.input[0].witness.clone()
        });
    }
    all
}

fn completed(play: &ContractPlay<'_>, moves: &[(Role, NodeName)]) -> Vec<Transaction> {
    let with = |(who, name): &(Role, NodeName)| {
        let holdings = play.participant(*who).unwrap().holdings.as_ref().unwrap();
        holdings
            .complete(play.find(*name).unwrap(), &everything(play))
            .unwrap()
    };
    moves.iter().map(with).collect()
}

/// None of these transactions can be changed; the last of them is mined as it is.
fn hold_and_mine(play: &mut ContractPlay<'_>, moves: &[(Role, NodeName)]) -> usize {
    let txs = completed(play, moves);
    let mut tried = 0;
    for (i, tx) in txs.iter().enumerate() {
        let others: Vec<_> = txs
            .iter()
            .enumerate()
            .filter(|(j, _)| *j != i)
            .map(|(_, t)| t.clone())
            .collect();
        for (what, changed) in changes(tx, &others) {
            let reason = refused(play, &changed);
            assert!(
                is_bad_signature(&reason),
                "{what} in {}: {reason}",
                moves[i].1
            );
            tried += 1;
        }
    }
    common::mined(play, txs.last().unwrap());
    tried
}

fn changed_after_signing(chain: &mut dyn Chain) {
    use Role::{Client, Verifier, Worker};
    let mut play = common::funded(chain);
    assert!(
        play.graph()
            .node(TxGraph::FUNDING)
            .unwrap()
            .signing
            .is_none()
    );
    // The settlement is held by whoever has it handed over.
    common::token_shown(&mut play);
    common::approve(&mut play);
    // Timelocks have passed at each step, so that it is the signature that counts.
    let deadline = common::deliver_height(play.terms());
    common::before(&mut play, deadline + 1);
    let mut tried = 0;
    let early = [
        (Worker, Exit::NORMAL),
        (Worker, Exit::ADMITTED),
        (Client, Exit::WORKER_TIMEOUT),
        (Worker, Exit::DELIVERED),
    ];
    tried += hold_and_mine(&mut play, &early);
    play.mine(6 + 24).unwrap();
    let verdicts = [
        (Worker, Exit::VERIFIER_TIMEOUT),
        (Client, Exit::ABANDONED),
        (Verifier, Exit::APPROVED),
        (Verifier, Exit::REJECTED),
    ];
    tried += hold_and_mine(&mut play, &verdicts);
    play.mine(6).unwrap();
    tried += hold_and_mine(
        &mut play,
        &[(Client, Exit::UNAPPEALED), (Worker, Exit::APPEALED)],
    );
    play.mine(30).unwrap();
    let two = ArbiterSet::full(2);
    let rulings = Rulings {
        worker: ArbiterSet::full(1),
        verifier: ArbiterSet::empty(),
    };
    let endings = [
        (
            Verifier,
            Exit::ruled(Ruling::WorkerAtFault, ArbiterSet::full(3)),
        ),
        (Verifier, Exit::ruled(Ruling::WorkerAtFault, two)),
        (Worker, Exit::ruled(Ruling::VerifierAtFault, two)),
        (Client, Exit::failed(Some(rulings), false)),
        (Role::Arbiter(1), Exit::failed(Some(rulings), true)),
    ];
    tried += hold_and_mine(&mut play, &endings);
    println!("{tried} changed transactions refused");
}
