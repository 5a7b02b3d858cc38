//! In which order a party of a contract says and shows things, and what it takes of others.

use narthex_channel::{
    Machine,
    contract::{
        Blob, Checking, ContractEffect, ContractInput, ContractRefusal, Done, Finding, Judging,
        Order, Parcel, Paying, Said, Task, Thing, Working,
    },
};
use narthex_contracts::{party::PartySet, template::Exit, terms::Role};
use narthex_game_model::{Ruling, commitment::ReceiptKind, ruling::RootOfRecord};

use crate::contract_support::{
    BOXES, CLIENT, DEPTH, DRAWN, MESSAGE, OPENED, PANEL, Seat, VERIFIER, WORKER, handed, opened,
    release, talk, world,
};

const DELIVERED: u32 = 115;
const ACCUSED: u32 = 140;

fn is_refused<T>(taken: Result<T, ContractRefusal>) -> bool {
    taken.is_err()
}

fn sends_opening(seat: &Seat<Working>) -> bool {
    let mut pending = seat.machine.pending().into_iter();
    pending.any(|effect| {
        matches!(
            effect,
            ContractEffect::Send {
                what: Parcel::Opening(_),
                ..
            }
        )
    })
}

#[test]
fn items_are_sent_only_after_they_are_filed() {
    let mut worker = Seat::<Working>::of(WORKER);
    let only_work = [ContractEffect::Task(Task::Work)];
    assert_eq!(worker.machine.pending(), only_work);
    let commitment = world().committed(0);
    let named = Parcel::Item(world().name(&commitment));
    worker.done(Done::Committed {
        commitment: commitment.clone(),
        boxes: BOXES,
    });
    assert_eq!(worker.sends(named), [CLIENT, VERIFIER]);
    assert_eq!(worker.sends(Parcel::Boxes(BOXES)), [CLIENT, VERIFIER]);
    // The sample is drawn, and no token is said before it is written down.
    let talk = talk(DRAWN, true);
    worker.item(VERIFIER, &talk.sample);
    worker.tip(DRAWN + 3);
    let token = Parcel::Item(world().name(&talk.token));
    assert!(worker.is_asked(Task::Seal));
    assert_eq!(worker.sends(token), []);
    worker.done(Done::Signed(talk.token));
    assert_eq!(worker.sends(token), [VERIFIER]);
    // What is acknowledged is not sent again.
    let receipt = (ReceiptKind::Commitment, world().name(&commitment));
    let receipt = world().receipt(receipt, (VERIFIER, WORKER), DRAWN);
    worker.said(VERIFIER, Said::Receipt(receipt));
    assert_eq!(worker.sends(named), [CLIENT]);
}

#[test]
fn m6_a_worker_seals_and_a_verifier_draws_only_by_a_block_that_is_deep() {
    let mut worker = Seat::committed();
    worker.item(VERIFIER, &talk(DRAWN, true).sample);
    worker.tip(DRAWN + 1);
    assert!(!worker.is_asked(Task::Seal));
    worker.tip(DRAWN + 2);
    assert!(worker.is_asked(Task::Seal));
    // With a nonce that the terms do not have, never.
    let mut other = Seat::committed();
    other.item(VERIFIER, &world().sample(2, DRAWN));
    other.tip(DRAWN + 50);
    assert!(!other.is_asked(Task::Seal));

    let mut verifier = Seat::bound_at(DRAWN - 1);
    verifier.tip(DRAWN + 1);
    assert!(!verifier.is_asked(Task::Sample { height: DRAWN }));
    verifier.tip(DRAWN + 2);
    assert!(verifier.is_asked(Task::Sample { height: DRAWN }));
}

