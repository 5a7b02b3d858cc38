//! The client's own look, and its challenge: who draws, opens, looks and publishes when, in a contract that has both.

use narthex_channel::contract::{
    Audited, Blob, Checking, Done, Judging, Order, Parcel, Paying, Said, Side, Task, Thing, Working,
};
use narthex_contracts::{
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{
    Accusation, ArbiterSet, Ruling, Template, commitment::ReceiptKind, ruling::SignedItem,
};

use crate::contract_support::{
    BOXES, CLIENT, CONFIRM, DEPTH, DRAWN, MESSAGE, PANEL, SETTLES, Seat, VERIFIER, WORKER,
    in_template, opened, release, talk, world,
};

const DELIVERED: u32 = 115;
const VERDICT: u32 = DELIVERED + 20;

/// What is opened to the client.
const SERVED: u8 = 0x0e;

fn served() -> Blob {
    Blob::Opening {
        id: [SERVED; 32],
        hash: [0x0f; 32],
    }
}

fn audit() -> SignedItem {
    world().audit(0, 4)
}

fn named(signed: &SignedItem) -> Thing {
    Thing::Item(world().name(signed))
}

/// A party acknowledges what came to it.
fn has<S: Side>(seat: &mut Seat<S>, (kind, thing): (ReceiptKind, Thing), height: u32) {
    let item = match thing {
        Thing::Item(id) | Thing::Part(id) => id,
        Thing::Data => world().data(),
    };
    seat.has(thing, (kind, item), height);
}

/// What somebody else acknowledges, or keeps.
fn receipt<S: Side>(seat: &mut Seat<S>, kind: ReceiptKind, thing: Thing, by: Role, height: u32) {
    let item = match thing {
        Thing::Item(id) | Thing::Part(id) => id,
        Thing::Data => world().data(),
    };
    let me = seat.book().contract().role();
    let receipt = world().receipt((kind, item), (by, me), height);
    seat.said(by, Said::Receipt(receipt));
}

fn client() -> Seat<Paying> {
    in_template(Template::Audited);
    Seat::of(CLIENT)
}

/// A client that has commitment and boxes.
fn with_boxes() -> Seat<Paying> {
    let mut seat = client();
    seat.item(WORKER, &world().committed(0));
    seat.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    has(&mut seat, (ReceiptKind::Data, Thing::Data), DRAWN);
    seat
}

/// And what was opened to the verifier.
fn with_opening() -> Seat<Paying> {
    let mut seat = with_boxes();
    let opening = talk(DRAWN, true).opening;
    seat.item(WORKER, &opening);
    seat.said(WORKER, Said::Blob(opened()));
    has(&mut seat, (ReceiptKind::Opening, named(&opening)), DRAWN);
    seat
}

/// And has drawn, which these keep.
fn drawn(keepers: &[Role]) -> Seat<Paying> {
    let mut seat = with_opening();
    seat.done(Done::Signed(audit()));
    for keeper in keepers {
        receipt(
            &mut seat,
            ReceiptKind::Kept,
            named(&audit()),
            *keeper,
            DRAWN,
        );
    }
    seat
}

/// What the worker opened to it, by a draw or by a block's, is here.
fn opened_to(seat: &mut Seat<Paying>, by: Option<&SignedItem>, height: u32) {
    let item = world().audit_opening(by, SERVED);
    seat.item(WORKER, &item);
    seat.said(WORKER, Said::Blob(served()));
    has(seat, (ReceiptKind::Opening, named(&item)), height);
}

fn on_chain<S: Side>(seat: &mut Seat<S>) {
    seat.record(DELIVERED);
    seat.confirm(Exit::DELIVERED, DELIVERED);
}

fn approved<S: Side>(seat: &mut Seat<S>) {
    on_chain(seat);
    seat.confirm(Exit::APPROVED, VERDICT);
}

#[test]
fn a_client_draws_of_what_the_worker_has_signed_and_opened_and_once() {
    let mut early = with_boxes();
    assert!(!early.is_asked(Task::Draw));
    // The verifier's share is as good as an opening.
    early.said(VERIFIER, Said::Release(release(1)));
    assert!(early.is_asked(Task::Draw));
    let mut seat = with_opening();
    assert!(seat.is_asked(Task::Draw));
    // Of another root it does not draw, and not twice.
    let other = Done::Signed(world().audit(1, 4));
    let other = narthex_channel::contract::ContractInput::Done(other);
    assert!(seat.step(&other).is_err());
    seat.done(Done::Signed(audit()));
    assert!(!seat.is_asked(Task::Draw));
    let again = narthex_channel::contract::ContractInput::Done(Done::Signed(world().audit(0, 5)));
    assert!(seat.step(&again).is_err());
    // What nobody signed is drawn of by nobody; nor is what is approved on chain.
    let mut unsigned = client();
    on_chain(&mut unsigned);
    unsigned.said(WORKER, Said::Commitment(Box::new(world().commitment(0))));
    unsigned.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    has(&mut unsigned, (ReceiptKind::Data, Thing::Data), DRAWN);
    unsigned.said(VERIFIER, Said::Release(release(1)));
    assert!(!unsigned.is_asked(Task::Draw));
    let mut late = with_boxes();
    approved(&mut late);
    late.said(VERIFIER, Said::Release(release(1)));
    assert!(!late.is_asked(Task::Draw));
}

#[test]
fn in_a_hardened_contract_nobody_draws() {
    in_template(Template::Hardened);
    let mut seat = Seat::<Paying>::of(CLIENT);
    seat.item(WORKER, &world().committed(0));
    seat.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    has(&mut seat, (ReceiptKind::Data, Thing::Data), DRAWN);
    seat.said(VERIFIER, Said::Release(release(1)));
    assert!(!seat.is_asked(Task::Draw));
    seat.done(Done::Approved(vec![release(1)]));
    assert!(seat.is_asked(Task::Pass));
}

#[test]
fn the_worker_sees_a_draw_when_enough_arbiters_keep_it() {
    let parcel = Parcel::Item(world_name(&audit_of()));
    let seat = drawn(&[]);
    assert_eq!(seat.sends(parcel), PANEL);
    let seat = drawn(&PANEL[..1]);
    assert_eq!(seat.sends(parcel), PANEL[1..]);
    let mut seat = drawn(&PANEL[..2]);
    assert_eq!(seat.sends(parcel), [WORKER]);
    receipt(
        &mut seat,
        ReceiptKind::Sample,
        named(&audit()),
        WORKER,
        DRAWN,
    );
    assert_eq!(seat.sends(parcel), []);
}

fn audit_of() -> SignedItem {
    in_template(Template::Audited);
    audit()
}

fn world_name(signed: &SignedItem) -> [u8; 32] {
    world().name(signed)
}

/// An arbiter that gave it to the worker at once would let it choose before enough have it.
#[test]
fn arbiters_hand_a_draw_on_behind_an_approval_and_to_the_client_what_was_opened_to_it() {
    in_template(Template::Audited);
    let mut arbiter = Seat::<Judging>::of(PANEL[0]);
    let (commitment, opening) = (world().committed(0), world().audit_opening(None, SERVED));
    arbiter.item(WORKER, &commitment);
    arbiter.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    arbiter.item(CLIENT, &audit());
    arbiter.item(WORKER, &opening);
    arbiter.said(WORKER, Said::Blob(served()));
    let keeps = [
        named(&commitment),
        Thing::Data,
        named(&audit()),
        named(&opening),
    ];
    for thing in keeps {
        has(&mut arbiter, (ReceiptKind::Kept, thing), DELIVERED);
    }
    let item = |signed: &SignedItem| Parcel::Item(world().name(signed));
    assert_eq!(arbiter.sends(item(&audit())), []);
    assert_eq!(arbiter.sends(item(&opening)), [CLIENT]);
    assert_eq!(arbiter.sends(Parcel::Opening(*served().hash())), [CLIENT]);
    assert_eq!(arbiter.sends(item(&commitment)), [VERIFIER]);
    assert_eq!(arbiter.sends(Parcel::Boxes(BOXES)), [VERIFIER]);
    approved(&mut arbiter);
    assert_eq!(arbiter.sends(item(&audit())), [WORKER]);
    assert_eq!(arbiter.sends(item(&commitment)), [CLIENT, VERIFIER]);
    assert_eq!(arbiter.sends(Parcel::Boxes(BOXES)), [CLIENT, VERIFIER]);
    // Who says that it has them is sent none.
    let has_them = (ReceiptKind::Data, world().data());
    let receipt = world().receipt(has_them, (VERIFIER, WORKER), DELIVERED);
    arbiter.said(VERIFIER, Said::Receipt(receipt));
    assert_eq!(arbiter.sends(Parcel::Boxes(BOXES)), [CLIENT]);
}

#[test]
fn a_client_hands_the_settlement_on_when_its_own_look_has_found_nothing() {
    for found in [
        Audited::Right,
        Audited::Wrong { step: 3 },
        Audited::Unopened,
    ] {
        let mut seat = drawn(&PANEL);
        seat.said(VERIFIER, Said::Release(release(1)));
        seat.done(Done::Approved(vec![release(1)]));
        assert_eq!(seat.machine.standing(), "auditing");
        assert!(!seat.is_asked(Task::Pass) && !seat.is_asked(Task::Audit));
        opened_to(&mut seat, Some(&audit()), DRAWN);
        assert!(seat.is_asked(Task::Audit));
        seat.done(Done::Audited(found));
        assert_eq!(seat.is_asked(Task::Pass), found == Audited::Right);
    }
    // What a block draws, it looks at behind an approval alone.
    let mut seat = drawn(&PANEL);
    opened_to(&mut seat, None, DRAWN);
    assert!(!seat.is_asked(Task::Audit));
}

/// Last height at which TxC is surely in time.
fn until() -> Option<u32> {
    Some(world().challenge_schedule(VERDICT).claimed - 1)
}

#[test]
fn txc_is_the_clients_with_a_ground_from_a_third_of_its_window_on() {
    for found in [Audited::Wrong { step: 3 }, Audited::Unopened] {
        let mut seat = drawn(&PANEL);
        opened_to(&mut seat, Some(&audit()), DRAWN);
        seat.done(Done::Audited(found));
        approved(&mut seat);
        let first = world().challenge_schedule(VERDICT).served;
        seat.tip(first - 2);
        assert_eq!(seat.publishes(), [], "a block early");
        seat.tip(first - 1);
        assert_eq!(seat.publishes(), [(Exit::CHALLENGED, until())]);
        // A reorganisation takes the approval away, and with it what is published.
        seat.path.pop();
        seat.tip(first);
        assert_eq!(seat.publishes(), []);
    }
    let mut content = drawn(&PANEL);
    opened_to(&mut content, Some(&audit()), DRAWN);
    content.done(Done::Audited(Audited::Right));
    approved(&mut content);
    let behind = world().challenge_schedule(VERDICT).claimed
        + u32::from(world().terms.params().windows().complete_blocks);
    for tip in [until().unwrap(), behind - 2] {
        content.tip(tip);
        assert_eq!(content.publishes(), []);
    }
    content.tip(behind - 1);
    assert_eq!(content.publishes(), [(Exit::WITHHELD, None)]);
}

/// What enough arbiters keep counts as handed over: they have a round of messages to bring it.
#[test]
fn an_unserved_client_challenges_a_round_of_messages_behind_the_deadline() {
    let served = world_in().challenge_schedule(VERDICT).served;
    let mut mute = with_boxes();
    approved(&mut mute);
    mute.tip(served + MESSAGE - 1);
    assert_eq!(mute.publishes(), []);
    mute.tip(served + MESSAGE);
    assert_eq!(mute.publishes(), [(Exit::CHALLENGED, until())]);
    // An arbiter brings it at the last moment: it is looked at, and challenged for what it says alone.
    let mut late = with_boxes();
    approved(&mut late);
    late.tip(served);
    opened_to(&mut late, None, served);
    late.tip(served + MESSAGE);
    assert!(late.is_asked(Task::Audit));
    late.tip(until().unwrap());
    assert_eq!(late.publishes(), []);
    late.done(Done::Audited(Audited::Right));
    late.tip(until().unwrap());
    assert_eq!(late.publishes(), []);
}

fn world_in() -> &'static crate::contract_support::World {
    in_template(Template::Audited);
    world()
}

