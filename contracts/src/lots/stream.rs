//! Numbers from a seed.

use narthex_base::tagged::tagged_hash_parts;

/// Uniform numbers out of a hash in counter mode.
pub(crate) struct Stream {
    tag: &'static str,
    key: [u8; 32],
    counter: u64,
}

impl Stream {
    /// `tag` keeps streams of different uses apart.
    pub(crate) fn new(tag: &'static str, key: [u8; 32]) -> Stream {
        Stream {
            tag,
            key,
            counter: 0,
        }
    }

    /// Uniform in `[0, bound)`, without bias: numbers of just enough bits are drawn until one is below the bound.
    /// Each try succeeds with a probability above one half. A remainder instead would favour small numbers, by up
    /// to 2⁻⁵⁵ here; little, but exactness costs nothing and spares the argument.
    pub(crate) fn below(&mut self, bound: u128) -> u128 {
        let mask = u128::MAX
            .checked_shr(bound.saturating_sub(1).leading_zeros())
            .unwrap_or(0);
        loop {
            let block = tagged_hash_parts(self.tag, &[&self.key, &self.counter.to_be_bytes()]);
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
            let mut stream = Stream::new("test", [7; 32]);
            let mut seen = vec![0u32; bound as usize];
            for _ in 0..600 {
                seen[stream.below(bound) as usize] += 1;
            }
            assert!(seen.iter().all(|n| *n > 0), "{bound}: {seen:?}");
        }
        let mut stream = Stream::new("test", [8; 32]);
        for bound in [u128::MAX, 1 << 127, (1 << 127) + 1] {
            assert!(stream.below(bound) < bound);
        }
    }
}
