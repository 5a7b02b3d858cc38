//! `narthex game`, and the refusal of contracts in which honest play does not pay, from the command line.

use std::process::{Command, Output};

use bitcoin::Amount;
use narthex::{
    contracts::terms::FeeRate,
    game::templates::template_prices,
    game_model::{
        Params, ParamsRecord, Template,
        game::{Economics, Inspection, exact},
    },
};
use serde_json::Value;

fn narthex(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args(args)
        .output()
        .unwrap()
}

fn text(args: &[&str]) -> String {
    let output = narthex(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn error(args: &[&str]) -> String {
    let output = narthex(args);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(
        output.stdout.is_empty() || args.contains(&"play"),
        "{args:?} printed a result"
    );
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_planned_contract_solves_as_promised() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (case, svg) = (path("case.json"), path("frontier.svg"));
    let lines = text(&[
        "game",
        "plan",
        "--samples",
        "50,100,200",
        "--svg",
        &svg,
        "--out",
        &case,
        "--json",
    ]);
    let points = lines
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    let points = points.collect::<Vec<_>>();
    assert_eq!(points.len(), 3);
    assert_eq!(points.iter().filter(|p| p["cheapest"] == true).count(), 1);
    for point in &points {
        let stake = &point["paid_rejections"]["worker_stake_sat"];
        assert_eq!(point["cheapest"] == true, stake.is_u64(), "{point}");
        // What a league costs is what speaks for the audited template, and what it signs against it.
        let prices = point["templates"].as_array();
        assert_eq!(point["cheapest"] == true, prices.is_some(), "{point}");
        if let Some(prices) = prices {
            let [first, second] = &prices[..] else {
                panic!("{point}");
            };
            let names = [&first["template"], &second["template"]];
            assert_eq!(names, ["audited", "hardened"], "{point}");
            assert_eq!(
                [&first["recommended"], &second["recommended"]],
                [true, false]
            );
            let inputs = [first, second].map(|price| price["signed_inputs"].as_u64().unwrap());
            assert_eq!(inputs, [63 + 52, 63]);
            let times = [first, second].map(|price| {
                assert!(price["assumed_microseconds_per_share"].as_u64().unwrap() > 0);
                price["setup_milliseconds"].as_u64().unwrap()
            });
            assert!(times[0] > times[1] && times[1] > 0, "{point}");
            let sizes = [first, second].map(|price| price["happy_path_vbytes"].as_u64().unwrap());
            assert_eq!(sizes[0], sizes[1] + 43);
            let locks = [first, second].map(|price| price["client_locks_sat"].as_u64().unwrap());
            assert!(locks[0] > locks[1], "{point}");
        }
    }
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("sampled steps"));
    // Stake and cost are both drawn, each from zero, and what they are of is named.
    for text in [
        "stake w, sat",
        "total cost, sat",
        "2 of 3",
        "N = 10,000",
        "α = ",
        "reward c = ",
    ] {
        assert!(drawn.contains(text), "{text}");
    }
    assert_eq!(drawn.lines().filter(|line| line.trim() == "0").count(), 2);

    let solved: Value = serde_json::from_str(&text(&["game", "solve", &case, "--json"])).unwrap();
    assert_eq!(solved["honest_play_pays"], true);
    assert_eq!(solved["equilibria"].as_array().unwrap().len(), 1);
    // Both rules of a worker that is rejected off chain, the contract's first.
    let rules = solved["rejected_worker"].as_array().unwrap();
    assert_eq!(rules[0]["time_outs"], "pay_nobody");
    assert_eq!(rules[0]["honest_play_pays"], true);
    assert_eq!(rules[1]["time_outs"], "pay_rejection");
    assert_eq!(rules[0]["idle_pays_sat"], "0");
    assert_ne!(rules[1]["idle_pays_sat"], "0");
    let dominance = &solved["panel"]["dominance"];
    assert_eq!(dominance["fine_sat"], 1_000_000);
    assert!(dominance["least_audit_rate"].is_string(), "{dominance}");
    // The tree of the other rule has a move that the contract's has not.
    let other = text(&["game", "show", &case, "--paid-rejections"]);
    assert!(other.contains("sign a rejection of nothing"));
    assert!(!text(&["game", "show", &case]).contains("sign a rejection of nothing"));
    let efg = text(&["game", "export", &case, "--efg"]);
    let nodes = text(&["game", "show", &case, "--json"]);
    assert_eq!(efg.lines().count(), nodes.lines().count() + 2);
    assert!(text(&["game", "show", &case]).contains("*honest"));
    assert!(text(&["game", "show", &case, "--dot"]).starts_with("digraph"));
}

/// Found out before its approval is on chain, a league admits: no κ makes the client look more often, and stakes that it does not
/// risk deter nobody.
#[test]
fn what_leagues_cost_is_counted_off_chain() {
    let params = Params::new(ParamsRecord::example(3, 2, 800_000)).unwrap();
    let lost = |economics: &Economics| {
        let rate = FeeRate::from_sat_per_kwu(500);
        let (prices, without) = template_prices(&params, economics, rate, 6).unwrap();
        assert!(without.is_none());
        let of = |template| prices.iter().find(|p| p.template == template).unwrap();
        [Template::Audited, Template::Hardened].map(|t| of(t).expected_loss.clone())
    };
    let economics = Economics::example();
    let league = economics.league.unwrap();
    let found = Inspection::new(&params, &economics, &league).found;
    let [audited, hardened] = lost(&economics);
    // ε(c + L) = a/p, where that is less than f(c + L).
    assert_eq!(audited * found, exact(league.audit_cost.to_sat()));
    let outside = Economics {
        outside_gain: Amount::from_sat(1_000_000),
        bad_steps: 1,
        ..economics
    };
    // Such a league always cheats. A client that always looks loses its look, and the nine tenths that it misses.
    assert_eq!(hardened, exact(20_000));
    assert_eq!(lost(&outside), [exact(500 + 18_000), hardened]);
}

/// Whatever a ruling costs its arbiters, the recommended contract's bond pays for it; or there is none, and it is said why.
#[test]
fn a_planned_bond_pays_for_the_ruling() {
    for cost in [1_000, 20_000, 200_000] {
        let cost_arg = cost.to_string();
        let args = [
            "game",
            "plan",
            "--samples",
            "100",
            "--json",
            "--arbiter-cost",
        ];
        let output = narthex(&[&args[..], &[&cost_arg]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        if !output.status.success() {
            assert!(said.contains("there is no such contract"), "{said}");
            continue;
        }
        let point: Value = serde_json::from_slice(&output.stdout).unwrap();
        let prices = point["templates"].as_array().unwrap();
        let audited = prices.iter().find(|price| price["template"] == "audited");
        let Some(audited) = audited else {
            assert!(said.contains("no audited contract: a bond of"), "{said}");
            continue;
        };
        let reward = point["params"]["reward_sat"].as_u64().unwrap();
        let bond = audited["client_locks_sat"].as_u64().unwrap() - reward;
        assert!(bond >= 3 * cost, "{bond} for 3 rulings of {cost}");
    }
}

#[test]
fn the_paper_is_solved_to_its_attacks() {
    let output = narthex(&["game", "solve", "--template", "paper"]);
    // An answer, and not the one that scripts wait for.
    assert_eq!(output.status.code(), Some(3));
    let solved = String::from_utf8(output.stdout).unwrap();
    assert!(
        solved.starts_with("honest play is no equilibrium"),
        "{solved}"
    );
    assert!(solved.contains("approve unseen"));
}

#[test]
fn nobody_signs_a_contract_that_makes_it_pay_to_cheat() {
    let said = error(&["play", "--template", "paper"]);
    assert!(
        said.contains("honest play does not pay") && said.contains("--research"),
        "{said}"
    );

    // The same terms, with a worker that has much to gain outside.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("greedy.json");
    let mut case: Value = serde_json::from_str(&text(&["game", "example"])).unwrap();
    case["economics"]["outside_gain_sat"] = 50_000_000.into();
    std::fs::write(&path, case.to_string()).unwrap();
    let said = error(&["play", "--case", path.to_str().unwrap()]);
    assert!(said.contains("target"), "{said}");
}

#[test]
fn bad_input_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.json");
    let path = path.to_str().unwrap();
    assert!(error(&["game", "solve", path]).contains("cannot read"));
    for (json, part) in [
        ("{", "is no case"),
        ("{\"params\": 1}", "is no case"),
        ("[]", "is no case"),
    ] {
        std::fs::write(path, json).unwrap();
        assert!(error(&["game", "solve", path]).contains(part), "{json}");
    }
    let mut case: Value = serde_json::from_str(&text(&["game", "example"])).unwrap();
    case["params"]["worker_stake_sat"] = 1.into();
    std::fs::write(path, case.to_string()).unwrap();
    assert!(error(&["game", "solve", path]).contains("parameters are refused"));
    let large = ["game", "solve", "--strategic", "--arbiters", "8-of-15"];
    assert!(error(&large).contains("too large"));
    let worthless = ["game", "plan", "--right-value", "10", "--samples", "100"];
    assert!(error(&worthless).contains("no stake"));
    assert!(error(&["game", "plan", "--samples", "0"]).contains("no such contract"));
    std::fs::write(path, vec![b' '; (1 << 20) + 1]).unwrap();
    assert!(error(&["game", "solve", path]).contains("larger"));
}

fn object(args: &[&str]) -> Value {
    serde_json::from_str(&text(args)).unwrap()
}

#[test]
fn the_schedule_names_every_deadline_that_cannot_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    let paced = dir.path().join("paced.json");
    let paced = paced.to_str().unwrap();
    let schedule = |args: &[&str]| {
        let output = narthex(&[&["game", "schedule"], args].concat());
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    // Made for chains that are mined on demand.
    let (status, shown) = schedule(&["--json"]);
    let example: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((status, &example["fits"]), (Some(3), &Value::Bool(false)));
    assert_eq!(
        example["broken"][1]["must_hold"],
        "verdict window / 12 >= m + r + 1"
    );
    assert_eq!(example["broken"][1]["right"], "8 blocks");
    let (status, shown) = schedule(&[]);
    assert_eq!(status, Some(3));
    assert!(shown.contains("does not keep every deadline"), "{shown}");
    std::fs::write(paced, text(&["game", "schedule", "--fit"])).unwrap();
    let (status, shown) = schedule(&[paced, "--delivered", "799990"]);
    assert_eq!(status, Some(0));
    assert!(
        shown.contains("   800022  worker    root on record"),
        "{shown}"
    );
    let fits = object(&[
        "game",
        "schedule",
        paced,
        "--delivered",
        "799990",
        "--accused",
        "800100",
        "--json",
    ]);
    assert_eq!(fits["schedule"]["reply"], 799_990 + 64);
    assert_eq!(fits["panel"]["accused"], 800_100);
    assert_eq!(fits["panel"]["evidence"], 800_100 + 12);
    assert_eq!(fits["panel"]["heard"], 800_100 + 12 + 8);
    let dated = schedule(&[paced, "--tip", "799990", "--funding", "799993", "--json"]);
    assert_eq!(dated.0, Some(3));
    assert!(dated.1.contains("fund_in_time"), "{}", dated.1);
}

#[test]
fn a_case_is_ruled_on_as_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ruled.json");
    let file = file.to_str().unwrap();
    for (example, row, ruling) in [
        ("no-sample", "sample", "verifier_at_fault"),
        ("no-token", "token", "worker_at_fault"),
        ("no-reply", "reply", "verifier_at_fault"),
        ("false-rejection", "open_seal", "verifier_at_fault"),
        ("false-seal", "false_seal", "worker_at_fault"),
        ("no-ground", "else", "verifier_at_fault"),
    ] {
        std::fs::write(file, text(&["game", "rule", "--example", example])).unwrap();
        let found = object(&["game", "rule", file, "--json"]);
        assert_eq!(
            (&found["row"], &found["ruling"]),
            (&row.into(), &ruling.into())
        );
        assert!(
            found.get("unpaid").is_none() && found.get("refused").is_none(),
            "{found}"
        );
    }
    let shown = text(&["game", "rule", file]);
    assert!(
        shown.contains("row 11: the verifier gives no ground"),
        "{shown}"
    );
    // Without the sample opened to the panel nobody is paid for it; and a block that is missing is no ruling.
    let mut case: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    case["evidence"][0]["openings"] = Value::Array(Vec::new());
    std::fs::write(file, case.to_string()).unwrap();
    let found = object(&["game", "rule", file, "--json"]);
    assert_eq!(
        (&found["row"], &found["ruling"]),
        (&"else".into(), &"worker_at_fault".into())
    );
    assert!(found["unpaid"].as_str().unwrap().contains("not opened"));
    case["chain"]["blocks"] = Value::Array(Vec::new());
    case["evidence"] = Value::Array(Vec::new());
    std::fs::write(file, case.to_string()).unwrap();
    let found = object(&["game", "rule", file, "--json"]);
    assert_eq!(found["row"], "record");
    let whole = text(&["game", "rule", "--example", "no-ground"]);
    let mut case: Value = serde_json::from_str(&whole).unwrap();
    case["chain"]["blocks"] = Value::Array(Vec::new());
    case["evidence"][0]["items"] = Value::Array(Vec::new());
    std::fs::write(file, case.to_string()).unwrap();
    let missing = error(&["game", "rule", file]);
    assert!(
        missing.contains("hash of the block at height 800102 is missing"),
        "{missing}"
    );
}
