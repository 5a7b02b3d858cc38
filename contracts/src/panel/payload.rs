//! The data output by which everybody finds an offer.

use bitcoin::{
    Script, ScriptBuf,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    opcodes::all::OP_RETURN,
    script::{Instruction, PushBytesBuf},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

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
        if !push.as_bytes().starts_with(OfferPayload::KIND.as_bytes()) {
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

impl Message for OfferPayload {
    const KIND: Kind = kinds::OFFER;

    /// Identity (32), expiry (4), hash of the terms (32).
    fn write(&self, w: &mut Writer) {
        w.key(&self.identity)
            .u32(self.expiry_height)
            .fixed(self.terms_hash.as_byte_array());
    }

    fn read(r: &mut Reader<'_>) -> Result<OfferPayload, DecodeError> {
        Ok(OfferPayload {
            identity: r.key("identity")?,
            expiry_height: r.u32("expiry")?,
            terms_hash: sha256::Hash::from_byte_array(r.array("terms")?),
        })
    }
}
