//! Gated slices on both chains: every scenario, every transaction early, late, replaced and reorganised.

use crate::common;

use bitcoin::{Amount, Transaction};
use common::{at, cli, is_bad_script, is_spent, is_too_early, miner};
use narthex::{
    contracts::{
        depth::{Depth, Shallow},
        slice::{ClientDuty, Coin, Opened, ProviderDuty, SliceError},
        terms::FeeRate,
    },
    harness::{ChainKind, Outcome, Playable as _, play},
    regtest::Chain,
    slice::{SliceOptions, SlicePlay},
};

on_both_chains!(
    the_refund_early_and_late,
    a_claim_needs_its_secret,
    a_late_claim_races_the_refund,
    lost_blocks,
    children_are_replaced,
    a_client_that_vanishes_costs_one_slice_at_most,
    a_slice_opens_nothing_of_another,
    a_short_reorganisation_takes_no_secret,
);

/// The price of each provider.
const PRICE: i64 = 20_000;

fn options() -> SliceOptions {
    let mut options = SliceOptions::default();
    options.common = common::seeded("slice");
    options
}

/// A funded slice of three in which everybody has posted, released and read: ready to claim.
fn ready(chain: &mut dyn Chain) -> SlicePlay<'_> {
    let silent: &'static mut () = Box::leak(Box::new(()));
    let mut play = SlicePlay::prepare(chain, &options(), silent).unwrap();
    play.fund().unwrap();
    share(&mut play);
    play
}

/// Work, releases, and the client hands out.
fn share(play: &mut SlicePlay<'_>) {
    for i in 0..3 {
        play.work(i, |_| {}).unwrap();
    }
    play.bury().unwrap();
    for i in 0..3 {
        assert!(play.release(i).unwrap());
    }
    play.hand_out().unwrap();
}

fn mined(play: &mut SlicePlay<'_>, tx: &Transaction) -> u32 {
    at::mined(play.harness(), tx)
}

fn refused(play: &mut SlicePlay<'_>, tx: &Transaction) -> String {
    at::refused(play.harness(), tx)
}

fn empty_blocks(play: &mut SlicePlay<'_>, count: u32) {
    at::empty_blocks(play.harness(), count);
}

fn claim_of(play: &mut SlicePlay<'_>, index: u8) -> Transaction {
    play.claim_tx(index).unwrap()
}

fn refund_of(play: &mut SlicePlay<'_>, index: u8) -> Transaction {
    play.refund_tx(index).unwrap()
}

fn funded_at(play: &mut SlicePlay<'_>) -> u32 {
    match play.coin(0).unwrap() {
        Coin::Locked { height } => height,
        other => panic!("{other:?}"),
    }
}

fn d(play: &SlicePlay<'_>) -> u32 {
    play.terms().record().refund_blocks.into()
}

/// What each has gained since before, fees that it paid not counted: client, providers.
fn gains(play: &mut SlicePlay<'_>) -> Vec<i64> {
    play.harness().sync().unwrap();
    let outcome = play.outcome("test");
    let sat = |v: u64| i64::try_from(v).unwrap();
    let gain = outcome
        .balances
        .iter()
        .map(|b| sat(b.after_sat) + sat(b.fees_sat) - sat(b.before_sat));
    gain.collect()
}

/// Every scenario, each on a chain of its own, whose coins are young.
mod every_scenario_is_exact {
    use narthex::harness::ChainKind;

    #[test]
    fn embedded() {
        super::every_scenario_is_exact(ChainKind::Embedded);
    }

    #[test]
    fn bitcoind() {
        super::every_scenario_is_exact(ChainKind::Bitcoind);
    }
}

/// Every scenario ends with balances exact to the satoshi, and pays whom it says.
fn every_scenario_is_exact(kind: ChainKind) {
    // Who is paid by how many slices, and who is convicted.
    let expected = |scenario: &str| -> ([i64; 3], usize) {
        match scenario {
            "paid" | "crash" | "withheld" => ([1, 1, 1], 0),
            "stream" => ([2, 2, 2], 0),
            "silent" | "flipped" | "copier" | "too-few" | "staller" => ([1, 1, 0], 0),
            "bought" | "late" => ([0, 1, 1], 0),
            "false-share" | "false-seal" => ([1, 1, 1], 1),
            other => panic!("{other} is not in the table"),
        }
    };
    for scenario in SliceOptions::SCENARIOS {
        let outcome = play(kind, scenario.name, &options(), &mut ()).unwrap();
        let Outcome {
            balances, figures, ..
        } = &outcome;
        let (slices, convicted) = expected(scenario.name);
        for balance in balances {
            assert!(balance.is_exact(), "{}: {balance:?}", scenario.name);
        }
        let settled = balances.iter().map(|b| b.settlement_sat);
        let all: i64 = slices.iter().sum();
        let wanted = std::iter::once(-all).chain(slices).map(|s| s * PRICE);
        assert!(settled.eq(wanted), "{}: {balances:?}", scenario.name);
        let found = figures["convicted"].as_array().unwrap().len();
        assert_eq!(found, convicted, "{}", scenario.name);
        // Each price went one way, once.
        let count = |figure: &str| figures[figure].as_i64().unwrap();
        let prices = 3 * count("slices");
        assert_eq!(
            count("claims") + count("refunds"),
            prices,
            "{}",
            scenario.name
        );
    }
}

