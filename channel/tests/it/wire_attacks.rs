//! Links between two nodes, attacked: by the network, by the peer, by kills and by old disks.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_base::{codec::Message as _, statement};
use narthex_channel::{
    log::{FailingLog, Fault, Identity, Log, MemoryDisk, MemoryLog, suite},
    setup::{Body, Cause, SetupMessage},
    wire::{
        ABORT, BIND, Close, Contradiction, Envelope, Frame, Hello, Limits, Link, LinkError, Mark,
        Meter, NONCES, Outcome, PROPOSAL, Piece, Resume, SHARES, SignedHead, Standing, TERMS,
        WireFault, body_hash, frames,
        links::{LinkPhase, LinksRefusal},
        setup_message, setup_type,
    },
};
use narthex_contracts::party::PartySet;

mod declined;
mod refill;

use crate::wire_support::{
    CHAIN, CONTRACT, envelope, head, keypair, membership, public, receivers, sign,
};

type TestLink = Link<FailingLog<MemoryLog>>;

fn disk_log(disk: &MemoryDisk, at: u32, fault: Fault) -> FailingLog<MemoryLog> {
    let log = disk.open(&Identity::new("links", [1; 32])).unwrap();
    FailingLog::new(log, at, fault)
}

fn link(key: u8, disk: &MemoryDisk, fails: Option<(u32, Fault)>) -> Result<TestLink, LinkError> {
    let (at, fault) = fails.unwrap_or((u32::MAX, Fault::Before));
    let keys = (public(key), public(3 - key));
    let limits = (Limits::USUAL, Standing::Known);
    Link::open(keys, disk_log(disk, at, fault), CHAIN, limits)
}

/// A node as its contract sees it.
struct Node {
    key: u8,
    disk: MemoryDisk,
    link: TestLink,
    /// What the contract has on its disk of the peer's, by number.
    got: BTreeMap<u64, Vec<u8>>,
    /// What the contract has said, in order.
    said: Vec<(u16, Vec<u8>)>,
    /// Own messages that came back.
    back: BTreeMap<u64, Option<Vec<u8>>>,
    missing: Vec<u64>,
    proofs: Vec<Contradiction>,
    alarms: Vec<Contradiction>,
    closed: Vec<Close>,
    out: VecDeque<Vec<u8>>,
    /// One in so many messages the contract cannot take yet.
    early: u32,
    /// What the contract says of long bodies that it has handed over.
    keeps: Keeps,
}

/// Whether a contract has what it has handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    All,
    /// It is not there any more.
    Nothing,
    /// It does not live yet, and cannot say.
    NotNow,
}

impl Node {
    fn new(key: u8) -> Node {
        let disk = MemoryDisk::default();
        let mut link = link(key, &disk, None).unwrap();
        link.open_contract(CONTRACT, membership(key)).unwrap();
        Node {
            key,
            disk,
            link,
            got: BTreeMap::new(),
            said: Vec::new(),
            back: BTreeMap::new(),
            missing: Vec::new(),
            proofs: Vec::new(),
            alarms: Vec::new(),
            closed: Vec::new(),
            out: VecDeque::new(),
            early: 0,
            keeps: Keeps::All,
        }
    }

    /// Does what is to be done; what follows from it is done too.
    fn act(&mut self, outcomes: Vec<Outcome>, rng: &mut StdRng) -> Result<(), LinkError> {
        let mut due: VecDeque<Outcome> = outcomes.into();
        while let Some(outcome) = due.pop_front() {
            match outcome {
                Outcome::Send(bytes) => self.out.push_back(bytes),
                Outcome::Deliver(envelope) => {
                    if self.early > 0 && rng.gen_range(0..self.early) == 0 {
                        continue;
                    }
                    let (to, seq) = (envelope.head().to, envelope.head().seq);
                    // In order, and again only the same.
                    let known = self.got.len() + self.missing.len();
                    assert!(seq <= known as u64, "{seq} of {known}");
                    let body = envelope.into_body();
                    let known = self.got.entry(seq).or_insert_with(|| body.clone());
                    assert_eq!(*known, body, "number {seq}");
                    due.extend(self.link.taken(&CONTRACT, to, seq)?);
                }
                Outcome::Missing(signed) => {
                    let (to, seq) = (signed.head.to, signed.head.seq);
                    self.missing.push(seq);
                    due.extend(self.link.taken(&CONTRACT, to, seq)?);
                }
                Outcome::Refill(signed) => {
                    let is_its = |(_, body): &&(u16, Vec<u8>)| body_hash(body) == signed.head.body;
                    let body = self.said.iter().find(is_its).map(|(_, body)| body.clone());
                    let frames = match self.keeps {
                        Keeps::NotNow => Vec::new(),
                        keeps => self
                            .link
                            .refilled(&signed, body.filter(|_| keeps == Keeps::All)),
                    };
                    frames
                        .into_iter()
                        .rev()
                        .for_each(|frame| due.push_front(frame));
                }
                Outcome::Import(kept) => {
                    let (to, seq) = (kept.signed.head.to, kept.signed.head.seq);
                    self.back.insert(seq, kept.body.map(|body| body.to_vec()));
                    due.extend(self.link.imported(&CONTRACT, to, seq)?);
                }
                // Both are handed out until somebody says that they are known.
                Outcome::Prove(proof) if self.proofs.contains(&proof) => {}
                Outcome::Alarm(fork) if self.alarms.contains(&fork) => {}
                Outcome::Prove(proof) => self.proofs.push(proof),
                Outcome::Alarm(fork) => self.alarms.push(fork),
                // No job travels here, and nobody asks for anything small.
                Outcome::Want(_) | Outcome::Chunk(_) | Outcome::Declined(_) => {}
                Outcome::Close(close) => self.closed.push(close),
                Outcome::Knock(_) | Outcome::Unknown(_) | Outcome::Pause(_) => {}
            }
        }
        Ok(())
    }

