//! The bond: a coin that its identity cannot move before a height.

use std::sync::Arc;

use bitcoin::{ScriptBuf, key::XOnlyPublicKey};
use miniscript::{Descriptor, Miniscript, Tap, descriptor::TapTree};

/// The point of BIP341 of which nobody knows the discrete logarithm: the hash of the generator, lifted to the curve.
///
/// As internal key it closes the key path, so that a bond cannot be spent early. BIP341 suggests adding r·G to hide
/// that the key path is closed; here it must be *seen* to be closed by everybody who reads the chain, so r would
/// have to be public and would hide nothing. Without it the script follows from identity and expiry alone.
pub const UNSPENDABLE_KEY: [u8; 32] = [
    0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54, 0xb7, 0x8b, 0x4b, 0x60, 0x35, 0xe9, 0x7a, 0x5e,
    0x07, 0x8a, 0x5a, 0x0f, 0x28, 0xec, 0x96, 0xd5, 0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0,
];

/// Absolute locks from this value on are times, not heights (BIP65).
pub(super) const LOCK_TIME_THRESHOLD: u32 = 500_000_000;

/// Why there is no bond script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BondError {
    /// The expiry is no block height.
    #[error("a bond cannot expire at {expiry_height}: heights are 1 to 499999999 (BIP65)")]
    Expiry {
        /// Height asked for.
        expiry_height: u32,
    },
    /// The script library refuses; not reachable with a valid key.
    #[error("the script of the bond cannot be built: {0}")]
    Script(String),
}

/// `tr(UNSPENDABLE,and_v(v:pk(IDENTITY),after(EXPIRY)))`: plain miniscript, so that any wallet that knows Taproot
/// descriptors can watch the bond, and withdraw it once it has expired.
///
/// The bond is the identity's own: an arbiter that attests twice gives its identity key away, and with it the
/// bond to whoever is first at the expiry.
pub fn bond_descriptor(
    identity: &XOnlyPublicKey,
    expiry_height: u32,
) -> Result<Descriptor<XOnlyPublicKey>, BondError> {
    if expiry_height == 0 || expiry_height >= LOCK_TIME_THRESHOLD {
        return Err(BondError::Expiry { expiry_height });
    }
    let script_error = |e: miniscript::Error| BondError::Script(e.to_string());
    let internal = XOnlyPublicKey::from_slice(&UNSPENDABLE_KEY)
        .map_err(|e| BondError::Script(e.to_string()))?;
    let leaf = format!("and_v(v:pk({identity}),after({expiry_height}))")
        .parse::<Miniscript<XOnlyPublicKey, Tap>>()
        .map_err(script_error)?;
    Descriptor::new_tr(internal, Some(TapTree::Leaf(Arc::new(leaf)))).map_err(script_error)
}

/// Output script of the bond.
pub fn bond_script(identity: &XOnlyPublicKey, expiry_height: u32) -> Result<ScriptBuf, BondError> {
    bond_descriptor(identity, expiry_height).map(|descriptor| descriptor.script_pubkey())
}
