//! Proof against a sender whose delivery gives no message although its agent was paid.
//!
//! The sender bound itself on chain to everything that matters: to the copy by the root, to u_i and d_i by the hashes of
//! the agent's leaf, and through d_i to the secret that it shares with the recipient. So whoever has copy, key and, if
//! it comes to that, the shared secret can decrypt as the recipient does, and needs nobody's word.

use bitcoin::Txid;
use narthex_game_model::commitment::Multiproof;

use super::{
    DeliverError, DeliverRecord, Delivery, Served, Shared, UnsealingKey,
    agent::check_kept,
    seal::{envelope_hash, open_envelope, unseal},
};
use crate::wire::{Reader, WireError, Writer};

const KIND: &str = "NXD7";

/// What shows that the sender is at fault. With the shared secret it also shows all claim secrets of this delivery: the
/// recipient publishes it when the claim is buried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The terms.
    pub terms: DeliverRecord,
    /// Whose copy it is.
    pub agent: u8,
    /// Shows that the copy is under the root.
    pub branch: Multiproof,
    /// The copy.
    pub copy: Vec<u8>,
    /// Its key, as the claim shows it.
    pub key: UnsealingKey,
    /// The secret that decrypts the envelope, if the copy opens to it.
    pub shared: Option<Shared>,
}

/// What the sender did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its copy does not open under its key.
    DoesNotUnseal,
    /// Its copy opens to another envelope than the terms name.
    OtherEnvelope,
    /// Its envelope does not decrypt under the secret that it shares with the recipient.
    DoesNotDecrypt,
}

/// A sender found at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guilt {
    /// Whoever's coins funded by this transaction is at fault. Look for it on chain: terms that nobody funded are
    /// anybody's.
    pub funding: Txid,
    /// What it did.
    pub fault: Fault,
}

impl Evidence {
    /// Judges it; anybody comes to the same result.
    ///
    /// # Errors
    /// The evidence shows nothing against the sender.
    pub fn judge(&self) -> Result<Guilt, DeliverError> {
        let nothing = |problem| DeliverError::NoEvidence { problem };
        let delivery = Delivery::new(self.terms.clone().check()?)?;
        let (terms, agent) = (delivery.terms(), self.agent);
        check_kept(terms, agent, &self.copy, &self.branch)?;
        let own = terms.agent(agent)?;
        if self.key.hash() != own.unseal_hash {
            return Err(DeliverError::OtherKey { agent });
        }
        let (outpoint, _) = delivery.coin()?;
        let funding = outpoint.txid;
        let guilt = |fault| Ok(Guilt { funding, fault });
        let Some(envelope) = unseal(&self.key, agent, &self.copy) else {
            return guilt(Fault::DoesNotUnseal);
        };
        if envelope_hash(&envelope) != self.terms.envelope {
            return guilt(Fault::OtherEnvelope);
        }
        let shared = self.shared.as_ref();
        let shared = shared.ok_or(nothing("the copy opens, and the shared secret is missing"))?;
        if shared.claim_secret(&terms.delivery(), agent).hash() != own.claim_hash {
            return Err(nothing("the secret is not the one that the sender shared"));
        }
        match open_envelope(shared, &envelope) {
            None => guilt(Fault::DoesNotDecrypt),
            Some(_) => Err(nothing("the message opens")),
        }
    }

    /// Kind, key (32), whether the shared secret follows (1), the secret (32), then as [`Served`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let mut w = Writer::new(KIND);
        w.fixed(self.key.expose()).u8(self.shared.is_some().into());
        if let Some(shared) = &self.shared {
            w.fixed(shared.expose());
        }
        let served = Served {
            terms: self.terms.clone(),
            agent: self.agent,
            branch: self.branch.clone(),
            copy: self.copy.clone(),
        };
        served.write(&mut w)?;
        Ok(w.finish())
    }

    /// Reads it; it shows nothing before it is judged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Evidence, WireError> {
        let mut r = Reader::new(KIND, bytes)?;
        let key = UnsealingKey::from_bytes(r.array("key")?);
        let shared = match r.u8("shared")? {
            0 => None,
            1 => Some(Shared::from_bytes(r.array("shared")?)),
            other => return Err(WireError::invalid("shared", other)),
        };
        let served = Served::read(&mut r)?;
        r.finish()?;
        Ok(Evidence {
            terms: served.terms,
            agent: served.agent,
            branch: served.branch,
            copy: served.copy,
            key,
            shared,
        })
    }
}
