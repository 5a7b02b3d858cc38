//! Children that pay for pre-signed transactions through their anchor (P2A, CPFP, TRUC).

use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight, Witness,
    absolute::LockTime, transaction::Version,
};

use super::{FeeError, Fees};
use crate::graph::{MAX_CHILD_VBYTES, anchor_script, satisfaction_weight, signed_weight};

/// A confirmed coin of a wallet that pays a fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeCoin {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it holds.
    pub prevout: TxOut,
}

impl FeeCoin {
    /// Weight of the witness that spends it; `None` for a type of coin whose weight is not known.
    pub(crate) fn witness(&self) -> Option<Weight> {
        satisfaction_weight(&self.prevout.script_pubkey)
    }
}

/// A child to be made.
#[derive(Debug, Clone)]
pub struct Child<'a> {
    /// The transaction to pay for; zero-fee, with an anchor.
    pub parent: &'a Transaction,
    /// Coins that pay; all are spent.
    pub coins: Vec<FeeCoin>,
    /// Where the rest goes.
    pub change: ScriptBuf,
    /// A data output to carry.
    pub data: Option<ScriptBuf>,
    /// Fee rate that parent and child together are to have. Only the rate is checked: a parent that is not confirmed
    /// in time may cost more than any fee.
    pub fees: Fees,
    /// Fee that the child must exceed in any case: what a replaced child paid, plus the relay fee of the new
    /// one (BIP125 rules 3 and 4).
    pub least_fee: Amount,
}

/// Why a child cannot be made. The caller's coins or parent are at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The fee rate is taken for a mistake.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// The parent has no anchor to spend.
    #[error("the transaction has no anchor output")]
    NoAnchor,
    /// No coins, or of a type whose weight is not known.
    #[error("no coin to pay the fee with, or one that is neither P2WPKH nor P2TR")]
    Coins,
    /// A coin is named twice, or is the anchor itself.
    #[error("the coin {outpoint} would be spent twice by the child")]
    Repeated {
        /// The coin.
        outpoint: OutPoint,
    },
    /// The coins do not pay the fee and leave change above dust.
    #[error("coins of {coins} do not pay a fee of {fee} and leave change worth an output")]
    Short {
        /// Sum of the coins.
        coins: Amount,
        /// Fee due.
        fee: Amount,
    },
    /// Larger than a child of an unconfirmed version 3 transaction may be.
    #[error(
        "the child is {vbytes} vB large; version 3 allows {MAX_CHILD_VBYTES} vB; use fewer coins"
    )]
    TooLarge {
        /// Its size.
        vbytes: u64,
    },
    /// The unsigned transaction is no base of a PSBT; unreachable for what is built here.
    #[error("the child cannot be made into a PSBT: {0}")]
    Psbt(String),
}

impl Child<'_> {
    /// The child as a PSBT for the wallet to sign. Its first input is the anchor and already final.
    pub fn psbt(&self) -> Result<Psbt, ChildError> {
        let anchor = anchor_script();
        let vout = self
            .parent
            .output
            .iter()
            .position(|out| out.script_pubkey == anchor)
            .ok_or(ChildError::NoAnchor)?;
        let anchor = TxOut {
            value: self.parent.output[vout].value,
            script_pubkey: anchor,
        };
        let anchor_coin = FeeCoin {
            outpoint: OutPoint {
                txid: self.parent.compute_txid(),
                vout: vout as u32,
            },
            prevout: anchor,
        };
        let spent = std::iter::once(&anchor_coin).chain(&self.coins);
        for (i, coin) in self.coins.iter().enumerate() {
            if spent
                .clone()
                .take(i + 1)
                .any(|other| other.outpoint == coin.outpoint)
            {
                let outpoint = coin.outpoint;
                return Err(ChildError::Repeated { outpoint });
            }
        }
        let mut tx = self.unsigned(&anchor_coin);
        let fee = self.fee(&tx)?;
        let coins = self
            .coins
            .iter()
            .try_fold(anchor_coin.prevout.value, |sum, c| {
                sum.checked_add(c.prevout.value)
            });
        let coins = coins.ok_or(ChildError::Coins)?;
        let last = tx.output.len() - 1;
        tx.output[last].value = coins
            .checked_sub(fee)
            .filter(|rest| *rest >= self.change.minimal_non_dust())
            .ok_or(ChildError::Short { coins, fee })?;
        let mut psbt = Psbt::from_unsigned_tx(tx).map_err(|e| ChildError::Psbt(e.to_string()))?;
        let prevouts = std::iter::once(&anchor_coin)
            .chain(&self.coins)
            .map(|c| c.prevout.clone());
        for (input, prevout) in psbt.inputs.iter_mut().zip(prevouts) {
            input.witness_utxo = Some(prevout);
        }
        psbt.inputs[0].final_script_witness = Some(Witness::new());
        Ok(psbt)
    }

    fn unsigned(&self, anchor: &FeeCoin) -> Transaction {
        let input = |coin: &FeeCoin| TxIn {
            previous_output: coin.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        let data = self.data.iter().map(|script| TxOut {
            value: Amount::ZERO,
            script_pubkey: script.clone(),
        });
        Transaction {
            version: Version(3),
            lock_time: LockTime::ZERO,
            input: std::iter::once(anchor)
                .chain(&self.coins)
                .map(input)
                .collect(),
            output: data
                .chain([TxOut {
                    value: Amount::ZERO,
                    script_pubkey: self.change.clone(),
                }])
                .collect(),
        }
    }

    /// Fee of the child such that the package has the rate asked for.
    fn fee(&self, tx: &Transaction) -> Result<Amount, ChildError> {
        if self.coins.is_empty() {
            return Err(ChildError::Coins);
        }
        // The anchor's witness is an empty stack of 1 byte.
        let coins = self.coins.iter().map(FeeCoin::witness);
        let coins = coins.collect::<Option<Vec<_>>>().ok_or(ChildError::Coins)?;
        let witnesses = std::iter::once(Weight::from_wu(1)).chain(coins);
        let vbytes = signed_weight(tx, witnesses).to_vbytes_ceil();
        if vbytes > MAX_CHILD_VBYTES {
            return Err(ChildError::TooLarge { vbytes });
        }
        // Nodes round each transaction's size up to whole vB.
        let package = Weight::from_wu(4 * (vbytes + self.parent.vsize() as u64));
        Ok(self.fees.in_time(package, self.least_fee)?)
    }
}
