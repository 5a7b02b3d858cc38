//! The three sides of a delivery keep the laws of machines.

use std::sync::Arc;

use bitcoin::{
    Transaction,
    secp256k1::rand::{Rng, rngs::StdRng},
};
use narthex_channel::{
    CoinSeen, Logged, Machine, Tabled,
    delivery::{
        AgentInput, AgentMachine, AgentStart, RecipientEffect, RecipientInput, RecipientMachine,
        RecipientStart, SenderInput, SenderMachine, SenderStart,
    },
    laws::{Effort, Subject, check},
    log::{Identity, MemoryDisk},
};
use narthex_contracts::{
    deliver::{Agent, Consent, DeliverError, Delivery, Handover, Served},
    fixtures::MadeUpNode,
    terms::{FeeRate, FeeRules as _},
};

use crate::{
    begun::{Begun, take},
    deliver_support::{
        DEPTH, FUNDED, MESSAGE, T, TIP, agent_key, conditions, plan, recipient, rng, sending, serve,
    },
    rows,
};

/// What a delivery by two agents comes to.
struct World {
    delivery: Arc<Delivery>,
    consents: [Consent; 2],
    served: [Served; 2],
    handovers: [Handover; 2],
    claims: [Transaction; 2],
    refund: Transaction,
    funding: Transaction,
}

impl World {
    fn new(message: &[u8]) -> World {
        let mut sender = sending(plan(2), message);
        let mut agents = Vec::new();
        let consents = [0, 1].map(|i| {
            let assignment = sender.assignment(i).unwrap();
            let (agent, consent) =
                Agent::new(assignment, agent_key(i), &conditions(i), 890).unwrap();
            sender.agreed(&consent).unwrap();
            agents.push(agent);
            consent
        });
        let served = [0, 1].map(|i| serve(&sender, &agents[i]));
        let mut recipient = recipient(&sender, &agents);
        let mut rng = rng();
        let handovers = [0, 1].map(|i| recipient.hand_over(i, (TIP, FUNDED), &mut rng).unwrap());
        let fee = FeeRate::from_sat_per_kwu(500)
            .checked_fee(sender.delivery().claim_plan(0).unwrap().weight)
            .unwrap();
        let claims = [0, 1].map(|i| {
            agents[i].take(&handovers[i]).unwrap();
            agents[i].claim((TIP, FUNDED), fee, &mut rng).unwrap()
        });
        let fee = FeeRate::from_sat_per_kwu(500)
            .checked_fee(sender.delivery().refund_plan().unwrap().weight)
            .unwrap();
        World {
            refund: sender.refund(fee, &mut rng).unwrap(),
            delivery: sender.delivery().clone(),
            consents,
            served,
            handovers,
            claims,
            funding: sender.funding_psbt(890, &MadeUpNode).unwrap().unsigned_tx,
        }
    }

    fn agent(&self) -> AgentInput {
        AgentInput::Agreed(Box::new(AgentStart {
            delivery: self.delivery.clone(),
            agent: 0,
            branch: self.served[0].branch.clone(),
            depth: DEPTH,
            alone: false,
        }))
    }

    fn sender(&self) -> SenderInput {
        let (delivery, depth) = (self.delivery.clone(), DEPTH);
        SenderInput::Made(Box::new(SenderStart { delivery, depth }))
    }

    fn recipient(&self) -> RecipientInput {
        let (delivery, depth) = (self.delivery.clone(), DEPTH);
        RecipientInput::Found(Box::new(RecipientStart { delivery, depth }))
    }
}

/// Where the coin might be, with the tip.
fn coin(world: &World, rng: &mut StdRng) -> (u32, CoinSeen) {
    match rng.gen_range(0..8u8) {
        0 | 1 => (
            *[890, T].get(rng.gen_range(0..2usize)).unwrap(),
            CoinSeen::Unfunded,
        ),
        2 | 3 => {
            let tip = 950 + 10 * u32::from(rng.gen_ratio(1, 10));
            let spenders = [&world.claims[0], &world.claims[1], &world.refund];
            let by = spenders[rng.gen_range(0..3usize)].compute_txid();
            (tip, CoinSeen::Spent { height: 950, by })
        }
        _ => {
            let tip = *[901, TIP, T - 5, T].get(rng.gen_range(0..4usize)).unwrap();
            (tip, CoinSeen::Locked { height: 900 })
        }
    }
}

