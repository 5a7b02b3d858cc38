//! Golden vectors: records with their bytes, hash and every kind of payout, as a data file.
//!
//! The file is what other implementations compare with, so it changes only on purpose: set
//! `NARTHEX_BLESS=1` to write what the code computes now, and review the difference.

use std::path::PathBuf;

use hex_conservative::DisplayHex;
use narthex_game_model::{
    Amount, ArbiterSet, Outcome, Params, ParamsRecord, Payout, Ratio, settle,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    record: ParamsRecord,
    bytes: String,
    hash: String,
    settlements: Vec<Settlement>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settlement {
    scheme: u8,
    outcome: Outcome,
    payout: Payout,
}

fn records() -> Vec<(&'static str, ParamsRecord)> {
    let example = ParamsRecord::example;
    let uneven = ParamsRecord {
        reward: Amount::from_sat(99_991),
        worker_stake: Amount::from_sat(200_003),
        verifier_stake: Amount::from_sat(220_009),
        arbiter_stake: Amount::from_sat(250_007),
        alpha: Ratio::new(3, 7).unwrap(),
        rho: Ratio::new(5, 6).unwrap(),
        retainer: Amount::from_sat(1_234),
        ..example(7, 4, 812_345)
    };
    let whole_supply = ParamsRecord {
        reward: Amount::from_sat(100_000_000_000_000),
        worker_stake: Amount::from_sat(300_000_000_000_000),
        verifier_stake: Amount::from_sat(300_000_000_000_000),
        arbiter_stake: Amount::from_sat(466_666_666_666_666),
        ..example(3, 3, 499_999_999)
    };
    vec![
        ("hardened, 2 of 3", example(3, 2, 800_000)),
        (
            "hardened, 3 of 5, digits job",
            example(5, 3, 800_000).for_job(897, 90).unwrap(),
        ),
        ("hardened, 4 of 7, uneven amounts and a retainer", uneven),
        ("hardened, 8 of 15", example(15, 8, 800_000)),
        ("hardened, 3 of 3, nearly the whole supply", whole_supply),
        ("paper, 2 of 3", ParamsRecord::paper_example(3, 2, 800_000)),
        ("paper, 4 of 7", ParamsRecord::paper_example(7, 4, 800_000)),
    ]
}

/// Every kind of outcome, and sets that do not start at arbiter 0.
fn outcomes(params: &Params) -> Vec<Outcome> {
    let (n, k) = (params.arbiters(), params.quorum());
    let late = ArbiterSet::full(n - k).complement(n);
    let mut outcomes: Vec<_> = Outcome::kinds(params.template(), n, k).collect();
    outcomes.push(Outcome::ArbitrationFailed { ruled: late });
    outcomes.push(Outcome::WorkerAtFault { majority: late });
    outcomes.push(Outcome::VerifierAtFault { majority: late });
    outcomes
}

fn computed() -> Vec<Vector> {
    let vector = |(name, record): (&str, ParamsRecord)| {
        let params = Params::new(record.clone()).unwrap();
        let settlement = |outcome: Outcome| Settlement {
            scheme: outcome.scheme(),
            outcome,
            payout: settle(&params, outcome).unwrap(),
        };
        Vector {
            name: name.to_owned(),
            record,
            bytes: params.to_bytes().to_lower_hex_string(),
            hash: params.hash().to_lower_hex_string(),
            settlements: outcomes(&params).into_iter().map(settlement).collect(),
        }
    };
    records().into_iter().map(vector).collect()
}

#[test]
fn records_and_payouts_are_those_of_the_file() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/settlements.json");
    let computed = computed();
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&computed).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let stored: Vec<Vector> =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(stored.len(), computed.len());
    for (stored, computed) in stored.iter().zip(&computed) {
        assert_eq!(stored, computed, "{}", stored.name);
    }
}
