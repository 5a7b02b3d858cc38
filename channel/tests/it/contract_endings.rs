//! Endings that the three agree on: in which order they sign, what a lost nonce costs, and what the worker holds back meanwhile.

use bitcoin::Amount;
use narthex_channel::{
    Machine,
    contract::{
        Checking, ContractEffect, ContractInput, ContractRefusal, Done, EndingParcel, EndingSaid,
        EndingTask, Facts, Judging, Order, Parcel, Paying, Said, Side, Task, Working,
    },
};
use narthex_contracts::{
    coop::{CoopError, Proposal},
    graph::NodeName,
    template::Exit,
    terms::Role,
};

use crate::contract_support::{
    CLIENT, CONFIRM, DELIVER, DRAWN, FUNDED, MESSAGE, PANEL, SETTLES, Seat, VERIFIER, WORKER,
    release, world,
};

/// Height from which on the ending of the tests is void.
const EXPIRES: u32 = DELIVER - 8;

fn agree<S: Side>(seat: &mut Seat<S>, attempt: u32) {
    seat.order(Order::Agree(world().proposal(attempt)));
}

fn says<S: Side>(seat: &mut Seat<S>, from: Role, said: EndingSaid) {
    seat.said(from, Said::Ending(Box::new(said)));
}

fn agrees<S: Side>(seat: &mut Seat<S>, from: Role, attempt: u32) {
    says(seat, from, EndingSaid::Agrees(world().proposal(attempt)));
}

fn nonces<S: Side>(seat: &mut Seat<S>, from: Role, attempt: u32) {
    let nonces = world().ending_nonces(from);
    says(seat, from, EndingSaid::Nonces { attempt, nonces });
}

fn share<S: Side>(seat: &mut Seat<S>, from: Role, attempt: u32) {
    let to = seat.book().contract().role();
    let shares = world().ending_share(from, to);
    says(seat, from, EndingSaid::Shares { attempt, shares });
}

/// What is asked of whoever has the key.
fn asked<S: Side>(seat: &Seat<S>) -> Option<(u32, EndingTask)> {
    let mut pending = seat.machine.pending().into_iter();
    pending.find_map(|effect| match effect {
        ContractEffect::Task(Task::Ending { attempt, task }) => Some((attempt, task)),
        _ => None,
    })
}

fn sent<S: Side>(seat: &Seat<S>, attempt: u32, what: EndingParcel) -> Vec<Role> {
    seat.sends(Parcel::Ending { attempt, what })
}

fn ends<S: Side>(seat: &Seat<S>) -> Option<Option<u32>> {
    let mut pending = seat.machine.pending().into_iter();
    pending.find_map(|effect| match effect {
        ContractEffect::PublishEnding { until } => Some(until),
        _ => None,
    })
}

/// Everybody agrees, and it has signed.
fn signed<S: Side>(mut seat: Seat<S>, attempt: u32) -> Seat<S> {
    let me = seat.book().contract().role();
    agree(&mut seat, attempt);
    let others = Role::PRINCIPALS.into_iter().filter(|role| *role != me);
    let others: Vec<_> = others.collect();
    others
        .iter()
        .for_each(|role| agrees(&mut seat, *role, attempt));
    assert_eq!(asked(&seat), Some((attempt, EndingTask::Announce)));
    seat.done(world().ended(EndingTask::Announce, me));
    others
        .iter()
        .for_each(|role| nonces(&mut seat, *role, attempt));
    assert_eq!(asked(&seat), Some((attempt, EndingTask::Sign)));
    seat.done(world().ended(EndingTask::Sign, me));
    seat
}

/// The worker holds the ending whole.
fn whole(seat: Seat<Working>) -> Seat<Working> {
    let mut seat = signed(seat, 0);
    share(&mut seat, VERIFIER, 0);
    assert_eq!(asked(&seat), None, "the client's share comes last");
    let release = release(9);
    says(
        &mut seat,
        CLIENT,
        EndingSaid::Release {
            attempt: 0,
            release,
        },
    );
    assert_eq!(asked(&seat), Some((0, EndingTask::Close)));
    seat.done(world().ended(EndingTask::Close, WORKER));
    seat
}

