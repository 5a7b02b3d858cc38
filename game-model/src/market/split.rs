//! Who shares a bounty: the largest group of equal layers, if it is large enough.

use narthex_base::set::SmallSet;

/// Most layers of an envelope, so that all sets of them fit a contract's leaves.
pub const MAX_LAYERS: usize = 6;

/// A set of layers of an envelope: bit `i` stands for the layer of seat `i`, `i < 6`.
pub type LayerSet = SmallSet<u8, { MAX_LAYERS as u8 }>;

/// Every set of at least `quorum` of `seats` layers, by ascending mask: all that [`split`] can pay, the empty set apart.
/// Seats beyond the sixth do not exist, and a quorum of 0 counts as 1.
pub fn payable(seats: usize, quorum: u8) -> impl Iterator<Item = LayerSet> {
    let seats = u8::try_from(seats).unwrap_or(u8::MAX);
    LayerSet::subsets(seats).filter(move |set| set.len() >= quorum.max(1))
}

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
        equal.map(|(seat, _)| seat).collect::<LayerSet>()
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
