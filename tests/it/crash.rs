//! A party that remembers nothing but its stored holdings and its keys, at every step of every long story.

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
    play::Scene,
    regtest::{Chain, Embedded},
};

use Role::{Arbiter, Client, Verifier, Worker};

on_both_chains!(
    through_a_dispute,
    through_an_approval,
    through_an_approval_off_chain
);

/// All parties lose their memory: holdings come back from bytes, terms from JSON.
fn crash(scene: &mut Scene<'_>, stored: &[(Role, Vec<u8>)], terms: &str) {
    let terms = Arc::new(Terms::from_json(terms.as_bytes()).unwrap());
    for (role, bytes) in stored {
        let holdings = ContractSignatures::from_bytes(terms.clone(), bytes).unwrap();
        assert_eq!(holdings.to_bytes(), *bytes, "{role}");
        assert_eq!(holdings.role(), *role);
        scene.actor_mut(*role).unwrap().holdings = Some(holdings);
    }
}

fn store(scene: &Scene<'_>) -> Vec<(Role, Vec<u8>)> {
    let bytes = |role| {
        scene
            .actor(role)
            .unwrap()
            .holdings
            .as_ref()
            .unwrap()
            .to_bytes()
    };
    common::roles(scene)
        .into_iter()
        .map(|role| (role, bytes(role)))
        .collect()
}

/// Crashes before every move.
fn play(scene: &mut Scene<'_>, moves: &[(Role, NodeName)]) {
    let terms = scene.terms().to_json().unwrap();
    for (who, name) in moves {
        let stored = store(scene);
        crash(scene, &stored, &terms);
        scene.publish(*who, *name, "after a crash").unwrap();
    }
}

fn through_a_dispute(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    play(
        &mut scene,
        &[
            (Worker, Exit::DELIVERED),
            (Verifier, Exit::REJECTED),
            (Worker, Exit::APPEALED),
        ],
    );
    common::rule(&mut scene, 0..2, Ruling::VerifierAtFault);
    let two = ArbiterSet::full(2);
    play(
        &mut scene,
        &[(Worker, Exit::ruled(Ruling::VerifierAtFault, two))],
    );
    assert_eq!(gains(&scene), [-100_000, 100_000, -220_000]);
    let arbiters = [0, 1, 2].map(|i| common::gain(&scene, Arbiter(i)));
    assert_eq!(arbiters, [75_000, 75_000, -250_000]);
}

fn through_an_approval(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    play(
        &mut scene,
        &[
            (Worker, Exit::DELIVERED),
            (Verifier, Exit::APPROVED),
            (Client, Exit::WITHHELD),
        ],
    );
    assert_eq!(gains(&scene), [0, -100_000, 20_000]);
}

/// The share that the verifier withholds is withheld through a crash, and can be handed over after it; so can the
/// worker's half that waits for it.
fn through_an_approval_off_chain(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    let terms = scene.terms().to_json().unwrap();
    let id = common::node(&scene, Exit::NORMAL);
    let stored = store(&scene);
    crash(&mut scene, &stored, &terms);
    assert!(scene.complete(Worker, id).is_err());
    let token = common::token_shown(&mut scene);
    let releases = scene
        .actor(Verifier)
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
        let client = scene.actor_mut(Client).unwrap().holdings.as_mut().unwrap();
        assert!(client.accept(&wrong).is_err());
        client.accept(&release).unwrap();
    }
    // The client has the whole, through a crash, before the worker has anything.
    let stored = store(&scene);
    crash(&mut scene, &stored, &terms);
    assert!(scene.complete(Worker, id).is_err());
    common::handed_to_the_worker(&mut scene);
    // Accepted shares are durable once stored.
    play(&mut scene, &[(Worker, Exit::NORMAL)]);
    assert_eq!(gains(&scene), [-100_000, 80_000, 20_000]);
}

#[test]
fn terms_come_back_with_the_same_graph() {
    let mut chain = Embedded::new();
    let scene = common::funded(&mut chain);
    let json = scene.terms().to_json().unwrap();
    let terms = Terms::from_json(json.as_bytes()).unwrap();
    assert_eq!(terms, **scene.terms());
    assert_eq!(terms.to_json().unwrap(), json);
    let graph = derive(&terms).unwrap();
    assert_eq!(graph.nodes().len(), scene.graph().nodes().len());
    for (id, node) in graph.nodes() {
        assert_eq!(
            graph.assemble(id),
            scene.graph().assemble(id),
            "{}",
            node.name
        );
        assert_eq!(
            graph.sighashes(id),
            scene.graph().sighashes(id),
            "{}",
            node.name
        );
    }
}

/// Stored bytes with any bit of a signature changed are not taken for good.
#[test]
fn damage_is_noticed() {
    let mut chain = Embedded::new();
    let scene = common::funded(&mut chain);
    let bytes = scene
        .actor(Worker)
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
            ContractSignatures::from_bytes(scene.terms().clone(), &damaged).is_err(),
            "byte {at} of {}",
            bytes.len()
        );
    }
    assert!(
        ContractSignatures::from_bytes(scene.terms().clone(), &bytes[..bytes.len() - 1]).is_err()
    );
}
