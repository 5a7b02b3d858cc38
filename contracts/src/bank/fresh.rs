//! What a payer draws for one bank: a salt, and the seed of its chain.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::rand::{CryptoRng, RngCore},
};
use narthex_base::secret;

use super::{BankError, BankRecord, Pebbles};
use crate::binding::{Bindings, FreshSalt, Mark};

secret! {
    serde
    /// w_N, which gives all pennies of a bank. Bytes are taken from the payer's record alone.
    ChainSeed
}

/// Salt and seed that were just drawn and have served no bank. A provider that was once given w_N could pay itself out of
/// every other bank of the same chain, so they are bound to one bank, and used up by opening it.
#[derive(Debug)]
pub struct FreshChain {
    salt: FreshSalt,
    seed: ChainSeed,
}

impl FreshChain {
    /// Draws them.
    pub fn draw<R: RngCore + CryptoRng>(rng: &mut R) -> FreshChain {
        let salt = FreshSalt::draw(rng);
        let seed = ChainSeed::drawn(|bytes| rng.fill_bytes(bytes));
        FreshChain { salt, seed }
    }

    /// Draws a salt, and takes the seed that follows from it and from what the payer keeps anyway
    /// (`bank_chain` of what is derived): nothing else is to be stored before the bank is opened.
    pub fn derived<R: RngCore + CryptoRng>(
        rng: &mut R,
        seed: impl FnOnce(&sha256::Hash) -> ChainSeed,
    ) -> FreshChain {
        let salt = FreshSalt::draw(rng);
        let seed = seed(&salt.value());
        FreshChain { salt, seed }
    }

    /// The model with this salt and the tip of this chain: N hashes, after the rest of the terms was checked.
    pub fn name(&self, mut model: BankRecord) -> Result<BankRecord, BankError> {
        model.salt = self.salt.value();
        // Before the walk down the chain, whose length they bound.
        model.clone().check()?;
        let tip = Pebbles::root(model.bank(), model.pennies, *self.seed.expose());
        model.chain_root = sha256::Hash::from_byte_array(tip);
        Ok(model)
    }

    /// The salt, as it stands in terms.
    pub fn salt(&self) -> sha256::Hash {
        self.salt.value()
    }

    /// w_N, to be stored before the bank is opened.
    pub fn seed(&self) -> &ChainSeed {
        &self.seed
    }

    pub(super) fn bind(
        self,
        id: [u8; 32],
        bindings: &mut dyn Bindings,
    ) -> Result<ChainSeed, BankError> {
        let _once = Mark::of("bank chain", self.seed.expose()).bind(id, bindings)?;
        let _once = self.salt.bind("bank salt", id, bindings)?;
        Ok(self.seed)
    }
}
