//! What its receiver has looked into, and can acknowledge.
//!
//! Items are small and name large things by their hash. An acknowledgement of the item alone would date what nobody has: a
//! worker could sign an opening in time and hand it to no one. So a receipt is made of a [`Received`], which takes the
//! thing itself: an opening with all its boxes beside the item that names it, the data of a root through the check against
//! what was committed to.

use secp256k1::XOnlyPublicKey;

use super::Litigant;
use super::item::{SignedItem, data_id};
use crate::commitment::{
    Handover, Opening, Receipt, ReceiptError, ReceiptKind, ReceiptSigner, SealedData, SignedReceipt,
};

/// Something that was handed over, after its receiver has found it whole. Who signs receipts signs for such.
///
/// ```compile_fail
/// # use narthex_game_model::{commitment::ReceiptKind, ruling::Received};
/// let named = Received { kind: ReceiptKind::Data, contract: [1; 32], item: [2; 32] };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    kind: ReceiptKind,
    contract: [u8; 32],
    item: [u8; 32],
}

impl Received {
    /// An item, signed in this contract with its author's word key. That of an opening is received with what it names: `held` are the
    /// openings that the receiver has.
    ///
    /// What the opening says is another question: a worker that signed a bad one is convicted by it, and its receiver has
    /// it all the same.
    ///
    /// # Errors
    /// [`NotReceived`]; whoever handed it over is at fault.
    pub fn item<'a>(
        contract: &[u8; 32],
        author: &XOnlyPublicKey,
        signed: &SignedItem,
        held: impl IntoIterator<Item = &'a Opening>,
    ) -> Result<Self, NotReceived> {
        let item = &signed.item;
        if !signed.is_by(contract, author) {
            return Err(NotReceived::Unsigned { by: item.author() });
        }
        let kind = item.receipt().ok_or(NotReceived::NothingFollows)?;
        if let Some(opening) = item.opened() {
            named(opening, held)?;
        }
        Ok(Self {
            kind,
            contract: *contract,
            item: item.id(contract),
        })
    }

    /// All boxes of a root in this contract, with the coefficient box.
    pub fn data(contract: &[u8; 32], data: &SealedData) -> Self {
        Self {
            kind: ReceiptKind::Data,
            contract: *contract,
            item: data_id(contract, data.root()),
        }
    }

    /// Its kind, as its receiver's own receipt has it.
    pub const fn kind(&self) -> ReceiptKind {
        self.kind
    }

    /// What a receipt names: id of the item, or [`data_id`].
    pub const fn id(&self) -> &[u8; 32] {
        &self.item
    }

    /// The receiver acknowledges it to `holder`, who handed it over, with its tip at `height`.
    ///
    /// # Errors
    /// [`ReceiptError::Signer`].
    pub fn acknowledge(
        &self,
        holder: [u8; 32],
        height: u32,
        signer: &impl ReceiptSigner,
    ) -> Result<SignedReceipt, ReceiptError> {
        self.as_kind(self.kind, holder, height, signer)
    }

    /// An arbiter keeps it for the receiver, and says so to `holder`.
    ///
    /// # Errors
    /// [`ReceiptError::Signer`].
    pub fn keep(
        &self,
        holder: [u8; 32],
        height: u32,
        signer: &impl ReceiptSigner,
    ) -> Result<SignedReceipt, ReceiptError> {
        self.as_kind(ReceiptKind::Kept, holder, height, signer)
    }

    fn as_kind(
        &self,
        kind: ReceiptKind,
        holder: [u8; 32],
        height: u32,
        signer: &impl ReceiptSigner,
    ) -> Result<SignedReceipt, ReceiptError> {
        let expected = Receipt::expected(kind, self.contract, self.item, signer.key(), holder);
        Handover(expected).acknowledge(height, signer)
    }
}

fn named<'a>(
    name: &[u8; 32],
    held: impl IntoIterator<Item = &'a Opening>,
) -> Result<(), NotReceived> {
    let mut found = NotReceived::NoOpening;
    for opening in held.into_iter().filter(|opening| opening.id() == *name) {
        match opening.missing_box() {
            None => return Ok(()),
            Some(index) => found = NotReceived::NoBox { index },
        }
    }
    Err(found)
}

/// Why something is not acknowledged. Whoever handed it over is at fault; what came is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReceived {
    /// Its author has not said it in this contract.
    #[error("the {by} has not signed it in this contract")]
    Unsigned {
        /// The author.
        by: Litigant,
    },
    /// A verdict: nothing follows it, and nothing is late after it.
    #[error("nothing follows a verdict, so none is acknowledged")]
    NothingFollows,
    /// The opening that the item names did not come.
    #[error("the opening that it names is not here")]
    NoOpening,
    /// It came without the box of a step.
    #[error("the opening that it names has no box of step {index}")]
    NoBox {
        /// The first such step.
        index: u64,
    },
}
