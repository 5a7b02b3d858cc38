//! Bounties on both chains: every life, every leaf early, late, replaced and reorganised, and every cheat.

use crate::common;

use bitcoin::{Amount, Transaction, Witness, secp256k1::rand};
use common::{at, cli, is_bad_script, is_spent, is_too_early};
use narthex::{
    bounty::{BountyOptions, BountyPlay, Conduct},
    contracts::{
        bounty::{Coin, RequesterDuty},
        terms::FeeRate,
    },
    game_model::market::LayerSet,
    harness::{Event, PartyBalance, Playable as _, play_on},
    regtest::Chain,
};

on_both_chains!(
    honest_lives_are_exact,
    failing_lives_are_exact,
    cheated_lives_are_exact,
    a_bad_recomputer_is_not_hired_any_more,
    the_refund_early_and_late,
    of_two_settlements_one_confirms,
    a_settlement_cannot_be_changed,
    children_are_replaced,
    funding_and_settlement_reorganised,
);

fn options(recomputers: u8) -> BountyOptions {
    let mut options = BountyOptions::default();
    options.recomputers = recomputers;
    options.common = common::seeded("bounty");
    options
}

const HONEST: [Conduct; 3] = [Conduct::Honest; 3];

/// Three recomputers that all hold the settlement; it is not published.
fn ready(chain: &mut dyn Chain) -> (BountyPlay<'_>, Transaction) {
    let silent: &'static mut () = Box::leak(Box::new(()));
    let mut play = BountyPlay::prepare(chain, &options(3), silent).unwrap();
    play.fund().unwrap();
    play.layers(&HONEST).unwrap();
    play.open(None).unwrap();
    let closing = play.close().unwrap();
    let paid = play.answer(&closing, None).unwrap();
    play.grant(paid, None).unwrap();
    let status = play.status().unwrap();
    let (_, tx) = play.recomputer(0).unwrap().settle(status).unwrap().unwrap();
    (play, tx)
}

fn mined(play: &mut BountyPlay<'_>, tx: &Transaction) -> u32 {
    at::mined(play.harness(), tx)
}

fn refused(play: &mut BountyPlay<'_>, tx: &Transaction) -> String {
    at::refused(play.harness(), tx)
}

fn empty_blocks(play: &mut BountyPlay<'_>, count: u32) {
    at::empty_blocks(play.harness(), count);
}

/// What all have gained since before the funding, fees that they paid not counted: requester, recomputers.
fn gains(play: &mut BountyPlay<'_>) -> Vec<i64> {
    play.harness().sync().unwrap();
    let sat = |v: u64| i64::try_from(v).unwrap();
    let outcome = play.outcome("test");
    let gain = |b: &PartyBalance| sat(b.after_sat) + sat(b.fees_sat) - sat(b.before_sat);
    outcome.balances.iter().map(gain).collect()
}

fn refund_of(play: &mut BountyPlay<'_>) -> Transaction {
    play.requester()
        .unwrap()
        .refund(&mut rand::thread_rng())
        .unwrap()
}

/// A chain pays less and less for blocks, so the scenarios share it by a few.
fn honest_lives_are_exact(chain: &mut dyn Chain) {
    lives(chain, &["agree", "nobody", "absent"]);
}

fn failing_lives_are_exact(chain: &mut dyn Chain) {
    lives(chain, &["wrong", "unanswered", "unopened"]);
}

fn cheated_lives_are_exact(chain: &mut dyn Chain) {
    lives(chain, &["withheld", "undelivered", "stripped", "silent"]);
}

