//! Leaps in time, for locks that are years away.

use bitcoin::Script;

use crate::block::{Template, subsidy};
use crate::{Chain, Error};

/// Blocks of eleven whose times decide the median.
const MAJORITY: u32 = 6;

/// Mines as few empty blocks as it takes for the median time past of the tip (BIP113) to be exactly `time`, in Unix
/// seconds, and returns how many. Block times jump; heights go on one by one.
///
/// # Errors
/// [`Error::BlockRejected`] if `time` is not after the median of the tip, since block times never go back.
pub fn leap_to(chain: &mut dyn Chain, time: u32, reward_script: &Script) -> Result<u32, Error> {
    for _ in 0..MAJORITY {
        let tip = chain.height()?;
        let height = tip.saturating_add(1);
        let block = Template {
            previous: chain.block_hash(tip)?,
            height,
            time,
            reward: subsidy(height),
            reward_script,
            transactions: Vec::new(),
        }
        .assemble()?;
        chain.submit_block(&block)?;
    }
    Ok(MAJORITY)
}
