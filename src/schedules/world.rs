//! One schedule, from its seed to its end.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_base::tagged::tagged_hash_parts;
use narthex_channel::{
    log::Fault,
    setup::{Body, Errand, Negotiation, Phase, SetupInput, SetupMessage, Timing},
    toy::{ToyLedger, ToyViolation, toy_funding},
};
use narthex_contracts::{
    party::{PartyId, PartyName},
    terms::Role,
};

use super::{
    FaultKind, Strategy, Violation,
    chain::{Chain, Spend},
    net::Net,
    node::{Node, Taken, draw_kill},
    oracle::{Disturbed, Ended, blames, judge},
    strategy::Adversary,
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
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Hash of all that happened.
    pub trace: [u8; 32],
    /// What must not have.
    pub violations: Vec<Violation>,
    /// What it was disturbed by.
    pub kinds: Vec<FaultKind>,
    /// What its adversary did.
    pub strategy: Option<Strategy>,
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
    net: Net,
    chain: Chain,
    ledger: Rc<RefCell<ToyLedger>>,
    disturbed: Disturbed,
    trace: [u8; 32],
    last: Vec<String>,
    found: Vec<Violation>,
    attempts: u32,
    kill: Option<Kill>,
    flaw: Option<Flaw>,
}

impl World {
    fn new(seed: &[u8; 32], plan: &Plan) -> World {
        let mut rng = StdRng::from_seed(tagged_hash_parts("narthex/schedule", &[seed]));
        let drawn: Vec<_> = FaultKind::ALL
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
            trace: [0; 32],
            last: Vec::new(),
            found: Vec::new(),
            attempts: 1,
            kill: plan.kill,
            flaw: plan.flaw,
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
        self.trace = tagged_hash_parts("narthex/trace", &[&self.trace, what.as_bytes()]);
        self.last.push(what);
        if self.last.len() > 80 {
            self.last.drain(..40);
        }
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

    fn next_event(&mut self) {
        self.now_s += self.rng.gen_range(0..4);
        let up = |node: &Node| node.is_up();
        let next = {
            let nodes = &self.nodes;
            self.net
                .next(|party| nodes.get(&party).is_some_and(up), &mut self.rng)
        };
        if next.is_none() {
            self.now_s = self.now_s.max(self.tick_at_s.min(self.block_at_s));
        }
        if self.now_s >= self.block_at_s {
            return self.block();
        }
        if self.now_s >= self.tick_at_s {
            return self.tick();
        }
        if let Some(((from, to), message)) = next {
            let what = format!(
                "{} s: {} to {}: {} {:?}",
                self.now_s,
                self.name(from),
                self.name(to),
                message.attempt,
                message.body
            );
            self.event(what);
            let input = SetupInput::Message { from, message };
            let is_taken = self.take(to, &input);
            let again = self.has(FaultKind::Duplicate) && self.rng.gen_range(0..10u8) == 0;
            if is_taken {
                self.net.delivered((from, to), again);
            }
        }
    }

    fn tick(&mut self) {
        self.tick_at_s = self.now_s + TICK_S;
        let parties: Vec<_> = self.nodes.keys().copied().collect();
        for party in parties {
            let Some(node) = self.nodes.get(&party) else {
                continue;
            };
            match node.is_up() {
                true => {
                    self.take(party, &SetupInput::Tick { unix_s: self.now_s });
                }
                false if node.away_until_s <= self.now_s => self.start(party),
                false => {}
            }
        }
    }

    fn block(&mut self) {
        let hurried = if self.has(FaultKind::Hurry) { 300 } else { 900 };
        self.block_at_s = self.now_s + self.rng.gen_range(60..hurried);
        let at = self.rng.gen_range(0..u32::MAX) as usize;
        let is_reorg = self.has(FaultKind::Reorg) && self.rng.gen_range(0..4u8) == 0;
        match is_reorg {
            true => self.chain.replace_last(|among| at % among),
            false => self.chain.mine(|among| at % among),
        }
        self.event(format!(
            "{} s: block {}, reorganised: {is_reorg}",
            self.now_s, self.chain.tip
        ));
        let parties: Vec<_> = self.nodes.keys().copied().collect();
        for party in parties {
            self.look(party);
        }
    }

    /// A party looks at the chain.
    fn look(&mut self, party: PartyId) {
        let Some(node) = self.nodes.get_mut(&party) else {
            return;
        };
        node.see(self.chain.tip);
        let own = node.machine().and_then(toy_funding);
        let view = self.chain.view(own.as_deref());
        self.take(party, &SetupInput::Chain(view));
    }

    fn start(&mut self, party: PartyId) {
        // One that is killed as soon as it starts starts again.
        for _ in 0..8 {
            let kill = self.kill_of(party);
            let tip = self.chain.tip;
            let Some(node) = self.nodes.get_mut(&party) else {
                return;
            };
            match node.start(tip, kill, &mut self.rng) {
                Ok(Taken::Done(errands)) => {
                    self.errands(party, errands);
                    return self.look(party);
                }
                Ok(Taken::Killed) => self.disturbed.kills += 1,
                Ok(Taken::Refused(reason)) | Err(reason) => {
                    let party = self.name(party);
                    return self.found.push(Violation::Defect { party, reason });
                }
            }
        }
    }

    fn kill_of(&mut self, party: PartyId) -> Option<(u32, Fault)> {
        if let Some(kill) = self.kill {
            let is_first = kill.party == party && self.disturbed.kills == 0;
            return is_first.then_some((kill.write, kill.side));
        }
        let is_killed =
            self.has(FaultKind::Kill) && !self.is_adversary(party) && self.disturbed.kills < 12;
        (is_killed && self.rng.gen_range(0..3u8) == 0).then(|| draw_kill(&mut self.rng))
    }

    /// Whether the input was taken, or is done with.
    fn take(&mut self, party: PartyId, input: &SetupInput) -> bool {
        let Some(node) = self.nodes.get_mut(&party) else {
            return true;
        };
        let taken = node.take(input);
        let is_taken = match taken {
            Ok(Taken::Done(errands)) => {
                self.errands(party, errands);
                self.trust(party, input);
                true
            }
            Ok(Taken::Refused(reason)) => {
                self.refused(party, input, reason);
                true
            }
            Ok(Taken::Killed) => {
                self.killed(party);
                false
            }
            // It falls over what it does wrong itself.
            Err(_) if self.is_adversary(party) => true,
            Err(reason) => {
                let party = self.name(party);
                self.found.push(Violation::Defect { party, reason });
                true
            }
        };
        self.watch(party);
        is_taken
    }

    /// The flaw of the same name.
    fn trust(&mut self, party: PartyId, input: &SetupInput) {
        let machine = self.nodes.get(&party).and_then(Node::machine);
        let holds = machine.filter(|machine| machine.phase() == Phase::Holding);
        let is_said =
            matches!(input, SetupInput::Message { message, .. } if message.body == Body::Held);
        let Some(machine) = holds.filter(|_| self.flaw == Some(Flaw::Trusting) && !is_said) else {
            return;
        };
        let (attempt, body) = (machine.attempt(), Body::Held);
        let others: Vec<_> = machine.about().others().map(|name| name.id).collect();
        for from in others {
            let message = SetupMessage {
                attempt,
                body: body.clone(),
            };
            self.take(party, &SetupInput::Message { from, message });
        }
    }

    fn killed(&mut self, party: PartyId) {
        self.disturbed.kills += 1;
        self.event(format!("{} s: {} is killed", self.now_s, self.name(party)));
        let is_away = self.has(FaultKind::Absence) && self.rng.gen_range(0..2u8) == 0;
        let away = if is_away {
            self.rng.gen_range(60..6_000)
        } else {
            0
        };
        if let Some(node) = self.nodes.get_mut(&party) {
            node.kill();
            node.away_until_s = self.now_s + away;
        }
        if !is_away {
            self.start(party);
        }
    }

    fn refused(&mut self, by: PartyId, input: &SetupInput, reason: String) {
        let SetupInput::Message { from, .. } = input else {
            return;
        };
        let (by, from) = (self.name(by), self.name(*from));
        self.event(format!(
            "{} s: {by} refuses what {from} said: {reason}",
            self.now_s
        ));
        if self.adversary.is_none() {
            self.found.push(Violation::Refused { by, from, reason });
        }
    }

    /// Whom an honest party finds at fault.
    fn watch(&mut self, party: PartyId) {
        if self.is_adversary(party) {
            return;
        }
        let Some(machine) = self.nodes.get(&party).and_then(Node::machine) else {
            return;
        };
        if machine.about().is_lead() {
            self.attempts = self.attempts.max(u32::from(machine.attempt()) + 1);
        }
        let causes = [machine.voided(), machine.dropped()];
        let found = causes.into_iter().flatten().find_map(|cause| {
            let is_honest = |party| !self.is_adversary(party);
            blames(self.name(party), cause, is_honest, |party| self.name(party))
        });
        if let Some(violation) = found.filter(|violation| !self.found.contains(violation)) {
            self.found.push(violation);
        }
    }

    fn errands(&mut self, party: PartyId, errands: Vec<Errand>) {
        for errand in errands {
            match errand {
                Errand::Send { to, message } => {
                    let is_parting = matches!(message.body, Body::Funding(_) | Body::Whole(_));
                    let own = self.adversary.as_mut().filter(|who| who.party == party);
                    let messages = match own {
                        None => vec![message],
                        Some(own) => {
                            if is_parting && own.strategy == Strategy::Outspend {
                                self.chain.publish(Spend::Back(party));
                            }
                            own.filter(to, message, &mut self.rng)
                        }
                    };
                    for message in messages {
                        self.net.send((party, to), message);
                    }
                }
                Errand::Broadcast(whole) => self.publish(party, whole),
                Errand::Withdraw => self.chain.publish(Spend::Back(party)),
            }
        }
    }

    /// Only the funding that the own terms lead to, with everybody's witnesses, is published: nodes take no other.
    fn publish(&mut self, party: PartyId, whole: Vec<u8>) {
        let keeps = self.adversary.as_ref();
        let keeps =
            keeps.is_some_and(|who| who.party == party && who.strategy == Strategy::Withhold);
        let own = self.nodes.get(&party).and_then(Node::machine);
        if !keeps && own.and_then(toy_funding) == Some(whole.clone()) {
            self.chain.publish(Spend::Funding(whole));
        }
    }

    fn outcome(mut self) -> Outcome {
        let honest = self
            .nodes
            .iter()
            .filter(|(party, _)| !self.is_adversary(**party));
        let ended: Vec<_> = honest
            .filter_map(|(party, node)| {
                let machine = node.machine()?;
                Some(Ended {
                    party: self.name(*party),
                    phase: machine.phase(),
                    cause: machine.dropped().cloned(),
                })
            })
            .collect();
        let is_funded = self.chain.funding().is_some();
        judge(&ended, is_funded, &self.disturbed, &mut self.found);
        let ledger = self.ledger.borrow().violations().to_vec();
        let of = |violation: &ToyViolation| match violation {
            ToyViolation::NonceReused { party }
            | ToyViolation::SaltReused { party }
            | ToyViolation::Barrier { party, .. } => *party,
        };
        // An adversary may say that it holds what it does not, and use its own nonces as it likes.
        let by_honest = ledger.into_iter().filter(|violation| {
            let falsely = matches!(violation, ToyViolation::Barrier { before, .. } if self.is_adversary(*before));
            !self.is_adversary(of(violation)) && !falsely
        });
        let by_honest = by_honest.map(Violation::from).collect::<Vec<_>>();
        self.found.extend(by_honest);
        Outcome {
            trace: self.trace,
            is_live: ended.iter().any(|party| party.phase == Phase::Live),
            violations: self.found,
            kinds: self.disturbed.kinds,
            strategy: self.adversary.map(|who| who.strategy),
            attempts: self.attempts,
            kills: self.disturbed.kills,
            messages: self.net.sent,
            last: self.last,
        }
    }
}
