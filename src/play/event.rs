//! What happens during a play, as data. `docs/json.md` documents the same for programs.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::harness;

/// Something that happened.
pub type Event = harness::Event<Settled>;

/// How it ended.
pub type Outcome = harness::Outcome<Settled>;

/// What the end of a computational contract tells beside balances and transactions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settled {
    /// `hardened` or `paper`.
    pub template: String,
    /// Number of the settlement scheme, 1 to 7; `None` for an agreement outside the table.
    pub scheme: Option<u8>,
    /// `k-of-n`.
    pub arbiters: String,
    /// Height of the funding.
    pub funded_at: u32,
    /// Height of the last settlement transaction.
    pub settled_at: u32,
    /// Ids of the contract's transactions.
    pub txids: Vec<String>,
    /// All fees in sat, children included.
    pub fees_sat: u64,
    /// Row of the ruling table by which the panel ruled, `0` to `11` with `9a`; `None` if none was asked, and in the paper's
    /// template, which has no table.
    pub ruling_row: Option<String>,
    /// Number of messages that parties sent each other after the set-up.
    pub messages_sent: u64,
    /// Their size in bytes.
    pub bytes_sent: u64,
    /// What the client decrypted, if the result secret was revealed.
    pub result: Option<DecryptedResult>,
    /// Bundles of the case, one of each arbiter that has ruled, where they were asked for
    /// ([`PlayOptions::bundles`](super::PlayOptions::bundles)).
    #[serde(skip)]
    pub bundles: Vec<Vec<u8>>,
}

/// What the client decrypted: the outputs of the job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DecryptedResult {
    /// Of the shipped program, which reads digits.
    Digits(DecryptedDigits),
    /// Of a job file.
    Outputs(DecryptedOutputs),
}

impl DecryptedResult {
    /// What a file of it holds: a digit a line, or the outputs as `narthex job run` writes them.
    pub fn to_file(&self) -> Vec<u8> {
        match self {
            DecryptedResult::Digits(read) => {
                let lines = read.digits.iter().map(|digit| format!("{digit}\n"));
                lines.collect::<String>().into_bytes()
            }
            DecryptedResult::Outputs(result) => result.outputs.to_vec(),
        }
    }
}

/// One line for people.
impl fmt::Display for DecryptedResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecryptedResult::Digits(read) => {
                write!(f, "{} digits, ", read.steps)?;
                for digit in &read.first_digits {
                    write!(f, "{digit}")?;
                }
                f.write_str("…")?;
                match read.agreeing_with_labels {
                    Some(share) => write!(f, ", {:.1} % as labelled", 100.0 * share),
                    None => Ok(()),
                }
            }
            DecryptedResult::Outputs(result) => {
                let agrees = match result.matches_commitment {
                    true => "as committed to",
                    false => "NOT as committed to",
                };
                write!(f, "{result}, {agrees}")
            }
        }
    }
}

/// Digits that were read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecryptedDigits {
    /// Number of steps, each of which read one image.
    pub steps: u64,
    /// All digits read, one a step. Not part of the event: they may be many.
    #[serde(skip)]
    pub digits: Vec<u8>,
    /// The first digits read.
    pub first_digits: Vec<u8>,
    /// Share of the digits that agree with the labels, where the input has labels.
    pub agreeing_with_labels: Option<f64>,
    /// Whether decryption agrees with the worker's commitment.
    pub matches_commitment: bool,
}

/// Outputs of a stage of a job file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecryptedOutputs {
    /// Identity of the stage's job, hex, as `narthex job run` prints it.
    pub job: String,
    /// The stage, from 0.
    pub stage: u32,
    /// Number of stages of the job.
    pub stages: u32,
    /// Number of steps.
    pub steps: u64,
    /// Size of each output.
    pub output_bytes: u64,
    /// SHA-256 of all outputs, one after the other, hex: that of the worker's file of outputs.
    pub sha256: String,
    /// The first of these bytes, hex.
    pub first_bytes: String,
    /// All of them. Not part of the event: they may be many.
    #[serde(skip)]
    pub outputs: Arc<[u8]>,
    /// Whether decryption agrees with the worker's commitment.
    pub matches_commitment: bool,
}

/// Number, size and hash of the outputs, and how they begin.
impl fmt::Display for DecryptedOutputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (steps, bytes) = (self.steps, self.output_bytes);
        let (hash, first) = (&self.sha256, &self.first_bytes);
        write!(
            f,
            "{steps} outputs of {bytes} bytes, SHA-256 {hash}: {first}…"
        )
    }
}
