//! Whether a contract keeps the bounds of an offer.

use bitcoin::Amount;
use narthex_game_model::{Params, Ratio, Template};

use super::{OfferRole, OfferTerms, OfferTermsError};
use crate::terms::stake_unlock_height;

/// Which bound of an offer a contract breaks. Nobody's fault: the two do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unacceptable {
    /// Another template.
    #[error("the contract has the {contract} template, the offer is for {offer}")]
    Template {
        /// Of the contract.
        contract: Template,
        /// Of the offer.
        offer: Template,
    },
    /// Another stake.
    #[error("the contract asks for a stake of {contract}, the offer is for {offer}")]
    Stake {
        /// Asked for.
        contract: Amount,
        /// Offered.
        offer: Amount,
    },
    /// Too small an amount.
    #[error("the {what} of {contract} is below {least}")]
    Pay {
        /// `retainer`, `fee` or `reward`.
        what: &'static str,
        /// In the contract.
        contract: Amount,
        /// Asked for.
        least: Amount,
    },
    /// ε or β too large, or μ too small.
    #[error("{symbol} is {contract}, the offer's bound is {bound}")]
    Share {
        /// `ε`, `β` or `μ`.
        symbol: &'static str,
        /// In the contract.
        contract: Ratio,
        /// Bound of the offer.
        bound: Ratio,
    },
    /// Panel too small or too large.
    #[error("a panel of {contract} is outside {least} to {most}")]
    PanelSize {
        /// In the contract.
        contract: u8,
        /// Smallest accepted.
        least: u8,
        /// Largest accepted.
        most: u8,
    },
    /// A job that may take more than the arbiter runs or reads.
    #[error("the contract's job may have {contract} {what}, the offer takes {bound}")]
    Job {
        /// What it is, with its unit.
        what: &'static str,
        /// In the contract.
        contract: u128,
        /// Bound of the offer.
        bound: u64,
    },
    /// A step that the arbiter's machine cannot run in the time to judge.
    #[error(
        "a step of {step_fuel} units of fuel does not fit into {blocks} blocks at {fuel_per_second} a second, which is time for {fits}"
    )]
    JudgingTime {
        /// Most fuel of a step of the contract's job.
        step_fuel: u128,
        /// Time to judge.
        blocks: u64,
        /// Stated rate of the offer.
        fuel_per_second: u64,
        /// Fuel that fits, counted with few seconds a block.
        fits: u128,
    },
    /// A sample that the verifier's machine cannot run in the time to verify.
    #[error(
        "a sample of {sample} steps takes {fuel} units of fuel, which do not fit into {blocks} blocks at {fuel_per_second} a second; that is time for {fits}"
    )]
    VerifyingTime {
        /// Steps of a sample.
        sample: u32,
        /// Most fuel of all of them.
        fuel: u128,
        /// Time to verify.
        blocks: u64,
        /// Stated rate of the offer.
        fuel_per_second: u64,
        /// Fuel that fits, counted with few seconds a block.
        fits: u128,
    },
    /// It serves in as many contracts as it offered. Nobody's fault: another is to be asked.
    #[error("{open} contracts are open, the offer is for {most} at a time")]
    Full {
        /// In which it serves now.
        open: u32,
        /// Offered.
        most: u32,
    },
    /// The terms are none.
    #[error(transparent)]
    Terms(#[from] OfferTermsError),
    /// Too little time to judge or to verify, or too long a lock.
    #[error("the {what} of {contract} blocks breaks the bound of {bound}")]
    Time {
        /// `time to judge`, `time to verify` or `lock`.
        what: &'static str,
        /// In the contract.
        contract: u32,
        /// Bound of the offer.
        bound: u32,
    },
}

impl OfferTerms {
    /// Whether an arbiter, or a verifier, with these terms takes a contract with these parameters.
    ///
    /// # Errors
    /// The bound that does not hold, with both values.
    pub fn accepts(&self, params: &Params) -> Result<(), Unacceptable> {
        self.check()?;
        if params.template() != self.template {
            return Err(Unacceptable::Template {
                contract: params.template(),
                offer: self.template,
            });
        }
        let stake = match self.role {
            OfferRole::Arbiter => params.arbiter_stake(),
            OfferRole::Verifier => params.verifier_stake(),
        };
        if stake != self.stake_sat {
            return Err(Unacceptable::Stake {
                contract: stake,
                offer: self.stake_sat,
            });
        }
        let pay = match self.role {
            OfferRole::Arbiter => [
                ("retainer", params.retainer(), self.min_retainer_sat),
                ("fee", unanimous_fee(params), self.min_fee_sat),
            ],
            OfferRole::Verifier => [
                ("retainer", Amount::ZERO, Amount::ZERO),
                ("reward", params.verifier_reward(), self.min_fee_sat),
            ],
        };
        for (what, contract, least) in pay {
            if contract < least {
                return Err(Unacceptable::Pay {
                    what,
                    contract,
                    least,
                });
            }
        }
        self.accepts_panel(params)?;
        self.accepts_times(params)?;
        self.accepts_data(params)?;
        self.accepts_job(params)
    }

    /// Whether somebody who serves in `open` contracts may take another.
    ///
    /// # Errors
    /// [`Unacceptable::Full`].
    pub fn has_room(&self, open: u32) -> Result<(), Unacceptable> {
        let most = self.max_cases;
        match open < most {
            true => Ok(()),
            false => Err(Unacceptable::Full { open, most }),
        }
    }

