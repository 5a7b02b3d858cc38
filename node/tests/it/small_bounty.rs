//! Bounties between four processes: a requester and three recomputers, killed, silent or gone.

use narthex::bitcoin::{
    hex::FromHex as _,
    secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
};

use crate::{
    small::{balance, order, over, path, see, show, standing, try_order, wait},
    support::{house::House, seed},
};

const REQUESTER: usize = 0;
const LINE_UP: [usize; 3] = [1, 2, 3];
const ALL: [usize; 4] = [0, 1, 2, 3];

const AMOUNT: u64 = 20_000;
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

/// The requester asks all three, and the ask comes to them.
fn ask(house: &House) -> String {
    let job = "99".repeat(32);
    let mut all = vec!["bounty", "--job", &job, "--depth", "2"];
    all.extend(["--layer-blocks", "20", "--round-blocks", "4"]);
    let places = LINE_UP.map(|at| format!("{}@{}", house.nodes[at].id, house.nodes[at].address));
    for place in &places {
        all.extend(["--with", place]);
    }
    let asked = order(house, REQUESTER, &all);
    assert_eq!(asked["family"], "bounty");
    let id = asked["id"].as_str().unwrap().to_owned();
    for at in LINE_UP {
        wait(house, "the ask comes", |house| {
            show(house, at, &id)["state"] == "asked"
        });
    }
    id
}

fn take(house: &House, id: &str) {
    for at in LINE_UP {
        order(house, at, &["take", id, "--depth", "2"]);
    }
}

/// A recomputer has come to a result.
fn work(house: &House, at: usize, id: &str, result: &[u8]) {
    let file = house.nodes[at].dir.join("result");
    std::fs::write(&file, result).unwrap();
    order(house, at, &["work", id, "--result", file.to_str().unwrap()]);
}

/// What the requester has read; nothing so far.
fn read(house: &House, id: &str) -> Option<Vec<u8>> {
    let reply = try_order(house, REQUESTER, &["read", id]).ok()?;
    let delivered = &reply["small-delivered"];
    assert_eq!(delivered["what"], "result");
    Some(Vec::from_hex(delivered["hex"].as_str().unwrap()).unwrap())
}

/// The funding waits, and is in a block as deep as all wait for.
fn fund(house: &mut House) {
    wait(house, "the funding is published", |house| {
        house.waiting().len() == 1
    });
    house.mine(2);
    see(house, &ALL);
}

/// The settlement waits: nothing is read before it is there.
fn settled(house: &mut House, id: &str, nodes: &[usize]) {
    wait(house, "the settlement is published", |house| {
        house.waiting().len() >= 2
    });
    house.mine(1);
    wait(house, "it is read", |house| read(house, id).is_some());
    assert_eq!(read(house, id).unwrap(), RESULT);
    house.mine(2);
    for at in nodes {
        over(house, *at, id);
        assert_eq!(path(house, *at, id), ["Bounty", "Settle"]);
    }
}

