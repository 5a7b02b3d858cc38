//! Who takes part in a contract of computation, in its own words.

use std::{fmt, str::FromStr};

use narthex_base::codec::{DecodeError, Reader};
use serde::{Deserialize, Serialize};

use crate::party::{PartyId, PartyName, PartySet, read_party};

/// Largest panel: 8-of-15 needs 32,768 pre-signed rulings.
pub const MAX_ARBITERS: u8 = 15;

/// A party of the contract. The order is canonical: it orders keys, inputs and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Wants the result and pays for it.
    Client,
    /// Does the whole work.
    Worker,
    /// Recomputes a sample.
    Verifier,
    /// Member of the panel, by its index in drawn order, from 0.
    Arbiter(u8),
}

impl Role {
    /// Client, worker and verifier.
    pub const PRINCIPALS: [Role; 3] = [Role::Client, Role::Worker, Role::Verifier];

    /// Position in canonical order: client 0, worker 1, verifier 2, arbiter i 3 + i.
    pub fn index(self) -> usize {
        match self {
            Role::Client => 0,
            Role::Worker => 1,
            Role::Verifier => 2,
            Role::Arbiter(i) => 3 + usize::from(i),
        }
    }

    /// All parties of a contract with a panel of `n`, in canonical order.
    pub fn all(n: u8) -> impl Iterator<Item = Role> {
        Role::PRINCIPALS
            .into_iter()
            .chain((0..n).map(Role::Arbiter))
    }

    /// Client, worker and verifier, as a set.
    pub fn principals() -> PartySet {
        Role::PRINCIPALS.into()
    }

    /// Everybody in a contract with a panel of `n`, as a set.
    pub fn everyone(n: u8) -> PartySet {
        Role::all(n).collect()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PartyName::from(*self).fmt(f)
    }
}

/// A role's name that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no role: client, worker, verifier or arbiter0 to arbiter14")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "client" => Ok(Role::Client),
            "worker" => Ok(Role::Worker),
            "verifier" => Ok(Role::Verifier),
            _ => s
                .strip_prefix("arbiter")
                .and_then(|i| i.parse::<u8>().ok())
                .filter(|i| *i < MAX_ARBITERS)
                .map(Role::Arbiter)
                .ok_or_else(|| UnknownRole(s.chars().take(32).collect())),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The party's number in the engine.
impl From<Role> for PartyId {
    fn from(role: Role) -> PartyId {
        // 3 + 14 is the largest.
        PartyId(u8::try_from(role.index()).unwrap_or(u8::MAX))
    }
}

/// Whom the number stands for in a contract of client, worker, verifier and panel.
impl From<PartyId> for Role {
    fn from(party: PartyId) -> Role {
        match party.0 {
            0 => Role::Client,
            1 => Role::Worker,
            2 => Role::Verifier,
            seat => Role::Arbiter(seat - 3),
        }
    }
}

/// A role out of a message that comes before any terms, as [`write_party`](crate::party::write_party) writes it: its seat may
/// be any of the largest panel.
pub(crate) fn read_role(r: &mut Reader<'_>, field: &'static str) -> Result<Role, DecodeError> {
    let party = read_party(r, field)?;
    match Role::from(party) {
        Role::Arbiter(seat) if seat >= MAX_ARBITERS => Err(DecodeError::invalid(field, party.0)),
        role => Ok(role),
    }
}

impl From<Role> for PartyName {
    fn from(role: Role) -> PartyName {
        let id = role.into();
        match role {
            Role::Client => PartyName::new(id, "client"),
            Role::Worker => PartyName::new(id, "worker"),
            Role::Verifier => PartyName::new(id, "verifier"),
            Role::Arbiter(i) => PartyName::numbered(id, "arbiter", i.into()),
        }
    }
}

impl PartialEq<Role> for PartyName {
    fn eq(&self, role: &Role) -> bool {
        self.id == *role
    }
}

impl PartialEq<Role> for PartyId {
    fn eq(&self, role: &Role) -> bool {
        *self == PartyId::from(*role)
    }
}
