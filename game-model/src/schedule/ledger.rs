//! The deadline ledger: what must hold so that a party can keep every deadline of a contract.

use std::fmt;

use serde::Serialize;

use super::{Pace, PanelSchedule, SHORTEST_ROUND, stake_unlock_height};
use crate::params::{Params, Quantity};

/// Least window in which somebody answers a transaction of somebody else: seen in one block, answered in the next.
pub(super) const LEAST_MOVE: u32 = 2;

/// What a contract is put beside, as far as it is known. Rows about what is not known are not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// Height of the best chain.
    pub tip: Option<u32>,
    /// Last height at which the funding transaction may confirm.
    pub funding: Option<u32>,
    /// Height at which the first of the arbiters' offers or bonds ends.
    pub bonds_end: Option<u32>,
    /// Longest dispute that the least patient arbiter takes part in, in blocks.
    pub longest_dispute: Option<u32>,
    /// Blocks of the longest search inside a step: (2·rounds + 1)·response, 0 where steps are not cut.
    pub search_blocks: u32,
}

/// A row of the ledger. The names of the variants are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LedgerRow {
    /// Not the paper's template, which has no delivery on chain to count from.
    Hardened,
    /// tip + setup + b + r ≤ funding deadline.
    FundInTime,
    /// Funding deadline ≤ t_deliver − Δ_T.
    FundBeforeWork,
    /// Δ_T ≥ work + b.
    Work,
    /// ⌊Δ_V/3⌋ ≥ b: root of record after the delivery.
    VerdictRecord,
    /// ⌊Δ_V/12⌋ ≥ m + r + 1: nonce, token and opening each wait until the sample's block is r deep. If it were less, a
    /// reorganisation would give another sample after some of the first was opened, and the two together give the result.
    VerdictTwelfth,
    /// ⌊Δ_V/6⌋ ≥ check + m: the verifier computes the sample and replies.
    VerdictCheck,
    /// ⌊Δ_V/4⌋ ≥ b + r: the verdict after the opening. A rejection for an opening that did not come counts only above its deadline,
    /// so the verifier waits until no reorganisation puts it there.
    VerdictConfirm,
    /// Δ_A ≥ 2b + r: a verifier may reject in the block of the delivery. Then the worker's root is on record b blocks later at
    /// the worst, and the worker appeals when that is r deep (whoever takes both back could have the appeal first, which is
    /// lost, whatever the work); and b blocks for the appeal.
    Appeal,
    /// Δ_W ≥ b + r.
    Complete,
    /// ⌊Δ_C/3⌋ ≥ ⌊Δ_V/3⌋ + m + r + 1, in the audited template: where nobody has drawn a sample, the block after approval and
    /// root does, and the worker serves the client once that is deep.
    ChallengeServe,
    /// Δ_C − ⌊Δ_C/3⌋ ≥ check + m + b, there too: the client checks what was opened, and its challenge confirms.
    Challenge,
    /// E ≥ b: a settlement by the panel confirms.
    Quorum,
    /// ⌊E/3⌋ ≥ evidence + m.
    DecideEvidence,
    /// ⌊E/3⌋ ≥ (2·rounds + 1)·response: the search inside a step.
    DecideSearch,
    /// ⌊E/3⌋ ≥ judge + m + b.
    DecideJudge,
    /// ρ ≥ m + 1, where ρ is [`PanelSchedule::round`]: what an arbiter passes on is with the others before the next round ends, also with
    /// those whose tip is a block ahead.
    DecideRound,
    /// E − ⌊7E/12⌋ ≥ judge + max(2m, 3) + b + r: behind the rounds arbiters judge and have their digests answered, and the settlement
    /// confirms for good before a smaller set opens. Three blocks are those in which an arbiter sees that the rounds are over, and that
    /// it has ruled, and the one in which the smaller set may confirm.
    DecideHear,
    /// (n−k)Δ_Q + Δ_A ≤ Δ_D: the slowest majority has the chain to itself.
    DecideSlowest,
    /// End of offers and bonds > stake unlock height + r.
    Bonds,
    /// Δ_V + Δ_A + 2Δ_D ≤ the longest dispute of each arbiter.
    Lock,
}

