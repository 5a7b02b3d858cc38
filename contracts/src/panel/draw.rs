//! The draw: from seed and snapshot to an order of the whole pool.

use super::{DrawCase, Entry, Seed, Snapshot, fenwick::Fenwick};
use crate::hash::tagged_hash;

/// Why nothing can be drawn. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// The snapshot was taken by other rules or at another height than the case says.
    #[error("the snapshot at height {found} was not taken by the rules of this draw at {wanted}")]
    OtherSnapshot {
        /// Height of the snapshot.
        found: u32,
        /// Height of the draw.
        wanted: u32,
    },
}

/// The whole pool in drawn order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    id: [u8; 32],
    seats: u8,
    entries: Vec<Entry>,
}

impl Order {
    /// Draws without replacement: each place goes to one of those left with a probability of its weight over
    /// theirs. Exact: numbers are drawn by rejection, not by remainder.
    pub fn draw(case: &DrawCase, snapshot: &Snapshot, seed: &Seed) -> Result<Order, DrawError> {
        if snapshot.rules() != case.rules() {
            return Err(DrawError::OtherSnapshot {
                found: snapshot.rules().height,
                wanted: case.rules().height,
            });
        }
        let height = snapshot.rules().height;
        let weights = snapshot
            .entries()
            .iter()
            .map(|e| e.weight(height))
            .collect::<Vec<_>>();
        let id = tagged_hash("narthex/panel-draw", &[case.id(), &seed.0, snapshot.hash()]);
        let mut stream = Stream {
            key: id,
            counter: 0,
        };
        let mut sums = Fenwick::new(&weights);
        let mut entries = Vec::with_capacity(weights.len());
        // Bonds of no value have no weight and are never drawn.
        while sums.total() > 0 {
            let index = sums.find(stream.below(sums.total()));
            let (Some(entry), Some(weight)) = (snapshot.entries().get(index), weights.get(index))
            else {
                break;
            };
            sums.remove(index, *weight);
            entries.push(*entry);
        }
        Ok(Order {
            id,
            seats: case.seats(),
            entries,
        })
    }

    /// Identifies the draw: arbiters sign it when they answer.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// n, the number of arbiters wanted.
    pub fn seats(&self) -> u8 {
        self.seats
    }

    /// First drawn first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Uniform numbers out of a hash in counter mode.
struct Stream {
    key: [u8; 32],
    counter: u64,
}

impl Stream {
    /// Uniform in `[0, bound)`, without bias: numbers of just enough bits are drawn until one is below the bound.
    /// Each try succeeds with a probability above one half. A remainder instead would favour small numbers, by up
    /// to 2⁻⁵⁵ here; little, but exactness costs nothing and spares the argument.
    fn below(&mut self, bound: u128) -> u128 {
        let mask = u128::MAX
            .checked_shr(bound.saturating_sub(1).leading_zeros())
            .unwrap_or(0);
        loop {
            let block = tagged_hash(
                "narthex/panel-stream",
                &[&self.key, &self.counter.to_be_bytes()],
            );
            self.counter += 1;
            let mut bytes = [0u8; 16];
            bytes.copy_from_slice(&block[..16]);
            let number = u128::from_be_bytes(bytes) & mask;
            if number < bound {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn numbers_are_below_their_bound_and_reach_both_ends() {
        for bound in [1u128, 2, 3, 5, 8, 9] {
            let mut stream = Stream {
                key: [7; 32],
                counter: 0,
            };
            let mut seen = vec![0u32; bound as usize];
            for _ in 0..600 {
                seen[stream.below(bound) as usize] += 1;
            }
            assert!(seen.iter().all(|n| *n > 0), "{bound}: {seen:?}");
        }
        let mut stream = Stream {
            key: [8; 32],
            counter: 0,
        };
        for bound in [u128::MAX, 1 << 127, (1 << 127) + 1] {
            assert!(stream.below(bound) < bound);
        }
    }
}
