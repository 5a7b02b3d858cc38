//! Real signers, one of them or a carrier at work against the others: whatever is sent, nobody honest stops, is found at fault,
//! or parts with its witnesses alone.

use std::collections::BTreeMap;

use narthex_base::codec::Message as _;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex::{
    channel::{
        log::MemoryLog,
        setup::{Body, Cause, Errand, Phase, Seat, SeatError, SetupInput, SetupMessage},
    },
    contracts::{
        party::PartyId,
        terms::{Assembly, Role},
    },
    setup::ComputationSigner,
};

use crate::setup_killed::{ARBITERS, World, about, accord, standing, world};

/// What a party's machine came to.
struct Came {
    phase: Phase,
    /// Why its attempts were void, and why it ended.
    causes: Vec<Cause>,
}

type Spoil<'s> = &'s mut dyn FnMut(Role, Role, &mut SetupMessage);

type Letters = Vec<(PartyId, Role, SetupMessage)>;

fn post(from: Role, errands: Vec<Errand>, letters: &mut Letters, spoil: Spoil<'_>) {
    for errand in errands {
        if let Errand::Send { to, mut message } = errand {
            spoil(from, Role::from(to), &mut message);
            // As bytes, as they come from a peer.
            if let Ok(message) = SetupMessage::from_bytes(&message.to_bytes()) {
                letters.push((PartyId::from(from), Role::from(to), message));
            }
        }
    }
}

/// Everybody sets up a contract by real signers; `spoil` changes what is on its way.
fn set_up(world: &mut World, (salt, room): (u8, u32), spoil: Spoil<'_>) -> BTreeMap<Role, Came> {
    let deadline = world.height() + 100 - room;
    let World {
        wallets,
        bindings,
        fixtures,
        secrets,
        policy,
        rate,
        ..
    } = world;
    let accord = accord(fixtures, policy, *rate);
    let (mut seats, mut letters) = (BTreeMap::new(), Letters::new());
    let mut came: BTreeMap<Role, Came> = BTreeMap::new();
    for ((role, wallet), record) in wallets.iter_mut().zip(bindings.values_mut()) {
        let role = *role;
        let seed = role.index() as u8 * 16 + salt;
        let standing = standing(role, (wallet, record), (fixtures, secrets), seed);
        let about = about(role, deadline);
        let signer = ComputationSigner::new(standing, &accord);
        let opened = Seat::open(about, MemoryLog::forgetful(), signer, &mut |_| ());
        let (seat, errands) = opened.map_err(|error| error.to_string()).unwrap();
        post(role, errands, &mut letters, spoil);
        seats.insert(role, seat);
    }
    let mut taken = 0;
    while !letters.is_empty() {
        taken += 1;
        assert!(taken < 10_000);
        let (from, to, message) = letters.remove(0);
        let seat = seats.get_mut(&to).unwrap();
        match seat.take(&SetupInput::Message { from, message }, &mut |_| ()) {
            Ok(errands) => post(to, errands, &mut letters, spoil),
            Err(SeatError::Refused(_)) => {}
            Err(error) => panic!("{to} stops: {error}"),
        }
        let machine = seats[&to].machine();
        let so_far = came.entry(to).or_insert(Came {
            phase: Phase::Proposing,
            causes: Vec::new(),
        });
        for cause in [machine.voided(), machine.dropped()].into_iter().flatten() {
            if !so_far.causes.contains(cause) {
                so_far.causes.push(cause.clone());
            }
        }
        so_far.phase = machine.phase();
    }
    for (_, seat) in seats {
        // Its coins are free for the next.
        seat.into_signer().into_standing();
    }
    came
}

/// Nobody names somebody honest as at fault.
fn assert_fair(came: &BTreeMap<Role, Came>, culprit: Role, what: &str) {
    for (role, came) in came.iter().filter(|(role, _)| **role != culprit) {
        for cause in &came.causes {
            let (Cause::Fault { party, .. } | Cause::Struck(party)) = cause else {
                continue;
            };
            assert_eq!(
                Role::from(*party),
                culprit,
                "{role} after {what}: {cause:?}"
            );
        }
    }
}

