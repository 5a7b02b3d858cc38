//! What a party holds after setup: every signature that it may ever need.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Transaction,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};

use super::{Agreement, Item, Plan, plan::context};
use crate::{
    graph::{Adaptor, NodeId, TxGraph},
    musig::{
        AdaptorError, AdaptorPoint, AdaptorSignature, KeySet, PartialSignature, PublicNonce,
        Session,
    },
    party::{PartyId, PartyName},
};

/// One entry of the holdings.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// The whole (adaptor) signature.
    Complete(AdaptorSignature),
    /// The same, and own share is still kept from a party that waits for it.
    CompleteAndWithheld(AdaptorSignature, PartialSignature),
    /// Only own share, kept from a party that waits for it.
    Withheld(PartialSignature),
    /// All shares but one.
    Pending(Pending),
}

/// All shares but one, with what is needed to check that one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) nonces: Vec<PublicNonce>,
    pub(super) shares: Vec<Option<PartialSignature>>,
    pub(super) withheld: PartyId,
}

/// Why a transaction cannot be completed, or a message is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignaturesError {
    /// The transaction is not in the graph, or this party does not sign or hold it.
    #[error("{party} does not hold the signatures of {transaction}")]
    NotHeld {
        /// Oneself.
        party: PartyName,
        /// Name of the transaction.
        transaction: String,
    },
    /// A share is still withheld.
    #[error("{transaction} waits for the share of {signer}")]
    Waiting {
        /// Name of the transaction.
        transaction: String,
        /// Whose share it waits for.
        signer: PartyName,
    },
    /// A secret is missing.
    #[error("{transaction} is encrypted; it lacks {missing}")]
    Secret {
        /// Name of the transaction.
        transaction: String,
        /// What is missing, as the contract calls it.
        missing: String,
    },
    /// The secret or signature does not fit.
    #[error(transparent)]
    Adaptor(#[from] AdaptorError),
    /// A released share is false, or not the one that is waited for. The sender's fault.
    #[error("{signer} released a share that does not verify")]
    FalseRelease {
        /// Sender.
        signer: PartyName,
    },
    /// A signature that was handed over does not verify, or is none of the graph's. The fault of whoever handed it over.
    #[error("the signature that was handed over for {transaction} does not verify")]
    FalseSignature {
        /// Name of the transaction, or its place in the plan.
        transaction: String,
    },
    /// The verifier's approval pays it to a token, and this secret is not that token's: approving now burns its payment.
    #[error(
        "the token is not known: an approval without it pays the verifier to a key that nobody has"
    )]
    Token,
    /// A released share is of another contract, or of an earlier attempt. Not its signer's fault if somebody else sent
    /// it.
    #[error("the share that {signer} released is of another agreement")]
    ForeignRelease {
        /// Signer.
        signer: PartyName,
    },
    /// A signature that was handed over is of another agreement, or of an earlier attempt.
    #[error("the signature that was handed over is of another agreement")]
    OtherAgreement,
    /// The transaction on chain is not the one of the graph.
    #[error("the transaction {found} is not {transaction}")]
    OtherTransaction {
        /// Name of the transaction expected.
        transaction: String,
        /// Id of the one given.
        found: bitcoin::Txid,
    },
}

/// A share that its signer kept back until now: the verifier's "r = 1".
#[derive(Clone, PartialEq, Eq)]
pub struct Release {
    /// What was signed about.
    pub agreement_id: [u8; 32],
    /// Signer.
    pub from: PartyId,
    /// Position in the plan.
    pub item: u32,
    /// The share.
    pub share: PartialSignature,
}

/// Signatures of one party, with the graph that they belong to. Public data and secrets of nobody, except that
/// whoever gets hold of a party's holdings can make its moves.
pub struct ContractSignatures<T> {
    pub(super) terms: Arc<T>,
    pub(super) graph: Arc<TxGraph>,
    pub(super) plan: Arc<Plan>,
    me: PartyName,
    pub(super) held: BTreeMap<usize, Held>,
}

