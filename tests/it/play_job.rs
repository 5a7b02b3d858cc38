//! `narthex play --job`: any job of `narthex job` under a contract, with the result that `narthex job run` gives.

use crate::common;

use std::path::Path;

use bitcoin::hashes::{Hash, sha256};
use common::{
    cli::{command, words},
    table::expected,
};
use narthex::{
    game_model::Template,
    harness::{ChainKind, Playable as _, play, play_on},
    play::{DecryptedResult, JobFile, PlayOptions},
    regtest::Bitcoind,
};
use serde_json::{Value, json};

/// A folder with jobs.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// `narthex job example KIND`, with changes.
    fn example(&self, kind: &str, change: impl FnOnce(&mut Value)) -> String {
        let (fine, text, err) = words("job", &format!("example {kind}"));
        assert!(fine, "{err}");
        let mut job: Value = serde_json::from_str(&text).unwrap();
        change(&mut job["work"]);
        let path = self.at(&format!("{kind}.json"));
        std::fs::write(&path, job.to_string()).unwrap();
        path
    }

    /// The Collatz program over so many numbers.
    fn collatz(&self, records: u64) -> String {
        self.example("wasm", |work| work["input"]["records"] = records.into())
    }

    /// Words of two small texts: three stages.
    fn counted(&self) -> String {
        let line = "One two three, and three of four are two.\n";
        std::fs::write(self.at("a"), line.repeat(9)).unwrap();
        std::fs::write(self.at("b"), "Two are not one; one is one.\n".repeat(7)).unwrap();
        self.example("word-count", |work| {
            work["texts"] = json!(["a", "b"]);
            work["partition_bytes"] = 160.into();
            work["fan_in"] = 2.into();
        })
    }

    /// `narthex job run`: what it tells of each stage.
    fn run(&self, job: &str, state: &str) -> Vec<Value> {
        let (fine, out, err) = command("job", &["run", job, "--state", state, "--json"]);
        assert!(fine, "{err}");
        let lines = out.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }
}

fn events(args: &[&str]) -> Vec<Value> {
    let (fine, out, err) = command("play", &[args, &["--json"]].concat());
    assert!(fine, "{args:?}: {err}");
    let lines = out.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// Why somebody did what begins like this.
fn reasons<'a>(events: &'a [Value], what: &str) -> Vec<&'a str> {
    let said = |event: &&Value| event["what"].as_str().is_some_and(|s| s.starts_with(what));
    let why = |event: &'a Value| event["why"].as_str().unwrap();
    events.iter().filter(said).map(why).collect()
}

/// Plays the stage and holds what the client decrypts to what the worker of `narthex job` has on disk.
fn decrypts_what_is_run(bench: &Bench, job: &str, (stage, more): (u32, &[&str])) {
    let (state, saved) = (bench.at("state"), bench.at("saved"));
    let stages = bench.run(job, &state);
    let args = [&["--job", job, "--result", &saved][..], more].concat();
    let events = events(&args);
    let result = &events.last().unwrap()["result"];
    let outputs = std::fs::read(format!("{state}/outputs-{stage}.bin")).unwrap();
    assert_eq!(std::fs::read(&saved).unwrap(), outputs);
    let ran = &stages[stage as usize];
    let first: String = outputs[..outputs.len().min(24)]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        *result,
        json!({
            "job": ran["job"], "stage": stage, "stages": stages.len(), "steps": ran["steps"],
            "output_bytes": ran["output_bytes"], "sha256": sha256::Hash::hash(&outputs).to_string(),
            "first_bytes": first, "matches_commitment": true,
        })
    );
}

#[test]
fn a_wasm_job_gives_what_a_run_gives() {
    let bench = Bench::new();
    let job = bench.collatz(150);
    decrypts_what_is_run(&bench, &job, (0, &[]));
    decrypts_what_is_run(&bench, &job, (0, &["--scenario", "verifier-at-fault"]));
    // The same in words.
    let seed = "07".repeat(32);
    let (fine, out, err) = command("play", &["--job", &job, "--seed", &seed]);
    assert!(fine, "{err}");
    let outputs = std::fs::read(format!("{}/outputs-0.bin", bench.at("state"))).unwrap();
    let hash = sha256::Hash::hash(&outputs);
    let told = format!("decrypted result: 150 outputs of 4 bytes, SHA-256 {hash}: 00000000");
    assert!(
        out.contains(&told) && out.contains("…, as committed to"),
        "{out}"
    );
    assert_eq!(command("play", &["--job", &job, "--seed", &seed]).1, out);
}

