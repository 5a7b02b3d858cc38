//! Rulings on an approval that the client challenges: each row with what decides just before it.

use narthex_game_model::commitment::{
    KeyPolynomial, Opening, ReceiptKind, SignedReceipt, open_with,
};
use narthex_game_model::computation::Computation;
use narthex_game_model::play::Strategy;
use narthex_game_model::ruling::{Brought, CaseFinding, Item, Litigant, Row, RuleError, data_id};
use narthex_game_model::schedule::ChallengeSchedule;
use narthex_game_model::{Params, ParamsRecord, Ratio, Ruling};

use crate::commitment_support;
use crate::ruling_support::*;

/// The challenge is upheld.
const UPHELD: Ruling = Ruling::WorkerAtFault;
const DISMISSED: Ruling = Ruling::VerifierAtFault;

fn scene(strategy: &Strategy) -> Scene {
    Scene::challenged(3, 2, strategy)
}

fn honest() -> Scene {
    scene(&Strategy::Honest)
}

/// Some outputs are wrong.
fn cheat() -> Scene {
    let steps = (0..STEPS / 2).collect();
    scene(&Strategy::Target { steps })
}

fn dates(scene: &Scene) -> ChallengeSchedule {
    ChallengeSchedule::of(&scene.case.terms.params, scene.case.chain.verdict)
}

/// What the worker opened to the client after an approval.
struct Approved {
    /// What the client looks at.
    indices: Vec<u64>,
    /// That, and the rest of what may be opened: the last steps, which are right even in wrong work.
    opened: Vec<u64>,
    signed: Item,
    worker: Pile,
}

/// These, and the last of the others, as many as may be opened.
fn filled(scene: &Scene, indices: &[u64]) -> Vec<u64> {
    let most = scene.commitment().openings as usize;
    let others = (0..STEPS).rev().filter(|i| !indices.contains(i));
    let mut all: Vec<u64> = others.take(most - indices.len()).collect();
    all.extend(indices);
    all.sort_unstable();
    all
}

impl Approved {
    /// As a block draws it.
    fn of(scene: &Scene) -> Approved {
        Approved::drawn(scene, None)
    }

    /// As the client draws it.
    fn drawn(scene: &Scene, nonce: Option<[u8; 32]>) -> Approved {
        let indices = scene.audited(nonce);
        let draw = nonce.map(|nonce| drawn_by_client(scene, nonce));
        let opened = filled(scene, &indices);
        Approved::opening(scene, (indices, draw), opened)
    }

    /// Of whatever steps the worker likes.
    fn opening(
        scene: &Scene,
        (indices, draw): (Vec<u64>, Option<Item>),
        opened: Vec<u64>,
    ) -> Approved {
        let opening = scene.open(&opened);
        let signed = Item::AuditOpening {
            audit: draw.as_ref().map_or([0; 32], id),
            opening: opening.id(),
        };
        let mut worker = Pile::of(Litigant::Worker, scene).unsaid(&signed);
        worker.0.commitment = Some(scene.commitment());
        if let Some(draw) = &draw {
            worker = worker.unsaid(draw);
        }
        Approved {
            indices,
            opened,
            worker: shows(worker, opening),
            signed,
        }
    }

    /// Boxes and opening were handed over to the client at this height, by its own receipts.
    fn served(self, scene: &Scene, height: u32) -> Pile {
        let client = key_of(Litigant::Client);
        let root = scene.case.chain.record.unwrap().root;
        let receipts = [
            receipt(
                ReceiptKind::Data,
                data_id(&CONTRACT, &root),
                &client,
                height,
            ),
            receipt(ReceiptKind::Opening, id(&self.signed), &client, height),
        ];
        self.worker.with(|b| b.receipts.extend(receipts))
    }
}

fn drawn_by_client(scene: &Scene, nonce: [u8; 32]) -> Item {
    let root = scene.commitment().id();
    Item::Audit { root, nonce }
}

