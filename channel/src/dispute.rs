//! The dispute inside a step as a machine: what is on record comes in, and whose turn it is goes out.
//!
//! The rules are [`game_model`](narthex_game_model)'s [`Dispute`]; here is what a party keeps. Its log holds each entry that
//! counted and what it changed, so that the transcript, which is the evidence, comes back with the state. A move that was
//! judged once is not judged again when the log is read: that a machine cannot judge it any more loses nothing.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_game_model::{
    computation::UnitProgram,
    dispute::{
        Changes, Dispute, DisputeTerms, Duty, Entry, Event, Move, MoveError, Phase, Side, Standing,
        TermsError, Transcript,
    },
    play::Finding,
};

use crate::{Machine, Step, Tabled, Transition, transitions};

/// A dispute as one party, or one arbiter, follows it.
#[derive(Debug)]
pub struct DisputeMachine<'p, P: ?Sized> {
    program: &'p P,
    dispute: Dispute,
    is_open: bool,
    transcript: Transcript,
    ruled: Option<Finding>,
}

/// What comes to a dispute: the record, read in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeInput {
    /// An entry of the record.
    Entry(Box<Entry>),
    /// The record was read up to and including this height.
    Tip {
        /// Height of the tip.
        height: u32,
    },
    /// The opening is on record. Once more, if a reorganisation moved it or took away an entry that counted: all is read
    /// again.
    Opened {
        /// Its height.
        opened_at: u32,
    },
}

/// What is kept of a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeChange {
    /// An entry counted.
    Counted {
        /// The entry: evidence.
        entry: Box<Entry>,
        /// What it changed.
        changes: Changes,
    },
    /// It was opened; entries of before are forgotten.
    Opened {
        /// Height of the opening.
        opened_at: u32,
    },
    /// It was ruled, for good.
    Ruled(Finding),
}

/// What is to be done about a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeEffect {
    /// A side is to move until the deadline; it is for the party on that side to sign, once
    /// ([`MoveBook`](narthex_game_model::dispute::MoveBook)).
    Move {
        /// Whose turn it is.
        side: Side,
        /// Number of the move.
        number: u32,
        /// Last height at which it counts.
        deadline: u32,
    },
    /// The search has ended: read on until the last entry is deep enough.
    Watch {
        /// The height that a tip must have.
        until: u32,
    },
    /// Rule so.
    Rule(Finding),
}

/// Why nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisputeError {
    /// An entry came before the opening. The fault of whoever reads the record.
    #[error("the dispute's opening was not read yet")]
    NotOpened,
    /// The entry does not count.
    #[error(transparent)]
    Move(#[from] MoveError),
}

impl<'p, P: UnitProgram + ?Sized> DisputeMachine<'p, P> {
    /// A dispute that is not on record yet.
    ///
    /// # Errors
    /// [`TermsError`] if there is nothing to dispute on these terms.
    pub fn new(terms: DisputeTerms, program: &'p P) -> Result<Self, TermsError> {
        let dispute = Dispute::open(terms, 0, program)?;
        let transcript = Transcript::of(&dispute);
        Ok(Self {
            program,
            dispute,
            is_open: false,
            transcript,
            ruled: None,
        })
    }

    /// The dispute's rules and where it stands.
    pub const fn dispute(&self) -> &Dispute {
        &self.dispute
    }

    /// The entries that counted, and the opening; none before it.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.is_open.then_some(&self.transcript)
    }

    /// The ruling, once there is one.
    pub const fn ruled(&self) -> Option<&Finding> {
        self.ruled.as_ref()
    }

    /// Whether this entry is the last that counted, at whatever height it stands on record.
    fn is_last(&self, entry: &Entry) -> bool {
        let Event::Moved(signed) = &entry.event else {
            return self.transcript.entries.last() == Some(entry);
        };
        let id = self.dispute.id();
        let (_, head) = self.dispute.place();
        let is_moved = !self.transcript.entries.is_empty();
        is_moved
            && signed.message(id) == head
            && signed.is_signed_by(id, self.dispute.terms().key(Side::of(signed.number)))
    }

    fn counted(&self, entry: &Entry) -> Result<Step<DisputeChange, DisputeEffect>, DisputeError> {
        if self.ruled.is_some() {
            return Err(MoveError::Ended.into());
        }
        if !self.is_open {
            return Err(DisputeError::NotOpened);
        }
        if self.is_last(entry) {
            return Ok(Step::seen(self.pending()));
        }
        let changes = self.dispute.step(self.program, entry)?.changes;
        let mut after = self.dispute.clone();
        after.merge(changes.clone());
        let entry = Box::new(entry.clone());
        let change = DisputeChange::Counted { entry, changes };
        Ok(Step::new(vec![change], vec![due(&after)]))
    }

    fn opened(&self, opened_at: u32) -> Result<Step<DisputeChange, DisputeEffect>, DisputeError> {
        if self.ruled.is_some() {
            return Err(MoveError::Ended.into());
        }
        if self.is_open
            && self.transcript.entries.is_empty()
            && self.transcript.opened_at == opened_at
        {
            return Ok(Step::seen(self.pending()));
        }
        let mut after = self.dispute.clone();
        after.rewind(opened_at);
        let change = DisputeChange::Opened { opened_at };
        Ok(Step::new(vec![change], vec![due(&after)]))
    }
}

