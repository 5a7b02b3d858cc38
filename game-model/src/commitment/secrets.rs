//! The worker's secrets. They are wiped when dropped and never printed.

use narthex_base::secret;
use secp256k1::{PublicKey, Secp256k1, SecretKey};

use super::scalar::Scalar;
use crate::tagged::{Tag, TaggedHasher};

static SALT: Tag = Tag::new("narthex/salt");
static STEP_KEY: Tag = Tag::new("narthex/step-key");

secret! {
    /// t: the result secret. A settlement that pays the worker reveals it; it opens the result. A scalar of secp256k1,
    /// since its point T is in the contract.
    ResultSecret
}

secret! {
    /// What the salts of all leaves are derived from. Each salt lies in the box of its step; before that is opened,
    /// only single salts are shown.
    SaltSeed
}

secret! {
    /// What the coefficients of the key polynomial are derived from: 32 bytes of their own, under the name
    /// `polynomial`.
    PolynomialSeed
}

secret! {
    serde
    /// f(i + 1): what opens the box of step i. A secret until the worker shows it, with the sample; a scalar.
    KeyShare
}

/// The secrets of a worker in one contract. Fresh random bytes for each contract.
#[derive(Clone, Debug)]
pub struct WorkerSecrets {
    /// t, whose point is in the contract.
    pub result: ResultSecret,
    /// Seed of the leaves' salts.
    pub salts: SaltSeed,
    /// Seed of the key polynomial.
    pub polynomial: PolynomialSeed,
}

impl ResultSecret {
    /// T = t·G. `None` for bytes that are no secret key: 0, or not below the order of the group.
    pub fn point(&self) -> Option<PublicKey> {
        let secret = SecretKey::from_slice(self.expose()).ok()?;
        Some(secret.public_key(&Secp256k1::signing_only()))
    }

    pub(super) fn scalar(&self) -> Option<Scalar> {
        Scalar::from_bytes(self.expose()).filter(|scalar| !scalar.is_zero())
    }

    /// Key of the coefficients of one polynomial, which `points` names: no key serves two.
    pub(super) fn coefficient_key(&self, job: &[u8; 32], points: &[u8; 32]) -> [u8; 32] {
        TaggedHasher::new("narthex/coefficient-key")
            .fixed(self.expose())
            .fixed(job)
            .fixed(points)
            .finish()
    }
}

impl SaltSeed {
    /// Salt of one leaf. Revealing some salts says nothing about the others.
    pub fn salt(&self, index: u64) -> [u8; 32] {
        SALT.start().fixed(self.expose()).number(index).finish()
    }
}

impl KeyShare {
    pub(super) fn scalar(&self) -> Option<Scalar> {
        Scalar::from_bytes(self.expose())
    }

    /// K_i: the key of one box.
    pub(super) fn key(&self, job: &[u8; 32], index: u64) -> [u8; 32] {
        let start = STEP_KEY.start().fixed(job).number(index);
        start.fixed(self.expose()).finish()
    }
}
