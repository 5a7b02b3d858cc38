//! Checking opened leaves against a commitment, by computing their steps.

use std::path::Path;

use bitcoin::hex::DisplayHex;
use narthex_game_model::{
    commitment::{MAX_RESULT_BYTES, Opening},
    computation::Computation,
    play::{BlindDigests, Verdict},
};

use super::audit::random;
use super::state::{read_json, read_limited};
use super::{JobError, Plan, StageCommitment, StageJob};

/// What checking an opening found.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// The stage.
    pub stage: u32,
    /// Root of record.
    pub commitment: [u8; 32],
    /// Number of steps computed again.
    pub steps: usize,
    /// Whether they are the worker's.
    pub verdict: Verdict,
}

/// Checks an opening file against a commitment file. `previous` are the outputs of the stage before, for stages after
/// the first alone; they are bound by the input root of the job that the commitment names.
pub fn verify(
    plan: &Plan,
    commitment: &Path,
    opening: &Path,
    previous: Option<&Path>,
) -> Result<Checked, JobError> {
    let hint = "it must be what `narthex job commit` and `open` write";
    let file: StageCommitment = read_json(commitment, hint)?;
    let opening: Opening = read_json(opening, hint)?;
    let later = match (file.stage, previous) {
        (0, None) => None,
        (0, Some(_)) => return Err(JobError::NeedlessPrevious),
        (stage, _) if stage >= plan.stages() => {
            let stages = plan.stages();
            return Err(JobError::NoStage { stage, stages });
        }
        (stage, None) => return Err(JobError::NoPrevious { stage }),
        (stage, Some(path)) => {
            let result = read_limited(path, MAX_RESULT_BYTES as u64)?;
            let next = plan.next(&result, plan.output_bytes(stage - 1))?;
            let stages = plan.stages();
            Some(next.ok_or(JobError::NoStage { stage, stages })?)
        }
    };
    let job = later.as_ref().unwrap_or(plan.first());
    check_job(job, &file)?;
    // First what the opener is to answer for, then what the job is: an index that is no step is the opener's.
    opening
        .verify(&file.commitment)
        .map_err(|source| JobError::Opening {
            stage: file.stage,
            source: source.into(),
        })?;
    let indices: Vec<u64> = opening.leaves.iter().map(|leaf| leaf.index).collect();
    let digests = recompute(job, file.stage, &indices, random())?;
    let verdict = digests
        .verdict(&file.commitment, &opening)
        .map_err(|source| JobError::Opening {
            stage: file.stage,
            source,
        })?;
    Ok(Checked {
        stage: file.stage,
        commitment: file.commitment.id(),
        steps: indices.len(),
        verdict,
    })
}

/// The commitment must be to this very job.
pub(super) fn check_job(job: &StageJob, file: &StageCommitment) -> Result<(), JobError> {
    let (found, expected) = (file.commitment.job, job.job());
    if found != expected {
        return Err(JobError::ForeignCommitment {
            stage: file.stage,
            found: found.to_lower_hex_string(),
            expected: expected.to_lower_hex_string(),
        });
    }
    let differs = |what, found, expected| {
        Err(JobError::CommitmentDiffers {
            stage: file.stage,
            what,
            found,
            expected,
        })
    };
    let (stated, own) = (&file.spec, job.spec());
    match file.commitment.steps {
        steps if steps != job.steps() => differs("steps", steps, job.steps()),
        _ if stated.steps != own.steps => differs("steps", stated.steps, own.steps),
        _ if stated.output_bytes != own.output_bytes => {
            differs("bytes an output", stated.output_bytes, own.output_bytes)
        }
        _ if stated != own => Err(JobError::ForeignCommitment {
            stage: file.stage,
            found: stated.id().to_lower_hex_string(),
            expected: expected.to_lower_hex_string(),
        }),
        _ => Ok(()),
    }
}

/// Computes steps anew and names the one that this machine cannot decide. `salt` is random, and nobody else's: what stands
/// for the output of a step that has none is derived from it.
pub(crate) fn recompute(
    job: &StageJob,
    stage: u32,
    indices: &[u64],
    salt: [u8; 32],
) -> Result<BlindDigests, JobError> {
    let digest = |index: &u64| {
        let digest = BlindDigests::digest(job, *index, &salt);
        digest.map_err(|error| JobError::step(stage, *index, error))
    };
    let digests = indices.iter().map(digest).collect::<Result<_, _>>()?;
    Ok(BlindDigests::claim(salt, indices.to_vec(), digests))
}
