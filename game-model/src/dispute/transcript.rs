//! What is kept of a dispute, and how anybody comes to the same ruling from it.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Equivocation, Event, Side};
use super::machine::{Dispute, MoveError};
use super::standing::Standing;
use super::terms::{DisputeTerms, TermsError};
use crate::computation::UnitProgram;
use crate::params::AcceptedJob;
use crate::play::Finding;

/// Most entries of a transcript: 64 halvings of 2⁶⁴ points, the reveal, an equivocation.
pub const MAX_ENTRIES: usize = 2 * 64 + 2;

/// The entries of a dispute that count, each after the one that it answers.
///
/// What is signed follows from itself: each move names the one before. Three things in it are facts
/// about the chain that no signature shows: when the dispute was opened, the height of each entry,
/// and that nothing else counted up to [`Self::complete_to`]. Whoever judges reads them there:
/// [`Self::gather`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// Identity of the dispute ([`DisputeTerms::id`]).
    #[serde(with = "narthex_base::hex::array")]
    pub dispute: [u8; 32],
    /// Height of the block that records the opening: the first deadline counts from here.
    pub opened_at: u32,
    /// Height of the tip, up to which, and including which, the chain was read.
    pub complete_to: u32,
    /// The entries. After a reorganisation one may have a lower height than the one before it.
    pub entries: Vec<Entry>,
}

impl Transcript {
    /// A transcript without entries.
    pub fn of(dispute: &Dispute) -> Self {
        Self {
            dispute: *dispute.id(),
            opened_at: dispute.since(),
            complete_to: dispute.since(),
            entries: Vec::new(),
        }
    }

    /// Adds an entry that has counted.
    pub fn push(&mut self, entry: Entry) {
        self.complete_to = self.complete_to.max(entry.height);
        self.entries.push(entry);
    }

    /// Plays the entries again. The machine does the rest alone: the same terms, program and
    /// transcript give the same standing.
    ///
    /// # Errors
    /// [`ReplayError`] if this is no transcript of such a dispute.
    pub fn replay<P: UnitProgram + ?Sized>(
        &self,
        terms: &DisputeTerms,
        program: &P,
    ) -> Result<Standing, ReplayError> {
        let dispute = self.dispute_after(terms, program)?;
        Ok(dispute.standing(self.complete_to))
    }

    /// The dispute after all entries, its deadlines left aside.
    ///
    /// # Errors
    /// [`ReplayError`] if this is no transcript of such a dispute.
    pub fn dispute_after<P: UnitProgram + ?Sized>(
        &self,
        terms: &DisputeTerms,
        program: &P,
    ) -> Result<Dispute, ReplayError> {
        let mut dispute = Dispute::open(terms.clone(), self.opened_at, program)?;
        if self.dispute != *dispute.id() {
            return Err(ReplayError::OtherDispute);
        }
        let entries = self.entries.len();
        if entries > MAX_ENTRIES {
            return Err(ReplayError::TooManyEntries { entries });
        }
        for (position, entry) in self.entries.iter().enumerate() {
            let step = dispute
                .step(program, entry)
                .map_err(|error| ReplayError::Entry { position, error })?;
            dispute.merge(step.changes);
        }
        let heights = self.entries.iter().map(|entry| entry.height);
        let last = heights.fold(self.opened_at, u32::max);
        if self.complete_to < last {
            let complete_to = self.complete_to;
            return Err(ReplayError::Incomplete { complete_to, last });
        }
        Ok(dispute)
    }

    /// Whether it speaks of no block above `tip`. Nobody has read those.
    ///
    /// # Errors
    /// [`ReplayError::BeyondTip`]; whoever says that it has read them is at fault, or the reader is behind.
    pub fn ends_by(&self, tip: u32) -> Result<(), ReplayError> {
        let complete_to = self.complete_to;
        match complete_to <= tip {
            true => Ok(()),
            false => Err(ReplayError::BeyondTip { complete_to, tip }),
        }
    }

    /// The date of the opening and of each entry as it counts: never before the one it follows.
    fn dates(&self) -> impl Iterator<Item = u32> {
        let heights = self.entries.iter().map(|entry| entry.height);
        std::iter::once(self.opened_at)
            .chain(heights)
            .scan(0, |since, height| {
                *since = height.max(*since);
                Some(*since)
            })
    }
}

/// Judges a dispute from its transcript, as [`crate::play::judge`] does from a step: of the job that the judge accepted,
/// and with the judge's own `tip`, the height up to which it has read the chain itself.
///
/// # Errors
/// [`ReplayError`], also if there is nothing to rule on yet.
pub fn judge_dispute<P: UnitProgram + ?Sized>(
    program: &P,
    job: &AcceptedJob,
    terms: &DisputeTerms,
    transcript: &Transcript,
    tip: u32,
) -> Result<Finding, ReplayError> {
    terms.check_accepted(job)?;
    transcript.ends_by(tip)?;
    match transcript.replay(terms, program)? {
        Standing::Ruled(finding) => Ok(finding),
        Standing::Pending { side, deadline, .. } => Err(ReplayError::Pending { side, deadline }),
        Standing::Shallow { date, depth, .. } => Err(ReplayError::Shallow { date, depth }),
    }
}

