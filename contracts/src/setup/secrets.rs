//! The secrets that complete adaptor signatures, as far as a party knows them.

use std::collections::BTreeMap;

use bitcoin::secp256k1::SecretKey;
use narthex_base::secret::Secret;

use crate::{
    graph::{SecretId, TxGraph},
    musig::add_secrets,
};

/// Secrets at hand, by their numbers in the contract. They are wiped when dropped, and only their numbers are printed.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<SecretId, Secret>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.0.keys().map(|id| id.0);
        f.write_str("Secrets")?;
        f.debug_list().entries(known).finish()
    }
}

impl Secrets {
    /// Puts a secret in the place of what was known under this number.
    pub fn insert(&mut self, id: impl Into<SecretId>, secret: SecretKey) {
        let bytes = Secret::from_bytes(secret.secret_bytes());
        self.0.insert(id.into(), bytes);
    }

    /// The same secrets and this one.
    #[must_use]
    pub fn with(mut self, id: impl Into<SecretId>, secret: SecretKey) -> Secrets {
        self.insert(id, secret);
        self
    }

    /// Forgets a secret.
    pub fn remove(&mut self, id: impl Into<SecretId>) {
        self.0.remove(&id.into());
    }

    /// A secret, if it is known.
    pub fn get(&self, id: impl Into<SecretId>) -> Option<SecretKey> {
        let secret = self.0.get(&id.into())?;
        SecretKey::from_slice(secret.expose()).ok()
    }

    /// Sum of the secrets named; `Err` says what is missing, as the contract of `graph` calls it.
    pub fn sum(&self, graph: &TxGraph, needs: &[SecretId]) -> Result<SecretKey, String> {
        let mut sum: Option<SecretKey> = None;
        for id in needs {
            let missing = || graph.secret(*id).to_string();
            let secret = self.get(*id).ok_or_else(missing)?;
            sum = Some(match sum {
                None => secret,
                Some(sum) => add_secrets(sum, &secret).ok_or("secrets that do not cancel")?,
            });
        }
        sum.ok_or_else(|| "any secret".to_owned())
    }
}
