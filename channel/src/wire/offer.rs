//! Messages of an offer in envelopes.

use narthex_base::codec::Message;

use super::{
    Envelope, WireFault,
    types::{ACCEPT, DECLINE, MessageType, OFFER},
};
use crate::offer::{Accept, Decline, Offering};

/// What is said of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferMessage {
    /// The offer, from the client to everybody.
    Offer(Box<Offering>),
    /// The sender takes part, to everybody.
    Accept(Box<Accept>),
    /// The sender does not, to everybody.
    Decline(Decline),
}

impl OfferMessage {
    /// Its type number.
    pub const fn number(&self) -> u16 {
        match self {
            OfferMessage::Offer(_) => OFFER,
            OfferMessage::Accept(_) => ACCEPT,
            OfferMessage::Decline(_) => DECLINE,
        }
    }

    /// Its body.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            OfferMessage::Offer(m) => m.to_bytes(),
            OfferMessage::Accept(m) => m.to_bytes(),
            OfferMessage::Decline(m) => m.to_bytes(),
        }
    }
}

/// The message of an offer that an envelope carries; `None` if it carries another one.
///
/// # Errors
/// [`WireFault::Decode`]; [`WireFault::Inside`] if it is of an attempt, or an offer under an id that is not its own.
pub fn offer_message(envelope: &Envelope) -> Result<Option<OfferMessage>, WireFault> {
    let head = envelope.head();
    let row = MessageType::of(head.message)?;
    let (decode, body) = (WireFault::decode(row.name), envelope.body());
    let message = match head.message {
        OFFER => OfferMessage::Offer(Box::new(Offering::from_bytes(body).map_err(decode)?)),
        ACCEPT => OfferMessage::Accept(Box::new(Accept::from_bytes(body).map_err(decode)?)),
        DECLINE => OfferMessage::Decline(Decline::from_bytes(body).map_err(decode)?),
        _ => return Ok(None),
    };
    let inside = |field, outside, inside| WireFault::Inside {
        message: row.name,
        field,
        outside,
        inside,
    };
    if head.attempt != 0 {
        return Err(inside("attempt", head.attempt.into(), 0));
    }
    if let OfferMessage::Offer(offering) = &message {
        let (outside, own) = (first(&head.contract), offering.offer.id());
        if own != head.contract {
            return Err(inside("id, whose first bytes are", outside, first(&own)));
        }
    }
    Ok(Some(message))
}

fn first(id: &[u8; 32]) -> u64 {
    id.first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
