//! Building of a graph, checking each transaction against the laws that every contract keeps.

use std::sync::OnceLock;

use bitcoin::{Amount, Script, ScriptBuf, Txid, XOnlyPublicKey};

use super::{
    Adaptor, AdaptorId, KeySetId, Leaf, LeafId, Node, NodeId, NodeInput, NodeName, NodeOutput,
    OutputScript, Purpose, ScriptId, SecretName, Source, Spend, StageName, TxGraph, anchor_script,
    weight::MAX_TRUC_VBYTES,
};
use crate::{musig::KeySet, party::PartyName};

/// Why a transaction cannot be part of a graph. A template's fault, or of terms that slipped through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Value is created or lost.
    #[error("{name} takes in {inputs} and pays out {outputs}")]
    NotConserved {
        /// The transaction.
        name: NodeName,
        /// Sum of its inputs.
        inputs: Amount,
        /// Sum of its outputs.
        outputs: Amount,
    },
    /// A sum of amounts does not fit.
    #[error("the amounts of {name} add up to more than fits")]
    Overflow {
        /// The transaction.
        name: NodeName,
    },
    /// An output is too small to be relayed.
    #[error("output {vout} of {name} holds {value}, below its dust limit of {limit}")]
    Dust {
        /// The transaction.
        name: NodeName,
        /// The output.
        vout: usize,
        /// What it holds.
        value: Amount,
        /// What it needs at least.
        limit: Amount,
    },
    /// It refers to something that is not in the graph, or not there yet.
    #[error("{name} refers to a {what} that the graph does not have")]
    Missing {
        /// The transaction.
        name: NodeName,
        /// What is missing.
        what: &'static str,
    },
    /// Its shape breaks a rule: version, anchor, size.
    #[error("{name}: {what}")]
    Shape {
        /// The transaction.
        name: NodeName,
        /// The rule.
        what: &'static str,
    },
    /// Two inputs spend one coin.
    #[error("{name} spends the same coin twice")]
    DoubleSpend {
        /// The transaction.
        name: NodeName,
    },
}

/// Collects transactions, parents first.
#[derive(Debug)]
pub struct GraphBuilder(pub(super) TxGraph);

impl Default for GraphBuilder {
    fn default() -> Self {
        GraphBuilder(TxGraph {
            nodes: Vec::new(),
            txids: Vec::new(),
            key_sets: Vec::new(),
            adaptors: Vec::new(),
            leaves: Vec::new(),
            scripts: Vec::new(),
            parties: Vec::new(),
            secrets: Vec::new(),
            stages: Vec::new(),
            stage_count: 0,
        })
    }
}

impl GraphBuilder {
    /// Adds a key set and its output script; the descriptor is `rawtr(…)` unless a better one is given.
    pub fn key_set(&mut self, keys: KeySet, descriptor: Option<String>) -> (KeySetId, ScriptId) {
        let output_key = keys.output_key();
        let script = self.script(&keys.script(), || {
            descriptor.unwrap_or_else(|| format!("rawtr({output_key})"))
        });
        self.0.key_sets.push(keys);
        (KeySetId((self.0.key_sets.len() - 1) as u16), script)
    }

    /// Adds an output script, or finds it if it is there. A graph has a few dozen scripts and up to a million
    /// outputs, so nothing is copied or written down for one that is known.
    pub fn script(&mut self, script: &Script, descriptor: impl FnOnce() -> String) -> ScriptId {
        let known = self
            .0
            .scripts
            .iter()
            .position(|s| s.script.as_script() == script);
        let index = known.unwrap_or_else(|| {
            self.0.scripts.push(OutputScript {
                script: script.to_owned(),
                descriptor: descriptor(),
            });
            self.0.scripts.len() - 1
        });
        ScriptId(index as u16)
    }

    /// A script that was added before.
    pub(crate) fn script_of(&self, id: ScriptId) -> Option<ScriptBuf> {
        self.0.script(id).map(|output| output.script.clone())
    }

    /// Adds an adaptor.
    pub fn adaptor(&mut self, adaptor: Adaptor) -> AdaptorId {
        self.0.adaptors.push(adaptor);
        AdaptorId((self.0.adaptors.len() - 1) as u32)
    }

    /// Says what this contract calls a party.
    pub fn party(&mut self, name: impl Into<PartyName>) {
        self.0.parties.push(name.into());
    }

    /// Says what this contract calls a secret.
    pub fn secret(&mut self, name: impl Into<SecretName>) {
        self.0.secrets.push(name.into());
    }

    /// Says what this contract calls a stage.
    pub fn stage(&mut self, name: StageName) {
        self.0.stages.push(name);
    }

    /// Adds a script leaf.
    pub fn leaf(&mut self, leaf: Leaf) -> LeafId {
        self.0.leaves.push(leaf);
        LeafId((self.0.leaves.len() - 1) as u16)
    }

    /// Adds a transaction after checking it.
    pub fn node(&mut self, node: Node) -> Result<NodeId, GraphError> {
        self.check(&node)?;
        let stages = node
            .signing
            .map_or(0, |plan| plan.stage.0.saturating_add(1));
        self.0.stage_count = self.0.stage_count.max(stages);
        self.0.nodes.push(node);
        self.0.txids.push(OnceLock::<Txid>::new());
        Ok(NodeId((self.0.nodes.len() - 1) as u32))
    }

