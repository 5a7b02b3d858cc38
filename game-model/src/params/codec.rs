//! The canonical byte form of a parameter record.
//!
//! Version 3: fields in the order below, integers big-endian, amounts as 64-bit satoshi, fractions
//! as two 32-bit integers in lowest terms, the fund script behind one length byte, the job's bounds as
//! seven 64-bit integers, then a byte that says what follows: nothing, the paper's locks, or the audited template's challenge. There is exactly one encoding of each valid record, so that the
//! hash of the bytes identifies the terms.

use narthex_base::codec::{self, Reader, Writer};

use super::bounds::ParamsError;
use super::{
    Audit, JobBounds, MAX_FUND_SCRIPT_BYTES, PaperLocks, Params, ParamsRecord, Template, Windows,
};
use crate::ratio::Ratio;

/// What follows the job's bounds.
const NOTHING: u8 = 0;
const LOCKS: u8 = 1;
const AUDIT: u8 = 2;

/// The only version that is read. Version 1 had no work window, version 2 no bounds of the job.
const VERSION: u8 = 3;

impl Params {
    /// The canonical bytes, at most 314.
    pub fn to_bytes(&self) -> Vec<u8> {
        let r = self.record();
        let mut w = Writer::default();
        w.u8(VERSION).u8(match r.template {
            Template::Hardened => 0,
            Template::Paper => 1,
            Template::Audited => 2,
        });
        w.amount(r.reward)
            .amount(r.worker_stake)
            .amount(r.verifier_stake)
            .amount(r.arbiter_stake)
            .amount(r.bounty)
            .amount(r.retainer)
            .amount(r.dust_limit);
        // A valid record's script has at most 83 bytes.
        w.u8(r.arbiters)
            .u8(u8::try_from(r.fund.len()).unwrap_or(u8::MAX))
            .fixed(&r.fund);
        for ratio in [
            r.alpha, r.beta, r.gamma, r.delta, r.epsilon, r.mu, r.sigma, r.rho,
        ] {
            w.u32(ratio.numerator()).u32(ratio.denominator());
        }
        w.u64(r.steps).u32(r.sample).u32(r.deliver_height);
        let windows = r.windows;
        w.u16(windows.work_blocks)
            .u16(windows.verdict_blocks)
            .u16(windows.appeal_blocks)
            .u16(windows.complete_blocks)
            .u16(windows.decide_blocks)
            .u16(windows.per_missing_blocks);
        let job = r.job_bounds;
        w.u64(job.fuel)
            .u64(job.units)
            .u64(job.memory_bytes)
            .u64(job.program_bytes)
            .u64(job.record_bytes)
            .u64(job.output_bytes)
            .u64(job.fuel_per_second);
        // A valid record has at most one of both.
        match (r.paper_locks, r.audit) {
            (Some(locks), _) => {
                w.u8(LOCKS).u32(locks.t1).u32(locks.t2);
                w.u32(locks.t3).u32(locks.t4);
            }
            (None, Some(audit)) => {
                w.u8(AUDIT).amount(audit.bond).amount(audit.compensation);
                w.u32(audit.steps).u16(audit.challenge_blocks);
            }
            (None, None) => {
                w.u8(NOTHING);
            }
        }
        w.finish()
    }

    /// Reads canonical bytes and validates the record in them.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but the bytes that [`Self::to_bytes`] gives for a valid record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::plain(bytes);
        let record = read_record(&mut r)?;
        r.finish()?;
        Ok(Self::new(record)?)
    }
}

fn read_ratio(r: &mut Reader<'_>, field: &'static str) -> Result<Ratio, DecodeError> {
    let (num, den) = (r.u32(field)?, r.u32(field)?);
    // `2/4` would be a second encoding of `1/2`.
    Ratio::new(num, den)
        .ok()
        .filter(|ratio| ratio.numerator() == num && ratio.denominator() == den)
        .ok_or(DecodeError::Fraction { num, den })
}

fn read_script(r: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let len = usize::from(r.u8("fund")?);
    if len > MAX_FUND_SCRIPT_BYTES {
        return Err(DecodeError::FundScriptLength(len));
    }
    Ok(r.slice("fund", len)?.to_vec())
}

