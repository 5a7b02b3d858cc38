//! What comes to a forwarded payment, what is kept of it, and what is to be done for it.

use std::fmt;

use bitcoin::secp256k1::SecretKey;

use super::{Forward, Ptlc, PtlcError, PtlcId, RevealedSecret};

/// A payment that a forwarder is asked for, with both its PTLCs as their places describe them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The order.
    pub order: Forward,
    /// What the forwarder holds: it is pending in a place whose coin is good.
    pub incoming: Ptlc,
    /// What it is to offer.
    pub outgoing: Ptlc,
}

/// How the place stands in which the forwarder is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// As usual.
    Open,
    /// Closed by force, or about to be: the incoming PTLC ends soon.
    Closing,
    /// Ended for good: nothing can be had there any more.
    Gone,
}

/// What comes to a forwarded payment.
#[derive(Clone, PartialEq, Eq)]
pub enum ForwardInput {
    /// An order, with the tip at this height.
    Offer(Box<Offer>, u32),
    /// The outgoing PTLC cannot be taken back any more.
    Sent,
    /// The secret of the outgoing PTLC: shown by its receiver, or by a claim on chain.
    Revealed(SecretKey),
    /// The receiver of the outgoing PTLC was given what it is owed.
    Paid,
    /// The forwarder was given what the incoming PTLC owes, with its secret.
    Collected(SecretKey),
    /// How the place of the incoming PTLC stands.
    Upstream(Upstream),
    /// The outgoing PTLC ended for good: by its claim, or without.
    Ended,
    /// The incoming PTLC is given up: its place counts on it no more.
    Failed,
}

/// What is kept of a forwarded payment.
#[derive(Clone, PartialEq, Eq)]
pub enum ForwardChange {
    /// The order was taken.
    Offered(Box<Offer>),
    /// The outgoing PTLC is out.
    Sent,
    /// Its secret is known.
    Revealed(SecretKey),
    /// Its receiver has what it is owed.
    Paid,
    /// The forwarder has what it is owed.
    Collected,
    /// The place of the incoming PTLC stands so.
    Upstream(Upstream),
    /// The outgoing PTLC ended without its secret.
    Ended,
    /// The incoming one is given up.
    Failed,
}

/// What is to be done for a forwarded payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardEffect {
    /// Offer this PTLC.
    Offer(Ptlc),
    /// Give the receiver of the outgoing PTLC what it is owed.
    Settle(PtlcId, RevealedSecret),
    /// Claim the incoming PTLC: ask for it, and if nothing comes, on chain before it ends.
    Claim(PtlcId, RevealedSecret),
    /// Give the incoming PTLC up.
    Fail(PtlcId),
    /// Close the place of the outgoing PTLC by force, so that it ends in time.
    ForceClose([u8; 32]),
}

impl Offer {
    /// Whether both PTLCs are those of an order by who knows the secret.
    pub(super) fn check(&self) -> Result<(), PtlcError> {
        let order = &self.order;
        if !order.is_proven() {
            return Err(PtlcError::Proof);
        }
        if order.in_place == order.out_place {
            return Err(PtlcError::Way("it goes back to where it came from"));
        }
        if self.incoming.point != order.point {
            return Err(PtlcError::OtherOrder("incoming PTLC"));
        }
        match self.outgoing.point == order.out_point()? {
            true => Ok(()),
            false => Err(PtlcError::OtherOrder("outgoing PTLC")),
        }
    }
}

impl fmt::Debug for ForwardInput {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardInput::Offer(offer, tip) => write!(f, "Offer({offer:?}, {tip})"),
            ForwardInput::Sent => f.write_str("Sent"),
            ForwardInput::Revealed(_) => f.write_str("Revealed(..)"),
            ForwardInput::Paid => f.write_str("Paid"),
            ForwardInput::Collected(_) => f.write_str("Collected(..)"),
            ForwardInput::Upstream(upstream) => write!(f, "Upstream({upstream:?})"),
            ForwardInput::Ended => f.write_str("Ended"),
            ForwardInput::Failed => f.write_str("Failed"),
        }
    }
}

impl fmt::Debug for ForwardChange {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardChange::Offered(offer) => write!(f, "Offered({offer:?})"),
            ForwardChange::Sent => f.write_str("Sent"),
            ForwardChange::Revealed(_) => f.write_str("Revealed(..)"),
            ForwardChange::Paid => f.write_str("Paid"),
            ForwardChange::Collected => f.write_str("Collected"),
            ForwardChange::Upstream(upstream) => write!(f, "Upstream({upstream:?})"),
            ForwardChange::Ended => f.write_str("Ended"),
            ForwardChange::Failed => f.write_str("Failed"),
        }
    }
}
