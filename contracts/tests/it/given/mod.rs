//! A random source that gives what a test says: fixed salts and seeds for vectors, and one that repeats itself.

use bitcoin::secp256k1::rand::{CryptoRng, Error, RngCore};
use narthex_contracts::binding::FreshSalt;

/// Gives these bytes, each 32 of them once.
pub struct Given(std::vec::IntoIter<[u8; 32]>);

impl Given {
    pub fn new(values: &[[u8; 32]]) -> Given {
        Given(Vec::from(values).into_iter())
    }
}

/// A salt of these bytes, as if they had been drawn.
pub fn salt(bytes: [u8; 32]) -> FreshSalt {
    FreshSalt::draw(&mut Given::new(&[bytes]))
}

impl RngCore for Given {
    fn next_u32(&mut self) -> u32 {
        panic!("salts and seeds are drawn as bytes")
    }

    fn next_u64(&mut self) -> u64 {
        panic!("salts and seeds are drawn as bytes")
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        match self.0.next() {
            Some(bytes) if dest.len() == bytes.len() => dest.copy_from_slice(&bytes),
            other => panic!("{} bytes are drawn of {other:?}", dest.len()),
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Given {}
