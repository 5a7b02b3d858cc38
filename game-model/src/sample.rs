//! Which steps are checked: k distinct indices that nobody could steer.
//!
//! The seed hashes the worker's commitment, a nonce that the verifier committed to at setup, and
//! the hash of a block after the commitment. From the root alone a worker could grind its tree
//! until the bad steps fall outside the sample (the Prometheus paper's rule): at a tenth sampled,
//! 50 bad steps cost it about 200 tries.

use std::collections::BTreeSet;

use crate::caps::MAX_SAMPLE;
use crate::tagged::{Tag, TaggedHasher, tagged_hash};

static STREAM: Tag = Tag::new("narthex/sample-stream");

/// What the verifier publishes at setup for a nonce that it reveals after the commitment.
pub fn nonce_commitment(nonce: &[u8; 32]) -> [u8; 32] {
    tagged_hash("narthex/sample-nonce", nonce)
}

/// The seed of a sample.
///
/// `root` is the root of record ([`crate::commitment::Commitment::id`]), `block_hash` that of a
/// block which confirmed after it, in the byte order in which it is hashed. Draw when that block is
/// as deep as the party's policy says, two blocks at the least: a reorganisation makes another
/// sample, and whoever opened the first opens both. Who knows the chain refuses to draw earlier;
/// this function sees a hash alone.
pub fn seed(root: &[u8; 32], nonce: &[u8; 32], block_hash: &[u8; 32]) -> [u8; 32] {
    TaggedHasher::new("narthex/sample-seed")
        .fixed(root)
        .fixed(nonce)
        .fixed(block_hash)
        .finish()
}

/// The seed of the client's own look at a result that was approved.
///
/// A verifier in league with the worker can choose what its sample misses: it knows its nonce before the worker commits. So what
/// the client is shown is drawn apart, by a nonce of the client's (`block_hash` zeros) or by a block after approval and
/// root (`nonce` zeros).
pub fn audit_seed(root: &[u8; 32], nonce: &[u8; 32], block_hash: &[u8; 32]) -> [u8; 32] {
    TaggedHasher::new("narthex/audit-seed")
        .fixed(root)
        .fixed(nonce)
        .fixed(block_hash)
        .finish()
}

/// Draws `count` distinct indices below `steps`, each subset equally likely; ascending.
///
/// Memory and time depend on `count` only (Floyd's algorithm, with rejection instead of a biased
/// remainder).
///
/// # Errors
/// [`SampleError`] if there are not that many steps, none is asked for, or more than [`MAX_SAMPLE`].
pub fn draw(seed: &[u8; 32], steps: u64, count: u32) -> Result<Vec<u64>, SampleError> {
    let wanted = u64::from(count);
    if wanted == 0 || wanted > steps || count > MAX_SAMPLE {
        return Err(SampleError { steps, count });
    }
    let mut stream = Stream {
        seed: *seed,
        counter: 0,
    };
    let mut chosen = BTreeSet::new();
    for last in steps - wanted..steps {
        let candidate = stream.up_to(last);
        if !chosen.insert(candidate) {
            chosen.insert(last);
        }
    }
    Ok(chosen.into_iter().collect())
}

/// A sample of nothing, of more steps than there are, or of more than anybody checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot sample {count} of {steps} steps{}", beyond(*count))]
pub struct SampleError {
    /// N.
    pub steps: u64,
    /// k.
    pub count: u32,
}

fn beyond(count: u32) -> String {
    match count > MAX_SAMPLE {
        true => format!("; a sample has at most {MAX_SAMPLE}"),
        false => String::new(),
    }
}

/// Uniform 64-bit numbers from a seed, by hashing a counter.
struct Stream {
    seed: [u8; 32],
    counter: u64,
}

impl Stream {
    fn next(&mut self) -> u64 {
        let block = STREAM
            .start()
            .fixed(&self.seed)
            .number(self.counter)
            .finish();
        self.counter += 1;
        let [a, b, c, d, e, f, g, h, ..] = block;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Uniform in `0..=max`.
    fn up_to(&mut self, max: u64) -> u64 {
        let Some(range) = max.checked_add(1) else {
            return self.next();
        };
        // 2⁶⁴ mod range values at the top would favour small remainders: draw again.
        let biased = (u64::MAX % range + 1) % range;
        loop {
            let value = self.next();
            if value <= u64::MAX - biased {
                return value % range;
            }
        }
    }
}
