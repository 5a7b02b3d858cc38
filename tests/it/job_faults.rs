//! `narthex job` with malformed jobs, failing steps, forged openings and cheating workers: each fault has a name.

use crate::job_folder;

use std::fs::{self, File};

use job_folder::JobFolder;
use serde_json::{Value, json};

/// What the other party did wrong is said of the other party, and what was not done yet is said as that.
#[test]
fn the_right_one_is_blamed() {
    let job_folder = JobFolder::new();
    let job = job_folder.run(&["example", "wasm"]);
    let job = job.replace("\"records\": 10000", "\"records\": 200");
    fs::write(job_folder.path("j.json"), job).unwrap();
    job_folder.run(&["run", "j.json", "--state", "s"]);
    let audit = ["audit", "--job", "j.json", "--state", "s"];
    for (command, says) in [
        (&audit[..], "`narthex job commit --state s` does that"),
        (
            &["open", "--state", "s", "--steps", "1"],
            "`narthex job commit --state s` does that",
        ),
        (
            &[
                "audit",
                "--job",
                "j.json",
                "--state",
                "s",
                "--contract",
                "x",
            ],
            "--state s --contract x`",
        ),
    ] {
        let error = job_folder.fails(command);
        assert!(
            error.contains("is not committed to") && error.contains(says),
            "{error}"
        );
        assert!(!error.contains("--previous"), "{error}");
    }
    job_folder.run(&["commit", "--state", "s"]);
    let opening = job_folder.run(&["open", "--state", "s", "--steps", "3,17"]);
    let verify = |commitment: &str| {
        job_folder.fails(&[
            "verify",
            "--job",
            "j.json",
            "--commitment",
            commitment,
            "--opening",
            "o.json",
        ])
    };
    // An index that is no step is no fault of the job.
    for index in ["200", "18446744073709551615", "3"] {
        let forged = opening.replace("\"index\": 17", &format!("\"index\": {index}"));
        fs::write(job_folder.path("o.json"), forged).unwrap();
        let error = verify("s/commitment-0.json");
        assert!(error.contains("the worker has not answered"), "{error}");
        assert!(!error.contains("nobody can deliver"), "{error}");
    }
    fs::write(job_folder.path("o.json"), &opening).unwrap();
    let commitment = fs::read_to_string(job_folder.path("s/commitment-0.json")).unwrap();
    let change = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&commitment).unwrap();
        change(&mut value);
        job_folder.write("c.json", &value);
        verify("c.json")
    };
    // What differs is said.
    for part in ["spec", "commitment"] {
        let error = change(&|c| c[part]["steps"] = json!(201));
        assert!(error.contains("for 201 steps, the job has 200"), "{error}");
    }
    let error = change(&|c| c["spec"]["output_bytes"] = json!(5));
    assert!(
        error.contains("for 5 bytes an output, the job has 4"),
        "{error}"
    );
    let error = change(&|c| c["commitment"]["job"] = json!("00".repeat(32)));
    assert!(error.contains("the commitment is for job 0000"), "{error}");
    let error = change(&|c| c["spec"]["program"] = json!("00".repeat(32)));
    assert!(error.contains("the commitment is for job"), "{error}");
    // A stage that the job has not, and one whose input is missing.
    for stage in ["1", "4294967295"] {
        let error = change(&|c| c["stage"] = json!(stage.parse::<u64>().unwrap()));
        assert!(
            error.contains(&format!("no stage {stage}: the job has 1")),
            "{error}"
        );
    }
    // Nothing was run to its end: said before anything about commitments is.
    fs::create_dir(job_folder.path("t")).unwrap();
    fs::copy(
        job_folder.path("s/state.json"),
        job_folder.path("t/state.json"),
    )
    .unwrap();
    let error = job_folder.fails(&["commit", "--state", "t"]);
    assert!(error.contains("narthex job run"), "{error}");
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

#[test]
fn directories_of_others_are_refused() {
    let job_folder = JobFolder::new();
    job_folder.example("digits-model");
    job_folder.example("word-count");
    job_folder.run(&["run", "digits-model.json", "--state", "s"]);
    let error = job_folder.fails(&["run", "word-count.json", "--state", "s"]);
    assert!(error.contains("another job"), "{error}");
    let error = job_folder.fails(&["audit", "--job", "word-count.json", "--state", "s"]);
    assert!(error.contains("another job"), "{error}");
    let error = job_folder.fails(&["commit", "--state", "nowhere"]);
    assert!(error.contains("narthex job run"), "{error}");
    assert!(!job_folder.path("nowhere").exists());

    let lock = File::open(job_folder.path("s/lock")).unwrap();
    lock.lock().unwrap();
    let error = job_folder.fails(&["run", "digits-model.json", "--state", "s"]);
    assert!(error.contains("in use by another process"), "{error}");
    drop(lock);

    for (name, text) in [("s/state.json", "{"), ("s/job-0.json", "[]")] {
        let good = fs::read(job_folder.path(name)).unwrap();
        fs::write(job_folder.path(name), text).unwrap();
        let error = job_folder.fails(&["commit", "--state", "s"]);
        assert!(error.contains("use another directory"), "{error}");
        fs::write(job_folder.path(name), good).unwrap();
    }
    job_folder.run(&["commit", "--state", "s"]);
}

