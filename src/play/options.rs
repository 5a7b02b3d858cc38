//! What is to be played.

use std::path::PathBuf;

use narthex_contracts::depth::Depth;
use narthex_game_model::{Template, token::SealCost};

use crate::{game::Case, harness::HarnessOptions, judging::JudgeBox};

/// A job as `narthex job` runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobFile {
    /// The manifest ([`crate::job::Manifest`]).
    pub path: PathBuf,
    /// The stage that the contract is about, from 0; the last, whose result is the job's, if none. Each stage is a
    /// contract of its own: the results before this one are computed without one.
    pub stage: Option<u32>,
}

impl JobFile {
    /// The job of this manifest, and a stage of it; the last if none.
    pub fn new(path: impl Into<PathBuf>, stage: Option<u32>) -> Self {
        let path = path.into();
        Self { path, stage }
    }
}

/// Options of a play.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlayOptions {
    /// Template of the contract.
    pub template: Template,
    /// Panel: k of n.
    pub quorum: u8,
    /// Panel: k of n.
    pub arbiters: u8,
    /// Own input, a CSV of 64 pixel values a row; the shipped data if none.
    pub input: Option<PathBuf>,
    /// Another job than reading digits; it has its own input.
    pub job: Option<JobFile>,
    /// How deep a block must be before anybody shows a secret, or draws a sample, on the strength of it.
    pub depth: Depth,
    /// Fee rate of the funding and of the children that pay for all else, and the seed.
    pub common: HarnessOptions,
    /// Parameters to play, and costs and values by which the parties check that honest play pays; the example's if none.
    /// Set by [`PlayOptions::with_case`], with the template and the panel.
    pub case: Option<Case>,
    /// Sign even if honest play does not pay, as it never does in the paper's template.
    pub research: bool,
    /// What deriving the key of the token's seal takes, on both sides.
    pub seal_cost: SealCost,
    /// Try every timed move one block too early first, and fail if the chain takes it.
    pub probe_early: bool,
    /// Have each arbiter that has ruled draw up the bundle of its case at the end ([`Settled::bundles`](super::Settled::bundles)). It takes the
    /// seal of a contract.
    pub bundles: bool,
    /// How arbiters judge: each question in a box, or in this process if none.
    pub judge: Option<JudgeBox>,
    /// Kill the processes of parties that live by their machines, again and again, when this seed says.
    pub kills: Option<u64>,
}

impl Default for PlayOptions {
    fn default() -> Self {
        PlayOptions {
            template: Template::Hardened,
            quorum: 2,
            arbiters: 3,
            input: None,
            job: None,
            depth: Depth::LEAST,
            common: HarnessOptions::default(),
            case: None,
            research: false,
            seal_cost: SealCost::CONTRACT,
            probe_early: false,
            bundles: false,
            judge: None,
            kills: None,
        }
    }
}
