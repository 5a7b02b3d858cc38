//! Bad input has an owner.

use bitcoin::secp256k1::constants::CURVE_ORDER;

use super::{Room, nth};
use crate::musig::{
    MusigKeypair, PartialSignature, PublicNonce, SecretNonce, Session, SessionError,
};

/// 33 bytes that are no point: wrong kind, x not on the curve, x not in the field, infinity.
fn no_points() -> [[u8; 33]; 4] {
    let (mut kind, mut off, mut large) = ([2; 33], [0; 33], [0xff; 33]);
    kind[0] = 4;
    off[0] = 2;
    off[32] = 9;
    large[0] = 3;
    [kind, off, large, [0; 33]]
}

#[test]
fn a_malformed_nonce_names_its_signer() {
    let room = Room::new(1, 5);
    for i in 0..5 {
        let signer = nth(i);
        for half in 0..2 {
            for bad in no_points() {
                let mut nonces = room.nonces.clone();
                nonces[i].0[33 * half..][..33].copy_from_slice(&bad);
                for point in [None, Some(&room.point)] {
                    let session = Session::new(&room.keys, &nonces, point, &room.message);
                    assert_eq!(session.err(), Some(SessionError::BadNonce { signer }));
                }
                let good = Session::new(&room.keys, &room.nonces, None, &room.message).unwrap();
                assert_eq!(
                    good.verify_share(&room.keys, signer, &nonces[i], &PartialSignature([1; 32])),
                    Err(SessionError::BadNonce { signer })
                );
            }
        }
    }
}

#[test]
fn a_malformed_share_names_its_signer() {
    let mut room = Room::new(2, 5);
    let (session, shares) = room.sign(true);
    for i in 0..5 {
        let signer = nth(i);
        for bad in [CURVE_ORDER, [0xff; 32]] {
            let mut shares = shares.clone();
            shares[i] = PartialSignature(bad);
            let wanted = SessionError::BadShare { signer };
            assert_eq!(session.aggregate(&room.keys, &shares), Err(wanted.clone()));
            assert_eq!(
                session.verify_share(&room.keys, signer, &room.nonces[i], &shares[i]),
                Err(wanted)
            );
        }
    }
}

#[test]
fn a_flipped_share_is_found_and_no_other() {
    for seed in 0..60 {
        let mut room = Room::new(seed, 2 + seed as usize % 17);
        let (session, mut shares) = room.sign(true);
        let cheat = seed as usize % shares.len();
        shares[cheat].0[31 - seed as usize % 8] ^= 1 << (seed % 8);
        let sum = session.aggregate(&room.keys, &shares).unwrap();
        assert!(!room.verifies(&sum, Some(&room.point)));
        for (i, share) in shares.iter().enumerate() {
            assert_eq!(
                room.share_verifies(&session, i, share),
                i != cheat,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn shares_of_another_session_do_not_count() {
    let mut room = Room::new(4, 3);
    let plain = Session::new(&room.keys, &room.nonces, None, &room.message).unwrap();
    let (_, shares) = room.sign(true);
    for (i, share) in shares.iter().enumerate() {
        // The coefficient of the second half hashes the point, so a share fits one point only.
        assert!(!room.share_verifies(&plain, i, share));
    }
}

#[test]
fn counts_and_strangers_are_refused() {
    let mut room = Room::new(5, 3);
    let short = Session::new(&room.keys, &room.nonces[..2], None, &room.message);
    let count = SessionError::Count {
        given: 2,
        signers: 3,
    };
    assert_eq!(short.err(), Some(count.clone()));
    let outsider = MusigKeypair::new(&room.t).unwrap();
    let nonce = PublicNonce::generate(&[3; 32], &outsider, &room.keys, &room.message).unwrap();
    let (session, shares) = room.sign(false);
    assert_eq!(session.aggregate(&room.keys, &shares[..2]), Err(count));
    let role = nth(0);
    assert_eq!(
        session.sign(&room.keys, role, &outsider, nonce.0),
        Err(SessionError::NotASigner { party: role })
    );
    let role = nth(10);
    let own = MusigKeypair::new(&room.secrets[0]).unwrap();
    assert_eq!(
        session.sign(&room.keys, role, &own, SecretNonce(None)),
        Err(SessionError::NotASigner { party: role })
    );
    assert_eq!(
        session.verify_share(&room.keys, role, &room.nonces[0], &shares[0]),
        Err(SessionError::NotASigner { party: role })
    );
}
