//! The recipient's side: finds, checks, accepts, reads. It holds no coin. Its signature pays an agent and nobody else's
//! does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bitcoin::{
    Transaction,
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};
use narthex_game_model::commitment::Multiproof;
use serde::{Deserialize, Serialize};

use super::{
    Coin, DeliverError, DeliverRecord, Delivery, Evidence, Found, Handover, Request, Served,
    Shared,
    agent::check_kept,
    seal::{envelope_hash, open_envelope, unseal},
};
use crate::depth::Depth;

/// What a recipient must not forget, besides its key and the copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientRecord {
    /// The terms, as an agent showed them.
    pub terms: DeliverRecord,
    /// How deep the funding must be before an agent is accepted.
    #[serde(default)]
    pub depth: Depth,
    /// Of which agents a copy is kept, with its branch.
    pub kept: BTreeMap<u8, Multiproof>,
    /// Which agents may have its acceptance, and that.
    pub handed: BTreeMap<u8, schnorr::Signature>,
}

/// What a claim leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The message.
    Message(Vec<u8>),
    /// The sender committed to what gives no message; this shows it to anybody.
    Fraud(Box<Evidence>),
}

/// A recipient of one delivery.
///
/// Nothing here does I/O. A copy must be durable before its agent is accepted, and each change of
/// [`Recipient::record`] before the acceptance leaves the house.
pub struct Recipient {
    delivery: Arc<Delivery>,
    shared: Shared,
    one_time: SecretKey,
    copies: BTreeMap<u8, Vec<u8>>,
    record: RecipientRecord,
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipient")
            .field("handed", &self.record.handed)
            .finish_non_exhaustive()
    }
}

impl Recipient {
    /// Takes up a delivery that a [`Scanner`](super::Scanner) found, by the terms that an agent showed. They must derive
    /// the very transaction on chain, coins, amounts, script and announcement with it, and the key that accepts an agent
    /// must be the one that this recipient derives. `depth` is its policy: how deep the funding must be before it accepts
    /// anybody.
    pub fn open(
        found: &Found,
        (terms, depth): (DeliverRecord, Depth),
        key: &SecretKey,
    ) -> Result<Recipient, DeliverError> {
        let recipient = Recipient::derive((terms, depth), key)?;
        recipient.delivery.check_funding(found.txid)?;
        Ok(recipient)
    }

    /// A recipient as it was when `record` was written. Key and copies are kept apart.
    pub fn restore(
        record: RecipientRecord,
        mut copies: BTreeMap<u8, Vec<u8>>,
        key: &SecretKey,
    ) -> Result<Recipient, DeliverError> {
        let RecipientRecord {
            terms,
            depth,
            kept,
            handed,
        } = record;
        let mut recipient = Recipient::derive((terms, depth), key)?;
        for (agent, branch) in kept {
            let copy = copies
                .remove(&agent)
                .ok_or(DeliverError::NoCopy { agent })?;
            check_kept(recipient.delivery.terms(), agent, &copy, &branch)?;
            recipient.record.kept.insert(agent, branch);
            recipient.copies.insert(agent, copy);
        }
        for (agent, accepted) in &handed {
            let agent = *agent;
            if !recipient.copies.contains_key(&agent) {
                return Err(DeliverError::NoCopy { agent });
            }
            recipient.delivery.check_acceptance(agent, accepted)?;
        }
        recipient.record.handed = handed;
        Ok(recipient)
    }

    fn derive(
        (record, depth): (DeliverRecord, Depth),
        key: &SecretKey,
    ) -> Result<Recipient, DeliverError> {
        let delivery = Arc::new(Delivery::new(record.check()?)?);
        let terms = delivery.terms().record();
        let shared = Shared::of_recipient(key, &terms.ephemeral);
        let one_time = shared.one_time_secret(key);
        let secp = Secp256k1::signing_only();
        // With another key nobody could be accepted; with another envelope key nobody could be convicted.
        let one_time = one_time
            .filter(|one_time| PublicKey::from_secret_key(&secp, one_time) == terms.recipient)
            .ok_or(DeliverError::NotMine { field: "recipient" })?;
        if shared.envelope_key().hash() != terms.envelope_key {
            let field = "envelope_key";
            return Err(DeliverError::NotMine { field });
        }
        let record = RecipientRecord {
            terms: terms.clone(),
            depth,
            kept: BTreeMap::new(),
            handed: BTreeMap::new(),
        };
        Ok(Recipient {
            delivery,
            shared,
            one_time,
            copies: BTreeMap::new(),
            record,
        })
    }

