//! Endings that client, worker and verifier agree on when they come: one ordinary transaction that pays its own
//! fee and says nothing about the contract.
//!
//! Signed by the same ceremony as everything else, as a graph of one transaction. With the result point as
//! adaptor, the worker's publishing it still reveals the result secret to the client.
//!
//! Here the coin is locked already, so that the order of shares matters: a worker that cancels the point with its
//! nonce could complete the sum without its secret (`docs/adr/0002-adaptor-in-aggregate-nonce.md`). The client
//! therefore collects everybody's shares, holds a verified adaptor signature, and only then releases its own to
//! the worker ([`ContractSignatures::release`]).
//!
//! An agreement is signed once. A run that fails is followed by another attempt, with a number of its own that is bound to
//! what is agreed on before anything is sent ([`crate::binding`]), and nothing that was sent in one attempt counts in
//! another. An agreement that was not concluded by its expiry is void: nobody starts signing it, and the client does not
//! release its share. What the expiry cannot do is take back a share that was released: a worker that holds the whole
//! transaction may publish it as long as the coin is there. Whoever needs an earlier agreement dead spends the coin.

mod message;

use narthex_base::tagged::tagged_hash_parts;
use std::sync::Arc;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxOut,
    hashes::Hash,
    secp256k1::{PublicKey, SecretKey},
};

use crate::{
    binding::{Bindings, Mark},
    graph::{
        Adaptor, GraphBuilder, GraphError, KeySetId, Node, NodeId, NodeInput, NodeName, NodeOutput,
        Purpose, ScriptId, SigningPlan, Source, Spend, SpendPlan, TxGraph, Withheld,
    },
    musig::{AdaptorPoint, KeySet},
    party::{PartyId, PartyName, PartySet},
    setup::{
        Agreement, ContractSignatures, Party, Release, RestoreError, Secrets, SetupError,
        SignaturesError, Signing,
    },
    template::{ContractSecret, TemplateError, stage},
    terms::{FeeError, FeeRate, FeeRules, Role, Terms},
};

/// What the three agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Name of the transaction in the contract's graph whose first output is spent: `Tx0`, `TxD`, `TxV1`, `TxV0`. Where
    /// another transaction hosts the contract, `Tx0` stands for that one's output.
    pub spends: NodeName,
    /// Who gets what; the rest is the fee.
    pub payouts: Vec<(Role, Amount)>,
    /// Whether completing it takes, and so reveals, the worker's result secret.
    pub reveals_result: bool,
    /// Number of the attempt: any that none of the three has used for this coin yet.
    pub attempt: u32,
    /// Height of the tip from which on the agreement is void, unless its transaction is complete; at most
    /// [`MAX_OPEN_BLOCKS`] above the tip of each party that starts.
    pub expires_height: u32,
}

/// Most blocks from the tip to the expiry of an agreement: two weeks. Three that are at a table need hours; an agreement
/// that stays open for longer may be completed by whoever it has come to suit, when the others have forgotten it.
pub const MAX_OPEN_BLOCKS: u32 = 2_016;

/// The largest part of the coin that an ending may pay as its fee: one in this many. More is taken for a mistake.
const SHARE: u64 = 10;

/// Where a contract begins.
const FIRST: NodeName = NodeName::plain("Tx0");

/// What an attempt at an ending is bound as.
const PURPOSE: &str = "ending";

/// An ending that is being signed: a proposal for one contract, in one attempt.
#[derive(Debug)]
pub struct Ending {
    terms: Arc<Terms>,
    proposal: Proposal,
    id: [u8; 32],
}

impl Ending {
    /// What is agreed on.
    pub fn proposal(&self) -> &Proposal {
        &self.proposal
    }
}

impl Agreement for Ending {
    fn id(&self) -> &[u8; 32] {
        &self.id
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        let signs = Role::principals().contains(party);
        self.terms.key(party.into()).filter(|_| signs)
    }