    fn post(&mut self, message: u16, body: Vec<u8>) -> Result<(), LinkError> {
        let pair = keypair(self.key);
        let mut signer = |digest: &[u8; 32]| statement::sign(digest, &pair);
        let place = (&CONTRACT, receivers(self.key));
        let out = self.link.post(place, (0, message), body, &mut signer)?;
        self.act(out, &mut StdRng::seed_from_u64(0))
    }

    /// Says the next of what is to be said.
    fn say(&mut self, message: u16, body: Vec<u8>) {
        self.said.push((message, body.clone()));
        self.post(message, body).unwrap();
    }

    /// Killed, and started again; the contract's disk is not this one.
    fn restart(&mut self) {
        let gone = MemoryDisk::default();
        self.link = link(self.key, &gone, None).unwrap();
        self.link = link(self.key, &self.disk, None).unwrap();
        self.out.clear();
    }

    /// The disk as it was after so many entries.
    fn restore(&mut self, entries: usize) {
        let gone = MemoryDisk::default();
        self.link = link(self.key, &gone, None).unwrap();
        let mut log = disk_log(&self.disk, u32::MAX, Fault::Before);
        let all = suite::entries(&mut log).unwrap();
        drop(log);
        self.disk = MemoryDisk::default();
        let mut log = disk_log(&self.disk, u32::MAX, Fault::Before);
        log.append(0, &all[..entries]).unwrap();
        drop(log);
        self.restart();
    }

    fn entries(&mut self) -> usize {
        usize::try_from(self.link.changes()).unwrap()
    }
}

/// What happens to frames on their way.
#[derive(Clone, Copy)]
struct Weather {
    /// One in so many is lost, doubled, or swapped with the next.
    bad: u32,
}

const FAIR: Weather = Weather { bad: 0 };

struct Pair {
    nodes: [Node; 2],
    rng: StdRng,
    now_ms: u64,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let mut pair = Pair {
            nodes: [Node::new(1), Node::new(2)],
            rng: StdRng::seed_from_u64(seed),
            now_ms: 0,
        };
        pair.connect();
        pair.run(FAIR);
        pair
    }

    fn connect(&mut self) {
        for node in &mut self.nodes {
            node.link.disconnected();
            node.out.clear();
        }
        for node in &mut self.nodes {
            let out = node.link.connected();
            node.act(out, &mut self.rng).unwrap();
        }
    }

    /// Until nothing is on its way.
    fn run(&mut self, weather: Weather) {
        while self.nodes.iter().any(|node| !node.out.is_empty()) {
            for from in 0..2 {
                self.pass(from, weather);
            }
        }
        for node in &mut self.nodes {
            node.early = 0;
            let due = node.link.due();
            node.act(due, &mut self.rng).unwrap();
        }
        if self.nodes.iter().any(|node| !node.out.is_empty()) {
            self.run(weather);
        }
    }

    /// One frame passes.
    fn pass(&mut self, from: usize, weather: Weather) {
        let Some(frame) = self.nodes[from].out.pop_front() else {
            return;
        };
        // The first words are the connection's: without them there is none.
        let number = u16::from_be_bytes([frame[0], frame[1]]);
        let is_contract = number > 33_004;
        if weather.bad > 0 && is_contract && self.rng.gen_range(0..weather.bad) == 0 {
            match self.rng.gen_range(0..3u8) {
                0 => return,
                1 => self.nodes[from].out.push_back(frame.clone()),
                _ => {
                    if !self.nodes[from].out.is_empty() {
                        self.nodes[from].out.push_back(frame);
                        return;
                    }
                }
            }
        }
        self.now_ms += 1_000;
        let to = &mut self.nodes[1 - from];
        let out = to.link.received(&frame, self.now_ms).unwrap();
        to.act(out, &mut self.rng).unwrap();
    }

    /// Everything that was said has come, and nothing is left to do.
    fn check_all_came(&self, what: &str) {
        for side in 0..2 {
            let (from, to) = (&self.nodes[side], &self.nodes[1 - side]);
            let said: Vec<_> = from.said.iter().map(|(_, body)| body.clone()).collect();
            let got: Vec<_> = to.got.values().cloned().collect();
            assert_eq!(said.len(), got.len(), "{what}: of node {}", from.key);
            assert!(said == got, "{what}: something else came");
            let due = from.link.due();
            assert!(
                due.is_empty() && from.closed.is_empty(),
                "{what}: {due:?}, {:?}",
                from.closed
            );
        }
    }
}

