//! Every transaction of a bank replaced and reorganised, on both chains.

use crate::bank_support;
use crate::common;

use bank_support::{
    claim_of, close_of, empty_blocks, funded, gains, mined, options, participant, refund_of,
    refused, timeout_refund_of,
};
use bitcoin::{Amount, Transaction};
use common::{is_spent, is_too_early};
use narthex::{
    bank::BankPlay,
    channel::bank::{Coin, ProviderDuty},
    contracts::{
        bank::{PAYER, PROVIDER},
        fixtures::MadeUpNode,
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
type Make = fn(&mut BankPlay<'_>) -> Transaction;

fn refund_height(play: &mut BankPlay<'_>) -> u32 {
    play.payer().unwrap().bank().terms().record().refund_height
}

fn claim_blocks(play: &mut BankPlay<'_>) -> u32 {
    play.payer()
        .unwrap()
        .bank()
        .terms()
        .record()
        .claim_blocks
        .into()
}

/// Force-closed by the payer; the height.
fn force_closed(play: &mut BankPlay<'_>) -> u32 {
    let force_close = play.payer().unwrap().force_close().unwrap();
    mined(play, &force_close)
}

/// The refund, ripe.
fn ripe_refund(play: &mut BankPlay<'_>) -> Transaction {
    let t = refund_height(play);
    play.harness().wait_for(t + 1).unwrap();
    refund_of(play)
}

/// The timeout refund, ripe.
fn ripe_timeout_refund(play: &mut BankPlay<'_>) -> Transaction {
    let at = force_closed(play);
    let d = claim_blocks(play);
    play.harness().wait_for(at + d).unwrap();
    timeout_refund_of(play)
}

fn resumption(play: &mut BankPlay<'_>) -> Transaction {
    force_closed(play);
    // What it pays must be worth an output, and is what was paid.
    play.sign_resume().unwrap()
}

/// A child is outbid by a better one of the other party: the transaction below confirms all the same.
fn children_are_replaced(chain: &mut dyn Chain) {
    let ends: [(PartyName, Make); 5] = [
        (PROVIDER, |play| {
            play.provider().unwrap().force_close().unwrap()
        }),
        (PROVIDER, |play| {
            force_closed(play);
            claim_of(play, 500)
        }),
        (PAYER, ripe_refund),
        (PAYER, ripe_timeout_refund),
        (PAYER, resumption),
    ];
    for (who, make) in ends {
        let mut play = funded(chain, 600);
        let tx = make(&mut play);
        let (child, _) = play.harness().child(participant(who), &tx).unwrap();
        play.chain()
            .submit_package(&[tx.clone(), child.clone()])
            .unwrap();
        let other = if who == PAYER { PROVIDER } else { PAYER };
        play.harness().set_rate(FeeRate::from_sat_per_kwu(4_000));
        let (rival, _) = play.harness().child(participant(other), &tx).unwrap();
        play.chain().submit(&rival).unwrap();
        let pool = play.chain().mempool().unwrap();
        assert!(pool.contains(&rival.compute_txid()) && !pool.contains(&child.compute_txid()));
        play.harness().mine(1).unwrap();
        let found = play.chain().transaction(tx.compute_txid()).unwrap();
        assert!(found.unwrap().1.is_some());
    }
}

/// Both sign the end once more, with a higher fee: one of the two confirms, and pays the provider the same.
fn a_close_is_replaced(chain: &mut dyn Chain) {
    for force_closed_first in [false, true] {
        let mut play = funded(chain, 600);
        if force_closed_first {
            force_closed(&mut play);
        }
        let (first, low) = close_of(&mut play, force_closed_first);
        play.chain().submit(&first).unwrap();
        play.harness().set_rate(FeeRate::from_sat_per_kwu(4_000));
        let (second, high) = close_of(&mut play, force_closed_first);
        assert!(high > low && first.output[0] == second.output[0]);
        play.chain().submit(&second).unwrap();
        let pool = play.chain().mempool().unwrap();
        assert!(pool.contains(&second.compute_txid()) && !pool.contains(&first.compute_txid()));
        play.harness().mine(1).unwrap();
        assert_eq!(play.coin().unwrap(), Coin::Spent);
        assert!(is_spent(&refused(&mut play, &first)));
    }
}

/// The payer spends the coin of the funding elsewhere before it confirms: there never is a bank, and the provider that
/// looked has served nothing.
fn a_funding_is_replaced(chain: &mut dyn Chain) {
    let mut silent = ();
    let mut play = BankPlay::prepare(chain, &options(), &mut silent).unwrap();
    let mut psbt = play.payer().unwrap().funding_psbt(&MadeUpNode).unwrap();
    let mut cheat = psbt.clone();
    let capacity = play.payer().unwrap().bank().terms().record().capacity_sat;
    let (funding, _) = play.harness().sign_funding(0, &mut psbt, capacity).unwrap();
    play.chain().submit(&funding).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    let tip = play.chain().height().unwrap();
    assert_eq!(
        play.provider().unwrap().duty(tip, Coin::Unfunded),
        ProviderDuty::None
    );
    let own = play.harness().participant(0).unwrap().script.clone();
    cheat.unsigned_tx.output[0].script_pubkey = own;
    cheat.unsigned_tx.output[0].value -= Amount::from_sat(20_000);
    let wallet = &play.harness().participant(0).unwrap().wallet;
    let cheat = wallet.sign_all(&mut cheat).unwrap();
    play.chain().submit(&cheat).unwrap();
    play.harness().mine(1).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    assert!(is_spent(&refused(&mut play, &funding)));
    let force_close = play.provider().unwrap().force_close().unwrap();
    assert!(is_spent(&refused(&mut play, &force_close)));
}

/// The block of each end is lost: the coin is where it was, the end is as good as before and comes once more.
fn every_end_is_reorganised(chain: &mut dyn Chain) {
    let ends: [(Make, bool, i64); 6] = [
        (ripe_refund, false, 0),
        (ripe_timeout_refund, true, 0),
        (resumption, true, 1_200),
        (|play| play.sign_close().unwrap(), false, 1_200),
        (
            |play| {
                force_closed(play);
                play.sign_close().unwrap()
            },
            true,
            1_200,
        ),
        (
            |play| {
                force_closed(play);
                claim_of(play, 500)
            },
            true,
            1_000,
        ),
    ];
    for (i, (make, from_force_closed, paid)) in ends.into_iter().enumerate() {
        let mut play = funded(chain, 600);
        let tx = make(&mut play);
        mined(&mut play, &tx);
        assert_eq!(play.coin().unwrap(), Coin::Spent);
        play.chain().disconnect(1).unwrap();
        let back = play.coin().unwrap();
        match from_force_closed {
            true => assert!(matches!(back, Coin::ForceClosed { .. }), "{i}: {back:?}"),
            false => assert!(matches!(back, Coin::Banked { .. }), "{i}"),
        }
        empty_blocks(&mut play, 2);
        mined(&mut play, &tx);
        assert_eq!(play.coin().unwrap(), Coin::Spent);
        assert_eq!(gains(&mut play)[1], paid, "{i}");
    }
}

/// The funding's block is lost with pennies paid already: the provider serves no more until it is there again.
fn a_funding_is_reorganised(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let (outpoint, _) = play.payer().unwrap().bank().coin(false).unwrap();
    let found = play.chain().transaction(outpoint.txid).unwrap();
    let (funding, _) = found.unwrap();
    play.chain().disconnect(1).unwrap();
    let coin = play.coin().unwrap();
    assert_eq!(coin, Coin::Banked { is_deep: false });
    let tip = play.chain().height().unwrap();
    let duty = play.provider().unwrap().duty(tip, coin);
    assert_eq!(duty, ProviderDuty::None, "one more and it is gone");
    play.chain().disconnect(1).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    let tip = play.chain().height().unwrap();
    for tip in [tip, tip + 100] {
        let duty = play.provider().unwrap().duty(tip, Coin::Unfunded);
        assert_eq!(
            duty,
            ProviderDuty::None,
            "nothing to force-close or to serve for"
        );
    }
    let force_close = play.provider().unwrap().force_close().unwrap();
    assert!(is_spent(&refused(&mut play, &force_close)), "no coin yet");
    empty_blocks(&mut play, 2);
    mined(&mut play, &funding);
    assert!(matches!(play.coin().unwrap(), Coin::Banked { .. }));
    mined(&mut play, &force_close);
    let claim = claim_of(&mut play, 500);
    mined(&mut play, &claim);
    assert_eq!(gains(&mut play)[1], 1_000);
}

/// After a reorganisation another end may win: a force close instead of the refund, a claim instead of the timeout refund, the
/// close instead of a force close. The one that lost has no coin any more.
fn another_end_after_a_reorganisation(chain: &mut dyn Chain) {
    // The provider was late, and is given a second chance to force-close.
    let mut play = funded(chain, 600);
    let refund = ripe_refund(&mut play);
    mined(&mut play, &refund);
    play.chain().disconnect(1).unwrap();
    force_closed(&mut play);
    assert!(is_spent(&refused(&mut play, &refund)));
    let claim = claim_of(&mut play, 500);
    mined(&mut play, &claim);
    assert_eq!(gains(&mut play)[1], 1_000);
    drop(play);
    let mut play = funded(chain, 600);
    let timeout_refund = ripe_timeout_refund(&mut play);
    mined(&mut play, &timeout_refund);
    play.chain().disconnect(1).unwrap();
    let claim = claim_of(&mut play, 500);
    mined(&mut play, &claim);
    assert!(is_spent(&refused(&mut play, &timeout_refund)));
    assert_eq!(gains(&mut play)[1], 1_000);
    drop(play);
    // Deeper than the force close: the refund is not ripe below T, and the bank is open again.
    let mut play = funded(chain, 600);
    let refund = refund_of(&mut play);
    let close = play.sign_close().unwrap();
    force_closed(&mut play);
    play.chain().disconnect(1).unwrap();
    assert!(is_too_early(&refused(&mut play, &refund)));
    mined(&mut play, &close);
    assert_eq!(gains(&mut play)[1], 1_200);
}

/// The block of the resume is lost after pennies were paid in the new bank. It comes again; both come back from their
/// records, and the new bank is claimed.
fn a_resumed_bank_is_reorganised(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    play.force_close(PAYER, "test").unwrap();
    play.resume().unwrap();
    let (outpoint, _) = play.payer().unwrap().bank().coin(false).unwrap();
    let (resume, _) = play.chain().transaction(outpoint.txid).unwrap().unwrap();
    play.pay(700).unwrap();
    play.chain().disconnect(2).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    play.restart().unwrap();
    empty_blocks(&mut play, 2);
    mined(&mut play, &resume);
    assert!(matches!(play.coin().unwrap(), Coin::Banked { .. }));
    play.pay(500).unwrap();
    play.restart().unwrap();
    play.force_close(PROVIDER, "test").unwrap();
    play.resume().unwrap();
    // A bank that goes on with one that went on.
    play.restart().unwrap();
    play.pay(600).unwrap();
    play.close().unwrap();
}