/// What two transcripts of one dispute say together, for whoever has read the chain up to height `tip` itself: what
/// says that it is complete beyond that is refused, since a time-out in it may be made up. If they part in a move, that is a ruling against
/// whoever signed both branches. Else the longer counts; where they date a move differently, the one
/// in which that date is deep enough, and if it is so in neither, the one with the higher tip.
///
/// # Errors
/// [`ReplayError`] if one of them is none or cannot be complete, or both have a different date deep enough: then one is
/// made up, or the chain was reorganised deeper than the terms allow for, and the record decides.
pub fn reconcile<P: UnitProgram + ?Sized>(
    program: &P,
    terms: &DisputeTerms,
    one: &Transcript,
    other: &Transcript,
    tip: u32,
) -> Result<Standing, ReplayError> {
    one.ends_by(tip)?;
    other.ends_by(tip)?;
    let (first, second) = (one.replay(terms, program)?, other.replay(terms, program)?);
    let mut pairs = one.entries.iter().zip(&other.entries).enumerate();
    let parted = pairs.find(|(_, (a, b))| !a.event.says_the_same(&b.event, &one.dispute));
    if let Some((position, (a, b))) = parted {
        return match (&a.event, &b.event) {
            (Event::Moved(a), Event::Moved(b)) => {
                let two = Equivocation {
                    first: a.clone(),
                    second: b.clone(),
                };
                two.prove(terms)
                    .map(Standing::Ruled)
                    .map_err(|error| ReplayError::Entry { position, error })
            }
            _ => Err(ReplayError::RecordsDiffer { position }),
        };
    }
    let dated = one.dates().zip(other.dates()).enumerate();
    let is_deep = |date: u32, tip: u32| tip.saturating_sub(date) >= u32::from(terms.date_depth);
    let mut differ = dated.filter(|(_, (a, b))| a != b);
    let one_counts = match differ.next() {
        None => (one.entries.len(), one.complete_to) >= (other.entries.len(), other.complete_to),
        Some((position, (a, b))) => {
            match (is_deep(a, one.complete_to), is_deep(b, other.complete_to)) {
                // The opening is in front of the entries.
                (true, true) => {
                    let position = position.saturating_sub(1);
                    return Err(ReplayError::RecordsDiffer { position });
                }
                (false, false) => one.complete_to >= other.complete_to,
                (one_is_deep, _) => one_is_deep,
            }
        }
    };
    Ok(if one_counts { first } else { second })
}

/// Why a transcript gives no ruling. Whoever handed it over is at fault, unless it is
/// [`ReplayError::Pending`] or [`ReplayError::Shallow`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no dispute on these terms.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The transcript is of another dispute.
    #[error("the transcript is of another dispute")]
    OtherDispute,
    /// More entries than any dispute has.
    #[error("{entries} entries; no dispute has more than {MAX_ENTRIES}")]
    TooManyEntries {
        /// Number of entries.
        entries: usize,
    },
    /// An entry does not count.
    #[error("entry {position}: {error}")]
    Entry {
        /// Its position, from 0.
        position: usize,
        /// Why.
        error: MoveError,
    },
    /// It is said to be complete to a height below one of its dates.
    #[error("the transcript is complete to height {complete_to}, and has a date at {last}")]
    Incomplete {
        /// What it says.
        complete_to: u32,
        /// The highest date in it.
        last: u32,
    },
    /// It is said to be complete to a height that the chain has not reached.
    #[error(
        "the transcript is said to be complete to height {complete_to}, and the tip is at height {tip}; read the chain again"
    )]
    BeyondTip {
        /// What it says.
        complete_to: u32,
        /// The tip that the reader sees.
        tip: u32,
    },
    /// Two transcripts part in what the record says, not in what a party signed.
    #[error(
        "the transcripts differ at entry {position} in what was recorded, or when: look at the record"
    )]
    RecordsDiffer {
        /// Position of the entry, from 0.
        position: usize,
    },
    /// Nothing to rule on yet.
    #[error("the {side} is to move until height {deadline}")]
    Pending {
        /// Whose turn it is.
        side: Side,
        /// Last height at which the move counts.
        deadline: u32,
    },
    /// The dates that decide can still be reorganised away.
    #[error("nothing is ruled before {depth} blocks lie above height {date}")]
    Shallow {
        /// The height that decides.
        date: u32,
        /// How many blocks must lie above it.
        depth: u16,
    },
    /// What is said to be on a chain is not in its order.
    #[error("record {position} has a lower height than the one before it")]
    Unordered {
        /// Position among what is recorded, from 0.
        position: usize,
    },
}
