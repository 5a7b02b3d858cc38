//! Proofs that a transaction is in a block.
//!
//! Each transaction comes with its way to the block's root, and each block with its first transaction, the coinbase. That one says the
//! block's height (BIP34), and how deep the tree is: a way of another length would show a node of the tree as a transaction, or 64
//! bytes of a transaction as a node.
//!
//! Transactions are without witnesses, which neither their ids nor a block's root cover: nobody can change what is not there.

use bitcoin::{
    Block, Transaction, TxMerkleNode, Txid, consensus,
    hashes::{Hash, HashEngine, sha256d},
    script::Builder,
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_channel::contract::{Contract, Facts};

/// Most blocks that transactions of a case are in.
pub const MAX_BLOCKS: usize = 8;
/// Most transactions of a case in one block.
const MAX_TRANSACTIONS: usize = 8;
/// Most nodes on the way to a root: no block has 2³² transactions.
const MAX_WAY: usize = 32;
/// Largest transaction without witnesses: what a block may have of them.
const MAX_TX_BYTES: usize = 1_000_000;

/// A transaction with its way to the root of its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenTransaction {
    /// Without witnesses.
    pub tx: Transaction,
    /// Its place in the block.
    pub index: u32,
    way: Vec<[u8; 32]>,
}

/// Transactions of one block, with the proof that they are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenBlock {
    /// Height of the block.
    pub height: u32,
    coinbase: ProvenTransaction,
    transactions: Vec<ProvenTransaction>,
}

/// Why transactions are not proven to be in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// Its way leads to another root.
    #[error("transaction {txid} does not prove to the block at height {height}")]
    OtherRoot {
        /// The transaction.
        txid: Txid,
        /// The block.
        height: u32,
    },
    /// Its way has another length than the coinbase's.
    #[error("the proof of {txid} has {found} nodes, and that of the first transaction {expected}")]
    Depth {
        /// The transaction.
        txid: Txid,
        /// Nodes of its way.
        found: usize,
        /// Nodes of the coinbase's.
        expected: usize,
    },
    /// What stands first is no coinbase of this height.
    #[error("the first transaction of the block at height {height} is no coinbase of that height")]
    Height {
        /// The height that is said.
        height: u32,
    },
}

impl ProvenTransaction {
    fn of(block: &Block, index: usize) -> Option<ProvenTransaction> {
        let tx = stripped(block.txdata.get(index)?);
        let txids = block.txdata.iter().map(Transaction::compute_txid);
        let mut level: Vec<[u8; 32]> = txids.map(Txid::to_byte_array).collect();
        let (mut at, mut way) = (index, Vec::new());
        while level.len() > 1 {
            let last = level.len() - 1;
            way.push(*level.get((at ^ 1).min(last))?);
            level = level
                .chunks(2)
                .filter_map(|pair| Some(parent(pair.first()?, pair.last()?)))
                .collect();
            at /= 2;
        }
        let index = u32::try_from(index).ok()?;
        Some(ProvenTransaction { tx, index, way })
    }

    fn root(&self) -> Option<TxMerkleNode> {
        let (mut hash, mut at) = (self.tx.compute_txid().to_byte_array(), self.index);
        for other in &self.way {
            hash = match at % 2 {
                0 => parent(&hash, other),
                _ => parent(other, &hash),
            };
            at /= 2;
        }
        // Its place is one that a tree of this depth has.
        (at == 0).then(|| TxMerkleNode::from_byte_array(hash))
    }