#[test]
fn a_worker_opens_nothing_before_a_right_answer() {
    let opens = |is_shown| Done::Opened {
        item: talk(DRAWN, is_shown).opening,
        opening: opened(),
    };
    let sealed = || {
        let (mut worker, talk) = (Seat::committed(), talk(DRAWN, true));
        worker.item(VERIFIER, &talk.sample);
        worker.tip(DRAWN + 3);
        worker.done(Done::Signed(talk.token));
        worker
    };
    let done = |worker: &mut Seat<Working>, done: Done| {
        worker.step(&narthex_channel::contract::ContractInput::Done(done))
    };
    // No answer.
    let mut worker = sealed();
    assert!(is_refused(done(&mut worker, opens(true))));
    // Digests: they are looked at, and not answered by an opening.
    worker.item(VERIFIER, &talk(DRAWN, false).reply);
    assert!(worker.is_asked(Task::Open));
    assert!(is_refused(done(&mut worker, opens(false))));
    assert!(is_refused(done(&mut worker, opens(true))));
    assert!(!sends_opening(&worker));
    // A reply to another token is none.
    let mut worker = sealed();
    let other = world().reply(&world().token(&world().sample(1, DRAWN + 1)), true);
    worker.item(VERIFIER, &other);
    assert!(!worker.is_asked(Task::Open));
    // The token: the opening goes out when it is written down.
    worker.item(VERIFIER, &talk(DRAWN, true).reply);
    assert!(worker.is_asked(Task::Open) && !sends_opening(&worker));
    assert!(is_refused(done(&mut worker, opens(false))));
    assert!(done(&mut worker, opens(true)).is_ok() && sends_opening(&worker));
    // The item goes before what it names.
    let item = world().name(&talk(DRAWN, true).opening);
    let sent: Vec<_> = worker
        .machine
        .pending()
        .into_iter()
        .filter_map(|effect| match effect {
            ContractEffect::Send { what, .. } => Some(what),
            _ => None,
        })
        .collect();
    let at = |what| sent.iter().position(|sent| *sent == what).unwrap();
    assert!(at(Parcel::Item(item)) < at(Parcel::Opening(*opened().hash())));
}

#[test]
fn a_verifier_answers_before_it_takes_an_opening_for_one_and_releases_when_the_client_is_served() {
    let input = |done| narthex_channel::contract::ContractInput::Done(done);
    let approved = || input(Done::Approved(vec![release(1)]));
    // The opening is here before the answer: it counts for nothing.
    let (mut early, talk) = (Seat::drawn(), talk(DRAWN, true));
    early.item(WORKER, &talk.token);
    early.item(WORKER, &talk.opening);
    early.said(WORKER, Said::Blob(opened()));
    assert!(!early.is_asked(Task::Compare) && early.is_asked(Task::Answer));
    assert!(is_refused(early.step(&input(Done::Found(Finding::Equal)))));
    assert!(is_refused(early.step(&approved())));

    let mut verifier = Seat::found_equal();
    assert!(!verifier.is_asked(Task::Approve));
    assert!(is_refused(verifier.step(&approved())));
    assert_eq!(verifier.sends(Parcel::Release), []);
    verifier.serve();
    assert!(verifier.is_asked(Task::Approve));
    assert_eq!(verifier.sends(Parcel::Release), []);
    verifier.step(&approved()).unwrap();
    assert_eq!(verifier.sends(Parcel::Release), [CLIENT]);
    // Somebody has gone on chain: nothing is released any more.
    verifier.confirm(Exit::DELIVERED, DELIVERED);
    assert_eq!(verifier.sends(Parcel::Release), []);
}

#[test]
fn a_verifier_that_denied_the_token_never_approves() {
    let mut verifier = Seat::answered(false);
    verifier.item(WORKER, &talk(DRAWN, false).opening);
    verifier.said(WORKER, Said::Blob(opened()));
    assert!(!verifier.is_asked(Task::Compare));
    verifier.serve();
    assert_eq!(verifier.machine.standing(), "rejecting");
}

