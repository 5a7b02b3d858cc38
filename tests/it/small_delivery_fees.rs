//! What claims and refunds of sealed deliveries pay until they confirm, beside rivals and behind reorganisations.

use bitcoin::{Amount, Txid};
use narthex::{
    regtest::{ChainSource as _, Miner as _},
    small::SmallOrder,
};

use crate::{
    common::miner,
    small_delivery_support::{AGENT, AMOUNT, Delivering, MESSAGE, RECIPIENT, SENDER},
};

/// What spends the coin in the mempool, and its fee.
fn offered(delivering: &mut Delivering) -> (Txid, Amount) {
    let txid = delivering.chain.mempool().unwrap()[0];
    let tx = delivering.chain.waiting(txid).unwrap().unwrap();
    (txid, AMOUNT - tx.output[0].value)
}

/// Blocks come without it: it pays more, a claim so that it is in time, and never more than half of the coin.
fn rises(delivering: &mut Delivering, blocks: u32) -> Amount {
    let mut last = offered(delivering);
    let first = last.1;
    for _ in 0..blocks {
        delivering.chain.mine_exactly(&[], &miner()).unwrap();
        delivering.settle();
        assert_eq!(delivering.waiting(), 1);
        let now = offered(delivering);
        assert!(
            now.1 >= last.1 && now.1 <= AMOUNT / 2,
            "{} after {}",
            now.1,
            last.1
        );
        // Signed anew for a higher fee alone.
        assert_eq!(now.0 == last.0, now.1 == last.1);
        last = now;
    }
    assert!(last.1 > first);
    last.1
}

#[test]
fn claim_and_refund_pay_more_until_they_confirm() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.mine(1);
    assert_eq!(delivering.standing(AGENT), "claiming");
    let left = delivering.figures.refund_height - delivering.chain.height().unwrap();
    // Killed on the way it goes on from what waits.
    rises(&mut delivering, left / 2);
    delivering.start(AGENT);
    delivering.settle();
    let fee = rises(&mut delivering, left - left / 2 - 1);
    assert!(fee > AMOUNT / 4, "{fee}: the next block is the last");
    delivering.mine(3);
    delivering.over(&[SENDER, RECIPIENT, AGENT]);
    assert_eq!(delivering.balance(AGENT), AMOUNT - fee);
    let mut delivering = Delivering::new(1);
    delivering.settle();
    delivering.mine(1);
    let tip = delivering.chain.height().unwrap();
    delivering.mine(delivering.figures.refund_height - tip);
    rises(&mut delivering, 3);
    delivering.mine(2);
    delivering.over(&[SENDER]);
}

/// An agent beside whose coin a rival waits shows nothing.
#[test]
fn a_claim_is_held_back_beside_a_rival() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    delivering.mine(1);
    let first = offered(&mut delivering).0;
    delivering.order(RECIPIENT, SmallOrder::Next).unwrap();
    for _ in 0..3 {
        delivering.settle();
        delivering.chain.mine_exactly(&[], &miner()).unwrap();
    }
    assert_eq!(delivering.standing(AGENT + 1), "claiming");
    let tx = offered(&mut delivering).0;
    let tx = delivering.chain.waiting(tx).unwrap().unwrap();
    let rival = delivering.chain.waiting(first).unwrap();
    let own = delivering.all[AGENT].script.clone();
    assert!(rival.is_some() || tx.output[0].script_pubkey == own);
    assert_eq!(tx.output[0].script_pubkey, own);
}

#[test]
fn a_claim_outlives_a_reorganisation() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.mine(1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    // The claim's block is lost, and the funding's, and both come again.
    delivering.chain.reorg(3, &miner()).unwrap();
    delivering.settle();
    delivering.mine(2);
    delivering.mine(3);
    delivering.over(&[SENDER, RECIPIENT, AGENT]);
    assert!(delivering.balance(AGENT) > Amount::ZERO);
}
