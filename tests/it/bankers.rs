//! Payments through bankers on both chains: every scenario exact, and nobody loses more than `docs/contracts/bankers.md`
//! says.

use crate::common;

use bitcoin::{Transaction, secp256k1::rand};
use common::{at, is_bad_script, is_spent, is_too_early};
use narthex::{
    bank::{BankOptions, BankersOptions, BankersPlay},
    channel::bank::{BankerDuty, BankerError, Coin},
    channel::ptlc::RevealedSecret,
    contracts::bank::{BankError, CoinError},
    harness::{Playable as _, Scenario, ScenarioError, play_on},
    regtest::Chain,
};

on_both_chains!(
    scenarios_without_cheats_are_exact,
    attacks_on_one_banker_are_exact,
    attacks_between_bankers_are_exact,
    one_claim_shows_the_secrets_of_several_payments,
    the_tightest_delays_suffice,
    a_claim_that_races_the_timeout_refund,
    a_payer_that_takes_back_at_t,
    a_banker_without_a_coin,
    an_old_frame_pays_no_more,
    a_reorganised_claim_shows_its_secret_all_the_same,
    a_promise_needs_its_secret,
);

fn options() -> BankOptions {
    let mut options = BankOptions::default();
    options.pennies = 20_000;
    options.refund_blocks = 30;
    options.claim_blocks = 6;
    options.common = common::seeded("bankers");
    options
}

fn prepared(chain: &mut dyn Chain, bankers: usize) -> BankersPlay<'_> {
    let silent: &'static mut () = Box::leak(Box::new(()));
    BankersPlay::prepare(chain, &options(), bankers, silent).unwrap()
}

fn funded(chain: &mut dyn Chain, bankers: usize) -> BankersPlay<'_> {
    let mut play = prepared(chain, bankers);
    play.fund().unwrap();
    play
}

/// A payment of 700 pennies whose secret the payee knows, and nobody else was shown.
fn released(play: &mut BankersPlay<'_>) -> RevealedSecret {
    let mut route = play.begin(700).unwrap();
    play.pass_all(&route).unwrap();
    play.release(&mut route).unwrap()
}

fn mined(play: &mut BankersPlay<'_>, tx: &Transaction) -> u32 {
    at::mined(play.harness(), tx)
}

fn refused(play: &mut BankersPlay<'_>, tx: &Transaction) -> String {
    at::refused(play.harness(), tx)
}

fn empty_blocks(play: &mut BankersPlay<'_>, count: u32) {
    at::empty_blocks(play.harness(), count);
}

fn force_close_of(play: &mut BankersPlay<'_>, bank: usize) -> Transaction {
    play.bank(bank).unwrap().0.force_close().unwrap()
}

fn timeout_refund_of(play: &mut BankersPlay<'_>, bank: usize) -> Transaction {
    let mut rng = rand::thread_rng();
    play.bank(bank).unwrap().0.timeout_refund(&mut rng).unwrap()
}

fn claim_of(play: &mut BankersPlay<'_>, bank: usize) -> Transaction {
    let (_, provider, harness) = play.bank(bank).unwrap();
    let best = provider.enforceable();
    provider.claim(best, harness.rng()).unwrap()
}

fn delays(play: &mut BankersPlay<'_>, bank: usize) -> (u32, u32) {
    let record = play.bank(bank).unwrap().0.bank().terms().record();
    (record.refund_height, record.claim_blocks.into())
}

/// What everybody has gained since before the fundings, fees not counted.
fn gains(play: &mut BankersPlay<'_>) -> Vec<i64> {
    play.harness().sync().unwrap();
    let outcome = play.outcome("test");
    let sat = |v: u64| i64::try_from(v).unwrap();
    let balances = outcome.balances.iter();
    balances
        .map(|b| sat(b.after_sat) + sat(b.fees_sat) - sat(b.before_sat))
        .collect()
}

