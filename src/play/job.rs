//! The job of a play: the shipped digits, the user's own images, or a stage of a job file.

use std::path::Path;

use bitcoin::hashes::{Hash, sha256};
use narthex_game_model::{
    JobBounds,
    computation::{AnyProgram, Computation, Job, StepProgram},
    params::JobMisfit,
    text,
    token::entropy,
    workload::digits,
};

use super::{
    DecryptedDigits, DecryptedOutputs, DecryptedResult, JobFile, PlayError, PlayOptions,
    case::{self, MAX_STEPS},
};
use crate::{
    disk,
    job::{Plan, Running, StageJob, fits_result},
};

/// Largest file of images, in bytes: half a million rows.
const MAX_INPUT_BYTES: u64 = 1 << 26;

/// How many digits, or bytes of outputs, are shown.
const SHOWN: usize = 24;

/// Where a job comes from, which says how its outputs are read.
pub(super) enum Origin {
    /// A digit an output, with the labels of the images where they have any.
    Digits {
        /// One an image.
        labels: Option<Vec<u8>>,
    },
    /// Outputs of whatever a job file computes.
    File {
        /// The stage that is played, from 0.
        stage: u32,
        /// Number of stages of the job.
        stages: u32,
    },
}

/// The job of these options, within the bounds of the parameters that they are played with: nothing has happened yet.
pub(super) fn open(options: &PlayOptions) -> Result<(StageJob, Origin), PlayError> {
    let (job, origin) = match (&options.job, &options.input) {
        (None, input) => digits(options, input.as_deref())?,
        (Some(file), None) => from_file(file)?,
        (Some(_), Some(_)) => {
            return Err(PlayError::Input(
                "a job file names its own; leave one of the two out".into(),
            ));
        }
    };
    let case = options.case.as_ref().map(|case| &case.params);
    let steps = job.steps();
    if let Some(params) = case.filter(|params| params.steps != steps) {
        return Err(misfit(JobMisfit::Steps {
            job: steps,
            params: params.steps,
        }));
    }
    let bounds = case.map_or_else(JobBounds::default, |params| params.job_bounds);
    bounds.accepts_job(&job).map_err(misfit)?;
    if options.template.has_delivery() {
        let sample = case.map_or_else(|| super::setup::sample_of(steps), |params| params.sample);
        let (bits, needs) = (job.program().entropy_bits(), job.program().needs());
        entropy::check(bits, sample, needs.step_fuel()).map_err(PlayError::Guessable)?;
    }
    Ok((job, origin))
}

/// The shipped job, or the same program over the user's own records.
fn digits(options: &PlayOptions, input: Option<&Path>) -> Result<(StageJob, Origin), PlayError> {
    let shipped = digits::Labelled::shipped().map_err(failed)?;
    let (reference, rest) = shipped.split(digits::REFERENCE_ROWS);
    let (labels, records) = match (input, &options.case) {
        (None, None) => (
            Some(rest.labels().collect()),
            rest.images().map_err(failed)?,
        ),
        (None, Some(case)) => {
            let (labels, records) = case::images(&rest, case.params.steps)?;
            (Some(labels), records)
        }
        (Some(path), _) => {
            let shown = path.display();
            let records = digits::images_from_csv(&read_input(path)?)
                .map_err(|e| PlayError::Input(format!("{shown}: {e}")))?;
            case::check_rows(options, records.len())?;
            (None, records)
        }
    };
    let program: AnyProgram = Box::new(digits::program(&reference).map_err(failed)?);
    let job = Job::new(program, records).map_err(failed)?;
    Ok((job, Origin::Digits { labels }))
}

/// A stage of a job file, read as `narthex job` reads it.
fn from_file(file: &JobFile) -> Result<(StageJob, Origin), PlayError> {
    let plan = Plan::load(&file.path, &Running::default())?;
    let stages = plan.stages();
    let stage = file.stage.unwrap_or(stages.saturating_sub(1));
    let job = plan.into_stage(stage)?;
    let steps = job.steps();
    if steps > MAX_STEPS {
        return Err(PlayError::TooManySteps {
            steps,
            most: MAX_STEPS,
        });
    }
    fits_result(job.spec())?;
    Ok((job, Origin::File { stage, stages }))
}