    fn write(&self, w: &mut Writer) {
        w.bytes(&consensus::serialize(&self.tx)).u32(self.index);
        w.list(&self.way, |w, node| {
            w.fixed(node);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<ProvenTransaction, DecodeError> {
        let bytes = r.bytes_up_to("transaction", MAX_TX_BYTES)?;
        let tx: Transaction =
            consensus::deserialize(bytes).map_err(|e| DecodeError::invalid("transaction", e))?;
        if tx.input.iter().any(|input| !input.witness.is_empty()) {
            return Err(DecodeError::invalid("transaction", "it has witnesses"));
        }
        Ok(ProvenTransaction {
            tx,
            index: r.u32("place in the block")?,
            way: r.list_up_to("way to the root", 32, MAX_WAY, |r| r.array("node"))?,
        })
    }
}

/// Which transactions of a contract a bundle of its case shows, of those that were found on the chain in its order: the way to the appeal or
/// challenge, and the spend of the worker's root coin. With their heights.
pub fn shown<'t>(
    contract: &Contract,
    found: impl Iterator<Item = (u32, &'t Transaction)>,
) -> Vec<(u32, Txid)> {
    let root = contract.root_coin();
    let (mut facts, mut all) = (Facts::default(), Vec::new());
    for (height, tx) in found {
        let mut next = facts.clone();
        next.take(contract, tx, height);
        let accused = facts.accusation(contract).map(|(_, height)| height);
        let is_way = next.path != facts.path && accused.is_none();
        let mut spent = tx.input.iter().map(|input| input.previous_output);
        let is_root = !facts.path.is_empty() && spent.any(|coin| Some(coin) == root);
        // A worker is free to spend its coin for something else once the case is over: no ruling asks for blocks so late.
        let is_late = accused.is_some_and(|accused| height > accused.saturating_add(1));
        let is_root = is_root && (next.root.is_some() || !is_late);
        if is_way || is_root {
            all.push((height, tx.compute_txid()));
            facts = next;
        }
    }
    all
}

fn stripped(tx: &Transaction) -> Transaction {
    let mut tx = tx.clone();
    tx.input.iter_mut().for_each(|input| input.witness.clear());
    tx
}

fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut engine = sha256d::Hash::engine();
    engine.input(left);
    engine.input(right);
    sha256d::Hash::from_engine(engine).to_byte_array()
}

impl ProvenBlock {
    /// Of a block at a height: the transactions with these ids, in the block's order. `None` if one is not in it.
    pub fn of(block: &Block, height: u32, txids: &[Txid]) -> Option<ProvenBlock> {
        let places = block.txdata.iter().enumerate();
        let wanted = places.filter(|(_, tx)| txids.contains(&tx.compute_txid()));
        let proven = wanted.map(|(index, _)| ProvenTransaction::of(block, index));
        let transactions: Vec<_> = proven.collect::<Option<_>>()?;
        let coinbase = ProvenTransaction::of(block, 0)?;
        (transactions.len() == txids.len()).then_some(ProvenBlock {
            height,
            coinbase,
            transactions,
        })
    }

    /// The transactions, in the block's order.
    pub fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().map(|proven| &proven.tx)
    }

    /// Fails unless all of it is in a block of this root.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn check(&self, root: TxMerkleNode) -> Result<(), ProofFault> {
        let height = self.height;
        let first = &self.coinbase;
        let said = Builder::new().push_int(i64::from(height)).into_script();
        let script = first.tx.input.first().map(|input| &input.script_sig);
        let says_height = first.tx.is_coinbase()
            && script.is_some_and(|script| script.as_bytes().starts_with(said.as_bytes()));
        if !says_height || first.index != 0 {
            return Err(ProofFault::Height { height });
        }
        let expected = first.way.len();
        for proven in std::iter::once(first).chain(&self.transactions) {
            let (txid, found) = (proven.tx.compute_txid(), proven.way.len());
            if found != expected {
                return Err(ProofFault::Depth {
                    txid,
                    found,
                    expected,
                });
            }
            if proven.root() != Some(root) {
                return Err(ProofFault::OtherRoot { txid, height });
            }
        }
        Ok(())
    }

    /// Height (4); the coinbase; number of transactions (4). Each: length and bytes, place (4), number of nodes (4) and nodes from the leaf up.
    pub(crate) fn write(&self, w: &mut Writer) {
        self.coinbase.write(w.u32(self.height));
        w.list(&self.transactions, |w, proven| proven.write(w));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<ProvenBlock, DecodeError> {
        let height = r.u32("height")?;
        let coinbase = ProvenTransaction::read(r)?;
        let read = ProvenTransaction::read;
        let transactions = r.list_up_to("transactions", 12, MAX_TRANSACTIONS, read)?;
        let places: Vec<_> = transactions.iter().map(|proven| proven.index).collect();
        if transactions.is_empty() || !places.is_sorted_by(|one, other| one < other) {
            return Err(DecodeError::invalid(
                "transactions",
                "none, out of order, or one is there twice",
            ));
        }
        Ok(ProvenBlock {
            height,
            coinbase,
            transactions,
        })
    }
}
