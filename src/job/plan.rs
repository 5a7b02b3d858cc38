//! From a manifest to jobs, one per stage.

use std::path::{Path, PathBuf};

use narthex_game_model::{
    commitment::{MAX_RESULT_BYTES, SealError},
    computation::{AnyProgram, Computation, Job, JobSpec, RunTwice, Stated, StepProgram},
    tagged::TaggedHasher,
    text,
    workload::{
        Limits, MAX_PROGRAM_BYTES, Records,
        digits::{self, Labelled},
        model::{MAX_MODEL_BYTES, Model, ModelProgram},
        words::{Chain, WordCount, partitions},
    },
};
use rayon::prelude::*;

use super::error::Malformed;
use super::state::read_limited;
use super::{Engine, Input, JobError, Manifest, Running, Source, Work};

/// Largest file that a job reads.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Most records of a counter.
const MAX_COUNTER: u64 = 1 << 24;
/// The texts that come with the program (data/README.md).
const TEXTS: [&str; 4] = [
    include_str!("../../data/texts/rust-book-ch02.txt"),
    include_str!("../../data/texts/rust-book-ch04.txt"),
    include_str!("../../data/texts/rust-book-ch15.txt"),
    include_str!("../../data/texts/rust-book-ch16.txt"),
];

/// One stage: a program over records.
pub type StageJob = Job<AnyProgram>;

/// The stages of a manifest; those after the first need the result before.
#[derive(Debug)]
pub struct Plan {
    first: StageJob,
    chain: Option<Chain>,
    wasm: bool,
    twice: bool,
    entropy_bits: Option<u32>,
}

impl Plan {
    /// Reads program and input.
    pub fn load(path: &Path, running: &Running) -> Result<Self, JobError> {
        Self::of(&Manifest::read(path)?, path, running)
    }

    /// The same of a manifest that was read from a path: its other files are beside it.
    pub(super) fn of(
        manifest: &Manifest,
        path: &Path,
        running: &Running,
    ) -> Result<Self, JobError> {
        let beside = |file: &PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
        let (program, records, chain) = parts(&manifest.work, &beside, running)?;
        Ok(Self {
            first: stage(program, records, running.twice, manifest.entropy_bits)?,
            chain,
            wasm: matches!(manifest.work, Work::Wasm { .. } | Work::DigitsWasm { .. }),
            twice: running.twice,
            entropy_bits: manifest.entropy_bits,
        })
    }

    /// The first stage.
    pub const fn first(&self) -> &StageJob {
        &self.first
    }

    /// Whether the program is WebAssembly: then engine and time of [`Running`] are of account.
    pub const fn is_wasm(&self) -> bool {
        self.wasm
    }

    /// Number of stages.
    pub fn stages(&self) -> u32 {
        let steps = self.first.steps();
        1 + self.chain.map_or(0, |chain| chain.rounds(steps))
    }

    /// Size of the outputs of a stage.
    pub fn output_bytes(&self, stage: u32) -> usize {
        let first = self.first.output_bytes();
        let merged = |bytes, _| self.chain.map_or(bytes, |chain| chain.merged_bytes(bytes));
        (0..stage.min(self.stages())).fold(first, merged)
    }

    /// The stage after one whose steps gave `result`, outputs of `output_bytes` each.
    pub fn next(&self, result: &[u8], output_bytes: usize) -> Result<Option<StageJob>, JobError> {
        let Some(chain) = self.chain else {
            return Ok(None);
        };
        let next = chain
            .next(result, output_bytes)
            .map_err(|source| JobError::Refused {
                what: "the result before".into(),
                source: source.into(),
            })?;
        let stated = self.entropy_bits;
        next.map(|(program, records)| stage(Box::new(program), records, self.twice, stated))
            .transpose()
    }