/// A body for a number: some are long.
fn body(number: usize, long: bool) -> (u16, Vec<u8>) {
    let types = [PROPOSAL, SHARES, ABORT, SHARES];
    let message = types[number % 4];
    let length = match message {
        ABORT => 20,
        SHARES if long => 150_000 + number,
        _ => 100 + number,
    };
    (message, vec![number as u8; length])
}

#[test]
fn everything_comes_once_and_in_order_whatever_the_network_does() {
    for seed in 0..25 {
        let mut pair = Pair::new(seed);
        for number in 0..12 {
            for side in 0..2 {
                pair.nodes[side].early = 5;
                let (message, body) = body(number, number % 5 == 1);
                pair.nodes[side].say(message, body);
            }
            if number % 3 == 2 {
                pair.run(Weather { bad: 3 });
            }
        }
        // What was lost comes with the next connections.
        for _ in 0..8 {
            pair.connect();
            pair.run(Weather { bad: 6 });
        }
        pair.connect();
        pair.run(FAIR);
        pair.check_all_came(&format!("seed {seed}"));
    }
}

#[test]
fn a_kill_at_any_write_loses_nothing() {
    for fault in [Fault::Before, Fault::After] {
        for at in 0..40 {
            let mut pair = Pair::new(at.into());
            let dead = usize::from(at % 2 == 1);
            let gone = MemoryDisk::default();
            let node = &mut pair.nodes[dead];
            node.link = link(node.key, &gone, None).unwrap();
            let mut killed = false;
            match link(node.key, &node.disk, Some((at / 2, fault))) {
                Ok(failing) => node.link = failing,
                Err(_) => {
                    killed = true;
                    node.restart();
                }
            }
            pair.connect();
            for number in 0..6 {
                for side in 0..2 {
                    let (message, body) = body(number, false);
                    pair.nodes[side].said.push((message, body));
                }
            }
            // Each contract says what is not on its way yet, again and again, as after a kill.
            for _ in 0..4 {
                let mut rounds = 0;
                while rounds < 40 {
                    rounds += 1;
                    let mut failed = None;
                    for side in 0..2 {
                        let is_time = rounds % 10 == 1;
                        let said = match is_time {
                            true => pair.nodes[side].said.clone(),
                            false => Vec::new(),
                        };
                        for (message, body) in said {
                            match pair.nodes[side].post(message, body) {
                                Ok(()) => {}
                                Err(LinkError::Refused(LinksRefusal::NotNow { .. })) => break,
                                Err(_) => {
                                    failed = Some(side);
                                    break;
                                }
                            }
                        }
                        let Some(frame) = pair.nodes[side].out.pop_front() else {
                            continue;
                        };
                        pair.now_ms += 1_000;
                        let to = 1 - side;
                        let node = &mut pair.nodes[to];
                        let taken = node.link.received(&frame, pair.now_ms);
                        if taken.and_then(|out| node.act(out, &mut pair.rng)).is_err() {
                            failed = Some(to);
                        }
                        if failed.is_some() {
                            break;
                        }
                    }
                    if let Some(side) = failed {
                        killed = true;
                        pair.nodes[side].restart();
                        pair.connect();
                    }
                }
            }
            pair.connect();
            pair.run(FAIR);
            pair.check_all_came(&format!("{fault:?} at {at}"));
            assert!(killed || at > 20, "nothing failed at {at}");
        }
    }
}

#[test]
fn who_says_two_things_has_proved_it_against_itself() {
    let mut pair = Pair::new(1);
    pair.nodes[1].say(PROPOSAL, vec![1; 30]);
    pair.run(FAIR);
    let other = envelope(2, 0, PROPOSAL, &[2; 30]);
    let feed = |pair: &mut Pair, envelope: &Envelope| {
        for frame in frames(envelope, 0) {
            pair.nodes[1].out.push_back(frame.to_bytes());
        }
        pair.run(FAIR);
    };
    // The same again is nothing.
    feed(&mut pair, &envelope(2, 0, PROPOSAL, &[1; 30]));
    assert!(pair.nodes[0].proofs.is_empty());
    feed(&mut pair, &other);
    let [proof] = pair.nodes[0].proofs[..] else {
        panic!("{:?}", pair.nodes[0].proofs);
    };
    // A third party needs nothing but these bytes.
    let shown = Contradiction::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(shown.verify(), Ok(public(2)));
    assert!(proof.to_bytes().len() < 500);
    // Nobody can make one of what others did not sign.
    let mut forged = proof;
    forged.second.head.body[0] ^= 1;
    assert!(matches!(forged.verify(), Err(WireFault::Unsigned { .. })));
    let alike = Contradiction {
        first: proof.first,
        second: proof.first,
    };
    assert!(alike.verify().is_err());
    assert!(Contradiction::from_bytes(&alike.to_bytes()).is_err());
    // It outlives a kill until the contract knows of it, and nothing else of the contract counts.
    pair.nodes[0].restart();
    assert_eq!(pair.nodes[0].link.due(), [Outcome::Prove(proof)]);
    pair.connect();
    pair.run(FAIR);
    pair.nodes[0].link.noted(CONTRACT).unwrap();
    assert!(pair.nodes[0].link.due().is_empty());
    feed(&mut pair, &envelope(2, 1, SHARES, &[1; 30]));
    assert_eq!(pair.nodes[0].got.len(), 1);
}

