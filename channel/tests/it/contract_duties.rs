//! What each party of a contract publishes, from when, and until when: a block early nothing, in time the right thing.

use bitcoin::Amount;
use narthex_channel::contract::{
    Checking, ContractMachine, Done, Finding, Judging, Order, Parcel, Paying, Policy, Said, Side,
    Working,
};
use narthex_contracts::{
    graph::{NodeName, Purpose, TxGraph},
    party::PartySet,
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{ArbiterSet, Ruling, commitment::ReceiptKind};

use crate::contract_support::{
    BOXES, CLIENT, CONFIRM, DELIVER, DEPTH, DRAWN, MESSAGE, PANEL, SETTLES, Seat, VERIFIER, WORKER,
    handed, talk, world,
};

/// Where the deliveries of these tests confirm.
const DELIVERED: u32 = 115;

/// First height at which a block may hold a transaction whose parent has confirmed here.
fn first(name: NodeName, parent: u32) -> u32 {
    let node = world().graph.node(world().node(name)).unwrap();
    let lock = u32::from(TxGraph::relative_lock_blocks(node));
    assert_ne!(lock, 0, "{name} has a lock");
    parent + lock
}

/// Nothing is published with the tip before this one, and this with it.
fn from<S: Side>(seat: &mut Seat<S>, tip: u32, name: NodeName, until: Option<u32>) {
    seat.tip(tip - 1);
    assert_eq!(seat.publishes(), [], "{name} a block early");
    // It was known before, and does not depend on when it was asked.
    let told = Some((name, tip + 1, until));
    assert_eq!(
        seat.next_move(tip - 1),
        told,
        "{name} is told a block early"
    );
    let (_, parent) = *seat.path.last().unwrap();
    assert_eq!(seat.next_move(parent), told, "{name} is told long before");
    seat.tip(tip);
    assert_eq!(seat.publishes(), [(name, until)], "{name} in time");
    assert_eq!(seat.next_move(tip), told);
}

/// A reorganisation takes away what it would spend, and with it what is published.
fn taken_back<S: Side>(seat: &mut Seat<S>) {
    let (last, height) = seat.path.pop().unwrap();
    seat.tip(height);
    let still: Vec<_> = seat.publishes().into_iter().map(|(name, _)| name).collect();
    let spends = |name: &NodeName| {
        let node = world().graph.node(world().node(*name)).unwrap();
        let source = &node.inputs[0].source;
        matches!(source, narthex_contracts::graph::Source::Output { node, .. } if *node == last)
    };
    assert!(
        !still.iter().any(spends),
        "{still:?} without what it spends"
    );
    seat.path.push((last, height));
}

#[test]
fn s1_is_the_clients_when_its_locks_have_passed_and_the_verifiers_some_blocks_later() {
    // t_deliver is a lock time: the block behind it is the first.
    let mut client = Seat::<Paying>::of(CLIENT);
    from(&mut client, DELIVER, Exit::WORKER_TIMEOUT, None);
    taken_back(&mut client);
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    from(&mut verifier, DELIVER + CONFIRM, Exit::WORKER_TIMEOUT, None);
    // A funding that confirms late leaves the worker its window.
    let mut late = Seat::<Paying>::of(CLIENT);
    late.path = vec![(TxGraph::FUNDING, DELIVER)];
    let work = u32::from(world().terms.params().windows().work_blocks);
    from(&mut late, DELIVER + work - 1, Exit::WORKER_TIMEOUT, None);
}

#[test]
fn m9_s3_is_published_only_while_it_confirms_before_s1_can() {
    let mut worker = Seat::paid();
    let last = DELIVER - SETTLES - 1;
    worker.tip(last);
    assert_eq!(worker.publishes(), [(Exit::NORMAL, Some(DELIVER))]);
    let mut late = Seat::paid();
    late.tip(last + 1);
    assert_eq!(late.publishes(), [(Exit::DELIVERED, Some(DELIVER))]);
}

#[test]
fn s3_shows_nothing_before_the_funding_is_deep() {
    let mut worker = Seat::paid();
    worker.path = vec![(TxGraph::FUNDING, DRAWN + 3)];
    from(
        &mut worker,
        DRAWN + 3 + DEPTH - 1,
        Exit::NORMAL,
        Some(DELIVER),
    );
    taken_back(&mut worker);
}

#[test]
fn a_worker_that_decided_s3_publishes_nothing_beside_it() {
    let mut worker = Seat::paid();
    worker.tip(DRAWN + 4);
    for tip in DRAWN + 5..DELIVER + 3 {
        worker.tip(tip);
        assert_eq!(worker.publishes(), [(Exit::NORMAL, Some(DELIVER))], "{tip}");
    }
    let order = narthex_channel::contract::ContractInput::Order(Order::Deliver);
    assert!(worker.step(&order).is_err());
}

#[test]
fn a_worker_that_decided_txd_shows_nothing_by_s3() {
    let mut worker = Seat::opened();
    worker.order(Order::Deliver);
    worker.said(CLIENT, Said::HandedOver(handed(1)));
    worker.done(Done::Passed(vec![handed(1)]));
    for tip in DRAWN + 4..DRAWN + 10 {
        worker.tip(tip);
        assert_eq!(worker.publishes(), [(Exit::DELIVERED, Some(DELIVER))]);
    }
}

#[test]
fn m16_work_that_is_done_goes_on_chain_when_s1_comes_near_and_not_before() {
    let near = DELIVER - SETTLES - MESSAGE;
    let mut worker = Seat::committed();
    from(&mut worker, near, Exit::DELIVERED, Some(DELIVER));
    taken_back(&mut worker);
    // Nothing is delivered that is not there.
    let mut idle = Seat::<Working>::of(WORKER);
    idle.tip(near);
    assert_eq!(idle.publishes(), []);
}

#[test]
fn txd_is_published_at_once_if_its_owner_wants_it_or_the_verifier_is_false() {
    let mut wanted = Seat::committed();
    wanted.order(Order::Deliver);
    assert_eq!(wanted.publishes(), [(Exit::DELIVERED, Some(DELIVER))]);

    let mut contested = Seat::committed();
    let talk = talk(DRAWN, false);
    contested.item(VERIFIER, &talk.sample);
    contested.tip(DRAWN + 3);
    contested.done(Done::Signed(talk.token));
    contested.item(VERIFIER, &talk.reply);
    contested.done(Done::Found(Finding::Wrong));
    assert_eq!(contested.publishes(), []);
    contested.tip(DRAWN + 4);
    assert_eq!(contested.publishes(), [(Exit::DELIVERED, Some(DELIVER))]);
}

#[test]
fn a_worker_at_fault_admits_it() {
    let mut worker = Seat::committed();
    worker.order(Order::Admit);
    worker.tip(DRAWN);
    assert_eq!(worker.publishes(), [(Exit::ADMITTED, Some(DELIVER))]);
    taken_back(&mut worker);
}

fn delivered(mut worker: Seat<Working>) -> Seat<Working> {
    worker.order(Order::Deliver);
    worker.record(DELIVERED);
    worker.confirm(Exit::DELIVERED, DELIVERED);
    worker
}

#[test]
fn s2_is_the_workers_when_the_verifiers_window_is_over() {
    let mut worker = delivered(Seat::committed());
    let first = first(Exit::VERIFIER_TIMEOUT, DELIVERED);
    // Then the client's turn comes.
    let until = first_of_the_client() - 1;
    from(&mut worker, first - 1, Exit::VERIFIER_TIMEOUT, Some(until));
    taken_back(&mut worker);
}

fn first_of_the_client() -> u32 {
    first(Exit::ABANDONED, DELIVERED)
}

#[test]
fn s1_behind_a_delivery_is_the_clients_when_its_lock_has_passed() {
    let mut client = Seat::<Paying>::of(CLIENT);
    client.confirm(Exit::DELIVERED, DELIVERED);
    let first = first_of_the_client();
    from(&mut client, first - 1, Exit::ABANDONED, None);
    taken_back(&mut client);
}

#[test]
fn the_root_alone_is_recorded_where_another_child_has_paid_for_the_delivery() {
    let mut worker = Seat::committed();
    worker.order(Order::Deliver);
    let until = world().schedule(DELIVERED).record;
    let record = narthex_channel::contract::ContractEffect::Record { until };
    let effects = worker.confirm(Exit::DELIVERED, DELIVERED);
    assert!(effects.contains(&record));
    worker.record(DELIVERED + 1);
    worker.tip(DELIVERED + 1);
    use narthex_channel::Machine;
    assert!(!worker.machine.pending().contains(&record));
}

/// Last height at which a verdict is surely in time.
fn verdict_until() -> Option<u32> {
    Some(first(Exit::VERIFIER_TIMEOUT, DELIVERED) - 1)
}

/// First tip at which a verifier takes a deadline of the worker's for missed: no reorganisation puts its rejection into the
/// deadline's own block, where it would have come too early.
fn behind(deadline: u32) -> u32 {
    deadline + DEPTH
}

fn on_chain(mut verifier: Seat<Checking>) -> Seat<Checking> {
    verifier.record(DELIVERED);
    verifier.confirm(Exit::DELIVERED, DELIVERED);
    verifier
}

#[test]
fn a_verifier_approves_on_chain_when_the_client_is_served_and_not_before() {
    let mut verifier = on_chain(Seat::found_equal());
    for tip in DELIVERED..DELIVERED + 30 {
        verifier.tip(tip);
        assert_eq!(verifier.publishes(), []);
    }
    verifier.serve();
    verifier.tip(DELIVERED + 30);
    assert_eq!(verifier.publishes(), [(Exit::APPROVED, verdict_until())]);
    taken_back(&mut verifier);
}

#[test]
fn m11_what_n_minus_k_plus_1_arbiters_keep_is_handed_over() {
    let mut verifier = on_chain(Seat::found_equal());
    for (number, arbiter) in PANEL.into_iter().take(2).enumerate() {
        verifier.tip(DELIVERED + 1 + number as u32);
        assert_eq!(verifier.publishes(), [], "kept by {number}");
        for (_, item) in Seat::to_serve() {
            let kept = (ReceiptKind::Kept, item);
            let receipt = world().receipt(kept, (arbiter, WORKER), DELIVERED + 1);
            verifier.said(arbiter, Said::Receipt(receipt));
        }
    }
    verifier.tip(DELIVERED + 3);
    assert_eq!(verifier.publishes(), [(Exit::APPROVED, verdict_until())]);
}

#[test]
fn m8_a_root_or_boxes_that_are_late_are_rejected_behind_their_deadline() {
    let late = behind(world().schedule(DELIVERED).record);
    // No root is on record.
    let mut no_root = Seat::bound_at(DRAWN - 1);
    no_root.confirm(Exit::DELIVERED, DELIVERED);
    from(&mut no_root, late, Exit::REJECTED, verdict_until());
    taken_back(&mut no_root);
    // A root, and no boxes.
    let mut no_boxes = Seat::<Checking>::of(VERIFIER);
    no_boxes.item(WORKER, &world().committed(0));
    no_boxes.record(DELIVERED);
    no_boxes.confirm(Exit::DELIVERED, DELIVERED);
    from(&mut no_boxes, late, Exit::REJECTED, verdict_until());
    // Both.
    let mut neither = on_chain(Seat::bound_at(DRAWN - 1));
    neither.tip(late);
    assert_eq!(neither.publishes(), []);
}

#[test]
fn m8_at_the_last_moment_a_verifier_waits_for_no_reorganisation() {
    let schedule = world().schedule(DELIVERED);
    let contract = world().contract(VERIFIER);
    let slow = Policy {
        confirm: (schedule.verdict - schedule.record - 1) as u16,
        ..contract.policy()
    };
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    verifier.machine = ContractMachine::new(contract.read_by(slow)).unwrap();
    verifier.confirm(Exit::DELIVERED, DELIVERED);
    let last = schedule.record + 1;
    assert!(last < behind(schedule.record));
    from(&mut verifier, last, Exit::REJECTED, verdict_until());
}

/// A worker opens its sample to a verifier, and gives nobody its boxes: what is opened is right, and the key opens nothing.
#[test]
fn m8_boxes_that_nobody_has_are_rejected_though_what_was_opened_is_right() {
    let late = behind(world().schedule(DELIVERED).record);
    let mut verifier = on_chain(Seat::<Checking>::equal_without_boxes());
    verifier.be_heard(true, DELIVERED);
    from(&mut verifier, late, Exit::REJECTED, verdict_until());
    // With the boxes it has no reason to, whoever else has them: it waits for the client's receipt, or the arbiters'.
    let mut whole = on_chain(Seat::found_equal());
    whole.be_heard(true, DELIVERED);
    whole.tip(late);
    assert_eq!(whole.publishes(), []);
}

/// The same with an opening of which one box came: the worker has opened nothing until the rest is here.
#[test]
fn m8_an_opening_that_is_not_whole_is_none() {
    let late = behind(world().schedule(DELIVERED).opening);
    let mut verifier = on_chain(Seat::answered(true));
    verifier.be_heard(true, DELIVERED + 1);
    verifier.item(WORKER, &talk(DRAWN, true).opening);
    verifier.said(WORKER, Said::Blob(crate::contract_support::opened()));
    from(&mut verifier, late, Exit::REJECTED, verdict_until());
}

#[test]
fn m8_a_token_that_is_late_is_rejected_behind_its_deadline_and_when_the_sample_was_handed_over() {
    let late = behind(world().schedule(DELIVERED).token);
    let mut verifier = on_chain(Seat::drawn());
    verifier.be_heard(true, DELIVERED + 1);
    from(&mut verifier, late, Exit::REJECTED, verdict_until());
    // Its own sample is nowhere: a panel would find against it. It rejects when there is no more time.
    let mut unheard = on_chain(Seat::drawn());
    let last = world().schedule(DELIVERED).verdict - CONFIRM;
    from(&mut unheard, last, Exit::REJECTED, verdict_until());
}

#[test]
fn m8_an_opening_that_is_late_is_rejected_behind_its_deadline() {
    let late = behind(world().schedule(DELIVERED).opening);
    let mut verifier = on_chain(Seat::answered(true));
    verifier.be_heard(true, DELIVERED + 1);
    from(&mut verifier, late, Exit::REJECTED, verdict_until());
}

#[test]
fn m8_a_false_worker_is_rejected_when_the_own_items_are_with_it_or_the_panel() {
    let denied = || on_chain(Seat::answered(false));
    let last = world().schedule(DELIVERED).verdict - CONFIRM;
    let mut mute = denied();
    from(&mut mute, last, Exit::REJECTED, verdict_until());

    let mut heard = denied();
    heard.tip(DELIVERED + 1);
    assert_eq!(heard.publishes(), []);
    heard.be_heard(false, DELIVERED + 1);
    // A reorganisation could put the rejection below what was handed over before it.
    heard.tip(DELIVERED + DEPTH - 1);
    assert_eq!(heard.publishes(), []);
    heard.tip(DELIVERED + DEPTH);
    assert_eq!(heard.publishes(), [(Exit::REJECTED, verdict_until())]);

    let mut kept = denied();
    let talk = talk(DRAWN, false);
    for arbiter in [PANEL[0], PANEL[2]] {
        kept.tip(DELIVERED + 1);
        assert_eq!(kept.publishes(), []);
        for item in [&talk.sample, &talk.reply] {
            let named = (ReceiptKind::Kept, world().name(item));
            let receipt = world().receipt(named, (arbiter, VERIFIER), DELIVERED + 1);
            kept.said(arbiter, Said::Receipt(receipt));
        }
    }
    kept.tip(DELIVERED + DEPTH - 1);
    assert_eq!(kept.publishes(), []);
    kept.tip(DELIVERED + DEPTH);
    assert_eq!(kept.publishes(), [(Exit::REJECTED, verdict_until())]);
}

#[test]
fn a_receipt_that_is_dated_behind_its_deadline_is_none() {
    // The worker says that it has the answer, at a height that a panel takes for too late.
    let mut verifier = on_chain(Seat::answered(false));
    verifier.be_heard(false, 10_000);
    verifier.tip(DELIVERED + 2);
    assert_eq!(verifier.publishes(), []);
    let reply = world().name(&talk(DRAWN, false).reply);
    let all = [&[WORKER][..], &PANEL].concat();
    assert_eq!(verifier.sends(Parcel::Item(reply)), all);

    // The verifier says so of the boxes.
    let mut worker = Seat::committed();
    let named = (ReceiptKind::Data, world().data());
    for from in [VERIFIER, CLIENT] {
        let receipt = world().receipt(named, (from, WORKER), 10_000);
        worker.said(from, Said::Receipt(receipt));
    }
    assert_eq!(worker.sends(Parcel::Boxes(BOXES)), []);
    let worker = delivered(worker);
    let all = [&[VERIFIER][..], &PANEL].concat();
    assert_eq!(worker.sends(Parcel::Boxes(BOXES)), all);
}

#[test]
fn a_verifier_never_publishes_both_verdicts() {
    // It rejected what came too late; then it comes, and is right.
    let mut rejected = on_chain(Seat::answered(true));
    rejected.be_heard(true, DELIVERED + 1);
    let opening = world().schedule(DELIVERED).opening;
    rejected.tip(behind(opening));
    rejected.item(WORKER, &talk(DRAWN, true).opening);
    rejected.said(WORKER, Said::Blob(crate::contract_support::opened()));
    rejected.has_opening(behind(opening));
    rejected.done(Done::Found(Finding::Equal));
    rejected.serve();
    rejected.tip(behind(opening) + 1);
    assert_eq!(rejected.publishes(), [(Exit::REJECTED, verdict_until())]);

    // It approved; then the worker signs another commitment.
    let mut approved = on_chain(Seat::found_equal());
    approved.serve();
    approved.tip(DELIVERED + 1);
    approved.item(WORKER, &world().committed(1));
    approved.root = None;
    for tip in [DELIVERED + 2, world().schedule(DELIVERED).verdict] {
        approved.tip(tip);
        assert_eq!(approved.publishes(), [(Exit::APPROVED, verdict_until())]);
    }
}

const VERDICT: u32 = DELIVERED + 20;

#[test]
fn s3_behind_an_approval_is_the_workers_when_it_is_deep() {
    let mut worker = delivered(Seat::opened());
    let until = Some(first(Exit::WITHHELD, VERDICT) - 1);
    worker.path.push((world().node(Exit::APPROVED), VERDICT));
    from(&mut worker, VERDICT + DEPTH - 1, Exit::NORMAL_LONG, until);
    taken_back(&mut worker);
}

#[test]
fn s1_behind_an_approval_is_the_clients_and_later_the_verifiers() {
    let behind = first(Exit::WITHHELD, VERDICT);
    let mut client = Seat::<Paying>::of(CLIENT);
    client.path.push((world().node(Exit::DELIVERED), DELIVERED));
    client.confirm(Exit::APPROVED, VERDICT);
    from(&mut client, behind - 1, Exit::WITHHELD, None);
    let mut verifier = on_chain(Seat::found_equal());
    verifier.confirm(Exit::APPROVED, VERDICT);
    from(&mut verifier, behind - 1 + CONFIRM, Exit::WITHHELD, None);
    taken_back(&mut verifier);
}

fn rejected(worker: Seat<Working>) -> Seat<Working> {
    let mut worker = delivered(worker);
    worker.confirm(Exit::REJECTED, VERDICT);
    worker
}

fn appeal_until() -> Option<u32> {
    Some(first(Exit::UNAPPEALED, VERDICT) - 1)
}

#[test]
fn a_worker_appeals_when_a_sample_is_drawn() {
    let mut worker = rejected(Seat::opened());
    assert_eq!(worker.publishes(), [(Exit::APPEALED, appeal_until())]);
    taken_back(&mut worker);
    // Nobody has drawn one: it waits for the block that does, as long as it can.
    let mut undrawn = rejected(Seat::committed());
    let last = appeal_until().unwrap() - SETTLES;
    from(&mut undrawn, last, Exit::APPEALED, appeal_until());
}

#[test]
fn a_worker_does_not_appeal_without_its_root_on_record_or_at_fault() {
    let mut unrecorded = rejected(Seat::opened());
    unrecorded.root = None;
    let mut other = Seat::opened();
    other.order(Order::Deliver);
    other.path.push((world().node(Exit::DELIVERED), DELIVERED));
    other.confirm(Exit::REJECTED, VERDICT);
    let mut at_fault = Seat::committed();
    at_fault.order(Order::Admit);
    at_fault.record(DELIVERED);
    at_fault
        .path
        .push((world().node(Exit::DELIVERED), DELIVERED));
    at_fault.confirm(Exit::REJECTED, VERDICT);
    for worker in [&mut other, &mut at_fault] {
        for tip in VERDICT..VERDICT + 10 {
            worker.tip(tip);
            assert_eq!(worker.publishes(), []);
        }
    }
}

/// An appeal that others have can be published by them again: it is not shown before the root lies deep.
#[test]
fn a_worker_appeals_when_its_root_is_deep_or_it_cannot_wait() {
    let on_record = |height| {
        let mut worker = Seat::opened();
        worker.order(Order::Deliver);
        worker.confirm(Exit::DELIVERED, DELIVERED);
        worker.confirm(Exit::REJECTED, VERDICT);
        worker.record(height);
        worker
    };
    let deep = VERDICT + DEPTH - 1;
    from(
        &mut on_record(VERDICT),
        deep,
        Exit::APPEALED,
        appeal_until(),
    );
    let last = appeal_until().unwrap() - CONFIRM;
    assert!(deep < last, "it could not wait anyway");
    from(
        &mut on_record(last - 1),
        last,
        Exit::APPEALED,
        appeal_until(),
    );
}

#[test]
fn an_appeal_is_not_published_again_while_the_root_is_lost() {
    let mut worker = rejected(Seat::opened());
    assert_eq!(worker.publishes(), [(Exit::APPEALED, appeal_until())]);
    let root = worker.root.take();
    worker.tip(VERDICT + 1);
    assert_eq!(worker.publishes(), []);
    worker.root = root;
    worker.tip(VERDICT + 2);
    assert_eq!(worker.publishes(), [(Exit::APPEALED, appeal_until())]);
}

#[test]
fn s4_behind_a_rejection_is_the_verifiers_and_later_the_clients() {
    let behind = first(Exit::UNAPPEALED, VERDICT);
    let mut verifier = on_chain(Seat::answered(false));
    verifier.confirm(Exit::REJECTED, VERDICT);
    from(&mut verifier, behind - 1, Exit::UNAPPEALED, None);
    taken_back(&mut verifier);
    let mut client = Seat::<Paying>::of(CLIENT);
    client.path.push((world().node(Exit::DELIVERED), DELIVERED));
    client.confirm(Exit::REJECTED, VERDICT);
    from(&mut client, behind - 1 + CONFIRM, Exit::UNAPPEALED, None);
}

const ACCUSED: u32 = VERDICT + 3;

fn accused<S: Side>(mut seat: Seat<S>) -> Seat<S> {
    let path = [
        (Exit::DELIVERED, DELIVERED),
        (Exit::REJECTED, VERDICT),
        (Exit::APPEALED, ACCUSED),
    ];
    seat.path.truncate(1);
    let path = path.map(|(name, height)| (world().node(name), height));
    seat.path.extend(path);
    seat.record(DELIVERED);
    seat.tip(ACCUSED);
    seat
}

fn rule<S: Side>(seat: &mut Seat<S>, ruling: Ruling, arbiters: &[u8]) {
    for arbiter in arbiters {
        let attestation = world().attestation(*arbiter, ruling);
        // Anybody may bring it.
        let from = match seat.book().contract().role() {
            CLIENT => WORKER,
            _ => CLIENT,
        };
        seat.said(from, Said::Attestation(attestation));
    }
}

fn set(arbiters: &[u8]) -> ArbiterSet {
    arbiters
        .iter()
        .map(|arbiter| usize::from(*arbiter))
        .collect()
}

#[test]
fn s6_goes_by_the_fullest_set_to_the_verifier_and_the_client_and_later_to_arbiters() {
    let two = Exit::ruled(Ruling::WorkerAtFault, set(&[0, 2]));
    let all = Exit::ruled(Ruling::WorkerAtFault, set(&[0, 1, 2]));
    fn check<S: Side>(role: Role, patience: u32, two: NodeName, all: NodeName) {
        let mut seat = accused(Seat::<S>::of(role));
        rule(&mut seat, Ruling::WorkerAtFault, &[0]);
        seat.tip(ACCUSED + 1);
        assert_eq!(seat.publishes(), [], "one is no majority");
        rule(&mut seat, Ruling::WorkerAtFault, &[2]);
        let behind = first(two, ACCUSED) + patience;
        from(&mut seat, behind - 1, two, None);
        // The third comes late.
        rule(&mut seat, Ruling::WorkerAtFault, &[1]);
        seat.tip(behind);
        assert_eq!(seat.publishes(), [(all, None)]);
        taken_back(&mut seat);
    }
    check::<Checking>(VERIFIER, 0, two, all);
    check::<Paying>(CLIENT, 0, two, all);
    check::<Judging>(PANEL[0], CONFIRM, two, all);
    let mut worker = accused(Seat::opened());
    rule(&mut worker, Ruling::WorkerAtFault, &[0, 1, 2]);
    worker.tip(ACCUSED + 30);
    assert_eq!(worker.publishes(), []);
}

#[test]
fn s7_is_the_workers_alone_when_the_appeal_is_deep() {
    let all = Exit::ruled(Ruling::VerifierAtFault, set(&[0, 1, 2]));
    let mut worker = accused(Seat::opened());
    rule(&mut worker, Ruling::VerifierAtFault, &[0, 1, 2]);
    from(&mut worker, ACCUSED + DEPTH - 1, all, None);
    taken_back(&mut worker);
    let mut verifier = accused(Seat::answered(false));
    rule(&mut verifier, Ruling::VerifierAtFault, &[0, 1, 2]);
    let mut client = accused(Seat::<Paying>::of(CLIENT));
    let mut arbiter = accused(Seat::<Judging>::of(PANEL[0]));
    rule(&mut client, Ruling::VerifierAtFault, &[0, 1, 2]);
    rule(&mut arbiter, Ruling::VerifierAtFault, &[0, 1, 2]);
    // A worker that does not use it costs those who have ruled nothing: they end it as a panel that has failed, and leave it time before.
    let rulings = Rulings {
        worker: ArbiterSet::empty(),
        verifier: set(&[0, 1, 2]),
    };
    let failed = Exit::failed(Some(rulings), false);
    let open = first(failed, ACCUSED);
    from(&mut client, open + SETTLES - 1, failed, None);
    from(&mut arbiter, open + SETTLES - 1, failed, None);
    verifier.tip(open + SETTLES);
    assert_eq!(verifier.publishes(), []);
}

#[test]
fn two_majorities_by_an_arbiter_that_rules_both_ways_leave_each_side_its_own() {
    let mut worker = accused(Seat::opened());
    let mut verifier = accused(Seat::answered(false));
    for (ruling, by) in [
        (Ruling::WorkerAtFault, [0, 1]),
        (Ruling::VerifierAtFault, [1, 2]),
    ] {
        rule(&mut worker, ruling, &by);
        rule(&mut verifier, ruling, &by);
    }
    let (against_worker, against_verifier) = (
        Exit::ruled(Ruling::WorkerAtFault, set(&[0, 1])),
        Exit::ruled(Ruling::VerifierAtFault, set(&[1, 2])),
    );
    let behind = first(against_verifier, ACCUSED);
    from(&mut worker, behind - 1, against_verifier, None);
    from(&mut verifier, behind - 1, against_worker, None);
}

#[test]
fn s5_goes_by_who_ruled_where_there_is_no_majority() {
    let rulings = Rulings {
        worker: set(&[0]),
        verifier: set(&[2]),
    };
    let (failed, anyone) = (
        Exit::failed(Some(rulings), false),
        Exit::failed(Some(rulings), true),
    );
    let broadcasters = |name| {
        let node = world().graph.node(world().node(name)).unwrap();
        node.signing.unwrap().broadcasters
    };
    fn check<S: Side>(
        role: Role,
        names: [NodeName; 2],
        broadcasters: impl Fn(NodeName) -> PartySet,
    ) {
        let mut seat = accused(Seat::<S>::of(role));
        rule(&mut seat, Ruling::WorkerAtFault, &[0]);
        rule(&mut seat, Ruling::VerifierAtFault, &[2]);
        let name = names
            .into_iter()
            .find(|name| broadcasters(*name).contains(role));
        match name {
            Some(name) => from(&mut seat, first(name, ACCUSED) - 1, name, None),
            None => {
                seat.tip(ACCUSED + 200);
                assert_eq!(seat.publishes(), []);
            }
        }
    }
    let names = [failed, anyone];
    check::<Paying>(CLIENT, names, broadcasters);
    check::<Working>(WORKER, names, broadcasters);
    check::<Checking>(VERIFIER, names, broadcasters);
    check::<Judging>(PANEL[0], names, broadcasters);
    check::<Judging>(PANEL[1], names, broadcasters);
    assert!(broadcasters(failed).contains(CLIENT));
}

#[test]
fn an_arbiter_publishes_nothing_but_what_a_panel_settles() {
    let mut arbiter = Seat::<Judging>::of(PANEL[0]);
    for (name, height) in [(Exit::DELIVERED, DELIVERED), (Exit::REJECTED, VERDICT)] {
        arbiter.tip(height + 100);
        assert_eq!(arbiter.publishes(), []);
        arbiter.confirm(name, height + 100);
    }
    arbiter.tip(VERDICT + 200);
    assert_eq!(arbiter.publishes(), []);
}

#[test]
fn what_is_settled_is_not_settled_again_unless_a_reorganisation_takes_it_away() {
    let mut client = Seat::<Paying>::of(CLIENT);
    client.tip(DELIVER);
    client.confirm(Exit::WORKER_TIMEOUT, DELIVER + 1);
    assert_eq!(client.publishes(), []);
    client.path.pop();
    client.tip(DELIVER + 1);
    assert_eq!(client.publishes(), [(Exit::WORKER_TIMEOUT, None)]);
    client.confirm(Exit::WORKER_TIMEOUT, DELIVER + 2);
    let buried = DELIVER + 2 + 99;
    client.tip(buried - 1);
    assert_eq!(client.machine.standing(), "settled");
    client.tip(buried);
    assert_eq!(client.machine.standing(), "over");
}

/// What a transaction pays a party.
fn pays(name: NodeName, role: Role) -> Amount {
    let node = world().graph.node(world().node(name)).unwrap();
    let own = node.outputs.iter();
    let own = own.filter(|out| matches!(out.purpose, Purpose::Payout(party) if party == role));
    own.map(|out| out.value).sum()
}

/// A fee is worth it as long as the other way costs more: what the transaction may still come to, less what its rival pays.
#[test]
fn what_is_at_stake_is_what_the_rival_would_cost() {
    let less = |name, rival, role| pays(name, role) - pays(rival, role);
    let worker = Seat::<Working>::of(WORKER);
    let stake = |name| worker.book().at_stake(world().node(name));
    let settles = less(Exit::NORMAL_LONG, Exit::WITHHELD, WORKER);
    assert!(settles > Amount::ZERO);
    assert_eq!(stake(Exit::NORMAL_LONG), settles);
    assert_eq!(
        stake(Exit::NORMAL),
        less(Exit::NORMAL, Exit::WORKER_TIMEOUT, WORKER)
    );
    // A delivery may come to the best that any settlement behind it pays.
    let (graph, delivered) = (&world().graph, stake(Exit::DELIVERED));
    let behind = graph.nodes().map(|(_, node)| pays(node.name, WORKER)).max();
    let most = behind.unwrap() - pays(Exit::WORKER_TIMEOUT, WORKER);
    assert!(delivered > settles && delivered <= most);
    let verifier = Seat::<Checking>::of(VERIFIER);
    let approves = verifier.book().at_stake(world().node(Exit::APPROVED));
    assert!(approves >= less(Exit::NORMAL_LONG, Exit::VERIFIER_TIMEOUT, VERIFIER));
    // Whoever gains nothing by it pays no more than the usual for it.
    let client = Seat::<Paying>::of(CLIENT);
    let settles = client.book().at_stake(world().node(Exit::NORMAL_LONG));
    assert_eq!(settles, Amount::ZERO);
}
