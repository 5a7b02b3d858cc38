//! What payer and payee of a payment through bankers say to each other, and to the bankers.

use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;
use std::fmt;

use bitcoin::secp256k1::{Message, PublicKey, Secp256k1, SecretKey, schnorr};

use super::{PENNY_BYTES, Penny, promise::point};

const NOTICE: Kind = kinds::NOTICE;
const RECEIPT: Kind = kinds::RECEIPT;
const RELEASE: Kind = kinds::RELEASE;
const SETTLED: Kind = kinds::SETTLED;

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
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank)
            .fixed(&self.point.serialize())
            .u32(self.count)
            .fixed(&self.memo);
    }

    fn read(r: &mut Reader<'_>) -> Result<Notice, DecodeError> {
        Ok(Notice {
            bank: r.array("bank")?,
            point: point(r)?,
            count: r.u32("count")?,
            memo: r.array("memo")?,
        })
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(NOTICE);
        self.write(&mut w);
        w.finish()
    }

    /// Reads a notice.
    pub fn from_bytes(bytes: &[u8]) -> Result<Notice, DecodeError> {
        let mut r = Reader::new(NOTICE, bytes)?;
        let notice = Notice::read(&mut r)?;
        r.finish()?;
        Ok(notice)
    }

    fn message(&self) -> Message {
        let mut w = Writer::default();
        self.write(&mut w);
        Message::from_digest(tagged_hash_parts("narthex/bank-receipt", &[&w.finish()]))
    }
}

impl Receipt {
    pub(super) fn sign(notice: Notice, key: &SecretKey) -> Receipt {
        let secp = Secp256k1::signing_only();
        let signature = secp.sign_schnorr_no_aux_rand(&notice.message(), &key.keypair(&secp));
        Receipt { notice, signature }
    }

    /// Whether it is the word of the owner of `key`.
    pub fn is_of(&self, key: &PublicKey) -> bool {
        let key = key.x_only_public_key().0;
        Secp256k1::verification_only()
            .verify_schnorr(&self.signature, &self.notice.message(), &key)
            .is_ok()
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(RECEIPT);
        self.notice.write(&mut w);
        w.fixed(&self.signature.serialize());
        w.finish()
    }

    /// Reads a receipt; nothing is verified yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Receipt, DecodeError> {
        let mut r = Reader::new(RECEIPT, bytes)?;
        let notice = Notice::read(&mut r)?;
        let signature = signature(&mut r)?;
        r.finish()?;
        Ok(Receipt { notice, signature })
    }
}

impl Release {
    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::new(RELEASE)
            .fixed(&self.bank)
            .fixed(&self.point.serialize())
            .fixed(&self.secret.secret_bytes())
            .finish()
    }

    /// Reads a release; whether the secret is the point's shows when it is used.
    pub fn from_bytes(bytes: &[u8]) -> Result<Release, DecodeError> {
        let mut r = Reader::new(RELEASE, bytes)?;
        let release = Release {
            bank: r.array("bank")?,
            point: point(&mut r)?,
            secret: secret(&mut r)?,
        };
        r.finish()?;
        Ok(release)
    }
}

impl Settled {
    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        Writer::new(SETTLED)
            .fixed(&self.penny.to_bytes())
            .fixed(&self.point.serialize())
            .fixed(&self.secret.secret_bytes())
            .finish()
    }

    /// Reads the pennies of a promise; nothing is verified yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Settled, DecodeError> {
        let mut r = Reader::new(SETTLED, bytes)?;
        let settled = Settled {
            penny: Penny::from_bytes(r.slice("penny", PENNY_BYTES)?)?,
            point: point(&mut r)?,
            secret: secret(&mut r)?,
        };
        r.finish()?;
        Ok(settled)
    }
}

fn secret(r: &mut Reader<'_>) -> Result<SecretKey, DecodeError> {
    // What stands there is not repeated in the error.
    SecretKey::from_slice(r.slice("secret", 32)?)
        .map_err(|_| DecodeError::invalid("secret", "no scalar"))
}

pub(super) fn signature(r: &mut Reader<'_>) -> Result<schnorr::Signature, DecodeError> {
    schnorr::Signature::from_slice(r.slice("signature", 64)?)
        .map_err(|e| DecodeError::invalid("signature", e))
}