// Whoever reads a signature or a withheld share can make the move: logs show neither.
impl<T> Clone for ContractSignatures<T> {
    fn clone(&self) -> Self {
        ContractSignatures {
            terms: self.terms.clone(),
            graph: self.graph.clone(),
            plan: self.plan.clone(),
            me: self.me,
            held: self.held.clone(),
        }
    }
}

// Graph and plan follow from the terms.
impl<T: Agreement> PartialEq for ContractSignatures<T> {
    fn eq(&self, other: &Self) -> bool {
        self.terms.id() == other.terms.id() && self.me == other.me && self.held == other.held
    }
}

impl<T: Agreement> Eq for ContractSignatures<T> {}

impl<T> std::fmt::Debug for ContractSignatures<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContractSignatures")
            .field("me", &self.me)
            .field("entries", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Release")
            .field("from", &self.from)
            .field("item", &self.item)
            .finish_non_exhaustive()
    }
}

impl<T: Agreement> ContractSignatures<T> {
    pub(super) fn new(
        terms: Arc<T>,
        graph: Arc<TxGraph>,
        plan: Arc<Plan>,
        me: PartyName,
        held: BTreeMap<usize, Held>,
    ) -> ContractSignatures<T> {
        ContractSignatures {
            terms,
            graph,
            plan,
            me,
            held,
        }
    }

    /// Oneself.
    pub fn me(&self) -> PartyName {
        self.me
    }

    /// The terms.
    pub fn terms(&self) -> &Arc<T> {
        &self.terms
    }

    /// The graph.
    pub fn graph(&self) -> &Arc<TxGraph> {
        &self.graph
    }

    /// Number of signatures that the contract's parties made together, each of them one input's.
    pub fn items_signed(&self) -> usize {
        self.plan.items().len()
    }

    /// The shares of a transaction that this party has kept back so far. Whether it may part with them now is for the
    /// contract to say.
    pub(crate) fn withheld(&self, node: NodeId) -> Result<Vec<Release>, SignaturesError> {
        let releases = self
            .items(node)
            .filter_map(|(i, _)| match self.held.get(&i)? {
                Held::Withheld(share) | Held::CompleteAndWithheld(_, share) => Some(Release {
                    agreement_id: *self.terms.id(),
                    from: self.me.id,
                    item: i as u32,
                    share: *share,
                }),
                _ => None,
            })
            .collect::<Vec<_>>();
        if releases.is_empty() {
            Err(self.not_held(node))
        } else {
            Ok(releases)
        }
    }

    /// Takes a share that was kept back, after checking it and the signature that it completes.
    pub fn accept(&mut self, release: &Release) -> Result<(), SignaturesError> {
        let signer = self.terms.name(release.from);
        if release.agreement_id != *self.terms.id() {
            return Err(SignaturesError::ForeignRelease { signer });
        }
        let false_release = SignaturesError::FalseRelease { signer };
        let index = release.item as usize;
        let pending = match self.held.get(&index) {
            Some(Held::Pending(p)) if p.withheld == release.from => p,
            _ => return Err(false_release),
        };
        let item = self.plan.items().get(index).ok_or(false_release.clone())?;
        let complete = self
            .complete_pending(item, pending, release)
            .ok_or(false_release)?;
        self.held.insert(index, Held::Complete(complete));
        Ok(())
    }

    fn complete_pending(
        &self,
        item: &Item,
        pending: &Pending,
        release: &Release,
    ) -> Option<AdaptorSignature> {
        let (keys, point) = context(&self.graph, item).ok()?;
        let session = Session::new(keys, &pending.nonces, point, &item.message).ok()?;
        let position = keys.position(release.from)?;
        let mut shares = pending.shares.clone();
        *shares.get_mut(position)? = Some(release.share);
        let shares = shares.into_iter().collect::<Option<Vec<_>>>()?;
        let aggregate = session.aggregate(keys, &shares).ok()?;
        aggregate
            .verify(&keys.output_key(), &item.message, point)
            .ok()?;
        Some(aggregate)
    }