#[test]
fn two_of_a_message_that_is_said_once_contradict_each_other_whatever_their_numbers() {
    // While the first waits in memory, or after it was taken.
    for is_taken in [false, true] {
        let mut pair = Pair::new(2);
        if is_taken {
            pair.nodes[1].say(BIND, vec![1; 50]);
        } else {
            let early = envelope(2, 1, BIND, &[1; 50]);
            pair.nodes[1]
                .out
                .push_back(Frame::Envelope(early).to_bytes());
        }
        pair.run(FAIR);
        let other = envelope(2, 2, BIND, &[2; 50]);
        pair.nodes[1]
            .out
            .push_back(Frame::Envelope(other).to_bytes());
        pair.run(FAIR);
        assert_eq!(pair.nodes[0].proofs.len(), 1, "taken: {is_taken}");
        assert_eq!(pair.nodes[0].proofs[0].verify(), Ok(public(2)));
    }
    // To another peer, under the same number: whoever compares the two has the proof.
    let mut third = head(2, CONTRACT, 1, BIND, &[2; 50]);
    third.to = PartySet::from([narthex_contracts::party::PartyId(5)]);
    let third = sign(third, 2);
    let first = *envelope(2, 1, BIND, &[1; 50]).signed();
    let proof = Contradiction::between(&first, &third).unwrap();
    let mut pair = Pair::new(3);
    let out = pair.nodes[0].link.shown(proof).unwrap();
    assert_eq!(out, [Outcome::Prove(proof)]);
    // Of shares there are several, and another attempt has binds of its own.
    let shares = [1, 2].map(|seq| *envelope(2, seq, SHARES, &[seq as u8; 50]).signed());
    assert_eq!(Contradiction::between(&shares[0], &shares[1]), None);
    let mut later = head(2, CONTRACT, 2, BIND, &[2; 50]);
    later.attempt = 1;
    assert_eq!(Contradiction::between(&first, &sign(later, 2)), None);
}

/// A link with a connection on which both have said hello.
fn greeted(standing: Standing) -> Node {
    let mut node = Node::new(1);
    let disk = MemoryDisk::default();
    let keys = (public(1), public(2));
    let log = disk_log(&disk, u32::MAX, Fault::Before);
    node.link = Link::open(keys, log, CHAIN, (Limits::USUAL, standing)).unwrap();
    node.disk = disk;
    node.link.open_contract(CONTRACT, membership(1)).unwrap();
    node.link.connected();
    let hello = hello(CHAIN, 0);
    assert_eq!(node.link.received(&hello, 0).unwrap(), []);
    node
}

fn hello(chain: [u8; 32], features: u64) -> Vec<u8> {
    let boot = 1;
    Frame::Hello(Hello {
        chain,
        features,
        boot,
    })
    .to_bytes()
}

fn close(node: &mut Node, frame: &[u8]) -> Option<Close> {
    let out = node.link.received(frame, 0).unwrap();
    out.into_iter().find_map(|outcome| match outcome {
        Outcome::Close(close) => Some(close),
        _ => None,
    })
}

#[test]
fn a_connection_begins_with_one_hello_of_the_same_chain() {
    let mut node = greeted(Standing::Known);
    assert_eq!(close(&mut node, &hello(CHAIN, 0)), Some(Close::Hello));
    node.link.connected();
    let resume = Frame::Resume(Resume {
        marks: Vec::new(),
        is_last: true,
    });
    assert_eq!(close(&mut node, &resume.to_bytes()), Some(Close::Hello));
    node.link.connected();
    assert_eq!(
        close(&mut node, &hello([1; 32], 0)),
        Some(Close::OtherChain)
    );
    node.link.connected();
    // An odd feature may be unknown, an even one may not.
    assert_eq!(close(&mut node, &hello(CHAIN, 2)), None);
    node.link.connected();
    let unknown = 4;
    assert_eq!(
        close(&mut node, &hello(CHAIN, 6)),
        Some(Close::Features { unknown })
    );
    // Without a connection nothing is read.
    node.link.disconnected();
    assert_eq!(node.link.received(&hello(CHAIN, 0), 0).unwrap(), []);
}

