//! A flag or a field that has no effect is refused, never ignored.

use crate::common;

use std::path::Path;

use bitcoin::{
    hex::{DisplayHex, FromHex},
    secp256k1::{Secp256k1, SecretKey},
};
use common::cli::{command, words};
use narthex::game_model::{
    retrieval::{Archive, Challenge},
    sample,
};
use serde_json::{Value, json};

/// How a command ended: its exit status, what it printed, what it said.
fn ended(args: &[&str]) -> (Option<i32>, String, String) {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

/// Refused as arguments that cannot be meant together are: nothing printed, status 2, with words of the refusal.
fn misused(args: &[&str], part: &str) {
    let (status, out, err) = ended(args);
    assert_eq!(status, Some(2), "{args:?}: {out}{err}");
    assert!(out.is_empty() && err.contains(part), "{args:?}: {out}{err}");
}

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
        "play --list --scenario normal",
        "play --list --research",
        "play --list --case case.json",
        "play --list --result digits",
        "play --list --input images.csv",
        "play --list --job job.json",
        "play --list --stage 1",
        "play --job job.json --input images.csv",
        "play --list --arbiters 3-of-5",
        "play --list --fee-rate 3",
        "play --list --chain embedded",
        "bank play --list --scenario claim",
        "bank play --list --pennies 7",
        "bank play --list --claim-blocks 7",
        "bank play --list --fee-rate 7",
        "slice play --list --slices 2",
        "slice play --list --providers 2",
        "bounty play --list --recomputers 2",
        "bounty play --list --chain embedded",
        "deliver play --list --file README.md",
        "deliver play --list --depth 2",
        "simulate games --case case.json --steps 7",
        "simulate games --case case.json --sample 7",
        "simulate games --case case.json --arbiters 3-of-5",
        "simulate games --case case.json --cost-work-sat 7",
        "simulate games --case case.json --outside-gain-sat 7",
        "bond value --sat 1 --until 2030-01 --confirmed 1 --linear --interest 1/10",
    ] {
        refused(args, cannot);
    }
    for (args, part) in [
        ("play --economics case.json", "unexpected argument"),
        ("play --stage 1", "--job"),
        ("bench --what model --arbiters 2-of-3", "--what model"),
        ("bench --what model --template paper", "--what model"),
        ("bench --what node --arbiters 2-of-3", "--what node"),
        ("bench --what node --template paper", "--what node"),
        ("bench --rounds 0", "at least 1"),
        ("simulate games --games 0", "is not in 1.."),
        ("simulate games --most-tries 5", "grinder"),
        ("simulate games --nobody-checks", "--verifier rubber-stamp"),
        (
            "simulate games --verifier blind-accuse --nobody-checks",
            "--verifier rubber-stamp",
        ),
        (
            "simulate games --verifier rubber-stamp --worker time-out --nobody-checks",
            "of what is delivered",
        ),
        ("simulate games --root-alone", "delivers wrong work"),
        (
            "simulate games --worker time-out --root-alone",
            "delivers wrong work",
        ),
        ("simulate games --any-root", "--worker redraw"),
        (
            "simulate games --worker redraw:1% --verifier silent --any-root",
            "that has found it out",
        ),
        (
            "simulate games --worker falsify:1% --most-tries 3",
            "redraw:SHARE",
        ),
        ("simulate games --cheat-rate 1/2", "--league"),
        ("simulate games --audit-rate 1/2", "--league"),
        ("simulate games --audit-cost-sat 7", "--league"),
        ("simulate games --kappa-sat 7", "--league"),
        (
            "simulate games --league 1/10 --worker skip:1% --appeal never",
            "nobody is rejected",
        ),
        (
            "simulate games --league 1/10 --worker skip:1% --arbiter guess",
            "nobody is rejected",
        ),
        (
            "simulate games --league 1/10 --worker skip:1% --root-alone",
            "nobody is rejected",
        ),
        (
            "simulate games --worker skip:1/2 --appeal idle --arbiter guess",
            "nobody appeals",
        ),
        ("simulate games --appeal always", "rejects nobody"),
        (
            "simulate games --worker copy --appeal always",
            "rejects nobody",
        ),
        (
            "simulate games --worker skip:1/2 --verifier silent --appeal never",
            "rejects nobody",
        ),
        ("simulate games --arbiter guess", "nobody appeals"),
        (
            "simulate games --worker skip:1/2 --arbiter guess",
            "nobody appeals",
        ),
        (
            "simulate games --verifier blind-accuse --appeal never --arbiter guess",
            "nobody appeals",
        ),
        (
            "market calibrate --market matched --patience 3",
            "--market mixed",
        ),
        (
            "market calibrate --market matched --lambda 1/2",
            "--market mixed",
        ),
        (
            "market ledger init /nonexistent/ledger --lambda 1 --decay counted",
            "no count ever fades",
        ),
        ("slice play --slices 2", "--scenario stream"),
        ("deliver play --alone", "no second agent is accepted"),
        (
            "deliver play --scenario replaced --alone",
            "no second agent is accepted",
        ),
        ("deliver show --alone", "unexpected argument"),
        ("deliver show --depth 2", "unexpected argument"),
        (
            "bounty price --seed 0707070707070707070707070707070707070707070707070707070707070707",
            "unexpected argument",
        ),
        ("bounty price --round-blocks 7", "unexpected argument"),
        ("bounty price --layer-blocks 20", "unexpected argument"),
        ("job example wasm --input a b", "one file"),
        (
            "job dispute --job none --fan-out 4 --cost-per-move 7",
            "cannot be used with",
        ),
        (
            "job dispute --job none --fan-out 4 --cost-per-byte 7",
            "cannot be used with",
        ),
        (
            "bond check 00 --tip-height 5 --depth 2",
            "cannot be used with",
        ),
        (
            "bond check 00 --tip-height 5 --interest 1/10",
            "cannot be used with",
        ),
        (
            "bond check 00 --tip-height 5 --exponent 1",
            "cannot be used with",
        ),
        (
            "bond check 00 --tip-height 5 --linear",
            "cannot be used with",
        ),
    ] {
        misused(&args.split(' ').collect::<Vec<_>>(), part);
    }
}