fn the_refund_early_and_late(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    let (funded, d) = (funded_at(&mut play), d(&play));
    let refunds = [0, 1, 2].map(|i| refund_of(&mut play, i));
    play.harness().wait_for(funded + d - 1).unwrap();
    let coin = Coin::Locked { height: funded };
    assert_eq!(
        play.client().unwrap().duty(funded + d - 2, coin),
        ClientDuty::None
    );
    for refund in &refunds {
        assert!(is_too_early(&refused(&mut play, refund)), "one block early");
    }
    // Nor does the client's key alone spend it in another way.
    let mut hasty = refunds[0].clone();
    hasty.input[0].sequence = bitcoin::Sequence::ENABLE_RBF_NO_LOCKTIME;
    assert!(is_bad_script(&refused(&mut play, &hasty)));
    empty_blocks(&mut play, 1);
    assert_eq!(
        play.client().unwrap().duty(funded + d - 1, coin),
        ClientDuty::Refund
    );
    let late = claim_of(&mut play, 0);
    mined(&mut play, &refunds[0]);
    assert!(is_spent(&refused(&mut play, &late)));
    // The others' prices are still theirs: each output goes its own way.
    let claim = claim_of(&mut play, 1);
    mined(&mut play, &claim);
    assert!(is_spent(&refused(&mut play, &refunds[1])));
    empty_blocks(&mut play, 50);
    mined(&mut play, &refunds[2]);
    assert_eq!(gains(&mut play), [-PRICE, 0, PRICE, 0]);
}

/// The signature alone, another's, or on another payout: refused by every node.
fn a_claim_needs_its_secret(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    let good = claim_of(&mut play, 0);
    let other = claim_of(&mut play, 1);
    let signature = good.input[0].witness.nth(0).unwrap().to_vec();
    let mut bent = signature.clone();
    bent[63] ^= 1;
    let others = other.input[0].witness.nth(0).unwrap().to_vec();
    for stack in [bent, others] {
        let mut bad = good.clone();
        bad.input[0].witness = [stack][..].into();
        assert!(is_bad_script(&refused(&mut play, &bad)));
    }
    let mut stolen = good.clone();
    stolen.output[0].script_pubkey = other.output[0].script_pubkey.clone();
    assert!(is_bad_script(&refused(&mut play, &stolen)));
    let height = mined(&mut play, &good);
    assert!(height > 0);
    let opened = play.opened(0, &good).unwrap();
    let work = play.job().run().unwrap();
    assert!(matches!(opened, Opened::Result { work: found, .. } if found == work));
    // The secret of one is of no use to another.
    let unpaid = play.client().unwrap().opened(1);
    assert_eq!(unpaid, Err(SliceError::Missing { from: 1 }));
}

/// Both valid at once: whichever confirms, and the other never.
fn a_late_claim_races_the_refund(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    let (funded, d) = (funded_at(&mut play), d(&play));
    play.harness().wait_for(funded + d).unwrap();
    let coin = Coin::Locked { height: funded };
    let provider = play.provider(0).unwrap();
    assert_eq!(
        provider.duties(funded + d, coin),
        [ProviderDuty::Ask, ProviderDuty::Claim]
    );
    let (claim, refund) = (claim_of(&mut play, 0), refund_of(&mut play, 0));
    let both = [claim.clone(), refund.clone()];
    assert!(play.chain().mine_exactly(&both, &miner()).is_err());
    mined(&mut play, &claim);
    assert!(is_spent(&refused(&mut play, &refund)));
    let (claim, refund) = (claim_of(&mut play, 1), refund_of(&mut play, 1));
    mined(&mut play, &refund);
    assert!(is_spent(&refused(&mut play, &claim)));
    // The client saw the claim that lost in a pool: it has the result without paying, as the late one risked.
    assert!(play.opened(1, &claim).is_ok());
    assert_eq!(gains(&mut play)[..3], [-PRICE - PRICE, PRICE, 0]);
}

