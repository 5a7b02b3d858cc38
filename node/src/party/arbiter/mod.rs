//! A node as an arbiter: within which bounds it sits on panels, and what it says of that to its operator.

mod bond;
mod burn;
mod cases;
mod status;

use narthex::{
    bitcoin::Amount,
    channel::{Logged, offer::Offer},
    contracts::terms::Role,
    game_model::Params,
};

use super::{AnyLog, Core};

pub(super) use bond::bond_log;
pub use bond::{BondPolicy, BondStatus, OfferStatus, OfferingStatus};
pub(super) use bond::{Unseen, seen_behind};
pub(super) use burn::{Burn, burn_log};
pub use burn::{Burned, BurnedStatus, IdentityStatus};
pub use status::{ArbiterStatus, BoundsStatus, CaseStatus, EndStatus, JudgeStatus, MoneyStatus};

/// Bounds within which a node sits as an arbiter. An offer that breaks one is turned away, whoever decides about offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbiterPolicy {
    /// Least retainer, for standing by and for keeping what is handed over.
    pub min_retainer: Amount,
    /// Contracts at once in which it sits: from its word on, until their end is so deep that nothing takes it back.
    pub max_cases: u32,
    /// Most bytes of evidence that one party of a contract may have to bring ([`Params::evidence_bytes`]).
    pub max_evidence_bytes: u64,
    /// Most bytes of one contract that it may have to keep for others to fetch ([`Params::blob_bytes`]).
    pub max_blob_bytes: u64,
    /// Most fuel of a step, which it may have to run again: all its units together.
    pub max_step_fuel: u64,
}

impl Default for ArbiterPolicy {
    /// Of a node that was asked for no bounds: what it keeps is bounded by what travels, and its time by its box.
    fn default() -> Self {
        ArbiterPolicy {
            min_retainer: Amount::ZERO,
            max_cases: 256,
            max_evidence_bytes: 1 << 40,
            max_blob_bytes: 1 << 40,
            max_step_fuel: 1 << 62,
        }
    }
}

/// A bound that an offer breaks. Nobody's fault: another arbiter is to be asked, or another offer is to be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this arbiter's bound {bound} is {limit}{unit}; with this offer it would be {asked}")]
pub(super) struct Beyond {
    bound: &'static str,
    unit: &'static str,
    asked: u128,
    limit: u128,
}

impl ArbiterPolicy {
    /// Whether a contract keeps the bounds, for somebody who sits in so many others.
    pub(super) fn check(&self, params: &Params, others: u32) -> Result<(), Beyond> {
        let (asked, limit) = (params.retainer().to_sat(), self.min_retainer.to_sat());
        if asked < limit {
            return Err(Beyond {
                bound: "min-retainer",
                unit: " sat",
                asked: asked.into(),
                limit: limit.into(),
            });
        }
        let most = [
            (
                "max-cases",
                "",
                u128::from(others) + 1,
                self.max_cases.into(),
            ),
            (
                "max-evidence-bytes",
                " bytes",
                params.evidence_bytes(),
                self.max_evidence_bytes.into(),
            ),
            (
                "max-blob-bytes",
                " bytes",
                params.blob_bytes(),
                self.max_blob_bytes.into(),
            ),
            (
                "max-step-fuel",
                " units",
                params.job_bounds().step_fuel(),
                self.max_step_fuel.into(),
            ),
        ];
        let broken = most.into_iter().find(|(.., asked, limit)| asked > limit);
        match broken {
            None => Ok(()),
            Some((bound, unit, asked, limit)) => Err(Beyond {
                bound,
                unit,
                asked,
                limit,
            }),
        }
    }
}

/// What a node has as an arbiter, beside its contracts.
#[derive(Default)]
pub(super) struct Sitting {
    /// What was found when the box was tried in which it judges.
    judge_found: Option<String>,
    /// Its word that it takes no new case: opened when it is there, or given.
    burn: Option<Logged<Burn, AnyLog>>,
    /// Its offers on chain, and their bonds.
    bonds: bond::Bonds,
}

impl Core {
    /// What was found when the box was tried in which it judges, for its operator.
    pub fn was_probed(&mut self, found: Option<String>) {
        self.sitting.judge_found = found;
    }

    /// Whether it may sit in this contract, if it is asked to sit in it: before anything is kept, and again before it says yes.
    pub(super) fn sits(&self, offer: &Offer, me: Role) -> Result<(), String> {
        if !matches!(me, Role::Arbiter(_)) {
            return Ok(());
        }
        if let Some(said) = self.burned() {
            let (when, why) = (said.unix_s, &said.reason);
            return Err(format!(
                "this arbiter takes no new case since {when} (seconds since 1970), for ever: {why}"
            ));
        }
        let checked = self
            .policy
            .arbiter
            .check(&offer.params, self.cases(Some(offer.id())));
        checked.map_err(|beyond| beyond.to_string())?;
        self.bond_covers(&offer.params)?;
        self.bond_behind(offer).map(drop)
    }

    /// In how many contracts it sits, but for this one.
    fn cases(&self, but: Option<[u8; 32]>) -> u32 {
        let sits = self.contracts.iter().filter(|(id, contract)| {
            let has_said_yes = contract.offer.machine().standing() == "waiting";
            Some(**id) != but
                && matches!(contract.me(), Some(Role::Arbiter(_)))
                && (has_said_yes || contract.may_publish())
        });
        u32::try_from(sits.count()).unwrap_or(u32::MAX)
    }
}
