//! `narthex job dispute` and `narthex simulate games`, with the real binary.

use crate::{
    job_folder,
    kill::{When, doom, killer},
};

use std::process::Command;

use job_folder::JobFolder;
use narthex::job_dispute::{DisputeFile, log_of};
use narthex_channel::log::{Log, SqliteLog};
use serde_json::Value;

/// A job whose steps can be cut into units.
fn divisible(job_folder: &JobFolder) -> String {
    let mut job: Value =
        serde_json::from_str(&job_folder.run(&["example", "digits-wasm"])).unwrap();
    job["work"]["units"] = true.into();
    let path = job_folder.path("units.json");
    std::fs::write(&path, job.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_dispute_ends_against_the_liar_and_replays_to_the_same_ruling() {
    let job_folder = JobFolder::new();
    let job = divisible(&job_folder);
    for (liar, against) in [("worker", "worker"), ("challenger", "verifier")] {
        let file = job_folder.path(&format!("{liar}.json"));
        let file = file.to_str().unwrap();
        let args = [
            "dispute", "--job", &job, "--step", "5", "--liar", liar, "--out", file,
        ];
        let played = &job_folder.json(&args)[0];
        let standing = played["standing"].to_string();
        assert!(
            standing.contains("ruled") && standing.contains(against),
            "{standing}"
        );
        let moves = played["moves"].as_array().unwrap().len() as u64;
        assert!(moves >= 3 && moves <= played["plan"]["moves"].as_u64().unwrap());
        let again = &job_folder.json(&["dispute", "--job", &job, "--replay", file])[0];
        assert_eq!(again["standing"], played["standing"]);
        assert_eq!(again["moves"], played["moves"]);
    }
    let silent = ["dispute", "--job", &job, "--silent-from", "2"];
    let standing = job_folder.json(&silent)[0]["standing"].to_string();
    assert!(standing.contains("worker"), "{standing}");
}

#[test]
fn what_is_no_dispute_is_named() {
    let job_folder = JobFolder::new();
    let job = divisible(&job_folder);
    let fails = |args: &[&str]| {
        let output = job_folder.try_run(args);
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let beyond = fails(&["dispute", "--job", &job, "--step", "1000000"]);
    assert!(beyond.contains("1000000"), "{beyond}");
    let words = job_folder.run(&["example", "word-count"]);
    let path = job_folder.path("words.json");
    std::fs::write(&path, words).unwrap();
    let whole = fails(&["dispute", "--job", path.to_str().unwrap()]);
    assert!(whole.contains("unit"), "{whole}");
    let bad = job_folder.path("bad.json");
    std::fs::write(&bad, "{}").unwrap();
    fails(&["dispute", "--job", &job, "--replay", bad.to_str().unwrap()]);

    // A file that speaks of blocks that the reader has not seen, or of a contract that does not allow this job.
    let good = job_folder.path("good.json");
    let good = good.to_str().unwrap();
    job_folder.run(&["dispute", "--job", &job, "--out", good]);
    let replay = |file: &str, more: &[&str]| {
        let args = ["dispute", "--job", &job, "--replay", file];
        job_folder.try_run(&[&args[..], more].concat())
    };
    let said: Value = serde_json::from_slice(&std::fs::read(good).unwrap()).unwrap();
    let complete_to = said["transcript"]["complete_to"].as_u64().unwrap();
    assert!(
        replay(good, &["--tip", &complete_to.to_string()])
            .status
            .success()
    );
    let beyond = fails(&[
        "dispute",
        "--job",
        &job,
        "--replay",
        good,
        "--tip",
        &(complete_to - 1).to_string(),
    ]);
    assert!(beyond.contains(&complete_to.to_string()), "{beyond}");
    for (bound, value, why) in [
        ("fuel", 9, "fuel for a unit"),
        ("record_bytes", 63, "bytes a record"),
        ("fuel_per_second", 1, "1 a second"),
    ] {
        let mut bent = said.clone();
        bent["terms"]["bounds"][bound] = value.into();
        std::fs::write(&bad, bent.to_string()).unwrap();
        let refused = fails(&["dispute", "--job", &job, "--replay", bad.to_str().unwrap()]);
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_simulation_agrees_with_theory() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(["simulate", "games"])
            .args(args)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let cheat = [
        "--worker",
        "falsify:2%",
        "--games",
        "200",
        "--steps",
        "100",
        "--sample",
        "20",
    ];
    let report = run(&[&cheat[..], &["--json"]].concat());
    let detection = &report["comparisons"][0];
    // Two bad steps of 100, 20 sampled: 1 − C(98,20)/C(100,20) = 0.3616…
    assert!(
        (detection["closed_form"].as_f64().unwrap() - 0.361_616).abs() < 1e-5,
        "{report}"
    );
    assert!(
        detection["deviations"].as_f64().unwrap().abs() < 5.0,
        "{report}"
    );
    // The same seed plays the same games.
    assert_eq!(report, run(&[&cheat[..], &["--json"]].concat()));
}

/// A dispute kept in a log, killed at each write and gone on with: every entry is there, once.
#[test]
fn a_kept_dispute_killed_at_every_write() {
    let job_folder = JobFolder::new();
    let job = divisible(&job_folder);
    let file = |liar: &str| {
        job_folder
            .path(&format!("{liar}.json"))
            .display()
            .to_string()
    };
    for liar in ["worker", "challenger"] {
        job_folder.run(&[
            "dispute",
            "--job",
            &job,
            "--step",
            "5",
            "--liar",
            liar,
            "--out",
            &file(liar),
        ]);
    }
    let killer = killer(&job_folder.path(""));
    let folder = job_folder.path("kept");
    let run = |liar: &str, kill_at: Option<u32>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command.args([
            "job",
            "dispute",
            "--job",
            &job,
            "--replay",
            &file(liar),
            "--json",
        ]);
        command.arg("--log").arg(folder.join("dispute"));
        if let Some(at) = kill_at {
            doom(&mut command, &killer, at, When::Before);
        }
        command.output().unwrap()
    };
    let shown = |output: &std::process::Output| -> Value {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mut kills = 0;
    for at in 1..400 {
        let _ = std::fs::remove_dir_all(&folder);
        let killed = run("worker", Some(at));
        let is_killed = killed.status.code().is_none();
        let account = shown(&run("worker", None));
        // Opening, moves, ruling.
        let entries = account["moves"].as_array().unwrap().len() as u64 + 2;
        let terms = DisputeFile::read(file("worker").as_ref()).unwrap();
        let mut log = SqliteLog::open(&folder.join("dispute"), &log_of(&terms).unwrap()).unwrap();
        assert_eq!(
            log.read(&mut |_, _| {}).unwrap(),
            entries,
            "killed at write {at}"
        );
        drop(log);
        if !is_killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 5 && kills < 399, "{kills} kills");
    let other = run("challenger", None);
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(
        !other.status.success() && said.contains("not the log of"),
        "{said}"
    );
}