#[test]
fn m2_a_client_hands_the_settlement_on_when_the_share_is_good_and_the_boxes_are_here() {
    let mut client = Seat::<Paying>::of(CLIENT);
    client.item(WORKER, &world().committed(0));
    client.said(VERIFIER, Said::Release(release(1)));
    assert!(client.is_asked(Task::Check));
    client.done(Done::Approved(vec![release(1)]));
    assert!(!client.is_asked(Task::Pass));
    client.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    assert!(client.is_asked(Task::Look(Thing::Data)));
    let receipt = (ReceiptKind::Data, world().data());
    client.done(Done::Acknowledged {
        thing: Thing::Data,
        receipt: world().receipt(receipt, (CLIENT, WORKER), DRAWN),
    });
    assert!(client.is_asked(Task::Pass));
    assert_eq!(client.sends(Parcel::HandedOver), []);
    client.done(Done::Passed(vec![handed(1)]));
    assert_eq!(client.sends(Parcel::HandedOver), [WORKER]);
    client.confirm(Exit::DELIVERED, DELIVERED);
    assert_eq!(client.sends(Parcel::HandedOver), []);
}

fn accused(mut arbiter: Seat<Judging>) -> Seat<Judging> {
    let path = [
        (Exit::DELIVERED, DELIVERED),
        (Exit::REJECTED, ACCUSED - 5),
        (Exit::APPEALED, ACCUSED),
    ];
    let path = path.map(|(name, height)| (world().node(name), height));
    arbiter.path.extend(path);
    arbiter.tip(ACCUSED);
    arbiter
}

#[test]
fn an_arbiter_rules_when_the_evidence_is_closed_and_attests_what_it_ruled() {
    let input = |done| narthex_channel::contract::ContractInput::Done(done);
    let (mut arbiter, me) = (accused(Seat::of(PANEL[1])), 1);
    let closes = world().panel_schedule(ACCUSED).evidence;
    let rules = || input(Done::Ruled(Ruling::WorkerAtFault));
    let attests = |ruling| input(Done::Attested(world().attestation(me, ruling)));
    arbiter.said(WORKER, world().evidence(WORKER, [1; 32]));
    arbiter.tip(closes);
    assert!(!arbiter.is_asked(Task::Rule) && is_refused(arbiter.step(&rules())));
    arbiter.tip(closes + 1);
    assert!(arbiter.is_asked(Task::Rule));
    // What comes now is not in the case.
    arbiter.said(VERIFIER, world().evidence(VERIFIER, [2; 32]));
    assert_eq!(arbiter.book().papers().brought().len(), 1);
    let attested = attests(Ruling::WorkerAtFault);
    assert!(is_refused(arbiter.step(&attested)));
    arbiter.step(&rules()).unwrap();
    assert!(arbiter.is_asked(Task::Fix) && !arbiter.is_asked(Task::Attest));
    assert_eq!(arbiter.sends(Parcel::Digest), []);
    let mut bound = arbiter.clone();
    arbiter.is_seconded();
    assert!(arbiter.is_asked(Task::Attest));
    assert_eq!(arbiter.sends(Parcel::Attestation), []);
    assert!(is_refused(arbiter.step(&attests(Ruling::VerifierAtFault))));
    // Its case is bound to the other ruling: its disk had forgotten that. There is no way back from an attestation.
    let other = || input(Done::Ruled(Ruling::VerifierAtFault));
    bound.step(&other()).unwrap();
    bound.is_seconded();
    assert!(is_refused(bound.step(&attested)));
    bound.step(&attests(Ruling::VerifierAtFault)).unwrap();
    assert!(is_refused(bound.step(&rules())));
    arbiter.step(&attested).unwrap();
    assert!(is_refused(arbiter.step(&other())));
    let others = [CLIENT, WORKER, VERIFIER, PANEL[0], PANEL[2]];
    assert_eq!(arbiter.sends(Parcel::Attestation), others);
}

