//! Both sides of a bounty keep the laws of machines.

use bitcoin::{
    Transaction,
    secp256k1::rand::{Rng, rngs::StdRng},
};
use narthex_channel::{
    CoinSeen, Machine,
    bounty::{
        RecomputerEffect, RecomputerInput, RecomputerMachine, RecomputerStart, RequesterEffect,
        RequesterInput, RequesterMachine, RequesterStart,
    },
    laws::{Effort, Subject, check},
};
use narthex_contracts::{
    bounty::{
        Answer, BountyError, Closing, ClosingDraft, Delivery, Envelope, Grant, Opening, Recomputer,
        RecomputerRecord, Requester, Seal, Share, Work,
    },
    fixtures::MadeUpNode,
};

use crate::{
    begun::{Begun, take},
    bounty_support::{
        Bounty, DEPTH, LAYERS, OPEN, REFUND_AT, RIGHT, ROUND, SETTLING, THREE, WRONG, at, identity,
        left_out, of, phase, record, rng, secret, seed, set, signed_by,
    },
    rows,
};

/// Heights from which the first and the second may be left out.
const ROUNDS: [u32; 2] = [OPEN + ROUND as u32, OPEN + 2 * ROUND as u32];
/// Height that confirms the funding.
const HEIGHT: u32 = 90;

/// One of the ways in which a bounty of three, of whom one is enough, may go: who signs what.
struct Way {
    envelope: Envelope,
    seal: Seal,
    openings: Vec<Opening>,
    /// With none, one, two and three of the openings.
    closings: Vec<Closing>,
}

impl Way {
    fn new(bounty: &mut Bounty, results: &[(u8, &[u8])]) -> Way {
        let seal = bounty.sealed(results);
        let open = |seat| bounty.recomputer(seat).open(at(LAYERS), &seal).unwrap();
        let openings: Vec<_> = (0..3).map(open).collect();
        let closing = |some: usize| {
            signed(
                &bounty.requester,
                &ClosingDraft {
                    round: 0,
                    envelope: seal.envelope.clone(),
                    openings: openings[..some].to_vec(),
                    late: set(&[]),
                },
            )
        };
        Way {
            closings: (0..=3).map(closing).collect(),
            envelope: seal.envelope.clone(),
            openings,
            seal,
        }
    }
}

fn signed(requester: &Requester, draft: &ClosingDraft) -> Closing {
    requester.sign_closing(draft).unwrap()
}

/// The same bounty as it was after the ceremony.
fn again(bounty: &Bounty) -> Bounty {
    let held = bounty.requester.holdings().clone();
    let recomputer = |own: &Recomputer| {
        let record = RecomputerRecord {
            depth: DEPTH,
            ..RecomputerRecord::default()
        };
        let (held, seat) = (own.holdings().clone(), own.seat());
        Recomputer::restore(held, identity(seat), seed(seat), record).unwrap()
    };
    Bounty {
        terms: bounty.terms.clone(),
        requester: Requester::new(held, secret(100), secret(101)).unwrap(),
        recomputers: bounty.recomputers.iter().map(recomputer).collect(),
    }
}

/// What comes of bounties on the same terms: all three agree; the last two do, against the first; nobody does.
struct World {
    bounty: Bounty,
    work: [Work; 2],
    ways: [Way; 3],
    /// None and one of the layers; and those of another envelope, which lacks the first.
    short: [Envelope; 3],
    /// Some of those who agree are left out.
    further: Vec<Closing>,
    deliveries: Vec<Delivery>,
    grants: Vec<Grant>,
    shares: Vec<Share>,
    settlements: Vec<Transaction>,
    funding: Transaction,
    refund: Transaction,
}

