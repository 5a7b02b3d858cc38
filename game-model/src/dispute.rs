//! Disputes inside a step: a search for the one unit on which two parties differ.
//!
//! The worker has committed to the digest of a step's output, the challenger says that it is wrong,
//! and the step is too long to be run again by an arbiter. A [`UnitProgram`] cuts the step into
//! transitions between *points*: point 0 is the input record, point 1 the first state, point M+1
//! the state after M = `max_units` units, point M+2 the output. The parties agree on point 0 (it is
//! in the job's input tree) and differ on the last (it is in the worker's tree). In each round the
//! worker posts the digests of points in between and the challenger names the first it does not
//! share, until one transition is left; the worker then shows where it starts, and anybody can
//! check it alone.
//!
//! - [`DisputeTerms`] fix everything before the first move, [`cheapest_fan_out`] how many parts an
//!   interval is cut into.
//! - [`Dispute`] is the machine: no clock, no randomness; each [`Dispute::step`] takes an [`Entry`].
//!   Moves are signed and name the move before, each has a deadline, and who misses it loses.
//! - Heights are dates, apart from what is signed: a reorganisation changes dates only, and a ruling
//!   waits until its dates are [`DisputeTerms::date_depth`] blocks deep ([`Standing`]).
//!   [`Transcript::gather`] reads them from a chain.
//! - [`Transcript`] is what is kept: the same transcript gives the same [`Finding`] everywhere.
//! - [`HonestPlayer`] plays either side, and [`MoveBook`] keeps what it signed; a party that follows
//!   both does not lose. [`contest`] lets two players meet.
//!
//! Dates come from a record that all can read, such as the chain; the machine cannot know whether
//! a transcript tells them right or leaves out its end. See `docs/disputes.md`.
//!
//! [`UnitProgram`]: crate::computation::UnitProgram
//! [`Finding`]: crate::play::Finding

mod book;
mod codec;
mod contest;
mod cost;
mod entry;
mod gather;
mod interval;
mod machine;
mod player;
mod ruling;
mod standing;
mod terms;
mod transcript;

pub use book::{BookError, MoveBook};
pub use codec::TranscriptError;
pub use contest::{ContestError, FallsSilent, LyingPlayer, Player, Seat, contest};
pub use cost::{MoveCost, SearchPlan, cheapest_fan_out, plan};
pub use entry::{Entry, Equivocation, Event, Move, Reveal, Side, SignedMove};
pub use interval::{Interval, failed_digest, unit_digest};
pub use machine::{
    AwaitChoice, AwaitPost, AwaitReveal, Changes, Dispute, Duty, MoveError, Phase, Step,
};
pub use player::{HonestPlayer, WalkError};
pub use standing::Standing;
pub use terms::{DisputeTerms, MAX_FAN_OUT, MAX_UNITS, TermsError};
pub use transcript::{MAX_ENTRIES, ReplayError, Transcript, judge_dispute, reconcile};
