//! What a transport tells, and why it refuses.

use std::{fmt, io};

use bitcoin::secp256k1::PublicKey;

use super::limits::{MAX_MESSAGE_BYTES, MESSAGE_TYPES};

/// What happened to a transport, in order of time for each peer.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// Both sides have shown their keys: messages can be sent.
    Connected {
        /// The other node.
        node: PublicKey,
        /// Whether it came to us.
        inbound: bool,
    },
    /// A peer sent a message.
    Message {
        /// Who sent it.
        from: PublicKey,
        /// One of [`MESSAGE_TYPES`].
        kind: u16,
        /// At most [`MAX_MESSAGE_BYTES`].
        bytes: Vec<u8>,
    },
    /// A connection is over. What was still queued for the peer is gone; what it sent before has been told before.
    Disconnected {
        /// The other node.
        node: PublicKey,
        /// Who ended it, and why.
        reason: Reason,
    },
    /// A node that is to be connected was not reached; it is tried again. Told once until it has been read.
    Unreachable {
        /// Who was looked for.
        node: PublicKey,
        /// Why it was not reached.
        reason: Unreachable,
    },
}

impl fmt::Debug for Event {
    /// Without what messages hold: shares of secrets are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Connected { node, inbound } => {
                write!(f, "Connected({node}, inbound: {inbound})")
            }
            Event::Message { from, kind, bytes } => {
                write!(f, "Message({kind}, {} bytes, from {from})", bytes.len())
            }
            Event::Disconnected { node, reason } => write!(f, "Disconnected({node}, {reason:?})"),
            Event::Unreachable { node, reason } => write!(f, "Unreachable({node}, {reason:?})"),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The network, or the other side: it closed, died, answered no ping, or broke the protocol of the transport.
    Gone,
    /// This side wanted it.
    Own,
    /// The peer sent more than it was granted: its fault.
    Flood {
        /// What it had sent beyond what was taken out, in bytes.
        bytes: u64,
    },
    /// A stranger sent more than strangers may.
    Stranger {
        /// What it had sent, in bytes.
        bytes: u64,
    },
    /// The peer took out nothing of what waited for it, look after look.
    NotReading {
        /// What waited, in bytes.
        bytes: u64,
    },
    /// The peer granted credit for what was not sent, or in bytes that are no credit: its fault.
    BadCredit,
    /// A stranger whose place another one needed.
    Crowded,
}

/// Why a node was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// No connection there, as the system says.
    Connect(io::ErrorKind),
    /// Whoever is there has another key, does not speak BOLT 8, has no place for us, or did not answer in time.
    Handshake,
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no connection to this node now. Nobody's fault; it is sent again when there is one.
    #[error("no connection to the node")]
    NotConnected,
    /// No room: the peer, or the network, is slower than this side. Nothing was queued.
    #[error("{queued} bytes wait for the node already")]
    Full {
        /// What waits for it, in bytes.
        queued: u64,
    },
    /// The caller's fault.
    #[error("a message of {bytes} bytes; at most {MAX_MESSAGE_BYTES} fit")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The caller's fault.
    #[error("type {kind} is not of ours ({MESSAGE_TYPES:?}), or the transport's own")]
    Kind {
        /// The type.
        kind: u16,
    },
}
