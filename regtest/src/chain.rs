//! What a chain must be able to do for a contract to be played on it.

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid, block::Header};

use crate::Error;

/// A chain with one mempool: the embedded simulator or a bitcoind, both on regtest; or, but for mining, a node of
/// one's own.
///
/// Heights are in blocks, the genesis block has height 0. Every call sees the current tip; nothing is cached
/// by callers between a [`Chain::mine`] or [`Chain::reorg`] and the next query.
pub trait Chain {
    /// Name for messages: `embedded` or `bitcoind`.
    fn name(&self) -> &'static str;
    /// Height of the tip.
    fn height(&mut self) -> Result<u32, Error>;
    /// Hash of the block at `height` on the active chain.
    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error>;
    /// Block at `height` on the active chain.
    fn block(&mut self, height: u32) -> Result<Block, Error>;
    /// Header of the block at `height` on the active chain.
    fn header(&mut self, height: u32) -> Result<Header, Error> {
        Ok(self.block(height)?.header)
    }
    /// Mines `count` blocks, paying subsidy and fees to `reward_script`; each takes what the mempool offers.
    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error>;
    /// Mines one block holding just `txs` (in this order), whatever the mempool holds or would say of them:
    /// what a miner can do by itself. Consensus rules apply in full: [`Error::BlockRejected`].
    fn mine_exactly(
        &mut self,
        txs: &[Transaction],
        reward_script: &Script,
    ) -> Result<BlockHash, Error>;
    /// Adds a block made elsewhere on top of the tip, so that two chains can hold the same coins.
    /// [`Error::BlockRejected`] says why it was not taken.
    fn submit_block(&mut self, block: &Block) -> Result<BlockHash, Error>;
    /// Offers one transaction to the mempool. [`Error::Rejected`] says why it was not taken; one that waits there
    /// already is no error.
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error>;
    /// Offers a child with its unconfirmed parent(s), parents first, as one package (1P1C).
    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error>;
    /// Ids of the transactions that wait in the mempool, in no particular order.
    fn mempool(&mut self) -> Result<Vec<Txid>, Error>;
    /// A transaction by id and the height of its block, `None` while it waits in the mempool.
    fn transaction(&mut self, txid: Txid) -> Result<Option<(Transaction, Option<u32>)>, Error>;
    /// A confirmed output that no confirmed transaction spends, and the height that confirmed it.
    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error>;
    /// Disconnects the last `depth` blocks. Their transactions go back to the mempool where they are still valid.
    fn disconnect(&mut self, depth: u32) -> Result<(), Error>;
    /// Disconnects the last `depth` blocks and mines `depth + 1` empty ones, so that the old branch stays behind.
    fn reorg(&mut self, depth: u32, reward_script: &Script) -> Result<(), Error>;
}
