//! Penny banks on both chains: every life, every leaf early, late, replaced and reorganised, and every cheat.

use crate::bank_support;
use crate::common;

use bank_support::{
    claim_of, empty_blocks, funded, gains, mined, options, refund_of, refused, timeout_refund_of,
};
use bitcoin::{Amount, secp256k1::rand};
use common::{cli, is_bad_script, is_spent, is_too_early};
use narthex::{
    bank::{BankOptions, BankersOptions},
    channel::bank::{Coin, PayerDuty, ProviderDuty},
    contracts::bank::{BankError, PAYER, PROVIDER},
    harness::{Outcome, Playable as _, play_on},
    regtest::Chain,
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

/// Every scenario ends with balances exact to the satoshi, and with the transactions that it says.
fn every_life_is_exact(chain: &mut dyn Chain) {
    let expected = |scenario: &str| -> (&[&str], i64) {
        match scenario {
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
    for scenario in BankOptions::SCENARIOS {
        let Outcome {
            balances,
            transactions,
            ..
        } = play_on(chain, scenario.name, &options(), &mut ()).unwrap();
        let (names, earned) = expected(scenario.name);
        for balance in &balances {
            assert!(balance.is_exact(), "{}: {balance:?}", scenario.name);
        }
        assert_eq!(transactions, names, "{}", scenario.name);
        assert_eq!(balances[1].settlement_sat, earned, "{}", scenario.name);
    }
}

fn the_refund_early_and_late(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let refund = refund_of(&mut play);
    let t = play.payer().unwrap().bank().terms().record().refund_height;
    play.harness().wait_for(t).unwrap();
    assert!(is_too_early(&refused(&mut play, &refund)), "at T itself");
    empty_blocks(&mut play, 1);
    assert!(matches!(play.coin().unwrap(), Coin::Banked { .. }));
    assert_eq!(
        play.payer()
            .unwrap()
            .duty(t, Coin::Banked { is_deep: true }),
        PayerDuty::Refund
    );
    mined(&mut play, &refund);
    assert_eq!(play.coin().unwrap(), Coin::Spent);
    // A provider that slept past T has lost what it was paid: that is why it force-closes at T − D.
    let force_close = play.provider().unwrap().force_close().unwrap();
    assert!(is_spent(&refused(&mut play, &force_close)));
    assert_eq!(gains(&mut play), [0, 0]);
}

fn the_timeout_refund_early_and_late(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let force_close = play.payer().unwrap().force_close().unwrap();
    let at = mined(&mut play, &force_close);
    assert_eq!(play.coin().unwrap(), Coin::ForceClosed { height: at });
    let (timeout_refund, claim) = (timeout_refund_of(&mut play), claim_of(&mut play, 500));
    let d = u32::from(play.payer().unwrap().bank().terms().record().claim_blocks);
    play.harness().wait_for(at + d - 1).unwrap();
    assert!(is_too_early(&refused(&mut play, &timeout_refund)));
    empty_blocks(&mut play, 1);
    // Ripe; a claim that comes as late is still good as long as the timeout refund is not confirmed.
    mined(&mut play, &claim);
    assert!(is_spent(&refused(&mut play, &timeout_refund)));
    assert_eq!(gains(&mut play), [-1_000, 1_000]);
}

/// The provider stops the bank early: the payer gets all but what it paid, at once, out of the claim.
fn the_force_close_at_any_time(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    play.force_close(PROVIDER, "test").unwrap();
    let height = play.force_closed_at().unwrap();
    let duty = play
        .provider()
        .unwrap()
        .duty(height, Coin::ForceClosed { height });
    assert_eq!(duty, ProviderDuty::Claim { commitment: 500 });
    play.claim().unwrap();
    assert_eq!(gains(&mut play), [-1_000, 1_000]);
}

fn a_commitment_needs_its_penny_and_the_provider(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    // 1,000 is signed, its penny was not given.
    assert!(play.provider().unwrap().commitments_held() > 1);
    let mut rng = rand::thread_rng();
    assert!(matches!(
        play.provider().unwrap().claim(1_000, &mut rng),
        Err(BankError::AdaptorCommitment { .. })
    ));
    let force_close = play.provider().unwrap().force_close().unwrap();
    mined(&mut play, &force_close);
    let good = claim_of(&mut play, 500);
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
        assert!(is_bad_script(&refused(&mut play, &bad)));
    }
    // Another amount under the same signatures.
    let mut greedy = good.clone();
    greedy.output[0].value += Amount::ONE_SAT;
    greedy.output[1].value -= Amount::ONE_SAT;
    assert!(is_bad_script(&refused(&mut play, &greedy)));
    mined(&mut play, &good);
}

/// The provider publishes a commitment that it has better ones than: the payer gains.
fn an_old_commitment_hurts_its_publisher(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let old = claim_of(&mut play, 500);
    play.pay(1_000).unwrap();
    let best = play.provider().unwrap().enforceable();
    assert_eq!(best, 1_500);
    let new = claim_of(&mut play, best);
    play.force_close(PROVIDER, "test").unwrap();
    mined(&mut play, &old);
    assert!(is_spent(&refused(&mut play, &new)));
    assert_eq!(gains(&mut play), [-1_000, 1_000]);
}

/// The payer waits for T with the provider's pennies given and tries to take all: the provider force-closed in time.
fn a_payer_that_double_spends_after_t(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1_100);
    let terms = play.provider().unwrap().bank().terms().clone();
    let serve_until = terms.force_close_height() - 2;
    assert_eq!(
        play.provider()
            .unwrap()
            .duty(serve_until, Coin::Banked { is_deep: true }),
        ProviderDuty::Serve
    );
    play.harness().wait_for(terms.force_close_height()).unwrap();
    assert_eq!(
        play.provider()
            .unwrap()
            .duty(serve_until + 1, Coin::Banked { is_deep: true }),
        ProviderDuty::ForceClose
    );
    play.force_close(PROVIDER, "test").unwrap();
    let (refund, timeout_refund) = (refund_of(&mut play), timeout_refund_of(&mut play));
    assert!(is_too_early(&refused(&mut play, &timeout_refund)));
    play.claim().unwrap();
    play.harness()
        .wait_for(terms.record().refund_height + 1)
        .unwrap();
    assert!(is_spent(&refused(&mut play, &refund)));
    assert!(is_spent(&refused(&mut play, &timeout_refund)));
    assert_eq!(gains(&mut play), [-2_000, 2_000]);
}

/// The force close's block is lost, and confirms later: D counts from there. The claim's block is lost: it comes again.
fn a_claim_and_a_timeout_refund_reorganised(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let (force_close, timeout_refund) = (
        play.payer().unwrap().force_close().unwrap(),
        timeout_refund_of(&mut play),
    );
    let claim = claim_of(&mut play, 500);
    let old = mined(&mut play, &force_close);
    let d = u32::from(play.payer().unwrap().bank().terms().record().claim_blocks);
    empty_blocks(&mut play, d - 1);
    mined(&mut play, &timeout_refund);
    play.chain().disconnect(d + 1).unwrap();
    assert!(matches!(play.coin().unwrap(), Coin::Banked { .. }));
    empty_blocks(&mut play, 2);
    let new = mined(&mut play, &force_close);
    assert_eq!(new, old + 2);
    empty_blocks(&mut play, d - 3);
    assert!(
        is_too_early(&refused(&mut play, &timeout_refund)),
        "ripe before, not now"
    );
    mined(&mut play, &claim);
    play.chain().disconnect(1).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::ForceClosed { height: new });
    empty_blocks(&mut play, 1);
    // One block is left to the provider's window; it claims once more, with the same bytes.
    mined(&mut play, &claim);
    assert_eq!(gains(&mut play), [-1_000, 1_000]);
    // The refund's funding is lost below it.
    let depth = play.chain().height().unwrap() - new + 3;
    play.chain().disconnect(depth).unwrap();
    assert!(matches!(play.coin().unwrap(), Coin::Banked { .. }));
}