/// What a job is decides which options do something; what is refused leaves nothing behind.
#[test]
fn options_of_jobs_that_have_no_use_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for kind in ["wasm", "word-count", "digits-model"] {
        let (_, job, _) = words("job", &format!("example {kind}"));
        std::fs::write(at(kind), job).unwrap();
    }
    let (state, opening) = (at("state"), at("opening"));
    for kind in ["word-count", "digits-model"] {
        for option in [["--engine", "wasmi"], ["--step-seconds", "7"]] {
            let part = format!("{} is for WebAssembly", option[0]);
            let args = ["job", "run", &at(kind), "--state", &state];
            misused(&[&args[..], &option].concat(), &part);
        }
    }
    assert!(!Path::new(&state).exists());
    let fine = |args: &[&str]| {
        let (status, out, err) = ended(&[&["job"], args].concat());
        assert_eq!(status, Some(0), "{args:?}: {err}");
        (out, err)
    };
    let run = ["run", &at("wasm"), "--state", &state, "--engine", "wasmi"];
    fine(&run);
    let (_, err) = fine(&[&run[..], &["--check-determinism"]].concat());
    assert!(
        err.contains("were there already and are not run again"),
        "{err}"
    );
    fine(&["commit", "--state", &state]);
    let (leaves, _) = fine(&["open", "--state", &state, "--steps", "2,3"]);
    std::fs::write(&opening, leaves).unwrap();
    let commitment = format!("{state}/commitment-0.json");
    let verify = [
        "verify",
        "--job",
        &at("wasm"),
        "--commitment",
        &commitment,
        "--opening",
        &opening,
    ];
    fine(&verify);
    let previous = ["--previous", &format!("{state}/outputs-0.bin")];
    misused(
        &[&["job"], &verify[..], &previous].concat(),
        "leave out --previous",
    );

    for (option, part) in [
        (["--silent-from", "50"], "never falls silent"),
        (["--silent-from", "5"], "never falls silent"),
        (["--from-unit", "59"], "ends after 58 units"),
        (
            ["--from-unit", "18446744073709551615"],
            "ends after 58 units",
        ),
    ] {
        let out = at("dispute.json");
        let args = [
            "job",
            "dispute",
            "--job",
            &at("digits-model"),
            "--out",
            &out,
        ];
        let (status, _, err) = ended(&[&args[..], &option].concat());
        assert!(status == Some(1) && err.contains(part), "{option:?}: {err}");
        assert!(!Path::new(&out).exists(), "{option:?}");
    }
    for option in [["--silent-from", "2"], ["--from-unit", "58"]] {
        fine(&[&["dispute", "--job", &at("digits-model")][..], &option].concat());
    }
}

