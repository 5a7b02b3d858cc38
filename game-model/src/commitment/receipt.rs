//! Signed acknowledgements, so that nobody can deny what it was given, or when.
//!
//! Worker and verifier exchange three things, each of which must not be seen too early and must not
//! be denied later:
//!
//! | handed over | by | received by | the receipt shows |
//! |---|---|---|---|
//! | commitment | worker | verifier | the worker was bound before the sample was known |
//! | commitment to the blind digests | verifier | worker | the verifier had its digests before any leaf was open |
//! | opening | worker | verifier | the worker answered |
//!
//! Each receipt names the one before, so the three are in order for whoever reads the last. Their
//! heights say nothing about that order: each is its issuer's word, from the tip that it saw, and
//! tips differ and are reorganised. Who needs a date that binds takes it from the chain. Both
//! sides derive the same [`Handover`] alone: the receiver signs it, the giver checks the signature
//! against it, and nobody signs or accepts bytes that the other one built. The verdict follows from
//! the three and needs no receipt.
//!
//! Signatures are BIP340 over the 32-byte [`Receipt::id`], under 32-byte x-only keys. Where the key is
//! is the caller's business ([`ReceiptSigner`]).

use narthex_base::statement;
use secp256k1::{Keypair, XOnlyPublicKey, schnorr};
use serde::{Deserialize, Serialize};

use super::receipt_error::{ReceiptError, SignerError};
use super::{Commitment, Opening};
use crate::tagged::tagged_hash;

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// A worker's commitment ([`Commitment::id`]).
    Commitment,
    /// A verifier's commitment to its blind digests ([`crate::play::BlindDigests::commitment`]).
    BlindDigests,
    /// A worker's opening of the sample ([`Opening::id`]).
    Opening,
    /// An arbiter keeps the item in its mailbox, for whoever fetches it. Each issues it alone; see [`crate::ruling`].
    Kept,
    /// All boxes and the coefficient box of a commitment.
    Data,
    /// A worker's sealed token.
    Token,
    /// A verifier's reply to a token.
    Reply,
    /// A verifier's nonce and block, which draw the sample.
    Sample,
    /// A litigant brings this part of evidence: issuer and holder are itself. See [`crate::ruling::Part`].
    Brought,
    /// An arbiter has heard this part of a litigant's.
    Heard,
}

impl ReceiptKind {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Commitment => 1,
            Self::BlindDigests => 2,
            Self::Opening => 3,
            Self::Kept => 4,
            Self::Data => 5,
            Self::Token => 6,
            Self::Reply => 7,
            Self::Sample => 8,
            Self::Brought => 9,
            Self::Heard => 10,
        }
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Commitment),
            2 => Some(Self::BlindDigests),
            3 => Some(Self::Opening),
            4 => Some(Self::Kept),
            5 => Some(Self::Data),
            6 => Some(Self::Token),
            7 => Some(Self::Reply),
            8 => Some(Self::Sample),
            9 => Some(Self::Brought),
            10 => Some(Self::Heard),
            _ => None,
        }
    }
}

/// "I have received this": what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Kind of thing received.
    pub kind: ReceiptKind,
    /// Identity of the contract.
    pub contract: [u8; 32],
    /// Identity of the thing received.
    pub item: [u8; 32],
    /// x-only key of the party that received it and signs.
    pub issuer: [u8; 32],
    /// x-only key of the party that handed it over and holds the receipt.
    pub holder: [u8; 32],
    /// Id of the receipt before, zeros in the first.
    pub previous: [u8; 32],
    /// Height of the chain's tip at which it was received, as the issuer says. Compared with nothing.
    pub height: u32,
}

/// Makes signatures of one key.
pub trait ReceiptSigner {
    /// The 32-byte x-only key.
    fn key(&self) -> [u8; 32];

    /// Signs a 32-byte message (BIP340).
    ///
    /// # Errors
    /// [`SignerError`] with the signer's own words.
    fn sign(&self, message: &[u8; 32]) -> Result<[u8; 64], SignerError>;
}

/// Who has the key at hand signs with it; the same receipt has one signature.
impl ReceiptSigner for Keypair {
    fn key(&self) -> [u8; 32] {
        self.x_only_public_key().0.serialize()
    }

    fn sign(&self, message: &[u8; 32]) -> Result<[u8; 64], SignerError> {
        Ok(statement::sign(message, self).serialize())
    }
}

/// The two who exchange, in one contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Identity of the contract.
    pub contract: [u8; 32],
    /// The worker's x-only key.
    pub worker: [u8; 32],
    /// The verifier's x-only key.
    pub verifier: [u8; 32],
}

impl Exchange {
    /// First: the worker hands over its commitment.
    pub fn commitment(&self, commitment: &Commitment) -> Handover {
        Handover(Receipt {
            kind: ReceiptKind::Commitment,
            contract: self.contract,
            item: commitment.id(),
            issuer: self.verifier,
            holder: self.worker,
            previous: [0; 32],
            height: 0,
        })
    }

    /// Second: the verifier hands over the commitment to its blind digests.
    ///
    /// # Errors
    /// [`ReceiptError`] if `before` is not the receipt for the commitment in this exchange.
    pub fn blind_digests(
        &self,
        before: &Receipt,
        blind: [u8; 32],
    ) -> Result<Handover, ReceiptError> {
        let kinds = (ReceiptKind::Commitment, ReceiptKind::BlindDigests);
        self.after(before, kinds, blind)
    }

