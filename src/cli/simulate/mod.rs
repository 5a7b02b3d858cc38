//! `narthex simulate`.

mod games;
mod league;
mod schedules;
mod strategy;

use clap::Subcommand;

/// What is simulated.
#[derive(Subcommand)]
pub(crate) enum SimulateCommand {
    /// Plays strategies against each other by the thousand and compares them with what theory says
    Games(games::GamesArgs),
    /// Plays whole set-ups by the thousand, with parties that are killed, messages that come late or twice, blocks that are
    /// replaced and an adversary, and looks for what must not happen. Signatures are mocks
    Schedules(schedules::SchedulesArgs),
}

impl SimulateCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            SimulateCommand::Games(args) => args.run(),
            SimulateCommand::Schedules(args) => args.run(),
        }
    }
}
