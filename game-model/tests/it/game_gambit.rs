//! Gambit, an independent solver, comes to the same equilibria.

use crate::common;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use common::games::{economics, near_the_border, scaled};
use common::runner;
use narthex_game_model::game::{Economics, Verdict, build, solve};
use narthex_game_model::{Params, Template};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// Version that `scripts/setup` installs.
const PYGAMBIT: &str = include_str!("../python/pygambit-version");

/// The interpreter that has pygambit: `NARTHEX_GAMBIT_PYTHON`, else where `scripts/setup` puts it.
fn python() -> PathBuf {
    if let Some(given) = std::env::var_os("NARTHEX_GAMBIT_PYTHON") {
        return given.into();
    }
    let cache = std::env::var_os("NARTHEX_CACHE").map(PathBuf::from);
    let cache =
        cache.or_else(|| Some(PathBuf::from(std::env::var_os("XDG_CACHE_HOME")?).join("narthex")));
    let cache =
        cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/narthex")));
    let found = cache
        .unwrap_or_default()
        .join(format!("gambit-{}/bin/python", PYGAMBIT.trim()));
    assert!(
        found.exists(),
        "{} is missing: run `./test --setup`, which installs Gambit's Python package there",
        found.display()
    );
    found
}

fn case(name: &str, params: &Params, economics: &Economics) -> String {
    let game = build(params, economics).unwrap();
    let solution = solve(&game);
    let honest = game
        .infosets
        .iter()
        .filter_map(|set| Some((&set.name, &set.actions[set.honest?])));
    let equilibria = solution.equilibria.iter().map(|e| {
        let payoffs = e.payoffs.iter().map(|p| p.to_string());
        payoffs.collect::<Vec<_>>()
    });
    serde_json::json!({
        "name": name,
        "efg": game.to_efg(),
        "honest": honest.collect::<std::collections::BTreeMap<_, _>>(),
        "equilibria": equilibria.collect::<Vec<_>>(),
        "honest_play_pays": solution.verdict.honest_play_pays(),
        "deviates": matches!(solution.verdict, Verdict::Deviates(_)),
        "complete": solution.open.is_empty(),
        // Left open for its size, and not because an honest choice is not the only one where nobody comes.
        "limited": solution.open.iter().any(|why| !why.contains("several actions are possible")),
    })
    .to_string()
}

#[test]
fn gambit_agrees_on_random_contracts_of_both_layouts() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut runner = runner();
    let mut write = |kind: &str, number: u32, params: &Params, economics: &Economics| {
        let name = format!("{kind} {number}: {params:?} {economics:?}");
        writeln!(file, "{}", case(&name, params, economics)).unwrap();
    };
    // More of the layout in which honest play can pay.
    for (template, cases) in [
        (Template::Hardened, common::times(60)),
        (Template::Paper, common::times(25)),
    ] {
        let strategy = near_the_border(template);
        for number in 0..cases {
            let (params, economics) = strategy.new_tree(&mut runner).unwrap().current();
            write("near the border", number, &params, &economics);
        }
    }
    let strategy = (common::params(), economics(), any::<bool>());
    let mut number = 0;
    while number < common::times(25) {
        let (params, costs, play) = strategy.new_tree(&mut runner).unwrap().current();
        let economics = scaled(&params, costs, play && params.arbiters() == 3);
        // Beyond 32 bits Gambit 17.0.0b2 finds no mixed equilibrium at all, without a word.
        if params.arbiter_stake().to_sat() >= 1 << 30 {
            continue;
        }
        if economics.check(&params).is_ok() {
            write("wide", number, &params, &economics);
            number += 1;
        }
    }

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/gambit_check.py");
    let output = Command::new(python())
        .arg(script)
        .arg(file.path())
        .output()
        .unwrap();
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{errors}");
    println!("{said}");
    let summary: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    let count = |name: &str| summary[name].as_u64().unwrap();
    // Few of those that are called unique are too large to be tried.
    assert!(
        5 * count("unique_undecided") <= count("unique"),
        "{summary}"
    );
    // Enough of each kind, so that agreement means something.
    assert!(count("checked") >= 60, "{summary}");
    assert!(
        count("unique") >= 3 && count("several") >= 3 && count("whole") >= 50,
        "{summary}"
    );
}
