//! The bonds behind rulings: an arbiter with an offer on chain rules by its bond's key, and what is not on the chain stops a set-up.

use narthex::{
    bitcoin::{
        Amount, FeeRate, OutPoint, Txid,
        hashes::Hash as _,
        hex::DisplayHex as _,
        key::Keypair,
        secp256k1::{
            Secp256k1, SecretKey,
            rand::{SeedableRng as _, rngs::StdRng},
        },
    },
    channel::{offer::Accept, wire::ACCEPT},
    contracts::{
        attest::{Attester, BoundRuling, extract_identity_key},
        binding::MemoryBindings,
        bond::{BondScript, Certificate, Claim, Lock},
        derive::offer_identity,
        enrolment::{Enrolment, Scope},
        party::PartyId,
        template::TowerBundle,
        terms::Role,
    },
    game_model::{Params, Ruling, schedule::stake_unlock_height},
    regtest::ChainSource as _,
};
use narthex_base::{codec::Message as _, secret::Secret};
use narthex_node::party::{BondPolicy, Command, NewOffer, Policy, Reply};

use crate::{
    arbiter::offered,
    support::{
        evil::Evil,
        house::House,
        town::{Town, everything},
    },
};

/// What is locked for each offer of a panel, for longer than any contract here may last.
pub const PANEL: [&str; 9] = [
    "--research",
    "--max-stake",
    "250000",
    "--bond",
    "300000",
    "--bond-blocks",
    "2200",
    "--bond-longest-lock",
    "1000",
];

/// The offer of an arbiter, as anybody is told it.
fn told(house: &House, at: usize) -> serde_json::Value {
    let nobody = [("Authorization", "")];
    let said = house.client(at).ask("GET", "/v1/identity", &nobody, "");
    said.json()["offer"].clone()
}

/// Waits until the offers of the panel stand on the chain.
pub fn stand(house: &mut House) {
    let stand = |house: &House| (3..6).all(|at| told(house, at)["identity"].is_string());
    // Each is made when its arbiter has seen its coins.
    while !stand(house) {
        house.wait("an offer is made", |house| {
            !house.waiting().is_empty() || stand(house)
        });
        house.mine(1);
        let height = house.height();
        house.wait("all have seen the block", |house| {
            (3..6).all(|at| house.ask(at, &["status"])["node"]["tip"] == height)
        });
    }
}

/// The terms name the keys of the bonds: whoever has both rulings of one arbiter has the key that owns its bond.
pub fn are_behind(house: &House, id: &str) {
    let out = house.file("bonded.bundle");
    house.ask_tower(
        0,
        &["bundle", "--contract", id, "--out", out.to_str().unwrap()],
    );
    let bundle = TowerBundle::from_bytes(&std::fs::read(out).unwrap()).unwrap();
    let terms = bundle.terms();
    for (seat, at) in (0..3).zip(3..6) {
        let identity = terms.identity(seat).unwrap();
        let offer = told(house, at);
        assert_eq!(offer["identity"], identity.to_string());
        let certificate = house.client(at).get("/v1/arbiter").json();
        let bonds = certificate["offering"]["offers"]
            .as_array()
            .unwrap()
            .clone();
        let bond = bonds
            .iter()
            .find(|bond| bond["identity"] == offer["identity"]);
        assert_eq!(bond.unwrap()["state"], "standing");

        // The arbiter rules twice: its disk was put back, and it has forgotten both times.
        let seed = std::fs::read(house.nodes[at].dir.join("seed")).unwrap();
        let seed = Secret::from_bytes(seed.try_into().unwrap());
        let end = u32::try_from(offer["end_height"].as_u64().unwrap()).unwrap();
        let key = offer_identity(&seed, end).unwrap();
        let (secp, contract) = (Secp256k1::new(), *terms.contract_id());
        let [one, other] = [Ruling::WorkerAtFault, Ruling::VerifierAtFault].map(|ruling| {
            let forgets = &mut MemoryBindings::default();
            let bound = BoundRuling::bind(&contract, identity, ruling, forgets).unwrap();
            let attester = Attester::of(&key, &contract).unwrap();
            attester.attest(&secp, seat, bound).unwrap()
        });
        one.check(terms).unwrap();
        other.check(terms).unwrap();
        let found = extract_identity_key(&secp, identity, &contract, &one, &other).unwrap();
        let owner = Keypair::from_secret_key(&secp, &found)
            .x_only_public_key()
            .0;
        let bond = BondScript::taproot(owner, Lock::height(end).unwrap());
        let outpoint: OutPoint = offer["outpoint"].as_str().unwrap().parse().unwrap();
        let coin: serde_json::Value = house
            .chain
            .call(
                "gettxout",
                &[outpoint.txid.to_string().into(), outpoint.vout.into()],
            )
            .unwrap();
        let pays_to = bond.script_pubkey().unwrap().to_hex_string();
        assert_eq!(coin["scriptPubKey"]["hex"], pays_to);
    }
}

/// An offer that wants bonds of this.
fn wanting(town: &mut Town, bond: u64) -> NewOffer {
    NewOffer {
        arbiter_bond_sat: bond,
        ..town.order()
    }
}

fn is_noted(town: &Town, at: usize, words: &str) -> bool {
    town.nodes[at].notes.iter().any(|note| note.contains(words))
}

