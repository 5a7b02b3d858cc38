//! The sender's side.

use std::sync::Arc;

use bitcoin::{
    Amount, Psbt, ScriptBuf, Transaction,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};
use narthex_base::node::AskedNode;
use serde::{Deserialize, Serialize};

use super::{
    AgentTerms, Announcement, Assignment, Coin, Consent, Copies, DeliverError, DeliverRecord,
    Delivery, DeliverySeed, SENDER, Served, Shared, UnsealingKey, copy_leaf, seal,
    seal::{envelop, envelope_hash},
};
use crate::{
    binding::Bindings,
    builder::check_key,
    depth::Depth,
    funding::funding_psbt,
    terms::{Contribution, FeeRate},
};

/// What a sender wants delivered, besides the message.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Key of the recipient.
    pub recipient: PublicKey,
    /// Keys of the agents, and where each is paid.
    pub agents: Vec<(PublicKey, ScriptBuf)>,
    /// What the agent that claims gets, less the fee of its claim.
    pub amount: Amount,
    /// T.
    pub refund_height: u32,
    /// Blocks before T in which nobody is accepted.
    pub claim_blocks: u16,
    /// Where the sender is paid back.
    pub sender_script: ScriptBuf,
    /// Coins that are worth [`Plan::deposit`], and change.
    pub contribution: Contribution,
    /// Fee rate of the funding.
    pub rate: FeeRate,
}

impl Plan {
    /// What the sender's wallet brings for `amount`: that, and the fee of the data output.
    pub fn deposit(amount: Amount, rate: FeeRate) -> Option<Amount> {
        amount.checked_add(Announcement::fee(rate)?)
    }
}

/// What the sender must not forget, besides its key and the envelope. It holds a secret: keep it as a key is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderRecord {
    /// The terms.
    pub terms: DeliverRecord,
    /// What all its secrets come from.
    pub seed: DeliverySeed,
    /// Signatures of the agents that agreed, by index.
    pub consents: Vec<Option<schnorr::Signature>>,
}

/// What the sender does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderDuty {
    /// Give the agents their copies; not all agreed yet.
    Assign,
    /// All agreed: fund.
    Fund,
    /// Too late to fund; nothing is at stake.
    Abandon,
    /// Wait for a claim, or for T.
    Wait,
    /// Nobody claimed until T: take the coin back.
    Refund,
    /// Over.
    Done,
}

/// A sender.
///
/// Nothing here does I/O. Each change of [`Sender::record`] must be durable before what follows from it leaves the house.
pub struct Sender {
    delivery: Arc<Delivery>,
    key: SecretKey,
    seed: DeliverySeed,
    envelope: Vec<u8>,
    copies: Copies,
    consents: Vec<Option<schnorr::Signature>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("terms", self.delivery.terms().record())
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// Encrypts the message and makes the terms. All secrets of this delivery come from a seed that is drawn here and
    /// bound to these terms in the sender's own record before anything of them is given away: two deliveries of one seed
    /// would encrypt two messages under one key.
    ///
    /// # Errors
    /// [`DeliverError::Bind`] if the random source repeats itself, or the record cannot be written.
    pub fn new<R: RngCore + CryptoRng>(
        plan: Plan,
        key: SecretKey,
        message: &[u8],
        bindings: &mut dyn Bindings,
        rng: &mut R,
    ) -> Result<Sender, DeliverError> {
        Sender::of_seed(plan, key, message, DeliverySeed::draw(rng), bindings)
    }

    /// The same with a seed that follows from what its owner keeps anyway, and is drawn for this delivery alone.
    ///
    /// # Errors
    /// As [`Sender::new`]: [`DeliverError::Bind`] if it served other terms.
    pub fn of_seed(
        plan: Plan,
        key: SecretKey,
        message: &[u8],
        seed: DeliverySeed,
        bindings: &mut dyn Bindings,
    ) -> Result<Sender, DeliverError> {
        let secret = seed.ephemeral().ok_or(DeliverError::NoKey)?;
        let shared = Shared::of_sender(&secret, &plan.recipient);
        let recipient = shared.one_time_key(&plan.recipient);
        let opening = shared.envelope_key();
        let envelope = envelop(&opening, message)?;
        let (copies, keys) = seal_all(&seed, plan.agents.len(), &envelope)?;
        let secp = Secp256k1::signing_only();
        let root = copies.root()?;
        let agent = |((key, script), unseal): ((PublicKey, ScriptBuf), &UnsealingKey)| AgentTerms {
            key,
            script,
            unseal_hash: unseal.hash(),
        };
        let record = DeliverRecord {
            sender: PublicKey::from_secret_key(&secp, &key),
            recipient: recipient.ok_or(DeliverError::NoKey)?,
            agents: plan.agents.into_iter().zip(&keys).map(agent).collect(),
            root: sha256::Hash::from_byte_array(root),
            ephemeral: PublicKey::from_secret_key(&secp, &secret),
            view_tag: shared.view_tag(&root),
            envelope: envelope_hash(&envelope),
            envelope_key: opening.hash(),
            envelope_bytes: envelope.len() as u64,
            amount_sat: plan.amount,
            refund_height: plan.refund_height,
            claim_blocks: plan.claim_blocks,
            sender_script: plan.sender_script,
            contribution: plan.contribution,
            rate_sat_per_kwu: plan.rate,
        };
        let consents = vec![None; record.agents.len()];
        let delivery = Arc::new(Delivery::new(record.check()?)?);
        bindings.bind(seed.mark(), delivery.terms().id())?;
        Ok(Sender {
            consents,
            delivery,
            key,
            seed,
            envelope,
            copies,
        })
    }

