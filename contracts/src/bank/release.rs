//! What payer and payee of a payment through bankers say to each other, and to the bankers.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use std::fmt;

use bitcoin::secp256k1::{PublicKey, SecretKey, schnorr};

use super::{PENNY_BYTES, Penny};

/// What the payer tells the payee to look for: a promise in one of the payee's banks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// The bank in which the payee is the provider.
    pub bank: [u8; 32],
    /// The promise's point.
    pub point: PublicKey,
    /// Its pennies.
    pub count: u32,
    /// What it is for, such as the hash of an order.
    pub memo: [u8; 32],
}

impl Message for Notice {
    const KIND: Kind = kinds::NOTICE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank)
            .point(&self.point)
            .u32(self.count)
            .fixed(&self.memo);
    }

    fn read(r: &mut Reader<'_>) -> Result<Notice, DecodeError> {
        Ok(Notice {
            bank: r.array("bank")?,
            point: r.point("point")?,
            count: r.u32("count")?,
            memo: r.array("memo")?,
        })
    }
}

/// The payee's word that it holds the promise of a notice, and is paid with its secret: signed by its key in that bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// What was asked for.
    pub notice: Notice,
    /// BIP340.
    pub signature: schnorr::Signature,
}

/// A promise's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The bank of the promise.
    pub bank: [u8; 32],
    /// Its point.
    pub point: PublicKey,
    /// The secret.
    pub secret: SecretKey,
}

impl Message for Release {
    const KIND: Kind = kinds::RELEASE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank).point(&self.point).scalar(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Release, DecodeError> {
        Ok(Release {
            bank: r.array("bank")?,
            point: r.point("point")?,
            secret: r.scalar("secret")?,
        })
    }
}

/// The pennies of a promise whose secret was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The pennies.
    pub penny: Penny,
    /// The promise's point.
    pub point: PublicKey,
    /// Its secret.
    pub secret: SecretKey,
}

impl Message for Settled {
    const KIND: Kind = kinds::SETTLED;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.penny.to_bytes())
            .point(&self.point)
            .scalar(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Settled, DecodeError> {
        Ok(Settled {
            penny: Penny::from_bytes(r.slice("penny", PENNY_BYTES)?)?,
            point: r.point("point")?,
            secret: r.scalar("secret")?,
        })
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Release({})", self.point)
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settled({:?}, {})", self.penny, self.point)
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
    pub(super) fn sign(notice: Notice, key: &SecretKey) -> Receipt {
        let signature = statement::sign_by(&notice.digest(), key);
        Receipt { notice, signature }
    }

    /// Whether it is the word of the owner of `key`.
    pub fn is_of(&self, key: &PublicKey) -> bool {
        let key = key.x_only_public_key().0;
        statement::verify(&self.notice.digest(), &self.signature, &key).is_ok()
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
