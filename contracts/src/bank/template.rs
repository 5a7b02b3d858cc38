//! The bank's transactions, as a graph of the engine: funding, force close, the payer's two exits; and, each as a graph of
//! its own, a claim by a commitment and an agreed close.

use bitcoin::{Amount, OutPoint, TxOut, hashes::Hash};

use super::{BankError, BankFunding, BankTerms, draft::Draft, vault};
use crate::{
    builder::{BuilderError, Vault},
    graph::{NodeId, Source, SpendPlan, TxGraph},
    party::{PartyId, PartyName},
};

/// The payer A.
pub const PAYER: PartyName = PartyName::new(PartyId(0), "payer");
/// The provider P.
pub const PROVIDER: PartyName = PartyName::new(PartyId(1), "provider");

/// The force close: moves the bank's coin to where commitments spend it.
pub const FORCE_CLOSE: NodeId = NodeId(1);
/// The payer takes everything back after T.
pub const REFUND: NodeId = NodeId(2);
/// The payer takes back what was force-closed and not claimed in D blocks.
pub const TIMEOUT_REFUND: NodeId = NodeId(3);

/// A bank: its terms and the transactions that both derive from them alone.
#[derive(Debug)]
pub struct Bank {
    pub(super) terms: BankTerms,
    graph: TxGraph,
    bank: Vault,
    pub(super) force_closed: Vault,
}

impl Bank {
    /// A bank that the payer's wallet funds.
    pub fn new(terms: BankTerms) -> Result<Bank, BankError> {
        match &terms.record().funding {
            BankFunding::Wallet { .. } => Bank::derive(terms, None),
            BankFunding::ForceClosed { .. } => Err(BuilderError::Missing("earlier bank").into()),
        }
    }

    /// A bank that goes on with the force-closed coin of `prior`.
    pub fn resumed(terms: BankTerms, prior: &Bank) -> Result<Bank, BankError> {
        let bad = |field, problem: &str| BankError::Terms {
            field,
            problem: problem.into(),
        };
        let (old, new) = (prior.terms.record(), terms.record());
        let BankFunding::ForceClosed { prior: id, paid } = new.funding else {
            return Err(bad("funding", "does not come from a force-closed bank"));
        };
        if id.to_byte_array() != prior.terms.id() {
            return Err(bad("funding", "comes from another bank"));
        }
        if paid > old.pennies || (paid > 0 && !prior.terms.has_commitment(paid)) {
            return Err(bad("funding", "pays the provider dust, or too much"));
        }
        if old.capacity_sat.checked_sub(prior.terms.worth(paid)) != Some(new.capacity_sat) {
            return Err(bad("capacity_sat", "is not what the earlier bank leaves"));
        }
        Bank::derive(terms, Some((prior, paid)))
    }

    fn derive(terms: BankTerms, prior: Option<(&Bank, u32)>) -> Result<Bank, BankError> {
        let (bank, force_closed) = (vault::bank(&terms)?, vault::force_closed(&terms)?);
        let graph = Draft::whole(&terms, [&bank, &force_closed], prior)?.finish();
        Ok(Bank {
            terms,
            graph,
            bank,
            force_closed,
        })
    }

    /// All of a bank that a wallet funds in one graph, to look at: with the claim by `commitment`, and a close in its place.
    pub fn picture(&self, commitment: u32, fee: Amount) -> Result<TxGraph, BankError> {
        let terms = &self.terms;
        let mut draft = Draft::whole(terms, [&self.bank, &self.force_closed], None)?;
        let coin = |node| Source::Output { node, vout: 0 };
        draft.claim(&self.force_closed, coin(FORCE_CLOSE), (commitment, 1))?;
        draft.close(&self.bank, coin(TxGraph::FUNDING), commitment, fee)?;
        Ok(draft.finish())
    }

    /// The terms.
    pub fn terms(&self) -> &BankTerms {
        &self.terms
    }

    /// Funding, force close, refund and timeout refund.
    pub fn graph(&self) -> &TxGraph {
        &self.graph
    }

    /// Where the coin is: in the bank, or force-closed.
    pub fn coin(&self, force_closed: bool) -> Result<(OutPoint, TxOut), BankError> {
        let (node, vault) = match force_closed {
            false => (TxGraph::FUNDING, &self.bank),
            true => (FORCE_CLOSE, &self.force_closed),
        };
        let txid = self.graph.txid(node).ok_or(BuilderError::Missing("coin"))?;
        let prevout = TxOut {
            value: self.terms.record().capacity_sat,
            script_pubkey: vault.script(),
        };
        Ok((OutPoint { txid, vout: 0 }, prevout))
    }

    /// The claim by a commitment: pays the provider `commitment` pennies and the payer the rest. The one transaction of its graph.
    pub fn claim(&self, commitment: u32) -> Result<TxGraph, BankError> {
        self.claim_by(commitment, 1)
    }

    /// The claim of `commitment` pennies that waits for so many secrets, each in a signature of its own.
    pub fn claim_by(&self, commitment: u32, secrets: usize) -> Result<TxGraph, BankError> {
        let mut draft = Draft::new(&self.terms);
        draft.claim(
            &self.force_closed,
            self.external(true)?,
            (commitment, secrets),
        )?;
        Ok(draft.finish())
    }

    /// An agreed end that pays its own fee out of the payer's part, of the bank's coin or of the force-closed one.
    pub fn close(&self, paid: u32, fee: Amount, force_closed: bool) -> Result<TxGraph, BankError> {
        let vault = if force_closed {
            &self.force_closed
        } else {
            &self.bank
        };
        let mut draft = Draft::new(&self.terms);
        draft.close(vault, self.external(force_closed)?, paid, fee)?;
        Ok(draft.finish())
    }

    /// What such an end takes, before its fee is known.
    pub fn close_plan(&self, paid: u32, force_closed: bool) -> Result<SpendPlan, BankError> {
        let vault = if force_closed {
            &self.force_closed
        } else {
            &self.bank
        };
        let mut draft = Draft::new(&self.terms);
        draft.close_plan(vault, self.external(force_closed)?, paid)
    }

    pub(super) fn external(&self, force_closed: bool) -> Result<Source, BankError> {
        let (outpoint, prevout) = self.coin(force_closed)?;
        Ok(Source::External { outpoint, prevout })
    }
}
