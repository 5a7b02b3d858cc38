//! No secret of a node is in what it logs, says and answers, also where it logs all that it can.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use narthex::{
    bitcoin::{
        NetworkKind,
        bip32::{DerivationPath, Xpriv},
        hex::{DisplayHex as _, FromHex as _},
        secp256k1::Secp256k1,
    },
    contracts::{
        derive::{OwnSalt, Salted, contract_key, delivery_key},
        terms::{Terms, TermsRecord},
    },
};
use narthex_base::{
    secret::Secret,
    tagged::{tagged_hash, tagged_hash_parts},
};
use serde_json::Value;

use crate::{
    contracts::lived,
    figures::ruled,
    support::{house::House, http::described},
};

/// Secrets by what they are: 32 bytes, or text.
#[derive(Default)]
struct Secrets {
    bytes: BTreeMap<String, [u8; 32]>,
    text: BTreeMap<String, String>,
}

impl Secrets {
    fn add(&mut self, what: impl Into<String>, bytes: [u8; 32]) {
        assert!(bytes.iter().any(|byte| *byte != 0));
        self.bytes.insert(what.into(), bytes);
    }

    /// How each may be written.
    fn written(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for (what, bytes) in &self.bytes {
            let mut turned = *bytes;
            turned.reverse();
            for bytes in [*bytes, turned] {
                let hex = bytes.to_lower_hex_string();
                all.push((what.clone(), bytes.to_vec()));
                all.push((what.clone(), hex.to_uppercase().into_bytes()));
                // As lists of numbers are shown.
                all.push((
                    what.clone(),
                    format!("{:?}", &bytes[..8]).replace(']', "").into_bytes(),
                ));
                all.push((what.clone(), hex.into_bytes()));
            }
        }
        let text = self.text.iter();
        all.extend(text.map(|(what, text)| (what.clone(), text.clone().into_bytes())));
        all
    }
}

fn secret(path: &Path) -> [u8; 32] {
    let bytes = std::fs::read(path).unwrap();
    // A secret is kept as its bytes, or with what says what it is in front.
    let last = bytes.last_chunk::<32>();
    *last.unwrap_or_else(|| panic!("{}: {} bytes", path.display(), bytes.len()))
}

/// The terms of a contract, as a party shows them.
fn terms(house: &House, at: usize, id: &str) -> TermsRecord {
    let client = house.client(at);
    let list = client.get(&format!("/v1/contracts/{id}/evidence")).json();
    let all = list.as_array().unwrap().iter();
    let piece = all.clone().find(|piece| piece["kind"] == "terms").unwrap();
    let item = piece["id"].as_str().unwrap();
    let text = client
        .get(&format!("/v1/contracts/{id}/evidence/{item}"))
        .body;
    Terms::from_json(text.as_bytes()).unwrap().record().clone()
}

