//! Gated slices between four processes: a client and three providers, killed, silent or gone.

use narthex::bitcoin::{
    hex::FromHex as _,
    secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
};

use crate::{
    small::{balance, order, over, path, see, show, standing, try_order, wait},
    support::{house::House, seed},
};

const CLIENT: usize = 0;
const PROVIDERS: [usize; 3] = [1, 2, 3];
const ALL: [usize; 4] = [0, 1, 2, 3];

const PRICE: u64 = 20_000;
const RESULT: &[u8] = b"six times seven is forty-two";

/// Four that have seen all their coins.
fn four() -> House {
    let mut house = House::of_pair();
    for (at, name) in [(2, "second"), (3, "third")] {
        assert_eq!(house.hire(name, &[]), at);
    }
    see(&house, &ALL);
    house
}

/// The client asks all three, and the ask comes to them.
fn ask(house: &House) -> String {
    let job = "99".repeat(32);
    let mut all = vec!["slices", "--job", &job, "--depth", "2"];
    all.extend(["--fund-blocks", "20", "--post-blocks", "6"]);
    all.extend(["--refund-blocks", "12"]);
    let places = PROVIDERS.map(|at| format!("{}@{}", house.nodes[at].id, house.nodes[at].address));
    for place in &places {
        all.extend(["--with", place]);
    }
    let asked = order(house, CLIENT, &all);
    assert_eq!(asked["family"], "slice");
    let id = asked["id"].as_str().unwrap().to_owned();
    for at in PROVIDERS {
        wait(house, "the ask comes", |house| {
            show(house, at, &id)["state"] == "asked"
        });
    }
    id
}

fn take(house: &House, id: &str) {
    for at in PROVIDERS {
        order(house, at, &["take", id, "--depth", "2"]);
    }
}

fn give(house: &House, at: usize, id: &str, result: &[u8], more: &[&str]) -> Result<(), String> {
    let file = house.nodes[at].dir.join("result");
    std::fs::write(&file, result).unwrap();
    let mut words = vec!["work", id, "--result", file.to_str().unwrap()];
    words.extend(more);
    try_order(house, at, &words).map(drop)
}

/// A provider has come to a result, by a computation that it commits to.
fn work(house: &House, at: usize, id: &str) {
    let commitment = "11".repeat(32);
    give(house, at, id, RESULT, &["--commitment", &commitment]).unwrap();
}

/// What the client has read; nothing so far.
fn read(house: &House, id: &str) -> Option<Vec<u8>> {
    let reply = try_order(house, CLIENT, &["read", id]).ok()?;
    let delivered = &reply["small-delivered"];
    assert_eq!(delivered["what"], "result");
    Some(Vec::from_hex(delivered["hex"].as_str().unwrap()).unwrap())
}

/// The funding waits, and is in a block as deep as all wait for.
fn fund(house: &mut House, id: &str) {
    wait(house, "the funding is published", |house| {
        house.waiting().len() == 1
    });
    house.mine(2);
    see(house, &ALL);
    wait(house, "it is funded", |house| {
        standing(house, CLIENT, id) == "running"
    });
}

/// Claims wait with what pays for them: nothing is read before they are there.
fn claimed(house: &mut House, id: &str, claims: usize) {
    wait(house, "all claims are published", |house| {
        house.waiting().len() == 2 * claims
    });
    assert_eq!(read(house, id), None);
    house.mine(1);
    wait(house, "it is read", |house| read(house, id).is_some());
    assert_eq!(read(house, id).unwrap(), RESULT);
}

/// Blocks until what nobody claimed is taken back, and nobody owes anybody anything.
fn end(house: &mut House, id: &str, refunds: usize, nodes: &[usize]) {
    let fund_height = show(house, CLIENT, id)["path"][0]["height"].as_u64();
    let refund = fund_height.unwrap() + 12;
    // Not a block early.
    house.mine((refund - 2 - house.height()) as u32);
    see(house, nodes);
    assert!(house.waiting().is_empty());
    for _ in 0..refunds {
        house.mine(1);
        see(house, nodes);
        // One coin pays for one of them after another.
        wait(house, "a refund is published", |house| {
            house.waiting().len() >= 2
        });
    }
    house.mine(6);
    for at in nodes {
        over(house, *at, id);
    }
}

