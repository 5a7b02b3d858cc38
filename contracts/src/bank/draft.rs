//! How each transaction of a bank is put into a graph.

use bitcoin::{Amount, OutPoint, Sequence};

use super::{Bank, BankError, BankFunding, BankTerms, FREEZE, PAYER, PROVIDER, vault::Vault};
use crate::{
    graph::{
        GraphBuilder, KeySetId, Leaf, LeafId, Node, NodeId, NodeInput, NodeName, NodeOutput,
        Purpose, ScriptId, SigningPlan, Source, Spend, Stage, TxGraph,
    },
    role::Role,
};

/// No relative timelock; nLockTime counts (BIP65) and replacement is signalled (BIP125).
const UNLOCKED: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// A graph under construction.
pub(super) struct Draft<'a> {
    terms: &'a BankTerms,
    pub(super) graph: GraphBuilder,
}

impl<'a> Draft<'a> {
    pub(super) fn new(terms: &'a BankTerms) -> Draft<'a> {
        Draft {
            terms,
            graph: GraphBuilder::default(),
        }
    }

    /// Funding, freeze, refund and thaw.
    pub(super) fn whole(
        terms: &'a BankTerms,
        [bank, frozen]: [&Vault; 2],
        prior: Option<(&Bank, u32)>,
    ) -> Result<Draft<'a>, BankError> {
        let record = terms.record();
        let mut draft = Draft::new(terms);
        let (bank_keys, bank_script) = draft.vault(bank);
        let (frozen_keys, frozen_script) = draft.vault(frozen);
        let output = |keys, script| NodeOutput {
            value: record.capacity_sat,
            script,
            purpose: Purpose::Contract(keys),
        };
        draft.funding(output(bank_keys, bank_script), prior)?;
        let coin = |node| Source::Output { node, vout: 0 };
        draft.step(
            ("Freeze", "stopped, to be claimed"),
            (coin(TxGraph::FUNDING), UNLOCKED, Spend::KeyPath(bank_keys)),
            (0, &[PAYER, PROVIDER]),
            vec![output(frozen_keys, frozen_script)],
        )?;
        let back = draft.payout(PAYER, record.capacity_sat);
        let leaf = draft.alone(bank);
        draft.step(
            ("Refund", "never frozen, all back to the payer"),
            (coin(TxGraph::FUNDING), UNLOCKED, Spend::Leaf(leaf)),
            (record.refund_height, &[PAYER]),
            vec![back.clone()],
        )?;
        let leaf = draft.alone(frozen);
        let d = Sequence::from_height(record.claim_blocks);
        draft.step(
            ("Thaw", "frozen, not claimed, all back to the payer"),
            (coin(FREEZE), d, Spend::Leaf(leaf)),
            (0, &[PAYER]),
            vec![back],
        )?;
        Ok(draft)
    }

    pub(super) fn claim(
        &mut self,
        frozen: &Vault,
        coin: Source,
        rung: u32,
    ) -> Result<NodeId, BankError> {
        let terms = self.terms;
        if !terms.has_rung(rung) {
            let problem = "the bank has no such rung";
            return Err(BankError::Rung { rung, problem });
        }
        let leaf = self.both(frozen)?;
        let outputs = self.split(terms.worth(rung), Amount::ZERO)?;
        self.step(
            ("Claim", "the provider claims its best rung"),
            (coin, UNLOCKED, Spend::Leaf(leaf)),
            (0, &[PROVIDER]),
            outputs,
        )
    }

    pub(super) fn close(
        &mut self,
        vault: &Vault,
        coin: Source,
        paid: u32,
        fee: Amount,
    ) -> Result<NodeId, BankError> {
        let terms = self.terms;
        let refused = |problem| BankError::Ending { paid, fee, problem };
        if paid > terms.record().pennies || (paid > 0 && !terms.has_rung(paid)) {
            return Err(refused("it pays the provider dust, or too much"));
        }
        let (keys, _) = self.vault(vault);
        let outputs = self
            .split(terms.worth(paid), fee)
            .map_err(|_| refused("it leaves the payer nothing"))?;
        let node = self.node(
            ("Close", "payer and provider agree"),
            (coin, UNLOCKED, Spend::KeyPath(keys)),
            (0, &[PAYER, PROVIDER]),
            outputs,
        );
        Ok(self.graph.node(Node { version: 2, ..node })?)
    }

    fn vault(&mut self, vault: &Vault) -> (KeySetId, ScriptId) {
        self.graph
            .key_set(vault.keys.clone(), Some(vault.descriptor.clone()))
    }

