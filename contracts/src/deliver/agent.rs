//! An agent's side: keeps a copy, serves it, claims.

use std::sync::Arc;

use bitcoin::{
    Amount, ScriptBuf, Transaction,
    hashes::Hash,
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};
use narthex_game_model::commitment::Multiproof;
use serde::{Deserialize, Serialize};

use super::{
    Assignment, Coin, Consent, DeliverError, DeliverRecord, DeliverTerms, Delivery, Handover,
    Request, Served, UnsealingKey, agent_name,
    seal::{check_copy, envelope_hash, unseal},
};
use crate::{builder::check_key, depth::Depth};

/// For what an agent keeps a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Least amount, before the fee of its claim.
    pub least: Amount,
    /// Longest copy in bytes.
    pub most_bytes: u64,
    /// Highest T: the copy is kept until then.
    pub latest_height: u32,
    /// Fewest blocks that a claim is given.
    pub claim_blocks: u16,
    /// Where it wants to be paid.
    pub script: ScriptBuf,
    /// How deep the funding must be before it serves, and before it claims.
    pub depth: Depth,
    /// Serve only while no other agent was accepted, by the recipient's word: another that was may outbid its claim.
    pub alone: bool,
}

/// What an agent must not forget, besides its key and the copy. It holds secrets: keep it as a key is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRecord {
    /// The terms.
    pub terms: DeliverRecord,
    /// Own index.
    pub agent: u8,
    /// Shows that the copy is under the root.
    pub branch: Multiproof,
    /// u_i.
    pub key: UnsealingKey,
    /// How deep the funding must be.
    pub depth: Depth,
    /// Whether it serves only while no other agent was accepted.
    pub alone: bool,
    /// The recipient's acceptance, once it gave it.
    pub accepted: Option<schnorr::Signature>,
}

/// What an agent does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentDuty {
    /// Not funded deep enough, or too late to serve.
    Wait,
    /// Serve who asks.
    Serve,
    /// Claim, at once, and with a higher fee if it does not confirm.
    Claim,
    /// Over: the copy may go.
    Done,
}

/// An agent that agreed.
///
/// Nothing here does I/O. The copy must be durable before the consent is sent, and each change of [`Agent::record`]
/// before the claim is published.
pub struct Agent {
    delivery: Arc<Delivery>,
    key: SecretKey,
    copy: Vec<u8>,
    record: AgentRecord,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// Checks everything that it can: the terms against its conditions, the copy against the root, the key against its
    /// leaf, and that the key opens the copy to the envelope of the terms. What it cannot check is whose the recipient's key is.
    ///
    /// # Errors
    /// [`DeliverError`]: it does not agree, and owes nothing.
    pub fn new(
        assignment: Assignment,
        key: SecretKey,
        conditions: &Conditions,
        tip: u32,
    ) -> Result<(Agent, Consent), DeliverError> {
        let Assignment { served, key: own } = assignment;
        let record = AgentRecord {
            terms: served.terms,
            agent: served.agent,
            branch: served.branch,
            key: own,
            depth: conditions.depth,
            alone: conditions.alone,
            accepted: None,
        };
        let agent = Agent::restore(record, served.copy, key)?;
        agent.accepts(conditions)?;
        (agent.delivery.terms()).check_room(tip, conditions.depth)?;
        let consent = agent.consent();
        Ok((agent, consent))
    }

    /// Its word that it agreed: the same each time.
    pub fn consent(&self) -> Consent {
        Consent::sign(self.delivery.terms(), self.record.agent, &self.key)
    }

    /// An agent as it was when `record` was written. Key and copy are kept apart.
    pub fn restore(
        record: AgentRecord,
        copy: Vec<u8>,
        key: SecretKey,
    ) -> Result<Agent, DeliverError> {
        let terms = record.terms.clone().check()?;
        let agent = record.agent;
        let own = terms.agent(agent)?;
        check_key(&key, own.key, agent_name(agent))?;
        if record.key.hash() != own.unseal_hash {
            return Err(DeliverError::OtherKey { agent });
        }
        check_kept(&terms, agent, &copy, &record.branch)?;
        let envelope = unseal(&record.key, agent, &copy);
        if envelope.map(|envelope| envelope_hash(&envelope)) != Some(terms.record().envelope) {
            return Err(DeliverError::NotTheEnvelope { agent });
        }
        let delivery = Arc::new(Delivery::new(terms)?);
        if let Some(accepted) = &record.accepted {
            delivery.check_acceptance(agent, accepted)?;
        }
        Ok(Agent {
            delivery,
            key,
            copy,
            record,
        })
    }

