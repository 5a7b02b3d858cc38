//! `narthex bond play`.

use std::io::Write;

use bitcoin::{Amount, hex::DisplayHex, secp256k1::rand};
use clap::Args;
use narthex::{
    bond::{BondForm, LifeOptions, LifeStep, live},
    contracts::terms::FeeRate,
    harness::{HarnessOptions, start_chain},
};

use super::args::ValuationArgs;
use crate::cli::{scenario::ChainArg, value};

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LifeForm {
    /// Taproot, locked by height.
    Taproot,
    /// Taproot, locked by time.
    TaprootTime,
    /// BIP46's P2WSH, locked by time.
    Bip46,
}

/// Options of `narthex bond play`.
#[derive(Args)]
pub(crate) struct PlayArgs {
    /// Chain to live on.
    #[arg(long, value_enum, default_value = "embedded")]
    chain: ChainArg,
    /// Script of the bonds.
    #[arg(long, value_enum, default_value = "taproot")]
    form: LifeForm,
    /// What is locked, in satoshi, or with its unit: 0.5btc. The wallet has 50 bitcoin.
    #[arg(long, value_name = "SAT", default_value = "10000000", value_parser = value::amount)]
    sat: Amount,
    /// How long each bond is locked, in blocks.
    #[arg(long, default_value_t = 144, value_parser = clap::value_parser!(u32).range(4..=10_000))]
    blocks: u32,
    /// Fee rate in sat/vB, with up to 3 decimals, rounded up to the next 0.004; 0.1 to 2500; no spend of the bond pays more than a tenth of it.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::play_fee_rate)]
    fee_rate: FeeRate,
    #[command(flatten)]
    valuation: ValuationArgs,
    /// Everything random follows from this seed: 64 hex digits.
    #[arg(long, value_parser = value::bytes32)]
    seed: Option<[u8; 32]>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

impl PlayArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let seed = self.seed.unwrap_or_else(rand::random);
        let mut options = LifeOptions::default();
        options.form = match self.form {
            LifeForm::Taproot => BondForm::Taproot,
            LifeForm::TaprootTime => BondForm::TaprootTime,
            LifeForm::Bip46 => BondForm::Bip46,
        };
        options.value = self.sat;
        options.lock_blocks = self.blocks;
        options.valuation = self.valuation.valuation()?;
        options.common = HarnessOptions::seeded(seed).at(self.fee_rate);
        let mut chain = start_chain(self.chain.into())?;
        let mut steps = Vec::new();
        let ended = live(chain.as_mut(), &options, &mut |step| steps.push(step));
        let mut out = crate::cli::output::out();
        for step in &steps {
            write_step(&mut out, step, self.json)?;
        }
        let life = ended?;
        let seed = seed.to_lower_hex_string();
        if self.json {
            let line = serde_json::json!({
                "event": "outcome", "form": life.form, "before_sat": life.before_sat, "after_sat": life.after_sat,
                "fees_sat": life.fees_sat, "weight": life.weight.to_string(),
                "early_refusals": life.early_refusals, "chain": chain.name(), "seed": seed,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{} sat before, {} after, {} of fees: exact; refused {} times before a lock; --seed {seed}",
                life.before_sat, life.after_sat, life.fees_sat, life.early_refusals
            )?;
        }
        Ok(())
    }
}

fn write_step(out: &mut impl Write, step: &LifeStep, json: bool) -> std::io::Result<()> {
    if json {
        let line = serde_json::json!({
            "event": "step", "what": step.what, "height": step.height, "txid": step.txid,
            "vbytes": step.vbytes, "fee_sat": step.fee_sat,
        });
        return writeln!(out, "{line}");
    }
    write!(out, "height {:5}  {}", step.height, step.what)?;
    if let (Some(txid), Some(vbytes), Some(fee)) = (step.txid, step.vbytes, step.fee_sat) {
        write!(out, "\n              {txid}, {vbytes} vB, fee {fee} sat")?;
    }
    writeln!(out)
}
