//! How an arbiter stands, for its operator: its cases, what is due when, what it has earned, and whether it can judge.

use std::collections::BTreeMap;

use narthex::bitcoin::{Amount, secp256k1::PublicKey};
use serde::{Deserialize, Serialize};

use super::{ArbiterPolicy, BurnedStatus, OfferingStatus};
use crate::party::{DateStatus, Part, Policy};

/// How a node stands as an arbiter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArbiterStatus {
    /// Its id, which its cases name.
    #[schema(value_type = String, pattern = "^0[23][0-9a-f]{64}$")]
    pub node: PublicKey,
    /// Where others reach it; empty if they do not.
    pub address: String,
    /// Height of the chain that its wallet has seen, if it has seen any.
    pub tip: Option<u32>,
    /// When its Bitcoin node has answered last, in seconds since 1970.
    pub looked_s: Option<u64>,
    /// How it judges.
    pub judge: JudgeStatus,
    /// Within which bounds it sits.
    pub bounds: BoundsStatus,
    /// That it takes no new case, if it has said so.
    pub burned: Option<BurnedStatus>,
    /// Its offers on chain with their bonds, if it is to make any or has made some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offering: Option<OfferingStatus>,
    /// How many cases there are in each state.
    pub states: BTreeMap<String, u64>,
    /// Cases of which the end is not so deep that nothing takes it back: those that count against `max_cases`.
    pub open_cases: u32,
    /// What all cases together have brought, those that are put away among them.
    pub money: MoneyStatus,
    /// Cases that are over, and put away: they are counted among the states, and are pages of the archive.
    #[serde(default)]
    pub archived: u64,
    /// Its other cases, those first of which the next date comes first.
    pub cases: Vec<CaseStatus>,
}

/// How an arbiter judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JudgeStatus {
    /// Whether each question goes to a process of its own, without network and files.
    pub is_boxed: bool,
    /// What was found when the box was tried, as the node was started.
    pub found: Option<String>,
}

/// Within which bounds a node sits as an arbiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BoundsStatus {
    /// Whether it says yes by itself, up to `max_stake_sat`.
    pub accepts: bool,
    /// Most that it stakes in a contract that it accepts by itself.
    pub max_stake_sat: u64,
    /// Least retainer.
    pub min_retainer_sat: u64,
    /// Contracts at once.
    pub max_cases: u32,
    /// Bytes of evidence that one party of a contract may have to bring.
    pub max_evidence_bytes: u64,
    /// Bytes of one contract that it may have to keep for others.
    pub max_blob_bytes: u64,
    /// Fuel of a step.
    pub max_step_fuel: u64,
}

/// What an arbiter's cases have brought. Of a contract that is over, `staked + retainer + earned − lost` came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MoneyStatus {
    /// Own stakes that are in contracts now, or behind them and not taken back yet.
    pub locked_sat: u64,
    /// Retainers of contracts that are over.
    pub retainers_sat: u64,
    /// Beside stakes and retainers: what contracts that are over have paid more, for rulings.
    pub earned_sat: u64,
    /// What they have paid less, for silence or another ruling than the panel's.
    pub lost_sat: u64,
    /// Fees of those transactions that have taken own stakes back. What was paid to bring the contract's own into blocks is not in it.
    pub fees_sat: u64,
    /// `retainers + earned − lost − fees`.
    pub net_sat: i64,
}

