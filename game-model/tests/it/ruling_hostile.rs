//! Cheats at the table that an honest side must not pay for, each with what it would gain.

use narthex_game_model::Ruling;
use narthex_game_model::commitment::Opening;
use narthex_game_model::play::Strategy;
use narthex_game_model::ruling::{Brought, CaseFinding, Item, Litigant, Row};

use crate::ruling_support::*;

const W: Ruling = Ruling::WorkerAtFault;
const V: Ruling = Ruling::VerifierAtFault;

/// A talk up to an honest verifier's reply, as the worker and the verifier bring it.
struct Talk {
    indices: Vec<u64>,
    reply: Item,
    worker: Pile,
    verifier: Pile,
}

fn talk(scene: &Scene, reply: impl Fn(&Item, &[u64]) -> Item) -> Talk {
    let s = scene.schedule();
    let sample = scene.sample();
    let indices = scene.indices(&sample);
    let token = scene.token(&sample, &scene.claimed(&indices));
    let reply = reply(&token, &indices);
    let worker = Pile::of(Litigant::Worker, scene).data(scene, RECORDED);
    let verifier = Pile::of(Litigant::Verifier, scene).said(&sample, s.nonce);
    Talk {
        worker: worker.said(&token, s.token),
        verifier: verifier.said(&reply, s.reply),
        indices,
        reply,
    }
}

fn ruled(scene: &Scene, parts: [Pile; 2]) -> CaseFinding {
    let [worker, verifier] = parts.map(|pile| pile.0);
    scene.rule(&[worker, verifier]).unwrap()
}

/// The worker's leaves come with the last block of the evidence, and only they say which step it is about: a verifier that
/// has found the wrong step can bring its input no more.
#[test]
fn a_worker_that_shows_its_leaves_at_the_last_moment_brings_the_input() {
    let wrong = Strategy::Target {
        steps: (0..STEPS).collect(),
    };
    for (strategy, expected) in [(wrong, W), (Strategy::Honest, V)] {
        let scene = Scene::new(3, 2, &strategy);
        let said = |scene: &Scene, token: &Item, indices: &[u64]| {
            let mut own = scene.right(indices);
            if expected == V {
                own[1] = [9; 32];
            }
            digests(token, own)
        };
        let ruled_with = |record: Option<usize>| {
            let talk = talk(&scene, |token, indices| said(&scene, token, indices));
            let worker = shows(talk.worker, scene.open(&talk.indices));
            let record = record.map(|position| scene.record(talk.indices[position]));
            let worker = worker.with(|b| b.record = record);
            ruled(&scene, [worker, talk.verifier])
        };
        let late = ruled_with(None);
        assert_eq!((late.row, late.ruling), (Row::Rerun, W), "{late:?}");
        // An honest worker knows the step from the reply, and brings its input.
        let brought = ruled_with(Some(if expected == V { 1 } else { 0 }));
        assert_eq!((brought.row, brought.ruling), (Row::Rerun, expected));
    }
}

/// It is none, whatever it opens beside the sample; and the verifier that rejects it at once, or at the last moment, shows
/// it to the panel.
#[test]
fn a_worker_that_signs_an_opening_of_too_many_steps_is_convicted_by_it() {
    let mut scene = Scene::new(3, 2, &Strategy::Honest);
    let s = scene.schedule();
    let wide = |opening: &Opening| {
        let mut wide = opening.clone();
        let mut more = wide.leaves[0].clone();
        more.index = STEPS;
        wide.leaves.push(more);
        wide
    };
    for rejected in [s.reply + 1, s.verdict] {
        scene.case.chain.verdict = rejected;
        let talk = talk(&scene, |token, _| shown(token));
        let opening = scene.open(&talk.indices);
        let signed = wide(&opening);
        let item = opens(&talk.reply, &signed);
        let worker = talk.worker.said(&item, s.reply + 1);
        // To the panel it opens what it should have opened to the verifier.
        let worker = shows(worker, opening);
        let verifier = talk.verifier.with(|b| b.openings.push(signed));
        let found = ruled(&scene, [worker, verifier]);
        assert_eq!((found.row, found.ruling), (Row::Opening, W), "{found:?}");
        assert!(found.refused.is_empty(), "{found:?}");
    }
}

/// Who sends one part to some arbiters first and another to others would have them rule differently, and nobody's majority
/// would be one.
#[test]
fn parts_count_alike_in_whatever_order_they_come() {
    let scene = Scene::new(3, 2, &Strategy::Honest);
    let talk = talk(&scene, |token, _| shown(token));
    let s = scene.schedule();
    let opening = scene.open(&talk.indices);
    let item = opens(&talk.reply, &opening);
    let full = shows(talk.worker.said(&item, s.opening), opening).0;
    let verifier = talk.verifier.0;
    let mut less = full.clone();
    less.openings.clear();
    let mut other = full.clone();
    other.token = Some([3; 32]);
    let empty = Brought::by(Litigant::Worker);
    let parts = [&full, &less, &other, &empty, &verifier];
    let mut found = Vec::new();
    for turn in 0..parts.len() {
        let mut turned: Vec<_> = parts.iter().map(|part| (*part).clone()).collect();
        turned.rotate_left(turn);
        found.push(scene.rule(&turned).unwrap());
        turned.reverse();
        found.push(scene.rule(&turned).unwrap());
    }
    assert_eq!((found[0].row, found[0].ruling), (Row::Else, V));
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
}
