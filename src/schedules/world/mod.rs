//! One schedule, from its seed to its end.

mod end;
mod errands;
mod events;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_base::tagged::tagged_hash_parts;
use narthex_channel::{
    log::Fault,
    setup::{Negotiation, Phase, SetupMessage, Timing},
    toy::ToyLedger,
};
use narthex_contracts::{
    party::{PartyId, PartyName},
    terms::Role,
};

use super::{
    FaultKind, Lived, Strategy, Violation, chain::Chain, net::Net, node::Node, oracle::Disturbed,
    strategy::Adversary, trace::Trace,
};

/// Height at which a schedule begins.
const START: u32 = 100;
/// Seconds between ticks.
const TICK_S: u64 = 30;
/// Events after which a schedule counts as endless.
const MOST_EVENTS: u32 = 60_000;

/// What is played.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// These disturbances and no others; each seed's own without it.
    pub kinds: Option<Vec<FaultKind>>,
    /// This strategy, where there is an adversary.
    pub strategy: Option<Strategy>,
    /// A party is killed at just this write, and at no other.
    pub kill: Option<Kill>,
    /// Parties keep a rule not: what the oracles are for must then be found.
    pub flaw: Option<Flaw>,
    /// Last events that the outcome has at least; 40 without it.
    pub events: Option<usize>,
}

/// Where a party is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Who.
    pub party: PartyId,
    /// At which of its writes, from 0.
    pub write: u32,
    /// Before or after it is durable.
    pub side: Fault,
}

/// A rule that parties do not keep, to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// What is drawn follows from the party alone: who starts again draws the same.
    SameDraws,
    /// Everybody is taken to hold everything as soon as one does oneself.
    Trusting,
}

/// How a schedule ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Hash of all that happened.
    pub trace: [u8; 32],
    /// What must not have.
    pub violations: Vec<Violation>,
    /// What it was disturbed by.
    pub kinds: Vec<FaultKind>,
    /// What its adversary did.
    pub strategy: Option<Strategy>,
    /// How a contract was lived, where that was played.
    pub life: Option<Lived>,
    /// Whether there is a contract.
    pub is_live: bool,
    /// Attempts that the client made.
    pub attempts: u32,
    /// Processes that were killed.
    pub kills: u32,
    /// Messages that were sent.
    pub messages: u64,
    /// The last events, one on a line.
    pub last: Vec<String>,
}

/// Plays the schedule of a seed.
pub fn play(seed: &[u8; 32], plan: &Plan) -> Outcome {
    let mut world = World::new(seed, plan);
    world.run();
    world.outcome()
}

struct World {
    rng: StdRng,
    now_s: u64,
    tick_at_s: u64,
    block_at_s: u64,
    names: Vec<PartyName>,
    nodes: BTreeMap<PartyId, Node>,
    adversary: Option<Adversary>,
    net: Net<SetupMessage>,
    chain: Chain,
    ledger: Rc<RefCell<ToyLedger>>,
    disturbed: Disturbed,
    trace: Trace,
    found: Vec<Violation>,
    attempts: u32,
    kill: Option<Kill>,
    flaw: Option<Flaw>,
    deadline: u32,
    /// A funding that an adversary keeps to itself.
    hoarded: Option<Vec<u8>>,
}

impl World {
    fn new(seed: &[u8; 32], plan: &Plan) -> World {
        let mut rng = StdRng::from_seed(tagged_hash_parts("narthex/schedule", &[seed]));
        let drawn: Vec<_> = FaultKind::SETUP
            .into_iter()
            .filter(|_| rng.gen_range(0..2u8) == 0)
            .collect();
        let kinds = plan.kinds.clone().unwrap_or(drawn);
        let has = |kind| kinds.contains(&kind);
        let names: Vec<_> = Role::all(rng.gen_range(1..4))
            .map(PartyName::from)
            .collect();
        let deadline = START
            + if has(FaultKind::Hurry) {
                rng.gen_range(3..8)
            } else {
                40
            };
        let timing = Timing {
            patience_s: 600,
            funding_deadline: deadline,
            margin: 2,
            burial: 3,
        };
        let (strategy, at) = (Strategy::draw(&mut rng), rng.gen_range(0..names.len()));
        let victim = names[(at + rng.gen_range(1..names.len())) % names.len()].id;
        let strategy = plan.strategy.unwrap_or(strategy);
        let adversary =
            has(FaultKind::Adversary).then(|| Adversary::new(names[at].id, strategy, victim));
        let ledger = Rc::new(RefCell::new(ToyLedger::default()));
        let node = |me: &PartyName| {
            let fault = adversary.as_ref().filter(|who| who.party == me.id);
            let fault = fault.and_then(|who| who.strategy.fault(victim));
            let draws_same = plan.flaw == Some(Flaw::SameDraws);
            let about = Negotiation::new([7; 32], names.clone(), (*me, names[0]), timing);
            about
                .ok()
                .map(|about| (me.id, Node::new(about, ledger.clone(), (fault, draws_same))))
        };
        let mut net = Net::default();
        if has(FaultKind::Delay) {
            for (from, to) in names
                .iter()
                .flat_map(|a| names.iter().map(move |b| (a.id, b.id)))
            {
                net.slow((from, to), rng.gen_range(0..8));
            }
        }
        World {
            now_s: 0,
            tick_at_s: TICK_S,
            block_at_s: 600,
            nodes: names.iter().filter_map(node).collect(),
            adversary,
            net,
            chain: Chain::new(START),
            ledger,
            disturbed: Disturbed {
                kinds: kinds.clone(),
                kills: 0,
            },
            trace: Trace::showing(plan.events),
            found: Vec::new(),
            attempts: 1,
            kill: plan.kill,
            flaw: plan.flaw,
            deadline,
            hoarded: None,
            names,
            rng,
        }
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.disturbed.kinds.contains(&kind)
    }

    fn is_adversary(&self, party: PartyId) -> bool {
        self.adversary
            .as_ref()
            .is_some_and(|who| who.party == party)
    }

    fn name(&self, party: PartyId) -> PartyName {
        let known = self.names.iter().find(|name| name.id == party);
        known.copied().unwrap_or(PartyName::unnamed(party))
    }

    /// An event happened: it is part of the trace.
    fn event(&mut self, what: String) {
        self.trace.event(what);
    }

    fn run(&mut self) {
        let all: Vec<_> = self.nodes.keys().copied().collect();
        for party in &all {
            self.start(*party);
        }
        for _ in 0..MOST_EVENTS {
            if self.is_over() {
                break;
            }
            self.next_event();
        }
        // Whoever is away comes back, and sees the chain.
        for party in &all {
            if !self.nodes.get(party).is_some_and(Node::is_up) {
                self.start(*party);
            }
        }
    }

    fn is_over(&self) -> bool {
        let is_end = |phase| matches!(phase, Some(Phase::Live | Phase::Dropped));
        let mut honest = self
            .nodes
            .iter()
            .filter(|(party, _)| !self.is_adversary(**party));
        // Some blocks more: what was taken for buried stays.
        honest.all(|(_, node)| is_end(node.phase())) && self.chain.tip > START + 60
    }
}
