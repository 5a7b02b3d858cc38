//! Two moves for one output at the boundary of their windows: who can win, and what it costs the other. Consensus
//! gives a window no end: a move that could be made stays possible until another one confirms. So each test says what
//! a party must do in time, and what happens if it does not.

use crate::common;

use bitcoin::Amount;
use common::{before, deliver_height, gains, is_spent, is_too_early, refused, rival};
use narthex::{
    contracts::{
        template::{ContractSecret, Exit},
        terms::{FeeRate, Role},
    },
    regtest::Chain,
};

use Role::{Client, Verifier, Worker};

const LOW: FeeRate = FeeRate::from_sat_per_kwu(300);
const HIGH: FeeRate = FeeRate::from_sat_per_kwu(5_000);

on_both_chains!(
    late_delivery_against_timeout,
    unconfirmed_secret_against_timeout,
    unconfirmed_secret_after_approval,
    late_rejection_against_silence,
    late_appeal_against_acceptance,
    two_cannot_settle_without_the_third,
    abandoned_after_everybody_else,
);

/// After the deadline both S1 and a late delivery can be mined; whoever pays more is. Nobody is paid twice.
fn late_delivery_against_timeout(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let deadline = deliver_height(play.terms());
    let s1 = play
        .complete(Client, common::node(&play, Exit::WORKER_TIMEOUT))
        .unwrap();
    let txd = play
        .complete(Worker, common::node(&play, Exit::DELIVERED))
        .unwrap();
    before(&mut play, deadline);
    assert!(
        is_too_early(&refused(&mut play, &s1)),
        "a block at the deadline cannot hold S1"
    );
    play.mine(1).unwrap();
    let child = rival::offer(&mut play, Client, &s1, LOW).unwrap();
    assert!(
        rival::offer(&mut play, Worker, &txd, LOW).is_err(),
        "at one rate the first stays"
    );
    let late = rival::offer(&mut play, Worker, &txd, HIGH).unwrap();
    assert!(!rival::waits(&mut play, &s1) && !rival::waits(&mut play, &child));
    play.mine(1).unwrap();
    rival::pay(&mut play, Worker, &late);
    assert!(rival::is_confirmed(&mut play, &txd));
    assert!(is_spent(&refused(&mut play, &s1)));
    // The late delivery gains nothing by being late: the verifier's window begins now.
    let s2 = play
        .complete(Worker, common::node(&play, Exit::VERIFIER_TIMEOUT))
        .unwrap();
    assert!(is_too_early(&refused(&mut play, &s2)));
    play.publish(Verifier, Exit::REJECTED, "late").unwrap();
    play.publish(Client, Exit::UNAPPEALED, "late").unwrap();
    assert_eq!(gains(&play), [0, -150_000, 50_000]);
}

/// WEAKNESS. S3 shows the secret as soon as it is broadcast. If it is not confirmed by the deadline, the client takes
/// the secret from the mempool and replaces S3 by S1: it has the result and its money. The worker must not broadcast
/// S3 so late; TxD shows nothing and is what it has to publish then.
fn unconfirmed_secret_against_timeout(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let id = common::node(&play, Exit::NORMAL);
    hand_over(&mut play);
    let s3 = play.complete(Worker, id).unwrap();
    let s1 = play
        .complete(Client, common::node(&play, Exit::WORKER_TIMEOUT))
        .unwrap();
    let deadline = deliver_height(play.terms());
    before(&mut play, deadline + 1);
    rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    let (seen, _) = play
        .chain()
        .transaction(s3.compute_txid())
        .unwrap()
        .unwrap();
    let client = play.participant(Client).unwrap();
    let holdings = client.holdings.as_ref().unwrap();
    let secret = holdings.extract_result(id, &seen, &client.secrets).unwrap();
    assert_eq!(
        Some(secret),
        (play.participant(Worker).unwrap().secrets).get(ContractSecret::Result),
        "the result is the client's"
    );
    let child = rival::offer(&mut play, Client, &s1, HIGH).unwrap();
    play.mine(1).unwrap();
    rival::pay(&mut play, Client, &child);
    assert!(rival::is_confirmed(&mut play, &s1));
    assert_eq!(
        gains(&play),
        [0, -180_000, 0],
        "the worker pays for its lateness"
    );
}

/// The same after an approval on chain: S3' must confirm within Δ_W. Before that nothing can replace it.
fn unconfirmed_secret_after_approval(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::deliver(&mut play);
    play.publish(Verifier, Exit::APPROVED, "test").unwrap();
    let approved = play.chain().height().unwrap();
    let s3 = play
        .complete(Worker, common::node(&play, Exit::NORMAL_LONG))
        .unwrap();
    let s1 = play
        .complete(Client, common::node(&play, Exit::WITHHELD))
        .unwrap();
    before(&mut play, approved + 5);
    let child = rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    assert!(
        rival::offer(&mut play, Client, &s1, HIGH).is_err(),
        "within the window, at whatever rate"
    );
    assert!(is_too_early(&refused(&mut play, &s1)));
    // No block takes it; one block later the window is over.
    play.chain().mine_exactly(&[], &common::miner()).unwrap();
    play.sync().unwrap();
    let penalty = rival::offer(&mut play, Client, &s1, HIGH).unwrap();
    assert!(!rival::waits(&mut play, &s3) && !rival::waits(&mut play, &child));
    play.mine(1).unwrap();
    rival::pay(&mut play, Client, &penalty);
    assert_eq!(play.height_of(&s1).unwrap(), approved + 6);
    assert_eq!(gains(&play), [0, -180_000, 20_000]);
}

