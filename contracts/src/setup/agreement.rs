//! What a ceremony needs to know of those who sign together.

use std::fmt;

use bitcoin::secp256k1::PublicKey;

use crate::party::{PartyId, PartyName};

/// Terms of any contract, as far as signing goes: who takes part with which key, under which id.
pub trait Agreement: fmt::Debug + Send + Sync {
    /// Hash of all that is signed about: no message of one ceremony counts in another.
    fn id(&self) -> &[u8; 32];

    /// The key that a party signs with; `None` for one that is not in it.
    fn signer(&self, party: PartyId) -> Option<PublicKey>;

    /// Everybody with what the contract calls them, in canonical order.
    fn everyone(&self) -> Vec<PartyName>;

    /// What the contract calls a party.
    fn name(&self, party: PartyId) -> PartyName {
        let named = self.everyone().into_iter().find(|name| name.id == party);
        named.unwrap_or(PartyName::unnamed(party))
    }
}