fn worker() -> Seat<Working> {
    in_template(Template::Audited);
    Seat::committed()
}

fn opening_by(by: Option<&SignedItem>) -> Done {
    Done::Opened {
        item: world().audit_opening(by, SERVED),
        opening: served(),
    }
}

#[test]
fn a_worker_serves_the_client_when_the_verifier_has_had_its_opening() {
    let is_refused = |seat: &mut Seat<Working>, done| {
        let input = narthex_channel::contract::ContractInput::Done(done);
        seat.step(&input).is_err()
    };
    let mut early = worker();
    early.item(CLIENT, &audit());
    assert!(!early.is_asked(Task::Serve));
    assert!(is_refused(&mut early, opening_by(Some(&audit()))));
    in_template(Template::Audited);
    let mut seat = Seat::opened();
    // A draw of another root is none.
    let other = world().audit(1, 4);
    seat.item(CLIENT, &other);
    assert!(!seat.is_asked(Task::Serve));
    seat.item(CLIENT, &audit());
    assert!(seat.is_asked(Task::Serve));
    assert!(is_refused(&mut seat, opening_by(Some(&other))));
    assert!(is_refused(&mut seat, opening_by(None)));
    seat.done(opening_by(Some(&audit())));
    assert!(!seat.is_asked(Task::Serve));
    let item = world().audit_opening(Some(&audit()), SERVED);
    let parcels = [
        Parcel::Item(world().name(&item)),
        Parcel::Opening(*served().hash()),
    ];
    for parcel in parcels {
        assert_eq!(seat.sends(parcel), [CLIENT]);
    }
}

