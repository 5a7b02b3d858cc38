//! Every deadline of a delivery and of a dispute, in one place, and whether a party can keep them.
//!
//! Heights decide who was late, so that no clock and no word of a party does. [`Schedule`] has what counts from the
//! delivery (TxD), [`PanelSchedule`] what counts from the appeal (TxA) or
//! the client's challenge (TxC). All are *last* heights: what is dated at that
//! height is in time. Windows are cut by whole blocks, rounded down, as everybody can count them.
//!
//! | by | who | what |
//! |---|---|---|
//! | D + ⌊Δ_V/3⌋ | worker | root of record confirmed; boxes and coefficient box handed over |
//! | D + ⌊5Δ_V/12⌋ | verifier | its nonce, which draws the sample |
//! | D + ⌊Δ_V/2⌋ | worker | token, sealed under the sample's digests |
//! | D + ⌊2Δ_V/3⌋ | verifier | reply: it has the token, or its own digests |
//! | D + ⌊3Δ_V/4⌋ | worker | opening, after a right reply |
//! | D + Δ_V | verifier | verdict confirmed; from here on the worker can take S2 |
//! | V + ⌊Δ_C/3⌋ | worker | boxes and opening handed over to the client, after an approval that confirmed at V (audited template); nobody can challenge before |
//! | V + Δ_C | client | its challenge (TxC) of that approval; from here on the worker can settle |
//! | A + ⌊E/3⌋ | both | evidence for the panel |
//! | A + ⌊E/3⌋ + (n − k + 1)·ρ | panel | its arbiters have told each other what they have heard, in rounds of ρ blocks |
//! | A + 2⌊E/3⌋ | both | moves of a search inside the disputed step |
//! | A + E | panel | attested, and the settlement confirmed |
//!
//! E is Δ_Q where a majority can do without an arbiter, and Δ_D where it can't. The set that leaves one arbiter out can be
//! used Δ_Q blocks after the accusation: an arbiter that has not spoken by then is slashed for silence, however long Δ_D is.
//!
//! ρ = ⌊⌊E/4⌋/(n − k + 1)⌋ follows from the terms like all other dates, so that every arbiter counts the same rounds, however fast its
//! own messages are. Tips differ by a block, so that a round of fewer than [`SHORTEST_ROUND`] blocks is none: then ρ is 0.
//!
//! What a party needs to keep these deadlines is its [`Pace`]; [`Pace::check`] names every row of the ledger that does not
//! fit the parameters.

mod ledger;
mod pace;

use serde::Serialize;

pub use ledger::{BrokenRow, Dates, LedgerError, LedgerRow};
pub use pace::{Pace, PaceError};

use crate::params::Params;

/// What counts from a delivery that confirmed at a height. All are the last heights that are in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// D: TxD confirmed.
    pub delivered: u32,
    /// Worker: root of record confirmed, boxes handed over.
    pub record: u32,
    /// Verifier: nonce of the sample.
    pub nonce: u32,
    /// Worker: sealed token. The block of this height draws the sample where the verifier has shown no nonce
    /// ([`crate::ruling`]).
    pub token: u32,
    /// Verifier: reply to the token.
    pub reply: u32,
    /// Worker: opening of the sample.
    pub opening: u32,
    /// Verifier: TxV0 or TxV1 confirmed; a block later S2 can be.
    pub verdict: u32,
}

impl Schedule {
    /// For a delivery at `delivered`. Only the hardened template has deliveries on chain; the windows of the paper's are
    /// not used.
    pub fn of(params: &Params, delivered: u32) -> Self {
        let window = u32::from(params.windows().verdict_blocks);
        // Twelfths of a 16-bit window stay far below 2³²; heights are below 5·10⁸.
        let at = |twelfths: u32| delivered.saturating_add(twelfths * window / 12);
        Self {
            delivered,
            record: at(4),
            nonce: at(5),
            token: at(6),
            reply: at(8),
            opening: at(9),
            verdict: at(12),
        }
    }