/// What is to be done where a dispute stands that was not ruled.
fn due(dispute: &Dispute) -> DisputeEffect {
    match dispute.duty() {
        Duty::Move {
            side,
            number,
            deadline,
        } => DisputeEffect::Move {
            side,
            number,
            deadline,
        },
        Duty::Rule(_) => {
            let depth = u32::from(dispute.terms().date_depth);
            let until = dispute.since().saturating_add(depth);
            DisputeEffect::Watch { until }
        }
    }
}

impl<P: UnitProgram + ?Sized> Machine for DisputeMachine<'_, P> {
    type Input = DisputeInput;
    type Change = DisputeChange;
    type Effect = DisputeEffect;
    type Error = DisputeError;

    fn step(
        &self,
        input: &DisputeInput,
    ) -> Result<Step<DisputeChange, DisputeEffect>, DisputeError> {
        match input {
            DisputeInput::Entry(entry) => self.counted(entry),
            DisputeInput::Opened { opened_at } => self.opened(*opened_at),
            DisputeInput::Tip { height } => Ok(match self.dispute.standing(*height) {
                Standing::Ruled(finding) if self.is_open && self.ruled.is_none() => Step::new(
                    vec![DisputeChange::Ruled(finding.clone())],
                    vec![DisputeEffect::Rule(finding)],
                ),
                _ => Step::seen(self.pending()),
            }),
        }
    }

    fn apply(&mut self, change: &DisputeChange) {
        match change {
            DisputeChange::Counted { entry, changes } => {
                self.dispute.merge(changes.clone());
                self.transcript.push((**entry).clone());
            }
            DisputeChange::Opened { opened_at } => {
                self.is_open = true;
                self.dispute.rewind(*opened_at);
                self.transcript = Transcript::of(&self.dispute);
            }
            DisputeChange::Ruled(finding) => self.ruled = Some(finding.clone()),
        }
    }

    fn pending(&self) -> Vec<DisputeEffect> {
        if !self.is_open {
            return Vec::new();
        }
        vec![match &self.ruled {
            Some(finding) => DisputeEffect::Rule(finding.clone()),
            None => due(&self.dispute),
        }]
    }
}

const LATE: &str = "a deadline was missed, and deep enough";
const GONE: &str = "an entry that counted is gone, or the opening moved";

const ROWS: &[Transition] = transitions! {
    unopened + opened => post [move] "";
    post + post => choice [move] "a digest for each cut";
    choice + choose => post [move] "more than one transition is left";
    choice + choose => reveal [move] "one transition is left";
    reveal + reveal => found [watch] "it is the agreed point";
    post + equivocation => found [watch] "two moves of one number";
    choice + equivocation => found [watch] "two moves of one number";
    reveal + equivocation => found [watch] "two moves of one number";
    found + tip => ruled [rule] "the last entry is deep enough";
    post + tip => ruled [rule] LATE;
    choice + tip => ruled [rule] LATE;
    reveal + tip => ruled [rule] LATE;
    post + opened => post [move] GONE;
    choice + opened => post [move] GONE;
    reveal + opened => post [move] GONE;
    found + opened => post [move] GONE;
};

impl<P: UnitProgram + ?Sized> Tabled for DisputeMachine<'_, P> {
    const NAME: &'static str = "dispute";
    const SUMMARY: &'static str = "A search for the one unit on which worker and challenger differ, followed on the record. See [disputes](../disputes.md).";
    const TABLE: &'static [&'static [Transition]] = &[ROWS];

    fn state(&self) -> &'static str {
        match (&self.ruled, self.dispute.phase()) {
            _ if !self.is_open => "unopened",
            (Some(_), _) => "ruled",
            (None, Phase::Post(_)) => "post",
            (None, Phase::Choice(_)) => "choice",
            (None, Phase::Reveal(_)) => "reveal",
            (None, Phase::Ended(_)) => "found",
        }
    }

    fn input_name(input: &DisputeInput) -> &'static str {
        match input {
            DisputeInput::Tip { .. } => "tip",
            DisputeInput::Opened { .. } => "opened",
            DisputeInput::Entry(entry) => match &entry.event {
                Event::Equivocated(_) => "equivocation",
                Event::Moved(signed) => match &signed.action {
                    Move::Post { .. } => "post",
                    Move::Choose { .. } => "choose",
                    Move::Reveal(_) => "reveal",
                },
            },
        }
    }

    fn effect_name(effect: &DisputeEffect) -> &'static str {
        match effect {
            DisputeEffect::Move { .. } => "move",
            DisputeEffect::Watch { .. } => "watch",
            DisputeEffect::Rule(_) => "rule",
        }
    }
}

impl Message for DisputeChange {
    const KIND: Kind = kinds::DISPUTE_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Counted { entry, changes } => {
                w.u8(0).bytes(&entry.to_bytes()).bytes(&changes.to_bytes());
            }
            Self::Opened { opened_at } => {
                w.u8(1).u32(*opened_at);
            }
            Self::Ruled(finding) => {
                w.u8(2).bytes(&finding.to_bytes());
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let entry = Entry::from_bytes(r.bytes("entry")?);
                let changes = Changes::from_bytes(r.bytes("changes")?);
                Self::Counted {
                    entry: Box::new(entry.map_err(|e| DecodeError::invalid("entry", e))?),
                    changes: changes.map_err(|e| DecodeError::invalid("changes", e))?,
                }
            }
            1 => Self::Opened {
                opened_at: r.u32("opening")?,
            },
            2 => {
                let finding = Finding::from_bytes(r.bytes("finding")?);
                Self::Ruled(finding.map_err(|e| DecodeError::invalid("finding", e))?)
            }
            kind => return Err(DecodeError::invalid("change", kind)),
        })
    }
}