impl World {
    fn new(salt: u8) -> World {
        let bounty = signed_by(record(3, 1, salt));
        let [mut all, mut most, mut none] = [(); 3].map(|()| again(&bounty));
        let terms = &bounty.terms;
        let node = MadeUpNode;
        let funding = bounty
            .requester
            .funding_psbt(80, &node)
            .unwrap()
            .unsigned_tx;
        let refund = bounty.requester.refund(&mut rng()).unwrap();
        let ways = [
            Way::new(&mut all, &THREE),
            Way::new(&mut most, &[(0, RIGHT), (1, WRONG), (2, WRONG)]),
            Way::new(&mut none, &[(0, RIGHT), (1, WRONG), (2, b"no words")]),
        ];
        let before = |layers: usize| Envelope {
            layers: ways[0].envelope.layers[..layers].to_vec(),
            ..ways[0].envelope.clone()
        };
        let further = |(round, openings, late): (u8, usize, &[u8])| {
            let draft = ClosingDraft {
                round,
                envelope: ways[0].envelope.clone(),
                openings: ways[0].openings[..openings].to_vec(),
                late: set(late),
            };
            signed(&bounty.requester, &draft)
        };
        let left: [(u8, usize, &[u8]); 6] = [
            (1, 3, &[2]),
            (1, 3, &[1]),
            (1, 3, &[0]),
            (2, 3, &[1, 2]),
            (1, 3, &[1, 2]),
            (1, 2, &[1]),
        ];
        let mut world = World {
            work: [terms.work(RIGHT.to_vec()), terms.work(WRONG.to_vec())],
            short: [before(0), before(1), again(&bounty).layers(&THREE[1..])],
            further: left.map(further).to_vec(),
            ways,
            deliveries: Vec::new(),
            grants: Vec::new(),
            shares: Vec::new(),
            settlements: Vec::new(),
            funding,
            refund,
            bounty,
        };
        for (way, some) in [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)] {
            let of_way = [&mut all, &mut most, &mut none].into_iter().nth(way);
            world.settle(of_way.unwrap(), (way, some));
        }
        world
    }

    /// A closing is answered, and what follows from that.
    fn settle(&mut self, bounty: &mut Bounty, (way, some): (usize, usize)) {
        let closing = self.ways[way].closings[some].clone();
        let paid = closing.verify(&bounty.terms).unwrap().paid;
        if paid.is_empty() {
            for seat in 0..3 {
                match bounty.recomputer(seat).accept(at(OPEN), &closing).unwrap() {
                    Answer::GiveBack(share) => self.shares.push(share),
                    other => panic!("{other:?}"),
                }
            }
            return;
        }
        let (seats, first) = (of(paid), of(paid)[0]);
        for seat in &seats {
            match bounty.recomputer(*seat).accept(at(OPEN), &closing).unwrap() {
                Answer::Deliver(made) => self.deliveries.push(*made),
                other => panic!("{other:?}"),
            }
        }
        let holdings = bounty.requester.holdings();
        let node = narthex_contracts::bounty::settlement(&bounty.terms, paid).unwrap();
        let grant = Grant {
            terms: self.deliveries[0].terms,
            set: paid,
            signature: holdings.adaptor_signature(node).unwrap(),
        };
        self.grants.push(grant);
        for seat in &seats {
            let own = bounty
                .recomputer(*seat)
                .take_grant(at(OPEN), &grant)
                .unwrap();
            self.shares.push(own);
            bounty.recomputer(first).take_share(OPEN, &own).unwrap();
        }
        let settled = bounty.recomputer(first).settle(SETTLING).unwrap();
        self.settlements.push(settled.unwrap().1);
    }

    fn requester(&self) -> RequesterInput {
        let holdings = self.bounty.requester.holdings().clone();
        let depth = DEPTH;
        RequesterInput::Held(Box::new(RequesterStart { holdings, depth }))
    }

    fn recomputer(&self) -> RecomputerInput {
        let holdings = self.bounty.recomputers[0].holdings().clone();
        let depth = DEPTH;
        RecomputerInput::Held(Box::new(RecomputerStart { holdings, depth }))
    }

    /// What the requester's signer makes of an envelope.
    fn seal(&self, envelope: &Envelope) -> Seal {
        let holdings = self.bounty.requester.holdings().clone();
        let mut signer = Requester::new(holdings, secret(100), secret(101)).unwrap();
        signer.take_envelope(envelope).unwrap();
        signer.seal(LAYERS).unwrap()
    }

    /// Deliveries for those who are paid by a closing, in order of their seats.
    fn delivered(&self, seats: &[u8]) -> Vec<Delivery> {
        let made = self.deliveries.iter().filter(|made| made.set == set(seats));
        made.cloned().collect()
    }

    fn envelope(&self, rng: &mut StdRng) -> Envelope {
        match rng.gen_range(0..6usize) {
            i @ 0..=2 => self.ways[i].envelope.clone(),
            i => self.short[i - 3].clone(),
        }
    }

    fn opening(&self, rng: &mut StdRng) -> Opening {
        pick(&pick_of(&self.ways, rng).openings, rng)
    }

    fn closing(&self, rng: &mut StdRng) -> Closing {
        match rng.gen_ratio(1, 3) {
            true => pick(&self.further, rng),
            false => pick(&pick_of(&self.ways, rng).closings, rng),
        }
    }

    /// A closing of this envelope, if one is known.
    fn closing_of(&self, envelope: &Envelope, rng: &mut StdRng) -> Closing {
        match self.ways.iter().find(|way| way.envelope == *envelope) {
            Some(way) if rng.gen_ratio(2, 3) => pick(&way.closings, rng),
            _ => self.closing(rng),
        }
    }

    /// Where the coin might be, with the tip: mostly locked. In a wild walk as often the one as the other.
    fn coin(&self, is_wild: bool, rng: &mut StdRng) -> (u32, CoinSeen) {
        let height = HEIGHT;
        match rng.gen_range(0..if is_wild { 7 } else { 18u8 }) {
            0 => (pick(&[85, 204], rng), CoinSeen::Unfunded),
            1 => {
                let by = match rng.gen_range(0..=self.settlements.len()) {
                    0 => self.refund.compute_txid(),
                    i => self.settlements[i - 1].compute_txid(),
                };
                let tip = 230 + 10 * u32::from(rng.gen_ratio(1, 4));
                (tip, CoinSeen::Spent { height: 230, by })
            }
            2 => (pick(&[92, REFUND_AT - 6], rng), CoinSeen::Locked { height }),
            3 => (REFUND_AT, CoinSeen::Locked { height }),
            _ => (
                pick(&[100, LAYERS, OPEN, ROUNDS[0], ROUNDS[1]], rng),
                CoinSeen::Locked { height },
            ),
        }
    }
}

