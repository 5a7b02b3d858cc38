//! How hard it must be to guess what a sealed token opens under.
//!
//! Two bounds, since there are two ways to guess:
//!
//! - *all of it*: the digests of a sample must have at least [`LEAST_SAMPLE_BITS`] together, or the seal opens to who has
//!   computed nothing;
//! - *the last steps*: a verifier computes all steps but a few, and tries the outputs that those can have. It then learns
//!   what the worker sealed, right or wrong. With e bits a step, leaving j steps out costs 2^(ej−1) tries of the seal and
//!   saves j steps, so e must be above what one step costs in tries, and [`MARGIN_BITS`] more for machines that try faster
//!   than they compute. From e ≥ 1 on no larger j pays where j = 1 does not.
//!
//! Labels alone fail both: a digit that is read right 96 times of 100 has 0.06 bits.

use crate::params::Params;

/// Least entropy of the digests of a sample, in bits.
pub const LEAST_SAMPLE_BITS: u64 = 40;
/// log₂ of the fuel that a machine burns in the time of one derivation at [`SealCost::CONTRACT`](super::SealCost): 0.2 s at
/// 3·10^8 a second.
pub const SEAL_FUEL_BITS: u32 = 26;
/// log₂ of how many derivations somebody with many or special machines makes in the time of one.
pub const MARGIN_BITS: u32 = 10;

/// Fails if the digests of a job are too easy to guess for a sealed token. `bits` is the min-entropy of one step's digest
/// for who knows job and input and has not run the step ([`StepProgram::entropy_bits`]), `step_fuel` what a step takes at
/// most.
///
/// # Errors
/// [`Guessable`]; whoever proposed the job is at fault.
///
/// [`StepProgram::entropy_bits`]: crate::computation::StepProgram::entropy_bits
pub fn check(bits: u32, sample: u32, step_fuel: u128) -> Result<(), Guessable> {
    let found = u64::from(bits) * u64::from(sample);
    if found < LEAST_SAMPLE_BITS {
        return Err(Guessable::Sample { found });
    }
    // ⌈log₂ of the fuel⌉.
    let fuel_bits = 128 - step_fuel.saturating_sub(1).leading_zeros();
    let least = (1 + MARGIN_BITS + fuel_bits).saturating_sub(SEAL_FUEL_BITS);
    let least = least.max(1);
    match bits >= least {
        true => Ok(()),
        false => Err(Guessable::Step { bits, least }),
    }
}

impl Params {
    /// Whether digests of a job with so much entropy a step and so much fuel can seal a token in this contract
    /// ([`check`]).
    ///
    /// # Errors
    /// [`Guessable`]; whoever proposed the job is at fault.
    pub fn seals_tokens(&self, bits: u32, step_fuel: u128) -> Result<(), Guessable> {
        check(bits, self.sample(), step_fuel)
    }
}

/// −log₂ of the share of the commonest among these digests, rounded down: no entropy a step above this may be stated for a
/// job of which these are digests. It takes many more digests than there are frequent ones to say something.
pub fn measured(digests: &[[u8; 32]]) -> u32 {
    let mut sorted = digests.to_vec();
    sorted.sort_unstable();
    let most = sorted.chunk_by(|a, b| a == b).map(<[_]>::len).max();
    match most {
        None => 0,
        Some(most) => (digests.len() / most).ilog2(),
    }
}

/// Digests that are too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Guessable {
    /// All of a sample.
    #[error(
        "the digests of a sample have {found} bits of entropy; a token is sealed under at least {LEAST_SAMPLE_BITS}"
    )]
    Sample {
        /// Bits of a sample.
        found: u64,
    },
    /// One step.
    #[error(
        "the digest of a step has {bits} bits of entropy; below {least} it is cheaper to guess it than to compute the step"
    )]
    Step {
        /// Bits of a step.
        bits: u32,
        /// Least bits for steps of this fuel.
        least: u32,
    },
}
