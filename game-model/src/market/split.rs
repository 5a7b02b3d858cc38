//! Who shares a bounty: the largest group of equal layers, if it is large enough.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most layers of an envelope, so that all sets of them fit a contract's leaves.
pub const MAX_LAYERS: usize = 6;

/// A set of layers of an envelope, as a bit mask: bit `i` stands for the layer of seat `i`, `i < 6`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct LayerSet(u8);

impl LayerSet {
    /// The set with this mask, or `None` if it names a layer beyond the sixth.
    pub const fn new(mask: u8) -> Option<Self> {
        match mask >> MAX_LAYERS {
            0 => Some(Self(mask)),
            _ => None,
        }
    }

    /// No layer.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The bit mask.
    pub const fn mask(self) -> u8 {
        self.0
    }

    /// Whether the layer of seat `seat` is in the set.
    pub const fn contains(self, seat: usize) -> bool {
        seat < MAX_LAYERS && self.0 >> seat & 1 == 1
    }

    /// Number of layers.
    pub const fn len(self) -> u8 {
        self.0.count_ones() as u8
    }

    /// Whether no layer is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Seats in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        (0..MAX_LAYERS).filter(move |seat| self.contains(*seat))
    }

    /// Every set of at least `quorum` of `seats` layers, by ascending mask: all that [`split`] can
    /// pay, the empty set apart. Seats beyond the sixth do not exist, and a quorum of 0 counts as 1.
    pub fn payable(seats: usize, quorum: u8) -> impl Iterator<Item = Self> {
        let end = 1_u8 << seats.min(MAX_LAYERS);
        (1..end)
            .map(Self)
            .filter(move |set| set.len() >= quorum.max(1))
    }
}

impl fmt::Display for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, seat) in self.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{seat}")?;
        }
        f.write_str("}")
    }
}

impl From<LayerSet> for u8 {
    fn from(set: LayerSet) -> Self {
        set.0
    }
}

impl TryFrom<u8> for LayerSet {
    type Error = NoSuchLayer;

    fn try_from(mask: u8) -> Result<Self, NoSuchLayer> {
        Self::new(mask).ok_or(NoSuchLayer)
    }
}

/// A mask names a layer beyond the sixth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a set of layers has no layer beyond the sixth (bits 0 to 5)")]
pub struct NoSuchLayer;

/// Why layers cannot be split: the caller's terms are no line-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// More layers than an envelope has.
    #[error("{0} layers; a line-up has at most {MAX_LAYERS}")]
    TooManyLayers(usize),
    /// The quorum is 0 or cannot be reached.
    #[error("a quorum of {quorum} among {layers} layers; at least 1, at most all of them")]
    Quorum {
        /// What was asked for.
        quorum: u8,
        /// Layers that the line-up has, absent ones included.
        layers: usize,
    },
}

/// The layers that a bounty is split among: the largest group of equal roots if it has at least
/// `quorum` members, otherwise nobody's. If two groups are the largest, nothing tells which of them
/// is right, so nobody is paid either.
///
/// # Errors
/// [`SplitError`] if the line-up is too long or the quorum no number of its layers.
///
/// ```
/// use narthex_game_model::market::split;
///
/// let (right, wrong) = (Some([1; 32]), Some([2; 32]));
/// assert_eq!(split(&[right, wrong, right, None], 2)?.mask(), 0b0101);
/// assert!(split(&[right, wrong, None], 1)?.is_empty());
/// # Ok::<(), narthex_game_model::market::SplitError>(())
/// ```
pub fn split(layers: &[Option<[u8; 32]>], quorum: u8) -> Result<LayerSet, SplitError> {
    if layers.len() > MAX_LAYERS {
        return Err(SplitError::TooManyLayers(layers.len()));
    }
    if quorum == 0 || usize::from(quorum) > layers.len() {
        let layers = layers.len();
        return Err(SplitError::Quorum { quorum, layers });
    }
    let group = |root: &[u8; 32]| {
        let equal = layers.iter().enumerate();
        let equal = equal.filter(|(_, layer)| layer.as_ref() == Some(root));
        LayerSet(equal.fold(0, |mask, (seat, _)| mask | 1 << seat))
    };
    let mut best = LayerSet::empty();
    let mut tied = false;
    for found in layers.iter().flatten().map(group) {
        if found.len() > best.len() {
            (best, tied) = (found, false);
        } else if found.len() == best.len() && found != best {
            tied = true;
        }
    }
    Ok(match best.len() >= quorum && !tied {
        true => best,
        false => LayerSet::empty(),
    })
}