    fn everyone(&self) -> Vec<PartyName> {
        Role::PRINCIPALS.map(PartyName::from).to_vec()
    }

    fn name(&self, party: PartyId) -> PartyName {
        self.terms.name(party)
    }
}

/// Name of the transaction in its own graph.
pub const COOP: NodeName = NodeName::plain("coop");

/// Why a proposal is not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoopError {
    /// The output named is not one of client, worker and verifier.
    #[error("{0} has no output that client, worker and verifier can spend together")]
    NotSpendable(NodeName),
    /// Pays a role that is not one of the three.
    #[error("{0} is not paid by an agreement of client, worker and verifier")]
    Payee(Role),
    /// Too late: what the three thought of when they agreed may have changed since.
    #[error("the agreement is void from height {expires_height} on, and the tip is at {tip}")]
    Expired {
        /// Height of the tip as the caller knows it.
        tip: u32,
        /// When it expired.
        expires_height: u32,
    },
    /// Whoever proposed it asks the others to be bound for too long.
    #[error(
        "the agreement would be open until height {expires_height}, {} blocks above the tip at {tip}; at most {MAX_OPEN_BLOCKS} are agreed to",
        expires_height - tip
    )]
    Distant {
        /// Height of the tip as the caller knows it, below the expiry.
        tip: u32,
        /// When it would expire.
        expires_height: u32,
    },
    /// The fee is a mistake: of whoever names what is paid.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// The transaction breaks a law of the engine.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Terms or points are degenerate.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The ceremony cannot start.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// What was stored of an attempt cannot be read back.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Nothing is held back of this transaction.
    #[error(transparent)]
    ContractSignatures(#[from] SignaturesError),
}

impl Proposal {
    /// One party's side of signing it, with `tip` at this height. The attempt is bound to this proposal in `store` before
    /// this returns, and refused if it was bound before: to another proposal, or to this one in a run that failed.
    ///
    /// # Errors
    /// [`CoopError`]. Only if the last check, of the record itself, fails may anything be written.
    pub fn party(
        &self,
        terms: &Arc<Terms>,
        contract: &TxGraph,
        (role, key): (Role, &SecretKey),
        tip: u32,
        store: &mut dyn Bindings,
    ) -> Result<Party<Ending>, CoopError> {
        self.check_start(tip)?;
        let (ending, graph, coin) = self.ending(terms, contract)?;
        let attempt = self.attempt.to_be_bytes();
        let parts: [&[u8]; 5] = [
            terms.contract_id(),
            &[role.index() as u8],
            coin.txid.as_byte_array(),
            &coin.vout.to_be_bytes(),
            &attempt,
        ];
        let (mark, id) = (Mark::of(PURPOSE, &parts.concat()), ending.id);
        let bind = || mark.bind(id, store);
        Ok(Party::for_bound::<SetupError>(
            Arc::new(ending),
            graph,
            role,
            key,
            bind,
        )?)
    }

    /// What is signed about, its graph, and the coin that it spends.
    fn ending(
        &self,
        terms: &Arc<Terms>,
        contract: &TxGraph,
    ) -> Result<(Ending, TxGraph, OutPoint), CoopError> {
        let (graph, coin) = self.graph(terms, contract)?;
        let transaction = graph.find(COOP).and_then(|node| graph.txid(node));
        let transaction = transaction.ok_or(CoopError::NotSpendable(self.spends))?;
        let (attempt, expires) = (
            self.attempt.to_be_bytes(),
            self.expires_height.to_be_bytes(),
        );
        let parts: [&[u8]; 5] = [
            terms.agreement_id(),
            transaction.as_byte_array(),
            &[self.reveals_result.into()],
            &attempt,
            &expires,
        ];
        let ending = Ending {
            terms: terms.clone(),
            proposal: self.clone(),
            id: tagged_hash_parts("narthex/ending", &parts),
        };
        Ok((ending, graph, coin))
    }