impl LedgerRow {
    /// Name of the deadline, then the two sides of the inequality with what stands between.
    pub const fn inequality(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Hardened => ("template", "hardened", "=", "true"),
            Self::FundInTime => ("fund", "tip + setup + b + r", "<=", "funding deadline"),
            Self::FundBeforeWork => ("fund", "funding deadline", "<=", "t_deliver - work window"),
            Self::Work => ("work", "work window", ">=", "work + b"),
            Self::VerdictRecord => ("verdict", "verdict window / 3", ">=", "b"),
            Self::VerdictTwelfth => ("verdict", "verdict window / 12", ">=", "m + r + 1"),
            Self::VerdictCheck => ("verdict", "verdict window / 6", ">=", "check + m"),
            Self::VerdictConfirm => ("verdict", "verdict window / 4", ">=", "b + r"),
            Self::Appeal => ("appeal", "appeal window", ">=", "2 * b + r"),
            Self::Complete => ("complete", "completion window", ">=", "b + r"),
            Self::ChallengeServe => (
                "challenge",
                "challenge window / 3",
                ">=",
                "verdict window / 3 + m + r + 1",
            ),
            Self::Challenge => (
                "challenge",
                "two thirds of the challenge window",
                ">=",
                "check + m + b",
            ),
            Self::Quorum => ("quorum", "panel's window", ">=", "b"),
            Self::DecideEvidence => ("decide", "panel's window / 3", ">=", "evidence + m"),
            Self::DecideSearch => (
                "decide",
                "panel's window / 3",
                ">=",
                "(2 * rounds + 1) * response",
            ),
            Self::DecideJudge => ("decide", "panel's window / 3", ">=", "judge + m + b"),
            Self::DecideRound => ("decide", "panel's window / 4 / (n - k + 1)", ">=", "m + 1"),
            Self::DecideHear => (
                "decide",
                "panel's window - 7 * panel's window / 12",
                ">=",
                "judge + max(2 * m, 3) + b + r",
            ),
            Self::DecideSlowest => (
                "decide",
                "(n - k) * per missing + appeal",
                "<=",
                "decision window",
            ),
            Self::Bonds => ("bonds", "end of offers", ">", "stake unlock height + r"),
            Self::Lock => (
                "lock",
                "verdict + appeal + 2 * decision",
                "<=",
                "longest dispute of each arbiter",
            ),
        }
    }
}

/// A row and the values that break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// Which row.
    pub row: LedgerRow,
    /// Value of the left-hand side.
    pub lhs: Quantity,
    /// Value of the right-hand side.
    pub rhs: Quantity,
}

impl fmt::Display for BrokenRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, left, relation, right) = self.row.inequality();
        let (lhs, rhs) = (self.lhs, self.rhs);
        write!(
            f,
            "{name}: {left} {relation} {right} violated: {left} = {lhs}, {right} = {rhs}"
        )
    }
}

/// Why a party of this pace must not enter the contract: every row that does not hold, at least one. Nobody's fault, but
/// of who enters all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerError {
    broken: Vec<BrokenRow>,
}

impl LedgerError {
    /// The rows in the ledger's order.
    pub fn broken(&self) -> &[BrokenRow] {
        &self.broken
    }

    /// Whether this row is among them.
    pub fn breaks(&self, row: LedgerRow) -> bool {
        self.broken.iter().any(|broken| broken.row == row)
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, broken) in self.broken.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{broken}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LedgerError {}

impl Pace {
    /// Whether a party of this pace keeps every deadline of the contract, whoever else is slow.
    ///
    /// # Errors
    /// [`LedgerError`] with every row that does not hold.
    pub fn check(&self, params: &Params, dates: &Dates) -> Result<(), LedgerError> {
        let mut ledger = Ledger(Vec::new());
        ledger.rows(self, params, dates);
        match ledger.0.is_empty() {
            true => Ok(()),
            false => Err(LedgerError { broken: ledger.0 }),
        }
    }
}

struct Ledger(Vec<BrokenRow>);

impl Ledger {
    fn require(&mut self, row: LedgerRow, holds: bool, lhs: Quantity, rhs: Quantity) {
        if !holds {
            self.0.push(BrokenRow { row, lhs, rhs });
        }
    }

    fn at_least(&mut self, row: LedgerRow, blocks: u64, least: u64) {
        let (lhs, rhs) = (Quantity::Blocks(blocks), Quantity::Blocks(least));
        self.require(row, blocks >= least, lhs, rhs);
    }