/// Every scenario ends with balances exact to the satoshi, and with what the page says that each gains and loses. A
/// payment of 700 pennies is 1,400 sat; each banker keeps 12.
fn exact(chain: &mut dyn Chain, scenarios: &[Scenario<BankersOptions>]) {
    let expected = |scenario: &str| -> &[i64] {
        match scenario {
            "banker" => &[-3 * 1_412, 3 * 12, 3 * 1_400],
            "bankers" => &[-2 * 1_424, 2 * 12, 2 * 12, 2 * 1_400],
            // The payer paid, the payee was paid, the banker earned its fee, whoever cheated.
            "banker-vanishes" | "banker-late-secret" | "banker-force-closed" => {
                &[-1_412, 12, 1_400]
            }
            "banker-griefed" => &[-2 * 1_412, 2 * 12, 2 * 1_400],
            // Who is not there to collect loses the payment that it had promised.
            "bankers-vanish" => &[0, 0, -1_400, 1_400],
            "bankers-cut" => &[0, 0, 0, 0],
            other => panic!("{other} is not in the table"),
        }
    };
    for scenario in scenarios {
        let outcome = play_on(
            chain,
            scenario.name,
            &BankersOptions::from(options()),
            &mut (),
        )
        .unwrap();
        for balance in &outcome.balances {
            assert!(balance.is_exact(), "{}: {balance:?}", scenario.name);
        }
        let settled = outcome.balances.iter().map(|b| b.settlement_sat);
        assert_eq!(
            settled.collect::<Vec<_>>(),
            expected(scenario.name),
            "{}",
            scenario.name
        );
    }
}

/// So that each of the three plays on a chain of its own.
fn split() -> [&'static [Scenario<BankersOptions>]; 3] {
    const SCENARIOS: &[Scenario<BankersOptions>] = BankersOptions::SCENARIOS;
    let (honest, attacks) = SCENARIOS.split_at(2);
    let (one, two) = attacks.split_at(4);
    assert!(one.iter().all(|scenario| scenario.needs == 1) && two.len() == 2);
    [honest, one, two]
}

fn scenarios_without_cheats_are_exact(chain: &mut dyn Chain) {
    exact(chain, split()[0]);
}

fn attacks_on_one_banker_are_exact(chain: &mut dyn Chain) {
    exact(chain, split()[1]);
}

fn attacks_between_bankers_are_exact(chain: &mut dyn Chain) {
    exact(chain, split()[2]);
}

/// Two and three promises in one claim: consensus takes it, and the banker learns each secret by itself.
fn one_claim_shows_the_secrets_of_several_payments(chain: &mut dyn Chain) {
    for count in [2, 3] {
        let mut play = funded(chain, 1);
        for _ in 0..count {
            released(&mut play);
        }
        play.force_close(1, 2, "test").unwrap();
        play.claim(1, "test").unwrap();
        let (tx, depth) = play.ending(1).unwrap().unwrap();
        let bank = play.id(1).unwrap();
        let found = play.banker(0).unwrap().spent(&bank, &tx, depth);
        assert_eq!(found.unwrap().len(), count);
        play.force_close(0, 1, "test").unwrap();
        play.claim(0, "test").unwrap();
        let count = i64::try_from(count).unwrap();
        assert_eq!(
            gains(&mut play),
            [-1_412 * count, 12 * count, 1_400 * count]
        );
    }
}

/// The payer force-closes, the banker's force close confirms three blocks later, the payee claims in its last block, and the
/// banker's claim has two blocks left; it confirms in the last one.
fn the_tightest_delays_suffice(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1);
    released(&mut play);
    let ((t_in, d_in), (t_out, d_out)) = (delays(&mut play, 0), delays(&mut play, 1));
    assert_eq!((d_in, t_in), (d_out + 6, t_out + d_out + 6), "just legal");
    let force_close = force_close_of(&mut play, 0);
    let force_closed_in = mined(&mut play, &force_close);
    let due = play.duties(0).unwrap();
    assert_eq!(due, [(1, BankerDuty::ForceClose)]);
    empty_blocks(&mut play, 2);
    let force_close = force_close_of(&mut play, 1);
    let force_closed_out = mined(&mut play, &force_close);
    assert_eq!(force_closed_out, force_closed_in + 3);
    let (claim, timeout_refund) = (claim_of(&mut play, 1), timeout_refund_of(&mut play, 1));
    play.harness()
        .wait_for(force_closed_out + d_out - 1)
        .unwrap();
    assert!(is_too_early(&refused(&mut play, &timeout_refund)));
    let at = mined(&mut play, &claim);
    assert_eq!(at, force_closed_in + d_in - 4);
    let bank = play.id(1).unwrap();
    play.banker(0).unwrap().spent(&bank, &claim, 1).unwrap();
    let due = play.duties(0).unwrap();
    assert_eq!(due, [(0, BankerDuty::Claim { commitment: 706 })]);
    empty_blocks(&mut play, 2);
    let (claim, timeout_refund) = (claim_of(&mut play, 0), timeout_refund_of(&mut play, 0));
    assert!(is_too_early(&refused(&mut play, &timeout_refund)));
    let at = mined(&mut play, &claim);
    assert_eq!(at, force_closed_in + d_in - 1);
    assert_eq!(gains(&mut play), [-1_412, 12, 1_400]);
}

