//! A node as an arbiter: what it is asked to do within its bounds, and what is turned away.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use narthex::{
    bitcoin::{Amount, hex::DisplayHex as _},
    game_model::{Params, game::Economics},
};
use narthex_node::party::{ArbiterPolicy, Command as Order, NewOffer, Policy, Reply, Store as _};

use crate::{
    contracts::{everybody, quiet},
    life::is_over,
    support::{
        house::House,
        tools::looked_at,
        town::{Town, everything, id_of},
    },
};

/// Blocks after which a contract is given up.
const MOST_BLOCKS: u32 = 60;

/// The arbiter that is looked at.
pub const AT: usize = 3;

/// An offer with this retainer.
fn order(town: &mut Town, retainer: u64) -> NewOffer {
    let mut order = town.order();
    order.params.retainer = Amount::from_sat(retainer);
    order
}

pub fn offered(town: &mut Town, order: NewOffer) -> [u8; 32] {
    match town.ask(0, Order::Offer(Box::new(order))) {
        Ok(Reply::Contract(status)) => id_of(&status),
        other => panic!("{other:?}"),
    }
}

/// From now on it sits within these bounds.
fn bounded(town: &mut Town, arbiter: ArbiterPolicy) {
    town.nodes[AT].decide_by(Policy {
        arbiter,
        ..everything()
    });
    town.restart(AT);
    town.pump();
}

/// That an offer is turned away for a bound, with what was asked and the limit, and that nothing of it is kept; its id.
fn turned_away(
    town: &mut Town,
    order: NewOffer,
    (bound, asked, limit): (&str, u128, u128),
) -> [u8; 32] {
    let (logs, written) = (
        town.nodes[AT].store.known().unwrap(),
        town.nodes[AT].written.borrow().len(),
    );
    let id = offered(town, order);
    town.pump();
    assert_eq!(town.state(AT, &id), "unknown", "{bound}");
    let words = format!("bound {bound} is {limit}");
    let (name, notes) = (id[..8].to_lower_hex_string(), &town.nodes[AT].notes);
    let is_it = |note: &&String| note.contains(&name) && note.contains(&words);
    let note = notes.iter().rfind(is_it);
    let note = note.unwrap_or_else(|| panic!("{words}: {notes:?}"));
    assert!(note.contains("turned away"), "{note}");
    assert!(note.ends_with(&format!("would be {asked}")), "{note}");
    assert_eq!(town.nodes[AT].store.known().unwrap(), logs, "{bound}");
    let entries = town.nodes[AT].written.borrow();
    let mut new = entries[written..].iter();
    assert!(new.all(|(machine, _)| machine != "offer"), "{bound}");
    // The others are asked, and it lacks one alone.
    assert_eq!(town.state(AT + 1, &id), "waiting", "{}", town.notes());
    id
}

