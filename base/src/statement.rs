//! What a party says under its name: a BIP340 signature over a tagged hash, so that no statement stands for another. The
//! message that carries it keeps body and signature together; here is how the signature is made and checked.

use secp256k1::{
    Keypair, Message, Secp256k1, SecretKey, Signing, Verification, XOnlyPublicKey, schnorr,
};

/// The signature is not of this key over this body. Whoever brought the statement is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not by {signer} over these words")]
pub struct ForeignSignature {
    /// Who is said to have signed.
    pub signer: XOnlyPublicKey,
}

/// Signs the tagged hash of a statement. Deterministic: the same words by the same key have one signature (BIP340 without
/// auxiliary randomness).
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
    verify_in(crate::context::verifying(), digest, signature, signer)
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
