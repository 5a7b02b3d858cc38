//! `narthex bond` from the command line.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::process::{Command, Output};

use serde_json::Value;

const KEY: &str = "02a1b09f93073c63f205086440898141c0c3c6d24f69a18db608224bcf143fa011";
/// The secret of `KEY`: BIP46's first vector.
const WIF: &str = "L2tQBEdhC48YLeEWNg3e4msk94iKfyVa9hdfzRwUERabZ53TfH3d";
const OUTPOINT: &str = "0000000000000000000000000000000000000000000000000000000000000001:0";

fn narthex(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_narthex"))
        .arg("bond")
        .args(args)
        .output()
        .unwrap()
}

fn json(args: &[&str]) -> Vec<Value> {
    let output = narthex(&[args, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn error(args: &[&str]) -> String {
    let output = narthex(args);
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{args:?}"
    );
    String::from_utf8(output.stderr).unwrap()
}

fn coin(form: &'static str) -> Vec<&'static str> {
    vec![
        "--key",
        KEY,
        "--form",
        form,
        "--until",
        "2030-01",
        "--outpoint",
        OUTPOINT,
        "--sat",
        "50000",
    ]
}

#[test]
fn addresses() {
    let bip46 = &json(&[
        "address", "--key", KEY, "--form", "bip46", "--until", "2020-01",
    ])[0];
    assert_eq!(
        bip46["address"],
        "bc1qhhhf29f4nlyalyfrrpfrknxj9uwqk4qsyvkujsa7w0ulfur78xkspsqn84"
    );
    let taproot = &json(&["address", "--key", KEY, "--until", "900000"])[0];
    assert!(taproot["address"].as_str().unwrap().starts_with("bc1p"));
    assert!(
        taproot["descriptor"]
            .as_str()
            .unwrap()
            .contains("after(900000)")
    );
    for (until, form, part) in [
        ("2019-12", "bip46", "neither a month"),
        ("0", "bip46", "cannot expire at 0"),
        ("900000", "bip46", "times are Unix seconds"),
    ] {
        let said = error(&["address", "--key", KEY, "--form", form, "--until", until]);
        assert!(said.contains(part), "{said}");
    }
    assert!(
        error(&[
            "address",
            "--key",
            &KEY[2..],
            "--form",
            "bip46",
            "--until",
            "2030-01"
        ])
        .contains("33 bytes")
    );
    assert!(error(&["address", "--until", "2030-01"]).contains("--key"));
}

#[test]
fn values() {
    let args = [
        "value",
        "--sat",
        "100000000",
        "--until",
        "2030-01",
        "--confirmed",
        "1700000000",
    ];
    let value = &json(&args)[0];
    assert_eq!(
        (&value["weight"], &value["counts"]),
        (&"78575845354679".into(), &true.into())
    );
    let over = &json(&[&args[..], &["--now", "1893456001"]].concat())[0];
    assert_eq!(over["counts"], false);
    let linear = [
        "value",
        "--sat",
        "7",
        "--until",
        "150",
        "--confirmed",
        "100",
        "--linear",
    ];
    assert_eq!(json(&linear)[0]["weight"], "350");
    assert!(error(&[&args[..], &["--exponent", "3/1"]].concat()).contains("at most 2"));
    assert!(
        error(&[
            "value",
            "--sat",
            "2100000000000001",
            "--until",
            "9",
            "--confirmed",
            "1"
        ])
        .contains("more than there are")
    );
}

#[test]
fn certificates_and_spends() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, WIF).unwrap();
    let file = file.to_str().unwrap();
    for form in ["bip46", "taproot"] {
        let coin = coin(form);
        let proof = [
            "--confirmed-height",
            "800000",
            "--identity",
            &KEY[2..],
            "--valid-below",
            "900000",
        ];
        let prove = [&["prove", "--key-file", file], &coin[..], &proof].concat();
        let made = json(&prove)[0]["certificate"].as_str().unwrap().to_owned();
        let read = &json(&["check", &made, "--tip-height", "899999"])[0];
        assert_eq!(
            (&read["outpoint"], &read["value_sat"]),
            (&OUTPOINT.into(), &50_000.into())
        );
        assert!(error(&["check", &made, "--tip-height", "900000"]).contains("below height 900000"));
        let mut forged = made.clone();
        let last = if forged.pop() == Some('0') { '1' } else { '0' };
        forged.push(last);
        assert!(error(&["check", &forged, "--tip-height", "1"]).contains("not signed"));
        assert!(error(&["check", &made[2..], "--tip-height", "1"]).contains("no certificate"));

        let roll = [&["roll", "--next", "2031-01"], &coin[..]].concat();
        let psbt = &json(&roll)[0];
        let signed = &json(&[&roll[..], &["--key-file", file]].concat())[0];
        assert_eq!(psbt["txid"], signed["txid"]);
        assert!(psbt["psbt"].is_string() && signed["transaction"].is_string());
        let (paid, fee) = (
            signed["value_sat"].as_u64().unwrap(),
            signed["fee_sat"].as_u64().unwrap(),
        );
        assert_eq!(
            (paid + fee, &signed["lock_time"]),
            (50_000, &1_893_456_000u64.into())
        );
        assert!(error(&[&["roll", "--next", "2029-01"], &coin[..]].concat()).contains("not after"));
        let to = [
            "withdraw",
            "--to",
            "bcrt1qhhhf29f4nlyalyfrrpfrknxj9uwqk4qsyvkujsa7w0ulfur78xksk5jlec",
        ];
        assert!(!narthex(&[&to[..], &coin].concat()).status.success());
    }
    std::fs::write(dir.path().join("other"), "11".repeat(32)).unwrap();
    let other = dir.path().join("other");
    let other = other.to_str().unwrap();
    let said = error(
        &[
            &["roll", "--next", "2031-01", "--key-file", other],
            &coin("taproot")[..],
        ]
        .concat(),
    );
    assert!(said.contains("not signed by the key"), "{said}");
}

#[test]
fn a_draw_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("snapshot.json");
    let mut snapshot = serde_json::json!({
        "height": 800_000, "median_time": 1_700_000_000,
        "bonds": [{
            "identity": &KEY[2..], "outpoint": OUTPOINT, "value_sat": 100_000_000, "lock": 1_893_456_000,
            "confirmed_height": 799_000, "confirmed_median_time": 1_699_000_000,
        }],
        "bondless": ["599f6db8b33265a44200fef0be79c927398ed0b46c6a82fa6ddaa5be2714002d"],
    });
    let seed = "07".repeat(32);
    let path = file.to_str().unwrap().to_owned();
    let args = ["select", &path, "--seed", &seed, "--seats", "5"];
    std::fs::write(&file, snapshot.to_string()).unwrap();
    let drawn = json(&args);
    assert_eq!(drawn.len(), 2);
    assert_eq!(drawn, json(&args));
    snapshot["height"] = 700_000.into();
    std::fs::write(&file, snapshot.to_string()).unwrap();
    assert!(error(&args).contains("not confirmed"));
    std::fs::write(&file, "{}").unwrap();
    assert!(error(&args).contains("no snapshot"));
}

#[test]
fn a_life_on_the_embedded_chain() {
    for form in ["taproot", "taproot-time", "bip46"] {
        let lines = json(&[
            "play",
            "--form",
            form,
            "--blocks",
            "6",
            "--seed",
            &"05".repeat(32),
        ]);
        let last = lines.last().unwrap();
        assert_eq!(
            (&last["event"], &last["form"]),
            (&"outcome".into(), &form.into())
        );
        let sat = |name: &str| last[name].as_u64().unwrap();
        assert_eq!(sat("before_sat"), sat("after_sat") + sat("fees_sat"));
    }
    assert!(error(&["play", "--blocks", "3"]).contains("4..=10000"));
}
