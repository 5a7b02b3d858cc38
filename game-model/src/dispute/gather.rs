//! From everything on a chain to the entries that count.

use std::collections::BTreeMap;

use super::entry::{Entry, Event};
use super::machine::{Dispute, MoveError};
use super::terms::DisputeTerms;
use super::transcript::{ReplayError, Transcript};
use crate::computation::UnitProgram;

impl Transcript {
    /// What counts of everything that a chain records about a dispute, for whoever has read it up to
    /// and including height `tip`.
    ///
    /// `recorded` is in the order of the chain. It may hold anything: moves recorded twice (the first
    /// counts), before those that they answer (they count with these), too late, of other branches,
    /// of nobody. So the same chain gives the same transcript, and a longer one goes on from it.
    ///
    /// # Errors
    /// [`ReplayError::Incomplete`] for an entry above the tip, [`ReplayError::Unordered`], and
    /// whatever is wrong with the terms, the program or this machine; never for an entry that does
    /// not count.
    pub fn gather<P: UnitProgram + ?Sized>(
        program: &P,
        terms: &DisputeTerms,
        opened_at: u32,
        recorded: &[Entry],
        tip: u32,
    ) -> Result<Self, ReplayError> {
        let mut dispute = Dispute::open(terms.clone(), opened_at, program)?;
        let mut transcript = Self::of(&dispute);
        // Moves that answer none that counts yet, by what they answer.
        let mut early: BTreeMap<[u8; 32], Vec<(usize, &Entry)>> = BTreeMap::new();
        let mut since = 0;
        for (position, entry) in recorded.iter().enumerate() {
            let height = entry.height;
            if height < since {
                return Err(ReplayError::Unordered { position });
            }
            since = height;
            if let Event::Moved(signed) = &entry.event
                && signed.previous != dispute.place().1
            {
                let waiting = early.entry(signed.previous).or_default();
                waiting.push((position, entry));
                continue;
            }
            let mut next = vec![(position, entry)];
            while transcript.take_first(&mut dispute, program, &next)? {
                next = early.remove(&dispute.place().1).unwrap_or_default();
            }
        }
        let last = since.max(opened_at);
        if tip < last {
            return Err(ReplayError::Incomplete {
                complete_to: tip,
                last,
            });
        }
        transcript.complete_to = tip;
        Ok(transcript)
    }

    /// Takes the first of some entries that counts; whether there was one.
    fn take_first<P: UnitProgram + ?Sized>(
        &mut self,
        dispute: &mut Dispute,
        program: &P,
        entries: &[(usize, &Entry)],
    ) -> Result<bool, ReplayError> {
        for (position, entry) in entries {
            match dispute.step(program, entry) {
                Ok(step) => {
                    dispute.merge(step.changes);
                    self.push((*entry).clone());
                    return Ok(true);
                }
                // A machine that cannot judge leaves nobody's move out.
                Err(error @ (MoveError::Defect(_) | MoveError::Terms(_))) => {
                    let position = *position;
                    return Err(ReplayError::Entry { position, error });
                }
                Err(_) => {}
            }
        }
        Ok(false)
    }
}
