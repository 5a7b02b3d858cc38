//! `narthex arbiter judge`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
};

use clap::Args;
use narthex::judging::{CellLimits, judge_in_cell, probe_cell};

use super::NO;
use crate::cli::output;

/// Options of `narthex arbiter judge`.
#[derive(Args)]
pub(crate) struct JudgeArgs {
    /// Most memory, in bytes of address space.
    #[arg(long, default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(64 << 20..))]
    memory_bytes: u64,
    /// Most time of a processor, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    cpu_seconds: u64,
    /// Tries to get out of the box in place of judging, and says how far it came, as one JSON object.
    #[arg(long)]
    probe: bool,
    /// Somebody who listens on this machine, and whom a probe tries to reach.
    #[arg(long, requires = "probe", value_name = "ADDRESS:PORT")]
    listener: Option<SocketAddr>,
    /// Nothing changes by it: an answer is for a program, and a probe's is JSON, in any case.
    #[arg(long)]
    json: bool,
}

impl JudgeArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let limits = CellLimits {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu_seconds,
        };
        if !self.probe {
            judge_in_cell(limits, io::stdin().lock(), &mut output::out())?;
            return Ok(ExitCode::SUCCESS);
        }
        let probed = probe_cell(limits, self.listener)?;
        writeln!(output::out(), "{}", serde_json::to_string(&probed)?)?;
        Ok(match probed.holds() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(NO),
        })
    }
}
