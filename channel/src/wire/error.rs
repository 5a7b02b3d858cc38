//! What is wrong with something that came over a link.

use bitcoin::secp256k1::PublicKey;
use narthex_base::codec::DecodeError;

/// What is wrong with something that came. Its sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireFault {
    /// A frame that is longer than any.
    #[error("a frame of {given} bytes; there are none above {most}")]
    Frame {
        /// Its bytes.
        given: usize,
        /// Most that there are.
        most: usize,
    },
    /// An even type number that this program does not know: it may not be ignored.
    #[error("a message of type {number}, which this program does not know and may not ignore")]
    UnknownType {
        /// The number.
        number: u16,
    },
    /// A body that is too short or too long for its type.
    #[error("{message} of {given} bytes; it has {least} to {most}")]
    Length {
        /// Which message.
        message: &'static str,
        /// Its bytes.
        given: usize,
        /// Fewest bytes.
        least: usize,
        /// Most bytes.
        most: usize,
    },
    /// It does not read.
    #[error("{message}: {error}")]
    Decode {
        /// Which message.
        message: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
    /// A message of one connection in an envelope, or a contract's without one.
    #[error("{message} does not travel so")]
    Carrier {
        /// Which message.
        message: &'static str,
    },
    /// The body says something else than the envelope.
    #[error("{message}: its envelope says {field} {outside}, it says {inside}")]
    Inside {
        /// Which message.
        message: &'static str,
        /// Which field.
        field: &'static str,
        /// In the envelope.
        outside: u64,
        /// In the body.
        inside: u64,
    },
    /// The signature is not by the sender's node key over these bytes.
    #[error("{message} number {seq} is not signed by {from}")]
    Unsigned {
        /// Which message.
        message: &'static str,
        /// Its number.
        seq: u64,
        /// Who is said to have sent it.
        from: PublicKey,
    },
    /// On the link of one node, what another sent.
    #[error("{from} sent it, and this is the link of {peer}")]
    OtherSender {
        /// Who sent it.
        from: Box<PublicKey>,
        /// Whose link it is.
        peer: Box<PublicKey>,
    },
    /// It is not for this party.
    #[error("{message} number {seq} is for others")]
    NotForMe {
        /// Which message.
        message: &'static str,
        /// Its number.
        seq: u64,
    },
    /// One more contract, or receivers, than there may be.
    #[error("more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Most of them.
        most: usize,
    },
    /// A body is longer than this contract can have.
    #[error("{message} of {given} bytes; in this contract there are {most} at most")]
    Contract {
        /// Which message.
        message: &'static str,
        /// Its bytes.
        given: usize,
        /// Most in this contract.
        most: usize,
    },
    /// The pieces do not make the body that was signed.
    #[error("the pieces of {message} number {seq} are not what was signed")]
    Pieces {
        /// Which message.
        message: &'static str,
        /// Its number.
        seq: u64,
    },
}

impl WireFault {
    pub(super) fn other_sender(from: PublicKey, peer: PublicKey) -> WireFault {
        let (from, peer) = (Box::new(from), Box::new(peer));
        WireFault::OtherSender { from, peer }
    }

    pub(super) fn decode(message: &'static str) -> impl FnOnce(DecodeError) -> WireFault {
        move |error| WireFault::Decode { message, error }
    }

    /// A short code for [`Fault`](super::Fault).
    pub const fn code(&self) -> u16 {
        match self {
            WireFault::Frame { .. } => 1,
            WireFault::UnknownType { .. } => 2,
            WireFault::Length { .. } => 3,
            WireFault::Decode { .. } => 4,
            WireFault::Carrier { .. } => 5,
            WireFault::Inside { .. } => 6,
            WireFault::Unsigned { .. } => 7,
            WireFault::OtherSender { .. } => 8,
            WireFault::NotForMe { .. } => 9,
            WireFault::TooMany { .. } => 10,
            WireFault::Contract { .. } => 11,
            WireFault::Pieces { .. } => 12,
        }
    }
}
