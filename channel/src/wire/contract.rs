//! Messages of a contract's life in envelopes.

use narthex_base::codec::Message;

use super::{
    Envelope, WireFault,
    types::{
        ATTESTATION, BOXES, COMMITMENT, DIGEST_SEEN, ENDING, EVIDENCE, HANDED_OVER, ITEM,
        MessageType, OPENING, RECEIPT, RELEASE, RULING_DIGEST,
    },
};
use crate::contract::{ContractMessage, Piece};

/// The type number of a message of a contract's life, by its first bytes; its body is the message itself. `None` if it is none,
/// or does not travel by itself.
pub fn contract_type(body: &[u8]) -> Option<u16> {
    let rest = body.strip_prefix(ContractMessage::KIND.as_bytes())?;
    let (which, rest) = rest.split_first()?;
    match *which {
        0 => {
            // The length of the piece comes before it.
            let piece = rest.get(4..)?.strip_prefix(Piece::KIND.as_bytes())?;
            match piece.first()? {
                1 => Some(ITEM),
                2 => Some(RECEIPT),
                3 => Some(COMMITMENT),
                4 => Some(BOXES),
                5 => Some(OPENING),
                // Tokens and records are shown to a panel alone, in evidence.
                _ => None,
            }
        }
        1 => Some(EVIDENCE),
        2 => Some(RELEASE),
        3 => Some(HANDED_OVER),
        4 => Some(ATTESTATION),
        5 => Some(ENDING),
        7 => Some(RULING_DIGEST),
        8 => Some(DIGEST_SEEN),
        _ => None,
    }
}

/// Whether a type number is one of a contract's life.
pub const fn is_contract_type(number: u16) -> bool {
    matches!(number, ITEM..=DIGEST_SEEN)
}

/// The message of a contract's life that an envelope carries; `None` if it carries another one.
///
/// # Errors
/// [`WireFault::Decode`]; [`WireFault::Inside`] if it is not what its envelope says.
pub fn contract_message(envelope: &Envelope) -> Result<Option<ContractMessage>, WireFault> {
    let head = envelope.head();
    let row = MessageType::of(head.message)?;
    if !is_contract_type(head.message) {
        return Ok(None);
    }
    let inside = contract_type(envelope.body()).unwrap_or(0);
    if inside != head.message {
        return Err(WireFault::Inside {
            message: row.name,
            field: "type",
            outside: head.message.into(),
            inside: inside.into(),
        });
    }
    let message = ContractMessage::from_bytes(envelope.body());
    message.map(Some).map_err(WireFault::decode(row.name))
}