fn pick<T: Clone>(some: &[T], rng: &mut StdRng) -> T {
    pick_of(some, rng).clone()
}

fn pick_of<'t, T>(some: &'t [T], rng: &mut StdRng) -> &'t T {
    &some[rng.gen_range(0..some.len())]
}

struct Walks<M> {
    world: World,
    other: World,
    begun: Begun<M>,
    is_wild: bool,
}

impl<M: Machine<Error = BountyError> + Default + Clone> Walks<M> {
    fn new(begin: impl FnOnce(&World) -> Begun<M>) -> Self {
        let (world, other) = (World::new(7), World::new(9));
        Walks {
            begun: begin(&world),
            world,
            other,
            is_wild: false,
        }
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begun.draw(rng);
        self.is_wild = rng.gen_ratio(1, 2);
    }

    /// Now and then something of another bounty.
    fn some(&self, rng: &mut StdRng) -> &World {
        match rng.gen_ratio(1, 32) {
            true => &self.other,
            false => &self.world,
        }
    }
}

impl Walks<RequesterMachine> {
    /// What it waits for.
    fn wanted(&self, machine: &RequesterMachine, rng: &mut StdRng) -> Option<RequesterInput> {
        let world = self.some(rng);
        let due = machine.pending();
        for effect in &due {
            match effect {
                RequesterEffect::Fund if rng.gen_ratio(1, 2) => {
                    return Some(RequesterInput::Funded(world.funding.clone()));
                }
                RequesterEffect::SignSeal(envelope) => {
                    let sealed = self.world.seal(envelope);
                    return Some(RequesterInput::Sealed(Box::new(sealed)));
                }
                RequesterEffect::SignClosing(draft) => {
                    let closed = signed(&self.world.bounty.requester, draft);
                    return Some(RequesterInput::Closed(Box::new(closed)));
                }
                RequesterEffect::Ask { .. } if rng.gen_ratio(1, 2) => {
                    let late = [set(&[0]), set(&[1]), set(&[2]), set(&[1, 2])];
                    return Some(RequesterInput::LeaveOut(pick(&late, rng)));
                }
                RequesterEffect::Look => {
                    return Some(RequesterInput::Settlement(pick(&world.settlements, rng)));
                }
                _ => {}
            }
        }
        let book = machine.book()?;
        let Ok(verdict) = book.verdict() else {
            return Some(match book.record().seal {
                None => RequesterInput::Envelope(Box::new(world.envelope(rng))),
                Some(_) => RequesterInput::Opening(Box::new(world.opening(rng))),
            });
        };
        let made = world.delivered(&of(verdict.paid));
        Some(match made.is_empty() {
            true => RequesterInput::Share(pick(&world.shares, rng)),
            false if rng.gen_ratio(1, 4) => RequesterInput::Opening(Box::new(world.opening(rng))),
            false => RequesterInput::Delivery(Box::new(pick(&made, rng))),
        })
    }
}