/// The payee claims when the timeout refund is ripe already, and wins: the banker still collects.
fn a_claim_that_races_the_timeout_refund(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1);
    released(&mut play);
    let (_, d) = delays(&mut play, 1);
    play.force_close(0, 0, "test").unwrap();
    play.tend(0).unwrap();
    let Coin::ForceClosed { height } = play.coin(1).unwrap() else {
        panic!("not force-closed")
    };
    play.harness().wait_for(height + d).unwrap();
    let due = play.duties(0).unwrap();
    assert_eq!(due, [(1, BankerDuty::TimeoutRefund)]);
    let claim = claim_of(&mut play, 1);
    mined(&mut play, &claim);
    play.tend(0).unwrap();
    assert_eq!(gains(&mut play), [-1_412, 12, 1_400]);
}

/// The payee was paid and the banker too, by a secret; the payer gives no pennies and waits for T.
fn a_payer_that_takes_back_at_t(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1);
    let release = released(&mut play);
    // The payee is given pennies; what the payer was asked for does not come.
    play.show(0, &release).unwrap();
    play.close(1).unwrap();
    let refund = {
        let (payer, _, harness) = play.bank(0).unwrap();
        payer.refund(harness.rng()).unwrap()
    };
    let (t, d) = delays(&mut play, 0);
    play.harness().wait_for(t - d).unwrap();
    let due = play.duties(0).unwrap();
    assert_eq!(due, [(0, BankerDuty::ForceClose)]);
    play.tend(0).unwrap();
    play.tend(0).unwrap();
    play.harness().wait_for(t + 1).unwrap();
    assert!(is_spent(&refused(&mut play, &refund)));
    assert_eq!(gains(&mut play), [-1_412, 12, 1_400]);
}

/// Nothing is accepted offline: a banker whose bank is not funded, is spent, or ends soon gives nothing worth a secret,
/// and a banker takes no order for a customer's bank of that kind.
fn a_banker_without_a_coin(chain: &mut dyn Chain) {
    let coin = |error: ScenarioError| match error.refusal() {
        Some(BankerError::Coin { error, .. }) => error.clone(),
        _ => panic!("{error}"),
    };
    let pass = |play: &mut BankersPlay<'_>| {
        let route = play.begin(700).unwrap();
        coin(play.pass_all(&route).unwrap_err())
    };
    // The banker promises what it does not have: the payee looks, and gives no receipt.
    let bluff = |play: &mut BankersPlay<'_>| {
        let route = play.begin(700).unwrap();
        let promise = route.notice().unwrap();
        let (payer, _, harness) = play.bank(1).unwrap();
        let (point, count) = (promise.point, promise.units);
        let promise = narthex::channel::bank::PennyPtlc { point, count };
        payer.offer(promise).unwrap();
        let frame = payer.claims(harness.rng()).unwrap();
        play.take(1, &frame).unwrap();
        coin(play.receipt(&route).unwrap_err())
    };
    let mut play = prepared(chain, 1);
    assert_eq!(pass(&mut play), CoinError::Absent, "the customer's");
    play.fund_bank(0).unwrap();
    play.harness().mine(1).unwrap();
    assert_eq!(bluff(&mut play), CoinError::Absent);
    play.fund_bank(1).unwrap();
    let shallow = CoinError::Shallow {
        found: 1,
        wanted: 2,
    };
    assert_eq!(bluff(&mut play), shallow);
    drop(play);
    let mut play = funded(chain, 1);
    play.force_close(1, 1, "test").unwrap();
    assert_eq!(pass(&mut play), CoinError::Absent, "force-closed");
    assert_eq!(bluff(&mut play), CoinError::Absent, "force-closed");
    drop(play);
    let mut play = funded(chain, 1);
    let (t, d) = delays(&mut play, 1);
    play.harness().wait_for(t - d).unwrap();
    assert!(matches!(pass(&mut play), CoinError::Late { .. }));
    assert!(matches!(bluff(&mut play), CoinError::Late { .. }));
    play.harness().mine(d + 1).unwrap();
    play.refund(1).unwrap();
    play.close(0).unwrap_err();
    assert_eq!(gains(&mut play)[2], 0, "nothing was served");
}

