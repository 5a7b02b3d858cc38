//! Both sides of a bounty keep the laws of machines.

use bitcoin::{
    Transaction,
    secp256k1::rand::{Rng, rngs::StdRng},
};
use narthex_channel::{
    Machine,
    bounty::{
        CoinSeen, RecomputerEffect, RecomputerInput, RecomputerMachine, RecomputerStart,
        RequesterEffect, RequesterInput, RequesterMachine, RequesterStart,
    },
    laws::{Effort, Subject, check},
};
use narthex_contracts::{
    bounty::{Answer, BountyError, Closing, Delivery, Envelope, Grant, Opening, Seal, Share, Work},
    fixtures::MadeUpNode,
};

use crate::{
    bounty_support::{
        Bounty, DEPTH, LAYERS, OPEN, REFUND_AT, RIGHT, ROUND, SETTLING, THREE, WRONG, at, left_out,
        of, phase, set, signed_by,
    },
    rows,
};

/// What comes of bounties of three on the same terms: all agree, with everybody's secret or without the last one's, or nobody does.
struct World {
    bounty: Bounty,
    work: [Work; 2],
    /// None, one and all layers, and those of an envelope that lacks the first.
    envelopes: [Envelope; 4],
    seals: Vec<Seal>,
    openings: Vec<Opening>,
    closings: Vec<Closing>,
    deliveries: Vec<Delivery>,
    grants: Vec<Grant>,
    shares: Vec<Share>,
    settlements: Vec<Transaction>,
    funding: Transaction,
    refund: Transaction,
}

impl World {
    fn new(salt: u8) -> World {
        let signed = || signed_by(crate::bounty_support::record(3, 2, salt));
        let bounty = signed();
        let terms = bounty.terms.clone();
        let funding = (bounty.requester.funding_psbt(80, &MadeUpNode))
            .unwrap()
            .unsigned_tx;
        let refund = bounty
            .requester
            .refund(&mut crate::bounty_support::rng())
            .unwrap();
        let mut world = World {
            work: [terms.work(RIGHT.to_vec()), terms.work(WRONG.to_vec())],
            envelopes: [(); 4].map(|()| Envelope::new(&terms)),
            seals: Vec::new(),
            openings: Vec::new(),
            closings: Vec::new(),
            deliveries: Vec::new(),
            grants: Vec::new(),
            shares: Vec::new(),
            settlements: Vec::new(),
            funding,
            refund,
            bounty,
        };
        // All agree; the last is left out then.
        let mut all = signed();
        world.envelopes[2] = all.layers(&THREE);
        world.envelopes[1] = Envelope {
            layers: world.envelopes[2].layers[..1].to_vec(),
            ..world.envelopes[2].clone()
        };
        let closing = all.closed(&THREE);
        world.seals.extend(all.requester.record().seal.clone());
        world.openings.extend(&all.requester.record().openings);
        world.settle(&mut all, OPEN, closing);
        let next = OPEN + u32::from(ROUND);
        let closing = all.requester.close_again(next, set(&[2])).unwrap();
        // Who has the last one's secret would refuse: these two lack it.
        let mut two = signed();
        let first = two.closed(&THREE);
        let paid = two.deliver(OPEN, &first);
        two.granted(OPEN, paid, &[0, 1]);
        two.requester.close_again(next, set(&[2])).unwrap();
        world.settle(&mut two, next, closing);
        // Without the first; and nobody agrees.
        for results in [&[(1, RIGHT), (2, RIGHT)][..], &[(0, RIGHT), (1, WRONG)]] {
            let mut other = signed();
            let closing = other.closed(results);
            world.seals.extend(other.requester.record().seal.clone());
            world.openings.extend(&other.requester.record().openings);
            world.envelopes[3] = other.requester.record().envelope.clone().unwrap();
            if closing.verify(&terms).unwrap().paid.is_empty() {
                for seat in 0..2 {
                    if let Answer::GiveBack(share) =
                        other.recomputer(seat).accept(at(OPEN), &closing).unwrap()
                    {
                        world.shares.push(share);
                    }
                }
            }
            world.closings.push(closing);
        }
        world
    }