#[test]
fn nobody_draws_a_nonce_before_all_three_have_said_the_same() {
    let mut client = Seat::<Paying>::of(CLIENT);
    agrees(&mut client, WORKER, 0);
    agrees(&mut client, VERIFIER, 0);
    assert_eq!(asked(&client), None, "its owner has not");
    let dearer = Proposal {
        payouts: vec![
            (VERIFIER, Amount::from_sat(9_000)),
            world().proposal(0).payouts[0],
        ],
        ..world().proposal(0)
    };
    says(&mut client, VERIFIER, EndingSaid::Agrees(dearer));
    agree(&mut client, 0);
    assert_eq!(asked(&client), None, "the verifier wants another one");
    assert_eq!(
        sent(&client, 0, EndingParcel::Agreement),
        [WORKER, VERIFIER]
    );
    agrees(&mut client, VERIFIER, 0);
    assert_eq!(asked(&client), Some((0, EndingTask::Announce)));
    assert_eq!(sent(&client, 0, EndingParcel::Nonces), []);
}

#[test]
fn the_clients_share_goes_last_and_only_for_boxes_that_are_here() {
    let mut client = signed(Seat::<Paying>::of(CLIENT), 0);
    share(&mut client, WORKER, 0);
    share(&mut client, VERIFIER, 0);
    assert_eq!(
        asked(&client),
        None,
        "who pays without the boxes pays for nothing"
    );
    let (commitment, boxes) = (world().committed(0), crate::contract_support::BOXES);
    client.item(WORKER, &commitment);
    client.said(
        WORKER,
        Said::Blob(narthex_channel::contract::Blob::Boxes { hash: boxes }),
    );
    let data = (
        narthex_game_model::commitment::ReceiptKind::Data,
        world().data(),
    );
    let receipt = world().receipt(data, (CLIENT, WORKER), DRAWN);
    let thing = narthex_channel::contract::Thing::Data;
    client.done(Done::Acknowledged { thing, receipt });
    assert_eq!(asked(&client), Some((0, EndingTask::Close)));
    assert_eq!(sent(&client, 0, EndingParcel::Release), []);
    client.done(world().ended(EndingTask::Close, CLIENT));
    assert_eq!(sent(&client, 0, EndingParcel::Release), [WORKER]);
    // From its expiry on it gives nothing away any more.
    client.tip(EXPIRES - 1);
    assert_eq!(sent(&client, 0, EndingParcel::Release), [WORKER]);
    client.tip(EXPIRES);
    assert_eq!(sent(&client, 0, EndingParcel::Release), []);
}

#[test]
fn lost_nonces_cost_an_attempt_which_the_others_follow_without_their_owners() {
    let mut verifier = Seat::<Checking>::of(VERIFIER);
    agree(&mut verifier, 0);
    agrees(&mut verifier, WORKER, 0);
    agrees(&mut verifier, CLIENT, 0);
    verifier.done(world().ended(EndingTask::Announce, VERIFIER));
    nonces(&mut verifier, WORKER, 0);
    nonces(&mut verifier, CLIENT, 0);
    // Its process was killed: the secret nonces are gone.
    verifier.done(Done::EndingVoid);
    assert_eq!(
        sent(&verifier, 1, EndingParcel::Agreement),
        [CLIENT, WORKER]
    );
    assert_eq!(asked(&verifier), None, "the others are at the one before");

    let mut worker = signed(Seat::<Working>::of(WORKER), 0);
    agrees(&mut worker, VERIFIER, 1);
    assert_eq!(
        sent(&worker, 1, EndingParcel::Agreement),
        [CLIENT, VERIFIER]
    );
    assert_eq!(sent(&worker, 0, EndingParcel::Shares(CLIENT.into())), []);
    // What is of the attempt before says nothing in this one.
    agrees(&mut worker, CLIENT, 1);
    nonces(&mut worker, VERIFIER, 0);
    nonces(&mut worker, CLIENT, 0);
    worker.done(world().ended(EndingTask::Announce, WORKER));
    assert_eq!(asked(&worker), None);
    nonces(&mut worker, VERIFIER, 1);
    nonces(&mut worker, CLIENT, 1);
    assert_eq!(asked(&worker), Some((1, EndingTask::Sign)));
}

/// An attempt that the worker has whole is not left because somebody says that it was lost.
#[test]
fn what_is_whole_is_not_begun_again() {
    let mut worker = whole(Seat::paid());
    agrees(&mut worker, VERIFIER, 1);
    assert_eq!(asked(&worker), None);
    worker.tip(DRAWN + 4);
    assert_eq!(ends(&worker), Some(Some(DELIVER)));
}

