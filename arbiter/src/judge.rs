//! How a question is answered.

use narthex_base::codec::{DecodeError, Reader};
use narthex_game_model::{
    computation::StepError,
    params::Params,
    play::EvidenceError,
    ruling::{Rerun, RuleError, rule},
};

use crate::{Engines, Judged, Question, Report, engines::Agreeing, report::cut};

/// Why nothing is ruled, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silence {
    /// A block is not there yet: asked again with the next one.
    Awaited,
    /// Two engines that must agree do not: a defect of one of them, and no verdict on anybody.
    EnginesDiffer,
    /// A limit or a defect of this machine.
    Machine,
    /// The question is none: facts of no contract, another job, a program that is missing.
    Case,
}

impl Silence {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Awaited => 0,
            Self::EnginesDiffer => 1,
            Self::Machine => 2,
            Self::Case => 3,
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("why there is none")? {
            0 => Self::Awaited,
            1 => Self::EnginesDiffer,
            2 => Self::Machine,
            3 => Self::Case,
            other => return Err(DecodeError::invalid("why there is none", other)),
        })
    }
}

/// Nothing is ruled, which says nothing about any party.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is ruled: {words}")]
pub struct Silent {
    /// Why, in a word.
    pub why: Silence,
    /// Why.
    pub words: String,
}

impl Silent {
    /// For this reason.
    pub fn new(why: Silence, words: impl ToString) -> Silent {
        let words = cut(words.to_string());
        Silent { why, words }
    }
}

impl From<RuleError> for Silent {
    fn from(error: RuleError) -> Silent {
        let why = match &error {
            RuleError::Block { .. } => Silence::Awaited,
            RuleError::Step(EvidenceError::Defect {
                error: StepError::EnginesDiffer { .. },
                ..
            }) => Silence::EnginesDiffer,
            RuleError::Step(EvidenceError::Defect { .. }) | RuleError::Seal(_) => Silence::Machine,
            _ => Silence::Case,
        };
        Silent::new(why, error)
    }
}

/// Rules, by the first row of the table that applies. A step that must be run again is run by the engines: by both where there are two, and
/// where they do not agree nothing is ruled. `None` runs nothing.
///
/// # Errors
/// [`Silent`].
pub fn judge(question: &Question, engines: Option<Engines<'_>>) -> Result<Report, Silent> {
    let case = |error: &dyn std::fmt::Display| Silent::new(Silence::Case, error);
    let known = question.case().map_err(|e| case(&e))?;
    let evidence = question.dossier.evidence();
    let Some(engines) = engines else {
        let found = rule(&known, evidence, Rerun::None, question.cost)?;
        return Ok(Report::new(found, Judged::NoStep));
    };
    let both = Agreeing::new(engines);
    let params: &Params = &known.terms.params;
    // A record that is larger than the job's own does not prove to its root: the bound of the contract says as much to everybody.
    let most = params.job_bounds().record_bytes;
    let accepted = params.accepts(question.dossier.job(), &both, most);
    let accepted = accepted.map_err(|e| case(&e))?;
    let rerun = Rerun::Step {
        program: &both,
        job: &accepted,
    };
    let found = rule(&known, evidence, rerun, question.cost)?;
    let engine = engines.name.to_owned();
    let judged = match (both.has_run(), engines.other) {
        (false, _) => Judged::NoStep,
        (true, Ok(other)) => Judged::Both {
            engine,
            other: other.name().to_owned(),
        },
        (true, Err(why)) => Judged::Alone {
            engine,
            why: why.to_owned(),
        },
    };
    Ok(Report::new(found, judged))
}
