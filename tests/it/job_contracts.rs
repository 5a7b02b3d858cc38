//! One result, sold in several contracts: nothing secret is shared, and a killed commitment is finished or begun anew.

use crate::{common::tree, job_folder};

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use job_folder::JobFolder;
use serde_json::{Value, json};
use tree::{difference, tree};

fn read(job_folder: &JobFolder, name: &str) -> Value {
    serde_json::from_slice(&fs::read(job_folder.path(name)).unwrap()).unwrap()
}

fn run(job_folder: &JobFolder, state: &str) {
    if !job_folder.path("word-count.json").exists() {
        job_folder.example("word-count");
    }
    job_folder.run(&["run", "word-count.json", "--state", state]);
}

/// Every file in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    tree(folder)
        .into_keys()
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn each_contract_has_secrets_of_its_own() {
    let job_folder = JobFolder::new();
    run(&job_folder, "s");
    let id = "ab".repeat(32);
    let folders = ["s", "s/contracts/alice", &format!("s/contracts/{id}")];
    let commit = |contract: Option<&str>| {
        let mut args = vec!["commit", "--state", "s"];
        args.extend(contract.iter().flat_map(|name| ["--contract", *name]));
        job_folder.json(&args)
    };
    let (mut seen, mut values) = (BTreeSet::new(), 0);
    for (name, folder) in [None, Some("alice"), Some(&*id)].into_iter().zip(folders) {
        let lines = commit(name);
        assert_eq!(lines.len(), 4, "stages");
        assert!(lines.iter().all(|line| line["contract"] == json!(name)));
        // Once more: the same, and nothing is written.
        let before = tree(&job_folder.path("s"));
        assert_eq!(commit(name), lines);
        assert_eq!(difference(&before, &tree(&job_folder.path("s"))), [""; 0]);
        for stage in 0..4 {
            let secrets = read(&job_folder, &format!("{folder}/secrets-{stage}.json"));
            let sealed =
                fs::read(job_folder.path(&format!("{folder}/result-{stage}.sealed"))).unwrap();
            let commitment = read(&job_folder, &format!("{folder}/commitment-{stage}.json"));
            let commitment = &commitment["commitment"];
            for value in [
                secrets["result"].to_string(),
                secrets["salts"].to_string(),
                commitment["root"].to_string(),
                secrets["polynomial"].to_string(),
                commitment["points"].to_string(),
                commitment["boxes"].to_string(),
                format!("{sealed:?}"),
            ] {
                seen.insert(value);
                values += 1;
            }
        }
    }
    assert_eq!((seen.len(), values), (84, 84), "all of them differ");
    // Each is opened with its own.
    let open = |contract: &[&str]| {
        let args = [&["open", "--state", "s", "--steps", "1,2"], contract].concat();
        job_folder.run(&args)
    };
    let (own, alices) = (open(&[]), open(&["--contract", "alice"]));
    fs::write(job_folder.path("own"), own).unwrap();
    fs::write(job_folder.path("alices"), alices).unwrap();
    let verify = |commitment: &str, opening: &str| {
        let args = [
            "verify",
            "--job",
            "word-count.json",
            "--commitment",
            commitment,
        ];
        job_folder.try_run(&[&args[..], &["--opening", opening]].concat())
    };
    for (commitment, opening, right) in [
        ("s/commitment-0.json", "own", true),
        ("s/commitment-0.json", "alices", false),
        ("s/contracts/alice/commitment-0.json", "own", false),
        ("s/contracts/alice/commitment-0.json", "alices", true),
    ] {
        let done = verify(commitment, opening);
        assert_eq!(done.status.success(), right, "{commitment} {opening}");
    }
    for name in [None, Some("alice"), Some(&*id)] {
        let mut args = vec![
            "audit",
            "--job",
            "word-count.json",
            "--state",
            "s",
            "--sample",
            "3",
        ];
        args.extend(name.iter().flat_map(|name| ["--contract", *name]));
        assert_eq!(job_folder.json(&args).len(), 4);
    }
    // A cheat in one contract does not show in another.
    job_folder.run(&[
        "commit",
        "--state",
        "s",
        "--contract",
        "cheat",
        "--cheat",
        "target:5",
    ]);
    assert_eq!(
        open(&[]),
        fs::read_to_string(job_folder.path("own")).unwrap()
    );
    let error = job_folder.fails(&["open", "--state", "s", "--steps", "1", "--contract", "bob"]);
    assert!(
        error.contains("narthex job commit --state s --contract bob`")
            && error.contains("alice")
            && error.contains("cheat"),
        "{error}"
    );
}

