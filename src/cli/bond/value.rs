//! `narthex bond value`.

use std::io::Write;

use bitcoin::Amount;
use clap::Args;
use narthex::contracts::bond::{Locked, Moment, VALUE_FRACTION_BITS, Valuation};

use super::args::{LockArg, ValuationArgs, parse_sat};

/// Options of `narthex bond value`.
#[derive(Args)]
pub(crate) struct ValueArgs {
    /// What it holds, in satoshi.
    #[arg(long, value_parser = parse_sat)]
    sat: Amount,
    /// Until when: a month such as 2030-01, a height, or a Unix time.
    #[arg(long)]
    until: LockArg,
    /// The height (or Unix time, for a lock by month or time) at which it was confirmed.
    #[arg(long)]
    confirmed: u32,
    /// The height (or time) at which it is looked at; without it when it was confirmed.
    #[arg(long)]
    now: Option<u32>,
    #[command(flatten)]
    valuation: ValuationArgs,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl ValueArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let lock = self.until.lock()?;
        // Only one of the two is looked at, the one that the lock is in.
        let moment = |n: u32| Moment {
            height: n,
            median_time: n,
        };
        let (confirmed, now) = (
            moment(self.confirmed),
            moment(self.now.unwrap_or(self.confirmed)),
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
