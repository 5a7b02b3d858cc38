//! Sealed deliveries: every scenario on both chains, and the command.

use crate::common;
use crate::deliver_support;

use common::cli;
use deliver_support::{AMOUNT, options, prepared};
use narthex::{
    contracts::deliver::Reading,
    deliver::{DeliveryOptions, DeliveryPlay},
    harness::{ChainKind, Playable as _, play},
    regtest::Chain,
};

on_both_chains!(every_scenario_is_exact);

/// Every scenario ends with balances exact to the satoshi, with the transactions and the delivery that it says.
fn every_scenario_is_exact(chain: &mut dyn Chain) {
    let expected = |scenario: &str| -> (&[&str], usize, bool) {
        match scenario {
            "delivered" | "away" | "crash" | "replaced" => (&["Delivery", "Claim 1"], 1, true),
            "silent" | "race" | "bad-leaf" => (&["Delivery", "Claim 2"], 2, true),
            "refund" | "late" => (&["Delivery", "Refund"], 0, false),
            "no-message" => (&["Delivery", "Claim 1"], 1, false),
            other => panic!("{other} is not in the table"),
        }
    };
    let kind = match chain.name() {
        "bitcoind" => ChainKind::Bitcoind,
        _ => ChainKind::Embedded,
    };
    for scenario in DeliveryOptions::SCENARIOS {
        // Wallets read a chain from its first block: short ones for each scenario.
        let outcome = play(kind, scenario.name, &options(), &mut ()).unwrap();
        let (names, payee, delivered) = expected(scenario.name);
        for (participant, balance) in outcome.balances.iter().enumerate() {
            assert!(balance.is_exact(), "{}: {balance:?}", scenario.name);
            let settled = match participant {
                0 if payee > 0 => -AMOUNT,
                participant if participant == payee && payee > 0 => AMOUNT,
                _ => 0,
            };
            assert_eq!(balance.settlement_sat, settled, "{}", scenario.name);
        }
        assert_eq!(outcome.transactions, names, "{}", scenario.name);
        assert_eq!(outcome.figures["delivered"], delivered, "{}", scenario.name);
    }
}

/// Agents that serve alone leave a delivery to the one that was accepted first.
#[test]
fn agents_that_serve_alone_do_not_race() {
    let mut options = options();
    options.alone = true;
    for scenario in ["silent", "race"] {
        let outcome = play(ChainKind::Embedded, scenario, &options, &mut ()).unwrap();
        assert!(outcome.balances.iter().all(|b| b.is_exact()));
        assert_eq!(outcome.balances[1].settlement_sat, AMOUNT);
        assert_eq!(outcome.transactions, ["Delivery", "Claim 1"]);
        assert_eq!(outcome.figures["delivered"], true);
    }
}

#[test]
fn fifteen_agents_and_the_last_is_paid() {
    let mut chain = narthex::regtest::Embedded::new();
    let mut options = options();
    options.agents = 15;
    let mut silent = ();
    let mut play = DeliveryPlay::prepare(&mut chain, &options, &mut silent).unwrap();
    play.fund().unwrap();
    play.bury().unwrap();
    play.scan().unwrap();
    play.ask(14).unwrap();
    play.hand_over(14).unwrap();
    play.claim(14, "the last").unwrap();
    assert!(matches!(play.read().unwrap(), Reading::Message(_)));
    let outcome = play.outcome("test");
    assert!(outcome.balances.iter().all(|b| b.is_exact()));
    assert_eq!(outcome.balances[15].settlement_sat, AMOUNT);
    // A copy and a consent each; a request, what is served, an acceptance.
    assert_eq!(outcome.figures["messages_sent"], 15 * 2 + 3);
}

fn command(args: &[&str]) -> (bool, String, String) {
    cli::command("deliver", args)
}

/// The real command: a real file comes through, every line of `--json` is an object, and what is refused says why.
#[test]
fn the_command() {
    let texts = concat!(env!("CARGO_MANIFEST_DIR"), "/data/texts/rust-book-ch15.txt");
    cli::prints_objects(
        "deliver",
        &[
            ("play --list --json", DeliveryOptions::SCENARIOS.len()),
            ("play --scenario refund --agents 1 --json", 5),
            ("show --agents 4 --json", 6),
        ],
    );
    let (fine, out, err) = command(&["play", "--file", texts, "--agents", "2", "--json"]);
    assert!(fine, "{err}");
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let length = std::fs::metadata(texts).unwrap().len();
    assert_eq!(last["delivered"], true);
    assert_eq!(last["message_bytes"], length);
    assert_eq!(last["copy_bytes"], length + 32);
    cli::refuses(
        "deliver",
        &[
            ("play --scenario none", "no such scenario"),
            ("play --scenario race --agents 1", "this scenario needs 2"),
            ("play --agents 0", "this scenario needs 1"),
            ("play --agents 16", "terms: agents"),
            ("play --agents 255", "terms: agents"),
            ("play --amount 300", "terms: amount_sat"),
            ("play --claim-blocks 5", "terms: claim_blocks"),
            ("play --amount 18446744073709551615", "more than there is"),
            ("play --file /none", "cannot read /none"),
            ("play --refund-blocks 10", "scenarios take 24"),
            ("show --fee 20000", "leaves nothing"),
            ("play --seed 12", "64 hex digits are wanted"),
        ],
    );
}

/// `narthex deliver scan` finds a funding among others, by key and raw transactions alone.
#[test]
fn the_scan_command() {
    let mut chain = narthex::regtest::Embedded::new();
    let mut play = prepared(&mut chain);
    play.fund().unwrap();
    let (outpoint, _) = play.delivery().coin().unwrap();
    let height = play.chain().height().unwrap();
    let block = play.chain().block(height).unwrap();
    let lines = block
        .txdata
        .iter()
        .map(bitcoin::consensus::encode::serialize_hex);
    let lines = lines.collect::<Vec<_>>().join("\n");
    let dir = tempfile::tempdir().unwrap();
    let (key, txs) = (dir.path().join("key"), dir.path().join("txs"));
    std::fs::write(&key, play.recipient_key().display_secret().to_string()).unwrap();
    std::fs::write(&txs, &lines).unwrap();
    let scan = |key: &std::path::Path, txs: &std::path::Path| {
        command(&[
            "scan",
            "--json",
            "--key",
            key.to_str().unwrap(),
            txs.to_str().unwrap(),
        ])
    };
    let (fine, out, err) = scan(&key, &txs);
    assert!(fine, "{err}");
    let found: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(found["txid"], outpoint.txid.to_string());
    assert_eq!(found["amount_sat"], AMOUNT);
    assert_eq!(out.lines().last().unwrap(), r#"{"candidates":1,"found":1}"#);
    std::fs::write(&key, "07".repeat(32)).unwrap();
    assert_eq!(scan(&key, &txs).1.trim(), r#"{"candidates":1,"found":0}"#);
    std::fs::write(&txs, "6e6f6e65").unwrap();
    assert!(scan(&key, &txs).2.contains("no raw transaction"));
    std::fs::write(&key, "00".repeat(32)).unwrap();
    assert!(scan(&key, &txs).2.contains("no secret key"));
}
