//! Laws that every [`Chain`] must keep, for tests of a chain.

mod laws;
mod signer;

pub use signer::{Signer, pay, spend};

use bitcoin::{OutPoint, Script, ScriptBuf, Transaction, TxOut};

use crate::{Chain, Error, mine_coins};

/// How a chain broke a law.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It said something else than the law demands.
    #[error("{chain} breaks the law `{law}`: {what}")]
    Broken {
        /// Name of the chain.
        chain: &'static str,
        /// The law, in words.
        law: &'static str,
        /// What it said or did.
        what: String,
    },
    /// It did not answer.
    #[error("while checking a law: {0}")]
    Chain(#[from] Error),
    /// The test could not sign.
    #[error("while signing for a law: {0}")]
    Signing(#[from] bitcoin::sighash::TaprootError),
}

/// One law: its words and its check.
struct Law {
    name: &'static str,
    check: fn(&mut Bench<'_>) -> Result<(), Violation>,
}

/// A chain under test, a key, and coins that the key owns.
struct Bench<'a> {
    chain: &'a mut dyn Chain,
    law: &'static str,
    signer: Signer,
    filler: ScriptBuf,
}

impl Bench<'_> {
    /// A mature coin that no other law uses.
    fn coin(&mut self) -> Result<(OutPoint, TxOut), Violation> {
        let coins = mine_coins(self.chain, 1, &self.signer.script(), &self.filler)?;
        coins
            .into_iter()
            .next()
            .ok_or_else(|| self.broken("mining gives no coin"))
    }

    /// A signed transaction that spends `coin` into one output and leaves `fee_sat` satoshis as fee.
    fn payment(&self, coin: &(OutPoint, TxOut), fee_sat: u64) -> Result<Transaction, Violation> {
        let value = coin.1.value.to_sat().saturating_sub(fee_sat);
        self.signed(
            spend(&[coin.0], vec![pay(value, &self.signer.script())]),
            std::slice::from_ref(&coin.1),
        )
    }

    fn signed(&self, mut tx: Transaction, spent: &[TxOut]) -> Result<Transaction, Violation> {
        self.signer.sign(&mut tx, spent)?;
        Ok(tx)
    }

    fn broken(&self, what: impl Into<String>) -> Violation {
        Violation::Broken {
            chain: self.chain.name(),
            law: self.law,
            what: what.into(),
        }
    }

    /// Demands that `result` is a refusal with this code.
    fn demand_refusal<T>(&self, result: Result<T, Error>, code: &str) -> Result<(), Violation> {
        match result {
            Err(error) if error.code() == Some(code) => Ok(()),
            Err(error) => Err(self.broken(format!("`{code}` expected, but: {error}"))),
            Ok(_) => Err(self.broken(format!("`{code}` expected, but it was taken"))),
        }
    }
}

/// Checks every law on `chain`, best a fresh one: some 1,000 blocks are mined on it, and when subsidies have halved
/// too often, there is too little to pay fees from.
///
/// # Errors
///
/// The first law that is broken, with what the chain did instead.
pub fn suite(chain: &mut dyn Chain) -> Result<(), Violation> {
    let filler: &Script = &ScriptBuf::new_p2a();
    for law in laws::LAWS {
        let Some(signer) = Signer::new(1) else {
            continue;
        };
        (law.check)(&mut Bench {
            chain,
            law: law.name,
            signer,
            filler: filler.to_owned(),
        })?;
    }
    Ok(())
}
