//! `narthex bank …`.

use std::io::Write;

use anyhow::Context;
use bitcoin::{Amount, hex::FromHex};
use clap::{Args, Subcommand};
use narthex::{
    bank::{
        BANK_STORIES, BankEvent, BankOutcome, BankReporter, Desk, DeskOptions, measure, play_bank,
    },
    contracts::terms::FeeRate,
    play::ChainKind,
    regtest::Embedded,
};

/// `narthex bank …`.
#[derive(Subcommand)]
pub(crate) enum BankCommand {
    /// Plays a whole life of a penny bank on a regtest chain.
    Play(PlayArgs),
    /// Draws the transactions of a bank with weights and values.
    Show(ShowArgs),
    /// Measures opening, paying and checking, beside the bare hash of a penny.
    Bench(BenchArgs),
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ChainArg {
    /// In this process; nothing to install.
    Embedded,
    /// A bitcoind on regtest, found or built.
    Bitcoind,
}

/// Figures of a bank.
#[derive(Args)]
struct Figures {
    /// Number of pennies.
    #[arg(long, default_value_t = 100_000)]
    pennies: u32,
    /// What one is worth, in sat.
    #[arg(long, default_value_t = 2)]
    value: u64,
    /// Pennies that may be given without a rung that enforces them…
    #[arg(long, default_value_t = 500)]
    step: u32,
    /// …or the 2^SHIFT-th part of what is enforced, if that is more.
    #[arg(long, default_value_t = 5)]
    shift: u8,
    /// Blocks from the opening until the payer takes back what was never frozen.
    #[arg(long, default_value_t = 60)]
    refund_blocks: u32,
    /// Blocks after a freeze in which only the provider can claim.
    #[arg(long, default_value_t = 12)]
    claim_blocks: u16,
    /// Fee rate in sat/vB.
    #[arg(long, default_value_t = 2)]
    fee_rate: u64,
    /// Everything random follows from this seed: 64 hex digits, as a former play printed it.
    #[arg(long)]
    seed: Option<String>,
}

/// Options of `narthex bank play`.
#[derive(Args)]
pub(crate) struct PlayArgs {
    /// How the bank lives; `--list` names the stories.
    #[arg(long, default_value = "claim")]
    story: String,
    /// Names the stories and stops.
    #[arg(long)]
    list: bool,
    /// Chain to play on.
    #[arg(long, value_enum, default_value = "embedded")]
    chain: ChainArg,
    #[command(flatten)]
    figures: Figures,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex bank show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    figures: Figures,
    /// The claim by this rung and an agreed close after as many pennies are drawn too.
    #[arg(long, default_value_t = 1_000)]
    rung: u32,
    /// Graphviz source instead of text.
    #[arg(long)]
    dot: bool,
    /// One JSON object per transaction.
    #[arg(long, conflicts_with = "dot")]
    json: bool,
}

/// Options of `narthex bank bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Number of pennies.
    #[arg(long, default_value_t = 1_000_000)]
    pennies: u32,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl BankCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            BankCommand::Play(args) => args.run(),
            BankCommand::Show(args) => args.run(),
            BankCommand::Bench(args) => args.run(),
        }
    }
}

impl Figures {
    fn options(&self) -> anyhow::Result<DeskOptions> {
        let seed = match &self.seed {
            None => bitcoin::secp256k1::rand::random(),
            Some(hex) => <[u8; 32]>::from_hex(hex)
                .with_context(|| format!("--seed {hex:?} is not 64 hex digits"))?,
        };
        Ok(DeskOptions {
            pennies: self.pennies,
            value: Amount::from_sat(self.value),
            step: self.step,
            shift: self.shift,
            refund_blocks: self.refund_blocks,
            claim_blocks: self.claim_blocks,
            rate: FeeRate(self.fee_rate.saturating_mul(250)),
            seed,
        })
    }
}