#[test]
fn the_evidence_is_closed_when_both_sides_have_brought_theirs() {
    let mut arbiter = accused(Seat::of(PANEL[1]));
    arbiter.said(WORKER, world().evidence(WORKER, [1; 32]));
    arbiter.said(CLIENT, world().evidence(CLIENT, [2; 32]));
    arbiter.tip(ACCUSED + 1);
    assert!(!arbiter.is_asked(Task::Rule));
    arbiter.said(VERIFIER, world().evidence(VERIFIER, [3; 32]));
    arbiter.tip(ACCUSED + 1);
    assert!(arbiter.is_asked(Task::Rule));
}

/// A reorganisation brings an appeal with blocks on top, or the arbiter was away.
#[test]
fn an_arbiter_that_sees_an_appeal_late_hears_the_parties_for_a_round_of_messages() {
    let late = world().panel_schedule(ACCUSED).evidence + 9;
    let mut arbiter = Seat::<Judging>::of(PANEL[1]);
    let path = [
        (Exit::DELIVERED, DELIVERED),
        (Exit::REJECTED, ACCUSED - 5),
        (Exit::APPEALED, ACCUSED),
    ];
    let path = path.map(|(name, height)| (world().node(name), height));
    arbiter.path.extend(path);
    for tip in late..=late + MESSAGE {
        arbiter.tip(tip);
        assert!(!arbiter.is_asked(Task::Rule), "at {tip}");
    }
    arbiter.said(WORKER, world().evidence(WORKER, [1; 32]));
    assert_eq!(arbiter.book().papers().brought().len(), 1);
    arbiter.tip(late + MESSAGE + 1);
    assert!(arbiter.is_asked(Task::Rule));
    // Taken back and come again, it is seen anew.
    let mut arbiter = accused(Seat::of(PANEL[1]));
    arbiter.path.truncate(3);
    arbiter.tip(ACCUSED + 1);
    arbiter
        .path
        .push((world().node(Exit::APPEALED), ACCUSED + 1));
    arbiter.tip(late + 1);
    assert!(!arbiter.is_asked(Task::Rule));
    arbiter.tip(late + 1 + MESSAGE + 1);
    assert!(arbiter.is_asked(Task::Rule));
}

#[test]
fn parties_bring_their_evidence_once_there_is_an_accusation() {
    let mut worker = Seat::opened();
    assert!(!worker.is_asked(Task::Plead));
    worker.order(Order::Deliver);
    let path = [
        (Exit::DELIVERED, DELIVERED),
        (Exit::REJECTED, ACCUSED - 5),
        (Exit::APPEALED, ACCUSED),
    ];
    for (name, height) in path {
        worker.confirm(name, height);
    }
    assert!(worker.is_asked(Task::Plead));
    worker.done(Done::Pleaded(world().brought(WORKER, [1; 32])));
    assert_eq!(worker.sends(Parcel::Evidence([1; 32])), PANEL);
}

/// Whoever gave another receipt of a later height would reckon its deadline from that, while the first one binds it.
#[test]
fn a_receipt_that_was_given_before_a_disk_went_back_stands() {
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    let name = world().name(&world().committed(0));
    let (thing, named) = (Thing::Item(name), (ReceiptKind::Commitment, name));
    let receipt = |issuer, height| world().receipt(named, (issuer, WORKER), height);
    let recalled = |receipt| ContractInput::Recalled(Said::Receipt(receipt));
    // A peer gives back what it has of this party's words, before what they were about.
    for height in [DRAWN, DRAWN - 2, DRAWN - 1] {
        let taken = verifier.step(&recalled(receipt(VERIFIER, height)));
        assert!(taken.is_ok(), "{taken:?}");
    }
    // What it has not signed is none of its words.
    let others = verifier.step(&recalled(receipt(WORKER, 1)));
    assert!(matches!(others, Err(ContractRefusal::Unsigned { .. })));
    let mut forged = receipt(VERIFIER, 1);
    forged.receipt.height = 0;
    assert!(is_refused(verifier.step(&recalled(forged))));

    verifier.item(WORKER, &world().committed(0));
    assert!(verifier.is_asked(Task::Look(thing)));
    let receipt = receipt(VERIFIER, DRAWN + 9);
    verifier.done(Done::Acknowledged { thing, receipt });
    let given = verifier.machine.book().papers().given(thing).unwrap();
    assert_eq!(given.receipt.height, DRAWN - 2);
    // Once it stands, nothing that comes back takes its place.
    let before = verifier.machine.clone();
    let again = world().receipt(named, (VERIFIER, WORKER), 3);
    verifier.step(&recalled(again)).unwrap();
    assert_eq!(verifier.machine, before);
}

