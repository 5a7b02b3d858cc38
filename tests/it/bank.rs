//! Penny banks on both chains: every life, every leaf early, late, replaced and reorganised, and every cheat.

use crate::bank_support;
use crate::common;

use bank_support::{
    claim_of, empty_blocks, funded, gains, mined, options, refund_of, refused, timeout_refund_of,
};
use bitcoin::{Amount, secp256k1::rand};
use common::{cli, is_bad_script, is_spent, is_too_early};
use narthex::{
    bank::{BANK_STORIES, BANKER_STORIES, play_bank_on},
    channel::bank::{Coin, PayerDuty, ProviderDuty},
    contracts::bank::{BankError, PAYER, PROVIDER},
    regtest::Chain,
    table::TableOutcome,
};

on_both_chains!(
    every_life_is_exact,
    the_refund_early_and_late,
    the_timeout_refund_early_and_late,
    the_force_close_at_any_time,
    a_commitment_needs_its_penny_and_the_provider,
    an_old_commitment_hurts_its_publisher,
    a_payer_that_double_spends_after_t,
    a_claim_and_a_timeout_refund_reorganised,
    a_close_leaves_nothing_to_claim,
    a_resumed_bank_or_a_claim_not_both,
    a_force_closed_bank_is_closed,
);

/// Every story ends with balances exact to the satoshi, and with the transactions that it says.
fn every_life_is_exact(chain: &mut dyn Chain) {
    let expected = |story: &str| -> (&[&str], i64) {
        match story {
            "close" => (&["Bank", "Close"], 2_600),
            "claim" | "chosen" => (&["Bank", "ForceClose", "Claim"], 2_000),
            "refund" => (&["Bank", "Refund"], 0),
            "timeout-refund" => (&["Bank", "ForceClose", "TimeoutRefund"], 0),
            "resume" => (&["Bank", "ForceClose", "Resume", "Close"], 3_200),
            "purse" => (&["Bank", "ForceClose", "Claim"], 2_000),
            "accessor" => (&["Bank", "Close"], 1_600),
            "false-commitment" => (&["Bank", "ForceClose", "Claim"], 8_000),
            other => panic!("{other} is not in the table"),
        }
    };
    for story in &BANK_STORIES {
        let TableOutcome {
            balances,
            transactions,
            ..
        } = play_bank_on(chain, story.name, &options(), &mut ()).unwrap();
        let (names, earned) = expected(story.name);
        for balance in &balances {
            assert!(balance.is_exact(), "{}: {balance:?}", story.name);
        }
        assert_eq!(transactions, names, "{}", story.name);
        assert_eq!(balances[1].settlement_sat, earned, "{}", story.name);
    }
}

fn the_refund_early_and_late(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let refund = refund_of(&mut desk);
    let t = desk.payer().bank().terms().record().refund_height;
    desk.table().wait_for(t).unwrap();
    assert!(is_too_early(&refused(&mut desk, &refund)), "at T itself");
    empty_blocks(&mut desk, 1);
    assert!(matches!(desk.coin().unwrap(), Coin::Banked { .. }));
    assert_eq!(
        desk.payer().duty(t, Coin::Banked { is_deep: true }),
        PayerDuty::Refund
    );
    mined(&mut desk, &refund);
    assert_eq!(desk.coin().unwrap(), Coin::Spent);
    // A provider that slept past T has lost what it was paid: that is why it force-closes at T − D.
    let force_close = desk.provider().force_close().unwrap();
    assert!(is_spent(&refused(&mut desk, &force_close)));
    assert_eq!(gains(&mut desk), [0, 0]);
}

fn the_timeout_refund_early_and_late(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let force_close = desk.payer().force_close().unwrap();
    let at = mined(&mut desk, &force_close);
    assert_eq!(desk.coin().unwrap(), Coin::ForceClosed { height: at });
    let (timeout_refund, claim) = (timeout_refund_of(&mut desk), claim_of(&mut desk, 500));
    let d = u32::from(desk.payer().bank().terms().record().claim_blocks);
    desk.table().wait_for(at + d - 1).unwrap();
    assert!(is_too_early(&refused(&mut desk, &timeout_refund)));
    empty_blocks(&mut desk, 1);
    // Ripe; a claim that comes as late is still good as long as the timeout refund is not confirmed.
    mined(&mut desk, &claim);
    assert!(is_spent(&refused(&mut desk, &timeout_refund)));
    assert_eq!(gains(&mut desk), [-1_000, 1_000]);
}