/// The blocks of refund, claim and funding are lost: the same bytes confirm again, and d counts anew.
fn lost_blocks(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    let (funded, d) = (funded_at(&mut play), d(&play));
    let (claim, refund) = (claim_of(&mut play, 0), refund_of(&mut play, 1));
    let txid = claim.input[0].previous_output.txid;
    let (funding, _) = play.chain().transaction(txid).unwrap().unwrap();
    mined(&mut play, &claim);
    play.chain().disconnect(1).unwrap();
    assert_eq!(play.coin(0).unwrap(), Coin::Locked { height: funded });
    mined(&mut play, &claim);
    let tip = play.chain().height().unwrap();
    empty_blocks(&mut play, funded + d - 1 - tip);
    mined(&mut play, &refund);
    play.chain().disconnect(1).unwrap();
    assert_eq!(play.coin(1).unwrap(), Coin::Locked { height: funded });
    mined(&mut play, &refund);
    // All of it goes, the funding too, and comes back two blocks later.
    let depth = play.chain().height().unwrap() - funded + 1;
    play.chain().disconnect(depth).unwrap();
    assert_eq!(play.coin(0).unwrap(), Coin::Unfunded);
    let provider = play.provider(0).unwrap();
    assert_eq!(provider.duties(funded, Coin::Unfunded), []);
    empty_blocks(&mut play, 2);
    let again = mined(&mut play, &funding);
    assert_eq!(again, funded + 2);
    mined(&mut play, &claim);
    let tip = play.chain().height().unwrap();
    empty_blocks(&mut play, funded + d - 1 - tip);
    assert!(
        is_too_early(&refused(&mut play, &refund)),
        "ripe before, not now"
    );
    empty_blocks(&mut play, 2);
    mined(&mut play, &refund);
    assert_eq!(play.coin(0).unwrap(), Coin::Spent);
    assert_eq!(play.coin(1).unwrap(), Coin::Spent);
}

/// A child is outbid by a better one of the other party: the transaction below confirms all the same.
fn children_are_replaced(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    let (funded, d) = (funded_at(&mut play), d(&play));
    let claim = claim_of(&mut play, 0);
    outbid(&mut play, &claim, 1, 0);
    play.harness().wait_for(funded + d).unwrap();
    let refund = refund_of(&mut play, 2);
    outbid(&mut play, &refund, 0, 3);
    assert_eq!(play.coin(0).unwrap(), Coin::Spent);
    assert_eq!(play.coin(2).unwrap(), Coin::Spent);
}

fn outbid(play: &mut SlicePlay<'_>, tx: &Transaction, first: usize, second: usize) {
    let (child, _) = play.harness().child(first, tx).unwrap();
    let package = [tx.clone(), child.clone()];
    play.chain().submit_package(&package).unwrap();
    play.harness().set_rate(FeeRate::from_sat_per_kwu(4_000));
    let (rival, _) = play.harness().child(second, tx).unwrap();
    play.harness().set_rate(FeeRate::from_sat_per_kwu(500));
    play.chain().submit(&rival).unwrap();
    let pool = play.chain().mempool().unwrap();
    assert!(pool.contains(&rival.compute_txid()) && !pool.contains(&child.compute_txid()));
    play.harness().mine(1).unwrap();
    let found = play.harness().confirmed_at(tx.compute_txid()).unwrap();
    assert!(found.is_some());
}

/// A stream whose client is killed: before a funding nobody has worked for it; after one the providers are paid without
/// it. (The scenario `stream` ends with the providers gone.)
fn a_client_that_vanishes_costs_one_slice_at_most(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    for i in 0..3 {
        play.claim(i).unwrap();
    }
    play.next_slice().unwrap();
    // Unfunded: no provider begins, whatever is said.
    let tip = play.chain().height().unwrap();
    for i in 0..3 {
        let coin = play.coin(i).unwrap();
        let provider = play.provider(i).unwrap();
        assert_eq!(provider.duties(tip, coin), []);
        assert!(!play.release(i).unwrap());
    }
    play.fund().unwrap();
    assert_eq!(gains(&mut play), [-6 * PRICE, PRICE, PRICE, PRICE]);
    for i in 0..3 {
        play.work(i, |_| {}).unwrap();
    }
    play.bury().unwrap();
    for i in 0..3 {
        assert!(play.release(i).unwrap());
    }
    // The client is gone; the providers exchange their bundles.
    play.exchange().unwrap();
    let claims = [0, 1, 2].map(|i| claim_of(&mut play, i));
    for claim in &claims {
        mined(&mut play, claim);
    }
    assert_eq!(
        gains(&mut play),
        [-6 * PRICE, 2 * PRICE, 2 * PRICE, 2 * PRICE]
    );
    // It comes back, and opens what it paid for from the chain.
    play.restart().unwrap();
    assert!(matches!(
        play.opened(2, &claims[2]).unwrap(),
        Opened::Result { .. }
    ));
}

