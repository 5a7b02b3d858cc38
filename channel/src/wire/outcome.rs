//! What a link hands out.

use super::{
    AskDeclined, Chunk, Contradiction, Envelope, Fault, Frame, SignedHead, Want, WireFault,
    links::{Kept, LinksRefusal},
};
use crate::{OpenError, StepError};

/// What is to be done for whoever has the socket, and the machines of the contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send a frame.
    Send(Vec<u8>),
    /// A message for its contract's machine. When it is on the contract's disk, or refused for good: [`Link::taken`](super::Link::taken).
    Deliver(Envelope),
    /// A message whose body the peer has no more: whatever needs it has to begin anew. Then [`Link::taken`](super::Link::taken).
    Missing(SignedHead),
    /// A first message of a contract that this node does not know. If it is to be one: [`Link::open_contract`](super::Link::open_contract), then
    /// [`Link::received_envelope`](super::Link::received_envelope). If it is an ask that is not to be one: [`Link::turn_away`](super::Link::turn_away).
    Knock(Envelope),
    /// A later message of a contract that this node does not know. If that is one that is closed: [`Link::read_over`](super::Link::read_over); else
    /// it comes again when the contract is there.
    Unknown(SignedHead),
    /// An own message that this disk has forgotten. The contract is to take it for said; then [`Link::imported`](super::Link::imported).
    Import(Kept),
    /// An own message that the peer has lost, whose body is with its contract alone: [`Link::refilled`](super::Link::refilled) with it if that has it,
    /// without if it has it no more. As long as nobody can say, nothing: [`Link::refills`](super::Link::refills) asks again.
    Refill(SignedHead),
    /// The peer has contradicted itself. When its contract knows: [`Link::noted`](super::Link::noted).
    Prove(Contradiction),
    /// The peer asks for a chunk of a job. Whether it may is still to be seen.
    Want(Want),
    /// A chunk of a job came. What it is is still to be seen.
    Chunk(Chunk),
    /// The peer turns an ask for a small contract away.
    Declined(AskDeclined),
    /// Own key has signed two things: for the operator.
    Alarm(Contradiction),
    /// Read nothing more for so many milliseconds.
    Pause(u64),
    /// End the connection.
    Close(Close),
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Close {
    /// What came is not what may come.
    #[error(transparent)]
    Fault(WireFault),
    /// The peer sends, or asks to be sent, more than it may.
    #[error("the peer has sent or asked for more than {most} bytes at once")]
    Flood {
        /// What it may.
        most: u64,
    },
    /// A stranger goes on as if it were none.
    #[error("a stranger may send {bytes} bytes and begin {contracts} contracts")]
    Stranger {
        /// Bytes that it may.
        bytes: u64,
        /// Contracts that it may.
        contracts: usize,
    },
    /// The peer begins more contracts than anybody may.
    #[error("the peer has begun more than {most} contracts that are not known")]
    Contracts {
        /// What it may.
        most: usize,
    },
    /// The first message was no hello, or a later one was.
    #[error("a connection begins with one hello")]
    Hello,
    /// The peer is on another chain.
    #[error("the peer's contracts are on another chain")]
    OtherChain,
    /// The peer needs what this program has not.
    #[error("the peer needs features {unknown:#x}, which this program does not know")]
    Features {
        /// Bits of them.
        unknown: u64,
    },
}

/// Why a link does not go on. Never what a peer sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The caller's order is refused, and changed nothing.
    #[error(transparent)]
    Refused(#[from] LinksRefusal),
    /// It may not be durable. The fault of this computer: open the link again.
    #[error("{0}")]
    Log(StepError<LinksRefusal>),
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Outcome {
    /// Bytes that the peer is sent by it, or by what follows from it.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Outcome::Send(bytes) => bytes.len(),
            Outcome::Refill(signed) => signed.head.length as usize,
            _ => 0,
        }
    }
}

pub(super) fn send(frame: &Frame) -> Outcome {
    Outcome::Send(frame.to_bytes())
}

pub(super) const fn flood(most: u64) -> Outcome {
    Outcome::Close(Close::Flood { most })
}

/// Something that cannot be: it is told, and the connection ends.
pub(super) fn closed(fault: WireFault) -> Vec<Outcome> {
    let told = Frame::Fault(Fault::new(fault.code(), &fault.to_string()));
    vec![send(&told), Outcome::Close(Close::Fault(fault))]
}

/// Something that may be a misunderstanding: it is told.
pub(super) fn fault(refusal: &LinksRefusal) -> Outcome {
    let code = match refusal {
        LinksRefusal::Wire(fault) => fault.code(),
        _ => 0,
    };
    send(&Frame::Fault(Fault::new(code, &refusal.to_string())))
}
