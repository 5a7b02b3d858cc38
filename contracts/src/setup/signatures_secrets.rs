//! Secrets put into transactions, and taken out of them.

use bitcoin::{Transaction, secp256k1::SecretKey};

use super::{Agreement, ContractSignatures, Secrets, SignaturesError};
use crate::{
    graph::{Adaptor, NodeId, SecretId},
    musig::{AdaptorError, AdaptorSignature, sub_secrets},
};

impl<T: Agreement> ContractSignatures<T> {
    /// The signature of the first signed input of a transaction, to be given to those who have its secrets. Under a
    /// point it completes nothing without them.
    pub fn adaptor_signature(&self, node: NodeId) -> Result<AdaptorSignature, SignaturesError> {
        let (i, item) = self.items(node).next().ok_or_else(|| self.not_held(node))?;
        Ok(self.complete_entry(node, i, item)?.1)
    }

    /// The transaction ready for broadcast. Adaptor signatures are completed with `secrets`.
    pub fn complete(
        &self,
        node: NodeId,
        secrets: &Secrets,
    ) -> Result<Transaction, SignaturesError> {
        self.complete_with(node, |adaptor| secrets.sum(self.graph(), &adaptor.needs))
    }

    /// As [`Self::complete`], with the preimages that leaves want, in order of the inputs.
    pub fn complete_by_leaf(
        &self,
        node: NodeId,
        secrets: &Secrets,
        preimages: &[[u8; 32]],
    ) -> Result<Transaction, SignaturesError> {
        let secret = |adaptor: &Adaptor| secrets.sum(self.graph(), &adaptor.needs);
        self.complete_showing(node, secret, preimages)
    }

    /// Takes a secret out of a confirmed or broadcast transaction of the graph: the one that its adaptor signature
    /// needed besides those in `known`.
    ///
    /// # Errors
    /// [`AdaptorError::Unrelated`] if the transaction does not need it; [`SignaturesError::Secret`] if another that it
    /// needed is not known.
    pub fn extract_secret(
        &self,
        node: NodeId,
        tx: &Transaction,
        wanted: impl Into<SecretId>,
        known: &Secrets,
    ) -> Result<SecretKey, SignaturesError> {
        let wanted = wanted.into();
        let (sum, adaptor) = self.extract(node, tx)?;
        let others = adaptor.needs.iter().copied().filter(|id| *id != wanted);
        let others = others.collect::<Vec<_>>();
        if others.len() + 1 != adaptor.needs.len() {
            return Err(AdaptorError::Unrelated.into());
        }
        if others.is_empty() {
            return Ok(sum);
        }
        let missing = |missing| SignaturesError::Secret {
            transaction: self.name(node),
            missing,
        };
        let others = known.sum(self.graph(), &others).map_err(missing)?;
        Ok(sub_secrets(sum, &others).ok_or(AdaptorError::Unrelated)?)
    }
}
