//! Blocks as a regtest miner makes them; both chains use these.

use std::collections::HashMap;

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version as BlockVersion};
use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::OP_PUSHBYTES_0;
use bitcoin::script::{Builder, Script, ScriptBuf};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, OutPoint, Sequence, Transaction, TxIn, TxMerkleNode,
    TxOut, Witness, WitnessMerkleNode,
};

use crate::Error;

/// Seconds between a block and the next one on a chain of this crate, the interval that Bitcoin aims at.
///
/// Block times are simulated, not taken from the clock, so that the same calls make the same chain.
pub const BLOCK_INTERVAL_SECONDS: u32 = 600;
/// Blocks until a coinbase output can be spent: confirmed at height h, it is spendable in block h + 100.
pub const COINBASE_MATURITY_BLOCKS: u32 = 100;
/// Blocks between two halvings of the subsidy on regtest.
pub const HALVING_INTERVAL_BLOCKS: u32 = 150;
/// Proof-of-work target of every regtest block: every second hash meets it.
pub(crate) const REGTEST_BITS: u32 = 0x207f_ffff;

/// Subsidy of the block at `height` on regtest.
pub fn subsidy(height: u32) -> Amount {
    let halvings = height / HALVING_INTERVAL_BLOCKS;
    Amount::from_sat(
        (50 * Amount::ONE_BTC.to_sat())
            .checked_shr(halvings)
            .unwrap_or(0),
    )
}

/// Fees of `txs`, in block order. `value_of` looks up coins from before the block; a transaction with an input that
/// can't be found counts nothing, as the block will be refused for it.
pub(crate) fn total_fees(
    txs: &[Transaction],
    mut value_of: impl FnMut(&OutPoint) -> Result<Option<Amount>, Error>,
) -> Result<Amount, Error> {
    let mut created: HashMap<OutPoint, Amount> = HashMap::new();
    let mut fees = Amount::ZERO;
    for tx in txs {
        let mut value_in = Some(Amount::ZERO);
        for input in &tx.input {
            let outpoint = &input.previous_output;
            let spent = if let Some(value) = created.get(outpoint) {
                Some(*value)
            } else {
                value_of(outpoint)?
            };
            value_in = value_in
                .zip(spent)
                .and_then(|(sum, value)| sum.checked_add(value));
        }
        let value_out = tx
            .output
            .iter()
            .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value));
        let fee = value_in
            .zip(value_out)
            .and_then(|(value_in, value_out)| value_in.checked_sub(value_out));
        fees = fee.and_then(|fee| fees.checked_add(fee)).unwrap_or(fees);
        let txid = tx.compute_txid();
        created.extend(
            (0u32..)
                .zip(&tx.output)
                .map(|(vout, output)| (OutPoint { txid, vout }, output.value)),
        );
    }
    Ok(fees)
}

/// What a new block stands on and holds.
pub(crate) struct Template<'a> {
    pub(crate) previous: BlockHash,
    pub(crate) height: u32,
    pub(crate) time: u32,
    /// Subsidy and fees.
    pub(crate) reward: Amount,
    pub(crate) reward_script: &'a Script,
    pub(crate) transactions: Vec<Transaction>,
}

/// Whether a block can be mined to this script. Asked before anything is changed for the block.
pub(crate) fn check_reward(script: &Script) -> Result<(), Error> {
    match script.is_empty() {
        true => Err(Error::EmptyRewardScript),
        false => Ok(()),
    }
}

impl Template<'_> {
    /// The block, with coinbase, witness commitment (BIP141) and valid proof of work.
    pub(crate) fn assemble(self) -> Result<Block, Error> {
        check_reward(self.reward_script)?;
        let mut transactions = vec![self.coinbase()];
        transactions.extend(self.transactions);
        let mut block = Block {
            header: Header {
                // The BIP9 base version: no deployment is signalled.
                version: BlockVersion::from_consensus(0x2000_0000),
                prev_blockhash: self.previous,
                merkle_root: TxMerkleNode::all_zeros(),
                time: self.time,
                bits: CompactTarget::from_consensus(REGTEST_BITS),
                nonce: 0,
            },
            txdata: transactions,
        };
        commit_to_witnesses(&mut block);
        grind(&mut block.header)?;
        Ok(block)
    }

    fn coinbase(&self) -> Transaction {
        let height = Builder::new().push_int(i64::from(self.height));
        // Up to height 16 the height alone is one byte, but a coinbase script has at least two.
        let script_sig = if self.height <= 16 {
            height.push_opcode(OP_PUSHBYTES_0)
        } else {
            height
        };
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_height(self.height.saturating_sub(1))
                .unwrap_or(LockTime::ZERO),
            input: vec![TxIn {
                previous_output: OutPoint::null(),
                script_sig: script_sig.into_script(),
                sequence: Sequence::ENABLE_LOCKTIME_NO_RBF,
                witness: Witness::from_slice(&[[0u8; 32]]),
            }],
            output: vec![TxOut {
                value: self.reward,
                script_pubkey: self.reward_script.to_owned(),
            }],
        }
    }
}

/// Adds the commitment output of BIP141 to the coinbase and sets the merkle root.
fn commit_to_witnesses(block: &mut Block) {
    // A block with a coinbase has both roots; without one there is nothing to commit to.
    let root = block
        .witness_root()
        .unwrap_or(WitnessMerkleNode::all_zeros());
    let commitment = Block::compute_witness_commitment(&root, &[0u8; 32]);
    let mut push = [0u8; 36];
    push[..4].copy_from_slice(&[0xaa, 0x21, 0xa9, 0xed]);
    push[4..].copy_from_slice(commitment.as_byte_array());
    if let Some(coinbase) = block.txdata.first_mut() {
        coinbase.output.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::new_op_return(push),
        });
    }
    block.header.merkle_root = block
        .compute_merkle_root()
        .unwrap_or(TxMerkleNode::all_zeros());
}

fn grind(header: &mut Header) -> Result<(), Error> {
    let target = header.target();
    while header.validate_pow(target).is_err() {
        header.nonce = header
            .nonce
            .checked_add(1)
            .ok_or_else(|| Error::BlockRejected {
                reason: "high-hash, no nonce meets the target".into(),
            })?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn subsidy_halves_every_150_blocks() {
        assert_eq!(subsidy(149), Amount::from_int_btc(50));
        assert_eq!(subsidy(150), Amount::from_int_btc(25));
        assert_eq!(subsidy(300), Amount::from_sat(1_250_000_000));
        assert_eq!(subsidy(150 * 33), Amount::ZERO);
        assert_eq!(subsidy(u32::MAX), Amount::ZERO);
    }

    #[test]
    fn a_block_commits_to_its_transactions_and_meets_its_target() {
        let script = ScriptBuf::new_p2a();
        let template = Template {
            previous: BlockHash::all_zeros(),
            height: 17,
            time: 1,
            reward: subsidy(17),
            reward_script: &script,
            transactions: vec![],
        };
        let block = template.assemble().unwrap();
        assert!(block.check_merkle_root() && block.check_witness_commitment());
        assert!(block.header.validate_pow(block.header.target()).is_ok());
        assert_eq!(block.bip34_block_height(), Ok(17));
    }
}
