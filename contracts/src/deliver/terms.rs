//! What the sender proposes, its agents agree to, and the recipient checks.

use bitcoin::{
    Amount, ScriptBuf,
    absolute::LockTime,
    hashes::{Hash, sha256},
    secp256k1::PublicKey,
};
use narthex_base::codec::Writer;
use narthex_base::tagged::tagged_hash_parts;
use serde::{Deserialize, Serialize};

use super::{Announcement, DeliverError, seal};
use crate::{
    builder::BuilderError,
    depth::Depth,
    terms::{Contribution, FeeRate},
};

/// Most agents of one delivery.
pub const MAX_AGENTS: usize = 15;

/// Largest terms as JSON, in bytes.
pub const MAX_DELIVER_TERMS_BYTES: usize = 64 * 1024;

/// Fewest blocks that a claim is given to confirm before the refund can.
pub const MIN_CLAIM_BLOCKS: u16 = 6;

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentTerms {
    /// Its key.
    pub key: PublicKey,
    /// Where it is paid, hex of the script.
    pub script: ScriptBuf,
    /// SHA-256 of u_i, which opens copy i.
    pub unseal_hash: sha256::Hash,
}

/// Terms of a delivery as plain data. They do not say who the recipient is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliverRecord {
    /// Key of the sender's refund.
    pub sender: PublicKey,
    /// The recipient's one-time key, which accepts an agent. It does not show whose it is.
    pub recipient: PublicKey,
    /// The agents, in the order of their copies: 1 to 15.
    pub agents: Vec<AgentTerms>,
    /// Merkle root of all sealed copies' hashes.
    pub root: sha256::Hash,
    /// e·G, fresh for this delivery.
    pub ephemeral: PublicKey,
    /// Four bytes by which the recipient knows it, hex.
    #[serde(with = "narthex_base::hex::array")]
    pub view_tag: [u8; 4],
    /// Hash of the envelope that every copy opens to.
    pub envelope: sha256::Hash,
    /// Hash of the key of the envelope, which sender and recipient derive.
    pub envelope_key: sha256::Hash,
    /// Length of the envelope in bytes.
    pub envelope_bytes: u64,
    /// What the agent that claims gets, in sat, less the fee of its claim.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub amount_sat: Amount,
    /// T: above this height the sender takes it back.
    pub refund_height: u32,
    /// Nobody is accepted in so many blocks before T, so that a claim has them to confirm in.
    pub claim_blocks: u16,
    /// Where the sender is paid back, hex of the script.
    pub sender_script: ScriptBuf,
    /// The sender's coins and change.
    pub contribution: Contribution,
    /// Fee rate of the funding.
    pub rate_sat_per_kwu: FeeRate,
}

/// Checked terms of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverTerms {
    record: DeliverRecord,
    id: [u8; 32],
}

fn bad<T>(field: &'static str, problem: impl Into<String>) -> Result<T, DeliverError> {
    let problem = problem.into();
    Err(DeliverError::Terms { field, problem })
}

impl DeliverRecord {
    /// Identity of the terms. It names the coins that fund, and every key in the output hashes it, so that nothing that
    /// anybody signs is good for two.
    fn id(&self) -> [u8; 32] {
        let mut w = Writer::default();
        w.fixed(&self.sender.serialize())
            .fixed(&self.recipient.serialize())
            .u32(self.agents.len() as u32);
        for agent in &self.agents {
            w.fixed(&agent.key.serialize())
                .bytes(agent.script.as_bytes())
                .fixed(agent.unseal_hash.as_byte_array());
        }
        w.fixed(self.root.as_byte_array())
            .fixed(&self.ephemeral.serialize())
            .fixed(&self.view_tag)
            .fixed(self.envelope.as_byte_array())
            .fixed(self.envelope_key.as_byte_array())
            .u64(self.envelope_bytes)
            .u64(self.amount_sat.to_sat())
            .u32(self.refund_height)
            .u32(self.claim_blocks.into())
            .bytes(self.sender_script.as_bytes())
            .u64(self.rate_sat_per_kwu.to_sat_per_kwu());
        self.contribution.write(&mut w);
        tagged_hash_parts("narthex/delivery-terms", &[&w.finish()])
    }

    /// What the data output says.
    pub fn announcement(&self) -> Announcement {
        Announcement {
            root: self.root.to_byte_array(),
            ephemeral: self.ephemeral,
            view_tag: self.view_tag,
        }
    }

