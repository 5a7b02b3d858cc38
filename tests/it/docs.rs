//! What README, pages and help tell people to type is typed here.

use crate::common;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use common::{cli::command, leaves::leaves};

/// What is not run as it is written, and what is run in its place: slow ones smaller, foreign ones without.
const INSTEAD: [(&str, &str); 13] = [
    (
        "play --chain bitcoind --scenario worker-at-fault",
        "play --scenario worker-at-fault",
    ),
    (
        "contract show --dot | dot -Tsvg > graph.svg",
        "contract show --dot > graph.dot",
    ),
    ("bench --what all", "bench --rounds 1 --arbiters 2-of-3"),
    // That is the node's program, and six nodes: its own tests run it.
    ("bench --what node", "bench --help"),
    (
        "simulate games --worker falsify:1/100 --games 2000",
        "simulate games --worker falsify:1/100 --games 20",
    ),
    (
        "simulate schedules --schedules 10000",
        "simulate schedules --schedules 50",
    ),
    ("market calibrate", "market calibrate --requests 50"),
    (
        "game plan --svg frontier.svg",
        "game plan --samples 300 --svg frontier.svg",
    ),
    (
        "game plan --out case.json",
        "game plan --samples 300 --steps 1000 --bad-steps 10 --out case.json",
    ),
    // The page's letters stand for files of two machines.
    (
        "store challenge --archive A --out C",
        "store challenge --archive DIR/archive.json --out C",
    ),
    (
        "store verify --archive A --challenge C --proof P",
        "store verify --archive DIR/archive.json --challenge C --proof P",
    ),
    // Nobody has a bundle before there was a case.
    ("arbiter replay BUNDLE", "arbiter replay --help"),
    (
        "store recover DIR --out FILE",
        "store recover DIR --out BACK",
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                // Decisions tell of commands as they were.
                true if path.ends_with("adr") => {}
                true => folders.push(path),
                false if path.extension().is_some_and(|e| e == "md") => pages.push(path),
                false => {}
            }
        }
    }
    pages.sort();
    pages
}

/// Commands in fenced blocks, in order, without what is said of them.
fn fenced(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
            continue;
        }
        // In front of a command may stand who types it.
        let Some(at) = line.find("narthex ").filter(|at| inside && *at <= 10) else {
            continue;
        };
        if !line[..at]
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == ' ')
        {
            continue;
        }
        let typed = line[at + 8..].split(" #").next().unwrap();
        let typed = typed.split("  ").next().unwrap();
        // Columns of a table may be one space apart: a sentence begins with a word that no command has.
        let typed = typed.split(" plays the").next().unwrap();
        found.push(typed.trim().to_owned());
    }
    found
}

#[test]
fn commands_in_fenced_blocks_work() {
    let mut left: Vec<&str> = INSTEAD.iter().map(|(written, _)| *written).collect();
    let mut ran = 0;
    for page in pages() {
        let folder = tempfile::tempdir().unwrap();
        let within = |name: &str| folder.path().join(name);
        let row = format!("{}\n", ["3"; 64].join(","));
        std::fs::write(within("my-images.csv"), row.repeat(20)).unwrap();
        std::fs::write(within("FILE"), "stored").unwrap();
        std::fs::copy(root().join("README.md"), within("README.md")).unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        for typed in fenced(&text) {
            left.retain(|written| *written != typed);
            let instead = INSTEAD.iter().find(|(written, _)| *written == typed);
            let run = instead.map_or(typed.as_str(), |(_, run)| run);
            // A proof is made once.
            let run = match run {
                "store audit DIR --proof P" => "store audit DIR --proof P2",
                run => run,
            };
            let binary = Path::new(env!("CARGO_BIN_EXE_narthex"));
            let output = Command::new("sh")
                .arg("-c")
                .arg(format!("'{}' {run}", binary.display()))
                .current_dir(folder.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{}: narthex {run}: {said}",
                page.display()
            );
            ran += 1;
        }
    }
    assert!(ran > 30, "{ran}");
    assert!(left.is_empty(), "no page says these any more: {left:?}");
}

/// Commands in running text: they are there, and have the options that are named.
#[test]
fn commands_in_running_text_are_there() {
    let mut helps = BTreeMap::new();
    for leaf in leaves() {
        let mut args = leaf.iter().map(String::as_str).collect::<Vec<_>>();
        args.push("--help");
        let (_, help, _) = command(args[0], &args[1..]);
        helps.insert(leaf.join(" "), help);
    }
    let mut texts = helps
        .iter()
        .map(|(leaf, help)| (format!("help of {leaf}"), help.clone()))
        .collect::<Vec<_>>();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        texts.push((page.display().to_string(), text));
    }
    let mut seen = 0;
    for (place, text) in texts {
        for quoted in text.split('`').skip(1).step_by(2) {
            let Some(typed) = quoted.strip_prefix("narthex ") else {
                continue;
            };
            if quoted.contains('\n') || quoted.contains('…') {
                continue;
            }
            let words = typed.split_whitespace().collect::<Vec<_>>();
            // The longest command that it begins with; a group of commands has no options to check.
            let leaf = (1..=words.len().min(3)).rev().map(|n| words[..n].join(" "));
            let leaf = leaf.into_iter().find(|name| helps.contains_key(name));
            let group = helps
                .keys()
                .any(|name| name.starts_with(&format!("{} ", words[0])));
            let Some(leaf) = leaf else {
                assert!(group, "{place}: `{quoted}`: no such command");
                continue;
            };
            seen += 1;
            let flags = words.iter().filter(|word| word.starts_with("--"));
            for flag in flags.map(|flag| flag.split(['=', '|']).next().unwrap()) {
                let help = &helps[&leaf];
                assert!(help.contains(flag), "{place}: `{quoted}`: no {flag}");
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

/// Every decision has the number of its file, a status, and its line in the index.
#[test]
fn decisions_are_numbered_and_listed() {
    let folder = root().join("docs/adr");
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut listed = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let number: u32 = name[..4].parse().unwrap();
        let title = text.lines().next().unwrap();
        let title = title.strip_prefix(&format!("# {number}. "));
        let title = title.unwrap_or_else(|| panic!("{name}: its title has another number"));
        let status = text.lines().find_map(|l| l.strip_prefix("Status: "));
        let status = status.unwrap_or_else(|| panic!("{name} has no status"));
        let known = ["accepted", "superseded", "proposed"];
        assert!(known.iter().any(|s| status.starts_with(s)), "{name}");
        let row = format!("| [{number}]({name}) | {title} | ");
        assert_eq!(index.matches(&row).count(), 1, "{name} in the index");
        listed += 1;
    }
    assert_eq!(index.matches("\n| [").count(), listed);
}