impl Subject for Walks<RequesterMachine> {
    type Machine = RequesterMachine;
    type State = RequesterMachine;

    fn fresh(&self) -> RequesterMachine {
        self.begun.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begin(rng);
    }

    fn state(&self, machine: &RequesterMachine) -> RequesterMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &RequesterMachine, rng: &mut StdRng) -> RequesterInput {
        if machine.book().is_none() && rng.gen_range(0..8u8) > 0 {
            return self.world.requester();
        }
        if self.is_wild && rng.gen_ratio(1, 2) {
            let (tip, coin) = self.world.coin(true, rng);
            return RequesterInput::Coin { tip, coin };
        }
        if rng.gen_ratio(1, 3)
            && let Some(wanted) = self.wanted(machine, rng)
        {
            return wanted;
        }
        let world = self.some(rng);
        match rng.gen_range(0..22u8) {
            0 => world.requester(),
            1 => RequesterInput::Funded(pick(&[world.funding.clone(), world.refund.clone()], rng)),
            2 => RequesterInput::Envelope(Box::new(world.envelope(rng))),
            3 => RequesterInput::Sealed(Box::new(pick_of(&world.ways, rng).seal.clone())),
            4..=5 => RequesterInput::Opening(Box::new(world.opening(rng))),
            6 => RequesterInput::Closed(Box::new(world.closing(rng))),
            7 => RequesterInput::LeaveOut(pick(&[set(&[2]), set(&[0, 1]), set(&[])], rng)),
            8..=9 => RequesterInput::Delivery(Box::new(pick(&world.deliveries, rng))),
            10 => RequesterInput::Share(pick(&world.shares, rng)),
            11 => RequesterInput::Settlement(pick(&world.settlements, rng)),
            _ => {
                let (tip, coin) = world.coin(self.is_wild, rng);
                RequesterInput::Coin { tip, coin }
            }
        }
    }
}

impl Subject for Walks<RecomputerMachine> {
    type Machine = RecomputerMachine;
    type State = RecomputerMachine;

    fn fresh(&self) -> RecomputerMachine {
        self.begun.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begin(rng);
    }

