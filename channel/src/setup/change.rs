//! What a set-up writes down.

use narthex_contracts::party::PartyId;

use super::{Body, Bound, Cause};

/// One entry of the log.
#[derive(Clone, PartialEq, Eq)]
pub enum SetupChange {
    /// Own part of the terms.
    Proposed(Vec<u8>),
    /// The lead's terms.
    Assembled(Vec<u8>),
    /// Own salt is bound.
    Bound(Bound),
    /// Own public nonces.
    Announced(Vec<u8>),
    /// Everything of the ceremony so far: before the first share leaves.
    Signed(Vec<u8>),
    /// A stage is closed.
    Closed {
        /// Which.
        stage: u8,
        /// All signatures, at the last stage.
        signatures: Option<Vec<u8>>,
    },
    /// Own witnesses, or the lead's whole transaction: before they leave.
    Funded(Vec<u8>),
    /// Something of a peer's.
    Received {
        /// Whose.
        from: PartyId,
        /// What.
        body: Body,
    },
    /// An attempt is void.
    Voided {
        /// The next one.
        next: u8,
        /// Why.
        cause: Cause,
    },
    /// When the others are late, seconds since 1970.
    Clock {
        /// The time.
        due_s: u64,
    },
    /// The funding is buried.
    Live {
        /// Height of its block.
        height: u32,
    },
    /// A reorganisation took the funding out of its block.
    Unburied,
    /// Own coins are to be taken back.
    Withdrawing,
    /// The negotiation is over.
    Dropped(Cause),
    /// The chain has the funding, with own witnesses that by this log never left: an old disk was put back.
    Found,
    /// The process started again: how long it was away is not the others' silence.
    Awake,
}

// Ceremonies are long.
impl std::fmt::Debug for SetupChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proposed(bytes) => write!(f, "Proposed {} bytes", bytes.len()),
            Self::Assembled(bytes) => write!(f, "Assembled {} bytes", bytes.len()),
            Self::Bound(bound) => bound.fmt(f),
            Self::Announced(bytes) => write!(f, "Announced {} bytes", bytes.len()),
            Self::Signed(bytes) => write!(f, "Signed {} bytes", bytes.len()),
            Self::Closed { stage, .. } => write!(f, "Closed stage {stage}"),
            Self::Funded(bytes) => write!(f, "Funded {} bytes", bytes.len()),
            Self::Received { from, body } => write!(f, "Received of {from:?}: {body:?}"),
            Self::Voided { next, cause } => write!(f, "Voided, {next} is next: {cause:?}"),
            Self::Clock { due_s } => write!(f, "Clock {due_s}"),
            Self::Live { height } => write!(f, "Live at {height}"),
            Self::Unburied => f.write_str("Unburied"),
            Self::Withdrawing => f.write_str("Withdrawing"),
            Self::Dropped(cause) => write!(f, "Dropped: {cause:?}"),
            Self::Found => f.write_str("Found"),
            Self::Awake => f.write_str("Awake"),
        }
    }
}
