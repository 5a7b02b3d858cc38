//! Blocks made by hand.

use bitcoin::block::Version;
use bitcoin::{Amount, Block, CompactTarget};
use narthex_regtest::{Error, HALVING_INTERVAL_BLOCKS, subsidy};

use super::bench::{Bench, anyone, data, is_refusal, reseal};

type Spoil = fn(&mut Block);

/// A valid block on the tip that the chain does not hold.
fn next_block(bench: &mut Bench) -> Block {
    let coin = bench.coin();
    let tx = bench.pay(2, &[&coin], 1_000, vec![]);
    bench.chain.mine_exactly(&[tx], &anyone()).unwrap();
    let height = bench.chain.height().unwrap();
    let mut block = bench.chain.block(height).unwrap();
    bench.chain.disconnect(1).unwrap();
    // The chain remembers the block it disconnected as invalid; this is another one.
    block.header.time += 7;
    reseal(&mut block);
    block
}

pub(crate) fn a_spoilt_block_is_refused_and_changes_nothing(mut bench: Bench) {
    let good = next_block(&mut bench);
    let height = bench.chain.height().unwrap();
    let spoil: [(&str, Spoil); 10] = [
        ("bad-cb-amount", |block| {
            block.txdata[0].output[0].value += Amount::from_sat(1)
        }),
        ("bad-witness-merkle-match", |block| {
            block.txdata[1].input[0].witness.push([1])
        }),
        ("bad-witness-nonce-size", |block| {
            block.txdata[0].input[0].witness.push([1])
        }),
        ("unexpected-witness", |block| {
            block.txdata[0].output.truncate(1)
        }),
        ("bad-cb-missing", |block| drop(block.txdata.remove(0))),
        ("bad-cb-multiple", |block| {
            block.txdata.push(block.txdata[0].clone())
        }),
        ("bad-cb-height", |block| {
            block.txdata[0].input[0].script_sig = anyone()
        }),
        ("bad-diffbits", |block| {
            block.header.bits = CompactTarget::from_consensus(0x2070_0000)
        }),
        ("time-too-old", |block| block.header.time -= 60 * 600),
        ("bad-version(0x00000003)", |block| {
            block.header.version = Version::from_consensus(3)
        }),
    ];
    for (code, spoil) in spoil {
        let mut block = good.clone();
        spoil(&mut block);
        reseal(&mut block);
        is_refusal(bench.chain.submit_block(&block), code);
    }
    let mut unsealed = good.clone();
    unsealed.txdata[0].output[0].value -= Amount::from_sat(1);
    is_refusal(bench.chain.submit_block(&unsealed), "bad-txnmrklroot");
    assert_eq!(bench.chain.height().unwrap(), height);
    bench.chain.submit_block(&good).unwrap();
    assert_eq!(bench.chain.height().unwrap(), height + 1);
    assert_eq!(
        bench.chain.block_hash(height + 1).unwrap(),
        good.block_hash()
    );
}

pub(crate) fn the_subsidy_halves_at_block_150(mut bench: Bench) {
    bench
        .chain
        .mine(HALVING_INTERVAL_BLOCKS, &anyone())
        .unwrap();
    for height in [149, 150] {
        let coinbase = bench.chain.block(height).unwrap().txdata[0].clone();
        assert_eq!(coinbase.output[0].value, subsidy(height), "at {height}");
    }
    assert_eq!(subsidy(150) * 2, subsidy(149));
}

pub(crate) fn a_block_may_not_exceed_its_weight(mut bench: Bench) {
    let coins: Vec<_> = (0..11).map(|_| bench.coin()).collect();
    let txs: Vec<_> = coins
        .iter()
        .map(|coin| bench.pay(2, &[coin], 100_000, vec![data(99_000)]))
        .collect();
    is_refusal(bench.chain.mine_exactly(&txs, &anyone()), "bad-blk-length");
    bench.chain.mine_exactly(&txs[..10], &anyone()).unwrap();
}

pub(crate) fn callers_are_told_what_they_did_wrong(mut bench: Bench) {
    bench.chain.mine(3, &anyone()).unwrap();
    assert!(matches!(
        bench.chain.block(4),
        Err(Error::NoSuchHeight { height: 4, tip: 3 })
    ));
    assert!(matches!(
        bench.chain.block_hash(9),
        Err(Error::NoSuchHeight { height: 9, tip: 3 })
    ));
    assert!(matches!(
        bench.chain.disconnect(4),
        Err(Error::TooDeep {
            depth: 4,
            height: 3
        })
    ));
    assert!(matches!(
        bench.chain.submit_package(&[]),
        Err(Error::PackageSize { count: 0 })
    ));
    let nobody = bitcoin::ScriptBuf::new();
    assert!(matches!(
        bench.chain.mine(1, &nobody),
        Err(Error::EmptyRewardScript)
    ));
    assert!(matches!(
        bench.chain.mine_exactly(&[], &nobody),
        Err(Error::EmptyRewardScript)
    ));
    bench.chain.disconnect(0).unwrap();
    assert_eq!(bench.chain.height().unwrap(), 3);
}
