//! `narthex bond withdraw` and `narthex bond roll`.

use std::{io::Write, path::PathBuf};

use bitcoin::{Address, Network, ScriptBuf, TxOut, address::NetworkUnchecked, consensus::encode};
use clap::Args;
use narthex::contracts::terms::FeeRate;

use super::args::{CoinArgs, LockArg, read_key};

/// How it is paid and signed.
#[derive(Args)]
struct SpendArgs {
    #[command(flatten)]
    coin: CoinArgs,
    /// Fee rate in sat/vB.
    #[arg(long, default_value_t = 2)]
    fee_rate: u64,
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
    /// Network of the address.
    #[arg(long, default_value = "bitcoin")]
    network: Network,
    #[command(flatten)]
    spend: SpendArgs,
}

/// Options of `narthex bond roll`.
#[derive(Args)]
pub(crate) struct RollArgs {
    /// Until when the next bond of the same owner and form is locked.
    #[arg(long)]
    next: LockArg,
    #[command(flatten)]
    spend: SpendArgs,
}

impl WithdrawArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let to = self.to.require_network(self.network)?;
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
        let rate = FeeRate(self.fee_rate.saturating_mul(250));
        let sweep = script.sweep(outpoint, prevout, Vec::new(), rest, rate)?;
        let (kind, text, tx) = match &self.key_file {
            None => {
                let psbt = sweep.psbt()?;
                ("psbt", psbt.to_string(), psbt.unsigned_tx)
            }
            Some(path) => {
                let tx = sweep.sign(&read_key(path)?)?;
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
