//! What a contract needs of a chain, in three parts: to read it, to send to it, and, on regtest, to mine.

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid, block::Header};

use crate::output::{OutputStatus, Spender, spends};
use crate::{Error, NodePolicy};

/// Blocks whose median time is what time-based locks are compared with (BIP113).
const MEDIAN_TIME_BLOCKS: u32 = 11;

/// A chain and a mempool to read and to follow.
///
/// Heights are in blocks, the genesis block has height 0. Every call sees the current tip; nothing is cached by callers
/// between a new block and the next query.
pub trait ChainSource {
    /// Name for messages: `embedded` or `bitcoind`.
    fn name(&self) -> &'static str;
    /// Height of the tip.
    fn height(&mut self) -> Result<u32, Error>;
    /// Hash of the block at `height` on the active chain; [`Error::NoSuchHeight`] above the tip.
    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error>;
    /// Block at `height` on the active chain.
    fn block(&mut self, height: u32) -> Result<Block, Error>;
    /// Header of the block at `height` on the active chain.
    fn header(&mut self, height: u32) -> Result<Header, Error> {
        Ok(self.block(height)?.header)
    }
    /// Ids of the transactions that wait in the mempool, in no particular order.
    fn mempool(&mut self) -> Result<Vec<Txid>, Error>;
    /// A transaction by id and the height of its block, `None` while it waits in the mempool.
    fn transaction(&mut self, txid: Txid) -> Result<Option<(Transaction, Option<u32>)>, Error>;
    /// A confirmed output that no confirmed transaction spends, and the height that confirmed it.
    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error>;
    /// The transaction in the mempool that spends this output.
    fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error>;

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

    /// The transaction that spends an output: on the chain, or else in the mempool.
    ///
    /// The blocks since the one that confirmed the output are looked through: meant for outputs of a contract, which are
    /// young.
    fn spender(&mut self, outpoint: OutPoint) -> Result<Option<Spender>, Error> {
        if let OutputStatus::Spent { height: first, .. } = self.output_status(outpoint)? {
            for height in first..=self.height()? {
                let block = self.block(height)?;
                let found = block.txdata.into_iter().find(|tx| spends(tx, outpoint));
                if let Some(tx) = found {
                    let height = Some(height);
                    return Ok(Some(Spender { tx, height }));
                }
            }
        }
        let Some(txid) = self.waiting_spender(outpoint)? else {
            return Ok(None);
        };
        let found = self.transaction(txid)?;
        Ok(found.map(|(tx, height)| Spender { tx, height }))
    }

    /// Follows a reorganisation: of the blocks seen before, newest first, the height of the first that is still on the
    /// active chain. What came after it is gone; what to read next begins one above. `None`: nothing seen is left.
    fn last_common(
        &mut self,
        seen: &mut dyn Iterator<Item = (u32, BlockHash)>,
    ) -> Result<Option<u32>, Error> {
        let tip = self.height()?;
        for (height, hash) in seen {
            if height <= tip && self.block_hash(height)? == hash {
                return Ok(Some(height));
            }
        }
        Ok(None)
    }

    /// Median time of the eleven blocks that end at `height`, in Unix seconds (BIP113).
    fn median_time(&mut self, height: u32) -> Result<u32, Error> {
        let first = height.saturating_sub(MEDIAN_TIME_BLOCKS - 1);
        let mut times = Vec::with_capacity(MEDIAN_TIME_BLOCKS as usize);
        for height in first..=height {
            times.push(self.header(height)?.time);
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
