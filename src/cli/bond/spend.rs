//! `narthex bond withdraw` and `narthex bond roll`.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use bitcoin::{Address, Network, ScriptBuf, TxOut, address::NetworkUnchecked, consensus::encode};
use clap::Args;
use narthex::contracts::{
    funding::SweepError,
    terms::{FeeError, FeeRate, Fees},
};

use super::args::CoinArgs;
use crate::cli::{
    secret::read_key,
    value::{self, When},
};

/// How it is paid and signed.
#[derive(Args)]
struct SpendArgs {
    #[command(flatten)]
    coin: CoinArgs,
    /// Fee rate in sat/vB, with up to 3 decimals, rounded up to the next 0.004. Refused as a mistake: below 0.1, above 10000, or more than a tenth of
    /// the coin as fee.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::fee_rate)]
    fee_rate: FeeRate,
    /// Takes any fee rate and any share of the coin as fee.
    #[arg(long)]
    allow_any_fee: bool,
    /// File with the bond's secret key, in hex or WIF; `-` for standard input. Without it a PSBT is written.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex bond withdraw`.
#[derive(Args)]
pub(crate) struct WithdrawArgs {
    /// Address that is paid.
    #[arg(long)]
    to: Address<NetworkUnchecked>,
    /// Network of the address: bitcoin, testnet, testnet4, signet or regtest. This is research software: real money must
    /// be asked for.
    #[arg(long, default_value = "regtest", value_parser = value::network)]
    network: Network,
    #[command(flatten)]
    spend: SpendArgs,
}

/// Options of `narthex bond roll`.
#[derive(Args)]
pub(crate) struct RollArgs {
    /// Until when the next bond of the same owner and form is locked, written as --until.
    #[arg(long, value_name = "WHEN")]
    next: When,
    #[command(flatten)]
    spend: SpendArgs,
}

impl WithdrawArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let network = self.network;
        let to = self.to.require_network(network).with_context(|| {
            format!("--to is no address of {network}; say which network it is of with --network")
        })?;
        self.spend.write(to.script_pubkey())
    }
}

impl RollArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let old = self.spend.coin.script.script()?.lock();
        let next = self.spend.coin.script.until(self.next)?;
        let later = next.lock();
        anyhow::ensure!(
            old.is_time() != later.is_time() || later.to_consensus() > old.to_consensus(),
            "the next bond would end at {later}, not after this one at {old}"
        );
        self.spend.write(next.script_pubkey()?)
    }
}

impl SpendArgs {
    fn write(self, rest: ScriptBuf) -> anyhow::Result<()> {
        let CoinArgs {
            script,
            outpoint,
            sat,
        } = self.coin;
        let script = script.script()?;
        let prevout = TxOut {
            value: sat,
            script_pubkey: script.script_pubkey()?,
        };
        let fees = match self.allow_any_fee {
            true => Fees::waived(self.fee_rate),
            false => self.fee_rate.into(),
        };
        let sweep = script.sweep(outpoint, prevout, Vec::new(), rest, fees)?;
        let (kind, text, tx) = match &self.key_file {
            None => {
                let psbt = sweep.psbt().map_err(explain)?;
                ("psbt", psbt.to_string(), psbt.unsigned_tx)
            }
            Some(path) => {
                let tx = sweep.sign(&read_key(path)?).map_err(explain)?;
                ("transaction", encode::serialize_hex(&tx), tx)
            }
        };
        let paid = tx.output.first().map_or(0, |out| out.value.to_sat());
        let mut out = crate::cli::output::out();
        if self.json {
            let line = serde_json::json!({
                kind: text, "txid": tx.compute_txid().to_string(), "lock_time": tx.lock_time.to_consensus_u32(),
                "value_sat": paid, "fee_sat": sat.to_sat().saturating_sub(paid),
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(())
    }
}

/// Says how a fee is taken that is no mistake.
fn explain(error: SweepError) -> anyhow::Error {
    let hint = match &error {
        SweepError::Fee(FeeError::Low { .. } | FeeError::High { .. } | FeeError::Share { .. }) => {
            "if it is none, say --allow-any-fee"
        }
        _ => return error.into(),
    };
    anyhow::anyhow!("{error}; {hint}")
}
