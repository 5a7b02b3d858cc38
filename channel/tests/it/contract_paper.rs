//! A contract of the paper's template: what its parties say and publish, and when. Nothing of it is mended, and no node lives it.

use narthex_channel::{
    Machine as _,
    contract::{
        Blob, Checking, Contract, ContractEffect, ContractInput, ContractRefusal, Done, Finding,
        Judging, Order, Parcel, Paying, Policy, Said, Side, Task, Thing, Unfit, Working,
    },
};
use narthex_contracts::{
    depth::Depth,
    graph::{NodeName, TxGraph},
    template::PaperExit,
    terms::Role,
};
use narthex_game_model::{
    ArbiterSet, PaperLocks, Ruling, Template, commitment::ReceiptKind, ruling::SignedItem,
};

use crate::contract_support::{
    BOXES, CLIENT, CONFIRM, FUNDED, MESSAGE, OPENED, PANEL, Seat, VERIFIER, WORKER, in_template,
    opened, release, world,
};

fn locks() -> PaperLocks {
    world().terms.params().paper_locks().unwrap()
}

/// A party of a contract that was funded, its funding deep.
fn party<S: Side>(role: Role) -> Seat<S> {
    in_template(Template::Paper);
    let mut seat = Seat {
        machine: world().machine(role),
        path: vec![(TxGraph::FUNDING, FUNDED)],
        root: None,
    };
    seat.tip(FUNDED + 3);
    seat
}

fn publishes<S: Side>(seat: &Seat<S>) -> Option<NodeName> {
    let due = seat.machine.pending();
    due.into_iter().find_map(|effect| match effect {
        ContractEffect::Publish { node, .. } => Some(world().graph.node(node)?.name),
        _ => None,
    })
}

fn received<S: Side>(seat: &Seat<S>, kind: ReceiptKind, item: [u8; 32], thing: Thing) -> Done {
    let me = seat.book().contract().role();
    let receipt = world().receipt((kind, item), (me, WORKER), FUNDED + 1);
    Done::Acknowledged { thing, receipt }
}

/// It has the worker's commitment and boxes, and says so.
fn served<S: Side>(seat: &mut Seat<S>) {
    let committed = world().committed(0);
    seat.item(WORKER, &committed);
    let id = world().name(&committed);
    let done = received(seat, ReceiptKind::Commitment, id, Thing::Item(id));
    seat.done(done);
    seat.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
    let done = received(seat, ReceiptKind::Data, world().data(), Thing::Data);
    seat.done(done);
}

/// A worker that has committed.
fn worker() -> Seat<Working> {
    let mut seat = party(WORKER);
    let commitment = world().committed(0);
    let boxes = BOXES;
    seat.done(Done::Committed { commitment, boxes });
    seat
}

/// A worker whose verifier has signed a hash of its digests, of a block at this height.
fn asked(height: u32) -> (Seat<Working>, SignedItem) {
    let mut seat = worker();
    let sample = world().sample(1, height);
    seat.item(VERIFIER, &sample);
    let blind = world().blind(&sample);
    (seat, blind)
}

/// A verifier that has drawn, computed and was shown the sample.
fn verifier() -> Seat<Checking> {
    let mut seat = party(VERIFIER);
    served(&mut seat);
    seat.tip(FUNDED + 5);
    let sample = world().sample(1, FUNDED + 2);
    assert!(seat.is_asked(Task::Sample { height: FUNDED + 2 }));
    seat.done(Done::Signed(sample.clone()));
    // There is no token to wait for.
    assert!(seat.is_asked(Task::Answer));
    let blind = world().blind(&sample);
    seat.done(Done::Signed(blind.clone()));
    let opening = world().opening(&blind, OPENED);
    seat.item(WORKER, &opening);
    seat.said(WORKER, Said::Blob(opened()));
    let id = world().name(&opening);
    let done = received(&seat, ReceiptKind::Opening, id, Thing::Item(id));
    seat.done(done);
    assert!(seat.is_asked(Task::Compare));
    seat
}

