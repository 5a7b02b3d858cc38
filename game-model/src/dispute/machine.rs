//! The machine of a dispute: entries in, duties and a ruling out.
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | [`AwaitPost`] | the worker's digests of the cuts | [`AwaitChoice`] |
//! | [`AwaitChoice`] | the challenger's part | [`AwaitPost`]; of one transition: [`AwaitReveal`] |
//! | [`AwaitReveal`] | the agreed point, from the worker | ended: the transition is run |
//! | any of these | its deadline, or an equivocation | ended |
//!
//! Phases follow from moves alone. Dates say which moves come too late, and whether what they say is
//! a ruling yet: [`Dispute::standing`].

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Event, Move, Reveal, Side, SignedMove};
use super::interval::Interval;
use super::ruling::{against, decide};
use super::standing::Standing;
use super::terms::{DisputeTerms, TermsError};
use crate::commitment::ProofError;
use crate::computation::{StepError, UnitProgram};
use crate::play::Finding;

/// The worker is to post digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitPost {
    /// What is left to search; more than one transition.
    pub interval: Interval,
}

/// The challenger is to name a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitChoice {
    /// What is left to search.
    pub interval: Interval,
    /// The worker's digests of its cuts.
    pub posted: Vec<[u8; 32]>,
}

/// The worker is to show the agreed point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitReveal {
    /// The one transition that is left.
    pub interval: Interval,
}

/// Where a dispute stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// See [`AwaitPost`].
    Post(AwaitPost),
    /// See [`AwaitChoice`].
    Choice(AwaitChoice),
    /// See [`AwaitReveal`].
    Reveal(AwaitReveal),
    /// Ruled.
    Ended(Finding),
}

/// What an entry changes. To be written down before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Changes {
    pub(super) next_number: u32,
    pub(super) head: [u8; 32],
    pub(super) since: u32,
    pub(super) phase: Phase,
}

impl Changes {
    fn opening(id: [u8; 32], interval: Interval, opened_at: u32) -> Self {
        Self {
            next_number: 0,
            head: id,
            since: opened_at,
            // A step has at least two transitions, start and output.
            phase: Phase::Post(AwaitPost { interval }),
        }
    }
}

/// What follows from an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Duty {
    /// A side is to move.
    Move {
        /// Whose turn it is.
        side: Side,
        /// Number of the move.
        number: u32,
        /// Last height at which it counts.
        deadline: u32,
    },
    /// The dispute has ended.
    Rule(Finding),
}

/// What [`Dispute::step`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// For [`Dispute::merge`].
    pub changes: Changes,
    /// What is to be done then.
    pub duty: Duty,
}

/// A dispute between a worker and a challenger over one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    terms: DisputeTerms,
    id: [u8; 32],
    /// What was to be searched when it was opened.
    whole: Interval,
    state: Changes,
}

impl Dispute {
    /// Opens a dispute, on record at height `opened_at`: the worker is to post.
    ///
    /// # Errors
    /// [`TermsError`] if there is nothing to dispute on these terms.
    pub fn open<P: UnitProgram + ?Sized>(
        terms: DisputeTerms,
        opened_at: u32,
        program: &P,
    ) -> Result<Self, TermsError> {
        terms.check(program)?;
        let id = terms.id()?;
        let whole = terms.whole()?;
        let state = Changes::opening(id, whole, opened_at);
        Ok(Self {
            terms,
            id,
            whole,
            state,
        })
    }

    /// Begins again, opened at height `opened_at`, as after a reorganisation that changed what was on record.
    pub fn rewind(&mut self, opened_at: u32) {
        self.state = Changes::opening(self.id, self.whole, opened_at);
    }

    /// The terms.
    pub const fn terms(&self) -> &DisputeTerms {
        &self.terms
    }

    /// The dispute's identity.
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Where it stands.
    pub const fn phase(&self) -> &Phase {
        &self.state.phase
    }

    /// What is left to search, until it has ended.
    pub const fn interval(&self) -> Option<&Interval> {
        match &self.state.phase {
            Phase::Post(phase) => Some(&phase.interval),
            Phase::Choice(phase) => Some(&phase.interval),
            Phase::Reveal(phase) => Some(&phase.interval),
            Phase::Ended(_) => None,
        }
    }

    /// What is to be done.
    pub fn duty(&self) -> Duty {
        duty(&self.terms, &self.state)
    }

    /// The date of the last entry that counted, in blocks; without one, of the opening. The next
    /// deadline counts from here.
    pub const fn since(&self) -> u32 {
        self.state.since
    }