fn count(house: &House, id: &str, name: &str) -> usize {
    let path = path(house, CLIENT, id);
    path.iter().filter(|of| **of == name).count()
}

#[test]
fn a_slice_that_all_come_to_is_read_and_paid() {
    let mut house = four();
    let before = ALL.map(|at| balance(&house, at));
    let id = ask(&house);
    assert!(
        house.waiting().is_empty(),
        "before it is taken nothing is locked"
    );
    assert!(try_order(&house, CLIENT, &["read", &id]).is_err());
    let named_at = show(&house, 1, &id)["named_at"].clone();
    assert_eq!(named_at, house.nodes[1].address.to_string());
    take(&house, &id);
    fund(&mut house, &id);
    let figures = show(&house, 2, &id)["figures"].clone();
    assert_eq!(
        (&figures["seat"], &figures["price_sat"]),
        (&2.into(), &PRICE.into())
    );
    assert_eq!(show(&house, 2, &id)["peers"].as_array().unwrap().len(), 3);
    for at in PROVIDERS {
        work(&house, at, &id);
    }
    claimed(&mut house, &id, 3);
    see(&house, &ALL);
    for at in PROVIDERS {
        let earned = balance(&house, at) - before[at];
        // It has paid the child.
        assert!(earned < PRICE && earned + 3_000 > PRICE, "{earned}");
    }
    let cost = before[CLIENT] - balance(&house, CLIENT);
    assert!(cost > 3 * PRICE && cost < 3 * PRICE + 3_000, "{cost}");
    end(&mut house, &id, 0, &ALL);
    assert_eq!(
        (count(&house, &id, "Claim"), count(&house, &id, "Refund")),
        (3, 0)
    );
    // It is there after a start, too.
    house.nodes[CLIENT].kill();
    house.again(CLIENT);
    wait(&house, "it is read", |house| read(house, &id).is_some());
}

/// Kills one of them, a moment after whatever is under way began, and starts it again.
fn kill(house: &mut House, rng: &mut StdRng, at: usize) {
    std::thread::park_timeout(std::time::Duration::from_millis(rng.gen_range(0..250)));
    println!("{at} is killed");
    house.nodes[at].kill();
    house.again(at);
}

#[test]
fn whoever_is_killed_whenever_the_slice_is_read_and_paid() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = four();
    let id = ask(&house);
    kill(&mut house, &mut rng, 1);
    wait(&house, "the ask is known again", |house| {
        show(house, 1, &id)["state"] == "asked"
    });
    take(&house, &id);
    // In the middle of the ceremony.
    for at in [2, CLIENT, 3] {
        kill(&mut house, &mut rng, at);
    }
    fund(&mut house, &id);
    for at in PROVIDERS {
        kill(&mut house, &mut rng, at);
        work(&house, at, &id);
    }
    for at in [CLIENT, 3, 1, 2, CLIENT] {
        kill(&mut house, &mut rng, at);
    }
    claimed(&mut house, &id, 3);
    kill(&mut house, &mut rng, CLIENT);
    end(&mut house, &id, 0, &ALL);
    assert_eq!(count(&house, &id, "Claim"), 3);
}

/// Two of three come to the same and are paid; the third is gone, and its price is back when it may be.
#[test]
fn who_is_gone_is_not_paid_and_the_client_has_that_price_back() {
    let mut house = four();
    let before = balance(&house, 2);
    let id = ask(&house);
    take(&house, &id);
    fund(&mut house, &id);
    house.nodes[2].kill();
    for at in [1, 3] {
        work(&house, at, &id);
    }
    wait(&house, "the others have posted", |house| {
        [1, 3]
            .iter()
            .all(|at| standing(house, *at, &id) == "posted")
    });
    let posts = show(&house, 1, &id)["acts_at"].as_u64().unwrap();
    house.mine((posts - 1 - house.height()) as u32);
    see(&house, &[CLIENT, 1, 3]);
    assert!(house.waiting().is_empty(), "its post is waited for");
    house.mine(1);
    claimed(&mut house, &id, 2);
    house.nodes[CLIENT].kill();
    house.again(CLIENT);
    end(&mut house, &id, 1, &[CLIENT, 1, 3]);
    assert_eq!(
        (count(&house, &id, "Claim"), count(&house, &id, "Refund")),
        (2, 1)
    );
    house.again(2);
    over(&house, 2, &id);
    assert_eq!(balance(&house, 2), before);
}

