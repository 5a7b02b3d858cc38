//! An arbiter's commitment to a case: its nonce point, with proof that it knows the nonce.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{
        Keypair, Message, PublicKey, Secp256k1, SecretKey, Signing, Verification, schnorr,
    },
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::Attestation;
use crate::{attest::attestation::ruling_message, hash::tagged_hash, musig::sign_with_nonce};
use narthex_game_model::Ruling;

/// What an announcement is bound to, before the funding is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseContext([u8; 32]);

impl CaseContext {
    /// Binds to the parameters, to the keys of client, worker, verifier and of the arbiter itself, and to the salt
    /// that the arbiter draws anew for every case: so no two of its cases have one context, whatever the others
    /// propose.
    pub fn new(
        params_hash: &[u8; 32],
        principals: [&PublicKey; 3],
        arbiter: &PublicKey,
        salt: &[u8; 32],
    ) -> CaseContext {
        let [c, w, v] = principals.map(|key| key.serialize());
        CaseContext(tagged_hash(
            "narthex/case",
            &[params_hash, &c, &w, &v, &arbiter.serialize(), salt],
        ))
    }
}

/// Why an announcement is not accepted. The arbiter's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// The nonce point is not proved to be known: it may be chosen to cancel other arbiters' points.
    #[error("no valid proof of knowledge of the announced nonce {nonce}")]
    NonceProof {
        /// The nonce point.
        nonce: XOnlyPublicKey,
    },
    /// The identity key did not sign this announcement for this case.
    #[error("the announcement is not signed by {identity} for this case")]
    Signature {
        /// The arbiter's identity key.
        identity: XOnlyPublicKey,
    },
}

/// The secret nonce of one case. Neither `Clone` nor `Serialize`; [`AttestationNonce::attest`] uses it up.
pub struct AttestationNonce(SecretKey);

impl AttestationNonce {
    /// Derives the nonce of a case from the identity key. Deterministic, so that an arbiter restored from a
    /// backup has the nonce of its case again; it must then find its ruling too, before it attests.
    pub fn derive(identity: &SecretKey, context: &CaseContext) -> Option<AttestationNonce> {
        let mut bytes = tagged_hash(
            "narthex/attestation-nonce",
            &[&identity.secret_bytes(), &context.0],
        );
        let nonce = SecretKey::from_slice(&bytes).ok().map(AttestationNonce);
        bytes.zeroize();
        nonce
    }

    /// The public nonce point.
    pub fn point<C: Signing>(&self, secp: &Secp256k1<C>) -> XOnlyPublicKey {
        self.0.x_only_public_key(secp).0
    }

    /// Attests a ruling of the case of `contract_id`. The nonce is gone afterwards.
    pub fn attest<C: Signing>(
        self,
        secp: &Secp256k1<C>,
        identity: &SecretKey,
        arbiter: u8,
        contract_id: &[u8; 32],
        ruling: Ruling,
    ) -> Option<Attestation> {
        let signature = sign_with_nonce(
            secp,
            identity,
            &self.0,
            &ruling_message(contract_id, ruling),
        )?;
        Some(Attestation {
            arbiter,
            ruling,
            signature,
        })
    }
}

impl Drop for AttestationNonce {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

impl std::fmt::Debug for AttestationNonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttestationNonce(..)")
    }
}

/// An arbiter's identity, its nonce point for one case, and proofs of both.
///
/// An arbiter that could announce the difference between a point that it knows and the sum of its colleagues' points
/// would open their settlement alone. Since the points hash the contract's id, which hashes all nonces, it would have
/// to find a fixed point of a hash; the proof of knowledge makes sure without leaning on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// Key that the arbiter is known by; signs rulings.
    pub identity: XOnlyPublicKey,
    /// Nonce point of the case.
    pub nonce: XOnlyPublicKey,
    /// BIP340 signature by the nonce as key.
    pub nonce_proof: schnorr::Signature,
    /// BIP340 signature by the identity key.
    pub signature: schnorr::Signature,
}

impl Announcement {
    /// Announces `nonce` for the case.
    pub fn new<C: Signing>(
        secp: &Secp256k1<C>,
        identity: &Keypair,
        nonce: &AttestationNonce,
        context: &CaseContext,
    ) -> Announcement {
        let point = nonce.point(secp);
        let identity_key = identity.x_only_public_key().0;
        let sign = |tag: &str, key: &Keypair| {
            secp.sign_schnorr_no_aux_rand(&message(tag, context, &identity_key, &point), key)
        };
        Announcement {
            identity: identity_key,
            nonce: point,
            nonce_proof: sign(NONCE_TAG, &nonce.0.keypair(secp)),
            signature: sign(IDENTITY_TAG, identity),
        }
    }

    /// Checks both proofs.
    pub fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        context: &CaseContext,
    ) -> Result<(), AnnounceError> {
        let message = |tag| message(tag, context, &self.identity, &self.nonce);
        secp.verify_schnorr(&self.nonce_proof, &message(NONCE_TAG), &self.nonce)
            .map_err(|_| AnnounceError::NonceProof { nonce: self.nonce })?;
        secp.verify_schnorr(&self.signature, &message(IDENTITY_TAG), &self.identity)
            .map_err(|_| AnnounceError::Signature {
                identity: self.identity,
            })
    }
}

const NONCE_TAG: &str = "narthex/announce/nonce";
const IDENTITY_TAG: &str = "narthex/announce/identity";

fn message(
    tag: &str,
    context: &CaseContext,
    identity: &XOnlyPublicKey,
    nonce: &XOnlyPublicKey,
) -> Message {
    Message::from_digest(tagged_hash(
        tag,
        &[&context.0, &identity.serialize(), &nonce.serialize()],
    ))
}
