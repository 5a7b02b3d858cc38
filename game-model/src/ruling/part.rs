//! What a litigant brings a panel, as the panel's arbiters come to hear the same of it.
//!
//! A litigant signs what it brings, and each arbiter that has heard it in time signs that. So arbiters pass on what no one of them can make
//! up, and tell by the number of signatures how far it has come (`docs/adr/0121-evidence-in-common.md`).

use crate::commitment::{
    Handover, Receipt, ReceiptError, ReceiptKind, ReceiptSigner, SignedReceipt,
};

/// A part of evidence, by the hash of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    contract: [u8; 32],
    hash: [u8; 32],
    /// x-only word key of whoever brings it.
    litigant: [u8; 32],
}

impl Part {
    /// What is kept by this hash, as that of the litigant with this x-only word key.
    pub const fn of(contract: [u8; 32], hash: [u8; 32], litigant: [u8; 32]) -> Part {
        Part {
            contract,
            hash,
            litigant,
        }
    }

    fn expected(&self, kind: ReceiptKind, issuer: [u8; 32]) -> Receipt {
        Receipt::expected(kind, self.contract, self.hash, issuer, self.litigant)
    }

    /// The litigant brings it.
    ///
    /// # Errors
    /// [`ReceiptError::OtherSigner`]: it is another's part. [`ReceiptError::Signer`].
    pub fn bring(&self, signer: &impl ReceiptSigner) -> Result<SignedReceipt, ReceiptError> {
        let expected = self.expected(ReceiptKind::Brought, self.litigant);
        Handover(expected).acknowledge(0, signer)
    }

    /// An arbiter has heard it, with its tip at `height`.
    ///
    /// # Errors
    /// [`ReceiptError::Signer`].
    pub fn hear(
        &self,
        height: u32,
        signer: &impl ReceiptSigner,
    ) -> Result<SignedReceipt, ReceiptError> {
        let expected = self.expected(ReceiptKind::Heard, signer.key());
        Handover(expected).acknowledge(height, signer)
    }

    /// Whether the litigant has signed that it brings it.
    pub fn is_brought(&self, signed: &SignedReceipt) -> bool {
        let expected = self.expected(ReceiptKind::Brought, self.litigant);
        signed.check(&expected).is_ok()
    }

    /// Whether its issuer, whoever that is, has signed that it has heard it.
    pub fn is_heard(&self, signed: &SignedReceipt) -> bool {
        let expected = self.expected(ReceiptKind::Heard, signed.receipt.issuer);
        signed.check(&expected).is_ok()
    }
}
