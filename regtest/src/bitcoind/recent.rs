//! Blocks that were read lately: a block of a hash never changes.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bitcoin::{Block, BlockHash};

/// Sum of the sizes of all kept blocks, in bytes: a few hundred of regtest, two or three of mainnet.
const MOST_BYTES: usize = 8 << 20;

/// Blocks by hash, those read last; the oldest go when the sum of sizes is above [`MOST_BYTES`].
#[derive(Default)]
pub(super) struct RecentBlocks {
    by_hash: HashMap<BlockHash, Arc<Block>>,
    /// In the order in which they came, with sizes in bytes.
    order: VecDeque<(BlockHash, usize)>,
    bytes: usize,
}

impl RecentBlocks {
    pub(super) fn get(&self, hash: BlockHash) -> Option<Arc<Block>> {
        self.by_hash.get(&hash).cloned()
    }

    pub(super) fn keep(&mut self, hash: BlockHash, block: &Arc<Block>) {
        let size = block.total_size();
        if size > MOST_BYTES || self.by_hash.contains_key(&hash) {
            return;
        }
        self.by_hash.insert(hash, Arc::clone(block));
        self.order.push_back((hash, size));
        self.bytes += size;
        while self.bytes > MOST_BYTES {
            let Some((oldest, size)) = self.order.pop_front() else {
                break;
            };
            self.by_hash.remove(&oldest);
            self.bytes -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::constants::genesis_block;
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Network, ScriptBuf};

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut recent = RecentBlocks::default();
        let mut block = genesis_block(Network::Regtest);
        block.txdata[0].output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; MOST_BYTES / 3]);
        let block = Arc::new(block);
        let hash = |n: u8| BlockHash::from_byte_array([n; 32]);
        for n in 0..3 {
            recent.keep(hash(n), &block);
        }
        assert!(recent.get(hash(0)).is_none());
        assert_eq!(recent.get(hash(2)).as_ref(), Some(&block));
        // One that was there is counted once.
        recent.keep(hash(2), &block);
        assert!(recent.get(hash(1)).is_some());
    }
}