#[test]
fn who_has_no_bond_turns_away_what_wants_one_and_who_wants_one_what_has_none() {
    let mut town = Town::new();
    let order = wanting(&mut town, 50_000);
    let id = offered(&mut town, order);
    town.pump();
    for at in 3..6 {
        assert_eq!(town.state(at, &id), "unknown");
        let words = "a bond of 0.00050000 BTC is wanted behind an arbiter's rulings";
        assert!(is_noted(&town, at, words), "{}", town.notes());
    }
    town.nodes[1].decide_by(Policy {
        min_arbiter_bond: Amount::from_sat(50_001),
        ..everything()
    });
    town.restart(1);
    town.pump();
    let order = wanting(&mut town, 50_000);
    let id = offered(&mut town, order);
    town.pump();
    assert_eq!(town.state(1, &id), "unknown");
    assert!(is_noted(&town, 1, "--min-arbiter-bond"), "{}", town.notes());
}

/// An arbiter with a bond turns away what would outlast it, wanted or not, and what wants more; and takes what ends before it, a block and r before.
#[test]
fn a_contract_that_would_outlast_an_arbiters_offer_is_turned_away() {
    let mut town = Town::new();
    let bond = BondPolicy {
        amount: Amount::from_sat(300_000),
        blocks: 1_000,
        longest_lock: 4,
        stake: Amount::from_sat(10_000),
        rate: FeeRate::from_sat_per_kwu(500),
    };
    town.nodes[3].decide_by(Policy {
        bond: Some(bond),
        ..everything()
    });
    town.restart(3);
    town.pump();
    town.mine(2);
    let height = town.chain.height().unwrap();
    let Reply::Arbiter(status) = town.ask(3, Command::Arbiter).unwrap() else {
        panic!("another answer");
    };
    let offer = status.offering.unwrap().offers.remove(0);
    assert_eq!(offer.state, "standing", "{}", town.notes());
    // At the last block that it covers, and one later.
    let plain = town.order();
    let free = stake_unlock_height(&Params::new((*plain.params).clone()).unwrap());
    let last = offer.end_height - 1 - 1;
    let due = |order: NewOffer, later: u32| {
        let mut order = order;
        order.params.deliver_height += last - free + later;
        order
    };
    let just = due(plain.clone(), 0);
    let id = offered(&mut town, just);
    town.pump();
    let shown = town.show(0, &id).unwrap();
    assert_eq!(shown.bonds.len(), 1, "{}", town.notes());
    let bond = &shown.bonds[0];
    assert_eq!((&bond.arbiter[..], bond.value_sat), ("arbiter0", 300_000));
    assert_eq!(
        (&bond.identity, bond.end_height),
        (&offer.identity, offer.end_height)
    );
    assert!(height < bond.end_height);
    assert!(town.all(&id, "committed"), "{}", town.notes());
    let late = due(plain, 1);
    let id = offered(&mut town, late);
    town.pump();
    assert_eq!(town.state(3, &id), "unknown");
    let words = format!("this arbiter's offer ends at {}", offer.end_height);
    assert!(is_noted(&town, 3, &words), "{}", town.notes());
    let more = wanting(&mut town, 300_001);
    let id = offered(&mut town, more);
    town.pump();
    assert_eq!(town.state(3, &id), "unknown");
}

/// An arbiter whose key is in other hands takes part with a bond that no chain has: nobody signs anything, and everybody says why.
#[test]
fn a_bond_that_is_on_no_chain_ends_the_set_up() {
    let mut town = Town::new();
    let (at, first) = (3, Role::Arbiter(0));
    let evil = Evil::new(at as u8 + 1);
    town.kill(at);
    let id = town.offer();
    let mut order = StdRng::seed_from_u64(3);
    town.some(60, &mut order);
    let secp = Secp256k1::new();
    let pair = |byte: u8| {
        let key = SecretKey::from_slice(&[byte; 32]).unwrap();
        Keypair::from_secret_key(&secp, &key)
    };
    let (owner, key) = (pair(98), pair(99));
    let claim = Claim {
        script: BondScript::taproot(owner.x_only_public_key().0, Lock::height(5_000).unwrap()),
        outpoint: OutPoint::new(Txid::from_byte_array([5; 32]), 0),
        value: Amount::from_sat(1_000_000),
        confirmed_height: 1,
        identity: evil.pair.x_only_public_key().0,
    };
    let bond = Some(Certificate::sign(&secp, claim, 5_000, &owner).unwrap());
    let enrolment = Enrolment::sign(Scope::Negotiation(id), first, &evil.pair, &key).unwrap();
    let accept = Accept { enrolment, bond }.to_bytes();
    let all = [0, 1, 2, 4, 5];
    for other in all {
        evil.connect(&mut town, other);
        let to = all.map(|at| PartyId(at as u8)).into();
        let said = evil.envelope((id, to), (0, 0, ACCEPT), accept.clone());
        evil.send(&mut town, other, said);
    }
    town.pump();
    for at in all {
        let shown = town.show(at, &id).unwrap();
        assert_eq!(shown.state, "dropped", "{}", town.notes());
        let cause = shown.cause.unwrap();
        assert!(cause.contains("bond"), "{at}: {cause}");
        println!("{at}: {cause}");
    }
    println!("{}", id.to_lower_hex_string());
}