    /// A sender as it was when `record` was written. Key and envelope are kept apart.
    pub fn restore(
        record: SenderRecord,
        key: SecretKey,
        envelope: Vec<u8>,
    ) -> Result<Sender, DeliverError> {
        let seed = record.seed;
        let terms = record.terms.check()?;
        let of = terms.record();
        check_key(&key, of.sender, SENDER)?;
        if !seed.is_of(&of.ephemeral) {
            return Err(DeliverError::WrongSeed);
        }
        let (copies, _) = seal_all(&seed, of.agents.len(), &envelope)?;
        if copies.root()? != of.root.to_byte_array() {
            let problem = "another envelope";
            return Err(DeliverError::Record { problem });
        }
        let mut sender = Sender {
            consents: vec![None; of.agents.len()],
            delivery: Arc::new(Delivery::new(terms)?),
            key,
            seed,
            envelope,
            copies,
        };
        let terms = sender.delivery.terms().id();
        for (agent, signature) in (0..).zip(record.consents) {
            let Some(signature) = signature else {
                continue;
            };
            sender.agreed(&Consent {
                terms,
                agent,
                signature,
            })?;
        }
        Ok(sender)
    }

    /// What must be durable.
    pub fn record(&self) -> SenderRecord {
        SenderRecord {
            terms: self.delivery.terms().record().clone(),
            seed: self.seed.clone(),
            consents: self.consents.clone(),
        }
    }

    /// The encrypted message, to be kept until every agent agreed.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// The delivery.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// What an agent is given to keep, for it alone: over a channel that nobody else reads.
    pub fn assignment(&self, agent: u8) -> Result<Assignment, DeliverError> {
        self.delivery.terms().agent(agent)?;
        let key = self.seed.unsealing_key(agent);
        Ok(Assignment {
            served: Served {
                terms: self.delivery.terms().record().clone(),
                agent,
                branch: self.copies.branch(agent)?,
                copy: seal(&key, agent, &self.envelope)?,
            },
            key,
        })
    }

    /// Takes an agent's consent. One that comes twice changes nothing.
    pub fn agreed(&mut self, consent: &Consent) -> Result<(), DeliverError> {
        self.delivery.check_consent(consent)?;
        if let Some(slot) = self.consents.get_mut(usize::from(consent.agent)) {
            *slot = Some(consent.signature);
        }
        Ok(())
    }

    /// The first agent that has not agreed.
    fn missing(&self) -> Option<u8> {
        (0..)
            .zip(&self.consents)
            .find_map(|(agent, given)| given.is_none().then_some(agent))
    }

    /// The funding transaction, for the wallet to sign: only when all agents agreed, the own node was asked, and it is
    /// not so late that nobody would serve.
    pub fn funding_psbt(&self, tip: u32, _: &impl AskedNode) -> Result<Psbt, DeliverError> {
        if let Some(agent) = self.missing() {
            return Err(DeliverError::NoConsent { agent });
        }
        // Nobody serves a coin of one block.
        self.delivery.terms().check_room(tip, Depth::LEAST)?;
        Ok(funding_psbt(self.delivery.graph())?)
    }

    /// The refund with this fee, valid above T. A higher fee replaces a lower one.
    pub fn refund<R: RngCore + CryptoRng>(
        &self,
        fee: Amount,
        rng: &mut R,
    ) -> Result<Transaction, DeliverError> {
        self.delivery.signed_refund(&self.key, fee, rng)
    }

    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> SenderDuty {
        match coin {
            Coin::Unfunded => {
                SenderDuty::of_unfunded(self.delivery.has_room(tip), self.missing().is_some())
            }
            Coin::Funded { .. } if self.delivery.is_refundable(tip) => SenderDuty::Refund,
            Coin::Funded { .. } => SenderDuty::Wait,
            Coin::Spent => SenderDuty::Done,
        }
    }
}

/// Leaves and keys of all copies of an envelope. One copy is in memory at a time.
fn seal_all(
    seed: &DeliverySeed,
    agents: usize,
    envelope: &[u8],
) -> Result<(Copies, Vec<UnsealingKey>), DeliverError> {
    // The terms refuse more than 15.
    let agents = u8::try_from(agents).unwrap_or(u8::MAX);
    let (mut leaves, mut keys) = (Vec::new(), Vec::new());
    for agent in 0..agents.min(super::MAX_AGENTS as u8 + 1) {
        let key = seed.unsealing_key(agent);
        leaves.push(copy_leaf(agent, &seal(&key, agent, envelope)?));
        keys.push(key);
    }
    Ok((Copies(leaves), keys))
}
