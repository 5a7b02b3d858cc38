//! A party that remembers nothing but its stored holdings and its keys, at every step of every long scenario.

use crate::common;
use narthex_base::codec::Message as _;

use std::sync::Arc;

use common::gains;
use narthex::{
    contracts::{
        graph::NodeName,
        setup::{ContractSignatures, Release},
        template::{Exit, derive},
        terms::{Role, Terms},
    },
    game_model::{ArbiterSet, Ruling},
    play::ContractPlay,
    regtest::{Chain, Embedded},
};

use Role::{Arbiter, Client, Verifier, Worker};

on_both_chains!(
    through_a_dispute,
    through_an_approval,
    through_an_approval_off_chain
);

/// All parties lose their memory: holdings come back from bytes, terms from JSON.
fn crash(play: &mut ContractPlay<'_>, stored: &[(Role, Vec<u8>)], terms: &str) {
    let terms = Arc::new(Terms::from_json(terms.as_bytes()).unwrap());
    for (role, bytes) in stored {
        let holdings = ContractSignatures::from_bytes(terms.clone(), bytes).unwrap();
        assert_eq!(holdings.to_bytes(), *bytes, "{role}");
        assert_eq!(holdings.role(), *role);
        play.participant_mut(*role).unwrap().holdings = Some(holdings);
    }
}

fn store(play: &ContractPlay<'_>) -> Vec<(Role, Vec<u8>)> {
    let bytes = |role| {
        play.participant(role)
            .unwrap()
            .holdings
            .as_ref()
            .unwrap()
            .to_bytes()
    };
    common::roles(play)
        .into_iter()
        .map(|role| (role, bytes(role)))
        .collect()
}

/// Crashes before every move.
fn moves(play: &mut ContractPlay<'_>, moves: &[(Role, NodeName)]) {
    let terms = play.terms().to_json().unwrap();
    for (who, name) in moves {
        let stored = store(play);
        crash(play, &stored, &terms);
        play.publish(*who, *name, "after a crash").unwrap();
    }
}

fn through_a_dispute(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    moves(
        &mut play,
        &[
            (Worker, Exit::DELIVERED),
            (Verifier, Exit::REJECTED),
            (Worker, Exit::APPEALED),
        ],
    );
    common::rule(&mut play, 0..2, Ruling::VerifierAtFault);
    let two = ArbiterSet::full(2);
    moves(
        &mut play,
        &[(Worker, Exit::ruled(Ruling::VerifierAtFault, two))],
    );
    assert_eq!(gains(&play), [-100_000, 100_000, -220_000]);
    let arbiters = [0, 1, 2].map(|i| common::gain(&play, Arbiter(i)));
    assert_eq!(arbiters, [75_000, 75_000, -250_000]);
}

fn through_an_approval(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    moves(
        &mut play,
        &[
            (Worker, Exit::DELIVERED),
            (Verifier, Exit::APPROVED),
            (Client, Exit::WITHHELD),
        ],
    );
    assert_eq!(gains(&play), [0, -180_000, 20_000]);
}

/// The share that the verifier withholds is withheld through a crash, and can be handed over after it; so can the
/// worker's half that waits for it.
fn through_an_approval_off_chain(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let terms = play.terms().to_json().unwrap();
    let id = common::node(&play, Exit::NORMAL);
    let stored = store(&play);
    crash(&mut play, &stored, &terms);
    assert!(play.complete(Worker, id).is_err());
    let token = common::token_shown(&mut play);
    let releases = play
        .participant(Verifier)
        .unwrap()
        .holdings
        .as_ref()
        .unwrap()
        .release(id, Some(&token))
        .unwrap();
    for release in releases {
        let release = Release::from_bytes(&release.to_bytes()).unwrap();
        let mut wrong = release.clone();
        wrong.share.0[31] ^= 1;
        let client = play
            .participant_mut(Client)
            .unwrap()
            .holdings
            .as_mut()
            .unwrap();
        assert!(client.accept(&wrong).is_err());
        client.accept(&release).unwrap();
    }
    // The client has the whole, through a crash, before the worker has anything.
    let stored = store(&play);
    crash(&mut play, &stored, &terms);
    assert!(play.complete(Worker, id).is_err());
    common::handed_to_the_worker(&mut play);
    // Accepted shares are durable once stored.
    moves(&mut play, &[(Worker, Exit::NORMAL)]);
    assert_eq!(gains(&play), [-100_000, 80_000, 20_000]);
}

#[test]
fn terms_come_back_with_the_same_graph() {
    let mut chain = Embedded::new();
    let play = common::funded(&mut chain);
    let json = play.terms().to_json().unwrap();
    let terms = Terms::from_json(json.as_bytes()).unwrap();
    assert_eq!(terms, **play.terms());
    assert_eq!(terms.to_json().unwrap(), json);
    let graph = derive(&terms).unwrap();
    assert_eq!(graph.nodes().len(), play.graph().nodes().len());
    for (id, node) in graph.nodes() {
        assert_eq!(
            graph.assemble(id),
            play.graph().assemble(id),
            "{}",
            node.name
        );
        assert_eq!(
            graph.sighashes(id),
            play.graph().sighashes(id),
            "{}",
            node.name
        );
    }
}

/// Stored bytes with any bit of a signature changed are not taken for good.
#[test]
fn damage_is_noticed() {
    let mut chain = Embedded::new();
    let play = common::funded(&mut chain);
    let bytes = play
        .participant(Worker)
        .unwrap()
        .holdings
        .as_ref()
        .unwrap()
        .to_bytes();
    let step = bytes.len() / 40;
    for at in (0..bytes.len()).step_by(step) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(
            ContractSignatures::from_bytes(play.terms().clone(), &damaged).is_err(),
            "byte {at} of {}",
            bytes.len()
        );
    }
    assert!(
        ContractSignatures::from_bytes(play.terms().clone(), &bytes[..bytes.len() - 1]).is_err()
    );
}
