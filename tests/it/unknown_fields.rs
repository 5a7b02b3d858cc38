//! A field that nobody knows is refused by its name, in whatever a user writes as JSON: it may be a misspelt one.

use crate::common::{self, sources};

use std::{fs, path::Path};

use bitcoin::secp256k1::{Keypair, Secp256k1};
use common::cli::command;
use narthex::{
    bank::{BankOptions, BankPlay},
    bounty::{BountyOptions, BountyPlay},
    contracts::{
        bank::BankTerms, bounty::BountyTerms, deliver::DeliverTerms, fixtures::Fixtures,
        slice::SliceTerms, terms::Terms,
    },
    deliver::{DeliveryOptions, DeliveryPlay},
    game::Case,
    game_model::{
        ParamsRecord, Template,
        game::{ArbiterModel, Economics, plan::Wish},
        market::{Audit, Decay, Ledger, LedgerRecord, Policy, PolicyRecord, RecomputerId},
    },
    job::Manifest,
    job_dispute::DisputeFile,
    regtest::Embedded,
    slice::{SliceOptions, SlicePlay},
};
use serde_json::{Value, json};

/// Names no field of anything.
const UNKNOWN: &str = "alhpa";

/// Paths of all objects in a value.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    let mut go = |key: String, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        objects(value, &format!("{path}/{key}"), found);
    };
    match value {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(key, value)| go(key.clone(), value));
            found.push(path.to_owned());
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(i, value)| go(i.to_string(), value));
        }
        _ => {}
    }
}

/// The value is read, and with one more field anywhere in it, it is not. An object of one field may be the name of a
/// variant with what belongs to it: there a second one is refused for what it is, not for its name.
fn refuses_others(what: &str, value: &Value, read: &dyn Fn(&[u8]) -> Result<(), String>) {
    let bytes = |value: &Value| serde_json::to_vec(value).unwrap();
    read(&bytes(value)).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut paths = Vec::new();
    objects(value, "", &mut paths);
    assert!(!paths.is_empty(), "{what}");
    for path in paths {
        let mut changed = value.clone();
        let object = changed.pointer_mut(&path).unwrap().as_object_mut().unwrap();
        let variant = object.len() == 1 && !path.is_empty();
        object.insert(UNKNOWN.into(), 1.into());
        let error = match read(&bytes(&changed)) {
            Err(error) => error,
            Ok(()) => panic!("{what}: a field of {path:?} that nobody knows is taken"),
        };
        assert!(variant || error.contains(UNKNOWN), "{what}{path}: {error}");
    }
}

/// Reads as serde does.
fn plainly<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<T>(bytes)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn as_json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn records_of_the_game() {
    let economics = Economics {
        arbiters: ArbiterModel::Strategic,
        ..Economics::example()
    };
    for params in [
        ParamsRecord::example(3, 2, 800_000),
        ParamsRecord::paper_example(3, 2, 800_000),
    ] {
        refuses_others("parameters", &as_json(&params), &plainly::<ParamsRecord>);
        for economics in [Economics::example(), economics.clone()] {
            let case = Case {
                params: params.clone(),
                economics,
            };
            refuses_others("case", &as_json(&case), &plainly::<Case>);
        }
    }
    let tenth = narthex::game_model::Ratio::new(1, 10).unwrap();
    let wish = Wish {
        economics,
        base: ParamsRecord::example(3, 2, 800_000),
        verification_overhead: tenth,
        verification_fixed: bitcoin::Amount::ZERO,
        margin: tenth,
        resist_bribes: true,
        capital_cost: tenth,
        samples: vec![10],
    };
    refuses_others("wish", &as_json(&wish), &plainly::<Wish>);
    let policy = PolicyRecord {
        lambda: tenth,
        alpha: tenth,
        beta: tenth,
        caution: tenth,
        decay: Decay::Both,
    };
    let mut ledger = Ledger::new(Policy::new(policy).unwrap());
    let audit = Audit {
        job: [1; 32],
        recomputer: RecomputerId([2; 32]),
        passed: true,
        height: 3,
    };
    ledger.enter(audit).unwrap();
    let record = as_json(ledger.record());
    refuses_others("ledger", &record, &plainly::<LedgerRecord>);
}