    /// Number and predecessor of the next move, as [`super::MoveBook`] signs it.
    pub const fn place(&self) -> (u32, [u8; 32]) {
        (self.state.next_number, self.state.head)
    }

    /// What an entry does to the dispute, if it counts. It depends on nothing else.
    ///
    /// A reorganisation may put a move on record before the one that it answers. It counts as made
    /// when that one was: nobody could make it before.
    ///
    /// # Errors
    /// [`MoveError`] if it does not count: then nothing has happened, and whoever's turn it is has
    /// until its deadline to do better.
    pub fn step<P: UnitProgram + ?Sized>(
        &self,
        program: &P,
        entry: &Entry,
    ) -> Result<Step, MoveError> {
        let height = entry.height.max(self.state.since);
        let Duty::Move { deadline, .. } = self.duty() else {
            return Err(MoveError::Ended);
        };
        if height > deadline {
            return Err(MoveError::Late { height, deadline });
        }
        self.terms
            .check_program(program)
            .map_err(MoveError::Terms)?;
        let (head, phase) = match &entry.event {
            Event::Moved(signed) => (signed.message(&self.id), self.moved(program, signed)?),
            // Nothing follows it.
            Event::Equivocated(two) => (self.state.head, Phase::Ended(two.prove(&self.terms)?)),
        };
        let changes = Changes {
            // At most 129 moves: an interval of 2⁶⁴ is halved 64 times.
            next_number: self.state.next_number.saturating_add(1),
            head,
            since: height,
            phase,
        };
        let duty = duty(&self.terms, &changes);
        Ok(Step { changes, duty })
    }

    /// Takes over what an entry changed.
    pub fn merge(&mut self, changes: Changes) {
        self.state = changes;
    }

    /// How it stands for whoever has read the record up to and including height `tip`, if no other
    /// entry counted. A ruling is one for everybody whose tip is on the same chain but for the last
    /// [`DisputeTerms::date_depth`] blocks: it says the same, and they say this or nothing yet.
    pub fn standing(&self, tip: u32) -> Standing {
        let depth = self.terms.date_depth;
        let (finding, date) = match self.duty() {
            Duty::Rule(finding) => (finding, self.state.since),
            Duty::Move {
                side,
                number,
                deadline,
            } if tip <= deadline => {
                return Standing::Pending {
                    side,
                    number,
                    deadline,
                };
            }
            Duty::Move {
                side,
                number,
                deadline,
            } => (self.late(side, number, deadline), deadline),
        };
        // Where heights end nothing gets deep enough any more, and nothing is ruled.
        let is_deep = date
            .checked_add(u32::from(depth))
            .is_some_and(|ruled_at| tip >= ruled_at);
        match is_deep {
            true => Standing::Ruled(finding),
            false => Standing::Shallow {
                finding,
                date,
                depth,
            },
        }
    }

    /// The ruling by time-out for whoever has read the record up to and including height `tip`, if
    /// no other entry counted. The deadline must be [`DisputeTerms::date_depth`] blocks deep.
    pub fn timed_out(&self, tip: u32) -> Option<Finding> {
        match (self.duty(), self.standing(tip)) {
            (Duty::Move { .. }, Standing::Ruled(finding)) => Some(finding),
            _ => None,
        }
    }

    fn late(&self, side: Side, number: u32, deadline: u32) -> Finding {
        let since = self.state.since;
        let blocks = self.terms.response_blocks;
        let before = match number.checked_sub(1) {
            Some(before) => format!("move {before}"),
            None => "the opening".to_owned(),
        };
        Finding {
            ruling: against(side),
            reason: format!(
                "the {side} did not make move {number} until height {deadline}, {blocks} blocks after {before} at height {since}, and {} blocks lie above",
                self.terms.date_depth
            ),
        }
    }

    fn moved<P: UnitProgram + ?Sized>(
        &self,
        program: &P,
        signed: &SignedMove,
    ) -> Result<Phase, MoveError> {
        let (number, head) = self.place();
        if signed.number != number {
            let found = signed.number;
            return Err(MoveError::Number { number, found });
        }
        if signed.previous != head {
            return Err(MoveError::Previous { number });
        }
        let side = Side::of(number);
        if !signed.is_signed_by(&self.id, self.terms.key(side)) {
            return Err(MoveError::Signature { number, side });
        }
        match (&self.state.phase, &signed.action) {
            (Phase::Post(phase), Move::Post { digests }) => self.posted(phase, digests),
            (Phase::Choice(phase), Move::Choose { part }) => self.chosen(phase, *part),
            (Phase::Reveal(phase), Move::Reveal(reveal)) => self.revealed(program, phase, reveal),
            (phase, found) => Err(MoveError::Kind {
                number,
                expected: expected(phase),
                found: found.kind(),
            }),
        }
    }

