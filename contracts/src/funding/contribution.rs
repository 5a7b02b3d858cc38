//! A party's part of the funding transaction: coins in, change out.

use bitcoin::{Amount, FeeRate, OutPoint, Psbt, ScriptBuf, TxOut, Txid, Weight, hashes::Hash};
use narthex_base::codec::{DecodeError, Reader, Writer};
use serde::{Deserialize, Serialize};

use super::{FeeError, FeeRules};
use crate::{
    graph::satisfaction_weight,
    wire::{ReadOutPoint, WriteOutPoint},
};

/// Most coins that one party may bring: 18 parties with 20 coins make a funding transaction of 27 kvB, well below the
/// 100 kvB that nodes relay.
pub const MAX_COINS: usize = 20;

/// Longest script that is read of a peer: no type that nodes relay, or that a wallet pays to, needs as much.
const MAX_SCRIPT: usize = 256;

/// A script out of a peer's message, with its length in front.
pub(crate) fn read_script(
    r: &mut Reader<'_>,
    field: &'static str,
) -> Result<ScriptBuf, DecodeError> {
    Ok(ScriptBuf::from_bytes(
        r.bytes_up_to(field, MAX_SCRIPT)?.to_vec(),
    ))
}

/// Sanity bound on a party's fee, as a multiple of what the fee rate asks for.
const FEE_SLACK: u64 = 20;

/// A coin of a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coin {
    /// Where it is.
    pub outpoint: OutPoint,
    /// Its value in sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub value_sat: Amount,
    /// Its script, hex.
    pub script: ScriptBuf,
}

impl Coin {
    /// As the output that it is.
    pub fn prevout(&self) -> TxOut {
        TxOut {
            value: self.value_sat,
            script_pubkey: self.script.clone(),
        }
    }
}

/// A change output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its value in sat.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub value_sat: Amount,
    /// Its script, hex.
    pub script: ScriptBuf,
}

/// What one party brings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// Coins that it spends.
    pub coins: Vec<Coin>,
    /// What it gets back at once.
    pub change: Option<Change>,
}