/// The providers are gone: behind d blocks, and not before, every price is back, whoever is killed meanwhile.
#[test]
fn a_client_alone_has_all_prices_back() {
    let mut house = four();
    let before = balance(&house, CLIENT);
    let id = ask(&house);
    take(&house, &id);
    fund(&mut house, &id);
    for at in PROVIDERS {
        house.nodes[at].kill();
    }
    house.nodes[CLIENT].kill();
    house.again(CLIENT);
    see(&house, &[CLIENT]);
    end(&mut house, &id, 1, &[CLIENT]);
    assert_eq!(
        (count(&house, &id, "Claim"), count(&house, &id, "Refund")),
        (0, 3)
    );
    let cost = before - balance(&house, CLIENT);
    assert!(cost < 9_000, "{cost}");
    assert!(try_order(&house, CLIENT, &["read", &id]).is_err());
}

/// What cannot be is turned away before anything is asked; and a result counts once.
#[test]
fn wrong_orders_about_slices_are_refused_in_words() {
    let mut house = four();
    let places = PROVIDERS.map(|at| format!("{}@{}", house.nodes[at].id, house.nodes[at].address));
    let job = "99".repeat(32);
    let refused = |words: &[&str], why: &str| {
        let mut all = vec!["slices", "--job", &job, "--with", &places[0]];
        all.extend(words);
        let said = try_order(&house, CLIENT, &all).unwrap_err();
        assert!(said.contains(why), "{said}");
    };
    refused(&[], "2 to 10");
    refused(&["--with", &places[0]], "twice");
    let two = ["--with", &places[1]];
    refused(&[&two[..], &["--quorum", "3"]].concat(), "quorum");
    refused(
        &[&two[..], &["--post-blocks", "143"]].concat(),
        "a refund after",
    );
    refused(&[&two[..], &["--depth", "143"]].concat(), "to claim it");
    refused(&[&two[..], &["--price", "100"]].concat(), "fee");
    refused(&[&two[..], &["--price", "900000000000"]].concat(), "free");
    refused(
        &[&two[..], &["--fund-blocks", "0"]].concat(),
        "at the latest",
    );
    let id = ask(&house);
    order(&house, 1, &["decline", &id, "--reason", "no time"]);
    wait(&house, "it is declined", |house| {
        show(house, CLIENT, &id)["state"] == "declined"
    });
    assert_eq!(show(&house, CLIENT, &id)["reason"], "no time");
    let id = ask(&house);
    let said = give(&house, 1, &id, RESULT, &[]).unwrap_err();
    assert!(
        said.contains("not-now") || said.contains("joined"),
        "{said}"
    );
    take(&house, &id);
    fund(&mut house, &id);
    let said = give(&house, 1, &id, &[7; 16 * 1024 + 1], &[]).unwrap_err();
    assert!(said.contains("the hash of a longer one"), "{said}");
    work(&house, 1, &id);
    wait(&house, "it has committed to it", |house| {
        standing(house, 1, &id) == "posted"
    });
    // The same result of another computation is another.
    let said = give(&house, 1, &id, RESULT, &[]).unwrap_err();
    assert!(said.contains("another result"), "{said}");
    let said = give(&house, CLIENT, &id, RESULT, &[]).unwrap_err();
    assert!(said.contains("nothing is to be given"), "{said}");
    let said = try_order(&house, CLIENT, &["give-up", &id, "--provider", "1"]).unwrap_err();
    assert!(said.contains("not waited for"), "{said}");
    let said = try_order(&house, 1, &["close", &id]).unwrap_err();
    assert!(said.contains("`work`"), "{said}");
}