/// A worker that serves the client with what a block draws at the last moment.
fn in_time(scene: &Scene) -> Pile {
    Approved::of(scene).served(scene, dates(scene).served)
}

fn client(scene: &Scene) -> Pile {
    Pile::of(Litigant::Client, scene)
}

/// The client names a step by bringing its input.
fn names(scene: &Scene, index: u64) -> Pile {
    client(scene).with(|b| b.record = Some(scene.record(index)))
}

#[track_caller]
fn found(scene: &Scene, brought: [Pile; 2], row: Row, ruling: Ruling) -> CaseFinding {
    let parts: [Brought; 2] = brought.map(|pile| pile.0);
    let found = scene.rule(&parts).unwrap();
    let [a, b] = parts;
    let turned = scene.rule(&[b, a]).unwrap();
    assert_eq!((turned.row, turned.ruling), (found.row, found.ruling));
    assert_eq!((found.row, found.ruling), (row, ruling), "{found:?}");
    assert_eq!(found.unpaid, None, "row c3 has asked");
    found
}

/// The sampled step at which the worker's leaf is wrong.
fn bad_step(scene: &Scene, indices: &[u64]) -> Option<u64> {
    let (claimed, right) = (scene.claimed(indices), scene.right(indices));
    let mut pairs = indices.iter().zip(claimed.iter().zip(&right));
    pairs
        .find(|(_, (own, right))| own != right)
        .map(|(i, _)| *i)
}

#[test]
fn right_work_is_paid_whatever_step_the_client_names() {
    let scene = honest();
    let served = dates(&scene).served;
    for index in 0..STEPS {
        let worker = in_time(&scene);
        found(
            &scene,
            [worker, names(&scene, index)],
            Row::NoGround,
            DISMISSED,
        );
    }
    // Or none, or another's step under its number: then nothing has been shown.
    let worker = in_time(&scene);
    found(&scene, [worker, client(&scene)], Row::NoGround, DISMISSED);
    let approved = Approved::of(&scene);
    let (named, other) = (approved.indices[0], approved.indices[1]);
    let forged = client(&scene).with(|b| {
        let record = scene.record(other);
        b.record = Some(narthex_game_model::ruling::ProvenRecord {
            index: named,
            ..record
        });
    });
    let worker = approved.served(&scene, served);
    let finding = found(&scene, [worker, forged], Row::NoGround, DISMISSED);
    assert_eq!(finding.refused.len(), 1, "{finding:?}");
}

#[test]
fn wrong_work_that_was_approved_costs_both_their_stakes() {
    let scene = cheat();
    let approved = Approved::of(&scene);
    let bad = bad_step(&scene, &approved.indices).expect("the draw hits");
    let served = dates(&scene).served;
    let right = approved.indices.iter().find(|i| **i >= STEPS / 2).copied();
    let worker = approved.served(&scene, served);
    found(
        &scene,
        [worker, names(&scene, bad)],
        Row::ChallengedStep,
        UPHELD,
    );
    // Naming a right step of wrong work shows nothing; nor does a wrong one that was not opened.
    let worker = in_time(&scene);
    let named = names(&scene, right.expect("it has a right step too"));
    found(&scene, [worker, named], Row::NoGround, DISMISSED);
    let approved = Approved::of(&scene);
    let outside = (0..STEPS / 2).find(|i| !approved.opened.contains(i));
    let worker = approved.served(&scene, served);
    let named = names(&scene, outside.unwrap());
    found(&scene, [worker, named], Row::NoGround, DISMISSED);
}

