//! The root of record: where the worker's commitment stands on chain.
//!
//! TxD is pre-signed and must keep its id, so the root cannot stand in it. It stands in the child that pays
//! TxD's fee: an OP_RETURN of that child, which counts only if the child also spends the worker's change of
//! the funding transaction, the *root coin*. Nobody else can spend that coin, and everybody knows it from
//! the terms, so the root is authenticated by a signature that is there anyway. Anybody may replace the child
//! in the mempool by spending the anchor; a replacement without the root coin records nothing.

use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid, script::PushBytesBuf};

use crate::{
    graph::{Purpose, TxGraph},
    role::Role,
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

    /// Reads the root from `child`, if it is the worker's record for the delivery `txd`: it spends an output
    /// of `txd` and the worker's root coin, and has exactly one root output.
    pub fn find(child: &Transaction, txd: Txid, root_coin: OutPoint) -> Option<RootRecord> {
        let spends =
            |pred: &dyn Fn(&OutPoint) -> bool| child.input.iter().any(|i| pred(&i.previous_output));
        if !spends(&|o| o.txid == txd) || !spends(&|o| *o == root_coin) {
            return None;
        }
        let mut roots = child.output.iter().filter_map(|out| {
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
