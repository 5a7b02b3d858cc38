//! What a party reads of the chain.

use std::collections::BTreeMap;

use bitcoin::{Transaction, Txid, hashes::Hash};
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
    /// Looks at the chain again: as if for the first time, so that whatever a reorganisation took away is gone.
    ///
    /// # Errors
    /// Those of the chain.
    pub fn look(
        &mut self,
        chain: &mut dyn ChainSource,
        contract: &Contract,
    ) -> Result<ChainView, Error> {
        let graph = contract.graph();
        let mut seen = Sight {
            tip: chain.height()?,
            ..Sight::default()
        };
        if let Some(funding) = graph.txid(TxGraph::FUNDING)
            && let Some((tx, Some(height))) = chain.transaction(funding)?
        {
            seen.transactions.insert(funding, tx);
            seen.facts.path.push((TxGraph::FUNDING, height));
            seen.follow(chain, contract)?;
            seen.hash(chain, height)?;
        }
        *self = seen;
        Ok(ChainView {
            tip: self.tip,
            facts: self.facts.clone(),
        })
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
        if let Some(coin) = root_coin(contract.terms(), graph)
            && let Some(spender) = chain.spender(coin)?
            && let Some(height) = spender.height
        {
            let record = RootRecord::find(&spender.tx, coin);
            self.facts.root = record.map(|RootRecord { root }| RootOfRecord { height, root });
        }
        Ok(())
    }

    fn hash(&mut self, chain: &mut dyn ChainSource, from: u32) -> Result<(), Error> {
        for height in from..=self.tip {
            let hash = chain.block_hash(height)?.to_byte_array();
            self.blocks.insert(height, hash);
        }
        Ok(())
    }
}
