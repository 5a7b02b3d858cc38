//! A whole ceremony in one process: for simulations, tests and benchmarks. Messages travel as bytes.

use bitcoin::secp256k1::rand::{CryptoRng, RngCore};
use narthex_base::codec::{DecodeError, Message as _};

use super::{Agreement, Holdings, NoncesMessage, Party, SetupError, SharesMessage, Signing};
use crate::{graph::Stage, role::Role};

/// Why a ceremony in one process failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// A party refused to go on.
    #[error("{role} stops the setup: {error}")]
    Setup {
        /// Who stopped.
        role: Role,
        /// Why.
        error: SetupError,
    },
    /// A message did not survive its encoding.
    #[error(transparent)]
    Wire(#[from] DecodeError),
}

/// A step of the ceremony, reported as it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeremonyStep {
    /// This party draws its nonces.
    Nonces(Role),
    /// This party signs.
    Sign(Role),
    /// This party verifies a stage.
    Close(Role, Stage),
}

/// Runs the ceremony between `parties`, who are all of a contract. Each does just what it would do alone.
pub fn run<T: Agreement, R: RngCore + CryptoRng>(
    parties: Vec<Party<T>>,
    rng: &mut R,
    mut progress: impl FnMut(CeremonyStep),
) -> Result<Vec<Holdings<T>>, CeremonyError> {
    let at = |role| move |error| CeremonyError::Setup { role, error };
    let mut announced = Vec::new();
    let mut nonces = Vec::new();
    for party in parties {
        let role = party.role;
        progress(CeremonyStep::Nonces(role));
        let (next, message) = party.announce(rng).map_err(at(role))?;
        announced.push((role, next));
        nonces.push(message.to_bytes());
    }
    let mut signing: Vec<Signing<T>> = Vec::new();
    for (role, party) in announced {
        progress(CeremonyStep::Sign(role));
        let peers = nonces
            .iter()
            .map(|b| NoncesMessage::from_bytes(b))
            .collect::<Result<Vec<_>, _>>()?;
        signing.push(party.sign(peers).map_err(at(role))?);
    }
    for stage in Stage::ALL {
        exchange(&mut signing, stage)?;
        for party in &mut signing {
            let role = party.role();
            progress(CeremonyStep::Close(role, stage));
            party.close(stage).map_err(at(role))?;
        }
    }
    signing
        .into_iter()
        .map(|party| {
            let role = party.role();
            party.finish().map_err(at(role))
        })
        .collect()
}

/// Everybody sends everybody its shares of one stage.
fn exchange<T: Agreement>(parties: &mut [Signing<T>], stage: Stage) -> Result<(), CeremonyError> {
    let roles = parties.iter().map(Signing::<T>::role).collect::<Vec<_>>();
    for from in 0..parties.len() {
        for (to, addressee) in roles.iter().enumerate().filter(|(to, _)| *to != from) {
            let role = roles[from];
            let message = parties[from]
                .shares_for(stage, *addressee)
                .map_err(|error| CeremonyError::Setup { role, error })?;
            if message.shares.is_empty() {
                continue;
            }
            let message = SharesMessage::from_bytes(&message.to_bytes())?;
            parties[to]
                .accept(message)
                .map_err(|error| CeremonyError::Setup {
                    role: *addressee,
                    error,
                })?;
        }
    }
    Ok(())
}
