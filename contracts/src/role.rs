//! Who takes part in a contract, and sets of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Largest panel that the engine takes: 8-of-15 needs 32,768 pre-signed rulings.
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

    /// The role at a position of the canonical order; `None` beyond the largest panel.
    pub fn from_index(index: usize) -> Option<Role> {
        match index {
            0 => Some(Role::Client),
            1 => Some(Role::Worker),
            2 => Some(Role::Verifier),
            _ => u8::try_from(index - 3)
                .ok()
                .filter(|i| *i < MAX_ARBITERS)
                .map(Role::Arbiter),
        }
    }

    /// All parties of a contract with a panel of `n`, in canonical order.
    pub fn all(n: u8) -> impl Iterator<Item = Role> {
        Role::PRINCIPALS
            .into_iter()
            .chain((0..n).map(Role::Arbiter))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Client => f.write_str("client"),
            Role::Worker => f.write_str("worker"),
            Role::Verifier => f.write_str("verifier"),
            Role::Arbiter(i) => write!(f, "arbiter{i}"),
        }
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

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RoleSet(u32);

impl RoleSet {
    /// No one.
    pub const EMPTY: RoleSet = RoleSet(0);

    /// Client, worker and verifier.
    pub const PRINCIPALS: RoleSet = RoleSet(0b111);

    /// Everybody in a contract with a panel of `n`.
    pub fn everyone(n: u8) -> RoleSet {
        Role::all(n).collect()
    }

    /// Whether `role` is in the set.
    pub fn contains(self, role: Role) -> bool {
        self.0 & bit(role) != 0
    }

    /// Number of roles in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nobody is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with `role` in it.
    #[must_use]
    pub fn with(self, role: Role) -> RoleSet {
        RoleSet(self.0 | bit(role))
    }

    /// Members in canonical order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        (0..32)
            .filter(move |i| self.0 >> i & 1 == 1)
            .filter_map(Role::from_index)
    }
}

/// The role's bit; none for an arbiter beyond the largest panel, who is in no set.
fn bit(role: Role) -> u32 {
    u32::try_from(role.index())
        .ok()
        .and_then(|index| 1u32.checked_shl(index))
        .unwrap_or(0)
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(iter: I) -> Self {
        iter.into_iter().fold(RoleSet::EMPTY, RoleSet::with)
    }
}

impl<const N: usize> From<[Role; N]> for RoleSet {
    fn from(roles: [Role; N]) -> Self {
        roles.into_iter().collect()
    }
}

impl fmt::Display for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, role) in self.iter().enumerate() {
            write!(f, "{}{role}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
