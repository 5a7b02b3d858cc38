//! `narthex game`, and the refusal of contracts in which honest play does not pay, from the command line.

use std::process::{Command, Output};

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
    let efg = text(&["game", "export", &case, "--efg"]);
    let nodes = text(&["game", "show", &case, "--json"]);
    assert_eq!(efg.lines().count(), nodes.lines().count() + 2);
    assert!(text(&["game", "show", &case]).contains("*honest"));
    assert!(text(&["game", "show", &case, "--dot"]).starts_with("digraph"));
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
