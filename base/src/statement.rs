//! What a party says under its name: a BIP340 signature over a tagged hash, so that no statement stands for another.

use secp256k1::{
    Keypair, Message, Secp256k1, SecretKey, Signing, Verification, XOnlyPublicKey, schnorr,
};

/// What can be signed. The hash covers all of it, under a tag that no other kind of statement has.
pub trait Stated {
    /// The tagged hash that the signature covers.
    fn digest(&self) -> [u8; 32];
}

/// A body and the signature of whoever is said to have made it. Whether it is theirs, [`Statement::verify`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<T> {
    /// What is said.
    pub body: T,
    /// 64 bytes under the signer's key.
    pub signature: schnorr::Signature,
}

/// The signature is not of this key over this body. Whoever brought the statement is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not by {signer} over these words")]
pub struct ForeignSignature {
    /// Who is said to have signed.
    pub signer: XOnlyPublicKey,
}

impl<T: Stated> Statement<T> {
    /// Signs. Deterministic: the same words by the same key have one signature (BIP340 without auxiliary randomness).
    pub fn sign(body: T, key: &Keypair) -> Statement<T> {
        let signature = sign(&body.digest(), key);
        Statement { body, signature }
    }

    /// Checks that `signer` said it, and gives what was said.
    ///
    /// # Errors
    /// [`ForeignSignature`].
    pub fn verify(&self, signer: &XOnlyPublicKey) -> Result<&T, ForeignSignature> {
        verify(&self.body.digest(), &self.signature, signer)?;
        Ok(&self.body)
    }
}

/// A signature over a digest, for statements whose body stands elsewhere.
pub fn sign(digest: &[u8; 32], key: &Keypair) -> schnorr::Signature {
    sign_in(&Secp256k1::signing_only(), digest, key)
}

/// The same in a context that the caller has already.
pub fn sign_in<C: Signing>(
    secp: &Secp256k1<C>,
    digest: &[u8; 32],
    key: &Keypair,
) -> schnorr::Signature {
    secp.sign_schnorr_no_aux_rand(&Message::from_digest(*digest), key)
}

/// The same by a secret key that is no key pair yet. The pair is wiped.
pub fn sign_by(digest: &[u8; 32], key: &SecretKey) -> schnorr::Signature {
    let mut pair = key.keypair(&Secp256k1::signing_only());
    let signature = sign(digest, &pair);
    pair.non_secure_erase();
    signature
}

/// The same with auxiliary randomness, which hides more from who watches the machine sign (BIP340).
pub fn sign_with(digest: &[u8; 32], key: &Keypair, randomness: &[u8; 32]) -> schnorr::Signature {
    let message = Message::from_digest(*digest);
    Secp256k1::signing_only().sign_schnorr_with_aux_rand(&message, key, randomness)
}

/// Checks such a signature.
///
/// # Errors
/// [`ForeignSignature`].
pub fn verify(
    digest: &[u8; 32],
    signature: &schnorr::Signature,
    signer: &XOnlyPublicKey,
) -> Result<(), ForeignSignature> {
    verify_in(&Secp256k1::verification_only(), digest, signature, signer)
}

/// The same in a context that the caller has already, for who checks many.
///
/// # Errors
/// [`ForeignSignature`].
pub fn verify_in<C: Verification>(
    secp: &Secp256k1<C>,
    digest: &[u8; 32],
    signature: &schnorr::Signature,
    signer: &XOnlyPublicKey,
) -> Result<(), ForeignSignature> {
    secp.verify_schnorr(signature, &Message::from_digest(*digest), signer)
        .map_err(|_| ForeignSignature { signer: *signer })
}