    fn alone(&mut self, vault: &Vault) -> LeafId {
        let (script, control, keys) = vault.alone.clone();
        let (signer, _) = self.graph.key_set(keys, None);
        self.graph.leaf(Leaf {
            script,
            control,
            signers: vec![signer],
        })
    }

    fn both(&mut self, vault: &Vault) -> Result<LeafId, BankError> {
        let both = vault.both.clone();
        let (script, control, signers) = both.ok_or(BankError::Missing("leaf of both"))?;
        let signers = signers
            .map(|keys| self.graph.key_set(keys, None).0)
            .to_vec();
        Ok(self.graph.leaf(Leaf {
            script,
            control,
            signers,
        }))
    }

    fn payout(&mut self, role: Role, value: Amount) -> NodeOutput {
        let record = self.terms.record();
        let script = match role {
            PROVIDER => &record.provider_script,
            _ => &record.payer_script,
        };
        NodeOutput {
            value,
            script: self.graph.script(script, || format!("raw({script:x})")),
            purpose: Purpose::Payout(role),
        }
    }

    /// `earned` to the provider and the rest, less a fee, to the payer.
    fn split(&mut self, earned: Amount, fee: Amount) -> Result<Vec<NodeOutput>, BankError> {
        let capacity = self.terms.record().capacity_sat;
        let rest = capacity
            .checked_sub(earned)
            .and_then(|rest| rest.checked_sub(fee))
            .ok_or(BankError::Missing("rest for the payer"))?;
        if rest < self.terms.record().payer_script.minimal_non_dust() {
            return Err(BankError::Missing("rest for the payer"));
        }
        let mut outputs = Vec::new();
        if earned > Amount::ZERO {
            outputs.push(self.payout(PROVIDER, earned));
        }
        outputs.push(self.payout(PAYER, rest));
        Ok(outputs)
    }

    fn node(
        &self,
        (base, meaning): (&'static str, &'static str),
        (source, sequence, spend): (Source, Sequence, Spend),
        (lock_height, movers): (u32, &[Role]),
        outputs: Vec<NodeOutput>,
    ) -> Node {
        let movers = movers.iter().copied().collect();
        Node {
            name: NodeName::plain(base),
            meaning,
            version: 3,
            lock_height,
            inputs: vec![NodeInput {
                source,
                sequence,
                spend,
            }],
            outputs,
            signing: Some(SigningPlan {
                stage: Stage::Settlement,
                movers,
                holders: movers,
                awaits: None,
                adaptor: None,
            }),
        }
    }

    /// A transaction that pays no fee itself and has an anchor.
    fn step(
        &mut self,
        name: (&'static str, &'static str),
        input: (Source, Sequence, Spend),
        when: (u32, &[Role]),
        mut outputs: Vec<NodeOutput>,
    ) -> Result<NodeId, BankError> {
        outputs.push(self.graph.anchor());
        let node = self.node(name, input, when, outputs);
        Ok(self.graph.node(node)?)
    }

    fn funding(
        &mut self,
        output: NodeOutput,
        prior: Option<(&Bank, u32)>,
    ) -> Result<NodeId, BankError> {
        if let Some((prior, paid)) = prior {
            let (keys, _) = self.vault(&prior.frozen);
            let mut outputs = vec![output];
            if paid > 0 {
                outputs.push(self.payout(PROVIDER, prior.terms.worth(paid)));
            }
            return self.step(
                ("Resume", "the frozen coin goes on in a new bank"),
                (prior.external(true)?, UNLOCKED, Spend::KeyPath(keys)),
                (0, &[PAYER, PROVIDER]),
                outputs,
            );
        }
        let BankFunding::Wallet { contribution, .. } = &self.terms.record().funding else {
            return Err(BankError::Missing("earlier bank"));
        };
        let mut inputs = contribution
            .coins
            .iter()
            .map(|coin| NodeInput {
                source: Source::External {
                    outpoint: coin.outpoint,
                    prevout: coin.prevout(),
                },
                sequence: UNLOCKED,
                spend: Spend::Wallet(PAYER),
            })
            .collect::<Vec<_>>();
        inputs.sort_by_key(|input| match &input.source {
            Source::External { outpoint, .. } => *outpoint,
            Source::Output { .. } => OutPoint::null(),
        });
        let mut outputs = vec![output];
        if let Some(change) = &contribution.change {
            outputs.push(NodeOutput {
                value: change.value_sat,
                script: self
                    .graph
                    .script(&change.script, || format!("raw({:x})", change.script)),
                purpose: Purpose::Change(PAYER),
            });
        }
        Ok(self.graph.node(Node {
            name: NodeName::plain("Bank"),
            meaning: "pennies locked",
            version: 2,
            lock_height: 0,
            inputs,
            outputs,
            signing: None,
        })?)
    }
}