#[test]
fn behind_an_approval_a_worker_waits_for_what_arbiters_bring_and_takes_the_block_then() {
    let mut seat = worker();
    seat.order(Order::Deliver);
    approved(&mut seat);
    let deep = VERDICT + 1 + DEPTH - 1;
    seat.tip(deep - 1);
    assert!(!seat.is_asked(Task::Serve));
    let mut bound = worker();
    bound.order(Order::Deliver);
    approved(&mut bound);
    bound.item(PANEL[0], &audit());
    seat.tip(deep);
    bound.tip(deep);
    assert!(seat.is_asked(Task::Serve) && bound.is_asked(Task::Serve));
    let input = narthex_channel::contract::ContractInput::Done(opening_by(None));
    assert!(bound.step(&input).is_err(), "it has the client's draw");
    bound.done(opening_by(Some(&audit())));
    seat.done(opening_by(None));
    // The client acknowledges nothing: the arbiters keep it.
    let all = [&[CLIENT][..], &PANEL].concat();
    for seat in [&seat, &bound] {
        assert_eq!(seat.sends(Parcel::Opening(*served().hash())), all);
    }
}

#[test]
fn a_receipt_of_the_client_that_is_dated_behind_its_deadline_is_none() {
    let item = || world().audit_opening(Some(&audit()), SERVED);
    let mut seat = {
        in_template(Template::Audited);
        Seat::opened()
    };
    seat.item(CLIENT, &audit());
    seat.done(opening_by(Some(&audit())));
    seat.order(Order::Deliver);
    for (kind, thing) in [
        (ReceiptKind::Data, Thing::Data),
        (ReceiptKind::Opening, named(&item())),
    ] {
        receipt(&mut seat, kind, thing, CLIENT, 10_000);
    }
    on_chain(&mut seat);
    let parcel = Parcel::Opening(*served().hash());
    assert_eq!(seat.sends(parcel), []);
    seat.confirm(Exit::APPROVED, VERDICT);
    let all = [&[CLIENT][..], &PANEL].concat();
    assert_eq!(seat.sends(parcel), all);
    // The verifier has its boxes, and the client says that it has them too late.
    assert!(seat.sends(Parcel::Boxes(BOXES)).contains(&CLIENT));
}