#[test]
fn what_is_not_acknowledged_goes_to_the_arbiters_behind_the_delivery_and_not_before() {
    let mut worker = Seat::committed();
    let named = Parcel::Item(world().name(&world().committed(0)));
    assert_eq!(worker.sends(named), [CLIENT, VERIFIER]);
    worker.order(Order::Deliver);
    worker.confirm(Exit::DELIVERED, DELIVERED);
    let all = [CLIENT, WORKER, VERIFIER, PANEL[0], PANEL[1], PANEL[2]];
    let others: Vec<_> = all.into_iter().filter(|role| *role != WORKER).collect();
    assert_eq!(worker.sends(named), others);
    // Who keeps it is not asked again.
    let kept = (ReceiptKind::Kept, world().name(&world().committed(0)));
    let receipt = world().receipt(kept, (PANEL[1], WORKER), DELIVERED);
    worker.said(PANEL[1], Said::Receipt(receipt));
    let left: Vec<_> = others
        .into_iter()
        .filter(|role| *role != PANEL[1])
        .collect();
    assert_eq!(worker.sends(named), left);
}

#[test]
fn a_verifier_hands_on_what_a_worker_has_served_it_and_nobody_else() {
    let item = world().name(&talk(DRAWN, true).opening);
    let mut verifier = Seat::found_equal();
    let parcels = [
        Parcel::Item(world().name(&world().committed(0))),
        Parcel::Boxes(BOXES),
        Parcel::Item(item),
        Parcel::Opening(*opened().hash()),
    ];
    for parcel in parcels {
        assert_eq!(verifier.sends(parcel), [], "off chain the worker serves");
    }
    verifier.record(DELIVERED);
    verifier.confirm(Exit::DELIVERED, DELIVERED);
    let all = [CLIENT, PANEL[0], PANEL[1], PANEL[2]];
    for parcel in parcels {
        assert_eq!(verifier.sends(parcel), all);
    }
    // Both take it from the verifier, who has the commitment for them too: the worker has told them nothing.
    let mut client = Seat::<Paying>::of(CLIENT);
    let mut arbiter = Seat::<Judging>::of(PANEL[0]);
    let boxes = || Said::Blob(Blob::Boxes { hash: BOXES });
    client.item(VERIFIER, &world().committed(0));
    client.said(VERIFIER, boxes());
    arbiter.item(VERIFIER, &world().committed(0));
    arbiter.said(VERIFIER, boxes());
    assert!(client.is_asked(Task::Look(Thing::Data)));
    assert!(arbiter.is_asked(Task::Look(Thing::Data)));
    verifier.serve();
    for parcel in parcels {
        assert_eq!(verifier.sends(parcel), []);
    }
}

/// Boxes come from a party, and are none: as often as they are taken.
fn garbage_boxes(verifier: &mut Seat<Checking>, from: Role) -> u32 {
    for number in 0..100u8 {
        let hash = [number; 32];
        let taken = verifier.try_said(from, Said::Blob(Blob::Boxes { hash }));
        if taken.is_err() {
            return number.into();
        }
        // Others do not push it aside.
        verifier.said(PANEL[2], Said::Blob(Blob::Boxes { hash: [200; 32] }));
        assert_eq!(verifier.book().papers().boxes(), Some(&hash));
        verifier.done(Done::NotReceived { thing: Thing::Data });
    }
    100
}