/// After an agreed end neither force close nor claim nor refund has a coin to spend; no penny is given or taken.
fn a_close_leaves_nothing_to_claim(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let (force_close, refund) = (
        play.payer().unwrap().force_close().unwrap(),
        refund_of(&mut play),
    );
    play.close().unwrap();
    assert!(is_spent(&refused(&mut play, &force_close)));
    let t = play.payer().unwrap().bank().terms().record().refund_height;
    play.harness().wait_for(t + 1).unwrap();
    assert!(is_spent(&refused(&mut play, &refund)));
    assert!(play.pay(1).is_err());
    assert_eq!(gains(&mut play), [-1_200, 1_200]);
}

/// Resumed: the old commitments have no coin any more. The new bank has its own pennies; old ones are foreign to it.
fn a_resumed_bank_or_a_claim_not_both(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    let claim = claim_of(&mut play, 500);
    let old = play.payer().unwrap().last_penny().unwrap();
    play.force_close(PAYER, "test").unwrap();
    play.resume().unwrap();
    assert!(is_spent(&refused(&mut play, &claim)));
    assert_eq!(
        play.provider().unwrap().accept(&old),
        Err(BankError::Foreign)
    );
    assert_eq!(play.provider().unwrap().paid(), 0);
    play.pay(700).unwrap();
    play.force_close(PROVIDER, "test").unwrap();
    play.claim().unwrap();
    assert_eq!(gains(&mut play), [-2_200, 2_200]);
}

fn a_force_closed_bank_is_closed(chain: &mut dyn Chain) {
    let mut play = funded(chain, 600);
    play.force_close(PROVIDER, "test").unwrap();
    play.close().unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Spent);
    assert_eq!(gains(&mut play), [-1_200, 1_200]);
}

/// The real command: every line of `--json` is an object, and what is refused says why.
#[test]
fn the_command() {
    cli::prints_objects(
        "bank",
        &[
            (
                "play --list --json",
                BankOptions::SCENARIOS.len() + BankersOptions::SCENARIOS.len(),
            ),
            ("play --scenario close --pennies 5000 --json", 4),
            ("show --json", 6),
            ("bench --pennies 3000 --json", 1),
        ],
    );
    cli::refuses(
        "bank",
        &[
            ("play --scenario none", "no such scenario"),
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
