//! Spending a coin through a timelocked script that its owner satisfies with one signature.

use bitcoin::{
    Amount, PrivateKey, Psbt, ScriptBuf, Sequence, TapLeafHash, Transaction, TxIn, TxOut, Weight,
    Witness, XOnlyPublicKey,
    absolute::LockTime,
    key::PublicKey as BitcoinKey,
    psbt::{GetKey, GetKeyError, KeyRequest},
    secp256k1::{PublicKey, Secp256k1, SecretKey, Signing},
    taproot::{ControlBlock, LeafVersion, TaprootSpendInfo},
    transaction::Version,
};

use super::{FeeCoin, FeeError, Fees, is_null};
use crate::graph::signed_weight;

/// The script that lets the owner spend, and what shows that the coin pays to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlock {
    /// P2WSH.
    WitnessScript {
        /// The script.
        script: ScriptBuf,
        /// Whose signature it wants.
        key: PublicKey,
    },
    /// A leaf of a Taproot output.
    Leaf {
        /// The script.
        script: ScriptBuf,
        /// Whose signature it wants.
        key: XOnlyPublicKey,
        /// Internal key and path of the leaf.
        control: ControlBlock,
    },
}

impl Unlock {
    /// A leaf of this output; `None` if it has no such leaf.
    pub fn leaf(info: &TaprootSpendInfo, script: ScriptBuf, key: XOnlyPublicKey) -> Option<Unlock> {
        let at = (script, LeafVersion::TapScript);
        let control = info.control_block(&at)?;
        Some(Unlock::Leaf {
            script: at.0,
            key,
            control,
        })
    }

    /// Weight of the finished witness, at most. Not out of a graph's plan ([`SpendPlan`](crate::graph::SpendPlan)): the coin
    /// stands in no graph, and graphs have no witness scripts.
    fn weight(&self) -> Weight {
        let with_length = |len: usize| bitcoin::VarInt::from(len).size() + len;
        let len = match self {
            // The longest signature in DER has 72 bytes, and one says what is signed.
            Unlock::WitnessScript { script, .. } => 1 + with_length(73) + with_length(script.len()),
            Unlock::Leaf {
                script, control, ..
            } => 1 + with_length(64) + with_length(script.len()) + with_length(control.size()),
        };
        Weight::from_wu(len as u64)
    }
}

/// A transaction with one input, to be made. It pays its fee out of the coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The coin.
    pub coin: FeeCoin,
    /// nLockTime, as the script asks for.
    pub lock_time: LockTime,
    /// nSequence, as the script asks for.
    pub sequence: Sequence,
    /// How it is spent.
    pub unlock: Unlock,
    /// Outputs of given value.
    pub outputs: Vec<TxOut>,
    /// Where all goes that these and the fee leave.
    pub rest: ScriptBuf,
    /// Fee rate. Nothing presses: the fee may be no more than a tenth of the coin, unless it was said that it may.
    pub fees: Fees,
}

/// Why a coin cannot be swept. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The fee is taken for a mistake.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// No transaction can have made the coin: its id is all zeros, or its output is 2³² − 1 (the null outpoint).
    #[error("no coin is at {outpoint}: this names none (null outpoint)")]
    Null {
        /// Where it would be.
        outpoint: bitcoin::OutPoint,
    },
    /// The given outputs hold more than there is.
    #[error("the outputs hold more than there is money")]
    Overflow,
    /// Outputs and fee leave less than dust for the rest.
    #[error(
        "a coin of {coin} less outputs of {outputs} and a fee of {fee} leaves nothing worth an output"
    )]
    Short {
        /// What the coin holds.
        coin: Amount,
        /// What the given outputs take.
        outputs: Amount,
        /// Fee at the rate asked for.
        fee: Amount,
    },
    /// An output is too small to be relayed.
    #[error("output {vout} holds {value}, below its dust limit of {limit}")]
    Dust {
        /// The output.
        vout: usize,
        /// What it holds.
        value: Amount,
        /// What it needs at least.
        limit: Amount,
    },
    /// The key is not the one that the script asks for, or the PSBT has no signature by it.
    #[error("the coin {outpoint} is not signed by the key that its script asks for")]
    Unsigned {
        /// The coin.
        outpoint: bitcoin::OutPoint,
    },
    /// The PSBT is for another transaction.
    #[error("the PSBT is not for this transaction")]
    Foreign,
    /// The transaction is no base of a PSBT; not reachable for what is built here.
    #[error("no PSBT can be made: {0}")]
    Psbt(String),
}

