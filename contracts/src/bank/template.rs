//! The bank's transactions, as a graph of the engine: funding, freeze, the payer's two exits; and, each as a graph of
//! its own, a claim by a rung and an agreed close.

use bitcoin::{Amount, OutPoint, TxOut, hashes::Hash};

use super::{BankError, BankFunding, BankTerms, draft::Draft, vault};
use crate::{
    graph::{NodeId, Source, SpendPlan, TxGraph},
    pact::{PactError, Vault},
    party::{PartyId, PartyName},
};

/// The payer A.
pub const PAYER: PartyName = PartyName::new(PartyId(0), "payer");
/// The provider P.
pub const PROVIDER: PartyName = PartyName::new(PartyId(1), "provider");

/// The freeze: moves the bank's coin to where rungs spend it.
pub const FREEZE: NodeId = NodeId(1);
/// The payer takes everything back after T.
pub const REFUND: NodeId = NodeId(2);
/// The payer takes back what was frozen and not claimed in D blocks.
pub const THAW: NodeId = NodeId(3);

/// A bank: its terms and the transactions that both derive from them alone.
#[derive(Debug)]
pub struct Bank {
    pub(super) terms: BankTerms,
    graph: TxGraph,
    bank: Vault,
    pub(super) frozen: Vault,
}

impl Bank {
    /// A bank that the payer's wallet funds.
    pub fn new(terms: BankTerms) -> Result<Bank, BankError> {
        match &terms.record().funding {
            BankFunding::Wallet { .. } => Bank::derive(terms, None),
            BankFunding::Frozen { .. } => Err(PactError::Missing("earlier bank").into()),
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
        let (bank, frozen) = (vault::bank(&terms)?, vault::frozen(&terms)?);
        let graph = Draft::whole(&terms, [&bank, &frozen], prior)?.finish();
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
        draft.claim(&self.frozen, coin(FREEZE), (rung, 1))?;
        draft.close(&self.bank, coin(TxGraph::FUNDING), rung, fee)?;
        Ok(draft.finish())
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
        let txid = self.graph.txid(node).ok_or(PactError::Missing("coin"))?;
        let prevout = TxOut {
            value: self.terms.record().capacity_sat,
            script_pubkey: vault.script(),
        };
        Ok((OutPoint { txid, vout: 0 }, prevout))
    }

    /// The claim by a rung: pays the provider `rung` pennies and the payer the rest. The one transaction of its graph.
    pub fn claim(&self, rung: u32) -> Result<TxGraph, BankError> {
        self.claim_by(rung, 1)
    }

    /// The claim of `rung` pennies that waits for so many secrets, each in a signature of its own.
    pub fn claim_by(&self, rung: u32, secrets: usize) -> Result<TxGraph, BankError> {
        let mut draft = Draft::new(&self.terms);
        draft.claim(&self.frozen, self.external(true)?, (rung, secrets))?;
        Ok(draft.finish())
    }

    /// An agreed end that pays its own fee out of the payer's part, of the bank's coin or of the frozen one.
    pub fn close(&self, paid: u32, fee: Amount, frozen: bool) -> Result<TxGraph, BankError> {
        let vault = if frozen { &self.frozen } else { &self.bank };
        let mut draft = Draft::new(&self.terms);
        draft.close(vault, self.external(frozen)?, paid, fee)?;
        Ok(draft.finish())
    }

    /// What such an end takes, before its fee is known.
    pub fn close_plan(&self, paid: u32, frozen: bool) -> Result<SpendPlan, BankError> {
        let vault = if frozen { &self.frozen } else { &self.bank };
        let mut draft = Draft::new(&self.terms);
        draft.close_plan(vault, self.external(frozen)?, paid)
    }

    pub(super) fn external(&self, frozen: bool) -> Result<Source, BankError> {
        let (outpoint, prevout) = self.coin(frozen)?;
        Ok(Source::External { outpoint, prevout })
    }
}