#[test]
fn a_client_that_was_not_served_need_not_guess() {
    let scene = honest();
    let served = dates(&scene).served;
    // One block late, whatever is right about the work.
    let late = Approved::of(&scene).served(&scene, served + 1);
    found(&scene, [late, client(&scene)], Row::Unserved, UPHELD);
    // The mailboxes of enough arbiters count as the client does, a single one does not.
    let kept_by = |arbiters: std::ops::Range<u8>| {
        let approved = Approved::of(&scene);
        let root = scene.case.chain.record.unwrap().root;
        let things = [data_id(&CONTRACT, &root), id(&approved.signed)];
        let receipts: Vec<SignedReceipt> = arbiters
            .flat_map(|index| things.map(|thing| kept(thing, index, served)))
            .collect();
        approved.worker.with(|b| b.receipts.extend(receipts))
    };
    found(
        &scene,
        [kept_by(0..2), client(&scene)],
        Row::NoGround,
        DISMISSED,
    );
    found(
        &scene,
        [kept_by(0..1), client(&scene)],
        Row::Unserved,
        UPHELD,
    );
    // The boxes alone are not enough, nor the opening alone.
    for kind in [ReceiptKind::Data, ReceiptKind::Opening] {
        let worker = in_time(&scene);
        let half = worker.with(|b| b.receipts.retain(|r| r.receipt.kind != kind));
        found(&scene, [half, client(&scene)], Row::Unserved, UPHELD);
    }
    // The chain lets no challenge cut that time short: a case in which one does is none.
    let mut hasty = honest();
    hasty.case.chain.accused = served;
    let unserved = Approved::of(&hasty).worker;
    found(&hasty, [unserved, client(&hasty)], Row::Unserved, UPHELD);
    hasty.case.chain.accused = served - 1;
    let refused = hasty.rule(&[Approved::of(&hasty).worker.0]).unwrap_err();
    assert!(matches!(refused, RuleError::Facts(why) if why.contains("a third")));
}

#[test]
fn what_was_opened_to_the_client_is_opened_to_the_panel() {
    let scene = honest();
    let served = dates(&scene).served;
    let hidden = in_time(&scene);
    let hidden = hidden.with(|b| b.openings.clear());
    found(&scene, [hidden, client(&scene)], Row::Unopened, UPHELD);
    // Of other steps than those, although as many.
    let indices = scene.audited(None);
    let mut others = filled(&scene, &indices);
    let unseen = (0..STEPS).find(|i| !others.contains(i)).unwrap();
    others.retain(|i| *i != indices[0]);
    others.push(unseen);
    others.sort_unstable();
    let approved = Approved::opening(&scene, (indices, None), others);
    let worker = approved.served(&scene, served);
    found(&scene, [worker, client(&scene)], Row::Unopened, UPHELD);
    // Boxes that hold garbage are no payment either, right as the leaves may be.
    let fraction = Ratio::ONE;
    let garbage = scene_of_garbage(fraction);
    let worker = in_time(&garbage);
    found(&garbage, [worker, client(&garbage)], Row::Unopened, UPHELD);
}

fn scene_of_garbage(fraction: Ratio) -> Scene {
    scene(&Strategy::Garbage { fraction, seed: 1 })
}

#[test]
fn the_client_may_draw_and_the_worker_that_took_it_opens_that() {
    let scene = cheat();
    let served = dates(&scene).served;
    let nonce = (0..)
        .map(|n| [n; 32])
        .find(|n| bad_step(&scene, &scene.audited(Some(*n))).is_some());
    let approved = Approved::drawn(&scene, nonce);
    let bad = bad_step(&scene, &approved.indices).unwrap();
    let draw = drawn_by_client(&scene, nonce.unwrap());
    let worker = approved.served(&scene, served);
    found(
        &scene,
        [worker, names(&scene, bad)],
        Row::ChallengedStep,
        UPHELD,
    );
    // A draw that the worker has neither taken nor had does not count: the block's does, and it has opened that.
    let scene = honest();
    let worker = in_time(&scene);
    let brought = [worker, client(&scene).unsaid(&draw)];
    found(&scene, brought, Row::NoGround, DISMISSED);
    // The worker names a draw of its own making.
    let approved = Approved::drawn(&scene, Some([9; 32]));
    let forged = approved.served(&scene, served).with(|b| {
        b.items
            .retain(|signed| !matches!(signed.item, Item::Audit { .. }));
    });
    found(&scene, [forged, client(&scene)], Row::Unopened, UPHELD);
    // Two draws are the client's contradiction, whichever the worker took.
    let worker = Approved::drawn(&scene, Some([9; 32])).served(&scene, served);
    let other = drawn_by_client(&scene, [8; 32]);
    let brought = [worker, client(&scene).unsaid(&other)];
    found(&scene, brought, Row::Contradiction, DISMISSED);
    // Of another root than the one on record.
    let elsewhere = Item::Audit {
        root: [3; 32],
        nonce: [9; 32],
    };
    let mut approved = Approved::drawn(&scene, Some([9; 32]));
    let opening = scene.open(&approved.opened).id();
    approved.signed = Item::AuditOpening {
        audit: id(&elsewhere),
        opening,
    };
    approved.worker.0.items = vec![sign(&approved.signed), sign(&elsewhere)];
    let worker = approved.served(&scene, served);
    found(&scene, [worker, client(&scene)], Row::Unopened, UPHELD);
}