struct Walks<M> {
    world: World,
    other: World,
    begun: Begun<M>,
}

impl<M: Machine<Error = DeliverError> + Default + Clone> Walks<M> {
    fn new(begin: impl FnOnce(&World) -> M::Input) -> Self {
        let (world, other) = (World::new(MESSAGE), World::new(b"another message of these"));
        Walks {
            begun: Begun::with(&begin(&world)),
            world,
            other,
        }
    }

    /// Now and then something of another delivery.
    fn some(&self, rng: &mut StdRng) -> &World {
        match rng.gen_ratio(1, 24) {
            true => &self.other,
            false => &self.world,
        }
    }
}

impl Subject for Walks<AgentMachine> {
    type Machine = AgentMachine;
    type State = AgentMachine;

    fn fresh(&self) -> AgentMachine {
        self.begun.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begun.draw(rng);
    }

    fn state(&self, machine: &AgentMachine) -> AgentMachine {
        machine.clone()
    }

    fn input(&mut self, _: &AgentMachine, rng: &mut StdRng) -> AgentInput {
        let world = self.some(rng);
        match rng.gen_range(0..8u8) {
            0 => world.agent(),
            1 => AgentInput::Accepted(world.handovers[usize::from(rng.gen_ratio(1, 4))]),
            _ => {
                let (tip, coin) = coin(&self.world, rng);
                AgentInput::Coin { tip, coin }
            }
        }
    }
}

impl Subject for Walks<SenderMachine> {
    type Machine = SenderMachine;
    type State = SenderMachine;

    fn fresh(&self) -> SenderMachine {
        self.begun.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begun.draw(rng);
    }

    fn state(&self, machine: &SenderMachine) -> SenderMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &SenderMachine, rng: &mut StdRng) -> SenderInput {
        let world = self.some(rng);
        let next = match (machine.standing(), rng.gen_range(0..4u8)) {
            ("assigning", 0..=1) => 1,
            _ => rng.gen_range(0..12u8),
        };
        match next {
            0 => world.sender(),
            1..=2 => SenderInput::Consent(world.consents[rng.gen_range(0..2usize)]),
            3 => SenderInput::Funded(world.funding.clone()),
            _ => {
                let (tip, coin) = coin(&self.world, rng);
                SenderInput::Coin { tip, coin }
            }
        }
    }
}

impl Subject for Walks<RecipientMachine> {
    type Machine = RecipientMachine;
    type State = RecipientMachine;

    fn fresh(&self) -> RecipientMachine {
        self.begun.fresh()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.begun.draw(rng);
    }

    fn state(&self, machine: &RecipientMachine) -> RecipientMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &RecipientMachine, rng: &mut StdRng) -> RecipientInput {
        let world = self.some(rng);
        let one = rng.gen_range(0..2usize);
        // Mostly what brings it on, or what a reorganisation does to it then.
        let next = match (machine.standing(), rng.gen_range(0..4u8)) {
            ("funded", 0) => 1,
            ("funded", 1..=2) => 3,
            ("accepting", 0..=1) => 5,
            ("accepting", 2) => 9,
            ("spent", 0..=2) => 7,
            ("claimed", 0..=1) => 8,
            _ => rng.gen_range(0..18u8),
        };
        match next {
            0 => world.recipient(),
            1..=2 => RecipientInput::Kept(Box::new(world.served[one].clone())),
            3..=4 => {
                let (tip, coin) = coin(&self.world, rng);
                let agent = one as u8;
                RecipientInput::Accept { agent, tip, coin }
            }
            5..=6 => RecipientInput::Signed(world.handovers[one]),
            7 => RecipientInput::Spender(match rng.gen_range(0..4u8) {
                0 => world.refund.clone(),
                _ => world.claims[one].clone(),
            }),
            8..=9 => RecipientInput::Opened(world.claims[one].compute_txid()),
            10 => RecipientInput::Spender(world.funding.clone()),
            _ if rng.gen_ratio(1, 12) => spent(if rng.r#gen() { 901 } else { 960 }, &world.refund),
            _ => {
                let (tip, coin) = coin(&self.world, rng);
                RecipientInput::Coin { tip, coin }
            }
        }
    }
}

