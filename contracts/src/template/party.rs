//! A party of a contract of computation in the signing ceremony, and what it does with what it holds afterwards.

use std::sync::Arc;

use bitcoin::{
    Psbt, Transaction,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::node::AskedNode;

use super::{ContractSecret, HostError, TemplateError, check_host, derive};
use crate::{
    binding::BindError,
    funding::{FundingError, funding_psbt},
    graph::{NodeId, TxGraph},
    musig::AdaptorError,
    party::{PartyId, PartyName},
    setup::{
        Agreement, ContractSignatures, Party, Plan, Release, RestoreError, Secrets, SetupError,
        SignaturesError, Signing,
    },
    terms::{AcceptancePolicy, BoundTerms, Role, Terms, TermsDraft, TermsError},
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

/// Why a party of a contract of computation does not begin to sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartyError {
    /// The policy on which the party goes on was found for other parameters. The caller's fault.
    #[error("the proof that honest play pays is about other parameters than these terms have")]
    OtherPolicy,
    /// These are not the terms that this party proposed, or it has bound itself to others.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The graph cannot be derived.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What the contract stands on is not there, or has not been looked at.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The ceremony cannot begin.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl From<BindError> for PartyError {
    fn from(error: BindError) -> PartyError {
        SetupError::from(error).into()
    }
}

impl TermsDraft {
    /// What will be signed by whom under these terms, whatever the arbiters announce: how long every message of the ceremony
    /// is, before the first comes. No signature of it is of a contract.
    ///
    /// # Errors
    /// [`PartyError::Template`] if the graph cannot be derived.
    pub fn plan(&self) -> Result<Plan, PartyError> {
        let terms = Terms::stand_in(self).ok_or(SetupError::Graph("stand-in for a nonce"))?;
        Ok(Plan::new(&derive(&terms)?)?)
    }
}

impl Party<Terms> {
    /// Derives the graph from the terms. `key` is the secret of the party's contract key, `policy` why it
    /// goes on with these terms. The terms are used up, whether it goes on or not.
    ///
    /// # Errors
    /// [`HostError::Unseen`] for terms without a funding transaction of their own: [`Party::hosted`] takes those.
    pub fn new(
        bound: BoundTerms,
        key: &SecretKey,
        policy: &AcceptancePolicy,
    ) -> Result<Party<Terms>, PartyError> {
        match bound.terms().host() {
            None => Party::of_bound(bound, key, policy),
            Some(host) => Err(HostError::Unseen { txid: host.txid }.into()),
        }
    }

    /// As [`Party::new`], of a contract that stands on outputs of `host`, which may be unsigned: it is to be published, or
    /// signed so that it can be, only when the ceremony is over.
    ///
    /// # Errors
    /// Those of [`check_host`]; then nothing is signed.
    pub fn hosted(
        bound: BoundTerms,
        key: &SecretKey,
        policy: &AcceptancePolicy,
        host: &Transaction,
    ) -> Result<Party<Terms>, PartyError> {
        check_host(bound.terms(), host)?;
        Party::of_bound(bound, key, policy)
    }

    fn of_bound(
        bound: BoundTerms,
        key: &SecretKey,
        policy: &AcceptancePolicy,
    ) -> Result<Party<Terms>, PartyError> {
        let (terms, role, binding) = bound.into_parts();
        if !policy.covers(&terms) {
            return Err(PartyError::OtherPolicy);
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

    /// From bytes that were stored before a crash: derives the graph anew, and goes on where it stood. Nothing is signed
    /// by it, so that it may be read as often as one likes.
    ///
    /// # Errors
    /// [`RestoreError`]: of another contract, or changed.
    pub fn from_bytes(terms: Arc<Terms>, bytes: &[u8]) -> Result<Signing<Terms>, RestoreError> {
        Signing::restore(terms, derive_again, bytes)
    }
}

fn derive_again(terms: &Terms) -> Result<TxGraph, RestoreError> {
    derive(terms).map_err(|error| RestoreError::Terms(error.to_string()))
}

impl ContractSignatures<Terms> {
    /// Own role.
    pub fn role(&self) -> Role {
        self.me().id.into()
    }

    /// From bytes: derives the graph anew and verifies every signature.
    pub fn from_bytes(
        terms: Arc<Terms>,
        bytes: &[u8],
    ) -> Result<ContractSignatures<Terms>, RestoreError> {
        ContractSignatures::restore(terms, derive_again, bytes)
    }

    /// The funding transaction, unsigned. Only a party that holds its signatures has this method: nobody can
    /// sign away its coins before it holds everything that brings them back. And only with a node that takes what the
    /// contract ends with.
    pub fn funding_psbt(&self, _: &impl AskedNode) -> Result<Psbt, FundingError> {
        funding_psbt(self.graph())
    }

    /// The shares of a transaction that this party has kept back so far: the verifier's approval. Where it is paid to a
    /// token it needs the token, or it would sign its payment away to a key that nobody has.
    ///
    /// # Errors
    /// [`SignaturesError::Token`] without the token of these terms; [`SignaturesError::NotHeld`] if it keeps none back.
    pub fn release(
        &self,
        node: NodeId,
        token: Option<&SecretKey>,
    ) -> Result<Vec<Release>, SignaturesError> {
        let secp = Secp256k1::signing_only();
        let shown = token.map(|token| PublicKey::from_secret_key(&secp, token));
        match self.terms().token_point() {
            Some(wanted) if shown != Some(wanted) => Err(SignaturesError::Token),
            _ => self.withheld(node),
        }
    }

    /// Takes the result secret out of a confirmed or broadcast transaction of the graph that pays the worker. `known`
    /// are the other secrets that it needed.
    pub fn extract_result(
        &self,
        node: NodeId,
        tx: &Transaction,
        known: &Secrets,
    ) -> Result<SecretKey, SignaturesError> {
        let result = self.extract_secret(node, tx, ContractSecret::Result, known)?;
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), &result);
        match point == self.terms().result_point() {
            true => Ok(result),
            false => Err(AdaptorError::Unrelated.into()),
        }
    }
}
