//! An arbiter's offers on chain, and their bonds: one process and a Bitcoin node. Whoever reads the chain finds them.

use std::collections::BTreeSet;

use narthex::{
    bitcoin::{
        Amount, ScriptBuf, Transaction,
        consensus::encode,
        hex::FromHex as _,
        secp256k1::{PublicKey, Secp256k1},
    },
    bond::verify,
    contracts::{
        bond::Certificate,
        panel::{Offer, OfferTerms, Pool},
    },
    regtest::{ChainSource as _, Miner as _},
};
use narthex_base::codec::Message as _;
use serde_json::Value;

use crate::support::{house::House, kill::When, tools::looked_at};

/// What is locked for each.
const BOND: u64 = 300_000;
/// Blocks of an offer: with locks of 4 blocks at most, the next is made 4 + 1 + 2 before its end.
const BLOCKS: u64 = 24;
const MARGIN: u64 = 7;
/// The options of that.
const WORDS: [&str; 10] = [
    "--bond",
    "300000",
    "--bond-blocks",
    "24",
    "--bond-longest-lock",
    "4",
    "--bond-stake",
    "50000",
    "--min-retainer",
    "1000",
];

/// How the arbiter stands.
fn arbiter(house: &House) -> Value {
    let said = house.try_arbiter(0, &["offer", "status"]);
    said.map_or(Value::Null, |said| said["arbiter"].clone())
}

fn offers(house: &House) -> Vec<Value> {
    let all = arbiter(house)["offering"]["offers"].as_array().cloned();
    all.unwrap_or_default()
}

/// Ends of the offers in a state.
fn in_state(house: &House, state: &str) -> Vec<u64> {
    let all = offers(house)
        .into_iter()
        .filter(|one| one["state"] == state);
    all.map(|one| one["end_height"].as_u64().unwrap()).collect()
}

/// Everything that the chain has of offers, as whoever draws a panel reads it: by the block.
fn pool(house: &mut House) -> Pool {
    let mut pool = Pool::default();
    for height in 0..=house.chain.height().unwrap() {
        let block = house.chain.block(height).unwrap();
        let changes = pool.connect(height, &block).unwrap();
        pool.apply(&changes);
    }
    pool
}

/// Offers on the chain by their ends, and at which height their bonds were spent.
fn found(house: &mut House) -> Vec<(Offer, Option<u32>)> {
    let pool = pool(house);
    let mut all: Vec<_> = pool
        .offers()
        .map(|(offer, spent)| (*offer, spent))
        .collect();
    all.sort_by_key(|(offer, _)| offer.expiry_height);
    all
}

/// Waits until it has seen the tip, and what it published is in the mempool or was not to be.
fn seen(house: &mut House) {
    house.wait("it has seen the tip", |house| {
        let said = house.try_ask(0, &["status"]);
        said.is_ok_and(|said| said["node"]["tip"] == house.height())
    });
}

fn mine_to(house: &mut House, height: u64) {
    while house.height() < height {
        house.mine(1);
        seen(house);
    }
}

/// What it has: coins and bonds.
fn has(house: &House) -> u64 {
    let coins = house.ask(0, &["status"])["node"]["balance_sat"]
        .as_u64()
        .unwrap();
    coins
        + arbiter(house)["offering"]["locked_sat"]
            .as_u64()
            .unwrap_or_default()
}

/// One that waits.
fn transaction(house: &House, txid: &str) -> Transaction {
    let hex: String = house
        .chain
        .call("getrawtransaction", &[txid.into()])
        .unwrap();
    encode::deserialize_hex(&hex).unwrap()
}

