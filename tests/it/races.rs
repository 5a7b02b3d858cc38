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
    let mut scene = common::funded(chain);
    let deadline = deliver_height(scene.terms());
    let s1 = scene
        .complete(Client, common::node(&scene, Exit::WORKER_TIMEOUT))
        .unwrap();
    let txd = scene
        .complete(Worker, common::node(&scene, Exit::DELIVERED))
        .unwrap();
    before(&mut scene, deadline);
    assert!(
        is_too_early(&refused(&mut scene, &s1)),
        "a block at the deadline cannot hold S1"
    );
    scene.mine(1).unwrap();
    let child = rival::offer(&mut scene, Client, &s1, LOW).unwrap();
    assert!(
        rival::offer(&mut scene, Worker, &txd, LOW).is_err(),
        "at one rate the first stays"
    );
    let late = rival::offer(&mut scene, Worker, &txd, HIGH).unwrap();
    assert!(!rival::waits(&mut scene, &s1) && !rival::waits(&mut scene, &child));
    scene.mine(1).unwrap();
    rival::pay(&mut scene, Worker, &late);
    assert!(rival::is_confirmed(&mut scene, &txd));
    assert!(is_spent(&refused(&mut scene, &s1)));
    // The late delivery gains nothing by being late: the verifier's window begins now.
    let s2 = scene
        .complete(Worker, common::node(&scene, Exit::VERIFIER_TIMEOUT))
        .unwrap();
    assert!(is_too_early(&refused(&mut scene, &s2)));
    scene.publish(Verifier, Exit::REJECTED, "late").unwrap();
    scene.publish(Client, Exit::UNAPPEALED, "late").unwrap();
    assert_eq!(gains(&scene), [0, -150_000, 50_000]);
}

/// WEAKNESS. S3 shows the secret as soon as it is broadcast. If it is not confirmed by the deadline, the client takes
/// the secret from the mempool and replaces S3 by S1: it has the result and its money. The worker must not broadcast
/// S3 so late; TxD shows nothing and is what it has to publish then.
fn unconfirmed_secret_against_timeout(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    let id = common::node(&scene, Exit::NORMAL);
    hand_over(&mut scene);
    let s3 = scene.complete(Worker, id).unwrap();
    let s1 = scene
        .complete(Client, common::node(&scene, Exit::WORKER_TIMEOUT))
        .unwrap();
    let deadline = deliver_height(scene.terms());
    before(&mut scene, deadline + 1);
    rival::offer(&mut scene, Worker, &s3, LOW).unwrap();
    let (seen, _) = scene
        .chain()
        .transaction(s3.compute_txid())
        .unwrap()
        .unwrap();
    let client = scene.actor(Client).unwrap();
    let holdings = client.holdings.as_ref().unwrap();
    let secret = holdings.extract_result(id, &seen, &client.secrets).unwrap();
    assert_eq!(
        Some(secret),
        (scene.actor(Worker).unwrap().secrets).get(ContractSecret::Result),
        "the result is the client's"
    );
    let child = rival::offer(&mut scene, Client, &s1, HIGH).unwrap();
    scene.mine(1).unwrap();
    rival::pay(&mut scene, Client, &child);
    assert!(rival::is_confirmed(&mut scene, &s1));
    assert_eq!(
        gains(&scene),
        [0, -100_000, 0],
        "the worker pays for its lateness"
    );
}

/// The same after an approval on chain: S3' must confirm within Δ_W. Before that nothing can replace it.
fn unconfirmed_secret_after_approval(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    common::deliver(&mut scene);
    scene.publish(Verifier, Exit::APPROVED, "test").unwrap();
    let approved = scene.chain().height().unwrap();
    let s3 = scene
        .complete(Worker, common::node(&scene, Exit::NORMAL_LONG))
        .unwrap();
    let s1 = scene
        .complete(Client, common::node(&scene, Exit::WITHHELD))
        .unwrap();
    before(&mut scene, approved + 5);
    let child = rival::offer(&mut scene, Worker, &s3, LOW).unwrap();
    assert!(
        rival::offer(&mut scene, Client, &s1, HIGH).is_err(),
        "within the window, at whatever rate"
    );
    assert!(is_too_early(&refused(&mut scene, &s1)));
    // No block takes it; one block later the window is over.
    scene.chain().mine_exactly(&[], &common::miner()).unwrap();
    scene.sync().unwrap();
    let penalty = rival::offer(&mut scene, Client, &s1, HIGH).unwrap();
    assert!(!rival::waits(&mut scene, &s3) && !rival::waits(&mut scene, &child));
    scene.mine(1).unwrap();
    rival::pay(&mut scene, Client, &penalty);
    assert_eq!(scene.height_of(&s1).unwrap(), approved + 6);
    assert_eq!(gains(&scene), [0, -100_000, 20_000]);
}