impl PlayArgs {
    fn run(self) -> anyhow::Result<()> {
        if self.list {
            return list(self.json);
        }
        let chain = match self.chain {
            ChainArg::Embedded => ChainKind::Embedded,
            ChainArg::Bitcoind => ChainKind::Bitcoind,
        };
        let mut printer = Printer { json: self.json };
        let outcome = play_bank(chain, &self.story, &self.figures.options()?, &mut printer)?;
        anyhow::ensure!(
            outcome.balances.iter().all(|b| b.is_exact()),
            "the balances are not what the bank paid; run again with --seed {} and report it",
            outcome.seed
        );
        Ok(())
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for story in &BANK_STORIES {
        match json {
            true => {
                let line = serde_json::json!({ "story": story.name, "summary": story.summary });
                writeln!(out, "{line}")?;
            }
            false => writeln!(out, "--story {:12} {}", story.name, story.summary)?,
        }
    }
    Ok(())
}

struct Printer {
    json: bool,
}

impl BankReporter for Printer {
    fn report(&mut self, event: &BankEvent) {
        let mut out = std::io::stdout().lock();
        // A reader that went away needs no report.
        let _ = match (self.json, event) {
            (true, _) => serde_json::to_string(event)
                .map_err(Into::into)
                .and_then(|line| writeln!(out, "{line}")),
            (_, BankEvent::Step(s)) => writeln!(
                out,
                "{:>3}. [{}] {}: {}\n       {}",
                s.number, s.height, s.who, s.what, s.why
            ),
            (_, BankEvent::Transaction(t)) => writeln!(
                out,
                "{:>3}. [{}] {}: {}  {}\n       {} vB, fee {} sat; {}",
                t.number, t.height, t.who, t.name, t.txid, t.vbytes, t.fee_sat, t.why
            ),
            (_, BankEvent::Outcome(o)) => outcome(&mut out, o),
        };
    }
}

fn outcome(out: &mut impl Write, o: &BankOutcome) -> std::io::Result<()> {
    writeln!(
        out,
        "\n{} ({}): {} pennies, {} rungs signed, {} transactions ({}), {} vB",
        o.story,
        o.chain,
        o.pennies,
        o.rungs,
        o.transactions.len(),
        o.transactions.join(" → "),
        o.vbytes
    )?;
    for b in &o.balances {
        writeln!(
            out,
            "{:10} before {:>12}  earned {:>+9}  fees {:>6}  after {:>12} sat{}",
            b.party,
            b.before_sat,
            b.settlement_sat,
            b.fees_sat,
            b.after_sat,
            if b.is_exact() { "" } else { "  NOT EXACT" }
        )?;
    }
    writeln!(out, "seed {}", o.seed)
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        // Coins to draw with; the same seed draws the same.
        let mut options = self.figures.options()?;
        if self.figures.seed.is_none() {
            options.seed = [1; 32];
        }
        let (mut chain, mut silent) = (Embedded::new(), ());
        let mut desk = Desk::prepare(&mut chain, &options, &mut silent)?;
        let bank = desk.payer().bank();
        let graph = bank.picture(self.rung, Amount::from_sat(500))?;
        let mut out = std::io::stdout().lock();
        if self.dot {
            write!(out, "{}", graph.to_dot())?;
        } else if self.json {
            super::contract::write_json(&mut out, &graph)?;
        } else {
            write!(out, "{}", graph.to_text())?;
        }
        Ok(())
    }
}

impl BenchArgs {
    fn run(self) -> anyhow::Result<()> {
        let pace = measure(&DeskOptions {
            pennies: self.pennies,
            ..DeskOptions::default()
        })?;
        let mut out = std::io::stdout().lock();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&pace)?)?);
        }
        writeln!(out, "{} pennies", pace.pennies)?;
        writeln!(out, "opened in          {:>12.3} s", pace.open_s)?;
        writeln!(out, "revealed           {:>12.0} /s", pace.revealed_per_s)?;
        writeln!(
            out,
            "verified           {:>12.0} /s, floor of one hash each {:.0} /s, ratio {:.2}",
            pace.verified_per_s,
            pace.floor_per_s,
            pace.floor_per_s / pace.verified_per_s
        )?;
        writeln!(
            out,
            "rungs              {:>12} in {:.3} s",
            pace.rungs, pace.rungs_s
        )?;
        writeln!(
            out,
            "held at most       {:>12} secrets, {} rungs",
            pace.secrets_held, pace.rungs_held
        )?;
        Ok(())
    }
}
