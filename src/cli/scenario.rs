//! What the commands that play and draw contracts have in common: options, lists, printing.
//!
//! A contract's command names its figures ([`PlayFigures`], [`ShowFigures`]); `play`, `--list` and `show` come with them.

use std::{io::Write, sync::Arc};

use clap::Args;
use indicatif::ProgressBar;
use narthex::{
    contracts::{
        graph::{Detail, TxGraph},
        terms::FeeRate,
    },
    harness::{
        ChainKind, Event, Figures, HarnessOptions, Outcome, PartyBalance, Playable, Reporter,
        Scenario, Step, TransactionEvent, play,
    },
};
use serde::Serialize;

use super::{bar::bar, contract::write_json, value};

/// Where a scenario is played.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum ChainArg {
    /// In this process; nothing to install.
    Embedded,
    /// A bitcoind on regtest, found or built.
    Bitcoind,
}

impl From<ChainArg> for ChainKind {
    fn from(arg: ChainArg) -> Self {
        match arg {
            ChainArg::Embedded => ChainKind::Embedded,
            ChainArg::Bitcoind => ChainKind::Bitcoind,
        }
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
    /// The options, with this seed if none is given.
    fn options_or(&self, default: impl FnOnce() -> [u8; 32]) -> HarnessOptions {
        HarnessOptions::seeded(self.seed.unwrap_or_else(default)).at(self.fee_rate)
    }
}

/// What an end is told by.
type FiguresOf<F> = <<F as PlayFigures>::Options as Playable>::Figures;

/// What a scenario is called, and with which flags in front and under which template it is played.
pub(super) struct Listed {
    pub(super) name: &'static str,
    summary: &'static str,
    template: Option<&'static str>,
    flags: &'static str,
}

/// Figures of a contract whose scenarios are played.
pub(super) trait PlayFigures: Args {
    /// As the library takes them.
    type Options: Playable<Figures: Told>;
    /// The scenario that is played if none is named.
    const DEFAULT: &'static str;

    /// The figures of a scenario. What does nothing in it is refused.
    fn options(&self, scenario: &str, common: HarnessOptions) -> anyhow::Result<Self::Options>;

    /// The template of a scenario, and flags that it needs.
    fn template(_: &Scenario<Self::Options>) -> Option<(&'static str, &'static str)> {
        None
    }

    /// All scenarios.
    fn scenarios() -> Vec<Listed> {
        let all = Self::Options::SCENARIOS.iter();
        let listed = all.map(|scenario| {
            let template = Self::template(scenario);
            Listed {
                name: scenario.name,
                summary: scenario.summary,
                template: template.map(|(template, _)| template),
                flags: template.map_or("", |(_, flags)| flags),
            }
        });
        listed.collect()
    }

    /// Plays a scenario.
    fn play(
        &self,
        (kind, scenario): (ChainKind, &str),
        common: HarnessOptions,
        printer: &mut Printer,
    ) -> anyhow::Result<Outcome<FiguresOf<Self>>> {
        let options = self.options(scenario, common)?;
        Ok(play(kind, scenario, &options, printer)?)
    }

