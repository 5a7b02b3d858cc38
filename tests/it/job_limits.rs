//! What a machine lacks is said of the machine; what a job may take is bounded, and the cause is named truly. The real
//! binary, on machines made small with `ulimit`.

use crate::job_folder;

use std::{fs, process::Command};

use job_folder::JobFolder;
use serde_json::{Value, json};

/// A step that takes 524 MB of the 537 it may.
const LARGE: &str = "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
    (func (export \"step\") (param i32) (result i64) \
      (drop (memory.grow (i32.const 8000))) (i64.const 0x0000000800000004)))";

fn wasm(text: &str, fuel: u64, memory_bytes: u64, max_units: Option<u64>) -> Value {
    let mut work = json!({
        "kind": "wasm", "program": {"text": text},
        "limits": {"fuel": fuel, "memory_bytes": memory_bytes, "output_bytes": 4},
        "input": {"format": "counter", "start": 1, "records": 2},
    });
    if let Some(units) = max_units {
        work["max_units"] = units.into();
    }
    json!({"narthex_job": 1, "work": work})
}

fn large() -> Value {
    wasm(LARGE, 100_000_000, 536_870_912, None)
}

/// What the command says with at most so many kilobytes of address space.
fn within(job_folder: &JobFolder, kilobytes: u32, args: &[&str]) -> (Option<i32>, String) {
    let script = format!("ulimit -v {kilobytes}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_narthex"), "job"])
        .args(args)
        .current_dir(job_folder.path(""))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

const BLAME: [&str; 5] = [
    "nobody can deliver",
    "reject",
    "the worker's digest is of",
    "at fault (",
    "convicts",
];

#[test]
fn a_verifier_with_little_memory_blames_nobody() {
    let job_folder = JobFolder::new();
    job_folder.write("job.json", &large());
    job_folder.run(&["run", "job.json", "--state", "s"]);
    job_folder.run(&["commit", "--state", "s"]);
    let opening = job_folder.run(&["open", "--state", "s", "--steps", "0,1"]);
    fs::write(job_folder.path("o.json"), opening).unwrap();
    let verify: &[&str] = &[
        "verify",
        "--job",
        "job.json",
        "--commitment",
        "s/commitment-0.json",
        "--opening",
        "o.json",
    ];
    let audit: &[&str] = &["audit", "--job", "job.json", "--state", "s"];
    let again: &[&str] = &["run", "job.json", "--state", "other"];
    job_folder.run(verify);
    for kilobytes in [60_000, 200_000, 400_000, 500_000, 540_000] {
        for args in [verify, audit, again] {
            let (code, said) = within(&job_folder, kilobytes, args);
            assert_eq!(code, Some(1), "{kilobytes} {args:?}: {said}");
            assert!(said.contains("this machine gave no"), "{said}");
            assert!(
                said.contains("545259524 bytes") && said.contains("ulimit"),
                "{said}"
            );
            assert!(!BLAME.iter().any(|blame| said.contains(blame)), "{said}");
        }
    }
    // A little below what the whole takes: whatever fails, nobody is blamed, and nothing is called right or wrong.
    for kilobytes in (3_000..60_000).step_by(6_000) {
        for args in [verify, audit] {
            let (code, said) = within(&job_folder, kilobytes, args);
            assert_ne!(code, Some(0), "{kilobytes}: {said}");
            assert!(!BLAME.iter().any(|blame| said.contains(blame)), "{said}");
        }
    }
    let (code, said) = within(&job_folder, 700_000, verify);
    assert_eq!(code, Some(0), "{said}");
}

const UNITS: &str = "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
    (func (export \"begin\") (param i32)) \
    (func (export \"unit\") (result i32) \
      (i32.store (i32.const 100) (i32.add (i32.load (i32.const 100)) (i32.const 1))) \
      (i32.ge_u (i32.load (i32.const 100)) (i32.const 20))) \
    (func (export \"result\") (result i64) (i64.const 0x0000006400000004)))";

#[test]
fn a_dispute_is_not_decided_on_a_machine_with_little_memory() {
    let job_folder = JobFolder::new();
    job_folder.write("job.json", &wasm(UNITS, 10_000, 536_870_912, Some(40)));
    let play: &[&str] = &[
        "dispute",
        "--job",
        "job.json",
        "--response-blocks",
        "9",
        "--out",
        "d.json",
    ];
    // A party that runs the step again needs five blocks at the usual rate: 2,818,992,288 fuel at 10^7 a second.
    let (code, said) = within(&job_folder, 4_000_000, &[&play[..4], &["8"]].concat());
    assert_eq!(code, Some(1), "{said}");
    for part in ["2818992288 fuel", "2400000000 in the 4 blocks"] {
        assert!(said.contains(part), "{said}");
    }
    job_folder.run(play);
    let replay: &[&str] = &["dispute", "--job", "job.json", "--replay", "d.json"];
    assert!(job_folder.run(replay).contains("ruling: "));
    for args in [&play[..5], replay] {
        let (code, said) = within(&job_folder, 400_000, args);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("nothing is decided on this machine"),
            "{said}"
        );
        assert!(said.contains("nobody is at fault"), "{said}");
        assert!(
            !said.contains("ruling") && !said.contains("refused"),
            "{said}"
        );
    }
}

#[test]
fn a_machine_that_gives_no_threads_computes_with_one() {
    let job_folder = JobFolder::new();
    job_folder.example("wasm");
    let run = |state: &str, kilobytes: u32, threads: &str| {
        let script = format!("ulimit -v {kilobytes}; exec \"$@\"");
        Command::new("sh")
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_narthex"), "job"])
            .args(["run", "wasm.json", "--state", state, "--json"])
            .env("RAYON_NUM_THREADS", threads)
            .current_dir(job_folder.path(""))
            .output()
            .unwrap()
    };
    // The stacks of so many threads are more than there is.
    let poor = run("poor", 400_000, "5000");
    let error = String::from_utf8_lossy(&poor.stderr);
    assert!(poor.status.success(), "{error}");
    let rich = run("rich", 8_000_000, "2");
    assert_eq!(poor.stdout, rich.stdout);
}

#[test]
fn fuel_that_runs_out_in_a_growth_is_not_called_memory() {
    let job_folder = JobFolder::new();
    let grows = LARGE.replace("8000", "977");
    job_folder.write("job.json", &wasm(&grows, 1_000_000, 1 << 30, None));
    let error = job_folder.fails(&["run", "job.json", "--state", "s"]);
    assert!(
        error.contains("used up its 1000000 units of fuel"),
        "{error}"
    );
    assert!(!error.contains("memory"), "{error}");
}

#[test]
fn jobs_without_bounds_are_refused_before_anything_is_written() {
    let job_folder = JobFolder::new();
    let first = LARGE.replace("\"memory\") 1)", "\"memory\") 65536)");
    for (job, says) in [
        (
            wasm(&first, 1_000_000, u64::MAX, None),
            "18446744073709551615 bytes of memory",
        ),
        (
            wasm(&first, 1_000_000, 1 << 30, None),
            "begins with 4294967296 bytes of memory, and its limit is 1073741824",
        ),
        (
            wasm(LARGE, u64::MAX, 1 << 30, None),
            "18446744073709551615 units of fuel",
        ),
        (
            wasm(UNITS, 1 << 20, 1 << 30, Some(1 << 32)),
            "1048576 units of fuel for each of 4294967296 units",
        ),
    ] {
        job_folder.write("job.json", &job);
        for args in [
            &["run", "job.json", "--state", "s"][..],
            &["dispute", "--job", "job.json"],
            &["audit", "--job", "job.json", "--state", "s"],
        ] {
            let error = job_folder.fails(args);
            assert!(error.contains(says), "{error}");
            assert!(!job_folder.path("s").exists());
        }
    }
}

#[test]
fn a_step_without_time_is_not_decided() {
    let job_folder = JobFolder::new();
    let endless = "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
        (func (export \"step\") (param i32) (result i64) (loop $l (br $l)) unreachable))";
    job_folder.write("job.json", &wasm(endless, 1 << 40, 65_536, None));
    let error = job_folder.fails(&["run", "job.json", "--state", "s", "--step-seconds", "1"]);
    assert!(error.contains("is not decided"), "{error}");
    assert!(
        error.contains("of its 1099511627776 units of fuel within 1 s"),
        "{error}"
    );
    assert!(!BLAME.iter().any(|blame| error.contains(blame)), "{error}");
    let refused = job_folder.try_run(&["run", "job.json", "--state", "s", "--step-seconds", "0"]);
    assert_eq!(refused.status.code(), Some(2));
}