    fn settle(&mut self, bounty: &mut Bounty, height: u32, closing: Closing) {
        let paid = bounty.deliver(height, &closing);
        self.grants.push(bounty.granted(height, paid, &of(paid)));
        for seat in of(paid) {
            self.shares.extend(bounty.recomputer(seat).own_share(paid));
        }
        let made = bounty.requester.record().deliveries.clone();
        self.deliveries
            .extend(made.into_iter().filter(|made| made.set == paid));
        let first = of(paid)[0];
        self.settlements.push(
            bounty
                .recomputer(first)
                .settle(SETTLING)
                .unwrap()
                .unwrap()
                .1,
        );
        self.closings.push(closing);
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

    fn coin(&self, rng: &mut StdRng) -> (u32, CoinSeen) {
        let height = 90;
        let next = OPEN + u32::from(ROUND);
        match rng.gen_range(0..10u8) {
            0 => (pick(&[85, 204], rng), CoinSeen::Unfunded),
            1 => {
                let by = match rng.gen_range(0..3u8) {
                    0 => self.refund.compute_txid(),
                    i => self.settlements[usize::from(i) - 1].compute_txid(),
                };
                (pick(&[230, 240], rng), CoinSeen::Spent { height: 230, by })
            }
            2 => (92, CoinSeen::Locked { height }),
            3 => (pick(&[REFUND_AT, next], rng), CoinSeen::Locked { height }),
            _ => (
                pick(&[100, LAYERS, OPEN, next], rng),
                CoinSeen::Locked { height },
            ),
        }
    }
}

fn pick<T: Clone>(some: &[T], rng: &mut StdRng) -> T {
    some[rng.gen_range(0..some.len())].clone()
}

struct Walks<M> {
    world: World,
    other: World,
    /// Begun: most walks start there, since reading signatures back at each step takes its time.
    begun: M,
    is_new: bool,
}

impl<M: Machine<Error = BountyError> + Default> Walks<M> {
    fn new(begin: impl FnOnce(&World) -> M::Input) -> Self {
        let (world, other) = (World::new(7), World::new(9));
        let (mut machine, input) = (M::default(), begin(&world));
        let step = machine.step(&input).unwrap();
        step.changes.iter().for_each(|change| machine.apply(change));
        Walks {
            world,
            other,
            begun: machine,
            is_new: true,
        }
    }

    /// Now and then something of another bounty.
    fn some(&self, rng: &mut StdRng) -> &World {
        match rng.gen_ratio(1, 32) {
            true => &self.other,
            false => &self.world,
        }
    }
}

impl Subject for Walks<RequesterMachine> {
    type Machine = RequesterMachine;
    type State = RequesterMachine;

    fn fresh(&self) -> RequesterMachine {
        match self.is_new {
            true => RequesterMachine::default(),
            false => self.begun.clone(),
        }
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.is_new = rng.gen_ratio(1, 16);
    }

    fn state(&self, machine: &RequesterMachine) -> RequesterMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &RequesterMachine, rng: &mut StdRng) -> RequesterInput {
        let world = self.some(rng);
        if rng.gen_ratio(1, 2) {
            // What it waits for.
            for effect in machine.pending() {
                let signer =
                    |key: &dyn Fn(&mut narthex_contracts::bounty::Requester) -> RequesterInput| {
                        let book = machine.book().unwrap();
                        let (a, b) = (
                            crate::bounty_support::secret(100),
                            crate::bounty_support::secret(101),
                        );
                        let (held, record) = (book.holdings().clone(), book.record().clone());
                        key(
                            &mut narthex_contracts::bounty::Requester::restore(held, a, b, record)
                                .unwrap(),
                        )
                    };
                match effect {
                    RequesterEffect::Fund => return RequesterInput::Funded(world.funding.clone()),
                    RequesterEffect::SignSeal(_) => {
                        return signer(&|own| {
                            RequesterInput::Sealed(Box::new(own.seal(LAYERS).unwrap()))
                        });
                    }
                    RequesterEffect::SignClosing(draft) => {
                        return signer(&|own| {
                            RequesterInput::Closed(Box::new(own.sign_closing(&draft).unwrap()))
                        });
                    }
                    RequesterEffect::Ask { undelivered } => {
                        let late = match undelivered.is_empty() {
                            true => set(&[2]),
                            false => undelivered,
                        };
                        return RequesterInput::LeaveOut(late);
                    }
                    RequesterEffect::Look => {
                        return RequesterInput::Settlement(pick(&world.settlements, rng));
                    }
                    _ => {}
                }
            }
            match machine.standing() {
                "layering" => {
                    return RequesterInput::Envelope(Box::new(pick(&world.envelopes, rng)));
                }
                "sealed" => return RequesterInput::Opening(Box::new(pick(&world.openings, rng))),
                "closed" => {
                    return RequesterInput::Delivery(Box::new(pick(&world.deliveries, rng)));
                }
                _ => {}
            }
        }
        match rng.gen_range(0..16u8) {
            0 => world.requester(),
            1 => RequesterInput::Funded(world.funding.clone()),
            2 => RequesterInput::Funded(world.refund.clone()),
            3 => RequesterInput::Envelope(Box::new(pick(&world.envelopes, rng))),
            4 => RequesterInput::Sealed(Box::new(pick(&world.seals, rng))),
            5 => RequesterInput::Opening(Box::new(pick(&world.openings, rng))),
            6 => RequesterInput::Closed(Box::new(pick(&world.closings, rng))),
            7 => RequesterInput::LeaveOut(pick(&[set(&[2]), set(&[0, 1]), set(&[])], rng)),
            8..=9 => RequesterInput::Delivery(Box::new(pick(&world.deliveries, rng))),
            10 => RequesterInput::Share(pick(&world.shares, rng)),
            11 => RequesterInput::Settlement(pick(&world.settlements, rng)),
            _ => {
                let (tip, coin) = world.coin(rng);
                RequesterInput::Coin { tip, coin }
            }
        }
    }
}

