//! Mixed sessions with the `musig2` crate, an implementation of BIP327 of its own.

use bitcoin::{
    hashes::Hash,
    secp256k1::{PublicKey, Secp256k1, schnorr},
};
use musig2::{
    AggNonce, BinaryEncoding, KeyAggContext, LiftedSignature, PartialSignature as OtherShare,
    PubNonce, SecNonce, adaptor,
    secp::{MaybePoint, MaybeScalar, Point, Scalar},
};

use super::Room;
use crate::musig::{AdaptorSignature, PartialSignature, Session, session};

/// The other implementation's view of the room, checked against ours.
fn context(room: &Room) -> KeyAggContext {
    let secp = Secp256k1::new();
    let keys = room
        .secrets
        .iter()
        .map(|s| Point::from(PublicKey::from_secret_key(&secp, s)));
    let context = KeyAggContext::new(keys).unwrap();
    let internal: Point = context.aggregated_pubkey();
    assert_eq!(
        internal.serialize_xonly(),
        room.keys.internal_key().serialize()
    );
    let context = match room.keys.merkle_root() {
        None => context.with_unspendable_taproot_tweak(),
        Some(root) => context.with_taproot_tweak(&root.to_byte_array()),
    }
    .unwrap();
    let output: Point = context.aggregated_pubkey();
    assert_eq!(output.serialize_xonly(), room.keys.output_key().serialize());
    context
}

fn secret_nonce(room: &mut Room, i: usize) -> SecNonce {
    let [k1, k2] = room.scalars(i).map(Scalar::from);
    SecNonce::new(k1, k2, Scalar::from(room.secrets[i]).base_point_mul())
}

fn other_nonces(room: &Room) -> Vec<PubNonce> {
    room.nonces
        .iter()
        .map(|nonce| PubNonce::from_bytes(&nonce.0).unwrap())
        .collect()
}

/// Even positions sign with ours, odd ones with theirs; both sides check and add up everything.
#[test]
fn mixed_sessions_with_the_point_in_the_aggregate_nonce() {
    let secp = Secp256k1::new();
    for seed in 0..120 {
        let mut room = Room::new(seed, 2 + seed as usize % 17);
        let context = context(&room);
        let others = other_nonces(&room);
        let plain = AggNonce::sum(&others);
        let ours = session::aggregate_nonces(&room.keys, &room.nonces, Some(&room.point)).unwrap();
        let t = Scalar::from(room.t);
        let big_t = t.base_point_mul();
        let shifted = AggNonce::new(plain.R1 + big_t, plain.R2);
        assert_eq!(ours.serialize(), shifted.to_bytes());

        let theirs: Vec<OtherShare> = (0..room.secrets.len())
            .map(|i| {
                let nonce = secret_nonce(&mut room, i);
                let key = Scalar::from(room.secrets[i]);
                musig2::sign_partial(&context, key, nonce, &shifted, room.message).unwrap()
            })
            .collect();
        let (session, own) = room.sign(true);
        let mut mixed = Vec::new();
        for (i, (own, theirs)) in own.iter().zip(&theirs).enumerate() {
            assert_eq!(own.0, theirs.serialize(), "share {i}, seed {seed}");
            mixed.push(match i % 2 {
                0 => *own,
                _ => PartialSignature(theirs.serialize()),
            });
            let key = Scalar::from(room.secrets[i]).base_point_mul();
            let share = OtherShare::try_from(&mixed[i].0[..]).unwrap();
            musig2::verify_partial(&context, share, &shifted, key, &others[i], room.message)
                .unwrap();
        }
        let pre = session.aggregate(&room.keys, &mixed).unwrap();
        assert!(room.verifies(&pre, Some(&room.point)));

        // Their adaptor signature is the nonce without T, and s.
        let output: Point = context.aggregated_pubkey();
        let b: MaybeScalar = shifted.nonce_coefficient(output, room.message);
        let full: Point = shifted.final_nonce(b);
        let s = MaybeScalar::try_from(&pre.0[32..]).unwrap();
        let other = adaptor::AdaptorSignature::new(full - big_t, s);
        adaptor::verify_single(output, &other, room.message, big_t).unwrap();
        let lifted: LiftedSignature = other.adapt(t).unwrap();
        let completed = pre
            .complete(&secp, &room.keys.output_key(), &room.message, &room.t)
            .unwrap();
        assert_eq!(lifted.compact().serialize(), completed.serialize());
        assert_eq!(other.reveal_secret::<MaybeScalar>(&lifted), Some(t.into()));
    }
}

