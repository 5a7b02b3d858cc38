//! What nodes decide, without sockets: from an offer to a contract, and what must be written before what is said.

use std::collections::BTreeSet;

use narthex::{
    bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
    channel::{
        setup::{SetupChange, SetupMessage},
        wire::{MessageType, NONCES, PROPOSAL, SHARES, links::LinksChange},
    },
    contracts::{
        binding::{BindError, Bindings as _},
        party::PartyId,
        terms::{Part as TermsPart, salt_mark},
    },
};
use narthex_base::codec::Message as _;
use narthex_node::party::{Command, Deadline, Move, Reply, Store as _};

use crate::support::town::Town;

fn agreed(town: &Town, id: &[u8; 32]) -> (String, String) {
    let all = (0..6).map(|at| {
        let status = town.show(at, id).unwrap();
        (status.contract.unwrap(), status.funding.unwrap())
    });
    let all: BTreeSet<_> = all.collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

/// The funding waits in the chain's mempool, is mined, and everybody is live.
fn funded(town: &mut Town, id: &[u8; 32]) {
    assert!(
        town.all(id, "committed"),
        "{:?}\n{}",
        town.states(id),
        town.notes()
    );
    let (contract, _) = agreed(town, id);
    town.mine(1);
    assert!(
        town.all(id, "live"),
        "{:?}\n{}",
        town.states(id),
        town.notes()
    );
    assert_eq!(agreed(town, id).0, contract);
}

#[test]
fn an_offer_comes_to_a_contract() {
    let mut town = Town::new();
    let id = town.offer();
    assert_eq!(town.state(0, &id), "waiting");
    town.pump();
    funded(&mut town, &id);
    let salts: BTreeSet<_> = (0..6)
        .map(|at| town.nodes[at].written.borrow().len())
        .collect();
    assert!(salts.iter().all(|written| *written > 50));
    // After a start it is what it was.
    for at in 0..6 {
        town.restart(at);
    }
    town.pass(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    agreed(&town, &id);
}

/// A message is on its contract's log before the link marks it.
#[test]
fn the_contract_writes_first() {
    let mut town = Town::new();
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"));
    let mut seen = BTreeSet::new();
    for node in &town.nodes {
        let written = node.written.borrow();
        let mut said: Vec<(PartyId, u8, Vec<u8>)> = Vec::new();
        for (machine, entry) in &*written {
            if machine == "setup"
                && let SetupChange::Received { from, body } =
                    SetupChange::from_bytes(entry).unwrap()
            {
                let attempt = 0;
                said.push((from, attempt, SetupMessage { attempt, body }.to_bytes()));
            }
            let LinksChange::Taken(kept) = (match machine.as_str() {
                "link" => LinksChange::from_bytes(entry).unwrap(),
                _ => continue,
            }) else {
                continue;
            };
            let head = kept.signed.head;
            let is_setup = head.message >= PROPOSAL;
            let hash = |bytes: &[u8]| narthex::channel::wire::body_hash(bytes);
            let is_there = said.iter().any(|(_, _, bytes)| hash(bytes) == head.body);
            assert!(
                !is_setup || is_there,
                "{} was marked first",
                MessageType::of(head.message).unwrap().name
            );
            seen.insert(head.message);
        }
    }
    for message in [PROPOSAL, NONCES, SHARES] {
        assert!(seen.contains(&message), "{message} was never taken");
    }
}

#[test]
fn whoever_is_killed_at_any_moment_goes_on() {
    // Each node at some moment of each run; nobody twice, since who costs two attempts is left out.
    for seed in 0..6 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut town = Town::new();
        let id = town.offer();
        let victims = [rng.gen_range(0..6), rng.gen_range(0..6)];
        for at in victims.into_iter().collect::<BTreeSet<_>>() {
            town.some(rng.gen_range(0..60), &mut rng);
            town.kill(at);
            town.some(rng.gen_range(0..10), &mut rng);
            town.start(at);
            town.connect_all(at);
        }
        town.pump();
        town.pass(1);
        println!(
            "seed {seed}: {victims:?}, attempt {:?}",
            town.show(0, &id).unwrap().attempt
        );
        funded(&mut town, &id);
    }
}

/// A node that has started again signs nothing new before all its peers have said what they hold.
#[test]
fn nothing_is_signed_before_all_links_are_open() {
    let mut town = Town::new();
    let id = town.offer();
    let mut rng = StdRng::seed_from_u64(1);
    // Until the worker has the terms, or a step after.
    while town
        .show(1, &id)
        .is_none_or(|status| status.state != "agreed")
    {
        town.some(1, &mut rng);
    }
    town.kill(1);
    town.start(1);
    // All but one of its peers are there.
    for other in [0, 2, 3, 4] {
        town.connect(1, other);
    }
    town.pump();
    let worker = town.show(1, &id).unwrap();
    assert_eq!(worker.state, "proposing", "{}", town.notes());
    for _ in 0..3 {
        town.pass(5);
    }
    // What came for it waits: it neither takes it nor says anything to anybody in the new attempt but its proposal.
    let worker = town.show(1, &id).unwrap();
    assert_eq!(
        (worker.state.as_str(), worker.attempt),
        ("proposing", Some(1))
    );
    assert!(!town.states(&id).contains_key("committed"));
    town.connect(1, 5);
    town.pump();
    funded(&mut town, &id);
}

/// An old copy of a node's store is put back: what it has said since is a fact, and the attempt void.
#[test]
fn a_disk_that_was_put_back_costs_an_attempt_and_no_salt_serves_twice() {
    let mut town = Town::new();
    let id = town.offer();
    let mut rng = StdRng::seed_from_u64(5);
    while town.state(1, &id) != "waiting" && town.state(1, &id) != "proposing" {
        town.some(1, &mut rng);
    }
    let old = town.nodes[1].snapshot();
    while !matches!(
        town.state(1, &id).as_str(),
        "announcing" | "signing" | "exchanging"
    ) {
        town.some(1, &mut rng);
    }
    let salts = bound_salts(&town, 1);
    assert!(!salts.is_empty());
    town.kill(1);
    town.nodes[1].store = old;
    town.nodes[1].bindings = Default::default();
    town.start(1);
    town.connect_all(1);
    town.pump();
    town.pass(1);
    let notes = town.notes();
    assert!(
        town.all(&id, "committed"),
        "{:?}\n{notes}",
        town.states(&id)
    );
    assert!(town.show(1, &id).unwrap().attempt > Some(0));
    // The record of bindings has learnt what it had forgotten.
    for salt in salts {
        let again = town.nodes[1].bindings.clone().bind(salt, [9; 32]);
        assert!(matches!(again, Err(BindError::Used { .. })), "{again:?}");
    }
    funded(&mut town, &id);
}

/// A copy of an arbiter's disk without its record of bindings, as a backup may leave that out: it may have ruled, and knows that it does not know.
#[test]
fn an_arbiter_without_its_record_says_so_and_goes_by_the_others() {
    let mut town = Town::new();
    let id = town.offer();
    town.pump();
    funded(&mut town, &id);
    let lost = "the record of bindings knows nothing of it";
    for (at, is_lost, says_so) in [(3, false, false), (3, true, true), (1, true, false)] {
        town.kill(at);
        if is_lost {
            town.nodes[at].bindings = Default::default();
        }
        let before = town.nodes[at].notes.len();
        town.start(at);
        town.connect_all(at);
        town.pump();
        town.mine(1);
        let notes = &town.nodes[at].notes[before..];
        assert_eq!(
            notes.iter().any(|note| note.contains(lost)),
            says_so,
            "{notes:?}"
        );
    }
    assert!(town.all(&id, "live"), "{:?}", town.states(&id));
}

/// Marks of the salts that a node has bound by its logs.
fn bound_salts(town: &Town, at: usize) -> Vec<narthex::contracts::binding::Mark> {
    let written = town.nodes[at].written.borrow();
    let (mut salts, mut salt) = (Vec::new(), None);
    for (_, entry) in written.iter().filter(|(machine, _)| machine == "setup") {
        match SetupChange::from_bytes(entry).unwrap() {
            SetupChange::Proposed(bytes) => {
                salt = Some(TermsPart::from_bytes(&bytes).unwrap().record.salt);
            }
            SetupChange::Bound(_) => salts.extend(salt.map(|salt| salt_mark(&salt))),
            _ => {}
        }
    }
    salts
}

#[test]
fn a_funding_that_never_comes_gives_the_coins_back() {
    let mut town = Town::new();
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"));
    let deadline = town.show(0, &id).unwrap().funding_deadline;
    // Blocks that take nothing from the mempool.
    use narthex::regtest::{ChainSource, Miner};
    let script = narthex::bitcoin::ScriptBuf::from_bytes([&[0x51, 0x20][..], &[7; 32]].concat());
    while town.chain.height().unwrap() <= deadline {
        town.chain.mine_exactly(&[], &script).unwrap();
    }
    town.pass(1);
    let states = town.states(&id);
    assert_eq!(
        states.get("withdrawing"),
        Some(&6),
        "{states:?}\n{}",
        town.notes()
    );
    town.mine(1);
    town.mine(1);
    assert!(
        town.all(&id, "dropped"),
        "{:?}\n{}",
        town.states(&id),
        town.notes()
    );
}

#[test]
fn whoever_declines_ends_it_for_all() {
    let mut town = Town::new();
    // The verifier is asked.
    town.kill(2);
    town.nodes[2].decide_by_hand();
    town.start(2);
    town.connect_all(2);
    town.pump();
    let id = town.offer();
    town.pump();
    assert_eq!(town.state(2, &id), "asked");
    let words = |id: &[u8; 32]| {
        use narthex::bitcoin::hex::DisplayHex;
        id.to_lower_hex_string()
    };
    let reason = "not today".to_owned();
    let declined = town
        .ask(
            2,
            Command::Decline {
                id: words(&id),
                reason,
            },
        )
        .unwrap();
    let Reply::Contract(status) = declined else {
        panic!("{declined:?}");
    };
    assert_eq!(status.state, "declined");
    town.pump();
    for at in [0, 1, 3, 4, 5] {
        let status = town.show(at, &id).unwrap();
        assert_eq!(status.state, "over", "{at}: {}", town.notes());
        assert!(status.cause.unwrap().contains("not today"));
    }
    // Once it has expired nothing of it is left, on no disk.
    town.pass(3_600);
    for at in 0..6 {
        assert!(town.show(at, &id).is_none());
        let mut store = town.nodes[at].store.clone();
        let known = narthex_node::party::Store::known(&mut store).unwrap();
        assert!(
            known
                .iter()
                .all(|whose| matches!(whose.machine.as_str(), "link" | "wallet")),
            "{known:?}"
        );
    }
    // Accepted by hand another one comes to a contract.
    let id = town.offer();
    town.pump();
    assert_eq!(town.states(&id).get("asked"), Some(&1));
    town.ask(2, Command::Accept { id: words(&id) }).unwrap();
    town.pump();
    funded(&mut town, &id);
}

/// Several contracts with the same peers at once, one wallet; and logs that do not grow with all that was ever said.
#[test]
fn many_contracts_share_links_coins_and_a_disk() {
    let mut town = Town::new();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let round: Vec<_> = (0..3).map(|_| town.offer()).collect();
        town.pump();
        town.mine(1);
        for id in &round {
            assert!(
                town.all(id, "live"),
                "{:?}\n{}",
                town.states(id),
                town.notes()
            );
        }
        ids.extend(round);
    }
    let contracts: BTreeSet<_> = ids.iter().map(|id| agreed(&town, id)).collect();
    assert_eq!(contracts.len(), ids.len());
    town.pass(1);
    town.kill(1);
    let mut store = town.nodes[1].store.clone();
    let (mut links, mut kept) = (0, 0);
    for whose in store.known().unwrap() {
        if whose.machine == "link" {
            let mut log = store.open(&whose).unwrap();
            kept += log.read(&mut |_, _| {}).unwrap();
            links += 1;
        }
    }
    assert_eq!(links, 5);
    // Logs were summed up on the way.
    let ever = town.nodes[1].written.borrow();
    let ever = ever.iter().filter(|(machine, _)| machine == "link").count() as u64;
    assert!(kept < ever, "{kept} of {ever} entries");
}