#[test]
fn nobody_goes_by_it_for_money() {
    in_template(Template::Paper);
    let paper = world();
    let policy = Policy {
        depth: Depth::LEAST,
        confirm: 1,
        message: 1,
    };
    let refused = Contract::new(paper.terms.clone(), paper.graph.clone(), CLIENT, policy);
    let template = Template::Paper;
    assert_eq!(refused, Err(Unfit::Template { template }));
    let said = Unfit::Template { template }.to_string();
    assert!(said.contains("research alone"), "{said}");
    let contract = paper.contract(CLIENT);
    let shared = std::sync::Arc::new(contract.shared().unwrap().clone());
    in_template(Template::Hardened);
    let hardened = (world().terms.clone(), world().graph.clone());
    let refused = Contract::research(hardened, CLIENT, policy, shared);
    let template = Template::Hardened;
    assert_eq!(refused, Err(Unfit::NoResearch { template }));
}

#[test]
fn what_is_of_the_other_templates_is_refused() {
    let mut seat = worker();
    let sample = world().sample(1, FUNDED);
    seat.item(VERIFIER, &sample);
    let token = world().token(&sample);
    let reply = world().reply(&token, true);
    let refused = seat.try_said(VERIFIER, Said::Item(reply)).unwrap_err();
    let what = "reply";
    let expected = |what| ContractRefusal::NotItsPart {
        from: VERIFIER,
        to: WORKER,
        what,
    };
    assert_eq!(refused, expected(what));
    in_template(Template::Hardened);
    let mut seat = Seat::<Working>::of(WORKER);
    let blind = world().blind(&world().sample(1, FUNDED));
    let refused = seat.try_said(VERIFIER, Said::Item(blind)).unwrap_err();
    assert_eq!(refused, expected("blind digests"));
}

#[test]
fn a_worker_opens_once_the_verifier_has_signed_what_it_found() {
    let (mut seat, blind) = asked(FUNDED + 1);
    seat.tip(FUNDED + 3);
    assert!(!seat.is_asked(Task::Seal) && !seat.is_asked(Task::Open));
    seat.item(VERIFIER, &blind);
    assert!(seat.is_asked(Task::Open));
    let item = world().opening(&blind, OPENED);
    let opening = opened();
    seat.done(Done::Opened { item, opening });
    assert_eq!(seat.machine.standing(), "opened");
    // A block that is not deep draws nothing yet.
    let (mut seat, blind) = asked(FUNDED + 4);
    seat.tip(FUNDED + 5);
    seat.item(VERIFIER, &blind);
    assert!(!seat.is_asked(Task::Open));
    seat.tip(FUNDED + 6);
    assert!(seat.is_asked(Task::Open));
}

#[test]
fn a_worker_takes_what_the_verifier_gives_it() {
    let mut seat = worker();
    seat.said(VERIFIER, Said::Release(release(1)));
    assert!(seat.is_asked(Task::Check));
    seat.done(Done::Approved(vec![release(1)]));
    seat.tip(FUNDED + 4);
    assert_eq!(publishes(&seat), Some(PaperExit::NORMAL));
    // Nobody but the verifier gives anything.
    let refused = seat.try_said(CLIENT, Said::Release(release(2)));
    assert!(matches!(refused, Err(ContractRefusal::NotItsPart { .. })));
}

#[test]
fn a_worker_appeals_unless_it_is_at_fault() {
    for (finding, expected) in [
        (Finding::Wrong, Some(PaperExit::APPEALED)),
        (Finding::OwnFault, None),
    ] {
        let mut seat = worker();
        seat.said(VERIFIER, Said::Release(release(1)));
        seat.done(Done::Rejected(vec![release(1)]));
        assert!(seat.is_asked(Task::Review));
        seat.done(Done::Found(finding));
        for tip in [FUNDED + 4, locks().t1, locks().t2] {
            seat.tip(tip);
            assert_eq!(publishes(&seat), expected, "{finding:?} at {tip}");
        }
    }
}

#[test]
fn a_worker_says_above_t1_that_the_verifier_was_silent() {
    let mut seat = worker();
    seat.tip(locks().t1 - 1);
    assert_eq!(publishes(&seat), None);
    seat.tip(locks().t1);
    assert_eq!(publishes(&seat), Some(PaperExit::SILENT_VERIFIER));
    // A verdict that comes after that is one.
    seat.said(VERIFIER, Said::Release(release(1)));
    seat.done(Done::Approved(vec![release(1)]));
    assert_eq!(publishes(&seat), None);
    seat.tip(locks().t1 + 1);
    assert_eq!(publishes(&seat), Some(PaperExit::NORMAL));
    // One that has done nothing claims nothing: that is an attack.
    let mut seat = party::<Working>(WORKER);
    seat.tip(locks().t1);
    assert_eq!(publishes(&seat), None);
}