    fn posted(&self, phase: &AwaitPost, digests: &[[u8; 32]]) -> Result<Phase, MoveError> {
        let expected = phase.interval.cuts(self.terms.fan_out).len();
        if digests.len() != expected {
            let found = digests.len();
            return Err(MoveError::PostSize { expected, found });
        }
        Ok(Phase::Choice(AwaitChoice {
            interval: phase.interval,
            posted: digests.to_vec(),
        }))
    }

    fn chosen(&self, phase: &AwaitChoice, part: u32) -> Result<Phase, MoveError> {
        let fan_out = self.terms.fan_out;
        let parts = phase.interval.parts(fan_out);
        let interval = phase
            .interval
            .part(fan_out, &phase.posted, part)
            .ok_or(MoveError::Part { part, parts })?;
        Ok(match interval.transitions() {
            1 => Phase::Reveal(AwaitReveal { interval }),
            _ => Phase::Post(AwaitPost { interval }),
        })
    }

    fn revealed<P: UnitProgram + ?Sized>(
        &self,
        program: &P,
        phase: &AwaitReveal,
        reveal: &Reveal,
    ) -> Result<Phase, MoveError> {
        decide(program, &self.terms, &phase.interval, reveal).map(Phase::Ended)
    }
}

fn expected(phase: &Phase) -> &'static str {
    match phase {
        Phase::Post(_) => "post",
        Phase::Choice(_) => "choice",
        Phase::Reveal(_) => "reveal",
        Phase::Ended(_) => "nothing",
    }
}

fn duty(terms: &DisputeTerms, state: &Changes) -> Duty {
    match &state.phase {
        Phase::Ended(finding) => Duty::Rule(finding.clone()),
        _ => Duty::Move {
            side: Side::of(state.next_number),
            number: state.next_number,
            deadline: state.since.saturating_add(u32::from(terms.response_blocks)),
        },
    }
}

/// Why an entry does not count. The side that it claims to come from is at fault if the signature
/// is good, else whoever brought it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The dispute has been ruled.
    #[error("the dispute has ended")]
    Ended,
    /// The machine that is to decide gives no dependable answer. Nobody's fault: ask another.
    #[error("the last transition can't be judged on this machine: {0}")]
    Defect(StepError),
    /// The deadline has passed.
    #[error("recorded at height {height}, after the deadline {deadline}")]
    Late {
        /// Height of the entry.
        height: u32,
        /// Last height at which it would have counted.
        deadline: u32,
    },
    /// Another program than that of the terms.
    #[error(transparent)]
    Terms(TermsError),
    /// Out of turn, or a move of old.
    #[error("move {found} where move {number} is due")]
    Number {
        /// Number of the move that is due.
        number: u32,
        /// Number found.
        found: u32,
    },
    /// It answers another move than the last one that counts here; on another branch of the chain it
    /// may be right.
    #[error("move {number} does not follow the last move that counts")]
    Previous {
        /// Number of the move.
        number: u32,
    },
    /// Not signed by the side whose turn it is, for this dispute.
    #[error("move {number} is not signed by the {side} for this dispute")]
    Signature {
        /// Number of the move.
        number: u32,
        /// Whose turn it is.
        side: Side,
    },
    /// Another kind of move than is due.
    #[error("move {number} is a {found} where a {expected} is due")]
    Kind {
        /// Number of the move.
        number: u32,
        /// The kind that is due.
        expected: &'static str,
        /// The kind found.
        found: &'static str,
    },
    /// Too many or too few digests.
    #[error("{found} digests posted for {expected} points")]
    PostSize {
        /// Number of cuts.
        expected: usize,
        /// Number of digests.
        found: usize,
    },
    /// No such part.
    #[error("part {part} of an interval with {parts} parts (0 to {})", parts.saturating_sub(1))]
    Part {
        /// Number found.
        part: u32,
        /// Number of parts.
        parts: u32,
    },
    /// The record is not the step's.
    #[error("the record is not in the job's input: {0}")]
    Record(#[source] ProofError),
    /// What is revealed has another digest than both agreed on.
    #[error("what is revealed is not the agreed state at point {point}")]
    OtherState {
        /// The point.
        point: u64,
    },
    /// A record where a state is due, or the other way round.
    #[error("point {point} is of another kind: 0 is the record, those above are states")]
    OtherKindOfPoint {
        /// The point.
        point: u64,
    },
    /// The two moves contradict nothing.
    #[error("no equivocation: {0}")]
    NoEquivocation(&'static str),
}
