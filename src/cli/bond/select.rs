//! `narthex bond select`.

use std::{io::Write, path::PathBuf};

use bitcoin::hex::DisplayHex;
use clap::Args;
use narthex::{contracts::bond::Register, game_model::Ratio};

use super::{args::ValuationArgs, snapshot::Snapshot};
use crate::cli::value;

/// Options of `narthex bond select`.
#[derive(Args)]
pub(crate) struct SelectArgs {
    /// Verified bonds and identities without, as `snapshot` prints them; see docs/json.md.
    snapshot: PathBuf,
    /// 64 hex digits that nobody chose.
    #[arg(long, value_parser = value::bytes32)]
    seed: [u8; 32],
    /// How many to draw, at least 1.
    #[arg(long, default_value_t = 1, value_parser = seats)]
    seats: usize,
    /// Share of the draws that does not look at bonds.
    #[arg(long, value_name = "SHARE", default_value = "1/8", value_parser = value::share)]
    bondless: Ratio,
    #[command(flatten)]
    valuation: ValuationArgs,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

impl SelectArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let snapshot = Snapshot::read(&self.snapshot)?;
        let (now, bonds) = snapshot.bonds()?;
        let register = Register::new(&self.valuation.valuation()?, now, bonds, snapshot.bondless);
        for reused in register.reused() {
            crate::cli::output::note(format_args!("{reused}; it counts for none of them"));
        }
        let drawn = register.select(self.bondless, &self.seed, self.seats)?;
        if drawn.len() < self.seats {
            let (asked, found) = (self.seats, drawn.len());
            crate::cli::output::note(format_args!(
                "asked for {asked} seats, found {found} identities"
            ));
        }
        let mut out = crate::cli::output::out();
        if !self.json {
            writeln!(out, "register {}", register.hash().to_lower_hex_string())?;
        }
        for (place, entry) in (1u64..).zip(drawn) {
            if self.json {
                let line = serde_json::json!({
                    "place": place, "identity": entry.identity.to_string(), "weight": entry.weight.to_string(),
                    "bond": entry.bond.map(|b| b.to_string()), "register": register.hash().to_lower_hex_string(),
                });
                writeln!(out, "{line}")?;
            } else {
                writeln!(out, "{place} {} weight {}", entry.identity, entry.weight)?;
            }
        }
        Ok(())
    }
}

fn seats(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number of seats, at least 1".into()),
        Ok(seats) => Ok(seats),
    }
}
