//! An approval that can be challenged, at the edges of its windows: who can publish what with which secrets known, and
//! what a reorganisation changes. Δ_C is 12 and Δ_W 6 in the example, so that nobody challenges before block V + 4.

use crate::common;

use common::{before, gains, is_spent, is_too_early, refused, rival};
use narthex::{
    contracts::{
        graph::NodeName,
        template::{ContractSecret, Exit},
        terms::{FeeRate, Role},
    },
    game_model::{Accusation, ArbiterSet, Ruling, Template},
    play::ContractPlay,
    regtest::Chain,
};

use Role::{Client, Verifier, Worker};

const LOW: FeeRate = FeeRate::from_sat_per_kwu(300);
const HIGH: FeeRate = FeeRate::from_sat_per_kwu(5_000);

on_both_chains!(
    a_challenge_has_two_thirds_of_the_window_to_itself,
    unconfirmed_secret_against_challenge,
    nobody_settles_a_challenge_with_the_secrets_of_others,
    a_reorganisation_from_approval_to_rejection,
);

/// Approved on chain, and the height of that.
fn approved(chain: &mut dyn Chain) -> (ContractPlay<'_>, u32) {
    let mut play = common::play(chain, Template::Audited, (2, 3));
    common::deliver(&mut play);
    play.publish(Verifier, Exit::APPROVED, "test").unwrap();
    let height = play.chain().height().unwrap();
    (play, height)
}

fn ruled(ruling: Ruling) -> NodeName {
    Exit::ruled_on(Accusation::Challenge, ruling, ArbiterSet::full(3))
}

/// Not a block before a third, then alone until the last block before Δ_C; and the stakes are still there.
fn a_challenge_has_two_thirds_of_the_window_to_itself(chain: &mut dyn Chain) {
    let (mut play, approved) = approved(chain);
    let complete = |play: &ContractPlay<'_>, role, name| {
        let node = common::node(play, name);
        play.complete(role, node).unwrap()
    };
    let txc = complete(&play, Client, Exit::CHALLENGED);
    let s3 = complete(&play, Worker, Exit::NORMAL_LONG);
    let s1 = complete(&play, Client, Exit::WITHHELD);
    before(&mut play, approved + 3);
    assert!(is_too_early(&refused(&mut play, &txc)));
    before(&mut play, approved + 11);
    for early in [&s3, &s1] {
        assert!(is_too_early(&refused(&mut play, early)));
    }
    common::mined(&mut play, &txc);
    assert_eq!(play.height_of(&txc).unwrap(), approved + 11);
    for late in [&s3, &s1] {
        assert!(is_spent(&refused(&mut play, late)));
    }
}

/// S3' shows the secret as soon as it is broadcast, and TxC can still replace it. The client then has the result, and pays for
/// it: the panel finds nothing wrong, and its bond is gone.
fn unconfirmed_secret_against_challenge(chain: &mut dyn Chain) {
    let (mut play, approved) = approved(chain);
    common::token_shown(&mut play);
    let id = common::node(&play, Exit::NORMAL_LONG);
    let s3 = play.complete(Worker, id).unwrap();
    let challenge = common::node(&play, Exit::CHALLENGED);
    let txc = play.complete(Client, challenge).unwrap();
    before(&mut play, approved + 12);
    rival::offer(&mut play, Worker, &s3, LOW).unwrap();
    let client = play.participant(Client).unwrap();
    let holdings = client.holdings.as_ref().unwrap();
    let secret = holdings.extract_result(id, &s3, &client.secrets).unwrap();
    let own = play.participant(Worker).unwrap().secrets.clone();
    assert_eq!(Some(secret), own.get(ContractSecret::Result));
    let late = rival::offer(&mut play, Client, &txc, HIGH).unwrap();
    assert!(!rival::waits(&mut play, &s3));
    play.mine(1).unwrap();
    rival::pay(&mut play, Client, &late);
    assert!(is_spent(&refused(&mut play, &s3)));
    common::rule(&mut play, 0..3, Ruling::VerifierAtFault);
    play.publish(Worker, ruled(Ruling::VerifierAtFault), "nothing was wrong")
        .unwrap();
    assert_eq!(gains(&play), [-160_000, 80_000, 20_000]);
}

/// Neither side of a challenge is settled before the panel has ruled, and a dismissal only by the worker; what the panel has
/// said about the approval opens nothing of an appeal, which there cannot be any more.
fn nobody_settles_a_challenge_with_the_secrets_of_others(chain: &mut dyn Chain) {
    let (mut play, approved) = approved(chain);
    let appeal = play.complete(Worker, common::node(&play, Exit::APPEALED));
    let appeal = appeal.unwrap();
    before(&mut play, approved + 4);
    play.publish(Client, Exit::CHALLENGED, "test").unwrap();
    assert!(is_spent(&refused(&mut play, &appeal)));
    let [upheld, dismissed] = [Ruling::WorkerAtFault, Ruling::VerifierAtFault];
    let [s6, s7] = [upheld, dismissed].map(|ruling| common::node(&play, ruled(ruling)));
    for role in common::roles(&play) {
        assert!(play.complete(role, s6).is_err(), "{role}");
        assert!(play.complete(role, s7).is_err(), "{role}");
    }
    common::rule(&mut play, 0..3, dismissed);
    for role in common::roles(&play) {
        assert!(play.complete(role, s6).is_err(), "{role}");
        assert_eq!(play.complete(role, s7).is_ok(), role == Worker, "{role}");
    }
    // A ruling on the same points says nothing of an appeal that never was.
    let other = common::node(&play, Exit::ruled(dismissed, ArbiterSet::full(3)));
    let other = play.complete(Worker, other).unwrap();
    assert!(is_spent(&refused(&mut play, &other)));
}

/// The approval is undone and the verifier rejects: what followed the approval is nothing, and the stakes serve the appeal.
fn a_reorganisation_from_approval_to_rejection(chain: &mut dyn Chain) {
    let (mut play, approved) = approved(chain);
    let challenge = common::node(&play, Exit::CHALLENGED);
    let txc = play.complete(Client, challenge).unwrap();
    let rejection = common::node(&play, Exit::REJECTED);
    let txv0 = play.complete(Verifier, rejection).unwrap();
    let appeal = common::node(&play, Exit::APPEALED);
    let txa = play.complete(Worker, appeal).unwrap();
    before(&mut play, approved + 4);
    common::mined(&mut play, &txc);
    assert!(is_spent(&refused(&mut play, &txv0)));
    let height = play.chain().height().unwrap();
    play.chain().disconnect(height - approved + 1).unwrap();
    common::mined(&mut play, &txv0);
    assert!(is_spent(&refused(&mut play, &txc)));
    common::mined(&mut play, &txa);
    assert!(is_spent(&refused(&mut play, &txc)));
}
