//! `narthex-node bench` measures what it names. No figure is looked at: it is the machine's.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;
use tempfile::TempDir;

/// What a run prints, an object a line.
fn measured(words: &str) -> Vec<Value> {
    let here = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args(["bench", "--json", "--rounds", "1"])
        .args(words.split_whitespace())
        .current_dir(here.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let left: Vec<_> = std::fs::read_dir(here.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines.inspect(has_its_fields).collect()
}

fn has_its_fields(line: &Value) {
    let fields: BTreeSet<_> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let all = BTreeSet::from(["name", "figure", "unit", "floor", "ratio", "bar"]);
    assert_eq!(fields, all, "{line}");
    assert!(line["figure"].as_f64().unwrap() >= 0.0, "{line}");
    // Whoever has a floor has a ratio to it.
    assert_eq!(line["floor"].is_null(), line["ratio"].is_null(), "{line}");
    let bar = &line["bar"];
    if !bar.is_null() {
        let of = bar["of"].as_str().unwrap();
        let (number, is_kept) = (
            line[of].as_f64().unwrap(),
            bar["is_kept"].as_bool().unwrap(),
        );
        let found = match bar["most"].as_f64() {
            Some(most) => number <= most,
            None => number >= bar["least"].as_f64().unwrap(),
        };
        assert_eq!(found, is_kept, "{line}");
    }
}

fn with<'a>(all: &'a [Value], part: &str) -> &'a Value {
    let found = all
        .iter()
        .find(|line| line["name"].as_str().unwrap().contains(part));
    found.unwrap_or_else(|| panic!("nothing of {part} in {all:?}"))
}

#[test]
fn disk_sockets_and_schedules_are_measured_beside_their_floors() {
    let all = measured(
        "--what store --what wire --what schedules --commits 3 --messages 40 --schedules 2",
    );
    for part in [
        "1 in a commit",
        "16 in a commit",
        "of 300 bytes",
        "of 60000 bytes",
    ] {
        let line = with(&all, part);
        assert_eq!(line["unit"], "1/s");
        assert!(line["floor"].as_f64().unwrap() > 0.0, "{line}");
    }
    assert_eq!(with(&all, "schedules")["bar"]["of"], "figure");
    assert_eq!(all.len(), 5);
}

#[test]
fn requests_to_a_node_are_measured_beside_a_bare_route() {
    let all = measured("--what http --requests 100");
    assert_eq!(all.len(), 4, "{all:?}");
    for path in ["/v1/node", "/metrics"] {
        let line = with(&all, &format!("GET {path}, 99 of 100"));
        assert_eq!(line["unit"], "s");
        let line = with(&all, &format!("GET {path}, "));
        assert_eq!(line["unit"], "1/s");
        assert!(line["floor"].as_f64().unwrap() > 0.0, "{line}");
    }
}

#[test]
fn rulings_are_measured_beside_commits_of_as_many_rows() {
    let all = measured("--what rulings --rulings 3");
    let line = with(&all, "rulings: durable");
    assert_eq!(
        (line["unit"].as_str(), line["bar"]["of"].as_str()),
        (Some("1/s"), Some("ratio"))
    );
    assert!(line["floor"].as_f64().unwrap() > 0.0, "{line}");
    assert_eq!(all.len(), 3);
}

#[test]
fn open_and_closed_cases_of_an_arbiter_are_measured() {
    let all = measured("--what arbiter --open-cases 2 --closed-cases 5");
    let memory = with(&all, "with 1000 open cases, reckoned");
    assert_eq!(memory["bar"]["most"], 512.0 * 1024.0 * 1024.0);
    let start = with(&all, "start with 5 closed cases, beside");
    assert_eq!(start["bar"]["most"], 2.0);
    for part in [
        "with 2 open cases",
        "start with 5 closed cases, beside",
        "addresses of all of them",
        "closed cases alone",
    ] {
        let line = with(&all, part);
        assert!(line["figure"].as_f64().unwrap() > 0.0, "{line}");
    }
}

#[test]
fn a_whole_contract_between_six_processes_is_measured() {
    let all = measured("--what lives --contracts 1");
    assert_eq!(with(&all, "set-up")["bar"]["most"], 3.0);
    assert_eq!(with(&all, "commits of a contract")["bar"]["most"], 20.0);
    for part in [
        "commits of a contract",
        "from held on",
        "bytes on the wire",
        "bytes on disk",
        "start with 1 contracts",
    ] {
        let line = with(&all, part);
        assert!(line["figure"].as_f64().unwrap() > 0.0, "{line}");
    }
}