/// All that a node has which nobody else may know, as far as a test can make it again.
fn secrets(house: &House, at: usize, id: &str) -> Secrets {
    let (dir, mut all) = (&house.nodes[at].dir, Secrets::default());
    let negotiation = <[u8; 32]>::from_hex(id).unwrap();
    let (key, seed) = (secret(&dir.join("node.key")), secret(&dir.join("seed")));
    all.add("node key", key);
    all.add("seed", seed);
    all.add("secret of the API", secret(&dir.join("api.secret")));
    all.add("secret of the figures", secret(&dir.join("metrics.secret")));
    for name in ["api.token", "metrics.token"] {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        all.text.insert(name.to_owned(), text.trim().to_owned());
    }
    let (_, cookie) = house.chain.rpc();
    let cookie = std::fs::read_to_string(cookie).unwrap();
    let (_, password) = cookie.trim().split_once(':').unwrap();
    all.text.insert("cookie".into(), password.to_owned());
    // The wallet: its root, as a descriptor has it, and the keys of its first addresses.
    let wallet = tagged_hash("narthex/node-wallet", &seed);
    all.add("wallet seed", wallet);
    let (secp, root) = (
        Secp256k1::new(),
        Xpriv::new_master(NetworkKind::Test, &wallet).unwrap(),
    );
    all.text.insert("wallet root".into(), root.to_string());
    all.add("key of the wallet root", root.private_key.secret_bytes());
    let account: DerivationPath = "m/86'/1'/0'".parse().unwrap();
    let account = root.derive_priv(&secp, &account).unwrap();
    all.text
        .insert("wallet account".into(), account.to_string());
    for chain in 0..2 {
        for index in 0..20 {
            let path: DerivationPath = format!("m/{chain}/{index}").parse().unwrap();
            let child = account.derive_priv(&secp, &path).unwrap();
            all.add(
                format!("wallet {chain}/{index}"),
                child.private_key.secret_bytes(),
            );
        }
    }
    let seed = Secret::from_bytes(seed);
    let contract = contract_key(&seed, &negotiation).unwrap();
    all.add("contract key", contract.secret_bytes());
    all.add("delivery key", delivery_key(&seed).unwrap().secret_bytes());
    let record = terms(house, at, id);
    let salts = [record.client.salt, record.worker.salt, record.verifier.salt];
    if let Some(salt) = salts.get(at) {
        let salted = Salted::new(&seed, OwnSalt::from_bytes(*salt.as_ref()));
        all.add("result secret", *salted.result().unwrap().expose());
        all.add("token", *salted.token().unwrap().expose());
        all.add("polynomial", *salted.polynomial().expose());
        all.add("salts of leaves", *salted.leaf_salts().expose());
        // The nonce of a sample is none: it opens what the verifier has committed to, with the sample.
        all.add("blind salt", *salted.blind_salt().expose());
        all.add("penny chain", *salted.bank_chain().expose());
        all.add("delivery seed", *salted.delivery_seed().expose());
    }
    // An arbiter's nonce of this contract, which its one attestation is made with.
    let contract = house.show(at, id)["contract"].clone();
    let contract = <[u8; 32]>::from_hex(contract.as_str().unwrap()).unwrap();
    let nonce = tagged_hash_parts("narthex/attestation-nonce", &[&key, &contract]);
    all.add("nonce of the attestation", nonce);
    all
}

/// Everything that a node shows: what it logged and said, what its API answers, and what it answers to what is wrong.
fn shown(house: &House, at: usize, id: &str) -> BTreeMap<String, Vec<u8>> {
    let (node, client, mut all) = (&house.nodes[at], house.client(at), BTreeMap::new());
    all.insert("log".to_owned(), std::fs::read(house.log(at)).unwrap());
    all.insert("said".to_owned(), node.said().join("\n").into_bytes());
    let zeros = "0".repeat(64);
    let mut get = |path: &str| {
        let answer = client.get(path);
        all.insert(
            format!("GET {path}"),
            format!("{}\n{}", answer.head, answer.body).into_bytes(),
        );
    };
    for (method, path) in described() {
        if method == "GET" {
            get(&path);
            get(&path.replace(&zeros, id));
        }
    }
    let list = client.get(&format!("/v1/contracts/{id}/evidence")).json();
    for piece in list.as_array().unwrap() {
        let item = piece["id"].as_str().unwrap();
        get(&format!("/v1/contracts/{id}/evidence/{item}"));
    }
    for (method, path) in described() {
        let path = path.replace(&zeros, id);
        let headers = [
            ("Idempotency-Key", "bad"),
            ("Content-Type", "application/json"),
        ];
        if method != "GET" {
            let answer = client.ask(&method, &path, &headers, "{\"nonsense\": 1}");
            assert!(answer.status >= 400, "{method} {path}: {answer:?}");
            all.insert(format!("{method} {path}"), answer.body.into_bytes());
        }
    }
    for words in [
        &["accept", id][..],
        &["accept", "x"],
        &["show", &zeros],
        &["clear", "02"],
        &["agree", id, "--until", "1"],
        &["deliver", id],
        &["result", &zeros],
        &["evidence", &zeros],
        &["status"],
        &["list"],
        &["peers"],
        &["graph", id],
        &["metrics"],
    ] {
        let said = match house.try_ask(at, words) {
            Ok(reply) => reply.to_string(),
            Err(error) => error,
        };
        all.insert(words.join(" "), said.into_bytes());
    }
    all
}