/// A league that could leave the client's draw for the block's would have two, and take the one that misses.
#[test]
fn a_draw_that_the_worker_had_by_the_approval_binds_it() {
    let scene = cheat();
    let (served, approved) = (dates(&scene).served, scene.case.chain.verdict);
    let bound = |scene: &Scene, arbiters: std::ops::Range<u8>, height| {
        let draw = drawn_by_client(scene, [9; 32]);
        let receipts = arbiters.map(|index| kept(id(&draw), index, height));
        let receipts: Vec<_> = receipts.collect();
        let unsaid = client(scene).unsaid(&draw);
        unsaid.with(|b| b.receipts.extend(receipts))
    };
    let kept_by = |arbiters, height| bound(&scene, arbiters, height);
    // What the block draws misses, or the worker would gain nothing by it; here it opens that, whatever it is.
    let dodges = || in_time(&scene);
    let unopened = |brought| found(&scene, brought, Row::Unopened, UPHELD);
    unopened([dodges(), kept_by(0..2, approved)]);
    let draw = drawn_by_client(&scene, [9; 32]);
    let own = receipt(
        ReceiptKind::Sample,
        id(&draw),
        &key_of(Litigant::Worker),
        approved,
    );
    let shown = client(&scene).unsaid(&draw);
    unopened([dodges(), shown.with(|b| b.receipts.push(own))]);
    // Too few mailboxes, or a block late: then the worker may have known nothing of it when the block had drawn.
    let named = Approved::of(&scene);
    let right = named.indices.iter().find(|i| **i >= STEPS / 2).copied();
    for brought in [kept_by(0..1, approved), kept_by(0..3, approved + 1)] {
        let step = scene.record(right.expect("it draws a right step too"));
        let brought = [dodges(), brought.with(|b| b.record = Some(step))];
        found(&scene, brought, Row::NoGround, DISMISSED);
    }
    // The worker that opens it is where it was.
    let scene = honest();
    let worker = Approved::drawn(&scene, Some([9; 32])).served(&scene, served);
    let brought = [worker, bound(&scene, 0..3, approved)];
    found(&scene, brought, Row::NoGround, DISMISSED);
    // Of another root it binds nobody, or client and verifier would have an honest worker by any draw.
    let elsewhere = Item::Audit {
        root: [3; 32],
        nonce: [9; 32],
    };
    let kept_all = client(&scene).said(&elsewhere, approved);
    found(
        &scene,
        [in_time(&scene), kept_all],
        Row::NoGround,
        DISMISSED,
    );
}

/// The client names a step by what was opened to it, before it knows what the panel is shown.
#[test]
fn the_panel_is_shown_what_the_client_was_shown() {
    let scene = cheat();
    let served = dates(&scene).served;
    let truth = Approved::of(&scene);
    let right = scene.open(&truth.opened);
    // Signed and handed over: leaves whose keys are not the committed ones, from which nobody sees anything.
    let mut garbage = right.clone();
    garbage.leaves[0].share = garbage.leaves[1].share.clone();
    let signed = Item::AuditOpening {
        audit: [0; 32],
        opening: garbage.id(),
    };
    let two_faced = |shown: Vec<Opening>| {
        let mut approved = Approved::of(&scene);
        approved.worker.0.items = vec![sign(&signed)];
        approved.worker.0.openings = shown;
        approved.signed = signed.clone();
        approved.served(&scene, served)
    };
    for shown in [
        vec![right.clone()],
        vec![garbage.clone()],
        vec![right, garbage],
    ] {
        let brought = [two_faced(shown), client(&scene)];
        found(&scene, brought, Row::Unopened, UPHELD);
    }
}