#[test]
fn attempts_have_an_end() {
    let mut client = Seat::<Paying>::of(CLIENT);
    agree(&mut client, 0);
    agrees(&mut client, WORKER, 0);
    for attempt in 0..32 {
        agrees(&mut client, WORKER, attempt);
        agrees(&mut client, VERIFIER, attempt);
        assert_eq!(asked(&client), Some((attempt, EndingTask::Announce)));
        client.done(Done::EndingVoid);
    }
    assert_eq!(client.book().endings().own(), None);
    let order = ContractInput::Order(Order::Agree(world().proposal(0)));
    assert!(matches!(
        client.step(&order),
        Err(ContractRefusal::NoEnding { .. })
    ));
}

#[test]
fn a_worker_that_has_agreed_holds_back_s3_until_it_is_void() {
    let mut worker = Seat::paid();
    agree(&mut worker, 0);
    worker.tip(DRAWN + 4);
    assert_eq!(worker.publishes(), []);
    worker.tip(EXPIRES - 1);
    assert_eq!(worker.publishes(), []);
    worker.tip(EXPIRES);
    assert_eq!(worker.publishes(), [(Exit::NORMAL, Some(DELIVER))]);
    assert!(worker.book().endings().own().is_none());
}

#[test]
fn a_worker_publishes_the_whole_ending_and_nothing_beside_it_as_long_as_there_is_time() {
    let mut worker = whole(Seat::paid());
    assert_eq!(
        ends(&worker),
        None,
        "first it is decided, with a look at the chain"
    );
    let near = DELIVER - SETTLES - MESSAGE;
    for tip in DRAWN + 4..near {
        worker.tip(tip);
        assert_eq!(ends(&worker), Some(Some(DELIVER)), "{tip}");
        assert_eq!(worker.publishes(), [], "{tip}");
    }
    // It may have shown the secret: what shows it too is paid for by a child, and that can pay more.
    worker.tip(near);
    assert_eq!(worker.publishes(), [(Exit::NORMAL, Some(DELIVER))]);
    assert_eq!(ends(&worker), None);
    let mut late = whole(Seat::paid());
    late.tip(DELIVER - SETTLES - 1);
    assert_eq!(ends(&late), None, "too late to begin");
    assert_eq!(late.publishes(), [(Exit::NORMAL, Some(DELIVER))]);
}

#[test]
fn what_gives_the_money_back_has_no_s3_beside_it() {
    let refund = Proposal {
        payouts: vec![(CLIENT, world().proposal(0).payouts[0].1)],
        reveals_result: false,
        ..world().proposal(0)
    };
    let mut worker = Seat::paid();
    worker.order(Order::Agree(refund.clone()));
    for other in [CLIENT, VERIFIER] {
        says(&mut worker, other, EndingSaid::Agrees(refund.clone()));
    }
    worker.done(world().ended(EndingTask::Announce, WORKER));
    nonces(&mut worker, CLIENT, 0);
    nonces(&mut worker, VERIFIER, 0);
    worker.done(world().ended(EndingTask::Sign, WORKER));
    share(&mut worker, VERIFIER, 0);
    let release = release(9);
    says(
        &mut worker,
        CLIENT,
        EndingSaid::Release {
            attempt: 0,
            release,
        },
    );
    worker.done(world().ended(EndingTask::Close, WORKER));
    worker.tip(DRAWN + 4);
    assert_eq!(ends(&worker), Some(Some(DELIVER)));
    // It shows no secret, so that nothing is written down before it is published.
    assert!(
        worker
            .step(&ContractInput::Done(Done::EndingShowing))
            .is_err()
    );
    worker.tip(DELIVER - CONFIRM - 1);
    let delivered = [(Exit::DELIVERED, Some(DELIVER))];
    assert_eq!(
        worker.publishes(),
        delivered,
        "its own way, without the secret"
    );
    assert_eq!(ends(&worker), None);
}

