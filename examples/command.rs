//! The smallest command, as one stands in `src/cli`: arguments that are a type, an answer for people or as JSON.
//!
//! `cargo run --example command -- 20000 --json`. CONTRIBUTING.md walks through it.

use std::{error::Error, io::Write};

use clap::{Args, Parser, Subcommand};
use narthex::bitcoin::Amount;

/// Options of `example pennies`.
#[derive(Args)]
struct PenniesArgs {
    /// What is to be paid, in satoshi.
    #[arg(default_value_t = 20_000)]
    sat: u64,
    /// Size of a penny, in satoshi.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    penny_sat: u64,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl PenniesArgs {
    fn run(self, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
        let pennies = self.sat.div_ceil(self.penny_sat);
        let paid = Amount::from_sat(self.penny_sat).checked_mul(pennies);
        let paid = paid.ok_or_else(|| format!("{} sat is more than there is", self.sat))?;
        match self.json {
            true => {
                let said = serde_json::json!({"pennies": pennies, "paid_sat": paid.to_sat()});
                writeln!(out, "{said}")?;
            }
            false => writeln!(out, "{pennies} pennies, {} sat", paid.to_sat())?,
        }
        Ok(())
    }
}

/// An example of a command line.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Counts the pennies of an amount.
    Pennies(PenniesArgs),
}

fn main() -> Result<(), Box<dyn Error>> {
    // Without arguments it shows what it does; `narthex` itself prints its help.
    let given = std::env::args_os().len() > 1;
    let cli = match given {
        true => Cli::try_parse(),
        false => Cli::try_parse_from(["example", "pennies"]),
    };
    let Command::Pennies(args) = cli.unwrap_or_else(|said| said.exit()).command;
    args.run(&mut std::io::stdout().lock())
}

#[test]
fn both_ways_say_the_same() -> Result<(), Box<dyn Error>> {
    let said = |args: &[&str]| -> Result<String, Box<dyn Error>> {
        let words = ["example", "pennies"].iter().chain(args);
        let Command::Pennies(args) = Cli::try_parse_from(words)?.command;
        let mut out = Vec::new();
        args.run(&mut out)?;
        Ok(String::from_utf8(out)?)
    };
    assert_eq!(said(&["250"])?, "3 pennies, 300 sat\n");
    let json: serde_json::Value = serde_json::from_str(&said(&["250", "--json"])?)?;
    assert_eq!(json, serde_json::json!({"pennies": 3, "paid_sat": 300}));
    assert!(said(&["1", "--penny-sat", "0"]).is_err());
    assert!(said(&["18446744073709551615"]).is_err());
    Ok(())
}
