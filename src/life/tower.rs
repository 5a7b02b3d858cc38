//! A watchtower: publishes for a party that is away what it was given, and pays for it from its own coins.

use bitcoin::{Amount, Transaction};
use narthex_channel::{
    OpenError,
    contract::{Contract, ContractRefusal, Policy, Tower, Unfit},
    log::{Log, LogError},
};
use narthex_contracts::{
    attest::{AttestError, Attestation},
    depth::{Depth, DepthError},
    funding::BUDGET,
    graph::{NodeId, NodeName},
    setup::{ContractSignatures, Secrets},
    template::{BundleError, TowerBundle},
    terms::Terms,
};
use narthex_regtest::{ChainSource, NodeAccess};

use super::{Due, LifeError, Publisher, Secrecy, Sight, publish::Offer};

/// Why a tower takes no bundle. The fault of whoever gave it, but for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TowerError {
    /// It is not what a bundle must be.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A depth that none is.
    #[error(transparent)]
    Depth(#[from] DepthError),
    /// No tower serves such a contract.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// An attestation is none of this contract.
    #[error(transparent)]
    Attestation(#[from] AttestError),
    /// How far the chain was read cannot be read back. This computer's fault.
    #[error(transparent)]
    Log(#[from] OpenError),
}

/// One contract that is watched for one of its parties.
pub struct Watchtower<'a> {
    tower: Tower,
    sight: Sight<'a>,
    signatures: ContractSignatures<Terms>,
    publisher: Publisher<'a>,
    /// Most that is paid for one transaction, whatever is at stake.
    most: Amount,
}

impl<'a> Watchtower<'a> {
    /// Watches by a bundle, which is checked, from where a log says that the chain was read. The log is opened once there is nothing
    /// wrong with the bundle.
    ///
    /// # Errors
    /// [`TowerError`].
    pub fn open(
        bundle: &TowerBundle,
        log: impl FnOnce() -> Result<Box<dyn Log + 'a>, LogError>,
        publisher: Publisher<'a>,
    ) -> Result<Watchtower<'a>, TowerError> {
        let signatures = bundle.open()?;
        let pace = bundle.pace();
        let policy = Policy {
            depth: Depth::new(pace.depth)?,
            confirm: pace.confirm,
            message: pace.message,
        };
        let (terms, graph) = (signatures.terms().clone(), signatures.graph().clone());
        let contract = Contract::new(terms, graph, bundle.role(), policy)?;
        let mut tower = Tower::new(contract);
        for attestation in bundle.attestations() {
            tower.attest(attestation)?;
        }
        let log = log().map_err(OpenError::from)?;
        Ok(Watchtower {
            tower,
            sight: Sight::open(log, pace.since)?,
            signatures,
            publisher,
            most: Amount::MAX_MONEY,
        })
    }

    /// The same, and pays no more than this for one transaction, whatever is at stake; for what cannot be bought for less it pays
    /// nothing. The least that relays take is paid all the same.
    #[must_use]
    pub const fn at_most(mut self, most: Amount) -> Watchtower<'a> {
        self.most = most;
        self
    }

    /// Frees the coins that wait for it: nothing is offered any more.
    pub fn rest(&mut self) {
        self.publisher.rest(None);
    }

    /// The contract.
    pub fn contract(&self) -> &Contract {
        self.tower.book().contract()
    }

    /// From where it pays, and what it has paid.
    pub const fn publisher(&self) -> &Publisher<'a> {
        &self.publisher
    }

    /// The transactions that it has.
    pub fn transactions(&self) -> impl Iterator<Item = NodeId> {
        self.signatures.complete_nodes()
    }

    /// Rulings that are known.
    pub fn rulings(&self) -> usize {
        self.tower.book().attestations().len()
    }

    /// The last transaction of the contract that is in a block, and its height.
    pub fn last(&self) -> Option<(NodeId, u32)> {
        self.tower.book().facts().last()
    }

    /// The same, by its name.
    pub fn standing(&self) -> Option<(NodeName, u32)> {
        let (node, height) = self.tower.book().facts().last()?;
        Some((self.name(node)?, height))
    }

    /// Name of a transaction.
    pub fn name(&self, node: NodeId) -> Option<NodeName> {
        Some(self.contract().graph().node(node)?.name)
    }

    /// Whether the contract has ended so deep that nothing is to be watched any more.
    pub fn is_past(&self) -> bool {
        let depth = self.contract().policy().depth;
        let ended = self.tower.book().ended();
        ended.is_some_and(|height| depth.is_reached(height, self.sight.tip()))
    }

    /// Takes a ruling that has become known; whether it is new.
    ///
    /// # Errors
    /// [`AttestError`]: it is none of this contract's. Nothing changes.
    pub fn attest(&mut self, attestation: &Attestation) -> Result<bool, AttestError> {
        self.tower.attest(attestation)
    }

    /// Reads the chain. What was read is to be durable before [`Watchtower::publish`], so that it is not read again.
    ///
    /// # Errors
    /// Those of [`Sight::look`].
    pub fn look(&mut self, chain: &mut dyn ChainSource) -> Result<(), LifeError> {
        let contract = self.contract().clone();
        let view = self.sight.look(chain, &contract)?;
        let seen = self.tower.see(&view);
        seen.map_err(|_: ContractRefusal| LifeError::Order("a view of the contract"))
    }

    /// What is to be published as it stands, as far as the bundle has it: which, until when, and whole.
    pub fn due(&self) -> Option<(NodeId, Option<u32>, Transaction)> {
        let (node, until) = self.tower.due()?;
        let mut secrets = Secrets::default();
        for attestation in self.tower.book().attestations() {
            secrets.attest(attestation);
        }
        // What the party did not hold it has not given.
        let tx = self.signatures.complete(node, &secrets).ok()?;
        Some((node, until, tx))
    }

    /// What a transaction is to be worth, so that no more is paid than may be: of what is at stake a part is.
    fn worth(&self, at_stake: Amount) -> Amount {
        let most = self.most.to_sat().saturating_mul(BUDGET);
        at_stake.min(Amount::from_sat(most).min(Amount::MAX_MONEY))
    }

    /// Publishes what is due, and pays for it as its party would: more as its deadline comes near, up to half of what is at stake
    /// for that party. Whether something was sent.
    ///
    /// # Errors
    /// [`LifeError`]. What a node does not take is no error: it stands in [`Publisher::refused`].
    pub fn publish(&mut self, chain: &mut dyn NodeAccess) -> Result<bool, LifeError> {
        let Some((node, until, tx)) = self.due() else {
            self.publisher.rest(None);
            return Ok(false);
        };
        let book = self.tower.book();
        let due = Due {
            until,
            confirm: book.contract().policy().confirm.into(),
            at_stake: self.worth(book.at_stake(node)),
            secret: Secrecy::None,
        };
        let offer = Offer {
            node,
            tx,
            carries: None,
            due,
        };
        let sent = self.publisher.offer(chain, offer);
        let height = chain.height()?;
        self.publisher.rest(Some(height));
        sent
    }
}