#[test]
fn boxes_that_are_none_are_taken_a_few_times_from_each_and_the_right_ones_still() {
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    verifier.item(WORKER, &world().committed(0));
    for arbiter in [PANEL[0], PANEL[1]] {
        assert_eq!(garbage_boxes(&mut verifier, arbiter), 8);
    }
    verifier.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    assert!(verifier.is_asked(Task::Look(Thing::Data)));
}

#[test]
fn openings_that_no_item_names_fill_no_place() {
    let mut verifier = Seat::answered(true);
    for number in 20..120u8 {
        let (id, hash) = ([number; 32], [number; 32]);
        let taken = verifier.try_said(PANEL[0], Said::Blob(Blob::Opening { id, hash }));
        assert!(is_refused(taken));
    }
    assert_eq!(verifier.book().papers().openings().count(), 0);
    verifier.item(WORKER, &talk(DRAWN, true).opening);
    verifier.said(WORKER, Said::Blob(opened()));
    verifier.has_opening(DRAWN);
    assert!(verifier.is_asked(Task::Compare));
}

#[test]
fn an_opening_without_its_boxes_is_dropped_for_one_that_has_them() {
    let mut verifier = Seat::answered(true);
    let item = &talk(DRAWN, true).opening;
    verifier.item(WORKER, item);
    let (id, thing) = ([OPENED; 32], Thing::Item(world().name(item)));
    let hash = [0x77; 32];
    verifier.said(PANEL[0], Said::Blob(Blob::Opening { id, hash }));
    assert!(verifier.is_asked(Task::Look(thing)));
    // What is not the opening that was signed says nothing about the worker's work: it is not compared.
    assert!(!verifier.is_asked(Task::Compare));
    let found = ContractInput::Done(Done::Found(Finding::Wrong));
    assert!(is_refused(verifier.step(&found)));
    verifier.done(Done::NotReceived { thing });
    verifier.said(WORKER, Said::Blob(opened()));
    assert_eq!(verifier.book().papers().opening(&id), Some(opened().hash()));
    verifier.has_opening(DRAWN);
    assert!(verifier.is_asked(Task::Compare));
}

#[test]
fn evidence_comes_a_few_times_and_all_of_it_is_kept() {
    let mut arbiter = accused(Seat::of(PANEL[0]));
    for number in 0..8u8 {
        arbiter.said(WORKER, world().evidence(WORKER, [number; 32]));
    }
    assert!(is_refused(
        arbiter.try_said(WORKER, world().evidence(WORKER, [8; 32]))
    ));
    // The same is no news, and others bring theirs.
    arbiter.said(WORKER, world().evidence(WORKER, [7; 32]));
    arbiter.said(VERIFIER, world().evidence(VERIFIER, [9; 32]));
    let brought: Vec<_> = arbiter
        .book()
        .papers()
        .brought()
        .iter()
        .map(|part| part.hash())
        .collect();
    let all = (0..8).chain([9]).map(|number| [number; 32]);
    assert_eq!(brought, all.collect::<Vec<_>>());
    assert!(is_refused(
        arbiter.try_said(PANEL[1], world().evidence(PANEL[1], [9; 32]))
    ));
}

#[test]
fn shares_that_are_none_are_taken_a_few_times() {
    let mut client = Seat::<Paying>::of(CLIENT);
    for number in 0..16u8 {
        client.said(VERIFIER, Said::Release(release(number)));
        client.done(Done::False);
    }
    assert!(is_refused(
        client.try_said(VERIFIER, Said::Release(release(16)))
    ));
    let mut worker = Seat::opened();
    for number in 0..16u8 {
        worker.said(CLIENT, Said::HandedOver(handed(number)));
        worker.done(Done::False);
    }
    assert!(is_refused(
        worker.try_said(CLIENT, Said::HandedOver(handed(16)))
    ));
    // So many wait at once.
    let mut client = Seat::<Paying>::of(CLIENT);
    for number in 0..200u8 {
        client.said(VERIFIER, Said::Release(release(number)));
    }
    assert_eq!(client.book().releases().len(), 4);
}

