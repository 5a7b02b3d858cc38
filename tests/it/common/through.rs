//! What a chain around another leaves as it is: reads, and the orders of a miner but one.

use bitcoin::Transaction;

/// Parties of a funding: fewer inputs mean another transaction.
const FUNDING_INPUTS: usize = 6;

pub fn is_funding(tx: &Transaction) -> bool {
    tx.input.len() >= FUNDING_INPUTS
}

/// Reads what `inner` says.
macro_rules! reads_through {
    ($chain:ident) => {
        impl ChainSource for $chain<'_> {
            fn name(&self) -> &'static str {
                self.inner.name()
            }
            fn height(&mut self) -> Result<u32, Error> {
                self.inner.height()
            }
            fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error> {
                self.inner.block_hash(height)
            }
            fn tip(&mut self) -> Result<(u32, BlockHash), Error> {
                self.inner.tip()
            }
            fn block_of(&mut self, hash: BlockHash) -> Result<std::sync::Arc<Block>, Error> {
                self.inner.block_of(hash)
            }
            fn header_of(&mut self, hash: BlockHash) -> Result<bitcoin::block::Header, Error> {
                self.inner.header_of(hash)
            }
            fn mempool(&mut self) -> Result<Vec<Txid>, Error> {
                self.inner.mempool()
            }
            fn transaction(
                &mut self,
                txid: Txid,
            ) -> Result<Option<(Transaction, Option<u32>)>, Error> {
                self.inner.transaction(txid)
            }
            fn waiting(&mut self, txid: Txid) -> Result<Option<Transaction>, Error> {
                self.inner.waiting(txid)
            }
            fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error> {
                self.inner.utxo(outpoint)
            }
            fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error> {
                self.inner.waiting_spender(outpoint)
            }
        }
    };
}

/// Mines by `inner`, but for `mine` itself.
macro_rules! mines_through {
    () => {
        fn mine_exactly(
            &mut self,
            txs: &[Transaction],
            reward_script: &Script,
        ) -> Result<BlockHash, Error> {
            self.inner.mine_exactly(txs, reward_script)
        }
        fn submit_block(&mut self, block: &Block) -> Result<BlockHash, Error> {
            self.inner.submit_block(block)
        }
        fn disconnect(&mut self, depth: u32) -> Result<(), Error> {
            self.inner.disconnect(depth)
        }
        fn reorg(&mut self, depth: u32, reward_script: &Script) -> Result<(), Error> {
            self.inner.reorg(depth, reward_script)
        }
    };
}