#[test]
fn what_cannot_be_ends_the_connection_and_changes_nothing() {
    let good = Frame::Envelope(envelope(2, 0, PROPOSAL, &[1; 30])).to_bytes();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut renamed = good.clone();
    renamed[1] += 4;
    let unknown = 40_000u16.to_be_bytes().to_vec();
    let mut link_in_envelope = good.clone();
    link_in_envelope[..2].copy_from_slice(&33_004u16.to_be_bytes());
    let mut long = good.clone();
    long.resize(70_000, 0);
    let bad = [
        flipped,
        renamed,
        unknown,
        link_in_envelope,
        long,
        vec![0x80],
    ];
    for (number, frame) in bad.iter().enumerate() {
        let mut node = greeted(Standing::Known);
        let before = node.entries();
        assert!(
            matches!(close(&mut node, frame), Some(Close::Fault(_))),
            "{number}"
        );
        assert_eq!(
            (node.entries(), node.link.held_bytes()),
            (before, 0),
            "{number}"
        );
    }
    // An odd number that nobody knows is nothing.
    let mut node = greeted(Standing::Known);
    assert_eq!(node.link.received(&40_001u16.to_be_bytes(), 0).unwrap(), []);
    // A misunderstanding is told, and the connection stays.
    let other_sender = sign(head(3, CONTRACT, 0, PROPOSAL, &[1; 30]), 3);
    let mut for_others = head(2, CONTRACT, 0, PROPOSAL, &[1; 30]);
    for_others.to = PartySet::from([narthex_contracts::party::PartyId(7)]);
    for signed in [other_sender, sign(for_others, 2)] {
        let envelope = signed.with_body(vec![1; 30]).unwrap();
        let out = node
            .link
            .received(&Frame::Envelope(envelope).to_bytes(), 0)
            .unwrap();
        let [Outcome::Send(frame)] = &out[..] else {
            panic!("{out:?}");
        };
        assert!(matches!(Frame::from_bytes(frame), Ok(Frame::Fault(_))));
    }
}

#[test]
fn a_body_that_may_not_be_is_refused_before_its_first_piece() {
    let mut node = greeted(Standing::Known);
    let tell = |node: &mut Node, frame: &Frame| node.link.received(&frame.to_bytes(), 0).unwrap();
    let announced = |length: u32, message: u16| {
        let mut head = head(2, CONTRACT, 0, message, &[]);
        head.length = length;
        Frame::Head(sign(head, 2))
    };
    // Longer than the type has: it does not read.
    let frame = announced((1 << 20) + 12, TERMS).to_bytes();
    assert!(matches!(
        close(&mut node, &frame),
        Some(Close::Fault(WireFault::Decode { .. }))
    ));
    // Longer than this contract can have.
    let out = tell(&mut node, &announced((8 << 20) + 1, NONCES));
    assert!(matches!(&out[..], [Outcome::Send(_)]), "{out:?}");
    assert_eq!(node.link.held_bytes(), 0);
    // Pieces of nothing, and pieces with a gap, take no room.
    let piece = |hash, offset, total| {
        let bytes = vec![1; 60_000];
        Frame::Piece(Piece {
            hash,
            total,
            offset,
            bytes,
        })
    };
    for hash in 0..40 {
        assert_eq!(tell(&mut node, &piece([hash; 32], 0, 120_000)), []);
    }
    assert_eq!(node.link.held_bytes(), 0);
    // Pieces of what was announced, and not what was signed.
    let head = match announced(120_000, SHARES) {
        Frame::Head(signed) => signed.head.body,
        other => panic!("{other:?}"),
    };
    assert_eq!(tell(&mut node, &announced(120_000, SHARES)), []);
    assert_eq!(tell(&mut node, &piece(head, 60_000, 120_000)), []);
    assert_eq!(tell(&mut node, &piece(head, 0, 120_000)), []);
    let close = close(&mut node, &piece(head, 60_000, 120_000).to_bytes());
    assert!(
        matches!(close, Some(Close::Fault(WireFault::Pieces { .. }))),
        "{close:?}"
    );
    assert_eq!(node.link.held_bytes(), 0);
}

#[test]
fn a_long_body_goes_on_where_it_was_cut_off() {
    let mut pair = Pair::new(5);
    let long: Vec<u8> = (0..400_000u32).map(|i| (i % 251) as u8).collect();
    pair.nodes[0].say(SHARES, long);
    let all = pair.nodes[0].out.len();
    assert_eq!(all, 8, "a head and seven pieces");
    for _ in 0..4 {
        pair.pass(0, FAIR);
    }
    pair.connect();
    // Two frames of the connection, then the head once more and four pieces.
    let mut sent = 0;
    while pair.nodes.iter().any(|node| !node.out.is_empty()) {
        for side in 0..2 {
            let front = pair.nodes[side].out.front();
            sent += usize::from(front.is_some_and(|f| f.len() > 30_000));
            pair.pass(side, FAIR);
        }
    }
    assert_eq!(sent, 4);
    pair.check_all_came("cut off");
}

