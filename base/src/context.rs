//! The context that public things are checked in.

use std::sync::LazyLock;

use secp256k1::{Secp256k1, VerifyOnly};

static VERIFYING: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// A context for whatever touches no secret: one for the whole process. Making one draws randomness to blind a secret with, which
/// takes as long as checking a signature; where there is no secret nothing is blinded.
pub fn verifying() -> &'static Secp256k1<VerifyOnly> {
    &VERIFYING
}