    /// The transaction ready for broadcast. `secret` gives what completes an adaptor signature, or says what is
    /// missing.
    pub(super) fn complete_with(
        &self,
        node: NodeId,
        secret: impl Fn(&Adaptor) -> Result<SecretKey, String>,
    ) -> Result<Transaction, SignaturesError> {
        self.complete_showing(node, secret, &[])
    }

    /// As [`Self::complete_with`], with the preimages that leaves want, in order of the inputs.
    pub(super) fn complete_showing(
        &self,
        node: NodeId,
        secret: impl Fn(&Adaptor) -> Result<SecretKey, String>,
        preimages: &[[u8; 32]],
    ) -> Result<Transaction, SignaturesError> {
        let not_held = || self.not_held(node);
        let secp = narthex_base::context::verifying();
        let mut tx = self.graph.assemble(node).ok_or_else(not_held)?;
        let mut signatures: Vec<Vec<[u8; 64]>> = vec![Vec::new(); tx.input.len()];
        for (i, item) in self.items(node) {
            let (keys, held) = self.complete_entry(node, i, item)?;
            let signature = match item.adaptor.and_then(|id| self.graph.adaptor(id)) {
                None => held.into_signature()?,
                Some(adaptor) => {
                    let secret = secret(adaptor).map_err(|missing| SignaturesError::Secret {
                        transaction: self.name(node),
                        missing,
                    })?;
                    held.complete(secp, &keys.output_key(), &item.message, &secret)?
                }
            };
            let of_input = signatures.get_mut(item.input as usize);
            of_input.ok_or_else(not_held)?.push(signature.serialize());
        }
        let inputs = &self.graph.node(node).ok_or_else(not_held)?.inputs;
        let mut left = preimages;
        for ((input, txin), signatures) in inputs.iter().zip(&mut tx.input).zip(&signatures) {
            let wanted = self.graph.preimages(input);
            let missing = || SignaturesError::Secret {
                transaction: self.name(node),
                missing: "the preimage of a hash".into(),
            };
            let (shown, rest) = left.split_at_checked(wanted).ok_or_else(missing)?;
            left = rest;
            let witness = self.graph.witness(input, signatures, shown);
            txin.witness = witness.ok_or_else(|| match signatures.is_empty() || wanted == 0 {
                true => not_held(),
                false => missing(),
            })?;
        }
        Ok(tx)
    }

    /// Checks that a transaction is this one of the graph.
    ///
    /// # Errors
    /// [`SignaturesError::OtherTransaction`]: the fault of whoever shows it.
    pub fn check_transaction(&self, node: NodeId, tx: &Transaction) -> Result<(), SignaturesError> {
        match tx.compute_txid() {
            found if self.graph.txid(node) == Some(found) => Ok(()),
            found => Err(SignaturesError::OtherTransaction {
                transaction: self.name(node),
                found,
            }),
        }
    }

    /// Takes out of a confirmed or broadcast transaction of the graph the secret that completed it, and the adaptor
    /// that it was encrypted under.
    pub fn extract(
        &self,
        node: NodeId,
        tx: &Transaction,
    ) -> Result<(SecretKey, &Adaptor), SignaturesError> {
        self.check_transaction(node, tx)?;
        let (i, item) = self.items(node).next().ok_or_else(|| self.not_held(node))?;
        let (_, held) = self.complete_entry(node, i, item)?;
        let adaptor = item
            .adaptor
            .and_then(|id| self.graph.adaptor(id))
            .ok_or_else(|| self.not_held(node))?;
        let inputs = &self
            .graph
            .node(node)
            .ok_or_else(|| self.not_held(node))?
            .inputs;
        let at = item.input as usize;
        let signature = (inputs.get(at).zip(tx.input.get(at)))
            .and_then(|(input, txin)| self.graph.signature_in(input, item.place, &txin.witness))
            .ok_or(AdaptorError::Unrelated)?;
        let secp = Secp256k1::signing_only();
        let point: PublicKey = adaptor
            .point
            .to_public_key()
            .map_err(|_| AdaptorError::Unrelated)?;
        Ok((held.extract(&secp, &signature, &point)?, adaptor))
    }