/// With what the client was opened, and another sample, the key would be nobody's any more.
#[test]
fn a_worker_that_has_served_the_client_seals_for_no_other_sample() {
    let mut seat = worker();
    seat.order(Order::Deliver);
    approved(&mut seat);
    seat.tip(VERDICT + DEPTH);
    seat.done(opening_by(None));
    // The approval is taken back.
    seat.path.pop();
    seat.tip(VERDICT + DEPTH);
    seat.item(VERIFIER, &world().sample(1, VERDICT));
    seat.tip(VERDICT + 2 * DEPTH);
    assert!(!seat.is_asked(Task::Seal));
}

#[test]
fn s3_behind_an_approval_waits_until_nobody_can_challenge() {
    let mut seat = worker();
    seat.order(Order::Deliver);
    approved(&mut seat);
    let first = world().challenge_schedule(VERDICT).claimed;
    seat.tip(first - 2);
    assert_eq!(seat.publishes(), []);
    seat.tip(first - 1);
    let published: Vec<_> = seat.publishes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(published, [Exit::NORMAL_LONG]);
}

const ACCUSED: u32 = VERDICT + 25;

fn challenged<S: Side>(seat: &mut Seat<S>) {
    approved(seat);
    seat.confirm(Exit::CHALLENGED, ACCUSED);
}