#[test]
fn a_verifier_approves_with_its_share_of_the_settlement() {
    let mut seat = verifier();
    seat.done(Done::Found(Finding::Equal));
    // It does not ask whether the client has anything.
    assert!(seat.is_asked(Task::Approve) && !seat.is_asked(Task::Reject));
    seat.done(Done::Approved(vec![release(1)]));
    assert_eq!(seat.sends(Parcel::Release), [WORKER]);
    seat.tip(locks().t4);
    assert_eq!(publishes(&seat), None, "one verdict");
}

#[test]
fn a_verifier_rejects_with_its_share_of_the_appeal() {
    let mut seat = verifier();
    seat.done(Done::Found(Finding::Wrong));
    assert!(seat.is_asked(Task::Reject) && !seat.is_asked(Task::Approve));
    seat.done(Done::Rejected(vec![release(2)]));
    assert_eq!(seat.sends(Parcel::Release), [WORKER]);
    assert_eq!(seat.book().rejections(), [release(2)]);
    seat.tip(locks().t2 - 1);
    assert_eq!(publishes(&seat), None);
    seat.tip(locks().t2);
    assert_eq!(publishes(&seat), Some(PaperExit::UNAPPEALED));
}

/// In the last moment before t1, and only if the worker has acknowledged that it was asked.
#[test]
fn a_verifier_rejects_what_is_not_opened() {
    for is_asked in [false, true] {
        let mut seat = party::<Checking>(VERIFIER);
        served(&mut seat);
        seat.tip(FUNDED + 4);
        let sample = world().sample(1, FUNDED + 2);
        seat.done(Done::Signed(sample.clone()));
        let blind = world().blind(&sample);
        seat.done(Done::Signed(blind.clone()));
        if is_asked {
            let thing = (ReceiptKind::Reply, world().name(&blind));
            let receipt = world().receipt(thing, (WORKER, VERIFIER), FUNDED + 4);
            seat.said(WORKER, Said::Receipt(receipt));
        }
        seat.tip(locks().t1 - MESSAGE - 1);
        assert!(!seat.is_asked(Task::Reject));
        seat.tip(locks().t1 - MESSAGE);
        assert_eq!(seat.is_asked(Task::Reject), is_asked);
    }
}

#[test]
fn a_time_out_is_taken_by_whoever_has_nothing() {
    let t3 = locks_of_paper().t3;
    let mut client = party::<Paying>(CLIENT);
    client.tip(t3 - 1);
    assert_eq!(publishes(&client), None);
    client.tip(t3);
    assert_eq!(publishes(&client), Some(PaperExit::TIMEOUT_BY_CLIENT));
    let mut verifier = party::<Checking>(VERIFIER);
    verifier.tip(t3 + CONFIRM - 1);
    assert_eq!(publishes(&verifier), None);
    verifier.tip(t3 + CONFIRM);
    assert_eq!(publishes(&verifier), Some(PaperExit::TIMEOUT_BY_VERIFIER));
    let mut client = party::<Paying>(CLIENT);
    served(&mut client);
    client.tip(t3 + 10);
    assert_eq!(publishes(&client), None, "it has what it is to pay for");
}

fn locks_of_paper() -> PaperLocks {
    in_template(Template::Paper);
    locks()
}

/// An arbiter shows its share however it has ruled, and after that.
#[test]
fn an_arbiter_rules_and_shows_its_share() {
    let mut seat = party::<Judging>(PANEL[0]);
    seat.confirm(PaperExit::APPEALED, FUNDED + 5);
    assert!(!seat.is_asked(Task::Rule) && !seat.is_asked(Task::Reveal));
    seat.said(WORKER, world().evidence(WORKER, [1; 32]));
    seat.said(VERIFIER, world().evidence(VERIFIER, [2; 32]));
    seat.tip(FUNDED + 6);
    assert!(seat.is_asked(Task::Rule) && !seat.is_asked(Task::Reveal));
    seat.done(Done::Ruled(Ruling::WorkerAtFault));
    seat.is_seconded();
    let attestation = world().attestation(0, Ruling::WorkerAtFault);
    seat.done(Done::Attested(attestation));
    assert!(seat.is_asked(Task::Reveal));
    let other = ContractInput::Done(Done::Revealed(world().share(1)));
    assert!(seat.step(&other).is_err(), "another one's share");
    seat.done(Done::Revealed(world().share(0)));
    let others = [CLIENT, WORKER, VERIFIER, PANEL[1], PANEL[2]];
    assert_eq!(seat.sends(Parcel::Share), others);
    assert_eq!(seat.sends(Parcel::Attestation), others);
}

