//! Every transaction of a bank replaced and reorganised, on both chains.

use crate::bank_support;
use crate::common;

use bank_support::{
    claim_of, empty_blocks, funded, gains, mined, options, refund_of, refused, seat,
    timeout_refund_of,
};
use bitcoin::{Amount, Transaction};
use common::{is_spent, is_too_early};
use narthex::{
    bank::Desk,
    channel::bank::{Coin, ProviderDuty},
    contracts::{
        bank::{PAYER, PROVIDER},
        party::PartyName,
        terms::FeeRate,
    },
    regtest::Chain,
};

on_both_chains!(
    children_are_replaced,
    a_close_is_replaced,
    a_funding_is_replaced,
    every_end_is_reorganised,
    a_funding_is_reorganised,
    another_end_after_a_reorganisation,
    a_resumed_bank_is_reorganised,
);

/// Makes a transaction of the bank.
type Make = fn(&mut Desk<'_>) -> Transaction;

fn refund_height(desk: &mut Desk<'_>) -> u32 {
    desk.payer().bank().terms().record().refund_height
}

fn claim_blocks(desk: &mut Desk<'_>) -> u32 {
    desk.payer().bank().terms().record().claim_blocks.into()
}

/// Force-closed by the payer; the height.
fn force_closed(desk: &mut Desk<'_>) -> u32 {
    let force_close = desk.payer().force_close().unwrap();
    mined(desk, &force_close)
}

/// The refund, ripe.
fn ripe_refund(desk: &mut Desk<'_>) -> Transaction {
    let t = refund_height(desk);
    desk.table().wait_for(t + 1).unwrap();
    refund_of(desk)
}

/// The timeout refund, ripe.
fn ripe_timeout_refund(desk: &mut Desk<'_>) -> Transaction {
    let at = force_closed(desk);
    let d = claim_blocks(desk);
    desk.table().wait_for(at + d).unwrap();
    timeout_refund_of(desk)
}

fn resumption(desk: &mut Desk<'_>) -> Transaction {
    force_closed(desk);
    // What it pays must be worth an output, and is what was paid.
    desk.sign_resume().unwrap().tx
}

/// A child is outbid by a better one of the other party: the transaction below confirms all the same.
fn children_are_replaced(chain: &mut dyn Chain) {
    let ends: [(PartyName, Make); 5] = [
        (PROVIDER, |desk| desk.provider().force_close().unwrap()),
        (PROVIDER, |desk| {
            force_closed(desk);
            claim_of(desk, 500)
        }),
        (PAYER, ripe_refund),
        (PAYER, ripe_timeout_refund),
        (PAYER, resumption),
    ];
    for (who, make) in ends {
        let mut desk = funded(chain, 600);
        let tx = make(&mut desk);
        let (child, _) = desk.table().child(seat(who), &tx).unwrap();
        desk.chain()
            .submit_package(&[tx.clone(), child.clone()])
            .unwrap();
        let other = if who == PAYER { PROVIDER } else { PAYER };
        desk.table().set_rate(FeeRate::from_sat_per_kwu(4_000));
        let (rival, _) = desk.table().child(seat(other), &tx).unwrap();
        desk.chain().submit(&rival).unwrap();
        let pool = desk.chain().mempool().unwrap();
        assert!(pool.contains(&rival.compute_txid()) && !pool.contains(&child.compute_txid()));
        desk.table().mine(1).unwrap();
        let found = desk.chain().transaction(tx.compute_txid()).unwrap();
        assert!(found.unwrap().1.is_some());
    }
}

/// Both sign the end once more, with a higher fee: one of the two confirms, and pays the provider the same.
fn a_close_is_replaced(chain: &mut dyn Chain) {
    for force_closed_first in [false, true] {
        let mut desk = funded(chain, 600);
        if force_closed_first {
            force_closed(&mut desk);
        }
        let (first, low) = desk.sign_close(force_closed_first).unwrap();
        desk.chain().submit(&first).unwrap();
        desk.table().set_rate(FeeRate::from_sat_per_kwu(4_000));
        let (second, high) = desk.sign_close(force_closed_first).unwrap();
        assert!(high > low && first.output[0] == second.output[0]);
        desk.chain().submit(&second).unwrap();
        let pool = desk.chain().mempool().unwrap();
        assert!(pool.contains(&second.compute_txid()) && !pool.contains(&first.compute_txid()));
        desk.table().mine(1).unwrap();
        assert_eq!(desk.coin().unwrap(), Coin::Spent);
        assert!(is_spent(&refused(&mut desk, &first)));
    }
}

/// The payer spends the coin of the funding elsewhere before it confirms: there never is a bank, and the provider that
/// looked has served nothing.
fn a_funding_is_replaced(chain: &mut dyn Chain) {
    let mut silent = ();
    let mut desk = Desk::prepare(chain, &options(), &mut silent).unwrap();
    let mut psbt = desk.payer().funding_psbt().unwrap();
    let mut cheat = psbt.clone();
    let capacity = desk.payer().bank().terms().record().capacity_sat;
    let (funding, _) = desk.table().sign_funding(0, &mut psbt, capacity).unwrap();
    desk.chain().submit(&funding).unwrap();
    assert_eq!(desk.coin().unwrap(), Coin::Unfunded);
    let tip = desk.chain().height().unwrap();
    assert_eq!(
        desk.provider().duty(tip, Coin::Unfunded),
        ProviderDuty::None
    );
    let own = desk.table().seat(0).unwrap().script.clone();
    cheat.unsigned_tx.output[0].script_pubkey = own;
    cheat.unsigned_tx.output[0].value -= Amount::from_sat(20_000);
    let wallet = &desk.table().seat(0).unwrap().wallet;
    let cheat = wallet.sign_all(&mut cheat).unwrap();
    desk.chain().submit(&cheat).unwrap();
    desk.table().mine(1).unwrap();
    assert_eq!(desk.coin().unwrap(), Coin::Unfunded);
    assert!(is_spent(&refused(&mut desk, &funding)));
    let force_close = desk.provider().force_close().unwrap();
    assert!(is_spent(&refused(&mut desk, &force_close)));
}

/// The block of each end is lost: the coin is where it was, the end is as good as before and comes once more.
fn every_end_is_reorganised(chain: &mut dyn Chain) {
    let ends: [(Make, bool, i64); 6] = [
        (ripe_refund, false, 0),
        (ripe_timeout_refund, true, 0),
        (resumption, true, 1_200),
        (|desk| desk.sign_close(false).unwrap().0, false, 1_200),
        (
            |desk| {
                force_closed(desk);
                desk.sign_close(true).unwrap().0
            },
            true,
            1_200,
        ),
        (
            |desk| {
                force_closed(desk);
                claim_of(desk, 500)
            },
            true,
            1_000,
        ),
    ];
    for (i, (make, from_force_closed, paid)) in ends.into_iter().enumerate() {
        let mut desk = funded(chain, 600);
        let tx = make(&mut desk);
        mined(&mut desk, &tx);
        assert_eq!(desk.coin().unwrap(), Coin::Spent);
        desk.chain().disconnect(1).unwrap();
        let back = desk.coin().unwrap();
        match from_force_closed {
            true => assert!(matches!(back, Coin::ForceClosed { .. }), "{i}: {back:?}"),
            false => assert!(matches!(back, Coin::Banked { .. }), "{i}"),
        }
        empty_blocks(&mut desk, 2);
        mined(&mut desk, &tx);
        assert_eq!(desk.coin().unwrap(), Coin::Spent);
        assert_eq!(gains(&mut desk)[1], paid, "{i}");
    }
}

/// The funding's block is lost with pennies paid already: the provider serves no more until it is there again.
fn a_funding_is_reorganised(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let (outpoint, _) = desk.payer().bank().coin(false).unwrap();
    let found = desk.chain().transaction(outpoint.txid).unwrap();
    let (funding, _) = found.unwrap();
    desk.chain().disconnect(1).unwrap();
    let coin = desk.coin().unwrap();
    assert_eq!(coin, Coin::Banked { is_deep: false });
    let tip = desk.chain().height().unwrap();
    let duty = desk.provider().duty(tip, coin);
    assert_eq!(duty, ProviderDuty::None, "one more and it is gone");
    desk.chain().disconnect(1).unwrap();
    assert_eq!(desk.coin().unwrap(), Coin::Unfunded);
    let tip = desk.chain().height().unwrap();
    for tip in [tip, tip + 100] {
        let duty = desk.provider().duty(tip, Coin::Unfunded);
        assert_eq!(
            duty,
            ProviderDuty::None,
            "nothing to force-close or to serve for"
        );
    }
    let force_close = desk.provider().force_close().unwrap();
    assert!(is_spent(&refused(&mut desk, &force_close)), "no coin yet");
    empty_blocks(&mut desk, 2);
    mined(&mut desk, &funding);
    assert!(matches!(desk.coin().unwrap(), Coin::Banked { .. }));
    mined(&mut desk, &force_close);
    let claim = claim_of(&mut desk, 500);
    mined(&mut desk, &claim);
    assert_eq!(gains(&mut desk)[1], 1_000);
}

/// After a reorganisation another end may win: a force close instead of the refund, a claim instead of the timeout refund, the
/// close instead of a force close. The one that lost has no coin any more.
fn another_end_after_a_reorganisation(chain: &mut dyn Chain) {
    // The provider was late, and is given a second chance to force-close.
    let mut desk = funded(chain, 600);
    let refund = ripe_refund(&mut desk);
    mined(&mut desk, &refund);
    desk.chain().disconnect(1).unwrap();
    force_closed(&mut desk);
    assert!(is_spent(&refused(&mut desk, &refund)));
    let claim = claim_of(&mut desk, 500);
    mined(&mut desk, &claim);
    assert_eq!(gains(&mut desk)[1], 1_000);
    drop(desk);
    let mut desk = funded(chain, 600);
    let timeout_refund = ripe_timeout_refund(&mut desk);
    mined(&mut desk, &timeout_refund);
    desk.chain().disconnect(1).unwrap();
    let claim = claim_of(&mut desk, 500);
    mined(&mut desk, &claim);
    assert!(is_spent(&refused(&mut desk, &timeout_refund)));
    assert_eq!(gains(&mut desk)[1], 1_000);
    drop(desk);
    // Deeper than the force close: the refund is not ripe below T, and the bank is open again.
    let mut desk = funded(chain, 600);
    let refund = refund_of(&mut desk);
    let (close, _) = desk.sign_close(false).unwrap();
    force_closed(&mut desk);
    desk.chain().disconnect(1).unwrap();
    assert!(is_too_early(&refused(&mut desk, &refund)));
    mined(&mut desk, &close);
    assert_eq!(gains(&mut desk)[1], 1_200);
}

/// The block of the resume is lost after pennies were paid in the new bank. It comes again; both come back from their
/// records, and the new bank is claimed.
fn a_resumed_bank_is_reorganised(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    desk.force_close(PAYER, "test").unwrap();
    desk.resume().unwrap();
    let (outpoint, _) = desk.payer().bank().coin(false).unwrap();
    let (resume, _) = desk.chain().transaction(outpoint.txid).unwrap().unwrap();
    desk.pay(700).unwrap();
    desk.chain().disconnect(2).unwrap();
    assert_eq!(desk.coin().unwrap(), Coin::Unfunded);
    desk.restart().unwrap();
    empty_blocks(&mut desk, 2);
    mined(&mut desk, &resume);
    assert!(matches!(desk.coin().unwrap(), Coin::Banked { .. }));
    desk.pay(500).unwrap();
    desk.restart().unwrap();
    desk.force_close(PROVIDER, "test").unwrap();
    desk.resume().unwrap();
    // A bank that goes on with one that went on.
    desk.restart().unwrap();
    desk.pay(600).unwrap();
    desk.close(false).unwrap();
}
