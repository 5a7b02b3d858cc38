//! The canonical byte form of a parameter record.
//!
//! Version 3: fields in the order below, integers big-endian, amounts as 64-bit satoshi, fractions
//! as two 32-bit integers in lowest terms, the fund script behind one length byte, the job's bounds as
//! seven 64-bit integers, the paper's locks behind a presence byte. There is exactly one encoding of each valid record, so that the
//! hash of the bytes identifies the terms.

use bitcoin_units::Amount;

use super::bounds::ParamsError;
use super::{JobBounds, Layout, MAX_FUND_SCRIPT_BYTES, PaperLocks, Params, ParamsRecord, Windows};
use crate::ratio::Ratio;

/// The only version that is read. Version 1 had no work window, version 2 no bounds of the job.
const VERSION: u8 = 3;
/// Everything except the fund script and the paper's locks, in bytes.
const FIXED_BYTES: usize = 209;

impl Params {
    /// The canonical bytes, at most 308.
    pub fn to_bytes(&self) -> Vec<u8> {
        let r = self.record();
        let mut out = Vec::with_capacity(FIXED_BYTES + r.fund.len() + 16);
        out.push(VERSION);
        out.push(match r.layout {
            Layout::Hardened => 0,
            Layout::Paper => 1,
        });
        let amounts = [r.reward, r.worker_stake, r.verifier_stake, r.arbiter_stake];
        for amount in amounts
            .into_iter()
            .chain([r.bounty, r.retainer, r.dust_limit])
        {
            out.extend(amount.to_sat().to_be_bytes());
        }
        out.push(r.arbiters);
        // A valid record's script has at most 83 bytes.
        out.push(u8::try_from(r.fund.len()).unwrap_or(u8::MAX));
        out.extend(&r.fund);
        let ratios = [
            r.alpha, r.beta, r.gamma, r.delta, r.epsilon, r.mu, r.sigma, r.rho,
        ];
        for ratio in ratios {
            out.extend(ratio.numerator().to_be_bytes());
            out.extend(ratio.denominator().to_be_bytes());
        }
        out.extend(r.steps.to_be_bytes());
        out.extend(r.sample.to_be_bytes());
        out.extend(r.deliver_height.to_be_bytes());
        let w = r.windows;
        for blocks in [
            w.work_blocks,
            w.verdict_blocks,
            w.appeal_blocks,
            w.complete_blocks,
            w.decide_blocks,
            w.per_missing_blocks,
        ] {
            out.extend(blocks.to_be_bytes());
        }
        let job = r.job_bounds;
        for bound in [
            job.fuel,
            job.units,
            job.memory_bytes,
            job.program_bytes,
            job.record_bytes,
            job.output_bytes,
            job.fuel_per_second,
        ] {
            out.extend(bound.to_be_bytes());
        }
        out.push(u8::from(r.paper_locks.is_some()));
        if let Some(locks) = r.paper_locks {
            for height in [locks.t1, locks.t2, locks.t3, locks.t4] {
                out.extend(height.to_be_bytes());
            }
        }
        out
    }

    /// Reads canonical bytes and validates the record in them.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but the bytes that [`Self::to_bytes`] gives for a valid record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader(bytes);
        let record = reader.record()?;
        if !reader.0.is_empty() {
            return Err(DecodeError::TrailingBytes(reader.0.len()));
        }
        Ok(Self::new(record)?)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], DecodeError> {
        let (head, tail) = self
            .0
            .split_first_chunk::<LEN>()
            .ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn amount(&mut self) -> Result<Amount, DecodeError> {
        self.u64().map(Amount::from_sat)
    }

    fn ratio(&mut self) -> Result<Ratio, DecodeError> {
        let (num, den) = (self.u32()?, self.u32()?);
        // `2/4` would be a second encoding of `1/2`.
        Ratio::new(num, den)
            .ok()
            .filter(|ratio| ratio.numerator() == num && ratio.denominator() == den)
            .ok_or(DecodeError::Fraction { num, den })
    }

    fn script(&mut self) -> Result<Vec<u8>, DecodeError> {
        let len = usize::from(self.u8()?);
        if len > MAX_FUND_SCRIPT_BYTES {
            return Err(DecodeError::FundScriptLength(len));
        }
        let (script, tail) = self.0.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(script.to_vec())
    }

    fn locks(&mut self) -> Result<Option<PaperLocks>, DecodeError> {
        match self.u8()? {
            0 => Ok(None),
            1 => Ok(Some(PaperLocks {
                t1: self.u32()?,
                t2: self.u32()?,
                t3: self.u32()?,
                t4: self.u32()?,
            })),
            flag => Err(DecodeError::LocksFlag(flag)),
        }
    }

    fn windows(&mut self) -> Result<Windows, DecodeError> {
        Ok(Windows {
            work_blocks: self.u16()?,
            verdict_blocks: self.u16()?,
            appeal_blocks: self.u16()?,
            complete_blocks: self.u16()?,
            decide_blocks: self.u16()?,
            per_missing_blocks: self.u16()?,
        })
    }

    fn job_bounds(&mut self) -> Result<JobBounds, DecodeError> {
        Ok(JobBounds {
            fuel: self.u64()?,
            units: self.u64()?,
            memory_bytes: self.u64()?,
            program_bytes: self.u64()?,
            record_bytes: self.u64()?,
            output_bytes: self.u64()?,
            fuel_per_second: self.u64()?,
        })
    }

    fn record(&mut self) -> Result<ParamsRecord, DecodeError> {
        let version = self.u8()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let layout = match self.u8()? {
            0 => Layout::Hardened,
            1 => Layout::Paper,
            code => return Err(DecodeError::Layout(code)),
        };
        // Struct fields are evaluated in the order written, which is the order of the bytes.
        Ok(ParamsRecord {
            layout,
            reward: self.amount()?,
            worker_stake: self.amount()?,
            verifier_stake: self.amount()?,
            arbiter_stake: self.amount()?,
            bounty: self.amount()?,
            retainer: self.amount()?,
            dust_limit: self.amount()?,
            arbiters: self.u8()?,
            fund: self.script()?,
            alpha: self.ratio()?,
            beta: self.ratio()?,
            gamma: self.ratio()?,
            delta: self.ratio()?,
            epsilon: self.ratio()?,
            mu: self.ratio()?,
            sigma: self.ratio()?,
            rho: self.ratio()?,
            steps: self.u64()?,
            sample: self.u32()?,
            deliver_height: self.u32()?,
            windows: self.windows()?,
            job_bounds: self.job_bounds()?,
            paper_locks: self.locks()?,
        })
    }
}

/// Why bytes are no parameter record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A version that this code does not know.
    #[error("parameter record version {0}, expected {VERSION}")]
    Version(u8),
    /// A layout code other than 0 and 1.
    #[error("unknown layout code {0}")]
    Layout(u8),
    /// The bytes end inside the record.
    #[error("the parameter record is cut off")]
    Truncated,
    /// There are bytes behind the record.
    #[error("{0} bytes follow the parameter record")]
    TrailingBytes(usize),
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
    /// The presence byte of the paper's locks is neither 0 nor 1.
    #[error("presence byte {0} of the paper's locks, expected 0 or 1")]
    LocksFlag(u8),
    /// The record breaks bounds.
    #[error(transparent)]
    Bounds(#[from] ParamsError),
}