#[test]
fn terms_of_every_contract() {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    for template in [Template::Hardened, Template::Paper] {
        let fixtures = Fixtures::example(template, 3, 2, 800_000, [1; 32]).unwrap();
        let terms: Value =
            serde_json::from_str(&fixtures.terms().unwrap().to_json().unwrap()).unwrap();
        refuses_others("terms", &terms, &|json| {
            Terms::from_json(json).map(drop).map_err(|e| said(&e))
        });
    }
    let (mut chain, mut silent) = (Embedded::new(), ());
    let play = BankPlay::prepare(&mut chain, &BankOptions::default(), &mut silent);
    let mut play = play.unwrap();
    let bank = as_json(play.payer().unwrap().bank().terms().record());
    refuses_others("bank", &bank, &|json| {
        BankTerms::from_json(json).map(drop).map_err(|e| said(&e))
    });
    let mut chain = Embedded::new();
    let play = BountyPlay::prepare(&mut chain, &BountyOptions::default(), &mut silent).unwrap();
    let bounty = as_json(play.terms().record());
    refuses_others("bounty", &bounty, &|json| {
        BountyTerms::from_json(json).map(drop).map_err(|e| said(&e))
    });
    let mut chain = Embedded::new();
    let play = SlicePlay::prepare(&mut chain, &SliceOptions::default(), &mut silent).unwrap();
    let slice = as_json(play.terms().record());
    refuses_others("slice", &slice, &|json| {
        SliceTerms::from_json(json).map(drop).map_err(|e| said(&e))
    });
    let mut chain = Embedded::new();
    let play = DeliveryPlay::prepare(&mut chain, &DeliveryOptions::default(), &mut silent).unwrap();
    let delivery = as_json(play.delivery().terms().record());
    refuses_others("delivery", &delivery, &|json| {
        DeliverTerms::from_json(json)
            .map(drop)
            .map_err(|e| said(&e))
    });
}

#[test]
fn jobs_and_disputes() {
    for kind in [
        "wasm",
        "digits-wasm",
        "digits-units",
        "digits-model",
        "word-count",
    ] {
        let manifest = as_json(Manifest::example(kind, &[]).unwrap());
        refuses_others(kind, &manifest, &plainly::<Manifest>);
        let own = Manifest::example(kind, &["own".into()]).unwrap();
        refuses_others(kind, &as_json(own), &plainly::<Manifest>);
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let job = Manifest::example("digits-model", &[]).unwrap();
    fs::write(at("job"), serde_json::to_vec(&job).unwrap()).unwrap();
    let args = ["dispute", "--job", &at("job"), "--out", &at("dispute")];
    let (fine, _, err) = command("job", &args);
    assert!(fine, "{err}");
    let dispute = serde_json::from_slice(&fs::read(at("dispute")).unwrap()).unwrap();
    refuses_others("dispute", &dispute, &plainly::<DisputeFile>);
}

/// Through the command, for files whose form is the command's own.
fn through(folder: &Path, args: &[&str], json: &[u8]) -> Result<(), String> {
    let path = folder.join("tried");
    fs::write(&path, json).unwrap();
    let path = path.to_str().unwrap();
    let args: Vec<_> = args.iter().map(|arg| arg.replace("FILE", path)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match command(args[0], &args[1..]) {
        (true, _, _) => Ok(()),
        (false, _, err) => Err(err),
    }
}

#[test]
fn files_that_a_command_takes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let refuses = |what: &str, value: &Value, args: &[&str]| {
        refuses_others(what, value, &|json| through(folder.path(), args, json));
    };
    let key = Keypair::from_seckey_slice(&Secp256k1::new(), &[7; 32]).unwrap();
    let identity = key.x_only_public_key().0.to_string();
    let snapshot = json!({ "height": 800_000, "median_time": 1_900_000_000, "bondless": [identity], "bonds": [{
        "identity": identity, "outpoint": format!("{}:0", "ab".repeat(32)), "value_sat": 1_000_000, "lock": 900_000,
        "confirmed_height": 700_000, "confirmed_median_time": 1_800_000_000 }] });
    let seed = "07".repeat(32);
    refuses(
        "snapshot",
        &snapshot,
        &["bond", "select", "FILE", "--seed", &seed],
    );

    let quotes = json!({ "quotes": [{ "recomputer": seed, "base_sat": 1, "hop_fee_sat": 1, "reliability": "0.9",
        "latencies": [{ "within": "2b", "premium_sat": 1 }] }] });
    let choose = [
        "market",
        "choose",
        "--quotes",
        "FILE",
        "--reliability",
        "1/2",
        "--hops",
        "1",
        "--latency",
        "2b",
    ];
    refuses("quotes", &quotes, &choose);

    let ledger = at("ledger");
    let (fine, _, err) = command("market", &["ledger", "init", &ledger]);
    assert!(fine, "{err}");
    let ledger = serde_json::from_slice(&fs::read(ledger).unwrap()).unwrap();
    refuses("ledger", &ledger, &["market", "ledger", "show", "FILE"]);

    fs::write(at("file"), [5; 70_000]).unwrap();
    let (fine, _, err) = command("store", &["encode", &at("file"), "--out", &at("store")]);
    assert!(fine, "{err}");
    let archive = format!("{}/archive.json", at("store"));
    let out = at("challenge");
    let made = [
        "challenge",
        "--archive",
        &archive,
        "--chunks",
        "2",
        "--out",
        &out,
    ];
    let (fine, _, err) = command("store", &made);
    assert!(fine, "{err}");
    let proof = at("proof");
    let prove = ["prove", &at("store"), "--challenge", &out, "--out", &proof];
    let (fine, _, err) = command("store", &prove);
    assert!(fine, "{err}");
    let [read_archive, read_challenge] = [&archive, &out]
        .map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap());
    let verify = [
        "store",
        "verify",
        "--archive",
        "FILE",
        "--challenge",
        &out,
        "--proof",
        &proof,
    ];
    refuses("archive", &read_archive, &verify);
    let verify = [
        "store",
        "verify",
        "--archive",
        &archive,
        "--challenge",
        "FILE",
        "--proof",
        &proof,
    ];
    refuses("challenge", &read_challenge, &verify);

    let (_, job, _) = command("job", &["example", "wasm"]);
    fs::write(at("job"), job).unwrap();
    let (job, state) = (at("job"), at("state"));
    let done = |args: &[&str]| {
        let (fine, out, err) = command("job", args);
        assert!(fine, "{err}");
        out
    };
    done(&["run", &job, "--state", &state]);
    done(&["commit", "--state", &state]);
    let opened = done(&["open", "--state", &state, "--steps", "1"]);
    let (commitment, opening) = (format!("{state}/commitment-0.json"), at("opening"));
    fs::write(&opening, &opened).unwrap();
    let opened = serde_json::from_str(&opened).unwrap();
    let committed = serde_json::from_slice(&fs::read(&commitment).unwrap()).unwrap();
    let verify = |commitment, opening| {
        [
            "job",
            "verify",
            "--job",
            &job,
            "--commitment",
            commitment,
            "--opening",
            opening,
        ]
        .map(str::to_owned)
    };
    let args = verify("FILE", &opening);
    refuses(
        "commitment",
        &committed,
        &args.each_ref().map(String::as_str),
    );
    let args = verify(&commitment, "FILE");
    refuses("opening", &opened, &args.each_ref().map(String::as_str));
}