impl Sweep {
    /// The transaction without witness: outputs as given, then the rest.
    pub fn unsigned(&self) -> Result<Transaction, SweepError> {
        let (coin, outpoint) = (self.coin.prevout.value, self.coin.outpoint);
        if is_null(&outpoint) {
            return Err(SweepError::Null { outpoint });
        }
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: self.lock_time,
            input: vec![TxIn {
                previous_output: self.coin.outpoint,
                script_sig: ScriptBuf::new(),
                sequence: self.sequence,
                witness: Witness::new(),
            }],
            output: self.outputs.clone(),
        };
        tx.output.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: self.rest.clone(),
        });
        let weight = signed_weight(&tx, [self.unlock.weight()]);
        let fee = self.fees.in_time(weight, Amount::ZERO)?;
        let outputs = self
            .outputs
            .iter()
            .try_fold(Amount::ZERO, |sum, out| sum.checked_add(out.value))
            .ok_or(SweepError::Overflow)?;
        let rest = coin
            .checked_sub(fee)
            .and_then(|left| left.checked_sub(outputs))
            .filter(|left| *left >= self.rest.minimal_non_dust())
            .ok_or(SweepError::Short { coin, outputs, fee })?;
        self.fees.check_share(fee, coin)?;
        if let Some(last) = tx.output.last_mut() {
            last.value = rest;
        }
        for (vout, output) in self.outputs.iter().enumerate() {
            let limit = output.script_pubkey.minimal_non_dust();
            let value = output.value;
            if value < limit {
                return Err(SweepError::Dust { vout, value, limit });
            }
        }
        Ok(tx)
    }

    /// The transaction for any wallet with the key to sign (BIP174, BIP371). Its origin is not known here: the entry
    /// is for the key itself, without path.
    pub fn psbt(&self) -> Result<Psbt, SweepError> {
        let mut psbt = Psbt::from_unsigned_tx(self.unsigned()?)
            .map_err(|e| SweepError::Psbt(e.to_string()))?;
        let origin = Default::default();
        let Some(input) = psbt.inputs.first_mut() else {
            return Err(SweepError::Foreign);
        };
        input.witness_utxo = Some(self.coin.prevout.clone());
        match &self.unlock {
            Unlock::WitnessScript { script, key } => {
                input.witness_script = Some(script.clone());
                input.bip32_derivation.insert(*key, origin);
            }
            Unlock::Leaf {
                script,
                key,
                control,
            } => {
                let leaf = TapLeafHash::from_script(script, LeafVersion::TapScript);
                input.tap_internal_key = Some(control.internal_key);
                input
                    .tap_scripts
                    .insert(control.clone(), (script.clone(), LeafVersion::TapScript));
                input.tap_key_origins.insert(*key, (vec![leaf], origin));
            }
        }
        Ok(psbt)
    }

    /// The transaction out of a PSBT that a wallet signed.
    pub fn finish(&self, signed: &Psbt) -> Result<Transaction, SweepError> {
        let mut tx = self.unsigned()?;
        if signed.unsigned_tx != tx {
            return Err(SweepError::Foreign);
        }
        let outpoint = self.coin.outpoint;
        let input = signed.inputs.first().ok_or(SweepError::Foreign)?;
        let mut witness = Witness::new();
        match &self.unlock {
            Unlock::WitnessScript { script, key } => {
                let signature = input.partial_sigs.get(&BitcoinKey::new(*key));
                witness.push(signature.ok_or(SweepError::Unsigned { outpoint })?.to_vec());
                witness.push(script);
            }
            Unlock::Leaf {
                script,
                key,
                control,
            } => {
                let leaf = TapLeafHash::from_script(script, LeafVersion::TapScript);
                let signature = input.tap_script_sigs.get(&(*key, leaf));
                witness.push(signature.ok_or(SweepError::Unsigned { outpoint })?.to_vec());
                witness.push(script);
                witness.push(control.serialize());
            }
        }
        if let Some(input) = tx.input.first_mut() {
            input.witness = witness;
        }
        Ok(tx)
    }

    /// Signed by this key, and final.
    pub fn sign(&self, key: &SecretKey) -> Result<Transaction, SweepError> {
        let mut psbt = self.psbt()?;
        // What it could not sign `finish` names.
        let _ = psbt.sign(&OneKey(*key), &Secp256k1::new());
        self.finish(&psbt)
    }
}

/// A wallet of one key.
struct OneKey(SecretKey);

impl GetKey for OneKey {
    type Error = GetKeyError;

    fn get_key<C: Signing>(
        &self,
        request: KeyRequest,
        secp: &Secp256k1<C>,
    ) -> Result<Option<PrivateKey>, GetKeyError> {
        let own = self.0.public_key(secp);
        let asked = match request {
            KeyRequest::Pubkey(key) => key.inner == own,
            KeyRequest::XOnlyPubkey(key) => key == own.x_only_public_key().0,
            _ => false,
        };
        // The network matters to the text form of keys only.
        Ok(asked.then(|| PrivateKey::new(self.0, bitcoin::NetworkKind::Test)))
    }
}
