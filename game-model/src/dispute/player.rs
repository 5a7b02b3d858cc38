//! A party that plays by its own computation.

use super::entry::{Move, Reveal, Side};
use super::interval::{Interval, failed_digest, unit_digest};
use super::machine::{Dispute, Duty, Phase};
use crate::commitment::Multiproof;
use crate::computation::{StepError, UnitProgram};

/// Plays either side from the record. It holds one state at a time, whatever the number of units,
/// and runs each unit of the step at most twice per round.
///
/// As the worker it does not lose if the committed digest is that of the step's output; as the
/// challenger, if it is not.
#[derive(Debug)]
pub struct HonestPlayer<'a, P: ?Sized> {
    program: &'a P,
    record: Vec<u8>,
    proof: Multiproof,
    /// A point from which intervals still to come can be reached.
    base: Option<Cursor>,
    /// Why it could not compute its move.
    pub(super) defect: Option<StepError>,
}

/// A computed point above 0.
#[derive(Clone, Debug)]
struct Cursor {
    point: u64,
    /// `None` once the step has failed.
    state: Option<Vec<u8>>,
    /// The state does not change any more.
    settled: bool,
}

impl Cursor {
    fn digest(&self) -> [u8; 32] {
        self.state
            .as_deref()
            .map_or_else(failed_digest, unit_digest)
    }
}

impl<'a, P: UnitProgram + ?Sized> HonestPlayer<'a, P> {
    /// A player with the step's input record and its proof
    /// ([`crate::computation::Job::prove_record`]).
    pub const fn new(program: &'a P, record: Vec<u8>, proof: Multiproof) -> Self {
        Self {
            program,
            record,
            proof,
            base: None,
            defect: None,
        }
    }

    /// The move that is due if it is this side's turn.
    ///
    /// # Errors
    /// [`WalkError`] if the dispute is at a point that the player never agreed to: it has not
    /// played this dispute from its start. Or if this machine gives no dependable answer: a claim
    /// that the step fails, made for want of memory, would lose the dispute.
    pub fn answer(&mut self, dispute: &Dispute, side: Side) -> Result<Option<Move>, WalkError> {
        match dispute.duty() {
            Duty::Move { side: turn, .. } if turn == side => {}
            _ => return Ok(None),
        }
        let fan_out = dispute.terms().fan_out;
        Ok(match dispute.phase() {
            Phase::Post(phase) => Some(self.post(&phase.interval, fan_out)?),
            Phase::Choice(phase) => Some(self.choose(&phase.interval, fan_out, &phase.posted)?),
            Phase::Reveal(phase) => Some(Move::Reveal(self.reveal(&phase.interval)?)),
            Phase::Ended(_) => None,
        })
    }

    /// The digest of a point above 0 and below the last, by own computation.
    ///
    /// # Errors
    /// [`WalkError::Defect`].
    pub fn digest_at(&mut self, point: u64) -> Result<[u8; 32], WalkError> {
        Ok(self.reach(None, point)?.digest())
    }

    fn post(&mut self, interval: &Interval, fan_out: u32) -> Result<Move, WalkError> {
        let base = self.base_of(interval)?;
        let mut here = base.clone();
        let mut digests = Vec::new();
        for point in interval.cuts(fan_out) {
            let next = self.reach(here, point)?;
            digests.push(next.digest());
            here = Some(next);
        }
        self.base = base;
        Ok(Move::Post { digests })
    }

    fn choose(
        &mut self,
        interval: &Interval,
        fan_out: u32,
        posted: &[[u8; 32]],
    ) -> Result<Move, WalkError> {
        let mut here = self.base_of(interval)?;
        let mut part = 0;
        for (point, claimed) in interval.cuts(fan_out).zip(posted) {
            let next = self.reach(here.clone(), point)?;
            if next.digest() != *claimed {
                break;
            }
            here = Some(next);
            part += 1;
        }
        self.base = here;
        Ok(Move::Choose { part })
    }

    fn reveal(&mut self, interval: &Interval) -> Result<Reveal, WalkError> {
        let point = interval.agreed;
        let Some(here) = self.base_of(interval)? else {
            return Ok(Reveal::Record {
                record: self.record.clone(),
                proof: self.proof.clone(),
            });
        };
        if here.digest() != interval.agreed_digest {
            return Err(WalkError::NotAgreed { point });
        }
        Ok(here
            .state
            .map_or(Reveal::Failed, |state| Reveal::State { state }))
    }

    /// The interval's agreed point; `None` for the record.
    fn base_of(&mut self, interval: &Interval) -> Result<Option<Cursor>, WalkError> {
        let point = interval.agreed;
        let near = self.base.take().filter(|base| base.point <= point);
        (point > 0).then(|| self.reach(near, point)).transpose()
    }

    /// Walks to a point above 0, from one before it or from the record.
    fn reach(&self, from: Option<Cursor>, point: u64) -> Result<Cursor, WalkError> {
        let mut here = match from {
            Some(here) => here,
            None => {
                let state = decided(self.program.start(&self.record))?;
                let settled = state.is_none();
                Cursor {
                    point: 1,
                    state,
                    settled,
                }
            }
        };
        while here.point < point && !here.settled {
            let next = match here.state.as_deref() {
                Some(state) => decided(self.program.advance(state))?,
                None => None,
            };
            // A machine that has ended stays where it is, and so does one that has failed.
            here.settled = next.is_none() || next == here.state;
            here.state = next;
            here.point += 1;
        }
        here.point = here.point.max(point);
        Ok(here)
    }
}

/// The next state; `None` if the step fails there for everybody.
fn decided(next: Result<Vec<u8>, StepError>) -> Result<Option<Vec<u8>>, WalkError> {
    match next {
        Ok(state) => Ok(Some(state)),
        Err(error) if error.is_defect() => Err(WalkError::Defect(error)),
        Err(_) => Ok(None),
    }
}

/// Why a player has no move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The dispute is at a point that this player never agreed to.
    #[error("the agreed digest of point {point} is not what this player computes")]
    NotAgreed {
        /// The point.
        point: u64,
    },
    /// This machine gives no dependable answer; the move can be made on another before its deadline.
    #[error("this party cannot tell its move: {0}")]
    Defect(#[source] StepError),
}