#[test]
fn an_agent_keeps_the_laws() {
    let mut walks = Walks::<AgentMachine>::new(World::agent);
    rows::print(&mut walks, 3_000, 40);
    check(&mut walks, Effort::new(51, 600, 40)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_sender_keeps_the_laws() {
    let mut walks = Walks::<SenderMachine>::new(World::sender);
    rows::print(&mut walks, 3_000, 40);
    check(&mut walks, Effort::new(53, 600, 40)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_recipient_keeps_the_laws() {
    let mut walks = Walks::<RecipientMachine>::new(World::recipient);
    let world = &walks.world;
    let [first, second] = [0, 1].map(|i| {
        let kept = RecipientInput::Kept(Box::new(world.served[i].clone()));
        let (tip, coin) = (TIP, CoinSeen::Locked { height: 900 });
        let agent = i as u8;
        [kept, RecipientInput::Accept { agent, tip, coin }]
    });
    let (tip, coin) = (TIP, CoinSeen::Locked { height: 900 });
    let there = RecipientInput::Coin { tip, coin };
    let handed = RecipientInput::Signed(world.handovers[0]);
    let both = [&first[..], &[handed], &second, &[there]].concat();
    let refunded = [
        spent(901, &world.refund),
        RecipientInput::Spender(world.refund.clone()),
    ];
    let claimed = [RecipientInput::Spender(world.claims[0].clone())];
    // Where both agents' acceptances are on their way; the same, with a refund or a claim that was seen.
    walks.begun = (walks.begun.and(&both))
        .and(&[&refunded[..], &both].concat())
        .and(&[&both[..], &refunded].concat())
        .and(&[&first[..], &refunded].concat())
        .and(&[&both[..], &claimed].concat());
    rows::print(&mut walks, 3_000, 40);
    check(&mut walks, Effort::new(57, 3_000, 40)).unwrap_or_else(|e| panic!("{e}"));
}

/// A refused input says by whose fault: an acceptance of another agent, or of another delivery; a claim that is none.
#[test]
fn what_is_refused() {
    let (world, other) = (World::new(MESSAGE), World::new(b"another message of these"));
    let mut agent = AgentMachine::default();
    let early = agent.step(&AgentInput::Accepted(world.handovers[0]));
    assert!(matches!(early, Err(DeliverError::Order { .. })));
    take(&mut agent, &world.agent());
    let foreign = agent.step(&AgentInput::Accepted(other.handovers[0]));
    assert_eq!(foreign, Err(DeliverError::Foreign));
    let stolen = Handover {
        agent: 0,
        ..world.handovers[1]
    };
    let stolen = agent.step(&AgentInput::Accepted(stolen));
    assert_eq!(stolen, Err(DeliverError::FalseAcceptance { agent: 0 }));
    let mut recipient = RecipientMachine::default();
    take(&mut recipient, &world.recipient());
    let accept = |tip, coin| RecipientInput::Accept {
        agent: 0,
        tip,
        coin,
    };
    let funded = CoinSeen::Locked { height: 900 };
    let unkept = recipient.step(&accept(TIP, funded));
    assert_eq!(unkept, Err(DeliverError::NoCopy { agent: 0 }));
    let kept = RecipientInput::Kept(Box::new(world.served[0].clone()));
    take(&mut recipient, &kept);
    let shallow = recipient.step(&accept(901, funded));
    assert!(matches!(shallow, Err(DeliverError::Shallow(_))));
    let late = recipient.step(&accept(T, funded));
    assert!(matches!(late, Err(DeliverError::TooLate { .. })));
    // Nobody ordered it: the signer went on by itself.
    let unasked = recipient.step(&RecipientInput::Signed(world.handovers[0]));
    assert!(matches!(unasked, Err(DeliverError::Order { .. })));
    let spender = |tx: &Transaction| RecipientInput::Spender(tx.clone());
    let none = recipient.step(&spender(&world.funding));
    assert!(matches!(none, Err(DeliverError::NoClaim { .. })));
    // A refund that waits for a block says nothing, and nobody read what was not shown.
    let waiting = recipient.step(&spender(&world.refund));
    assert!(matches!(waiting, Err(DeliverError::NoClaim { .. })));
    let unseen = recipient.step(&RecipientInput::Opened(world.claims[0].compute_txid()));
    assert!(matches!(unseen, Err(DeliverError::Order { .. })));
    take(&mut recipient, &spent(901, &world.claims[0]));
    let replaced = recipient.step(&spender(&world.claims[1]));
    assert!(matches!(replaced, Err(DeliverError::Order { .. })));
}

/// The coin, spent at height 901.
fn spent(tip: u32, by: &Transaction) -> RecipientInput {
    let by = by.compute_txid();
    let coin = CoinSeen::Spent { height: 901, by };
    RecipientInput::Coin { tip, coin }
}

/// A recipient with a log on disk, and what may come to it.
struct Away {
    world: World,
    disk: MemoryDisk,
}

impl Away {
    fn new() -> Away {
        let away = Away {
            world: World::new(MESSAGE),
            disk: MemoryDisk::default(),
        };
        away.took(&away.world.recipient());
        let kept = RecipientInput::Kept(Box::new(away.world.served[0].clone()));
        away.took(&kept);
        away
    }

    /// It comes back from its log, takes this, and goes away again. What is to be done then.
    fn took(&self, input: &RecipientInput) -> Vec<RecipientEffect> {
        let whose = Identity::new(RecipientMachine::NAME, [0; 32]);
        let log = self.disk.open(&whose).unwrap();
        let mut back = Logged::open(RecipientMachine::default(), log).unwrap();
        back.step(input).unwrap();
        back.pending()
    }

    fn standing(&self) -> &'static str {
        let whose = Identity::new(RecipientMachine::NAME, [0; 32]);
        let log = self.disk.open(&whose).unwrap();
        let back = Logged::open(RecipientMachine::default(), log).unwrap();
        back.machine().standing()
    }
}

/// A recipient that was away until the claim lay deep looks for it, and reads it, however often it goes away again.
#[test]
fn a_claim_that_is_deep_is_read_all_the_same() {
    let away = Away::new();
    let claim = &away.world.claims[0];
    let (deep, read) = (spent(960, claim), RecipientEffect::Read(claim.clone()));
    assert_eq!(away.took(&deep), [RecipientEffect::Look]);
    assert_eq!(away.took(&deep), [RecipientEffect::Look]);
    let shown = away.took(&RecipientInput::Spender(claim.clone()));
    assert_eq!(shown, std::slice::from_ref(&read));
    // Also another look at the coin leaves it to be read.
    assert_eq!(away.took(&spent(961, claim)), [read]);
    assert_eq!(away.standing(), "claimed");
    let opened = RecipientInput::Opened(claim.compute_txid());
    assert_eq!(away.took(&opened), []);
    assert_eq!(away.standing(), "over");
}

/// One that saw the claim in time and went away before it read it does so afterwards.
#[test]
fn a_claim_that_was_not_read_in_time_is_read_after_it() {
    let away = Away::new();
    let claim = &away.world.claims[0];
    let read = RecipientEffect::Read(claim.clone());
    away.took(&RecipientInput::Spender(claim.clone()));
    assert_eq!(away.took(&spent(960, claim)), [read]);
    assert_eq!(away.took(&RecipientInput::Opened(claim.compute_txid())), []);
    assert_eq!(away.standing(), "over");
}

/// What was read from a claim that waited is read, but another that got the coin is looked at too: the first agent's copy may
/// have been the sender's fraud.
#[test]
fn another_claim_than_the_one_that_was_read() {
    let away = Away::new();
    let [first, second] = &away.world.claims;
    away.took(&RecipientInput::Spender(first.clone()));
    away.took(&RecipientInput::Opened(first.compute_txid()));
    assert_eq!(away.standing(), "read");
    assert_eq!(away.took(&spent(960, second)), [RecipientEffect::Look]);
    let shown = away.took(&RecipientInput::Spender(second.clone()));
    assert_eq!(shown, [RecipientEffect::Read(second.clone())]);
    away.took(&RecipientInput::Opened(second.compute_txid()));
    assert_eq!(away.standing(), "over");
}

/// A refund ends it once it is known to be one, and deep; a claim in its place after a reorganisation is looked at anew.
#[test]
fn a_refund_is_known_before_it_is_over() {
    let away = Away::new();
    let (claim, refund) = (&away.world.claims[0], &away.world.refund);
    assert_eq!(away.took(&spent(901, refund)), [RecipientEffect::Look]);
    assert_eq!(away.took(&RecipientInput::Spender(refund.clone())), []);
    assert_eq!(away.standing(), "refunded");
    assert_eq!(away.took(&spent(960, claim)), [RecipientEffect::Look]);
    assert_eq!(away.took(&spent(960, refund)), []);
    assert_eq!(away.standing(), "over");
}
