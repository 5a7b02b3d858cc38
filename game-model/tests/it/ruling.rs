//! The table of rulings: each row with what decides just before it, and each amendment to it with a case that only the
//! amendment decides.

use narthex_game_model::commitment::{Commitment, Opening, ReceiptKind};
use narthex_game_model::play::Strategy;
use narthex_game_model::ruling::{
    Answer, Brought, CaseFinding, Item, Litigant, Rerun, RootOfRecord, Row, RuleError, data_id,
    rule,
};
use narthex_game_model::{Ratio, Ruling, sample};

use crate::ruling_support::*;

fn honest() -> Scene {
    Scene::new(3, 2, &Strategy::Honest)
}

/// All outputs are wrong.
fn wrong() -> Scene {
    let steps = (0..STEPS).collect();
    Scene::new(3, 2, &Strategy::Target { steps })
}

/// All outputs are right, and all boxes hold garbage.
fn garbage() -> Scene {
    let fraction = Ratio::ONE;
    Scene::new(3, 2, &Strategy::Garbage { fraction, seed: 1 })
}

fn worker(scene: &Scene) -> Pile {
    Pile::of(Litigant::Worker, scene).data(scene, RECORDED)
}

fn verifier(scene: &Scene) -> Pile {
    Pile::of(Litigant::Verifier, scene)
}

fn ruled(scene: &Scene, brought: [Pile; 2]) -> CaseFinding {
    let parts = brought.map(|pile| pile.0);
    let found = scene.rule(&parts).unwrap();
    // In any order.
    let [a, b] = parts;
    let turned = scene.rule(&[b, a]).unwrap();
    assert_eq!((turned.row, turned.ruling), (found.row, found.ruling));
    found
}

#[track_caller]
fn against(scene: &Scene, brought: [Pile; 2], row: Row, ruling: Ruling) -> CaseFinding {
    let found = ruled(scene, brought);
    assert_eq!((found.row, found.ruling), (row, ruling), "{found:?}");
    found
}

/// A talk in which each thing is said in time, up to the reply.
struct Talk {
    sample: Item,
    indices: Vec<u64>,
    token: Item,
    opening: Opening,
}

impl Talk {
    /// The worker seals these digests of the sample.
    fn sealed(scene: &Scene, seal: impl Fn(&[u64]) -> Vec<[u8; 32]>) -> Talk {
        let sample = scene.sample();
        let indices = scene.indices(&sample);
        let token = scene.token(&sample, &seal(&indices));
        let opening = scene.open(&indices);
        Talk {
            sample,
            indices,
            token,
            opening,
        }
    }

    fn of(scene: &Scene) -> Talk {
        Talk::sealed(scene, |indices| scene.claimed(indices))
    }

    /// Evidence with a reply, and the sample opened to the panel.
    fn replied(&self, scene: &Scene, reply: &Item) -> [Pile; 2] {
        let s = scene.schedule();
        let worker = worker(scene).said(&self.token, s.token);
        let verifier = verifier(scene).said(&self.sample, s.nonce);
        [
            shows(worker, self.opening.clone()),
            verifier.said(reply, s.reply),
        ]
    }

    /// The same with the worker's opening handed over.
    fn opened(&self, scene: &Scene, reply: &Item) -> [Pile; 2] {
        let [worker, verifier] = self.replied(scene, reply);
        let item = opens(reply, &self.opening);
        [worker.said(&item, scene.schedule().opening), verifier]
    }
}

const W: Ruling = Ruling::WorkerAtFault;
const V: Ruling = Ruling::VerifierAtFault;

#[test]
fn row_0_two_items_of_one_kind_are_a_contradiction_of_the_worker_first() {
    let scene = honest();
    let talk = Talk::of(&scene);
    let reply = shown(&talk.token);
    // The same thing said in both parts is said once; nothing is wrong but that the verifier has no ground.
    let [w, v] = talk.opened(&scene, &reply);
    let both = v.unsaid(&talk.token);
    against(&scene, [w, both], Row::Else, V);
    // M5: another seal for the arbiters than for the verifier.
    let other = scene.token(&talk.sample, &[[1; 32]; SAMPLED as usize]);
    let [w, v] = talk.opened(&scene, &reply);
    against(&scene, [w.unsaid(&other), v], Row::Contradiction, W);
    // Of both, the worker's counts.
    let second = digests(&talk.token, scene.right(&talk.indices));
    let [w, v] = talk.opened(&scene, &reply);
    let [w, v] = [w.unsaid(&other), v.unsaid(&second)];
    against(&scene, [w, v], Row::Contradiction, W);
    let [w, v] = talk.opened(&scene, &reply);
    against(&scene, [w.unsaid(&second), v], Row::Contradiction, V);
    // Two samples, of which the worker took one.
    let height = scene.sample_height() + 1;
    let later = Item::Sample {
        nonce: NONCE,
        height,
        block: block(height),
    };
    let [w, v] = talk.opened(&scene, &reply);
    against(&scene, [w, v.unsaid(&later)], Row::Contradiction, V);
    // It comes before the missing root.
    let mut scene = scene;
    scene.case.chain.record = None;
    let pile = Pile::of(Litigant::Worker, &scene);
    let two = verifier(&scene).unsaid(&later).unsaid(&talk.sample);
    let found = against(&scene, [pile, two], Row::Contradiction, W);
    assert!(found.unpaid.is_some(), "there is nothing to pay for");
}

