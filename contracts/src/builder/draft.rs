//! How transactions of a small contract are put into a graph.

use bitcoin::{Amount, Script, Sequence, Transaction};

use super::{BuilderError, Vault};
use crate::{
    funding::Contribution,
    graph::{
        GraphBuilder, GraphError, Leaf, Node, NodeId, NodeInput, NodeName, NodeOutput, Purpose,
        ScriptId, SigningPlan, Source, Spend, SpendPlan, Stage, TxGraph,
    },
    musig::KeySet,
    party::PartyName,
};

/// No relative timelock; nLockTime counts (BIP65) and replacement is signalled (BIP125).
pub const UNLOCKED: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// The one stage of small contracts: their signatures are exchanged at once. Its number is in their messages.
pub const STAGE: Stage = Stage(2);

/// A graph under construction.
#[derive(Debug, Default)]
pub struct Draft {
    /// The engine's builder, for what is not said here.
    pub graph: GraphBuilder,
}

/// A vault in a graph.
#[derive(Debug, Clone)]
pub struct Placed {
    purpose: Purpose,
    script: ScriptId,
    leaves: Vec<Spend>,
}

impl Placed {
    /// An output of it.
    pub fn output(&self, value: Amount) -> NodeOutput {
        NodeOutput {
            value,
            script: self.script,
            purpose: self.purpose,
        }
    }

    /// Spending it by all its owners' key.
    pub fn key_path(&self) -> Result<Spend, BuilderError> {
        match self.purpose {
            Purpose::Contract(keys) => Ok(Spend::KeyPath(keys)),
            _ => Err(BuilderError::Missing("key path")),
        }
    }

    /// Spending it by a leaf, in the order of its plans.
    pub fn leaf(&self, index: usize) -> Result<Spend, BuilderError> {
        (self.leaves.get(index).copied()).ok_or(BuilderError::Missing("leaf"))
    }
}

/// A transaction that is agreed on and signed before it is needed.
#[derive(Debug, Clone)]
pub struct PresignedTransaction {
    /// Its name.
    pub name: NodeName,
    /// What happened if it confirms, in a few words.
    pub meaning: &'static str,
    /// The coins, in order, and how each is spent.
    pub inputs: Vec<NodeInput>,
    /// nLockTime: a height, or 0.
    pub lock_height: u32,
    /// Who makes the move and holds which signature.
    pub plan: SigningPlan,
    /// Outputs, without anchor.
    pub outputs: Vec<NodeOutput>,
}

/// The plan of a transaction that any of `broadcasters` publishes and holds whole, without adaptor point.
pub fn by(broadcasters: &[PartyName]) -> SigningPlan {
    let broadcasters = broadcasters.iter().copied().collect();
    SigningPlan {
        stage: STAGE,
        broadcasters,
        signature_holders: broadcasters,
        withheld: None,
        adaptor: None,
    }
}

impl Draft {
    /// A graph whose parties this contract calls by these names.
    pub fn new(names: impl IntoIterator<Item = PartyName>) -> Draft {
        let mut draft = Draft::default();
        names.into_iter().for_each(|name| draft.graph.party(name));
        draft
    }

    /// Adds a vault.
    pub fn vault(&mut self, vault: &Vault) -> Placed {
        let descriptor = || vault.descriptor.clone();
        let (purpose, script) = match &vault.keys {
            None => {
                let script = self.graph.script(&vault.script(), descriptor);
                (Purpose::Locked, script)
            }
            Some(keys) => {
                let (keys, script) = self.graph.key_set(keys.clone(), Some(descriptor()));
                (Purpose::Contract(keys), script)
            }
        };
        let leaves = vault.branches.iter().map(|branch| {
            let mut add = |keys: &[KeySet]| {
                let keys = keys.iter();
                keys.map(|keys| self.graph.key_set(keys.clone(), None).0)
                    .collect()
            };
            let leaf = Leaf {
                script: branch.script.clone(),
                control: branch.control.clone(),
                signers: add(&branch.plan.signers),
                releasers: add(&branch.plan.releasers),
                hashes: branch.plan.hashes.clone(),
            };
            Spend::Leaf(self.graph.leaf(leaf))
        });
        Placed {
            leaves: leaves.collect(),
            purpose,
            script,
        }
    }

