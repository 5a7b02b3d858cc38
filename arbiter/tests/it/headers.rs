//! Chains that are made for a test, and headers that are none of a chain.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network, OutPoint, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Witness,
    absolute::LockTime,
    block::{Header, Version},
    hashes::Hash,
    script::{Builder, ScriptBuf},
    transaction,
};
use narthex_arbiter::{HeaderFault, Headers};

pub const BITS: u32 = 0x207f_ffff;

/// Looks for a nonce.
pub fn ground(mut header: Header) -> Header {
    while header.validate_pow(header.target()).is_err() {
        header.nonce += 1;
    }
    header
}

pub fn coinbase(height: u32, mark: u8) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: Builder::new()
                .push_int(i64::from(height))
                .push_slice([mark; 4])
                .into_script(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::ONE_BTC,
            script_pubkey: ScriptBuf::new(),
        }],
    }
}

/// Blocks with these transactions, behind a coinbase and two others that differ by `mark`.
pub fn chain(
    first: u32,
    last: u32,
    all: &BTreeMap<u32, Vec<Transaction>>,
    mark: u8,
) -> (Headers, Vec<(u32, Block)>) {
    let mut before = BlockHash::all_zeros();
    let mut blocks = Vec::new();
    for height in first..=last {
        let mut txdata = vec![coinbase(height, mark)];
        txdata.push(coinbase(height + 1_000, mark));
        txdata.extend(all.get(&height).cloned().unwrap_or_default());
        let mut block = Block {
            header: Header {
                version: Version::TWO,
                prev_blockhash: before,
                merkle_root: TxMerkleNode::all_zeros(),
                time: 1_700_000_000 + height * 600,
                bits: CompactTarget::from_consensus(BITS),
                nonce: 0,
            },
            txdata,
        };
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        block.header = ground(block.header);
        before = block.block_hash();
        blocks.push((height, block));
    }
    let headers = blocks.iter().map(|(_, block)| block.header).collect();
    (Headers::new(first, headers), blocks)
}

/// Headers alone.
pub fn mined(first: u32, last: u32, mark: u8) -> Headers {
    chain(first, last, &BTreeMap::new(), mark).0
}

/// Headers that stand on each other again, each with work, behind a change of one.
fn changed(at: usize, change: impl FnOnce(&mut Header)) -> Headers {
    let mut all = mined(100, 140, 1).all().to_vec();
    change(&mut all[at]);
    all[at] = ground(all[at]);
    for next in at + 1..all.len() {
        all[next].prev_blockhash = all[next - 1].block_hash();
        all[next] = ground(all[next]);
    }
    Headers::new(100, all)
}

#[test]
fn headers_of_a_chain_are_taken() {
    let headers = mined(100, 140, 1);
    headers.check(Network::Regtest).unwrap();
    assert_eq!((headers.first(), headers.last()), (100, 140));
    assert_eq!(headers.hash(99), Some(BlockHash::all_zeros()));
    assert_eq!(headers.hash(98), None);
    assert_eq!(headers.hash(141), None);
    assert_eq!(headers.hashes().last().unwrap().0, 140);
}

#[test]
fn headers_that_are_none_are_named() {
    let regtest = |headers: &Headers| headers.check(Network::Regtest).unwrap_err();
    let mut all = mined(100, 140, 1).all().to_vec();
    all.swap(20, 21);
    let fault = regtest(&Headers::new(100, all.clone()));
    assert_eq!(fault, HeaderFault::Chain { height: 120 });
    all.swap(20, 21);

    // No work: a nonce that does not hold.
    let mut lazy = all.clone();
    while lazy[30].validate_pow(lazy[30].target()).is_ok() {
        lazy[30].nonce += 1;
    }
    let fault = regtest(&Headers::new(100, lazy));
    assert_eq!(fault, HeaderFault::Work { height: 130 });

    // A target that is easier than the network takes at all, one of nothing, one that is negative.
    for bits in [0x2100_ffff, 0x0000_0000, 0x2080_0001] {
        let mut easy = all.clone();
        easy[0].bits = CompactTarget::from_consensus(bits);
        let fault = regtest(&Headers::new(100, easy));
        assert_eq!(fault, HeaderFault::Work { height: 100 }, "{bits:x}");
    }

    // Harder is no chain of regtest either, which never changes its target.
    let harder = changed(10, |header| {
        header.bits = CompactTarget::from_consensus(0x207f_fffe)
    });
    let found = 0x207f_fffe;
    let height = 110;
    assert_eq!(regtest(&harder), HeaderFault::Target { height, found });

    // A time that is not after the median of those before.
    let early = changed(20, |header| header.time -= 600 * 6);
    assert_eq!(regtest(&early), HeaderFault::Time { height: 120 });
    changed(20, |header| header.time -= 600 * 5)
        .check(Network::Regtest)
        .unwrap();

    // Least work is none on a network with more.
    for network in [Network::Bitcoin, Network::Signet, Network::Testnet] {
        let fault = Headers::new(100, all.clone()).check(network).unwrap_err();
        assert_eq!(fault, HeaderFault::Work { height: 100 });
    }
    assert_eq!(regtest(&Headers::new(100, Vec::new())), HeaderFault::None);
    let beyond = Headers::new(u32::MAX - 3, all);
    assert!(matches!(regtest(&beyond), HeaderFault::Height { .. }));
}
