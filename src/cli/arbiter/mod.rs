//! `narthex arbiter …`.

mod judge;
mod replay;

use std::{ffi::OsString, process::ExitCode};

use clap::Subcommand;

/// Exit status of an answer that is no: the ruling that was made again is another.
const NO: u8 = 3;

/// What to do as an arbiter, or with what one has ruled. `init` and `serve`, the folder of an arbiter and the node that runs in it, are given to
/// `narthex-node arbiter`.
#[derive(Subcommand)]
pub(crate) enum ArbiterCommand {
    /// Rules again on the case of a bundle, from headers and bundle alone, and says in what the finding differs.
    ///
    /// Exit status: 0 if it is the same, 3 if it differs; 1 or 2 for an error, such as a bundle that is none.
    Replay(replay::ReplayArgs),
    /// Answers one question on standard input, in a box: no network, no files, bounded memory and time. Arbiters start it for each ruling.
    ///
    /// Exit status: 0 if it has answered; with --probe 3 if something got out.
    Judge(judge::JudgeArgs),
    /// Everything else is an order for `narthex-node arbiter`, of a program of its own that speaks to other nodes.
    #[command(external_subcommand)]
    Program(Vec<OsString>),
}

impl ArbiterCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            ArbiterCommand::Replay(args) => args.run(),
            ArbiterCommand::Judge(args) => args.run(),
            ArbiterCommand::Program(words) => {
                let words: Vec<_> = [OsString::from("arbiter")]
                    .into_iter()
                    .chain(words)
                    .collect();
                super::node::program(&words)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
