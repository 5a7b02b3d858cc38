//! `narthex market price` and `choose`.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::Args;
use narthex::{
    game_model::{
        Amount,
        market::{
            Book, Chance, Faults, Latency, LatencyOffer, LineUp, PriceError, Quote, RecomputerId,
            Request, Row,
        },
    },
    market::{LedgerFile, MAX_QUOTES_BYTES, read_json},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::value;

#[derive(Args)]
struct BookArgs {
    /// Quotes as JSON; see docs/market.md.
    #[arg(long)]
    quotes: PathBuf,
    /// Ledger that says how reliable the recomputers are; without it the quotes must.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// What faulty recomputers answer: agreeing (the worst case) or differing.
    #[arg(long, default_value = "agreeing")]
    faults: Faults,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuoteFile {
    quotes: Vec<QuoteLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuoteLine {
    recomputer: RecomputerId,
    base_sat: u64,
    hop_fee_sat: u64,
    latencies: Vec<LatencyOffer>,
    reliability: Option<Chance>,
}

impl BookArgs {
    fn book(&self) -> anyhow::Result<Book> {
        let file: QuoteFile = read_json(&self.quotes, MAX_QUOTES_BYTES)?;
        let ledger = self
            .ledger
            .as_ref()
            .map(|path| LedgerFile::new(path).read());
        let ledger = ledger.transpose()?;
        let quote = |line: QuoteLine| {
            let reliability = match (&ledger, line.reliability) {
                (Some(ledger), None) => ledger.standing(&line.recomputer).priced(ledger.policy()),
                (None, Some(given)) => given,
                (Some(_), Some(_)) => anyhow::bail!(
                    "recomputer {}: the quote gives a reliability and --ledger another; leave one out",
                    line.recomputer
                ),
                (None, None) => anyhow::bail!(
                    "recomputer {}: no reliability; put it into the quote or name a --ledger",
                    line.recomputer
                ),
            };
            Ok(Quote {
                recomputer: line.recomputer,
                base: Amount::from_sat(line.base_sat),
                hop_fee: Amount::from_sat(line.hop_fee_sat),
                latencies: line.latencies,
                reliability,
            })
        };
        let quotes = file.quotes.into_iter().map(quote);
        let quotes = quotes.collect::<anyhow::Result<Vec<_>>>()?;
        let path = || self.quotes.display().to_string();
        Book::new(quotes, self.faults).with_context(path)
    }
}

/// Options of `narthex market price`.
#[derive(Args)]
pub(crate) struct PriceArgs {
    #[command(flatten)]
    book: BookArgs,
    /// Reliability asked for, such as 99.9% or 0.999; several with commas with --table.
    #[arg(long, value_name = "SHARE", value_delimiter = ',', required = true, value_parser = value::chance)]
    reliability: Vec<Chance>,
    /// Most recomputers in a line-up, 1 to 6; several with commas with --table.
    #[arg(long, value_delimiter = ',', required = true)]
    hops: Vec<u8>,
    /// Most time for each recomputer, such as 500ms or 2b (blocks); several with commas with --table.
    #[arg(long, value_delimiter = ',', required = true)]
    latency: Vec<Latency>,
    /// One row for each combination; those that cannot be had say so.
    #[arg(long)]
    table: bool,
    /// One JSON object a row.
    #[arg(long)]
    json: bool,
}

impl PriceArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let several = self
            .reliability
            .len()
            .max(self.hops.len())
            .max(self.latency.len())
            > 1;
        anyhow::ensure!(
            self.table || !several,
            "several values make a table; ask for it with --table"
        );
        if let Some(hops) = self.hops.iter().find(|hops| !(1..=6).contains(*hops)) {
            return Err(PriceError::Hops(*hops).into());
        }
        let book = self.book.book()?;
        let rows = book.table(&self.reliability, &self.hops, &self.latency)?;
        let mut out = crate::cli::output::out();
        if !self.table {
            // One price or one error.
            for row in rows {
                let Row { request, line_up } = row;
                print_price(&mut out, self.json, &request, Ok(line_up?))?;
            }
            return Ok(());
        }
        if !self.json {
            writeln!(out, "reliability  hops  latency        price")?;
        }
        for row in rows {
            print_price(&mut out, self.json, &row.request, row.line_up)?;
        }
        Ok(())
    }
}

fn print_price(
    out: &mut impl Write,
    json: bool,
    request: &Request,
    line_up: Result<LineUp, PriceError>,
) -> anyhow::Result<()> {
    if json {
        let found = match &line_up {
            Ok(line_up) => {
                json!({ "price_sat": line_up.price.to_sat(), "recomputers": line_up.seats.len(),
                "quorum": line_up.quorum, "odds": line_up.odds, "best": Value::Null })
            }
            Err(error) => {
                json!({ "price_sat": Value::Null, "recomputers": Value::Null, "quorum": Value::Null,
                "odds": Value::Null, "best": best(error) })
            }
        };
        let mut row = serde_json::to_value(request)?;
        if let (Value::Object(row), Value::Object(found)) = (&mut row, found) {
            row.extend(found);
        }
        writeln!(out, "{row}")?;
        return Ok(());
    }
    let price = match line_up {
        Ok(line_up) => format!(
            "{} sat, {} of {} recomputers",
            line_up.price.to_sat(),
            line_up.quorum,
            line_up.seats.len()
        ),
        Err(error) => error.to_string(),
    };
    let (reliability, hops, latency) =
        (request.reliability.percent(), request.hops, request.latency);
    writeln!(
        out,
        "{reliability:>11} {hops:>5} {:>8}   {price}",
        latency.to_string()
    )?;
    Ok(())
}

fn best(error: &PriceError) -> Value {
    match error {
        PriceError::Unobtainable { best, .. } => json!(best.odds.right),
        _ => Value::Null,
    }
}

/// Options of `narthex market choose`.
#[derive(Args)]
pub(crate) struct ChooseArgs {
    #[command(flatten)]
    book: BookArgs,
    /// Reliability asked for, such as 99.9% or 0.999.
    #[arg(long, value_name = "SHARE", value_parser = value::chance)]
    reliability: Chance,
    /// Most recomputers in the line-up, 1 to 6.
    #[arg(long)]
    hops: u8,
    /// Most time for each recomputer, such as 500ms or 2b (blocks).
    #[arg(long)]
    latency: Latency,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl ChooseArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let request = Request {
            reliability: self.reliability,
            hops: self.hops,
            latency: self.latency,
        };
        let found = self.book.book()?.choose(&request)?;
        let mut out = crate::cli::output::out();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&found)?)?;
            return Ok(());
        }
        for (seat, paid) in found.seats.iter().enumerate() {
            writeln!(
                out,
                "{}. {} {} sat",
                seat + 1,
                paid.recomputer,
                paid.pay.to_sat()
            )?;
        }
        let odds = found.odds;
        writeln!(
            out,
            "{} sat, at least {} equal layers; right {}, wrong {}, nobody {}",
            found.price.to_sat(),
            found.quorum,
            odds.right.percent(),
            odds.wrong.percent(),
            odds.nobody.percent()
        )?;
        Ok(())
    }
}
