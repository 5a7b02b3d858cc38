//! The data output by which everybody finds an offer.

use bitcoin::{
    Script, ScriptBuf,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    opcodes::all::OP_RETURN,
    script::{Instruction, PushBytesBuf},
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};

/// Kind and version of the payload.
const KIND: Kind = kinds::OFFER;

/// What an offer says: 72 bytes behind an `OP_RETURN`, below the 80 that every node relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferPayload {
    /// Key that the arbiter is known by.
    pub identity: XOnlyPublicKey,
    /// Height from which the bond can be withdrawn.
    pub expiry_height: u32,
    /// [`OfferTerms::hash`](super::OfferTerms::hash).
    pub terms_hash: sha256::Hash,
}

impl OfferPayload {
    /// Kind (4), identity (32), expiry (4), hash of the terms (32).
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::new(KIND)
            .fixed(&self.identity.serialize())
            .u32(self.expiry_height)
            .fixed(self.terms_hash.as_byte_array())
            .finish()
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<OfferPayload, DecodeError> {
        let mut r = Reader::new(KIND, bytes)?;
        let identity = XOnlyPublicKey::from_slice(r.slice("identity", 32)?)
            .map_err(|e| DecodeError::invalid("identity", e))?;
        let payload = OfferPayload {
            identity,
            expiry_height: r.u32("expiry")?,
            terms_hash: sha256::Hash::from_byte_array(r.array("terms")?),
        };
        r.finish()?;
        Ok(payload)
    }

    /// The output script.
    pub fn script(&self) -> ScriptBuf {
        // 72 bytes always fit a push.
        let push = PushBytesBuf::try_from(self.to_bytes()).unwrap_or_default();
        ScriptBuf::new_op_return(push)
    }

    /// Reads an output script; `None` if it is of another kind altogether. One payload has one script: a longer
    /// push opcode or more pushes are refused.
    pub fn from_script(script: &Script) -> Option<Result<OfferPayload, DecodeError>> {
        let mut instructions = script.instructions();
        if !matches!(instructions.next(), Some(Ok(Instruction::Op(OP_RETURN)))) {
            return None;
        }
        let Some(Ok(Instruction::PushBytes(push))) = instructions.next() else {
            return None;
        };
        if !push.as_bytes().starts_with(KIND.as_bytes()) {
            return None;
        }
        let payload = OfferPayload::from_bytes(push.as_bytes()).and_then(|payload| {
            if payload.script().as_script() == script {
                Ok(payload)
            } else {
                Err(DecodeError::invalid("script", "not the canonical push"))
            }
        });
        Some(payload)
    }
}
