//! MuSig2 (BIP327) key-path signatures, with adaptor signatures aggregated over the parties.
//!
//! The curve work is libsecp256k1's own `musig` module, which lives in a newer release of the `secp256k1`
//! crate than the one `bitcoin` uses (see `docs/adr/0001-two-secp256k1.md`). The newer types stay inside this
//! module: what goes in and out are `bitcoin`'s keys, or bytes.
//!
//! One signature takes these steps, each a type that the next consumes:
//! [`SecretNonce`] → [`Session`] → [`PartialSignature`] → [`AdaptorSignature`] or a Schnorr signature.

mod adaptor;
mod keyset;
mod nonce;
mod point;
mod scalar;
mod session;
mod term;

pub use adaptor::{AdaptorError, AdaptorSignature};
pub use keyset::{KeySet, KeySetError, taproot_tweak_hash};
pub use nonce::{CheckedNonce, PublicNonce, SecretNonce};
pub use point::{AdaptorPoint, PointError, PointSums};
pub(crate) use scalar::{add_secrets, challenge, invert, sign_with_nonce, sub_secrets};
pub use session::{MusigKeypair, PartialSignature, Session, SessionError};
pub use term::PointTerm;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
