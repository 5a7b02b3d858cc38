//! `narthex bond` from the command line.

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
        "address",
        "--key",
        KEY,
        "--form",
        "bip46",
        "--until",
        "2020-01",
        "--network",
        "bitcoin",
    ])[0];
    assert_eq!(
        bip46["address"],
        "bc1qhhhf29f4nlyalyfrrpfrknxj9uwqk4qsyvkujsa7w0ulfur78xkspsqn84"
    );
    let taproot = ["address", "--key", KEY, "--until", "900000"];
    // Real money must be asked for.
    let own = &json(&taproot)[0];
    assert!(own["address"].as_str().unwrap().starts_with("bcrt1p"));
    let taproot = &json(&[&taproot[..], &["--network", "bitcoin"]].concat())[0];
    assert!(taproot["address"].as_str().unwrap().starts_with("bc1p"));
    assert!(
        taproot["descriptor"]
            .as_str()
            .unwrap()
            .contains("after(900000)")
    );
    for (until, form, part) in [
        ("2019-12", "bip46", "from 2020-01 to 2099-12"),
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
        .contains("more than there is")
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
            "bc1qhhhf29f4nlyalyfrrpfrknxj9uwqk4qsyvkujsa7w0ulfur78xkspsqn84",
        ];
        assert!(error(&[&to[..], &coin].concat()).contains("--network"));
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

/// Locks as they are written, and as they are refused: each says what was understood.
#[test]
fn locks_are_what_they_say() {
    let address = |until: &str, form: &str| {
        json(&["address", "--key", KEY, "--form", form, "--until", until])[0].clone()
    };
    let lock = |until: &str, form: &str| address(until, form)["lock"].as_u64().unwrap();
    assert_eq!(lock("800000", "taproot"), 800_000);
    assert_eq!(lock("height:2030", "taproot"), 2_030);
    assert_eq!(lock("499999999", "taproot"), 499_999_999);
    assert_eq!(address("500000000", "taproot")["lock_is_time"], true);
    assert_eq!(lock("2147483647", "taproot"), (1 << 31) - 1);
    assert_eq!(lock("2038-01", "taproot"), 2_145_916_800);
    // BIP46's script takes its own last month.
    assert_eq!(lock("2038-02", "bip46"), 2_148_595_200);
    assert_eq!(lock("2099-12", "bip46"), 4_099_766_400);
    for (until, parts) in [
        ("2147483648", ["time 2147483648", "up to 2147483647"]),
        ("2038-02", ["time 2148595200", "BIP46's form"]),
        ("4294967295", ["time 4294967295", "2038-01-19 03:14:07"]),
        ("4294967296", ["no lock holds it", "at most 4294967295"]),
        ("2030", ["2030-01", "height:2030"]),
        ("height:500000000", ["is a Unix time", "500000000"]),
        ("time:499999999", ["499999999", "as a height"]),
        ("2100-01", ["2020-01", "2099-12"]),
    ] {
        let said = error(&["address", "--key", KEY, "--until", until]);
        for part in parts {
            assert!(said.contains(part), "{until}: {said}");
        }
        assert!(!said.contains("unexpected"), "{said}");
    }
    let value = ["value", "--sat", "1btc", "--until", "2030-01"];
    let said = error(&[&value[..], &["--confirmed", "800000"]].concat());
    assert!(said.contains("compared with a time"), "{said}");
    let back = ["--confirmed", "2025-01", "--now", "2024-12"];
    assert!(error(&[&value[..], &back].concat()).contains("is before --confirmed"));
}

/// A mistyped fee is refused, and taken when it is said that it is none.
#[test]
fn fees_that_are_mistakes() {
    let to = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6";
    for form in ["taproot", "bip46"] {
        let withdraw = [&["withdraw", "--to", to], &coin(form)[..]].concat();
        let roll = [&["roll", "--next", "2031-01"], &coin(form)[..]].concat();
        for spend in [withdraw, roll] {
            let with = |more: &[&'static str]| [&spend[..], more].concat();
            for (rate, part) in [
                ("0", "0 sat/vB is below 0.1 sat/vB"),
                ("0.096", "0.096 sat/vB is below 0.1 sat/vB"),
                ("50", "more than 1/10"),
                ("10000.1", "above 10000 sat/vB"),
                ("500000", "above 10000 sat/vB"),
            ] {
                let said = error(&with(&["--fee-rate", rate]));
                assert!(said.contains(part), "{rate}: {said}");
                assert!(said.contains("--allow-any-fee"), "{rate}: {said}");
            }
            for rate in [
                "9223372036854775808",
                "73786976294838206464",
                "1e3",
                "1.0001",
            ] {
                assert!(
                    error(&with(&["--fee-rate", rate, "--allow-any-fee"])).contains("--fee-rate")
                );
            }
            // They fit, and all money does not pay them.
            let dear = error(&with(&[
                "--fee-rate",
                "73786976294838206",
                "--allow-any-fee",
            ]));
            assert!(dear.contains("more than there is"), "{dear}");
            let free = &json(&with(&["--fee-rate", "0", "--allow-any-fee"]))[0];
            assert_eq!(free["fee_sat"], 0);
            let dear = &json(&with(&["--fee-rate", "100", "--allow-any-fee"]))[0];
            assert!(dear["fee_sat"].as_u64().unwrap() > 5_000);
            let least = &json(&with(&["--fee-rate", "0.1"]))[0];
            assert!((12..=14).contains(&least["fee_sat"].as_u64().unwrap()));
        }
    }
    for outpoint in [
        format!("{}:4294967295", "00".repeat(32)),
        format!("{}:0", "00".repeat(32)),
        format!("{}:4294967295", "ab".repeat(32)),
    ] {
        let args = [
            "withdraw", "--to", to, "--key", KEY, "--until", "2030-01", "--sat", "50000",
        ];
        let said = error(&[&args[..], &["--outpoint", &outpoint]].concat());
        assert!(said.contains("null outpoint"), "{said}");
    }
}

/// What could never count is neither signed nor checked.
#[test]
fn certificates_that_say_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, WIF).unwrap();
    let file = file.to_str().unwrap();
    let prove = |below: &str| {
        let proof = [
            "--confirmed-height",
            "800000",
            "--identity",
            &KEY[2..],
            "--valid-below",
            below,
        ];
        [&["prove", "--key-file", file], &coin("taproot")[..], &proof]
            .concat()
            .join(" ")
    };
    let run = |line: &str| error(&line.split(' ').collect::<Vec<_>>());
    for below in ["0", "1", "800000"] {
        assert!(
            run(&prove(below)).contains("confirmed at 800000"),
            "{below}"
        );
    }
    assert!(run(&prove("500000000")).contains("500000000 is a Unix time"));
    let line = prove("800001");
    let made = json(&line.split(' ').collect::<Vec<_>>())[0]["certificate"].clone();
    let made = made.as_str().unwrap();
    let said = error(&["check", made, "--tip-height", "10"]);
    assert!(
        said.contains("confirmed at height 800000; the tip is at 10"),
        "{said}"
    );
    assert!(error(&["check", made, "--tip-height", "1900000000"]).contains("is a Unix time"));
}