impl Subject for Walks<RecomputerMachine> {
    type Machine = RecomputerMachine;
    type State = RecomputerMachine;

    fn fresh(&self) -> RecomputerMachine {
        match self.is_new {
            true => RecomputerMachine::default(),
            false => self.begun.clone(),
        }
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.is_new = rng.gen_ratio(1, 16);
    }

    fn state(&self, machine: &RecomputerMachine) -> RecomputerMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &RecomputerMachine, rng: &mut StdRng) -> RecomputerInput {
        let world = self.some(rng);
        let mut next = rng.gen_range(0..20u8);
        if rng.gen_ratio(1, 2) {
            // What it waits for.
            next = match machine.standing() {
                "idle" => 1,
                "working" => 2,
                "layered" => 4,
                "sealed" => 6,
                "closed" => 9,
                "granted" => 10,
                "shallow" => 19,
                _ => next,
            };
        }
        let tip = pick(&[100, LAYERS, OPEN, OPEN + u32::from(ROUND)], rng);
        match next {
            0 => world.recomputer(),
            1 => RecomputerInput::Work {
                before: Box::new(world.envelopes[usize::from(rng.gen_ratio(1, 8)) * 2].clone()),
                work: world.work[usize::from(rng.gen_ratio(1, 8))].clone(),
            },
            2 => RecomputerInput::Layer(Box::new(pick(&world.envelopes[1..3], rng))),
            3 => RecomputerInput::Envelope {
                tip,
                envelope: Box::new(pick(&world.envelopes, rng)),
            },
            4 => RecomputerInput::Seal {
                tip,
                seal: Box::new(pick(&world.seals, rng)),
            },
            5 => RecomputerInput::Opening(Box::new(pick(&world.openings, rng))),
            6 | 7 => RecomputerInput::Closing {
                tip,
                closing: Box::new(pick(&world.closings, rng)),
            },
            8 => RecomputerInput::Delivery {
                tip,
                delivery: Box::new(pick(&world.deliveries, rng)),
            },
            9 => RecomputerInput::Grant {
                tip,
                grant: pick(&world.grants, rng),
            },
            10 | 11 => RecomputerInput::Share {
                tip,
                share: pick(&world.shares, rng),
            },
            _ => {
                let (tip, coin) = world.coin(rng);
                RecomputerInput::Coin { tip, coin }
            }
        }
    }
}

