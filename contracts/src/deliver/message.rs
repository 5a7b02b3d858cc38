//! What sender, agents and recipient send each other, as bytes with bounds.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use std::{collections::BTreeSet, fmt};

use bitcoin::{
    Txid,
    hashes::Hash,
    secp256k1::{PublicKey, SecretKey, schnorr},
};
use narthex_game_model::commitment::Multiproof;

use super::{
    COPY_OVERHEAD_BYTES, DeliverRecord, DeliverTerms, MAX_AGENTS, MAX_DELIVER_TERMS_BYTES,
    MAX_MESSAGE_BYTES, UnsealingKey,
};

/// A copy with everything that shows whose it is: from the sender to its agent, and from the agent to the recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Served {
    /// The terms, unchecked.
    pub terms: DeliverRecord,
    /// Whose copy it is, by index.
    pub agent: u8,
    /// Shows that the copy is under the root.
    pub branch: Multiproof,
    /// The sealed copy.
    pub copy: Vec<u8>,
}

impl Message for Served {
    const KIND: Kind = kinds::SERVED;

    /// Terms as JSON with their length, agent (1), number of siblings (1), siblings, copy with its length.
    fn write(&self, w: &mut Writer) {
        // A record of numbers, texts and lists becomes JSON in memory always; bytes that did not would be read by nobody.
        let terms = serde_json::to_vec(&self.terms).unwrap_or_default();
        w.bytes(&terms).u8(self.agent);
        w.u8(u8::try_from(self.branch.siblings.len()).unwrap_or(u8::MAX));
        for sibling in &self.branch.siblings {
            w.fixed(sibling);
        }
        w.bytes(&self.copy);
    }

    fn read(r: &mut Reader<'_>) -> Result<Served, DecodeError> {
        let terms = r.bytes_up_to("terms", MAX_DELIVER_TERMS_BYTES)?;
        let terms = serde_json::from_slice(terms).map_err(|e| DecodeError::invalid("terms", e))?;
        let agent = r.u8("agent")?;
        let siblings = usize::from(r.u8("branch")?);
        // A branch has less than one sibling for each agent.
        if siblings >= MAX_AGENTS {
            return Err(DecodeError::invalid("branch", siblings));
        }
        let siblings = (0..siblings).map(|_| r.array("branch"));
        let siblings = siblings.collect::<Result<_, _>>()?;
        let copy = r.bytes_up_to("copy", MAX_MESSAGE_BYTES + COPY_OVERHEAD_BYTES)?;
        Ok(Served {
            terms,
            agent,
            branch: Multiproof { siblings },
            copy: copy.to_vec(),
        })
    }
}

/// What the sender gives an agent to keep. Nobody else may see it.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The copy.
    pub served: Served,
    /// Its key, u_i.
    pub key: UnsealingKey,
}

impl Message for Assignment {
    const KIND: Kind = kinds::ASSIGNMENT;

    /// Key (32), then as [`Served`].
    fn write(&self, w: &mut Writer) {
        w.fixed(self.key.expose());
        self.served.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Assignment, DecodeError> {
        let key = UnsealingKey::from_bytes(r.array("key")?);
        let served = Served::read(r)?;
        Ok(Assignment { served, key })
    }
}

/// An agent's word that it keeps its copy and takes these terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Id of the terms.
    pub terms: [u8; 32],
    /// Who agrees, by index.
    pub agent: u8,
    /// BIP340 signature by the agent's key.
    pub signature: schnorr::Signature,
}

/// The recipient asks for a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The funding that it found.
    pub funding: Txid,
    /// Which agents it has accepted already, by index.
    pub accepted: BTreeSet<u8>,
}

impl Message for Request {
    const KIND: Kind = kinds::REQUEST;

    /// Txid (32), bit i set if agent i was accepted (2).
    fn write(&self, w: &mut Writer) {
        let agents = (0..MAX_AGENTS as u8).filter(|agent| self.accepted.contains(agent));
        let accepted = agents.fold(0u16, |mask, agent| mask | 1 << agent);
        w.fixed(self.funding.as_byte_array()).u16(accepted);
    }

    fn read(r: &mut Reader<'_>) -> Result<Request, DecodeError> {
        let funding = Txid::from_byte_array(r.array("funding")?);
        let accepted = r.u16("accepted")?;
        if accepted >> MAX_AGENTS != 0 {
            return Err(DecodeError::invalid("accepted", accepted));
        }
        let accepted = (0..MAX_AGENTS as u8).filter(|agent| accepted >> agent & 1 == 1);
        let accepted = accepted.collect();
        Ok(Request { funding, accepted })
    }
}

/// What the recipient pays a copy with: its acceptance of an agent. It is no secret; nobody but this agent can use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// Id of the terms.
    pub terms: [u8; 32],
    /// Who is to be paid, by index.
    pub agent: u8,
    /// BIP340 signature by the recipient's one-time key, of the coin and the agent's leaf.
    pub signature: schnorr::Signature,
}

impl Message for Handover {
    const KIND: Kind = kinds::HANDOVER;

    /// Id of the terms (32), agent (1), signature (64).
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms)
            .u8(self.agent)
            .signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Handover, DecodeError> {
        Ok(Handover {
            terms: r.array("terms")?,
            agent: r.u8("agent")?,
            signature: r.signature("signature")?,
        })
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Served(agent {}, {} bytes)", self.agent, self.copy.len())
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assignment({:?})", self.served)
    }
}

impl Consent {
    /// Signs it.
    pub(super) fn sign(terms: &DeliverTerms, agent: u8, key: &SecretKey) -> Consent {
        let terms = terms.id();
        Consent {
            terms,
            agent,
            signature: statement::sign_by(&consenting(&terms, agent), key),
        }
    }

    /// Whether it is the word of the agent with this key.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        let digest = consenting(&self.terms, self.agent);
        statement::verify(&digest, &self.signature, &key.x_only_public_key().0).is_ok()
    }
}

impl Message for Consent {
    const KIND: Kind = kinds::CONSENT;

    /// Id of the terms (32), agent (1), signature (64).
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms)
            .u8(self.agent)
            .signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Consent, DecodeError> {
        Ok(Consent {
            terms: r.array("terms")?,
            agent: r.u8("agent")?,
            signature: r.signature("signature")?,
        })
    }
}

/// What an agent signs to keep its copy.
fn consenting(terms: &[u8; 32], agent: u8) -> [u8; 32] {
    tagged_hash_parts("narthex/deliver-consent", &[terms, &[agent]])
}