    /// An output that pays a party.
    pub fn payout(&mut self, party: PartyName, script: &Script, value: Amount) -> NodeOutput {
        NodeOutput {
            value,
            script: self.plain_script(script),
            purpose: Purpose::Payout(party.id),
        }
    }

    /// A transaction that pays no fee itself and has an anchor for a child that does.
    pub fn step(&mut self, step: PresignedTransaction) -> Result<NodeId, GraphError> {
        let mut node = step.node(3);
        node.outputs.push(self.graph.anchor());
        self.graph.node(node)
    }

    /// A transaction that pays its own fee: what its outputs leave.
    pub fn own_fee(&mut self, step: PresignedTransaction) -> Result<NodeId, GraphError> {
        self.graph.node(step.node(2))
    }

    /// What a transaction that pays its own fee takes, before the fee is known: the values of its outputs do not
    /// matter.
    pub fn plan(&self, step: PresignedTransaction) -> Result<SpendPlan, BuilderError> {
        let plan = self.graph.plan(&step.node(2));
        plan.ok_or(BuilderError::Missing(
            "place in the graph for a transaction",
        ))
    }

    /// The funding transaction: these outputs, then everybody's change. Inputs are in order of their outpoints (BIP69),
    /// so that nobody's order matters.
    pub fn funding<'a>(
        &mut self,
        (name, meaning): (&'static str, &'static str),
        contributions: impl IntoIterator<Item = (PartyName, &'a Contribution)>,
        mut outputs: Vec<NodeOutput>,
    ) -> Result<NodeId, GraphError> {
        let mut inputs = Vec::new();
        for (party, contribution) in contributions {
            inputs.extend(contribution.coins.iter().map(|coin| NodeInput {
                source: Source::External {
                    outpoint: coin.outpoint,
                    prevout: coin.prevout(),
                },
                sequence: UNLOCKED,
                spend: Spend::Wallet(party.id),
            }));
            if let Some(change) = &contribution.change {
                let script = self.plain_script(&change.script);
                outputs.push(NodeOutput {
                    value: change.value_sat,
                    script,
                    purpose: Purpose::Change(party.id),
                });
            }
        }
        inputs.sort_by_key(|input| match &input.source {
            Source::External { outpoint, .. } => Some(*outpoint),
            Source::Output { .. } => None,
        });
        self.graph.node(Node {
            name: NodeName::plain(name),
            meaning,
            version: 2,
            lock_height: 0,
            inputs,
            outputs,
            signing: None,
        })
    }

    /// A script that this contract only pays to; its owner's wallet knows a better descriptor.
    pub fn plain_script(&mut self, script: &Script) -> ScriptId {
        self.graph.script(script, || format!("raw({script:x})"))
    }
}

/// An input that spends an output of the graph.
pub fn spend(node: NodeId, vout: u32, spend: Spend, sequence: Sequence) -> NodeInput {
    NodeInput {
        source: Source::Output { node, vout },
        sequence,
        spend,
    }
}

impl PresignedTransaction {
    fn node(self, version: i32) -> Node {
        Node {
            name: self.name,
            meaning: self.meaning,
            version,
            lock_height: self.lock_height,
            inputs: self.inputs,
            outputs: self.outputs,
            signing: Some(self.plan),
        }
    }
}

/// A transaction with one input, finished with these signatures in the order of its signers and releasers and these
/// preimages in the order of its hashes.
pub fn finish(
    graph: &TxGraph,
    id: NodeId,
    signatures: &[[u8; 64]],
    preimages: &[[u8; 32]],
) -> Result<Transaction, BuilderError> {
    let missing = || BuilderError::Missing("transaction that these signatures and preimages fit");
    let mut tx = graph.assemble(id).ok_or_else(missing)?;
    let node = graph.node(id).ok_or_else(missing)?;
    for (input, txin) in node.inputs.iter().zip(&mut tx.input) {
        let witness = graph.witness(input, signatures, preimages);
        txin.witness = witness.ok_or_else(missing)?;
    }
    Ok(tx)
}