/// The provider stops the bank early: the payer gets all but what it paid, at once, out of the claim.
fn the_force_close_at_any_time(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    desk.force_close(PROVIDER, "test").unwrap();
    let height = desk.force_closed_at().unwrap();
    let duty = desk.provider().duty(height, Coin::ForceClosed { height });
    assert_eq!(duty, ProviderDuty::Claim { commitment: 500 });
    desk.claim().unwrap();
    assert_eq!(gains(&mut desk), [-1_000, 1_000]);
}

fn a_commitment_needs_its_penny_and_the_provider(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    // 1,000 is signed, its penny was not given.
    assert!(desk.provider().commitments_held() > 1);
    let mut rng = rand::thread_rng();
    assert!(matches!(
        desk.provider().claim(1_000, &mut rng),
        Err(BankError::AdaptorCommitment { .. })
    ));
    let force_close = desk.provider().force_close().unwrap();
    mined(&mut desk, &force_close);
    let good = claim_of(&mut desk, 500);
    let stack: Vec<Vec<u8>> = good.input[0].witness.iter().map(<[u8]>::to_vec).collect();
    // Each signature missing, false, or in the other's place: payer alone, provider alone, a forger.
    for stack in [
        vec![vec![], stack[1].clone()],
        vec![stack[0].clone(), vec![]],
        vec![stack[1].clone(), stack[0].clone()],
        vec![stack[0].clone(), stack[0].clone()],
    ] {
        let mut bad = good.clone();
        let tail = good.input[0].witness.iter().skip(2).map(<[u8]>::to_vec);
        bad.input[0].witness = stack.into_iter().chain(tail).collect::<Vec<_>>()[..].into();
        assert!(is_bad_script(&refused(&mut desk, &bad)));
    }
    // Another amount under the same signatures.
    let mut greedy = good.clone();
    greedy.output[0].value += Amount::ONE_SAT;
    greedy.output[1].value -= Amount::ONE_SAT;
    assert!(is_bad_script(&refused(&mut desk, &greedy)));
    mined(&mut desk, &good);
}

/// The provider publishes a commitment that it has better ones than: the payer gains.
fn an_old_commitment_hurts_its_publisher(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let old = claim_of(&mut desk, 500);
    desk.pay(1_000).unwrap();
    let best = desk.provider().enforceable();
    assert_eq!(best, 1_500);
    let new = claim_of(&mut desk, best);
    desk.force_close(PROVIDER, "test").unwrap();
    mined(&mut desk, &old);
    assert!(is_spent(&refused(&mut desk, &new)));
    assert_eq!(gains(&mut desk), [-1_000, 1_000]);
}

/// The payer waits for T with the provider's pennies given and tries to take all: the provider force-closed in time.
fn a_payer_that_double_spends_after_t(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 1_100);
    let terms = desk.provider().bank().terms().clone();
    let serve_until = terms.force_close_height() - 2;
    assert_eq!(
        desk.provider()
            .duty(serve_until, Coin::Banked { is_deep: true }),
        ProviderDuty::Serve
    );
    desk.table().wait_for(terms.force_close_height()).unwrap();
    assert_eq!(
        desk.provider()
            .duty(serve_until + 1, Coin::Banked { is_deep: true }),
        ProviderDuty::ForceClose
    );
    desk.force_close(PROVIDER, "test").unwrap();
    let (refund, timeout_refund) = (refund_of(&mut desk), timeout_refund_of(&mut desk));
    assert!(is_too_early(&refused(&mut desk, &timeout_refund)));
    desk.claim().unwrap();
    desk.table()
        .wait_for(terms.record().refund_height + 1)
        .unwrap();
    assert!(is_spent(&refused(&mut desk, &refund)));
    assert!(is_spent(&refused(&mut desk, &timeout_refund)));
    assert_eq!(gains(&mut desk), [-2_000, 2_000]);
}