/// What is looked for, by how it begins.
type Sought = HashMap<[u8; 4], Vec<(String, Vec<u8>)>>;

/// What of it stands anywhere in these bytes.
fn found<'s>(sought: &'s Sought, all: &[u8]) -> BTreeSet<&'s str> {
    let places = all.windows(4).enumerate();
    let begun = places.filter_map(|(at, begins)| Some((at, sought.get(begins)?)));
    let found = begun.flat_map(|(at, those)| {
        let those = those
            .iter()
            .filter(move |(_, part)| all[at..].starts_with(part));
        those.map(|(what, _)| what.as_str())
    });
    found.collect()
}

/// That no secret of anybody is in what anybody shows.
fn none_is_shown(house: &House, id: &str) {
    let (mut sought, mut count) = (Sought::new(), 0);
    for at in 0..house.nodes.len() {
        for (what, bytes) in secrets(house, at, id).written() {
            let begins = *bytes.first_chunk().unwrap();
            let entry = (format!("{what} of {at}"), bytes);
            sought.entry(begins).or_default().push(entry);
            count += 1;
        }
    }
    let (mut pieces, mut bytes, mut leaked) = (0, 0, BTreeSet::new());
    for at in 0..house.nodes.len() {
        for (place, text) in shown(house, at, id) {
            pieces += 1;
            bytes += text.len();
            for what in found(&sought, &text) {
                leaked.insert(format!("{what}, in {place} of {at}"));
            }
        }
    }
    println!("{count} ways to write a secret, {pieces} pieces, {bytes} bytes");
    assert!(bytes > 100_000, "{bytes}");
    assert!(leaked.is_empty(), "{leaked:#?}");
}

/// Every line of a log is an object; each that names the contract in words has its id as a field; how many have one.
fn structured(house: &House, at: usize, id: &str) -> usize {
    let log = std::fs::read_to_string(house.log(at)).unwrap();
    let mut about = 0;
    for line in log.lines() {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for field in ["timestamp", "level", "target"] {
            assert!(read[field].is_string(), "{line}");
        }
        let contract = read["fields"]["contract"].as_str();
        assert!(!line.contains(&id[..16]) || contract.is_some(), "{line}");
        about += usize::from(contract == Some(id));
    }
    // What is told on standard output, since these nodes run with --json.
    for line in house.nodes[at].said() {
        let read: Value = serde_json::from_str(&line).unwrap();
        if line.contains(&id[..16]) {
            assert_eq!(read["contract"], id, "{line}");
            about += 1;
        }
    }
    about
}

#[test]
fn nothing_secret_is_shown_of_a_contract_that_went_well() {
    let mut house = House::logged(&["--log", "trace", "--log-format", "json"]);
    let id = house.offer();
    house.accept(&id);
    house.wait("all are committed", |house| {
        (0..6).all(|at| house.state(at, &id) == "committed")
    });
    house.wait("the funding waits", |house| !house.waiting().is_empty());
    house.mine(1);
    house.wait("all are live", |house| {
        (0..6).all(|at| house.state(at, &id) == "live")
    });
    lived(&mut house, &id, |_, _| ());
    none_is_shown(&house, &id);
    for at in 0..6 {
        let about = structured(&house, at, &id);
        assert!(about > 20, "{at}: {about}");
    }
}

#[test]
fn nothing_secret_is_shown_of_a_contract_that_a_panel_ruled_on() {
    let mut house = House::logged(&["--log", "trace"]);
    let id = house.offer();
    ruled(&mut house, &id);
    none_is_shown(&house, &id);
}
