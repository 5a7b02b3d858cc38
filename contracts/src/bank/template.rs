//! The bank's transactions, as a graph of the engine: funding, freeze, the payer's two exits; and, each as a graph of
//! its own, a claim by a rung and an agreed close.

use std::str::FromStr;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TapNodeHash, Transaction, TxOut, XOnlyPublicKey,
    hashes::Hash,
    secp256k1::PublicKey,
    taproot::{ControlBlock, LeafVersion},
};
use miniscript::{Descriptor, Miniscript, Tap};

use super::{BankError, BankFunding, BankTerms};
use crate::{
    graph::{
        GraphBuilder, KeySetId, Leaf, LeafId, Node, NodeId, NodeInput, NodeName, NodeOutput,
        Purpose, ScriptId, SigningPlan, Source, Spend, Stage, TxGraph,
    },
    hash::tagged_hash,
    musig::KeySet,
    role::Role,
};

/// The payer A has the client's role.
pub const PAYER: Role = Role::Client;
/// The provider P has the worker's.
pub const PROVIDER: Role = Role::Worker;

/// The freeze: moves the bank's coin to where rungs spend it.
pub const FREEZE: NodeId = NodeId(1);
/// The payer takes everything back after T.
pub const REFUND: NodeId = NodeId(2);
/// The payer takes back what was frozen and not claimed in D blocks.
pub const THAW: NodeId = NodeId(3);

/// A bank: its terms and the transactions that both derive from them alone.
#[derive(Debug)]
pub struct Bank {
    terms: BankTerms,
    graph: TxGraph,
    bank: Vault,
    frozen: Vault,
}

/// An output of the bank, with everything that spends it.
#[derive(Debug, Clone)]
struct Vault {
    keys: KeySet,
    descriptor: String,
    /// Leaf of both and who signs it, in the frozen output only.
    both: Option<(ScriptBuf, ControlBlock, [KeySet; 2])>,
    /// Leaf of the payer alone.
    alone: (ScriptBuf, ControlBlock, KeySet),
}

impl Bank {
    /// A bank that the payer's wallet funds.
    pub fn new(terms: BankTerms) -> Result<Bank, BankError> {
        match &terms.record().funding {
            BankFunding::Wallet { .. } => Bank::derive(terms, None),
            BankFunding::Frozen { .. } => Err(BankError::Missing("earlier bank")),
        }
    }

    /// A bank that goes on with the frozen coin of `prior`.
    pub fn resumed(terms: BankTerms, prior: &Bank) -> Result<Bank, BankError> {
        let bad = |field, problem: &str| BankError::Terms {
            field,
            problem: problem.into(),
        };
        let (old, new) = (prior.terms.record(), terms.record());
        let BankFunding::Frozen { prior: id, paid } = new.funding else {
            return Err(bad("funding", "does not come from a frozen bank"));
        };
        if id.to_byte_array() != prior.terms.id() {
            return Err(bad("funding", "comes from another bank"));
        }
        if paid > old.pennies || (paid > 0 && !prior.terms.has_rung(paid)) {
            return Err(bad("funding", "pays the provider dust, or too much"));
        }
        if old.capacity_sat.checked_sub(prior.terms.worth(paid)) != Some(new.capacity_sat) {
            return Err(bad("capacity_sat", "is not what the earlier bank leaves"));
        }
        Bank::derive(terms, Some((prior, paid)))
    }

    fn derive(terms: BankTerms, prior: Option<(&Bank, u32)>) -> Result<Bank, BankError> {
        let (bank, frozen) = (Vault::bank(&terms)?, Vault::frozen(&terms)?);
        let graph = Draft::whole(&terms, [&bank, &frozen], prior)?
            .graph
            .finish();
        Ok(Bank {
            terms,
            graph,
            bank,
            frozen,
        })
    }

    /// All of a bank that a wallet funds in one graph, to look at: with the claim by `rung`, and a close in its place.
    pub fn picture(&self, rung: u32, fee: Amount) -> Result<TxGraph, BankError> {
        let terms = &self.terms;
        let mut draft = Draft::whole(terms, [&self.bank, &self.frozen], None)?;
        let coin = |node| Source::Output { node, vout: 0 };
        draft.claim(&self.frozen, coin(FREEZE), rung)?;
        draft.close(&self.bank, coin(TxGraph::FUNDING), rung, fee)?;
        Ok(draft.graph.finish())
    }

    /// The terms.
    pub fn terms(&self) -> &BankTerms {
        &self.terms
    }

    /// Funding, freeze, refund and thaw.
    pub fn graph(&self) -> &TxGraph {
        &self.graph
    }

    /// Where the coin is: in the bank, or frozen.
    pub fn coin(&self, frozen: bool) -> Result<(OutPoint, TxOut), BankError> {
        let (node, vault) = match frozen {
            false => (TxGraph::FUNDING, &self.bank),
            true => (FREEZE, &self.frozen),
        };
        let txid = self.graph.txid(node).ok_or(BankError::Missing("coin"))?;
        let prevout = TxOut {
            value: self.terms.record().capacity_sat,
            script_pubkey: vault.script(),
        };
        Ok((OutPoint { txid, vout: 0 }, prevout))
    }

    /// The claim by a rung: pays the provider `rung` pennies and the payer the rest. The one transaction of its graph.
    pub fn claim(&self, rung: u32) -> Result<TxGraph, BankError> {
        let mut draft = Draft::new(&self.terms);
        draft.claim(&self.frozen, self.external(true)?, rung)?;
        Ok(draft.graph.finish())
    }

