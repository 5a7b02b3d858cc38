//! `narthex completions`.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::{Generator, Shell};
use narthex_disk::{self as disk, Readers};

use super::{Cli, output};

/// Options of `narthex completions`.
#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that is to complete commands and options.
    #[arg(value_enum)]
    shell: Shell,
    /// Write the script to this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl CompletionsArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut command = Cli::command();
        command.set_bin_name(env!("CARGO_BIN_NAME"));
        command.build();
        let mut script = Vec::new();
        // `clap_complete::generate` panics where the script cannot be written.
        self.shell.try_generate(&command, &mut script)?;
        let shell = self.shell.to_string();
        if let Some(path) = &self.out {
            disk::save(path, &script, Readers::Umask)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = output::out();
        match (self.json, &self.out) {
            (true, Some(path)) => {
                let said = serde_json::json!({"shell": shell, "out": path.display().to_string()});
                writeln!(out, "{said}")?;
            }
            (true, None) => {
                let script = String::from_utf8(script)?;
                let said = serde_json::json!({"shell": shell, "script": script});
                writeln!(out, "{said}")?;
            }
            (false, Some(path)) => {
                writeln!(out, "completions for {shell} in {}", path.display())?;
            }
            (false, None) => out.write_all(&script)?,
        }
        Ok(())
    }
}
