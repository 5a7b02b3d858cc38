//! `narthex market` from the command line, with real files.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

fn narthex(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_narthex"))
        .current_dir(dir)
        .arg("market")
        .args(args)
        .output()
        .unwrap()
}

fn lines(dir: &Path, args: &[&str]) -> Vec<Value> {
    let output = narthex(dir, &[args, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn error(dir: &Path, args: &[&str]) -> String {
    let output = narthex(dir, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

fn id(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

fn quote(
    recomputer: u8,
    base: u64,
    fee: u64,
    latencies: &[(&str, u64)],
    reliability: Option<&str>,
) -> Value {
    let offer = |(within, sat): &(&str, u64)| json!({ "within": within, "premium_sat": sat });
    let latencies: Vec<Value> = latencies.iter().map(offer).collect();
    let mut quote = json!({ "recomputer": id(recomputer), "base_sat": base, "hop_fee_sat": fee, "latencies": latencies });
    if let Some(reliability) = reliability {
        quote["reliability"] = json!(reliability);
    }
    quote
}

fn write_quotes(dir: &Path, name: &str, quotes: &[Value]) {
    std::fs::write(dir.join(name), json!({ "quotes": quotes }).to_string()).unwrap();
}

/// The example of docs/market.md.
fn example(dir: &Path) {
    let quotes = [
        quote(1, 100, 2, &[("500ms", 0)], Some("99%")),
        quote(2, 60, 4, &[("500ms", 0), ("100ms", 30)], Some("95%")),
        quote(3, 55, 3, &[("500ms", 0), ("100ms", 40)], Some("95%")),
        quote(4, 50, 1, &[("500ms", 0)], Some("90%")),
        quote(5, 20, 1, &[("100ms", 0)], Some("25%")),
    ];
    write_quotes(dir, "quotes.json", &quotes);
}

#[test]
fn prices_tables_and_line_ups() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    example(dir);
    let book = [
        "--quotes",
        "quotes.json",
        "--hops",
        "3",
        "--latency",
        "500ms",
    ];
    let ask = |command: &'static str, reliability: &'static str| {
        [&[command][..], &book, &["--reliability", reliability]].concat()
    };
    let price = &lines(dir, &ask("price", "99.5%"))[0];
    assert_eq!(
        (&price["price_sat"], &price["recomputers"]),
        (&json!(231), &json!(3))
    );
    let chosen = &lines(dir, &ask("choose", "99.5%"))[0];
    assert_eq!(
        (&chosen["price_sat"], &chosen["quorum"]),
        (&json!(231), &json!(2))
    );
    assert_eq!(chosen["odds"]["right"], "0.99655");
    let seats: Vec<_> = chosen["seats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["recomputer"].clone())
        .collect();
    assert_eq!(seats, [id(2), id(3), id(1)]);
    let table = lines(
        dir,
        &[
            "price",
            "--quotes",
            "quotes.json",
            "--table",
            "--hops",
            "1,3",
            "--latency",
            "500ms,100ms",
            "--reliability",
            "90%,99.5%,99.9%",
        ],
    );
    let prices: Vec<_> = table.iter().map(|row| row["price_sat"].as_u64()).collect();
    assert_eq!(prices.len(), 12);
    assert_eq!((prices[0], prices[1]), (Some(51), Some(94)));
    assert_eq!((prices[6], prices[8]), (Some(231), None));
    assert_eq!(table[10]["best"], "0.99655");
    // What cannot be had says what can.
    let said = error(dir, &ask("choose", "99.9%"));
    assert!(
        said.contains("the best, out of 5 that are fast enough, has 99.655% for 0.00000231 BTC"),
        "{said}"
    );
    // Two of four equal layers are enough if wrong ones never agree.
    let four = [
        "choose",
        "--quotes",
        "quotes.json",
        "--hops",
        "4",
        "--latency",
        "500ms",
        "--reliability",
        "99.9%",
    ];
    error(dir, &four);
    let benign = lines(dir, &[&four[..], &["--faults", "differing"]].concat());
    assert_eq!(benign[0]["seats"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&benign[0]["quorum"], &benign[0]["odds"]["right"]),
        (&json!(2), &json!("0.9996325"))
    );
}

#[test]
fn a_ledger_prices_quotes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let begun = &lines(dir, &["ledger", "init", "ledger.json", "--lambda", "1"])[0];
    assert_eq!(begun["record_worth_keeping"], 1);
    let (mut last, good) = (Value::Null, id(1));
    for job in 0..6 {
        let job = id(job);
        let audit = [
            "ledger",
            "audit",
            "ledger.json",
            "--recomputer",
            &good,
            "--job",
            &job,
            "--height",
            "7",
            "--passed",
        ];
        last = lines(dir, &audit)[0].clone();
    }
    // (1 + 6)/(1 + 6 + 1), and /(… + 2) when it is priced.
    assert_eq!(
        (&last["estimate"], &last["priced"]),
        (&json!("0.875"), &json!("0.7"))
    );
    write_quotes(
        dir,
        "quotes.json",
        &[
            quote(1, 9, 1, &[("1b", 0)], None),
            quote(2, 5, 1, &[("1b", 0)], None),
        ],
    );
    let ask = [
        "choose",
        "--quotes",
        "quotes.json",
        "--ledger",
        "ledger.json",
        "--hops",
        "2",
        "--latency",
        "1b",
    ];
    let chosen = &lines(dir, &[&ask[..], &["--reliability", "70%"]].concat())[0];
    assert_eq!(
        (&chosen["seats"][0]["recomputer"], &chosen["price_sat"]),
        (&json!(good), &json!(10))
    );
    let newcomer = &lines(dir, &[&ask[..], &["--reliability", "25%"]].concat())[0];
    assert_eq!(newcomer["seats"][0]["recomputer"], json!(id(2)));

    // What is refused changes no byte.
    let before = std::fs::read(dir.join("ledger.json")).unwrap();
    let (job, other) = (id(0), id(99));
    for (args, part) in [
        (
            vec![
                "audit",
                "ledger.json",
                "--recomputer",
                &good,
                "--job",
                &job,
                "--height",
                "7",
                "--failed",
            ],
            "counts once",
        ),
        (
            vec![
                "audit",
                "ledger.json",
                "--recomputer",
                &good,
                "--job",
                &other,
                "--height",
                "6",
                "--passed",
            ],
            "in order",
        ),
        (vec!["init", "ledger.json"], "begun once"),
        (vec!["init", "none.json", "--lambda", "0"], "lambda is 0"),
        (vec!["show", "missing.json"], "cannot read"),
    ] {
        let said = error(dir, &[&["ledger"], &args[..]].concat());
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(std::fs::read(dir.join("ledger.json")).unwrap(), before);
    assert!(!dir.join("none.json").exists());
    assert_eq!(
        lines(dir, &["ledger", "show", "ledger.json"])[0]["passed"],
        6
    );

    // A changed or cut file is refused as a whole.
    let text = String::from_utf8(before.clone()).unwrap();
    for (changed, part) in [
        (text.replacen("true", "false", 1), "it was changed"),
        (text[..text.len() / 2].to_string(), "ledger.json: "),
        (
            text.replacen("\"audits\"", "\"x\":1,\"audits\"", 1),
            "unknown field",
        ),
    ] {
        std::fs::write(dir.join("ledger.json"), changed).unwrap();
        let said = error(dir, &["ledger", "show", "ledger.json"]);
        assert!(said.contains(part), "{said}");
    }
    // A part left by a crash is no harm.
    std::fs::write(dir.join("ledger.json"), &before).unwrap();
    std::fs::write(dir.join("ledger.json.part"), "{").unwrap();
    let audit = [
        "ledger",
        "audit",
        "ledger.json",
        "--recomputer",
        &good,
        "--job",
        &other,
        "--height",
        "8",
        "--failed",
    ];
    assert_eq!(lines(dir, &audit)[0]["failed"], 1);
}

#[test]
fn audits_at_once_are_all_counted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    lines(dir, &["ledger", "init", "ledger.json"]);
    std::thread::scope(|scope| {
        for job in 0..12 {
            scope.spawn(move || {
                let (job, recomputer) = (id(job), id(1));
                lines(
                    dir,
                    &[
                        "ledger",
                        "audit",
                        "ledger.json",
                        "--recomputer",
                        &recomputer,
                        "--job",
                        &job,
                        "--height",
                        "1",
                        "--passed",
                    ],
                )
            });
        }
    });
    assert_eq!(
        lines(dir, &["ledger", "show", "ledger.json"])[0]["passed"],
        12
    );
}

#[test]
fn bad_quotes_are_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    example(dir);
    let good = quote(1, 1, 1, &[("1b", 0)], Some("0.5"));
    for (name, quotes, part) in [
        ("twice", vec![good.clone(), good.clone()], "quotes twice"),
        (
            "bare",
            vec![quote(1, 1, 1, &[("1b", 0)], None)],
            "no reliability",
        ),
        (
            "sure",
            vec![quote(1, 1, 1, &[("1b", 0)], Some("100.1%"))],
            "no probability",
        ),
        (
            "dear",
            vec![quote(1, u64::MAX, 1, &[("1b", 0)], Some("0.5"))],
            "more than there is",
        ),
        (
            "odd",
            vec![quote(1, 1, 1, &[("1 b", 0)], Some("0.5"))],
            "no latency",
        ),
        ("many", vec![good.clone(); 13], "13 quotes"),
        ("none", vec![], "no recomputer offers"),
    ] {
        write_quotes(dir, name, &quotes);
        let said = error(
            dir,
            &[
                "choose",
                "--quotes",
                name,
                "--hops",
                "1",
                "--latency",
                "1b",
                "--reliability",
                "1%",
            ],
        );
        assert!(said.contains(part), "{said}");
    }
    let several = error(
        dir,
        &[
            "price",
            "--quotes",
            "quotes.json",
            "--hops",
            "1,2",
            "--latency",
            "1b",
            "--reliability",
            "1%",
        ],
    );
    assert!(several.contains("--table"), "{several}");
    let hops = error(
        dir,
        &[
            "price",
            "--quotes",
            "quotes.json",
            "--table",
            "--hops",
            "1,7",
            "--latency",
            "1b",
            "--reliability",
            "1%",
        ],
    );
    assert!(hops.contains("7 hops"), "{hops}");
}

#[test]
fn a_calibration_plays_again() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["calibrate", "--requests", "300"];
    let report = lines(dir.path(), &args);
    assert_eq!(report, lines(dir.path(), &args));
    assert_eq!(report[0]["recomputers"].as_array().unwrap().len(), 9);
    assert_eq!(report[0]["seed"], id(21));
    let text = narthex(
        dir.path(),
        &["calibrate", "--requests", "300", "--market", "matched"],
    );
    assert!(String::from_utf8(text.stdout).unwrap().contains("regret"));
    let said = error(dir.path(), &["calibrate", "--requests", "0"]);
    assert!(said.contains("0 requests"), "{said}");
    // What is no seed or no share at all is told by whoever reads the arguments.
    for (flag, value, part) in [
        ("--seed", "x", "64 hex"),
        ("--lambda", "2", "that is 2, more than the whole"),
    ] {
        let output = narthex(dir.path(), &["calibrate", flag, value]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty() && said.contains(part), "{said}");
    }
}