    /// A run of the ceremony that was stored before a crash ([`Signing::to_bytes`]), read back. Of this proposal only:
    /// another attempt is another agreement.
    ///
    /// # Errors
    /// [`CoopError::Restore`]; those of [`Proposal::party`] about what is spent and paid.
    pub fn resume(
        &self,
        terms: &Arc<Terms>,
        contract: &TxGraph,
        bytes: &[u8],
    ) -> Result<Signing<Ending>, CoopError> {
        let (ending, graph, _) = self.ending(terms, contract)?;
        Ok(Signing::restore(Arc::new(ending), |_| Ok(graph), bytes)?)
    }

    /// The signatures of a finished ceremony, stored ([`ContractSignatures::to_bytes`]) and read back.
    ///
    /// # Errors
    /// As [`Proposal::resume`].
    pub fn restore(
        &self,
        terms: &Arc<Terms>,
        contract: &TxGraph,
        bytes: &[u8],
    ) -> Result<ContractSignatures<Ending>, CoopError> {
        let (ending, graph, _) = self.ending(terms, contract)?;
        let ending = Arc::new(ending);
        Ok(ContractSignatures::restore(ending, |_| Ok(graph), bytes)?)
    }

    /// Whether it may be begun with `tip` at this height: neither too late nor open for too long.
    ///
    /// # Errors
    /// [`CoopError::Expired`], [`CoopError::Distant`].
    pub fn check_start(&self, tip: u32) -> Result<(), CoopError> {
        self.check_time(tip)?;
        let expires_height = self.expires_height;
        // The tip is below.
        match expires_height - tip > MAX_OPEN_BLOCKS {
            true => Err(CoopError::Distant {
                tip,
                expires_height,
            }),
            false => Ok(()),
        }
    }

    /// Whether there is such a transaction of this contract, whatever the time.
    ///
    /// # Errors
    /// As [`Proposal::party`], but for those of time, of a key and of the record; [`CoopError::Fee`] if what is left for the fee is a mistake.
    pub fn check(&self, terms: &Arc<Terms>, contract: &TxGraph) -> Result<(), CoopError> {
        self.ending(terms, contract)?;
        let coin = self.coin(terms, contract);
        let (_, coin, _) = coin.ok_or(CoopError::NotSpendable(self.spends))?;
        let weight = self.plan(terms, contract)?.weight;
        // What is paid is no more than the coin: the engine says so.
        let paid = self.payouts.iter().map(|(_, value)| value.to_sat());
        let fee = coin.value.to_sat().saturating_sub(paid.sum());
        let (fee, coins) = (Amount::from_sat(fee), coin.value);
        if fee > coins / SHARE {
            return Err(FeeError::Share { fee, coins }.into());
        }
        let rate = fee.to_sat().saturating_mul(1_000) / weight.to_wu().max(1);
        Ok(FeeRate::from_sat_per_kwu(rate).check()?)
    }

    /// Whether both are of one agreement: they differ in the number of the attempt at most.
    pub fn is_again(&self, other: &Proposal) -> bool {
        let other = Proposal {
            attempt: self.attempt,
            ..other.clone()
        };
        *self == other
    }

    fn check_time(&self, tip: u32) -> Result<(), CoopError> {
        match tip < self.expires_height {
            true => Ok(()),
            false => Err(CoopError::Expired {
                tip,
                expires_height: self.expires_height,
            }),
        }
    }

    /// What its transaction takes, before the fee is known: what it pays each does not matter, only whom it pays.
    ///
    /// # Errors
    /// [`CoopError::NotSpendable`], [`CoopError::Payee`].
    pub fn plan(&self, terms: &Terms, contract: &TxGraph) -> Result<SpendPlan, CoopError> {
        let mut graph = GraphBuilder::default();
        let (node, _) = self.node(terms, contract, &mut graph)?;
        let plan = graph.plan(&node);
        plan.ok_or(CoopError::NotSpendable(self.spends))
    }