/// The payee publishes the claim of a frame that later ones took the place of: it gets less, the banker no less.
fn an_old_frame_pays_no_more(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1);
    released(&mut play);
    let old = claim_of(&mut play, 1);
    released(&mut play);
    let new = claim_of(&mut play, 1);
    play.force_close(1, 2, "test").unwrap();
    mined(&mut play, &old);
    assert!(is_spent(&refused(&mut play, &new)));
    play.tend(0).unwrap();
    // The banker knows one secret. For the other payment nothing can be had of it any more, nor is owed.
    play.harness().mine(2).unwrap();
    play.tend(0).unwrap();
    play.force_close(0, 1, "test").unwrap();
    play.tend(0).unwrap();
    play.harness().mine(2).unwrap();
    play.tend(0).unwrap();
    assert!(play.banker(0).unwrap().forwards().is_empty());
    assert_eq!(gains(&mut play), [-1_412, 12, 1_400]);
}

/// The claim's block is lost, and it comes once more; the secret was good all the time.
fn a_reorganised_claim_shows_its_secret_all_the_same(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1);
    released(&mut play);
    play.force_close(1, 2, "test").unwrap();
    let claim = claim_of(&mut play, 1);
    mined(&mut play, &claim);
    let bank = play.id(1).unwrap();
    let found = play.banker(0).unwrap().spent(&bank, &claim, 1);
    assert_eq!(found.unwrap().len(), 1);
    play.chain().disconnect(1).unwrap();
    assert!(matches!(play.coin(1).unwrap(), Coin::ForceClosed { .. }));
    // Not deep enough to forget the payment; the secret is the banker's.
    assert_eq!(play.banker(0).unwrap().forwards().len(), 1);
    empty_blocks(&mut play, 1);
    mined(&mut play, &claim);
    play.force_close(0, 1, "test").unwrap();
    play.claim(0, "test").unwrap();
    assert_eq!(gains(&mut play), [-1_412, 12, 1_400]);
}

/// Nobody publishes a claim by a promise without its secret, nor with a signature moved to another place.
fn a_promise_needs_its_secret(chain: &mut dyn Chain) {
    let mut play = funded(chain, 1);
    released(&mut play);
    released(&mut play);
    let route = play.begin(700).unwrap();
    play.pass_all(&route).unwrap();
    let best = play.payee().enforceable();
    assert_eq!(best, 1_400, "two of three secrets are known");
    let mut rng = rand::thread_rng();
    let unknown = play.payee().claim(2_100, &mut rng);
    assert!(matches!(unknown, Err(BankError::AdaptorCommitment { .. })));
    play.force_close(1, 2, "test").unwrap();
    let good = claim_of(&mut play, 1);
    let stack: Vec<Vec<u8>> = good.input[0].witness.iter().map(<[u8]>::to_vec).collect();
    assert_eq!(stack.len(), 5);
    for (i, j) in [(0, 1), (1, 2)] {
        let mut swapped = stack.clone();
        swapped.swap(i, j);
        let mut empty = stack.clone();
        empty[j].clear();
        for stack in [swapped, empty] {
            let mut bad = good.clone();
            bad.input[0].witness = stack[..].into();
            assert!(is_bad_script(&refused(&mut play, &bad)));
        }
    }
    mined(&mut play, &good);
}