    /// Checks the terms. Errors name the field; the sender is at fault.
    pub fn check(self) -> Result<DeliverTerms, DeliverError> {
        self.check_agents()?;
        let envelope = seal::MIN_ENVELOPE_BYTES..=seal::MAX_ENVELOPE_BYTES;
        if !envelope.contains(&self.envelope_bytes) {
            return bad("envelope_bytes", self.envelope_bytes.to_string());
        }
        let highest = LockTime::from_height(self.refund_height).is_ok();
        if !highest || self.refund_height <= self.claim_blocks.into() {
            return bad(
                "refund_height",
                format!("{} is no height to claim before", self.refund_height),
            );
        }
        if self.claim_blocks < MIN_CLAIM_BLOCKS {
            let given = self.claim_blocks;
            return bad(
                "claim_blocks",
                format!("{given} is less than {MIN_CLAIM_BLOCKS}"),
            );
        }
        let agents = self
            .agents
            .iter()
            .map(|agent| ("agents.script", &agent.script));
        for (field, script) in agents.chain([("sender_script", &self.sender_script)]) {
            if !script.is_p2tr() && !script.is_p2wpkh() {
                return bad(field, "is neither P2TR nor P2WPKH");
            }
            let limit = script.minimal_non_dust();
            if self.amount_sat <= limit || self.amount_sat > Amount::MAX_MONEY {
                let given = self.amount_sat;
                return bad(
                    "amount_sat",
                    format!("{given} for an output of {limit} and a fee"),
                );
            }
        }
        // Coins, change and fee are those of an ordinary deposit that is as much larger as the data output costs.
        let data = Announcement::fee(self.rate_sat_per_kwu);
        let deposit = data.and_then(|fee| self.amount_sat.checked_add(fee));
        let Some(deposit) = deposit else {
            return bad("rate_sat_per_kwu", "is more than there is");
        };
        self.contribution
            .check(deposit, self.rate_sat_per_kwu)
            .map_err(BuilderError::from)?;
        let id = self.id();
        Ok(DeliverTerms { record: self, id })
    }

    fn check_agents(&self) -> Result<(), DeliverError> {
        let count = self.agents.len();
        if count == 0 || count > MAX_AGENTS {
            return bad(
                "agents",
                format!("{count} of them; 1 to {MAX_AGENTS} are taken"),
            );
        }
        if self.recipient == self.sender {
            return bad("recipient", "is the sender's key");
        }
        for (i, agent) in self.agents.iter().enumerate() {
            let earlier = self.agents.iter().take(i);
            let others = [self.sender, self.recipient].into_iter();
            let mut others = others.chain(earlier.clone().map(|other| other.key));
            if others.any(|other| other == agent.key) {
                return bad("agents.key", format!("agent {i} has another party's key"));
            }
            // A claim must not publish the key of another's copy.
            if earlier
                .clone()
                .any(|other| other.unseal_hash == agent.unseal_hash)
            {
                return bad("agents.unseal_hash", format!("agent {i} has another's"));
            }
        }
        Ok(())
    }
}

impl DeliverTerms {
    /// Reads terms as JSON and checks them.
    pub fn from_json(json: &[u8]) -> Result<DeliverTerms, DeliverError> {
        if json.len() > MAX_DELIVER_TERMS_BYTES {
            return bad("json", format!("more than {MAX_DELIVER_TERMS_BYTES} bytes"));
        }
        let record = narthex_game_model::text::parsed(json, serde_json::from_str::<DeliverRecord>);
        match record {
            Ok(record) => record.check(),
            Err(e) => bad("json", e.to_string()),
        }
    }

    /// The terms as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, DeliverError> {
        serde_json::to_vec(&self.record).or_else(|e| bad("json", e.to_string()))
    }

    /// The terms as data.
    pub fn record(&self) -> &DeliverRecord {
        &self.record
    }

    /// Identity of the terms.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// One agent.
    pub fn agent(&self, agent: u8) -> Result<&AgentTerms, DeliverError> {
        let agents = self.record.agents.len();
        let found = self.record.agents.get(usize::from(agent));
        found.ok_or(DeliverError::NoAgent { agent, agents })
    }

    /// How many agents there are; 15 at most.
    pub fn agents(&self) -> u8 {
        u8::try_from(self.record.agents.len()).unwrap_or(u8::MAX)
    }

    /// Length of each copy in bytes.
    pub fn copy_bytes(&self) -> u64 {
        seal::copy_bytes(self.record.envelope_bytes)
    }

    /// Whether a claim that is published at this tip has `claim_blocks` to confirm in before the refund can: it may be
    /// in block T at the latest.
    pub fn in_time(&self, tip: u32) -> bool {
        let left = self.record.refund_height.saturating_sub(tip);
        left >= self.record.claim_blocks.into()
    }

    /// Fails if a coin that confirms in the block after this tip, at the earliest, is so deep only when no claim has time
    /// any more: the delivery would be impossible.
    pub(super) fn check_room(&self, tip: u32, depth: Depth) -> Result<(), DeliverError> {
        let tip = depth.reached_at(tip.saturating_add(1));
        let refund_height = self.record.refund_height;
        match self.in_time(tip) {
            true => Ok(()),
            false => Err(DeliverError::TooLate { tip, refund_height }),
        }
    }
}
