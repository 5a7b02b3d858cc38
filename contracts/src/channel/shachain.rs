//! Secrets of commitments: 2^48 of them out of one seed, and those that a counterparty showed kept in 49 hashes (BOLT 3).

use bitcoin::hashes::{Hash, sha256};
use narthex_base::secret::Secret;

use super::MAX_NUMBER;

const BITS: u32 = 48;

/// The secret of the commitment with this number; none beyond [`MAX_NUMBER`] is asked for.
///
/// Numbers count up and BOLT 3's indices down, so that a later secret gives the earlier ones and never the other way.
pub fn per_commitment_secret(seed: &[u8; 32], number: u64) -> Secret {
    Secret::from_bytes(derive(seed, BITS, index(number)))
}

const fn index(number: u64) -> u64 {
    MAX_NUMBER - (number & MAX_NUMBER)
}

/// Flips and hashes for every bit of `index` below `bits` that is set.
fn derive(from: &[u8; 32], bits: u32, index: u64) -> [u8; 32] {
    let mut value = *from;
    for bit in (0..bits).rev().filter(|bit| index >> bit & 1 == 1) {
        value[(bit / 8) as usize] ^= 1 << (bit % 8);
        value = sha256::Hash::hash(&value).to_byte_array();
    }
    value
}

/// Why a secret is not taken. The counterparty's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// They come in order.
    #[error("the secret of commitment {expected} is next, not that of {found}")]
    Order {
        /// Which is next.
        expected: u64,
        /// Which came.
        found: u64,
    },
    /// An earlier one does not follow from it.
    #[error("the secret of commitment {number} does not give those before it")]
    Unrelated {
        /// Whose it is said to be.
        number: u64,
    },
}

/// Secrets of the commitments that a counterparty has revoked, from 0 on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretStore {
    /// By the number of zero bits that their index ends with.
    known: Vec<(u64, Secret)>,
    count: u64,
}

impl SecretStore {
    /// How many are known: those of all numbers below.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Takes the next one.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is taken then.
    pub fn insert(&mut self, number: u64, secret: &Secret) -> Result<(), StoreError> {
        self.check(number, secret)?;
        let entry = (index(number), secret.clone());
        let place = place(entry.0);
        match self.known.get_mut(place) {
            Some(known) => *known = entry,
            None => self.known.push(entry),
        }
        self.count += 1;
        Ok(())
    }

    /// Whether it would be taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn check(&self, number: u64, secret: &Secret) -> Result<(), StoreError> {
        let expected = self.count;
        if number != expected || number > MAX_NUMBER {
            let found = number;
            return Err(StoreError::Order { expected, found });
        }
        let bits = place(index(number));
        for (other, known) in self.known.iter().take(bits) {
            if derive(secret.expose(), bits as u32, *other) != *known.expose() {
                return Err(StoreError::Unrelated { number });
            }
        }
        Ok(())
    }

    /// The secret of a commitment that was revoked.
    pub fn get(&self, number: u64) -> Option<Secret> {
        if number >= self.count {
            return None;
        }
        let index = index(number);
        self.known
            .iter()
            .enumerate()
            .find_map(|(bits, (from, secret))| {
                let bits = bits as u32;
                let prefix = |value: u64| value >> bits;
                let found = prefix(*from) == prefix(index);
                found.then(|| Secret::from_bytes(derive(secret.expose(), bits, index)))
            })
    }
}

impl std::fmt::Debug for SecretStore {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretStore({})", self.count)
    }
}

/// Where a secret is kept: number of zero bits at the end of its index.
fn place(index: u64) -> usize {
    index.trailing_zeros().min(BITS) as usize
}
