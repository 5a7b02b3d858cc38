//! A party that plays by its own computation.

use super::entry::{Move, Reveal, Side};
use super::interval::{Interval, failed_digest, unit_digest};
use super::machine::{Dispute, Duty, Phase};
use crate::commitment::Multiproof;
use crate::computation::UnitProgram;

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
        }
    }

    /// The move that is due if it is this side's turn.
    ///
    /// # Errors
    /// [`WalkError`] if the dispute is at a point that the player never agreed to: it has not
    /// played this dispute from its start.
    pub fn answer(&mut self, dispute: &Dispute, side: Side) -> Result<Option<Move>, WalkError> {
        match dispute.duty() {
            Duty::Move { side: turn, .. } if turn == side => {}
            _ => return Ok(None),
        }
        let fan_out = dispute.terms().fan_out;
        Ok(match dispute.phase() {
            Phase::Post(phase) => Some(self.post(&phase.interval, fan_out)),
            Phase::Choice(phase) => Some(self.choose(&phase.interval, fan_out, &phase.posted)),
            Phase::Reveal(phase) => Some(Move::Reveal(self.reveal(&phase.interval)?)),
            Phase::Ended(_) => None,
        })
    }

    /// The digest of a point above 0 and below the last, by own computation.
    pub fn digest_at(&mut self, point: u64) -> [u8; 32] {
        self.reach(None, point).digest()
    }

    fn post(&mut self, interval: &Interval, fan_out: u32) -> Move {
        let base = self.base_of(interval);
        let mut here = base.clone();
        let mut digests = Vec::new();
        for point in interval.cuts(fan_out) {
            let next = self.reach(here, point);
            digests.push(next.digest());
            here = Some(next);
        }
        self.base = base;
        Move::Post { digests }
    }

    fn choose(&mut self, interval: &Interval, fan_out: u32, posted: &[[u8; 32]]) -> Move {
        let mut here = self.base_of(interval);
        let mut part = 0;
        for (point, claimed) in interval.cuts(fan_out).zip(posted) {
            let next = self.reach(here.clone(), point);
            if next.digest() != *claimed {
                break;
            }
            here = Some(next);
            part += 1;
        }
        self.base = here;
        Move::Choose { part }
    }

    fn reveal(&mut self, interval: &Interval) -> Result<Reveal, WalkError> {
        let point = interval.agreed;
        let Some(here) = self.base_of(interval) else {
            return Ok(Reveal::Record {
                record: self.record.clone(),
                proof: self.proof.clone(),
            });
        };
        if here.digest() != interval.agreed_digest {
            return Err(WalkError { point });
        }
        Ok(here
            .state
            .map_or(Reveal::Failed, |state| Reveal::State { state }))
    }

    /// The interval's agreed point; `None` for the record.
    fn base_of(&mut self, interval: &Interval) -> Option<Cursor> {
        let point = interval.agreed;
        let near = self.base.take().filter(|base| base.point <= point);
        (point > 0).then(|| self.reach(near, point))
    }

    /// Walks to a point above 0, from one before it or from the record.
    fn reach(&self, from: Option<Cursor>, point: u64) -> Cursor {
        let mut here = from.unwrap_or_else(|| {
            let state = self.program.start(&self.record).ok();
            let settled = state.is_none();
            Cursor {
                point: 1,
                state,
                settled,
            }
        });
        while here.point < point && !here.settled {
            let next = here
                .state
                .as_deref()
                .and_then(|state| self.program.advance(state).ok());
            // A machine that has ended stays where it is, and so does one that has failed.
            here.settled = next.is_none() || next == here.state;
            here.state = next;
            here.point += 1;
        }
        here.point = here.point.max(point);
        here
    }
}

/// The dispute is at a point that this player never agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the agreed digest of point {point} is not what this player computes")]
pub struct WalkError {
    /// The point.
    pub point: u64,
}