/// The hash of the first block of all, as bitcoind prints it and as it is hashed.
const SHOWN: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const HASHED: &str = "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000";

#[test]
fn a_block_hash_is_written_as_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let hashed = <[u8; 32]>::from_hex(HASHED).unwrap();
    let nonce = "07".repeat(32);
    let fine = |args: &[&str]| {
        let (status, out, err) = ended(args);
        assert_eq!(status, Some(0), "{args:?}: {err}");
        out
    };

    let (_, job, _) = words("job", "example wasm");
    std::fs::write(at("job"), job).unwrap();
    fine(&["job", "run", &at("job"), "--state", &at("state")]);
    fine(&["job", "commit", "--state", &at("state")]);
    let audit = [
        "job",
        "audit",
        "--job",
        &at("job"),
        "--state",
        &at("state"),
        "--sample",
        "3",
    ];
    let drawn = ["--nonce", &nonce, "--block-hash", SHOWN, "--json"];
    let found = fine(&[&audit[..], &drawn].concat());
    let found: Value = serde_json::from_str(&found).unwrap();
    let root = <[u8; 32]>::from_hex(found["commitment"].as_str().unwrap()).unwrap();
    let seed = sample::seed(&root, &[7; 32], &hashed);
    assert_eq!(found["seed"], seed.to_lower_hex_string());
    let steps = found["steps"].as_u64().unwrap();
    let sampled = sample::draw(&seed, steps, 3).unwrap();
    assert_eq!(found["sampled"], json!(sampled));

    std::fs::write(at("file"), [5; 70_000]).unwrap();
    fine(&["store", "encode", &at("file"), "--out", &at("store")]);
    let archive = format!("{}/archive.json", at("store"));
    let challenge = [
        "store",
        "challenge",
        "--archive",
        &archive,
        "--out",
        &at("challenge"),
    ];
    let drawn = ["--chunks", "4", "--nonce", &nonce, "--block", SHOWN];
    fine(&[&challenge[..], &drawn].concat());
    let challenge: Challenge =
        serde_json::from_slice(&std::fs::read(at("challenge")).unwrap()).unwrap();
    assert_eq!(challenge.block_hash, hashed);
    let archive: Archive = serde_json::from_slice(&std::fs::read(archive).unwrap()).unwrap();
    let indices = challenge.indices(&archive).unwrap();
    assert_eq!(format!("{indices:?}"), "[9, 19, 22, 23]");
}

