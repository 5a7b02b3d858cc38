//! What payer and payee of a payment say to each other, and to forwarders.

use std::fmt;

use bitcoin::secp256k1::{PublicKey, SecretKey, schnorr};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;

/// What the payer tells the payee to look for: a PTLC in one of the payee's places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// The place in which the payee is paid.
    pub place: [u8; 32],
    /// The PTLC's point.
    pub point: PublicKey,
    /// Its amount, in the units of its place.
    pub units: u32,
    /// What it is for, such as the hash of an order.
    pub memo: [u8; 32],
}

/// The payee's word that it holds the PTLC of a notice, and is paid with its secret: signed by its key in that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// What was asked for.
    pub notice: Notice,
    /// BIP340.
    pub signature: schnorr::Signature,
}

/// A PTLC's secret, revealed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RevealedSecret {
    /// Where the PTLC lies.
    pub place: [u8; 32],
    /// Its point.
    pub point: PublicKey,
    /// The secret.
    pub secret: SecretKey,
}

impl fmt::Debug for RevealedSecret {
    /// Without the secret: whoever reads a log is not to be paid by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevealedSecret({})", self.point)
    }
}

impl Notice {
    /// What a receipt signs: the fields of the notice, without its kind.
    fn digest(&self) -> [u8; 32] {
        let mut w = Writer::default();
        self.write(&mut w);
        tagged_hash_parts("narthex/bank-receipt", &[&w.finish()])
    }
}

impl Receipt {
    /// Signs a notice. Who signs sees to it that it holds the PTLC, and signs one notice for each.
    pub fn sign(notice: Notice, key: &SecretKey) -> Receipt {
        let signature = statement::sign_by(&notice.digest(), key);
        Receipt { notice, signature }
    }

    /// Whether it is the word of the owner of `key`.
    pub fn is_of(&self, key: &PublicKey) -> bool {
        let key = key.x_only_public_key().0;
        statement::verify(&self.notice.digest(), &self.signature, &key).is_ok()
    }
}

impl Message for Notice {
    const KIND: Kind = kinds::NOTICE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.place)
            .point(&self.point)
            .u32(self.units)
            .fixed(&self.memo);
    }

    fn read(r: &mut Reader<'_>) -> Result<Notice, DecodeError> {
        Ok(Notice {
            place: r.array("bank")?,
            point: r.point("point")?,
            units: r.u32("count")?,
            memo: r.array("memo")?,
        })
    }
}

impl Message for Receipt {
    const KIND: Kind = kinds::RECEIPT;

    fn write(&self, w: &mut Writer) {
        self.notice.write(w);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Receipt, DecodeError> {
        Ok(Receipt {
            notice: Notice::read(r)?,
            signature: r.signature("signature")?,
        })
    }
}

impl Message for RevealedSecret {
    const KIND: Kind = kinds::RELEASE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.place).point(&self.point).scalar(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<RevealedSecret, DecodeError> {
        Ok(RevealedSecret {
            place: r.array("bank")?,
            point: r.point("point")?,
            secret: r.scalar("secret")?,
        })
    }
}