fn a_slice_opens_nothing_of_another(chain: &mut dyn Chain) {
    let mut play = ready(chain);
    let post = play.client().unwrap().posts().next().unwrap().clone();
    let bundle = play.provider(0).unwrap().bundle().unwrap().clone();
    let claim = claim_of(&mut play, 0);
    play.settle().unwrap();
    play.next_slice().unwrap();
    play.fund().unwrap();
    assert!(play.send_post(&post).is_err());
    assert!(play.send_bundle(&bundle).is_err());
    assert!(play.opened(0, &claim).is_err());
    // Confirmed once, and not again.
    refused(&mut play, &claim);
    share(&mut play);
    assert_eq!(play.settle().unwrap(), [0, 1, 2]);
    let price = Amount::from_sat(PRICE.unsigned_abs());
    assert_eq!(play.terms().record().price_sat, price);
    assert_eq!(
        gains(&mut play),
        [-6 * PRICE, 2 * PRICE, 2 * PRICE, 2 * PRICE]
    );
}

/// At two blocks of three nothing is released; at three it is, and then two lost blocks leave the coin where it was.
fn a_short_reorganisation_takes_no_secret(chain: &mut dyn Chain) {
    let silent: &'static mut () = Box::leak(Box::new(()));
    let mut play = SlicePlay::prepare(chain, &options(), silent).unwrap();
    play.fund().unwrap();
    let funded = funded_at(&mut play);
    for i in 0..3 {
        play.work(i, |_| {}).unwrap();
    }
    empty_blocks(&mut play, 1);
    let status = (funded + 1, Coin::Locked { height: funded });
    let early = play.provider(0).unwrap().may_release(status);
    let shallow = SliceError::Shallow {
        of: 0,
        error: Shallow {
            height: funded,
            tip: funded + 1,
            depth: Depth::new(3).unwrap(),
        },
    };
    assert_eq!(early, Err(shallow));
    assert!(!play.release(0).unwrap());
    assert!(play.provider(0).unwrap().bundle().is_none());
    empty_blocks(&mut play, 1);
    assert!(play.release(0).unwrap());
    play.chain().disconnect(2).unwrap();
    assert_eq!(play.coin(0).unwrap(), Coin::Locked { height: funded });
    // Again one block deep: the others wait once more.
    assert!(!play.release(1).unwrap());
    empty_blocks(&mut play, 2);
    for i in [1, 2] {
        assert!(play.release(i).unwrap());
    }
    play.hand_out().unwrap();
    assert_eq!(play.settle().unwrap(), [0, 1, 2]);
}

/// Other sizes, on the embedded chain: with m = n the smallest cheat leaves all unpaid, or the liar alone paid.
#[test]
fn every_scenario_with_other_numbers() {
    for (m, n) in [(2, 2), (3, 3), (3, 5)] {
        for scenario in SliceOptions::SCENARIOS {
            let mut options = options();
            options.providers = n;
            options.quorum = m;
            options.slices = 2;
            let outcome = play(ChainKind::Embedded, scenario.name, &options, &mut ());
            let outcome = outcome.unwrap();
            for balance in &outcome.balances {
                assert!(balance.is_exact(), "{} {m} of {n}", scenario.name);
            }
        }
    }
}

/// The real command: every line of `--json` is an object, and what is refused says why.
#[test]
fn the_command() {
    cli::prints_objects(
        "slice",
        &[
            ("play --list --json", SliceOptions::SCENARIOS.len()),
            // Funding; per provider post, release, a share of the other's, claim, result; the end.
            ("play --scenario paid --providers 2 --json", 1 + 2 * 5 + 1),
            ("show --json", 7),
            ("show --providers 10 --quorum 7 --json", 21),
        ],
    );
    cli::refuses(
        "slice",
        &[
            ("play --scenario none", "no such scenario"),
            ("play --providers 1", "terms: providers"),
            ("play --providers 255", "terms: providers"),
            ("play --quorum 1", "terms: quorum"),
            ("play --quorum 4", "terms: quorum"),
            ("play --price 100", "terms: price_sat"),
            ("play --price 18446744073709551615", "more than there is"),
            ("play --price 100000000000", "cannot pay"),
            ("play --post-blocks 2", "terms: refund_blocks"),
            ("play --refund-blocks 7", "terms: refund_blocks"),
            ("play --scenario stream --slices 1000", "of a text that has"),
            ("play --seed 12", "64 hex digits"),
        ],
    );
}
