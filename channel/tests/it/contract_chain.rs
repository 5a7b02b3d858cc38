//! The chain of a walk of a contract: what it says next, by how the walk goes.

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng, seq::SliceRandom};
use narthex_channel::contract::{ChainView, ContractInput, Facts};
use narthex_contracts::{
    graph::{NodeId, NodeName, Source, TxGraph},
    template::Exit,
};
use narthex_game_model::ruling::RootOfRecord;

use crate::contract_support::{DELIVER, FUNDED, world};

/// How a walk goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Everybody does right, and the chain is quiet.
    Smooth,
    /// The worker goes on chain, and the rest follows.
    OnChain,
    /// The other side is false.
    False,
    /// Anything.
    Wild,
}

/// The chain of a walk.
pub struct Blocks {
    pub tip: u32,
    pub path: Vec<(NodeId, u32)>,
    root: Option<RootOfRecord>,
    agreed: Option<u32>,
    /// The path before the last leap: a reorganisation may be undone.
    before: Vec<(NodeId, u32)>,
    /// Of how many steps one is a leap; 0 for none.
    pub leaps: u32,
}

impl Blocks {
    pub fn new() -> Blocks {
        Blocks {
            tip: FUNDED + 3,
            path: vec![(TxGraph::FUNDING, FUNDED)],
            root: None,
            agreed: None,
            before: Vec::new(),
            leaps: 0,
        }
    }

    pub fn view(&self) -> ContractInput {
        let facts = Facts {
            path: self.path.clone(),
            root: self.root,
            agreed: self.agreed,
        };
        let tip = self.tip;
        ContractInput::Chain(ChainView {
            tip,
            since: 0,
            facts,
        })
    }

    /// What may spend the contract's coin next.
    pub fn next(&self) -> Vec<NodeId> {
        let Some((last, _)) = self.path.last() else {
            return vec![TxGraph::FUNDING];
        };
        let spends =
            |source: &Source| matches!(source, Source::Output { node, .. } if node == last);
        let nodes = world().graph.nodes();
        let next = nodes.filter(|(_, node)| node.inputs.first().is_some_and(|i| spends(&i.source)));
        next.map(|(id, _)| id).collect()
    }

    fn confirm(&mut self, node: NodeId) {
        self.tip += 1;
        self.path.push((node, self.tip));
    }

    fn back(&mut self, rng: &mut StdRng) {
        self.tip = self.tip.saturating_sub(1).max(FUNDED);
        match rng.gen_range(0..8u8) {
            0 => self.root = None,
            1 => {
                self.path.clear();
                self.root = None;
            }
            _ if self.path.len() > 1 => {
                self.path.pop();
            }
            _ => {}
        }
        self.agreed = None;
    }

    /// Another chain altogether, anywhere in the life of a contract: what one sees that was away for long, or behind a deep
    /// reorganisation.
    pub fn leap(&mut self, rng: &mut StdRng) {
        let before = std::mem::replace(&mut self.before, self.path.clone());
        self.root = None;
        self.agreed = None;
        if !before.is_empty() && rng.gen_ratio(1, 4) {
            self.path = before;
            let highest = self.path.iter().map(|(_, height)| *height).max();
            self.tip = self.tip.max(highest.unwrap_or(FUNDED));
            return;
        }
        self.path.clear();
        self.tip = FUNDED + rng.gen_range(0..24u32);
        if rng.gen_ratio(1, 8) {
            return;
        }
        self.path.push((TxGraph::FUNDING, FUNDED));
        let places: [&[NodeName]; 8] = [
            &[],
            &[Exit::DELIVERED],
            &[Exit::DELIVERED, Exit::APPROVED],
            &[Exit::DELIVERED, Exit::REJECTED],
            &[Exit::DELIVERED, Exit::REJECTED, Exit::APPEALED],
            &[Exit::DELIVERED, Exit::REJECTED, Exit::APPEALED],
            &[Exit::DELIVERED, Exit::APPROVED, Exit::CHALLENGED],
            &[Exit::DELIVERED, Exit::APPROVED, Exit::CHALLENGED],
        ];
        for name in *places.choose(rng).unwrap() {
            // Of a hardened contract there is no challenge, and of the paper's no delivery.
            if let Some(node) = world().graph.find(*name) {
                self.confirm(node);
            }
        }
        if rng.r#gen() {
            self.tip += 1;
            let (height, root) = (self.tip, world().commitment(0).id());
            self.root = Some(RootOfRecord { height, root });
        }
        match rng.gen_range(0..16u8) {
            0 => {
                self.tip += 1;
                self.agreed = Some(self.tip);
            }
            1..6 => {
                let node = *self.next().choose(rng).unwrap();
                self.confirm(node);
            }
            _ => {}
        }
        self.tip += match rng.gen_range(0..8u8) {
            0 | 1 => 100,
            2 => 30,
            3..5 => 5,
            _ => 0,
        };
    }

    pub fn go_on(&mut self, mood: Mood, rng: &mut StdRng) {
        if self.leaps > 0 && rng.gen_ratio(1, self.leaps) {
            self.leap(rng);
            return;
        }
        let next = self.next();
        if next.is_empty() {
            match rng.gen_range(0..4u8) {
                0 => self.tip += 100,
                1 => self.tip += 1,
                _ => self.back(rng),
            }
            return;
        }
        let named = |name| {
            let node = world().graph.find(name);
            node.filter(|node| next.contains(node))
        };
        let challenged = |next: &[NodeId]| {
            let node = world().graph.find(Exit::CHALLENGED);
            node.filter(|node| next.contains(node))
        };
        match rng.gen_range(0..32u8) {
            0 | 1 if mood != Mood::Smooth => self.back(rng),
            2 if self.agreed.is_none() && mood == Mood::Wild => {
                self.tip += 1;
                self.agreed = Some(self.tip);
            }
            3..8 if mood != Mood::Smooth || rng.gen_ratio(1, 8) => {
                let node = match (self.path.len(), rng.gen_range(0..4u8)) {
                    (1, 1..) => named(Exit::DELIVERED),
                    (_, 1) => named(Exit::APPROVED).or_else(|| challenged(&next)),
                    (_, 1..) => named(Exit::REJECTED)
                        .or_else(|| named(Exit::APPEALED))
                        .or_else(|| challenged(&next)),
                    _ => None,
                };
                let node = node.or_else(|| next.choose(rng).copied());
                if let Some(node) = node.filter(|_| self.agreed.is_none()) {
                    self.confirm(node);
                }
            }
            8..12 if self.path.len() > 1 || mood == Mood::Wild => {
                self.tip += 1;
                let other = u8::from(mood == Mood::Wild && rng.gen_ratio(1, 4));
                let (height, root) = (self.tip, world().commitment(other).id());
                self.root = (!self.path.is_empty()).then_some(RootOfRecord { height, root });
            }
            12 => self.tip += 30,
            13 if rng.gen_ratio(1, 16) => self.tip += 100,
            14 if mood == Mood::Wild => self.tip = self.tip.max(DELIVER - 4),
            15..24 => self.tip += 3,
            _ => self.tip += 1,
        }
    }
}