#[test]
fn items_and_receipts_of_a_peer_are_bounded() {
    let mut worker = Seat::committed();
    for height in 0..200 {
        worker.item(VERIFIER, &world().sample(1, height));
        let receipt = (ReceiptKind::Token, [height as u8; 32]);
        let receipt = world().receipt(receipt, (VERIFIER, WORKER), height);
        worker.said(VERIFIER, Said::Receipt(receipt));
    }
    let papers = worker.book().papers();
    // Its own commitment and two samples.
    assert_eq!((papers.items().len(), papers.receipts().len()), (3, 24));
    // Another issuer's place is its own.
    let receipt = (ReceiptKind::Kept, world().name(&world().committed(0)));
    let receipt = world().receipt(receipt, (PANEL[0], WORKER), DRAWN);
    worker.said(PANEL[0], Said::Receipt(receipt));
    assert_eq!(worker.book().papers().receipts().len(), 25);
}

#[test]
fn what_nobody_signed_binds_a_worker_only_by_the_root_of_record() {
    let shown = |other| Said::Commitment(Box::new(world().commitment(other)));
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    // Off chain another one than the one that it records later: a verifier that rejected for that would be at fault.
    assert!(is_refused(verifier.try_said(WORKER, shown(1))));
    verifier.record(DELIVERED);
    verifier.confirm(Exit::DELIVERED, DELIVERED);
    assert!(is_refused(verifier.try_said(WORKER, shown(1))));
    assert_eq!(verifier.machine.standing(), "waiting");
    verifier.said(WORKER, shown(0));
    assert_eq!(verifier.machine.standing(), "committed");
    // A reorganisation puts another root on record: the first is forgotten, with its boxes.
    verifier.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    let receipt = (ReceiptKind::Data, world().data());
    verifier.done(Done::Acknowledged {
        thing: Thing::Data,
        receipt: world().receipt(receipt, (VERIFIER, WORKER), DELIVERED),
    });
    let root = world().commitment(1).id();
    let height = DELIVERED + 1;
    verifier.root = Some(RootOfRecord { height, root });
    verifier.tip(height);
    assert_eq!(verifier.publishes(), []);
    verifier.said(WORKER, shown(1));
    assert!(verifier.is_asked(Task::Look(Thing::Data)));
    // The boxes of the first are not those of the second: it is late with them.
    verifier.done(Done::NotReceived { thing: Thing::Data });
    verifier.tip(world().schedule(DELIVERED).record + DEPTH);
    let published: Vec<_> = verifier
        .publishes()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(published, [Exit::REJECTED]);
}

#[test]
fn a_root_of_record_that_a_worker_did_not_sign_is_rejected() {
    let mut verifier = Seat::bound_at(DRAWN - 1);
    verifier.root = Some(RootOfRecord {
        height: DELIVERED,
        root: world().commitment(1).id(),
    });
    verifier.confirm(Exit::DELIVERED, DELIVERED);
    assert_eq!(verifier.machine.standing(), "rejecting");
    let published: Vec<_> = verifier
        .publishes()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(published, [Exit::REJECTED]);
}