fn rule<S: Side>(seat: &mut Seat<S>, ruling: Ruling, arbiters: &[u8]) {
    for arbiter in arbiters {
        let from = match seat.book().contract().role() {
            CLIENT => WORKER,
            _ => CLIENT,
        };
        let attestation = world().attestation(*arbiter, ruling);
        seat.said(from, Said::Attestation(attestation));
    }
}

#[test]
fn a_challenge_is_between_client_and_worker() {
    let mut client = client();
    challenged(&mut client);
    assert!(client.is_asked(Task::Plead));
    client.done(Done::Pleaded(world().brought(CLIENT, [1; 32])));
    assert_eq!(client.sends(Parcel::Evidence([1; 32])), PANEL);
    let mut worker = worker();
    worker.order(Order::Deliver);
    challenged(&mut worker);
    assert!(worker.is_asked(Task::Plead));
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    challenged(&mut verifier);
    assert!(!verifier.is_asked(Task::Plead));
    // An arbiter waits for these two.
    let mut arbiter = Seat::<Judging>::of(PANEL[1]);
    challenged(&mut arbiter);
    for (by, evidence) in [(VERIFIER, 1), (WORKER, 2)] {
        arbiter.said(by, world().evidence(by, [evidence; 32]));
        arbiter.tip(ACCUSED + 1);
        assert!(!arbiter.is_asked(Task::Rule));
    }
    arbiter.said(CLIENT, world().evidence(CLIENT, [3; 32]));
    arbiter.tip(world().closed(ACCUSED));
    assert!(arbiter.is_asked(Task::Rule));
}

/// Of an appeal the client is no side.
#[test]
fn an_appeal_of_an_audited_contract_is_between_worker_and_verifier() {
    let accused = |seat: &mut dyn FnMut(narthex_contracts::graph::NodeName, u32)| {
        seat(Exit::REJECTED, VERDICT);
        seat(Exit::APPEALED, VERDICT + 3);
    };
    let mut client = client();
    on_chain(&mut client);
    accused(&mut |name, height| drop(client.confirm(name, height)));
    assert!(!client.is_asked(Task::Plead));
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    on_chain(&mut verifier);
    accused(&mut |name, height| drop(verifier.confirm(name, height)));
    assert!(verifier.is_asked(Task::Plead));
}

/// A reorganisation makes an appeal of a challenge: the case is another one, and heard anew.
#[test]
fn another_case_is_heard_anew_unless_the_ruling_is_fixed() {
    let mut arbiter = {
        in_template(Template::Audited);
        Seat::<Judging>::of(PANEL[1])
    };
    challenged(&mut arbiter);
    for by in [WORKER, CLIENT] {
        arbiter.said(by, world().evidence(by, [1; 32]));
    }
    let closed = world().closed(ACCUSED);
    arbiter.tip(closed);
    assert!(arbiter.is_asked(Task::Rule));
    let appeal = |arbiter: &mut Seat<Judging>| {
        arbiter.path.truncate(2);
        arbiter.path.push((world().node(Exit::REJECTED), VERDICT));
        arbiter.confirm(Exit::APPEALED, VERDICT + 3);
        arbiter.tip(VERDICT + 4);
    };
    let mut fixed = Seat::<Judging>::of(PANEL[1]);
    challenged(&mut fixed);
    for by in [WORKER, CLIENT] {
        fixed.said(by, world().evidence(by, [1; 32]));
    }
    fixed.tip(closed);
    fixed.done(Done::Ruled(Ruling::WorkerAtFault));
    fixed.is_seconded();
    appeal(&mut arbiter);
    assert!(!arbiter.is_asked(Task::Rule));
    assert_eq!(arbiter.book().counted(), []);
    appeal(&mut fixed);
    assert!(fixed.is_asked(Task::Attest));
    // A party puts its evidence together anew.
    let mut worker = worker();
    worker.order(Order::Deliver);
    challenged(&mut worker);
    worker.done(Done::Pleaded(world().brought(WORKER, [1; 32])));
    worker.path.truncate(2);
    worker.path.push((world().node(Exit::REJECTED), VERDICT));
    worker.confirm(Exit::APPEALED, VERDICT + 3);
    assert!(worker.is_asked(Task::Plead));
    worker.done(Done::Pleaded(world().brought(WORKER, [2; 32])));
    assert_eq!(worker.sends(Parcel::Evidence([2; 32])), PANEL);
    assert_eq!(worker.sends(Parcel::Evidence([1; 32])), []);
}