    fn state(&self, machine: &RecomputerMachine) -> RecomputerMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &RecomputerMachine, rng: &mut StdRng) -> RecomputerInput {
        if machine.book().is_none() && rng.gen_range(0..8u8) > 0 {
            return self.world.recomputer();
        }
        let world = self.some(rng);
        // Mostly what it waits for.
        let next = match (machine.standing(), rng.gen_range(0..3u8)) {
            ("idle", 0) => 1,
            ("working", 0) => 2,
            ("layered", 0) => rng.gen_range(3..5),
            ("spent", 0) => pick(&[2, 3, 5, 9, 11], rng),
            ("sealed", 0) => 6,
            ("closed", 0) => rng.gen_range(7..12u8),
            _ if self.is_wild && rng.gen_ratio(1, 2) => 12,
            _ => rng.gen_range(0..22u8),
        };
        let tip = pick(&[100, LAYERS, OPEN, ROUNDS[0], ROUNDS[1], 230], rng);
        match next {
            0 => world.recomputer(),
            1 => RecomputerInput::Work {
                before: Box::new(world.short[usize::from(rng.gen_ratio(1, 8))].clone()),
                work: world.work[usize::from(rng.gen_ratio(1, 8))].clone(),
            },
            2 => {
                let made = [&world.short[1], &world.ways[0].envelope];
                RecomputerInput::Layer(Box::new(pick(&made, rng).clone()))
            }
            3 => RecomputerInput::Envelope {
                tip,
                envelope: Box::new(world.envelope(rng)),
            },
            4 => RecomputerInput::Seal {
                tip,
                seal: Box::new(pick_of(&world.ways, rng).seal.clone()),
            },
            5 => RecomputerInput::Opening(Box::new(world.opening(rng))),
            6..=8 => RecomputerInput::Closing {
                tip,
                closing: Box::new(
                    match machine.book().and_then(|book| book.record().seal.as_ref()) {
                        Some(seal) => world.closing_of(&seal.envelope, rng),
                        None => world.closing(rng),
                    },
                ),
            },
            9 => RecomputerInput::Delivery {
                tip,
                delivery: Box::new(pick(&world.deliveries, rng)),
            },
            10 => RecomputerInput::Grant {
                tip,
                grant: pick(&world.grants, rng),
            },
            11 => RecomputerInput::Share {
                tip,
                share: pick(&world.shares, rng),
            },
            _ => {
                let (tip, coin) = world.coin(self.is_wild, rng);
                RecomputerInput::Coin { tip, coin }
            }
        }
    }
}

/// Which of [`requesters`] is closed for all.
const CLOSED_FOR_ALL: usize = 4;
/// Which of [`recomputers`] has a grant of two.
const GRANTED: usize = 4;