/// The force close's block is lost, and confirms later: D counts from there. The claim's block is lost: it comes again.
fn a_claim_and_a_timeout_refund_reorganised(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let (force_close, timeout_refund) = (
        desk.payer().force_close().unwrap(),
        timeout_refund_of(&mut desk),
    );
    let claim = claim_of(&mut desk, 500);
    let old = mined(&mut desk, &force_close);
    let d = u32::from(desk.payer().bank().terms().record().claim_blocks);
    empty_blocks(&mut desk, d - 1);
    mined(&mut desk, &timeout_refund);
    desk.chain().disconnect(d + 1).unwrap();
    assert!(matches!(desk.coin().unwrap(), Coin::Banked { .. }));
    empty_blocks(&mut desk, 2);
    let new = mined(&mut desk, &force_close);
    assert_eq!(new, old + 2);
    empty_blocks(&mut desk, d - 3);
    assert!(
        is_too_early(&refused(&mut desk, &timeout_refund)),
        "ripe before, not now"
    );
    mined(&mut desk, &claim);
    desk.chain().disconnect(1).unwrap();
    assert_eq!(desk.coin().unwrap(), Coin::ForceClosed { height: new });
    empty_blocks(&mut desk, 1);
    // One block is left to the provider's window; it claims once more, with the same bytes.
    mined(&mut desk, &claim);
    assert_eq!(gains(&mut desk), [-1_000, 1_000]);
    // The refund's funding is lost below it.
    let depth = desk.chain().height().unwrap() - new + 3;
    desk.chain().disconnect(depth).unwrap();
    assert!(matches!(desk.coin().unwrap(), Coin::Banked { .. }));
}

/// After an agreed end neither force close nor claim nor refund has a coin to spend; no penny is given or taken.
fn a_close_leaves_nothing_to_claim(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let (force_close, refund) = (desk.payer().force_close().unwrap(), refund_of(&mut desk));
    desk.close(false).unwrap();
    assert!(is_spent(&refused(&mut desk, &force_close)));
    let t = desk.payer().bank().terms().record().refund_height;
    desk.table().wait_for(t + 1).unwrap();
    assert!(is_spent(&refused(&mut desk, &refund)));
    assert!(desk.payer().pay(1).is_err());
    assert_eq!(gains(&mut desk), [-1_200, 1_200]);
}

/// Resumed: the old commitments have no coin any more. The new bank has its own pennies; old ones are foreign to it.
fn a_resumed_bank_or_a_claim_not_both(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    let claim = claim_of(&mut desk, 500);
    let old = desk.payer().last_penny().unwrap();
    desk.force_close(PAYER, "test").unwrap();
    desk.resume().unwrap();
    assert!(is_spent(&refused(&mut desk, &claim)));
    assert_eq!(desk.provider().accept(&old), Err(BankError::Foreign));
    assert_eq!(desk.provider().paid(), 0);
    desk.pay(700).unwrap();
    desk.force_close(PROVIDER, "test").unwrap();
    desk.claim().unwrap();
    assert_eq!(gains(&mut desk), [-2_200, 2_200]);
}

fn a_force_closed_bank_is_closed(chain: &mut dyn Chain) {
    let mut desk = funded(chain, 600);
    desk.force_close(PROVIDER, "test").unwrap();
    desk.close(true).unwrap();
    assert_eq!(desk.coin().unwrap(), Coin::Spent);
    assert_eq!(gains(&mut desk), [-1_200, 1_200]);
}

/// The real command: every line of `--json` is an object, and what is refused says why.
#[test]
fn the_command() {
    cli::prints_objects(
        "bank",
        &[
            (
                "play --list --json",
                BANK_STORIES.len() + BANKER_STORIES.len(),
            ),
            ("play --story close --pennies 5000 --json", 4),
            ("show --json", 6),
            ("bench --pennies 3000 --json", 1),
        ],
    );
    cli::refuses(
        "bank",
        &[
            ("play --story none", "no such story"),
            ("play --pennies 0", "terms: pennies"),
            (
                "play --pennies 4294967295 --value 18446744073709551615",
                "more than there is",
            ),
            ("play --pennies 4000000000 --value 1", "terms: pennies"),
            ("play --step 1", "terms: step"),
            ("play --claim-blocks 2", "terms: claim_blocks"),
            ("play --pennies 10000 --value 10000000", "cannot pay"),
            ("show --commitment 1", "no such commitment"),
            ("play --seed 12", "64 hex digits"),
        ],
    );
}
