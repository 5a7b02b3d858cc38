//! What nodes do once a contract is funded, without sockets: to its end, killed at any moment, and with parties that are gone.

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_node::party::{Command, OnChain, Reply, Store as _};

use crate::support::town::Town;

/// Blocks after which a contract is given up: more than all its windows.
const MOST_BLOCKS: u32 = 700;

/// An offer, taken by all and funded.
fn funded(town: &mut Town) -> [u8; 32] {
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    id
}

fn stand(town: &Town, id: &[u8; 32]) -> Vec<String> {
    (0..6).map(|at| town.standing(at, id)).collect()
}

fn is_over(standing: &str) -> bool {
    matches!(standing, "decrypted" | "settled" | "over")
}

/// Blocks come until everybody who is there has an end, and as many more as bury it.
fn lived(town: &mut Town, id: &[u8; 32]) {
    for _ in 0..MOST_BLOCKS {
        let there = (0..6).filter(|at| town.nodes[*at].core.is_some());
        let there: Vec<_> = there.collect();
        if there.iter().all(|at| is_over(&town.standing(*at, id))) {
            town.mine(2);
            return;
        }
        town.mine(1);
    }
    panic!("{:?}\n{}", stand(town, id), town.notes());
}

/// Names of the contract's transactions on chain, the same for everybody who is there.
fn path(town: &Town, id: &[u8; 32]) -> Vec<String> {
    let there = (0..6).filter_map(|at| Some(town.show(at, id)?.path));
    let there: Vec<Vec<OnChain>> = there.collect();
    assert!(there.iter().all(|path| *path == there[0]), "{there:?}");
    there[0].iter().map(|tx| tx.name.clone()).collect()
}

/// What the client has decrypted.
fn result(town: &mut Town, id: &[u8; 32]) -> Vec<u8> {
    use narthex::bitcoin::hex::{DisplayHex as _, FromHex as _};
    let order = Command::Result {
        id: id.to_lower_hex_string(),
    };
    let Ok(Reply::Result(status)) = town.ask(0, order) else {
        panic!("no result\n{}", town.notes());
    };
    let hash = <[u8; 32]>::from_hex(&status.sha256).unwrap();
    let blobs = town.nodes[0].store.blobs(id).unwrap();
    blobs.kept(&hash).unwrap()
}

/// Confirmed coins of each.
fn balances(town: &mut Town) -> Vec<u64> {
    let balance = |at: usize| match town.ask(at, Command::Node) {
        Ok(Reply::Node(status)) => status.balance_sat,
        other => panic!("{other:?}"),
    };
    (0..6).map(balance).collect()
}

/// Blocks come until the panel has its stakes.
fn stakes_back(town: &mut Town, id: &[u8; 32]) {
    for _ in 0..MOST_BLOCKS {
        let has = |at: usize| town.show(at, id).unwrap().due.is_empty();
        if (3..6).all(has) {
            return;
        }
        town.mine(1);
    }
    panic!("{:?}\n{}", stand(town, id), town.notes());
}

/// More than a party pays in fees, and less than any deposit.
const FEES: u64 = 5_000;

#[test]
fn a_contract_comes_to_its_result() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = funded(&mut town);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
    assert_eq!(town.standing(0, &id), "decrypted");
    let found = result(&mut town, &id);
    assert_eq!(found, town.right(), "{}", town.notes());
    // The stakes are free once no story could need them; arbiters take them back.
    stakes_back(&mut town, &id);
    // Who did something was paid for it by the client; the panel has its stakes.
    let after = balances(&mut town);
    assert!(after[0] < before[0], "{before:?} {after:?}");
    for at in 1..3 {
        assert!(after[at] > before[at], "{at}: {before:?} {after:?}");
    }
    for at in 3..6 {
        assert!(after[at] + FEES > before[at], "{at}: {before:?} {after:?}");
    }
    // It is what it was after a start.
    for at in 0..6 {
        town.kill(at);
        town.start(at);
        town.connect_all(at);
    }
    // Its job is looked at first; then it goes on, and the wallet reads what it asks for.
    town.pass(1);
    town.pass(1);
    assert!(is_over(&town.standing(0, &id)));
    assert_eq!(result(&mut town, &id), found);
    assert_eq!(balances(&mut town), after);
}

/// Another contract of the node's that staked it, or paid a fee by it, would cost the worker this one.
#[test]
fn the_coin_of_the_root_serves_nothing_else() {
    let mut town = Town::new();
    let id = funded(&mut town);
    let kept = |town: &mut Town, at: usize| match town.ask(at, Command::Node) {
        Ok(Reply::Node(status)) => status.balance_sat - status.spare_sat,
        other => panic!("{other:?}"),
    };
    assert!(kept(&mut town, 1) > 0);
    assert_eq!([kept(&mut town, 0), kept(&mut town, 2)], [0, 0]);
    town.kill(1);
    town.start(1);
    town.connect_all(1);
    town.pass(1);
    assert!(!is_over(&town.standing(1, &id)));
    assert!(kept(&mut town, 1) > 0);
}

#[test]
fn whoever_is_killed_in_its_life_goes_on() {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut town = Town::new();
        let id = funded(&mut town);
        for _ in 0..MOST_BLOCKS {
            if (0..6).all(|at| is_over(&town.standing(at, &id))) {
                break;
            }
            // In the middle of what a block brings about, and before anything that was not said is.
            town.mine_only(1);
            for _ in 0..rng.gen_range(0..3) {
                town.some(rng.gen_range(0..40), &mut rng);
                let at = rng.gen_range(0..6);
                town.kill(at);
                town.some(rng.gen_range(0..10), &mut rng);
                town.start(at);
                town.connect_all(at);
            }
            town.pass(1);
        }
        town.mine(2);
        assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
        assert_eq!(result(&mut town, &id), town.right());
    }
}

#[test]
fn a_worker_that_is_gone_costs_the_client_nothing() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = funded(&mut town);
    town.kill(1);
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S1"], "{}", town.notes());
    town.start(1);
    let after = balances(&mut town);
    assert!(after[0] + FEES > before[0], "{before:?} {after:?}");
    assert!(after[1] + FEES < before[1], "{before:?} {after:?}");
}

#[test]
fn a_verifier_that_is_gone_does_not_keep_the_worker_from_its_pay() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = funded(&mut town);
    town.kill(2);
    lived(&mut town, &id);
    let path = path(&town, &id);
    assert_eq!(path.first().map(String::as_str), Some("Tx0"));
    assert_eq!(
        path.get(1).map(String::as_str),
        Some("TxD"),
        "{}",
        town.notes()
    );
    town.start(2);
    let after = balances(&mut town);
    assert!(after[1] > before[1], "{before:?} {after:?}");
    assert!(after[2] + FEES < before[2], "{before:?} {after:?}");
    assert_eq!(result(&mut town, &id), town.right());
}

#[test]
fn a_block_that_is_taken_back_is_nothing_that_happened() {
    let mut town = Town::new();
    let id = funded(&mut town);
    for _ in 0..MOST_BLOCKS {
        if path(&town, &id).len() == 2 {
            break;
        }
        town.mine(1);
    }
    assert_eq!(path(&town, &id), ["Tx0", "S3"]);
    // The block of the settlement goes, and with it what it has shown; it comes again.
    town.take_back(1);
    town.pass(1);
    assert_eq!(path(&town, &id), ["Tx0"], "{}", town.notes());
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"]);
    assert_eq!(result(&mut town, &id), town.right());
}
