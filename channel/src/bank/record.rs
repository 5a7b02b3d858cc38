//! What each party must not forget, and what it is told to do.

use serde::{Deserialize, Serialize};

use narthex_contracts::bank::{AdaptorCommitment, BankRecord, Phase};

use super::{Coin, Held, PennyPtlc};

/// What the payer must not forget, besides its key, the chain's seed and the bank's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayerRecord {
    /// The highest penny that may be in somebody else's hands.
    pub revealed: u32,
    /// Where the bank stands.
    pub phase: Phase,
    /// Both parties' signature on the force close, hex.
    #[serde(with = "narthex_base::hex::array")]
    pub force_close: [u8; 64],
    /// PTLCs whose secrets were not shown yet, in the order in which they were offered.
    #[serde(default, rename = "promises")]
    pub ptlcs: Vec<PennyPtlc>,
    /// What the last claims bear: the pennies given when they were signed, and those settled since.
    #[serde(default)]
    pub framed: u32,
    /// PTLCs settled so far, the latest ones: who knows the secret of one may ask for its pennies again.
    #[serde(default)]
    pub given: Vec<Given>,
}

/// A PTLC that was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Its point.
    pub point: bitcoin::secp256k1::PublicKey,
    /// The penny that was given for it.
    pub index: u32,
}

/// What the payer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayerDuty {
    /// Nothing is due.
    None,
    /// Nobody force-closed until T: publish the refund.
    Refund,
    /// Force-closed and not claimed in D blocks: publish the timeout refund.
    TimeoutRefund,
}

impl PayerDuty {
    /// What is due to the payer of a bank of these terms, with the tip at `tip` and the coin there. It takes no secret to
    /// know it.
    pub fn of(terms: &BankRecord, tip: u32, coin: Coin) -> PayerDuty {
        let next = tip.saturating_add(1);
        match coin {
            Coin::Banked { .. } if next > terms.refund_height => PayerDuty::Refund,
            Coin::ForceClosed { height }
                if next >= height.saturating_add(terms.claim_blocks.into()) =>
            {
                PayerDuty::TimeoutRefund
            }
            _ => PayerDuty::None,
        }
    }
}

/// What the provider must not forget, besides its key and the bank's terms.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRecord {
    /// Number of the latest penny, 0 before the first.
    pub latest: u32,
    /// Its secret; w_0 before the first.
    pub secret: bitcoin::hashes::sha256::Hash,
    /// Commitments that the latest penny, or later ones, complete: their messages, hex.
    #[serde(with = "commitments_hex")]
    pub commitments: Vec<AdaptorCommitment>,
    /// Where the bank stands.
    pub phase: Phase,
    /// Both parties' signature on the force close, hex.
    #[serde(with = "narthex_base::hex::array")]
    pub force_close: [u8; 64],
    /// The payer's last claims by PTLCs.
    #[serde(default)]
    pub held: Option<Held>,
}

impl std::fmt::Debug for ProviderRecord {
    /// Without the penny: it completes the payer's signature on a commitment.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderRecord")
            .field("latest", &self.latest)
            .field("commitments", &self.commitments.len())
            .field("phase", &self.phase)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

/// What the provider does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderDuty {
    /// Serve for pennies.
    Serve,
    /// Nothing is due: not funded, closing, or over.
    None,
    /// Publish the force close: T comes near, or the payer cheated.
    ForceClose,
    /// Publish the claim by this commitment, at once.
    Claim {
        /// The best commitment.
        commitment: u32,
    },
}

/// What a penny was worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Pennies that it pays beyond those before.
    pub fresh: u32,
    /// All pennies so far.
    pub total: u32,
    /// How many of them a claim enforces.
    pub enforceable: u32,
    /// A commitment that turned out to be false: the payer gave another point than its penny's. Serve no more, force close.
    pub false_commitment: Option<u32>,
}

/// Commitments as the hex of their message, without their bank, which the terms name.
mod commitments_hex {
    use narthex_base::hex;
    use serde::{Deserializer, Serializer};

    use narthex_contracts::bank::{AdaptorCommitment, AdaptorCommitments};

    pub(super) fn serialize<S: Serializer>(
        commitments: &[AdaptorCommitment],
        s: S,
    ) -> Result<S::Ok, S::Error> {
        let (bank, commitments) = ([0; 32], commitments.to_vec());
        hex::message::serialize(&AdaptorCommitments { bank, commitments }, s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<AdaptorCommitment>, D::Error> {
        hex::message::deserialize::<AdaptorCommitments, D>(d)
            .map(|commitments| commitments.commitments)
    }
}