    fn accepts(&self, conditions: &Conditions) -> Result<(), DeliverError> {
        let (terms, agent) = (self.delivery.terms(), self.record.agent);
        let record = terms.record();
        let declined = |problem: String| Err(DeliverError::Declined { agent, problem });
        if record.amount_sat < conditions.least {
            let (given, least) = (record.amount_sat, conditions.least);
            return declined(format!("{given} is less than {least}"));
        }
        if terms.copy_bytes() > conditions.most_bytes {
            let (given, most) = (terms.copy_bytes(), conditions.most_bytes);
            return declined(format!("{given} bytes are more than {most}"));
        }
        if record.refund_height > conditions.latest_height {
            let (given, latest) = (record.refund_height, conditions.latest_height);
            return declined(format!("height {given} is later than {latest}"));
        }
        if record.claim_blocks < conditions.claim_blocks {
            let (given, least) = (record.claim_blocks, conditions.claim_blocks);
            return declined(format!("{given} blocks for a claim are fewer than {least}"));
        }
        if terms.agent(agent)?.script != conditions.script {
            return declined("it is paid to another script".into());
        }
        Ok(())
    }

    /// What must be durable.
    pub fn record(&self) -> &AgentRecord {
        &self.record
    }

    /// The copy.
    pub fn copy(&self) -> &[u8] {
        &self.copy
    }

    /// The delivery.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// Serves the copy, when the coin that pays for it is there and a claim would have time.
    pub fn serve(&self, request: &Request, tip: u32, coin: Coin) -> Result<Served, DeliverError> {
        let policy = (self.record.depth, self.record.alone);
        (self.delivery).check_request(request, self.record.agent, policy, (tip, coin))?;
        Ok(Served {
            terms: self.record.terms.clone(),
            agent: self.record.agent,
            branch: self.record.branch.clone(),
            copy: self.copy.clone(),
        })
    }

    /// Takes what the recipient hands over. The record changes: it must be durable before the claim. One that comes
    /// twice changes nothing.
    pub fn take(&mut self, handover: &Handover) -> Result<(), DeliverError> {
        (self.delivery).check_handover(self.record.agent, handover)?;
        self.record.accepted = Some(handover.signature);
        Ok(())
    }

    /// The claim with this fee. A higher fee replaces a lower one. Its witness publishes u_i, confirmed or not: it is not
    /// made while the coin can be reorganised away below it.
    ///
    /// # Errors
    /// [`DeliverError::NotAccepted`]; [`DeliverError::NotFunded`] or [`DeliverError::Shallow`] by the coin.
    pub fn claim<R: RngCore + CryptoRng>(
        &self,
        (tip, coin): (u32, Coin),
        fee: Amount,
        rng: &mut R,
    ) -> Result<Transaction, DeliverError> {
        let agent = self.record.agent;
        let accepted = self.record.accepted.as_ref();
        let accepted = accepted.ok_or(DeliverError::NotAccepted { agent })?;
        coin.check(tip, self.record.depth)?;
        let shown = (accepted, &self.record.key);
        self.delivery
            .signed_claim((agent, &self.key), shown, fee, rng)
    }

    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> AgentDuty {
        let in_time = self.delivery.terms().in_time(tip);
        let buried = coin.is_buried(tip, self.record.depth);
        match coin {
            Coin::Spent => AgentDuty::Done,
            Coin::Unfunded => AgentDuty::Wait,
            Coin::Funded { .. } => {
                AgentDuty::of_funded(self.record.accepted.is_some(), buried, in_time)
            }
        }
    }
}

/// Checks length and branch of a copy against the terms.
pub(super) fn check_kept(
    terms: &DeliverTerms,
    agent: u8,
    copy: &[u8],
    branch: &Multiproof,
) -> Result<(), DeliverError> {
    let record = terms.record();
    terms.agent(agent)?;
    let (found, expected) = (copy.len() as u64, terms.copy_bytes());
    if found != expected {
        return Err(DeliverError::CopyLength { found, expected });
    }
    let tree = (record.agents.len(), &record.root.to_byte_array());
    check_copy(agent, copy, branch, tree)
}