#[test]
fn row_1_the_root_is_on_record_in_time_and_before_the_appeal() {
    let mut scene = honest();
    let root = scene.commitment().id();
    let at = |scene: &mut Scene, height| {
        scene.case.chain.record = Some(RootOfRecord { height, root });
        let nothing = verifier(scene);
        let opening = scene.open(&scene.substitute());
        let parts = [shows(worker(scene), opening), nothing];
        let found = ruled(scene, parts);
        (found.row, found.ruling)
    };
    let deadline = scene.schedule().record;
    assert_eq!(at(&mut scene, deadline), (Row::Sample, V));
    assert_eq!(at(&mut scene, deadline + 1), (Row::Record, W));
    // M8: whatever spends TxD, and however soon.
    scene.case.chain.verdict = DELIVERED + 1;
    scene.case.chain.accused = DELIVERED + 4;
    assert_eq!(at(&mut scene, DELIVERED + 4), (Row::Sample, V));
    assert_eq!(at(&mut scene, DELIVERED + 5), (Row::Record, W));
    scene.case.chain.record = None;
    let none = [Pile::of(Litigant::Worker, &scene), verifier(&scene)];
    against(&scene, none, Row::Record, W);
}

#[test]
fn row_1_the_root_is_the_one_that_the_worker_signed_and_commits_to_this_contract() {
    let scene = honest();
    let signed = |commitment: Commitment| Item::Commitment(Box::new(commitment));
    let open = || {
        let opening = scene.open(&scene.substitute());
        shows(worker(&scene), opening)
    };
    let same = verifier(&scene).unsaid(&signed(scene.commitment()));
    against(&scene, [open(), same], Row::Sample, V);
    // One draw: who has seen the nonce draws no second sample with another tree.
    let mut other = scene.commitment();
    other.root = [5; 32];
    let drawn_twice = verifier(&scene).unsaid(&signed(other));
    against(&scene, [open(), drawn_twice], Row::Record, W);
    // Nobody shows what is on record.
    let pile = open().with(|b| b.commitment = None);
    against(&scene, [pile, verifier(&scene)], Row::Record, W);
    // Shown, and of something else.
    for change in [
        |c: &mut Commitment| c.job = [1; 32],
        |c: &mut Commitment| c.steps += 1,
        |c: &mut Commitment| c.openings += 1,
        |c: &mut Commitment| c.result = x().point().unwrap(),
    ] {
        let mut scene = honest();
        let mut commitment = scene.commitment();
        change(&mut commitment);
        scene.case.chain.record = Some(RootOfRecord {
            height: RECORDED,
            root: commitment.id(),
        });
        let pile = worker(&scene).with(|b| b.commitment = Some(commitment));
        against(&scene, [pile, verifier(&scene)], Row::Record, W);
    }
}

#[test]
fn row_2_boxes_are_handed_over_unless_the_verifier_rejects_at_once() {
    let mut scene = honest();
    let deadline = scene.schedule().record;
    let opening = scene.open(&scene.substitute());
    let pile = |scene: &Scene, kept: Option<u32>| {
        let pile = Pile::of(Litigant::Worker, scene);
        let pile = pile.with(|b| b.commitment = Some(scene.commitment()));
        let pile = shows(pile, opening.clone());
        match kept {
            None => pile,
            Some(height) => pile.all_keep(data_id(&CONTRACT, &scene.commitment().id()), height),
        }
    };
    let found = |scene: &Scene, kept| {
        let found = ruled(scene, [pile(scene, kept), verifier(scene)]);
        (found.row, found.ruling)
    };
    assert_eq!(found(&scene, Some(deadline)), (Row::Sample, V));
    assert_eq!(found(&scene, Some(deadline + 1)), (Row::Boxes, W));
    assert_eq!(found(&scene, None), (Row::Boxes, W));
    // The verifier's own word counts, the client's does not: it may be in league with the worker.
    let id = data_id(&CONTRACT, &scene.commitment().id());
    for (who, row, ruling) in [
        (Litigant::Verifier, Row::Sample, V),
        (Litigant::Client, Row::Boxes, W),
        (Litigant::Worker, Row::Boxes, W),
    ] {
        let own = receipt(ReceiptKind::Data, id, &key_of(who), deadline);
        let pile = pile(&scene, None).with(|b| b.receipts.push(own));
        against(&scene, [pile, verifier(&scene)], row, ruling);
    }
    // M8.
    scene.case.chain.verdict = deadline;
    assert_eq!(found(&scene, None), (Row::Sample, V));
    scene.case.chain.verdict = deadline + 1;
    assert_eq!(found(&scene, None), (Row::Boxes, W));
}

