//! The `narthex-node` command.

mod args;
mod demo;
mod shown;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shown::note(format_args!("narthex-node: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
