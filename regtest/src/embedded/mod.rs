//! A regtest chain inside this process: Bitcoin's consensus rules and Bitcoin Core 31.99's default relay policy.

mod accept;
mod candidate;
mod connect;
mod consensus;
mod fee;
mod linearize;
mod locktime;
mod pool;
mod refusal;
mod reorg;
mod replace;
mod script;
mod script_kind;
mod select;
mod standard;
mod state;
mod submit;
mod truc;

use std::sync::Arc;

use bitcoin::{
    Amount, Block, BlockHash, FeeRate, Network, OutPoint, Script, Transaction, TxOut, Txid,
};

use crate::block::{BLOCK_INTERVAL_SECONDS, Template, check_reward, subsidy, total_fees};
use crate::{Broadcaster, ChainSource, Error, LOOK_BACK_BLOCKS, Miner, NodePolicy};
use accept::accept;
use candidate::Route;
use pool::Pool;
pub use script::{ScriptChecks, script_checks};
use state::State;

/// Core puts the transactions of so many disconnected blocks back into the mempool, and no more.
const RESURRECTED_BLOCKS: u32 = 10;

/// A regtest chain and mempool in memory.
///
/// Blocks are real: they have headers with valid proof of work (regtest's target, which every second hash meets),
/// witness commitments and coinbases, and a bitcoind takes them. Scripts are run by Bitcoin Core's interpreter.
/// Time is simulated: each block is [`BLOCK_INTERVAL_SECONDS`] younger than the one before.
///
/// ```
/// use bitcoin::ScriptBuf;
/// use narthex_regtest::{ChainSource, Embedded, mine_coins};
///
/// let mut chain = Embedded::new();
/// let anyone = ScriptBuf::new_p2a();
/// let coins = mine_coins(&mut chain, 1, &anyone, &anyone)?;
/// assert_eq!(coins[0].1.value.to_sat(), 5_000_000_000);
/// assert_eq!(chain.height()?, 100);
/// # Ok::<(), narthex_regtest::Error>(())
/// ```
///
/// A copy is a chain of its own, which shares the blocks up to there.
#[derive(Clone)]
pub struct Embedded {
    state: State,
    pool: Pool,
    /// Disconnections so far; each shifts later block times by a second, as for a bitcoind.
    forks: u32,
}

impl Default for Embedded {
    fn default() -> Self {
        Self::new()
    }
}

impl Embedded {
    /// A chain that holds the genesis block, with an empty mempool.
    pub fn new() -> Self {
        let genesis = bitcoin::constants::genesis_block(Network::Regtest);
        Self {
            state: State::new(genesis),
            pool: Pool::default(),
            forks: 0,
        }
    }

    /// Median time past of the tip, in Unix seconds: what time-based locks are compared with.
    pub fn median_time_past(&self) -> u32 {
        self.state.median_time_past(self.state.height())
    }

    /// Mines one block of what the mempool offers, as far as the miner takes it: it is asked for each group of transactions that pay
    /// for each other, with what they pay together.
    ///
    /// # Errors
    /// As [`Miner::mine`].
    pub fn mine_chosen(
        &mut self,
        reward_script: &Script,
        takes: &mut dyn FnMut(&[&Transaction], FeeRate) -> bool,
    ) -> Result<BlockHash, Error> {
        let context = self.state.next_lock_context();
        let (txs, fees) = select::select(&self.pool, context, takes);
        let block = self.assemble(txs, fees, reward_script)?;
        self.connect(&block)
    }

    fn assemble(
        &self,
        txs: Vec<Transaction>,
        fees: Amount,
        reward_script: &Script,
    ) -> Result<Block, Error> {
        let height = self.state.height().saturating_add(1);
        let tip_hash = self.state.hash(self.state.height());
        let template = Template {
            previous: tip_hash.ok_or(Error::NoSuchHeight { height: 0, tip: 0 })?,
            height,
            time: self
                .state
                .tip_time()
                .saturating_add(BLOCK_INTERVAL_SECONDS)
                .saturating_add(self.forks),
            reward: subsidy(height).checked_add(fees).unwrap_or(fees),
            reward_script,
            transactions: txs,
        };
        template.assemble()
    }

    /// Connects a block and drops from the mempool what it confirms or contradicts.
    fn connect(&mut self, block: &Block) -> Result<BlockHash, Error> {
        let refused = |refusal: refusal::Refusal| Error::BlockRejected {
            reason: refusal.reason,
        };
        let hash = self.state.connect(block.clone()).map_err(refused)?;
        for tx in &block.txdata {
            self.pool.remove(&tx.compute_txid());
            for input in &tx.input {
                let contradicted = self
                    .pool
                    .spender(&input.previous_output)
                    .and_then(|txid| self.pool.get(&txid).cloned());
                if let Some(entry) = contradicted {
                    self.pool.remove_with_descendants(&entry.tx);
                }
            }
        }
        Ok(hash)
    }