    /// Checks every signature held, as after reading them back from a disk.
    pub fn verify(&self) -> Result<(), SignaturesError> {
        for (i, held) in &self.held {
            let Some(item) = self.plan.items().get(*i) else {
                return Err(AdaptorError::Invalid.into());
            };
            let (keys, point): (&KeySet, Option<&AdaptorPoint>) =
                context(&self.graph, item).map_err(|_| AdaptorError::Invalid)?;
            if let Held::Complete(sig) | Held::CompleteAndWithheld(sig, _) = held {
                sig.verify(&keys.output_key(), &item.message, point)?;
            }
        }
        Ok(())
    }

    /// Whether every entry is there that a finished ceremony leaves, and of the right kind. A share that was waited
    /// for may have come since.
    pub(super) fn is_whole(&self) -> bool {
        let me = self.me.id;
        self.terms.signer(me).is_some()
            && self.held.len() <= self.plan.items().len()
            && self.plan.items().iter().enumerate().all(|(i, item)| {
                let withholds = item.withheld.is_some_and(|a| a.signer == me);
                let waits = item.withheld.filter(|a| a.holder == me);
                match (self.held.get(&i), item.collects(me), withholds) {
                    // What was not gathered here may have been handed over whole.
                    (None | Some(Held::Complete(_)), false, false) => true,
                    (Some(Held::CompleteAndWithheld(..)), false, true) => true,
                    (Some(Held::Withheld(_)), false, true) => true,
                    (Some(Held::CompleteAndWithheld(..)), true, true) => true,
                    (Some(Held::Complete(_)), true, false) => true,
                    (Some(Held::Pending(p)), true, false) => {
                        let signers = item.signers.len();
                        let missing = p.shares.iter().filter(|share| share.is_none()).count();
                        waits.is_some_and(|a| a.signer == p.withheld)
                            && (p.shares.len(), missing) == (signers, 1)
                    }
                    _ => false,
                }
            })
            && self.held.keys().all(|i| *i < self.plan.items().len())
    }

    /// Transactions that this party can complete, given their secrets.
    pub fn complete_nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.graph.nodes().map(|(id, _)| id).filter(|id| {
            let mut items = self.items(*id).peekable();
            items.peek().is_some()
                && items.all(|(i, item)| self.complete_entry(*id, i, item).is_ok())
        })
    }

    pub(super) fn complete_entry(
        &self,
        node: NodeId,
        i: usize,
        item: &Item,
    ) -> Result<(&KeySet, AdaptorSignature), SignaturesError> {
        let keys = self
            .graph
            .key_set(item.keys)
            .ok_or_else(|| self.not_held(node))?;
        match self.held.get(&i) {
            Some(Held::Complete(sig) | Held::CompleteAndWithheld(sig, _)) => Ok((keys, *sig)),
            Some(Held::Pending(p)) => Err(SignaturesError::Waiting {
                transaction: self.name(node),
                signer: self.terms.name(p.withheld),
            }),
            _ => Err(self.not_held(node)),
        }
    }

    pub(super) fn items(&self, node: NodeId) -> impl Iterator<Item = (usize, &Item)> {
        // Items are in order of their transactions.
        let items = self.plan.items();
        let start = items.partition_point(|item| item.node < node);
        items
            .iter()
            .enumerate()
            .skip(start)
            .take_while(move |(_, item)| item.node == node)
    }

    pub(super) fn name(&self, node: NodeId) -> String {
        self.graph
            .node(node)
            .map(|n| n.name.to_string())
            .unwrap_or_else(|| format!("#{}", node.0))
    }

    pub(super) fn not_held(&self, node: NodeId) -> SignaturesError {
        SignaturesError::NotHeld {
            party: self.me,
            transaction: self.name(node),
        }
    }
}