/// A file's text, as long as it is no larger than images need to be; a device may have no end.
fn read_input(path: &Path) -> Result<String, PlayError> {
    let shown = path.display();
    let refused = |why: String| PlayError::Input(format!("{shown}: {why}"));
    let bytes = disk::read_bounded(path, MAX_INPUT_BYTES).map_err(|e| refused(e.to_string()))?;
    let larger = || refused(format!("larger than {MAX_INPUT_BYTES} bytes"));
    let bytes = bytes.ok_or_else(larger)?;
    let text = text::read(&bytes).map_err(|e| refused(e.to_string()))?;
    Ok(text.to_owned())
}

fn failed(e: impl ToString) -> PlayError {
    PlayError::Job(e.to_string())
}

/// A job that the parameters do not hold, with the option by which a case is planned that does.
pub(super) fn misfit(misfit: JobMisfit) -> PlayError {
    let wanted = match &misfit {
        JobMisfit::Steps { job, .. } => format!("--steps {job}"),
        JobMisfit::Exceeds { what, job, .. } => match *what {
            "fuel for a unit" => format!("--fuel {job}"),
            "units" => format!("--units {job}"),
            "bytes of memory for a step" => format!("--memory {job}"),
            "bytes of program" => format!("--program {job}"),
            "bytes a record" => format!("--record {job}"),
            "bytes an output" => format!("--output {job}"),
            _ => "its bounds".into(),
        },
        JobMisfit::Guessable(guessable) => return PlayError::Guessable(*guessable),
        _ => "the bounds of this job".into(),
    };
    PlayError::Misfit { misfit, wanted }
}

impl Origin {
    /// Number of the stage, for messages about a step; 0 where there is one only.
    pub(super) const fn stage(&self) -> u32 {
        match self {
            Origin::Digits { .. } => 0,
            Origin::File { stage, .. } => *stage,
        }
    }

    /// What the client offers.
    pub(super) fn offer(&self, job: &StageJob) -> String {
        let steps = job.steps();
        match self {
            Origin::Digits { .. } => {
                format!("offers a job of {steps} steps: a WebAssembly program over {steps} images")
            }
            Origin::File { stage, stages } => {
                let staged = match stages {
                    0 | 1 => String::new(),
                    _ => format!(", stage {stage} of 0 to {}", stages.saturating_sub(1)),
                };
                let (bytes, id) = (job.output_bytes(), sha256::Hash::from_byte_array(job.job()));
                format!(
                    "offers a job of {steps} steps with {bytes} bytes of output each: job {id}{staged}"
                )
            }
        }
    }

    /// The decrypted outputs of a job, which agree with the commitment, and what they are in a line.
    pub(super) fn read(&self, job: &StageJob, plain: Vec<u8>) -> (DecryptedResult, String) {
        match self {
            Origin::Digits { labels } => read_digits(&plain, labels.as_deref()),
            Origin::File { stage, stages } => {
                let result = DecryptedOutputs {
                    job: sha256::Hash::from_byte_array(job.job()).to_string(),
                    stage: *stage,
                    stages: *stages,
                    steps: job.steps(),
                    output_bytes: job.output_bytes() as u64,
                    sha256: sha256::Hash::hash(&plain).to_string(),
                    first_bytes: hex(plain.get(..SHOWN).unwrap_or(&plain)),
                    outputs: plain.into(),
                    matches_commitment: true,
                };
                let said = format!("decrypts {result}");
                (DecryptedResult::Outputs(result), said)
            }
        }
    }
}

fn read_digits(plain: &[u8], labels: Option<&[u8]>) -> (DecryptedResult, String) {
    let read = digits::predictions(plain)
        .map(|p| p.digit)
        .collect::<Vec<_>>();
    let agreeing = labels.map(|labels| {
        read.iter().zip(labels).filter(|(a, b)| a == b).count() as f64 / read.len().max(1) as f64
    });
    let first = read
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect::<String>();
    let count = read.len();
    let agreement = agreeing
        .map(|a| format!(", {:.1} % as labelled", 100.0 * a))
        .unwrap_or_default();
    let result = DecryptedDigits {
        steps: count as u64,
        first_digits: read.iter().copied().take(SHOWN).collect(),
        digits: read,
        agreeing_with_labels: agreeing,
        matches_commitment: true,
    };
    let said = format!("decrypts {count} digits: {first}…{agreement}");
    (DecryptedResult::Digits(result), said)
}

fn hex(bytes: &[u8]) -> String {
    bitcoin::hex::DisplayHex::to_lower_hex_string(bytes)
}
