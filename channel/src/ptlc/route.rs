//! A payment over several places, on the side of who pays.

use std::fmt;

use bitcoin::secp256k1::{
    PublicKey, SecretKey,
    rand::{CryptoRng, RngCore},
};
use serde::{Deserialize, Serialize};

use super::{Forward, ForwardBody, Notice, PtlcError, Receipt, RevealedSecret, point_of};

/// Most forwarders on a way.
pub const MAX_HOPS: usize = 8;

/// A place on the way and what is offered in it. In JSON it has the names under which banks keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// The place's identity.
    #[serde(rename = "bank")]
    pub place: [u8; 32],
    /// The amount, in its units.
    #[serde(rename = "count")]
    pub units: u32,
}

/// What the payer must not forget of a payment, besides what it keeps of its own place.
///
/// The payer draws the secret of the first PTLC and the differences to the others. Each forwarder learns the difference
/// between its two, and so can link neither to another forwarder's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The payer's own place first, the payee's last.
    pub legs: Vec<Leg>,
    /// The secret of each leg's PTLC.
    secrets: Vec<SecretKey>,
    /// For each forwarder the difference between its two.
    tweaks: Vec<SecretKey>,
    /// The payee's key in the last place.
    pub payee: PublicKey,
    /// What it is for.
    pub memo: [u8; 32],
    /// Whether the payee may know the secret.
    #[serde(rename = "released")]
    pub is_revealed: bool,
}

impl fmt::Debug for Route {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("legs", &self.legs)
            .field("payee", &self.payee)
            .field("is_revealed", &self.is_revealed)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// Draws the secrets of a payment on this way.
    ///
    /// # Errors
    /// [`PtlcError::Way`]: the caller's fault.
    pub fn new<R: RngCore + CryptoRng>(
        legs: Vec<Leg>,
        payee: PublicKey,
        memo: [u8; 32],
        rng: &mut R,
    ) -> Result<Route, PtlcError> {
        if legs.len() < 2 || legs.len() > MAX_HOPS + 1 {
            return Err(PtlcError::Way("1 to 8 forwarders are taken"));
        }
        for (i, leg) in legs.iter().enumerate() {
            if leg.units == 0 {
                return Err(PtlcError::Way("a leg pays nothing"));
            }
            let mut before = legs.iter().take(i);
            if before.any(|other| other.place == leg.place) {
                return Err(PtlcError::Way("it goes through one place twice"));
            }
        }
        let mut secrets = vec![SecretKey::new(rng)];
        let mut tweaks = Vec::with_capacity(legs.len());
        while let Some(last) = secrets.last().filter(|_| secrets.len() < legs.len()) {
            let tweak = SecretKey::new(rng);
            let next = last.add_tweak(&tweak.into());
            secrets.push(next.map_err(|_| PtlcError::Infinity)?);
            tweaks.push(tweak);
        }
        Ok(Route {
            legs,
            secrets,
            tweaks,
            payee,
            memo,
            is_revealed: false,
        })
    }

    fn leg(&self, index: usize) -> Result<(&Leg, &SecretKey), PtlcError> {
        let found = self.legs.get(index).zip(self.secrets.get(index));
        found.ok_or(PtlcError::Way("it has no such leg"))
    }

    fn revealed(&self, index: usize) -> Result<RevealedSecret, PtlcError> {
        let (leg, secret) = self.leg(index)?;
        Ok(RevealedSecret {
            place: leg.place,
            point: point_of(secret),
            secret: *secret,
        })
    }

    /// What the payer offers in its own place, in its units, and under which point. It must be durable, together with this
    /// route, before anything leaves.
    ///
    /// # Errors
    /// [`PtlcError::Way`] if the route was not kept whole.
    pub fn first(&self) -> Result<(PublicKey, u32), PtlcError> {
        let (leg, secret) = self.leg(0)?;
        Ok((point_of(secret), leg.units))
    }

    /// The orders, one for each forwarder on the way.
    pub fn orders(&self) -> Vec<Forward> {
        let pairs = self.legs.windows(2);
        let pairs = pairs.zip(self.secrets.iter().zip(&self.tweaks));
        let order = |(pair, (secret, tweak)): (&[Leg], (&SecretKey, &SecretKey))| match pair {
            [from, to] => Some(
                ForwardBody {
                    in_place: from.place,
                    in_units: from.units,
                    tweak: *tweak,
                    out_place: to.place,
                    out_units: to.units,
                }
                .sign(secret),
            ),
            _ => None,
        };
        pairs.filter_map(order).collect()
    }

    /// What the payee is to look for.
    ///
    /// # Errors
    /// [`PtlcError::Way`] if the route was not kept whole.
    pub fn notice(&self) -> Result<Notice, PtlcError> {
        let (leg, secret) = self.leg(self.legs.len().saturating_sub(1))?;
        Ok(Notice {
            place: leg.place,
            point: point_of(secret),
            units: leg.units,
            memo: self.memo,
        })
    }

    /// The secret for the payee, who said that it holds the PTLC: this pays. The record changes: it must be durable before
    /// the secret leaves. Asked once more it gives the same.
    ///
    /// # Errors
    /// [`PtlcError::Receipt`]: the payee's fault, and nothing changes.
    pub fn reveal(&mut self, receipt: &Receipt) -> Result<RevealedSecret, PtlcError> {
        if receipt.notice != self.notice()? || !receipt.is_of(&self.payee) {
            return Err(PtlcError::Receipt);
        }
        let secret = self.revealed(self.legs.len().saturating_sub(1))?;
        self.is_revealed = true;
        Ok(secret)
    }

    /// The secret by which the payer pays the first forwarder, once the payee may know its own.
    ///
    /// # Errors
    /// [`PtlcError::Way`] before that.
    pub fn settlement(&self) -> Result<RevealedSecret, PtlcError> {
        match self.is_revealed {
            true => self.revealed(0),
            false => Err(PtlcError::Way("the payee was not given the secret")),
        }
    }
}
