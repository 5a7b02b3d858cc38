//! What is kept of a dispute, and how anybody comes to the same ruling from it.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Equivocation, Event, Side};
use super::machine::{Dispute, Duty, MoveError};
use super::terms::{DisputeTerms, TermsError};
use crate::computation::UnitProgram;
use crate::play::Finding;

/// Most entries of a transcript: 64 halvings of 2⁶⁴ points, the reveal, an equivocation.
pub const MAX_ENTRIES: usize = 2 * 64 + 2;

/// The entries of a dispute in order.
///
/// Two things in it are facts about the record that all parties read, which no signature shows: the
/// heights (each height but the last is signed by the side that answered), and that nothing else was
/// recorded up to [`Self::complete_to`]. Whoever judges checks them there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// Identity of the dispute ([`DisputeTerms::id`]).
    #[serde(with = "crate::encoding::hex32")]
    pub dispute: [u8; 32],
    /// Height up to which, and including which, these are all entries.
    pub complete_to: u32,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// How a dispute stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A side is to move.
    Pending {
        /// Whose turn it is.
        side: Side,
        /// Number of the move that is due.
        number: u32,
        /// Last height at which it counts.
        deadline: u32,
    },
    /// The dispute has ended.
    Ruled(Finding),
}

impl Transcript {
    /// A transcript without entries.
    pub fn of(dispute: &Dispute) -> Self {
        Self {
            dispute: *dispute.id(),
            complete_to: dispute.terms().opened_at,
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
        if let Some(finding) = dispute.timed_out(self.complete_to) {
            return Ok(Standing::Ruled(finding));
        }
        Ok(match dispute.duty() {
            Duty::Rule(finding) => Standing::Ruled(finding),
            Duty::Move {
                side,
                number,
                deadline,
            } => Standing::Pending {
                side,
                number,
                deadline,
            },
        })
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
        let mut dispute = Dispute::open(terms.clone(), program)?;
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
        let last = self.entries.last().map_or(terms.opened_at, |e| e.height);
        if self.complete_to < last {
            let complete_to = self.complete_to;
            return Err(ReplayError::Incomplete { complete_to, last });
        }
        Ok(dispute)
    }
}

/// Judges a dispute from its transcript, as [`crate::play::judge`] does from a step.
///
/// # Errors
/// [`ReplayError`], also if there is nothing to rule on yet.
pub fn judge_dispute<P: UnitProgram + ?Sized>(
    program: &P,
    terms: &DisputeTerms,
    transcript: &Transcript,
) -> Result<Finding, ReplayError> {
    match transcript.replay(terms, program)? {
        Standing::Ruled(finding) => Ok(finding),
        Standing::Pending { side, deadline, .. } => Err(ReplayError::Pending { side, deadline }),
    }
}

/// What two transcripts of one dispute say together: the longer if one goes on from the other; if
/// they part, the ruling against whoever signed both branches.
///
/// # Errors
/// [`ReplayError`] if one of them is none, or they differ in a height: then the record decides.
pub fn reconcile<P: UnitProgram + ?Sized>(
    program: &P,
    terms: &DisputeTerms,
    one: &Transcript,
    other: &Transcript,
) -> Result<Standing, ReplayError> {
    let (first, second) = (one.replay(terms, program)?, other.replay(terms, program)?);
    let mut pairs = one.entries.iter().zip(&other.entries).enumerate();
    let parted = pairs.find(|(_, (a, b))| a.hash(&one.dispute) != b.hash(&one.dispute));
    let Some((position, (a, b))) = parted else {
        let one_is_longer =
            (one.entries.len(), one.complete_to) >= (other.entries.len(), other.complete_to);
        return Ok(if one_is_longer { first } else { second });
    };
    match (&a.event, &b.event) {
        (Event::Moved(a), Event::Moved(b))
            if a.message(&one.dispute) != b.message(&one.dispute) =>
        {
            let two = Equivocation {
                first: a.clone(),
                second: b.clone(),
            };
            two.prove(terms)
                .map(Standing::Ruled)
                .map_err(|error| ReplayError::Entry { position, error })
        }
        _ => Err(ReplayError::RecordsDiffer { position }),
    }
}

/// Why a transcript gives no ruling. Whoever handed it over is at fault, unless it is
/// [`ReplayError::Pending`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// It is said to be complete to a height below its last entry.
    #[error("the transcript is complete to height {complete_to}, and has an entry at {last}")]
    Incomplete {
        /// What it says.
        complete_to: u32,
        /// Height of the last entry.
        last: u32,
    },
    /// Two transcripts part in what the record says, not in what a party signed.
    #[error("the transcripts differ at entry {position} in what was recorded: look at the record")]
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
}
