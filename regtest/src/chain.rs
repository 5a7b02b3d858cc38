//! What a contract needs of a chain, in three parts: to read it, to send to it, and, on regtest, to mine.

use std::sync::Arc;

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid, block::Header};

use crate::output::{OutputStatus, Spender, spends};
use crate::way::Way;
use crate::{Error, NodePolicy};

/// Blocks whose median time is what time-based locks are compared with (BIP113).
const MEDIAN_TIME_BLOCKS: u32 = 11;

/// Blocks that are looked through, newest first, for what is asked for by its name alone: two weeks of them. A chain that
/// knows all its transactions by their ids would have to have an index of them, and a node need not.
pub const LOOK_BACK_BLOCKS: u32 = 2_016;

/// A chain and a mempool to read and to follow.
///
/// Heights are in blocks, the genesis block has height 0. Every call sees the current tip; nothing is cached by callers
/// between a new block and the next query.
///
/// No index of transactions is asked for. Whoever has to know for sure what became of an output follows the chain from the
/// block before it ([`ChainSource::way`]); what is asked for by its name alone is looked for in the last
/// [`LOOK_BACK_BLOCKS`].
pub trait ChainSource {
    /// Name for messages: `embedded` or `bitcoind`.
    fn name(&self) -> &'static str;
    /// Height of the tip.
    fn height(&mut self) -> Result<u32, Error>;
    /// Hash of the block at `height` on the active chain; [`Error::NoSuchHeight`] above the tip.
    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error>;
    /// Height and hash of the tip.
    fn tip(&mut self) -> Result<(u32, BlockHash), Error> {
        let height = self.height()?;
        Ok((height, self.block_hash(height)?))
    }
    /// A block by its hash, on the active chain; [`Error::NoSuchBlock`] if a reorganisation has just taken it away. A node
    /// may have it still.
    fn block_of(&mut self, hash: BlockHash) -> Result<Arc<Block>, Error>;
    /// Header of the same.
    fn header_of(&mut self, hash: BlockHash) -> Result<Header, Error> {
        Ok(self.block_of(hash)?.header)
    }
    /// Block at `height` on the active chain.
    fn block(&mut self, height: u32) -> Result<Block, Error> {
        let hash = self.block_hash(height)?;
        Ok((*self.block_of(hash)?).clone())
    }
    /// Header of the block at `height` on the active chain.
    fn header(&mut self, height: u32) -> Result<Header, Error> {
        let hash = self.block_hash(height)?;
        self.header_of(hash)
    }
    /// Ids of the transactions that wait in the mempool, in no particular order.
    fn mempool(&mut self) -> Result<Vec<Txid>, Error>;
    /// A transaction that waits in the mempool, by its id.
    fn waiting(&mut self, txid: Txid) -> Result<Option<Transaction>, Error>;
    /// A confirmed output that no confirmed transaction spends, and the height that confirmed it.
    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error>;
    /// The transaction in the mempool that spends this output.
    fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error>;

    /// Looks at the last [`LOOK_BACK_BLOCKS`], newest first, until something is found.
    fn look_back(
        &mut self,
        look: &mut dyn FnMut(u32, &Block) -> Option<Transaction>,
    ) -> Result<Option<(Transaction, u32)>, Error> {
        let (mut height, mut hash) = self.tip()?;
        for _ in 0..LOOK_BACK_BLOCKS {
            let block = self.block_of(hash)?;
            if let Some(found) = look(height, &block) {
                return Ok(Some((found, height)));
            }
            let Some(before) = height.checked_sub(1) else {
                break;
            };
            (height, hash) = (before, block.header.prev_blockhash);
        }
        Ok(None)
    }

    /// A transaction by id and the height of its block, `None` while it waits in the mempool. One that confirmed long ago is
    /// not found ([`LOOK_BACK_BLOCKS`]).
    fn transaction(&mut self, txid: Txid) -> Result<Option<(Transaction, Option<u32>)>, Error> {
        if let Some(tx) = self.waiting(txid)? {
            return Ok(Some((tx, None)));
        }
        let found = self.look_back(&mut |_, block| {
            let mut txs = block.txdata.iter();
            txs.find(|tx| tx.compute_txid() == txid).cloned()
        })?;
        Ok(found.map(|(tx, height)| (tx, Some(height))))
    }

    /// Where an output stands: nowhere, in the mempool, on the chain, or spent on the chain. What only waits spends
    /// nothing yet.
    fn output_status(&mut self, outpoint: OutPoint) -> Result<OutputStatus, Error> {
        if let Some((output, height)) = self.utxo(outpoint)? {
            return Ok(OutputStatus::Unspent { output, height });
        }
        let Some((tx, height)) = self.transaction(outpoint.txid)? else {
            return Ok(OutputStatus::Missing);
        };
        let output = tx.output.get(outpoint.vout as usize).cloned();
        Ok(match (output, height) {
            (None, _) => OutputStatus::Missing,
            (Some(output), None) => OutputStatus::Waiting { output },
            (Some(output), Some(height)) => OutputStatus::Spent { output, height },
        })
    }