/// The disk that is put back has the terms, and not what came of them: the chain has the contract.
#[test]
fn a_contract_that_an_old_disk_does_not_know_is_found_on_the_chain() {
    let mut town = Town::new();
    let id = town.offer();
    let mut rng = StdRng::seed_from_u64(2);
    while town.state(1, &id) != "exchanging" {
        town.some(1, &mut rng);
    }
    // As it is, to be put back later; the process itself goes on.
    let old = town.nodes[1].snapshot();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    town.kill(1);
    town.nodes[1].store = old;
    town.mine(1);
    town.start(1);
    // Its job is looked at first.
    town.pass(1);
    let status = town.show(1, &id).unwrap();
    assert_eq!(status.state, "live", "{status:?}\n{}", town.notes());
}

/// A party says what is next in a contract, and until when: from the offer to its end, and the dates are those of its terms.
#[test]
fn what_is_next_is_known_from_the_offer_on() {
    let mut town = Town::new();
    town.nodes[1].decide_by_hand();
    town.restart(1);
    town.pump();
    let id = town.offer();
    town.pump();
    let next = |town: &Town, at: usize| {
        let core = town.nodes[at].core.as_ref().unwrap();
        let next = core.next_move(&id);
        assert_eq!(
            core.next_moves(),
            next.iter().cloned().collect::<Vec<_>>(),
            "the one contract"
        );
        next.map(|next| (next.what, next.from, next.until))
    };
    let status = town.show(1, &id).unwrap();
    let expiry = Some(Deadline::Unix(status.expires_s));
    let funded_by = Some(Deadline::Height(status.funding_deadline));
    assert_eq!(next(&town, 1), Some((Move::Answer, None, expiry)));
    let worker = Move::Await(vec!["worker".into()]);
    assert_eq!(next(&town, 0), Some((worker.clone(), None, expiry)));
    assert_eq!(next(&town, 5), Some((worker, None, expiry)));

    let accept = Command::Accept { id: status.id };
    town.ask(1, accept).unwrap();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    for at in 0..6 {
        assert_eq!(next(&town, at), Some((Move::Fund, None, funded_by)));
    }
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    // If nobody said anything any more: the client would have its money back, and the worker would have delivered before.
    let due = town.order().params.deliver_height - 1;
    let publish = |name: &str| Move::Publish(name.into());
    assert_eq!(next(&town, 0), Some((publish("S1"), Some(due + 1), None)));
    // It goes by itself, and what was said to be next is what is on chain then.
    for _ in 0..40 {
        town.mine(1);
    }
    for at in 0..6 {
        let path = town.show(at, &id).unwrap().path;
        let names: Vec<_> = path.iter().map(|tx| tx.name.as_str()).collect();
        assert_eq!(names, ["Tx0", "S3"], "{at}: {}", town.notes());
    }
    for at in 0..3 {
        assert_eq!(next(&town, at), None, "{at}: it is over");
    }
}
