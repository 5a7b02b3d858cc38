//! What envelopes say: all messages of contracts as one enum.

use narthex_base::kinds::Kind;

use super::{
    Envelope, OfferMessage, WireFault, contract_message, offer_message, setup_message, small_kind,
};
use crate::{contract::ContractMessage, setup::SetupMessage};

/// What an envelope says. Links and transports carry it and do not look inside; it is for whoever delivers it, shows it or judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// An offer, or an answer to one.
    Offer(OfferMessage),
    /// Of a set-up.
    SetUp(SetupMessage),
    /// Of the life of a contract that is funded.
    Contract(Box<ContractMessage>),
    /// Of a small contract, by the kind of its message, whose bytes are the body.
    Small(Kind),
}

impl Saying {
    /// Reads it. The bounds of its type were checked before there was an envelope.
    ///
    /// # Errors
    /// [`WireFault`]: it is not what its envelope says that it is. The fault of whoever signed that.
    pub fn of(envelope: &Envelope) -> Result<Saying, WireFault> {
        if let Some(kind) = small_kind(envelope)? {
            return Ok(Saying::Small(kind));
        }
        if let Some(message) = offer_message(envelope)? {
            return Ok(Saying::Offer(message));
        }
        Ok(match contract_message(envelope)? {
            Some(message) => Saying::Contract(Box::new(message)),
            None => Saying::SetUp(setup_message(envelope)?),
        })
    }
}