/// How a case of an arbiter stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseStatus {
    /// Id of the negotiation.
    pub id: String,
    /// Its seat on the panel, from 0.
    pub seat: u8,
    /// `asked`, `set-up`, `starting`; of a contract that lives `keeping`, `hearing`, `ruling`, `ruled`, `asking`, `attesting`, `attested`,
    /// `silent`, `settled`, `over`.
    pub state: String,
    /// Who is at fault by its ruling, once it has ruled: `worker` or `verifier`.
    pub ruling: Option<String>,
    /// Whether it has attested that.
    pub attested: bool,
    /// Whether it has the bundle by which anybody rules on the case again.
    pub has_bundle: bool,
    /// Why it rules on nothing although it was asked to: its stake is at risk.
    pub silent: Option<String>,
    /// What failed on this computer.
    pub trouble: Option<String>,
    /// The transaction that has ended it, and its height.
    pub ended: Option<EndStatus>,
    /// What it stakes.
    pub stake_sat: u64,
    /// The retainer.
    pub retainer_sat: u64,
    /// Where the stake is: `planned`, `locked`, `free` to be taken back, `back`; or `spent` by a panel's settlement, which has paid it.
    pub stake: String,
    /// What it has brought, once it is over.
    pub money: MoneyStatus,
    /// Dates that are ahead, in their order.
    pub dates: Vec<DateStatus>,
}

/// What has ended a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EndStatus {
    /// Name of the transaction.
    pub by: String,
    /// Height of its block.
    pub height: u32,
}

impl MoneyStatus {
    /// Of a contract that is over.
    pub(super) fn of(
        (stake, retainer): (Amount, Amount),
        (back, fee): (Amount, Amount),
    ) -> Option<Self> {
        let put = stake.checked_add(retainer)?;
        let (earned, lost) = (
            back.checked_sub(put).unwrap_or(Amount::ZERO),
            put.checked_sub(back).unwrap_or(Amount::ZERO),
        );
        MoneyStatus {
            retainers_sat: retainer.to_sat(),
            earned_sat: earned.to_sat(),
            lost_sat: lost.to_sat(),
            fees_sat: fee.to_sat(),
            ..MoneyStatus::default()
        }
        .netted()
    }

    fn netted(self) -> Option<Self> {
        let signed = |sat: u64| i64::try_from(sat).ok();
        let up = signed(self.retainers_sat)?.checked_add(signed(self.earned_sat)?)?;
        let down = signed(self.lost_sat)?.checked_add(signed(self.fees_sat)?)?;
        let net_sat = up.checked_sub(down)?;
        Some(MoneyStatus { net_sat, ..self })
    }

    /// This without the other, which is in it.
    pub(in crate::party) fn less(self, other: Self) -> Self {
        MoneyStatus {
            locked_sat: self.locked_sat.saturating_sub(other.locked_sat),
            retainers_sat: self.retainers_sat.saturating_sub(other.retainers_sat),
            earned_sat: self.earned_sat.saturating_sub(other.earned_sat),
            lost_sat: self.lost_sat.saturating_sub(other.lost_sat),
            fees_sat: self.fees_sat.saturating_sub(other.fees_sat),
            net_sat: self.net_sat.saturating_sub(other.net_sat),
        }
    }

    /// Both together. There are fewer satoshi than 64 bits count.
    pub(in crate::party) fn and(self, other: Self) -> Self {
        MoneyStatus {
            locked_sat: self.locked_sat.saturating_add(other.locked_sat),
            retainers_sat: self.retainers_sat.saturating_add(other.retainers_sat),
            earned_sat: self.earned_sat.saturating_add(other.earned_sat),
            lost_sat: self.lost_sat.saturating_add(other.lost_sat),
            fees_sat: self.fees_sat.saturating_add(other.fees_sat),
            net_sat: self.net_sat.saturating_add(other.net_sat),
        }
    }
}

impl BoundsStatus {
    pub(super) fn of(policy: &Policy) -> BoundsStatus {
        let ArbiterPolicy {
            min_retainer,
            max_cases,
            max_evidence_bytes,
            max_blob_bytes,
            max_step_fuel,
        } = policy.arbiter;
        BoundsStatus {
            accepts: policy.accept.contains(&Part::Arbiter),
            max_stake_sat: policy.max_stake.to_sat(),
            min_retainer_sat: min_retainer.to_sat(),
            max_cases,
            max_evidence_bytes,
            max_blob_bytes,
            max_step_fuel,
        }
    }
}
