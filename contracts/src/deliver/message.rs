//! What sender, agents and recipient send each other, as bytes with bounds.

use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;
use std::{collections::BTreeSet, fmt};

use bitcoin::{
    Txid,
    hashes::Hash,
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey, schnorr},
};
use narthex_game_model::commitment::Multiproof;

use super::{
    COPY_OVERHEAD_BYTES, DeliverRecord, DeliverTerms, MAX_AGENTS, MAX_DELIVER_TERMS_BYTES,
    MAX_MESSAGE_BYTES, UnsealingKey,
};

const ASSIGNMENT: Kind = kinds::ASSIGNMENT;
const CONSENT: Kind = kinds::CONSENT;
const REQUEST: Kind = kinds::REQUEST;
const SERVED: Kind = kinds::SERVED;
const HANDOVER: Kind = kinds::HANDOVER;

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

/// What the sender gives an agent to keep. Nobody else may see it.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The copy.
    pub served: Served,
    /// Its key, u_i.
    pub key: UnsealingKey,
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

impl Served {
    pub(super) fn write(&self, w: &mut Writer) -> Result<(), DecodeError> {
        let terms =
            serde_json::to_vec(&self.terms).map_err(|e| DecodeError::invalid("terms", e))?;
        w.bytes(&terms).u8(self.agent);
        w.u8(u8::try_from(self.branch.siblings.len()).unwrap_or(u8::MAX));
        for sibling in &self.branch.siblings {
            w.fixed(sibling);
        }
        w.bytes(&self.copy);
        Ok(())
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Served, DecodeError> {
        let length = r.count("terms", 1)?;
        if length > MAX_DELIVER_TERMS_BYTES {
            return Err(DecodeError::invalid("terms", format!("{length} bytes")));
        }
        let terms = serde_json::from_slice(r.slice("terms", length)?)
            .map_err(|e| DecodeError::invalid("terms", e))?;
        let agent = r.u8("agent")?;
        let siblings = usize::from(r.u8("branch")?);
        // A branch has less than one sibling for each agent.
        if siblings >= MAX_AGENTS {
            return Err(DecodeError::invalid("branch", siblings));
        }
        let siblings = (0..siblings).map(|_| r.array("branch"));
        let siblings = siblings.collect::<Result<_, _>>()?;
        let length = r.count("copy", 1)?;
        if length > MAX_MESSAGE_BYTES + COPY_OVERHEAD_BYTES {
            return Err(DecodeError::invalid("copy", format!("{length} bytes")));
        }
        Ok(Served {
            terms,
            agent,
            branch: Multiproof { siblings },
            copy: r.slice("copy", length)?.to_vec(),
        })
    }

    /// As it travels: terms as JSON with their length, agent (1), number of siblings (1), siblings, copy with its length.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DecodeError> {
        let mut w = Writer::new(SERVED);
        self.write(&mut w)?;
        Ok(w.finish())
    }

    /// Reads one; it shows nothing before it is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Served, DecodeError> {
        let mut r = Reader::new(SERVED, bytes)?;
        let served = Served::read(&mut r)?;
        r.finish()?;
        Ok(served)
    }
}

impl Assignment {
    /// As it travels: key (32), then as [`Served`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, DecodeError> {
        let mut w = Writer::new(ASSIGNMENT);
        w.fixed(self.key.expose());
        self.served.write(&mut w)?;
        Ok(w.finish())
    }

    /// Reads one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Assignment, DecodeError> {
        let mut r = Reader::new(ASSIGNMENT, bytes)?;
        let key = UnsealingKey::from_bytes(r.array("key")?);
        let served = Served::read(&mut r)?;
        r.finish()?;
        Ok(Assignment { served, key })
    }
}

impl Consent {
    /// Signs it.
    pub(super) fn sign(terms: &DeliverTerms, agent: u8, key: &SecretKey) -> Consent {
        let secp = Secp256k1::signing_only();
        let message = consent_message(&terms.id(), agent);
        Consent {
            terms: terms.id(),
            agent,
            signature: secp.sign_schnorr_no_aux_rand(&message, &key.keypair(&secp)),
        }
    }

    /// Whether it is the word of the agent with this key.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        let message = consent_message(&self.terms, self.agent);
        let (key, _) = key.x_only_public_key();
        let secp = Secp256k1::verification_only();
        secp.verify_schnorr(&self.signature, &message, &key).is_ok()
    }

    /// Kind, id of the terms (32), agent (1), signature (64).
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::new(CONSENT)
            .fixed(&self.terms)
            .u8(self.agent)
            .fixed(&self.signature.serialize())
            .finish()
    }

    /// Reads one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Consent, DecodeError> {
        let mut r = Reader::new(CONSENT, bytes)?;
        let consent = Consent {
            terms: r.array("terms")?,
            agent: r.u8("agent")?,
            signature: schnorr::Signature::from_slice(r.slice("signature", 64)?)
                .map_err(|e| DecodeError::invalid("signature", e))?,
        };
        r.finish()?;
        Ok(consent)
    }
}

fn consent_message(terms: &[u8; 32], agent: u8) -> Message {
    Message::from_digest(tagged_hash_parts(
        "narthex/deliver-consent",
        &[terms, &[agent]],
    ))
}

impl Request {
    /// Kind, txid (32), bit i set if agent i was accepted (2).
    pub fn to_bytes(&self) -> Vec<u8> {
        let txid = self.funding.to_byte_array();
        let agents = (0..MAX_AGENTS as u8).filter(|agent| self.accepted.contains(agent));
        let accepted = agents.fold(0u16, |mask, agent| mask | 1 << agent);
        Writer::new(REQUEST)
            .fixed(&txid)
            .fixed(&accepted.to_be_bytes())
            .finish()
    }

    /// Reads one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Request, DecodeError> {
        let mut r = Reader::new(REQUEST, bytes)?;
        let funding = Txid::from_byte_array(r.array("funding")?);
        let accepted = u16::from_be_bytes(r.array("accepted")?);
        r.finish()?;
        if accepted >> MAX_AGENTS != 0 {
            return Err(DecodeError::invalid("accepted", accepted));
        }
        let accepted = (0..MAX_AGENTS as u8).filter(|agent| accepted >> agent & 1 == 1);
        let accepted = accepted.collect();
        Ok(Request { funding, accepted })
    }
}

impl Handover {
    /// Kind, id of the terms (32), agent (1), signature (64).
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::new(HANDOVER)
            .fixed(&self.terms)
            .u8(self.agent)
            .fixed(&self.signature.serialize())
            .finish()
    }

    /// Reads one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Handover, DecodeError> {
        let mut r = Reader::new(HANDOVER, bytes)?;
        let handover = Handover {
            terms: r.array("terms")?,
            agent: r.u8("agent")?,
            signature: schnorr::Signature::from_slice(r.slice("signature", 64)?)
                .map_err(|e| DecodeError::invalid("signature", e))?,
        };
        r.finish()?;
        Ok(handover)
    }
}