#[test]
fn row_3_the_sample_is_drawn_by_the_contracts_nonce_and_the_right_block() {
    let scene = honest();
    let deadline = scene.schedule().nonce;
    let open = |scene: &Scene, indices: &[u64]| shows(worker(scene), scene.open(indices));
    let sample = scene.sample();
    let substitute = scene.substitute();
    // In time: the token is what is missing then.
    let v = verifier(&scene).said(&sample, deadline);
    against(&scene, [open(&scene, &substitute), v], Row::Token, W);
    let v = verifier(&scene).said(&sample, deadline + 1);
    against(&scene, [open(&scene, &substitute), v], Row::Sample, V);
    let v = verifier(&scene).unsaid(&sample);
    against(&scene, [open(&scene, &substitute), v], Row::Sample, V);
    // The worker's own receipt will do.
    let own = receipt(
        ReceiptKind::Sample,
        id(&sample),
        &key_of(Litigant::Worker),
        deadline,
    );
    let v = verifier(&scene)
        .unsaid(&sample)
        .with(|b| b.receipts.push(own));
    against(&scene, [open(&scene, &substitute), v], Row::Token, W);
    let drawn = |nonce, height, hash: [u8; 32]| Item::Sample {
        nonce,
        height,
        block: hash,
    };
    let height = scene.sample_height();
    for other in [
        drawn([1; 32], height, block(height)),
        drawn(NONCE, height, block(height - 1)),
        drawn(NONCE, 899, block(899)),
        drawn(
            NONCE,
            scene.case.chain.accused + 1,
            block(scene.case.chain.accused + 1),
        ),
        drawn(NONCE, u32::MAX, block(1)),
        drawn(NONCE, 0, [0; 32]),
    ] {
        let v = verifier(&scene).said(&other, deadline);
        against(&scene, [open(&scene, &substitute), v], Row::Sample, V);
    }
    // Any block since the funding: off chain nobody else knows which the verifier means.
    for height in [900, 951, height + 1] {
        let early = drawn(NONCE, height, block(height));
        let v = verifier(&scene).said(&early, deadline);
        against(&scene, [open(&scene, &substitute), v], Row::Token, W);
    }
}

#[test]
fn row_3_what_the_verifier_hands_over_is_there_before_it_rejects() {
    let mut scene = honest();
    let deadline = scene.schedule().nonce;
    scene.case.chain.verdict = deadline - 3;
    let open = shows(worker(&scene), scene.open(&scene.substitute()));
    let late = verifier(&scene).said(&scene.sample(), deadline - 2);
    against(&scene, [open, late], Row::Sample, V);
    let in_time = verifier(&scene).said(&scene.sample(), deadline - 3);
    let open = shows(worker(&scene), scene.open(&scene.substitute()));
    // Rejected before the token was due: M8 keeps row 4 away. Who has sealed for none opens what a block draws, whether the sample
    // counts or not: that depends on receipts that it does not have.
    against(&scene, [open, in_time], Row::Reply, V);
    let in_time = verifier(&scene).said(&scene.sample(), deadline - 3);
    let indices = scene.indices(&scene.sample());
    let other = shows(worker(&scene), scene.open(&indices));
    against(&scene, [other, in_time], Row::Reply, W);
}

#[test]
fn a_worker_that_seals_for_a_sample_has_it() {
    let scene = honest();
    let talk = Talk::of(&scene);
    // Neither receipt nor block: a reorganisation took the block away after the token.
    let mut scene = scene;
    scene
        .case
        .chain
        .blocks
        .insert(scene.sample_height(), [9; 32]);
    let [w, _] = talk.replied(&scene, &shown(&talk.token));
    let v = verifier(&scene).unsaid(&talk.sample);
    against(&scene, [w, v], Row::Reply, V);
}