/// Their own adaptor sessions leave T out of the coefficient of the second half. Their adaptor signatures are
/// others than ours, and of the same kind: ours checks, completes and extracts them.
#[test]
fn adaptor_signatures_of_the_other_convention_are_understood() {
    let secp = Secp256k1::new();
    let mut odd = 0;
    for seed in 0..60 {
        let mut room = Room::new(seed, 2 + seed as usize % 6);
        let context = context(&room);
        let aggregate = AggNonce::sum(other_nonces(&room));
        let t = Scalar::from(room.t);
        let big_t = t.base_point_mul();
        let shares: Vec<OtherShare> = (0..room.secrets.len())
            .map(|i| {
                let nonce = secret_nonce(&mut room, i);
                let key = Scalar::from(room.secrets[i]);
                adaptor::sign_partial(&context, key, nonce, &aggregate, big_t, room.message)
                    .unwrap()
            })
            .collect();
        let theirs = adaptor::aggregate_partial_signatures(
            &context,
            &aggregate,
            big_t,
            shares,
            room.message,
        )
        .unwrap();
        let (nonce, s): (MaybePoint, MaybeScalar) = theirs.unzip();
        let full: Point = (nonce + big_t).unwrap();
        odd += u32::from(!full.has_even_y());
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&full.serialize_xonly());
        bytes[32..].copy_from_slice(&s.serialize());
        let pre = AdaptorSignature(bytes);
        assert!(room.verifies(&pre, Some(&room.point)));
        assert!(!room.verifies(&pre, None));
        let key = room.keys.output_key();
        let signature = pre.complete(&secp, &key, &room.message, &room.t).unwrap();
        let lifted: LiftedSignature = theirs.adapt(t).unwrap();
        let same = schnorr::Signature::from_slice(&lifted.compact().serialize()).unwrap();
        assert_eq!(signature, same);
        let point = PublicKey::from_secret_key(&secp, &room.t);
        assert_eq!(pre.extract(&secp, &signature, &point), Ok(room.t));
        // Ours signs the same room to another signature, since the coefficient differs.
        let (session, shares) = room.sign(true);
        assert_ne!(session.aggregate(&room.keys, &shares), Ok(pre));
    }
    assert!((10..50).contains(&odd), "{odd} odd final nonces");
}

#[test]
fn mixed_sessions_without_a_point() {
    for seed in 0..60 {
        let mut room = Room::new(seed, 2 + seed as usize % 17);
        let context = context(&room);
        let aggregate = AggNonce::sum(other_nonces(&room));
        let theirs: Vec<OtherShare> = (0..room.secrets.len())
            .map(|i| {
                let nonce = secret_nonce(&mut room, i);
                let key = Scalar::from(room.secrets[i]);
                musig2::sign_partial(&context, key, nonce, &aggregate, room.message).unwrap()
            })
            .collect();
        let session = Session::new(&room.keys, &room.nonces, None, &room.message).unwrap();
        let (_, own) = room.sign(false);
        for (own, theirs) in own.iter().zip(&theirs) {
            assert_eq!(own.0, theirs.serialize());
        }
        let signature = session.aggregate(&room.keys, &own).unwrap();
        let other: LiftedSignature =
            musig2::aggregate_partial_signatures(&context, &aggregate, theirs, room.message)
                .unwrap();
        assert_eq!(signature.0, other.compact().serialize());
        assert!(room.verifies(&signature, None));
    }
}
