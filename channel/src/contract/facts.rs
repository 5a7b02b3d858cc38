//! What the chain says of a contract.

use std::collections::BTreeMap;

use bitcoin::{OutPoint, Transaction, Txid};
use narthex_contracts::{
    graph::{NodeId, NodeName, Purpose, Source, TxGraph},
    template::{Exit, RootRecord, stake_output},
    terms::Role,
};
use narthex_game_model::{
    Accusation,
    ruling::{ChainFacts, RootOfRecord},
};

use super::{Contract, ContractRefusal};

/// What confirmed, in the chain of a tip. All of it each time: what is no longer among it was taken back by a
/// reorganisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The funding, and behind it the transactions of the graph that have spent the contract's coin, each with its
    /// height.
    pub path: Vec<(NodeId, u32)>,
    /// The root that the spend of the worker's root coin records, if exactly one.
    pub root: Option<RootOfRecord>,
    /// Height at which the contract's coin was spent by a transaction that is not of the graph: what its parties agreed on.
    pub agreed: Option<u32>,
}

/// The chain as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// Height of the tip.
    pub tip: u32,
    /// Height of the first tip that this process has seen: what others have to say may not have come before. 0 if it does not matter.
    pub since: u32,
    /// What it says.
    pub facts: Facts,
}

impl ChainView {
    /// Whether it can be one of this contract.
    pub(super) fn check(&self, contract: &Contract) -> Result<(), ContractRefusal> {
        match self.facts.highest() <= self.tip && self.facts.is_sound(contract) {
            true => Ok(()),
            false => Err(ContractRefusal::View { tip: self.tip }),
        }
    }
}

/// The contract's output of a transaction, where a next one spends it.
fn contract_output(graph: &TxGraph, node: NodeId) -> Option<u32> {
    let outputs = &graph.node(node)?.outputs;
    let is_contract = |purpose| matches!(purpose, Purpose::Contract(_));
    let vout = outputs.iter().position(|out| is_contract(out.purpose))?;
    u32::try_from(vout).ok()
}

impl Facts {
    /// Where the contract stands: its last transaction, and the height of it.
    pub fn last(&self) -> Option<(NodeId, u32)> {
        self.path.last().copied()
    }

    /// The coin whose spend tells what comes next; `None` if there is none after the last transaction, which settles.
    pub fn coin(&self, graph: &TxGraph) -> Option<OutPoint> {
        let (node, _) = self.last()?;
        let vout = contract_output(graph, node)?;
        let txid = graph.txid(node)?;
        Some(OutPoint { txid, vout })
    }

    /// Takes a transaction at a height that spends what is watched of a contract ([`Contract::watched`]), in the order of the
    /// chain. Which of its outputs are watched from there on.
    pub fn take(&mut self, contract: &Contract, tx: &Transaction, height: u32) -> Vec<u32> {
        let (terms, graph) = (contract.terms(), contract.graph());
        let txid = tx.compute_txid();
        let spends = |coin: OutPoint| tx.input.iter().any(|i| i.previous_output == coin);
        let mut watched = Vec::new();
        let root = contract.root_coin();
        if self.path.is_empty() && graph.txid(TxGraph::FUNDING) == Some(txid) {
            self.path.push((TxGraph::FUNDING, height));
            let stake = match contract.role() {
                Role::Arbiter(seat) => stake_output(terms, graph, seat).map(|(coin, _)| coin),
                _ => None,
            };
            watched.extend([root, stake].into_iter().flatten());
            watched.extend(self.coin(graph));
        } else if self.agreed.is_none() && self.coin(graph).is_some_and(spends) {
            self.spent(graph, txid, height);
            let goes_on = self.agreed.is_none();
            watched.extend(self.coin(graph).filter(|_| goes_on));
        }
        if let Some(coin) = root.filter(|coin| spends(*coin) && !self.path.is_empty()) {
            let record = RootRecord::find(tx, coin);
            self.root = record.map(|RootRecord { root }| RootOfRecord { height, root });
        }
        let own = watched.into_iter().filter(|coin| coin.txid == txid);
        own.map(|coin| coin.vout).collect()
    }

