//! The command line: a thin shell around the library. One file per command.

mod arbiter;
mod bank;
mod bar;
mod bench;
mod bond;
mod bounty;
mod completions;
mod contract;
mod deliver;
mod game;
mod input;
mod job;
mod man;
mod market;
mod node;
mod output;
mod play;
mod scenario;
mod secret;
mod simulate;
mod slice;
mod store;

mod value;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Bitcoin contracts for computation games: pay strangers for a computation exactly when the result is right.
#[derive(Parser)]
#[command(name = "narthex", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays a whole contract on a regtest chain, from first coins to last balance.
    Play(scenario::PlayArgs<play::ContractFigures>),
    /// Looks at contracts.
    #[command(subcommand)]
    Contract(contract::ContractCommand),
    /// The game that a contract is: whether honest play pays, and the cheapest parameters for which it does.
    #[command(subcommand)]
    Game(game::GameCommand),
    /// Arbiters: rulings, made again by anybody.
    #[command(subcommand)]
    Arbiter(arbiter::ArbiterCommand),
    /// Stores files so that a loss is found out while it can be repaired.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Fidelity bonds: coins locked until a date, which make an identity costly.
    #[command(subcommand)]
    Bond(bond::BondCommand),
    /// A Bitcoin node of one's own: whether contracts can be ended through it.
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Runs computations, commits to them, checks them.
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Those who recompute jobs: audits, reliability, prices.
    #[command(subcommand)]
    Market(market::MarketCommand),
    /// Plays thousands of games by strategies beside theory, or of set-ups that are disturbed.
    #[command(subcommand)]
    Simulate(simulate::SimulateCommand),
    /// Bounties: several recompute a job, and those who agree are paid.
    #[command(subcommand)]
    Bounty(bounty::BountyCommand),
    /// Penny banks: many tiny payments out of one coin.
    #[command(subcommand)]
    Bank(bank::BankCommand),
    /// Gated slices: work done by several, paid only for equal results.
    #[command(subcommand)]
    Slice(slice::SliceCommand),
    /// Sealed deliveries: agents keep an encrypted message, and one is paid for bringing it.
    #[command(subcommand)]
    Deliver(deliver::DeliverCommand),
    /// Measures set-up, commitments, checks, solver and simulation beside what their bare operations cost.
    Bench(bench::BenchArgs),
    /// Completions of commands and options for a shell.
    Completions(completions::CompletionsArgs),
    /// Manual pages, one a command.
    Man(man::ManArgs),
}

/// Runs the command and turns what happened into an exit code.
pub(crate) fn run() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => cli.command.run(),
        Err(said) => {
            let status = ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(1));
            output::usage(&said).map_err(Into::into).map(|()| status)
        }
    };
    let status = done.unwrap_or_else(|error| {
        // A line that was lost is told of below, whether the command met it or not.
        if !output::is_loss(&error) {
            output::note(causes(error.chain().map(ToString::to_string)));
        }
        match error.is::<Misuse>() {
            true => ExitCode::from(MISUSED),
            false => ExitCode::FAILURE,
        }
    });
    match output::finish() {
        Ok(()) => status,
        Err(loss) => {
            output::note(loss);
            ExitCode::FAILURE
        }
    }
}

/// Exit status of arguments that are refused, as clap has it.
const MISUSED: u8 = 2;

/// Arguments of which one would do nothing beside the others, where that takes more to find out than clap knows. Said
/// before anything is done or printed, with the exit status of arguments that are refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

impl Misuse {
    /// Refuses unless `fine`.
    fn unless(fine: bool, why: impl FnOnce() -> String) -> Result<(), Misuse> {
        match fine {
            true => Ok(()),
            false => Err(Misuse(why())),
        }
    }
}

/// An error and its causes, each once: some errors tell their cause themselves, others leave it to whoever prints them.
fn causes(chain: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for cause in chain {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        // These compute side by side.
        if let Command::Play(_)
        | Command::Contract(_)
        | Command::Simulate(_)
        | Command::Bounty(_)
        | Command::Slice(_)
        | Command::Bench(_) = self
        {
            narthex::threads::prepare();
        }
        // These have answers that a script asks for by exit status.
        let done = match self {
            Command::Game(command) => return command.run(),
            Command::Arbiter(command) => return command.run(),
            Command::Play(args) => args.run(),
            Command::Contract(command) => command.run(),
            Command::Store(command) => command.run(),
            Command::Bond(command) => command.run(),
            Command::Node(command) => command.run(),
            Command::Job(command) => command.run(),
            Command::Market(command) => command.run(),
            Command::Simulate(args) => args.run(),
            Command::Bank(command) => command.run(),
            Command::Bounty(command) => command.run(),
            Command::Slice(command) => command.run(),
            Command::Deliver(command) => command.run(),
            Command::Bench(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// A panel as `k-of-n`.
#[derive(Debug, Clone, Copy)]
struct PanelArg {
    quorum: u8,
    arbiters: u8,
}

impl std::str::FromStr for PanelArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (k, n) = s
            .split_once("-of-")
            .ok_or("write it as k-of-n, such as 2-of-3")?;
        let quorum: u8 = k
            .parse()
            .map_err(|_| format!("{k:?} is no number of arbiters"))?;
        let arbiters: u8 = n
            .parse()
            .map_err(|_| format!("{n:?} is no number of arbiters"))?;
        if !(3..=15).contains(&arbiters) || quorum > arbiters || 2 * quorum <= arbiters {
            return Err(format!(
                "{s}: 3 to 15 arbiters, of which more than half and at most all decide"
            ));
        }
        Ok(PanelArg { quorum, arbiters })
    }
}

/// A template by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum TemplateArg {
    /// Delivery and verdict on chain before a dispute.
    Hardened,
    /// The Prometheus paper's own template, attackable, for research.
    Paper,
    /// As hardened, and the client can challenge an approval.
    Audited,
}

impl From<TemplateArg> for narthex::game_model::Template {
    fn from(arg: TemplateArg) -> Self {
        match arg {
            TemplateArg::Hardened => narthex::game_model::Template::Hardened,
            TemplateArg::Paper => narthex::game_model::Template::Paper,
            TemplateArg::Audited => narthex::game_model::Template::Audited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::causes;

    #[test]
    fn each_cause_is_told_once() {
        let told = |chain: &[&str]| causes(chain.iter().map(|cause| (*cause).to_owned()));
        assert_eq!(told(&["a"]), "a");
        assert_eq!(
            told(&["cannot read x", "no such file"]),
            "cannot read x: no such file"
        );
        assert_eq!(
            told(&["cannot read x: no such file; see", "no such file"]),
            "cannot read x: no such file; see"
        );
        assert_eq!(told(&["a is refused", "b: c", "c"]), "a is refused: b: c");
    }
}
