//! The parties of a bounty: a machine with its log each, and what its signer keeps apart.

use std::sync::Arc;

use bitcoin::secp256k1::SecretKey;
use narthex_channel::bounty::{
    RecomputerInput, RecomputerMachine, RecomputerStart, RequesterInput, RequesterMachine,
    RequesterStart,
};
use narthex_contracts::{
    bounty::{BountyTerms, Recomputer, RecomputerBook, RecomputerSeed, Requester, RequesterBook},
    depth::Depth,
    setup::{Agreement, ContractSignatures},
};

use crate::harness::{ScenarioError, Side};

/// The requester's machine. Its keys are the harness's.
pub(super) struct RequesterSide {
    pub(super) side: Side<RequesterMachine>,
}

/// A recomputer's machine, and the seed of its secrets, kept apart.
pub(super) struct RecomputerSide {
    pub(super) side: Side<RecomputerMachine>,
    seed: RecomputerSeed,
}

impl RequesterSide {
    /// A requester after the ceremony.
    pub(super) fn new(
        holdings: ContractSignatures<BountyTerms>,
        depth: Depth,
    ) -> Result<RequesterSide, ScenarioError> {
        let mut side = Side::<RequesterMachine>::new(*holdings.terms().id())?;
        side.step(&RequesterInput::Held(Box::new(RequesterStart {
            holdings,
            depth,
        })))?;
        Ok(RequesterSide { side })
    }

    /// What it knows.
    pub(super) fn book(&self) -> Result<&RequesterBook, ScenarioError> {
        let book = self.side.machine().book();
        book.ok_or_else(|| ScenarioError::broken("a requester that has signed nothing"))
    }

    /// The signer, as the machine stands.
    pub(super) fn signer(
        &self,
        (identity, key): (SecretKey, SecretKey),
    ) -> Result<Requester, ScenarioError> {
        let book = self.book()?;
        let (held, record) = (book.holdings().clone(), book.record().clone());
        Ok(Requester::restore(held, identity, key, record)?)
    }
}

impl RecomputerSide {
    /// A recomputer after the ceremony.
    pub(super) fn new(
        holdings: ContractSignatures<BountyTerms>,
        depth: Depth,
        seed: RecomputerSeed,
    ) -> Result<RecomputerSide, ScenarioError> {
        // Each has a log of its own, of the same contract.
        let mut side = Side::<RecomputerMachine>::new(*holdings.terms().id())?;
        side.step(&RecomputerInput::Held(Box::new(RecomputerStart {
            holdings,
            depth,
        })))?;
        Ok(RecomputerSide { side, seed })
    }

    /// What it knows.
    pub(super) fn book(&self) -> Result<&RecomputerBook, ScenarioError> {
        let book = self.side.machine().book();
        book.ok_or_else(|| ScenarioError::broken("a recomputer that has signed nothing"))
    }

    /// The signer, as the machine stands.
    pub(super) fn signer(&self, identity: SecretKey) -> Result<Recomputer, ScenarioError> {
        let book = self.book()?;
        let (held, record) = (book.holdings().clone(), book.record().clone());
        let seed = self.seed.clone();
        Ok(Recomputer::restore(held, identity, seed, record)?)
    }
}

/// The terms that a side has signed.
pub(super) fn terms_of(side: &RequesterSide) -> Result<Arc<BountyTerms>, ScenarioError> {
    Ok(Arc::new(side.book()?.terms().clone()))
}