/// Each stage is a contract of its own; without a number it is the last, whose result is the job's.
#[test]
fn a_word_count_gives_what_a_run_gives() {
    let bench = Bench::new();
    let job = bench.counted();
    let last = bench.run(&job, &bench.at("state")).len() as u32 - 1;
    assert!(last >= 2, "{last}");
    decrypts_what_is_run(&bench, &job, (last, &[]));
    for (stage, name) in [(0, "0"), (1, "1")] {
        decrypts_what_is_run(&bench, &job, (stage, &["--stage", name]));
    }
}

#[test]
fn a_cheat_at_any_job_is_caught_and_convicted_by_running_its_step_again() {
    let bench = Bench::new();
    let (wasm, counted) = (bench.collatz(150), bench.counted());
    for args in [
        &["--job", &wasm][..],
        &["--job", &counted],
        &["--job", &counted, "--stage", "0"],
    ] {
        let events = events(&[args, &["--scenario", "worker-at-fault"]].concat());
        let outcome = events.last().unwrap();
        assert_eq!(outcome["scheme"], 6, "{args:?}");
        assert_eq!(outcome["result"], Value::Null, "{args:?}");
        let found = reasons(&events, "rules: ");
        assert_eq!(found.len(), 3, "{args:?}");
        for why in found {
            assert!(
                why.ends_with("re-executed: the worker's digest is of another output"),
                "{args:?}: {why}"
            );
        }
    }
}

/// A model, and digits: by the same seed a job file of the shipped digits is the very contract of a play without one.
#[test]
fn a_job_file_of_the_shipped_digits_is_the_contract_of_a_play_without_one() {
    let bench = Bench::new();
    let job = bench.example("digits-wasm", |_| ());
    let seed = "5a".repeat(32);
    let plain = events(&["--seed", &seed]);
    let played = events(&["--seed", &seed, "--job", &job]);
    let (plain, played) = (plain.last().unwrap(), played.last().unwrap());
    for field in ["txids", "balances", "scheme", "settled_at"] {
        assert_eq!(plain[field], played[field], "{field}");
    }
    assert_eq!(plain["result"]["steps"], played["result"]["steps"]);
    // An output is digit, votes, distance and trace.
    let bytes = played["result"]["first_bytes"].as_str().unwrap();
    let first = plain["result"]["first_digits"].as_array().unwrap();
    for (output, digit) in bytes.as_bytes().chunks_exact(16).zip(first) {
        let digit = format!("{:02x}", digit.as_u64().unwrap());
        assert_eq!(output[..2], *digit.as_bytes());
    }
}

/// A job in every scenario, to the satoshi: what is revealed is what was committed to, and false where the worker cheated.
#[test]
fn every_scenario_is_played_with_a_job() {
    let bench = Bench::new();
    let (job, state) = (bench.collatz(60), bench.at("state"));
    bench.run(&job, &state);
    let honest = std::fs::read(format!("{state}/outputs-0.bin")).unwrap();
    let mut revealed = 0;
    for scenario in PlayOptions::SCENARIOS {
        let panel = (2, 3);
        let expected = expected(scenario.needs, scenario.name, panel);
        let mut options = common::options(scenario.needs, scenario.name, panel);
        options.job = Some(JobFile::new(&job, None));
        let told = format!("{:?} {}", scenario.needs, scenario.name);
        let outcome = play(ChainKind::Embedded, scenario.name, &options, &mut ())
            .unwrap_or_else(|e| panic!("{told}: {e}"));
        assert_eq!(outcome.figures.scheme, expected.scheme, "{told}");
        let inexact = outcome.balances.iter().filter(|b| !b.is_exact()).count();
        assert_eq!(inexact, 0, "{told}");
        match outcome.figures.result {
            Some(DecryptedResult::Outputs(result)) if expected.reveals => {
                assert!(result.matches_commitment, "{told}");
                let right = result.outputs[..] == honest[..];
                assert_eq!(right, expected.honest, "{told}");
                revealed += 1;
            }
            None if !expected.reveals => {}
            found => panic!("{told}: {found:?}"),
        }
    }
    assert!(revealed >= 6, "{revealed}");
}