#[test]
fn whatever_one_sends_stops_nobody_and_blames_nobody_else() {
    let mut world = world(2);
    let mut rng = StdRng::from_seed([31; 32]);
    let mut hit = 0;
    for number in 0..24u8 {
        let roles: Vec<_> = Role::all(ARBITERS).collect();
        let culprit = roles[rng.gen_range(0..roles.len())];
        // Which of the culprit's messages, and what becomes of it; to one receiver alone now and then.
        let (at, how, only) = (
            rng.gen_range(0..26u32),
            rng.gen_range(0..4u8),
            number % 2 == 0,
        );
        let victim = roles[rng.gen_range(0..roles.len())];
        let (mut sent, place) = (0, rng.gen_range(0..usize::MAX));
        let mut what = String::from("nothing");
        let came = set_up(&mut world, (number, 50), &mut |from, to, message| {
            if from != culprit || (only && to != victim) {
                return;
            }
            sent += 1;
            if sent < at / 2 {
                return;
            }
            what = format!("{how} in {:?} to {to}", message.body);
            spoil(&mut message.body, how, place);
        });
        hit += u32::from(what != "nothing");
        assert_fair(
            &came,
            culprit,
            &format!("{culprit}'s {what}, number {number}"),
        );
    }
    assert!(hit > 12, "{hit}");
}

fn spoil(body: &mut Body, how: u8, place: usize) {
    let bytes = match body {
        Body::Proposal(bytes)
        | Body::Terms(bytes)
        | Body::Nonces(bytes)
        | Body::Funding(bytes)
        | Body::Whole(bytes)
        | Body::Shares { shares: bytes, .. } => bytes,
        Body::Bind { agreement, .. } => return agreement[place % 32] ^= 1,
        Body::Held | Body::Abort(_) | Body::Over(_) => return,
    };
    let at = place % bytes.len().max(1);
    match how {
        0 => bytes[at] ^= 1 << (place % 8),
        1 => bytes.truncate(at),
        2 => bytes.push(0),
        _ => bytes.fill(0),
    }
}

#[test]
fn a_lead_that_puts_a_coin_into_anothers_part_has_nobody_struck() {
    let mut world = world(2);
    // A coin of the worker's that serves nothing, in place of the verifier's.
    let coins = world.coins(Role::Worker);
    let came = set_up(&mut world, (1, 50), &mut |from, to, message| {
        let Body::Terms(bytes) = &mut message.body else {
            return;
        };
        if (from, to) != (Role::Client, Role::Worker) {
            return;
        }
        let mut terms = Assembly::from_bytes(bytes).unwrap();
        let own = terms.parts.iter().find(|part| part.role == Role::Worker);
        let used = own.unwrap().record.funding.coins[0].outpoint;
        let spare = coins.iter().find(|coin| coin.outpoint != used).unwrap();
        let part = terms.parts.iter_mut().find(|p| p.role == Role::Verifier);
        let funding = &mut part.unwrap().record.funding;
        let (coin, value) = (&mut funding.coins[0], spare.prevout.value);
        let change = funding.change.as_mut().unwrap();
        change.value_sat = change.value_sat + value - coin.value_sat;
        coin.value_sat = value;
        coin.outpoint = spare.outpoint;
        coin.script = spare.prevout.script_pubkey.clone();
        *bytes = terms.to_bytes();
    });
    let worker = &came[&Role::Worker].causes;
    let split = Cause::Split(Role::Verifier.into());
    assert!(worker.contains(&split), "{worker:?}");
    assert_fair(&came, Role::Client, "a coin of the worker's");
    assert!(came.values().all(|came| came.phase == Phase::Dropped));
}

#[test]
fn a_funding_that_leaves_no_time_for_the_work_is_declined() {
    let mut world = world(2);
    // The work has 12 blocks before the height by which it is delivered.
    for (room, phase) in [(11, Phase::Dropped), (12, Phase::Committed)] {
        let came = set_up(&mut world, (room as u8, room), &mut |_, _, _| ());
        assert!(came.values().all(|came| came.phase == phase), "{room}");
    }
}