/// Machines of requesters: begun; sealed; closed for two, with and without their results; closed for all after that; for nobody,
/// with the secrets of two; and for one, with the secrets of all, before it is closed for nobody; with
/// the secrets of all, before it is closed; and without a seal, and without an envelope.
fn requesters(world: &World) -> Begun<RequesterMachine> {
    let coin = |tip| RequesterInput::Coin {
        tip,
        coin: CoinSeen::Locked { height: HEIGHT },
    };
    let sealed = |way: usize| {
        let way = &world.ways[way];
        let envelope = RequesterInput::Envelope(Box::new(way.envelope.clone()));
        let seal = RequesterInput::Sealed(Box::new(way.seal.clone()));
        vec![coin(100), envelope, seal]
    };
    let opening =
        |way: usize, seat: usize| RequesterInput::Opening(Box::new(world.ways[way].openings[seat]));
    let closed = |way: usize, some: usize| {
        RequesterInput::Closed(Box::new(world.ways[way].closings[some].clone()))
    };
    let delivered = |seats: &[u8]| {
        let made = world.delivered(seats).into_iter();
        made.map(|made| RequesterInput::Delivery(Box::new(made)))
    };
    let mut two = sealed(0);
    two.extend([opening(0, 0), opening(0, 1), coin(OPEN), closed(0, 2)]);
    let mut granted = two.clone();
    granted.extend(delivered(&[0, 1]));
    let mut all = granted.clone();
    all.extend([opening(0, 2), closed(0, 3)]);
    let mut nobody = sealed(2);
    nobody.extend((0..3).map(|seat| opening(2, seat)));
    nobody.push(closed(2, 3));
    let given = world.shares.iter().filter(|share| share.set.is_empty());
    let given: Vec<_> = given.map(|share| RequesterInput::Share(*share)).collect();
    nobody.extend(given[..2].iter().cloned());
    let mut one = sealed(1);
    one.extend([opening(1, 0), coin(OPEN), closed(1, 1), opening(1, 1)]);
    one.extend(given.iter().cloned());
    let mut given_back = sealed(2);
    given_back.extend((0..3).map(|seat| opening(2, seat)).chain(given));
    let layering = [1, 2].map(|some| sealed(0)[..some].to_vec());
    [sealed(0), two, granted, all, nobody, one, given_back]
        .iter()
        .chain(&layering)
        .fold(Begun::with(&world.requester()), |begun, more| {
            begun.and(more)
        })
}

/// Machines of the first recomputer: begun; with its layer; sealed; closed for two, with and without a grant; and closed for it alone,
/// with a grant, before the others open what it has not; closed for two, with the other's
/// secret; and before its layer is signed.
fn recomputers(world: &World) -> Begun<RecomputerMachine> {
    let layered = || {
        let coin = CoinSeen::Locked { height: HEIGHT };
        vec![
            RecomputerInput::Coin { tip: 100, coin },
            RecomputerInput::Work {
                before: Box::new(world.short[0].clone()),
                work: world.work[0].clone(),
            },
            RecomputerInput::Layer(Box::new(world.short[1].clone())),
        ]
    };
    let sealed = |way: usize| {
        let mut inputs = layered();
        let seal = Box::new(world.ways[way].seal.clone());
        inputs.push(RecomputerInput::Seal { tip: LAYERS, seal });
        inputs
    };
    let closed = |way: usize, some: usize| {
        let mut inputs = sealed(way);
        let closing = Box::new(world.ways[way].closings[some].clone());
        inputs.push(RecomputerInput::Closing { tip: OPEN, closing });
        inputs
    };
    let granted = |way: usize, some: usize| {
        let mut inputs = closed(way, some);
        let grant = world.grants[some - 1];
        inputs.push(RecomputerInput::Grant { tip: OPEN, grant });
        inputs
    };
    let mut shared = closed(0, 2);
    let mut given = world.shares.iter();
    let given = given.find(|share| (share.set, share.seat) == (set(&[0, 1]), 1));
    shared.push(RecomputerInput::Share {
        tip: OPEN,
        share: *given.unwrap(),
    });
    [
        layered(),
        sealed(0),
        closed(0, 2),
        granted(0, 2),
        sealed(1),
        granted(1, 1),
        shared,
        layered()[..2].to_vec(),
    ]
    .iter()
    .fold(Begun::with(&world.recomputer()), |begun, more| {
        begun.and(more)
    })
}