#[test]
fn a_flood_holds_no_more_than_it_may() {
    let mut node = greeted(Standing::Known);
    let body = vec![1; 59_000];
    // From the second on: the first is missing, so that all of them wait.
    for seq in (1..300).rev() {
        let frame = Frame::Envelope(envelope(2, seq, SHARES, &body)).to_bytes();
        node.link
            .received(&frame, seq.wrapping_neg() % 10_000 * 1_000)
            .unwrap();
        assert!(node.link.held_bytes() <= Limits::USUAL.bytes);
    }
    assert!(
        node.link.held_bytes() > 3 << 20,
        "{}",
        node.link.held_bytes()
    );
    // Heads of long bodies: what is announced counts.
    for seq in 300..600 {
        let mut head = head(2, CONTRACT, seq, SHARES, &[]);
        head.length = 1 << 20;
        let frame = Frame::Head(sign(head, 2)).to_bytes();
        node.link.received(&frame, 0).unwrap();
        assert!(node.link.held_bytes() <= Limits::USUAL.bytes);
    }
    // What is next comes through all the same.
    let next = envelope(2, 0, SHARES, &body);
    let out = node
        .link
        .received(&Frame::Envelope(next.clone()).to_bytes(), 1 << 40)
        .unwrap();
    assert_eq!(out, [Outcome::Deliver(next)]);
    // Short ones are counted by their number.
    let mut node = greeted(Standing::Known);
    let mut waits = 0;
    for seq in (1..200).rev() {
        let frame = Frame::Envelope(envelope(2, seq, SHARES, &[1; 20])).to_bytes();
        node.link.received(&frame, 0).unwrap();
        waits = node.link.held_bytes() / 20;
        assert!(waits <= Limits::USUAL.messages);
    }
    assert_eq!(waits, Limits::USUAL.messages);
}

#[test]
fn what_was_dropped_is_asked_for_when_there_is_room() {
    let mut pair = Pair::new(6);
    for number in 0..100 {
        pair.nodes[0].say(SHARES, vec![number; 100]);
    }
    // The first comes last.
    pair.nodes[0].out.rotate_left(1);
    pair.run(FAIR);
    pair.check_all_came("rotated");
}

/// How often a peer may ask again for everything before the connection ends: less often than so.
fn asked_until_closed(node: &mut Node, most: u32) -> u32 {
    let resume = Frame::Resume(Resume {
        marks: Vec::new(),
        is_last: true,
    });
    let mut asked = 0;
    while close(node, &resume.to_bytes()).is_none() {
        asked += 1;
        assert!(asked < most);
    }
    asked
}

#[test]
fn a_peer_sends_and_asks_for_no_more_than_it_may() {
    let mut node = greeted(Standing::Known);
    let frame = Frame::Envelope(envelope(2, 5, SHARES, &[1; 59_000])).to_bytes();
    let (mut closed, mut paused, mut bytes) = (None, 0, 0);
    while closed.is_none() {
        let out = node.link.received(&frame, 10).unwrap();
        bytes += frame.len() as u64;
        for outcome in out {
            match outcome {
                Outcome::Close(close) => closed = Some(close),
                Outcome::Pause(ms) => paused = paused.max(ms),
                _ => {}
            }
        }
    }
    let most = Limits::USUAL.burst;
    assert_eq!(closed, Some(Close::Flood { most }));
    assert!(bytes > most && bytes < most + 70_000, "{bytes}");
    // It was told to wait for what is over a second's measure.
    assert!((2_900..=3_000).contains(&paused), "{paused}");

    // Who asks again and again what was said.
    let mut pair = Pair::new(7);
    for number in 0..20 {
        pair.nodes[0].say(SHARES, vec![number; 150_000]);
    }
    let asked = asked_until_closed(&mut pair.nodes[0], 20);
    assert!(asked > 2);
}

#[test]
fn a_measure_drains_with_time_alone() {
    let mut meter = Meter::new(1_000, 3_000);
    assert!(meter.pour(3_000, 0));
    assert!(!meter.pour(1, 0));
    assert_eq!(meter.wait_ms(), 2_000);
    assert!(!meter.pour(501, 500));
    assert!(meter.pour(500, 500));
    // A clock that goes back drains nothing.
    assert!(!meter.pour(1, 0));
    assert!(meter.pour(3_000, 10_000));
}

#[test]
fn strangers_say_a_little_and_begin_one_contract() {
    let mut node = greeted(Standing::Stranger);
    let first = |contract: u8| {
        let body = vec![1; 30];
        let signed = sign(head(2, [contract; 32], 0, PROPOSAL, &body), 2);
        signed.with_body(body).unwrap()
    };
    let frame = |contract| Frame::Envelope(first(contract)).to_bytes();
    let out = node.link.received(&frame(1), 0).unwrap();
    assert_eq!(out, [Outcome::Knock(first(1))]);
    // Opened, it is delivered.
    node.link.open_contract([1; 32], membership(1)).unwrap();
    let out = node.link.received_envelope(first(1)).unwrap();
    assert_eq!(out, [Outcome::Deliver(first(1))]);
    let stranger = Close::Stranger {
        bytes: 16 << 10,
        contracts: 1,
    };
    assert_eq!(close(&mut node, &frame(2)), Some(stranger.clone()));
    let mut node = greeted(Standing::Stranger);
    let long = Frame::Envelope(envelope(2, 0, SHARES, &[1; 17_000])).to_bytes();
    assert_eq!(close(&mut node, &long), Some(stranger));
    assert!(node.got.is_empty() && node.link.held_bytes() == 0);
    // The same of somebody who has vouched for itself; but not without end.
    let mut node = greeted(Standing::Stranger);
    node.link.vouch();
    assert_eq!(close(&mut node, &long), None);
    for contract in 0..64 {
        assert_eq!(close(&mut node, &frame(contract)), None, "{contract}");
    }
    let most = 64;
    assert_eq!(
        close(&mut node, &frame(64)),
        Some(Close::Contracts { most })
    );
}

