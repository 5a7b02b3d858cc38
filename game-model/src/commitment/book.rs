//! What a worker has opened, written down before it is shown.

use std::collections::BTreeSet;

use super::Commitment;

/// The steps of one commitment that its worker has opened or may have: never more than the commitment's number of
/// openings, since one more gives the result secret away. Nothing opens steps but what [`Self::allow`] gives.
///
/// **What is allowed must be durable before it leaves**: a worker that showed shares and forgot it would show others after
/// a restart, or after a reorganisation that gives another sample. So [`Self::allow`] gives steps only after `keep` has
/// written all of them down, and after a restart the book is made again from what was kept ([`Self::restore`]). A book
/// can't be copied, since two books don't know of each other:
///
/// ```
/// fn copied<T: Clone>() {}
/// copied::<narthex_game_model::commitment::Commitment>();
/// ```
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_game_model::commitment::OpeningBook>();
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct OpeningBook {
    commitment: [u8; 32],
    steps: u64,
    most: u32,
    opened: BTreeSet<u64>,
}

/// Steps that may be opened, of one commitment: they are in its book.
#[derive(Debug, PartialEq, Eq)]
pub struct AllowedOpening {
    commitment: [u8; 32],
    indices: Vec<u64>,
}

impl AllowedOpening {
    /// Strictly ascending.
    pub fn indices(&self) -> &[u64] {
        &self.indices
    }

    /// Whether they are of this commitment.
    pub fn is_of(&self, commitment: &Commitment) -> bool {
        self.commitment == commitment.id()
    }
}

impl OpeningBook {
    /// An empty book of a commitment of which nothing was opened.
    pub fn new(commitment: &Commitment) -> Self {
        Self {
            commitment: commitment.id(),
            steps: commitment.steps,
            most: commitment.openings,
            opened: BTreeSet::new(),
        }
    }

    /// The book as it was, from all steps that were kept.
    ///
    /// # Errors
    /// [`BookError::NoStep`] or [`BookError::TooMany`]: what was kept is damaged, or of another commitment. Nothing is
    /// opened by such.
    pub fn restore(
        commitment: &Commitment,
        kept: impl IntoIterator<Item = u64>,
    ) -> Result<Self, BookError> {
        let mut book = Self::new(commitment);
        let kept: Vec<_> = kept.into_iter().collect();
        book.opened = book.with(&kept)?;
        Ok(book)
    }

    /// All steps that were opened, or written down to be.
    pub const fn opened(&self) -> &BTreeSet<u64> {
        &self.opened
    }

    /// Gives these steps to be opened, in order and each once. Steps that were opened before can be opened again. `keep`
    /// writes down durably all steps of the book with these, unless they are there.
    ///
    /// # Errors
    /// [`BookError`]; nothing may be shown, and the book is as before.
    pub fn allow(
        &mut self,
        indices: &[u64],
        keep: impl FnOnce(&BTreeSet<u64>) -> Result<(), String>,
    ) -> Result<AllowedOpening, BookError> {
        let all = self.with(indices)?;
        if all.len() > self.opened.len() {
            keep(&all).map_err(BookError::NotKept)?;
            self.opened = all;
        }
        let indices: BTreeSet<_> = indices.iter().copied().collect();
        Ok(AllowedOpening {
            commitment: self.commitment,
            indices: indices.into_iter().collect(),
        })
    }

    /// These steps, all that were opened before, and the first of the others, until they are as many as may be opened: with t
    /// they give whoever has them every key, even where the coefficient box holds garbage. Nothing can be opened after them, so
    /// nobody is given them before the verifier has what it asks for. In order and each once.
    pub fn filled(&self, indices: &[u64]) -> Vec<u64> {
        let mut all = self.opened.clone();
        all.extend(indices);
        let others = (0..self.steps).filter(|index| !self.opened.contains(index));
        let others = others.filter(|index| !indices.contains(index));
        let missing = (self.most as usize).saturating_sub(all.len());
        all.extend(others.take(missing));
        all.into_iter().collect()
    }

    fn with(&self, indices: &[u64]) -> Result<BTreeSet<u64>, BookError> {
        let steps = self.steps;
        if let Some(index) = indices.iter().copied().find(|index| *index >= steps) {
            return Err(BookError::NoStep { index, steps });
        }
        let mut all = self.opened.clone();
        all.extend(indices);
        match all.len() > self.most as usize {
            true => Err(BookError::TooMany {
                opened: self.opened.len(),
                wanted: all.len() - self.opened.len(),
                most: self.most,
            }),
            false => Ok(all),
        }
    }
}

/// Why nothing is opened. Whoever asked for it is at fault, but for [`BookError::NotKept`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// More steps in all than the commitment allows.
    #[error(
        "{opened} steps of this commitment were opened and {wanted} more are asked for; with more than {most} in all \
         the result secret is no secret"
    )]
    TooMany {
        /// Steps opened before.
        opened: usize,
        /// Steps asked for that were not.
        wanted: usize,
        /// d.
        most: u32,
    },
    /// There is no such step.
    #[error("there is no step {index}: there are {steps}, from 0 on")]
    NoStep {
        /// The first such.
        index: u64,
        /// N.
        steps: u64,
    },
    /// They could not be written down.
    #[error("what is opened could not be written down, so nothing is: {0}")]
    NotKept(String),
}
