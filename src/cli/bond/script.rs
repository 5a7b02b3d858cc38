//! `narthex bond address`.

use std::io::Write;

use bitcoin::{Address, Network};
use clap::Args;
use narthex::contracts::bond::BondScript;

use super::args::ScriptArgs;
use crate::cli::value::network;

/// Options of `narthex bond address`.
#[derive(Args)]
pub(crate) struct AddressArgs {
    #[command(flatten)]
    script: ScriptArgs,
    /// Network: bitcoin, testnet, testnet4, signet or regtest. This is research software: real money must be asked for.
    #[arg(long, default_value = "regtest", value_parser = network)]
    network: Network,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl AddressArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        self.script.check_network(self.network)?;
        let script = self.script.script()?;
        let output = script.script_pubkey()?;
        let address = Address::from_script(&output, self.network)?;
        let descriptor = script.descriptor()?.map(|d| d.to_string());
        let mut out = crate::cli::output::out();
        if self.json {
            let line = serde_json::json!({
                "form": form(&script), "address": address.to_string(), "lock": script.lock().to_consensus(),
                "lock_is_time": script.lock().is_time(), "script_pubkey": output.to_hex_string(),
                "script": script.inner()?.to_hex_string(), "descriptor": descriptor,
            });
            writeln!(out, "{line}")?;
            return Ok(());
        }
        writeln!(out, "{address}")?;
        writeln!(out, "locked until {}", script.lock())?;
        writeln!(out, "script {:x}", script.inner()?)?;
        if let Some(descriptor) = descriptor {
            writeln!(out, "descriptor {descriptor}")?;
        }
        Ok(())
    }
}

/// Name of a form.
pub(super) fn form(script: &BondScript) -> &'static str {
    match script {
        BondScript::Bip46 { .. } => "bip46",
        BondScript::Taproot { .. } => "taproot",
    }
}