#[test]
fn the_end_that_was_agreed_on_shows_the_client_the_key() {
    let mut client = Seat::<Paying>::of(CLIENT);
    let settled = |client: &mut Seat<Paying>| {
        let facts = Facts {
            path: client.path.clone(),
            root: None,
            agreed: Some(FUNDED + 9),
        };
        let view = narthex_channel::contract::ChainView {
            tip: FUNDED + 9,
            since: 0,
            facts,
        };
        client.step(&ContractInput::Chain(view)).unwrap();
    };
    settled(&mut client);
    assert_eq!(
        client.machine.standing(),
        "settled",
        "nothing that it has a share of"
    );
    let mut client = signed(Seat::<Paying>::of(CLIENT), 0);
    client.item(WORKER, &world().committed(0));
    let hash = crate::contract_support::BOXES;
    client.said(
        WORKER,
        Said::Blob(narthex_channel::contract::Blob::Boxes { hash }),
    );
    let data = (
        narthex_game_model::commitment::ReceiptKind::Data,
        world().data(),
    );
    let receipt = world().receipt(data, (CLIENT, WORKER), DRAWN);
    let thing = narthex_channel::contract::Thing::Data;
    client.done(Done::Acknowledged { thing, receipt });
    share(&mut client, WORKER, 0);
    share(&mut client, VERIFIER, 0);
    client.done(world().ended(EndingTask::Close, CLIENT));
    settled(&mut client);
    assert_eq!(client.machine.standing(), "shown");
    assert!(client.is_asked(Task::DecryptEnding));
    let by = world().graph.txid(world().node(Exit::NORMAL)).unwrap();
    client.done(Done::Decrypted {
        by,
        result: Some([1; 32]),
    });
    assert_eq!(client.machine.standing(), "decrypted");
}

#[test]
fn nobody_else_takes_part_and_what_is_no_ending_is_not_agreed_to() {
    let mut arbiter = Seat::<Judging>::of(PANEL[0]);
    let said = || Said::Ending(Box::new(EndingSaid::Agrees(world().proposal(0))));
    assert!(arbiter.try_said(WORKER, said()).is_err());
    let order = |proposal| ContractInput::Order(Order::Agree(proposal));
    assert!(arbiter.step(&order(world().proposal(0))).is_err());
    let mut client = Seat::<Paying>::of(CLIENT);
    assert!(client.try_said(PANEL[0], said()).is_err());
    // Nonces and shares are their sender's.
    let nonces = world().ending_nonces(VERIFIER);
    let said = EndingSaid::Nonces { attempt: 0, nonces };
    assert!(
        client
            .try_said(WORKER, Said::Ending(Box::new(said)))
            .is_err()
    );
    let release = release(9);
    let said = EndingSaid::Release {
        attempt: 0,
        release,
    };
    assert!(
        client
            .try_said(WORKER, Said::Ending(Box::new(said)))
            .is_err()
    );
    // Of a coin that is not there, of more than there is, and of a fee that is a mistake.
    let good = world().proposal(0);
    let elsewhere = Proposal {
        spends: NodeName::plain("TxD"),
        ..good.clone()
    };
    assert!(client.step(&order(elsewhere)).is_err());
    let pays = |sat: u64| {
        let payouts = vec![(WORKER, Amount::from_sat(sat))];
        Proposal {
            payouts,
            ..good.clone()
        }
    };
    let coin = good.payouts[0].1.to_sat() + 500;
    let none = client.step(&order(pays(coin + 1)));
    assert!(
        matches!(none, Err(ContractRefusal::Ending(CoopError::Graph(_)))),
        "{none:?}"
    );
    for sat in [coin / 2, coin] {
        let fee = client.step(&order(pays(sat)));
        let is_fee = matches!(
            fee,
            Err(ContractRefusal::Ending(
                CoopError::Fee(_) | CoopError::Graph(_)
            ))
        );
        assert!(is_fee, "{fee:?}");
    }
    assert_eq!(client.book().endings().own(), None);
}

/// Who changes its mind without end fills no disk.
#[test]
fn agreements_of_another_are_bounded() {
    let mut client = Seat::<Paying>::of(CLIENT);
    let other = |blocks: u32| {
        let expires_height = EXPIRES + blocks;
        let proposal = Proposal {
            expires_height,
            ..world().proposal(0)
        };
        Said::Ending(Box::new(EndingSaid::Agrees(proposal)))
    };
    let taken = (0..100).filter(|n| client.try_said(WORKER, other(*n)).is_ok());
    assert_eq!(taken.count(), 64);
    agree(&mut client, 0);
}
