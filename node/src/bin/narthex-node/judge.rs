//! `narthex-node judge`.

use std::{io, net::SocketAddr};

use clap::Args;
use narthex::judging::{CellLimits, judge_in_cell, probe_cell};

#[derive(Args)]
pub(crate) struct JudgeArgs {
    /// Most memory, in bytes of address space.
    #[arg(long)]
    memory_bytes: u64,
    /// Most time of a processor, in seconds.
    #[arg(long)]
    cpu_seconds: u64,
    /// Tries to get out of the box in place of judging.
    #[arg(long)]
    probe: bool,
    /// Somebody who listens on this machine.
    #[arg(long, requires = "probe")]
    listener: Option<SocketAddr>,
}

impl JudgeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let limits = CellLimits {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu_seconds,
        };
        let mut out = io::stdout().lock();
        match self.probe {
            false => judge_in_cell(limits, io::stdin().lock(), &mut out)?,
            true => serde_json::to_writer(&mut out, &probe_cell(limits, self.listener)?)?,
        }
        Ok(())
    }
}