    /// Height of the block whose hash goes into the seed of the sample: the first after both delivery and record, which
    /// the worker could not know when it committed. The record may have confirmed before the delivery.
    pub const fn sample_height(delivered: u32, record: u32) -> u32 {
        let later = if delivered > record {
            delivered
        } else {
            record
        };
        later.saturating_add(1)
    }
}

/// What counts from an approval on chain (TxV1) in the audited template. All are the last heights that are in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChallengeSchedule {
    /// V: TxV1 confirmed.
    pub approved: u32,
    /// Worker: boxes and the client's own opening handed over to it, if that has not been done. TxC confirms at this
    /// height at the earliest.
    pub served: u32,
    /// S3' confirms at this height at the earliest: a block before, TxC has the approval to itself.
    pub claimed: u32,
}

impl ChallengeSchedule {
    /// For an approval at `approved`. In templates without a challenge all three are that height.
    pub fn of(params: &Params, approved: u32) -> Self {
        let at = |blocks: u16| approved.saturating_add(blocks.into());
        Self {
            approved,
            served: at(params.challenge_lock_blocks()),
            claimed: at(params.challenge_blocks()),
        }
    }
}

/// Blocks of the shortest round of messages between parties whose tips may differ by one.
pub const SHORTEST_ROUND: u32 = 2;

/// What counts from an accusation, an appeal or a challenge, that confirmed at a height. All are the last heights that are
/// in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PanelSchedule {
    /// A: TxA confirmed, or TxC.
    pub accused: u32,
    /// Evidence.
    pub evidence: u32,
    /// ρ: blocks of a round in which arbiters tell each other what they have heard; 0 if there are no rounds.
    pub round: u32,
    /// Behind the last round: nothing more is heard.
    pub heard: u32,
    /// Moves of a search inside the disputed step.
    pub moves: u32,
    /// Attested, and the settlement confirmed.
    pub settled: u32,
}

impl PanelSchedule {
    /// For an accusation at `accused`.
    pub fn of(params: &Params, accused: u32) -> Self {
        let window = u32::from(Self::blocks(params));
        let at = |blocks: u32| accused.saturating_add(blocks);
        let rounds = Self::rounds(params);
        let round = Some(window / 4 / rounds).filter(|blocks| *blocks >= SHORTEST_ROUND);
        let round = round.unwrap_or(0);
        Self {
            accused,
            evidence: at(window / 3),
            round,
            heard: at(window / 3 + rounds * round),
            moves: at(2 * (window / 3)),
            settled: at(window),
        }
    }

    /// n − k + 1: so many rounds are enough, since at most n − k of the panel's arbiters lie
    /// (`docs/adr/0121-evidence-in-common.md`).
    pub fn rounds(params: &Params) -> u32 {
        let liars = params.arbiters().saturating_sub(params.quorum());
        u32::from(liars) + 1
    }

    /// E: blocks that the panel has, from the accusation to a settlement on chain.
    pub fn blocks(params: &Params) -> u16 {
        let windows = params.windows();
        match params.quorum() < params.arbiters() {
            true => windows.per_missing_blocks,
            false => windows.decide_blocks,
        }
    }
}

/// Height from which an arbiter may take its stake back alone: after the last move of the longest story in which
/// everybody uses its whole window.
pub fn stake_unlock_height(params: &Params) -> u32 {
    let windows = params.windows();
    let challenge = params.challenge_blocks();
    let answer = windows.appeal_blocks.max(challenge);
    let dispute = u32::from(answer) + 2 * u32::from(windows.decide_blocks);
    let verdict = u32::from(windows.verdict_blocks);
    let complete = u32::from(challenge) + u32::from(windows.complete_blocks);
    // A valid t_deliver is below 5·10⁸, and windows have 16 bits.
    params.deliver_height() + verdict + complete.max(dispute)
}