#[test]
fn a_requester_keeps_the_laws() {
    let mut walks = Walks::<RequesterMachine>::new(World::requester);
    rows::print(&mut walks, 3_000, 40);
    check(&mut walks, Effort::new(61, 400, 40)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_recomputer_keeps_the_laws() {
    let mut walks = Walks::<RecomputerMachine>::new(World::recomputer);
    rows::print(&mut walks, 3_000, 40);
    check(&mut walks, Effort::new(67, 400, 40)).unwrap_or_else(|e| panic!("{e}"));
}

fn taken<M: Machine<Error = BountyError>>(machine: &mut M, input: &M::Input) -> Vec<M::Effect> {
    let step = machine.step(input).unwrap();
    step.changes.iter().for_each(|change| machine.apply(change));
    step.effects
}

/// A refused input says by whose fault, and a signer that does something else than was asked of it is refused too.
#[test]
fn what_is_refused() {
    let (world, other) = (World::new(7), World::new(9));
    let mut own = RecomputerMachine::default();
    let work = |before: &Envelope, of: usize| RecomputerInput::Work {
        before: Box::new(before.clone()),
        work: world.work[of].clone(),
    };
    let early = own.step(&work(&world.envelopes[0], 0));
    assert!(phase(&early.unwrap_err()));
    taken(&mut own, &world.recomputer());
    // Nobody ordered it: the signer went on by itself.
    let layer = |i: usize| RecomputerInput::Layer(Box::new(world.envelopes[i].clone()));
    assert!(phase(&own.step(&layer(1)).unwrap_err()));
    taken(&mut own, &work(&world.envelopes[0], 0));
    assert!(phase(&own.step(&work(&world.envelopes[0], 1)).unwrap_err()));
    let two = own.step(&layer(2)).unwrap_err();
    assert!(matches!(two, BountyError::Layer { seat: 0, .. }));
    let passed = taken(&mut own, &layer(1));
    let one = Box::new(world.envelopes[1].clone());
    assert_eq!(passed, [RecomputerEffect::Pass(one)]);
    // A seal without its layer; for a coin that it has not seen, or shallow; of another bounty.
    let seal = |seal: &Seal| RecomputerInput::Seal {
        tip: LAYERS,
        seal: Box::new(seal.clone()),
    };
    assert!(phase(&own.step(&seal(&world.seals[0])).unwrap_err()));
    let coin = |tip| RecomputerInput::Coin {
        tip,
        coin: CoinSeen::Locked { height: LAYERS - 4 },
    };
    taken(&mut own, &coin(LAYERS));
    let shallow = own.step(&seal(&world.seals[0])).unwrap_err();
    assert!(matches!(shallow, BountyError::Shallow(_)));
    let coin = |tip| RecomputerInput::Coin {
        tip,
        coin: CoinSeen::Locked { height: 90 },
    };
    taken(&mut own, &coin(LAYERS));
    assert!(left_out(0)(&own.step(&seal(&world.seals[1])).unwrap_err()));
    assert_eq!(own.step(&seal(&other.seals[0])), Err(BountyError::Foreign));
    assert_eq!(
        taken(&mut own, &seal(&world.seals[0])),
        [RecomputerEffect::Open]
    );

    let mut own = RequesterMachine::default();
    assert_eq!(taken(&mut own, &world.requester()), [RequesterEffect::Fund]);
    let foreign = own.step(&RequesterInput::Funded(other.funding.clone()));
    assert!(phase(&foreign.unwrap_err()));
    // Before the coin is there nothing is sealed; then what is to be sealed, and nothing else.
    let sealed = |i: usize| RequesterInput::Sealed(Box::new(world.seals[i].clone()));
    taken(
        &mut own,
        &RequesterInput::Envelope(Box::new(world.envelopes[2].clone())),
    );
    assert!(phase(&own.step(&sealed(0)).unwrap_err()));
    let locked = CoinSeen::Locked { height: 90 };
    taken(
        &mut own,
        &RequesterInput::Coin {
            tip: 100,
            coin: locked,
        },
    );
    assert!(phase(&own.step(&sealed(1)).unwrap_err()));
    taken(&mut own, &sealed(0));
    // Openings are missing, and there is time.
    let closed = |i: usize| RequesterInput::Closed(Box::new(world.closings[i].clone()));
    assert!(phase(&own.step(&closed(0)).unwrap_err()));
    let none = own.step(&RequesterInput::Settlement(world.refund.clone()));
    assert!(matches!(none, Err(BountyError::NotASettlement { .. })));
    for opening in &world.openings[..3] {
        taken(&mut own, &RequesterInput::Opening(Box::new(*opening)));
    }
    taken(&mut own, &closed(0));
    // Nobody ordered that somebody be left out; too early; too many.
    assert!(phase(&own.step(&closed(1)).unwrap_err()));
    let early = own.step(&RequesterInput::LeaveOut(set(&[2]))).unwrap_err();
    assert!(matches!(early, BountyError::Time { .. }));
    let next = OPEN + u32::from(ROUND);
    taken(
        &mut own,
        &RequesterInput::Coin {
            tip: next,
            coin: locked,
        },
    );
    let many = own
        .step(&RequesterInput::LeaveOut(set(&[0, 1])))
        .unwrap_err();
    assert!(matches!(many, BountyError::Requester { .. }));
}
