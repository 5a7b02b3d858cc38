//! Which offers this node takes, and how many it keeps until somebody has decided.

use std::collections::BTreeSet;

use narthex::{
    bitcoin::{Amount, FeeRate},
    channel::{follow::MAX_REORG_BLOCKS, offer::Offer},
    contracts::terms::{Role, deposit},
    game_model::{
        Params,
        game::Economics,
        schedule::{Dates, LedgerError, Pace},
    },
    judging::JudgeBox,
};
use serde::{Deserialize, Serialize};

use super::{ArbiterPolicy, BondPolicy, TowerPolicy};

/// A role without the place in the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Does the work.
    Worker,
    /// Recomputes a sample.
    Verifier,
    /// Sits on a panel.
    Arbiter,
}

impl Part {
    /// That of a role; a client makes offers and takes none.
    pub const fn of(role: Role) -> Option<Part> {
        match role {
            Role::Client => None,
            Role::Worker => Some(Part::Worker),
            Role::Verifier => Some(Part::Verifier),
            Role::Arbiter(_) => Some(Part::Arbiter),
        }
    }
}

/// What the operator has said beforehand.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Parts in which offers within the bounds below are accepted without being asked for.
    pub accept: BTreeSet<Part>,
    /// Most that this party deposits in a contract that is accepted so.
    pub max_stake: Amount,
    /// Least bond that an offer is to want of each arbiter on the chain, behind its rulings; of zero none.
    pub min_arbiter_bond: Amount,
    /// Highest fee rate of a funding, in sat a kwu.
    pub max_rate: FeeRate,
    /// Offers that wait for the operator at once, of nodes with which there is no contract. Others are turned away.
    pub max_asked: usize,
    /// Longest time, in seconds, that an offer may stand open.
    pub max_open_s: u64,
    /// Contracts at once whose set-up is not over.
    pub max_setups: usize,
    /// Own costs and values: terms are signed only if honest play is the only equilibrium with them. Without any this is research, on coins that may
    /// be lost.
    pub economics: Option<Economics>,
    /// What this party counts on, in blocks: it takes part in no contract of which it could not keep every deadline at that pace. Without
    /// any, windows of any length are taken, as on a chain that is mined on demand.
    pub pace: Option<Pace>,
    /// Blocks until a transaction confirms, whatever its fee rate.
    pub confirm: u16,
    /// Blocks for a round of messages.
    pub message: u16,
    /// Most bytes of jobs that are fetched from one client, or are kept of its contracts.
    pub max_peer_job_bytes: u64,
    /// Most bytes of jobs of all clients.
    pub max_jobs_bytes: u64,
    /// Whether a client is believed what its job states of how hard outputs are to guess (`entropy_bits`). Else a program speaks for itself, and
    /// one of which nothing is known is no job for a contract with a token.
    pub believes_entropy: bool,
    /// Whether what takes as long as a job is computed in threads of its own, so that the node hears others meanwhile.
    pub is_aside: bool,
    /// How it judges as an arbiter: each question in a box, or in this process if none.
    pub judge: Option<JudgeBox>,
    /// Within which bounds it sits as an arbiter.
    pub arbiter: ArbiterPolicy,
    /// What it offers on chain as an arbiter, with a bond; nothing, if none.
    pub bond: Option<BondPolicy>,
    /// Blocks that a contract's end lies deep before the contract is put away; never fewer than a reorganisation may take back.
    pub archive_blocks: u32,
    /// What it takes as a watchtower, and what it pays.
    pub tower: TowerPolicy,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            accept: BTreeSet::new(),
            max_stake: Amount::ZERO,
            min_arbiter_bond: Amount::ZERO,
            // 100 sat/vB.
            max_rate: FeeRate::from_sat_per_kwu(25_000),
            max_asked: 32,
            max_open_s: 7 * 24 * 3600,
            max_setups: 64,
            economics: None,
            pace: None,
            confirm: 1,
            message: 1,
            max_peer_job_bytes: Policy::PEER_JOB_BYTES,
            max_jobs_bytes: Policy::JOBS_BYTES,
            believes_entropy: false,
            is_aside: true,
            judge: None,
            arbiter: ArbiterPolicy::default(),
            bond: None,
            archive_blocks: Policy::ARCHIVE_BLOCKS,
            tower: TowerPolicy::default(),
        }
    }
}