#[test]
fn row_4_the_token_is_for_the_sample_and_in_time() {
    let mut scene = honest();
    let talk = Talk::of(&scene);
    let s = scene.schedule();
    let v = || verifier(&scene).said(&talk.sample, s.nonce);
    let w = |scene: &Scene| shows(worker(scene), talk.opening.clone());
    let in_time = w(&scene).said(&talk.token, s.token);
    against(&scene, [in_time, v()], Row::Reply, V);
    let late = w(&scene).said(&talk.token, s.token + 1);
    against(&scene, [late, v()], Row::Token, W);
    // Who answers a token has it.
    let reply = shown(&talk.token);
    let late = w(&scene).said(&talk.token, s.token + 1);
    against(&scene, [late, v().said(&reply, s.reply)], Row::Opening, W);
    // Whoever seals for a sample that came late owes no token by a deadline that was over.
    let sealed_late = w(&scene).said(&talk.token, s.token + 1);
    let drawn_late = verifier(&scene).said(&talk.sample, s.nonce + 1);
    against(&scene, [sealed_late, drawn_late], Row::Reply, V);
    // Of another sample.
    let Item::Token { sealed, .. } = talk.token else {
        unreachable!()
    };
    let other = Item::Token {
        sample: [3; 32],
        sealed,
    };
    let of_other = w(&scene).said(&other, s.token);
    against(&scene, [of_other, v()], Row::Token, W);
    // M8.
    let drawn = shows(worker(&scene), scene.open(&scene.substitute()));
    let early = [drawn, v()];
    scene.case.chain.verdict = s.token;
    against(&scene, early, Row::Reply, V);
    let late = [w(&scene), verifier(&scene).said(&talk.sample, s.nonce)];
    scene.case.chain.verdict = s.token + 1;
    against(&scene, late, Row::Token, W);
}

#[test]
fn row_5_the_reply_is_in_time_and_to_the_workers_token() {
    let scene = honest();
    let talk = Talk::of(&scene);
    let s = scene.schedule();
    let reply = shown(&talk.token);
    let base = || {
        let w = shows(worker(&scene), talk.opening.clone());
        let v = verifier(&scene).said(&talk.sample, s.nonce);
        (w.said(&talk.token, s.token), v)
    };
    let (w, v) = base();
    against(&scene, [w, v.said(&reply, s.reply + 1)], Row::Reply, V);
    // Who opens after a reply has it.
    let (w, v) = base();
    let opened = w.said(&opens(&reply, &talk.opening), s.opening);
    against(&scene, [opened, v.said(&reply, s.reply + 1)], Row::Else, V);
    // M5: to a token that the worker did not sign.
    let unknown = Item::Reply {
        token: [8; 32],
        answer: Answer::Digests(scene.right(&talk.indices)),
    };
    let (w, v) = base();
    let found = against(&scene, [w, v.said(&unknown, s.reply)], Row::Reply, V);
    assert!(found.reason.contains("did not sign"), "{found:?}");
    let forged = scene.token(&talk.sample, &[[1; 32]; SAMPLED as usize]);
    let (w, v) = base();
    let v = v.said(&shown(&forged), s.reply).with(|b| {
        b.items.push(
            forged
                .clone()
                .signed(&CONTRACT, &key_of(Litigant::Verifier)),
        );
    });
    let found = against(&scene, [w, v], Row::Reply, V);
    assert_eq!(found.refused.len(), 1, "{found:?}");
    // Digests of another number of steps.
    for count in [0, 1, SAMPLED as usize - 1, SAMPLED as usize + 1] {
        let reply = digests(&talk.token, vec![[1; 32]; count]);
        let (w, v) = base();
        against(&scene, [w, v.said(&reply, s.reply)], Row::Reply, V);
    }
}

#[test]
fn row_5_what_the_verifier_replies_is_there_before_it_rejects() {
    let mut scene = honest();
    let talk = Talk::of(&scene);
    let s = scene.schedule();
    scene.case.chain.verdict = s.reply - 3;
    let reply = shown(&talk.token);
    let at = |height| {
        let w = shows(worker(&scene), talk.opening.clone());
        let v = verifier(&scene).said(&talk.sample, s.nonce);
        [w.said(&talk.token, s.token), v.said(&reply, height)]
    };
    against(&scene, at(s.reply - 2), Row::Reply, V);
    // Then it has replied, and has no ground.
    against(&scene, at(s.reply - 3), Row::Else, V);
}

#[test]
fn row_5_a_false_hash_is_found_by_the_token() {
    let scene = honest();
    let talk = Talk::of(&scene);
    let Item::Reply {
        token,
        answer: Answer::Shown { kept, .. },
    } = shown(&talk.token)
    else {
        unreachable!()
    };
    let reply = Item::Reply {
        token,
        answer: Answer::Shown {
            hash: [1; 32],
            kept,
        },
    };
    let bytes = *x().expose();
    let [w, v] = talk.replied(&scene, &reply);
    let w = w.with(|b| b.token = Some(bytes));
    against(&scene, [w, v], Row::Reply, V);
    // The worker that keeps x to itself has to have opened.
    let [w, v] = talk.replied(&scene, &reply);
    against(&scene, [w, v], Row::Opening, W);
    // What is not x proves nothing.
    let [w, v] = talk.replied(&scene, &reply);
    let w = w.with(|b| b.token = Some([2; 32]));
    let found = against(&scene, [w, v], Row::Opening, W);
    assert_eq!(found.refused[0].by, Litigant::Worker);
    // A right hash stays right.
    let [w, v] = talk.opened(&scene, &shown(&talk.token));
    let w = w.with(|b| b.token = Some(bytes));
    against(&scene, [w, v], Row::Else, V);
}

