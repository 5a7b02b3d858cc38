//! Cases that were lived, as bundles that another process rules on again.

use crate::common;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use bitcoin::hex::DisplayHex;
use common::{cli, options};
use narthex::{
    arbiter::Bundle,
    contracts::terms::{Role, word_pair},
    game_model::{Template, token::SealCost},
    harness::{HarnessOptions, Playable as _, play_on},
    play::{ContractPlay, Event, JobFile, PlayOptions},
    regtest::{Chain, ChainSource, Embedded},
};
use narthex_base::codec::Message as _;
use serde_json::{Value, json};

fn with_bundles(template: Template, scenario: &str) -> PlayOptions {
    let mut options = options(template, scenario, (2, 3));
    options.input = Some(common::few_images());
    options.seal_cost = SealCost::CONTRACT;
    options.bundles = true;
    options
}

/// Bundles of the arbiters of a scenario that is lived on this chain.
fn lived(chain: &mut dyn Chain, template: Template, scenario: &str) -> (Vec<Vec<u8>>, String) {
    let options = with_bundles(template, scenario);
    let mut events: Vec<Event> = Vec::new();
    let outcome = play_on(chain, scenario, &options, &mut events).unwrap();
    let row = outcome.figures.ruling_row.clone().unwrap();
    (outcome.figures.bundles, row)
}

/// `narthex arbiter replay` in a process of its own: exit status and what it says.
fn replay(bundle: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args(["arbiter", "replay", bundle.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (run.status.code(), text(run.stdout), text(run.stderr))
}

fn anchor(chain: &mut dyn ChainSource, height: u32) -> String {
    format!("{height}:{}", chain.block_hash(height).unwrap())
}

/// A case is lived, and each of its bundles is replayed by another process to the same finding, on the very chain and on no other.
fn is_replayed(chain: &mut dyn Chain, template: Template, scenario: &str, row: &str) {
    let (bundles, ruled) = lived(chain, template, scenario);
    assert_eq!(ruled, row);
    assert_eq!(bundles.len(), 3, "{scenario}");
    let folder = tempfile::tempdir().unwrap();
    for (seat, bytes) in bundles.iter().enumerate() {
        println!("{scenario}, arbiter {seat}: {} bytes", bytes.len());
        let file = folder.path().join("bundle");
        std::fs::write(&file, bytes).unwrap();
        let headers = Bundle::from_bytes(bytes).unwrap().body().headers.clone();
        for height in [headers.first() - 1, headers.last()] {
            let (status, out, err) = replay(&file, &["--json", "--anchor", &anchor(chain, height)]);
            assert_eq!(status, Some(0), "{scenario}: {out} {err}");
            let told: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(told["is_same"], true);
            assert_eq!(told["is_anchored"], true);
            assert_eq!(told["arbiter"], seat);
            assert_eq!(told["found"]["finding"], told["said"]["finding"]);
            assert_eq!(told["differences"], json!([]));
        }
        // In hexadecimal, as a node gives it; without an anchor it says what that leaves open.
        std::fs::write(&file, bytes.to_lower_hex_string() + "\n").unwrap();
        let (status, out, err) = replay(&file, &[]);
        assert_eq!(status, Some(0), "{err}");
        assert!(
            out.contains("nothing says that they are of your chain"),
            "{out}"
        );
        assert!(out.contains(&format!("row {row}:")), "{out}");
        // A block of another chain at that height.
        let other = format!("{}:{}", headers.last(), "00".repeat(32));
        let (status, _, err) = replay(&file, &["--anchor", &other]);
        assert_eq!(status, Some(1));
        assert!(err.contains("your chain"), "{err}");
        let (status, _, err) = replay(&file, &["--network", "bitcoin"]);
        assert_eq!(status, Some(1));
        assert!(err.contains("it is of regtest"), "{err}");
    }
}

fn a_step_that_is_run_again(chain: &mut dyn Chain) {
    is_replayed(chain, Template::Hardened, "worker-at-fault", "8");
}

fn what_was_not_handed_over(chain: &mut dyn Chain) {
    is_replayed(chain, Template::Hardened, "withheld-boxes", "2");
}

on_both_chains!(a_step_that_is_run_again, what_was_not_handed_over);

#[test]
fn other_rows() {
    for (template, scenario, row) in [
        (Template::Hardened, "two-samples", "0"),
        (Template::Hardened, "withheld-nonce", "3"),
        (Template::Hardened, "garbage-boxes", "10"),
        (Template::Audited, "challenge-upheld", "c4"),
        (Template::Audited, "challenge-dismissed", "c5"),
    ] {
        is_replayed(&mut Embedded::new(), template, scenario, row);
    }
}

/// The vector that the tests of `narthex-arbiter` and its second reader go by.
fn vector() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("arbiter/tests/vectors/bundle.json")
}

/// A case of a small job, from one seed: the same bytes for ever, unless something changes for a reason.
#[test]
fn a_bundle_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (fine, text, err) = cli::words("job", "example wasm");
    assert!(fine, "{err}");
    let mut job: Value = serde_json::from_str(&text).unwrap();
    job["work"]["input"]["records"] = 40.into();
    let path = folder.path().join("job.json");
    std::fs::write(&path, job.to_string()).unwrap();

    let mut options = with_bundles(Template::Hardened, "made-up-digests");
    options.input = None;
    options.job = Some(JobFile::new(path, None));
    options.common = HarnessOptions::seeded([0xb7; 32]);
    let (mut chain, mut events) = (Embedded::new(), Vec::<Event>::new());
    let scenario = options.scenario("made-up-digests").unwrap();
    let mut play = ContractPlay::prepare(&mut chain, &options, &mut events).unwrap();
    let ending = (scenario.script)(&mut play).unwrap();
    let id = *play.terms().contract_id();
    let key = play.participant(Role::Arbiter(1)).unwrap().key().unwrap();
    let outcome = PlayOptions::end(play, scenario, ending).unwrap();
    let bytes = outcome.figures.bundles[1].clone();
    let bundle = Bundle::from_bytes(&bytes).unwrap();
    let last = bundle.body().headers.last();
    let question = bundle.open(None).unwrap();
    let found = bundle.report();
    let now = json!({
        "what": "the bundle of arbiter 1 of a case in which the verifier made its digests up",
        "word_secret": word_pair(&id, &key).secret_bytes().to_lower_hex_string(),
        "contract": id.to_lower_hex_string(),
        "signed": bundle.body().digest().to_lower_hex_string(),
        "question": question.id().to_lower_hex_string(),
        "anchor": { "height": last, "hash": chain.block_hash(last).unwrap().to_string() },
        "facts": {
            "funded": question.facts.funded, "delivered": question.facts.delivered,
            "verdict": question.facts.verdict, "accused": question.facts.accused,
            "record": question.facts.record,
        },
        "parts": question.dossier.evidence().iter().map(|part| json!({
            "by": part.by, "items": part.items.len(), "receipts": part.receipts.len(),
            "openings": part.openings.len(), "record": part.record.is_some(),
        })).collect::<Vec<_>>(),
        "finding": found.finding,
        "judged": found.judged,
        "bundle": bytes.to_lower_hex_string(),
    });
    let path = vector();
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        let mut text = serde_json::to_string_pretty(&now).unwrap();
        text.push('\n');
        std::fs::write(path, text).unwrap();
        return;
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for (field, value) in now.as_object().unwrap() {
        assert_eq!(*value, kept[field], "{field}");
    }
}
