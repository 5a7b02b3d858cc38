//! The bundle of a case that was lived (`tests/it/bundles.rs` of the whole repository writes it), and its second reader.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bitcoin::{
    BlockHash,
    hex::FromHex,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use narthex_arbiter::{Anchor, Body, Bundle};
use narthex_base::{codec::Message as _, statement};
use serde_json::Value;

pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/bundle.json")
}

/// What stands in the file.
pub fn value() -> Value {
    serde_json::from_slice(&fs::read(path()).unwrap()).unwrap()
}

pub fn bytes() -> Vec<u8> {
    Vec::from_hex(value()["bundle"].as_str().unwrap()).unwrap()
}

pub fn bundle() -> Bundle {
    Bundle::from_bytes(&bytes()).unwrap()
}

/// The last block of its headers, as its chain has it.
pub fn anchor() -> Anchor {
    let anchor = &value()["anchor"];
    Anchor {
        height: anchor["height"].as_u64().unwrap().try_into().unwrap(),
        hash: anchor["hash"]
            .as_str()
            .unwrap()
            .parse::<BlockHash>()
            .unwrap(),
    }
}

/// Signed by the arbiter that has signed the vector: it may sign what it likes.
pub fn signed(body: Body) -> Bundle {
    let secret = value()["word_secret"].as_str().unwrap().to_owned();
    let secret = <[u8; 32]>::from_hex(&secret).unwrap();
    let key = SecretKey::from_slice(&secret).unwrap();
    let pair = Keypair::from_secret_key(&Secp256k1::new(), &key);
    let signature = statement::sign(&body.digest(), &pair);
    body.signed(1, signature)
}

/// Whether the second reader agrees with a file, and what it says.
fn second_opinion(file: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/bundle.py");
    let run = Command::new("python3")
        .arg(script)
        .arg(file)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (run.status.success(), text(run.stdout) + &text(run.stderr))
}

#[test]
fn a_second_reader_agrees() {
    let (agrees, words) = second_opinion(&path());
    assert!(agrees, "{words}");
    assert!(words.contains("1 bundles, 0 disagreements"), "{words}");
}

#[test]
fn the_second_reader_can_disagree() {
    let folder = std::env::temp_dir().join(format!("narthex-bundle-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (field, other) in [
        ("finding", serde_json::json!({})),
        ("signed", serde_json::json!("00")),
        ("parts", serde_json::json!([])),
    ] {
        let mut vector = value();
        vector[field] = other;
        let file = folder.join("bundle.json");
        fs::write(&file, vector.to_string()).unwrap();
        let (agrees, words) = second_opinion(&file);
        assert!(!agrees, "{field}: {words}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_vector_opens_to_its_question() {
    let (bundle, value) = (bundle(), value());
    assert_eq!(bundle.to_bytes(), bytes());
    let question = bundle.open(Some(&anchor())).unwrap();
    assert_eq!(
        question.id().as_slice(),
        Vec::<u8>::from_hex(value["question"].as_str().unwrap()).unwrap()
    );
    let facts = &question.facts;
    for (name, height) in [
        ("funded", facts.funded),
        ("delivered", facts.delivered),
        ("verdict", facts.verdict),
        ("accused", facts.accused),
        ("record", facts.record.unwrap().height),
    ] {
        let said = &value["facts"][name];
        assert_eq!(said.get("height").unwrap_or(said), height, "{name}");
    }
    let finding = serde_json::to_value(&bundle.report().finding).unwrap();
    assert_eq!(finding, value["finding"]);
    assert!(bundle.shows_root_coin().unwrap());
}