#[test]
fn each_failing_step_is_named() {
    let job_folder = JobFolder::new();
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
        job_folder.write("bad.json", &wasm(body, &limits()));
        let error = job_folder.fails(&["run", "bad.json", "--state", &format!("state {name}")]);
        assert!(
            error.contains(name) && error.contains("do not accept it"),
            "{error}"
        );
    }
}

#[test]
fn malformed_jobs_are_refused() {
    let job_folder = JobFolder::new();
    let refused = |value: &Value, name: &str| {
        job_folder.write("bad.json", value);
        let error = job_folder.fails(&["run", "bad.json", "--state", "s"]);
        assert!(error.contains(name), "{error}");
        assert!(!job_folder.path("s").exists(), "nothing is begun");
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
    fs::write(job_folder.path("empty"), "").unwrap();
    fs::write(job_folder.path("latin"), b"1,\xff\n").unwrap();
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
    fs::write(job_folder.path("bad.json"), vec![b' '; 2 << 20]).unwrap();
    let error = job_folder.fails(&["run", "bad.json", "--state", "s"]);
    assert!(error.contains("at most 1048576 are read"), "{error}");
    if !cfg!(feature = "wasmtime") {
        job_folder.example("wasm");
        let error = job_folder.fails(&["run", "wasm.json", "--state", "s", "--engine", "both"]);
        assert!(error.contains("--features wasmtime"), "{error}");
    }
}

#[test]
fn a_cheating_worker_is_caught() {
    let job_folder = JobFolder::new();
    job_folder.example("digits-model");
    for (cheat, sample) in [
        ("falsify:1/10", "100"),
        ("skip:1/10:7", "100"),
        ("target:17", "897"),
    ] {
        let state = cheat.replace(['/', ':'], "-");
        job_folder.run(&["run", "digits-model.json", "--state", &state]);
        let commit = ["commit", "--state", &state, "--sample", sample];
        job_folder.run(&[&commit[..], &["--cheat", cheat]].concat());
        let audit = [
            "audit",
            "--job",
            "digits-model.json",
            "--state",
            &state,
            "--sample",
            sample,
        ];
        let error = job_folder.fails(&audit);
        assert!(error.contains("reject, and dispute this step"), "{error}");
        // Committing honestly afterwards would be a second answer.
        let error = job_folder.fails(&["commit", "--state", &state]);
        assert!(error.contains("another state directory"), "{error}");
    }
}

#[test]
fn an_opening_is_verified_on_its_own() {
    let job_folder = JobFolder::new();
    job_folder.example("digits-model");
    job_folder.run(&["run", "digits-model.json", "--state", "s"]);
    job_folder.run(&["commit", "--state", "s", "--cheat", "target:17"]);
    let open = |steps: &str, name: &str| {
        let text = job_folder.run(&["open", "--state", "s", "--steps", steps]);
        fs::write(job_folder.path(name), text).unwrap();
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
    let good = job_folder.json(&[&base[..], &["good"]].concat());
    assert_eq!(
        (&good[0]["verdict"], &good[0]["steps"]),
        (&json!("equal"), &json!(3))
    );
    let error = job_folder.fails(&[&base[..], &["good", "--opening", "bad"]].concat());
    assert!(error.contains("stage 0, step 17"), "{error}");

    // A leaf that was changed, left out or added proves nothing.
    let original: Value =
        serde_json::from_slice(&fs::read(job_folder.path("bad")).unwrap()).unwrap();
    let zeros = "00".repeat(32);
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut forged = original.clone();
        change(&mut forged);
        job_folder.write("forged", &forged);
        let error = job_folder.fails(&[&base[..], &["forged"]].concat());
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
        let error = job_folder.fails(&["open", "--state", "s", "--steps", steps]);
        assert!(error.contains("name steps of the job"), "{error}");
    }
    // The commitment to another job.
    job_folder.example("word-count");
    let mut other = base;
    other[2] = "word-count.json";
    let error = job_folder.fails(&[&other[..], &["good"]].concat());
    assert!(error.contains("the commitment is for job"), "{error}");
}
