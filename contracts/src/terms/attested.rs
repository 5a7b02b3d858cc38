//! Attestations, checked by the terms of their contract.

use super::Terms;
use crate::attest::{AttestError, Attestation};

impl Attestation {
    /// The same with the announcement that these terms have for its arbiter.
    pub fn check(&self, terms: &Terms) -> Result<(), AttestError> {
        let no_such_arbiter = AttestError::NoSuchArbiter {
            arbiter: self.arbiter,
            panel: terms.panel_size().into(),
        };
        let (identity, announced) = terms
            .identity(self.arbiter)
            .zip(terms.announcement(self.arbiter))
            .ok_or(no_such_arbiter)?;
        let secp = narthex_base::context::verifying();
        self.verify(secp, identity, &announced.nonce, terms.contract_id())
    }
}