impl Policy {
    /// What is usual of one client: an input of 1 GiB, with what comes with it.
    pub const PEER_JOB_BYTES: u64 = (1 << 30) + (64 << 20);
    /// What is usual: a week, in which whoever was away asks for what it lacks.
    pub const ARCHIVE_BLOCKS: u32 = 1_008;
    /// What is usual of all.
    pub const JOBS_BYTES: u64 = 4 << 30;

    /// How deep a contract's end lies before it is put away.
    pub(super) fn archive_depth(&self) -> u32 {
        self.archive_blocks.max(MAX_REORG_BLOCKS)
    }

    /// What no operator would want, whatever the party is to be.
    ///
    /// # Errors
    /// Why, in words.
    pub(super) fn check(&self, offer: &Offer, unix_s: u64) -> Result<(), String> {
        let open_s = offer.expires_s.saturating_sub(unix_s);
        if open_s == 0 {
            return Err("it has expired".into());
        }
        if open_s > self.max_open_s {
            let most = self.max_open_s;
            return Err(format!(
                "it is open for {open_s} seconds; at most {most} are taken"
            ));
        }
        let (burial, pace) = (offer.timing.burial, self.pace.as_ref());
        if let Some(pace) = pace.filter(|pace| burial < u32::from(pace.reorg)) {
            let least = pace.reorg;
            return Err(format!(
                "it takes for final what lies {burial} blocks deep; at this node's pace at least {least} are asked for"
            ));
        }
        // Who keeps what is handed over for nothing has no reason to: what arbiters are asked to keep protects nobody then.
        if self.economics.is_some() && offer.params.retainer() == Amount::ZERO {
            return Err(
                "a retainer of 0: nobody is paid for keeping what is handed over; a node that goes by its own costs and values takes part for research alone (--research)"
                    .into(),
            );
        }
        if offer.bond < self.min_arbiter_bond {
            let (wanted, least) = (offer.bond, self.min_arbiter_bond);
            return Err(format!(
                "it wants bonds of {wanted} behind arbiters' rulings; this node takes part where they are {least} at least (--min-arbiter-bond)"
            ));
        }
        if offer.rate > self.max_rate {
            let (given, most) = (offer.rate.to_sat_per_kwu(), self.max_rate.to_sat_per_kwu());
            return Err(format!(
                "a fee rate of {given} sat/kwu; at most {most} are taken"
            ));
        }
        Ok(())
    }

    /// The same policy, by which this party counts on a pace: for windows before it takes part, and for what it does then.
    #[must_use]
    pub const fn paced(mut self, pace: Pace) -> Policy {
        self.pace = Some(pace);
        self.confirm = pace.confirm;
        self.message = pace.message;
        self
    }

    /// Whether this party keeps every deadline of a contract, funded until a height, at its own pace; before a coin of it is locked.
    ///
    /// # Errors
    /// Every row of the ledger that does not hold.
    pub(super) fn keeps(
        &self,
        params: &Params,
        (tip, funding): (Option<u32>, u32),
    ) -> Result<(), LedgerError> {
        let dates = Dates {
            tip,
            funding: Some(funding),
            ..Dates::default()
        };
        match &self.pace {
            Some(pace) => pace.check(params, &dates),
            None => Ok(()),
        }
    }

    /// Whether it is accepted without asking; else why the operator is asked.
    pub(super) fn accepts(&self, offer: &Offer, me: Role) -> Result<(), String> {
        let part = Part::of(me).filter(|part| self.accept.contains(part));
        part.ok_or_else(|| format!("the operator decides about offers as {me}"))?;
        let stake = deposit(&offer.params, me);
        match stake <= self.max_stake {
            true => Ok(()),
            false => Err(format!(
                "a deposit of {stake}; {} is accepted",
                self.max_stake
            )),
        }
    }
}
