//! Cut and choose: third parties come to rely on the points of a chain of commitments without seeing a penny of it.
//!
//! The payer commits to n candidate chains, each with the points of its whole chain of commitments. A challenge that nobody could
//! know before keeps one of them; the others are opened and recomputed by whoever cares. A payer with one false
//! candidate is undetected with probability 1/n, and then that is the one in use; with more, never.

use bitcoin::hashes::Hash;
use narthex_base::tagged::tagged_hash_parts;

use super::{BankError, BankRecord, BankTerms, Pebbles, Points};

/// Most candidates: recomputing one is as much work as opening a bank.
pub const MAX_CANDIDATES: usize = 1024;

/// What the payer publishes first: for each candidate its salt (which makes its bank), w_0 and the root of its points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    terms: BankTerms,
    entries: Vec<Entry>,
}

/// One candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Salt of its bank.
    pub salt: [u8; 32],
    /// w_0.
    pub chain_root: [u8; 32],
    /// Hash of the points of its chain of commitments.
    pub points: [u8; 32],
}

/// A candidate's secrets, with which it can be recomputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub candidate: usize,
    /// w_N.
    pub seed: [u8; 32],
}

/// Why a set is not relied on. The payer's fault, but for an absurd number asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// Too few to choose from, or too many to check.
    #[error("{given} candidates; 2 to {MAX_CANDIDATES} are taken")]
    Count {
        /// How many there are.
        given: usize,
    },
    /// Two candidates are one.
    #[error("candidates {first} and {second} have the same salt")]
    Repeated {
        /// Earlier.
        first: usize,
        /// Later.
        second: usize,
    },
    /// Not exactly the candidates that were not kept were opened, in order.
    #[error("candidate {candidate} is not opened, or out of order, or was to be kept")]
    NotOpened {
        /// Its number.
        candidate: usize,
    },
    /// A candidate is not what was committed to.
    #[error("candidate {candidate} is false: its {what} is not what its seed gives")]
    False {
        /// Its number.
        candidate: usize,
        /// Tip or points.
        what: &'static str,
    },
    /// A chain has no chain of commitments, or a candidate makes no terms.
    #[error(transparent)]
    Bank(#[from] BankError),
}

impl Candidates {
    /// Takes published candidates. `model` are the terms in which salt and tip are replaced.
    pub fn new(model: BankRecord, entries: Vec<Entry>) -> Result<Candidates, ChooseError> {
        let given = entries.len();
        if !(2..=MAX_CANDIDATES).contains(&given) {
            return Err(ChooseError::Count { given });
        }
        for (second, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..second].iter().position(|e| e.salt == entry.salt) {
                return Err(ChooseError::Repeated { first, second });
            }
        }
        let terms = model.check()?;
        Ok(Candidates { terms, entries })
    }

    /// Makes a candidate's entry from its secrets.
    pub fn entry(model: &BankRecord, salt: [u8; 32], seed: [u8; 32]) -> Result<Entry, ChooseError> {
        let mut record = model.clone();
        record.salt = Hash::from_byte_array(salt);
        // Before the walk down the chain, whose length they bound.
        record.clone().check()?;
        let chain_root = Pebbles::root(record.bank(), record.pennies, seed);
        record.chain_root = Hash::from_byte_array(chain_root);
        let points = Points::of_chain(&record.check()?, seed)?.root();
        Ok(Entry {
            salt,
            chain_root,
            points,
        })
    }

    /// What is committed to: everything that the choice may not depend on.
    pub fn commitment(&self) -> [u8; 32] {
        let flat = self
            .entries
            .iter()
            .flat_map(|e| [e.salt, e.chain_root, e.points])
            .flatten()
            .collect::<Vec<_>>();
        tagged_hash_parts("narthex/bank-candidates", &[&self.terms.id(), &flat])
    }

    /// The candidate that is kept under a beacon: 32 bytes that were not known when the commitment was made, such as
    /// the hash of a later block together with nonces of those who rely on it.
    pub fn kept(&self, beacon: &[u8; 32]) -> usize {
        let draw = tagged_hash_parts("narthex/bank-choice", &[&self.commitment(), beacon]);
        let mut high = [0; 8];
        high.copy_from_slice(&draw[..8]);
        // The bias of a remainder of 64 bits by at most 1024 is below 2⁻⁵⁴.
        (u64::from_be_bytes(high) % self.entries.len() as u64) as usize
    }

    /// The terms that a candidate stands for.
    pub fn terms(&self, candidate: usize) -> Result<BankTerms, ChooseError> {
        let entry = self.entries.get(candidate);
        let entry = entry.ok_or(ChooseError::NotOpened { candidate })?;
        let mut record = self.terms.record().clone();
        record.salt = Hash::from_byte_array(entry.salt);
        record.chain_root = Hash::from_byte_array(entry.chain_root);
        Ok(record.check()?)
    }

    /// Recomputes everything opened, in order of the candidates, and checks the kept one's points against its root.
    /// What comes out are the terms to use and the points to rely on.
    pub fn check(
        &self,
        beacon: &[u8; 32],
        opened: &[Opened],
        points: Points,
    ) -> Result<(BankTerms, Points), ChooseError> {
        let kept = self.kept(beacon);
        let mut given = opened.iter();
        for (candidate, entry) in self.entries.iter().enumerate() {
            if candidate == kept {
                continue;
            }
            let not_opened = ChooseError::NotOpened { candidate };
            let open = given.next().filter(|open| open.candidate == candidate);
            let open = open.ok_or(not_opened)?;
            let truth = Candidates::entry(self.terms.record(), entry.salt, open.seed)?;
            for (what, same) in [
                ("chain root", truth.chain_root == entry.chain_root),
                ("set of points", truth.points == entry.points),
            ] {
                if !same {
                    return Err(ChooseError::False { candidate, what });
                }
            }
        }
        if let Some(extra) = given.next() {
            let candidate = extra.candidate;
            return Err(ChooseError::NotOpened { candidate });
        }
        let entry = self.entries.get(kept);
        if entry.is_none_or(|entry| entry.points != points.root()) {
            let (candidate, what) = (kept, "set of points");
            return Err(ChooseError::False { candidate, what });
        }
        Ok((self.terms(kept)?, points))
    }
}