    /// Third: the worker hands over its opening of the sample.
    ///
    /// # Errors
    /// [`ReceiptError`] if `before` is not the receipt for the blind digests in this exchange, or if a box is missing.
    pub fn opening(&self, before: &Receipt, opening: &Opening) -> Result<Handover, ReceiptError> {
        // The name of an opening is the same with a box and with its hash.
        if let Some(index) = opening.missing_box() {
            return Err(ReceiptError::NoBox { index });
        }
        let kinds = (ReceiptKind::BlindDigests, ReceiptKind::Opening);
        self.after(before, kinds, opening.id())
    }

    /// The next handover: who received last now hands over.
    fn after(
        &self,
        before: &Receipt,
        (kind_before, kind): (ReceiptKind, ReceiptKind),
        item: [u8; 32],
    ) -> Result<Handover, ReceiptError> {
        if before.contract != self.contract {
            return Err(ReceiptError::OtherContract);
        }
        if before.kind != kind_before {
            return Err(ReceiptError::OtherKind {
                expected: kind_before,
                found: before.kind,
            });
        }
        let (issuer, holder) = match kind {
            ReceiptKind::BlindDigests => (self.worker, self.verifier),
            _ => (self.verifier, self.worker),
        };
        if before.issuer != holder {
            return Err(ReceiptError::OtherIssuer);
        }
        if before.holder != issuer {
            return Err(ReceiptError::OtherHolder);
        }
        Ok(Handover(Receipt {
            kind,
            contract: self.contract,
            item,
            issuer,
            holder,
            previous: before.id(),
            height: 0,
        }))
    }
}

/// Something handed over: all of its receipt but the signature and the height. From outside it takes what was received, and
/// not its name ([`crate::ruling::Received`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover(pub(crate) Receipt);

impl Handover {
    /// The receiver acknowledges, with its tip at `height`, which may be below that of the receipt
    /// before: nobody waits until it has caught up with the other one's tip, or with what the other
    /// one says that it is.
    ///
    /// # Errors
    /// [`ReceiptError::OtherSigner`] or [`ReceiptError::Signer`].
    pub fn acknowledge(
        &self,
        height: u32,
        signer: &impl ReceiptSigner,
    ) -> Result<SignedReceipt, ReceiptError> {
        if signer.key() != self.0.issuer {
            return Err(ReceiptError::OtherSigner);
        }
        let receipt = Receipt { height, ..self.0 };
        let signature = signer.sign(&receipt.id())?;
        Ok(SignedReceipt { receipt, signature })
    }

    /// The giver checks what it was sent: the receipt must be for this handover, and signed.
    ///
    /// # Errors
    /// [`ReceiptError`]: it is not; the issuer has not acknowledged.
    pub fn check(&self, signed: &SignedReceipt) -> Result<Receipt, ReceiptError> {
        signed.check(&self.0)
    }
}

/// A receipt with its issuer's signature. Bare, it proves nothing: see [`Handover::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignedReceipt {
    /// What is signed.
    pub receipt: Receipt,
    /// BIP340 signature of [`Receipt::id`] under [`Receipt::issuer`].
    pub signature: [u8; 64],
}

impl SignedReceipt {
    /// Whether it acknowledges what the giver has handed over: `expected` but for the height, which is the issuer's word.
    /// The giver knows the name of what it gave, and need not look into it again.
    ///
    /// # Errors
    /// [`ReceiptError`]: it does not.
    pub fn check(&self, expected: &Receipt) -> Result<Receipt, ReceiptError> {
        let found = &self.receipt;
        if found.contract != expected.contract {
            return Err(ReceiptError::OtherContract);
        }
        if found.kind != expected.kind {
            return Err(ReceiptError::OtherKind {
                expected: expected.kind,
                found: found.kind,
            });
        }
        if found.item != expected.item {
            return Err(ReceiptError::OtherItem);
        }
        if found.issuer != expected.issuer {
            return Err(ReceiptError::OtherIssuer);
        }
        if found.holder != expected.holder {
            return Err(ReceiptError::OtherHolder);
        }
        if found.previous != expected.previous {
            return Err(ReceiptError::OtherPredecessor);
        }
        if !self.is_signed() {
            return Err(ReceiptError::Signature);
        }
        Ok(*found)
    }

    /// Whether the issuer signed it, whatever it says.
    pub(crate) fn is_signed(&self) -> bool {
        let issuer = XOnlyPublicKey::from_slice(&self.receipt.issuer);
        let signature = schnorr::Signature::from_slice(&self.signature);
        match (issuer, signature) {
            (Ok(issuer), Ok(signature)) => {
                statement::verify(&self.receipt.id(), &signature, &issuer).is_ok()
            }
            _ => false,
        }
    }
}

impl Receipt {
    /// What the giver of such a thing expects of its receiver, or of an arbiter that keeps it ([`SignedReceipt::check`]).
    pub const fn expected(
        kind: ReceiptKind,
        contract: [u8; 32],
        item: [u8; 32],
        issuer: [u8; 32],
        holder: [u8; 32],
    ) -> Self {
        Self {
            kind,
            contract,
            item,
            issuer,
            holder,
            previous: [0; 32],
            height: 0,
        }
    }

    /// The message that is signed; also the receipt's name in the next one.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/receipt", &self.to_bytes())
    }
}