    /// Mailboxes are part of a contract exactly where it pays arbiters a retainer for them. Whoever keeps one asks for a
    /// retainer, and does not get here without.
    fn accepts_data(&self, params: &Params) -> Result<(), Unacceptable> {
        if self.role == OfferRole::Arbiter && params.retainer() == Amount::ZERO {
            return Ok(());
        }
        let (contract, bound) = (params.blob_bytes(), self.max_blob_bytes);
        match contract <= bound.into() {
            true => Ok(()),
            false => Err(Unacceptable::Job {
                what: "bytes of data to keep",
                contract,
                bound,
            }),
        }
    }

    fn accepts_job(&self, params: &Params) -> Result<(), Unacceptable> {
        let job = params.job_bounds();
        for (what, contract, bound) in [
            (
                "units of fuel for a step",
                job.step_fuel(),
                self.max_step_fuel,
            ),
            (
                "bytes of memory for a step",
                job.memory_bytes.into(),
                self.max_memory_bytes,
            ),
            (
                "bytes of program",
                job.program_bytes.into(),
                self.max_program_bytes,
            ),
            (
                "bytes of evidence about a step",
                params.evidence_bytes(),
                self.max_evidence_bytes,
            ),
        ] {
            if contract > bound.into() {
                return Err(Unacceptable::Job {
                    what,
                    contract,
                    bound,
                });
            }
        }
        match self.role {
            OfferRole::Arbiter => self.judges_in_time(params),
            OfferRole::Verifier => self.verifies_in_time(params),
        }
    }

    fn judges_in_time(&self, params: &Params) -> Result<(), Unacceptable> {
        let step_fuel = params.job_bounds().step_fuel();
        let fits = params.fuel_to_judge(self.fuel_per_second);
        match step_fuel <= fits {
            true => Ok(()),
            false => Err(Unacceptable::JudgingTime {
                step_fuel,
                blocks: params.judging_blocks(),
                fuel_per_second: self.fuel_per_second,
                fits,
            }),
        }
    }

    fn verifies_in_time(&self, params: &Params) -> Result<(), Unacceptable> {
        let sample = params.sample();
        let step_fuel = params.job_bounds().step_fuel();
        let fuel = step_fuel.saturating_mul(sample.into());
        let fits = params.fuel_to_verify(self.fuel_per_second);
        match fuel <= fits {
            true => Ok(()),
            false => Err(Unacceptable::VerifyingTime {
                sample,
                fuel,
                blocks: params.verifying_blocks(),
                fuel_per_second: self.fuel_per_second,
                fits,
            }),
        }
    }

    fn accepts_panel(&self, params: &Params) -> Result<(), Unacceptable> {
        let share = |symbol, contract, bound| Unacceptable::Share {
            symbol,
            contract,
            bound,
        };
        let (symbol, silence) = match self.role {
            OfferRole::Arbiter => ("ε", params.epsilon()),
            OfferRole::Verifier => ("β", params.beta()),
        };
        if silence > self.max_epsilon {
            return Err(share(symbol, silence, self.max_epsilon));
        }
        if params.mu() < self.min_mu {
            return Err(share("μ", params.mu(), self.min_mu));
        }
        if !(self.min_panel..=self.max_panel).contains(&params.arbiters()) {
            return Err(Unacceptable::PanelSize {
                contract: params.arbiters(),
                least: self.min_panel,
                most: self.max_panel,
            });
        }
        Ok(())
    }

    fn accepts_times(&self, params: &Params) -> Result<(), Unacceptable> {
        let time = |what, contract, bound| Unacceptable::Time {
            what,
            contract,
            bound,
        };
        let times = Times::of(params);
        let (what, blocks) = match self.role {
            OfferRole::Arbiter => ("time to judge", params.judging_blocks()),
            OfferRole::Verifier => ("time to verify", params.verifying_blocks()),
        };
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        if blocks < self.min_decide_blocks {
            return Err(time(what, blocks, self.min_decide_blocks));
        }
        if times.dispute_blocks > self.max_dispute_blocks {
            return Err(time("lock", times.dispute_blocks, self.max_dispute_blocks));
        }
        Ok(())
    }
}

/// The spans of a contract that concern who offers.
pub(super) struct Times {
    dispute_blocks: u32,
    /// Height at which the contract is over whatever happens: the bond must be locked until then.
    pub(super) end_height: u32,
}

impl Times {
    pub(super) fn of(params: &Params) -> Times {
        match params.paper_locks() {
            None => {
                let end_height = stake_unlock_height(params);
                Times {
                    dispute_blocks: end_height.saturating_sub(params.deliver_height()),
                    end_height,
                }
            }
            Some(locks) => Times {
                dispute_blocks: locks.t4.saturating_sub(locks.t1),
                end_height: locks.t4,
            },
        }
    }
}

/// ⌊(w − φ − b)/n⌋: what each arbiter is paid when all rule alike; and ⌊x/n⌋, if that is less, where the client can challenge.
fn unanimous_fee(params: &Params) -> Amount {
    let pot = params
        .worker_stake()
        .checked_sub(params.verifier_reward())
        .and_then(|rest| rest.checked_sub(params.bounty()));
    let least = pot.map(|pot| params.audit().map_or(pot, |audit| pot.min(audit.bond)));
    least
        .and_then(|pot| pot.checked_div(params.arbiters().into()))
        .unwrap_or(Amount::ZERO)
}
