//! The openings in evidence: which answer a sample, and whether the worker may be paid by one.

use std::cell::OnceCell;

use super::item::Item;
use super::table::{Drawn, Judge};
use super::{RootOfRecord, RuleError};
use crate::commitment::{Boxed, Commitment, Opening, OpeningFault};
use crate::sample;

/// An opening that somebody brought. It is verified once, however many rows ask: each time takes a multiplication of a point
/// for every step.
pub(super) struct Shown {
    pub(super) opening: Opening,
    checked: OnceCell<Result<(), OpeningFault>>,
}

impl From<Opening> for Shown {
    fn from(opening: Opening) -> Self {
        Self {
            opening,
            checked: OnceCell::new(),
        }
    }
}

impl Shown {
    /// Whether it is of exactly these steps.
    pub(super) fn is_of(&self, indices: &[u64]) -> bool {
        let opened = self.opening.leaves.iter().map(|leaf| leaf.index);
        opened.eq(indices.iter().copied())
    }

    /// [`Opening::verify`]. A case has one commitment, and it is always that.
    pub(super) fn check(&self, commitment: &Commitment) -> Result<(), &OpeningFault> {
        let checked = self.checked.get_or_init(|| self.opening.verify(commitment));
        checked.as_ref().copied()
    }

    /// Why the worker cannot be paid by it, if so.
    pub(super) fn unpaid(&self, commitment: &Commitment) -> Option<String> {
        let opening = &self.opening;
        match self.check(commitment) {
            Err(fault) => Some(fault.to_string()),
            Ok(()) => match (opening.missing_box(), opening.bad_box(commitment)) {
                (None, None) => None,
                (Some(index), _) => Some(format!("the box of step {index} is not shown")),
                (None, Some((index, fault))) => Some(format!("the box of step {index} {fault}")),
            },
        }
    }

    /// Whether it is the worker's, of exactly these steps.
    pub(super) fn answers(&self, indices: &[u64], commitment: &Commitment) -> bool {
        self.is_of(indices) && self.check(commitment).is_ok()
    }
}

impl Judge<'_> {
    /// An opening of exactly these steps that is the worker's.
    pub(super) fn opened(&self, indices: &[u64], commitment: &Commitment) -> Option<&Opening> {
        let mut all = self.pool.openings.iter();
        let found = all.find(|shown| shown.answers(indices, commitment))?;
        Some(&found.opening)
    }

    /// The same, with the box of this step.
    pub(super) fn with_box(
        &self,
        indices: &[u64],
        commitment: &Commitment,
        index: u64,
    ) -> Option<&Opening> {
        let whole = |shown: &&Shown| {
            let leaf = shown.opening.leaf(index);
            let whole = leaf.is_some_and(|leaf| matches!(leaf.sealed, Boxed::Whole(_)));
            whole && shown.answers(indices, commitment)
        };
        let found = self.pool.openings.iter().find(whole)?;
        Some(&found.opening)
    }

    /// Why the worker cannot be paid by a ruling against the verifier, if so: it has to open the sample to the panel, keys
    /// and boxes and all, as it would have to for an approval.
    pub(super) fn unpaid(&self) -> Result<Option<String>, RuleError> {
        let Ok((record, commitment)) = self.record() else {
            return Ok(Some("there is no commitment to pay for".into()));
        };
        let drawn = match self.paid_sample(&record)? {
            Ok(drawn) => drawn,
            Err(why) => return Ok(Some(why)),
        };
        let openings = self.pool.openings.iter();
        let mut why = "the worker has not opened the sample to the panel".to_owned();
        for shown in openings.filter(|shown| shown.is_of(&drawn.indices)) {
            match shown.unpaid(&commitment) {
                None => return Ok(None),
                Some(fault) => why = fault,
            }
        }
        Ok(Some(why))
    }

    /// The sample that the worker has to have opened to be paid by a ruling.
    fn paid_sample(&self, record: &RootOfRecord) -> Result<Result<Drawn, String>, RuleError> {
        // The one sample that the worker may have opened: it signed a token for it. Else what a later block draws.
        let samples = self.pool.items.iter().filter_map(|(id, item)| match item {
            Item::Sample { nonce, block, .. } => Some((*id, *nonce, *block)),
            _ => None,
        });
        let mut taken = samples.filter(|(id, nonce, _)| {
            let right = sample::nonce_commitment(nonce) == self.case.terms.sample_nonce;
            right && self.token(id).is_some()
        });
        if let Some((id, nonce, block)) = taken.next() {
            return Ok(self.draw(id, &record.root, &nonce, &block));
        }
        // Whether a sample counts that it has sealed for none depends on receipts that it does not have: it opens one of the two, and the
        // other side would choose which of them it ought to have been.
        let block = self.case.block(self.case.substitute_height())?;
        Ok(self.draw([0; 32], &record.root, &[0; 32], &block))
    }
}
