//! What a party reads of the chain.

use std::collections::BTreeMap;

use bitcoin::{BlockHash, Transaction, Txid, hashes::Hash};
use narthex_channel::contract::{ChainView, Contract, Facts};
use narthex_contracts::{
    graph::TxGraph,
    template::{RootRecord, root_coin},
};
use narthex_game_model::ruling::RootOfRecord;
use narthex_regtest::{ChainSource, Error};

/// What was read of the chain at a tip.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// Height of the tip.
    pub tip: u32,
    /// Hashes of the blocks from the funding's on, as they are hashed.
    pub blocks: BTreeMap<u32, [u8; 32]>,
    /// The contract's transactions that confirmed.
    pub transactions: BTreeMap<Txid, Transaction>,
    facts: Facts,
}

impl Sight {
    /// What it says of the contract.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Looks at the chain again. What a block says that is still on the chain is not asked for once more; what a
    /// reorganisation took away is gone.
    ///
    /// # Errors
    /// Those of the chain.
    pub fn look(
        &mut self,
        chain: &mut dyn ChainSource,
        contract: &Contract,
    ) -> Result<ChainView, Error> {
        let graph = contract.graph();
        let mut seen = self.still_there(chain, graph)?;
        seen.tip = chain.height()?;
        if seen.facts.path.is_empty()
            && let Some(funding) = graph.txid(TxGraph::FUNDING)
            && let Some((tx, Some(height))) = chain.transaction(funding)?
        {
            seen.transactions.insert(funding, tx);
            seen.facts.path.push((TxGraph::FUNDING, height));
        }
        if let Some((_, funded)) = seen.facts.path.first().copied() {
            seen.follow(chain, contract)?;
            let known = seen.blocks.last_key_value();
            let next = known.map_or(funded, |(height, _)| height.saturating_add(1));
            for height in next..=seen.tip {
                let hash = chain.block_hash(height)?.to_byte_array();
                seen.blocks.insert(height, hash);
            }
        }
        *self = seen;
        Ok(ChainView {
            tip: self.tip,
            facts: self.facts.clone(),
        })
    }

    /// What was read of blocks that are on the chain still.
    fn still_there(&self, chain: &mut dyn ChainSource, graph: &TxGraph) -> Result<Sight, Error> {
        let known = self.blocks.iter().rev();
        let mut known = known.map(|(height, hash)| (*height, BlockHash::from_byte_array(*hash)));
        let Some(last) = chain.last_common(&mut known)? else {
            return Ok(Sight::default());
        };
        let mut left = self.clone();
        left.blocks.retain(|height, _| *height <= last);
        left.facts.path.retain(|(_, height)| *height <= last);
        left.facts.root = left.facts.root.filter(|record| record.height <= last);
        left.facts.agreed = left.facts.agreed.filter(|height| *height <= last);
        let path = left.facts.path.iter().map(|(node, _)| graph.txid(*node));
        let path: Vec<_> = path.collect();
        left.transactions
            .retain(|txid, _| path.contains(&Some(*txid)));
        Ok(left)
    }

    /// The coin from spend to spend, and the worker's root coin.
    fn follow(&mut self, chain: &mut dyn ChainSource, contract: &Contract) -> Result<(), Error> {
        let graph = contract.graph();
        while let Some(coin) = self
            .facts
            .coin(graph)
            .filter(|_| self.facts.agreed.is_none())
        {
            let Some(spender) = chain.spender(coin)? else {
                break;
            };
            let Some(height) = spender.height else {
                break;
            };
            let txid = spender.tx.compute_txid();
            self.facts.spent(graph, txid, height);
            self.transactions.insert(txid, spender.tx);
        }
        let coin = root_coin(contract.terms(), graph).filter(|_| self.facts.root.is_none());
        if let Some(coin) = coin
            && let Some(spender) = chain.spender(coin)?
            && let Some(height) = spender.height
        {
            let record = RootRecord::find(&spender.tx, coin);
            self.facts.root = record.map(|RootRecord { root }| RootOfRecord { height, root });
        }
        Ok(())
    }
}
