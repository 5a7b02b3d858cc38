//! The number of a commitment, as it stands hidden in the transaction (BOLT 3).

use bitcoin::{
    Sequence, Transaction,
    absolute::LockTime,
    hashes::{Hash, HashEngine, sha256},
    secp256k1::PublicKey,
};

use super::ChannelError;

/// Largest number of a commitment: there are 48 bits for it.
pub const MAX_NUMBER: u64 = (1 << 48) - 1;

const HALF: u32 = (1 << 24) - 1;

/// What the numbers of one channel's commitments are obscured by: who does not know both payout keys learns nothing of how
/// often the channel was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obscured(u64);

impl Obscured {
    /// Of the payout keys of opener and accepter.
    pub fn new(opener: &PublicKey, accepter: &PublicKey) -> Obscured {
        let mut engine = sha256::Hash::engine();
        engine.input(&opener.serialize());
        engine.input(&accepter.serialize());
        let hash = sha256::Hash::from_engine(engine).to_byte_array();
        let low = hash.iter().skip(26);
        Obscured(low.fold(0, |factor, byte| factor << 8 | u64::from(*byte)))
    }

    /// The sequence and the lock time that say a number.
    ///
    /// # Errors
    /// [`ChannelError::Number`].
    pub fn hide(self, number: u64) -> Result<(Sequence, LockTime), ChannelError> {
        if number > MAX_NUMBER {
            return Err(ChannelError::Number { number });
        }
        let hidden = number ^ self.0;
        let (high, low) = ((hidden >> 24) as u32 & HALF, hidden as u32 & HALF);
        let lock = LockTime::from_consensus(0x20 << 24 | low);
        Ok((Sequence(0x80 << 24 | high), lock))
    }

    /// The number that a transaction with one input says; `None` if it says none.
    pub fn read(self, tx: &Transaction) -> Option<u64> {
        let [input] = &tx.input[..] else { return None };
        let (sequence, lock) = (input.sequence.0, tx.lock_time.to_consensus_u32());
        if sequence >> 24 != 0x80 || lock >> 24 != 0x20 {
            return None;
        }
        let hidden = u64::from(sequence & HALF) << 24 | u64::from(lock & HALF);
        Some(hidden ^ self.0)
    }
}
