//! What an arbiter is willing to judge under: the part of a contract's parameters that is its business.
//!
//! A contract's own record also fixes job, rewards and heights, so an offer cannot commit to it. Standard offer
//! terms are few, published, and known by their hash.

use bitcoin::{
    Amount,
    hashes::{Hash, sha256},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::{Params, Ratio, Template};
use serde::{Deserialize, Serialize};

use crate::terms::{MAX_ARBITERS, stake_unlock_height};

/// Terms of an offer. Every bound is the arbiter's; a contract that keeps them all is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferTerms {
    /// Transaction graph and settlement table.
    pub template: Template,
    /// The stake a, exactly: more is a risk that the arbiter did not offer, less is not what the pool promises.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub stake_sat: Amount,
    /// Least retainer for standing by.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_retainer_sat: Amount,
    /// Least pay for a ruling when the whole panel agrees: ⌊(w − φ − b)/n⌋.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_fee_sat: Amount,
    /// Largest ε, the share of the stake lost by silence.
    pub max_epsilon: Ratio,
    /// Smallest μ, the voting majority.
    pub min_mu: Ratio,
    /// Smallest panel.
    pub min_panel: u8,
    /// Largest panel.
    pub max_panel: u8,
    /// Least time to judge, in blocks: Δ_D, or t4 − t2 in the `paper` template.
    pub min_decide_blocks: u32,
    /// Longest lock of the stake after the delivery deadline, in blocks, if everybody uses its whole window; from
    /// t1 to t4 in the `paper` template.
    pub max_dispute_blocks: u32,
    /// Most fuel of a step, all its units together, in `wasmi` units.
    pub max_step_fuel: u64,
    /// Most memory of a step in bytes.
    pub max_memory_bytes: u64,
    /// Largest program in bytes.
    pub max_program_bytes: u64,
    /// Most evidence about one step in bytes ([`Params::evidence_bytes`]).
    pub max_evidence_bytes: u64,
    /// Fuel that the arbiter's machine burns in a second, as it states itself: with it a disputed step must fit
    /// into the time to judge. A rate stated too high is the arbiter's own risk, since silence costs its stake.
    pub fuel_per_second: u64,
}

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
        /// `retainer` or `fee`.
        what: &'static str,
        /// In the contract.
        contract: Amount,
        /// Asked for.
        least: Amount,
    },
    /// ε too large or μ too small.
    #[error("{symbol} is {contract}, the offer's bound is {bound}")]
    Share {
        /// `ε` or `μ`.
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
    /// Too little time to judge, or too long a lock.
    #[error("the {what} of {contract} blocks breaks the bound of {bound}")]
    Time {
        /// `time to judge` or `lock`.
        what: &'static str,
        /// In the contract.
        contract: u32,
        /// Bound of the offer.
        bound: u32,
    },
}

