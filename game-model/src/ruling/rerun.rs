//! Row 8: the one step on which both differ, run again.

use super::evidence::Pool;
use super::{Case, RuleError};
use crate::commitment::{Commitment, Opening};
use crate::computation::{StepProgram, UnitProgram};
use crate::dispute::{DisputeTerms, Transcript, judge_dispute};
use crate::params::AcceptedJob;
use crate::play::{EvidenceError, Finding, judge};

/// What the judge has to run the disputed step with. The step itself follows from the case.
#[derive(Clone, Copy)]
pub enum Rerun<'a> {
    /// Nothing: cases that need it are not ruled on.
    None,
    /// The whole step.
    Step {
        /// The program.
        program: &'a dyn StepProgram,
        /// The job, as the judge accepted it under the contract's parameters.
        job: &'a AcceptedJob,
    },
    /// One unit of it, which a search on record has found.
    Search {
        /// The program.
        program: &'a dyn UnitProgram,
        /// The job, as the judge accepted it under the contract's parameters.
        job: &'a AcceptedJob,
        /// Terms of the search, as the contract has them.
        terms: &'a DisputeTerms,
        /// The moves with their dates, as the judge has read them.
        transcript: &'a Transcript,
        /// Height up to which it has read the chain.
        tip: u32,
    },
}

impl Rerun<'_> {
    /// Judges this step, and no other. `None` if nobody brings its input.
    pub(super) fn judge(
        &self,
        case: &Case,
        pool: &mut Pool,
        commitment: &Commitment,
        (index, opening): (u64, &Opening),
    ) -> Result<Option<Finding>, RuleError> {
        match *self {
            Rerun::None => Err(RuleError::Program { index }),
            Rerun::Step { program, job } => {
                accepted(case, job)?;
                step(program, job, pool, commitment, (index, opening))
            }
            Rerun::Search {
                program,
                job,
                terms,
                transcript,
                tip,
            } => {
                accepted(case, job)?;
                let claimed = opening.digest(index);
                let same = terms.contract == case.terms.contract
                    && terms.commitment == *commitment
                    && terms.index == index
                    && terms.worker == case.terms.worker
                    && terms.challenger == *case.accuser()
                    && terms.claimed().ok() == claimed;
                if !same {
                    let why = format!("the search is not about step {index} of this contract");
                    return Err(RuleError::OtherCase(why));
                }
                let found = judge_dispute(program, job, terms, transcript, tip)?;
                Ok(Some(found))
            }
        }
    }
}

fn accepted(case: &Case, job: &AcceptedJob) -> Result<(), RuleError> {
    if *job.spec() != case.terms.job {
        return Err(RuleError::OtherCase("another job".into()));
    }
    let fits = case.terms.params.has_accepted(job);
    fits.map_err(|why| RuleError::OtherCase(why.to_string()))
}

fn step(
    program: &dyn StepProgram,
    job: &AcceptedJob,
    pool: &mut Pool,
    commitment: &Commitment,
    (index, opening): (u64, &Opening),
) -> Result<Option<Finding>, RuleError> {
    let brought = pool.records.iter().filter(|(_, r)| r.index == index);
    let brought: Vec<_> = brought.cloned().collect();
    for (by, record) in brought {
        let evidence = record.about(opening.clone());
        match judge(program, job, commitment, &evidence) {
            Ok(finding) => return Ok(Some(finding)),
            Err(why @ (EvidenceError::Record(_) | EvidenceError::RecordTooLarge { .. })) => {
                pool.refuse(by, "record", why.to_string());
            }
            Err(why @ (EvidenceError::OtherProgram | EvidenceError::OtherJob)) => {
                return Err(RuleError::OtherCase(why.to_string()));
            }
            Err(why) => return Err(RuleError::Step(why)),
        }
    }
    Ok(None)
}
