//! Ends that three operators agree on, between nodes without sockets.

use narthex::{
    bitcoin::{
        hex::DisplayHex as _,
        secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
    },
    game_model::{Outcome, Params, settle},
};
use narthex_node::party::{Command, NewEnding, Reply};

use crate::{
    life::{balances, funded, is_over, killed_until_over, lived, path, result},
    support::town::Town,
};

/// What the ending leaves to miners.
const FEE: u64 = 500;

fn tip(town: &mut Town) -> u32 {
    match town.ask(0, Command::Node) {
        Ok(Reply::Node(status)) => status.tip.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// As the settlement of an approval pays, and the fee from the worker's share.
fn normal(town: &mut Town, blocks: u32) -> NewEnding {
    let params = Params::new((*town.order().params).clone()).unwrap();
    let paid = settle(&params, Outcome::Normal).unwrap();
    NewEnding {
        client_sat: paid.client.to_sat(),
        worker_sat: paid.worker.to_sat() - FEE,
        verifier_sat: paid.verifier.to_sat(),
        reveals_result: true,
        until_height: tip(town) + blocks,
    }
}

fn agree(town: &mut Town, id: &[u8; 32], at: usize, ending: NewEnding) -> Result<Reply, String> {
    let id = id.to_lower_hex_string();
    town.ask(at, Command::Agree { id, ending })
}

/// It lives at all three.
fn living(town: &mut Town) -> [u8; 32] {
    let id = funded(town);
    town.pass(1);
    id
}

#[test]
fn three_operators_end_a_contract_by_one_ordinary_transaction() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = living(&mut town);
    let ending = normal(&mut town, 20);
    for at in [2, 0, 1] {
        agree(&mut town, &id, at, ending).unwrap();
    }
    town.pump();
    let agreed = town.show(1, &id).unwrap().agreed;
    assert_eq!(agreed.len(), 3, "{agreed:?}");
    assert!(agreed.iter().all(|of| of.ending == ending), "{agreed:?}");
    // An arbiter has no say.
    assert!(agree(&mut town, &id, 3, ending).is_err());
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "coop"], "{}", town.notes());
    assert_eq!(result(&mut town, &id), town.right());
    let after = balances(&mut town);
    for at in 1..3 {
        assert!(after[at] > before[at], "{at}: {before:?} {after:?}");
    }
    // It is what it was after a start.
    for at in 0..3 {
        town.restart(at);
    }
    town.pass(1);
    town.pass(1);
    assert!(is_over(&town.standing(0, &id)));
    assert_eq!(result(&mut town, &id), town.right());
}

#[test]
fn whoever_is_killed_while_an_end_is_signed_goes_on() {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut town = Town::new();
        let id = living(&mut town);
        let ending = normal(&mut town, 20);
        for at in [1, 0, 2] {
            agree(&mut town, &id, at, ending).unwrap();
            town.some(rng.gen_range(0..6), &mut rng);
        }
        // In the midst of the ceremony: nonces are lost, or shares are on their way.
        let at = rng.gen_range(0..3);
        town.restart(at);
        killed_until_over(&mut town, &id, &mut rng);
        assert_eq!(path(&town, &id), ["Tx0", "coop"], "{}", town.notes());
        assert_eq!(result(&mut town, &id), town.right());
    }
}

#[test]
fn an_end_that_one_does_not_agree_to_does_not_come_and_costs_nothing() {
    let mut town = Town::new();
    let id = living(&mut town);
    let ending = normal(&mut town, 6);
    for at in [0, 1] {
        agree(&mut town, &id, at, ending).unwrap();
    }
    // The verifier wants a satoshi more.
    let other = NewEnding {
        worker_sat: ending.worker_sat - 1,
        verifier_sat: ending.verifier_sat + 1,
        ..ending
    };
    agree(&mut town, &id, 2, other).unwrap();
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "S3"], "{}", town.notes());
    assert_eq!(result(&mut town, &id), town.right());
}

#[test]
fn money_is_given_back_when_all_three_want_it() {
    let mut town = Town::new();
    let before = balances(&mut town);
    let id = living(&mut town);
    let params = Params::new((*town.order().params).clone()).unwrap();
    // What the three have in the coin, whoever is paid it.
    let paid = settle(&params, Outcome::Normal).unwrap();
    let whole = [paid.client, paid.worker, paid.verifier].map(|paid| paid.to_sat());
    let deposit = |at: usize, town: &Town| town.show(at, &id).unwrap().deposit_sat;
    let stakes = [1, 2].map(|at| deposit(at, &town));
    let ending = NewEnding {
        client_sat: whole.iter().sum::<u64>() - stakes[0] - stakes[1] - FEE,
        worker_sat: stakes[0],
        verifier_sat: stakes[1],
        reveals_result: false,
        until_height: tip(&mut town) + 20,
    };
    for at in 0..3 {
        agree(&mut town, &id, at, ending).unwrap();
    }
    lived(&mut town, &id);
    assert_eq!(path(&town, &id), ["Tx0", "coop"], "{}", town.notes());
    assert_eq!(town.standing(0, &id), "settled", "it shows no key");
    let after = balances(&mut town);
    for at in 0..3 {
        assert!(after[at] + 5_000 > before[at], "{at}: {before:?} {after:?}");
    }
}
