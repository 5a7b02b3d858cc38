//! An order to a banker: for a promise in one bank, make one in another under a point that differs by a known number.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use std::fmt;

use bitcoin::secp256k1::{PublicKey, Scalar, Secp256k1, SecretKey, schnorr};
use serde::{Deserialize, Serialize};

use super::HopError;

/// What a banker is asked for. Only who knows the secret of the promise can ask: nobody else's order, nor an order
/// with anything changed, is taken for this promise.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The bank in which the banker is the provider.
    pub in_bank: [u8; 32],
    /// The promise in it.
    pub point: PublicKey,
    /// Its pennies.
    pub in_count: u32,
    /// y: the point of the promise that is asked for is that of the given one + y·G.
    pub tweak: SecretKey,
    /// The bank in which the banker is the payer.
    pub out_bank: [u8; 32],
    /// Pennies of the promise that is asked for.
    pub out_count: u32,
    /// BIP340 signature of all this by the secret of the given promise.
    pub proof: schnorr::Signature,
}

impl fmt::Debug for Order {
    /// Without y, which links the two promises.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (point, given, wanted) = (&self.point, self.in_count, self.out_count);
        write!(f, "Order({given} under {point} for {wanted})")
    }
}

/// What stands in an order.
#[derive(Clone, Copy)]
pub(super) struct Body {
    pub(super) in_bank: [u8; 32],
    pub(super) in_count: u32,
    pub(super) tweak: SecretKey,
    pub(super) out_bank: [u8; 32],
    pub(super) out_count: u32,
}

impl Body {
    /// What the secret of the given promise signs.
    fn digest(&self, point: &PublicKey) -> [u8; 32] {
        tagged_hash_parts(
            "narthex/bank-order",
            &[
                &self.in_bank,
                &point.serialize(),
                &self.in_count.to_be_bytes(),
                &self.tweak.secret_bytes(),
                &self.out_bank,
                &self.out_count.to_be_bytes(),
            ],
        )
    }

    /// Signed with the secret of the given promise.
    pub(super) fn sign(self, secret: &SecretKey) -> Order {
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), secret);
        let proof = statement::sign_by(&self.digest(&point), secret);
        let Body {
            in_bank,
            in_count,
            tweak,
            out_bank,
            out_count,
        } = self;
        Order {
            in_bank,
            point,
            in_count,
            tweak,
            out_bank,
            out_count,
            proof,
        }
    }
}

impl Order {
    /// Whether whoever made it knows the secret of its promise.
    pub(super) fn is_proven(&self) -> bool {
        let Order {
            in_bank,
            point,
            in_count,
            tweak,
            out_bank,
            out_count,
            proof,
        } = self.clone();
        let body = Body {
            in_bank,
            in_count,
            tweak,
            out_bank,
            out_count,
        };
        let key = point.x_only_public_key().0;
        statement::verify(&body.digest(&point), &proof, &key).is_ok()
    }

    /// The point of the promise that is asked for.
    pub fn out_point(&self) -> Result<PublicKey, HopError> {
        let tweak = Scalar::from(self.tweak);
        let point = self
            .point
            .add_exp_tweak(&Secp256k1::verification_only(), &tweak);
        point.map_err(|_| HopError::Infinity)
    }

    /// The secret of the given promise out of the other's.
    pub(super) fn in_secret(&self, out: &SecretKey) -> Result<SecretKey, HopError> {
        let minus = Scalar::from(self.tweak.negate());
        out.add_tweak(&minus).map_err(|_| HopError::Infinity)
    }
}

impl Message for Order {
    const KIND: Kind = kinds::FORWARD;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.in_bank)
            .point(&self.point)
            .u32(self.in_count)
            .scalar(&self.tweak)
            .fixed(&self.out_bank)
            .u32(self.out_count)
            .signature(&self.proof);
    }

    fn read(r: &mut Reader<'_>) -> Result<Order, DecodeError> {
        Ok(Order {
            in_bank: r.array("in_bank")?,
            point: r.point("point")?,
            in_count: r.u32("in_count")?,
            tweak: r.scalar("tweak")?,
            out_bank: r.array("out_bank")?,
            out_count: r.u32("out_count")?,
            proof: r.signature("signature")?,
        })
    }
}