fn all() -> ArbiterSet {
    ArbiterSet::full(3)
}

#[test]
fn an_upheld_challenge_is_settled_by_the_client_and_later_by_arbiters() {
    let name = Exit::ruled_on(Accusation::Challenge, Ruling::WorkerAtFault, all());
    let mut client = client();
    challenged(&mut client);
    rule(&mut client, Ruling::WorkerAtFault, &[0, 1, 2]);
    client.tip(ACCUSED);
    assert_eq!(client.publishes(), [(name, None)]);
    let mut arbiter = Seat::<Judging>::of(PANEL[0]);
    challenged(&mut arbiter);
    rule(&mut arbiter, Ruling::WorkerAtFault, &[0, 1, 2]);
    arbiter.tip(ACCUSED + CONFIRM - 1);
    assert_eq!(arbiter.publishes(), []);
    arbiter.tip(ACCUSED + CONFIRM);
    assert_eq!(arbiter.publishes(), [(name, None)]);
    // It takes the stakes of both of these.
    let mut worker = worker();
    worker.order(Order::Deliver);
    challenged(&mut worker);
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    challenged(&mut verifier);
    rule(&mut worker, Ruling::WorkerAtFault, &[0, 1, 2]);
    rule(&mut verifier, Ruling::WorkerAtFault, &[0, 1, 2]);
    worker.tip(ACCUSED + 50);
    verifier.tip(ACCUSED + 50);
    assert_eq!((worker.publishes(), verifier.publishes()), (vec![], vec![]));
}

#[test]
fn a_dismissed_challenge_is_settled_by_the_worker_when_it_is_deep() {
    let name = Exit::ruled_on(Accusation::Challenge, Ruling::VerifierAtFault, all());
    let mut worker = worker();
    worker.order(Order::Deliver);
    challenged(&mut worker);
    rule(&mut worker, Ruling::VerifierAtFault, &[0, 1, 2]);
    worker.tip(ACCUSED + DEPTH - 2);
    assert_eq!(worker.publishes(), []);
    worker.tip(ACCUSED + DEPTH - 1);
    assert_eq!(worker.publishes(), [(name, None)]);
    let mut client = client();
    challenged(&mut client);
    rule(&mut client, Ruling::VerifierAtFault, &[0, 1, 2]);
    // Nor where the worker does not: those who have ruled do not lose by it.
    let rulings = Rulings {
        worker: ArbiterSet::empty(),
        verifier: all(),
    };
    let failed = Exit::failed_on(Accusation::Challenge, Some(rulings), false);
    let open = ACCUSED
        + u32::from(
            client
                .book()
                .contract()
                .terms()
                .params()
                .windows()
                .decide_blocks,
        );
    client.tip(open + SETTLES - 2);
    assert_eq!(client.publishes(), []);
    client.tip(open + SETTLES - 1);
    assert_eq!(client.publishes(), [(failed, None)]);
}

#[test]
fn an_undecided_challenge_is_ended_by_the_client() {
    let rulings = Rulings::of(Ruling::WorkerAtFault, ArbiterSet::full(1));
    let name = Exit::failed_on(Accusation::Challenge, Some(rulings), false);
    let mut client = client();
    challenged(&mut client);
    rule(&mut client, Ruling::WorkerAtFault, &[0]);
    client.tip(ACCUSED + 200);
    assert_eq!(client.publishes(), [(name, None)]);
}
