//! Headers that stand on each other and hold the work that their network asks for.

use bitcoin::{
    BlockHash, CompactTarget, Network, Target, TxMerkleNode, block::Header, consensus::Params,
    consensus::deserialize, consensus::serialize,
};
use narthex_base::codec::{DecodeError, Reader, Writer};

/// Most headers: five years of blocks.
pub const MAX_HEADERS: usize = 1 << 18;

/// Bytes of a header.
const HEADER_BYTES: usize = 80;
/// Blocks whose median time the next one must be after.
const MEDIAN_BLOCKS: usize = 11;
/// Blocks between two adjustments of the target.
const PERIOD_BLOCKS: u32 = 2_016;

/// A block that whoever opens a bundle knows from a chain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
}

/// Headers behind each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    first: u32,
    headers: Vec<Header>,
}

/// Why headers are none of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// There is none.
    #[error("there are no headers")]
    None,
    /// It stands on another block than the one before.
    #[error("the header at height {height} does not stand on the one before")]
    Chain {
        /// Its height.
        height: u32,
    },
    /// Its hash is above its target, or that above what the network takes at all.
    #[error(
        "the header at height {height} does not hold the work that it says or the network asks for"
    )]
    Work {
        /// Its height.
        height: u32,
    },
    /// Its target does not follow from the headers before.
    #[error(
        "the header at height {height} has the target {found:#010x}, which does not follow from those before"
    )]
    Target {
        /// Its height.
        height: u32,
        /// Its target.
        found: u32,
    },
    /// Its time is not after the median of the eleven before.
    #[error("the time of the header at height {height} is not after the median of those before")]
    Time {
        /// Its height.
        height: u32,
    },
    /// They end beyond the last height that there can be.
    #[error("the headers from height {first} on end beyond 32 bits")]
    Height {
        /// Height of the first.
        first: u32,
    },
}

impl Headers {
    /// The first of them at a height.
    pub const fn new(first: u32, headers: Vec<Header>) -> Headers {
        Headers { first, headers }
    }

    /// All of them.
    pub fn all(&self) -> &[Header] {
        &self.headers
    }

    /// Height of the first.
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// Height of the last; that of the first where there is none.
    pub fn last(&self) -> u32 {
        let above = u32::try_from(self.headers.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_add(above)
    }

    fn at(&self, height: u32) -> Option<&Header> {
        let above = usize::try_from(height.checked_sub(self.first)?).ok()?;
        self.headers.get(above)
    }

    /// Root of the transactions of a block.
    pub fn root(&self, height: u32) -> Option<TxMerkleNode> {
        self.at(height).map(|header| header.merkle_root)
    }

    /// Heights and hashes.
    pub fn hashes(&self) -> impl Iterator<Item = (u32, BlockHash)> + '_ {
        let hashes = self.headers.iter().map(Header::block_hash);
        (self.first..=u32::MAX).zip(hashes)
    }

    /// Hash of a block; of the one before the first too.
    pub fn hash(&self, height: u32) -> Option<BlockHash> {
        if height.checked_add(1) == Some(self.first) {
            return Some(self.headers.first()?.prev_blockhash);
        }
        self.at(height).map(Header::block_hash)
    }

    /// Fails unless each stands on the one before, holds the work that it says, and has a target and a time that a node of this network takes
    /// behind those before. What came before the first is not known: an [`Anchor`] says that it is of the chain that one knows.
    ///
    /// # Errors
    /// [`HeaderFault`], of the first that is wrong.
    pub fn check(&self, network: Network) -> Result<(), HeaderFault> {
        let params = Params::new(network);
        let first = self.first;
        let count = u32::try_from(self.headers.len()).map_err(|_| HeaderFault::Height { first })?;
        if count == 0 {
            return Err(HeaderFault::None);
        }
        (first.checked_add(count)).ok_or(HeaderFault::Height { first })?;
        for (height, (at, header)) in (first..).zip(self.headers.iter().enumerate()) {
            let target = header.target();
            let is_met = header.validate_pow(target).is_ok();
            if !is_met || target > params.max_attainable_target || target == Target::ZERO {
                return Err(HeaderFault::Work { height });
            }
            let Some(before) = at.checked_sub(1).and_then(|at| self.headers.get(at)) else {
                continue;
            };
            if header.prev_blockhash != before.block_hash() {
                return Err(HeaderFault::Chain { height });
            }
            if !self.may_have(header.bits, height, before, &params) {
                let found = header.bits.to_consensus();
                return Err(HeaderFault::Target { height, found });
            }
            let since = at.checked_sub(MEDIAN_BLOCKS);
            let last = since.and_then(|since| self.headers.get(since..at));
            if last.is_some_and(|last| header.time <= median(last)) {
                return Err(HeaderFault::Time { height });
            }
        }
        Ok(())
    }