    /// What it asks its first agent for, from whom it learns the terms.
    pub fn first_request(found: &Found) -> Request {
        Request {
            funding: found.txid,
            accepted: BTreeSet::new(),
        }
    }

    /// What it asks an agent for. It says which others it has accepted already, one of which may outbid this one.
    pub fn request(&self) -> Result<Request, DeliverError> {
        let (outpoint, _) = self.delivery.coin()?;
        Ok(Request {
            funding: outpoint.txid,
            accepted: self.record.handed.keys().copied().collect(),
        })
    }

    /// What must be durable.
    pub fn record(&self) -> &RecipientRecord {
        &self.record
    }

    /// The copies kept, by agent.
    pub fn copies(&self) -> &BTreeMap<u8, Vec<u8>> {
        &self.copies
    }

    /// The delivery.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// Checks a copy and keeps it; gives the agent whose it is. The record changes.
    pub fn keep(&mut self, served: Served) -> Result<u8, DeliverError> {
        self.delivery.check_served(&served)?;
        let agent = served.agent;
        self.record.kept.insert(agent, served.branch);
        self.copies.insert(agent, served.copy);
        Ok(agent)
    }

    /// Accepts an agent whose copy is kept, while its claim has time to confirm: its signature lets this agent alone
    /// take the coin. The record changes: it must be durable before the acceptance is sent. A second time gives the same
    /// one. If that agent does not claim, another may be asked; the two then race and one is paid.
    ///
    /// # Errors
    /// [`DeliverError::Shallow`] before the depth of the policy, [`DeliverError::NotFunded`] without a coin,
    /// [`DeliverError::TooLate`]; nothing has changed.
    pub fn hand_over<R: RngCore + CryptoRng>(
        &mut self,
        agent: u8,
        (tip, coin): (u32, Coin),
        rng: &mut R,
    ) -> Result<Handover, DeliverError> {
        let terms = self.delivery.terms();
        if !self.copies.contains_key(&agent) {
            return Err(DeliverError::NoCopy { agent });
        }
        self.delivery.check_time((tip, coin), self.record.depth)?;
        let terms = terms.id();
        let signature = match self.record.handed.get(&agent) {
            Some(accepted) => *accepted,
            None => self.delivery.accept(agent, &self.one_time, rng)?,
        };
        self.record.handed.insert(agent, signature);
        Ok(Handover {
            terms,
            agent,
            signature,
        })
    }

    /// Reads the message with the key that a claim shows, confirmed or not.
    ///
    /// # Errors
    /// [`DeliverError::NoClaim`]; [`DeliverError::NoCopy`] if the copy of the agent that claimed is not kept: it may still
    /// be asked for.
    pub fn read(&self, claim: &Transaction) -> Result<Reading, DeliverError> {
        let txid = claim.compute_txid();
        let claimed = self.delivery.claimed_by(claim);
        let claimed = claimed.ok_or(DeliverError::NoClaim { txid })?;
        let agent = claimed.agent;
        let kept = (self.copies.get(&agent)).zip(self.record.kept.get(&agent));
        let (copy, branch) = kept.ok_or(DeliverError::NoCopy { agent })?;
        let envelope = unseal(&claimed.key, agent, copy)
            .filter(|envelope| envelope_hash(envelope) == self.record.terms.envelope);
        let message = envelope.as_deref();
        let opening = self.shared.envelope_key();
        let message = message.and_then(|envelope| open_envelope(&opening, envelope));
        if let Some(message) = message {
            return Ok(Reading::Message(message));
        }
        Ok(Reading::Fraud(Box::new(Evidence {
            terms: self.record.terms.clone(),
            agent,
            branch: branch.clone(),
            copy: copy.clone(),
            key: claimed.key,
            // A false copy is shown without it.
            opening: envelope.is_some().then_some(opening),
        })))
    }
}