    /// The graph of its one transaction, and the coin that it spends.
    fn graph(&self, terms: &Terms, contract: &TxGraph) -> Result<(TxGraph, OutPoint), CoopError> {
        let mut graph = GraphBuilder::default();
        let (node, coin) = self.node(terms, contract, &mut graph)?;
        graph.node(node)?;
        Ok((graph.finish(), coin))
    }

    /// The coin that is spent, and whose it is.
    fn coin<'g>(
        &self,
        terms: &Terms,
        contract: &'g TxGraph,
    ) -> Option<(OutPoint, TxOut, &'g KeySet)> {
        if let (FIRST, Some(host)) = (self.spends, terms.host()) {
            let outpoint = host.outpoint(host.contract);
            let keys = contract.nodes().find_map(|(_, node)| {
                let mut inputs = node.inputs.iter();
                let first = inputs.find(|input| contract.outpoint(input) == Some(outpoint))?;
                match first.spend {
                    Spend::KeyPath(keys) => contract.key_set(keys),
                    Spend::Wallet(_) | Spend::Leaf(_) => None,
                }
            });
            return Some((outpoint, contract.external(outpoint)?, keys?));
        }
        let parent = contract.find(self.spends)?;
        let keys = match contract.node(parent)?.outputs.first()?.purpose {
            Purpose::Contract(id) => contract.key_set(id)?,
            _ => return None,
        };
        let (outpoint, prevout) = contract.coin(parent, 0)?;
        Some((outpoint, prevout, keys))
    }

    fn node(
        &self,
        terms: &Terms,
        contract: &TxGraph,
        graph: &mut GraphBuilder,
    ) -> Result<(Node, OutPoint), CoopError> {
        let (outpoint, prevout, keys) = self
            .coin(terms, contract)
            .filter(|(.., keys)| keys.signers().collect::<PartySet>() == Role::principals())
            .ok_or(CoopError::NotSpendable(self.spends))?;
        let source = Source::External { outpoint, prevout };
        Role::PRINCIPALS
            .into_iter()
            .for_each(|role| graph.party(role));
        graph.secret(ContractSecret::Result);
        stage::ALL.into_iter().for_each(|name| graph.stage(name));
        let (keys, _): (KeySetId, ScriptId) = graph.key_set(keys.clone(), None);
        let adaptor = if self.reveals_result {
            let point =
                AdaptorPoint::try_from(terms.result_point()).map_err(TemplateError::from)?;
            Some(graph.adaptor(Adaptor {
                point,
                needs: vec![ContractSecret::Result.into()],
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
                purpose: Purpose::Payout((*role).into()),
            });
        }
        let node = Node {
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
                stage: stage::SETTLEMENT.id,
                broadcasters: [Role::Worker].into(),
                signature_holders: [Role::Client].into(),
                withheld: Some(Withheld {
                    holder: Role::Worker.into(),
                    signer: Role::Client.into(),
                }),
                adaptor,
            }),
        };
        Ok((node, outpoint))
    }
}

impl ContractSignatures<Ending> {
    /// The share that the client kept back, for the worker, with `tip` at this height.
    ///
    /// # Errors
    /// [`CoopError::Expired`] from the expiry on; [`CoopError::ContractSignatures`] for whoever keeps nothing back.
    pub fn release(&self, node: NodeId, tip: u32) -> Result<Vec<Release>, CoopError> {
        self.terms().proposal.check_time(tip)?;
        Ok(self.withheld(node)?)
    }

    /// The result secret out of the transaction as it was published.
    pub fn extract_result(
        &self,
        node: NodeId,
        tx: &Transaction,
    ) -> Result<SecretKey, SignaturesError> {
        self.extract_secret(node, tx, ContractSecret::Result, &Secrets::default())
    }
}
