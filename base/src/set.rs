//! Small sets of numbered things: arbiters of a panel, layers of an envelope, parties of a contract.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What holds the members of a [`SmallSet`]: an unsigned integer of as many bits as there may be members.
pub trait Mask: Copy + Default + Into<u32> + TryFrom<u32> {
    /// Number of bits.
    const BITS: u8;
    /// No bit.
    const NONE: Self;
}

impl Mask for u8 {
    const BITS: u8 = 8;
    const NONE: Self = 0;
}

impl Mask for u16 {
    const BITS: u8 = 16;
    const NONE: Self = 0;
}

impl Mask for u32 {
    const BITS: u8 = 32;
    const NONE: Self = 0;
}

/// A set of at most `MAX` things, as a bit mask: bit `i` stands for thing `i`, `i < MAX`. In messages and JSON it is the
/// mask.
///
/// ```
/// use narthex_base::set::SmallSet;
///
/// type Panel = SmallSet<u16, 15>;
/// let panel: Panel = [2, 0].into_iter().collect();
/// assert_eq!(panel.to_string(), "{0,2}");
/// assert_eq!(panel.mask(), 0b101);
/// assert!(panel.is_subset_of(Panel::full(3)) && !panel.contains(1));
/// assert!(Panel::new(1 << 15).is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SmallSet<M, const MAX: u8>(M);

impl<M: Mask, const MAX: u8> SmallSet<M, MAX> {
    /// Every number that a set may hold. More members than bits are none that the type can have.
    const ALL: u32 = {
        assert!(MAX > 0 && MAX <= M::BITS);
        u32::MAX >> (32 - MAX as u32)
    };

    /// The set with this mask, or `None` if it names a thing beyond the last.
    pub fn new(mask: M) -> Option<Self> {
        (mask.into() & !Self::ALL == 0).then_some(Self(mask))
    }

    /// A set of bits that are all below `MAX`.
    fn of(bits: u32) -> Self {
        Self(M::try_from(bits & Self::ALL).unwrap_or_default())
    }

    fn bits(self) -> u32 {
        self.0.into()
    }

    /// The set without members.
    pub const fn empty() -> Self {
        Self(M::NONE)
    }

    /// The first `n` things; more than there may be are cut to those.
    pub fn full(n: u8) -> Self {
        match u32::from(n.min(MAX)) {
            0 => Self::empty(),
            n => Self::of(u32::MAX >> (32 - n)),
        }
    }

    /// The bit mask.
    pub const fn mask(self) -> M {
        self.0
    }

    /// Whether thing `index` is in the set.
    pub fn contains(self, index: usize) -> bool {
        index < usize::from(MAX) && self.bits() >> index & 1 == 1
    }

    /// Number of members.
    pub fn len(self) -> u8 {
        self.bits().count_ones() as u8
    }

    /// Whether it has no members.
    pub fn is_empty(self) -> bool {
        self.bits() == 0
    }

    /// Adds thing `index`; `false` (and no change) if it is there already or can be in no set.
    pub fn insert(&mut self, index: usize) -> bool {
        if index >= usize::from(MAX) || self.contains(index) {
            return false;
        }
        *self = Self::of(self.bits() | 1 << index);
        true
    }

    /// All members of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self::of(self.bits() | other.bits())
    }

    /// The members that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self::of(self.bits() & !other.bits())
    }

    /// Those of the first `n` that are not in this set.
    #[must_use]
    pub fn complement(self, n: u8) -> Self {
        Self::full(n).without(self)
    }

    /// Whether every member is also in `other`.
    pub fn is_subset_of(self, other: Self) -> bool {
        self.without(other).is_empty()
    }

    /// Members in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        (0..usize::from(MAX)).filter(move |index| self.contains(*index))
    }

    /// Every set of the first `n`, the empty one first, by ascending mask.
    pub fn subsets(n: u8) -> impl DoubleEndedIterator<Item = Self> + Clone {
        (0..=Self::full(n).bits()).map(Self::of)
    }

    /// Every set of at least `k` of the first `n`, the fullest first, sets of one size by ascending mask.
    pub fn majorities(n: u8, k: u8) -> impl Iterator<Item = Self> {
        let sizes = (k..=Self::full(n).len()).rev();
        sizes.flat_map(move |size| Self::subsets(n).filter(move |set| set.len() == size))
    }
}

impl<M: Mask, const MAX: u8> fmt::Display for SmallSet<M, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, index) in self.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{index}")?;
        }
        f.write_str("}")
    }
}

impl<M: Mask, const MAX: u8> FromIterator<usize> for SmallSet<M, MAX> {
    /// Collects indices; those that can be in no set are left out.
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::empty();
        for index in indices {
            set.insert(index);
        }
        set
    }
}

impl<M: Mask + Serialize, const MAX: u8> Serialize for SmallSet<M, MAX> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de, M: Mask + Deserialize<'de>, const MAX: u8> Deserialize<'de> for SmallSet<M, MAX> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let beyond = "a set has no members beyond those that there can be";
        Self::new(M::deserialize(d)?).ok_or_else(|| serde::de::Error::custom(beyond))
    }
}