#[test]
fn no_more_contracts_are_in_their_setup_than_may_be() {
    let mut node = greeted(Standing::Known);
    let open = |node: &mut Node, contract: u8| {
        node.link
            .open_contract([contract; 32], membership(1))
            .map(|_| ())
    };
    for contract in 0..63 {
        open(&mut node, contract).unwrap();
    }
    assert!(matches!(
        open(&mut node, 63),
        Err(LinkError::Refused(LinksRefusal::Wire(WireFault::TooMany {
            most: 64,
            ..
        })))
    ));
    node.link.settle_contract([0; 32]).unwrap();
    open(&mut node, 63).unwrap();
    node.link.end_contract([1; 32]).unwrap();
    open(&mut node, 64).unwrap();
}

/// A conversation in which everything is said that a set-up says.
fn conversation() -> Pair {
    let mut pair = Pair::new(8);
    for number in 0..3usize {
        for side in 0..2 {
            let (message, body) = body(number, number == 1);
            pair.nodes[side].say(message, body);
        }
        pair.run(FAIR);
    }
    pair
}

#[test]
fn an_old_disk_is_noticed_and_signs_nothing_until_all_is_back() {
    let entries = conversation().nodes[0].entries();
    let (mut noticed, mut unnoticed) = (0, 0);
    for k in 0..entries {
        let mut pair = conversation();
        let before = pair.nodes[0]
            .link
            .machine()
            .next(true, &CONTRACT, receivers(1));
        assert_eq!(before, 3);
        pair.nodes[0].restore(k);
        let node = &mut pair.nodes[0];
        let known = node.link.machine().next(true, &CONTRACT, receivers(1));
        // Whatever comes to its mind, nothing is signed before the peer has spoken.
        node.link.open_contract(CONTRACT, membership(1)).unwrap();
        let other = node.post(PROPOSAL, vec![0xee; 40]);
        let phase = LinkPhase::Waking;
        assert!(
            matches!(&other, Err(LinkError::Refused(LinksRefusal::NotNow { phase: p })) if *p == phase),
            "{k}: {other:?}"
        );
        pair.connect();
        // Until the peer's words have come: four frames.
        let mut was_back = known == before;
        while pair.nodes.iter().any(|node| !node.out.is_empty()) {
            for from in [1, 0] {
                pair.pass(from, FAIR);
            }
            let node = &mut pair.nodes[0];
            let machine = node.link.machine();
            let now = machine.next(true, &CONTRACT, receivers(1));
            if machine.phase() == LinkPhase::RolledBack {
                was_back = true;
                let phase = LinkPhase::RolledBack;
                let other = node.post(PROPOSAL, vec![0xee; 40]);
                assert!(
                    matches!(&other, Err(LinkError::Refused(LinksRefusal::NotNow { phase: p })) if *p == phase)
                );
            }
            assert!(machine_is_safe(node, now, before), "{k}: {now} of {before}");
        }
        pair.run(FAIR);
        assert!(was_back, "{k}: not noticed");
        let node = &pair.nodes[0];
        assert_eq!(node.link.machine().phase(), LinkPhase::Open);
        assert_eq!(
            node.link.machine().next(true, &CONTRACT, receivers(1)),
            before
        );
        // What can be lost with harm is there again, byte for byte.
        for (seq, back) in &node.back {
            let (message, body) = &node.said[*seq as usize];
            match *message == SHARES {
                true => assert_eq!(*back, None),
                false => assert_eq!(back.as_ref(), Some(body)),
            }
        }
        assert_eq!(node.back.len() as u64, before - known, "{k}");
        match known == before {
            true => unnoticed += 1,
            false => noticed += 1,
        }
        // Life goes on, and nobody has contradicted itself.
        for side in 0..2 {
            pair.nodes[side].say(ABORT, vec![9; 20]);
        }
        pair.run(FAIR);
        assert!(
            pair.nodes
                .iter()
                .all(|n| n.proofs.is_empty() && n.alarms.is_empty())
        );
        assert_eq!(pair.nodes[1].got.len(), 4, "{k}");
        assert_eq!(
            pair.nodes[0]
                .link
                .machine()
                .next(false, &CONTRACT, receivers(2)),
            4
        );
    }
    assert!(
        noticed > 3 && unnoticed > 1,
        "{noticed} and {unnoticed} of {entries}"
    );
}

