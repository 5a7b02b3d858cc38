//! A source of what a provider draws, out of a seed: whoever lost its disk deals the same again, and posts the same.

use bitcoin::secp256k1::rand::{CryptoRng, Error, RngCore};
use narthex_base::secret::Secret;
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

/// Block i is the tagged hash `narthex/slice-source` of seed, purpose and i: the same whatever library draws from it. A seed serves one
/// purpose once, or what is drawn for it would not be secret from who sees both.
pub struct SliceSource {
    seed: Secret,
    purpose: [u8; 32],
    counter: u64,
}

impl SliceSource {
    /// Of a seed that nobody else has.
    pub const fn new(seed: Secret, purpose: [u8; 32]) -> SliceSource {
        SliceSource {
            seed,
            purpose,
            counter: 0,
        }
    }
}

impl CryptoRng for SliceSource {}

impl RngCore for SliceSource {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_be_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(32) {
            let at = self.counter.to_be_bytes();
            self.counter = self.counter.wrapping_add(1);
            let parts: [&[u8]; 3] = [self.seed.expose(), &self.purpose, &at];
            let block = Zeroizing::new(tagged_hash_parts("narthex/slice-source", &parts));
            for (to, from) in part.iter_mut().zip(block.iter()) {
                *to = *from;
            }
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl std::fmt::Debug for SliceSource {
    /// Without the seed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SliceSource(..)")
    }
}
