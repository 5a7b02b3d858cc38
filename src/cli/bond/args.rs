//! Options that several commands share, and how they are written.

use anyhow::Context;
use bitcoin::{
    Amount, Network, OutPoint,
    bip32::Xpub,
    key::XOnlyPublicKey,
    secp256k1::{PublicKey, Secp256k1},
};
use clap::Args;
use narthex::{
    contracts::bond::{BondScript, Interest, Valuation},
    game_model::Ratio,
};

use crate::cli::value::{self, When};

/// Form of a bond's script.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum FormArg {
    /// tr(NOBODY,and_v(v:pk(KEY),after(LOCK))).
    Taproot,
    /// BIP46's P2WSH; the lock must be a month or a time.
    Bip46,
}

/// Which bond.
#[derive(Args)]
pub(super) struct ScriptArgs {
    /// Form of the script.
    #[arg(long, value_enum, default_value = "taproot")]
    form: FormArg,
    /// Public key of the owner in hex, 33 bytes; for Taproot 32 do.
    #[arg(long, required_unless_present = "account")]
    key: Option<String>,
    /// Instead of a key: the account's extended public key m/84'/0'/0'. The key is then BIP46's for the month.
    #[arg(long, conflicts_with = "key")]
    account: Option<Xpub>,
    /// Until when: a month such as 2030-01 (its first second), a height such as 1500000, or a Unix time from 500000000 on.
    /// Taproot bonds end at 2147483647 at the latest, so with 2038-01; BIP46's with 2099-12.
    #[arg(long, value_name = "WHEN")]
    until: When,
}

impl ScriptArgs {
    pub(super) fn script(&self) -> anyhow::Result<BondScript> {
        self.until(self.until)
    }

    /// Refuses an account key of another network: whoever derives the key there derives another one.
    pub(super) fn check_network(&self, network: Network) -> anyhow::Result<()> {
        if let Some(account) = &self.account {
            anyhow::ensure!(
                account.network == network.into(),
                "the account key is of the {} network, the address is for {network}; say which with --network",
                if account.network.is_mainnet() {
                    "main"
                } else {
                    "test"
                }
            );
        }
        Ok(())
    }

    /// The same owner's bond until another date.
    pub(super) fn until(&self, until: When) -> anyhow::Result<BondScript> {
        let lock = until.lock()?;
        if let Some(account) = &self.account {
            let When::Month(month) = until else {
                anyhow::bail!(
                    "below an account key bonds end with months: write --until 2030-01, or give --key"
                );
            };
            let bip46 = month.bond(&Secp256k1::new(), account)?;
            return Ok(match self.form {
                FormArg::Bip46 => bip46,
                FormArg::Taproot => BondScript::taproot(bip46.owner(), lock),
            });
        }
        let text = self.key.as_deref().unwrap_or_default();
        match self.form {
            FormArg::Taproot => {
                let key = text.parse::<XOnlyPublicKey>().ok();
                let key =
                    key.or_else(|| Some(text.parse::<PublicKey>().ok()?.x_only_public_key().0));
                let key = key.with_context(|| format!("--key {text:?} is no public key"))?;
                Ok(BondScript::taproot(key, lock))
            }
            FormArg::Bip46 => {
                let key = text.parse::<PublicKey>().with_context(|| {
                    format!("--key {text:?} is no public key of 33 bytes, as BIP46 has it")
                })?;
                Ok(BondScript::bip46(key, lock)?)
            }
        }
    }
}

/// Which coin.
#[derive(Args)]
pub(super) struct CoinArgs {
    #[command(flatten)]
    pub(super) script: ScriptArgs,
    /// Where the bond is.
    #[arg(long, value_name = "TXID:VOUT", value_parser = value::outpoint)]
    pub(super) outpoint: OutPoint,
    /// What it holds, in satoshi, or with its unit: 0.5btc.
    #[arg(long, value_name = "SAT", value_parser = value::amount)]
    pub(super) sat: Amount,
}

/// How bonds are weighed.
#[derive(Args)]
pub(super) struct ValuationArgs {
    /// r: interest per year, such as 3/200, 1.5% or 0.015.
    #[arg(long, value_name = "SHARE", default_value = "3/200", value_parser = value::factor)]
    interest: Ratio,
    /// p: the power that the cost of the lock is taken to, such as 13/10 or 1.3; at most 2.
    #[arg(long, value_name = "FACTOR", default_value = "13/10", value_parser = value::factor)]
    exponent: Ratio,
    /// Satoshis times blocks left instead, as panels are drawn.
    #[arg(long, conflicts_with_all = ["interest", "exponent"])]
    linear: bool,
}

impl ValuationArgs {
    pub(super) fn valuation(&self) -> anyhow::Result<Valuation> {
        Ok(match self.linear {
            true => Valuation::Linear,
            false => Valuation::Interest(Interest::new(self.interest, self.exponent)?),
        })
    }
}
