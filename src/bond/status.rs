//! What a chain shows of bonds. Everything that judges them is in [`narthex_contracts::bond`].

use bitcoin::{OutPoint, key::XOnlyPublicKey, secp256k1::Secp256k1};
use narthex_contracts::bond::{
    BlockTime, BondFault, Certificate, Claim, Locked, Register, Sighting, Valuation,
};
use narthex_regtest::{ChainSource, OutputStatus};

/// Why a bond was not found to count.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// The bond counts nothing.
    #[error(transparent)]
    Fault(#[from] BondFault),
}

/// Height and median time of a block on the active chain.
pub fn moment(
    chain: &mut dyn ChainSource,
    height: u32,
) -> Result<BlockTime, narthex_regtest::Error> {
    Ok(BlockTime {
        height,
        median_time: chain.median_time(height)?,
    })
}

/// What is at an outpoint, confirmed or not, spent or not.
pub fn status(
    chain: &mut dyn ChainSource,
    outpoint: OutPoint,
) -> Result<Sighting, narthex_regtest::Error> {
    let (output, height, spent) = match chain.output_status(outpoint)? {
        OutputStatus::Missing => return Ok(Sighting::Missing),
        OutputStatus::Waiting { .. } => return Ok(Sighting::Waiting),
        OutputStatus::Unspent { output, height } => (output, height, false),
        OutputStatus::Spent { output, height } => (output, height, true),
    };
    let at = moment(chain, height)?;
    Ok(Sighting::Confirmed { output, at, spent })
}

/// Whether the chain bears a claim out at its tip, with at least so many confirmations.
///
/// An arbitration offer is checked by this function too: [`Offer::claim`](narthex_contracts::panel::Offer::claim).
pub fn verify(
    chain: &mut dyn ChainSource,
    claim: &Claim,
    depth_wanted: u32,
) -> Result<Locked, StatusError> {
    let height = chain.height()?;
    let tip = moment(chain, height)?;
    let seen = status(chain, claim.outpoint)?;
    Ok(claim.check(&seen, tip, depth_wanted)?)
}

/// The register at the tip: certificates that hold and whose bonds count, the other identities without bond; and
/// for each certificate that does not count, its place and why.
pub fn register(
    chain: &mut dyn ChainSource,
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
            Ok(()) => claim.check(&status(chain, claim.outpoint)?, tip, depth_wanted),
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