/// What is wrong with a party's coins. That party's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContributionError {
    /// No coin, or too many.
    #[error("{given} coins; between 1 and {MAX_COINS} are taken")]
    Count {
        /// Coins given.
        given: usize,
    },
    /// A coin whose spending can change the transaction id, or whose weight is not known in advance.
    #[error(
        "the coin {outpoint} is neither P2WPKH nor P2TR; others would leave the funding id open to change"
    )]
    CoinType {
        /// The coin.
        outpoint: OutPoint,
    },
    /// No transaction can have made the coin.
    #[error("no coin is at {outpoint}: this names none (null outpoint)")]
    Null {
        /// Where it would be.
        outpoint: OutPoint,
    },
    /// The same coin twice.
    #[error("the coin {outpoint} is named twice")]
    Repeated {
        /// The coin.
        outpoint: OutPoint,
    },
    /// The coins hold more than there is.
    #[error(
        "coins that add up to more than 21 million bitcoin; the last one counted is {outpoint}"
    )]
    Overflow {
        /// The coin at which the sum became too large.
        outpoint: OutPoint,
    },
    /// Amounts do not add up.
    #[error(
        "coins of {coins} do not cover the deposit of {deposit}, change of {change} and a fee of {fee}"
    )]
    Short {
        /// Sum of the coins.
        coins: Amount,
        /// Deposit.
        deposit: Amount,
        /// Change wanted.
        change: Amount,
        /// Fee due at the agreed rate.
        fee: Amount,
    },
    /// A fee rate that nobody relays, or that is taken for a mistake.
    #[error(transparent)]
    Rate(#[from] FeeError),
    /// More fee than any mistake should cost.
    #[error("a fee of {fee}, when {due} is due; refused as a mistake")]
    ExcessiveFee {
        /// Fee left by coins, deposit and change.
        fee: Amount,
        /// Fee due.
        due: Amount,
    },
    /// Change is dust.
    #[error("change of {value} is below the {limit} that its script needs")]
    Change {
        /// Its value.
        value: Amount,
        /// What it needs.
        limit: Amount,
    },
    /// Change to a script that nodes do not relay, or that nobody can spend: data outputs burn what they hold,
    /// and a transaction with several is not relayed everywhere.
    #[error("change to the script {script:x}, which is not of a type that wallets can spend")]
    ChangeScript {
        /// The script.
        script: ScriptBuf,
    },
    /// The PSBT does not pay the deposit to the placeholder, or lacks data on a coin.
    #[error("the PSBT {problem}")]
    Psbt {
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Contribution {
    /// Everything in it, as it counts in the id of a contract's terms.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.list(&self.coins, |w, coin| {
            w.outpoint(&coin.outpoint)
                .amount(coin.value_sat)
                .bytes(coin.script.as_bytes());
        });
        w.optional(self.change.as_ref(), |w, change| {
            w.amount(change.value_sat).bytes(change.script.as_bytes());
        });
    }

    /// Reads what [`Contribution::write`] writes; [`Contribution::check`] looks at what it says.
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Contribution, DecodeError> {
        let coins = r.list_up_to("coins", 48, MAX_COINS, |r| {
            Ok(Coin {
                outpoint: r.outpoint(["transaction of a coin", "output of a coin"])?,
                value_sat: r.amount("value of a coin")?,
                script: read_script(r, "script of a coin")?,
            })
        })?;
        let change = r.optional("change", |r| {
            Ok(Change {
                value_sat: r.amount("value of the change")?,
                script: read_script(r, "script of the change")?,
            })
        })?;
        Ok(Contribution { coins, change })
    }

    /// Takes the coins and the change out of a PSBT in which a wallet pays `deposit` to `placeholder`. Any
    /// wallet can make one; nothing of it is signed.
    pub fn from_psbt(
        psbt: &Psbt,
        placeholder: &ScriptBuf,
        deposit: Amount,
    ) -> Result<Contribution, ContributionError> {
        let problem = |problem| ContributionError::Psbt { problem };
        if psbt.inputs.len() != psbt.unsigned_tx.input.len() {
            return Err(problem(
                "has data on more or fewer inputs than its transaction has",
            ));
        }
        let mut coins = Vec::new();
        for (input, txin) in psbt.inputs.iter().zip(&psbt.unsigned_tx.input) {
            let of_parent = match &input.non_witness_utxo {
                None => None,
                Some(tx) if tx.compute_txid() != txin.previous_output.txid => {
                    return Err(problem("brings the parent of another coin"));
                }
                Some(tx) => Some(tx.output.get(txin.previous_output.vout as usize).ok_or(
                    problem("spends an output that the coin's parent does not have"),
                )?),
            };
            let prevout = match (&input.witness_utxo, of_parent) {
                (Some(stated), Some(real)) if stated != real => {
                    return Err(problem(
                        "states another coin than its parent transaction has",
                    ));
                }
                (stated, real) => stated.as_ref().or(real),
            };
            let prevout = prevout
                .cloned()
                .ok_or(problem("does not say what its coins hold"))?;
            coins.push(Coin {
                outpoint: txin.previous_output,
                value_sat: prevout.value,
                script: prevout.script_pubkey,
            });
        }
        let is_deposit = |out: &TxOut| out.script_pubkey == *placeholder && out.value == deposit;
        let outputs = &psbt.unsigned_tx.output;
        let at = outputs
            .iter()
            .position(is_deposit)
            .ok_or(problem("does not pay the deposit"))?;
        let mut rest = outputs
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != at)
            .map(|(_, out)| out);
        let change = rest.next().map(|out| Change {
            value_sat: out.value,
            script: out.script_pubkey.clone(),
        });
        if rest.next().is_some() {
            return Err(problem("has more outputs than the deposit and one change"));
        }
        // Nobody has the placeholder's key.
        if change.as_ref().is_some_and(|c| c.script == *placeholder) {
            return Err(problem("pays the placeholder twice"));
        }
        Ok(Contribution { coins, change })
    }

    /// Checks amounts, types and fee. `deposit` is the party's share of the contract.
    pub fn check(&self, deposit: Amount, rate: FeeRate) -> Result<(), ContributionError> {
        if self.coins.is_empty() || self.coins.len() > MAX_COINS {
            return Err(ContributionError::Count {
                given: self.coins.len(),
            });
        }
        // What the party's own transaction would weigh, paying the deposit to one Taproot output. No graph plans it: there
        // is none before everybody's contribution is there, and each answers for what its own adds.
        let mut weight = Weight::from_wu(4 * (4 + 1 + 1 + 4 + 43) + 2);
        let mut coins = Amount::ZERO;
        for (i, coin) in self.coins.iter().enumerate() {
            let outpoint = coin.outpoint;
            if is_null(&outpoint) {
                return Err(ContributionError::Null { outpoint });
            }
            if self.coins[..i].iter().any(|c| c.outpoint == outpoint) {
                return Err(ContributionError::Repeated { outpoint });
            }
            let witness = satisfaction_weight(&coin.script)
                .ok_or(ContributionError::CoinType { outpoint })?;
            weight += witness + Weight::from_wu(4 * 41);
            coins = coins
                .checked_add(coin.value_sat)
                .filter(|sum| *sum <= Amount::MAX_MONEY)
                .ok_or(ContributionError::Overflow { outpoint })?;
        }
        let change = self.change.as_ref().map_or(Amount::ZERO, |c| c.value_sat);
        if let Some(c) = &self.change {
            if !is_standard(&c.script) || c.script.is_op_return() {
                return Err(ContributionError::ChangeScript {
                    script: shortened(&c.script),
                });
            }
            let limit = c.script.minimal_non_dust();
            if c.value_sat < limit {
                return Err(ContributionError::Change {
                    value: c.value_sat,
                    limit,
                });
            }
            weight += Weight::from_wu(4 * (9 + c.script.len() as u64));
        }
        let due = rate.checked_fee(weight)?;
        let short = ContributionError::Short {
            coins,
            deposit,
            change,
            fee: due,
        };
        let fee = coins
            .checked_sub(deposit)
            .and_then(|rest| rest.checked_sub(change))
            .ok_or(short.clone())?;
        if fee < due {
            return Err(short);
        }
        if fee.to_sat() > due.to_sat().saturating_mul(FEE_SLACK).max(10_000) {
            return Err(ContributionError::ExcessiveFee { fee, due });
        }
        Ok(())
    }
}

/// Whether no transaction can have made this output: an id of zeros or the output 2³² − 1, which together are the null
/// outpoint of a coinbase (Bitcoin Core, `COutPoint::IsNull`).
pub fn is_null(outpoint: &OutPoint) -> bool {
    outpoint.vout == u32::MAX || outpoint.txid == Txid::all_zeros()
}

/// Script types that every node relays.
pub(crate) fn is_standard(script: &ScriptBuf) -> bool {
    script.is_p2tr()
        || script.is_p2wpkh()
        || script.is_p2wsh()
        || script.is_p2pkh()
        || script.is_p2sh()
        || (script.is_op_return() && script.len() <= 83 && script.as_script()[1..].is_push_only())
}

/// A script for an error message: whole if it is of any standard size.
pub(crate) fn shortened(script: &ScriptBuf) -> ScriptBuf {
    ScriptBuf::from_bytes(script.as_bytes().iter().take(83).copied().collect())
}