/// A coefficient box of garbage is seen when t is out and paid for. Whoever has d shares opens the result without it; the audit's steps
/// alone are fewer, and of a league's sample the client may have nothing.
#[test]
fn what_is_opened_to_the_client_opens_the_result_whatever_the_coefficient_box_holds() {
    let scene = honest();
    let served = dates(&scene).served;
    let audited = scene.audited(None);
    assert!(audited.len() < scene.commitment().openings as usize);
    let short = Approved::opening(&scene, (audited.clone(), None), audited);
    let worker = short.served(&scene, served);
    found(&scene, [worker, client(&scene)], Row::Unopened, UPHELD);
    let opening = scene.open(&Approved::of(&scene).opened);
    let (commitment, secrets) = (scene.commitment(), commitment_support::secrets(9));
    let polynomial =
        KeyPolynomial::from_shares(&commitment, &secrets.result, &opening.shares()).unwrap();
    let width = scene.job.output_bytes();
    let plain = open_with(&commitment, width, scene.work.sealed(), &polynomial).unwrap();
    assert_eq!(plain, scene.work.outputs());
}

/// A league chooses a block and grinds its root until its own sample misses what is wrong. It does not choose what the
/// client looks at.
#[test]
fn what_the_league_has_sampled_does_not_count() {
    let scene = cheat();
    let served = dates(&scene).served;
    let approved = Approved::of(&scene);
    let bad = bad_step(&scene, &approved.indices).unwrap();
    let sample = scene.sample();
    let token = scene.token(&sample, &scene.claimed(&scene.indices(&sample)));
    let clean = scene.open(&(STEPS / 2..STEPS / 2 + u64::from(SAMPLED)).collect::<Vec<_>>());
    let opened = opens(&shown(&token), &clean);
    let worker = approved.served(&scene, served);
    let worker = shows(worker.unsaid(&sample).unsaid(&token).unsaid(&opened), clean);
    found(
        &scene,
        [worker, names(&scene, bad)],
        Row::ChallengedStep,
        UPHELD,
    );
}

#[test]
fn only_the_workers_word_counts_and_the_root_must_be_on_record() {
    let scene = honest();
    // A verifier in league with nobody, or with the client, signs a second sample: that is not the worker's fault.
    let later = scene.sample_height() + 1;
    let second = Item::Sample {
        nonce: NONCE,
        height: later,
        block: block(later),
    };
    let worker = in_time(&scene);
    let brought = [worker, client(&scene).unsaid(&second)];
    found(&scene, brought, Row::NoGround, DISMISSED);
    // A second opening of the worker's is.
    let other = Item::AuditOpening {
        audit: [7; 32],
        opening: [7; 32],
    };
    let worker = in_time(&scene);
    let brought = [worker, client(&scene).unsaid(&other)];
    found(&scene, brought, Row::Contradiction, UPHELD);
    let mut scene = scene;
    let worker = in_time(&scene);
    scene.case.chain.record = None;
    found(&scene, [worker, client(&scene)], Row::Record, UPHELD);
}

#[test]
fn a_contract_without_challenges_has_no_such_case() {
    let mut scene = honest();
    let worker = in_time(&scene);
    let record = ParamsRecord::example(3, 2, 800_000).for_job(STEPS, SAMPLED);
    scene.case.terms.params = Params::new(record.unwrap()).unwrap();
    let refused = scene.rule(&[worker.0]).unwrap_err();
    assert!(matches!(refused, RuleError::Facts(why) if why.contains("audited")));
}
