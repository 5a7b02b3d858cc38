//! `narthex deliver …`.

use std::{
    io::{BufRead, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use bitcoin::{Amount, Transaction};
use clap::{Args, Subcommand};
use narthex::{
    contracts::{
        deliver::{MAX_MESSAGE_BYTES, Scanner},
        depth::Depth,
        graph::TxGraph,
    },
    deliver::{DeliveryOptions, DeliveryPlay},
    game_model::text,
    harness::HarnessOptions,
    regtest::Embedded,
};

use super::{
    Misuse,
    scenario::{PlayArgs, PlayFigures, ShowArgs, ShowFigures},
    secret::read_key,
    value,
};

/// Longest transaction that is read, as hex: a block's worth.
const MAX_TX_HEX: u64 = 8_000_000;

/// Scenarios in which more than one agent is accepted.
const SEVERAL: [&str; 2] = ["silent", "race"];

/// `narthex deliver …`.
#[derive(Subcommand)]
pub(crate) enum DeliverCommand {
    /// Plays a whole sealed delivery on a regtest chain.
    Play(PlayArgs<Lives>),
    /// Draws the transactions of a delivery with weights and values.
    Show(ShowArgs<Figures>),
    /// Looks through transactions for deliveries to a key.
    Scan(ScanArgs),
}

/// Figures of a delivery.
#[derive(Args)]
pub(crate) struct Figures {
    /// Number of agents, 1 to 15.
    #[arg(long, default_value_t = 3)]
    agents: u8,
    /// What the agent that claims gets, in sat, less the fee of its claim.
    #[arg(long, value_name = "SAT", default_value = "20000", value_parser = value::amount)]
    amount: Amount,
    /// Blocks until the sender takes back what nobody claimed.
    #[arg(long, default_value_t = 60)]
    refund_blocks: u32,
    /// Blocks before that in which nobody is accepted.
    #[arg(long, default_value_t = 12)]
    claim_blocks: u16,
}

/// Figures of a delivery that is played.
#[derive(Args)]
pub(crate) struct Lives {
    /// Confirmations of the funding, 2 or more, that agents and recipient wait for.
    #[arg(long, default_value_t = DeliveryOptions::default().depth)]
    depth: Depth,
    /// Agents serve only while no other was accepted; for the scenarios in which two are, `silent` and `race`.
    #[arg(long)]
    alone: bool,
    /// The file to deliver, at most 64 MiB; a short text without it.
    #[arg(long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    figures: Figures,
}

/// Figures of a delivery that is drawn.
#[derive(Args)]
pub(crate) struct Drawn {
    /// Fee of the claims and the refund that are drawn, in sat.
    #[arg(long, value_name = "SAT", default_value = "400", value_parser = value::amount)]
    fee: Amount,
}

/// Options of `narthex deliver scan`.
#[derive(Args)]
pub(crate) struct ScanArgs {
    /// File with the recipient's secret key, in hex or WIF; `-` for standard input, if the transactions come from elsewhere.
    #[arg(long)]
    key: PathBuf,
    /// Raw transactions, one a line, hex; `-` for standard input.
    #[arg(default_value = "-")]
    transactions: PathBuf,
    /// One JSON object for each that is found, and one at the end.
    #[arg(long)]
    json: bool,
}

impl DeliverCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            DeliverCommand::Play(args) => args.run(),
            DeliverCommand::Show(args) => args.run(),
            DeliverCommand::Scan(args) => args.run(),
        }
    }
}

impl Figures {
    fn options(&self, common: HarnessOptions) -> DeliveryOptions {
        let mut options = DeliveryOptions::default();
        options.agents = self.agents;
        options.amount = self.amount;
        options.refund_blocks = self.refund_blocks;
        options.claim_blocks = self.claim_blocks;
        options.common = common;
        options
    }
}

impl PlayFigures for Lives {
    type Options = DeliveryOptions;
    const DEFAULT: &'static str = "delivered";

