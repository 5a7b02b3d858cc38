//! Fidelity bonds: coins locked until a date, which make an identity costly.
//!
//! 1. Pay to a [`BondScript`]: BIP46's P2WSH form, or Taproot with a timelocked leaf.
//! 2. The bond's key signs a [`Certificate`] that binds the bond to an identity.
//! 3. Whoever reads it holds its [`Claim`] against what the chain shows ([`Sighting`]). What is not there, spent,
//!    unconfirmed, expired, misstated, foreign or pledged twice counts nothing: [`BondFault`] says which.
//! 4. What remains has a weight ([`Valuation`]) and stands in a [`Register`]; [`Register::select`] draws from it,
//!    a share of the draws without looking at bonds.
//! 5. After its lock the bond is withdrawn or rolled over into the next one: [`BondScript::sweep`].
//!
//! Arbitration offers ([`panel`](crate::panel)) are such bonds: same script, same standing, same valuation, and
//! [`Offer::claim`](crate::panel::Offer::claim) for the checks here. The page is `docs/contracts/bond.md`.

pub mod bip46;
mod certificate;
mod claim;
mod interest;
mod lock;
mod register;
mod script;
mod spend;
mod value;

pub use certificate::Certificate;
pub use claim::{BondFault, Claim, Sighting, Standing, standing};
pub use lock::{BLOCK_SECONDS, BlockTime, Lock};
pub use register::{BONDLESS_SHARE, Entry, Register, Reused, SelectError};
pub use script::{
    BondError, BondScript, MAX_TAPROOT_LOCK, UNSPENDABLE_KEY, bond_descriptor, bond_script,
};
pub use value::{
    Interest, LOCK_CAP_BLOCKS, Locked, VALUE_FRACTION_BITS, Valuation, ValuationError, YEAR_SECONDS,
};
