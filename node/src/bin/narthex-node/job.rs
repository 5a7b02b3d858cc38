//! Orders about jobs that a node keeps.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use narthex_node::party::{Command, JobCommand, KeptJobStatus};

use super::args::Dir;

#[derive(Subcommand)]
pub(crate) enum JobOrder {
    /// Copies a job's file with all that it speaks of, and keeps it.
    Keep(KeepArgs),
    /// Lists all: id, state, bytes.
    List(Dir),
    /// Shows one.
    Show(OfJob),
    /// Keeps one no more that no contract needs.
    Forget(OfJob),
}

#[derive(Args)]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    dir: Dir,
    /// The job's file, as of `narthex job`.
    file: PathBuf,
}

#[derive(Args)]
pub(crate) struct OfJob {
    #[command(flatten)]
    dir: Dir,
    /// Its id, as `job list` shows it.
    id: String,
}

impl JobOrder {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (dir, order) = match self {
            JobOrder::Keep(KeepArgs { dir, file }) => {
                let file = std::path::absolute(file)?;
                (dir, JobCommand::Copy { file })
            }
            JobOrder::List(dir) => (dir, JobCommand::List),
            JobOrder::Show(OfJob { dir, id }) => (dir, JobCommand::Show { id }),
            JobOrder::Forget(OfJob { dir, id }) => (dir, JobCommand::Forget { id }),
        };
        dir.ask(&Command::Job { order })
    }
}

/// A job that is kept, for people.
pub(crate) fn show(out: &mut impl Write, status: &KeptJobStatus) -> io::Result<()> {
    let KeptJobStatus {
        id,
        state,
        bytes,
        files,
        job,
        steps,
        output_bytes,
        contracts,
        trouble,
    } = status;
    writeln!(out, "kept       {id}")?;
    writeln!(out, "state      {state}, {bytes} bytes in {files} files")?;
    if let (Some(job), Some(steps), Some(output)) = (job, steps, output_bytes) {
        writeln!(
            out,
            "job        {job}: {steps} steps of {output} bytes each"
        )?;
    }
    for id in contracts {
        writeln!(out, "needed by  {id}")?;
    }
    match trouble {
        Some(why) => writeln!(out, "trouble    {why}"),
        None => Ok(()),
    }
}

/// All of them, a line each.
pub(crate) fn list(out: &mut impl Write, all: &[KeptJobStatus]) -> io::Result<()> {
    for status in all {
        let KeptJobStatus {
            id, state, bytes, ..
        } = status;
        writeln!(out, "{id}  {state:<9} {bytes} bytes")?;
    }
    Ok(())
}