impl OfferTerms {
    /// Whether an arbiter with these terms takes a contract with these parameters.
    pub fn accepts(&self, params: &Params) -> Result<(), Unacceptable> {
        if params.template() != self.template {
            return Err(Unacceptable::Template {
                contract: params.template(),
                offer: self.template,
            });
        }
        if params.arbiter_stake() != self.stake_sat {
            return Err(Unacceptable::Stake {
                contract: params.arbiter_stake(),
                offer: self.stake_sat,
            });
        }
        for (what, contract, least) in [
            ("retainer", params.retainer(), self.min_retainer_sat),
            ("fee", unanimous_fee(params), self.min_fee_sat),
        ] {
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
        self.accepts_job(params)
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
        let (step_fuel, fits) = (job.step_fuel(), params.fuel_to_judge(self.fuel_per_second));
        if step_fuel > fits {
            return Err(Unacceptable::JudgingTime {
                step_fuel,
                blocks: params.judging_blocks(),
                fuel_per_second: self.fuel_per_second,
                fits,
            });
        }
        Ok(())
    }

    fn accepts_panel(&self, params: &Params) -> Result<(), Unacceptable> {
        let share = |symbol, contract, bound| Unacceptable::Share {
            symbol,
            contract,
            bound,
        };
        if params.epsilon() > self.max_epsilon {
            return Err(share("ε", params.epsilon(), self.max_epsilon));
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
        if times.decide_blocks < self.min_decide_blocks {
            return Err(time(
                "time to judge",
                times.decide_blocks,
                self.min_decide_blocks,
            ));
        }
        if times.dispute_blocks > self.max_dispute_blocks {
            return Err(time("lock", times.dispute_blocks, self.max_dispute_blocks));
        }
        Ok(())
    }

    /// What the data output of an offer commits to: tagged hash of its bytes.
    ///
    /// All 32 bytes are published. An arbiter picks the record itself, so that a cut hash would have to resist
    /// collisions, not just second preimages: 16 bytes would let it prepare two records for 2⁶⁴ hashes and show
    /// each party another one.
    pub fn hash(&self) -> sha256::Hash {
        sha256::Hash::from_byte_array(tagged_hash_parts(
            "narthex/offer-terms",
            &[&self.to_bytes()],
        ))
    }
}

/// One encoding for each record. Version 1 knew no bounds of the job.
impl Message for OfferTerms {
    const KIND: Kind = kinds::OFFER_TERMS;

    fn write(&self, w: &mut Writer) {
        w.u8(match self.template {
            Template::Hardened => 0,
            Template::Paper => 1,
            Template::Audited => 2,
        });
        w.amount(self.stake_sat)
            .amount(self.min_retainer_sat)
            .amount(self.min_fee_sat);
        for ratio in [self.max_epsilon, self.min_mu] {
            w.u32(ratio.numerator()).u32(ratio.denominator());
        }
        w.u8(self.min_panel).u8(self.max_panel);
        w.u32(self.min_decide_blocks).u32(self.max_dispute_blocks);
        w.u64(self.max_step_fuel)
            .u64(self.max_memory_bytes)
            .u64(self.max_program_bytes)
            .u64(self.max_evidence_bytes)
            .u64(self.fuel_per_second);
    }

    fn read(r: &mut Reader<'_>) -> Result<OfferTerms, DecodeError> {
        let template = match r.u8("template")? {
            0 => Template::Hardened,
            1 => Template::Paper,
            2 => Template::Audited,
            other => return Err(DecodeError::invalid("template", other)),
        };
        let mut amount = |field| match r.amount(field)? {
            sat if sat > Amount::MAX_MONEY => Err(DecodeError::invalid(field, sat)),
            sat => Ok(sat),
        };
        let (stake_sat, min_retainer_sat, min_fee_sat) =
            (amount("stake")?, amount("retainer")?, amount("fee")?);
        let mut ratio = |field| {
            let (num, den) = (r.u32(field)?, r.u32(field)?);
            // `2/4` would be a second encoding of `1/2`.
            Ratio::new(num, den)
                .ok()
                .filter(|q| q.numerator() == num && q.denominator() == den)
                .ok_or_else(|| DecodeError::invalid(field, format_args!("{num}/{den}")))
        };
        let (max_epsilon, min_mu) = (ratio("epsilon")?, ratio("mu")?);
        let (min_panel, max_panel) = (r.u8("smallest panel")?, r.u8("largest panel")?);
        if min_panel > max_panel || max_panel > MAX_ARBITERS {
            let found = format_args!("{min_panel} to {max_panel}");
            return Err(DecodeError::invalid("panel", found));
        }
        Ok(OfferTerms {
            template,
            stake_sat,
            min_retainer_sat,
            min_fee_sat,
            max_epsilon,
            min_mu,
            min_panel,
            max_panel,
            min_decide_blocks: r.u32("time to judge")?,
            max_dispute_blocks: r.u32("lock")?,
            max_step_fuel: r.u64("fuel of a step")?,
            max_memory_bytes: r.u64("memory of a step")?,
            max_program_bytes: r.u64("size of a program")?,
            max_evidence_bytes: r.u64("size of evidence")?,
            fuel_per_second: r.u64("fuel per second")?,
        })
    }
}

/// The spans of a contract that concern an arbiter.
pub(super) struct Times {
    decide_blocks: u32,
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
                    decide_blocks: params.windows().decide_blocks.into(),
                    dispute_blocks: end_height.saturating_sub(params.deliver_height()),
                    end_height,
                }
            }
            Some(locks) => Times {
                decide_blocks: locks.t4.saturating_sub(locks.t2),
                dispute_blocks: locks.t4.saturating_sub(locks.t1),
                end_height: locks.t4,
            },
        }
    }
}

/// ⌊(w − φ − b)/n⌋: what each arbiter is paid when all rule alike.
fn unanimous_fee(params: &Params) -> Amount {
    let pot = params
        .worker_stake()
        .checked_sub(params.verifier_reward())
        .and_then(|rest| rest.checked_sub(params.bounty()));
    pot.and_then(|pot| pot.checked_div(params.arbiters().into()))
        .unwrap_or(Amount::ZERO)
}
