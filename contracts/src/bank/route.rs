//! A payment through bankers, on the side of who pays.

use std::fmt;

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
};
use serde::{Deserialize, Serialize};

use super::{
    Bank, HopError, Notice, Order, Payer, Promise, Provider, Receipt, Release, Settled, Sight,
    order::Body,
};
use crate::depth::Depth;

/// Most bankers on a way.
pub const MAX_HOPS: usize = 8;

/// A bank on the way and what is promised in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// The bank's identity in its pennies.
    pub bank: [u8; 32],
    /// Pennies.
    pub count: u32,
}

/// What the payer must not forget of a payment, besides its bank's record.
///
/// The payer draws the secret of the first promise and the differences to the others. Each banker learns the
/// difference between its two, and so can link neither to another banker's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The payer's own bank first, the payee's last.
    pub legs: Vec<Leg>,
    /// The secret of each leg's promise.
    secrets: Vec<SecretKey>,
    /// For each banker the difference between its two.
    tweaks: Vec<SecretKey>,
    /// The payee's key in the last bank.
    pub payee: PublicKey,
    /// What it is for.
    pub memo: [u8; 32],
    /// Whether the payee may know the secret.
    pub released: bool,
}

impl fmt::Debug for Route {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("legs", &self.legs)
            .field("payee", &self.payee)
            .field("released", &self.released)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// Draws the secrets of a payment on this way.
    pub fn new<R: RngCore + CryptoRng>(
        legs: Vec<Leg>,
        payee: PublicKey,
        memo: [u8; 32],
        rng: &mut R,
    ) -> Result<Route, HopError> {
        if legs.len() < 2 || legs.len() > MAX_HOPS + 1 {
            return Err(HopError::Way("1 to 8 bankers are taken"));
        }
        for (i, leg) in legs.iter().enumerate() {
            if leg.count == 0 {
                return Err(HopError::Way("a leg pays nothing"));
            }
            if legs[..i].iter().any(|other| other.bank == leg.bank) {
                return Err(HopError::Way("it goes through one bank twice"));
            }
        }
        let mut secrets = vec![SecretKey::new(rng)];
        let mut tweaks = Vec::with_capacity(legs.len());
        while let Some(last) = secrets.last().filter(|_| secrets.len() < legs.len()) {
            let tweak = SecretKey::new(rng);
            let next = last.add_tweak(&tweak.into());
            secrets.push(next.map_err(|_| HopError::Infinity)?);
            tweaks.push(tweak);
        }
        Ok(Route {
            legs,
            secrets,
            tweaks,
            payee,
            memo,
            released: false,
        })
    }

    fn leg(&self, index: usize) -> Result<(&Leg, &SecretKey), HopError> {
        let found = self.legs.get(index).zip(self.secrets.get(index));
        found.ok_or(HopError::Way("it has no such leg"))
    }

    fn release_of(&self, index: usize) -> Result<Release, HopError> {
        let (leg, secret) = self.leg(index)?;
        Ok(Release {
            bank: leg.bank,
            point: PublicKey::from_secret_key(&Secp256k1::signing_only(), secret),
            secret: *secret,
        })
    }

    /// What the payer promises in its own bank. It must be durable, together with this route, before a frame leaves.
    pub fn promise(&self) -> Result<Promise, HopError> {
        let point = self.release_of(0)?.point;
        let count = self.leg(0)?.0.count;
        Ok(Promise { point, count })
    }

    /// The orders, one for each banker on the way.
    pub fn orders(&self) -> Vec<Order> {
        let pairs = self
            .legs
            .windows(2)
            .zip(self.secrets.iter().zip(&self.tweaks));
        let order = |(pair, (secret, tweak)): (&[Leg], (&SecretKey, &SecretKey))| match pair {
            [from, to] => Some(
                Body {
                    in_bank: from.bank,
                    in_count: from.count,
                    tweak: *tweak,
                    out_bank: to.bank,
                    out_count: to.count,
                }
                .sign(secret),
            ),
            _ => None,
        };
        pairs.filter_map(order).collect()
    }

    /// What the payee is to look for.
    pub fn notice(&self) -> Result<Notice, HopError> {
        let last = self.legs.len().saturating_sub(1);
        let release = self.release_of(last)?;
        Ok(Notice {
            bank: release.bank,
            point: release.point,
            count: self.leg(last)?.0.count,
            memo: self.memo,
        })
    }

    /// The secret for the payee, who said that it holds the promise: this pays. The record changes: it must be durable
    /// before the secret leaves. Asked once more it gives the same.
    pub fn release(&mut self, receipt: &Receipt) -> Result<Release, HopError> {
        if receipt.notice != self.notice()? || !receipt.is_of(&self.payee) {
            return Err(HopError::Receipt);
        }
        let release = self.release_of(self.legs.len().saturating_sub(1))?;
        self.released = true;
        Ok(release)
    }

    /// The pennies for the first banker, once the payee may know the secret. The bank's record changes.
    pub fn settle(&self, payer: &mut Payer) -> Result<Settled, HopError> {
        if !self.released {
            return Err(HopError::Way("the payee was not given the secret"));
        }
        let Release { point, secret, .. } = self.release_of(0)?;
        Ok(payer.settle(&point, secret)?)
    }
}

/// The payee's word for a promise that it holds, in a bank whose coin it sees. Given for one memo only: the record
/// changes, and must be durable first.
pub fn receipt(
    provider: &mut Provider,
    notice: &Notice,
    (sight, depth): (&Sight, Depth),
) -> Result<Receipt, HopError> {
    let bank: &Bank = provider.bank();
    if notice.bank != bank.terms().bank() {
        return Err(HopError::NoBank(notice.bank));
    }
    provider.in_phase(super::Phase::Open, "promise")?;
    let wanted = Promise {
        point: notice.point,
        count: notice.count,
    };
    if !provider.expects(&wanted) {
        let count = notice.count;
        return Err(HopError::NoPromise { count });
    }
    let checked = bank.check_coin(sight, depth);
    checked.map_err(|error| HopError::Coin {
        bank: notice.bank,
        error,
    })?;
    if !provider.receipt_for(notice.point, notice.memo) {
        return Err(HopError::OtherMemo);
    }
    Ok(Receipt::sign(*notice, &provider.key))
}
