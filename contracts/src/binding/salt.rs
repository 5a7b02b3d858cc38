//! Salts.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::rand::{CryptoRng, RngCore},
};

use super::{BindError, Binding, Bindings, Mark};

/// 32 bytes that were just drawn and have served nothing yet. They can be looked at, to be named in terms, and used up
/// by [`FreshSalt::bind`]; they can be neither copied, stored nor made from bytes:
///
/// ```
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::binding::Mark>();
/// ```
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::binding::FreshSalt>();
/// ```
/// ```compile_fail
/// let again = narthex_contracts::binding::FreshSalt([7; 32]);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct FreshSalt([u8; 32]);

impl FreshSalt {
    /// Draws a salt. A party that signs something of value passes the system's source, never one that is derived from
    /// a seed that it keeps: restored from a backup it would draw the same salt again, with no record of its use.
    pub fn draw<R: RngCore + CryptoRng + ?Sized>(rng: &mut R) -> FreshSalt {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        FreshSalt(bytes)
    }

    /// As it stands in terms. The others see it; it is no secret.
    pub fn value(&self) -> sha256::Hash {
        sha256::Hash::from_byte_array(self.0)
    }

    /// What a record keeps of it, where it is used as `purpose`.
    pub fn mark(&self, purpose: &str) -> Mark {
        Mark::of(purpose, &self.0)
    }

    /// Binds the salt to `id`, durably, and uses it up.
    ///
    /// # Errors
    /// Those of [`Bindings::bind`]. The salt is gone then, too: what depends on it starts again with a new one.
    pub fn bind(
        self,
        purpose: &str,
        id: [u8; 32],
        store: &mut dyn Bindings,
    ) -> Result<Binding, BindError> {
        self.mark(purpose).bind(id, store)
    }
}
