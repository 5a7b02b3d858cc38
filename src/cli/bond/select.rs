//! `narthex bond select`.

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use anyhow::Context;
use bitcoin::{Amount, OutPoint, hex::DisplayHex, key::XOnlyPublicKey};
use clap::Args;
use narthex::{
    contracts::bond::{Lock, Locked, Moment, Register},
    game_model::Ratio,
};
use serde::Deserialize;

use super::args::{ValuationArgs, parse_seed};

/// Largest snapshot that is read, in bytes: some 100,000 bonds.
const MAX_SNAPSHOT_BYTES: u64 = 64 << 20;

/// Options of `narthex bond select`.
#[derive(Args)]
pub(crate) struct SelectArgs {
    /// Verified bonds and identities without, as JSON; see docs/json.md.
    snapshot: PathBuf,
    /// 64 hex digits that nobody chose.
    #[arg(long, value_parser = parse_seed)]
    seed: [u8; 32],
    /// How many to draw.
    #[arg(long, default_value_t = 1)]
    seats: usize,
    /// Share of the draws that does not look at bonds.
    #[arg(long, default_value = "1/8")]
    bondless: Ratio,
    #[command(flatten)]
    valuation: ValuationArgs,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    height: u32,
    median_time: u32,
    bonds: Vec<Bond>,
    #[serde(default)]
    bondless: Vec<XOnlyPublicKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bond {
    identity: XOnlyPublicKey,
    outpoint: OutPoint,
    value_sat: u64,
    lock: u32,
    confirmed_height: u32,
    confirmed_median_time: u32,
}

impl SelectArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let snapshot = self.read()?;
        let now = Moment {
            height: snapshot.height,
            median_time: snapshot.median_time,
        };
        let mut bonds = Vec::new();
        for bond in &snapshot.bonds {
            let value = Amount::from_sat(bond.value_sat);
            let lock =
                Lock::new(bond.lock).with_context(|| format!("the bond {}", bond.outpoint))?;
            let confirmed = Moment {
                height: bond.confirmed_height,
                median_time: bond.confirmed_median_time,
            };
            anyhow::ensure!(
                value <= Amount::MAX_MONEY,
                "the bond {} holds {value}: more than there is",
                bond.outpoint
            );
            anyhow::ensure!(
                confirmed.height <= now.height && !lock.is_open(now),
                "the bond {} is not confirmed, or its lock until {lock} is over: leave it out",
                bond.outpoint
            );
            let locked = Locked {
                value,
                lock,
                confirmed,
            };
            bonds.push((bond.identity, bond.outpoint, locked));
        }
        let register = Register::new(&self.valuation.valuation()?, now, bonds, snapshot.bondless);
        for reused in register.reused() {
            eprintln!("narthex: {reused}; it counts for none of them");
        }
        let drawn = register.select(self.bondless, &self.seed, self.seats)?;
        let mut out = std::io::stdout().lock();
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

    fn read(&self) -> anyhow::Result<Snapshot> {
        let shown = self.snapshot.display();
        let mut bytes = Vec::new();
        std::fs::File::open(&self.snapshot)
            .and_then(|file| file.take(MAX_SNAPSHOT_BYTES + 1).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read {shown}"))?;
        anyhow::ensure!(
            bytes.len() as u64 <= MAX_SNAPSHOT_BYTES,
            "{shown} is larger than 64 MiB"
        );
        serde_json::from_slice(&bytes).with_context(|| format!("{shown} is no snapshot of bonds"))
    }
}