/// What was opened counts after every restart; more than was committed to is refused, however it is asked for, and leaves
/// the folder as it was.
#[test]
fn no_more_steps_are_opened_than_were_committed_to() {
    let job_folder = JobFolder::new();
    job_folder.example("wasm");
    job_folder.run(&["run", "wasm.json", "--state", "s"]);
    job_folder.run(&["commit", "--state", "s", "--sample", "3"]);
    let open = |steps: &str| job_folder.try_run(&["open", "--state", "s", "--steps", steps]);
    let audit = |sample: &str| {
        let args = [
            "audit",
            "--job",
            "wasm.json",
            "--state",
            "s",
            "--sample",
            sample,
        ];
        job_folder.try_run(&args)
    };
    let refused = |done: std::process::Output, why: &str| {
        let error = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && error.contains(why), "{error}");
        assert!(done.stdout.is_empty());
    };
    refused(open("0,1,2,3"), "no secret");
    assert!(!job_folder.path("s/opened-0.json").exists());
    refused(audit("4"), "commit with --sample 4");
    let first = open("1,2");
    assert!(first.status.success());
    let before = tree(&job_folder.path("s"));
    refused(open("3,4"), "no secret");
    refused(audit("3"), "no secret");
    assert_eq!(open("1,2").stdout, first.stdout);
    assert_eq!(difference(&before, &tree(&job_folder.path("s"))), [""; 0]);
    assert!(open("2,7").status.success());
    refused(open("3"), "no secret");
    // A book of another commitment says nothing of this one, so nothing is opened by it.
    job_folder.run(&["commit", "--state", "s", "--contract", "b", "--sample", "3"]);
    fs::copy(
        job_folder.path("s/opened-0.json"),
        job_folder.path("s/contracts/b/opened-0.json"),
    )
    .unwrap();
    let error = job_folder.fails(&["open", "--state", "s", "--contract", "b", "--steps", "1"]);
    assert!(error.contains("another commitment"), "{error}");
}

/// A worker that computed everything, committed to it and sealed garbage is rejected before it is paid.
#[test]
fn sealed_garbage_is_rejected_by_an_audit() {
    let job_folder = JobFolder::new();
    job_folder.example("wasm");
    job_folder.run(&["run", "wasm.json", "--state", "s"]);
    job_folder.run(&["commit", "--state", "s"]);
    job_folder.run(&[
        "commit",
        "--state",
        "s",
        "--contract",
        "bad",
        "--cheat",
        "garbage:1",
    ]);
    let root = |name: &str| read(&job_folder, name)["commitment"]["job"].clone();
    assert_eq!(
        root("s/commitment-0.json"),
        root("s/contracts/bad/commitment-0.json")
    );
    let audit = [
        "audit",
        "--job",
        "wasm.json",
        "--state",
        "s",
        "--sample",
        "2",
    ];
    job_folder.run(&audit);
    let error = job_folder.fails(&[&audit[..], &["--contract", "bad"]].concat());
    assert!(error.contains("does not open under its key"), "{error}");
    let opening = job_folder.run(&["open", "--state", "s", "--contract", "bad", "--steps", "1"]);
    fs::write(job_folder.path("opening"), opening).unwrap();
    let error = job_folder.fails(&[
        "verify",
        "--job",
        "wasm.json",
        "--commitment",
        "s/contracts/bad/commitment-0.json",
        "--opening",
        "opening",
    ]);
    assert!(
        error.contains("holds something else than its leaf"),
        "{error}"
    );
}

