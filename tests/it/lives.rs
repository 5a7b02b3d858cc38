//! Whole contract lives by the hundred, with real signatures and real scripts: killed, cut off, reorganised, censored, and with
//! adversaries among them.

use std::{collections::BTreeSet, path::Path};

use bitcoin::hex::{DisplayHex as _, FromHex as _};
use narthex::schedules::{Less, LifePlan, Lived, Pool, live, run_lives, seed_of};
use serde::Deserialize;

/// A schedule in which something was found once.
#[derive(Deserialize)]
struct Kept {
    signer: String,
    seed: String,
    less: Less,
    /// How it ended, where that is kept: the settlement, and of a case a row by which honest arbiters ruled.
    #[serde(default)]
    sort: Option<String>,
    /// Hash of all that happened, where that is kept.
    #[serde(default)]
    trace: Option<String>,
}

impl Kept {
    fn is_sort(&self, lived: &Lived) -> bool {
        let sort = self.sort.as_deref().unwrap_or_default();
        let (exit, row) = sort.split_once(", ruled by row ").unwrap_or((sort, ""));
        lived.exit == Some(exit) && (row.is_empty() || lived.rows.contains(row))
    }

    /// A life of this sort, where the one that was kept has become another.
    fn another(&self, pool: &Pool) -> Option<[u8; 32]> {
        let mut seeds = (0..10_000).map(|number| seed_of(&[0x50; 32], number));
        seeds.find(|seed| {
            let outcome = live(seed, pool, &LifePlan::default());
            outcome.violations.is_empty() && outcome.life.is_some_and(|lived| self.is_sort(&lived))
        })
    }
}

#[test]
fn what_was_found_once_is_not_found_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    let cached = Pool::open(Pool::USUAL, |_| ()).unwrap();
    let none = Pool::none();
    let mut traces = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kept: Kept = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let pool = match kept.signer.as_str() {
            "real" => &none,
            "cached" => &cached,
            other => panic!("{}: {other}", path.display()),
        };
        let mut seed = <[u8; 32]>::from_hex(&kept.seed).unwrap();
        if let Some(trace) = &kept.trace {
            let goes = |seed: [u8; 32]| {
                let outcome = live(&seed, pool, &LifePlan::default());
                let is_sort = outcome.life.as_ref().is_some_and(|of| kept.is_sort(of));
                (outcome.trace.to_lower_hex_string(), is_sort, outcome.last)
            };
            let (mut lived, mut is_sort, last) = goes(seed);
            if std::env::var_os("NARTHEX_BLESS").is_some() {
                if !is_sort {
                    seed = kept.another(pool).unwrap();
                    (lived, is_sort, _) = goes(seed);
                }
                bless(&path, &seed, &lived);
            } else {
                assert_eq!(lived, *trace, "{}: {last:#?}", path.display());
            }
            assert!(is_sort, "{}: {last:#?}", path.display());
            traces.insert(lived);
        }
        for less in [Less::default(), kept.less] {
            let plan = LifePlan {
                less,
                ..LifePlan::default()
            };
            let outcome = live(&seed, pool, &plan);
            let (found, last) = (&outcome.violations, &outcome.last);
            assert_eq!(*found, [], "{}: {last:#?}", path.display());
        }
    }
    // Lives of as many sorts go on as they went.
    assert_eq!(traces.len(), 20);
}

/// Writes how a life goes now.
fn bless(path: &Path, seed: &[u8; 32], trace: &str) {
    let bytes = std::fs::read(path).unwrap();
    let mut kept: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    kept["seed"] = seed.to_lower_hex_string().into();
    kept["trace"] = trace.into();
    let mut bytes = serde_json::to_vec_pretty(&kept).unwrap();
    bytes.push(b'\n');
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn nothing_happens_that_must_not() {
    let pool = Pool::open(Pool::USUAL, |_| ()).unwrap();
    let report = run_lives(&[0; 32], (256, &pool, &LifePlan::default()), |_| ());
    assert!(report.is_clean(), "{:#?}", report.violations);
    // It is no desert: contracts end in many ways.
    assert!(report.kills > 100, "{} kills", report.kills);
    assert!(report.exits.len() > 6, "{:?}", report.exits);
    assert!(report.rows.len() > 6, "{:?}", report.rows);
}
