//! What all templates need: funding, payouts, key sets per node.

use bitcoin::{
    Amount, Script, ScriptBuf, Sequence, TapNodeHash, TxOut, XOnlyPublicKey, hashes::Hash,
};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::{Outcome, settle};

use super::{ContractSecret, TemplateError, stage};
use crate::{
    builder::{self, Draft as Plain, PresignedTransaction, UNLOCKED},
    graph::{
        Adaptor, AdaptorId, KeySetId, NodeId, NodeInput, NodeOutput, Purpose, ScriptId, SecretId,
        Source, Spend,
    },
    musig::{AdaptorPoint, KeySet},
    setup::Agreement,
    terms::{Role, Terms, TermsDraft, TermsError},
};

/// A graph under construction, with the terms at hand.
pub(super) struct Draft<'a> {
    pub(super) terms: &'a Terms,
    pub(super) plain: Plain,
    /// One key set for each list of signers met so far: their aggregate serves all its places.
    aggregates: Vec<(Vec<Role>, KeySet)>,
    /// Where what an approval brings is paid: to who computed the sample. `None` in templates without a token.
    token: Option<(ScriptBuf, XOnlyPublicKey)>,
}

impl<'a> Draft<'a> {
    /// # Errors
    /// [`TemplateError::Terms`], never for checked terms.
    pub(super) fn new(terms: &'a Terms) -> Result<Draft<'a>, TemplateError> {
        let token = terms.token_key()?.map(|key| {
            let key = key.x_only_public_key().0;
            let secp = narthex_base::context::verifying();
            (ScriptBuf::new_p2tr(secp, key, None), key)
        });
        let mut plain = Plain::new(terms.everyone());
        let graph = &mut plain.graph;
        stage::ALL.into_iter().for_each(|name| graph.stage(name));
        ContractSecret::all(terms.panel_size()).for_each(|secret| graph.secret(secret));
        Ok(Draft {
            terms,
            plain,
            aggregates: Vec::new(),
            token,
        })
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
        Ok(self.plain.graph.key_set(keys, None))
    }

    /// The key set that owns an output that the contract begins with. Where another transaction hosts it, the key can
    /// commit to all but what comes later: the place, and the nonces that are announced for it.
    pub(super) fn first_keys(
        &mut self,
        roles: impl IntoIterator<Item = Role>,
    ) -> Result<(KeySetId, ScriptId), TemplateError> {
        if self.terms.host().is_none() {
            return self.contract_keys("Tx0", roles);
        }
        let keys = self.key_set(roles, Some(hosted_root(self.terms)))?;
        Ok(self.plain.graph.key_set(keys, None))
    }

    /// The outputs that the contract begins with: those of its funding transaction, or those of its host.
    pub(super) fn begin(
        &mut self,
        outputs: Vec<NodeOutput>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Result<Vec<Source>, TemplateError> {
        let Some(host) = self.terms.host() else {
            let count = outputs.len();
            let node = self.funding(outputs, roles)?;
            let vouts = (0..).take(count);
            return Ok(vouts.map(|vout| Source::Output { node, vout }).collect());
        };
        let held = outputs.iter().filter(|o| o.purpose != Purpose::Data);
        let sources = host.spent().zip(held).map(|(outpoint, output)| {
            let script = self.plain.graph.script_of(output.script);
            let script_pubkey = script.ok_or(TemplateError::Script("no such script".into()))?;
            let value = output.value;
            let prevout = TxOut {
                value,
                script_pubkey,
            };
            Ok(Source::External { outpoint, prevout })
        });
        sources.collect()
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

    /// The funding transaction: `contract` outputs first, then everybody's change.
    fn funding(
        &mut self,
        outputs: Vec<NodeOutput>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Result<NodeId, TemplateError> {
        let record = self.terms.record();
        let brought = roles.into_iter();
        let brought = brought.filter_map(|role| Some((role.into(), record.funding(role)?)));
        Ok(self
            .plain
            .funding(("Tx0", "deposits locked"), brought, outputs)?)
    }

    /// A pre-signed transaction with these outputs and an anchor.
    pub(super) fn step(
        &mut self,
        step: PresignedTransaction,
        outputs: Vec<NodeOutput>,
    ) -> Result<NodeId, TemplateError> {
        Ok(self.plain.step(PresignedTransaction { outputs, ..step })?)
    }

    /// A pre-signed transaction that pays everybody out as the settlement table says.
    pub(super) fn settlement(
        &mut self,
        step: PresignedTransaction,
        outcome: Outcome,
    ) -> Result<NodeId, TemplateError> {
        let outputs = self.payouts(outcome)?;
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
        point.map(|point| self.plain.graph.adaptor(Adaptor { point, needs }))
    }

    fn payouts(&mut self, outcome: Outcome) -> Result<Vec<NodeOutput>, TemplateError> {
        let payout = settle(self.terms.params(), outcome)?;
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
            let script = match (role, outcome, &self.token) {
                (Role::Verifier, outcome, Some((script, key))) if outcome.pays_an_approval() => {
                    self.plain.graph.script(script, || format!("tr({key})"))
                }
                _ => {
                    let script = terms.payout(role).map_or(Script::new(), |s| s.as_script());
                    self.plain.plain_script(script)
                }
            };
            outputs.push(NodeOutput {
                value,
                script,
                purpose: Purpose::Payout(role.into()),
            });
        }
        if payout.fund > Amount::ZERO {
            let script = self
                .plain
                .plain_script(Script::from_bytes(terms.params().fund()));
            outputs.push(NodeOutput {
                value: payout.fund,
                script,
                purpose: Purpose::Fund,
            });
        }
        Ok(outputs)
    }
}

/// An input that spends an output of a key set in the graph.
pub(super) fn spend(node: NodeId, vout: u32, keys: KeySetId, sequence: Sequence) -> NodeInput {
    builder::spend(node, vout, Spend::KeyPath(keys), sequence)
}

/// An input that spends one of the outputs that the contract begins with.
pub(super) fn spend_first(source: &Source, keys: KeySetId, sequence: Sequence) -> NodeInput {
    NodeInput {
        source: source.clone(),
        sequence,
        spend: Spend::KeyPath(keys),
    }
}

/// What the key of a contract output in a host commits to. The salts of the terms are in it, so that no two attempts at a
/// contract have such a key in common.
pub(super) fn hosted_root(draft: &TermsDraft) -> [u8; 32] {
    let parts: [&[u8]; 2] = [&draft.params().hash(), draft.unplaced_id()];
    tagged_hash_parts("narthex/hosted-output", &parts)
}

/// A relative timelock, none for 0 blocks.
pub(super) fn relative(blocks: u16) -> Sequence {
    if blocks == 0 {
        UNLOCKED
    } else {
        Sequence::from_height(blocks)
    }
}
