//! The secrets that complete adaptor signatures, as far as a party knows them.

use bitcoin::secp256k1::SecretKey;

use crate::{attest::Attestation, graph::SecretsNeeded, musig::add_secrets};

/// Secrets at hand. Attestations are added after they have been verified.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The worker's result secret t.
    pub result: Option<SecretKey>,
    /// The worker's appeal secret (`paper` layout).
    pub appeal: Option<SecretKey>,
    /// The panel's shared secret (`paper` layout).
    pub panel: Option<SecretKey>,
    /// Verified attestations.
    pub attestations: Vec<Attestation>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("result", &self.result.is_some())
            .field("appeal", &self.appeal.is_some())
            .field("panel", &self.panel.is_some())
            .field("attestations", &self.attestations.len())
            .finish()
    }
}

impl Secrets {
    /// Sum of the secrets named; `Err` says what is missing.
    pub fn sum(&self, needs: &SecretsNeeded) -> Result<SecretKey, String> {
        let mut sum: Option<SecretKey> = None;
        for secret in self.gather(needs)? {
            sum = Some(match sum {
                None => secret,
                Some(sum) => add_secrets(sum, &secret).ok_or("secrets that do not cancel")?,
            });
        }
        sum.ok_or_else(|| "any secret".to_owned())
    }

    fn gather(&self, needs: &SecretsNeeded) -> Result<Vec<SecretKey>, String> {
        let mut secrets = Vec::new();
        for (needed, secret, name) in [
            (needs.result, self.result, "the result secret"),
            (needs.appeal, self.appeal, "the appeal secret"),
            (needs.panel, self.panel, "the panel's secret"),
        ] {
            if needed {
                secrets.push(secret.ok_or(name)?);
            }
        }
        let Some(rulings) = needs.rulings else {
            return Ok(secrets);
        };
        use narthex_game_model::Ruling;
        for (ruling, set) in [
            (Ruling::WorkerAtFault, rulings.worker),
            (Ruling::VerifierAtFault, rulings.verifier),
        ] {
            for arbiter in set.iter() {
                let secret = self
                    .attestations
                    .iter()
                    .find(|a| usize::from(a.arbiter) == arbiter && a.ruling == ruling)
                    .and_then(Attestation::secret);
                secrets.push(secret.ok_or_else(|| format!("the attestation of arbiter{arbiter}"))?);
            }
        }
        Ok(secrets)
    }
}