#[test]
fn rows_6_to_8_judge_the_verifiers_digests() {
    let scene = honest();
    let talk = Talk::of(&scene);
    // 6: they were right, and the seal opens: the verifier rejects what it should approve.
    let same = digests(&talk.token, scene.right(&talk.indices));
    against(&scene, talk.replied(&scene, &same), Row::OpenSeal, V);
    // 8: they are not.
    let mut false_ones = scene.right(&talk.indices);
    false_ones[2] = [9; 32];
    let reply = digests(&talk.token, false_ones);
    let parts = || talk.replied(&scene, &reply);
    let [w, v] = parts();
    let v = v.with(|b| b.record = Some(scene.record(talk.indices[2])));
    against(&scene, [w, v], Row::Rerun, V);
    // 7: without leaves, or with those of another sample.
    let [w, v] = parts();
    let w = w.with(|b| b.openings.clear());
    against(&scene, [w, v], Row::Leaves, W);
    let [w, v] = parts();
    let w = w.with(|b| b.openings[0] = scene.open(&scene.substitute()));
    against(&scene, [w, v], Row::Leaves, W);
    let [w, v] = parts();
    let w = w.with(|b| b.openings[0].leaves[0].digest = [7; 32]);
    against(&scene, [w, v], Row::Leaves, W);
    // 7: without the box of that step. A verifier that brings the opening without it takes nothing from the worker's.
    let hash = talk.opening.clone().about(talk.indices[0]);
    let [w, v] = parts();
    let w = w.with(|b| b.openings[0] = hash.clone());
    against(&scene, [w, v], Row::Leaves, W);
    let [w, v] = parts();
    let v = v.with(|b| {
        b.openings.push(hash);
        b.record = Some(scene.record(talk.indices[2]));
    });
    against(&scene, [w, v], Row::Rerun, V);
    // 7: a false token: the leaves are what the verifier says, and the seal is of something else.
    let talk = Talk::sealed(&scene, |_| vec![[6; 32]; SAMPLED as usize]);
    let reply = digests(&talk.token, scene.right(&talk.indices));
    against(&scene, talk.replied(&scene, &reply), Row::Leaves, W);
    // 8: the worker's leaves are wrong.
    let scene = wrong();
    let talk = Talk::of(&scene);
    let reply = digests(&talk.token, scene.right(&talk.indices));
    let [w, v] = talk.replied(&scene, &reply);
    let v = v.with(|b| b.record = Some(scene.record(talk.indices[0])));
    against(&scene, [w, v], Row::Rerun, W);
}

/// A worker that is caught on one step shows another; the step is the first on which both differ, whatever is shown.
#[test]
fn row_8_the_step_follows_from_the_case_and_nobody_picks_it() {
    // Wrong up to a step, so that the sample has wrong and right ones; it changes with the outputs.
    let mut scenes = (0..STEPS).map(|last| {
        let steps = (0..=last).collect();
        (last, Scene::new(3, 2, &Strategy::Target { steps }))
    });
    let mixed = |(last, scene): &(u64, Scene)| {
        let drawn = scene.indices(&scene.sample());
        drawn[1] <= *last && drawn.last() > Some(last)
    };
    let (_, scene) = scenes.find(mixed).unwrap();
    let talk = Talk::of(&scene);
    let reply = digests(&talk.token, scene.right(&talk.indices));
    let right = *talk.indices.last().unwrap();
    let [w, v] = talk.replied(&scene, &reply);
    let w = w.with(|b| b.record = Some(scene.record(right)));
    let v = v.with(|b| b.record = Some(scene.record(talk.indices[0])));
    let found = against(&scene, [w, v], Row::Rerun, W);
    assert!(found.reason.contains(&format!("step {} ", talk.indices[0])));
    // A record that is none is refused, and whoever brought it is named.
    let [w, v] = talk.replied(&scene, &reply);
    let w = w.with(|b| {
        let mut record = scene.record(talk.indices[0]);
        record.record[0] ^= 1;
        b.record = Some(record);
    });
    let v = v.with(|b| b.record = Some(scene.record(talk.indices[0])));
    let found = against(&scene, [w, v], Row::Rerun, W);
    assert_eq!(found.refused[0].by, Litigant::Worker);
    // A judge without a program rules on nothing.
    let [w, v] = talk.replied(&scene, &reply);
    let none = rule(&scene.case, &[w.0, v.0], Rerun::None, COST);
    let index = talk.indices[0];
    assert_eq!(none, Err(RuleError::Program { index }));
}

