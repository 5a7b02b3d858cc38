//! Messages of a set-up in envelopes.

use narthex_base::codec::Message;

use super::{
    Envelope, WireFault,
    types::{ABORT, BIND, FUNDING, HELD, MessageType, NONCES, PROPOSAL, SHARES, TERMS, WHOLE},
};
use crate::setup::{Body, SetupMessage};

/// The type number of a message of a set-up. Its body is the message itself.
pub const fn setup_type(message: &SetupMessage) -> u16 {
    match message.body {
        Body::Proposal(_) => PROPOSAL,
        Body::Terms(_) => TERMS,
        Body::Bind { .. } => BIND,
        Body::Nonces(_) => NONCES,
        Body::Shares { .. } => SHARES,
        Body::Held => HELD,
        Body::Funding(_) => FUNDING,
        Body::Whole(_) => WHOLE,
        Body::Abort(_) | Body::Over(_) => ABORT,
    }
}

/// The message of a set-up that an envelope carries.
///
/// # Errors
/// [`WireFault::Decode`]; [`WireFault::Inside`] if type or attempt are not those of the envelope.
pub fn setup_message(envelope: &Envelope) -> Result<SetupMessage, WireFault> {
    let head = envelope.head();
    let row = MessageType::of(head.message)?;
    let message = SetupMessage::from_bytes(envelope.body()).map_err(WireFault::decode(row.name))?;
    let fields = [
        ("type", head.message.into(), setup_type(&message).into()),
        ("attempt", head.attempt.into(), message.attempt.into()),
    ];
    match fields.into_iter().find(|(_, out, inside)| out != inside) {
        Some((field, outside, inside)) => Err(WireFault::Inside {
            message: row.name,
            field,
            outside,
            inside,
        }),
        None => Ok(message),
    }
}