/// What only some templates have.
fn read_special(r: &mut Reader<'_>) -> Result<(Option<PaperLocks>, Option<Audit>), DecodeError> {
    match r.u8("what follows")? {
        NOTHING => Ok((None, None)),
        LOCKS => {
            let locks = PaperLocks {
                t1: r.u32("t1")?,
                t2: r.u32("t2")?,
                t3: r.u32("t3")?,
                t4: r.u32("t4")?,
            };
            Ok((Some(locks), None))
        }
        AUDIT => {
            let audit = Audit {
                bond: r.amount("challenge bond")?,
                compensation: r.amount("compensation")?,
                steps: r.u32("audited steps")?,
                challenge_blocks: r.u16("challenge_blocks")?,
            };
            Ok((None, Some(audit)))
        }
        flag => Err(DecodeError::Special(flag)),
    }
}

fn read_windows(r: &mut Reader<'_>) -> Result<Windows, DecodeError> {
    Ok(Windows {
        work_blocks: r.u16("work_blocks")?,
        verdict_blocks: r.u16("verdict_blocks")?,
        appeal_blocks: r.u16("appeal_blocks")?,
        complete_blocks: r.u16("complete_blocks")?,
        decide_blocks: r.u16("decide_blocks")?,
        per_missing_blocks: r.u16("per_missing_blocks")?,
    })
}

fn read_job_bounds(r: &mut Reader<'_>) -> Result<JobBounds, DecodeError> {
    Ok(JobBounds {
        fuel: r.u64("fuel")?,
        units: r.u64("units")?,
        memory_bytes: r.u64("memory_bytes")?,
        program_bytes: r.u64("program_bytes")?,
        record_bytes: r.u64("record_bytes")?,
        output_bytes: r.u64("output_bytes")?,
        fuel_per_second: r.u64("fuel_per_second")?,
    })
}

fn read_record(r: &mut Reader<'_>) -> Result<ParamsRecord, DecodeError> {
    let version = r.u8("version")?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let template = match r.u8("template")? {
        0 => Template::Hardened,
        1 => Template::Paper,
        2 => Template::Audited,
        code => return Err(DecodeError::Template(code)),
    };
    // Struct fields are evaluated in the order written, which is the order of the bytes.
    let mut record = ParamsRecord {
        template,
        reward: r.amount("reward")?,
        worker_stake: r.amount("worker_stake")?,
        verifier_stake: r.amount("verifier_stake")?,
        arbiter_stake: r.amount("arbiter_stake")?,
        bounty: r.amount("bounty")?,
        retainer: r.amount("retainer")?,
        dust_limit: r.amount("dust_limit")?,
        arbiters: r.u8("arbiters")?,
        fund: read_script(r)?,
        alpha: read_ratio(r, "alpha")?,
        beta: read_ratio(r, "beta")?,
        gamma: read_ratio(r, "gamma")?,
        delta: read_ratio(r, "delta")?,
        epsilon: read_ratio(r, "epsilon")?,
        mu: read_ratio(r, "mu")?,
        sigma: read_ratio(r, "sigma")?,
        rho: read_ratio(r, "rho")?,
        steps: r.u64("steps")?,
        sample: r.u32("sample")?,
        deliver_height: r.u32("deliver_height")?,
        windows: read_windows(r)?,
        job_bounds: read_job_bounds(r)?,
        paper_locks: None,
        audit: None,
    };
    (record.paper_locks, record.audit) = read_special(r)?;
    Ok(record)
}

/// Why bytes are no parameter record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A version that this code does not know.
    #[error("parameter record version {0}, expected {VERSION}")]
    Version(u8),
    /// A template code other than 0, 1 and 2.
    #[error("unknown template code {0}")]
    Template(u8),
    /// The bytes end inside the record, or go on behind it.
    #[error(transparent)]
    Codec(#[from] codec::DecodeError),
    /// A fraction not in lowest terms, or with denominator 0.
    #[error("{num}/{den} is not a fraction in lowest terms")]
    Fraction {
        /// Numerator as read.
        num: u32,
        /// Denominator as read.
        den: u32,
    },
    /// The fund script is longer than allowed.
    #[error("fund script of {0} bytes, at most {MAX_FUND_SCRIPT_BYTES} allowed")]
    FundScriptLength(usize),
    /// The byte before the paper's locks or the challenge's terms is none of 0, 1 and 2.
    #[error(
        "{0} says what follows the job's bounds, expected 0 (nothing), 1 (the paper's locks) or 2 (a challenge's terms)"
    )]
    Special(u8),
    /// The record breaks bounds.
    #[error(transparent)]
    Bounds(#[from] ParamsError),
}