    /// Takes the spend of that coin at a height into the path: which transaction of the graph it is, or that it is none.
    fn spent(&mut self, graph: &TxGraph, by: Txid, height: u32) {
        let next = self.last().and_then(|(last, _)| {
            let spends =
                |source: &Source| matches!(source, Source::Output { node, .. } if *node == last);
            let mut nodes = graph.nodes();
            nodes.find_map(|(id, node)| {
                let first = node.inputs.first()?;
                (spends(&first.source) && graph.txid(id) == Some(by)).then_some(id)
            })
        });
        match next {
            Some(node) => self.path.push((node, height)),
            None => self.agreed = Some(height),
        }
    }

    /// Height of a transaction of the graph.
    pub fn height(&self, contract: &Contract, name: NodeName) -> Option<u32> {
        let node = contract.find(name)?;
        let mut path = self.path.iter();
        path.find_map(|(id, height)| (*id == node).then_some(*height))
    }

    /// Whether they can be those of a contract.
    pub(super) fn is_sound(&self, contract: &Contract) -> bool {
        let graph = contract.graph();
        let begins = match self.path.first() {
            Some((first, _)) => *first == TxGraph::FUNDING,
            None => self.root.is_none() && self.agreed.is_none(),
        };
        let follows = self.path.windows(2).all(|pair| match pair {
            [(before, low), (after, high)] => {
                let source = graph.node(*after).and_then(|node| node.inputs.first());
                let is_next = source.is_some_and(
                    |input| matches!(&input.source, Source::Output { node, .. } if node == before),
                );
                let is_contract = contract_output(graph, *before).is_some();
                is_next && is_contract && low <= high
            }
            _ => true,
        });
        // What is spent is there to be spent, and not spent before.
        let agrees = self.agreed.is_none_or(|height| {
            let coin = self.last().filter(|(_, low)| *low <= height);
            coin.is_some_and(|(last, _)| contract_output(graph, last).is_some())
        });
        begins && follows && agrees
    }

    /// The highest height that they name.
    pub(super) fn highest(&self) -> u32 {
        let path = self.path.iter().map(|(_, height)| *height);
        let root = self.root.map(|record| record.height);
        path.chain(root).chain(self.agreed).max().unwrap_or(0)
    }

    /// Whether the contract's coin is gone for good, and since when.
    pub(super) fn settled(&self, contract: &Contract) -> Option<u32> {
        let (last, height) = self.last()?;
        match contract_output(contract.graph(), last) {
            None => Some(height),
            Some(_) => self.agreed,
        }
    }

    /// Height of the delivery.
    pub(super) fn delivered(&self, contract: &Contract) -> Option<u32> {
        self.height(contract, Exit::DELIVERED)
    }

    /// Height of an approval that the client can challenge.
    pub(super) fn approved(&self, contract: &Contract) -> Option<u32> {
        let height = self.height(contract, Exit::APPROVED);
        height.filter(|_| contract.is_audited())
    }

    /// What has put the case before the panel, and at which height.
    pub fn accusation(&self, contract: &Contract) -> Option<(Accusation, u32)> {
        let steps = [
            (Accusation::Appeal, Exit::APPEALED),
            (Accusation::Challenge, Exit::CHALLENGED),
        ];
        let mut steps = steps.into_iter();
        steps.find_map(|(accusation, name)| Some((accusation, self.height(contract, name)?)))
    }

    /// What of it a ruling depends on, with hashes of blocks by height; `None` as long as nothing has put a case before the panel.
    pub fn before_panel(
        &self,
        contract: &Contract,
        blocks: BTreeMap<u32, [u8; 32]>,
    ) -> Option<ChainFacts> {
        let (accusation, accused) = self.accusation(contract)?;
        let verdict = match accusation {
            Accusation::Appeal => Exit::REJECTED,
            Accusation::Challenge => Exit::APPROVED,
        };
        let (_, funded) = *self.path.first()?;
        Some(ChainFacts {
            funded,
            delivered: self.delivered(contract)?,
            record: self.root,
            accusation,
            verdict: self.height(contract, verdict)?,
            accused,
            blocks,
        })
    }
}
