//! Nodes among such as keep no rule.

use narthex::{
    bitcoin::secp256k1::{
        Secp256k1, SecretKey,
        rand::{Rng, SeedableRng, rngs::StdRng},
    },
    channel::{
        offer::{Accept, Offering},
        setup::{Body, SetupMessage},
        wire::{ACCEPT, BIND, Frame, OFFER, TERMS},
    },
    contracts::{
        enrolment::{Enrolment, Scope},
        party::{PartyId, PartySet},
        terms::Role,
    },
};
use narthex_base::codec::Message as _;
use narthex_node::party::{Action, Command, NewOffer, Policy, Reply};

use crate::support::{evil::Evil, town::Town};

/// An offer of a stranger's to the node of a town that is asked to be its worker.
fn offering(town: &mut Town, evil: &Evil, at: usize, salt: u8) -> Offering {
    use narthex::{
        bitcoin::{Amount, FeeRate},
        channel::{
            offer::{Invited, Offer},
            setup::Timing,
        },
        game_model::{Params, bundle::Bundle},
    };
    let order: NewOffer = town.order();
    let params = Params::new(*order.params).unwrap();
    let node = |id| Invited {
        node: id,
        address: String::new(),
    };
    let others = (200..204).map(|byte| node(Evil::new(byte).id()));
    let own = [node(evil.id()), node(town.nodes[at].id)];
    let offer = Offer {
        chain: town.genesis(),
        salt: [salt; 32],
        job: narthex_node::party::job_of(order.job.as_deref().unwrap()).unwrap(),
        bundle: Bundle::new([9; 32], vec![60]).unwrap(),
        rate: FeeRate::from_sat_per_kwu(500),
        parties: own.into_iter().chain(others).collect(),
        timing: Timing {
            patience_s: 60,
            funding_deadline: params.deliver_height() - 50,
            margin: 1,
            burial: 1,
        },
        params,
        expires_s: town.now.unix_s + 1000,
        bond: Amount::ZERO,
    };
    let scope = Scope::Negotiation(offer.id());
    let key = SecretKey::from_slice(&[99; 32])
        .unwrap()
        .keypair(&Secp256k1::new());
    let enrolment = Enrolment::sign(scope, Role::Client, &evil.pair, &key).unwrap();
    Offering { offer, enrolment }
}

/// Everybody but the client of it.
fn all() -> PartySet {
    (1..6).map(PartyId).collect()
}