/// Every scenario is played.
#[test]
fn no_scenario_is_forgotten() {
    let names: Vec<&str> = BountyOptions::SCENARIOS
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    let source = include_str!("bounty.rs");
    for name in names {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// These scenarios end with balances exact to the satoshi, and with the transactions that they say.
fn lives(chain: &mut dyn Chain, scenarios: &[&str]) {
    for scenario in scenarios {
        let outcome = play_on(chain, scenario, &options(3), &mut ()).unwrap();
        let (end, earned): (&str, [i64; 4]) = match *scenario {
            "agree" => ("Settle", [-63_000, 20_000, 21_000, 22_000]),
            "wrong" | "unopened" | "withheld" | "undelivered" => {
                ("Settle", [-41_000, 20_000, 21_000, 0])
            }
            "absent" => ("Settle", [-43_000, 0, 21_000, 22_000]),
            "nobody" => ("Cancel", [0; 4]),
            "unanswered" | "stripped" | "silent" => ("Refund", [0; 4]),
            other => panic!("{other} is not in the table"),
        };
        assert_eq!(outcome.transactions, ["Bounty", end], "{scenario}");
        for (balance, earned) in outcome.balances.iter().zip(earned) {
            assert!(balance.is_exact(), "{scenario}: {balance:?}");
            assert_eq!(balance.settlement_sat, earned, "{scenario}");
        }
        // The requester has the result exactly when it paid.
        assert_eq!(
            outcome.figures["words"].is_null(),
            end != "Settle",
            "{scenario}"
        );
    }
}

/// Four bounties on one chain: the cheapest recomputer turns bad in the second, is not paid for it, costs more to rely on, and is
/// not hired in the third and fourth.
fn a_bad_recomputer_is_not_hired_any_more(chain: &mut dyn Chain) {
    let mut events: Vec<Event> = Vec::new();
    let outcome = play_on(chain, "hiring", &options(4), &mut events).unwrap();
    assert!(outcome.balances.iter().all(|balance| balance.is_exact()));
    assert_eq!(outcome.transactions, ["Bounty", "Settle"].repeat(4));
    let hires = events.iter().filter_map(|event| match event {
        Event::Step(step) if step.what.starts_with("hires") => Some(step.what.clone()),
        _ => None,
    });
    let hires: Vec<String> = hires.collect();
    let with_bad = hires.iter().map(|hire| {
        let (hired, _) = hire.split_once(';').unwrap();
        hired.contains("recomputer 1")
    });
    assert_eq!(
        with_bad.collect::<Vec<_>>(),
        [true, true, false, false],
        "{hires:?}"
    );
    let reliable = hires.iter().map(|hire| {
        let (_, of) = hire.split_once("counts as ").unwrap();
        of.split('%').next().unwrap().parse::<f64>().unwrap()
    });
    let reliable: Vec<f64> = reliable.collect();
    assert!(
        reliable[1] > reliable[0] && reliable[2] < reliable[1] - 5.0,
        "{reliable:?}"
    );
    // Paid once, for the one right result; the others are paid in turn.
    let bad = &outcome.balances[1];
    assert!(
        bad.settlement_sat > 0 && bad.settlement_sat < 25_000,
        "{bad:?}"
    );
}

/// The refund: not at T, above it; a settlement that comes as late is still good while the refund is not confirmed.
fn the_refund_early_and_late(chain: &mut dyn Chain) {
    let (mut play, settlement) = ready(chain);
    let refund = refund_of(&mut play);
    let t = play.terms().record().refund_height;
    play.harness().wait_for(t).unwrap();
    assert!(is_too_early(&refused(&mut play, &refund)), "at T itself");
    empty_blocks(&mut play, 1);
    assert_eq!(
        play.requester()
            .unwrap()
            .duty(t, Coin::Locked { height: 1 }),
        RequesterDuty::Refund
    );
    mined(&mut play, &refund);
    assert_eq!(play.coin().unwrap(), Coin::Spent);
    assert!(is_spent(&refused(&mut play, &settlement)));
    assert_eq!(gains(&mut play), [0, 0, 0, 0]);
    // Its block is lost; the recomputers are quicker this time.
    play.chain().disconnect(1).unwrap();
    assert!(matches!(play.coin().unwrap(), Coin::Locked { .. }));
    mined(&mut play, &settlement);
    assert!(is_spent(&refused(&mut play, &refund)));
    assert_eq!(gains(&mut play), [-63_000, 20_000, 21_000, 22_000]);
}

/// Recomputer 3 withheld its secret, is left out, and comes with all of them after all: two settlements, both exact; one of
/// them confirms, whichever, and the requester reads the result out of either.
fn of_two_settlements_one_confirms(chain: &mut dyn Chain) {
    let silent: &'static mut () = Box::leak(Box::new(()));
    let mut play = BountyPlay::prepare(chain, &options(3), silent).unwrap();
    play.fund().unwrap();
    play.layers(&HONEST).unwrap();
    play.open(None).unwrap();
    let closing = play.close().unwrap();
    let all = play.answer(&closing, None).unwrap();
    let grant = play.grant(all, Some(2)).unwrap();
    let late = LayerSet::new(0b100).unwrap();
    let again = play.close_again(late).unwrap();
    let two = play.answer(&again, None).unwrap();
    play.grant(two, None).unwrap();
    let status = play.status().unwrap();
    let (paid, for_two) = play.recomputer(0).unwrap().settle(status).unwrap().unwrap();
    assert_eq!(paid, two);
    play.take_grant(2, &grant).unwrap();
    let (paid, for_all) = play.recomputer(2).unwrap().settle(status).unwrap().unwrap();
    assert_eq!(paid, all);
    for (first, second, gained) in [
        (&for_two, &for_all, [-41_000, 20_000, 21_000, 0]),
        (&for_all, &for_two, [-63_000, 20_000, 21_000, 22_000]),
    ] {
        mined(&mut play, first);
        assert!(is_spent(&refused(&mut play, second)));
        assert_eq!(gains(&mut play), gained);
        let learned = play.requester().unwrap().learn(first).unwrap();
        assert!(learned.result.is_some() && learned.cheats.is_empty());
        play.chain().disconnect(1).unwrap();
    }
}

/// Other amounts, another set's outputs, a missing or false signature: consensus refuses them.
fn a_settlement_cannot_be_changed(chain: &mut dyn Chain) {
    let (mut play, good) = ready(chain);
    let signature = good.input[0].witness.iter().next().unwrap().to_vec();
    let mut flipped = signature.clone();
    flipped[40] ^= 1;
    let mut greedy = good.clone();
    greedy.output[0].value += Amount::ONE_SAT;
    greedy.output[1].value -= Amount::ONE_SAT;
    let fewer = narthex::contracts::bounty::settlement(play.terms(), LayerSet::new(0b011).unwrap());
    let graph = play.requester().unwrap().holdings().graph().clone();
    let mut other_set = graph.assemble(fewer.unwrap()).unwrap();
    other_set.input[0].witness = good.input[0].witness.clone();
    let witness = |stack: &[u8]| {
        let mut tx = good.clone();
        tx.input[0].witness = Witness::from_slice(&[stack]);
        tx
    };
    for bad in [greedy, other_set, witness(&flipped), witness(&[0; 64])] {
        assert!(is_bad_script(&refused(&mut play, &bad)));
    }
    // The requester's grant itself is no signature.
    let grant = play.requester().unwrap().grant().unwrap();
    assert!(is_bad_script(&refused(
        &mut play,
        &witness(&grant.signature.0)
    )));
    mined(&mut play, &good);
}

/// A member's child is outbid by another's, whoever's: the settlement confirms all the same.
fn children_are_replaced(chain: &mut dyn Chain) {
    let (mut play, tx) = ready(chain);
    let (child, _) = play.harness().child(1, &tx).unwrap();
    play.chain()
        .submit_package(&[tx.clone(), child.clone()])
        .unwrap();
    play.harness().set_rate(FeeRate::from_sat_per_kwu(4_000));
    let (rival, _) = play.harness().child(0, &tx).unwrap();
    play.chain().submit(&rival).unwrap();
    let pool = play.chain().mempool().unwrap();
    assert!(pool.contains(&rival.compute_txid()) && !pool.contains(&child.compute_txid()));
    play.harness().mine(1).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Spent);
    assert!(
        play.requester()
            .unwrap()
            .learn(&tx)
            .unwrap()
            .result
            .is_some()
    );
}

/// The settlement's block and then the funding's are lost: all comes again with the same bytes.
fn funding_and_settlement_reorganised(chain: &mut dyn Chain) {
    let (mut play, tx) = ready(chain);
    let txid = play
        .requester()
        .unwrap()
        .holdings()
        .graph()
        .txid(narthex::contracts::graph::TxGraph::FUNDING);
    let (funding, height) = play.chain().transaction(txid.unwrap()).unwrap().unwrap();
    let settled = mined(&mut play, &tx);
    let depth = settled - height.unwrap() + 1;
    play.chain().disconnect(1).unwrap();
    assert!(matches!(play.coin().unwrap(), Coin::Locked { .. }));
    mined(&mut play, &tx);
    play.chain().disconnect(depth).unwrap();
    assert_eq!(play.coin().unwrap(), Coin::Unfunded);
    assert!(is_spent(&refused(&mut play, &tx)), "without its coin");
    mined(&mut play, &funding);
    assert!(matches!(play.coin().unwrap(), Coin::Locked { .. }));
    mined(&mut play, &tx);
    assert_eq!(gains(&mut play), [-63_000, 20_000, 21_000, 22_000]);
}

/// The real command: every line of `--json` is an object, and what is refused says why in one line.
#[test]
fn the_command() {
    cli::prints_objects(
        "bounty",
        &[
            ("play --list --json", BountyOptions::SCENARIOS.len()),
            ("play --scenario wrong --json", 10),
            (
                "play --scenario agree --recomputers 6 --quorum 6 --json",
                11,
            ),
            ("show --json", 7),
            ("show --recomputers 6 --quorum 1 --json", 66),
            ("price --reliability 90% --json", 1),
        ],
    );
    let said = cli::refuses(
        "bounty",
        &[
            ("play --scenario none", "no such scenario"),
            ("play --recomputers 0", "terms: recomputers"),
            ("play --recomputers 7", "terms: recomputers"),
            ("play --quorum 0", "terms: quorum"),
            ("play --quorum 4", "terms: quorum"),
            ("play --amount 100", "asks less than an output"),
            ("play --amount 18446744073709551615", "more than there is"),
            ("play --amount 10000000000", "cannot pay"),
            ("play --round-blocks 1", "terms: round_blocks"),
            ("play --layer-blocks 4294967295", "terms: refund_height"),
            (
                "play --scenario wrong --quorum 3",
                "more recomputers than the quorum",
            ),
            ("play --scenario hiring", "four recomputers or more"),
            ("price --reliability 101%", "no probability"),
            ("play --seed 12", "64 hex digits"),
        ],
    );
    for err in said {
        // What the arguments' reader refuses ends with where help is.
        let help = "\n\nFor more information, try '--help'.";
        let said = match err.starts_with("error: ") {
            true => err.trim().strip_suffix(help).unwrap(),
            false => err.trim(),
        };
        assert_eq!(said.lines().count(), 1, "{err}");
    }
}

/// The price harness is what a bounty really costs: the same amounts and sizes as on the chain.
#[test]
fn prices_are_those_of_the_chain() {
    let (_, out, _) = cli::words("bounty", "price --json");
    let prices: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(prices["locked_sat"], 63_000);
    let (_, played, _) = cli::words("bounty", "play --scenario agree --json");
    for line in played
        .lines()
        .filter(|line| line.contains("\"event\":\"transaction\""))
    {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let costs = prices["costs"].as_array().unwrap();
        let cost = costs
            .iter()
            .find(|cost| cost["transaction"] == event["name"])
            .unwrap();
        // The wallet rounds the fee of its own transaction up in its own way.
        let fee = |of: &serde_json::Value| of["fee_sat"].as_u64().unwrap();
        let rounding = u64::from(event["name"] == "Bounty");
        assert!(fee(cost).abs_diff(fee(&event)) <= rounding, "{line}");
        assert_eq!(cost["vbytes"], event["vbytes"], "{line}");
    }
    for cost in prices["costs"].as_array().unwrap().iter().skip(1) {
        let sum =
            cost["recomputers_sat"].as_u64().unwrap() + cost["requester_sat"].as_u64().unwrap();
        assert_eq!(sum, 63_000, "{cost}");
    }
}
