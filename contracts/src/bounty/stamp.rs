//! BIP340 signatures on what parties say: a tagged hash each, so that no statement stands for another.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Message, Secp256k1, SecretKey, schnorr},
};
use narthex_base::codec::{DecodeError, Reader};
use narthex_base::tagged::tagged_hash_parts;

/// Signs. Parts must be of fixed length, or carry their length.
pub(super) fn sign(key: &SecretKey, tag: &str, parts: &[&[u8]]) -> schnorr::Signature {
    let secp = Secp256k1::signing_only();
    let message = Message::from_digest(tagged_hash_parts(tag, parts));
    secp.sign_schnorr_no_aux_rand(&message, &key.keypair(&secp))
}

/// Whether `key` signed.
pub(super) fn verify(
    key: &XOnlyPublicKey,
    tag: &str,
    parts: &[&[u8]],
    signature: &schnorr::Signature,
) -> bool {
    let message = Message::from_digest(tagged_hash_parts(tag, parts));
    let secp = Secp256k1::verification_only();
    secp.verify_schnorr(signature, &message, key).is_ok()
}

/// The 64 bytes of a signature in a message.
pub(super) fn read(r: &mut Reader<'_>) -> Result<schnorr::Signature, DecodeError> {
    schnorr::Signature::from_slice(r.slice("signature", 64)?)
        .map_err(|e| DecodeError::invalid("signature", e))
}
