//! What both templates need: funding, payouts, key sets per node.

use bitcoin::{Amount, Script, Sequence, TapNodeHash, hashes::Hash};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::{Outcome, Payout, settle};

use super::{ContractSecret, TemplateError, stage};
use crate::{
    graph::{
        Adaptor, AdaptorId, GraphBuilder, KeySetId, Node, NodeId, NodeInput, NodeName, NodeOutput,
        Purpose, ScriptId, SecretId, SigningPlan, Source, Spend,
    },
    musig::{AdaptorPoint, KeySet},
    terms::{Role, Terms, TermsError},
};

/// No relative timelock, but nLockTime counts (BIP65) and replacement is signalled (BIP125).
pub(super) const UNLOCKED: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// A graph under construction, with the terms at hand.
pub(super) struct Draft<'a> {
    pub(super) terms: &'a Terms,
    pub(super) graph: GraphBuilder,
    /// One key set for each list of signers met so far: their aggregate serves all its places.
    aggregates: Vec<(Vec<Role>, KeySet)>,
}

/// What a transaction spends, when, and who signs: all of a node but its outputs.
pub(super) struct Move {
    pub(super) name: NodeName,
    pub(super) meaning: &'static str,
    pub(super) lock_height: u32,
    pub(super) inputs: Vec<NodeInput>,
    pub(super) signing: SigningPlan,
}

