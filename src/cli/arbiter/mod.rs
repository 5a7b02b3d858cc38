//! `narthex arbiter …`.

mod judge;
mod replay;

use std::process::ExitCode;

use clap::Subcommand;

/// Exit status of an answer that is no: the ruling that was made again is another.
const NO: u8 = 3;

/// What to do as an arbiter, or with what one has ruled.
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
}

impl ArbiterCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            ArbiterCommand::Replay(args) => args.run(),
            ArbiterCommand::Judge(args) => args.run(),
        }
    }
}
