//! Who works on which job: fixed before any secret is shared.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::PublicKey,
};
use narthex_base::codec::Writer;
use narthex_base::tagged::tagged_hash_parts;
use serde::{Deserialize, Serialize};

use super::SliceError;
use crate::{
    party::{PartyId, PartyName},
    shared_secret::Sharing,
};

/// The client A.
pub const CLIENT: PartyName = PartyName::new(PartyId(0), "client");

/// Fewest providers: equality needs two.
pub const MIN_PROVIDERS: usize = 2;

/// Most providers of one slice.
pub const MAX_PROVIDERS: usize = 10;

/// The place of the first provider among the parties. Those between it and the client stay empty.
const FIRST_PROVIDER: u8 = 3;

/// Provider number `index`, from 0; people count from 1.
pub const fn provider(index: u8) -> PartyName {
    let id = PartyId(FIRST_PROVIDER.saturating_add(index));
    PartyName::numbered(id, "provider ", index as u16 + 1)
}

/// Client, providers and job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participants {
    /// Key of A, who pays.
    pub client: PublicKey,
    /// Keys of the providers.
    pub providers: Vec<PublicKey>,
    /// m: how many must have the same root, the one that is paid counted.
    pub quorum: u8,
    /// Identity of the job: program, input and the number of the slice.
    pub job: sha256::Hash,
    /// [`FreshSalt::value`](crate::binding::FreshSalt::value) of the client's: no two slices share anything.
    pub salt: sha256::Hash,
}

impl Participants {
    /// Checks numbers and keys. The proposer is at fault.
    pub fn check(&self) -> Result<(), SliceError> {
        Participants::check_numbers(self.providers.len(), self.quorum.into())?;
        for (i, key) in self.providers.iter().enumerate() {
            // Signatures show the x coordinate only.
            let x = |key: &PublicKey| key.x_only_public_key().0;
            let before = self.providers.iter().take(i).chain([&self.client]);
            if before.map(x).any(|known| known == x(key)) {
                return Err(SliceError::Terms {
                    field: "providers",
                    problem: format!("key {key} is named twice"),
                });
            }
        }
        Ok(())
    }

    /// Checks n and m.
    pub fn check_numbers(n: usize, m: usize) -> Result<(), SliceError> {
        let bad = |field, problem: String| Err(SliceError::Terms { field, problem });
        if !(MIN_PROVIDERS..=MAX_PROVIDERS).contains(&n) {
            let range = format!("{MIN_PROVIDERS} to {MAX_PROVIDERS}");
            return bad("providers", format!("{n}; {range} are taken"));
        }
        if m < MIN_PROVIDERS || m > n {
            return bad("quorum", format!("{m} of {n}; 2 to {n} are taken"));
        }
        Ok(())
    }

    /// Hash of everything in it.
    pub fn id(&self) -> [u8; 32] {
        let mut w = Writer::default();
        w.fixed(&self.client.serialize())
            .u32(self.providers.len() as u32);
        for key in &self.providers {
            w.fixed(&key.serialize());
        }
        w.u8(self.quorum)
            .fixed(self.job.as_byte_array())
            .fixed(self.salt.as_byte_array());
        tagged_hash_parts("narthex/slice-circle", &[&w.finish()])
    }

    /// Number of providers.
    pub fn size(&self) -> u8 {
        u8::try_from(self.providers.len()).unwrap_or(u8::MAX)
    }

    /// Indices of all providers.
    pub fn indices(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.size()
    }

    /// Indices of all providers but one.
    pub fn others(&self, index: u8) -> impl Iterator<Item = u8> + use<> {
        self.indices().filter(move |other| *other != index)
    }

    /// Shares that a provider needs of the others: m − 1.
    pub fn needed(&self) -> u8 {
        self.quorum.saturating_sub(1)
    }

    /// The key of a party; `None` for one that is not in the participants.
    pub fn key(&self, party: impl Into<PartyId>) -> Option<PublicKey> {
        let party = party.into();
        if party == CLIENT {
            return Some(self.client);
        }
        let index = party.0.checked_sub(FIRST_PROVIDER)?;
        self.providers.get(usize::from(index)).copied()
    }

    /// The key of a provider. A message of nobody in the participants is its sender's fault.
    pub(super) fn provider_key(&self, index: u8) -> Result<PublicKey, SliceError> {
        let stranger = SliceError::Stranger {
            index,
            providers: self.size(),
        };
        self.key(provider(index)).ok_or(stranger)
    }

    /// How the others share the secret of provider `of`: among n − 1, of which m − 1 reconstruct.
    pub(super) fn sharing(&self, of: u8) -> Result<Sharing, SliceError> {
        let context = tagged_hash_parts("narthex/slice-sharing", &[&self.id(), &[of]]);
        let sharing = Sharing::new(context, self.size().saturating_sub(1), self.needed());
        sharing.map_err(|error| SliceError::Sharing { of, error })
    }
}

/// The place of provider `index` among those that share the secret of `of`.
pub(super) fn member(of: u8, index: u8) -> Option<u8> {
    match index.cmp(&of) {
        std::cmp::Ordering::Less => Some(index),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => index.checked_sub(1),
    }
}

/// The provider at a place among those that share the secret of `of`.
pub(super) fn dealer(of: u8, member: u8) -> u8 {
    member.saturating_add(u8::from(member >= of))
}