fn contracts(town: &mut Town, at: usize) -> usize {
    match town.ask(at, Command::Node) {
        Ok(Reply::Node(status)) => status.contracts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flood_of_strangers_offers_is_bounded_and_forgotten() {
    let mut town = Town::new();
    let policy = Policy {
        max_asked: 4,
        ..Policy::default()
    };
    let at = town.settle(50, policy);
    for byte in 100..120 {
        let evil = Evil::new(byte);
        evil.connect(&mut town, at);
        let offering = offering(&mut town, &evil, at, byte);
        let id = offering.offer.id();
        let offer = evil.envelope((id, all()), (0, 0, OFFER), offering.to_bytes());
        evil.send(&mut town, at, offer);
        town.pump();
        // One stranger gets no more by offering again.
        let another = self::offering(&mut town, &evil, at, byte ^ 0x80);
        let id = another.offer.id();
        let offer = evil.envelope((id, all()), (0, 0, OFFER), another.to_bytes());
        evil.send(&mut town, at, offer);
        town.pump();
    }
    assert_eq!(contracts(&mut town, at), 4);
    // They are still there after a start: an offer that was taken is on disk.
    town.kill(at);
    town.start(at);
    assert_eq!(contracts(&mut town, at), 4);
    // Once they have expired nothing is left of them, nor of the strangers.
    town.pass(2_000);
    assert_eq!(contracts(&mut town, at), 0);
    let mut store = town.nodes[at].store.clone();
    let mut known = narthex_node::party::Store::known(&mut store).unwrap();
    // The wallet's own memory is of nobody else.
    known.retain(|whose| whose.machine != "wallet");
    assert_eq!(known, []);
}

#[test]
fn an_offer_stands_under_its_own_id_once() {
    let mut town = Town::new();
    let at = town.settle(50, Policy::default());
    let evil = Evil::new(100);
    evil.connect(&mut town, at);
    let (first, second) = (
        offering(&mut town, &evil, at, 1),
        offering(&mut town, &evil, at, 2),
    );
    let id = first.offer.id();
    // Another offer under this id is none.
    let other = evil.envelope((id, all()), (0, 0, OFFER), second.to_bytes());
    evil.send(&mut town, at, other);
    town.pump();
    assert_eq!(contracts(&mut town, at), 0);
    let right = evil.envelope((id, all()), (0, 0, OFFER), first.to_bytes());
    evil.send(&mut town, at, right);
    town.pump();
    assert_eq!(town.state(at, &id), "asked");
    // A second, different one with the next number contradicts the first: whoever signs both is left out.
    let other = evil.envelope((id, all()), (0, 1, OFFER), second.to_bytes());
    evil.send(&mut town, at, other);
    town.pump();
    let status = town.show(at, &id).unwrap();
    assert_eq!(status.state, "over", "{}", town.notes());
    assert!(status.cause.unwrap().contains("it has signed two"));
    // And of somebody who is not its client it is nobody's.
    let thief = Evil::new(101);
    thief.connect(&mut town, at);
    let stolen = offering(&mut town, &evil, at, 3);
    let id = stolen.offer.id();
    let stolen = thief.envelope((id, all()), (0, 0, OFFER), stolen.to_bytes());
    thief.send(&mut town, at, stolen);
    town.pump();
    assert_eq!(town.state(at, &id), "unknown");
}

#[test]
fn garbage_ends_connections_and_nothing_else() {
    let mut town = Town::new();
    let id = town.offer();
    let evil = Evil::new(100);
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..200 {
        evil.connect(&mut town, round % 6);
        let length = rng.gen_range(0..400);
        let mut bytes: Vec<u8> = (0..length).map(|_| rng.r#gen()).collect();
        if let Some(number) = bytes.first_chunk_mut() {
            *number = rng.gen_range(32_990..33_100u16).to_be_bytes();
        }
        evil.send(&mut town, round % 6, bytes);
        town.some(2, &mut rng);
    }
    town.pump();
    assert!(
        town.nodes
            .iter()
            .any(|node| node.closed.contains(&evil.id()))
    );
    assert!(town.all(&id, "committed"), "{}", town.notes());
}

#[test]
fn nobody_speaks_in_a_contract_that_it_has_no_part_in() {
    let mut town = Town::new();
    let id = town.offer();
    let evil = Evil::new(100);
    for at in 0..6 {
        evil.connect(&mut town, at);
        let scope = Scope::Negotiation(id);
        let key = SecretKey::from_slice(&[99; 32])
            .unwrap()
            .keypair(&Secp256k1::new());
        let enrolment = Enrolment::sign(scope, Role::Worker, &evil.pair, &key).unwrap();
        let to = PartySet::from([PartyId(at as u8)]);
        let bond = None;
        let accept = Accept { enrolment, bond }.to_bytes();
        evil.send(
            &mut town,
            at,
            evil.envelope((id, to), (0, 0, ACCEPT), accept),
        );
        let terms = SetupMessage {
            attempt: 0,
            body: Body::Terms(vec![1; 50]),
        };
        evil.send(
            &mut town,
            at,
            evil.envelope((id, to), (0, 0, TERMS), terms.to_bytes()),
        );
    }
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
}

/// Two binds of one attempt, signed by one key: proof against it, which stays; the attempt is void by its fault.
#[test]
fn whoever_contradicts_itself_is_at_fault() {
    let mut town = Town::new();
    // The verifier's key is in other hands.
    let evil = Evil::new(3);
    town.kill(2);
    let id = town.offer();
    let mut order = StdRng::seed_from_u64(3);
    town.some(60, &mut order);
    for at in [0, 1, 3, 4, 5] {
        evil.connect(&mut town, at);
        let scope = Scope::Negotiation(id);
        let key = SecretKey::from_slice(&[99; 32])
            .unwrap()
            .keypair(&Secp256k1::new());
        let enrolment = Enrolment::sign(scope, Role::Verifier, &evil.pair, &key).unwrap();
        let others = [0, 1, 3, 4, 5].map(PartyId).into();
        let bond = None;
        let accept = Accept { enrolment, bond }.to_bytes();
        evil.send(
            &mut town,
            at,
            evil.envelope((id, others), (0, 0, ACCEPT), accept),
        );
    }
    town.pump();
    assert_eq!(town.state(1, &id), "proposing", "{}", town.notes());
    let to = PartySet::from([PartyId(1)]);
    // Who has a part does not speak for another: terms are the client's. They are refused for good, and acknowledged.
    let terms = SetupMessage {
        attempt: 0,
        body: Body::Terms(vec![1; 50]),
    };
    town.abroad.clear();
    evil.send(
        &mut town,
        1,
        evil.envelope((id, to), (0, 0, TERMS), terms.to_bytes()),
    );
    town.pump();
    assert!(
        town.nodes[1]
            .notes
            .iter()
            .any(|note| note.contains("which is not of its part"))
    );
    // A receipt waits until there is something else to write.
    let waiting = town.nodes[1].core.as_mut().unwrap().all_actions().unwrap();
    let acked = waiting.iter().filter_map(|action| {
        let Action::Send { to, bytes } = action else {
            return None;
        };
        let frame = Frame::from_bytes(bytes).unwrap();
        matches!(frame, Frame::Ack(ack) if ack.contract == id && ack.next == 1).then_some(*to)
    });
    assert_eq!(acked.collect::<Vec<_>>(), [evil.id()]);
    assert_eq!(town.show(1, &id).unwrap().attempt, Some(0));
    let bind = |byte: u8, seq: u64| {
        let body = Body::Bind {
            agreement: [byte; 32],
            announcement: Vec::new(),
        };
        let message = SetupMessage { attempt: 0, body };
        evil.envelope((id, to), (0, seq, BIND), message.to_bytes())
    };
    evil.send(&mut town, 1, bind(1, 1));
    evil.send(&mut town, 1, bind(2, 2));
    town.pump();
    let status = town.show(1, &id).unwrap();
    assert!(
        status.cause.as_ref().unwrap().contains("it has signed two"),
        "{status:?}"
    );
    assert_eq!(status.attempt, Some(1));
    // It is so after a start as well, and both heads are there.
    let written = town.nodes[1].written.borrow().clone();
    use narthex::channel::wire::links::LinksChange;
    let proofs = written.iter().filter(|(machine, _)| machine == "link");
    let proofs = proofs.filter_map(|(_, entry)| match LinksChange::from_bytes(entry).unwrap() {
        LinksChange::Contradicted(proof) => Some(proof),
        _ => None,
    });
    let proofs: Vec<_> = proofs.collect();
    assert_eq!(proofs.len(), 1);
    assert_eq!(proofs[0].first.head.from, evil.id());
    assert!(proofs[0].verify().is_ok());
}