#[test]
fn a_job_on_a_real_node() {
    let bench = Bench::new();
    let mut options = common::options(Template::Hardened, "worker-at-fault", (2, 3));
    options.job = Some(JobFile::new(bench.collatz(120), Some(0)));
    let mut chain = Bitcoind::start().unwrap();
    let outcome = play_on(&mut chain, "worker-at-fault", &options, &mut ()).unwrap();
    assert_eq!(outcome.figures.scheme, Some(6));
    assert!(outcome.balances.iter().all(|b| b.is_exact()));
}

/// Refused with words of the refusal before a move is told, and nothing is written.
fn refused(bench: &Bench, args: &[&str], parts: &[&str]) {
    let saved = bench.at("never");
    let all = [args, &["--result", &saved, "--json"]].concat();
    let (fine, out, err) = command("play", &all);
    assert!(!fine && out.is_empty(), "{args:?}: {out}");
    for part in parts {
        assert!(err.contains(part), "{args:?}: {err}");
    }
    assert!(!Path::new(&saved).exists(), "{args:?}");
}

#[test]
fn what_cannot_be_played_is_refused_before_anything_happens() {
    let bench = Bench::new();
    refused(
        &bench,
        &["--job", &bench.at("none")],
        &["cannot read", "none"],
    );
    let counted = bench.counted();
    refused(
        &bench,
        &["--job", &counted, "--stage", "9"],
        &["there is no stage 9"],
    );
    let job = bench.collatz(20_001);
    refused(
        &bench,
        &["--job", &job],
        &["has 20001 steps", "at most 20000", "narthex job run"],
    );
    // Parameters are made for other jobs: the figure, and the option that makes room.
    for (limit, value, what) in [
        ("fuel", 100_000_001, "100000001 fuel for a unit"),
        (
            "memory_bytes",
            (64 << 20) + 65_536,
            "67174400 bytes of memory",
        ),
    ] {
        let job = bench.example("wasm", |work| {
            work["limits"][limit] = value.into();
            work["input"]["records"] = 20.into();
        });
        let option = match limit {
            "fuel" => "--fuel",
            _ => "--memory",
        };
        refused(
            &bench,
            &["--job", &job],
            &[what, &format!("narthex game plan {option} {value} ")],
        );
    }
    let units = bench.example("digits-units", |_| ());
    refused(
        &bench,
        &["--job", &units],
        &["units, the contract's parameters allow 1;", "--units "],
    );
    let (case, job) = (bench.at("case"), bench.collatz(150));
    let plan = format!("plan --samples 60 --steps 149 --bad-steps 10 --out {case}");
    let (fine, _, err) = words("game", &plan);
    assert!(fine, "{err}");
    refused(
        &bench,
        &["--job", &job, "--case", &case],
        &["has 150 steps", "say 149", "--steps 150"],
    );
    // What library callers may set together.
    let mut both = PlayOptions::default();
    both.job = Some(JobFile::new(job, None));
    both.input = Some(bench.at("images").into());
    let error = play(ChainKind::Embedded, "normal", &both, &mut ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("leave one of the two out"), "{error}");
}

/// What the refusal says to do is done, and then the job is played.
#[test]
fn a_case_that_is_planned_for_a_job_plays_it() {
    let bench = Bench::new();
    let case = bench.at("case");
    let job = bench.example("wasm", |work| {
        work["limits"]["fuel"] = 150_000_000.into();
        work["input"]["records"] = 200.into();
    });
    // A step of so much fuel is dear to compute, and so must be dear to guess.
    let mut stated: Value = serde_json::from_slice(&std::fs::read(&job).unwrap()).unwrap();
    stated["entropy_bits"] = 13.into();
    std::fs::write(&job, stated.to_string()).unwrap();
    let plan =
        format!("plan --fuel 150000000 --samples 60 --steps 200 --bad-steps 20 --out {case}");
    let (fine, _, err) = words("game", &plan);
    assert!(fine, "{err}");
    decrypts_what_is_run(&bench, &job, (0, &["--case", &case]));
}

