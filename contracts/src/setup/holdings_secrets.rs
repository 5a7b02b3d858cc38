//! Secrets of a computational contract put into its transactions, and taken out of them.

use bitcoin::{
    Transaction,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};

use super::{Agreement, Holdings, HoldingsError, Release, Secrets};
use crate::{
    graph::{NodeId, SecretsNeeded},
    musig::{AdaptorError, AdaptorSignature, sub_secrets},
};

impl<T: Agreement> Holdings<T> {
    /// The signature of the first signed input of a transaction, to be given to those who have its secrets. Under a
    /// point it completes nothing without them.
    pub fn adaptor_signature(&self, node: NodeId) -> Result<AdaptorSignature, HoldingsError> {
        let (i, item) = self.items(node).next().ok_or_else(|| self.not_held(node))?;
        Ok(self.complete_entry(node, i, item)?.1)
    }
}

impl Holdings {
    /// The shares of a transaction that this party has kept back so far.
    pub fn release(&self, node: NodeId) -> Result<Vec<Release>, HoldingsError> {
        self.withheld(node)
    }

    /// The transaction ready for broadcast. Adaptor signatures are completed with `secrets`.
    pub fn complete(&self, node: NodeId, secrets: &Secrets) -> Result<Transaction, HoldingsError> {
        self.complete_with(node, |adaptor| secrets.sum(&adaptor.needs))
    }

    /// Takes a secret out of a confirmed or broadcast transaction of the graph: the one that its adaptor
    /// signature needed besides those in `known`. Works for the result secret in every settlement that pays
    /// the worker.
    pub fn extract_result(
        &self,
        node: NodeId,
        tx: &Transaction,
        known: &Secrets,
    ) -> Result<SecretKey, HoldingsError> {
        let (sum, adaptor) = self.extract(node, tx)?;
        let mut others = adaptor.needs;
        if !others.result {
            return Err(AdaptorError::Unrelated.into());
        }
        others.result = false;
        if others == SecretsNeeded::NONE {
            return Ok(sum);
        }
        let missing = |missing| HoldingsError::Secret {
            transaction: self.name(node),
            missing,
        };
        let others = known.sum(&others).map_err(missing)?;
        let result = sub_secrets(sum, &others).ok_or(AdaptorError::Unrelated)?;
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), &result);
        match point == self.terms().result_point() {
            true => Ok(result),
            false => Err(AdaptorError::Unrelated.into()),
        }
    }
}
