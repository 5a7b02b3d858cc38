//! An order to forward: for a PTLC in one place, offer one in another under a point that differs by a known number.

use std::fmt;

use bitcoin::secp256k1::{PublicKey, Scalar, SecretKey, schnorr};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;

use super::{PtlcError, point_of};

/// What a forwarder is asked for. Only who knows the secret of the incoming PTLC can ask: nobody else's order, nor an
/// order with anything changed, is taken for this PTLC.
#[derive(Clone, PartialEq, Eq)]
pub struct Forward {
    /// The place in which the forwarder is paid.
    pub in_place: [u8; 32],
    /// The point of the PTLC in it.
    pub point: PublicKey,
    /// Its amount, in the units of its place: pennies of a bank.
    pub in_units: u32,
    /// y: the point of the outgoing PTLC is that of the incoming one + y·G.
    pub tweak: SecretKey,
    /// The place in which the forwarder pays.
    pub out_place: [u8; 32],
    /// Amount of the outgoing PTLC, in the units of its place.
    pub out_units: u32,
    /// BIP340 signature of all this by the secret of the incoming PTLC.
    pub proof: schnorr::Signature,
}

impl fmt::Debug for Forward {
    /// Without y, which links the two PTLCs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (point, given, wanted) = (&self.point, self.in_units, self.out_units);
        write!(f, "Forward({given} under {point} for {wanted})")
    }
}

/// What stands in an order.
#[derive(Clone, Copy)]
pub struct ForwardBody {
    /// As [`Forward::in_place`].
    pub in_place: [u8; 32],
    /// As [`Forward::in_units`].
    pub in_units: u32,
    /// As [`Forward::tweak`].
    pub tweak: SecretKey,
    /// As [`Forward::out_place`].
    pub out_place: [u8; 32],
    /// As [`Forward::out_units`].
    pub out_units: u32,
}

impl ForwardBody {
    /// What the secret of the incoming PTLC signs.
    fn digest(&self, point: &PublicKey) -> [u8; 32] {
        tagged_hash_parts(
            // The tag of the first places that knew such orders; signatures hang on it.
            "narthex/bank-order",
            &[
                &self.in_place,
                &point.serialize(),
                &self.in_units.to_be_bytes(),
                &self.tweak.secret_bytes(),
                &self.out_place,
                &self.out_units.to_be_bytes(),
            ],
        )
    }

    /// Signed with the secret of the incoming PTLC.
    pub fn sign(self, secret: &SecretKey) -> Forward {
        let point = point_of(secret);
        let proof = statement::sign_by(&self.digest(&point), secret);
        let ForwardBody {
            in_place,
            in_units,
            tweak,
            out_place,
            out_units,
        } = self;
        Forward {
            in_place,
            point,
            in_units,
            tweak,
            out_place,
            out_units,
            proof,
        }
    }
}

impl Forward {
    /// Whether whoever made it knows the secret of its PTLC.
    pub fn is_proven(&self) -> bool {
        let body = ForwardBody {
            in_place: self.in_place,
            in_units: self.in_units,
            tweak: self.tweak,
            out_place: self.out_place,
            out_units: self.out_units,
        };
        let key = self.point.x_only_public_key().0;
        statement::verify(&body.digest(&self.point), &self.proof, &key).is_ok()
    }

    /// The point of the outgoing PTLC.
    ///
    /// # Errors
    /// [`PtlcError::Infinity`] if there is none. The sender's fault.
    pub fn out_point(&self) -> Result<PublicKey, PtlcError> {
        let tweak = Scalar::from(self.tweak);
        let secp = narthex_base::context::verifying();
        let point = self.point.add_exp_tweak(secp, &tweak);
        point.map_err(|_| PtlcError::Infinity)
    }

    /// The secret of the incoming PTLC out of the other's.
    ///
    /// # Errors
    /// [`PtlcError::Infinity`] if there is none.
    pub fn in_secret(&self, out: &SecretKey) -> Result<SecretKey, PtlcError> {
        let minus = Scalar::from(self.tweak.negate());
        out.add_tweak(&minus).map_err(|_| PtlcError::Infinity)
    }

    /// The secret of the outgoing PTLC out of the other's.
    ///
    /// # Errors
    /// [`PtlcError::Infinity`] if there is none.
    pub fn out_secret(&self, given: &SecretKey) -> Result<SecretKey, PtlcError> {
        let plus = Scalar::from(self.tweak);
        given.add_tweak(&plus).map_err(|_| PtlcError::Infinity)
    }
}

impl Message for Forward {
    const KIND: Kind = kinds::FORWARD;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.in_place)
            .point(&self.point)
            .u32(self.in_units)
            .scalar(&self.tweak)
            .fixed(&self.out_place)
            .u32(self.out_units)
            .signature(&self.proof);
    }

    fn read(r: &mut Reader<'_>) -> Result<Forward, DecodeError> {
        Ok(Forward {
            in_place: r.array("in_bank")?,
            point: r.point("point")?,
            in_units: r.u32("in_count")?,
            tweak: r.scalar("tweak")?,
            out_place: r.array("out_bank")?,
            out_units: r.u32("out_count")?,
            proof: r.signature("signature")?,
        })
    }
}
