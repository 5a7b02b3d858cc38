//! Revocation keys (BOLT 3): whoever knows the secret of a commitment and its own base secret has the key; before that nobody has.

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    secp256k1::{PublicKey, Scalar, Secp256k1, SecretKey},
};
use narthex_base::context;

use super::ChannelError;
use crate::musig::add_secrets;

/// The revocation key of a commitment with this point, whose counterparty has this base.
///
/// # Errors
/// [`ChannelError::Point`]: no input that reaches it is known.
pub fn revocation_key(base: &PublicKey, point: &PublicKey) -> Result<PublicKey, ChannelError> {
    let secp = context::verifying();
    let scaled = |key: &PublicKey, first, second| -> Result<PublicKey, ChannelError> {
        let by = factor(first, second)?;
        (key.mul_tweak(secp, &by)).map_err(|_| ChannelError::Point)
    };
    let (of_base, of_point) = (scaled(base, base, point)?, scaled(point, point, base)?);
    of_base.combine(&of_point).map_err(|_| ChannelError::Point)
}

/// Its secret, of the base's secret and the commitment's.
///
/// # Errors
/// [`ChannelError::Point`]: no input that reaches it is known.
pub fn revocation_secret(base: &SecretKey, secret: &SecretKey) -> Result<SecretKey, ChannelError> {
    let secp = Secp256k1::signing_only();
    let (base_point, point) = (base.public_key(&secp), secret.public_key(&secp));
    let scaled = |key: &SecretKey, first, second| -> Result<SecretKey, ChannelError> {
        let by = factor(first, second)?;
        key.mul_tweak(&by).map_err(|_| ChannelError::Point)
    };
    let of_base = scaled(base, &base_point, &point)?;
    let of_secret = scaled(secret, &point, &base_point)?;
    add_secrets(of_base, &of_secret).ok_or(ChannelError::Point)
}

fn factor(first: &PublicKey, second: &PublicKey) -> Result<Scalar, ChannelError> {
    let mut engine = sha256::Hash::engine();
    engine.input(&first.serialize());
    engine.input(&second.serialize());
    let hash = sha256::Hash::from_engine(engine).to_byte_array();
    Scalar::from_be_bytes(hash).map_err(|_| ChannelError::Point)
}
