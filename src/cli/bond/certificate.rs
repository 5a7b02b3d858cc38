//! `narthex bond prove` and `narthex bond check`.

use narthex_base::codec::Message as _;
use std::{io::Write, path::PathBuf};

use anyhow::Context;
use bitcoin::{
    hex::{DisplayHex, FromHex},
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1},
};
use clap::Args;
use narthex::{
    bond::{moment, verify},
    contracts::bond::{Certificate, Claim},
    regtest::ChainSource,
};

use super::{
    args::{CoinArgs, ValuationArgs},
    script::form,
};
use crate::cli::{node::NodeArgs, secret::read_key, value::height};

/// Options of `narthex bond prove`.
#[derive(Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    coin: CoinArgs,
    /// Height of the block that confirmed it.
    #[arg(long, value_name = "HEIGHT", value_parser = height)]
    confirmed_height: u32,
    /// Key of the identity that it stands for, 32 bytes in hex.
    #[arg(long)]
    identity: XOnlyPublicKey,
    /// First height at which the certificate does not hold any more; above that of the confirmation.
    #[arg(long, value_name = "HEIGHT", value_parser = height)]
    valid_below: u32,
    /// File with the bond's secret key, in hex or WIF; `-` for standard input.
    #[arg(long)]
    key_file: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl ProveArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let claim = Claim {
            script: self.coin.script.script()?,
            outpoint: self.coin.outpoint,
            value: self.coin.sat,
            confirmed_height: self.confirmed_height,
            identity: self.identity,
        };
        let secp = Secp256k1::new();
        let key = Keypair::from_secret_key(&secp, &read_key(&self.key_file)?);
        let certificate = Certificate::sign(&secp, claim, self.valid_below, &key)?;
        let hex = certificate.to_bytes().to_lower_hex_string();
        let mut out = crate::cli::output::out();
        match self.json {
            true => writeln!(out, "{}", serde_json::json!({ "certificate": hex }))?,
            false => writeln!(out, "{hex}")?,
        }
        Ok(())
    }
}

/// Options of `narthex bond check`.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// The certificate, as `prove` printed it.
    certificate: String,
    /// Height of the chain, if no node is asked for it. Then the signature is checked, and nothing weighed.
    #[arg(long, value_name = "HEIGHT", value_parser = height, required_unless_present = "node", conflicts_with_all = ["node", "depth", "ValuationArgs"])]
    tip_height: Option<u32>,
    /// The node that is asked whether the bond counts.
    #[command(flatten)]
    node: NodeArgs,
    /// Confirmations wanted, where a node is asked; at least 1.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    depth: u32,
    #[command(flatten)]
    valuation: ValuationArgs,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let bytes = Vec::<u8>::from_hex(&self.certificate)
            .context("a certificate is written in hexadecimal digits")?;
        let certificate = Certificate::from_bytes(&bytes).context("this is no certificate")?;
        let mut node = self.node.connect()?;
        let tip_height = match (&mut node, self.tip_height) {
            (Some(node), _) => node.height()?,
            (None, Some(height)) => height,
            (None, None) => anyhow::bail!("a certificate is checked at a height: --tip-height"),
        };
        certificate.check_signature(&Secp256k1::new(), tip_height)?;
        let claim = certificate.claim();
        anyhow::ensure!(
            claim.script.early_key().is_none(),
            "the coin can be spent at any time: it is no bond"
        );
        let weight = match &mut node {
            None => None,
            Some(node) => {
                let locked = verify(node, claim, self.depth)?;
                let now = moment(node, tip_height)?;
                Some(self.valuation.valuation()?.weight(&locked, now))
            }
        };
        let lock = claim.script.lock();
        let mut out = crate::cli::output::out();
        if self.json {
            let line = serde_json::json!({
                "identity": claim.identity.to_string(), "outpoint": claim.outpoint.to_string(),
                "value_sat": claim.value.to_sat(), "confirmed_height": claim.confirmed_height,
                "form": form(&claim.script), "bond_key": claim.script.owner().to_string(),
                "lock": lock.to_consensus(), "lock_is_time": lock.is_time(),
                "script_pubkey": claim.script.script_pubkey()?.to_hex_string(),
                "valid_below": certificate.valid_below(), "tip_height": tip_height,
                "counts": weight.is_some(), "weight": weight.map(|w| w.to_string()),
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "signed by {}: {} at {}, confirmed at height {}, locked until {lock}, stands for {} below height {}",
                claim.script.owner(),
                claim.value,
                claim.outpoint,
                claim.confirmed_height,
                claim.identity,
                certificate.valid_below(),
            )?;
            match weight {
                Some(weight) => writeln!(
                    out,
                    "the node bears it out at height {tip_height}: it weighs {weight}"
                )?,
                None => writeln!(
                    out,
                    "what the chain says of it was not asked: name a node with --node"
                )?,
            }
        }
        Ok(())
    }
}
