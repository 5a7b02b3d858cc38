//! Two players against each other: for demonstrations and tests.

use secp256k1::Keypair;

use super::book::MoveBook;
use super::entry::{Entry, Event, Move, Reveal, Side};
use super::machine::{Dispute, Duty, MoveError, Phase};
use super::player::{HonestPlayer, WalkError};
use super::terms::{DisputeTerms, TermsError};
use super::transcript::Transcript;
use crate::computation::{StepError, UnitProgram};
use crate::tagged::TaggedHasher;

/// Somebody who moves when it is its turn.
pub trait Player {
    /// Its move as this side; `None` for silence.
    fn play(&mut self, dispute: &Dispute, side: Side) -> Option<Move>;

    /// Why it was silent, if its machine and not its plan was the reason.
    fn defect(&self) -> Option<&StepError> {
        None
    }
}

impl<P: UnitProgram + ?Sized> Player for HonestPlayer<'_, P> {
    fn play(&mut self, dispute: &Dispute, side: Side) -> Option<Move> {
        // What a machine lacked once it may have now.
        self.defect = None;
        match self.answer(dispute, side) {
            Ok(action) => action,
            // A player that has not agreed to where the dispute stands has nothing to say.
            Err(WalkError::NotAgreed { .. }) => None,
            Err(WalkError::Defect(error)) => {
                self.defect = Some(error);
                None
            }
        }
    }

    fn defect(&self) -> Option<&StepError> {
        self.defect.as_ref()
    }
}

/// A party whose story leaves the truth at one point: right before it, made up from there on.
#[derive(Debug)]
pub struct LyingPlayer<'a, P: ?Sized> {
    truth: HonestPlayer<'a, P>,
    from: u64,
}

impl<'a, P: UnitProgram + ?Sized> LyingPlayer<'a, P> {
    /// Lies from point `from` on; the state after unit u is point u + 1.
    pub const fn new(truth: HonestPlayer<'a, P>, from: u64) -> Self {
        Self { truth, from }
    }
}

impl<P: UnitProgram + ?Sized> Player for LyingPlayer<'_, P> {
    fn play(&mut self, dispute: &Dispute, side: Side) -> Option<Move> {
        let from = self.from;
        let fan_out = dispute.terms().fan_out;
        if let Phase::Choice(phase) = dispute.phase() {
            let cuts = phase.interval.cuts(fan_out);
            let agreed = cuts.take_while(|point| *point < from).count();
            let part = u32::try_from(agreed).ok()?;
            return Some(Move::Choose { part });
        }
        let mut action = self.truth.play(dispute, side)?;
        if let (Phase::Post(phase), Move::Post { digests }) = (dispute.phase(), &mut action) {
            let cuts = phase.interval.cuts(fan_out);
            for (point, digest) in cuts.zip(digests).filter(|(point, _)| *point >= from) {
                *digest = TaggedHasher::new("narthex/made-up-state")
                    .number(point)
                    .finish();
            }
        }
        Some(action)
    }

    fn defect(&self) -> Option<&StepError> {
        self.truth.defect.as_ref()
    }
}

/// A party that stops answering.
#[derive(Debug)]
pub struct FallsSilent<T> {
    /// How it plays before.
    pub before: T,
    /// Number of the first move that it does not make.
    pub from_move: u32,
}

impl<T: Player> Player for FallsSilent<T> {
    fn play(&mut self, dispute: &Dispute, side: Side) -> Option<Move> {
        let (number, _) = dispute.place();
        (number < self.from_move)
            .then(|| self.before.play(dispute, side))
            .flatten()
    }

    fn defect(&self) -> Option<&StepError> {
        self.before.defect()
    }
}

impl Player for Box<dyn Player + '_> {
    fn play(&mut self, dispute: &Dispute, side: Side) -> Option<Move> {
        (**self).play(dispute, side)
    }

    fn defect(&self) -> Option<&StepError> {
        (**self).defect()
    }
}

/// A player with its key.
pub type Seat<'a> = (&'a mut dyn Player, &'a Keypair);

/// Plays a dispute to its end, opened on record at height `opened_at`. Each move is recorded
/// `answer_blocks` after the entry before; a move that does not count, or comes late, is as good as silence. The record is read until the last date
/// is deep enough for a ruling.
///
/// # Errors
/// [`ContestError`] if there is nothing to dispute on these terms, or a player or the record could not
/// compute: nobody loses by that.
pub fn contest<P: UnitProgram + ?Sized>(
    program: &P,
    terms: &DisputeTerms,
    opened_at: u32,
    [worker, challenger]: [Seat<'_>; 2],
    answer_blocks: u32,
) -> Result<Transcript, ContestError> {
    let mut dispute = Dispute::open(terms.clone(), opened_at, program)?;
    let mut transcript = Transcript::of(&dispute);
    let mut books = [MoveBook::new(&dispute), MoveBook::new(&dispute)];
    while let Duty::Move { side, deadline, .. } = dispute.duty() {
        let [of_worker, of_challenger] = &mut books;
        let (player, keypair, book) = match side {
            Side::Worker => (&mut *worker.0, worker.1, of_worker),
            Side::Challenger => (&mut *challenger.0, challenger.1, of_challenger),
        };
        let height = transcript.complete_to.saturating_add(answer_blocks);
        let entry = player.play(&dispute, side).and_then(|action| {
            // Both sides live no longer than this call, so there is nothing to come back to.
            let kept = |_: &_| Ok(());
            let signed = book.sign(keypair, &dispute, action, &[0; 32], kept).ok()?;
            let event = Event::Moved(signed);
            Some(Entry { height, event })
        });
        if let Some(error) = player.defect() {
            return Err(ContestError::Defect(error.clone()));
        }
        let counted = match entry {
            None => None,
            Some(entry) => match dispute.step(program, &entry) {
                Ok(step) => Some((step, entry)),
                Err(MoveError::Defect(error)) => return Err(ContestError::Defect(error)),
                Err(_) => None,
            },
        };
        let Some((step, entry)) = counted else {
            transcript.complete_to = deadline;
            break;
        };
        dispute.merge(step.changes);
        transcript.push(entry);
    }
    // At the end of all heights nothing is ruled.
    let depth = u32::from(terms.date_depth);
    transcript.complete_to = transcript.complete_to.saturating_add(depth);
    Ok(transcript)
}

/// Why two players came to no end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContestError {
    /// The terms open no dispute.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// This machine gives no dependable answer.
    #[error("no dispute on this machine: {0}")]
    Defect(#[source] StepError),
}

/// What a move says, in a few words.
impl std::fmt::Display for Move {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Post { digests } => write!(f, "posts {} digests", digests.len()),
            Self::Choose { part } => write!(f, "disputes part {part}"),
            Self::Reveal(Reveal::Record { record, .. }) => {
                write!(f, "reveals the input record, {} bytes", record.len())
            }
            Self::Reveal(Reveal::State { state }) => {
                write!(f, "reveals a state of {} bytes", state.len())
            }
            Self::Reveal(Reveal::Failed) => f.write_str("reveals that the step had failed"),
        }
    }
}