#[test]
fn row_9_the_opening_is_of_the_sample_and_in_time() {
    let mut scene = honest();
    let talk = Talk::of(&scene);
    let s = scene.schedule();
    let reply = shown(&talk.token);
    let opening = opens(&reply, &talk.opening);
    let parts = |scene: &Scene, height: Option<u32>| {
        let [w, v] = talk.replied(scene, &reply);
        match height {
            None => [w, v],
            Some(height) => [w.said(&opening, height), v],
        }
    };
    against(&scene, parts(&scene, Some(s.opening)), Row::Else, V);
    against(&scene, parts(&scene, Some(s.opening + 1)), Row::Opening, W);
    against(&scene, parts(&scene, None), Row::Opening, W);
    // An answer that came late, and that the worker opened to all the same, asks for no opening by a deadline that was over.
    let late = |opened: u32| {
        let w = shows(worker(&scene), talk.opening.clone()).said(&talk.token, s.token);
        let v = verifier(&scene).said(&talk.sample, s.nonce);
        [w.said(&opening, opened), v.said(&reply, s.reply + 1)]
    };
    for opened in [s.opening, s.opening + 1] {
        against(&scene, late(opened), Row::Else, V);
    }
    // M8: a verifier that has shown the hash and does not wait for the opening.
    scene.case.chain.verdict = s.opening;
    against(&scene, parts(&scene, None), Row::Else, V);
    scene.case.chain.verdict = s.opening + 1;
    against(&scene, parts(&scene, None), Row::Opening, W);
    // An opening that the worker signed and that is none: at once.
    scene.case.chain.verdict = s.reply + 1;
    for other in [
        scene.open(&scene.substitute()),
        {
            let mut other = talk.opening.clone();
            other.leaves[1].share = other.leaves[0].share.clone();
            other
        },
        {
            let mut other = talk.opening.clone();
            other.leaves[1].digest = [7; 32];
            other
        },
    ] {
        let [w, v] = parts(&scene, None);
        let w = w.said(&opens(&reply, &other), s.reply + 1);
        let v = v.with(|b| b.openings.push(other));
        against(&scene, [w, v], Row::Opening, W);
    }
}

/// M1: right digests under the seal, computed after the sample was known, and garbage in the tree.
#[test]
fn row_9a_the_seal_opens_under_the_opened_leaves() {
    let scene = wrong();
    let talk = Talk::sealed(&scene, |indices| scene.right(indices));
    let reply = shown(&talk.token);
    against(&scene, talk.opened(&scene, &reply), Row::FalseSeal, W);
    // A step after `shown` is none of the verifier's grounds: the opened leaves are what the seal said.
    let scene = honest();
    let talk = Talk::of(&scene);
    let reply = shown(&talk.token);
    against(&scene, talk.opened(&scene, &reply), Row::Else, V);
}

#[test]
fn rows_10_and_11_the_ground_is_a_bad_box_of_the_sample() {
    let says = |reply: &Item, talk: &Talk, bad_box| Item::Verdict {
        opening: id(&opens(reply, &talk.opening)),
        bad_box,
    };
    let scene = garbage();
    let talk = Talk::of(&scene);
    let reply = shown(&talk.token);
    let inside = says(&reply, &talk, talk.indices[3]);
    let [w, v] = talk.opened(&scene, &reply);
    against(&scene, [w, v.unsaid(&inside)], Row::BadBox, W);
    // The verifier alone has the box; the worker shows its hash.
    let [w, v] = talk.opened(&scene, &reply);
    let whole = talk.opening.clone();
    let w = w.with(|b| b.openings[0] = whole.clone().about(talk.indices[0]));
    let v = v.with(|b| b.openings.push(whole.about(talk.indices[3])));
    against(&scene, [w, v.unsaid(&inside)], Row::BadBox, W);
    // Outside the sample, and no ground: the row is 11. M10: garbage is not paid for all the same.
    let outside = (0..STEPS).find(|i| !talk.indices.contains(i)).unwrap();
    for ground in [None, Some(outside), Some(u64::MAX)] {
        let [w, v] = talk.opened(&scene, &reply);
        let v = match ground {
            None => v,
            Some(step) => v.unsaid(&says(&reply, &talk, step)),
        };
        let found = against(&scene, [w, v], Row::Else, W);
        assert!(found.unpaid.unwrap().contains("box of step"));
    }
    let scene = honest();
    let talk = Talk::of(&scene);
    let reply = shown(&talk.token);
    for step in [talk.indices[3], outside] {
        let [w, v] = talk.opened(&scene, &reply);
        let v = v.unsaid(&says(&reply, &talk, step));
        against(&scene, [w, v], Row::Else, V);
    }
}

