//! What a ceremony needs to know of those who sign together.

use std::fmt;

use bitcoin::secp256k1::PublicKey;

use crate::{role::Role, terms::Terms};

/// Terms of any contract, as far as signing goes: who takes part with which key, under which id.
pub trait Agreement: fmt::Debug + Send + Sync {
    /// Hash of all that is signed about: no message of one ceremony counts in another.
    fn id(&self) -> &[u8; 32];

    /// The key that a party signs with; `None` for a role that is not in it.
    fn signer(&self, role: Role) -> Option<PublicKey>;

    /// Everybody, in canonical order.
    fn everyone(&self) -> Vec<Role>;
}

impl Agreement for Terms {
    fn id(&self) -> &[u8; 32] {
        self.agreement_id()
    }

    fn signer(&self, role: Role) -> Option<PublicKey> {
        self.key(role)
    }

    fn everyone(&self) -> Vec<Role> {
        self.roles().collect()
    }
}