    /// The anchor output that every pre-signed transaction has.
    pub fn anchor(&mut self) -> NodeOutput {
        let script = anchor_script();
        let script = self.script(&script, || format!("raw({script:x})"));
        NodeOutput {
            value: Amount::ZERO,
            script,
            purpose: Purpose::Anchor,
        }
    }

    /// The finished graph.
    pub fn finish(self) -> TxGraph {
        self.0
    }

    fn check(&self, node: &Node) -> Result<(), GraphError> {
        let name = node.name;
        let inputs = self.value_in(node)?;
        let mut outputs = Amount::ZERO;
        let mut anchors = 0;
        for (vout, output) in node.outputs.iter().enumerate() {
            outputs = outputs
                .checked_add(output.value)
                .ok_or(GraphError::Overflow { name })?;
            let script = &self
                .0
                .script(output.script)
                .ok_or(GraphError::Missing {
                    name,
                    what: "script",
                })?
                .script;
            if output.purpose == Purpose::Anchor {
                anchors += 1;
                continue;
            }
            let limit = script.minimal_non_dust();
            if output.value < limit {
                return Err(GraphError::Dust {
                    name,
                    vout,
                    value: output.value,
                    limit,
                });
            }
        }
        let Some(signing) = node.signing else {
            // The funding transaction pays its own fee, whose bounds the terms check.
            return if outputs <= inputs {
                Ok(())
            } else {
                Err(GraphError::NotConserved {
                    name,
                    inputs,
                    outputs,
                })
            };
        };
        if bitcoin::absolute::LockTime::from_height(node.lock_height).is_err() {
            return Err(GraphError::Shape {
                name,
                what: "its lock height is no height",
            });
        }
        match (node.version, anchors) {
            (3, 1) if inputs == outputs => {}
            // Agreed on when it is made, with the fee in it.
            (2, 0) if outputs < inputs => {}
            (3, 1) | (2, 0) => {
                return Err(GraphError::NotConserved {
                    name,
                    inputs,
                    outputs,
                });
            }
            _ => {
                return Err(GraphError::Shape {
                    name,
                    what: "it has neither version 3, no fee and one anchor, nor version 2, a fee and none",
                });
            }
        }
        if signing
            .adaptor
            .is_some_and(|id| self.0.adaptor(id).is_none())
        {
            return Err(GraphError::Missing {
                name,
                what: "adaptor",
            });
        }
        if self.0.vsize(node) > MAX_TRUC_VBYTES {
            return Err(GraphError::Shape {
                name,
                what: "it is larger than version 3 allows (10,000 vB)",
            });
        }
        Ok(())
    }

    fn value_in(&self, node: &Node) -> Result<Amount, GraphError> {
        let name = node.name;
        let mut sum = Amount::ZERO;
        for (i, input) in node.inputs.iter().enumerate() {
            if node.inputs[..i]
                .iter()
                .any(|other| other.source == input.source)
            {
                return Err(GraphError::DoubleSpend { name });
            }
            let value = match &input.source {
                Source::External { prevout, .. } => prevout.value,
                Source::Output { node, vout } => self
                    .0
                    .node(*node)
                    .and_then(|parent| parent.outputs.get(*vout as usize))
                    .map(|output| output.value)
                    .ok_or(GraphError::Missing {
                        name,
                        what: "parent output",
                    })?,
            };
            match input.spend {
                Spend::Wallet(_) => {}
                Spend::KeyPath(id) if self.0.key_set(id).is_some() => {}
                Spend::KeyPath(_) => {
                    return Err(GraphError::Missing {
                        name,
                        what: "key set",
                    });
                }
                Spend::Leaf(id) => self.check_leaf(name, input, id)?,
            }
            sum = sum
                .checked_add(value)
                .ok_or(GraphError::Overflow { name })?;
        }
        Ok(sum)
    }

    /// The output must commit to the leaf: what is signed would be worthless otherwise.
    fn check_leaf(&self, name: NodeName, input: &NodeInput, id: LeafId) -> Result<(), GraphError> {
        let missing = |what| GraphError::Missing { name, what };
        let leaf = self.0.leaf(id).ok_or(missing("script leaf"))?;
        let mut all = leaf.signers.iter().chain(&leaf.releasers);
        if all.any(|id| self.0.key_set(*id).is_none()) {
            return Err(missing("key set"));
        }
        let prevout = self.0.prevout(input).ok_or(missing("parent output"))?;
        let script = prevout.script_pubkey.as_bytes();
        let key = script.get(2..).map(XOnlyPublicKey::from_slice);
        let committed = prevout.script_pubkey.is_p2tr()
            && key.and_then(Result::ok).is_some_and(|key| {
                let secp = narthex_base::context::verifying();
                leaf.control
                    .verify_taproot_commitment(secp, key, &leaf.script)
            });
        committed.then_some(()).ok_or(GraphError::Shape {
            name,
            what: "it spends by a leaf that the output does not commit to",
        })
    }
}
