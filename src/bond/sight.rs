//! What a chain shows of bonds. Everything that judges them is in [`narthex_contracts::bond`].

use bitcoin::{OutPoint, key::XOnlyPublicKey, secp256k1::Secp256k1};
use narthex_contracts::bond::{
    BondFault, Certificate, Claim, Locked, Moment, Register, Sighting, Valuation,
};
use narthex_regtest::Chain;

/// Blocks whose median is the time that locks are compared with (BIP113).
const MEDIAN_BLOCKS: u32 = 11;

/// Why a bond was not found to count.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// The bond counts nothing.
    #[error(transparent)]
    Fault(#[from] BondFault),
}

/// Height and median time of a block on the active chain.
pub fn moment(chain: &mut dyn Chain, height: u32) -> Result<Moment, narthex_regtest::Error> {
    let first = height.saturating_sub(MEDIAN_BLOCKS - 1);
    let mut times = Vec::with_capacity(MEDIAN_BLOCKS as usize);
    for height in first..=height {
        times.push(chain.header(height)?.time);
    }
    times.sort_unstable();
    Ok(Moment {
        height,
        median_time: times.get(times.len() / 2).copied().unwrap_or_default(),
    })
}

/// What is at an outpoint, confirmed or not, spent or not.
pub fn sight(
    chain: &mut dyn Chain,
    outpoint: OutPoint,
) -> Result<Sighting, narthex_regtest::Error> {
    if let Some((output, height)) = chain.utxo(outpoint)? {
        let at = moment(chain, height)?;
        return Ok(Sighting::Confirmed {
            output,
            at,
            spent: false,
        });
    }
    let Some((tx, height)) = chain.transaction(outpoint.txid)? else {
        return Ok(Sighting::Missing);
    };
    let Some(output) = tx.output.get(outpoint.vout as usize).cloned() else {
        return Ok(Sighting::Missing);
    };
    match height {
        None => Ok(Sighting::Waiting),
        Some(height) => Ok(Sighting::Confirmed {
            output,
            at: moment(chain, height)?,
            spent: true,
        }),
    }
}

/// Whether the chain bears a claim out at its tip, with at least so many confirmations.
///
/// An arbitration offer is checked by this function too: [`Offer::claim`](narthex_contracts::panel::Offer::claim).
pub fn verify(
    chain: &mut dyn Chain,
    claim: &Claim,
    depth_wanted: u32,
) -> Result<Locked, SightError> {
    let height = chain.height()?;
    let tip = moment(chain, height)?;
    let seen = sight(chain, claim.outpoint)?;
    Ok(claim.check(&seen, tip, depth_wanted)?)
}

/// The register at the tip: certificates that hold and whose bonds count, the other identities without bond; and
/// for each certificate that does not count, its place and why.
pub fn register(
    chain: &mut dyn Chain,
    valuation: &Valuation,
    certificates: &[Certificate],
    bondless: &[XOnlyPublicKey],
    depth_wanted: u32,
) -> Result<(Register, Vec<(usize, BondFault)>), narthex_regtest::Error> {
    let secp = Secp256k1::new();
    let height = chain.height()?;
    let tip = moment(chain, height)?;
    let (mut bonds, mut faults) = (Vec::new(), Vec::new());
    for (index, certificate) in certificates.iter().enumerate() {
        let claim = certificate.claim();
        let checked = match certificate.check_signature(&secp, height) {
            Ok(()) => claim.check(&sight(chain, claim.outpoint)?, tip, depth_wanted),
            Err(fault) => Err(fault),
        };
        match checked {
            Ok(locked) => bonds.push((claim.identity, claim.outpoint, locked)),
            Err(fault) => faults.push((index, fault)),
        }
    }
    let register = Register::new(valuation, tip, bonds, bondless.iter().copied());
    Ok((register, faults))
}
