//! Where an output stands on a chain, and who spends it: one answer for every contract.

use bitcoin::{OutPoint, Transaction, TxOut};

/// Where an output stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputStatus {
    /// Neither on the chain nor in the mempool; or spent, and of a transaction that confirmed long ago
    /// ([`LOOK_BACK_BLOCKS`](crate::LOOK_BACK_BLOCKS)).
    Missing,
    /// Of a transaction that waits in the mempool.
    Waiting {
        /// The output.
        output: TxOut,
    },
    /// On the chain, and nothing on the chain spends it.
    Unspent {
        /// The output.
        output: TxOut,
        /// Height of the block that confirmed it.
        height: u32,
    },
    /// On the chain, and spent there.
    Spent {
        /// The output.
        output: TxOut,
        /// Height of the block that confirmed it, not of the one that spent it.
        height: u32,
    },
}

impl OutputStatus {
    /// The output and the height that confirmed it, while it can be spent.
    pub fn unspent(self) -> Option<(TxOut, u32)> {
        match self {
            Self::Unspent { output, height } => Some((output, height)),
            _ => None,
        }
    }
}

/// A transaction that spends an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spender {
    /// The transaction.
    pub tx: Transaction,
    /// Height of its block, `None` while it waits in the mempool.
    pub height: Option<u32>,
}

/// Whether `tx` spends `outpoint`.
pub(crate) fn spends(tx: &Transaction, outpoint: OutPoint) -> bool {
    tx.input
        .iter()
        .any(|input| input.previous_output == outpoint)
}