    /// The transaction that spends an output: on the chain, or else in the mempool. A spend of long ago is not found
    /// ([`LOOK_BACK_BLOCKS`]).
    fn spender(&mut self, outpoint: OutPoint) -> Result<Option<Spender>, Error> {
        if self.utxo(outpoint)?.is_none() {
            let found = self.look_back(&mut |_, block| {
                let mut txs = block.txdata.iter();
                txs.find(|tx| spends(tx, outpoint)).cloned()
            })?;
            if let Some((tx, height)) = found {
                let height = Some(height);
                return Ok(Some(Spender { tx, height }));
            }
        }
        let Some(txid) = self.waiting_spender(outpoint)? else {
            return Ok(None);
        };
        let found = self.waiting(txid)?;
        Ok(found.map(|tx| Spender { tx, height: None }))
    }

    /// How a reader comes from what it has read to the tip: back from the tip by the hashes, to the first block that it has
    /// `known` by its height, or to the height `lowest`. It is one branch, also where another takes its place meanwhile.
    fn way(&mut self, known: &dyn Fn(u32) -> Option<BlockHash>, lowest: u32) -> Result<Way, Error> {
        let (tip, mut hash) = self.tip()?;
        let (mut height, mut blocks) = (tip, Vec::new());
        while known(height) != Some(hash) {
            if height < lowest {
                blocks.reverse();
                let from = None;
                return Ok(Way { tip, from, blocks });
            }
            blocks.push((height, hash));
            let Some(before) = height.checked_sub(1) else {
                break;
            };
            hash = self.header_of(hash)?.prev_blockhash;
            height = before;
        }
        blocks.reverse();
        let is_known = known(height) == Some(hash);
        let from = is_known.then_some(height);
        Ok(Way { tip, from, blocks })
    }

    /// Median time of the eleven blocks that end at `height`, in Unix seconds (BIP113).
    fn median_time(&mut self, height: u32) -> Result<u32, Error> {
        let mut hash = self.block_hash(height)?;
        let count = MEDIAN_TIME_BLOCKS.min(height.saturating_add(1));
        let mut times = Vec::with_capacity(MEDIAN_TIME_BLOCKS as usize);
        for _ in 0..count {
            let header = self.header_of(hash)?;
            times.push(header.time);
            hash = header.prev_blockhash;
        }
        times.sort_unstable();
        Ok(times.get(times.len() / 2).copied().unwrap_or_default())
    }
}

/// A mempool to send to.
pub trait Broadcaster {
    /// Offers one transaction to the mempool. [`Error::Rejected`] says why it was not taken; one that waits there
    /// already is no error.
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error>;
    /// Offers a child with its unconfirmed parents, parents first, as one package. A parent of version 3 without fee
    /// and with an output of no value passes with the child that spends it and pays for both (BIP431), where
    /// [`probe`](crate::probe()) has found that it does.
    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error>;
    /// What the node says of itself and of what it takes.
    fn node_policy(&mut self) -> Result<NodePolicy, Error>;
}

/// A regtest chain whose blocks are made here, and whose time goes with them.
pub trait Miner {
    /// Mines `count` blocks, paying subsidy and fees to `reward_script`; each takes what the mempool offers.
    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error>;
    /// Mines one block holding just `txs` (in this order), whatever the mempool holds or would say of them:
    /// what a miner can do by itself. Consensus rules apply in full: [`Error::BlockRejected`].
    fn mine_exactly(
        &mut self,
        txs: &[Transaction],
        reward_script: &Script,
    ) -> Result<BlockHash, Error>;
    /// Adds a block made elsewhere on top of the tip, so that two chains can hold the same coins; its time is the
    /// chain's from then on. [`Error::BlockRejected`] says why it was not taken.
    fn submit_block(&mut self, block: &Block) -> Result<BlockHash, Error>;
    /// Disconnects the last `depth` blocks. Their transactions go back to the mempool where they are still valid.
    fn disconnect(&mut self, depth: u32) -> Result<(), Error>;
    /// Disconnects the last `depth` blocks and mines `depth + 1` empty ones, so that the old branch stays behind.
    fn reorg(&mut self, depth: u32, reward_script: &Script) -> Result<(), Error>;
}

/// A regtest chain to play on, whichever: everything at once, as one object.
pub trait Chain: NodeAccess + Miner {}

impl<T: ChainSource + Broadcaster + Miner + ?Sized> Chain for T {}

/// A node to read from and to send to, as one object: what a party has of a chain that others mine.
pub trait NodeAccess: ChainSource + Broadcaster {}

impl<T: ChainSource + Broadcaster + ?Sized> NodeAccess for T {}
