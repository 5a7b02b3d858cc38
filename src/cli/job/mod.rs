//! `narthex job …`: one file per command.

mod audit;
mod commit;
mod dispute;
mod entropy;
mod example;
mod open;
mod run;
mod verify;

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};
use narthex::job::{ContractDir, ContractName, Engine, JobError, Plan, Running};

use super::{Misuse, secret::warn_if_others_read};

/// What to do with a job.
#[derive(Subcommand)]
pub(crate) enum JobCommand {
    /// Writes a job to start from.
    Example(example::ExampleArgs),
    /// Computes all steps; killed and started again, it goes on where it was.
    Run(run::RunArgs),
    /// Commits to what was computed and seals the result.
    Commit(commit::CommitArgs),
    /// Opens leaves of a commitment, for a verifier.
    Open(open::OpenArgs),
    /// Checks opened leaves against a commitment by computing their steps.
    Verify(verify::VerifyArgs),
    /// Plays the verifier against a state directory: sample, blind digests, opening, verdict, result.
    Audit(audit::AuditArgs),
    /// Plays or replays a dispute over one step, down to one unit of it.
    Dispute(dispute::DisputeArgs),
    /// Measures how hard the digests of a job are to guess, and whether a token can be sealed under them.
    Entropy(entropy::EntropyArgs),
}

impl JobCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let done = match self {
            JobCommand::Example(args) => args.run(),
            JobCommand::Run(args) => args.run(),
            JobCommand::Commit(args) => args.run(),
            JobCommand::Open(args) => args.run(),
            JobCommand::Verify(args) => args.run(),
            JobCommand::Audit(args) => args.run(),
            JobCommand::Dispute(args) => args.run(),
            JobCommand::Entropy(args) => args.run(),
        };
        // These errors name their cause themselves, in front of what to do next.
        done.map_err(|error| match error.downcast::<JobError>() {
            Ok(error @ JobError::NeedlessPrevious) => Misuse(error.to_string()).into(),
            Ok(error) => anyhow::Error::msg(error.to_string()),
            Err(error) => error,
        })
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum EngineArg {
    /// The interpreter that arbiters rule by.
    Wasmi,
    /// Native code; needs a build with `--features wasmtime`.
    Wasmtime,
    /// Both, compared at each step; needs a build with `--features wasmtime`.
    Both,
}

/// Which engine runs WebAssembly.
#[derive(Args)]
struct EngineArgs {
    /// Engine for WebAssembly, wasmi without it; the outputs do not depend on it. Jobs of other programs run in none.
    #[arg(long, value_enum)]
    engine: Option<EngineArg>,
    /// Longest time for a step of WebAssembly in seconds, 600 without it; one that takes longer is not decided on this machine.
    /// Not part of the job.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    step_seconds: Option<u64>,
}

impl EngineArgs {
    fn load(&self, job: &std::path::Path, twice: bool) -> anyhow::Result<Plan> {
        let engine = match self.engine {
            None | Some(EngineArg::Wasmi) => Engine::Wasmi,
            Some(EngineArg::Wasmtime) => Engine::Wasmtime,
            Some(EngineArg::Both) => Engine::Both,
        };
        let step_time = self.step_seconds.map(std::time::Duration::from_secs);
        let running = Running {
            engine,
            twice,
            step_time: step_time.unwrap_or(Running::STEP_TIME),
        };
        let plan = Plan::load(job, &running)?;
        for (given, option) in [
            (self.engine.is_some(), "--engine"),
            (self.step_seconds.is_some(), "--step-seconds"),
        ] {
            Misuse::unless(!given || plan.is_wasm(), || {
                format!(
                    "{option} is for WebAssembly, and the program of {} is none",
                    job.display()
                )
            })?;
        }
        Ok(plan)
    }
}

/// Where a worker keeps its work.
#[derive(Args)]
struct StateArgs {
    /// The worker's directory.
    #[arg(long)]
    state: PathBuf,
}

/// In which contract the result is sold.
#[derive(Args)]
struct ContractArgs {
    /// The contract, as its worker calls it: its id, or any word. Each sale of a result is a contract of its own, with secrets
    /// of its own. Without it, the one that has no name.
    #[arg(long, value_name = "NAME")]
    contract: Option<ContractName>,
}

/// Says which of the worker's secrets others can read.
fn warn_if_exposed(contract: &ContractDir<'_>) {
    for path in contract.secret_files() {
        warn_if_others_read(&path);
    }
}

fn print(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(crate::cli::output::out(), "{line}")?)
}
