//! What a party gives a watchtower: transactions that it may have to publish while it is away.
//!
//! A tower needs no secret, and is given none. Everything is derived from the terms anew by whoever reads a bundle: it says
//! of each transaction only which it is, and its signatures. So a bundle cannot say that a transaction spends or pays anything else
//! than the terms say, and whatever does not verify is refused whole.

use std::sync::Arc;

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_game_model::Template;

use super::{ContractSecret, Exit, TemplateError, derive};
use crate::{
    attest::{AttestError, Attestation},
    graph::{NodeId, NodeName, SecretId, TxGraph},
    musig::AdaptorSignature,
    party::{read_party, write_party},
    setup::{Agreement as _, ContractSignatures, RestoreError},
    terms::{MAX_TERMS_BYTES, Role, Terms, TermsError},
};

/// Most transactions of a bundle: more than a panel of 8 of 15 has settlements.
const MAX_TRANSACTIONS: usize = 1 << 16;
/// Most signatures of one: the pot's and one for each stake.
const MAX_SIGNATURES: usize = 32;
/// Most attestations: two rulings of each arbiter.
const MAX_ATTESTATIONS: usize = 32;

/// Largest bundle that is read, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 64 << 20;

/// How the party reads the chain, which the tower does for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TowerPace {
    /// First height that may hold the funding: from there on the chain is followed.
    pub since: u32,
    /// Blocks after which a block counts as settled, its own among them.
    pub depth: u32,
    /// b: blocks until a transaction confirms, whatever its fee rate.
    pub confirm: u16,
    /// m: blocks for a round of messages.
    pub message: u16,
}

/// What a tower is given for one party of one contract.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerBundle {
    terms: Arc<Terms>,
    role: Role,
    pace: TowerPace,
    transactions: Vec<(NodeId, Vec<AdaptorSignature>)>,
    attestations: Vec<Attestation>,
}

/// Why a bundle is none. The fault of whoever made it, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Another template: a tower serves contracts with a delivery on chain.
    #[error("towers serve no contract of the {template} template")]
    Template {
        /// Of the terms.
        template: Template,
    },
    /// The terms name no such party.
    #[error("the terms name no {role}")]
    NoParty {
        /// For whom the bundle is said to be.
        role: Role,
    },
    /// A transaction that no tower of this party may have.
    #[error("{transaction} is not for a tower of the {role}: {why}")]
    NotForTowers {
        /// Name of the transaction, or its place in the graph.
        transaction: String,
        /// For whom the bundle is.
        role: Role,
        /// Why not.
        why: NotGiven,
    },
    /// There is nothing to watch with.
    #[error("the {role} holds nothing that a tower could publish")]
    Empty {
        /// For whom.
        role: Role,
    },
    /// Its transactions are in another order than the graph, or one is there twice.
    #[error("the transactions are not in the order of the contract")]
    Order,
    /// The graph cannot be derived from the terms.
    #[error(transparent)]
    Derive(#[from] TemplateError),
    /// A signature does not verify.
    #[error(transparent)]
    Signatures(#[from] RestoreError),
    /// An attestation is none of these terms.
    #[error(transparent)]
    Attestation(#[from] AttestError),
}

/// Why no tower of a party may have a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGiven {
    /// The contract has no such transaction.
    #[error("the contract has no such transaction")]
    Unknown,
    /// It needs a secret that is not public, such as the result's.
    #[error("it shows a secret, which the tower could show early or sell")]
    Secret,
    /// It is a verdict, or a challenge of one.
    #[error("it is a verdict or challenges one, and a tower judges nothing")]
    Verdict,
    /// It is another party's to publish, or an admission.
    #[error("it is none that this party has to publish while it is away")]
    Other,
}

/// Whether a tower of this party may have a transaction. What needs the result secret would let the tower show it early, or tell
/// it to the client; a verdict is a judgement, and no tower's.
fn may_have(graph: &TxGraph, role: Role, node: NodeId, panel: u8) -> Result<(), NotGiven> {
    let name = graph.node(node).map(|node| node.name);
    let name = name.ok_or(NotGiven::Unknown)?;
    if [Exit::APPROVED, Exit::REJECTED, Exit::CHALLENGED].contains(&name) {
        return Err(NotGiven::Verdict);
    }
    let attested: Vec<SecretId> = ContractSecret::all(panel)
        .filter(|secret| matches!(secret, ContractSecret::Attestation(..)))
        .map(Into::into)
        .collect();
    let needs = graph.needs(node);
    if !needs.iter().all(|need| attested.contains(need)) {
        return Err(NotGiven::Secret);
    }
    let own: &[NodeName] = match role {
        Role::Client => &[
            Exit::WORKER_TIMEOUT,
            Exit::ABANDONED,
            Exit::WITHHELD,
            Exit::UNAPPEALED,
        ],
        Role::Worker => &[Exit::DELIVERED, Exit::APPEALED],
        Role::Verifier => &[Exit::WITHHELD, Exit::UNAPPEALED],
        Role::Arbiter(_) => &[],
    };
    let is_ruled = matches!(name.base, "S6" | "S5any" | "S6'" | "S5any'");
    match own.contains(&name) || is_ruled {
        true => Ok(()),
        false => Err(NotGiven::Other),
    }
}

impl TowerBundle {
    /// What a party that holds these signatures gives a tower: all that the tower may have, and how the panel has ruled as far as that is
    /// known.
    ///
    /// # Errors
    /// [`BundleError::Template`], [`BundleError::Empty`].
    pub fn of(
        signatures: &ContractSignatures<Terms>,
        pace: TowerPace,
        attestations: &[Attestation],
    ) -> Result<TowerBundle, BundleError> {
        let (terms, graph) = (signatures.terms(), signatures.graph());
        let (role, panel) = (signatures.role(), terms.panel_size());
        check(terms, role)?;
        let nodes = signatures.complete_nodes();
        let nodes = nodes.filter(|node| may_have(graph, role, *node, panel).is_ok());
        let picked = nodes.filter_map(|node| Some((node, signatures.pick(node).ok()?)));
        let transactions: Vec<_> = picked.collect();
        match transactions.is_empty() {
            true => Err(BundleError::Empty { role }),
            false => Ok(TowerBundle {
                terms: Arc::clone(terms),
                role,
                pace,
                transactions,
                attestations: attestations.to_vec(),
            }),
        }
    }

    /// The terms.
    pub const fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// For whom it is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How that party reads the chain.
    pub const fn pace(&self) -> TowerPace {
        self.pace
    }

    /// How the panel had ruled when it was made.
    pub fn attestations(&self) -> &[Attestation] {
        &self.attestations
    }

    /// The transactions that it has, by their place in the graph.
    pub fn transactions(&self) -> impl Iterator<Item = NodeId> {
        self.transactions.iter().map(|(node, _)| *node)
    }

    /// What is in it, checked: the graph is derived from the terms, each transaction is one that a tower of this party may have, every
    /// signature verifies against what it signs there, and every attestation is of these terms.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(&self) -> Result<ContractSignatures<Terms>, BundleError> {
        let (role, terms) = (self.role, &self.terms);
        check(terms, role)?;
        if self.transactions.is_empty() {
            return Err(BundleError::Empty { role });
        }
        let graph = Arc::new(derive(terms)?);
        for node in self.transactions() {
            may_have(&graph, role, node, terms.panel_size()).map_err(|why| {
                let found = graph.node(node).map(|node| node.name.to_string());
                BundleError::NotForTowers {
                    transaction: found.unwrap_or_else(|| format!("transaction {}", node.0)),
                    role,
                    why,
                }
            })?;
        }
        if !self.transactions.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(BundleError::Order);
        }
        for attestation in &self.attestations {
            attestation.check(terms)?;
        }
        let me = terms.name(role.into());
        let both = (Arc::clone(terms), graph);
        Ok(ContractSignatures::of_picked(both, me, &self.transactions)?)
    }
}