    /// What is done with the end of a play that was exact.
    fn keep(&self, _: &Outcome<FiguresOf<Self>>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Scenarios of another contract as well, under the same command.
pub(super) fn listed<C: Playable>() -> impl Iterator<Item = Listed> {
    C::SCENARIOS.iter().map(|scenario| Listed {
        name: scenario.name,
        summary: scenario.summary,
        template: None,
        flags: "",
    })
}

/// Options of `narthex … play`.
#[derive(Args)]
pub(crate) struct PlayArgs<F: PlayFigures> {
    /// What happens; `--list` names the scenarios.
    #[arg(long, alias = "story", default_value = F::DEFAULT)]
    scenario: String,
    /// Names the scenarios and stops.
    #[arg(long, conflicts_with_all = beside_list::<F>())]
    list: bool,
    /// Chain to play on.
    #[arg(long, value_enum, default_value = "embedded")]
    chain: ChainArg,
    #[command(flatten)]
    figures: F,
    #[command(flatten)]
    common: Common,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What does nothing beside `--list`.
fn beside_list<F: Args>() -> Vec<clap::Id> {
    let figures = F::augment_args(clap::Command::new("figures"));
    let own = figures.get_arguments().map(|arg| arg.get_id().clone());
    let common = ["scenario", "chain", "fee_rate", "seed"].map(clap::Id::from);
    own.chain(common).collect()
}

impl<F: PlayFigures> PlayArgs<F> {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.list {
            return list(&F::scenarios(), self.json);
        }
        let common = self.common.options_or(bitcoin::secp256k1::rand::random);
        let mut printer = Printer::new(self.json);
        let what = (self.chain.into(), self.scenario.as_str());
        let outcome = self.figures.play(what, common, &mut printer)?;
        check_exact(&outcome)?;
        self.figures.keep(&outcome)
    }
}

fn list(scenarios: &[Listed], json: bool) -> anyhow::Result<()> {
    let mut out = crate::cli::output::out();
    let typed = |of: &Listed| format!("{}--scenario {}", of.flags, of.name);
    let width = scenarios.iter().map(|of| typed(of).len()).max();
    let width = width.unwrap_or(0);
    for of in scenarios {
        if json {
            let mut line = serde_json::json!({ "scenario": of.name, "summary": of.summary });
            if let Some(template) = of.template {
                line["template"] = template.into();
            }
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{:width$} {}", typed(of), of.summary)?;
        }
    }
    Ok(())
}

/// Figures of a contract that is drawn.
pub(super) trait ShowFigures: Args {
    /// Figures that only the drawing has.
    type More: Args;

    /// Its transactions.
    fn graph(&self, common: HarnessOptions, more: &Self::More) -> anyhow::Result<Arc<TxGraph>>;
}

/// No figures.
#[derive(Args)]
pub(super) struct NoMore {}

/// Options of `narthex … show`.
#[derive(Args)]
pub(crate) struct ShowArgs<F: ShowFigures> {
    #[command(flatten)]
    figures: F,
    #[command(flatten)]
    more: F::More,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    drawing: Drawing,
}

impl<F: ShowFigures> ShowArgs<F> {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        // Coins to draw with; the same seed draws the same.
        let common = self.common.options_or(|| [1; 32]);
        let graph = self.figures.graph(common, &self.more)?;
        self.drawing.write(&graph, None)
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

/// What an end tells beside balances, for programs and for people.
pub(super) trait Told: Serialize + Sized {
    /// For people.
    fn tell(outcome: &Outcome<Self>, out: &mut impl Write) -> std::io::Result<()>;
}

/// Prints events as they happen.
pub(super) struct Printer {
    json: bool,
    bar: Option<ProgressBar>,
}

impl Printer {
    fn new(json: bool) -> Printer {
        Printer { json, bar: None }
    }
}

impl<F: Told> Reporter<F> for Printer {
    fn report(&mut self, event: &Event<F>) {
        let mut out = crate::cli::output::out();
        // A reader that went away needs no report.
        let _ = match (self.json, event) {
            (true, _) => serde_json::to_string(event)
                .map_err(Into::into)
                .and_then(|line| writeln!(out, "{line}")),
            (_, Event::Step(s)) => step(&mut out, s),
            (_, Event::Transaction(t)) => transaction(&mut out, t),
            (_, Event::Outcome(o)) => F::tell(o, &mut out),
        };
    }

    fn progress(&mut self, what: &str, done: u32, total: u32) {
        if self.json {
            return;
        }
        if done >= total {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let style = "{bar:30} {pos}/{len} {msg} {elapsed}";
        let bar = (self.bar).get_or_insert_with(|| bar(total.into(), style, true));
        bar.set_position(done.into());
        bar.set_message(what.to_owned());
    }
}

/// A move off the chain, for people.
fn step(out: &mut impl Write, s: &Step) -> std::io::Result<()> {
    writeln!(
        out,
        "{:>3}. [{}] {}: {}\n       {}",
        s.number, s.height, s.who, s.what, s.why
    )
}

/// A confirmed transaction, for people.
fn transaction(out: &mut impl Write, t: &TransactionEvent) -> std::io::Result<()> {
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

impl Told for Figures {
    fn tell(o: &Outcome, out: &mut impl Write) -> std::io::Result<()> {
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
}

/// Fails if a balance is not what the contract and its fees make of it.
fn check_exact<F>(outcome: &Outcome<F>) -> anyhow::Result<()> {
    let wrong = outcome.balances.iter().filter(|b| !b.is_exact());
    let wrong = wrong.map(|b| b.party.as_str()).collect::<Vec<_>>();
    anyhow::ensure!(
        wrong.is_empty(),
        "the balances of {} are not what the contract paid; run again with --seed {} and report it",
        wrong.join(", "),
        outcome.seed
    );
    Ok(())
}
