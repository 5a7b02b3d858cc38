//! The `narthex-node` command.

mod arbiter;
mod args;
mod bench;
mod bond;
mod config;
mod database;
mod demo;
mod evidence;
mod job;
mod judge;
mod run;
mod shown;
mod six;
mod small;
mod stream;
mod tower;
mod tower_send;
mod works;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let (words, file) = match config::with_file(std::env::args_os().collect()) {
        Ok(read) => read,
        Err(error) => {
            shown::note(format_args!("narthex-node: {error:#}"));
            return ExitCode::FAILURE;
        }
    };
    let cli = match args::Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(file) = file.filter(|_| error.use_stderr()) {
                shown::note(format_args!(
                    "narthex-node: with the options of {} before those of the command line:",
                    file.display()
                ));
            }
            error.exit()
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shown::note(format_args!("narthex-node: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