/// If a side brings nothing, an arbiter hears the other until what it shows would come too late.
#[test]
fn an_arbiter_waits_for_evidence_until_t4_is_near() {
    let mut seat = party::<Judging>(PANEL[0]);
    seat.confirm(PaperExit::APPEALED, FUNDED + 5);
    seat.said(VERIFIER, world().evidence(VERIFIER, [2; 32]));
    let last = locks().t4 - CONFIRM - MESSAGE;
    seat.tip(last);
    assert!(!seat.is_asked(Task::Rule));
    seat.tip(last + 1);
    assert!(seat.is_asked(Task::Rule));
}

#[test]
fn a_majority_and_its_secret_settle() {
    let all = ArbiterSet::full(3);
    let two: ArbiterSet = [0usize, 1].into_iter().collect();
    let convicted = |set| Some(PaperExit::ruled(Ruling::WorkerAtFault, set));
    let mut seat = party::<Paying>(CLIENT);
    seat.confirm(PaperExit::APPEALED, FUNDED + 5);
    for by in 0..2 {
        let ruling = world().attestation(by, Ruling::WorkerAtFault);
        seat.said(PANEL[usize::from(by)], Said::Attestation(ruling));
    }
    seat.said(PANEL[0], Said::Share(world().share(0)));
    seat.tip(FUNDED + 6);
    assert_eq!(publishes(&seat), None, "one share is no secret");
    // The same again is no second one, and a false one is none.
    seat.said(PANEL[1], Said::Share(world().share(0)));
    let mut false_share = world().share(1);
    false_share.value = world().share(2).value;
    let refused = seat.try_said(PANEL[1], Said::Share(false_share));
    assert!(matches!(refused, Err(ContractRefusal::Share { .. })));
    seat.tip(FUNDED + 7);
    assert_eq!(publishes(&seat), None);
    seat.said(PANEL[1], Said::Share(world().share(1)));
    seat.tip(FUNDED + 8);
    assert_eq!(publishes(&seat), convicted(two));
    let third = world().attestation(2, Ruling::WorkerAtFault);
    seat.said(PANEL[2], Said::Attestation(third));
    seat.tip(FUNDED + 9);
    assert_eq!(publishes(&seat), convicted(all), "all who ruled so");
    // An honest worker that is convicted has nothing to publish, whatever the secret opens.
    let mut seat = worker();
    seat.confirm(PaperExit::APPEALED, FUNDED + 5);
    for by in 0..2u8 {
        let ruling = world().attestation(by, Ruling::WorkerAtFault);
        seat.said(PANEL[usize::from(by)], Said::Attestation(ruling));
        seat.said(PANEL[usize::from(by)], Said::Share(world().share(by)));
    }
    seat.tip(FUNDED + 9);
    assert_eq!(publishes(&seat), None);
}

#[test]
fn a_panel_that_keeps_its_secret_is_left_above_t4() {
    let mut seat = party::<Paying>(CLIENT);
    seat.confirm(PaperExit::APPEALED, FUNDED + 5);
    for by in 0..3 {
        let ruling = world().attestation(by, Ruling::WorkerAtFault);
        seat.said(PANEL[usize::from(by)], Said::Attestation(ruling));
    }
    seat.tip(locks().t4 - 1);
    assert_eq!(publishes(&seat), None);
    seat.tip(locks().t4);
    assert_eq!(publishes(&seat), Some(PaperExit::FAILED));
}

#[test]
fn no_other_end_is_agreed_to() {
    let mut seat = worker();
    let order = ContractInput::Order(Order::Agree(world().proposal(0)));
    let refused = seat.step(&order).unwrap_err();
    let spends = NodeName::plain("Tx0");
    assert_eq!(refused, ContractRefusal::NoEnding { spends });
    let order = ContractInput::Order(Order::Deliver);
    assert!(seat.step(&order).is_err(), "there is no delivery");
}