    /// The job of one stage. The results before it are computed here: they are what contracts for those stages bring.
    ///
    /// # Errors
    /// [`JobError::NoStage`]; a step before it that has no output, or is not decided on this machine.
    pub fn into_stage(self, wanted: u32) -> Result<StageJob, JobError> {
        let stages = self.stages();
        let none = || JobError::NoStage {
            stage: wanted,
            stages,
        };
        if wanted >= stages {
            return Err(none());
        }
        let mut later: Option<StageJob> = None;
        for stage in 0..wanted {
            let job = later.as_ref().unwrap_or(&self.first);
            let result = outputs(job, stage)?;
            later = Some(self.next(&result, job.output_bytes())?.ok_or_else(none)?);
        }
        Ok(later.unwrap_or(self.first))
    }

    /// Identity of all stages together.
    pub fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/job-plan")
            .fixed(&self.first.job())
            .number(self.chain.map_or(0, |chain| chain.fan_in() as u64))
            .finish()
    }
}

/// All outputs of a job, one after the other, on all cores.
fn outputs(job: &StageJob, stage: u32) -> Result<Vec<u8>, JobError> {
    fits_result(job.spec())?;
    crate::threads::prepare();
    let done = (0..job.steps()).into_par_iter().map(|step| job.step(step));
    let done: Vec<_> = done.collect();
    let mut result = Vec::new();
    for (index, output) in (0..).zip(done) {
        // The first that fails is named, whichever thread came first.
        result.extend(output.map_err(|error| JobError::step(stage, index, error))?);
    }
    Ok(result)
}

/// Whether the outputs of all steps together can be sealed.
///
/// # Errors
/// [`JobError::Seal`] with their size.
pub(crate) fn fits_result(spec: &JobSpec) -> Result<(), JobError> {
    let size = spec.steps.saturating_mul(spec.output_bytes);
    let bytes = usize::try_from(size).unwrap_or(usize::MAX);
    match bytes <= MAX_RESULT_BYTES {
        true => Ok(()),
        false => Err(SealError::TooLarge { bytes }.into()),
    }
}

/// `stated` is what the file says of the outputs' entropy; without it the program speaks for itself.
fn stage(
    program: AnyProgram,
    records: Records,
    twice: bool,
    stated: Option<u32>,
) -> Result<StageJob, JobError> {
    let program: AnyProgram = match twice {
        true => Box::new(RunTwice(program)),
        false => program,
    };
    let bytes = program.output_bytes();
    let program: AnyProgram = match stated {
        None => program,
        Some(stated) if stated as usize > bytes.saturating_mul(8) => {
            return Err(JobError::Refused {
                what: "entropy_bits".into(),
                source: Malformed::Entropy { stated, bytes },
            });
        }
        Some(entropy_bits) => Box::new(Stated {
            program,
            entropy_bits,
        }),
    };
    Ok(Job::new(program, records)?)
}

type Parts = (AnyProgram, Records, Option<Chain>);

fn parts(
    work: &Work,
    beside: &dyn Fn(&PathBuf) -> PathBuf,
    running: &Running,
) -> Result<Parts, JobError> {
    let refused = |what: &str| {
        let what = what.to_owned();
        move |source: Malformed| JobError::Refused { what, source }
    };
    match work {
        Work::Wasm {
            program,
            limits,
            max_units,
            input,
        } => {
            let source = match program {
                Source::Text(text) => text.clone().into_bytes(),
                Source::File(file) => read_limited(&beside(file), MAX_PROGRAM_BYTES as u64)?,
            };
            let limits = Limits {
                fuel: limits.fuel,
                memory_bytes: limits.memory_bytes,
                output_bytes: limits.output_bytes,
            };
            let program = match max_units {
                None => Engine::compile(running, &source, limits)?,
                Some(units) => Engine::compile_units(running, &source, limits, *units)?,
            };
            let records = records(input, beside)?;
            Ok((program, records, None))
        }
        Work::DigitsWasm { images, units } => {
            digits_wasm(images.as_ref().map(beside), *units, running)
        }
        Work::DigitsModel { model, images } => {
            digits_model(model.as_ref().map(beside), images.as_ref().map(beside))
        }
        Work::WordCount {
            texts,
            partition_bytes,
            fan_in,
        } => {
            let chain = Chain::new(*fan_in).map_err(|e| refused("fan_in")(e.into()))?;
            let program = WordCount::new(*partition_bytes)
                .map_err(|e| refused("partition_bytes")(e.into()))?;
            let texts = match texts {
                None => TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect(),
                Some(files) => files
                    .iter()
                    .map(|file| read_limited(&beside(file), MAX_FILE_BYTES))
                    .collect::<Result<Vec<_>, _>>()?,
            };
            let records =
                partitions(&texts, *partition_bytes).map_err(|e| refused("the texts")(e.into()))?;
            Ok((Box::new(program), records, Some(chain)))
        }
    }
}

