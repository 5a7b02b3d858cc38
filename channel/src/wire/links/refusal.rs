//! Why nothing changes on a link.

use bitcoin::hex::DisplayHex;

use super::LinkPhase;
use crate::wire::WireFault;

/// Why an input changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinksRefusal {
    /// The peer's fault, or what it says.
    #[error(transparent)]
    Wire(#[from] WireFault),
    /// No such contract with this peer.
    #[error("there is no contract {} with this peer", .contract.as_hex())]
    NoContract {
        /// Which.
        contract: [u8; 32],
    },
    /// The contract is over, or was opened with other parties. The caller's fault.
    #[error("contract {} is over, or among others", .contract.as_hex())]
    OtherContract {
        /// Which.
        contract: [u8; 32],
    },
    /// Nothing new is signed now. Nobody's fault; see [`LinkPhase`].
    #[error("nothing new is signed: {}", words(.phase))]
    NotNow {
        /// Why.
        phase: LinkPhase,
    },
    /// A number too far on: something before it is missing.
    #[error("number {given} came where {next} is awaited")]
    Gap {
        /// The number that is awaited.
        next: u64,
        /// What came.
        given: u64,
    },
    /// What was to be said differs from what was said already. The fault of this node: it must never be sent.
    #[error("{message} number {seq} would contradict what this node has signed")]
    OwnContradiction {
        /// Which message.
        message: &'static str,
        /// Its number.
        seq: u64,
    },
    /// The peer has contradicted itself in this contract: nothing else of it counts.
    #[error("the peer has signed two different things in contract {}", .contract.as_hex())]
    Contradicted {
        /// Which.
        contract: [u8; 32],
    },
    /// A start that was before. The caller's fault.
    #[error("start {given} comes after start {known}")]
    OldBoot {
        /// The last one.
        known: u64,
        /// The one that is said.
        given: u64,
    },
}

const fn words(phase: &LinkPhase) -> &'static str {
    match phase {
        LinkPhase::Waking => "the peer has not said yet how far it has read",
        LinkPhase::Open => "the link is open",
        LinkPhase::RolledBack => {
            "this disk is older than what was said with it; what is missing is being fetched"
        }
        LinkPhase::Forked => {
            "this node's key has signed two different messages of one number; a copy of the node runs or ran"
        }
    }
}
