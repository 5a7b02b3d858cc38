//! What a side of a channel knows, in parts.

use std::collections::VecDeque;

use bitcoin::{FeeRate, OutPoint, ScriptBuf, Transaction, secp256k1::PublicKey};
use narthex_contracts::{
    channel::{Basepoints, CommitmentShare, Side, State, Update},
    musig::{AdaptorSignature, PublicNonce},
};

use super::{ChannelOffer, Revocation};

/// The points and the nonce by which one side's next commitments are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Number of the commitment that is not revoked.
    pub(super) number: u64,
    /// Its point, and that of the next.
    pub(super) points: [PublicKey; 2],
    /// Verification nonce of the next.
    pub(super) nonce: PublicNonce,
}

impl Ends {
    pub(super) fn roll(&mut self, revocation: &Revocation) {
        self.number += 1;
        self.points = [self.points[1], revocation.point];
        self.nonce = revocation.nonce;
    }

    pub(super) fn point(&self, number: u64) -> Option<PublicKey> {
        let ahead = number.checked_sub(self.number)?;
        self.points.get(usize::try_from(ahead).ok()?).copied()
    }
}

/// What a side has of one of its own commitments.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) number: u64,
    pub(super) share: CommitmentShare,
    pub(super) second: Vec<AdaptorSignature>,
}

/// How far a round is. The words are the messages that were said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Proposed,
    Accepted,
    Committed,
}

#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) owner: Side,
    pub(super) cut: [u64; 2],
    pub(super) next: State,
    pub(super) phase: Phase,
}

/// Staged updates of one side that are in no locked state yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Staged {
    /// How many came before the first.
    pub(super) first: u64,
    pub(super) updates: VecDeque<Update>,
}

impl Staged {
    pub(super) fn count(&self) -> u64 {
        self.first + self.updates.len() as u64
    }

    pub(super) fn below(&self, cut: u64) -> impl Iterator<Item = &Update> {
        let count = cut.saturating_sub(self.first);
        self.updates
            .iter()
            .take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub(super) fn drop_below(&mut self, cut: u64) {
        let count = cut
            .saturating_sub(self.first)
            .min(self.updates.len() as u64);
        self.updates.drain(..count as usize);
        self.first += count;
    }
}

/// Where an opening is.
#[derive(Debug, Clone, Default)]
pub(super) struct Opening {
    pub(super) offer: Option<Box<ChannelOffer>>,
    pub(super) consent: Option<(Basepoints, [PublicKey; 2])>,
    pub(super) funding: Option<(OutPoint, [PublicNonce; 2])>,
    pub(super) first: Option<[PublicNonce; 2]>,
    pub(super) is_second: bool,
}

/// How an agreed close stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Closing {
    /// Where opener and accepter are paid.
    pub(super) scripts: [Option<ScriptBuf>; 2],
    /// At which rate the opener is to begin.
    pub(super) rate: Option<FeeRate>,
    /// The attempt.
    pub(super) attempt: Option<(FeeRate, PublicNonce)>,
    /// The accepter's share for it.
    pub(super) share: Option<CommitmentShare>,
    /// Whole, with the opener.
    pub(super) whole: Option<Transaction>,
}

/// How a payment has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Paid,
    /// It was given back.
    Failed,
}
