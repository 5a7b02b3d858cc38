//! What is to be computed, as a JSON file. Paths in it are relative to the file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{JobError, state::read_limited};

/// Largest manifest in bytes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A job as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: 1.
    pub narthex_job: u32,
    /// Bits of min-entropy that a step's output has at least, in every stage, for who knows program and input and has not run
    /// the step; at most 8 for each byte of it. Without it what the program itself says: 12 for the shipped digits, 0 for all
    /// others, and under 40 bits a sample no contract with a token takes the job. No part of the job's identity: who reads
    /// the file states what it believes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy_bits: Option<u32>,
    /// What is to be computed.
    pub work: Work,
}

/// What is to be computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// A WebAssembly program over records.
    Wasm {
        /// The program, text or binary.
        program: Source,
        /// What each step may use.
        limits: Limits,
        /// Its steps come in units, at most this many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_units: Option<u64>,
        /// The records.
        input: Input,
    },
    /// Nearest neighbours among shipped digits, as a WebAssembly program.
    DigitsWasm {
        /// CSV of images, 64 values of 0 to 16 a row; without it the shipped ones.
        #[serde(default)]
        images: Option<PathBuf>,
        /// With units of one labelled image each.
        #[serde(default)]
        units: bool,
    },
    /// Inference of a model in integers.
    DigitsModel {
        /// A model file; without it the shipped one.
        #[serde(default)]
        model: Option<PathBuf>,
        /// CSV of images (rows of the model's inputs); without it the shipped ones it was not trained on.
        #[serde(default)]
        images: Option<PathBuf>,
    },
    /// Words of texts: map, then rounds of merges.
    WordCount {
        /// Texts; without them the shipped ones.
        #[serde(default)]
        texts: Option<Vec<PathBuf>>,
        /// Largest partition in bytes.
        partition_bytes: usize,
        /// Tables merged in one step.
        fan_in: usize,
    },
}

/// A program, inside the manifest or beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// WebAssembly text.
    Text(String),
}

/// What a step may use ([`narthex_game_model::workload::Limits`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Fuel in wasmi's units; in a program with units, for each of them.
    pub fuel: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Size of each output in bytes.
    pub output_bytes: usize,
}

/// Records of a WebAssembly job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Lines of comma-separated integers from 0 to `max`.
    Csv {
        /// The file.
        file: PathBuf,
        /// Integers per line.
        width: usize,
        /// Largest integer.
        max: u8,
    },
    /// Records one after the other.
    Bytes {
        /// The file.
        file: PathBuf,
        /// Bytes per record.
        width: usize,
    },
    /// The numbers `start`, `start` + 1, …, 64 bits each, little-endian.
    Counter {
        /// First number.
        start: u64,
        /// How many.
        records: u64,
    },
}

impl Manifest {
    /// Reads a manifest.
    pub fn read(path: &Path) -> Result<Self, JobError> {
        let bytes = read_limited(path, MAX_MANIFEST_BYTES)?;
        let manifest: Self = narthex_game_model::text::parsed(&bytes, serde_json::from_str)
            .map_err(|source| JobError::Json {
                path: path.to_owned(),
                source,
                hint: "`narthex job example` writes one to start from",
            })?;
        match manifest.narthex_job {
            1 => Ok(manifest),
            found => Err(JobError::Version {
                path: path.to_owned(),
                found,
            }),
        }
    }

    /// A manifest to start from: `wasm`, `digits-wasm`, `digits-units`, `digits-model` or `word-count`, over files of
    /// the user's if there are any.
    pub fn example(kind: &str, files: &[PathBuf]) -> Option<Self> {
        let first = || files.first().cloned();
        // Measured over what is shipped; of files of the user's nobody has measured anything.
        let entropy_bits = match kind {
            _ if !files.is_empty() => None,
            "wasm" => Some(COLLATZ_BITS),
            "digits-model" => Some(MODEL_BITS),
            "word-count" => Some(WORDS_BITS),
            _ => None,
        };
        let work = match kind {
            "wasm" => Work::Wasm {
                program: Source::Text(COLLATZ.into()),
                limits: Limits {
                    fuel: 1_000_000,
                    memory_bytes: 65_536,
                    output_bytes: 4,
                },
                max_units: None,
                input: match first() {
                    Some(file) => Input::Bytes { file, width: 8 },
                    None => Input::Counter {
                        start: 1,
                        records: 10_000,
                    },
                },
            },
            "digits-wasm" | "digits-units" => Work::DigitsWasm {
                images: first(),
                units: kind == "digits-units",
            },
            "digits-model" => Work::DigitsModel {
                model: None,
                images: first(),
            },
            "word-count" => Work::WordCount {
                texts: (!files.is_empty()).then(|| files.to_vec()),
                partition_bytes: 4_096,
                fan_in: 4,
            },
            _ => return None,
        };
        Some(Self {
            narthex_job: 1,
            entropy_bits,
            work,
        })
    }
}

/// Of the example's outputs: of 10,000 lengths one in 52 is the commonest.
const COLLATZ_BITS: u32 = 5;
/// Of the shipped model's outputs over the shipped images: the margin of the first class above the second, in 32 bits.
const MODEL_BITS: u32 = 7;
/// Of a table of the words of 4,096 bytes, or of many such tables: the counts of hundreds of words.
const WORDS_BITS: u32 = 48;

/// The example program: steps of the Collatz sequence from a number down to 1.
const COLLATZ: &str = include_str!("collatz.wat");
