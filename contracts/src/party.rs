//! Who takes part in a contract, as the engine knows them: a number each, sets of numbers, and what a contract calls
//! them. What the parties are to each other is said by the contract's own words, beside its terms.

use std::fmt;

use narthex_base::{
    codec::{DecodeError, Reader, Writer},
    set::SmallSet,
};

/// Most parties of one contract. A set of them is a mask of so many bits.
pub const MAX_PARTIES: u8 = 32;

/// A party of a contract, by its place in the canonical order, which orders keys, inputs and messages. Contracts may
/// leave places empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(pub u8);

impl PartyId {
    /// Place in the canonical order, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The party at a place; `None` from [`MAX_PARTIES`] on.
    pub fn from_index(index: usize) -> Option<PartyId> {
        let id = u8::try_from(index).ok();
        id.filter(|id| *id < MAX_PARTIES).map(PartyId)
    }
}

/// A party in a message: 1 byte.
pub fn write_party(w: &mut Writer, party: PartyId) {
    w.u8(party.0);
}

/// A party out of a message.
///
/// # Errors
/// [`DecodeError`] from [`MAX_PARTIES`] on.
pub fn read_party(r: &mut Reader<'_>, field: &'static str) -> Result<PartyId, DecodeError> {
    let index = r.u8(field)?;
    PartyId::from_index(index.into()).ok_or_else(|| DecodeError::invalid(field, index))
}

/// Parties in a message, as a mask of 4 bytes: bit i is the party of place i.
pub fn write_parties(w: &mut Writer, parties: PartySet) {
    w.u32(parties.0.mask());
}

/// Parties out of a message.
///
/// # Errors
/// [`DecodeError::Truncated`]; [`DecodeError::Invalid`] for a party from [`MAX_PARTIES`] on.
pub fn read_parties(r: &mut Reader<'_>, field: &'static str) -> Result<PartySet, DecodeError> {
    let mask = r.u32(field)?;
    let parties = SmallSet::new(mask).map(PartySet);
    parties.ok_or_else(|| DecodeError::invalid(field, mask))
}

/// What a contract calls something that the engine knows by its number: a word, and behind it a number where several
/// are called alike. Its text is the word and the number, such as `client`, `arbiter0`, `agent 3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named<I> {
    /// What is called so.
    pub id: I,
    word: &'static str,
    number: Option<u16>,
}

impl<I> Named<I> {
    /// The only one that is called so.
    pub const fn new(id: I, word: &'static str) -> Named<I> {
        Named {
            id,
            word,
            number: None,
        }
    }

    /// One of several. If a space is to stand before the number, the word ends with it.
    pub const fn numbered(id: I, word: &'static str, number: u16) -> Named<I> {
        Named {
            id,
            word,
            number: Some(number),
        }
    }

    /// Whether several are called alike.
    pub const fn is_numbered(&self) -> bool {
        self.number.is_some()
    }
}

impl<I> fmt::Display for Named<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        match self.number {
            Some(number) => write!(f, "{number}"),
            None => Ok(()),
        }
    }
}

/// A party and what its contract calls it. Errors name parties so.
pub type PartyName = Named<PartyId>;

impl PartyName {
    /// For a party that no table has: `party 7`.
    pub const fn unnamed(id: PartyId) -> PartyName {
        Named::numbered(id, "party ", id.0 as u16)
    }
}

impl From<PartyName> for PartyId {
    fn from(name: PartyName) -> PartyId {
        name.id
    }
}

impl PartialEq<PartyName> for PartyId {
    fn eq(&self, name: &PartyName) -> bool {
        *self == name.id
    }
}

/// A set of parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartySet(SmallSet<u32, MAX_PARTIES>);

impl PartySet {
    /// No one.
    pub const EMPTY: PartySet = PartySet(SmallSet::empty());

    /// Whether `party` is in the set. One beyond the largest contract is in none.
    pub fn contains(self, party: impl Into<PartyId>) -> bool {
        self.0.contains(party.into().index())
    }

    /// Number of parties in the set.
    pub fn len(self) -> usize {
        self.0.len().into()
    }

    /// Whether nobody is in the set.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The set with `party` in it.
    #[must_use]
    pub fn with(mut self, party: impl Into<PartyId>) -> PartySet {
        self.0.insert(party.into().index());
        self
    }

    /// Members in canonical order.
    pub fn iter(self) -> impl Iterator<Item = PartyId> {
        self.0.iter().filter_map(PartyId::from_index)
    }
}

impl<P: Into<PartyId>> FromIterator<P> for PartySet {
    fn from_iter<I: IntoIterator<Item = P>>(iter: I) -> Self {
        iter.into_iter().fold(PartySet::EMPTY, PartySet::with)
    }
}

impl<P: Into<PartyId>, const N: usize> From<[P; N]> for PartySet {
    fn from(parties: [P; N]) -> Self {
        parties.into_iter().collect()
    }
}
