//! A whole round against a worker's directory: sample, blind digests, opening, verdict, result.

use bitcoin::secp256k1::rand::{RngCore, thread_rng};
use narthex_game_model::{
    computation::Computation,
    play::{BlindDigests, Verdict},
    sample,
};

use super::sealed::sealed_result;
use super::verify::{check_job, recompute};
use super::{ContractDir, JobError, Plan, StageCommitment, StageJob, open_steps};

/// How to audit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AuditOptions {
    /// Steps to sample in each stage; no more than there are.
    pub sample: u32,
    /// The verifier's nonce; drawn afresh if there is none.
    pub nonce: Option<[u8; 32]>,
    /// Hash of a block after the commitment; drawn afresh if there is none, for demonstrations.
    pub block_hash: Option<[u8; 32]>,
}

impl AuditOptions {
    /// A sample of so many steps in each stage; nonce and block are drawn.
    pub const fn new(sample: u32) -> Self {
        Self {
            sample,
            nonce: None,
            block_hash: None,
        }
    }
}

/// What the audit of a stage found.
#[derive(Clone, Debug)]
pub struct StageAudit {
    /// The stage.
    pub stage: u32,
    /// What the worker is bound to.
    pub file: StageCommitment,
    /// Seed of the sample.
    pub seed: [u8; 32],
    /// The sampled steps.
    pub sampled: Vec<u64>,
    /// What the verifier committed to before anything was opened.
    pub blind: [u8; 32],
    /// Whether the worker's digests are the verifier's.
    pub verdict: Verdict,
}

/// Plays the verifier of each stage in turn, until one is rejected. After a stage is approved the worker is paid and its
/// result is known: it is decrypted, checked against the whole commitment, and the next stage follows from it.
pub fn audit(
    plan: &Plan,
    contract: &ContractDir<'_>,
    options: AuditOptions,
    progress: &mut dyn FnMut(&StageAudit),
) -> Result<Vec<StageAudit>, JobError> {
    contract.state().check(plan)?;
    let (nonce, block_hash) = (
        options.nonce.unwrap_or_else(random),
        options.block_hash.unwrap_or_else(random),
    );
    let mut audits = Vec::new();
    let mut later: Option<StageJob> = None;
    for stage in 0..plan.stages() {
        let job = later.as_ref().unwrap_or(plan.first());
        let file = contract.committed(stage)?;
        check_job(job, &file)?;
        let count = options
            .sample
            .min(u32::try_from(job.steps()).unwrap_or(u32::MAX));
        let openings = file.commitment.openings;
        if count > openings {
            return Err(JobError::SampleTooLarge {
                stage,
                openings,
                sample: count,
            });
        }
        let seed = sample::seed(&file.commitment.id(), &nonce, &block_hash);
        let sampled = sample::draw(&seed, job.steps(), count)?;
        let digests = recompute(job, stage, &sampled, random())?;
        let found = StageAudit {
            stage,
            file,
            seed,
            blind: digests.commitment(),
            verdict: answer(contract, &file, &digests, &sampled)?,
            sampled,
        };
        let result = match found.verdict.approves() {
            true => Some(sealed_result(contract, &file)?),
            false => None,
        };
        progress(&found);
        audits.push(found);
        let Some(result) = result else {
            break;
        };
        if stage + 1 < plan.stages() {
            later = plan.next(&result, job.output_bytes())?;
        }
    }
    Ok(audits)
}

fn answer(
    contract: &ContractDir<'_>,
    file: &StageCommitment,
    digests: &BlindDigests,
    sampled: &[u64],
) -> Result<Verdict, JobError> {
    let opening = open_steps(contract, file.stage, sampled)?;
    digests
        .verdict(&file.commitment, &opening)
        .map_err(|source| JobError::Opening {
            stage: file.stage,
            source,
        })
}

pub(super) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    thread_rng().fill_bytes(&mut bytes);
    bytes
}