/// A step without output ends the play and names the step, as a run does, but for a worker that has not run it; zeros that
/// are right are no cheat.
#[test]
fn jobs_that_a_scenario_cannot_be_told_with() {
    let bench = Bench::new();
    let program = |body: &str| {
        format!(
            "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
             (func (export \"step\") (param i32) (result i64) {body} \
             (i64.or (i64.shl (i64.const 64) (i64.const 32)) (i64.const 4))))"
        )
    };
    let wasm = |body: &str| {
        let text = program(body);
        bench.example("wasm", |work| {
            work["program"] = json!({ "text": text });
            work["input"] = json!({ "format": "counter", "start": 0, "records": 30 });
        })
    };
    let fails = |args: &[&str], part: &str| {
        let saved = bench.at("never");
        let (fine, _, err) = command("play", &[args, &["--result", &saved]].concat());
        assert!(!fine && err.contains(part), "{args:?}: {err}");
        assert!(!Path::new(&saved).exists(), "{args:?}");
    };
    let zeros = wasm("");
    fails(
        &["--job", &zeros, "--scenario", "idle-worker"],
        "the worker claims zeros without work, and all that were sampled are right",
    );
    let convicted = events(&["--job", &zeros, "--scenario", "worker-at-fault"]);
    assert_eq!(convicted.last().unwrap()["scheme"], 6);
    let traps = wasm("(if (i64.eq (i64.load (i32.const 0)) (i64.const 7)) (then (unreachable)))");
    fails(&["--job", &traps], "stage 0, step 7: the program trapped");
    // A worker that claims zeros for it too is not saved by a step that the verifier has no digest of.
    let rejected = events(&["--job", &traps, "--scenario", "idle-worker"]);
    assert_eq!(rejected.last().unwrap()["scheme"], 4);
}

/// A contract with a token takes no job whose digests are guessed: before anything happens, with the figures and the field
/// that says what is known.
#[test]
fn guessable_jobs_are_refused() {
    let bench = Bench::new();
    let stating = |bits: Option<u32>| {
        let path = bench.collatz(40);
        let mut job: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        match bits {
            None => drop(job.as_object_mut().unwrap().remove("entropy_bits")),
            Some(bits) => job["entropy_bits"] = bits.into(),
        }
        std::fs::write(&path, job.to_string()).unwrap();
        path
    };
    let refused = |bits: Option<u32>, more: &[&str]| {
        let job = stating(bits);
        let args = [&["--job", &job][..], more].concat();
        let (fine, out, err) = command("play", &args);
        assert!(!fine && out.is_empty(), "{out}");
        err
    };
    let unknown = refused(None, &[]);
    for said in [
        "0 bits",
        "at least 40",
        "`entropy_bits`",
        "narthex job entropy",
    ] {
        assert!(unknown.contains(said), "{said}: {unknown}");
    }
    assert_eq!(refused(Some(0), &[]), unknown);
    // A step of a million units of fuel.
    let step = refused(Some(4), &[]);
    assert!(
        step.contains("has 4 bits") && step.contains("below 5"),
        "{step}"
    );
    // More than an output has.
    let most = refused(Some(33), &[]);
    assert!(
        most.contains("33 bits") && most.contains("at most 32"),
        "{most}"
    );
    // Seven steps have 35 bits, and eight would do.
    let job = bench.collatz(7);
    let (fine, _, few) = command("play", &["--job", &job]);
    assert!(!fine, "{few}");
    assert!(
        few.contains("35 bits") && few.contains("sample 8 steps"),
        "{few}"
    );
    let job = bench.collatz(8);
    events(&["--job", &job]);
    // The other template has no token.
    let job = stating(None);
    events(&["--job", &job, "--template", "paper", "--research"]);
}

/// What the examples say of their entropy, no measurement refutes, and it is enough for a token.
#[test]
fn what_the_examples_say_of_their_entropy_is_enough() {
    let bench = Bench::new();
    for (kind, stated) in [
        ("wasm", 5),
        ("digits-wasm", 12),
        ("digits-units", 12),
        ("digits-model", 7),
        ("word-count", 48),
    ] {
        let job = bench.example(kind, |_| ());
        let measure = if kind == "digits-units" {
            "20"
        } else {
            "10000"
        };
        let args = ["entropy", "--job", &job, "--measure", measure, "--json"];
        let (fine, out, err) = command("job", &args);
        assert!(fine, "{err}");
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(found["stated_bits"], stated, "{kind}");
        assert_eq!(found["counted_bits"], stated, "{kind}: {found}");
        assert_eq!(found["seals_tokens"], true, "{kind}: {found}");
    }
    // Own files have been measured by nobody.
    std::fs::write(bench.at("numbers"), [0; 80]).unwrap();
    let (fine, own, err) = words(
        "job",
        &format!("example wasm --input {}", bench.at("numbers")),
    );
    assert!(fine, "{err}");
    assert!(!own.contains("entropy_bits"), "{own}");
}