impl<'a> Draft<'a> {
    pub(super) fn new(terms: &'a Terms) -> Draft<'a> {
        let mut graph = GraphBuilder::default();
        terms.roles().for_each(|role| graph.party(role));
        stage::ALL.into_iter().for_each(|name| graph.stage(name));
        ContractSecret::all(terms.panel_size()).for_each(|secret| graph.secret(secret));
        Draft {
            terms,
            graph,
            aggregates: Vec::new(),
        }
    }

    /// The key set that owns a contract output. The root commits to the parameters, the agreement and the place in the
    /// graph, so that no two outputs of a contract, of two contracts, or of one contract with other nonces of its
    /// arbiters, share a key.
    pub(super) fn contract_keys(
        &mut self,
        place: &str,
        roles: impl IntoIterator<Item = Role>,
    ) -> Result<(KeySetId, ScriptId), TemplateError> {
        let place = tagged_hash_parts("narthex/place", &[place.as_bytes()]);
        let (params, id) = (self.terms.params().hash(), self.terms.agreement_id());
        let root = tagged_hash_parts("narthex/output", &[&params, id, &place]);
        let keys = self.key_set(roles, Some(root))?;
        Ok(self.graph.key_set(keys, None))
    }

    /// As [`Terms::key_set`], aggregating each list of signers once.
    pub(super) fn key_set(
        &mut self,
        roles: impl IntoIterator<Item = Role>,
        merkle_root: Option<[u8; 32]>,
    ) -> Result<KeySet, TemplateError> {
        let roles = roles.into_iter().collect::<Vec<_>>();
        if let Some((_, keys)) = self.aggregates.iter().find(|(known, _)| *known == roles) {
            let root = merkle_root.map(TapNodeHash::from_byte_array);
            return Ok(keys.with_root(root).map_err(TermsError::from)?);
        }
        let keys = self.terms.key_set(roles.iter().copied(), merkle_root)?;
        self.aggregates.push((roles, keys.clone()));
        Ok(keys)
    }

    /// The funding transaction: `contract` outputs first, then everybody's change. Inputs are sorted by
    /// outpoint (BIP69), so that nobody's order matters.
    pub(super) fn funding(
        &mut self,
        mut outputs: Vec<NodeOutput>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Result<NodeId, TemplateError> {
        let mut inputs = Vec::new();
        for role in roles {
            let Some(funding) = self.terms.record().funding(role) else {
                continue;
            };
            inputs.extend(
                funding
                    .coins
                    .iter()
                    .map(|coin| (coin.outpoint, coin.prevout(), role)),
            );
            if let Some(change) = &funding.change {
                let script = self.plain_script(&change.script);
                outputs.push(NodeOutput {
                    value: change.value_sat,
                    script,
                    purpose: Purpose::Change(role.into()),
                });
            }
        }
        inputs.sort_by_key(|(outpoint, ..)| *outpoint);
        let inputs = inputs
            .into_iter()
            .map(|(outpoint, prevout, role)| NodeInput {
                source: Source::External { outpoint, prevout },
                sequence: UNLOCKED,
                spend: Spend::Wallet(role.into()),
            })
            .collect();
        Ok(self.graph.node(Node {
            name: NodeName::plain("Tx0"),
            meaning: "deposits locked",
            version: 2,
            lock_height: 0,
            inputs,
            outputs,
            signing: None,
        })?)
    }

    /// A pre-signed transaction with these outputs and an anchor.
    pub(super) fn step(
        &mut self,
        step: Move,
        mut outputs: Vec<NodeOutput>,
    ) -> Result<NodeId, TemplateError> {
        outputs.push(self.graph.anchor());
        Ok(self.graph.node(Node {
            name: step.name,
            meaning: step.meaning,
            version: 3,
            lock_height: step.lock_height,
            inputs: step.inputs,
            outputs,
            signing: Some(step.signing),
        })?)
    }

    /// A pre-signed transaction that pays everybody out as the settlement table says.
    pub(super) fn settlement(
        &mut self,
        step: Move,
        outcome: Outcome,
    ) -> Result<NodeId, TemplateError> {
        let outputs = self.payouts(&settle(self.terms.params(), outcome)?)?;
        self.step(step, outputs)
    }

    /// A contract output of this value.
    pub(super) fn contract_output(
        &self,
        (keys, script): (KeySetId, ScriptId),
        value: Amount,
    ) -> NodeOutput {
        NodeOutput {
            value,
            script,
            purpose: Purpose::Contract(keys),
        }
    }

    /// An adaptor, if there is a point.
    pub(super) fn adaptor(
        &mut self,
        point: Option<AdaptorPoint>,
        needs: impl IntoIterator<Item = SecretId>,
    ) -> Option<AdaptorId> {
        let needs = needs.into_iter().collect();
        point.map(|point| self.graph.adaptor(Adaptor { point, needs }))
    }

    fn payouts(&mut self, payout: &Payout) -> Result<Vec<NodeOutput>, TemplateError> {
        let parties = [
            (Role::Client, payout.client),
            (Role::Worker, payout.worker),
            (Role::Verifier, payout.verifier),
        ];
        let arbiters = (0u8..)
            .zip(&payout.arbiters)
            .map(|(i, value)| (Role::Arbiter(i), *value));
        let terms = self.terms;
        let mut outputs = Vec::new();
        for (role, value) in parties.into_iter().chain(arbiters) {
            if value == Amount::ZERO {
                continue;
            }
            let script = terms.payout(role).map_or(Script::new(), |s| s.as_script());
            let script = self.plain_script(script);
            outputs.push(NodeOutput {
                value,
                script,
                purpose: Purpose::Payout(role.into()),
            });
        }
        if payout.fund > Amount::ZERO {
            let script = self.plain_script(Script::from_bytes(terms.params().fund()));
            outputs.push(NodeOutput {
                value: payout.fund,
                script,
                purpose: Purpose::Fund,
            });
        }
        Ok(outputs)
    }

    /// A script that this contract only pays to; its owner's wallet knows a better descriptor.
    pub(super) fn plain_script(&mut self, script: &Script) -> ScriptId {
        self.graph.script(script, || format!("raw({script:x})"))
    }
}

/// An input that spends an output of a key set in the graph.
pub(super) fn spend(node: NodeId, vout: u32, keys: KeySetId, sequence: Sequence) -> NodeInput {
    NodeInput {
        source: Source::Output { node, vout },
        sequence,
        spend: Spend::KeyPath(keys),
    }
}