#[test]
fn an_offer_beyond_a_bound_is_turned_away_and_one_at_the_limit_is_not() {
    const RETAINER: u64 = 3_000;
    let params = order(&mut Town::new(), RETAINER).params;
    let params = Params::new(*params).unwrap();
    let (evidence, blobs) = (params.evidence_bytes(), params.blob_bytes());
    let fuel = params.job_bounds().step_fuel();
    println!("{evidence} bytes of evidence, {blobs} to keep, {fuel} units of fuel");
    let bytes = |bytes: u128| u64::try_from(bytes).unwrap();
    // As much as is asked for.
    let just = ArbiterPolicy {
        min_retainer: Amount::from_sat(RETAINER),
        max_cases: 1,
        max_evidence_bytes: bytes(evidence),
        max_blob_bytes: bytes(blobs),
        max_step_fuel: bytes(fuel),
    };
    let less = [
        (
            ArbiterPolicy {
                max_cases: 0,
                ..just
            },
            ("max-cases", 1, 0),
        ),
        (
            ArbiterPolicy {
                max_evidence_bytes: just.max_evidence_bytes - 1,
                ..just
            },
            ("max-evidence-bytes", evidence, evidence - 1),
        ),
        (
            ArbiterPolicy {
                max_blob_bytes: just.max_blob_bytes - 1,
                ..just
            },
            ("max-blob-bytes", blobs, blobs - 1),
        ),
        (
            ArbiterPolicy {
                max_step_fuel: just.max_step_fuel - 1,
                ..just
            },
            ("max-step-fuel", fuel, fuel - 1),
        ),
        (
            ArbiterPolicy {
                min_retainer: just.min_retainer + Amount::ONE_SAT,
                ..just
            },
            ("min-retainer", RETAINER.into(), u128::from(RETAINER) + 1),
        ),
    ];
    for (policy, why) in less {
        let mut town = Town::new();
        bounded(&mut town, policy);
        let all = order(&mut town, RETAINER);
        let id = turned_away(&mut town, all, why);
        // It comes again, and as much as is asked for is enough.
        bounded(&mut town, just);
        assert!(town.all(&id, "committed"), "{}", town.notes());
    }
    // It sits in one, and in no other before that is over; after a start too.
    let mut town = Town::new();
    bounded(&mut town, just);
    let first = order(&mut town, RETAINER);
    let first = offered(&mut town, first);
    town.pump();
    assert!(town.all(&first, "committed"), "{}", town.notes());
    town.mine(1);
    town.restart(AT);
    town.pump();
    let next = order(&mut town, RETAINER);
    let next = turned_away(&mut town, next, ("max-cases", 2, 1));
    for at in 0..MOST_BLOCKS {
        assert!(at + 1 < MOST_BLOCKS, "{}", town.notes());
        if town.state(AT, &next) != "unknown" {
            break;
        }
        town.mine(1);
    }
    // It is taken once the end of the first one is deep.
    assert!(is_over(&town.standing(AT, &first)), "{}", town.notes());
}

/// As an operator would have it who has costs: nobody keeps what is handed over for nothing.
#[test]
fn a_node_with_costs_takes_part_in_nothing_without_a_retainer() {
    let mut town = Town::new();
    let economics = Economics::example();
    for at in [1, AT] {
        town.nodes[at].decide_by(Policy {
            economics: Some(economics.clone()),
            ..everything()
        });
        town.restart(at);
    }
    town.pump();
    let id = town.offer();
    town.pump();
    for at in [1, AT] {
        assert_eq!(town.state(at, &id), "unknown", "{}", town.notes());
        let why = town.nodes[at]
            .notes
            .iter()
            .any(|note| note.contains("a retainer of 0"));
        assert!(why, "{}", town.notes());
    }
    // Research takes it.
    assert_eq!(town.state(2, &id), "waiting", "{}", town.notes());
    // As a client it makes no such offer.
    town.nodes[0].decide_by(Policy {
        economics: Some(economics.clone()),
        ..everything()
    });
    town.restart(0);
    town.pump();
    let unpaid = Box::new(town.order());
    let refused = town.ask(0, Order::Offer(unpaid)).unwrap_err();
    assert!(refused.contains("a retainer of 0"), "{refused}");

    // Where arbiters are paid, the ledger decides.
    let mut town = Town::new();
    town.nodes[AT].decide_by(Policy {
        economics: Some(economics),
        ..everything()
    });
    town.restart(AT);
    town.pump();
    let paid = order(&mut town, 3_000);
    let id = offered(&mut town, paid);
    town.pump();
    assert_ne!(town.state(AT, &id), "unknown", "{}", town.notes());
}

/// Every file below a folder, with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => drop(all.insert(path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    all
}