    fn options(&self, scenario: &str, common: HarnessOptions) -> anyhow::Result<DeliveryOptions> {
        let all = Self::scenarios();
        let one_alone = all
            .iter()
            .any(|known| known.name == scenario && !SEVERAL.contains(&scenario));
        Misuse::unless(!(self.alone && one_alone), || {
            format!(
                "in the scenario {scenario:?} no second agent is accepted: --alone is for {SEVERAL:?}"
            )
        })?;
        let mut options = self.figures.options(common);
        options.depth = self.depth;
        options.alone = self.alone;
        if let Some(file) = &self.file {
            options.message = read_message(file)?;
        }
        Ok(options)
    }
}

fn read_message(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let mut message = Vec::new();
    // One byte more than is taken, so that the library says what is wrong with a longer one.
    let mut limited = file.take(MAX_MESSAGE_BYTES as u64 + 1);
    limited
        .read_to_end(&mut message)
        .with_context(|| format!("cannot read {shown}"))?;
    Ok(message)
}

impl ShowFigures for Figures {
    type More = Drawn;

    fn graph(&self, common: HarnessOptions, more: &Drawn) -> anyhow::Result<Arc<TxGraph>> {
        let (mut chain, mut silent) = (Embedded::new(), ());
        let play = DeliveryPlay::prepare(&mut chain, &self.options(common), &mut silent)?;
        Ok(Arc::new(play.delivery().picture(more.fee)?))
    }
}

impl ScanArgs {
    fn run(self) -> anyhow::Result<()> {
        let both = [&self.key, &self.transactions];
        Misuse::unless(!both.iter().all(|path| path.as_os_str() == "-"), || {
            "standard input holds the key or the transactions, not both".into()
        })?;
        let mut scanner = Scanner::new(read_key(&self.key)?);
        let shown = self.transactions.display().to_string();
        let source: Box<dyn Read> = match shown.as_str() {
            "-" => Box::new(std::io::stdin().lock()),
            _ => {
                let file = std::fs::File::open(&self.transactions);
                Box::new(file.with_context(|| format!("cannot read {shown}"))?)
            }
        };
        let mut lines = std::io::BufReader::new(source);
        let mut out = crate::cli::output::out();
        let (mut number, mut found) = (0u64, 0u64);
        loop {
            let mut line = Vec::new();
            let read = (&mut lines).take(MAX_TX_HEX).read_until(b'\n', &mut line);
            if read.with_context(|| format!("cannot read {shown}"))? == 0 {
                break;
            }
            number += 1;
            let cannot = || format!("line {number} of {shown} is no text");
            let line = match number {
                1 => text::read(&line).with_context(cannot)?,
                _ => std::str::from_utf8(&line).with_context(cannot)?,
            };
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let tx: Transaction = bitcoin::consensus::encode::deserialize_hex(line)
                .with_context(|| format!("line {number} of {shown} is no raw transaction"))?;
            found += u64::from(look(&mut out, &mut scanner, &tx, self.json)?);
        }
        let candidates = scanner.candidates();
        match self.json {
            true => {
                let line = serde_json::json!({ "found": found, "candidates": candidates });
                writeln!(out, "{line}")?;
            }
            false => writeln!(
                out,
                "{found} for this key, {candidates} deliveries looked at"
            )?,
        }
        Ok(())
    }
}

/// Prints a delivery for this key, if the transaction is one.
fn look(
    out: &mut impl Write,
    scanner: &mut Scanner,
    tx: &Transaction,
    json: bool,
) -> anyhow::Result<bool> {
    let Some(found) = scanner.look(tx) else {
        return Ok(false);
    };
    let amount = tx.output.first().map_or(0, |out| out.value.to_sat());
    let root = bitcoin::hex::DisplayHex::to_lower_hex_string(&found.announcement.root[..]);
    match json {
        true => {
            let line = serde_json::json!({
                "txid": found.txid.to_string(),
                "root": root,
                "ephemeral": found.announcement.ephemeral.to_string(),
                "amount_sat": amount,
            });
            writeln!(out, "{line}")?;
        }
        false => writeln!(out, "{}  {amount} sat, root {root}", found.txid)?,
    }
    Ok(true)
}
