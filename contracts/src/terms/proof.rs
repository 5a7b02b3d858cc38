//! Points of secrets that one party brings, with proof that it knows the secret.

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey, Signing, Verification, schnorr};
use narthex_base::{statement, tagged::tagged_hash_parts};
use serde::{Deserialize, Serialize};

use super::record::{APPEAL, RESULT, TOKEN};

/// An adaptor point with proof of knowledge of its discrete logarithm.
///
/// A worker that could choose T as the difference between a point that it knows and the sum of a majority's
/// attestation points would open scheme 7 without any arbiter. The points of attestations hash the contract's id,
/// which hashes T, so that such a T is a fixed point of a hash; the proof keeps the contract safe without leaning on
/// that, also where points are fixed earlier, and shows that somebody holds the key to the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretPoint {
    /// The point.
    pub point: PublicKey,
    /// BIP340 signature by the secret, bound to context, owner and use.
    pub proof: schnorr::Signature,
}

impl SecretPoint {
    /// The point of the worker's result secret, for the parties of a contract with these parameters.
    pub fn result<C: Signing>(
        secp: &Secp256k1<C>,
        secret: &SecretKey,
        worker: &PublicKey,
        params_hash: &[u8; 32],
    ) -> SecretPoint {
        SecretPoint::new(secp, secret, RESULT, worker, params_hash)
    }

    /// The point of the worker's token, for the parties of a contract with these parameters.
    pub fn token<C: Signing>(
        secp: &Secp256k1<C>,
        secret: &SecretKey,
        worker: &PublicKey,
        params_hash: &[u8; 32],
    ) -> SecretPoint {
        SecretPoint::new(secp, secret, TOKEN, worker, params_hash)
    }

    /// The point of the worker's appeal secret (`paper` template).
    pub fn appeal<C: Signing>(
        secp: &Secp256k1<C>,
        secret: &SecretKey,
        worker: &PublicKey,
        params_hash: &[u8; 32],
    ) -> SecretPoint {
        SecretPoint::new(secp, secret, APPEAL, worker, params_hash)
    }

    /// The point of any other secret. `context` hashes what the parties know before the point is named.
    pub(crate) fn new<C: Signing>(
        secp: &Secp256k1<C>,
        secret: &SecretKey,
        what: &str,
        owner: &PublicKey,
        context: &[u8; 32],
    ) -> SecretPoint {
        let point = PublicKey::from_secret_key(secp, secret);
        let proof = statement::sign_by(&digest(&point, what, owner, context), secret);
        SecretPoint { point, proof }
    }

    /// Whether the proof holds.
    pub(crate) fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        what: &str,
        owner: &PublicKey,
        context: &[u8; 32],
    ) -> bool {
        let key = self.point.x_only_public_key().0;
        let digest = digest(&self.point, what, owner, context);
        statement::verify_in(secp, &digest, &self.proof, &key).is_ok()
    }
}

/// What the secret signs.
fn digest(point: &PublicKey, what: &str, owner: &PublicKey, context: &[u8; 32]) -> [u8; 32] {
    let use_hash = tagged_hash_parts("narthex/secret-use", &[what.as_bytes()]);
    tagged_hash_parts(
        "narthex/secret-point",
        &[&use_hash, context, &owner.serialize(), &point.serialize()],
    )
}
