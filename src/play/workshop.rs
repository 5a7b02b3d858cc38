//! The job inside the contract, and how rulings on it are called.

use std::sync::Arc;

use narthex_base::secret::Secret;
use narthex_contracts::{derive::Salted, terms::Role};
use narthex_game_model::{Accusation, Ruling};

use super::{PlayError, PlayOptions, job::Origin, participant::own_salt};
use crate::job::StageJob;

/// The job, as client, worker, verifier and arbiters all have it.
pub(super) struct Workshop {
    pub(super) job: Arc<StageJob>,
    pub(super) origin: Origin,
    /// The verifier's nonce for the sample.
    pub(super) sample_nonce: [u8; 32],
}

impl Workshop {
    /// The job of these options, and the verifier's nonce, from its seed.
    pub(super) fn open(
        options: &PlayOptions,
        secret: impl Fn(&str) -> [u8; 32],
    ) -> Result<Workshop, PlayError> {
        let (job, origin) = super::job::open(options)?;
        let seed = secret(&Role::Verifier.to_string());
        let (salt, seed) = (own_salt(&seed), Secret::from_bytes(seed));
        Ok(Workshop {
            job: Arc::new(job),
            origin,
            sample_nonce: *Salted::new(&seed, salt).sample_nonce().expose(),
        })
    }
}

pub(super) fn described(accusation: Accusation, ruling: Ruling) -> &'static str {
    match (accusation, ruling) {
        (Accusation::Appeal, Ruling::WorkerAtFault) => "the worker is at fault",
        (Accusation::Appeal, Ruling::VerifierAtFault) => "the verifier is at fault",
        (Accusation::Challenge, Ruling::WorkerAtFault) => "the challenge is upheld",
        (Accusation::Challenge, Ruling::VerifierAtFault) => "the challenge is dismissed",
    }
}
