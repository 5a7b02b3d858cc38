//! The arbiter: checks that the evidence belongs to the contract, runs the one disputed step, and
//! rules. Every arbiter with the same evidence comes to the same ruling.

use serde::{Deserialize, Serialize};

use crate::arbiters::Ruling;
use crate::commitment::{
    Commitment, Domain, Multiproof, Opening, OpeningFault, ProofError, TreeError, input_leaf,
    state_digest,
};
use crate::computation::{Job, StepError, StepProgram};
use crate::params::AcceptedJob;

/// All that is needed to judge one step: its input record and the worker's opened leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The disputed step.
    pub index: u64,
    /// Its input record.
    #[serde(with = "narthex_base::hex")]
    pub record: Vec<u8>,
    /// Proof that the record is the job's.
    pub record_proof: Multiproof,
    /// An opening of the worker's that contains the step, such as that of the whole sample: the
    /// verifier has it, so the worker can't block a dispute by silence.
    pub opening: Opening,
}

impl Evidence {
    /// Puts together what a holder of the job and of the worker's opening can show.
    ///
    /// # Errors
    /// [`TreeError::Indices`] if the job has no such step.
    pub fn gather<P: StepProgram>(
        job: &Job<P>,
        index: u64,
        opening: Opening,
    ) -> Result<Self, TreeError> {
        let (record, record_proof) = job.prove_record(index)?;
        Ok(Self {
            index,
            record,
            record_proof,
            opening: opening.about(index),
        })
    }
}

/// A ruling with the reason, for humans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The ruling.
    pub ruling: Ruling,
    /// What was found.
    pub reason: String,
}

/// Judges a dispute by opening the box of its step and re-executing it. A box that holds something else than the leaf
/// commits to is the worker's fault, whatever the step gives.
///
/// A step that fails (by trap, fuel, output) has no state that anyone could commit to, so a worker
/// that committed to one is at fault: the honest thing to do with such a job is not to deliver.
/// A defect of the arbiter's own machine ([`StepError::is_defect`]) is no such failure.
///
/// The job is one that the arbiter accepted under the contract's parameters: on another nothing is ruled.
///
/// # Errors
/// [`EvidenceError`] if the evidence is not about this job and commitment: there is nothing to
/// rule on, and whoever brought it has to bring better.
pub fn judge<P: StepProgram + ?Sized>(
    program: &P,
    job: &AcceptedJob,
    commitment: &Commitment,
    evidence: &Evidence,
) -> Result<Finding, EvidenceError> {
    let (index, record_bytes) = (evidence.index, job.record_bytes());
    let job = job.spec();
    if program.id() != job.program {
        return Err(EvidenceError::OtherProgram);
    }
    if commitment.job != job.id() || commitment.steps != job.steps {
        return Err(EvidenceError::OtherJob);
    }
    let found = evidence.record.len() as u64;
    if found > record_bytes {
        return Err(EvidenceError::RecordTooLarge {
            found,
            record_bytes,
        });
    }
    let leaf = (index, input_leaf(index, &evidence.record));
    evidence
        .record_proof
        .verify(Domain::Input, job.steps, &[leaf], &job.input_root)
        .map_err(EvidenceError::Record)?;
    evidence
        .opening
        .verify(commitment)
        .map_err(EvidenceError::Leaf)?;
    let opened = evidence.opening.leaf(index);
    let opened = opened.ok_or(EvidenceError::NotOpened { index })?;
    // No step has to be run to see that: the worker has opened a box of its own that holds something else.
    let checked = opened.check_box(commitment);
    if let Err(why) = checked.ok_or(EvidenceError::NoBox { index })? {
        return Ok(Finding {
            ruling: Ruling::WorkerAtFault,
            reason: format!("the worker's box of step {index} {why}"),
        });
    }
    let claimed = opened.digest;

    Ok(match program.run(&evidence.record) {
        Ok(output) if state_digest(&output) == claimed => Finding {
            ruling: Ruling::VerifierAtFault,
            reason: format!("step {index} re-executed: the worker's digest is right"),
        },
        Ok(_) => Finding {
            ruling: Ruling::WorkerAtFault,
            reason: format!("step {index} re-executed: the worker's digest is of another output"),
        },
        // Nobody is convicted because this machine or its engines can't agree with themselves.
        Err(error) if error.is_defect() => return Err(EvidenceError::Defect { index, error }),
        Err(error) => Finding {
            ruling: Ruling::WorkerAtFault,
            reason: format!("step {index} has no output to commit to: {error}"),
        },
    })
}

/// Why evidence is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The arbiter's program is not the job's.
    #[error("the program is not that of the job")]
    OtherProgram,
    /// The commitment is for another job.
    #[error("the commitment is for another job")]
    OtherJob,
    /// The record is larger than those of the job that the arbiter accepted.
    #[error("a record of {found} bytes; the accepted job has records of at most {record_bytes}")]
    RecordTooLarge {
        /// Bytes of the record.
        found: u64,
        /// Bytes of a record of the job.
        record_bytes: u64,
    },
    /// The record is not the job's.
    #[error("the record is not in the job's input: {0}")]
    Record(#[source] ProofError),
    /// The leaf is not the worker's.
    #[error(transparent)]
    Leaf(OpeningFault),
    /// The opening has the hash of the disputed step's box, and not the box.
    #[error("the evidence lacks the box of step {index}")]
    NoBox {
        /// The disputed step.
        index: u64,
    },
    /// The arbiter's own machine gives no dependable answer.
    #[error("step {index} can't be judged on this machine: {error}")]
    Defect {
        /// The disputed step.
        index: u64,
        /// What went wrong.
        error: StepError,
    },
    /// The opening is good but does not contain the step.
    #[error("step {index} is not among the opened leaves")]
    NotOpened {
        /// The disputed step.
        index: u64,
    },
}
