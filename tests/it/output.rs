//! One rule for every command: a line that is lost fails it, a reader that left does not.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::common::{few_images, leaves::leaves, tree::copy};
use tempfile::TempDir;

const KEY: &str = "02a1b09f93073c63f205086440898141c0c3c6d24f69a18db608224bcf143fa011";
const WIF: &str = "L2tQBEdhC48YLeEWNg3e4msk94iKfyVa9hdfzRwUERabZ53TfH3d";
const COIN: &str =
    "--outpoint 0000000000000000000000000000000000000000000000000000000000000001:0 --sat 50000";

/// Arguments with which each command succeeds and prints, in this order: later ones read what earlier ones wrote.
/// `@` is another number each time.
fn table() -> Vec<(&'static str, String)> {
    let (recomputer, job) = ("01".repeat(32), "02".repeat(32));
    let bond = format!("--key {KEY} --until 2030-01");
    let identity = &KEY[2..];
    let quotes = "--quotes quotes.json --reliability 90% --hops 1 --latency 500ms";
    let all = [
        ("play", format!("--input {}", few_images().display())),
        ("arbiter replay", "bundle".into()),
        ("arbiter judge", "--probe".into()),
        ("contract show", "".into()),
        ("contract example", "".into()),
        ("contract make", "--case case.json".into()),
        ("game show", "".into()),
        ("game solve", "".into()),
        ("game export", "--efg".into()),
        ("game plan", "--samples 300".into()),
        ("game example", "".into()),
        ("game schedule", "".into()),
        ("game rule", "--example no-sample".into()),
        ("store encode", "file --out store@".into()),
        (
            "store challenge",
            "--archive store/archive.json --out challenge@".into(),
        ),
        (
            "store prove",
            "store --challenge challenge --out proof@".into(),
        ),
        (
            "store verify",
            "--archive store/archive.json --challenge challenge --proof proof".into(),
        ),
        ("store audit", "store --proof audit@".into()),
        ("store recover", "store --out back@".into()),
        ("bond address", format!("{bond} --network regtest")),
        (
            "bond value",
            "--sat 100000000 --until 2030-01 --confirmed 1700000000".into(),
        ),
        (
            "bond prove",
            format!(
                "{bond} {COIN} --confirmed-height 800000 --identity {identity} --valid-below 900000 --key-file wif"
            ),
        ),
        ("bond check", "CERTIFICATE --tip-height 810000".into()),
        (
            "bond withdraw",
            format!("{bond} {COIN} --network regtest --to ADDRESS"),
        ),
        ("bond roll", format!("{bond} {COIN} --next 2031-01")),
        ("bond select", format!("snapshot.json --seed {job}")),
        ("bond draw", "--example verifier".into()),
        ("bond play", "".into()),
        ("job example", "wasm".into()),
        ("job entropy", "--job job.json".into()),
        ("job run", "job.json --state work".into()),
        ("job commit", "--state work".into()),
        ("job open", "--state work --steps 0".into()),
        (
            "job verify",
            "--job job.json --commitment work/commitment-0.json --opening opening.json".into(),
        ),
        ("job audit", "--job job.json --state work --sample 2".into()),
        ("job dispute", "--job units.json".into()),
        ("market price", quotes.into()),
        ("market choose", quotes.into()),
        ("market ledger init", "ledger@".into()),
        (
            "market ledger audit",
            format!(
                "ledger --job {} --recomputer {recomputer} --passed --height @",
                "@@".repeat(32)
            ),
        ),
        ("market ledger show", "ledger".into()),
        ("market calibrate", "--requests 20".into()),
        ("simulate games", "--games 5".into()),
        ("simulate schedules", "--schedules 5".into()),
        ("bounty play", "".into()),
        ("bounty show", "".into()),
        ("bounty price", "".into()),
        ("bank play", "--pennies 10000".into()),
        ("bank show", "--pennies 10000".into()),
        ("bank bench", "--pennies 10000".into()),
        ("bank open", "--dir new@ --pennies 10000".into()),
        ("bank pay", "5 --dir COPY-OF-open".into()),
        ("bank force-close", "--dir COPY-OF-open".into()),
        ("bank claim", "--dir COPY-OF-force-closed".into()),
        ("bank resume", "--dir COPY-OF-force-closed".into()),
        ("bank close", "--dir COPY-OF-open".into()),
        ("bank refund", "--dir COPY-OF-late".into()),
        ("bank status", "--dir COPY-OF-open".into()),
        ("slice play", "".into()),
        ("slice show", "".into()),
        ("deliver play", "".into()),
        ("deliver show", "".into()),
        ("deliver scan", "--key key transactions".into()),
        ("bench", "--rounds 1 --arbiters 2-of-3".into()),
        ("completions", "bash".into()),
        ("man", "bank open".into()),
    ];
    all.into()
}

