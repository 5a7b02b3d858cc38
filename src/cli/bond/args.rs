//! Options that several commands share, and how they are written.

use std::{io::Read, path::Path, str::FromStr};

use anyhow::Context;
use bitcoin::{
    Amount, OutPoint, PrivateKey,
    bip32::Xpub,
    hex::FromHex,
    key::XOnlyPublicKey,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use clap::Args;
use narthex::{
    contracts::bond::{BondScript, Interest, Lock, Valuation, bip46::Month},
    game_model::Ratio,
};

/// Longest key file, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 256;

/// Form of a bond's script.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum FormArg {
    /// tr(NOBODY,and_v(v:pk(KEY),after(LOCK))).
    Taproot,
    /// BIP46's P2WSH; the lock must be a month or a time.
    Bip46,
}

/// A lock: a month (its first second), a height, or a Unix time from 500000000 on.
#[derive(Debug, Clone, Copy)]
pub(super) enum LockArg {
    Month(Month),
    Lock(Lock),
}

impl FromStr for LockArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse::<u32>() {
            return Lock::new(number)
                .map(LockArg::Lock)
                .map_err(|e| e.to_string());
        }
        text.parse().map(LockArg::Month).map_err(|_| {
            format!("{text:?} is neither a month such as 2030-01 (up to 2099-12) nor a height nor a Unix time")
        })
    }
}

impl LockArg {
    pub(super) fn lock(self) -> anyhow::Result<Lock> {
        Ok(match self {
            LockArg::Month(month) => month.lock()?,
            LockArg::Lock(lock) => lock,
        })
    }
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
    /// Until when: a month such as 2030-01, a height, or a Unix time.
    #[arg(long)]
    until: LockArg,
}

impl ScriptArgs {
    pub(super) fn script(&self) -> anyhow::Result<BondScript> {
        self.until(self.until)
    }

    /// The same owner's bond until another date.
    pub(super) fn until(&self, until: LockArg) -> anyhow::Result<BondScript> {
        let lock = until.lock()?;
        if let Some(account) = &self.account {
            let LockArg::Month(month) = until else {
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
    /// Where the bond is, as txid:vout.
    #[arg(long)]
    pub(super) outpoint: OutPoint,
    /// What it holds, in satoshi.
    #[arg(long, value_parser = parse_sat)]
    pub(super) sat: Amount,
}

/// How bonds are weighed.
#[derive(Args)]
pub(super) struct ValuationArgs {
    /// r: interest per year, as a fraction.
    #[arg(long, default_value = "3/200")]
    interest: Ratio,
    /// p: the power that the cost of the lock is taken to, as a fraction up to 2.
    #[arg(long, default_value = "13/10")]
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

/// An amount of at most all bitcoin.
pub(super) fn parse_sat(text: &str) -> Result<Amount, String> {
    let sat = text.parse::<u64>().map_err(|e| format!("{text:?}: {e}"))?;
    let value = Amount::from_sat(sat);
    if value > Amount::MAX_MONEY {
        return Err(format!("{sat} satoshi are more than there are"));
    }
    Ok(value)
}

/// 32 bytes in hex.
pub(super) fn parse_seed(text: &str) -> Result<[u8; 32], String> {
    <[u8; 32]>::from_hex(text).map_err(|e| format!("a seed has 64 hexadecimal digits: {e}"))
}

/// A secret key from a file, in hex or as wallets export it (WIF); `-` for standard input. Not from an option, where
/// every user of the machine could read it.
pub(super) fn read_key(path: &Path) -> anyhow::Result<SecretKey> {
    let shown = path.display();
    let mut text = String::new();
    let read = |source: &mut dyn Read, text: &mut String| {
        source.take(MAX_KEY_FILE_BYTES).read_to_string(text)
    };
    let done = if path.as_os_str() == "-" {
        read(&mut std::io::stdin().lock(), &mut text)
    } else {
        crate::cli::secret::warn_if_others_read(path);
        std::fs::File::open(path).and_then(|mut file| read(&mut file, &mut text))
    };
    done.with_context(|| format!("cannot read a key from {shown}"))?;
    let text = text.trim();
    if let Ok(key) = text.parse::<SecretKey>() {
        return Ok(key);
    }
    // Never shown: it may be a key with one letter wrong.
    let wif = PrivateKey::from_wif(text).ok();
    Ok(wif
        .with_context(|| format!("{shown} holds no secret key, in hex or WIF"))?
        .inner)
}
