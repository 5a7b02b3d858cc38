//! `narthex bond value`.

use std::io::Write;

use bitcoin::Amount;
use clap::Args;
use narthex::contracts::bond::{Locked, VALUE_FRACTION_BITS, Valuation};

use super::args::ValuationArgs;
use crate::cli::value::{self, When};

/// Options of `narthex bond value`.
#[derive(Args)]
pub(crate) struct ValueArgs {
    /// What it holds, in satoshi, or with its unit: 0.5btc.
    #[arg(long, value_name = "SAT", value_parser = value::amount)]
    sat: Amount,
    /// Until when: a month such as 2030-01 (its first second), a height, or a Unix time from 500000000 on.
    #[arg(long, value_name = "WHEN")]
    until: When,
    /// When it was confirmed: a height for a lock by height, a time or month for one by time or month.
    #[arg(long, value_name = "WHEN")]
    confirmed: When,
    /// When it is looked at, written alike; without it when it was confirmed.
    #[arg(long, value_name = "WHEN")]
    now: Option<When>,
    #[command(flatten)]
    valuation: ValuationArgs,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl ValueArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let lock = self.until.lock()?;
        let confirmed = self.confirmed.beside(lock)?;
        let now = self.now.unwrap_or(self.confirmed).beside(lock)?;
        let (from, to) = match lock.is_time() {
            true => (confirmed.median_time, now.median_time),
            false => (confirmed.height, now.height),
        };
        anyhow::ensure!(
            from <= to,
            "it is looked at when it was not confirmed: --now {to} is before --confirmed {from}"
        );
        let valuation = self.valuation.valuation()?;
        let bond = Locked {
            value: self.sat,
            lock,
            confirmed,
        };
        let weight = valuation.weight(&bond, now);
        let counts = !lock.is_open(now);
        let bits = match valuation {
            Valuation::Linear => 0,
            Valuation::Interest(_) => VALUE_FRACTION_BITS,
        };
        let whole = weight >> bits;
        let mut out = crate::cli::output::out();
        if self.json {
            // As text: readers of JSON often hold numbers as doubles, which are too short.
            let line = serde_json::json!({
                "weight": weight.to_string(), "fraction_bits": bits, "value": whole.to_string(), "counts": counts,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{whole} (weight {weight}, of which {bits} bits are behind the point)"
            )?;
            if !counts {
                writeln!(out, "its lock is over: it counts nothing")?;
            }
        }
        Ok(())
    }
}