/// They ask a node, and there is none here: they cannot come to their output.
const ELSEWHERE: [&str; 2] = ["bond snapshot", "node check"];

/// Their answer is "no", whoever reads it.
const NOES: [&str; 1] = ["game schedule"];

/// Kept banks as they stand before the command that is tried on a copy (`COPY-OF-` and the name).
const KEPT: [(&str, &[&str]); 3] = [
    ("open", &["open --pennies 10000", "pay 500"]),
    (
        "force-closed",
        &["open --pennies 10000", "pay 500", "force-close"],
    ),
    (
        "late",
        &[
            "open --pennies 10000 --refund-blocks 40",
            "status --mine 60",
        ],
    ),
];

struct Scratch {
    folder: TempDir,
    runs: std::cell::Cell<u32>,
    certificate: String,
    address: String,
}

impl Scratch {
    fn new() -> Scratch {
        let mut scratch = Scratch {
            folder: tempfile::tempdir().unwrap(),
            runs: std::cell::Cell::new(0),
            certificate: String::new(),
            address: String::new(),
        };
        let write =
            |name: &str, text: &str| std::fs::write(scratch.path().join(name), text).unwrap();
        write("file", "stored");
        write("wif", WIF);
        write("key", &"11".repeat(32));
        let vector = include_str!("../../arbiter/tests/vectors/bundle.json");
        let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
        write("bundle", vector["bundle"].as_str().unwrap());
        write("transactions", "\n");
        write(
            "quotes.json",
            &format!(
                r#"{{"quotes":[{{"recomputer":"{}","base_sat":100,"hop_fee_sat":2,"latencies":[{{"within":"500ms","premium_sat":0}}],"reliability":"0.99"}}]}}"#,
                "01".repeat(32)
            ),
        );
        write(
            "snapshot.json",
            &format!(
                r#"{{"height":10,"median_time":1700000000,"bonds":[],"bondless":["{}"]}}"#,
                &KEY[2..]
            ),
        );
        for (name, args) in [
            ("case.json", "game example"),
            ("job.json", "job example wasm"),
            ("units.json", "job example digits-units"),
        ] {
            write(name, &scratch.says(args));
        }
        for args in [
            "store encode file --out store",
            "store challenge --archive store/archive.json --out challenge",
            "store prove store --challenge challenge --out proof",
            "market ledger init ledger",
            "job run job.json --state work",
            "job commit --state work",
        ] {
            scratch.says(args);
        }
        write(
            "opening.json",
            &scratch.says("job open --state work --steps 0"),
        );
        for (name, commands) in KEPT {
            for command in commands {
                let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
                scratch.says(&format!("bank {verb} {rest} --dir {name}"));
            }
        }
        let of = |command: &str| {
            let (_, args) = table()
                .into_iter()
                .find(|(name, _)| *name == command)
                .unwrap();
            scratch.says(&format!("{command} {args}"))
        };
        let (certificate, address) = (of("bond prove"), of("bond address"));
        scratch.certificate = certificate.trim().into();
        scratch.address = address.lines().next().unwrap().into();
        scratch
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// With its output and errors somewhere.
    fn run(&self, args: &str, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Output {
        self.runs.set(self.runs.get() + 1);
        let mut args = args.to_owned();
        for (name, _) in KEPT {
            let (of, copied) = (
                format!("COPY-OF-{name}"),
                format!("{name}{}", self.runs.get()),
            );
            if args.contains(&of) {
                copy(&self.path().join(name), &self.path().join(&copied));
                args = args.replace(&of, &copied);
            }
        }
        let args = args
            .replace("@@", &format!("{:02x}", self.runs.get()))
            .replace('@', &self.runs.get().to_string())
            .replace("CERTIFICATE", &self.certificate)
            .replace("ADDRESS", &self.address);
        Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(args.split_whitespace())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap()
    }

    fn says(&self, args: &str) -> String {
        let ran = self.run(args, Stdio::piped(), Stdio::piped());
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{args}: {said}");
        String::from_utf8(ran.stdout).unwrap()
    }
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads.
fn left() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn lost_output_fails_every_command_and_a_reader_that_left_fails_none() {
    let scratch = Scratch::new();
    let table = table();
    for leaf in leaves() {
        let leaf = leaf.join(" ");
        let line = table.iter().find(|(name, _)| *name == leaf);
        let Some((_, args)) = line else {
            assert!(
                ELSEWHERE.contains(&leaf.as_str()),
                "{leaf} is not in the table"
            );
            continue;
        };
        for json in ["", " --json"] {
            let args = format!("{leaf} {args}{json}");
            let lost = scratch.run(&args, full(), Stdio::piped());
            let said = String::from_utf8_lossy(&lost.stderr);
            assert_eq!(lost.status.code(), Some(1), "{args} > /dev/full: {said}");
            let lines = said.matches("cannot write to standard output").count();
            assert_eq!(lines, 1, "{args} > /dev/full: {said}");

            let piped = scratch.run(&args, left(), Stdio::piped());
            let said = String::from_utf8_lossy(&piped.stderr);
            let answer = if NOES.contains(&leaf.as_str()) { 3 } else { 0 };
            assert_eq!(piped.status.code(), Some(answer), "{args} | true: {said}");
            assert!(
                !said.contains("pipe") && !said.contains("panicked"),
                "{args} | true: {said}"
            );
        }
    }
}

#[test]
fn help_and_usage_keep_the_rule() {
    let scratch = Scratch::new();
    for leaf in leaves() {
        let help = format!("{} --help", leaf.join(" "));
        let lost = scratch.run(&help, full(), Stdio::piped());
        assert_eq!(lost.status.code(), Some(1), "{help} > /dev/full");
        let piped = scratch.run(&help, left(), Stdio::piped());
        assert_eq!(piped.status.code(), Some(0), "{help} | true");
        let wrong = format!("{} --no-such-flag", leaf.join(" "));
        let unheard = scratch.run(&wrong, Stdio::null(), left());
        assert_eq!(unheard.status.code(), Some(2), "{wrong} 2>&1 | true");
    }
    let lost = scratch.run("--version", full(), Stdio::piped());
    assert_eq!(lost.status.code(), Some(1));
    // What is said beside the output counts as well, and errors nobody hears are errors.
    let seats = format!(
        "bond select snapshot.json --seats 5 --seed {}",
        "02".repeat(32)
    );
    let said = scratch.run(&seats, Stdio::null(), Stdio::piped());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("asked for 5 seats, found 1"), "{said}");
    assert_eq!(
        scratch.run(&seats, Stdio::null(), full()).status.code(),
        Some(1)
    );
    assert_eq!(
        scratch.run(&seats, Stdio::null(), left()).status.code(),
        Some(0)
    );
    for stream in [Stdio::from(full()), Stdio::from(left())] {
        let failed = scratch.run("game solve missing.json", Stdio::null(), stream);
        assert_eq!(failed.status.code(), Some(1));
    }
}

/// Nothing is printed past the one way out: `println!` panics where the reader has left.
#[test]
fn nothing_prints_elsewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "src",
        "arbiter/src",
        "base/src",
        "channel/src",
        "contracts/src",
        "game-model/src",
        "regtest/src",
        "disk/src",
    ] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 200);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let macros = ["println!", "eprintln!", " print!", " eprint!", "dbg!("];
        let found = macros.iter().find(|name| text.contains(**name));
        assert_eq!(found, None, "{}", file.display());
        // Of the command: a bare stream knows nothing of the rule.
        if file.starts_with(root.join("src")) && !file.ends_with("cli/output.rs") {
            for bare in ["io::stdout()", "io::stderr()", " stdout()", " stderr()"] {
                assert!(!text.contains(bare), "{}: {bare}", file.display());
            }
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
            false => {}
        }
    }
}