/// M10: whoever is paid by a ruling has opened the sample, with keys and boxes.
#[test]
fn a_ruling_against_the_verifier_takes_an_opening() {
    let scene = honest();
    let open = |indices: &[u64]| shows(worker(&scene), scene.open(indices));
    let indices = scene.substitute();
    against(&scene, [open(&indices), verifier(&scene)], Row::Sample, V);
    let unpaid = |pile: Pile| {
        let found = against(&scene, [pile, verifier(&scene)], Row::Sample, W);
        found.unpaid.unwrap()
    };
    assert!(unpaid(worker(&scene)).contains("not opened"));
    let other = scene.indices(&scene.sample());
    assert_ne!(other, indices);
    assert!(unpaid(open(&other)).contains("not opened"));
    let hash = scene.open(&indices).about(indices[0]);
    assert!(unpaid(shows(worker(&scene), hash)).contains("is not shown"));
    let mut share = scene.open(&indices);
    share.leaves[1].share = share.leaves[0].share.clone();
    unpaid(shows(worker(&scene), share));
    // Garbage on S7's way.
    let bad = garbage();
    let pile = shows(worker(&bad), bad.open(&bad.substitute()));
    let found = against(&bad, [pile, verifier(&bad)], Row::Sample, W);
    assert!(found.unpaid.unwrap().contains("box of step"));
    // The same where the sample was drawn: no reply, an open seal that is denied, digests that are wrong.
    for scene in [honest(), garbage()] {
        let talk = Talk::of(&scene);
        let s = scene.schedule();
        let silent = || {
            let w = worker(&scene).said(&talk.token, s.token);
            [w, verifier(&scene).said(&talk.sample, s.nonce)]
        };
        let same = digests(&talk.token, scene.right(&talk.indices));
        let mut wrong = scene.right(&talk.indices);
        wrong[2] = [9; 32];
        let wrong = digests(&talk.token, wrong);
        let told = |reply: &Item| {
            let [w, v] = silent();
            [w, v.said(reply, s.reply)]
        };
        let is_garbage = scene.commitment() != honest().commitment();
        let whole = talk.opening.clone();
        // The box of the step that row 8 is about is there, and no other.
        let half = whole.clone().about(talk.indices[2]);
        let cases: [(Row, &dyn Fn() -> [Pile; 2]); 3] = [
            (Row::Reply, &silent),
            (Row::OpenSeal, &|| told(&same)),
            (Row::Rerun, &|| told(&wrong)),
        ];
        for (row, parts) in cases {
            let shown = |opening: &Opening| {
                let [w, v] = parts();
                let w = shows(w, opening.clone());
                [
                    w.with(|b| b.record = Some(scene.record(talk.indices[2]))),
                    v,
                ]
            };
            let found = against(&scene, shown(&half), row, W);
            // Row 8 convicts a worker of the garbage in that very box.
            if !(is_garbage && row == Row::Rerun) {
                assert!(found.unpaid.unwrap().contains("is not shown"));
            }
            match is_garbage {
                false => against(&scene, shown(&whole), row, V),
                true => against(&scene, shown(&whole), row, W),
            };
        }
    }
    // Appealed before the token's deadline: the first block after the appeal draws it.
    let mut early = honest();
    early.case.chain.verdict = RECORDED + 1;
    early.case.chain.accused = RECORDED + 2;
    assert_eq!(early.case.substitute_height(), RECORDED + 3);
    let pile = shows(worker(&early), early.open(&early.substitute()));
    against(&early, [pile, verifier(&early)], Row::Sample, V);
    // Whose hash the judge has to have.
    early.case.chain.blocks.remove(&(RECORDED + 3));
    let missing = early.rule(&[worker(&early).0]);
    let height = RECORDED + 3;
    assert_eq!(missing, Err(RuleError::Block { height }));
}

/// M11: of a 4-of-5, two mute mailboxes convict nobody, and one that lies moves no date.
#[test]
fn kept_counts_from_as_many_arbiters_as_are_left_without_a_majority() {
    let scene = Scene::new(5, 4, &Strategy::Honest);
    let deadline = scene.schedule().nonce;
    let sample = scene.sample();
    let found = |heights: &[(u8, u32)]| {
        let receipts = heights
            .iter()
            .map(|(a, height)| kept(id(&sample), *a, *height));
        let v = verifier(&scene).unsaid(&sample);
        let v = v.with(|b| b.receipts.extend(receipts));
        let w = shows(worker(&scene), scene.open(&scene.substitute()));
        ruled(&scene, [w, v]).row
    };
    assert_eq!(found(&[(0, deadline), (4, deadline)]), Row::Token);
    assert_eq!(found(&[(0, deadline)]), Row::Sample);
    // The second smallest counts: not the median of what somebody picks, nor the smallest.
    assert_eq!(found(&[(0, 1), (4, deadline + 1)]), Row::Sample);
    let one_lies = [(0, deadline), (1, deadline), (4, u32::MAX)];
    assert_eq!(found(&one_lies), Row::Token);
    // An arbiter counts once, by its smallest height: who shows more receipts of it moves nothing back.
    let again = [(0, deadline), (0, u32::MAX), (4, u32::MAX), (4, deadline)];
    assert_eq!(found(&again), Row::Token);
    assert_eq!(found(&[(0, deadline), (0, deadline - 1)]), Row::Sample);
    let scene = honest();
    let stranger = receipt(ReceiptKind::Kept, id(&sample), &keypair(77), deadline);
    let v = verifier(&scene).unsaid(&scene.sample());
    let v = v.with(|b| {
        b.receipts.push(kept(id(&scene.sample()), 0, deadline));
        b.receipts.push(stranger);
    });
    let w = shows(worker(&scene), scene.open(&scene.substitute()));
    let found = against(&scene, [w, v], Row::Sample, V);
    assert_eq!(found.refused[0].by, Litigant::Verifier);
}

