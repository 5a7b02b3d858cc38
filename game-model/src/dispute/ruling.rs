//! What decides a dispute: one transition run again, or two moves after one predecessor.

use super::entry::{Equivocation, Reveal, Side};
use super::interval::{Interval, failed_digest, unit_digest};
use super::machine::MoveError;
use super::terms::DisputeTerms;
use crate::arbiters::Ruling;
use crate::commitment::{Domain, input_leaf, state_digest};
use crate::computation::{StepError, UnitProgram};
use crate::play::Finding;

/// The ruling against a side.
pub(super) const fn against(side: Side) -> Ruling {
    match side {
        Side::Worker => Ruling::WorkerAtFault,
        Side::Challenger => Ruling::VerifierAtFault,
    }
}

/// Runs the one transition that is left and compares what comes out with the worker's claim.
///
/// # Errors
/// [`MoveError`] if what was revealed is not the agreed point.
pub(super) fn decide<P: UnitProgram + ?Sized>(
    program: &P,
    terms: &DisputeTerms,
    interval: &Interval,
    reveal: &Reveal,
) -> Result<Finding, MoveError> {
    let at = interval.agreed;
    let is_output = interval.disputed == terms.last_point();
    let found = match reveal {
        Reveal::Record { record, proof } if at == 0 => {
            let leaf = (terms.index, input_leaf(terms.index, record));
            proof
                .verify(
                    Domain::Input,
                    terms.job.steps,
                    &[leaf],
                    &terms.job.input_root,
                )
                .map_err(MoveError::Record)?;
            program.start(record).map(|state| unit_digest(&state))
        }
        Reveal::State { state } if at != 0 => {
            if unit_digest(state) != interval.agreed_digest {
                return Err(MoveError::OtherState { point: at });
            }
            match is_output {
                true => output_digest(program, state),
                false => program.advance(state).map(|state| unit_digest(&state)),
            }
        }
        Reveal::Failed if at != 0 => {
            if interval.agreed_digest != failed_digest() {
                return Err(MoveError::OtherState { point: at });
            }
            return Ok(failed(interval, is_output, "it had failed before"));
        }
        _ => return Err(MoveError::OtherKindOfPoint { point: at }),
    };
    Ok(match found {
        Ok(digest) if digest == interval.disputed_digest => Finding {
            ruling: Ruling::VerifierAtFault,
            reason: format!("{}: the worker's digest is right", ran(terms, at)),
        },
        Ok(_) => Finding {
            ruling: Ruling::WorkerAtFault,
            reason: format!(
                "{}: the worker's digest is of something else",
                ran(terms, at)
            ),
        },
        // Nobody is convicted because this machine or its engines can't agree with themselves.
        Err(error) if error.is_defect() => return Err(MoveError::Defect(error)),
        Err(error) => failed(interval, is_output, &error.to_string()),
    })
}

fn output_digest<P: UnitProgram + ?Sized>(
    program: &P,
    state: &[u8],
) -> Result<[u8; 32], StepError> {
    let output = program.output(state)?;
    let (expected, found) = (program.output_bytes(), output.len());
    if expected != found {
        return Err(StepError::WrongOutputSize { expected, found });
    }
    Ok(state_digest(&output))
}

/// A transition that fails leads to the failed state. There is no failed output: whatever a leaf
/// holds, a step without output has nothing that could be committed to.
fn failed(interval: &Interval, is_output: bool, why: &str) -> Finding {
    let at = interval.agreed;
    if !is_output && interval.disputed_digest == failed_digest() {
        return Finding {
            ruling: Ruling::VerifierAtFault,
            reason: format!("the step fails at point {at}, as the worker says: {why}"),
        };
    }
    Finding {
        ruling: Ruling::WorkerAtFault,
        reason: format!("the step fails at point {at}, which the worker denies: {why}"),
    }
}

fn ran(terms: &DisputeTerms, point: u64) -> String {
    let index = terms.index;
    match point {
        0 => format!("start of step {index} run again"),
        _ if point == terms.last_point().saturating_sub(1) => {
            format!("output of step {index} taken again from its last state")
        }
        _ => format!("unit {} of step {index} run again", point - 1),
    }
}

impl Equivocation {
    /// The ruling against whoever signed two moves after the same predecessor.
    ///
    /// # Errors
    /// [`MoveError`] if the two prove nothing: whoever brought them is at fault.
    pub fn prove(&self, terms: &DisputeTerms) -> Result<Finding, MoveError> {
        let dispute = terms.id().map_err(MoveError::Terms)?;
        let (first, second) = (&self.first, &self.second);
        let number = first.number;
        if number != second.number {
            return Err(MoveError::NoEquivocation(
                "the moves have different numbers",
            ));
        }
        if first.previous != second.previous {
            return Err(MoveError::NoEquivocation(
                "the moves follow different predecessors: one party may answer both branches of the other's",
            ));
        }
        if first.message(&dispute) == second.message(&dispute) {
            return Err(MoveError::NoEquivocation("the moves are one and the same"));
        }
        let side = Side::of(number);
        for signed in [first, second] {
            if !signed.is_signed_by(&dispute, terms.key(side)) {
                return Err(MoveError::Signature { number, side });
            }
        }
        Ok(Finding {
            ruling: against(side),
            reason: format!(
                "the {side} signed two different moves of number {number} after the same predecessor"
            ),
        })
    }
}
