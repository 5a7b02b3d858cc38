//! Pennies: preimages down a hash chain, w_{i−1} = H(bank ‖ i ‖ w_i). Revealing w_i pays i pennies.

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    secp256k1::SecretKey,
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

/// Length of a penny as it travels: kind, bank, index, secret.
pub const PENNY_BYTES: usize = 4 + 32 + 4 + 32;

/// A penny: the chain's secret at an index. It stands for all pennies up to that index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Penny {
    /// Which bank it is drawn on.
    pub bank: [u8; 32],
    /// Its number, from 1.
    pub index: u32,
    /// w_index.
    pub secret: [u8; 32],
}

impl Message for Penny {
    const KIND: Kind = kinds::PENNY;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank).u32(self.index).fixed(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Penny, DecodeError> {
        Ok(Penny {
            bank: r.array("bank")?,
            index: r.u32("index")?,
            secret: r.array("secret")?,
        })
    }
}

impl std::fmt::Debug for Penny {
    /// Without the secret: whoever reads a log is not to be paid by it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Penny({})", self.index)
    }
}

/// The hash of one bank's chain. Tag and bank are hashed once, so that a penny costs what follows them.
#[derive(Clone)]
pub struct Links(sha256::HashEngine);

impl Links {
    /// The chain of this bank.
    pub fn new(bank: &[u8; 32]) -> Links {
        let tag = sha256::Hash::hash(b"narthex/penny");
        let mut engine = sha256::Hash::engine();
        engine.input(tag.as_byte_array());
        engine.input(tag.as_byte_array());
        engine.input(bank);
        Links(engine)
    }

    /// w_{i−1} from w_i.
    pub fn below(&self, i: u32, secret: &[u8; 32]) -> [u8; 32] {
        let mut engine = self.0.clone();
        engine.input(&i.to_be_bytes());
        engine.input(secret);
        sha256::Hash::from_engine(engine).to_byte_array()
    }

    /// w_to from w_from, for `to` ≤ `from`.
    pub fn down(&self, from: u32, secret: [u8; 32], to: u32) -> [u8; 32] {
        (to..from)
            .rev()
            .fold(secret, |secret, i| self.below(i + 1, &secret))
    }
}

/// w_i as the secret of an adaptor point: the 32 bytes as a big-endian number.
///
/// `None` if that is zero or not below the group order, which a hash is once in 2¹²⁸. There is no commitment at such an
/// index; its pennies are enforced by the next.
pub fn scalar(secret: &[u8; 32]) -> Option<SecretKey> {
    SecretKey::from_slice(secret).ok()
}