#[test]
fn a_cheat_that_changes_nothing() {
    refused(
        "simulate games --worker target:99999 --games 3",
        "no step 99999",
    );
    refused(
        "simulate games --worker target:3,1000 --games 3",
        "no step 1000",
    );
    refused(
        "simulate games --worker skip:0% --games 3",
        "cheats on no step",
    );
    refused(
        "simulate games --worker grind:0% --games 3",
        "cheats on no step",
    );
    refused(
        "simulate games --worker redraw:0% --games 3",
        "cheats on no step",
    );
    refused(
        "simulate games --league 1/10 --games 3",
        "delivers wrong work",
    );
    refused(
        "simulate games --league 1/10 --worker skip:1% --verifier silent --games 3",
        "an honest verifier",
    );
    refused(
        "simulate games --league 1/10 --worker skip:1% --kappa-sat 99999999 --games 3",
        "more than the stakes",
    );
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
    // The client pays for the panel's standing by as well.
    let of = |field: &str| case["params"][field].as_i64().unwrap();
    let retainers = of("arbiters") * of("retainer_sat");
    assert_eq!(client["settlement_sat"].as_i64(), Some(-reward - retainers));
    assert_eq!(outcome["result"]["steps"], 1000);
    let saved = std::fs::read_to_string(digits).unwrap();
    assert_eq!(saved.lines().count(), 1000);
    let first = outcome["result"]["first_digits"].as_array().unwrap();
    for (line, digit) in saved.lines().zip(first) {
        assert_eq!(line, digit.to_string());
    }

    let (fine, out, err) = command(
        "simulate",
        &["games", "--case", &path, "--games", "3", "--json"],
    );
    assert!(fine, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let client = report["tally"]["transfers"]["client_sat"].as_i64();
    assert_eq!(client, Some(-3 * (reward + retainers)));

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
            vec!["simulate", "games", "--games", "3", "--case", &path],
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
    // An input of another size than the case's job, and a scenario that reveals nothing to save.
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
    let (fine, _, err) = command("play", &["--scenario", "timeout", "--result", result]);
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
    assert!(fine && err.is_empty(), "{err}");
    // Of several samples those without a contract are named.
    let (fine, out, err) = words("game", "plan --samples 300,0,20000 --json");
    assert!(fine && out.lines().count() == 1, "{err}");
    assert!(err.contains("[0, 20000]"), "{err}");
}

#[test]
fn a_file_without_end_is_not_read_to_it() {
    refused("play --input /dev/zero", "larger than 67108864 bytes");
    refused("play --job /dev/zero", "at most 1048576 are read");
}

#[test]
fn byte_order_marks_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("marked.csv");
    let row = format!("{}\n", ["0"; 64].join(","));
    // Fewer have too little to guess for a token.
    std::fs::write(&path, format!("\u{feff}{}", row.repeat(4))).unwrap();
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

/// Whatever text a user brings: marked as editors do it is read, in UTF-16 that is said, and lines may end in two bytes.
#[test]
fn every_text_is_read_as_editors_save_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let path = at("text");
    let (key, seed) = ("07".repeat(32), "08".repeat(32));
    let identity = "02a1b09f93073c63f205086440898141c0c3c6d24f69a18db608224bcf143fa011";
    let certificate = {
        std::fs::write(at("key"), &key).unwrap();
        let public = SecretKey::from_slice(&[7; 32]).unwrap();
        let public = public.public_key(&Secp256k1::new()).to_string();
        let coin = format!("{}:0", "ab".repeat(32));
        let args = [
            "bond",
            "prove",
            "--key",
            &public,
            "--until",
            "900000",
            "--outpoint",
            &coin,
            "--sat",
            "1000",
            "--confirmed-height",
            "800000",
            "--identity",
            &identity[2..],
            "--valid-below",
            "850000",
            "--key-file",
            &at("key"),
        ];
        ended(&args).1
    };
    assert!(certificate.len() > 100, "{certificate}");
    let cookie = at("cookie");
    std::fs::write(&cookie, "user:word").unwrap();
    let (_, manifest, _) = words("job", "example wasm");
    let (_, terms, _) = words("contract", "example");
    let (_, model, _) = words("job", "example digits-model");
    std::fs::write(at("model"), model).unwrap();
    let dispute = at("dispute");
    let (status, _, err) = ended(&["job", "dispute", "--job", &at("model"), "--out", &dispute]);
    assert_eq!(status, Some(0), "{err}");
    let dispute = std::fs::read_to_string(dispute).unwrap();
    let ledger = at("ledger");
    assert!(command("market", &["ledger", "init", &ledger]).0);
    let ledger = std::fs::read_to_string(ledger).unwrap();
    std::fs::write(at("file"), [5; 70_000]).unwrap();
    assert!(command("store", &["encode", &at("file"), "--out", &at("store")]).0);
    let archive = std::fs::read_to_string(format!("{}/archive.json", at("store"))).unwrap();
    let row = format!("{}\n", ["0"; 64].join(","));
    let images =
        json!({ "narthex_job": 1, "work": { "kind": "digits-model", "images": path } }).to_string();
    std::fs::write(at("images"), images).unwrap();
    let counted = json!({ "narthex_job": 1, "work": { "kind": "word-count", "texts": [path], "partition_bytes": 128, "fan_in": 2 } });
    std::fs::write(at("counted"), counted.to_string()).unwrap();
    let quotes = json!({ "quotes": [{ "recomputer": seed, "base_sat": 1, "hop_fee_sat": 1, "reliability": "0.9",
        "latencies": [{ "within": "2b", "premium_sat": 1 }] }] });
    let snapshot =
        json!({ "height": 5, "median_time": 7, "bonds": [], "bondless": [&identity[2..]] });

    // Commands that end well with a text, and commands that come past it: to a node that is not there.
    let past = "cannot ask the node";
    let node = ["--node", "http://127.0.0.1:1", "--cookie", &cookie];
    let [state_1, state_2, state_3, challenge] = ["s1", "s2", "s3", "challenge"].map(at);
    let (counted, images) = (at("counted"), at("images"));
    let certificates = [&["bond", "snapshot", &path][..], &node].concat();
    let other = at("certificates");
    std::fs::write(&other, &certificate).unwrap();
    let bondless = [
        &["bond", "snapshot", &other, "--bondless", &path][..],
        &node,
    ]
    .concat();
    let opened = [
        "bond",
        "snapshot",
        &other,
        "--node",
        "http://127.0.0.1:1",
        "--cookie",
        &path,
    ];
    let spend = [
        "bond",
        "withdraw",
        "--to",
        "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
        "--key",
        "02989c0b76cb563971fdc9bef31ec06c3560f3249d6ee9e5d83c57625596e05f6f",
        "--until",
        "900000",
        "--outpoint",
        &format!("{}:0", "ab".repeat(32)),
        "--sat",
        "100000",
        "--key-file",
        &path,
    ];
    let cases: Vec<(String, Vec<&str>, &str)> = vec![
        (case().to_string(), vec!["game", "solve", &path], ""),
        (terms, vec!["contract", "show", &path], ""),
        (row.repeat(4), vec!["play", "--input", &path], ""),
        (row, vec!["job", "run", &images, "--state", &state_1], ""),
        (
            "One two.\nOne\n".into(),
            vec!["job", "run", &counted, "--state", &state_2],
            "",
        ),
        (manifest, vec!["job", "run", &path, "--state", &state_3], ""),
        (
            dispute,
            vec!["job", "dispute", "--job", "MODEL", "--replay", &path],
            "",
        ),
        (ledger, vec!["market", "ledger", "show", &path], ""),
        (
            quotes.to_string(),
            vec![
                "market",
                "choose",
                "--quotes",
                &path,
                "--reliability",
                "1/2",
                "--hops",
                "1",
                "--latency",
                "2b",
            ],
            "",
        ),
        (
            archive,
            vec![
                "store",
                "challenge",
                "--archive",
                &path,
                "--out",
                &challenge,
            ],
            "",
        ),
        (
            snapshot.to_string(),
            vec!["bond", "select", &path, "--seed", &seed],
            "",
        ),
        (key.clone() + "\n", spend.to_vec(), ""),
        (key + "\n", vec!["deliver", "scan", "--key", &path], ""),
        (
            "\n".into(),
            vec!["deliver", "scan", "--key", "KEY", &path],
            "",
        ),
        (certificate, certificates, past),
        (format!("{}\n", &identity[2..]), bondless, past),
        ("user:word\n".into(), opened.to_vec(), past),
    ];
    for (text, args, end) in cases {
        let (model, key) = (at("model"), at("key"));
        let args: Vec<&str> = args
            .into_iter()
            .map(|arg| match arg {
                "MODEL" => model.as_str(),
                "KEY" => key.as_str(),
                arg => arg,
            })
            .collect();
        let tried = |bytes: &[u8]| {
            // What one run leaves does not stand in the way of the next.
            for left in ["s1", "s2", "s3"] {
                let _ = std::fs::remove_dir_all(at(left));
            }
            let _ = std::fs::remove_file(at("challenge"));
            std::fs::write(&path, bytes).unwrap();
            let (status, _, err) = ended(&args);
            (status, err)
        };
        for form in [
            text.clone(),
            format!("\u{feff}{text}"),
            text.replace('\n', "\r\n"),
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
        ] {
            let (status, err) = tried(form.as_bytes());
            let fine = match end {
                "" => status == Some(0),
                end => err.contains(end) && !err.contains("UTF") && !err.contains("no text"),
            };
            assert!(fine, "{args:?}: {err}");
        }
        let units: Vec<u16> = text.encode_utf16().collect();
        let little = units.iter().flat_map(|unit| unit.to_le_bytes());
        let big = units.iter().flat_map(|unit| unit.to_be_bytes());
        for wide in [
            [0xff, 0xfe].into_iter().chain(little).collect::<Vec<u8>>(),
            [0xfe, 0xff].into_iter().chain(big).collect(),
        ] {
            let (status, err) = tried(&wide);
            assert!(
                status == Some(1) && err.contains("UTF-16"),
                "{args:?}: {err}"
            );
        }
    }
}