/// Made, found by others, renewed in time and not a block before, rolled over; all that is gone went to miners.
#[test]
fn an_offer_is_posted_found_renewed_and_its_bond_rolled_over() {
    let mut house = House::empty();
    let made = house.init("arbiter", &[&["--research"][..], &WORDS].concat());
    assert_eq!(made["made"], true);
    let text = std::fs::read_to_string(house.file("arbiter").join("node.toml")).unwrap();
    assert!(text.lines().any(|line| line == "bond = 300000"), "{text}");
    house.serves("arbiter");
    // Without coins it says what is missing, and goes on when they are there.
    house.wait("it says what is missing", |house| {
        arbiter(house)["offering"]["trouble"].is_string()
    });
    assert!(found(&mut house).is_empty());
    house.nodes[0].kill();
    house.pay(made["pay_to"].as_str().unwrap());
    house.again(0);
    house.wait("the offer waits", |house| house.waiting().len() == 1);
    let before = house.ask(0, &["status"])["node"]["balance_sat"]
        .as_u64()
        .unwrap();
    let end = in_state(&house, "waiting")[0];
    let posting = house.waiting()[0].to_string();
    let tx = transaction(&house, &posting);
    assert!(
        tx.output
            .iter()
            .any(|out| out.value == Amount::from_sat(BOND))
    );
    house.mine(1);
    house.wait("it stands", |house| in_state(house, "standing") == [end]);
    let there = found(&mut house);
    let (first, spent) = there[0];
    assert_eq!((there.len(), spent), (1, None));
    assert_eq!(u64::from(first.expiry_height), end);
    assert_eq!(first.value_sat, Amount::from_sat(BOND));
    let shown = offers(&house)[0].clone();
    assert_eq!(shown["identity"], first.identity.to_string());
    assert_eq!(shown["outpoint"], first.outpoint.to_string());
    assert_eq!(shown["terms_hash"], first.terms_hash.to_string());
    let offering = arbiter(&house)["offering"].clone();
    assert_eq!(offering["next_height"], end - MARGIN);
    // Whoever asks it sees its terms, and has the bond's word for its key, as `narthex bond check` reads it.
    let public = house
        .client(0)
        .ask("GET", "/v1/identity", &[("Authorization", "")], "");
    let public = public.json()["offer"].clone();
    assert_eq!(public["terms"]["stake_sat"], 50_000);
    let terms: OfferTerms = serde_json::from_value(public["terms"].clone()).unwrap();
    assert_eq!(terms.hash(), first.terms_hash);
    let bytes = Vec::<u8>::from_hex(public["certificate"].as_str().unwrap()).unwrap();
    let certificate = Certificate::from_bytes(&bytes).unwrap();
    let tip = house.chain.height().unwrap();
    certificate.check_signature(&Secp256k1::new(), tip).unwrap();
    let counts = verify(&mut house.chain, certificate.claim(), 1).unwrap();
    assert_eq!(counts.value, Amount::from_sat(BOND));
    let node: PublicKey = house.nodes[0].id.parse().unwrap();
    assert_eq!(certificate.claim().identity, node.x_only_public_key().0);
    looked_at(
        &house.client(0),
        ("arbiter", "arbiter"),
        &first.identity.to_string(),
        "offers",
    );
    let figures = house.client(0).get("/metrics").body;
    assert!(
        figures.contains(&format!("narthex_offer_end_height_blocks {end}\n")),
        "{figures}"
    );
    assert!(
        figures.contains("narthex_bond_satoshis 300000\n"),
        "{figures}"
    );

    // The next one is made at its height and not a block before, from the wallet: the first is locked.
    mine_to(&mut house, end - MARGIN - 1);
    assert_eq!(offers(&house).len(), 1);
    mine_to(&mut house, end - MARGIN);
    house.wait("the next waits", |house| house.waiting().len() == 1);
    let second_end = in_state(&house, "waiting")[0];
    assert_eq!(second_end, end - MARGIN + BLOCKS);
    mine_to(&mut house, end - MARGIN + 1);
    house.wait("both stand", |house| in_state(house, "standing").len() == 2);
    // Nothing spends the first before its end, and it waits for the third then.
    mine_to(&mut house, end);
    house.wait("the first is free", |house| {
        in_state(house, "free") == [end]
    });
    assert!(house.waiting().is_empty());
    mine_to(&mut house, second_end - MARGIN);
    house.wait("the third waits", |house| house.waiting().len() == 1);
    assert_eq!(in_state(&house, "rolling"), [end]);
    let rolled = transaction(&house, &house.waiting()[0].to_string());
    assert_eq!(rolled.input.len(), 1);
    assert_eq!(rolled.input[0].previous_output, first.outpoint);
    mine_to(&mut house, second_end - MARGIN + 3);
    house.wait("the first is over", |house| offers(house).len() == 2);
    let there = found(&mut house);
    let identities: BTreeSet<_> = there.iter().map(|(offer, _)| offer.identity).collect();
    assert_eq!((there.len(), identities.len()), (3, 3));
    assert!(there[0].1.is_some() && there[1].1.is_none() && there[2].1.is_none());
    // At each height since the first there is one that stands for as long as it lets a stake be locked.
    for height in first.confirmed_height..=there[2].0.confirmed_height {
        let ahead = there
            .iter()
            .filter(|(offer, _)| offer.confirmed_height <= height);
        let ahead = ahead.map(|(offer, _)| offer.expiry_height).max().unwrap();
        assert!(ahead > height + 4 + 1, "{height}");
    }
    // What is gone went to miners.
    let paid = arbiter(&house)["offering"]["fees_sat"].as_u64().unwrap();
    assert!(paid > 0 && paid < 5_000, "{paid}");
    assert_eq!(has(&house), before - paid);
}

