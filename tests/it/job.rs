//! `narthex job` as its users have it: the real binary, really killed, on real directories.

use crate::job_folder;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use job_folder::JobFolder;

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
    let job_folder = JobFolder::new();
    for (kind, stages) in [
        ("wasm", 1),
        ("digits-wasm", 1),
        ("digits-units", 1),
        ("digits-model", 1),
        ("word-count", 4),
    ] {
        job_folder.example(kind);
        let manifest = format!("{kind}.json");
        let runs = job_folder.json(&["run", &manifest, "--state", kind]);
        assert_eq!(runs.len(), stages, "{kind}");
        assert!(runs.iter().all(|run| run["resumed_at"] == 0));
        let commits = job_folder.commitments(kind, None);
        let audits = job_folder.json(&[
            "audit", "--job", &manifest, "--state", kind, "--sample", "12",
        ]);
        assert_eq!(audits.len(), stages);
        for (audit, commitment) in audits.iter().zip(&commits) {
            assert_eq!(audit["verdict"], "equal", "{kind}");
            assert_eq!(audit["commitment"], *commitment);
        }
        // Done again it is all there, and the commitment stays.
        let again = job_folder.json(&["run", &manifest, "--state", kind, "--check-determinism"]);
        assert!(again.iter().all(|run| run["resumed_at"] == run["steps"]));
        assert_eq!(job_folder.commitments(kind, None), commits);
    }
}

#[test]
fn killed_and_started_again_gives_the_same_root() {
    let job_folder = JobFolder::new();
    job_folder.example("digits-wasm");
    job_folder.run(&["run", "digits-wasm.json", "--state", "whole"]);
    let whole = job_folder.commitments("whole", None);

    let journal = job_folder.path("killed/outputs-0.journal");
    let mut kills = 0;
    for _ in 0..6 {
        let before = fs::metadata(&journal).map_or(0, |m| m.len());
        let mut child = job_folder
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
    let run = job_folder.json(&["run", "digits-wasm.json", "--state", "killed"]);
    let resumed = run[0]["resumed_at"].as_u64().unwrap();
    println!("killed {kills} times, went on at step {resumed}");
    assert!(resumed > 0 && resumed < 897);
    assert_eq!(job_folder.commitments("killed", Some("whole")), whole);
}

#[test]
fn a_torn_end_is_cut_off_and_damage_is_named() {
    let job_folder = JobFolder::new();
    job_folder.example("word-count");
    let run = ["run", "word-count.json", "--state", "s"];
    job_folder.run(&["run", "word-count.json", "--state", "whole"]);
    let whole = job_folder.commitments("whole", None);
    job_folder.run(&run);
    let (data, journal) = (
        job_folder.path("s/outputs-0.bin"),
        job_folder.path("s/outputs-0.journal"),
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
    assert_eq!(job_folder.json(&run)[0]["torn_bytes"], 30_000);
    assert_eq!(job_folder.json(&run)[0]["torn_bytes"], 0);
    cut(&journal, 5);
    assert_eq!(job_folder.json(&run)[0]["thrown_away"], 0);

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
        let error = job_folder.fails(&run);
        assert!(error.contains(why) && error.contains("--repair"), "{error}");
        let error = job_folder.fails(&["commit", "--state", "s"]);
        assert!(
            error.contains(why),
            "nothing damaged is committed to: {error}"
        );
        job_folder.run(&[&run[..], &["--repair"]].concat());
        job_folder.run(&run);
    }
    assert_eq!(job_folder.commitments("s", Some("whole")), whole);
}

#[test]
fn a_reduce_follows_from_its_map() {
    let job_folder = JobFolder::new();
    job_folder.example("word-count");
    let audit = |state: &str, nonce: u8| {
        let nonce = format!("{nonce:02x}").repeat(32);
        let zeros = "00".repeat(32);
        job_folder.try_run(&[
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
    job_folder.run(&["run", "word-count.json", "--state", "s"]);
    job_folder.run(&["commit", "--state", "s"]);
    let text = job_folder.run(&["open", "--state", "s", "--stage", "1", "--steps", "2,3"]);
    fs::write(job_folder.path("opening"), text).unwrap();
    let verify = [
        "verify",
        "--job",
        "word-count.json",
        "--commitment",
        "s/commitment-1.json",
        "--opening",
        "opening",
    ];
    let right = job_folder.json(&[&verify[..], &["--previous", "s/outputs-0.bin"]].concat());
    assert_eq!(right[0]["verdict"], "equal");
    let error = job_folder.fails(&verify);
    assert!(error.contains("--previous"), "{error}");
    let mut bytes = fs::read(job_folder.path("s/outputs-0.bin")).unwrap();
    bytes[9] ^= 1;
    fs::write(job_folder.path("forged"), bytes).unwrap();
    let error = job_folder.fails(&[&verify[..], &["--previous", "forged"]].concat());
    assert!(error.contains("follows from the result before"), "{error}");
    let sealed = job_folder.path("s/result-0.sealed");
    let mut bytes = fs::read(&sealed).unwrap();
    bytes[0] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    let error = String::from_utf8(audit("s", 1).stderr).unwrap();
    assert!(error.contains("proves nothing"), "{error}");

    // A map that was falsified where nobody looked does not fit the reduce that was run on the true one.
    job_folder.run(&["run", "word-count.json", "--state", "cheat"]);
    job_folder.run(&["commit", "--state", "cheat", "--cheat", "target:5"]);
    let missed = (0..20)
        .map(|nonce| audit("cheat", nonce))
        .find(|output| String::from_utf8_lossy(&output.stdout).contains("all equal"));
    let error = String::from_utf8(missed.expect("a sample that misses").stderr).unwrap();
    assert!(error.contains("follows from the result before"), "{error}");
}

#[cfg(feature = "wasmtime")]
#[test]
fn every_engine_gives_the_same_root() {
    let job_folder = JobFolder::new();
    for kind in ["wasm", "digits-wasm"] {
        job_folder.example(kind);
        let manifest = format!("{kind}.json");
        let mut roots = Vec::new();
        for engine in ["wasmi", "wasmtime", "both"] {
            let state = format!("{kind}-{engine}");
            job_folder.run(&["run", &manifest, "--state", &state, "--engine", engine]);
            roots.push(job_folder.commitments(&state, Some(&format!("{kind}-wasmi"))));
        }
        assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    }
    job_folder.example("digits-units");
    let error = job_folder.fails(&[
        "run",
        "digits-units.json",
        "--state",
        "u",
        "--engine",
        "both",
    ]);
    assert!(error.contains("leave out --engine"), "{error}");
}
