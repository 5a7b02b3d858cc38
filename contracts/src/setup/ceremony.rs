//! A whole ceremony in one process: for simulations, tests and benchmarks. Messages travel as bytes.

use bitcoin::secp256k1::rand::{CryptoRng, RngCore};
use narthex_base::codec::Message as _;

use super::{Agreement, ContractSignatures, Party, SetupError, Signing};
use crate::{
    graph::{Stage, StageName},
    party::PartyName,
};

/// Why a ceremony in one process failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// A party refused to go on.
    #[error("{party} stops the setup: {error}")]
    Setup {
        /// Who stopped.
        party: PartyName,
        /// Why.
        error: SetupError,
    },
}

/// A step of the ceremony, reported as it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeremonyStep {
    /// This party draws its nonces.
    Nonces(PartyName),
    /// This party signs.
    Sign(PartyName),
    /// This party verifies a stage.
    Close(PartyName, StageName),
}

/// Runs the ceremony between `parties`, who are all of a contract. Each does just what it would do alone.
pub fn run<T: Agreement, R: RngCore + CryptoRng>(
    parties: Vec<Party<T>>,
    rng: &mut R,
    mut progress: impl FnMut(CeremonyStep),
) -> Result<Vec<ContractSignatures<T>>, CeremonyError> {
    let at = |party| move |error| CeremonyError::Setup { party, error };
    let mut announced = Vec::new();
    let mut nonces = Vec::new();
    for party in parties {
        let me = party.me();
        progress(CeremonyStep::Nonces(me));
        let (next, message) = party.announce(rng).map_err(at(me))?;
        announced.push((me, next));
        nonces.push((me, message.to_bytes()));
    }
    let mut signing: Vec<Signing<T>> = Vec::new();
    for (me, mut party) in announced {
        progress(CeremonyStep::Sign(me));
        for (from, bytes) in nonces.iter().filter(|(from, _)| *from != me) {
            party.accept_bytes(*from, bytes).map_err(at(me))?;
        }
        signing.push(party.sign().map_err(at(me))?);
    }
    let graph = signing.first().map(|party| party.graph().clone());
    for stage in graph.iter().flat_map(|graph| graph.stages()) {
        exchange(&mut signing, stage)?;
        for party in &mut signing {
            let (me, name) = (party.me(), party.graph().stage(stage));
            progress(CeremonyStep::Close(me, name));
            party.close(stage).map_err(at(me))?;
        }
    }
    signing
        .into_iter()
        .map(|party| {
            let me = party.me();
            party.finish().map_err(at(me))
        })
        .collect()
}

/// Everybody sends everybody its shares of one stage.
fn exchange<T: Agreement>(parties: &mut [Signing<T>], stage: Stage) -> Result<(), CeremonyError> {
    let names = parties.iter().map(Signing::<T>::me).collect::<Vec<_>>();
    for from in 0..parties.len() {
        for (to, addressee) in names.iter().enumerate().filter(|(to, _)| *to != from) {
            let party = names[from];
            let message = parties[from]
                .shares_for(stage, *addressee)
                .map_err(|error| CeremonyError::Setup { party, error })?;
            if message.shares.is_empty() {
                continue;
            }
            parties[to]
                .accept_bytes(party, stage, &message.to_bytes())
                .map_err(|error| CeremonyError::Setup {
                    party: *addressee,
                    error,
                })?;
        }
    }
    Ok(())
}