    fn rows(&mut self, pace: &Pace, params: &Params, dates: &Dates) {
        if !params.template().has_delivery() {
            let (lhs, rhs) = (Quantity::Absent, Quantity::Present);
            return self.require(LedgerRow::Hardened, false, lhs, rhs);
        }
        let windows = params.windows();
        let wide = |blocks: u16| u64::from(blocks);
        let (r, b, m) = (wide(pace.reorg), wide(pace.confirm), wide(pace.message));
        let (verdict, panel) = (
            wide(windows.verdict_blocks),
            wide(PanelSchedule::blocks(params)),
        );
        self.fund(pace, params, dates);
        self.at_least(
            LedgerRow::Work,
            wide(windows.work_blocks),
            wide(pace.work) + b,
        );
        self.at_least(LedgerRow::VerdictRecord, verdict / 3, b);
        self.at_least(LedgerRow::VerdictTwelfth, verdict / 12, m + r + 1);
        self.at_least(LedgerRow::VerdictCheck, verdict / 6, wide(pace.check) + m);
        self.at_least(LedgerRow::VerdictConfirm, verdict / 4, b + r);
        self.at_least(LedgerRow::Appeal, wide(windows.appeal_blocks), 2 * b + r);
        self.at_least(LedgerRow::Complete, wide(windows.complete_blocks), b + r);
        if params.audit().is_some() {
            let window = wide(params.challenge_blocks());
            let serve = verdict / 3 + m + r + 1;
            self.at_least(LedgerRow::ChallengeServe, window / 3, serve);
            let least = wide(pace.check) + m + b;
            self.at_least(LedgerRow::Challenge, window - window / 3, least);
        }
        self.at_least(LedgerRow::Quorum, panel, b);
        let third = panel / 3;
        self.at_least(LedgerRow::DecideEvidence, third, wide(pace.evidence) + m);
        self.at_least(LedgerRow::DecideSearch, third, dates.search_blocks.into());
        self.at_least(LedgerRow::DecideJudge, third, wide(pace.judge) + m + b);
        let missing = u64::from(params.arbiters().saturating_sub(params.quorum()));
        let round = PanelSchedule::of(params, 0).round;
        let least = (m + 1).max(SHORTEST_ROUND.into());
        self.at_least(LedgerRow::DecideRound, round.into(), least);
        let rest = wide(pace.judge) + (2 * m).max(3) + b + r;
        self.at_least(LedgerRow::DecideHear, panel - 7 * panel / 12, rest);
        let slowest = missing * wide(windows.per_missing_blocks) + wide(windows.appeal_blocks);
        let decide = wide(windows.decide_blocks);
        self.require(
            LedgerRow::DecideSlowest,
            slowest <= decide,
            Quantity::Blocks(slowest),
            Quantity::Blocks(decide),
        );
        if let Some(end) = dates.bonds_end {
            let unlock = stake_unlock_height(params).saturating_add(pace.reorg.into());
            let (lhs, rhs) = (Quantity::Height(end), Quantity::Height(unlock));
            self.require(LedgerRow::Bonds, end > unlock, lhs, rhs);
        }
        if let Some(longest) = dates.longest_dispute {
            let answer = windows.appeal_blocks.max(params.challenge_blocks());
            let total = verdict + wide(answer) + 2 * decide;
            let (lhs, rhs) = (Quantity::Blocks(total), Quantity::Blocks(longest.into()));
            self.require(LedgerRow::Lock, total <= longest.into(), lhs, rhs);
        }
    }

    fn fund(&mut self, pace: &Pace, params: &Params, dates: &Dates) {
        let Some(deadline) = dates.funding else {
            return;
        };
        if let Some(tip) = dates.tip {
            let least = [pace.setup, pace.confirm, pace.reorg];
            let least = least
                .iter()
                .fold(tip, |sum, blocks| sum.saturating_add((*blocks).into()));
            let (lhs, rhs) = (Quantity::Height(least), Quantity::Height(deadline));
            self.require(LedgerRow::FundInTime, least <= deadline, lhs, rhs);
        }
        let latest = params
            .deliver_height()
            .saturating_sub(params.windows().work_blocks.into());
        let (lhs, rhs) = (Quantity::Height(deadline), Quantity::Height(latest));
        self.require(LedgerRow::FundBeforeWork, deadline <= latest, lhs, rhs);
    }
}