#[test]
fn a_requester_keeps_the_laws() {
    let mut walks = Walks::<RequesterMachine>::new(requesters);
    rows::print(&mut walks, 8_000, 25);
    check(&mut walks, Effort::new(61, 700, 25)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_recomputer_keeps_the_laws() {
    let mut walks = Walks::<RecomputerMachine>::new(recomputers);
    rows::print(&mut walks, 8_000, 25);
    check(&mut walks, Effort::new(67, 700, 25)).unwrap_or_else(|e| panic!("{e}"));
}

/// A refused input says by whose fault, and a signer that does something else than was asked of it is refused too.
#[test]
fn what_a_recomputer_refuses() {
    let (world, other) = (World::new(7), World::new(9));
    let mut own = RecomputerMachine::default();
    let work = |of: usize| RecomputerInput::Work {
        before: Box::new(world.short[0].clone()),
        work: world.work[of].clone(),
    };
    assert!(phase(&own.step(&work(0)).unwrap_err()));
    take(&mut own, &world.recomputer());
    // Nobody ordered it: the signer went on by itself.
    let layer = |of: &Envelope| RecomputerInput::Layer(Box::new(of.clone()));
    assert!(phase(&own.step(&layer(&world.short[1])).unwrap_err()));
    take(&mut own, &work(0));
    assert!(phase(&own.step(&work(1)).unwrap_err()));
    let three = own.step(&layer(&world.ways[0].envelope)).unwrap_err();
    assert!(matches!(three, BountyError::Layer { seat: 0, .. }));
    let passed = take(&mut own, &layer(&world.short[1]));
    let one = Box::new(world.short[1].clone());
    assert_eq!(passed, [RecomputerEffect::Pass(one)]);
    // A seal without its layer; for a coin that it has not seen, or shallow; of another bounty.
    let seal = |seal: &Seal| RecomputerInput::Seal {
        tip: LAYERS,
        seal: Box::new(seal.clone()),
    };
    let first = &world.ways[0].seal;
    assert!(phase(&own.step(&seal(first)).unwrap_err()));
    let coin = |height, tip| RecomputerInput::Coin {
        tip,
        coin: CoinSeen::Locked { height },
    };
    take(&mut own, &coin(LAYERS - 4, LAYERS));
    let shallow = own.step(&seal(first)).unwrap_err();
    assert!(matches!(shallow, BountyError::Shallow(_)));
    take(&mut own, &coin(HEIGHT, LAYERS));
    let stripped = own.step(&seal(&world.seal(&world.short[2])));
    assert!(left_out(0)(&stripped.unwrap_err()));
    let foreign = own.step(&seal(&other.ways[0].seal));
    assert_eq!(foreign, Err(BountyError::Foreign));
    assert_eq!(take(&mut own, &seal(first)), [RecomputerEffect::Open]);
    let second = own.step(&seal(&world.ways[1].seal)).unwrap_err();
    assert!(matches!(second, BountyError::Requester { .. }));
    let gone = CoinSeen::Spent {
        height: OPEN,
        by: world.refund.compute_txid(),
    };
    let mut late = RecomputerMachine::default();
    take(&mut late, &world.recomputer());
    take(
        &mut late,
        &RecomputerInput::Coin {
            tip: OPEN,
            coin: gone,
        },
    );
    assert!(phase(&late.step(&work(0)).unwrap_err()));
}

#[test]
fn what_a_requester_refuses() {
    let (world, other) = (World::new(7), World::new(9));
    let way = &world.ways[0];
    let mut own = RequesterMachine::default();
    assert_eq!(take(&mut own, &world.requester()), [RequesterEffect::Fund]);
    let foreign = own.step(&RequesterInput::Funded(other.funding.clone()));
    let foreign = foreign.unwrap_err();
    assert!(matches!(foreign, BountyError::ContractSignatures(_)));
    // Before the coin is there nothing is sealed; then what is to be sealed, and nothing else.
    let sealed = |way: &Way| RequesterInput::Sealed(Box::new(way.seal.clone()));
    let envelope = RequesterInput::Envelope(Box::new(way.envelope.clone()));
    take(&mut own, &envelope);
    assert!(phase(&own.step(&sealed(way)).unwrap_err()));
    let coin = |tip| RequesterInput::Coin {
        tip,
        coin: CoinSeen::Locked { height: HEIGHT },
    };
    take(&mut own, &coin(100));
    assert!(phase(&own.step(&sealed(&world.ways[1])).unwrap_err()));
    take(&mut own, &sealed(way));
    // Openings are missing, and there is time.
    let closed = |closing: &Closing| RequesterInput::Closed(Box::new(closing.clone()));
    let last = closed(&way.closings[3]);
    assert!(phase(&own.step(&last).unwrap_err()));
    let none = own.step(&RequesterInput::Settlement(world.refund.clone()));
    assert!(matches!(none, Err(BountyError::NotASettlement { .. })));
    for opening in &way.openings {
        take(&mut own, &RequesterInput::Opening(Box::new(*opening)));
    }
    // Above T there is the refund, and nothing to be closed.
    take(&mut own, &coin(REFUND_AT));
    assert_eq!(own.pending(), [RequesterEffect::Refund]);
    assert!(phase(&own.step(&last).unwrap_err()));
    take(&mut own, &coin(100));
    take(&mut own, &last);
    // Nobody ordered that somebody be left out; too early; too many.
    assert!(phase(&own.step(&closed(&world.further[0])).unwrap_err()));
    let leave = |seats: &[u8]| RequesterInput::LeaveOut(set(seats));
    let early = own.step(&leave(&[2])).unwrap_err();
    assert!(matches!(early, BountyError::Time { .. }));
    take(&mut own, &coin(ROUNDS[0]));
    let many = own.step(&leave(&[0, 1, 2])).unwrap_err();
    assert!(matches!(many, BountyError::Requester { .. }));
}

/// A requester is not made to leave out somebody whose delivery came between order and signature: who saw it would refuse.
#[test]
fn who_delivers_after_all_is_not_left_out() {
    let world = World::new(7);
    let mut own = requesters(&world).stage(CLOSED_FOR_ALL);
    let coin = CoinSeen::Locked { height: HEIGHT };
    let tip = ROUNDS[0];
    take(&mut own, &RequesterInput::Coin { tip, coin });
    let delivered = |seat: usize| {
        let made = world.delivered(&[0, 1, 2]).remove(seat);
        RequesterInput::Delivery(Box::new(made))
    };
    take(&mut own, &delivered(0));
    let ordered = take(&mut own, &RequesterInput::LeaveOut(set(&[2])));
    let [RequesterEffect::SignClosing(draft)] = &ordered[..] else {
        panic!("{ordered:?}");
    };
    let without = signed(&world.bounty.requester, draft);
    // Another's does not change that; its own does.
    take(&mut own, &delivered(1));
    assert!(own.pending().contains(&ordered[0]));
    let due = take(&mut own, &delivered(2));
    assert!(matches!(due[0], RequesterEffect::Grant(grant) if grant.set == set(&[0, 1, 2])));
    assert!(!own.pending().contains(&ordered[0]));
    let refused = own.step(&RequesterInput::Closed(Box::new(without)));
    assert!(phase(&refused.unwrap_err()));
}

/// A grant that was taken in time hands out no secret when the settlement could meet the refund, even if a crash kept it back until
/// then.
#[test]
fn no_secret_is_handed_out_late() {
    let world = World::new(7);
    let mut own = recomputers(&world).stage(GRANTED);
    let passes = |own: &RecomputerMachine| {
        let due = own.pending();
        due.iter().any(
            |effect| matches!(effect, RecomputerEffect::Forward(passed) if passed.grant.is_some()),
        )
    };
    assert!(passes(&own));
    let late = world.bounty.terms.give_below();
    for (tip, gives) in [(late - 1, true), (late, false), (REFUND_AT, false)] {
        let coin = CoinSeen::Locked { height: HEIGHT };
        take(&mut own, &RecomputerInput::Coin { tip, coin });
        assert_eq!(passes(&own), gives, "{tip}");
    }
    // Shallow again, and nothing is handed out either.
    let coin = CoinSeen::Locked { height: OPEN - 1 };
    take(&mut own, &RecomputerInput::Coin { tip: OPEN, coin });
    assert_eq!(own.pending(), []);
}