/// A worker that told the client nothing, and the panel all: the client has paid for what only the panel has.
#[test]
fn behind_a_settlement_arbiters_give_the_client_all_that_its_key_opens() {
    let mut arbiter = Seat::<Judging>::of(PANEL[0]);
    let (commitment, talk) = (world().committed(0), talk(DRAWN, true));
    arbiter.item(WORKER, &commitment);
    arbiter.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    for (from, said) in [
        (VERIFIER, &talk.sample),
        (WORKER, &talk.token),
        (VERIFIER, &talk.reply),
        (WORKER, &talk.opening),
    ] {
        arbiter.item(from, said);
    }
    arbiter.said(WORKER, Said::Blob(opened()));
    let name = |item: &_| Thing::Item(world().name(item));
    for thing in [name(&commitment), Thing::Data, name(&talk.opening)] {
        let held = match thing {
            Thing::Data => world().data(),
            Thing::Item(item) | Thing::Part(item) => item,
        };
        arbiter.has(thing, (ReceiptKind::Kept, held), DELIVERED);
    }
    arbiter.confirm(Exit::DELIVERED, DELIVERED);
    arbiter.confirm(Exit::APPROVED, DELIVERED + 20);
    arbiter.confirm(Exit::NORMAL_LONG, DELIVERED + 30);
    let pending = arbiter.machine.pending();
    let to_client = pending.iter().filter_map(|effect| match effect {
        ContractEffect::Send { to, what } if *to == PartySet::EMPTY.with(CLIENT) => Some(*what),
        _ => None,
    });
    let item = |item: &_| Parcel::Item(world().name(item));
    let all = [
        item(&commitment),
        item(&talk.opening),
        Parcel::Opening(*opened().hash()),
        Parcel::Boxes(BOXES),
    ];
    let to_client: Vec<_> = to_client.filter(|what| all.contains(what)).collect();
    assert_eq!(to_client, all);
}

#[test]
fn boxes_that_come_after_the_settlement_are_looked_into_before_they_are_decrypted() {
    let mut client = Seat::<Paying>::of(CLIENT);
    client.item(WORKER, &world().committed(0));
    client.confirm(Exit::DELIVERED, DELIVERED);
    client.confirm(Exit::VERIFIER_TIMEOUT, DELIVERED + 60);
    let settlement = world().node(Exit::VERIFIER_TIMEOUT);
    let decrypt = Task::Decrypt { settlement };
    assert_eq!(client.machine.standing(), "shown");
    client.said(PANEL[0], Said::Blob(Blob::Boxes { hash: [1; 32] }));
    assert!(!client.is_asked(decrypt) && client.is_asked(Task::Look(Thing::Data)));
    client.done(Done::NotReceived { thing: Thing::Data });
    client.said(PANEL[1], Said::Blob(Blob::Boxes { hash: BOXES }));
    let receipt = (ReceiptKind::Data, world().data());
    client.done(Done::Acknowledged {
        thing: Thing::Data,
        receipt: world().receipt(receipt, (CLIENT, WORKER), DRAWN),
    });
    assert!(client.is_asked(decrypt));
    // It is not over before it is decrypted.
    client.tip(DELIVERED + 300);
    assert_eq!(client.machine.standing(), "shown");
    client.done(Done::Decrypted {
        by: world().graph.txid(settlement).unwrap(),
        result: Some([2; 32]),
    });
    client.tip(DELIVERED + 301);
    assert_eq!(client.machine.standing(), "over");
}

#[test]
fn nothing_is_brought_to_a_panel_whose_case_is_settled() {
    let mut verifier = Seat::answered(false);
    let path = [
        (Exit::DELIVERED, DELIVERED),
        (Exit::REJECTED, ACCUSED - 5),
        (Exit::APPEALED, ACCUSED),
    ];
    for (name, height) in path {
        verifier.confirm(name, height);
    }
    assert!(verifier.is_asked(Task::Plead));
    let panel = [0, 1, 2].into_iter().collect();
    verifier.confirm(Exit::ruled(Ruling::WorkerAtFault, panel), ACCUSED + 9);
    assert_eq!(verifier.machine.pending(), []);
}

#[test]
fn a_verifier_that_found_a_bad_box_tells_the_worker_and_rejects() {
    let mut verifier = Seat::comparing();
    let verdict = world().verdict(&talk(DRAWN, true).opening);
    let named = Parcel::Item(world().name(&verdict));
    assert_eq!(verifier.sends(named), []);
    verifier.done(Done::Signed(verdict));
    assert_eq!(verifier.machine.standing(), "rejecting");
    assert_eq!(verifier.sends(named), [WORKER]);
    verifier.serve();
    assert!(!verifier.is_asked(Task::Approve));
}
