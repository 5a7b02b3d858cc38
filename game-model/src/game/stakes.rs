//! What one party can cost the others, step by step, what it may walk away from, and what lies locked meanwhile.

use serde::{Serialize, Serializer};

use super::build::{Ending, endings};
use super::economics::{Economics, EconomicsError};
use super::inequality::locking;
use super::tree::Player;
use crate::params::Params;
use crate::params::settlement::{Outcome, Party};
use crate::rational::{Rational, exact, sat};

/// A step by which a party does harm, against honest play of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grief {
    /// What it does.
    pub step: &'static str,
    /// Who does it.
    pub by: &'static str,
    /// How the contract ends.
    pub ending: String,
    /// What it has less than by honest play, in satoshi; negative if it gains.
    #[serde(serialize_with = "shown")]
    pub attacker_loses_sat: Rational,
    /// What those of client, worker and verifier that lose by it lose together.
    #[serde(serialize_with = "shown")]
    pub victims_lose_sat: Rational,
    /// The attacker's loss for each satoshi of the victims'; `None` if they lose nothing.
    #[serde(serialize_with = "shown_or_null")]
    pub ratio: Option<Rational>,
    /// Blocks from the funding until it is over, if every window is used up; t_deliver may be later.
    pub blocks: u32,
}

/// A right to walk away, worth something to whoever sees prices move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FreeOption {
    /// Whose.
    pub holder: &'static str,
    /// What it may do.
    pub may: &'static str,
    /// What that costs it, in satoshi, beside what it forgoes and fees.
    #[serde(serialize_with = "shown")]
    pub price_sat: Rational,
    /// For how many blocks after the funding; 0: before it.
    pub blocks: u32,
}

/// A party's coins while the contract runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Locked {
    /// Whose.
    pub party: String,
    /// How much, in satoshi.
    #[serde(serialize_with = "shown")]
    pub amount_sat: Rational,
    /// For how many blocks at most.
    pub blocks: u32,
    /// What that costs at the economics' cost of capital, in satoshi.
    #[serde(serialize_with = "shown")]
    pub cost_sat: Rational,
}

/// All three tables of a hardened contract; empty for the paper's template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StakesReport {
    /// By step.
    pub griefing: Vec<Grief>,
    /// By holder.
    pub options: Vec<FreeOption>,
    /// By party.
    pub locked: Vec<Locked>,
}

fn shown<S: Serializer>(value: &Rational, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn shown_or_null<S: Serializer>(
    value: &Option<Rational>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

impl StakesReport {
    /// The tables for these figures.
    ///
    /// # Errors
    /// [`EconomicsError`] if they make no game.
    pub fn new(params: &Params, economics: &Economics) -> Result<Self, EconomicsError> {
        Ok(Self {
            griefing: griefing(params, economics)?,
            options: options(params),
            locked: locked(params, economics),
        })
    }
}

/// Blocks until each settlement is valid, if every window before it is used up.
fn blocks(params: &Params, outcome: Outcome, on_chain: bool) -> u32 {
    let w = params.windows();
    let sum = |windows: &[u16]| windows.iter().copied().map(u32::from).sum::<u32>();
    let dispute = [w.work_blocks, w.verdict_blocks, w.appeal_blocks];
    match outcome {
        Outcome::WorkerTimedOut => sum(&[w.work_blocks]),
        Outcome::Normal if !on_chain => sum(&[w.work_blocks]),
        Outcome::VerifierTimedOut => sum(&[w.work_blocks, w.verdict_blocks]),
        Outcome::Normal | Outcome::WorkerWithheld => {
            let approved = sum(&[w.work_blocks, w.verdict_blocks]);
            approved + sum(&[params.challenge_blocks(), w.complete_blocks])
        }
        Outcome::FaultyUnappealed => sum(&dispute),
        Outcome::WorkerAtFault { .. }
        | Outcome::VerifierAtFault { .. }
        | Outcome::ArbitrationFailed { .. } => sum(&dispute) + sum(&[w.decide_blocks]),
        Outcome::ChallengeUpheld { .. }
        | Outcome::ChallengeDismissed { .. }
        | Outcome::ChallengeUndecided { .. } => {
            let approved = sum(&[w.work_blocks, w.verdict_blocks]);
            approved + sum(&[params.challenge_blocks(), w.decide_blocks])
        }
    }
}

fn griefing(params: &Params, economics: &Economics) -> Result<Vec<Grief>, EconomicsError> {
    let (honest, others) = endings(params, economics)?;
    let each = others.into_iter().map(|ending: Ending| {
        let losses = honest.iter().zip(&ending.payoffs).map(|(h, p)| h - p);
        let losses = losses.take(3).collect::<Vec<_>>();
        let attacker = match ending.by {
            Player::Client => 0,
            Player::Worker => 1,
            Player::Verifier => 2,
            _ => usize::MAX,
        };
        let victims = losses.iter().enumerate();
        let victims = victims.filter(|(i, loss)| *i != attacker && **loss > exact(0));
        let victims_lose_sat = victims.map(|(_, loss)| loss).sum::<Rational>();
        let attacker_loses_sat = losses.get(attacker).cloned().unwrap_or(ending.panel_loses);
        let ratio = (victims_lose_sat > exact(0)).then(|| &attacker_loses_sat / &victims_lose_sat);
        Grief {
            step: ending.step,
            by: match ending.by {
                Player::Client => "client",
                Player::Worker => "worker",
                Player::Verifier => "verifier",
                _ => "arbiters",
            },
            blocks: blocks(params, ending.outcome, ending.on_chain),
            ending: ending.outcome.to_string(),
            attacker_loses_sat,
            victims_lose_sat,
            ratio,
        }
    });
    Ok(each.collect())
}

fn options(params: &Params) -> Vec<FreeOption> {
    use crate::params::Template;
    if params.template() == Template::Paper {
        return Vec::new();
    }
    let w = params.windows();
    let alpha_w = sat(params.alpha().floor_of(params.worker_stake()));
    let beta_v = sat(params.beta().floor_of(params.verifier_stake()));
    let (work, verdict) = (u32::from(w.work_blocks), u32::from(w.verdict_blocks));
    let complete = u32::from(w.complete_blocks);
    let option = |holder, may, price_sat, blocks| FreeOption {
        holder,
        may,
        price_sat,
        blocks,
    };
    vec![
        option("anybody", "leave before the funding confirms", exact(0), 0),
        option(
            "worker",
            "deliver nothing, or sell the result elsewhere",
            alpha_w.clone(),
            work,
        ),
        option(
            "worker",
            "keep an approved result back",
            alpha_w,
            work + verdict + complete,
        ),
        option("verifier", "give no verdict", beta_v, work + verdict),
    ]
}

fn locked(params: &Params, economics: &Economics) -> Vec<Locked> {
    let blocks = params.stake_lock_blocks();
    let per_sat = locking(economics.capital_cost, blocks).unwrap_or_default();
    let retainers = sat(params.retainer()) * exact(params.arbiters());
    let stake = sat(params.arbiter_stake());
    let fixed = [
        (Party::Client, sat(params.client_deposit()) + retainers),
        (Party::Worker, sat(params.worker_stake())),
        (Party::Verifier, sat(params.verifier_stake())),
    ];
    let panel = (0..usize::from(params.arbiters())).map(|i| (Party::Arbiter(i), stake.clone()));
    let each = fixed.into_iter().chain(panel);
    each.map(|(party, amount)| Locked {
        party: party.to_string(),
        cost_sat: &amount * &per_sat,
        amount_sat: amount,
        blocks: blocks.into(),
    })
    .collect()
}
