//! What may go wrong in a schedule, and what an adversary does.

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::{
    setup::{Body, Cause, SetupMessage},
    toy::ToyFault,
};
use narthex_contracts::party::PartyId;
use serde::{Deserialize, Serialize};

/// A kind of disturbance. A seed enables a random half of them, so that rare ones meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A party is killed before or after it wrote something down, and starts again at once.
    Kill,
    /// A party that was killed stays away for a while.
    Absence,
    /// A message comes twice.
    Duplicate,
    /// Links are slow, each by another measure.
    Delay,
    /// A block is replaced by another.
    Reorg,
    /// Set-up: blocks come early, so that the deadline of the funding is near. Lives: the worker goes on chain unasked.
    Hurry,
    /// One party is an adversary, or two in league; in lives also as many arbiters as a majority can do without.
    Adversary,
    /// Lives: a party that is away or cut off stays so until nobody counts on it any more.
    Vanish,
    /// Lives: a party hears and sends nothing for a while.
    Partition,
    /// Lives: the miner leaves transactions out, for as long as a party reckons with.
    Censor,
    /// Lives: blocks are empty, for as long.
    Empty,
    /// Lives: the fee rate that the miner asks for goes up and down.
    Floor,
    /// Lives: a party's disk is an older copy of it, and the others return what it said.
    Rollback,
}

impl FaultKind {
    /// Those of a set-up.
    pub const SETUP: [FaultKind; 7] = [
        FaultKind::Kill,
        FaultKind::Absence,
        FaultKind::Duplicate,
        FaultKind::Delay,
        FaultKind::Reorg,
        FaultKind::Hurry,
        FaultKind::Adversary,
    ];

    /// Those of a contract's life.
    pub const LIFE: [FaultKind; 13] = [
        FaultKind::Kill,
        FaultKind::Absence,
        FaultKind::Duplicate,
        FaultKind::Delay,
        FaultKind::Reorg,
        FaultKind::Hurry,
        FaultKind::Adversary,
        FaultKind::Vanish,
        FaultKind::Partition,
        FaultKind::Censor,
        FaultKind::Empty,
        FaultKind::Floor,
        FaultKind::Rollback,
    ];
}

/// What an adversary does: the honest machine behind a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Sends nothing any more after so many messages.
    Mute {
        /// Messages before.
        after: u8,
    },
    /// Sends one party nothing.
    Ignore,
    /// Sends one party other nonces than the others.
    TwoNonces,
    /// Binds itself to other terms towards one party.
    TwoBinds,
    /// Sends one party other terms (the lead).
    TwoTerms,
    /// Changes a byte of what it sends now and then.
    Garble,
    /// Voids every attempt and accuses somebody of it.
    Accuse,
    /// Voids every attempt and owns up.
    Lose,
    /// Sends one party a share that does not verify.
    FalseShare,
    /// Sends witnesses that are not taken.
    FalseWitness,
    /// Proposes what cannot be read.
    BadProposal,
    /// Announces what does not verify (an arbiter).
    BadAnnouncement,
    /// Leaves a part out of the terms (the lead).
    BadTerms,
    /// Keeps its witnesses, or the whole funding, to itself.
    Withhold,
    /// Keeps the whole funding to itself, and publishes it when the others take their coins back (the lead).
    Hoard,
    /// Publishes a spend of its own input as soon as it has sent its witnesses.
    Outspend,
    /// Says that it holds everything when it does not.
    FalseHeld,
    /// Speaks to one party of attempts that nobody is at.
    Ahead,
    /// Accuses others, each time another, to one party only.
    Whisper,
    /// Sends what is no funding in place of it (the lead).
    BadWhole,
    /// Keeps one party waiting as long as it can in each phase, so that others find that one silent.
    Stall,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 21] = [
        Strategy::Mute { after: 0 },
        Strategy::Ignore,
        Strategy::TwoNonces,
        Strategy::TwoBinds,
        Strategy::TwoTerms,
        Strategy::Garble,
        Strategy::Accuse,
        Strategy::Lose,
        Strategy::FalseShare,
        Strategy::FalseWitness,
        Strategy::BadProposal,
        Strategy::BadAnnouncement,
        Strategy::BadTerms,
        Strategy::Withhold,
        Strategy::Hoard,
        Strategy::Outspend,
        Strategy::FalseHeld,
        Strategy::Ahead,
        Strategy::Whisper,
        Strategy::BadWhole,
        Strategy::Stall,
    ];

    /// Any of them.
    pub(super) fn draw(rng: &mut StdRng) -> Strategy {
        match Strategy::ALL[rng.gen_range(0..Strategy::ALL.len())] {
            Strategy::Mute { .. } => Strategy::Mute {
                after: rng.gen_range(0..30),
            },
            other => other,
        }
    }

    /// What its signer does wrong.
    pub(super) const fn fault(self, victim: PartyId) -> Option<ToyFault> {
        match self {
            Strategy::FalseShare => Some(ToyFault::FalseShare(victim)),
            Strategy::FalseWitness => Some(ToyFault::FalseWitness),
            Strategy::BadProposal => Some(ToyFault::BadProposal),
            Strategy::BadAnnouncement => Some(ToyFault::BadAnnouncement),
            Strategy::BadTerms => Some(ToyFault::BadTerms),
            _ => None,
        }
    }
}