#[test]
fn names_of_contracts_are_names() {
    let job_folder = JobFolder::new();
    run(&job_folder, "s");
    let before = tree(&job_folder.path("s"));
    let long = "x".repeat(65);
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "-x",
        ".hidden",
        "a b",
        "ä",
        "a\u{202e}b",
        &long,
    ] {
        let name = format!("--contract={name}");
        for command in [&["commit"][..], &["open", "--steps", "1"]] {
            let done = job_folder.try_run(&[command, &["--state", "s", &name]].concat());
            assert!(!done.status.success(), "{name}");
        }
    }
    assert_eq!(difference(&before, &tree(&job_folder.path("s"))), [""; 0]);
    job_folder.run(&["commit", "--state", "s", "--contract", &"x".repeat(64)]);
    job_folder.run(&["commit", "--state", "s", "--contract", "a.b_c-9"]);
}

#[test]
fn what_is_secret_is_for_the_owner_alone() {
    for umask in ["000", "022", "077"] {
        let job_folder = JobFolder::new();
        job_folder.example("wasm");
        fs::create_dir(job_folder.path("there")).unwrap();
        for state in ["there", "new/deep"] {
            for args in [
                format!("run wasm.json --state {state}"),
                format!("commit --state {state} --cheat target:3"),
                format!("commit --state {state} --contract c --cheat target:3"),
            ] {
                let binary = env!("CARGO_BIN_EXE_narthex");
                let script = format!("umask {umask}; exec {binary} job {args}");
                let mut command = std::process::Command::new("sh");
                command
                    .args(["-c", &script])
                    .current_dir(job_folder.path(""));
                let done = command.output().unwrap();
                let error = String::from_utf8_lossy(&done.stderr);
                assert!(done.status.success() && error.is_empty(), "{args}: {error}");
            }
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            let secret = |name: &str| {
                ["secrets-", "outputs-", "claimed-", "lock"]
                    .iter()
                    .any(|kind| name.starts_with(kind))
            };
            let mut secrets = 0;
            for path in files(&job_folder.path(state)) {
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(!name.ends_with(".part"), "{name}");
                if secret(name) {
                    assert_eq!(mode(&path), 0o600, "{} under {umask}", path.display());
                    secrets += 1;
                }
            }
            assert_eq!(
                secrets, 7,
                "two of secrets, claims and outputs each, a lock"
            );
            assert_eq!(mode(&job_folder.path(state).join("contracts")), 0o700);
            assert_eq!(mode(&job_folder.path(state).join("contracts/c")), 0o700);
        }
        let made = fs::metadata(job_folder.path("new/deep"))
            .unwrap()
            .permissions();
        assert_eq!(made.mode() & 0o777, 0o700);
    }
}

