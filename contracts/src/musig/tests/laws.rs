//! What holds in every session, whoever signs.

use bitcoin::{
    hashes::Hash,
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey},
};
use proptest::prelude::*;
use secp256k1_musig::{self as musig, musig::AggregatedNonce};

use super::{Room, plus, point, secret};
use crate::musig::{AdaptorError, AdaptorPoint, AdaptorSignature, add_secrets, session};

/// Checks one session; returns whether the final nonce has an odd y.
fn holds(seed: u64, signers: usize) -> bool {
    let secp = Secp256k1::new();
    let mut room = Room::new(seed, signers);
    let (session, shares) = room.sign(true);
    for (i, share) in shares.iter().enumerate() {
        assert!(room.share_verifies(&session, i, share), "share {i}");
    }
    let pre = session.aggregate(&room.keys, &shares).unwrap();
    let key = room.keys.output_key();
    assert!(!room.verifies(&pre, None), "a plain signature already");
    assert!(room.verifies(&pre, Some(&room.point)));

    only_for_this(&mut room, &pre);

    let signature = pre.complete(&secp, &key, &room.message, &room.t).unwrap();
    let message = Message::from_digest(room.message);
    secp.verify_schnorr(&signature, &message, &key).unwrap();
    let big_t = PublicKey::from_secret_key(&secp, &room.t);
    assert_eq!(pre.extract(&secp, &signature, &big_t), Ok(room.t));
    assert_eq!(
        AdaptorSignature(signature.serialize()).into_signature(),
        Ok(signature)
    );

    let s = SecretKey::from_slice(&pre.0[32..]).unwrap();
    let even = plus(s, &room.t).secret_bytes() == signature.serialize()[32..];
    let odd = plus(s, &room.t.negate()).secret_bytes() == signature.serialize()[32..];
    assert!(even ^ odd);
    odd
}

/// Another point, key, message or secret, or one changed bit, and nothing verifies or completes.
fn only_for_this(room: &mut Room, pre: &AdaptorSignature) {
    let secp = Secp256k1::new();
    let key = room.keys.output_key();
    let other = secret(&mut room.rng);
    assert!(!room.verifies(pre, Some(&point(&other))), "another point");
    let mut message = room.message;
    message[seed_byte(room) % 32] ^= 1;
    assert!(
        pre.verify(&key, &message, Some(&room.point)).is_err(),
        "another message"
    );
    let other_key = other.x_only_public_key(&secp).0;
    assert!(
        pre.verify(&other_key, &room.message, Some(&room.point))
            .is_err(),
        "another key"
    );
    let mut flipped = *pre;
    flipped.0[seed_byte(room) % 64] ^= 1 << (seed_byte(room) % 8);
    assert!(!room.verifies(&flipped, Some(&room.point)), "a changed bit");
    assert_eq!(
        pre.complete(&secp, &key, &room.message, &other),
        Err(AdaptorError::WrongSecret)
    );
    let unrelated =
        secp.sign_schnorr_no_aux_rand(&Message::from_digest(room.message), &other.keypair(&secp));
    let big_t = PublicKey::from_secret_key(&secp, &room.t);
    assert_eq!(
        pre.extract(&secp, &unrelated, &big_t),
        Err(AdaptorError::Unrelated)
    );
}

fn seed_byte(room: &mut Room) -> usize {
    use bitcoin::secp256k1::rand::RngCore;
    room.rng.next_u32() as usize
}

#[test]
fn sessions_of_all_sizes_with_both_parities() {
    let mut odd = 0;
    let sessions = 408;
    for seed in 0..sessions {
        odd += u32::from(holds(seed, 2 + seed as usize % 17));
    }
    // Half of them on average; 20 standard deviations to either side would be 200.
    assert!(
        (100..300).contains(&odd),
        "{odd} of {sessions} final nonces have an odd y"
    );
}

#[test]
fn without_a_point_the_sum_is_a_signature() {
    let secp = Secp256k1::new();
    for seed in 1000..1050 {
        let mut room = Room::new(seed, 1 + seed as usize % 18);
        let (session, shares) = room.sign(false);
        let signature = session.aggregate(&room.keys, &shares).unwrap();
        assert!(room.verifies(&signature, None));
        assert!(!room.verifies(&signature, Some(&room.point)));
        let (message, key) = (Message::from_digest(room.message), room.keys.output_key());
        let signature = signature.into_signature().unwrap();
        secp.verify_schnorr(&signature, &message, &key).unwrap();
    }
}

#[test]
fn a_sum_of_secrets_completes_what_is_under_the_sum_of_points() {
    let secp = Secp256k1::new();
    for seed in 2000..2030 {
        let mut room = Room::new(seed, 4);
        let (a, b) = (room.t, secret(&mut room.rng));
        room.point = point(&a).plus(&point(&b)).unwrap();
        let (session, shares) = room.sign(true);
        let pre = session.aggregate(&room.keys, &shares).unwrap();
        assert!(room.verifies(&pre, Some(&room.point)));
        let key = room.keys.output_key();
        for alone in [a, b] {
            assert!(pre.complete(&secp, &key, &room.message, &alone).is_err());
        }
        let sum = add_secrets(a, &b).unwrap();
        pre.complete(&secp, &key, &room.message, &sum).unwrap();
    }
}

/// The aggregate with `point` added to its first half.
fn shift(nonce: &AggregatedNonce, point: &AdaptorPoint) -> AggregatedNonce {
    let mut bytes = nonce.serialize();
    let first = musig::PublicKey::from_slice(&bytes[..33]).unwrap();
    let sum = first.combine(point.inner()).unwrap();
    bytes[..33].copy_from_slice(&sum.serialize());
    AggregatedNonce::from_byte_array(&bytes).unwrap()
}

#[test]
fn the_point_comes_to_the_same_sum_wherever_it_is_added() {
    for seed in 3000..3100 {
        let room = Room::new(seed, 2 + seed as usize % 17);
        let plain = session::aggregate_nonces(&room.keys, &room.nonces, None).unwrap();
        let at_the_end = shift(&plain, &room.point);
        let at_the_start =
            session::aggregate_nonces(&room.keys, &room.nonces, Some(&room.point)).unwrap();
        assert_eq!(at_the_start, at_the_end);
        assert_ne!(at_the_start, plain);
    }
}

#[test]
fn another_root_gives_the_key_set_that_has_it_from_the_start() {
    use crate::musig::KeySet;
    let mut room = Room::new(11, 5);
    let secp = Secp256k1::new();
    let signers: Vec<_> = room
        .keys
        .names()
        .zip(&room.secrets)
        .map(|(role, s)| (role, PublicKey::from_secret_key(&secp, s)))
        .collect();
    let roots = [0, 1, 2].map(|i| {
        (i > 0).then(|| bitcoin::TapNodeHash::from_byte_array(super::bytes(&mut room.rng)))
    });
    for first in roots {
        let keys = KeySet::new(&signers, first).unwrap();
        for second in roots {
            let fresh = KeySet::new(&signers, second).unwrap();
            room.keys = keys.with_root(second).unwrap();
            assert_eq!(room.keys.output_key(), fresh.output_key());
            assert_eq!(room.keys.merkle_root(), second);
            assert_eq!(first == second, keys.output_key() == fresh.output_key());
            assert_eq!(room.keys.cache(), fresh.cache(), "what signs");
        }
    }
}

proptest! {
    // A failure prints the seed and the number of signers.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_session(seed: u64, signers in 2usize..=18) {
        holds(seed, signers);
    }
}