/// S2 becomes possible Δ_V after the delivery; a rejection stays possible. While S2 waits unconfirmed, the verifier
/// can replace it, and the secret is out. The worker then appeals and is cleared: a false rejection costs the
/// verifier its stake, and the worker waits but does not lose.
fn late_rejection_against_silence(chain: &mut dyn Chain) {
    use narthex::game_model::{ArbiterSet, Ruling};
    let mut play = common::funded(chain);
    common::deliver(&mut play);
    let delivered = play.chain().height().unwrap();
    let s2 = play
        .complete(Worker, common::node(&play, Exit::VERIFIER_TIMEOUT))
        .unwrap();
    let txv0 = play
        .complete(Verifier, common::node(&play, Exit::REJECTED))
        .unwrap();
    before(&mut play, delivered + 6);
    rival::offer(&mut play, Worker, &s2, LOW).unwrap();
    let late = rival::offer(&mut play, Verifier, &txv0, HIGH).unwrap();
    assert!(!rival::waits(&mut play, &s2));
    play.mine(1).unwrap();
    rival::pay(&mut play, Verifier, &late);
    assert!(
        is_spent(&refused(&mut play, &s2)),
        "S2 and the rejection spend one output"
    );
    play.publish(Worker, Exit::APPEALED, "rejected out of spite")
        .unwrap();
    common::rule(&mut play, 0..3, Ruling::VerifierAtFault);
    let name = Exit::ruled(Ruling::VerifierAtFault, ArbiterSet::full(3));
    play.publish(Worker, name, "cleared").unwrap();
    assert_eq!(gains(&play), [-100_000, 100_000, -220_000]);
}

/// S4' becomes possible Δ_A after the rejection, the appeal stays possible until S4' confirms, and as long as no
/// arbiter has taken its stake back.
fn late_appeal_against_acceptance(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::reject(&mut play);
    let rejected = play.chain().height().unwrap();
    let s4 = play
        .complete(Client, common::node(&play, Exit::UNAPPEALED))
        .unwrap();
    let txa = play
        .complete(Worker, common::node(&play, Exit::APPEALED))
        .unwrap();
    before(&mut play, rejected + 5);
    assert!(is_too_early(&refused(&mut play, &s4)));
    before(&mut play, rejected + 6);
    rival::offer(&mut play, Client, &s4, LOW).unwrap();
    let late = rival::offer(&mut play, Worker, &txa, HIGH).unwrap();
    assert!(
        !rival::waits(&mut play, &s4),
        "the better paid appeal replaces it"
    );
    // And back again: whoever pays more in the end.
    let request_least = Amount::from_sat(20_000);
    let child = rival::child(&mut play, Verifier, &s4, HIGH, request_least);
    play.chain()
        .submit_package(&[s4.clone(), child.clone()])
        .unwrap();
    assert!(!rival::waits(&mut play, &txa) && !rival::waits(&mut play, &late));
    play.mine(1).unwrap();
    rival::pay(&mut play, Verifier, &child);
    assert!(is_spent(&refused(&mut play, &txa)));
    assert_eq!(gains(&play), [0, -150_000, 50_000]);
}

/// No two of the three settle as if the third agreed: client and worker would pay the verifier to a token that it does not
/// know, verifier and worker would show the client a signature that it can take nothing out of. When the verifier has
/// approved, the client has the whole and the worker's secret is all that is missing.
fn two_cannot_settle_without_the_third(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let id = common::node(&play, Exit::NORMAL);
    let secret = play.participant(Worker).unwrap().secrets.clone();
    for role in [Client, Verifier] {
        play.participant_mut(role).unwrap().secrets = secret.clone();
    }
    for role in [Client, Worker, Verifier] {
        assert!(play.complete(role, id).is_err(), "{role}");
    }
    common::token_shown(&mut play);
    common::approve(&mut play);
    play.publish(Client, Exit::NORMAL, "with the worker's secret")
        .unwrap();
    assert_eq!(gains(&play), [-100_000, 80_000, 20_000]);
}

/// S1'' waits 2·Δ_D longer than S2, and gives way to a verdict. A worker whose S2 is still unconfirmed by then has shown
/// its secret and loses αw: it must settle, or have its silence, before.
fn abandoned_after_everybody_else(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::deliver(&mut play);
    let delivered = play.chain().height().unwrap();
    let s1 = play
        .complete(Client, common::node(&play, Exit::ABANDONED))
        .unwrap();
    let s2 = play
        .complete(Worker, common::node(&play, Exit::VERIFIER_TIMEOUT))
        .unwrap();
    let txv0 = play
        .complete(Verifier, common::node(&play, Exit::REJECTED))
        .unwrap();
    let first = delivered + 6 + 2 * 12;
    before(&mut play, first - 1);
    assert!(is_too_early(&refused(&mut play, &s1)));
    for other in [&s2, &txv0] {
        common::mined(&mut play, other);
        assert!(is_spent(&refused(&mut play, &s1)));
        play.chain().disconnect(1).unwrap();
    }
    play.chain().mine_exactly(&[], &common::miner()).unwrap();
    common::mined(&mut play, &s1);
    assert!(is_spent(&refused(&mut play, &s2)) && is_spent(&refused(&mut play, &txv0)));
    assert_eq!(gains(&play), [0, -180_000, 0]);
}

fn hand_over(play: &mut narthex::play::ContractPlay<'_>) {
    common::token_shown(play);
    common::approve(play);
}