#[test]
fn secrets_that_others_can_read_are_said_and_used() {
    let job_folder = JobFolder::new();
    run(&job_folder, "s");
    job_folder.run(&["commit", "--state", "s"]);
    let path = job_folder.path("s/secrets-0.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let done = job_folder.try_run(&["open", "--state", "s", "--steps", "1"]);
    let said = String::from_utf8(done.stderr).unwrap();
    // Not to answer would lose the stake.
    assert!(done.status.success(), "{said}");
    assert!(said.contains("s/secrets-0.json (mode 644)"), "{said}");
    // As an older program left outputs.
    let outputs = job_folder.path("s/outputs-0.bin");
    fs::set_permissions(&outputs, fs::Permissions::from_mode(0o644)).unwrap();
    run(&job_folder, "s");
    assert_eq!(
        fs::metadata(&outputs).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

/// The order in which a stage's files get their names.
const ORDER: [&str; 4] = ["secrets", "claimed", "result", "commitment"];

fn rank(path: &Path) -> usize {
    let name = path.file_name().unwrap().to_str().unwrap();
    let stage: usize = name.split(['-', '.']).nth(1).unwrap().parse().unwrap();
    let kind = ORDER
        .iter()
        .position(|kind| name.starts_with(kind))
        .unwrap();
    stage * ORDER.len() + kind
}

/// Every state of the directory that a kill between two names can leave leads to a whole commitment, and what was
/// committed to stays.
#[test]
fn a_commitment_that_was_killed_is_finished() {
    let job_folder = JobFolder::new();
    run(&job_folder, "s");
    let committed: Vec<PathBuf> = {
        let before: BTreeSet<_> = files(&job_folder.path("s")).into_iter().collect();
        job_folder.run(&["commit", "--state", "s", "--cheat", "target:5"]);
        let after = files(&job_folder.path("s")).into_iter();
        let mut new: Vec<_> = after.filter(|path| !before.contains(path)).collect();
        new.sort_by_key(|path| rank(path));
        new
    };
    assert_eq!(
        committed.len(),
        13,
        "four stages of three files, and what the cheat claims"
    );
    let whole: Vec<_> = committed
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    for kept in 0..committed.len() {
        for cheats in [true, false] {
            for (path, bytes) in committed.iter().zip(&whole) {
                fs::remove_file(path).ok();
                if rank(path) < rank(&committed[kept]) {
                    fs::write(path, bytes).unwrap();
                }
            }
            // Killed before anything was opened.
            for stage in 0..4 {
                fs::remove_file(job_folder.path(&format!("s/opened-{stage}.json"))).ok();
            }
            fs::write(job_folder.path("s/.narthex-killed.part"), "half").unwrap();
            let mut args = vec!["commit", "--state", "s"];
            if cheats {
                args.extend(["--cheat", "target:5"]);
            }
            let done = job_folder.try_run(&args);
            let error = String::from_utf8_lossy(&done.stderr);
            // Once the cheat's own stage is committed to, only the same can follow.
            let bound = kept > 3;
            assert_eq!(done.status.success(), cheats || !bound, "{kept}: {error}");
            if !done.status.success() {
                continue;
            }
            assert!(!job_folder.path("s/.narthex-killed.part").exists());
            for (path, bytes) in committed.iter().zip(&whole).take(kept) {
                if cheats {
                    assert_eq!(fs::read(path).unwrap(), *bytes, "{}", path.display());
                }
            }
            let audit = [
                "audit",
                "--job",
                "word-count.json",
                "--state",
                "s",
                "--sample",
                "100000",
            ];
            match cheats {
                true => assert!(job_folder.fails(&audit).contains("reject, and dispute")),
                false => assert_eq!(job_folder.json(&audit).len(), 4),
            }
        }
    }
}

/// Really killed, whenever one of its files appears.
#[test]
fn a_commit_killed_at_any_file_is_done_by_the_next() {
    let job_folder = JobFolder::new();
    run(&job_folder, "s");
    let mut killed = 0;
    for stage in 0..4 {
        for kind in ["secrets", "result", "commitment"] {
            let contract = format!("{kind}{stage}");
            let folder = job_folder.path("s/contracts").join(&contract);
            let args = ["commit", "--state", "s", "--contract", &contract];
            let mut child = job_folder
                .command(&args)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let is_there = || {
                let names = fs::read_dir(&folder).into_iter().flatten().flatten();
                let mut names = names.map(|entry| entry.file_name().into_string().unwrap());
                names.any(|name| name.starts_with(&format!("{kind}-{stage}")))
            };
            while !is_there() && child.try_wait().unwrap().is_none() {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
            killed += usize::from(!child.wait().unwrap().success());
            let kept: Vec<_> = files(&folder)
                .into_iter()
                .map(|p| (fs::read(&p).unwrap(), p))
                .collect();
            job_folder.run(&args);
            for (bytes, path) in kept {
                assert_eq!(fs::read(&path).unwrap(), bytes, "{}", path.display());
            }
            let audit = [
                "audit",
                "--job",
                "word-count.json",
                "--state",
                "s",
                "--sample",
                "2",
            ];
            job_folder.run(&[&audit[..], &["--contract", &contract]].concat());
        }
    }
    println!("{killed} of 12 were killed before their end");
    let left = files(&job_folder.path("s"));
    assert!(
        left.iter()
            .all(|path| path.extension().is_none_or(|e| e != "part"))
    );
}