/// Sources of what this program reads; what a node answers may have more than is asked for.
const SOURCES: [&str; 4] = ["src", "channel/src", "contracts/src", "game-model/src"];

/// Every record that is read says that it takes no other fields, also those that no file above has.
#[test]
fn no_record_is_forgotten() {
    let files: Vec<_> = SOURCES.into_iter().flat_map(sources::whole).collect();
    let (mut records, mut careless) = (0, Vec::new());
    for (path, text) in &files {
        for (at, _) in text.match_indices("#[derive(") {
            let item = &text[at..];
            let (derived, rest) = item.split_once(")]").unwrap();
            let derives = derived
                .split(['(', ',', ' ', ':'])
                .any(|word| word == "Deserialize");
            let head = rest.split_inclusive(['{', ';']).next().unwrap();
            let body = rest[head.len()..].split("\n}").next().unwrap_or_default();
            let declared = head.lines().find(|line| {
                let line = line
                    .trim_start()
                    .trim_start_matches("pub")
                    .trim_start_matches("(super)");
                ["struct ", "enum "]
                    .iter()
                    .any(|kind| line.trim_start().starts_with(kind))
            });
            let (true, Some(line)) = (derives, declared) else {
                continue;
            };
            // Variants without fields, and what is read as something else, have none to forbid.
            let has_fields = match line.contains("enum ") {
                true => body.contains(" {"),
                false => head.ends_with('{'),
            };
            let elsewhere = ["transparent", "try_from", "from ="]
                .iter()
                .any(|way| head.contains(way));
            if has_fields && !elsewhere {
                records += 1;
                if !head.contains("deny_unknown_fields") {
                    careless.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    assert!(records > 60, "{records} records");
    assert!(careless.is_empty(), "{careless:#?}");
}
