//! Proof against a sender whose delivery gives no message although its agent was paid.
//!
//! The sender bound itself on chain to everything that matters: to the copy by the root, to u_i by the agent's leaf, and
//! to envelope and envelope key by their hashes in the terms, which every key of the output hashes. So whoever has copy,
//! u_i and, if it comes to that, the envelope key can decrypt as the recipient does, and needs nobody's word.

use bitcoin::Txid;
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_game_model::commitment::Multiproof;

use super::{
    DeliverError, DeliverRecord, Delivery, EnvelopeKey, Served, UnsealingKey,
    agent::check_kept,
    seal::{envelope_hash, open_envelope, unseal},
};

/// What shows that the sender is at fault. It shows neither who the recipient is, nor anything that pays.
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
    /// The key of the envelope, if the copy opens to it.
    pub opening: Option<EnvelopeKey>,
}

/// What the sender did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its copy does not open under its key.
    DoesNotUnseal,
    /// Its copy opens to another envelope than the terms name.
    OtherEnvelope,
    /// Its envelope does not decrypt under the key that it shares with the recipient.
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
        let opening = self.opening.as_ref();
        let opening = opening.ok_or(nothing("the copy opens, and the envelope key is missing"))?;
        if opening.hash() != self.terms.envelope_key {
            return Err(nothing("the envelope key is not that of the terms"));
        }
        match open_envelope(opening, &envelope) {
            None => guilt(Fault::DoesNotDecrypt),
            Some(_) => Err(nothing("the message opens")),
        }
    }
}

impl Message for Evidence {
    const KIND: Kind = kinds::DELIVERY_EVIDENCE;

    /// u_i (32), whether the envelope key follows (1), that (32), then as [`Served`].
    fn write(&self, w: &mut Writer) {
        w.fixed(self.key.expose());
        w.optional(self.opening.as_ref(), |w, opening| {
            w.fixed(opening.expose());
        });
        let served = Served {
            terms: self.terms.clone(),
            agent: self.agent,
            branch: self.branch.clone(),
            copy: self.copy.clone(),
        };
        served.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Evidence, DecodeError> {
        let key = UnsealingKey::from_bytes(r.array("key")?);
        let opening = r.optional("opening", |r| {
            Ok(EnvelopeKey::from_bytes(r.array("opening")?))
        })?;
        let served = Served::read(r)?;
        Ok(Evidence {
            terms: served.terms,
            agent: served.agent,
            branch: served.branch,
            copy: served.copy,
            key,
            opening,
        })
    }
}
