//! Processes that are killed at their writes: before anything of one is in a file, before and after it is durable, and once something that
//! may rest on it was said to a peer. Each party in turn, in its set-up and up to the end of its contract.

use std::time::Instant;

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    contracts::{accept_if_asked, agreed, everybody, lived, states},
    support::{
        house::{Doom, House, PATIENCE},
        kill::When,
        seed,
    },
};

const MOMENTS: [When; 4] = [When::Written, When::Before, When::After, When::Said];

/// Writes of a party in a set-up, from its start on.
const WRITES_OF_A_SET_UP: u32 = 8;

/// How often each party dies in the contract's life.
const DEATHS: usize = 4;

/// At which of its writes it does, at the latest: few have more between two of its deaths.
const WRITES: u32 = 2;

fn doom(rng: &mut StdRng, writes: u32) -> Doom {
    (rng.gen_range(1..=writes), *MOMENTS.choose(rng).unwrap())
}

#[test]
fn whoever_is_killed_at_its_writes_comes_to_the_result() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = House::new();
    let all = 0..house.nodes.len();
    // Once in the set-up: who costs two attempts is left out by the others.
    for at in all.clone() {
        let doom = doom(&mut rng, WRITES_OF_A_SET_UP);
        println!("{} in the set-up: {doom:?}", house.nodes[at].role);
        house.nodes[at].is_doomed_to(vec![doom]);
        house.nodes[at].kill();
        house.again(at);
    }
    let deadline = Instant::now() + PATIENCE;
    let id = house.offer_at_last();
    while !everybody(&house, &id, "committed") {
        assert!(Instant::now() < deadline, "{:#?}", states(&house, &id));
        house.revive();
        accept_if_asked(&house, &id);
    }
    let funding = agreed(&house, &id, "funding");
    println!("attempt {}", agreed(&house, &id, "attempt"));
    // From its first write after a start: so whoever dies often gets on slowly.
    for at in all.clone() {
        let dooms: Vec<_> = (0..DEATHS).map(|_| doom(&mut rng, WRITES)).collect();
        println!("{}: {dooms:?}", house.nodes[at].role);
        house.nodes[at].is_doomed_to(dooms);
        house.nodes[at].kill();
        house.again(at);
    }
    house.wait("the funding waits", |house| {
        let mut waiting = house.waiting().into_iter();
        waiting.any(|txid| format!("\"{txid}\"") == funding)
    });
    lived(&mut house, &id, |_, _| ());
    assert_eq!(agreed(&house, &id, "funding"), funding);
    let left: Vec<_> = all.map(|at| house.nodes[at].deaths_left()).collect();
    println!("{left:?} deaths were left");
    assert!(left.iter().sum::<usize>() <= house.nodes.len() * DEATHS / 2);
}
