//! What the commands that play small contracts have in common: options and printing.

use std::io::Write;

use clap::Args;
use narthex::{
    contracts::{
        graph::{Detail, TxGraph},
        terms::FeeRate,
    },
    play::{ChainKind, PartyBalance, Step, TransactionEvent},
    harness::{Event, HarnessOptions, Outcome, Reporter},
};

use super::{contract::write_json, play::ChainArg, value};

/// Where a scenario is played.
#[derive(Args)]
pub(super) struct OnChain {
    /// Chain to play on.
    #[arg(long, value_enum, default_value = "embedded")]
    chain: ChainArg,
}

impl OnChain {
    pub(super) fn kind(&self) -> ChainKind {
        self.chain.into()
    }
}

/// Fees and randomness.
#[derive(Args)]
pub(super) struct Common {
    /// Fee rate in sat/vB, with up to 3 decimals, rounded up to the next 0.004; 0.1 to 2500.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::play_fee_rate)]
    fee_rate: FeeRate,
    /// Everything random follows from this seed: 64 hex digits, as a former play printed it.
    #[arg(long, value_parser = value::bytes32)]
    seed: Option<[u8; 32]>,
}

impl Common {
    /// The options, with a seed out of the system's random source if none is given.
    pub(super) fn options(&self) -> HarnessOptions {
        self.options_or(bitcoin::secp256k1::rand::random())
    }

    /// The options, with this seed if none is given.
    pub(super) fn options_or(&self, default: [u8; 32]) -> HarnessOptions {
        HarnessOptions {
            rate: self.fee_rate,
            seed: self.seed.unwrap_or(default),
        }
    }
}

/// How a graph is drawn.
#[derive(Args)]
pub(super) struct Drawing {
    /// Graphviz source instead of text; `dot -Tsvg` makes a picture of it.
    #[arg(long)]
    dot: bool,
    /// Every variant by itself, however many there are. Without it more than three are drawn as one.
    #[arg(long, conflicts_with = "json")]
    all: bool,
    /// One JSON object per transaction, variants included.
    #[arg(long, conflicts_with = "dot")]
    json: bool,
}

impl Drawing {
    /// Writes the graph; as text, below this title.
    pub(super) fn write(&self, graph: &TxGraph, title: Option<&str>) -> anyhow::Result<()> {
        let mut out = crate::cli::output::out();
        let detail = if self.all {
            Detail::Every
        } else {
            Detail::Grouped
        };
        if self.dot {
            write!(out, "{}", graph.to_dot(detail))?;
        } else if self.json {
            write_json(&mut out, graph)?;
        } else {
            if let Some(title) = title {
                writeln!(out, "{title}")?;
            }
            write!(out, "{}", graph.to_text(detail))?;
        }
        Ok(())
    }
}

/// Names and summaries of scenarios.
pub(super) fn list<'a>(
    scenarios: impl Iterator<Item = (&'a str, &'a str)>,
    json: bool,
) -> anyhow::Result<()> {
    let mut out = crate::cli::output::out();
    for (scenario, summary) in scenarios {
        match json {
            true => {
                let line = serde_json::json!({ "scenario": scenario, "summary": summary });
                writeln!(out, "{line}")?;
            }
            false => writeln!(out, "--scenario {scenario:16} {summary}")?,
        }
    }
    Ok(())
}

/// Prints events as they happen.
pub(super) struct Printer {
    pub(super) json: bool,
}

impl Reporter for Printer {
    fn report(&mut self, event: &Event) {
        let mut out = crate::cli::output::out();
        // A reader that went away needs no report.
        let _ = match (self.json, event) {
            (true, _) => serde_json::to_string(event)
                .map_err(Into::into)
                .and_then(|line| writeln!(out, "{line}")),
            (_, Event::Step(s)) => step(&mut out, s),
            (_, Event::Transaction(t)) => transaction(&mut out, t),
            (_, Event::Outcome(o)) => outcome(&mut out, o),
        };
    }
}

/// A move off the chain, for people.
pub(super) fn step(out: &mut impl Write, s: &Step) -> std::io::Result<()> {
    writeln!(
        out,
        "{:>3}. [{}] {}: {}\n       {}",
        s.number, s.height, s.who, s.what, s.why
    )
}

/// A confirmed transaction, for people.
pub(super) fn transaction(out: &mut impl Write, t: &TransactionEvent) -> std::io::Result<()> {
    let child = match (&t.child_txid, t.child_vbytes) {
        (Some(id), Some(vbytes)) => format!("\n       paid by child {id} ({vbytes} vB)"),
        _ => String::new(),
    };
    writeln!(
        out,
        "{:>3}. [{}] {}: {}  {}\n       {} vB, fee {} sat{child}\n       {}",
        t.number, t.height, t.who, t.name, t.txid, t.vbytes, t.fee_sat, t.why
    )
}

/// Everybody's balances, for people.
pub(super) fn balances(out: &mut impl Write, balances: &[PartyBalance]) -> std::io::Result<()> {
    writeln!(
        out,
        "{:14} {:>12} {:>12} {:>12} {:>12}",
        "sat", "before", "settlement", "fees", "after"
    )?;
    for b in balances {
        writeln!(
            out,
            "{:14} {:>12} {:>+12} {:>12} {:>12}{}",
            b.party,
            b.before_sat,
            b.settlement_sat,
            b.fees_sat,
            b.after_sat,
            if b.is_exact() { "" } else { "  NOT EXACT" }
        )?;
    }
    Ok(())
}

fn outcome(out: &mut impl Write, o: &Outcome) -> std::io::Result<()> {
    let figures = o.figures.iter().map(|(name, value)| {
        let name = name.replace('_', " ");
        match value {
            serde_json::Value::String(text) => format!("{name} {text}"),
            value => format!("{name} {value}"),
        }
    });
    let figures = figures.collect::<Vec<_>>().join(", ");
    writeln!(
        out,
        "\n{} ({}): {figures}; {} transactions ({}), {} vB",
        o.scenario,
        o.chain,
        o.transactions.len(),
        o.transactions.join(" → "),
        o.vbytes
    )?;
    balances(out, &o.balances)?;
    writeln!(out, "seed {}", o.seed)
}

/// Fails if a balance is not what the contract and its fees make of it.
pub(super) fn check_exact(outcome: &Outcome) -> anyhow::Result<()> {
    anyhow::ensure!(
        outcome.balances.iter().all(PartyBalance::is_exact),
        "the balances are not what the contract paid; run again with --seed {} and report it",
        outcome.seed
    );
    Ok(())
}
