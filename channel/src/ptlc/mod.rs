//! Point-locked payments (PTLCs): an amount that is the receiver's once the secret of a point is known, and the
//! offerer's again after a height.
//!
//! * A [`Ptlc`] lies in a *place*: a penny bank, a payment channel. What a place is, it says itself: how amounts are
//!   counted there, when a PTLC ends ([`Expiry`]), and by which transactions it is claimed ([`Claims`]).
//! * The offerer signs every claim ahead, each signature under one point: a [`ClaimSet`]. Whoever completes one shows the
//!   secret by it.
//! * A node between two places passes a payment on: [`Forward`] asks it to, [`Policy`] says on what conditions,
//!   [`ForwardMachine`] sees to it that what is paid on one side can be claimed on the other, across crashes.
//! * Who pays draws the secrets of a [`Route`] and reveals the last to the payee for its [`Receipt`].
//!
//! Nothing here knows a bank or a channel. Both implement [`Claims`], describe their PTLCs as values, and carry out the
//! [`ForwardEffect`]s: see [`bank::Banker`](crate::bank::Banker).

mod claims;
mod codec;
mod error;
mod forward;
mod kept;
mod machine;
mod messages;
mod policy;
mod route;
mod steps;
mod table;

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::tagged::tagged_hash_parts;

pub use claims::{ClaimSet, Claims, extract};
pub use error::PtlcError;
pub use forward::{Forward, ForwardBody};
pub use kept::KeptForward;
pub use machine::ForwardMachine;
pub use messages::{Notice, Receipt, RevealedSecret};
pub use policy::{MIN_MARGIN, Policy};
pub use route::{Leg, MAX_HOPS, Route};
pub use steps::{ForwardChange, ForwardEffect, ForwardInput, Offer, Upstream};

/// What tells a PTLC apart from every other: the hash of where it lies and of what tells it apart there. Its amount and
/// point do not: two PTLCs of a channel may have both in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PtlcId(pub [u8; 32]);

impl PtlcId {
    /// In a place where no two pending PTLCs have one point, as in a penny bank.
    pub fn by_point(place: &[u8; 32], point: &PublicKey) -> PtlcId {
        let parts: [&[u8]; 2] = [place, &point.serialize()];
        PtlcId(tagged_hash_parts("narthex/ptlc-by-point", &parts))
    }

    /// In a place that counts those of each direction, as a channel does. Who offers is told by its key, so that both
    /// sides name it alike.
    pub fn by_number(place: &[u8; 32], offerer: &PublicKey, number: u64) -> PtlcId {
        let parts: [&[u8]; 3] = [place, &offerer.serialize(), &number.to_be_bytes()];
        PtlcId(tagged_hash_parts("narthex/ptlc-by-number", &parts))
    }
}

/// When a PTLC ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Expiry {
    /// Height from which the offerer takes it back, if its place was not closed by force before.
    pub height: u32,
    /// Blocks after a force close in which only the receiver can claim, where a close cuts the time short (a penny bank).
    /// `None` where `height` stands whatever is closed (a payment channel).
    pub window: Option<u16>,
}

impl Expiry {
    /// The last height at which the secret may show on chain: closed at the last moment, claimed at the last moment.
    pub fn latest_claim(&self) -> u32 {
        let window = self.window.unwrap_or(0);
        self.height.saturating_add(window.into())
    }

    /// Blocks that the receiver has to show the secret when the place is closed by force in the block after `tip`.
    pub fn open_after_close(&self, tip: u32) -> u32 {
        match self.window {
            Some(window) => window.into(),
            None => self.height.saturating_sub(tip),
        }
    }
}

/// A point-locked payment, pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ptlc {
    /// Which one.
    pub id: PtlcId,
    /// What is paid.
    pub amount: Amount,
    /// Whose secret pays it.
    pub point: PublicKey,
    /// When it ends.
    pub expiry: Expiry,
}

/// The point of a secret.
pub fn point_of(secret: &SecretKey) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::signing_only(), secret)
}

/// Checks that `secret` is that of `point`.
///
/// # Errors
/// [`PtlcError::OtherSecret`]: the fault of whoever shows it.
pub fn check_secret(point: &PublicKey, secret: &SecretKey) -> Result<(), PtlcError> {
    match point_of(secret) == *point {
        true => Ok(()),
        false => Err(PtlcError::OtherSecret { point: *point }),
    }
}