    /// Whether a block may have this target behind the one before.
    fn may_have(&self, bits: CompactTarget, height: u32, before: &Header, params: &Params) -> bool {
        if params.no_pow_retargeting {
            return bits == before.bits;
        }
        // On a test network a block may always have the least work, and the next one what was before.
        if params.allow_min_difficulty_blocks {
            return true;
        }
        if !height.is_multiple_of(PERIOD_BLOCKS) {
            return bits == before.bits;
        }
        let begun = height.checked_sub(PERIOD_BLOCKS).and_then(|h| self.at(h));
        match begun {
            Some(begun) => {
                let (begun, before) = (*begun, *before);
                bits == CompactTarget::from_header_difficulty_adjustment(begun, before, params)
            }
            // The period began before the first header: four times more or less is all that there can be.
            None => {
                let (target, was) = (Target::from_compact(bits), before.target());
                let most = was.max_transition_threshold(params);
                (was.min_transition_threshold()..=most).contains(&target)
            }
        }
    }

    /// Height of the first (4), number (4), headers (80 each).
    pub(crate) fn write(&self, w: &mut Writer) {
        w.u32(self.first).list(&self.headers, |w, header| {
            w.fixed(&serialize(header));
        });
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Headers, DecodeError> {
        let first = r.u32("height of the first header")?;
        let headers = r.list_up_to("headers", HEADER_BYTES, MAX_HEADERS, |r| {
            let bytes: [u8; HEADER_BYTES] = r.array("header")?;
            deserialize(&bytes).map_err(|e| DecodeError::invalid("header", e))
        })?;
        Ok(Headers { first, headers })
    }
}

fn median(last: &[Header]) -> u32 {
    let mut times: Vec<_> = last.iter().map(|header| header.time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{TxMerkleNode, block::Version, hashes::Hash};

    use super::*;

    /// Headers without work, one every ten minutes, of one target.
    fn period(first: u32, count: u32, bits: u32) -> Headers {
        let header = |at| Header {
            version: Version::TWO,
            prev_blockhash: BlockHash::all_zeros(),
            merkle_root: TxMerkleNode::all_zeros(),
            time: 1_700_000_000 + at * 600,
            bits: CompactTarget::from_consensus(bits),
            nonce: 0,
        };
        Headers::new(first, (0..count).map(header).collect())
    }

    #[test]
    fn a_target_changes_once_in_a_period_as_the_time_of_it_says() {
        let params = Params::new(Network::Bitcoin);
        let (was, bits) = (0x1703_0000, CompactTarget::from_consensus);
        let whole = period(PERIOD_BLOCKS * 400, PERIOD_BLOCKS, was);
        let last = *whole.headers.last().unwrap();
        let next = PERIOD_BLOCKS * 401;
        // One interval less than two weeks has gone by: a little harder, and this and nothing else.
        let begun = whole.headers[0];
        let right = CompactTarget::from_header_difficulty_adjustment(begun, last, &params);
        assert_ne!(right, bits(was));
        assert!(whole.may_have(right, next, &last, &params));
        for wrong in [was, 0x1d00_ffff, 0x1703_0001] {
            assert!(!whole.may_have(bits(wrong), next, &last, &params));
        }
        assert!(
            !whole.may_have(right, next - 1, &last, &params),
            "within it"
        );
        assert!(whole.may_have(bits(was), next - 1, &last, &params));
        // A period of which the beginning is not here may have become four times easier or harder, and no more.
        let half = period(next - 100, 100, was);
        for (bits, is_taken) in [
            (0x1703_0000, true),
            (0x170b_0000, true),
            (0x170c_0001, false),
            (0x1700_d000, true),
            (0x1700_b000, false),
        ] {
            let bits = CompactTarget::from_consensus(bits);
            assert_eq!(
                half.may_have(bits, next, &last, &params),
                is_taken,
                "{bits:?}"
            );
        }
    }
}