/// It dies at each of its writes while the first offer is made, and its block is taken back: one offer comes of it, by one coin.
#[test]
fn whoever_is_killed_at_its_writes_makes_one_offer_and_a_lost_block_brings_it_again() {
    let mut house = House::empty();
    let made = house.init("arbiter", &[&["--research"][..], &WORDS].concat());
    house.serves("arbiter");
    house.nodes[0].kill();
    house.pay(made["pay_to"].as_str().unwrap());
    let moments = [When::Written, When::Before, When::After];
    let dooms: Vec<_> = (1..=3)
        .rev()
        .flat_map(|at| moments.map(|when| (at, when)))
        .collect();
    house.nodes[0].is_doomed_to(dooms);
    house.again(0);
    let mut coins = BTreeSet::new();
    let (mut ends, mut asked) = (BTreeSet::new(), 0);
    while house.nodes[0].deaths_left() > 0 {
        house.revive();
        for txid in house.waiting() {
            let tx = transaction(&house, &txid.to_string());
            coins.extend(tx.input.iter().map(|input| input.previous_output));
        }
        ends.extend(
            offers(&house)
                .iter()
                .map(|one| one["end_height"].as_u64().unwrap()),
        );
        // Something is to be written again and again; whoever has no such write is killed all the same.
        let _ = house.try_ask(0, &["address"]);
        asked += 1;
        if asked % 20 == 0 {
            house.nodes[0].kill();
        }
    }
    house.wait("the offer waits", |house| house.waiting().len() == 1);
    let tx = transaction(&house, &house.waiting()[0].to_string());
    coins.extend(tx.input.iter().map(|input| input.previous_output));
    ends.extend(in_state(&house, "waiting"));
    assert_eq!(
        (coins.len(), ends.len()),
        (tx.input.len(), 1),
        "{coins:?} {ends:?}"
    );
    house.mine(1);
    house.wait("it stands", |house| in_state(house, "standing").len() == 1);
    // Its block is taken back: it is in no block, and comes again, the same.
    let elsewhere = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[9; 32]].concat());
    house.chain.reorg(1, &elsewhere).unwrap();
    house.wait("it waits again", |house| {
        in_state(house, "waiting").len() == 1 && house.waiting().len() == 1
    });
    house.mine(1);
    house.wait("it stands again", |house| {
        in_state(house, "standing").len() == 1
    });
    let there = found(&mut house);
    assert_eq!(there.len(), 1);
    let block = house.chain.block(there[0].0.confirmed_height).unwrap();
    let mut all = block.txdata.iter();
    let again = all
        .find(|tx| tx.compute_txid() == there[0].0.outpoint.txid)
        .unwrap();
    let spent: BTreeSet<_> = again.input.iter().map(|i| i.previous_output).collect();
    assert_eq!(spent, coins);

    // Started without a bond it makes no further one, and has the bond back after its end.
    let (end, before) = (
        offers(&house)[0]["end_height"].as_u64().unwrap(),
        has(&house),
    );
    let text = std::fs::read_to_string(house.file("arbiter").join("node.toml")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("bond"));
    let lines: Vec<_> = lines.collect();
    std::fs::write(house.file("arbiter").join("node.toml"), lines.join("\n")).unwrap();
    house.nodes[0].kill();
    house.again(0);
    mine_to(&mut house, end);
    house.wait("the bond comes back", |house| house.waiting().len() == 1);
    let next = house.height() + 3;
    mine_to(&mut house, next);
    house.wait("it is over", |house| offers(house).is_empty());
    let paid = arbiter(&house)["offering"]["fees_sat"].as_u64().unwrap();
    let posting = paid - (before - has(&house));
    assert!(posting > 0 && posting < paid, "{posting} of {paid}");
    assert_eq!(arbiter(&house)["offering"]["locked_sat"], 0);
}