/// Either all is known, or nothing can be signed.
fn machine_is_safe(node: &Node, now: u64, before: u64) -> bool {
    now == before || node.link.machine().may_sign().is_err()
}

#[test]
fn a_claim_without_proof_stops_nobody() {
    let mut pair = conversation();
    let node = &mut pair.nodes[0];
    let claim = |next, proof: Option<SignedHead>| {
        let marks = vec![Mark {
            contract: CONTRACT,
            to: receivers(1),
            next,
            proof,
            partial: None,
        }];
        let is_last = true;
        Frame::Resume(Resume { marks, is_last }).to_bytes()
    };
    // Nothing, a stranger's or the peer's own signature.
    let mut foreign = sign(head(1, CONTRACT, 8, SHARES, &[1; 20]), 1);
    foreign.signature = sign(foreign.head, 2).signature;
    let peers = sign(head(2, CONTRACT, 8, SHARES, &[1; 20]), 2);
    let peers = SignedHead {
        head: narthex_channel::wire::Head {
            to: receivers(1),
            ..peers.head
        },
        ..peers
    };
    for proof in [None, Some(foreign), Some(peers)] {
        node.link.received(&claim(9, proof), 1 << 30).unwrap();
        assert_eq!(node.link.machine().phase(), LinkPhase::Open);
    }
    // With it, it is believed; the operator may say that nothing else is to be had.
    let own = sign(head(1, CONTRACT, 8, SHARES, &[1; 20]), 1);
    node.link.received(&claim(9, Some(own)), 1 << 31).unwrap();
    assert_eq!(node.link.machine().phase(), LinkPhase::RolledBack);
    node.link.clear().unwrap();
    assert_eq!(node.link.machine().phase(), LinkPhase::Open);
    assert_eq!(node.link.machine().next(true, &CONTRACT, receivers(1)), 9);
}

#[test]
fn a_copy_that_spoke_is_an_alarm() {
    let mut pair = conversation();
    let other = envelope(1, 2, ABORT, &[7; 20]);
    let frame = Frame::Envelope(other).to_bytes();
    let node = &mut pair.nodes[0];
    let out = node.link.received(&frame, 1 << 30).unwrap();
    let [Outcome::Alarm(fork)] = &out[..] else {
        panic!("{out:?}");
    };
    assert_eq!(fork.verify(), Ok(public(1)));
    assert!(node.post(SHARES, vec![1; 20]).is_err());
    node.restart();
    assert_eq!(node.link.machine().phase(), LinkPhase::Forked);
    node.link.clear().unwrap();
    assert_eq!(node.link.machine().phase(), LinkPhase::Waking);
}

#[test]
fn messages_of_a_setup_travel_in_envelopes() {
    let bodies = [
        Body::Proposal(vec![1; 20]),
        Body::Terms(vec![2; 90_000]),
        Body::Bind {
            agreement: [3; 32],
            announcement: vec![3; 9],
        },
        Body::Nonces(vec![4; 70]),
        Body::Shares {
            stage: 1,
            shares: vec![5; 80],
        },
        Body::Held,
        Body::Funding(vec![6; 120]),
        Body::Whole(vec![7; 200]),
        Body::Abort(Cause::Lost),
    ];
    let mut pair = Pair::new(9);
    for body in &bodies {
        let message = SetupMessage {
            attempt: 0,
            body: body.clone(),
        };
        pair.nodes[0].say(setup_type(&message), message.to_bytes());
    }
    pair.run(FAIR);
    pair.check_all_came("set-up");
    for (seq, sent) in bodies.iter().enumerate() {
        let (message, bytes) = pair.nodes[0].said[seq].clone();
        let carried = envelope(1, seq as u64, message, &bytes);
        assert_eq!(setup_message(&carried).unwrap().body, *sent);
        // Under another type, or in another attempt, it says something else than its envelope.
        let mut wrong = head(1, CONTRACT, 0, message, &bytes);
        wrong.attempt = 3;
        let wrong = sign(wrong, 1).with_body(bytes.clone()).unwrap();
        assert!(matches!(
            setup_message(&wrong),
            Err(WireFault::Inside {
                field: "attempt",
                outside: 3,
                inside: 0,
                ..
            })
        ));
        let other = if message == SHARES { NONCES } else { SHARES };
        let wrong = envelope(1, 0, other, &bytes);
        assert!(matches!(
            setup_message(&wrong),
            Err(WireFault::Inside { field: "type", .. })
        ));
    }
    // The longest words of an abort fit.
    let party = narthex_contracts::party::PartyId(31);
    let reason = "x".repeat(200);
    for cause in [
        Cause::Fault {
            party,
            reason: reason.clone(),
        },
        Cause::Declined { reason },
        Cause::Told {
            by: party,
            accused: Some(party),
        },
    ] {
        let body = Body::Abort(cause);
        let message = SetupMessage { attempt: 7, body };
        let row = narthex_channel::wire::MessageType::of(setup_type(&message)).unwrap();
        row.check_length(message.to_bytes().len()).unwrap();
    }
}
