//! Endings that client, worker and verifier agree on when they come: one ordinary transaction that pays its own
//! fee and says nothing about the contract.
//!
//! Signed by the same ceremony as everything else, as a graph of one transaction. With the result point as
//! adaptor, the worker's publishing it still reveals the result secret to the client.
//!
//! Here the coin is locked already, so that the order of shares matters: a worker that cancels the point with its
//! nonce could complete the sum without its secret (`docs/adr/0002-adaptor-in-aggregate-nonce.md`). The client
//! therefore collects everybody's shares, holds a verified adaptor signature, and only then releases its own to
//! the worker ([`Holdings::release`](crate::setup::Holdings::release)).

use std::sync::Arc;

use bitcoin::{Amount, ScriptBuf, secp256k1::SecretKey};

use crate::{
    graph::{
        Adaptor, Awaits, GraphBuilder, GraphError, KeySetId, Node, NodeInput, NodeName, NodeOutput,
        Purpose, ScriptId, SecretsNeeded, SigningPlan, Source, Spend, Stage, TxGraph,
    },
    hash::tagged_hash,
    musig::AdaptorPoint,
    role::{Role, RoleSet},
    setup::{Agreement, Party, SetupError},
    template::TemplateError,
    terms::Terms,
};

/// What the three agree on.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Name of the transaction in the contract's graph whose first output is spent: `Tx0`, `TxD`, `TxV1`, `TxV0`.
    pub spends: NodeName,
    /// Who gets what; the rest is the fee.
    pub payouts: Vec<(Role, Amount)>,
    /// Whether completing it takes, and so reveals, the worker's result secret.
    pub reveals_result: bool,
}

/// Name of the transaction in its own graph.
pub const COOP: NodeName = NodeName::plain("coop");

/// Why a proposal is not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoopError {
    /// The output named is not one of client, worker and verifier.
    #[error("{0} has no output that client, worker and verifier can spend together")]
    NotSpendable(NodeName),
    /// Pays a role that is not one of the three.
    #[error("{0} is not paid by an agreement of client, worker and verifier")]
    Payee(Role),
    /// The transaction breaks a law of the engine.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Terms or points are degenerate.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The ceremony cannot start.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Proposal {
    /// One party's side of signing it.
    pub fn party(
        &self,
        terms: &Arc<Terms>,
        contract: &TxGraph,
        role: Role,
        key: &SecretKey,
    ) -> Result<Party, CoopError> {
        let graph = self.graph(terms, contract)?;
        Ok(Party::for_graph(terms.clone(), graph, role, key)?)
    }

    /// The graph of its one transaction, preceded by the coin that it spends.
    fn graph(&self, terms: &Terms, contract: &TxGraph) -> Result<TxGraph, CoopError> {
        let not_spendable = CoopError::NotSpendable(self.spends);
        let parent = contract.find(self.spends).ok_or(not_spendable.clone())?;
        let output = contract
            .node(parent)
            .and_then(|node| node.outputs.first())
            .ok_or(not_spendable.clone())?;
        let keys = match output.purpose {
            Purpose::Contract(id) => contract.key_set(id),
            _ => None,
        }
        .filter(|keys| keys.signers().collect::<RoleSet>() == RoleSet::PRINCIPALS)
        .ok_or(not_spendable.clone())?;
        let script = contract
            .script(output.script)
            .ok_or(not_spendable.clone())?
            .script
            .clone();
        let source = Source::External {
            outpoint: bitcoin::OutPoint {
                txid: contract.txid(parent).ok_or(not_spendable)?,
                vout: 0,
            },
            prevout: bitcoin::TxOut {
                value: output.value,
                script_pubkey: script,
            },
        };
        let mut graph = GraphBuilder::default();
        let (keys, _): (KeySetId, ScriptId) = graph.key_set(keys.clone(), None);
        let adaptor = if self.reveals_result {
            let point =
                AdaptorPoint::try_from(terms.result_point()).map_err(TemplateError::from)?;
            Some(graph.adaptor(Adaptor {
                point,
                needs: SecretsNeeded::RESULT,
            }))
        } else {
            None
        };
        let mut outputs = Vec::new();
        for (role, value) in &self.payouts {
            let script: ScriptBuf = match role {
                Role::Arbiter(_) => return Err(CoopError::Payee(*role)),
                _ => terms
                    .payout(*role)
                    .cloned()
                    .ok_or(CoopError::Payee(*role))?,
            };
            let script = graph.script(&script, || format!("raw({script:x})"));
            outputs.push(NodeOutput {
                value: *value,
                script,
                purpose: Purpose::Payout(*role),
            });
        }
        graph.node(Node {
            name: COOP,
            meaning: "client, worker and verifier agree",
            version: 2,
            lock_height: 0,
            inputs: vec![NodeInput {
                source,
                sequence: bitcoin::Sequence::ENABLE_RBF_NO_LOCKTIME,
                spend: Spend::KeyPath(keys),
            }],
            outputs,
            signing: Some(SigningPlan {
                stage: Stage::Settlement,
                movers: [Role::Worker].into(),
                holders: [Role::Client].into(),
                awaits: Some(Awaits {
                    holder: Role::Worker,
                    signer: Role::Client,
                }),
                adaptor,
            }),
        })?;
        Ok(graph.finish())
    }
}

/// Identifies a ceremony by contract and graph, so that no message of one counts in another.
pub(crate) fn session_id(terms: &impl Agreement, graph: &TxGraph) -> [u8; 32] {
    use bitcoin::hashes::Hash;
    let last = graph.nodes().last().and_then(|(id, _)| graph.txid(id));
    let last = last.map(|txid| txid.to_byte_array()).unwrap_or_default();
    tagged_hash("narthex/ceremony", &[terms.id(), &last])
}
