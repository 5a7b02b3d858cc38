//! What an arbiter is willing to judge under, or a verifier to verify: the part of a contract's parameters that is its
//! business.
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
#[cfg(doc)]
use narthex_game_model::Params;
use narthex_game_model::{Ratio, Template};
use serde::{Deserialize, Serialize};

use crate::terms::{MAX_ARBITERS, Role};

/// What an offer is for. Offers of one kind are never drawn for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfferRole {
    /// A seat on a panel.
    Arbiter,
    /// The place of the verifier.
    Verifier,
}

impl OfferRole {
    /// Who draws: client, worker and verifier a panel; client and worker a verifier.
    pub fn drawn_by(self) -> &'static [Role] {
        match self {
            OfferRole::Arbiter => &Role::PRINCIPALS,
            OfferRole::Verifier => &[Role::Client, Role::Worker],
        }
    }

    pub(super) fn write(self, w: &mut Writer) {
        w.u8(match self {
            OfferRole::Arbiter => 0,
            OfferRole::Verifier => 1,
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<OfferRole, DecodeError> {
        match r.u8("role of the offer")? {
            0 => Ok(OfferRole::Arbiter),
            1 => Ok(OfferRole::Verifier),
            other => Err(DecodeError::invalid("role of the offer", other)),
        }
    }
}

impl std::fmt::Display for OfferRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OfferRole::Arbiter => "arbiter",
            OfferRole::Verifier => "verifier",
        })
    }
}

/// Terms of an offer. Every bound is the offerer's; a contract that keeps them all is acceptable. Where a figure is another
/// for a verifier, it is named behind the arbiter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferTerms {
    /// What is offered.
    pub role: OfferRole,
    /// Transaction graph and settlement table.
    pub template: Template,
    /// The stake a, or v, exactly: more is a risk that nobody offered, less is not what the pool promises.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub stake_sat: Amount,
    /// Least retainer for standing by and keeping data; above 0 where any is kept. A verifier has none: 0.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_retainer_sat: Amount,
    /// Least pay for a ruling when the whole panel agrees: ⌊(w − φ − b)/n⌋; or the least verifier's reward φ.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_fee_sat: Amount,
    /// Largest share of the stake that is lost by silence: ε, or β.
    pub max_epsilon: Ratio,
    /// Smallest μ, the majority that rules.
    pub min_mu: Ratio,
    /// Smallest panel.
    pub min_panel: u8,
    /// Largest panel.
    pub max_panel: u8,
    /// Least time to judge, in blocks: Δ_D, or t4 − t2 in the `paper` template. For a verifier the least time between its nonce
    /// and its reply ([`Params::verifying_blocks`]).
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
    /// Most bytes of data of one contract that an arbiter keeps for others to fetch ([`Params::blob_bytes`]); 0 where it
    /// keeps none, and then it takes no contract with a retainer. For a verifier what it takes in.
    pub max_blob_bytes: u64,
    /// Contracts in which it serves at a time, counted from its word to the settlement; at least 1. Who is asked knows
    /// how many it has, and says no beyond ([`OfferTerms::has_room`]).
    pub max_cases: u32,
    /// Fuel that the offerer's machine burns in a second, as it states itself: with it a disputed step must fit
    /// into the time to judge, or the whole sample into the time to verify. A rate stated too high is its own risk, since
    /// silence costs its stake.
    pub fuel_per_second: u64,
}

/// Why terms are none. Whoever made them is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferTermsError {
    /// No panel has such a size.
    #[error("panels of {least} to {most} arbiters; at most {MAX_ARBITERS}, and the smallest first")]
    Panel {
        /// Smallest.
        least: u8,
        /// Largest.
        most: u8,
    },
    /// Data kept for nothing invites whoever would have it lost.
    #[error("{max_blob_bytes} bytes are kept for others without a retainer; ask one, or keep none")]
    UnpaidMailbox {
        /// Bytes kept.
        max_blob_bytes: u64,
    },
    /// Only arbiters have retainers.
    #[error("a verifier asks a retainer of {retainer}; contracts pay none to verifiers")]
    VerifierRetainer {
        /// Asked for.
        retainer: Amount,
    },
    /// Who takes no contract offers nothing.
    #[error("no contract at a time is none at all; at least 1")]
    NoCases,
}

impl OfferTerms {
    /// Of somebody that asks for no pay, risks its whole stake, sits on any panel of at least three and judges at any
    /// pace, of one contract at a time, with a small machine: a billion units of fuel in a step, ten million a second, 256 MiB
    /// of memory, programs of 4 MiB and evidence of 16 MiB. It keeps no data. What is offered differs in what is named
    /// before `..`.
    pub const fn undemanding(role: OfferRole, template: Template, stake_sat: Amount) -> Self {
        OfferTerms {
            role,
            template,
            stake_sat,
            min_retainer_sat: Amount::ZERO,
            min_fee_sat: Amount::ZERO,
            max_epsilon: Ratio::ONE,
            min_mu: Ratio::HALF,
            min_panel: 3,
            max_panel: MAX_ARBITERS,
            min_decide_blocks: 1,
            max_dispute_blocks: 10_000,
            max_step_fuel: 1_000_000_000,
            max_memory_bytes: 256 << 20,
            max_program_bytes: 4 << 20,
            max_evidence_bytes: 16 << 20,
            max_blob_bytes: 0,
            max_cases: 1,
            fuel_per_second: 10_000_000,
        }
    }

    /// Whether these can be the terms of an offer. Nobody publishes others, draws by them or reads them.
    ///
    /// # Errors
    /// [`OfferTermsError`]; whoever made them is at fault.
    pub fn check(&self) -> Result<(), OfferTermsError> {
        let (least, most) = (self.min_panel, self.max_panel);
        if least > most || most > MAX_ARBITERS {
            return Err(OfferTermsError::Panel { least, most });
        }
        let (retainer, max_blob_bytes) = (self.min_retainer_sat, self.max_blob_bytes);
        match (self.role, retainer > Amount::ZERO) {
            (OfferRole::Verifier, true) => Err(OfferTermsError::VerifierRetainer { retainer }),
            (OfferRole::Arbiter, false) if max_blob_bytes > 0 => {
                Err(OfferTermsError::UnpaidMailbox { max_blob_bytes })
            }
            _ if self.max_cases == 0 => Err(OfferTermsError::NoCases),
            _ => Ok(()),
        }
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

/// One encoding for each record. Version 1 knew no bounds of the job, version 2 no role, mailbox and number of contracts.
impl Message for OfferTerms {
    const KIND: Kind = kinds::OFFER_TERMS;

    fn write(&self, w: &mut Writer) {
        self.role.write(w);
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
            .u64(self.max_blob_bytes)
            .u32(self.max_cases)
            .u64(self.fuel_per_second);
    }

    fn read(r: &mut Reader<'_>) -> Result<OfferTerms, DecodeError> {
        let role = OfferRole::read(r)?;
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
        let terms = OfferTerms {
            role,
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
            max_blob_bytes: r.u64("size of data to keep")?,
            max_cases: r.u32("contracts at a time")?,
            fuel_per_second: r.u64("fuel per second")?,
        };
        let fault = terms.check();
        fault.map_err(|fault| DecodeError::invalid("offer terms", fault))?;
        Ok(terms)
    }
}
