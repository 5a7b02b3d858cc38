//! A party of a contract of computation in the signing ceremony, and what it does with what it holds afterwards.

use std::sync::Arc;

use bitcoin::{
    Transaction,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};

use super::{ContractSecret, derive};
use crate::{
    graph::NodeId,
    musig::AdaptorError,
    party::{PartyId, PartyName},
    setup::{
        Agreement, Grounds, Holdings, HoldingsError, Party, Release, RestoreError, Secrets,
        SetupError, Signing,
    },
    terms::{BoundTerms, Role, Terms},
};

impl Agreement for Terms {
    fn id(&self) -> &[u8; 32] {
        self.agreement_id()
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        self.key(party.into())
    }

    fn everyone(&self) -> Vec<PartyName> {
        self.roles().map(PartyName::from).collect()
    }

    /// Seats that the panel does not have are called as they would be.
    fn name(&self, party: PartyId) -> PartyName {
        Role::from(party).into()
    }
}

impl Party<Terms> {
    /// Derives the graph from the terms. `key` is the secret of the party's contract key, `grounds` why it
    /// goes on with these terms. The terms are used up, whether it goes on or not.
    pub fn new(
        bound: BoundTerms,
        key: &SecretKey,
        grounds: &Grounds,
    ) -> Result<Party<Terms>, SetupError> {
        let (terms, role, binding) = bound.into_parts();
        if !grounds.cover(&terms) {
            return Err(SetupError::OtherGrounds);
        }
        let graph = derive(&terms)?;
        Party::for_bound(terms, graph, role, key, || Ok(binding))
    }

    /// Own role.
    pub fn role(&self) -> Role {
        self.me().id.into()
    }
}

impl Signing<Terms> {
    /// Own role.
    pub fn role(&self) -> Role {
        self.me().id.into()
    }
}

impl Holdings<Terms> {
    /// Own role.
    pub fn role(&self) -> Role {
        self.me().id.into()
    }

    /// From bytes: derives the graph anew and verifies every signature.
    pub fn from_bytes(terms: Arc<Terms>, bytes: &[u8]) -> Result<Holdings<Terms>, RestoreError> {
        let graph = |terms: &Terms| Ok(derive(terms).map_err(SetupError::from)?);
        Holdings::restore(terms, graph, bytes)
    }

    /// The shares of a transaction that this party has kept back so far.
    pub fn release(&self, node: NodeId) -> Result<Vec<Release>, HoldingsError> {
        self.withheld(node)
    }

    /// Takes the result secret out of a confirmed or broadcast transaction of the graph that pays the worker. `known`
    /// are the other secrets that it needed.
    pub fn extract_result(
        &self,
        node: NodeId,
        tx: &Transaction,
        known: &Secrets,
    ) -> Result<SecretKey, HoldingsError> {
        let result = self.extract_secret(node, tx, ContractSecret::Result, known)?;
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), &result);
        match point == self.terms().result_point() {
            true => Ok(result),
            false => Err(AdaptorError::Unrelated.into()),
        }
    }
}