    /// An agreed end that pays its own fee out of the payer's part, of the bank's coin or of the frozen one.
    pub fn close(&self, paid: u32, fee: Amount, frozen: bool) -> Result<TxGraph, BankError> {
        let vault = if frozen { &self.frozen } else { &self.bank };
        let mut draft = Draft::new(&self.terms);
        draft.close(vault, self.external(frozen)?, paid, fee)?;
        Ok(draft.graph.finish())
    }

    fn external(&self, frozen: bool) -> Result<Source, BankError> {
        let (outpoint, prevout) = self.coin(frozen)?;
        Ok(Source::External { outpoint, prevout })
    }
}

/// A transaction with one input, finished with these signatures in the order of its signers.
pub(super) fn finish(
    graph: &TxGraph,
    id: NodeId,
    signatures: &[[u8; 64]],
) -> Result<Transaction, BankError> {
    let missing = || BankError::Missing("transaction");
    let mut tx = graph.assemble(id).ok_or_else(missing)?;
    let node = graph.node(id).ok_or_else(missing)?;
    for (input, txin) in node.inputs.iter().zip(&mut tx.input) {
        txin.witness = graph.witness(input, signatures).ok_or_else(missing)?;
    }
    Ok(tx)
}

/// No relative timelock; nLockTime counts (BIP65) and replacement is signalled (BIP125).
const UNLOCKED: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

impl Vault {
    /// `tr(K(A,P),{and_v(v:pk(A),after(T))})`.
    fn bank(terms: &BankTerms) -> Result<Vault, BankError> {
        let alone = lone(terms, PAYER, "refund")?;
        let leaf = format!(
            "and_v(v:pk({}),after({}))",
            alone.output_key(),
            terms.record().refund_height
        );
        let (keys, descriptor, mut leaves) = vault(terms, &leaf, &[&leaf])?;
        let (script, control) = leaves.pop().ok_or(BankError::Missing("leaf"))?;
        Ok(Vault {
            keys,
            descriptor,
            both: None,
            alone: (script, control, alone),
        })
    }

    /// `tr(K,{multi_a(2,A,P),and_v(v:pk(A),older(D))})`.
    fn frozen(terms: &BankTerms) -> Result<Vault, BankError> {
        let signers = [lone(terms, PAYER, "rung")?, lone(terms, PROVIDER, "rung")?];
        let alone = lone(terms, PAYER, "thaw")?;
        let [a, p] = [signers[0].output_key(), signers[1].output_key()];
        let both = format!("multi_a(2,{a},{p})");
        let after = format!(
            "and_v(v:pk({}),older({}))",
            alone.output_key(),
            terms.record().claim_blocks
        );
        let tree = format!("{{{both},{after}}}");
        let (keys, descriptor, leaves) = vault(terms, &tree, &[&both, &after])?;
        let [(both, control), (after, after_control)] =
            leaves.try_into().map_err(|_| BankError::Missing("leaf"))?;
        Ok(Vault {
            keys,
            descriptor,
            both: Some((both, control, signers)),
            alone: (after, after_control, alone),
        })
    }

    fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr_tweaked(bitcoin::key::TweakedPublicKey::dangerous_assume_tweaked(
            self.keys.output_key(),
        ))
    }
}

/// One party's key at one place: its own for each branch of each bank.
fn lone(terms: &BankTerms, role: Role, place: &str) -> Result<KeySet, BankError> {
    let root = tagged_hash("narthex/bank-key", &[&terms.id(), place.as_bytes()]);
    let root = Some(TapNodeHash::from_byte_array(root));
    Ok(KeySet::new(&[(role, key(terms, role))], root)?)
}

pub(super) fn key(terms: &BankTerms, role: Role) -> PublicKey {
    match role {
        PROVIDER => terms.record().provider,
        _ => terms.record().payer,
    }
}

type Leaves = Vec<(ScriptBuf, ControlBlock)>;

/// The key set of K with a script tree, its descriptor, and each leaf with its proof.
fn vault(
    terms: &BankTerms,
    tree: &str,
    leaves: &[&str],
) -> Result<(KeySet, String, Leaves), BankError> {
    let script_error = |e: miniscript::Error| BankError::Script(e.to_string());
    let both = [PAYER, PROVIDER].map(|role| (role, key(terms, role)));
    let keys = KeySet::new(&both, None)?;
    let text = format!("tr({},{tree})", keys.internal_key());
    let descriptor = Descriptor::<XOnlyPublicKey>::from_str(&text).map_err(script_error)?;
    let Descriptor::Tr(tr) = &descriptor else {
        return Err(BankError::Script("not a Taproot descriptor".into()));
    };
    let spend = tr.spend_info();
    let proven = leaves
        .iter()
        .map(|leaf| {
            let script = Miniscript::<XOnlyPublicKey, Tap>::from_str(leaf)
                .map_err(script_error)?
                .encode();
            let control = spend
                .control_block(&(script.clone(), LeafVersion::TapScript))
                .ok_or(BankError::Missing("leaf"))?;
            Ok((script, control))
        })
        .collect::<Result<Vec<_>, BankError>>()?;
    Ok((keys.with_root(spend.merkle_root())?, text, proven))
}

/// A graph under construction.
struct Draft<'a> {
    terms: &'a BankTerms,
    graph: GraphBuilder,
}

impl<'a> Draft<'a> {
    fn new(terms: &'a BankTerms) -> Draft<'a> {
        Draft {
            terms,
            graph: GraphBuilder::default(),
        }
    }

    /// Funding, freeze, refund and thaw.
    fn whole(
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

    fn claim(&mut self, frozen: &Vault, coin: Source, rung: u32) -> Result<NodeId, BankError> {
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

    fn close(
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
