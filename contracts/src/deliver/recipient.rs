//! The recipient's side: finds, checks, hands over, reads. It holds no coin and signs nothing.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Transaction, secp256k1::SecretKey};
use narthex_game_model::commitment::Multiproof;
use serde::{Deserialize, Serialize};

use super::{
    Coin, DeliverError, DeliverRecord, Delivery, Evidence, Found, Handover, Request, Served,
    Shared,
    agent::check_kept,
    seal::{envelope_hash, open_envelope, unseal},
};

/// What a recipient must not forget, besides its key and the copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientRecord {
    /// The terms, as an agent showed them.
    pub terms: DeliverRecord,
    /// Of which agents a copy is kept, with its branch.
    pub kept: BTreeMap<u8, Multiproof>,
    /// Which agents may have their secret.
    pub handed: BTreeSet<u8>,
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
/// Nothing here does I/O. A copy must be durable before its agent is given its secret, and each change of
/// [`Recipient::record`] before the secret leaves the house.
pub struct Recipient {
    delivery: Delivery,
    shared: Shared,
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
    /// the very transaction on chain, coins, amounts, script and announcement with it, and every agent must be able to
    /// claim with what this recipient derives.
    pub fn open(
        found: &Found,
        terms: DeliverRecord,
        key: &SecretKey,
    ) -> Result<Recipient, DeliverError> {
        let recipient = Recipient::derive(terms, key)?;
        let (outpoint, _) = recipient.delivery.coin()?;
        if outpoint.txid != found.txid {
            return Err(DeliverError::OtherFunding {
                derived: outpoint.txid,
                found: found.txid,
            });
        }
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
            kept,
            handed,
        } = record;
        let mut recipient = Recipient::derive(terms, key)?;
        for (agent, branch) in kept {
            let copy = copies
                .remove(&agent)
                .ok_or(DeliverError::NoCopy { agent })?;
            check_kept(recipient.delivery.terms(), agent, &copy, &branch)?;
            recipient.record.kept.insert(agent, branch);
            recipient.copies.insert(agent, copy);
        }
        if let Some(agent) = handed
            .iter()
            .find(|agent| !recipient.copies.contains_key(agent))
        {
            return Err(DeliverError::NoCopy { agent: *agent });
        }
        recipient.record.handed = handed;
        Ok(recipient)
    }

    fn derive(record: DeliverRecord, key: &SecretKey) -> Result<Recipient, DeliverError> {
        let delivery = Delivery::new(record.check()?)?;
        let (terms, id) = (delivery.terms(), delivery.terms().delivery());
        let shared = Shared::of_recipient(key, &terms.record().ephemeral);
        for (agent, own) in (0..).zip(&terms.record().agents) {
            if shared.claim_secret(&id, agent).hash() != own.claim_hash {
                return Err(DeliverError::NotMine { agent });
            }
        }
        let record = RecipientRecord {
            terms: terms.record().clone(),
            kept: BTreeMap::new(),
            handed: BTreeSet::new(),
        };
        Ok(Recipient {
            delivery,
            shared,
            copies: BTreeMap::new(),
            record,
        })
    }

    /// What it asks an agent for.
    pub fn request(found: &Found) -> Request {
        let funding = found.txid;
        Request { funding }
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
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Checks a copy and keeps it; gives the agent whose it is. The record changes.
    pub fn keep(&mut self, served: Served) -> Result<u8, DeliverError> {
        if served.terms != self.record.terms {
            return Err(DeliverError::Foreign);
        }
        let agent = served.agent;
        check_kept(self.delivery.terms(), agent, &served.copy, &served.branch)?;
        self.record.kept.insert(agent, served.branch);
        self.copies.insert(agent, served.copy);
        Ok(agent)
    }

    /// Hands over the secret of an agent whose copy is kept, while its claim has time to confirm. The record changes: it
    /// must be durable before the secret is sent. If that agent does not claim, another may be asked; the two then race
    /// and one is paid.
    pub fn hand_over(&mut self, agent: u8, tip: u32, coin: Coin) -> Result<Handover, DeliverError> {
        let terms = self.delivery.terms();
        if !self.copies.contains_key(&agent) {
            return Err(DeliverError::NoCopy { agent });
        }
        let depth = 1;
        if !coin.is_buried(tip, depth) {
            return Err(DeliverError::NotFunded { tip, depth });
        }
        if !terms.in_time(tip) {
            let refund_height = terms.record().refund_height;
            return Err(DeliverError::TooLate { tip, refund_height });
        }
        self.record.handed.insert(agent);
        Ok(Handover {
            terms: terms.id(),
            agent,
            secret: self.shared.claim_secret(&terms.delivery(), agent),
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
        let message = message.and_then(|envelope| open_envelope(&self.shared, envelope));
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
            shared: envelope.is_some().then(|| self.shared.clone()),
        })))
    }
}
