//! Nonces chosen by someone who has seen all others', in order to cancel the adaptor point or each other.

use bitcoin::secp256k1::{Secp256k1, SecretKey};

use super::{Room, plus};
use crate::musig::{AdaptorError, AdaptorSignature, session};

/// Runs the session; every share verifies, since whoever knows a nonce can sign with it.
fn signed(room: &mut Room) -> AdaptorSignature {
    let (session, shares) = room.sign(true);
    for (i, share) in shares.iter().enumerate() {
        assert!(room.share_verifies(&session, i, share), "share {i}");
    }
    session.aggregate(&room.keys, &shares).unwrap()
}

/// The scalar that makes the sum of one half 0, when signer 0 brings it beside `rest`.
fn cancels(room: &mut Room, half: usize, rest: Option<SecretKey>) -> SecretKey {
    let others = (1..room.secrets.len())
        .map(|i| room.scalars(i)[half])
        .reduce(|a, b| plus(a, &b))
        .unwrap();
    rest.map_or(others, |rest| plus(others, &rest)).negate()
}

fn aggregate(room: &Room) -> [u8; 66] {
    session::aggregate_nonces(&room.keys, &room.nonces, Some(&room.point))
        .unwrap()
        .serialize()
}

fn completes(room: &Room, pre: &AdaptorSignature) {
    assert!(!room.verifies(pre, None));
    assert!(room.verifies(pre, Some(&room.point)));
    let key = room.keys.output_key();
    pre.complete(&Secp256k1::new(), &key, &room.message, &room.t)
        .unwrap();
}

#[test]
fn one_signers_first_half_is_the_negated_point() {
    for seed in 0..40 {
        for i in 0..3 {
            let mut room = Room::new(seed, 3);
            let second = room.scalars(i)[1];
            room.set_nonce(i, [room.t.negate(), second]);
            let pre = signed(&mut room);
            completes(&room, &pre);
        }
    }
}

/// Who knows t may cancel its point, and gets what it could have without: a signature that lacks t.
#[test]
fn first_halves_add_up_to_the_negated_point() {
    for seed in 0..40 {
        let mut room = Room::new(seed, 4);
        let t = room.t;
        let first = cancels(&mut room, 0, Some(t));
        let second = room.scalars(0)[1];
        room.set_nonce(0, [first, second]);
        assert_eq!(aggregate(&room)[..33], [0; 33]);
        let pre = signed(&mut room);
        completes(&room, &pre);
    }
}

#[test]
fn one_half_adds_up_to_infinity() {
    for seed in 0..40 {
        for half in 0..2 {
            let mut room = Room::new(seed, 4);
            let mut scalars = room.scalars(0);
            scalars[half] = cancels(&mut room, half, None);
            room.set_nonce(0, scalars);
            let expected = match half {
                0 => room.point.to_public_key().unwrap().serialize(),
                _ => [0; 33],
            };
            assert_eq!(aggregate(&room)[33 * half..][..33], expected);
            let pre = signed(&mut room);
            completes(&room, &pre);
        }
    }
}

/// Nothing but T is left of the nonce: s = e·p would be the group's secret key. Whoever brings the cancelling
/// nonce has to know every other nonce to sign with it; if all collude, what they make is refused.
#[test]
fn both_halves_add_up_to_infinity() {
    for seed in 0..40 {
        let mut room = Room::new(seed, 4);
        let scalars = [0, 1].map(|half| cancels(&mut room, half, None));
        room.set_nonce(0, scalars);
        let pre = signed(&mut room);
        assert!(!room.verifies(&pre, Some(&room.point)));
        assert!(!room.verifies(&pre, None));
    }
}

/// The final nonce is the point at infinity, for which BIP327 puts G: no secret completes that.
#[test]
fn everything_cancels_with_the_point() {
    for seed in 0..40 {
        let mut room = Room::new(seed, 4);
        let t = room.t;
        let first = cancels(&mut room, 0, Some(t));
        let second = cancels(&mut room, 1, None);
        room.set_nonce(0, [first, second]);
        assert_eq!(aggregate(&room), [0; 66]);
        let pre = signed(&mut room);
        assert!(!room.verifies(&pre, Some(&room.point)));
        assert!(!room.verifies(&pre, None));
        let key = room.keys.output_key();
        assert_eq!(
            pre.complete(&Secp256k1::new(), &key, &room.message, &room.t),
            Err(AdaptorError::WrongSecret)
        );
    }
}

/// A signer that announces its nonce less T, and signs with the nonce itself, takes T out of the sum: what it
/// adds up is a plain signature, and it needs no secret for it. Its share does not verify under what it
/// announced, and no share that does is within its reach, so the others refuse the session, name it, and fund
/// nothing. They must then not sign the same messages again: the plain signature stays valid (ADR 0002).
#[test]
fn whoever_cancels_the_point_has_no_share_for_the_others() {
    for seed in 0..40 {
        let mut room = Room::new(seed, 3);
        let honest = room.scalars(0);
        room.set_nonce(0, [plus(honest[0], &room.t.negate()), honest[1]]);
        let announced = room.nonces[0];
        room.set_nonce(0, honest);
        room.nonces[0] = announced;
        let (session, shares) = room.sign(true);
        for (i, share) in shares.iter().enumerate() {
            assert_eq!(room.share_verifies(&session, i, share), i != 0);
        }
        let sum = session.aggregate(&room.keys, &shares).unwrap();
        assert!(room.verifies(&sum, None));
        assert!(!room.verifies(&sum, Some(&room.point)));
    }
}