#[test]
fn an_arbiters_folder_is_made_once() {
    let house = House::empty();
    let words = ["--research", "--max-stake", "250000", "--max-cases", "3"];
    let made = house.init("arbiter", &words);
    assert_eq!(made["made"], true);
    let address = made["pay_to"].as_str().unwrap();
    assert!(address.starts_with("bcrt1p"), "{address}");
    let dir = house.file("arbiter");
    let before = files(&dir);
    // Its options have its bounds, and nothing that is secret.
    let text = std::fs::read_to_string(dir.join("node.toml")).unwrap();
    for line in [
        "max-stake = 250000",
        "max-cases = 3",
        "min-retainer = 1000",
        "accept-role = [\"arbiter\"]",
        "research = true",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    for secret in ["node.key", "seed"] {
        let bytes = &before[&dir.join(secret)];
        assert_eq!(bytes.len(), 32);
        assert!(!text.contains(&bytes.to_lower_hex_string()), "{secret}");
    }
    // A second time, whatever is said, nothing is changed.
    let again = house.init("arbiter", &["--research", "--max-cases", "9"]);
    assert_eq!(
        (&again["made"], &again["node"]),
        (&false.into(), &made["node"])
    );
    assert_eq!(again["pay_to"], serde_json::Value::Null);
    assert_eq!(files(&dir), before);
    // What is wrong is found before anything is made, and what was not made is not served.
    let refused = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_narthex-node"))
            .arg("arbiter")
            .args(words)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let (url, cookie) = house.chain.rpc();
    let (nowhere, cookie) = (house.file("nowhere"), cookie.to_str().unwrap());
    let nowhere = nowhere.to_str().unwrap();
    let init = ["init", "--dir", nowhere, "--node", &url, "--cookie", cookie];
    let why = refused(&[&init[..], &["--economics", "/nowhere"]].concat());
    assert!(why.contains("/nowhere"), "{why}");
    let why = refused(&[&init[..], &["--research", "--network", "signet"]].concat());
    assert!(why.contains("not on signet"), "{why}");
    // No file has a number that it does not read again.
    let most = u64::MAX.to_string();
    refused(&[&init[..], &["--research", "--max-step-fuel", &most]].concat());
    let named = ["--research", "--node", "http://a:b@127.0.0.1:1"];
    let why = refused(&[&["init", "--dir", nowhere, "--cookie", cookie][..], &named].concat());
    assert!(why.contains("no password"), "{why}");
    let why = refused(&["serve", "--dir", nowhere]);
    assert!(why.contains("arbiter init"), "{why}");
    assert!(!Path::new(nowhere).join("seed").exists());
}

/// The page of an arbiter as its operator sees it.
fn page(house: &House, id: &str, phase: &str) {
    looked_at(&house.client(AT), ("arbiter", "arbiter"), id, phase);
}

/// How an arbiter stands, over HTTP; the same on the command line.
fn status(house: &House, at: usize) -> serde_json::Value {
    house.client(at).get("/v1/arbiter").json()
}

const RETAINER: u64 = 2_000;

/// Three folders are made and served; the verifier hears nobody and rejects, the worker appeals, the panel rules, and each arbiter's operator
/// sees what it was and what it has brought, to the satoshi.
#[test]
fn a_panel_that_init_has_made_rules_and_is_paid() {
    let mut house = House::with_panel(&["--research", "--max-stake", "250000"]);
    let before: Vec<_> = (3..6).map(|at| house.ask(at, &["status"])).collect();
    let id = house.offer_with(&["--retainer", &RETAINER.to_string()]);
    house.accept(&id);
    house.wait("all are committed", |house| {
        everybody(house, &id, "committed")
    });
    house.wait("the funding is published", |house| {
        !house.waiting().is_empty()
    });
    let planned = status(&house, AT);
    assert_eq!(planned["states"]["set-up"], 1, "{planned}");
    house.cut_off_verifier();
    house.mine(1);
    house.wait("all are live", |house| everybody(house, &id, "live"));
    house.wait("it stands by", |house| {
        status(house, AT)["states"]["keeping"] == 1
    });
    let keeps = status(&house, AT);
    assert_eq!(keeps["money"]["locked_sat"], 250_000);
    assert_eq!(keeps["money"]["net_sat"], 0);
    assert_eq!(keeps["judge"]["is_boxed"], true);
    assert_eq!(keeps["bounds"]["min_retainer_sat"], 1_000);
    let dates = keeps["cases"][0]["dates"].as_array().unwrap();
    assert!(
        dates
            .iter()
            .any(|date| date["what"] == "the worker's delivery is due"),
        "{dates:?}"
    );
    page(&house, &id, "keeping");

    // Nothing comes from the verifier: the worker goes on chain with what it has.
    house.wait("the work is done", |house| {
        house.try_ask(1, &["deliver", &id]).is_ok()
    });
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        quiet(&mut house, &id);
        let now = status(&house, AT);
        let case = &now["cases"][0];
        let state = case["state"].as_str().unwrap().to_owned();
        if state == "hearing" && seen.insert(state.clone()) {
            let dates = case["dates"].as_array().unwrap();
            let what = dates.iter().map(|date| date["what"].as_str().unwrap());
            assert!(
                what.clone().any(|what| what.contains("attested")),
                "{:?}",
                what.collect::<Vec<_>>()
            );
            page(&house, &id, "hearing");
        }
        seen.insert(state);
        if (3..6).all(|at| !status(&house, at)["cases"][0]["ended"].is_null()) {
            break;
        }
        house.mine(1);
    }
    println!("{seen:?}");
    let way = house.show(AT, &id)["path"].clone();
    let way = way.as_array().unwrap();
    let names: Vec<_> = way.iter().map(|tx| tx["name"].as_str().unwrap()).collect();
    assert_eq!(names[..4], ["Tx0", "TxD", "TxV0", "TxA"], "{names:?}");
    // What the chain says was paid.
    let last = way.last().unwrap();
    let block: String = house
        .chain
        .call("getblockhash", &[last["height"].clone()])
        .unwrap();
    let tx: serde_json::Value = house
        .chain
        .call(
            "getrawtransaction",
            &[last["txid"].clone(), true.into(), block.into()],
        )
        .unwrap();
    let paid = tx["vout"].as_array().unwrap().iter();
    let paid = paid.map(|out| Amount::from_btc(out["value"].as_f64().unwrap()).unwrap());
    let paid: Vec<_> = paid.map(Amount::to_sat).collect();
    for (at, before) in (3..6).zip(before) {
        let now = status(&house, at);
        let (case, money) = (&now["cases"][0], &now["money"]);
        println!("{at}: {money}");
        assert_eq!(case["ruling"], "verifier", "{case}");
        assert_eq!(case["attested"], true, "{case}");
        assert_eq!(case["has_bundle"], true, "{case}");
        assert_eq!(case["stake"], "spent", "{case}");
        assert_eq!(case["ended"]["by"], last["name"], "{case}");
        assert_eq!(now["states"][case["state"].as_str().unwrap()], 1);
        let sat = |name: &str| money[name].as_u64().unwrap();
        assert_eq!((sat("locked_sat"), sat("retainers_sat")), (0, RETAINER));
        assert_eq!((sat("lost_sat"), sat("fees_sat")), (0, 0), "{money}");
        assert!(sat("earned_sat") > 0, "{money}");
        let back = 250_000 + RETAINER + sat("earned_sat");
        assert!(paid.contains(&back), "{back} of {paid:?}");
        let net = money["net_sat"].as_i64().unwrap();
        assert_eq!(net as u64, RETAINER + sat("earned_sat"));
        // Its coins are so many more, less what it paid for transactions.
        let coins = |status: &serde_json::Value| status["node"]["balance_sat"].as_i64().unwrap();
        let more = coins(&house.ask(at, &["status"])) - coins(&before);
        assert!((0..5_000).contains(&(net - more)), "{net}, {more}");
        let said = &house.arbiter(at, &["status"])["arbiter"];
        assert_eq!((&said["cases"], &said["money"]), (&now["cases"], money));
    }
    page(&house, &id, "over");
    // Whoever asks sees that it is not to be summoned any more, once it has said so.
    let nobody = [("Authorization", "")];
    let known = || {
        house
            .client(AT)
            .ask("GET", "/v1/identity", &nobody, "")
            .json()
    };
    assert_eq!(known()["burned"], serde_json::Value::Null);
    let said = house.arbiter(AT, &["key", "burn", "--reason", "sold", "--for-ever"]);
    assert_eq!(known(), said["identity"]);
    assert_eq!(known()["burned"]["reason"], "sold");
    let other = house.client(AT).ask("GET", "/v1/arbiter", &nobody, "");
    assert_eq!(other.status, 401);
    // Started again it says the same of what is over.
    let was = status(&house, AT);
    house.nodes[AT].kill();
    house.again(AT);
    house.wait("it knows its case", |house| {
        let now = status(house, AT);
        now["cases"][0]["ended"] == was["cases"][0]["ended"] && now["money"] == was["money"]
    });
}
