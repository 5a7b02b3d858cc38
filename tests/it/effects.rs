//! A flag or a field that has no effect is refused, never ignored.

use crate::common;

use std::path::Path;

use common::cli::{command, words};
use serde_json::{Value, json};

/// Refused, with words of the refusal, before anything is printed.
fn refused(args: &str, part: &str) {
    let (name, rest) = args.split_once(' ').unwrap();
    let (fine, out, err) = words(name, rest);
    assert!(!fine && out.is_empty(), "{args}: {out}");
    assert!(
        err.contains(part) && !err.contains("panicked"),
        "{args}: {err}"
    );
}

fn case() -> Value {
    let (fine, out, err) = words(
        "game",
        "plan --samples 300 --steps 1000 --bad-steps 10 --json",
    );
    assert!(fine, "{err}");
    let point: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    let (_, example, _) = words("game", "example");
    let mut case: Value = serde_json::from_str(&example).unwrap();
    case["params"] = point["params"].clone();
    case["economics"]["bad_steps"] = 10.into();
    case["economics"]["verifier_cost_sat"] = point["verifier_cost_sat"].clone();
    case
}

fn write(folder: &Path, name: &str, value: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn pairs_of_which_one_would_do_nothing() {
    let cannot = "cannot be used with";
    for args in [
        "contract show terms.json --template paper",
        "contract show terms.json --arbiters 3-of-5",
        "contract show --dot --json",
        "game solve case.json --arbiters 3-of-5",
        "game solve case.json --template paper",
        "game show case.json --template paper",
        "game export case.json --efg --arbiters 3-of-5",
        "game example case.json --arbiters 3-of-5",
        "play --case case.json --template paper",
        "play --case case.json --arbiters 3-of-5",
        "play --list --template paper",
        "play --list --story normal",
        "play --list --research",
        "play --list --case case.json",
        "play --list --result digits",
        "play --list --input images.csv",
        "play --list --arbiters 3-of-5",
        "play --list --fee-rate 3",
        "play --list --chain embedded",
        "bank play --list --story claim",
        "bank play --list --pennies 7",
        "bank play --list --claim-blocks 7",
        "bank play --list --fee-rate 7",
        "slice play --list --slices 2",
        "slice play --list --providers 2",
        "bounty play --list --relays 2",
        "bounty play --list --chain embedded",
        "deliver play --list --file README.md",
        "deliver play --list --depth 2",
        "simulate --case case.json --steps 7",
        "simulate --case case.json --sample 7",
        "simulate --case case.json --arbiters 3-of-5",
        "simulate --case case.json --cost-work-sat 7",
        "simulate --case case.json --outside-gain-sat 7",
        "bond value --sat 1 --until 2030-01 --confirmed 1 --linear --interest 1/10",
    ] {
        refused(args, cannot);
    }
    refused("simulate --most-tries 5", "grinder");
    refused("bench --what model --arbiters 2-of-3", "--what model");
    refused(
        "market calibrate --market matched --patience 3",
        "--market mixed",
    );
    refused(
        "market calibrate --market matched --lambda 1/2",
        "--market mixed",
    );
    refused("slice play --slices 2", "--story stream");
    refused("play --economics case.json", "unexpected argument");
}

#[test]
fn a_cheat_that_changes_nothing() {
    refused("simulate --worker target:99999 --games 3", "no step 99999");
    refused("simulate --worker target:3,1000 --games 3", "no step 1000");
    refused("simulate --worker skip:0% --games 3", "cheats on no step");
    refused("simulate --worker grind:0% --games 3", "cheats on no step");
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("work");
    let state = state.to_str().unwrap();
    let (_, job, _) = words("job", "example wasm");
    let path = folder.path().join("job.json");
    std::fs::write(&path, job).unwrap();
    let (fine, _, err) = command("job", &["run", path.to_str().unwrap(), "--state", state]);
    assert!(fine, "{err}");
    for (cheat, part) in [
        ("skip:2", "more than the whole"),
        ("falsify:3/2", "more than the whole"),
        ("skip:0", "cheats on no step"),
        ("target:99999", "no step 99999"),
    ] {
        let (fine, _, err) = command("job", &["commit", "--state", state, "--cheat", cheat]);
        assert!(!fine && err.contains(part), "{cheat}: {err}");
    }
    // And they left nothing behind that an honest commitment could stumble on.
    let (fine, _, err) = command("job", &["commit", "--state", state]);
    assert!(fine, "{err}");
}

#[test]
fn the_parameters_of_a_case_are_those_that_are_played() {
    let folder = tempfile::tempdir().unwrap();
    let case = case();
    let path = write(folder.path(), "case.json", &case);
    let digits = folder.path().join("digits");
    let (fine, out, err) = command(
        "play",
        &[
            "--case",
            &path,
            "--result",
            digits.to_str().unwrap(),
            "--json",
        ],
    );
    assert!(fine, "{err}");
    let outcome: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let balances = outcome["balances"].as_array().unwrap();
    let client = balances.iter().find(|b| b["party"] == "client").unwrap();
    let reward = case["params"]["reward_sat"].as_i64().unwrap();
    assert_eq!(client["settlement_sat"].as_i64(), Some(-reward));
    assert_eq!(outcome["result"]["steps"], 1000);
    let saved = std::fs::read_to_string(digits).unwrap();
    assert_eq!(saved.lines().count(), 1000);
    let first = outcome["result"]["first_digits"].as_array().unwrap();
    for (line, digit) in saved.lines().zip(first) {
        assert_eq!(line, digit.to_string());
    }

    let (fine, out, err) = command("simulate", &["--case", &path, "--games", "3", "--json"]);
    assert!(fine, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let client = report["tally"]["transfers"]["client_sat"].as_i64();
    assert_eq!(client, Some(-3 * reward));

    let terms = folder.path().join("terms.json");
    let terms = terms.to_str().unwrap();
    let (fine, _, err) = command("contract", &["make", "--case", &path, "--out", terms]);
    assert!(fine && err.contains("for research only"), "{err}");
    let made: Value = serde_json::from_str(&std::fs::read_to_string(terms).unwrap()).unwrap();
    assert_eq!(made["draft"]["params"], case["params"]);
    let (fine, _, err) = command("contract", &["show", terms]);
    assert!(fine, "{err}");
}

#[test]
fn a_case_that_is_refused_is_refused_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut refusals = Vec::new();
    let mut alpha = case();
    alpha["params"]["alpha"] = "3/2".into();
    refusals.push((alpha, "alpha <= 1"));
    let mut unknown = case();
    unknown["params"]["alhpa"] = "1/2".into();
    refusals.push((unknown, "unknown field `alhpa`"));
    let mut unknown = case();
    unknown["economics"]["fees"] = json!({ "setlement_sat": 1 });
    refusals.push((unknown, "unknown field `setlement_sat`"));
    let mut unknown = case();
    unknown["note"] = "mine".into();
    refusals.push((unknown, "unknown field `note`"));
    for (case, part) in refusals {
        let path = write(folder.path(), "case.json", &case);
        for args in [
            vec!["play", "--case", &path],
            vec!["simulate", "--games", "3", "--case", &path],
            vec!["contract", "make", "--case", &path],
            vec!["game", "solve", &path],
        ] {
            let (fine, out, err) = command(args[0], &args[1..]);
            assert!(
                !fine && out.is_empty() && err.contains(part),
                "{args:?}: {err}"
            );
            assert!(!err.contains(&u64::MAX.to_string()), "{args:?}: {err}");
        }
    }
    // Honest play does not pay: nobody signs, and no terms are made of it unless it is said.
    let mut greedy = case();
    greedy["economics"]["outside_gain_sat"] = 50_000_000.into();
    let path = write(folder.path(), "greedy.json", &greedy);
    for command_line in [
        ["play", "--case"].as_slice(),
        &["contract", "make", "--case"],
    ] {
        let args = [command_line, &[path.as_str()]].concat();
        let (fine, _, err) = command(args[0], &args[1..]);
        assert!(!fine && err.contains("honest play does not pay"), "{err}");
        let (fine, _, err) = command(args[0], &[&args[1..], &["--research"]].concat());
        assert!(fine, "{err}");
    }
    // An input of another size than the case's job, and a story that reveals nothing to save.
    let rows = folder.path().join("rows.csv");
    std::fs::write(&rows, format!("{}\n", ["0"; 64].join(","))).unwrap();
    let path = write(folder.path(), "case.json", &case());
    let (fine, _, err) = command(
        "play",
        &["--case", &path, "--input", rows.to_str().unwrap()],
    );
    assert!(
        !fine && err.contains("1000 steps, and the input 1 rows"),
        "{err}"
    );
    let nowhere = folder.path().join("digits");
    let result = nowhere.to_str().unwrap();
    let (fine, _, err) = command("play", &["--story", "timeout", "--result", result]);
    assert!(
        !fine && err.contains("reveals no result") && !nowhere.exists(),
        "{err}"
    );
}

#[test]
fn the_game_answers_by_exit_status() {
    let status = |args: &str| {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(args.split_whitespace())
            .output()
            .unwrap();
        ran.status.code()
    };
    for (args, code) in [
        ("game solve", 0),
        ("game solve --json", 0),
        ("game solve --template paper", 3),
        ("game solve --template paper --json", 3),
        ("game solve missing.json", 1),
        ("game solve --no-such-flag", 2),
        ("game plan --samples 300", 0),
        ("game plan --samples 300 --right-value 10", 3),
        ("game plan --samples 300 --deliver-height 0", 1),
    ] {
        assert_eq!(status(args), Some(code), "{args}");
    }
}

#[test]
fn the_planner_names_the_bound_that_no_stake_meets() {
    for (args, part) in [
        ("--deliver-height 0", "t_deliver >= 1"),
        ("--deliver-height 4294967295", "heights are below 500000000"),
        ("--response-blocks 65535", "<= 65535"),
        ("--samples 0", "sigma > 0"),
        ("--worker-cost 99999999999999", "costs are too large"),
    ] {
        refused(&format!("game plan {args}"), part);
    }
    let (fine, _, err) = words("game", "plan --steps 5 --bad-steps 1");
    assert!(fine, "{err}");
}

#[test]
fn a_file_without_end_is_not_read_to_it() {
    refused("play --input /dev/zero", "larger than 67108864 bytes");
}

#[test]
fn byte_order_marks_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marked.csv");
    let row = format!("{}\n", ["0"; 64].join(","));
    std::fs::write(&path, format!("\u{feff}{row}{row}")).unwrap();
    let marked = path.to_str().unwrap();
    let (fine, _, err) = command("play", &["--input", marked]);
    assert!(fine, "{err}");
    let path = folder.path().join("case.json");
    std::fs::write(&path, format!("\u{feff}{}", case())).unwrap();
    let (fine, _, err) = command("game", &["solve", path.to_str().unwrap()]);
    assert!(fine, "{err}");
    let (_, terms, _) = words("contract", "example");
    std::fs::write(&path, format!("\u{feff}{terms}")).unwrap();
    let (fine, _, err) = command("contract", &["show", path.to_str().unwrap()]);
    assert!(fine, "{err}");
    let utf16 = case()
        .to_string()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect::<Vec<_>>();
    std::fs::write(&path, [&[0xff, 0xfe][..], &utf16].concat()).unwrap();
    let (fine, _, err) = command("game", &["solve", path.to_str().unwrap()]);
    assert!(!fine && err.contains("UTF-16"), "{err}");
}

/// What a file says is shown, and nothing that a terminal acts on, and not at any length.
#[test]
fn foreign_text_is_shown_safely() {
    let folder = tempfile::tempdir().unwrap();
    let mut evil = case();
    let name = format!(
        "\u{1b}]0;owned\u{7}\u{202e}\u{9b}31m{}\nnarthex: all is well",
        "x".repeat(20_000)
    );
    evil["params"][&name] = 1.into();
    let path = write(folder.path(), "evil.json", &evil);
    let (fine, _, err) = command("game", &["solve", &path]);
    assert!(!fine && err.contains("\\u001b]0;owned"), "{err}");
    let acted = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!err.contains(acted) && err.len() < 6_000);
    assert!(
        err.lines().skip(1).all(|line| line.starts_with("  ")),
        "{err}"
    );
    let (fine, _, err) = command("game", &["solve", "--\u{1b}[31m"]);
    assert!(!fine && !err.contains('\u{1b}'), "{err}");
    let (fine, _, err) = command("play", &["--story", "\u{1b}[31mred"]);
    assert!(!fine && !err.contains('\u{1b}'), "{err}");
}