fn digits_model(model: Option<PathBuf>, images: Option<PathBuf>) -> Result<Parts, JobError> {
    let model = match model {
        None => Model::shipped(),
        Some(file) => Model::from_bytes(&read_limited(&file, MAX_MODEL_BYTES as u64)?),
    };
    let model = model.map_err(|error| JobError::Refused {
        what: "the model".into(),
        source: error.into(),
    })?;
    let records = match images {
        None => shipped_images()?,
        Some(file) => Records::from_csv(&read_text(&file)?, model.inputs(), model.max_input())
            .map_err(|error| JobError::Refused {
                what: "the images".into(),
                source: error.into(),
            })?,
    };
    Ok((Box::new(ModelProgram::new(model)), records, None))
}

fn digits_wasm(images: Option<PathBuf>, units: bool, running: &Running) -> Result<Parts, JobError> {
    let refused = |source: Malformed| JobError::Refused {
        what: "the digits".into(),
        source,
    };
    let records = match images {
        None => shipped_images()?,
        Some(file) => digits::images_from_csv(&read_text(&file)?).map_err(|e| refused(e.into()))?,
    };
    let shipped = Labelled::shipped().map_err(|e| refused(e.into()))?;
    let (reference, _) = shipped.split(digits::REFERENCE_ROWS);
    let program: AnyProgram = if units {
        running.engine.needs_wasmi()?;
        let stated = digits::unit_program(&reference).map_err(|e| refused(e.into()))?;
        Box::new(stated.program.with_budget(running.budget()))
    } else {
        let (source, limits) = digits::source(&reference).map_err(|e| refused(e.into()))?;
        Engine::compile(running, &source, limits)?
    };
    Ok((Box::new(digits::stated(program)), records, None))
}

/// The rows that neither the reference nor the model's training has.
fn shipped_images() -> Result<Records, JobError> {
    let refused = |source: Malformed| JobError::Refused {
        what: "the shipped images".into(),
        source,
    };
    let shipped = Labelled::shipped().map_err(|e| refused(e.into()))?;
    let (_, rest) = shipped.split(digits::REFERENCE_ROWS);
    rest.images().map_err(|e| refused(e.into()))
}

fn records(input: &Input, beside: &dyn Fn(&PathBuf) -> PathBuf) -> Result<Records, JobError> {
    let records = match input {
        Input::Csv { file, width, max } => {
            Records::from_csv(&read_text(&beside(file))?, *width, *max).map_err(Malformed::from)
        }
        Input::Bytes { file, width } => {
            let bytes = read_limited(&beside(file), MAX_FILE_BYTES)?;
            Records::from_bytes(*width, bytes).map_err(Malformed::from)
        }
        Input::Counter { start, records } => {
            let end = start.checked_add(*records);
            match end.filter(|_| *records <= MAX_COUNTER) {
                Some(end) => {
                    let bytes = (*start..end).flat_map(u64::to_le_bytes).collect();
                    Records::from_bytes(8, bytes).map_err(Malformed::from)
                }
                None => Err(Malformed::Counter {
                    start: *start,
                    records: *records,
                }),
            }
        }
    };
    records.map_err(|source| JobError::Refused {
        what: "the input".into(),
        source,
    })
}

fn read_text(path: &Path) -> Result<String, JobError> {
    let bytes = read_limited(path, MAX_FILE_BYTES)?;
    let text = text::read(&bytes).map_err(|error| JobError::Refused {
        what: path.display().to_string(),
        source: error.into(),
    })?;
    Ok(text.to_owned())
}
