//! What an operator of an arbiter sees of it from outside: figures, and logs, of processes in whose contract a panel has ruled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    bonded::{PANEL, are_behind, stand},
    contracts::{quiet, states},
    support::{
        figures::{Family, read},
        house::House,
        http::Client,
        tools::top,
    },
};

/// Most blocks of a life with a panel.
const MOST_BLOCKS: u32 = 300;

/// Every family that the operator of an arbiter is promised.
const PROMISED: [&str; 9] = [
    "narthex_cases",
    "narthex_rulings_total",
    "narthex_attestations_total",
    "narthex_silent_total",
    "narthex_deadline_blocks_min",
    "narthex_commit_seconds",
    "narthex_judge_seconds",
    "narthex_bad_input_total",
    "narthex_rolled_back",
];

/// Blocks come until something waits to be published.
fn until_published(house: &mut House, id: &str, what: &str) {
    for _ in 0..MOST_BLOCKS {
        quiet(house, id);
        if !house.waiting().is_empty() {
            println!("{what} waits at {}", house.height());
            house.mine(1);
            return;
        }
        house.mine(1);
    }
    house.in_vain(what);
}

/// A contract in which the verifier hears nobody, since all others are dead while it is to hear them: it rejects, the worker appeals, and the
/// panel rules.
pub fn ruled(house: &mut House, id: &str) {
    house.accept(id);
    house.wait("all are committed", |house| {
        (0..6).all(|at| house.state(at, id) == "committed")
    });
    house.wait("the funding waits", |house| !house.waiting().is_empty());
    house.bury(2);
    house.mine(1);
    house.wait("the others live", |house| {
        [0, 1, 3, 4, 5]
            .iter()
            .all(|at| house.state(*at, id) == "live")
    });
    house.wait("the worker delivers", |house| {
        house.try_ask(1, &["deliver", id]).is_ok()
    });
    until_published(house, id, "the delivery");
    quiet(house, id);
    for at in [0, 1, 3, 4, 5] {
        house.bury(at);
    }
    house.again(2);
    house.wait("the verifier lives", |house| house.state(2, id) == "live");
    until_published(house, id, "the rejection");
    for at in [0, 1, 3, 4, 5] {
        house.again(at);
    }
    for _ in 0..MOST_BLOCKS {
        // A judge takes as long as its machine is busy: nobody is left behind.
        house.wait("all have attested that may", |house| {
            let rules = ["ruling", "ruled", "asking", "attesting"];
            (3..6).all(|at| {
                !rules.contains(&house.show(at, id)["standing"].as_str().unwrap_or("ruling"))
            })
        });
        let standings = quiet(house, id);
        if standings[3..].iter().all(|standing| standing == "settled") {
            let path = house.show(3, id)["path"].clone();
            let path = path.as_array().unwrap().iter();
            let path: Vec<_> = path
                .map(|tx| tx["name"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(path[..4], ["Tx0", "TxD", "TxV0", "TxA"], "{path:?}");
            return;
        }
        house.mine(1);
    }
    panic!("{:#?}", states(house, id));
}

/// The figures of a node, by the token for them.
fn scraped(house: &House, at: usize) -> BTreeMap<String, Family> {
    let operator = house.client(at);
    let token = std::fs::read_to_string(house.nodes[at].dir.join("metrics.token")).unwrap();
    let token = token.trim().to_owned();
    let answer = Client { token, ..operator }.get("/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    read(&answer.body)
}

/// The sum of a family's samples whose name and labels have this in them.
fn sum(families: &BTreeMap<String, Family>, family: &str, part: &str) -> f64 {
    let samples = families[family].samples.iter();
    let of = samples.filter(|(sample, _)| sample.contains(part));
    of.map(|(_, value)| value).sum()
}

/// Names of metrics in a query.
fn named(query: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = query.split(|c| !is_part(c));
    words
        .filter(|word| word.starts_with("narthex_"))
        .map(str::to_owned)
        .collect()
}

/// Every metric that the dashboard asks for is one that the node gives, and every promised one is shown.
fn dashboard(families: &BTreeMap<String, Family>) {
    let text = std::fs::read_to_string(top().join("node/packaging/grafana.json")).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    assert!(board["schemaVersion"].as_u64().unwrap() >= 36, "{board}");
    assert!(!board["uid"].as_str().unwrap().is_empty());
    assert!(!board["title"].as_str().unwrap().is_empty());
    let (mut shown, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in board["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(
            !unit.as_str().unwrap_or_default().is_empty(),
            "{title} has no unit"
        );
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            let metrics = named(query);
            assert!(!metrics.is_empty(), "{title}: {query}");
            for metric in metrics {
                let family = families.iter().find(|(name, family)| {
                    let rest = metric.strip_prefix(name.as_str());
                    match family.kind.as_str() {
                        "histogram" => matches!(rest, Some("_bucket" | "_sum" | "_count")),
                        _ => rest == Some(""),
                    }
                });
                let (name, _) = family.unwrap_or_else(|| panic!("{title}: {metric} is none"));
                shown.insert(name.clone());
            }
        }
    }
    for name in PROMISED {
        assert!(shown.contains(name), "{name} is not on the dashboard");
    }
}

/// Every promised figure, of a process in whose contract this arbiter has ruled; what is stored says the same after a start.
fn figures(house: &mut House, at: usize) {
    let wrong = Client {
        token: "0".repeat(64),
        ..house.client(at)
    };
    assert_eq!(wrong.get("/v1/node").status, 401);
    let families = scraped(house, at);
    for name in PROMISED {
        assert!(families.contains_key(name), "{name}");
    }
    // By which row is a matter of who was back in time: by one, and which is known.
    let rulings = &families["narthex_rulings_total"].samples;
    println!("{rulings:?}");
    assert_eq!(rulings.len(), 1, "{rulings:?}");
    assert_eq!(
        sum(&families, "narthex_rulings_total", "_at_fault\",row=\""),
        1.0
    );
    assert_eq!(
        sum(&families, "narthex_rulings_total", "row=\"unknown\""),
        0.0
    );
    assert_eq!(sum(&families, "narthex_rulings_total", ""), 1.0);
    assert_eq!(sum(&families, "narthex_attestations_total", ""), 1.0);
    assert_eq!(sum(&families, "narthex_cases", ""), 1.0);
    assert_eq!(
        sum(&families, "narthex_cases", "\"settled\"")
            + sum(&families, "narthex_cases", "\"over\""),
        1.0
    );
    assert_eq!(families["narthex_silent_total"].samples.len(), 4);
    assert_eq!(sum(&families, "narthex_silent_total", ""), 0.0);
    assert_eq!(sum(&families, "narthex_rolled_back", ""), 0.0);
    assert!(sum(&families, "narthex_judge_seconds", "_count{engine=") >= 1.0);
    assert!(sum(&families, "narthex_judge_seconds", "_sum{engine=") > 0.0);
    let commits = sum(&families, "narthex_store_commits_total", "");
    assert_eq!(sum(&families, "narthex_commit_seconds", "_count"), commits);
    assert!(sum(&families, "narthex_bad_input_total", "\"unauthorized\"") >= 1.0);
    for name in ["narthex_rulings_total", "narthex_cases"] {
        println!("{name}: {:?}", families[name].samples);
    }
    println!("{:?}", families["narthex_judge_seconds"].samples);
    dashboard(&families);
    // The same on the command line.
    let said = house.ask(at, &["metrics"]);
    let said = read(said["metrics"].as_str().unwrap());
    assert!(PROMISED.iter().all(|name| said.contains_key(*name)));
    house.nodes[at].kill();
    house.again(at);
    house.wait("what is stored is counted again", |house| {
        let again = scraped(house, at);
        again["narthex_rulings_total"].samples == *rulings
            && sum(&again, "narthex_attestations_total", "") == 1.0
    });
}

#[test]
fn whoever_watches_an_arbiter_sees_what_it_has_ruled() {
    let mut house = House::with_panel(&PANEL);
    stand(&mut house);
    let id = house.offer_bonded(2_000, 300_000);
    ruled(&mut house, &id);
    figures(&mut house, 3);
    are_behind(&house, &id);
}
