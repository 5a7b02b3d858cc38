//! The root of record: where the worker's commitment stands on chain.
//!
//! TxD is pre-signed and must keep its id, so the root cannot stand in it. It stands in an OP_RETURN of the
//! transaction that spends the worker's change of the funding transaction, the *root coin*: nobody else can spend
//! that coin, and everybody knows it from the terms, so the root is authenticated by a signature that is there
//! anyway. Ordinarily that transaction is the child that pays TxD's fee. If somebody else's child pays it (anybody
//! can spend an anchor), the worker records its root by a transaction of its own: [`RootRecord::transaction`].
//! Either way it must confirm by [`RootRecord::deadline`].

use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight, Witness,
    absolute::LockTime, script::PushBytesBuf, transaction::Version,
};
use narthex_game_model::Params;

use super::{ChildError, FeeCoin};
use crate::{
    graph::{Purpose, TxGraph, satisfaction_weight},
    role::Role,
    terms::FeeRate,
};

/// Marks a root among data outputs.
const MAGIC: &[u8; 4] = b"NXR1";

/// A commitment root on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootRecord {
    /// Merkle root of the worker's commitment.
    pub root: [u8; 32],
}

impl RootRecord {
    /// The data output that carries it: 36 bytes after OP_RETURN.
    pub fn script(&self) -> ScriptBuf {
        let mut data = PushBytesBuf::new();
        // 36 bytes are far below what a push can hold.
        let _ = data.extend_from_slice(MAGIC);
        let _ = data.extend_from_slice(&self.root);
        ScriptBuf::new_op_return(data)
    }

    /// Reads the root from the transaction that spends the root coin; `None` if `tx` does not, or has not exactly
    /// one root output.
    pub fn find(tx: &Transaction, root_coin: OutPoint) -> Option<RootRecord> {
        if !tx
            .input
            .iter()
            .any(|input| input.previous_output == root_coin)
        {
            return None;
        }
        let mut roots = tx.output.iter().filter_map(|out| {
            let bytes = out.script_pubkey.as_bytes();
            // OP_RETURN, a push of 36 bytes.
            let data = bytes.strip_prefix(&[0x6a, 36])?.strip_prefix(MAGIC)?;
            Some(RootRecord {
                root: data.try_into().ok()?,
            })
        });
        match (roots.next(), roots.next()) {
            (Some(root), None) => Some(root),
            _ => None,
        }
    }

    /// Last height at which the record counts, for a delivery confirmed at `delivered_height`: half of the
    /// verdict window later, so that the verifier has the other half.
    pub fn deadline(params: &Params, delivered_height: u32) -> u32 {
        delivered_height.saturating_add(u32::from(params.windows().verdict_blocks / 2))
    }

    /// The record as a transaction of its own, unsigned: root coin in, record and change out.
    pub fn transaction(
        &self,
        root_coin: FeeCoin,
        change: ScriptBuf,
        rate: FeeRate,
    ) -> Result<Psbt, ChildError> {
        let output = |value, script_pubkey| TxOut {
            value,
            script_pubkey,
        };
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: root_coin.outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: vec![
                output(Amount::ZERO, self.script()),
                output(Amount::ZERO, change),
            ],
        };
        let witness =
            satisfaction_weight(&root_coin.prevout.script_pubkey).ok_or(ChildError::Coins)?;
        let coins = root_coin.prevout.value;
        let fee = rate
            .fee(tx.weight() + witness + Weight::from_wu(2))
            .unwrap_or(Amount::MAX_MONEY);
        let limit = tx.output[1].script_pubkey.minimal_non_dust();
        tx.output[1].value = coins
            .checked_sub(fee)
            .filter(|rest| *rest >= limit)
            .ok_or(ChildError::Short { coins, fee })?;
        let mut psbt = Psbt::from_unsigned_tx(tx).map_err(|e| ChildError::Psbt(e.to_string()))?;
        psbt.inputs[0].witness_utxo = Some(root_coin.prevout);
        Ok(psbt)
    }
}

/// The worker's change in the funding transaction, whose spending authenticates the root.
pub fn root_coin(graph: &TxGraph) -> Option<OutPoint> {
    let node = graph.node(TxGraph::FUNDING)?;
    let vout = node
        .outputs
        .iter()
        .position(|o| o.purpose == Purpose::Change(Role::Worker))?;
    Some(OutPoint {
        txid: graph.txid(TxGraph::FUNDING)?,
        vout: vout as u32,
    })
}
