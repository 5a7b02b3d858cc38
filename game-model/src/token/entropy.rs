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

/// Least entropy of the digests of a sample, in bits.
pub const LEAST_SAMPLE_BITS: u64 = 40;
/// log₂ of the fuel that a machine burns in the time of one derivation at [`SealCost::CONTRACT`](super::SealCost): 0.2 s at
/// 3·10^8 a second.
pub const SEAL_FUEL_BITS: u32 = 26;
/// log₂ of how many derivations somebody with many or special machines makes in the time of one.
pub const MARGIN_BITS: u32 = 10;

/// Fails if the digests of a job are too easy to guess for a sealed token. `bits` is the min-entropy of one step's digest
/// for who knows job and input and has not run the step ([`StepProgram::entropy_bits`](crate::computation::StepProgram::entropy_bits)), `step_fuel` what a step takes at
/// most.
///
/// # Errors
/// [`Guessable`]; whoever proposed the job is at fault.
pub fn check(bits: u32, sample: u32, step_fuel: u128) -> Result<(), Guessable> {
    if bits == 0 {
        return Err(Guessable::Unknown);
    }
    if u64::from(bits) * u64::from(sample) < LEAST_SAMPLE_BITS {
        return Err(Guessable::Sample { bits, sample });
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

/// Steps of a sample that has [`LEAST_SAMPLE_BITS`] at so many bits a step; `None` at 0, of which no sample is large enough.
pub const fn least_sample(bits: u32) -> Option<u64> {
    match bits {
        0 => None,
        bits => Some(LEAST_SAMPLE_BITS.div_ceil(bits as u64)),
    }
}

/// −log₂ of the share of the commonest among these digests, rounded down: no entropy a step above this may be stated for a
/// job of which these are digests. It takes many more digests than there are frequent ones to say something.
pub fn measured(digests: &[[u8; 32]]) -> u32 {
    match commonest(digests) {
        0 => 0,
        most => (digests.len() / most).ilog2(),
    }
}

/// What is left of a stated entropy once digests of the job are at hand: what is [`measured`], if that is less. Digests of
/// which no two are equal refute nothing, and few of them could not.
pub fn refuted(stated: u32, digests: &[[u8; 32]]) -> u32 {
    match commonest(digests) {
        0 | 1 => stated,
        _ => stated.min(measured(digests)),
    }
}

/// How often the commonest digest is there.
fn commonest(digests: &[[u8; 32]]) -> usize {
    let mut sorted = digests.to_vec();
    sorted.sort_unstable();
    let most = sorted.chunk_by(|a, b| a == b).map(<[_]>::len).max();
    most.unwrap_or(0)
}

/// Digests that are too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Guessable {
    /// Nothing is known of them.
    #[error(
        "the job does not say how hard its outputs are to guess, which counts as 0 bits of entropy a step; a token is sealed \
         under at least {LEAST_SAMPLE_BITS} a sample. `narthex job entropy` measures what may be stated as `entropy_bits` of a job \
         file"
    )]
    Unknown,
    /// All of a sample.
    #[error(
        "the digests of a sample of {sample} steps have {} bits of entropy, {bits} a step; a token is sealed under at least \
         {LEAST_SAMPLE_BITS}: sample {} steps, or take a workload that puts more of what it computes into an output",
        u64::from(*bits) * u64::from(*sample), least_sample(*bits).unwrap_or(u64::MAX)
    )]
    Sample {
        /// Bits of a step.
        bits: u32,
        /// Steps of a sample.
        sample: u32,
    },
    /// One step.
    #[error(
        "the digest of a step has {bits} bits of entropy; below {least} it is cheaper to guess it than to compute the step, \
         whatever the sample: let a step be smaller, or put more of what it computes into its output"
    )]
    Step {
        /// Bits of a step.
        bits: u32,
        /// Least bits for steps of this fuel.
        least: u32,
    },
}