/// M13, and what else counts as absent: whoever brought it is named, and nobody else pays for it.
#[test]
fn what_is_malformed_is_refused_and_absent() {
    let scene = honest();
    let talk = Talk::of(&scene);
    let reply = shown(&talk.token);
    let s = scene.schedule();
    // By a key that the terms do not name, and of another contract.
    let foreign = [
        talk.sample.clone().signed(&CONTRACT, &keypair(99)),
        talk.sample
            .clone()
            .signed(&[1; 32], &key_of(Litigant::Verifier)),
    ];
    for signed in foreign {
        let v = verifier(&scene).all_keep(id(&talk.sample), s.nonce);
        let v = v.with(|b| b.items.push(signed));
        let w = shows(worker(&scene), scene.open(&scene.substitute()));
        let found = against(&scene, [w, v], Row::Sample, V);
        assert_eq!(found.refused[0].by, Litigant::Verifier);
    }
    // A flood hurts who brings it.
    let [w, v] = talk.opened(&scene, &reply);
    let v = v.with(|b| {
        let first = b.items[0].clone();
        b.items = vec![first; 5_000];
        let receipt = b.receipts[0];
        b.receipts = vec![receipt; 5_000];
        b.openings = vec![talk.opening.clone(); 50];
    });
    let found = against(&scene, [w, v], Row::Reply, V);
    assert_eq!(found.refused.len(), 3, "{found:?}");
    // A second part of one party is none.
    let [w, v] = talk.opened(&scene, &reply);
    let second = Brought::by(Litigant::Verifier);
    let found = scene.rule(&[w.0, v.0, second]).unwrap();
    assert_eq!((found.row, found.refused.len()), (Row::Else, 1));
    // Receipts of other contracts, or altered.
    let [w, v] = talk.replied(&scene, &reply);
    let v = v.with(|b| {
        for receipt in &mut b.receipts {
            receipt.receipt.height -= 1;
        }
    });
    let found = ruled(&scene, [w, v]);
    assert_eq!(found.row, Row::Reply);
    assert_eq!(found.refused.len(), 6);
}

#[test]
fn facts_that_no_contract_has_are_the_judges_fault() {
    let change: [fn(&mut Scene); 4] = [
        |s| s.case.chain.funded = DELIVERED + 1,
        |s| s.case.chain.verdict = DELIVERED - 1,
        |s| s.case.chain.accused = s.case.chain.verdict - 1,
        |s| s.case.terms.arbiters[1] = s.case.terms.worker,
    ];
    for change in change {
        let mut scene = honest();
        change(&mut scene);
        let refused = scene.rule(&[]);
        assert!(matches!(refused, Err(RuleError::Facts(_))), "{refused:?}");
    }
}

#[test]
fn items_have_one_byte_form_and_one_signature() {
    use narthex_base::codec::Message;
    let scene = honest();
    let talk = Talk::of(&scene);
    let reply = shown(&talk.token);
    let all = [
        Item::Commitment(Box::new(scene.commitment())),
        talk.sample.clone(),
        talk.token.clone(),
        reply.clone(),
        digests(&talk.token, scene.right(&talk.indices)),
        opens(&reply, &talk.opening),
        Item::Verdict {
            opening: [1; 32],
            bad_box: 7,
        },
    ];
    for (position, item) in all.iter().enumerate() {
        let bytes = item.to_bytes();
        assert_eq!(Item::from_bytes(&bytes).as_ref(), Ok(item));
        for end in 0..bytes.len() {
            assert!(Item::from_bytes(&bytes[..end]).is_err());
        }
        assert!(Item::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        let json = serde_json::to_string(&sign(item)).unwrap();
        assert_eq!(
            serde_json::from_str::<narthex_game_model::ruling::SignedItem>(&json).unwrap(),
            sign(item)
        );
        for other in &all[position + 1..] {
            assert_ne!(id(item), id(other));
        }
    }
    assert_eq!(
        sample::nonce_commitment(&NONCE),
        scene.case.terms.sample_nonce
    );
}
