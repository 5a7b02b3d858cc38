//! `narthex job` as its users have it: the real binary, really killed, on real directories.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command.arg("job").args(args).current_dir(self.0.path());
        command
    }

    fn try_run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its JSON lines.
    fn json(&self, args: &[&str]) -> Vec<Value> {
        let text = self.run(&[args, &["--json"]].concat());
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    /// What a command says that must fail, in one line and without a panic.
    fn fails(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
        error
    }

    fn example(&self, kind: &str) {
        let text = self.run(&["example", kind]);
        fs::write(self.path(&format!("{kind}.json")), text).unwrap();
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    /// Roots of record of a directory, made with the secrets of another where there is one.
    fn commitments(&self, state: &str, secrets_of: Option<&str>) -> Vec<Value> {
        for stage in 0.. {
            let name = format!("secrets-{stage}.json");
            let from = secrets_of.map(|other| self.path(other).join(&name));
            match from.filter(|from| from.exists()) {
                Some(from) => fs::copy(from, self.path(state).join(&name)).unwrap(),
                None => break,
            };
        }
        let lines = self.json(&["commit", "--state", state]);
        lines
            .iter()
            .map(|line| line["commitment"].clone())
            .collect()
    }
}

/// A job of WebAssembly with this body; 20 records.
fn wasm(body: &str, limits: &Value) -> Value {
    let program = format!(
        "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
         (func (export \"step\") (param i32) (result i64) {body}))"
    );
    json!({"narthex_job": 1, "work": {
        "kind": "wasm", "program": {"text": program}, "limits": limits,
        "input": {"format": "counter", "start": 0, "records": 20},
    }})
}

fn limits() -> Value {
    json!({"fuel": 10_000, "memory_bytes": 65_536, "output_bytes": 8})
}

/// Waits until a file is longer than it was.
fn wait_for_growth(path: &Path, from: u64) {
    let length = || fs::metadata(path).map_or(0, |m| m.len());
    let begun = Instant::now();
    while length() <= from {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing happens");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_workload_runs_commits_and_passes_an_audit() {
    let desk = Desk::new();
    for (kind, stages) in [
        ("wasm", 1),
        ("digits-wasm", 1),
        ("digits-units", 1),
        ("digits-model", 1),
        ("word-count", 4),
    ] {
        desk.example(kind);
        let manifest = format!("{kind}.json");
        let runs = desk.json(&["run", &manifest, "--state", kind]);
        assert_eq!(runs.len(), stages, "{kind}");
        assert!(runs.iter().all(|run| run["resumed_at"] == 0));
        let commits = desk.commitments(kind, None);
        let audits = desk.json(&[
            "audit", "--job", &manifest, "--state", kind, "--sample", "12",
        ]);
        assert_eq!(audits.len(), stages);
        for (audit, commitment) in audits.iter().zip(&commits) {
            assert_eq!(audit["verdict"], "equal", "{kind}");
            assert_eq!(audit["commitment"], *commitment);
        }
        // Done again it is all there, and the commitment stays.
        let again = desk.json(&["run", &manifest, "--state", kind, "--check-determinism"]);
        assert!(again.iter().all(|run| run["resumed_at"] == run["steps"]));
        assert_eq!(desk.commitments(kind, None), commits);
    }
}

#[test]
fn killed_and_started_again_gives_the_same_root() {
    let desk = Desk::new();
    desk.example("digits-wasm");
    desk.run(&["run", "digits-wasm.json", "--state", "whole"]);
    let whole = desk.commitments("whole", None);

    let journal = desk.path("killed/outputs-0.journal");
    let mut kills = 0;
    for _ in 0..6 {
        let before = fs::metadata(&journal).map_or(0, |m| m.len());
        let mut child = desk
            .command(&["run", "digits-wasm.json", "--state", "killed", "--json"])
            .env("RAYON_NUM_THREADS", "1")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The length is that before a torn line was cut off, so wait for two lines more.
        wait_for_growth(&journal, before + 86);
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
    }
    assert_eq!(kills, 6, "the job was done before it was killed");
    let run = desk.json(&["run", "digits-wasm.json", "--state", "killed"]);
    let resumed = run[0]["resumed_at"].as_u64().unwrap();
    println!("killed {kills} times, went on at step {resumed}");
    assert!(resumed > 0 && resumed < 897);
    assert_eq!(desk.commitments("killed", Some("whole")), whole);
}

#[test]
fn a_torn_end_is_cut_off_and_damage_is_named() {
    let desk = Desk::new();
    desk.example("word-count");
    let run = ["run", "word-count.json", "--state", "s"];
    desk.run(&["run", "word-count.json", "--state", "whole"]);
    let whole = desk.commitments("whole", None);
    desk.run(&run);
    let (data, journal) = (
        desk.path("s/outputs-0.bin"),
        desk.path("s/outputs-0.journal"),
    );
    let append = |path: &Path, bytes: &[u8]| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    };
    let flip = |path: &Path, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let cut = |path: &Path, by: u64| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() - by).unwrap();
    };

    // As a crash leaves it: outputs without a line, half a line.
    append(&data, &[7; 30_000]);
    append(&journal, b"00000000000000000099 abc");
    assert_eq!(desk.json(&run)[0]["torn_bytes"], 30_000);
    assert_eq!(desk.json(&run)[0]["torn_bytes"], 0);
    cut(&journal, 5);
    assert_eq!(desk.json(&run)[0]["thrown_away"], 0);

    type Damage<'a> = &'a dyn Fn();
    let damages: [(&str, Damage<'_>); 5] = [
        ("not those", &|| flip(&data, 1_000)),
        ("are missing", &|| cut(&data, 1)),
        ("not what was written", &|| flip(&journal, 20)),
        ("not those", &|| flip(&journal, 40)),
        ("not what was written", &|| {
            let lines = fs::read(&journal).unwrap();
            append(&journal, &lines[..86]);
        }),
    ];
    for (why, damage) in damages {
        damage();
        let error = desk.fails(&run);
        assert!(error.contains(why) && error.contains("--repair"), "{error}");
        let error = desk.fails(&["commit", "--state", "s"]);
        assert!(
            error.contains(why),
            "nothing damaged is committed to: {error}"
        );
        desk.run(&[&run[..], &["--repair"]].concat());
        desk.run(&run);
    }
    assert_eq!(desk.commitments("s", Some("whole")), whole);
}

#[test]
fn directories_of_others_are_refused() {
    let desk = Desk::new();
    desk.example("digits-model");
    desk.example("word-count");
    desk.run(&["run", "digits-model.json", "--state", "s"]);
    let error = desk.fails(&["run", "word-count.json", "--state", "s"]);
    assert!(error.contains("another job"), "{error}");
    let error = desk.fails(&["audit", "--job", "word-count.json", "--state", "s"]);
    assert!(error.contains("another job"), "{error}");
    let error = desk.fails(&["commit", "--state", "nowhere"]);
    assert!(error.contains("narthex job run"), "{error}");
    assert!(!desk.path("nowhere").exists());

    let lock = File::open(desk.path("s/lock")).unwrap();
    lock.lock().unwrap();
    let error = desk.fails(&["run", "digits-model.json", "--state", "s"]);
    assert!(error.contains("in use by another process"), "{error}");
    drop(lock);

    for (name, text) in [("s/state.json", "{"), ("s/job-0.json", "[]")] {
        let good = fs::read(desk.path(name)).unwrap();
        fs::write(desk.path(name), text).unwrap();
        let error = desk.fails(&["commit", "--state", "s"]);
        assert!(error.contains("use another directory"), "{error}");
        fs::write(desk.path(name), good).unwrap();
    }
    desk.run(&["commit", "--state", "s"]);
}

#[test]
fn each_failing_step_is_named() {
    let desk = Desk::new();
    let huge = "(i64.const 0xffffffff)";
    for (body, name) in [
        ("unreachable", "trapped"),
        ("(loop (br 0)) (i64.const 8)", "fuel"),
        (
            "(loop (drop (memory.grow (i32.const 1))) (br 0)) (i64.const 8)",
            "memory",
        ),
        ("(i64.const 0)", "no output"),
        ("(i64.const 7)", "output of 7 bytes"),
        (huge, "at most 1048576"),
        ("(i64.const 0x1fffffff00000008)", "outside"),
        // Only the third and every later record fails: the first of them is named.
        (
            "(if (i64.gt_u (i64.load (i32.const 0)) (i64.const 2)) (then unreachable)) (i64.const 8)",
            "step 3: ",
        ),
    ] {
        desk.write("bad.json", &wasm(body, &limits()));
        let error = desk.fails(&["run", "bad.json", "--state", &format!("state {name}")]);
        assert!(
            error.contains(name) && error.contains("do not accept it"),
            "{error}"
        );
    }
}

#[test]
fn malformed_jobs_are_refused() {
    let desk = Desk::new();
    let refused = |value: &Value, name: &str| {
        desk.write("bad.json", value);
        let error = desk.fails(&["run", "bad.json", "--state", "s"]);
        assert!(error.contains(name), "{error}");
        assert!(!desk.path("s").exists(), "nothing is begun");
    };
    let words = |size: Value, fan_in: Value| json!({"narthex_job": 1, "work": {"kind": "word-count", "partition_bytes": size, "fan_in": fan_in}});
    refused(&json!({}), "narthex job example");
    refused(
        &json!({"narthex_job": 2, "work": words(json!(4_096), json!(4))["work"]}),
        "version 2",
    );
    refused(
        &json!({"narthex_job": 1, "work": {"kind": "mining"}}),
        "narthex job example",
    );
    refused(&words(json!(-1), json!(4)), "narthex job example");
    refused(&words(json!(127), json!(4)), "128 to 131072");
    refused(&words(json!(4_096), json!(1)), "2 to 64");
    let mut more = words(json!(4_096), json!(4));
    more["work"]["texts"] = json!(["missing.txt"]);
    refused(&more, "missing.txt");
    more["work"]["fuel"] = json!(3);
    refused(&more, "unknown field");
    fs::write(desk.path("empty"), "").unwrap();
    fs::write(desk.path("latin"), b"1,\xff\n").unwrap();
    let mut empty = words(json!(4_096), json!(4));
    empty["work"]["texts"] = json!(["empty"]);
    refused(&empty, "no record");
    let model = |key: &str, file: &str| {
        let mut job = json!({"narthex_job": 1, "work": {"kind": "digits-model"}});
        job["work"][key] = json!(file);
        job
    };
    refused(&model("model", "latin"), "before it is complete");
    refused(&model("images", "latin"), "utf-8");
    let mut endless = wasm("(i64.const 8)", &limits());
    endless["work"]["input"]["records"] = json!(u64::MAX);
    refused(&endless, "at most 2^24");
    refused(&wasm("(i32.const 8)", &limits()), "no valid program");
    refused(
        &wasm(
            "(i64.const 8)",
            &json!({"fuel": 1, "memory_bytes": 1, "output_bytes": 0}),
        ),
        "allowed are 1",
    );
    fs::write(desk.path("bad.json"), vec![b' '; 2 << 20]).unwrap();
    let error = desk.fails(&["run", "bad.json", "--state", "s"]);
    assert!(error.contains("at most 1048576 are read"), "{error}");
    if !cfg!(feature = "wasmtime") {
        desk.example("wasm");
        let error = desk.fails(&["run", "wasm.json", "--state", "s", "--engine", "both"]);
        assert!(error.contains("--features wasmtime"), "{error}");
    }
}

#[test]
fn a_cheating_worker_is_caught() {
    let desk = Desk::new();
    desk.example("digits-model");
    for (cheat, sample) in [
        ("falsify:1/10", "100"),
        ("skip:1/10:7", "100"),
        ("target:17", "897"),
    ] {
        let state = cheat.replace(['/', ':'], "-");
        desk.run(&["run", "digits-model.json", "--state", &state]);
        desk.run(&["commit", "--state", &state, "--cheat", cheat]);
        let audit = [
            "audit",
            "--job",
            "digits-model.json",
            "--state",
            &state,
            "--sample",
            sample,
        ];
        let error = desk.fails(&audit);
        assert!(error.contains("reject, and dispute this step"), "{error}");
        // Committing honestly afterwards would be a second answer.
        let error = desk.fails(&["commit", "--state", &state]);
        assert!(error.contains("another state directory"), "{error}");
    }
}

#[test]
fn an_opening_is_verified_on_its_own() {
    let desk = Desk::new();
    desk.example("digits-model");
    desk.run(&["run", "digits-model.json", "--state", "s"]);
    desk.run(&["commit", "--state", "s", "--cheat", "target:17"]);
    let open = |steps: &str, name: &str| {
        let text = desk.run(&["open", "--state", "s", "--steps", steps]);
        fs::write(desk.path(name), text).unwrap();
    };
    let base = [
        "verify",
        "--job",
        "digits-model.json",
        "--commitment",
        "s/commitment-0.json",
        "--opening",
    ];
    open("3,1,400,3", "good");
    open("16,17,18", "bad");
    let good = desk.json(&[&base[..], &["good"]].concat());
    assert_eq!(
        (&good[0]["verdict"], &good[0]["steps"]),
        (&json!("equal"), &json!(3))
    );
    let error = desk.fails(&[&base[..], &["good", "--opening", "bad"]].concat());
    assert!(error.contains("stage 0, step 17"), "{error}");

    // A leaf that was changed, left out or added proves nothing.
    let original: Value = serde_json::from_slice(&fs::read(desk.path("bad")).unwrap()).unwrap();
    let zeros = "00".repeat(32);
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut forged = original.clone();
        change(&mut forged);
        desk.write("forged", &forged);
        let error = desk.fails(&[&base[..], &["forged"]].concat());
        assert!(
            error.contains("has not answered")
                || error.contains("refused")
                || error.contains("no step"),
            "{error}"
        );
    };
    forge(&|o| o["leaves"][1]["digest"] = json!(zeros));
    forge(&|o| o["leaves"][1]["salt"] = json!(zeros));
    forge(&|o| o["leaves"][1]["index"] = json!(19));
    forge(&|o| o["leaves"][1]["index"] = json!(u64::MAX));
    forge(&|o| o["leaves"][1]["extra"] = json!(1));
    forge(&|o| o["leaves"] = json!([]));
    forge(&|o| o["proof"] = json!([]));
    forge(&|o| o["proof"].as_array_mut().unwrap().push(json!(zeros)));
    for steps in ["897", "18446744073709551615"] {
        let error = desk.fails(&["open", "--state", "s", "--steps", steps]);
        assert!(error.contains("name steps of the job"), "{error}");
    }
    // The commitment to another job.
    desk.example("word-count");
    let mut other = base;
    other[2] = "word-count.json";
    let error = desk.fails(&[&other[..], &["good"]].concat());
    assert!(error.contains("the commitment is for job"), "{error}");
}

#[test]
fn a_reduce_follows_from_its_map() {
    let desk = Desk::new();
    desk.example("word-count");
    let audit = |state: &str, nonce: u8| {
        let nonce = format!("{nonce:02x}").repeat(32);
        let zeros = "00".repeat(32);
        desk.try_run(&[
            "audit",
            "--job",
            "word-count.json",
            "--state",
            state,
            "--sample",
            "1",
            "--nonce",
            &nonce,
            "--block-hash",
            &zeros,
        ])
    };
    desk.run(&["run", "word-count.json", "--state", "s"]);
    desk.run(&["commit", "--state", "s"]);
    let text = desk.run(&["open", "--state", "s", "--stage", "1", "--steps", "2,3"]);
    fs::write(desk.path("opening"), text).unwrap();
    let verify = [
        "verify",
        "--job",
        "word-count.json",
        "--commitment",
        "s/commitment-1.json",
        "--opening",
        "opening",
    ];
    let right = desk.json(&[&verify[..], &["--previous", "s/outputs-0.bin"]].concat());
    assert_eq!(right[0]["verdict"], "equal");
    let error = desk.fails(&verify);
    assert!(error.contains("--previous"), "{error}");
    let mut bytes = fs::read(desk.path("s/outputs-0.bin")).unwrap();
    bytes[9] ^= 1;
    fs::write(desk.path("forged"), bytes).unwrap();
    let error = desk.fails(&[&verify[..], &["--previous", "forged"]].concat());
    assert!(error.contains("follows from the result before"), "{error}");
    let sealed = desk.path("s/result-0.sealed");
    let mut bytes = fs::read(&sealed).unwrap();
    bytes[0] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    let error = String::from_utf8(audit("s", 1).stderr).unwrap();
    assert!(error.contains("proves nothing"), "{error}");

    // A map that was falsified where nobody looked does not fit the reduce that was run on the true one.
    desk.run(&["run", "word-count.json", "--state", "cheat"]);
    desk.run(&["commit", "--state", "cheat", "--cheat", "target:5"]);
    let missed = (0..20)
        .map(|nonce| audit("cheat", nonce))
        .find(|output| String::from_utf8_lossy(&output.stdout).contains("all equal"));
    let error = String::from_utf8(missed.expect("a sample that misses").stderr).unwrap();
    assert!(error.contains("follows from the result before"), "{error}");
}

#[cfg(feature = "wasmtime")]
#[test]
fn every_engine_gives_the_same_root() {
    let desk = Desk::new();
    for kind in ["wasm", "digits-wasm"] {
        desk.example(kind);
        let manifest = format!("{kind}.json");
        let mut roots = Vec::new();
        for engine in ["wasmi", "wasmtime", "both"] {
            let state = format!("{kind}-{engine}");
            desk.run(&["run", &manifest, "--state", &state, "--engine", engine]);
            roots.push(desk.commitments(&state, Some(&format!("{kind}-wasmi"))));
        }
        assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    }
    desk.example("digits-units");
    let error = desk.fails(&[
        "run",
        "digits-units.json",
        "--state",
        "u",
        "--engine",
        "both",
    ]);
    assert!(error.contains("leave out --engine"), "{error}");
}