#[test]
fn a_result_that_all_come_to_is_read_and_paid() {
    let mut house = four();
    let before = ALL.map(|at| balance(&house, at));
    let id = ask(&house);
    assert!(
        house.waiting().is_empty(),
        "before it is taken nothing is locked"
    );
    // Nobody can give a result to what is not joined, and nothing is there to be read.
    assert!(try_order(&house, REQUESTER, &["read", &id]).is_err());
    let named_at = show(&house, 1, &id)["named_at"].clone();
    assert_eq!(named_at, house.nodes[1].address.to_string());
    take(&house, &id);
    fund(&mut house);
    wait(&house, "it is funded", |house| {
        standing(house, REQUESTER, &id) == "layering"
    });
    let acts_at = show(&house, REQUESTER, &id)["acts_at"].as_u64();
    let figures = show(&house, 2, &id)["figures"].clone();
    assert_eq!(acts_at, figures["layer_height"].as_u64());
    assert_eq!(
        (&figures["seat"], &figures["amount_sat"]),
        (&2.into(), &AMOUNT.into())
    );
    assert_eq!(show(&house, 2, &id)["peers"].as_array().unwrap().len(), 3);
    for at in LINE_UP {
        work(&house, at, &id, RESULT);
    }
    settled(&mut house, &id, &ALL);
    for at in LINE_UP {
        let earned = balance(&house, at) - before[at];
        // One of them has paid the child.
        assert!(earned <= AMOUNT && earned + 3_000 > AMOUNT, "{earned}");
    }
    let cost = before[REQUESTER] - balance(&house, REQUESTER);
    assert!(cost > 3 * AMOUNT && cost < 3 * AMOUNT + 3_000, "{cost}");
    // It is there after a start, too.
    house.nodes[REQUESTER].kill();
    house.again(REQUESTER);
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
fn whoever_is_killed_whenever_it_is_read_and_paid() {
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
    for at in [2, REQUESTER, 3] {
        kill(&mut house, &mut rng, at);
    }
    fund(&mut house);
    for at in LINE_UP {
        kill(&mut house, &mut rng, at);
        work(&house, at, &id, RESULT);
    }
    for at in [REQUESTER, 3, 1, 2, REQUESTER] {
        kill(&mut house, &mut rng, at);
    }
    settled(&mut house, &id, &ALL);
}

/// One of three never works, and is gone: the others are paid for what they come to.
#[test]
fn who_is_gone_is_passed_over() {
    let mut house = four();
    let before = balance(&house, 2);
    let id = ask(&house);
    take(&house, &id);
    fund(&mut house);
    wait(&house, "it is funded", |house| {
        standing(house, REQUESTER, &id) == "layering"
    });
    house.nodes[2].kill();
    for at in [1, 3] {
        work(&house, at, &id, RESULT);
    }
    let layers = show(&house, REQUESTER, &id)["acts_at"].as_u64().unwrap();
    let turn = show(&house, 3, &id)["figures"]["turn_height"].as_u64();
    for height in [turn.unwrap(), layers] {
        let left = height - house.height();
        house.mine(left as u32);
        see(&house, &[REQUESTER, 1, 3]);
        assert_eq!(read(&house, &id), None);
    }
    // The round of the openings is waited for by nobody: those in the envelope have opened.
    settled(&mut house, &id, &[REQUESTER, 1, 3]);
    house.again(2);
    over(&house, 2, &id);
    assert_eq!(balance(&house, 2), before);
}

/// The recomputers are gone: above T, and not before, the coin is back.
#[test]
fn a_requester_alone_has_its_coin_back() {
    let mut house = four();
    let before = balance(&house, REQUESTER);
    let id = ask(&house);
    take(&house, &id);
    fund(&mut house);
    wait(&house, "it is funded", |house| {
        standing(house, REQUESTER, &id) == "layering"
    });
    for at in LINE_UP {
        house.nodes[at].kill();
    }
    let figures = show(&house, REQUESTER, &id)["figures"].clone();
    let refund_height = figures["refund_height"].as_u64().unwrap();
    let left = refund_height - house.height() - 1;
    house.mine(left as u32);
    see(&house, &[REQUESTER]);
    assert!(house.waiting().is_empty(), "not a block early");
    house.nodes[REQUESTER].kill();
    house.again(REQUESTER);
    house.mine(1);
    wait(&house, "it is taken back", |house| {
        house.waiting().len() == 2
    });
    house.mine(2);
    over(&house, REQUESTER, &id);
    assert_eq!(path(&house, REQUESTER, &id), ["Bounty", "Refund"]);
    let cost = before - balance(&house, REQUESTER);
    assert!(cost < 4_000, "{cost}");
}

/// What cannot be is turned away before anything is asked; and a result counts once.
#[test]
fn wrong_orders_are_refused_in_words() {
    let mut house = four();
    let with = format!("{}@{}", house.nodes[1].id, house.nodes[1].address);
    let job = "99".repeat(32);
    let refused = |words: &[&str], why: &str| {
        let mut all = vec!["bounty", "--job", &job, "--with", &with];
        all.extend(words);
        let said = try_order(&house, REQUESTER, &all).unwrap_err();
        assert!(said.contains(why), "{said}");
    };
    refused(&["--quorum", "2"], "quorum");
    refused(&["--quorum", "1", "--with", &with], "twice");
    refused(
        &["--quorum", "1", "--layer-blocks", "13"],
        "blocks of turns",
    );
    refused(&["--quorum", "1", "--amount", "100"], "fee");
    refused(&["--quorum", "1", "--amount", "900000000000"], "free");
    let id = ask(&house);
    order(&house, 1, &["decline", &id, "--reason", "no time"]);
    wait(&house, "it is declined", |house| {
        show(house, REQUESTER, &id)["state"] == "declined"
    });
    assert_eq!(show(&house, REQUESTER, &id)["reason"], "no time");
    let id = ask(&house);
    take(&house, &id);
    fund(&mut house);
    work(&house, 1, &id, b"of today");
    wait(&house, "it has committed to it", |house| {
        standing(house, 1, &id) == "layered"
    });
    let file = house.nodes[1].dir.join("result");
    std::fs::write(&file, b"of tomorrow").unwrap();
    let again = ["work", &id, "--result", file.to_str().unwrap()];
    let said = try_order(&house, 1, &again).unwrap_err();
    assert!(said.contains("another result"), "{said}");
    let said = try_order(&house, REQUESTER, &again).unwrap_err();
    assert!(said.contains("nothing is to be given"), "{said}");
}
