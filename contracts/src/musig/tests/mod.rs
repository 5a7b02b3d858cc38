//! Whole sessions with made-up signers: laws of adaptor signatures, rogue nonces, another implementation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod double_multiplication;
mod faults;
mod laws;
mod other_implementation;
mod rogue;

use bitcoin::{
    TapNodeHash,
    hashes::Hash,
    secp256k1::{
        PublicKey, Scalar, Secp256k1, SecretKey,
        rand::{RngCore, SeedableRng, rngs::StdRng},
    },
};
use secp256k1_musig as musig;

use super::{
    AdaptorPoint, AdaptorSignature, KeySet, MusigKeypair, PartialSignature, PublicNonce,
    SecretNonce, Session,
};
use crate::party::{PartyId, PartyName};

/// The signer at a place, whom nobody has given a name.
pub(super) fn nth(place: usize) -> PartyName {
    PartyName::unnamed(PartyId::from_index(place).unwrap())
}

/// Signers who are about to sign one message.
struct Room {
    rng: StdRng,
    secrets: Vec<SecretKey>,
    keys: KeySet,
    message: [u8; 32],
    nonces: Vec<PublicNonce>,
    secret_nonces: Vec<SecretNonce>,
    /// The adaptor secret and its point.
    t: SecretKey,
    point: AdaptorPoint,
}

impl Room {
    /// `count` signers, all of them made from the seed. Odd seeds commit to a script root too.
    fn new(seed: u64, count: usize) -> Room {
        let mut rng = StdRng::seed_from_u64(seed);
        let secp = Secp256k1::new();
        let secrets: Vec<_> = (0..count).map(|_| secret(&mut rng)).collect();
        let signers: Vec<_> = secrets
            .iter()
            .enumerate()
            .map(|(i, s)| (nth(i), PublicKey::from_secret_key(&secp, s)))
            .collect();
        let root = (seed % 2 == 1).then(|| TapNodeHash::from_byte_array(bytes(&mut rng)));
        let keys = KeySet::new(&signers, root).unwrap();
        let message = bytes(&mut rng);
        let (mut nonces, mut secret_nonces) = (Vec::new(), Vec::new());
        for s in &secrets {
            let pair = MusigKeypair::new(s).unwrap();
            let seed = bytes(&mut rng);
            let (secret, public) = PublicNonce::generate(&seed, &pair, &keys, &message).unwrap();
            nonces.push(public.to_public());
            secret_nonces.push(secret);
        }
        let t = secret(&mut rng);
        let point = point(&t);
        Room {
            rng,
            secrets,
            keys,
            message,
            nonces,
            secret_nonces,
            t,
            point,
        }
    }

    /// The session with or without the adaptor point, and everybody's shares.
    fn sign(&mut self, adaptor: bool) -> (Session, Vec<PartialSignature>) {
        let point = adaptor.then_some(&self.point);
        let session = Session::new(&self.keys, &self.nonces, point, &self.message).unwrap();
        let shares = std::mem::take(&mut self.secret_nonces)
            .into_iter()
            .zip(&self.secrets)
            .zip(self.keys.names())
            .map(|((nonce, secret), role)| {
                let pair = MusigKeypair::new(secret).unwrap();
                session.sign(&self.keys, role, &pair, nonce).unwrap()
            })
            .collect();
        (session, shares)
    }

    fn share_verifies(&self, session: &Session, i: usize, share: &PartialSignature) -> bool {
        let role = nth(i);
        session
            .verify_share(&self.keys, role, &self.nonces[i], share)
            .unwrap()
    }

    fn verifies(&self, signature: &AdaptorSignature, point: Option<&AdaptorPoint>) -> bool {
        signature
            .verify(&self.keys.output_key(), &self.message, point)
            .is_ok()
    }

    /// The scalars of a signer's secret nonce, which the library keeps after four bytes of kind.
    fn scalars(&mut self, i: usize) -> [SecretKey; 2] {
        let nonce = std::mem::replace(&mut self.secret_nonces[i], SecretNonce(None));
        let bytes = nonce.into_inner().unwrap().dangerous_into_bytes();
        self.secret_nonces[i] =
            SecretNonce(Some(musig::musig::SecretNonce::dangerous_from_bytes(bytes)));
        [4, 36].map(|at| SecretKey::from_slice(&bytes[at..at + 32]).unwrap())
    }

    /// Gives a signer another nonce, as one that chooses its own after seeing all others' can.
    fn set_nonce(&mut self, i: usize, scalars: [SecretKey; 2]) {
        let nonce = std::mem::replace(&mut self.secret_nonces[i], SecretNonce(None));
        let mut bytes = nonce.into_inner().unwrap().dangerous_into_bytes();
        let secp = Secp256k1::new();
        for (half, k) in scalars.iter().enumerate() {
            bytes[4 + 32 * half..][..32].copy_from_slice(&k.secret_bytes());
            let public = PublicKey::from_secret_key(&secp, k).serialize();
            self.nonces[i].0[33 * half..][..33].copy_from_slice(&public);
        }
        self.secret_nonces[i] =
            SecretNonce(Some(musig::musig::SecretNonce::dangerous_from_bytes(bytes)));
    }
}

fn bytes(rng: &mut StdRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn secret(rng: &mut StdRng) -> SecretKey {
    SecretKey::from_slice(&bytes(rng)).unwrap()
}

fn point(secret: &SecretKey) -> AdaptorPoint {
    PublicKey::from_secret_key(&Secp256k1::new(), secret)
        .try_into()
        .unwrap()
}

fn plus(a: SecretKey, b: &SecretKey) -> SecretKey {
    a.add_tweak(&Scalar::from(*b)).unwrap()
}
