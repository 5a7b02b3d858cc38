//! What a sender asks nodes for, and what an agent brings: terms follow from both, and from the sender's coins.

use bitcoin::{Amount, FeeRate, ScriptBuf, secp256k1::PublicKey};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::deliver::{COPY_OVERHEAD_BYTES, DeliverRecord};

use crate::fields::read_script;

/// Longest message that is delivered between nodes, in bytes: a copy with its terms is one message of a link.
pub const MAX_DELIVERED: u32 = 256 << 10;

/// What a sender asks agents for. [`DeliverRecord`] says what each figure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryFigures {
    /// What the agent that claims gets, less the fee of its claim.
    pub amount: Amount,
    /// T.
    pub refund_height: u32,
    /// Blocks before T in which nobody is accepted.
    pub claim_blocks: u16,
    /// Length of the message in bytes, up to [`MAX_DELIVERED`].
    pub message_bytes: u32,
    /// Number of agents.
    pub agents: u8,
    /// Fee rate of the funding.
    pub rate: FeeRate,
}

/// What an agent brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAgent {
    /// Its key.
    pub key: PublicKey,
    /// Where it is paid.
    pub script: ScriptBuf,
}

impl DeliveryFigures {
    /// Longest copy that an agent keeps for these figures, in bytes.
    pub fn most_bytes(&self) -> u64 {
        u64::from(self.message_bytes).saturating_add(COPY_OVERHEAD_BYTES as u64)
    }

    /// Whether terms have these figures: all that an agent is asked for, whoever the others are.
    pub fn are_of(&self, terms: &DeliverRecord) -> bool {
        terms.amount_sat == self.amount
            && terms.refund_height == self.refund_height
            && terms.claim_blocks == self.claim_blocks
            && terms.agents.len() == usize::from(self.agents)
            && terms.rate_sat_per_kwu == self.rate
    }
}

impl Message for DeliveryFigures {
    const KIND: Kind = kinds::DELIVERY_FIGURES;

    fn write(&self, w: &mut Writer) {
        w.amount(self.amount)
            .u32(self.refund_height)
            .u16(self.claim_blocks)
            .u32(self.message_bytes)
            .u8(self.agents)
            .u64(self.rate.to_sat_per_kwu());
    }

    fn read(r: &mut Reader<'_>) -> Result<DeliveryFigures, DecodeError> {
        let figures = DeliveryFigures {
            amount: r.amount("amount")?,
            refund_height: r.u32("refund height")?,
            claim_blocks: r.u16("claim blocks")?,
            message_bytes: r.u32("message bytes")?,
            agents: r.u8("agents")?,
            rate: FeeRate::from_sat_per_kwu(r.u64("fee rate")?),
        };
        match figures.message_bytes {
            0..=MAX_DELIVERED => Ok(figures),
            bytes => Err(DecodeError::invalid("message bytes", bytes)),
        }
    }
}

impl Message for DeliveryAgent {
    const KIND: Kind = kinds::DELIVERY_AGENT;

    fn write(&self, w: &mut Writer) {
        w.point(&self.key).bytes(self.script.as_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<DeliveryAgent, DecodeError> {
        Ok(DeliveryAgent {
            key: r.point("key")?,
            script: read_script(r)?,
        })
    }
}