fn check(terms: &Terms, role: Role) -> Result<(), BundleError> {
    let template = terms.template();
    if !matches!(template, Template::Hardened | Template::Audited) {
        return Err(BundleError::Template { template });
    }
    match terms.key(role) {
        Some(_) => Ok(()),
        None => Err(BundleError::NoParty { role }),
    }
}

impl Message for TowerBundle {
    const KIND: Kind = kinds::TOWER_BUNDLE;

    /// Terms as JSON, party, first height (4), depth (4), b and m (2 each), transactions with their signatures, attestations.
    fn write(&self, w: &mut Writer) {
        // Terms that were read or made can be written.
        w.bytes(self.terms.to_json().unwrap_or_default().as_bytes());
        write_party(w, self.role.into());
        let pace = &self.pace;
        w.u32(pace.since).u32(pace.depth);
        w.u16(pace.confirm).u16(pace.message);
        w.list(&self.transactions, |w, (node, signatures)| {
            w.u32(node.0).list(signatures, |w, signature| {
                w.fixed(&signature.0);
            });
        });
        w.list(&self.attestations, |w, attestation| {
            w.message(attestation);
        });
    }

    /// Unchecked but for the terms: [`TowerBundle::open`] checks the rest.
    fn read(r: &mut Reader<'_>) -> Result<TowerBundle, DecodeError> {
        let json = r.bytes_up_to("terms", MAX_TERMS_BYTES)?;
        let invalid = |error: TermsError| DecodeError::invalid("terms", error);
        let terms = Terms::from_json(json).map_err(invalid)?;
        // Spelt in one way.
        if terms.to_json().map_err(invalid)?.as_bytes() != json {
            return Err(DecodeError::invalid("terms", "spelt otherwise"));
        }
        let role = read_party(r, "party")?.into();
        let pace = TowerPace {
            since: r.u32("first height")?,
            depth: r.u32("depth")?,
            confirm: r.u16("blocks to confirm")?,
            message: r.u16("blocks of a message")?,
        };
        let transactions = r.list_up_to("transactions", 8, MAX_TRANSACTIONS, |r| {
            let node = NodeId(r.u32("transaction")?);
            let signatures = r.list_up_to("signatures", 64, MAX_SIGNATURES, |r| {
                Ok(AdaptorSignature(r.array("signature")?))
            })?;
            Ok((node, signatures))
        })?;
        let attestations = r.list_up_to("attestations", 4, MAX_ATTESTATIONS, |r| {
            r.message("attestation")
        })?;
        Ok(TowerBundle {
            terms: Arc::new(terms),
            role,
            pace,
            transactions,
            attestations,
        })
    }
}