/// The bounds of the job are the client's to say, and the case that is written says them.
#[test]
fn a_planned_case_carries_the_bounds_of_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.json");
    let path = path.to_str().unwrap();
    let plan = |more: &str| {
        let args = format!("plan --samples 300 --out {path} {more}");
        words("game", &args)
    };
    let (fine, _, err) = plan(
        "--fuel 2000000 --units 1000 --memory 1.5MiB --program 64KiB --record 4096 --output 512 \
         --fuel-per-second 20000000 --decide-blocks 40",
    );
    assert!(fine, "{err}");
    let case: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        case["params"]["job_bounds"],
        json!({ "fuel": 2_000_000, "units": 1_000, "memory_bytes": 1_572_864, "program_bytes": 65_536,
            "record_bytes": 4_096, "output_bytes": 512, "fuel_per_second": 20_000_000 })
    );
    assert_eq!(case["params"]["windows"]["decide_blocks"], 40);
    let (fine, _, err) = words("game", &format!("solve {path}"));
    assert!(fine, "{err}");
    std::fs::remove_file(path).unwrap();
    // Too much for the window at the rate, and what no contract takes: nothing is written.
    for (more, part) in [
        (
            "--fuel 10000000000 --fuel-per-second 1000",
            "job's fuel * units",
        ),
        ("--fuel 0", "job's fuel"),
        ("--units 0", "job's units"),
        ("--memory 5GiB", "job's memory"),
        ("--program 5MiB", "job's program"),
        ("--record 65MiB", "job's record"),
        ("--output 0", "job's output"),
        ("--fuel-per-second 0", "fuel"),
        ("--memory 5MB", "a size is written"),
        ("--response-blocks 40000", "--response-blocks 40000"),
    ] {
        let (fine, out, err) = plan(more);
        assert!(
            !fine && out.is_empty() && err.contains(part),
            "{more}: {err}"
        );
        assert!(!Path::new(path).exists(), "{more}");
    }
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
    let (fine, _, err) = command("play", &["--scenario", "\u{1b}[31mred"]);
    assert!(!fine && !err.contains('\u{1b}'), "{err}");
}
