//! How fast a party's messages, machines and transactions are, in blocks.

use serde::{Deserialize, Serialize};

use crate::params::{Audit, ParamsRecord, Windows};

/// What a party counts on, in blocks. Its own policy: nobody else's signature depends on it.
///
/// Whoever reads "confirmed" as "confirmed next" loses by a busy week, and whoever reads "confirmed" as "for ever" by a
/// reorganisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// r: blocks that a reorganisation may undo.
    pub reorg: u16,
    /// b: until a transaction confirms, whatever the fee rate.
    pub confirm: u16,
    /// m: for a round of messages, through the arbiters' mailboxes at the worst.
    pub message: u16,
    /// From terms to a funding transaction that all have signed.
    pub setup: u16,
    /// The worker's computation and commitment.
    pub work: u16,
    /// The verifier's computation of the sample, or the client's of what it looks at.
    pub check: u16,
    /// An arbiter's judgement of one step.
    pub judge: u16,
    /// For putting evidence together and handing it over.
    pub evidence: u16,
}

impl Pace {
    /// Bitcoin's main chain: six blocks for what must last or must confirm.
    pub const MAINNET: Self = Self {
        reorg: 6,
        confirm: 6,
        message: 1,
        setup: 6,
        work: 1,
        check: 1,
        judge: 1,
        evidence: 1,
    };

    /// A chain that is mined on demand, where everything takes a block.
    pub const REGTEST: Self = Self {
        reorg: 1,
        confirm: 1,
        message: 1,
        setup: 1,
        work: 1,
        check: 1,
        judge: 1,
        evidence: 1,
    };

    /// The shortest Δ_C that a party of this pace keeps beside this Δ_V: a third for the worker to serve the client, the rest for the
    /// client to check and to challenge.
    ///
    /// # Errors
    /// [`PaceError`] if it would exceed 16 bits; whoever states the pace is at fault.
    pub fn challenge_blocks(&self, verdict_blocks: u16) -> Result<u16, PaceError> {
        let wide = |blocks: u16| u32::from(blocks);
        let serve = wide(self.message) + wide(self.reorg) + 1;
        let third = wide(verdict_blocks / 3) + serve;
        let rest = wide(self.check) + wide(self.message) + wide(self.confirm);
        let blocks = 3 * third.max(rest.div_ceil(2));
        u16::try_from(blocks).map_err(|_| PaceError { blocks })
    }

    /// The shortest windows that a party of this pace keeps, with a panel of `quorum` of `arbiters`: what
    /// [`Self::check`] finds no row against. `moves` are the blocks of a search inside a step, 0 where steps are not cut.
    ///
    /// # Errors
    /// [`PaceError`] if a window would exceed 16 bits; whoever states the pace is at fault.
    pub fn windows(&self, arbiters: u8, quorum: u8, moves: u32) -> Result<Windows, PaceError> {
        let wide = |blocks: u16| u32::from(blocks);
        let (reorg, confirm, message) = (wide(self.reorg), wide(self.confirm), wide(self.message));
        let fits = |blocks: u32| u16::try_from(blocks).map_err(|_| PaceError { blocks });
        let move_blocks = confirm + reorg;
        // A twelfth, a sixth, a third and a quarter of the window must hold what `check` asks of them.
        let verdict = [
            12 * (message + reorg + 1),
            6 * (wide(self.check) + message),
            3 * confirm,
            4 * confirm,
        ];
        let third = (wide(self.evidence) + message)
            .max(moves)
            .max(wide(self.judge) + message + confirm);
        let missing = u32::from(arbiters.saturating_sub(quorum));
        // A quarter of the window has so many rounds.
        let hears = (message + 1)
            .max(super::SHORTEST_ROUND)
            .saturating_mul(4 * (missing + 1));
        // The first window of which five twelfths, rounded up, are so much.
        let rules = wide(self.judge) + (2 * message).max(3) + confirm + reorg;
        let rules = rules.saturating_sub(1).saturating_mul(12) / 5 + 1;
        let panel = third.saturating_mul(3).max(confirm).max(hears).max(rules);
        let appeal = (2 * confirm + reorg).max(super::ledger::LEAST_MOVE);
        let complete = move_blocks.max(super::ledger::LEAST_MOVE);
        let decide = match missing {
            0 => panel.max(appeal),
            _ => panel.saturating_mul(missing).saturating_add(appeal),
        };
        Ok(Windows {
            work_blocks: fits((wide(self.work) + confirm).max(1))?,
            verdict_blocks: fits(verdict.into_iter().max().unwrap_or(0))?,
            appeal_blocks: fits(appeal)?,
            complete_blocks: fits(complete)?,
            decide_blocks: fits(decide.max(super::ledger::LEAST_MOVE))?,
            per_missing_blocks: match missing {
                0 => 1,
                _ => fits(panel)?,
            },
        })
    }
}

impl ParamsRecord {
    /// The same record with the shortest windows that a party of this pace keeps ([`Pace::windows`],
    /// [`Pace::challenge_blocks`]).
    ///
    /// # Errors
    /// [`PaceError`].
    pub fn paced(self, pace: &Pace, moves: u32) -> Result<Self, PaceError> {
        let quorum = self.mu.ceil_of(u32::from(self.arbiters));
        let quorum = u8::try_from(quorum).unwrap_or(u8::MAX);
        let windows = pace.windows(self.arbiters, quorum, moves)?;
        let challenge_blocks = pace.challenge_blocks(windows.verdict_blocks)?;
        let audit = self.audit.map(|audit| Audit {
            challenge_blocks,
            ..audit
        });
        Ok(Self {
            windows,
            audit,
            ..self
        })
    }
}

/// A pace for which no window is long enough. Whoever stated it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a window of {blocks} blocks is asked for; a relative lock has at most 65535 (BIP68)")]
pub struct PaceError {
    /// Blocks that the window would need.
    pub blocks: u32,
}
