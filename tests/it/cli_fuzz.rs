//! The command line, option by option, with values at the edges: no panic, no hang, no broken expectation, and nothing on
//! standard output but JSON from a command that is refused before it begins.
//!
//! Commands and options are read from the command's own help, so that a new option is covered by itself.
//! `NARTHEX_FUZZ_RUNS` says how many runs are made (60 without it; 3000 is a full run, some minutes), `NARTHEX_TEST_SEED`
//! (a number) repeats a run.

use std::{
    collections::BTreeSet,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bitcoin::secp256k1::rand::{self, Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// A command that takes longer is a hang. Default runs of simulations take some ten seconds where much else runs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs without `NARTHEX_FUZZ_RUNS`.
const RUNS: usize = 60;

/// What numbers, amounts, shares, dates and names may be mistyped as.
const EDGES: [&str; 52] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "16",
    "17",
    "255",
    "256",
    "1000",
    "2030",
    "65535",
    "65536",
    "2097152",
    "499999999",
    "500000000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "2100000000000000",
    "2100000000000001",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "",
    " ",
    "0.1",
    "0.0001",
    "0.5btc",
    "1e308",
    "NaN",
    "10%",
    "10 %",
    "150%",
    "1/3",
    "1/0",
    "4294967295/4294967294",
    "2030-01",
    "2099-12",
    "2100-01",
    "height:5",
    "time:5",
    "3-of-3",
    "8-of-15",
    "255-of-255",
    "skip:0",
    "target:0,18446744073709551615",
];

/// Options that make a command do nothing else, ask for a network, or measure for minutes.
const NOT_TRIED: [&str; 5] = ["--help", "--version", "--node", "--cookie", "--chain"];

/// Options that say how often: whoever asks for billions gets billions, which is no hang. Of these only small edges are tried.
const REPEATS: [&str; 2] = ["--games", "--schedules"];

/// Commands that measure for as long as they like.
const NOT_RUN: [&str; 2] = ["bench", "bank bench"];

#[derive(Debug)]
struct Opt {
    name: String,
    /// Values that the help lists; empty if any is taken.
    named: Vec<String>,
    takes: bool,
}

#[derive(Debug, Default)]
struct Cmd {
    path: Vec<String>,
    options: Vec<Opt>,
    /// Arguments without a name, of which so many must be there.
    needed: usize,
    /// Options that must be there.
    required: BTreeSet<String>,
}

fn help(path: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args(path)
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{path:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// All commands that have no commands below them.
fn commands(path: Vec<String>, found: &mut Vec<Cmd>) {
    let text = help(&path);
    let section = |title: &str| {
        let start = text
            .find(&format!("\n{title}:\n"))
            .map(|at| at + title.len() + 3);
        start.map(|at| text[at..].split("\n\n").next().unwrap_or_default())
    };
    if let Some(below) = section("Commands") {
        for line in below
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        {
            let name = line.split_whitespace().next().unwrap();
            if name != "help" {
                commands([&path[..], &[name.to_owned()]].concat(), found);
            }
        }
        return;
    }
    let mut cmd = Cmd {
        path,
        ..Cmd::default()
    };
    let usage = text
        .lines()
        .find_map(|line| line.strip_prefix("Usage: "))
        .unwrap();
    let words: Vec<&str> = usage.split_whitespace().skip(1 + cmd.path.len()).collect();
    for (i, word) in words.iter().enumerate() {
        let after_option = i > 0 && words[i - 1].starts_with("--");
        match word.strip_prefix("--") {
            Some(_) => drop(cmd.required.insert((*word).to_owned())),
            None if word.starts_with('<') && !after_option => cmd.needed += 1,
            None => {}
        }
    }
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("-h, ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("[possible values: ") {
            let named = rest.trim_end_matches(']').split(", ").map(str::to_owned);
            if let Some(last) = cmd.options.last_mut() {
                last.named = named.collect();
            }
        } else if line.starts_with("--") {
            let name = line.split([' ', '=', '[']).next().unwrap().to_owned();
            let takes = line.contains('<');
            if !NOT_TRIED.contains(&name.as_str()) {
                cmd.options.push(Opt {
                    name,
                    named: Vec::new(),
                    takes,
                });
            }
        } else if let Some(value) = line.strip_prefix("- ") {
            // `- name: what it is`, of values with a description.
            let name = value.split(':').next().unwrap();
            if let Some(last) = cmd.options.last_mut() {
                last.named.push(name.to_owned());
            }
        }
    }
    found.push(cmd);
}

/// A made-up command line: what must be there, and some of what may.
fn arguments(cmd: &Cmd, dir: &Path, rng: &mut StdRng) -> Vec<String> {
    let hex = "02a1b09f93073c63f205086440898141c0c3c6d24f69a18db608224bcf143fa011";
    let files = ["key", "empty", "garbage", "none", "case.json"]
        .map(|name| dir.join(name).display().to_string());
    let plausible = [
        hex.to_owned(),
        hex[2..].to_owned(),
        format!("{}:0", "ab".repeat(32)),
        "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6".to_owned(),
        "800000".to_owned(),
        "100000000".to_owned(),
        "2030-01".to_owned(),
        "99%".to_owned(),
        "2b".to_owned(),
    ];
    let value = |option: Option<&Opt>, rng: &mut StdRng| -> String {
        match option {
            Some(option) if !option.named.is_empty() && rng.gen_bool(0.9) => {
                option.named.choose(rng).unwrap().clone()
            }
            Some(option) if REPEATS.contains(&option.name.as_str()) => {
                let small = ["", "0", "-1", "1", "+3", "1.5", "x", "18446744073709551616"];
                (*small.choose(rng).unwrap()).to_owned()
            }
            _ => match rng.gen_range(0..10) {
                0..6 => (*EDGES.choose(rng).unwrap()).to_owned(),
                6..8 => plausible.choose(rng).unwrap().clone(),
                _ => files.choose(rng).unwrap().clone(),
            },
        }
    };
    let mut args = cmd.path.clone();
    for _ in 0..cmd.needed {
        args.push(value(None, rng));
    }
    let chosen = rng.gen_range(0..=3).min(cmd.options.len());
    let extra: Vec<usize> = rand::seq::index::sample(rng, cmd.options.len(), chosen).into_vec();
    for (i, option) in cmd.options.iter().enumerate() {
        // How often something is done is always said: what a command does by itself takes minutes.
        let is_said =
            cmd.required.contains(&option.name) || REPEATS.contains(&option.name.as_str());
        if !is_said && !extra.contains(&i) {
            continue;
        }
        // Written as one word, so that a value may begin with a minus.
        args.push(match option.takes {
            true => format!("{}={}", option.name, value(Some(option), rng)),
            false => option.name.clone(),
        });
    }
    args
}

/// Waits until it ends; `None` if it does not.
fn ends(mut child: Child) -> Option<(Option<i32>, Vec<u8>, Vec<u8>)> {
    let drain = |mut pipe: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    };
    let out = drain(Box::new(child.stdout.take().unwrap()));
    let err = drain(Box::new(child.stderr.take().unwrap()));
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some((status.code(), out.join().unwrap(), err.join().unwrap()));
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::yield_now();
        thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn options_at_their_edges() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let runs = number("NARTHEX_FUZZ_RUNS").map_or(RUNS, |runs| runs as usize);
    let seed = number("NARTHEX_TEST_SEED").unwrap_or_else(rand::random);
    println!("NARTHEX_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut all = Vec::new();
    commands(Vec::new(), &mut all);
    all.retain(|cmd| !NOT_RUN.contains(&cmd.path.join(" ").as_str()));
    let options: usize = all.iter().map(|cmd| cmd.options.len()).sum();
    // The help is read as it is meant to be.
    assert!(
        all.len() > 30 && options > 150,
        "{} commands, {options} options",
        all.len()
    );
    let scenario = |cmd: &Cmd| {
        cmd.options
            .iter()
            .any(|o| o.name == "--fee-rate" && o.takes)
    };
    assert!(all.iter().filter(|cmd| scenario(cmd)).count() >= 8);

    let (mut faults, mut refused) = (Vec::new(), 0);
    for run in 0..runs {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), "11".repeat(32)).unwrap();
        std::fs::write(dir.path().join("empty"), "").unwrap();
        std::fs::write(dir.path().join("garbage"), [0xff, 0xfe, 0, 7]).unwrap();
        std::fs::write(dir.path().join("case.json"), "{}").unwrap();
        // Each command in turn, so that all are tried.
        let cmd = &all[run % all.len()];
        let args = arguments(cmd, dir.path(), &mut rng);
        let child = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(&args)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let Some((code, out, err)) = ends(child) else {
            faults.push(format!("no end after {PATIENCE:?}: {args:?}"));
            continue;
        };
        let (out, err) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
        let mut fault = |what: &str| {
            faults.push(format!(
                "{what}: {args:?}: {}",
                err.lines().next().unwrap_or_default()
            ))
        };
        if code.is_none_or(|code| code == 101) || err.contains("panicked") {
            fault("a panic");
        }
        if format!("{out}{err}").contains("broken expectation") {
            fault("a broken expectation");
        }
        if err.contains("18446744073709551615 sat")
            && !args.concat().contains("18446744073709551615")
        {
            fault("a sentinel");
        }
        if code != Some(0) {
            refused += 1;
            if err.trim().is_empty() && out.trim().is_empty() {
                fault("no word of why");
            }
            // Usage errors come before anything else.
            if code == Some(2) && !out.is_empty() {
                fault("output of a command that was not understood");
            }
        }
    }
    println!(
        "{runs} runs of {} commands with {options} options: {refused} refused",
        all.len()
    );
    assert!(
        faults.is_empty(),
        "NARTHEX_TEST_SEED={seed}, {} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Commands that fail, each with an error that has a cause or more.
const FAILING: [&str; 27] = [
    "contract show none.json",
    "contract show garbage",
    "contract show empty",
    "game solve none.json",
    "game solve garbage",
    "game solve case.json",
    "game plan --right-value 0",
    "game plan --fee-rate 0",
    "play --economics none.json",
    "play --economics case.json",
    "play --input none.csv",
    "play --input garbage",
    "play --job none.json",
    "play --job garbage",
    "play --job garbage --stage 3",
    "job run --job none.json --state state",
    "job run --job case.json --state state",
    "job commit --state none",
    "market price --quotes none.json --reliability 99% --hops 3 --latency 2b",
    "market price --quotes case.json --reliability 99% --hops 3 --latency 2b",
    "market ledger show none",
    "market ledger show garbage",
    "store recover none --out out",
    "deliver scan --key none",
    "deliver scan --key garbage",
    "bond select none --seed 0707070707070707070707070707070707070707070707070707070707070707",
    "bond select case.json --seed 0707070707070707070707070707070707070707070707070707070707070707",
];

/// An error tells each of its causes once.
#[test]
fn no_sentence_is_said_twice() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("empty"), "").unwrap();
    std::fs::write(dir.path().join("garbage"), [0xff, 0xfe, 0, 7]).unwrap();
    std::fs::write(dir.path().join("case.json"), "{\"a\": 1}").unwrap();
    for args in FAILING {
        let output = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(args.split(' '))
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success(), "{args}");
        let said = String::from_utf8(output.stderr).unwrap();
        let text = said
            .strip_prefix("narthex: ")
            .unwrap_or(&said)
            .replace('\n', " ");
        let parts: Vec<&str> = text
            .split(": ")
            .flat_map(|part| part.split("; "))
            .map(str::trim)
            .collect();
        for (i, part) in parts.iter().enumerate() {
            let again = parts[..i].iter().any(|before| before == part);
            assert!(part.len() < 4 || !again, "{args}: {part:?} twice in {said}");
        }
    }
}