    /// Removes the tip; its transactions wait again, if asked and where they still may.
    fn disconnect_tip(&mut self, resurrect: bool) {
        let Some(block) = self.state.disconnect() else {
            return;
        };
        for tx in &block.txdata {
            let back = resurrect && !tx.is_coinbase();
            if !(back && accept(&self.state, &mut self.pool, tx, Route::FromBlock).is_ok()) {
                self.pool.remove_with_descendants(tx);
            }
        }
        self.drop_premature();
    }

    /// Drops what the next block could no longer hold: locktimes and coinbases that were mature before.
    fn drop_premature(&mut self) {
        let waiting: Vec<_> = self.pool.iter().cloned().collect();
        for entry in waiting {
            match reorg::revisit(&self.state, &self.pool, &entry) {
                None => self.pool.remove_with_descendants(&entry.tx),
                // Only what still waits, and is not gone with an ancestor.
                Some(entry) if self.pool.contains(&entry.txid) => self.pool.insert(entry),
                Some(_) => {}
            }
        }
    }
}

impl ChainSource for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn height(&mut self) -> Result<u32, Error> {
        Ok(self.state.height())
    }

    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error> {
        self.state.hash(height).ok_or(Error::NoSuchHeight {
            height,
            tip: self.state.height(),
        })
    }

    fn block_of(&mut self, hash: BlockHash) -> Result<Arc<Block>, Error> {
        self.state
            .block_of(&hash)
            .ok_or(Error::NoSuchBlock { hash })
    }

    fn mempool(&mut self) -> Result<Vec<Txid>, Error> {
        Ok(self.pool.iter().map(|entry| entry.txid).collect())
    }

    fn waiting(&mut self, txid: Txid) -> Result<Option<Transaction>, Error> {
        Ok(self.pool.get(&txid).map(|entry| entry.tx.clone()))
    }

    /// By its own index, which finds no more than a chain without one does: what plays here plays on a node.
    fn transaction(&mut self, txid: Txid) -> Result<Option<(Transaction, Option<u32>)>, Error> {
        if let Some(tx) = self.waiting(txid)? {
            return Ok(Some((tx, None)));
        }
        let tip = self.state.height();
        let found = self.state.transaction(&txid);
        let found = found.filter(|(_, height)| tip - height < LOOK_BACK_BLOCKS);
        Ok(found.map(|(tx, height)| (tx.clone(), Some(height))))
    }

    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error> {
        Ok(self
            .state
            .coin(&outpoint)
            .map(|coin| (coin.output.clone(), coin.height)))
    }

    fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error> {
        Ok(self.pool.spender(&outpoint))
    }
}

impl Broadcaster for Embedded {
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error> {
        submit::submit(&self.state, &mut self.pool, tx)
    }

    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error> {
        submit::submit_package(&self.state, &mut self.pool, txs)
    }

    fn node_policy(&mut self) -> Result<NodePolicy, Error> {
        Ok(submit::policy())
    }
}

impl Miner for Embedded {
    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error> {
        let mut mined = Vec::new();
        for _ in 0..count {
            mined.push(self.mine_chosen(reward_script, &mut |_, _| true)?);
        }
        Ok(mined)
    }

    fn mine_exactly(
        &mut self,
        txs: &[Transaction],
        reward_script: &Script,
    ) -> Result<BlockHash, Error> {
        let fees = total_fees(txs, |outpoint| {
            Ok(self.state.coin(outpoint).map(|coin| coin.output.value))
        })?;
        let block = self.assemble(txs.to_vec(), fees, reward_script)?;
        self.connect(&block)
    }

    fn submit_block(&mut self, block: &Block) -> Result<BlockHash, Error> {
        self.connect(block)
    }

    fn disconnect(&mut self, depth: u32) -> Result<(), Error> {
        let height = self.state.height();
        if depth > height {
            return Err(Error::TooDeep { depth, height });
        }
        for disconnected in 0..depth {
            self.disconnect_tip(disconnected < RESURRECTED_BLOCKS);
        }
        self.forks = self.forks.saturating_add(u32::from(depth > 0));
        Ok(())
    }

    fn reorg(&mut self, depth: u32, reward_script: &Script) -> Result<(), Error> {
        check_reward(reward_script)?;
        self.disconnect(depth)?;
        for _ in 0..=depth {
            self.mine_exactly(&[], reward_script)?;
        }
        Ok(())
    }
}