/// S2 becomes possible Δ_V after the delivery; a rejection stays possible. While S2 waits unconfirmed, the verifier
/// can replace it, and the secret is out. The worker then appeals and is cleared: a false rejection costs the
/// verifier its stake, and the worker waits but does not lose.
fn late_rejection_against_silence(chain: &mut dyn Chain) {
    use narthex::game_model::{ArbiterSet, Ruling};
    let mut scene = common::funded(chain);
    common::deliver(&mut scene);
    let delivered = scene.chain().height().unwrap();
    let s2 = scene
        .complete(Worker, common::node(&scene, Exit::VERIFIER_TIMEOUT))
        .unwrap();
    let txv0 = scene
        .complete(Verifier, common::node(&scene, Exit::REJECTED))
        .unwrap();
    before(&mut scene, delivered + 6);
    rival::offer(&mut scene, Worker, &s2, LOW).unwrap();
    let late = rival::offer(&mut scene, Verifier, &txv0, HIGH).unwrap();
    assert!(!rival::waits(&mut scene, &s2));
    scene.mine(1).unwrap();
    rival::pay(&mut scene, Verifier, &late);
    assert!(
        is_spent(&refused(&mut scene, &s2)),
        "S2 and the rejection spend one output"
    );
    scene
        .publish(Worker, Exit::APPEALED, "rejected out of spite")
        .unwrap();
    common::rule(&mut scene, 0..3, Ruling::VerifierAtFault);
    let name = Exit::ruled(Ruling::VerifierAtFault, ArbiterSet::full(3));
    scene.publish(Worker, name, "cleared").unwrap();
    assert_eq!(gains(&scene), [-100_000, 100_000, -220_000]);
}

/// S4' becomes possible Δ_A after the rejection, the appeal stays possible until S4' confirms, and as long as no
/// arbiter has taken its stake back.
fn late_appeal_against_acceptance(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    common::reject(&mut scene);
    let rejected = scene.chain().height().unwrap();
    let s4 = scene
        .complete(Client, common::node(&scene, Exit::UNAPPEALED))
        .unwrap();
    let txa = scene
        .complete(Worker, common::node(&scene, Exit::APPEALED))
        .unwrap();
    before(&mut scene, rejected + 5);
    assert!(is_too_early(&refused(&mut scene, &s4)));
    before(&mut scene, rejected + 6);
    rival::offer(&mut scene, Client, &s4, LOW).unwrap();
    let late = rival::offer(&mut scene, Worker, &txa, HIGH).unwrap();
    assert!(
        !rival::waits(&mut scene, &s4),
        "the better paid appeal replaces it"
    );
    // And back again: whoever pays more in the end.
    let request_least = Amount::from_sat(20_000);
    let child = rival::child(&mut scene, Verifier, &s4, HIGH, request_least);
    scene
        .chain()
        .submit_package(&[s4.clone(), child.clone()])
        .unwrap();
    assert!(!rival::waits(&mut scene, &txa) && !rival::waits(&mut scene, &late));
    scene.mine(1).unwrap();
    rival::pay(&mut scene, Verifier, &child);
    assert!(is_spent(&refused(&mut scene, &txa)));
    assert_eq!(gains(&scene), [0, -150_000, 50_000]);
}

/// No two of the three settle as if the third agreed: client and worker would pay the verifier to a token that it does not
/// know, verifier and worker would show the client a signature that it can take nothing out of. When the verifier has
/// approved, the client has the whole and the worker's secret is all that is missing.
fn two_cannot_settle_without_the_third(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    let id = common::node(&scene, Exit::NORMAL);
    let secret = scene.actor(Worker).unwrap().secrets.clone();
    for role in [Client, Verifier] {
        scene.actor_mut(role).unwrap().secrets = secret.clone();
    }
    for role in [Client, Worker, Verifier] {
        assert!(scene.complete(role, id).is_err(), "{role}");
    }
    common::token_shown(&mut scene);
    common::approve(&mut scene);
    scene
        .publish(Client, Exit::NORMAL, "with the worker's secret")
        .unwrap();
    assert_eq!(gains(&scene), [-100_000, 80_000, 20_000]);
}

/// S1'' waits 2·Δ_D longer than S2, and gives way to a verdict. A worker whose S2 is still unconfirmed by then has shown
/// its secret and loses αw: it must settle, or have its silence, before.
fn abandoned_after_everybody_else(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    common::deliver(&mut scene);
    let delivered = scene.chain().height().unwrap();
    let s1 = scene
        .complete(Client, common::node(&scene, Exit::ABANDONED))
        .unwrap();
    let s2 = scene
        .complete(Worker, common::node(&scene, Exit::VERIFIER_TIMEOUT))
        .unwrap();
    let txv0 = scene
        .complete(Verifier, common::node(&scene, Exit::REJECTED))
        .unwrap();
    let first = delivered + 6 + 2 * 12;
    before(&mut scene, first - 1);
    assert!(is_too_early(&refused(&mut scene, &s1)));
    for other in [&s2, &txv0] {
        common::mined(&mut scene, other);
        assert!(is_spent(&refused(&mut scene, &s1)));
        scene.chain().disconnect(1).unwrap();
    }
    scene.chain().mine_exactly(&[], &common::miner()).unwrap();
    common::mined(&mut scene, &s1);
    assert!(is_spent(&refused(&mut scene, &s2)) && is_spent(&refused(&mut scene, &txv0)));
    assert_eq!(gains(&scene), [0, -100_000, 0]);
}

fn hand_over(scene: &mut narthex::play::Scene<'_>) {
    common::token_shown(scene);
    common::approve(scene);
}