/// An adversary at work.
#[derive(Clone, Debug)]
pub(super) struct Adversary {
    pub(super) party: PartyId,
    pub(super) strategy: Strategy,
    pub(super) victim: PartyId,
    sent: u32,
}

impl Adversary {
    pub(super) fn new(party: PartyId, strategy: Strategy, victim: PartyId) -> Adversary {
        Adversary {
            party,
            strategy,
            victim,
            sent: 0,
        }
    }

    /// What it sends in place of what its machine says; nothing, or several things.
    pub(super) fn filter(
        &mut self,
        to: PartyId,
        message: SetupMessage,
        rng: &mut StdRng,
    ) -> Vec<SetupMessage> {
        self.sent += 1;
        let attempt = message.attempt;
        let abort = |cause| SetupMessage {
            attempt,
            body: Body::Abort(cause),
        };
        let is_victim = to == self.victim;
        let mut message = message;
        match (self.strategy, &mut message.body) {
            (Strategy::Mute { after }, _) if self.sent > u32::from(after) => return Vec::new(),
            (Strategy::Ignore, _) if is_victim => return Vec::new(),
            (Strategy::TwoNonces, Body::Nonces(bytes)) if is_victim => flip(bytes),
            (Strategy::TwoBinds, Body::Bind { agreement, .. }) if is_victim => agreement[0] ^= 1,
            (Strategy::TwoTerms, Body::Terms(bytes)) if is_victim => flip(bytes),
            (Strategy::Garble, body) if rng.gen_range(0..6u8) == 0 => garble(body),
            (Strategy::Accuse, Body::Bind { .. } | Body::Nonces(_)) => {
                return vec![abort(Cause::Silent(self.victim))];
            }
            (Strategy::Lose, Body::Nonces(_)) => return vec![abort(Cause::Lost)],
            (Strategy::Withhold, Body::Funding(_) | Body::Whole(_))
            | (Strategy::Hoard, Body::Whole(_)) => return Vec::new(),
            (Strategy::Ahead, Body::Bind { .. }) if is_victim => {
                let (attempt, body) = (attempt.saturating_add(rng.gen_range(1..9)), Body::Held);
                return vec![SetupMessage { attempt, body }];
            }
            (Strategy::Whisper, Body::Nonces(_)) if is_victim => {
                return vec![abort(Cause::Silent(PartyId(rng.gen_range(0..4))))];
            }
            (Strategy::BadWhole, Body::Whole(bytes)) => flip(bytes),
            (Strategy::Stall, Body::Terms(_) | Body::Bind { .. } | Body::Nonces(_))
                if is_victim =>
            {
                return Vec::new();
            }
            (Strategy::FalseHeld, Body::Bind { .. }) => {
                let body = Body::Held;
                return vec![message, SetupMessage { attempt, body }];
            }
            _ => {}
        }
        vec![message]
    }
}

fn flip(bytes: &mut [u8]) {
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
}

fn garble(body: &mut Body) {
    match body {
        Body::Proposal(bytes)
        | Body::Terms(bytes)
        | Body::Nonces(bytes)
        | Body::Funding(bytes)
        | Body::Whole(bytes)
        | Body::Shares { shares: bytes, .. } => flip(bytes),
        Body::Bind { announcement, .. } => announcement.push(0),
        Body::Held | Body::Abort(_) | Body::Over(_) => {}
    }
}
