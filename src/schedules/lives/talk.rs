//! What parties say in a round: who looks at the chain when, which letter comes when, who is killed meanwhile.

use std::rc::Rc;

use bitcoin::secp256k1::rand::Rng;
use narthex_base::codec::Message as _;
use narthex_channel::contract::{ContractMessage, Order};
use narthex_contracts::{party::PartyName, terms::Role};
use narthex_game_model::ruling::ProvenRecord;

use super::{
    node::{Took, took},
    villain::{Fate, Villain},
    world::{MOST_EVENTS, Posted, World},
};
use crate::{
    life::{Heard, Letter, LifeParty},
    play::cheat::between,
    schedules::{FaultKind, Violation, net::Link, node::draw_kill},
};

/// Most kills of a life.
const MOST_KILLS: u32 = 12;

impl World<'_> {
    /// Who comes back, and who goes.
    pub(super) fn comings_and_goings(&mut self) {
        for role in self.shuffled() {
            let tip = self.tip;
            let Some(node) = self.nodes.get_mut(&role) else {
                continue;
            };
            if !node.is_up() && node.away_until <= tip {
                self.start(role);
            }
            if self.is_villain(role) || self.is_calm() {
                continue;
            }
            if self.fault(FaultKind::Partition, (1, 24)) {
                let long = self.vanishes();
                if let Some(node) = self.nodes.get_mut(&role) {
                    node.cut_until = tip + 1 + long;
                    node.is_gone |= long > 0;
                }
                self.event(format!("{role} is cut off for {} blocks", 1 + long));
            }
            if self.kills < MOST_KILLS && self.fault(FaultKind::Kill, (1, 24)) {
                self.kill(role);
            }
        }
    }

    /// For how many blocks more than anybody counts on.
    fn vanishes(&mut self) -> u32 {
        match self.fault(FaultKind::Vanish, (1, 6)) {
            true => self.rng.gen_range(1..80),
            false => 0,
        }
    }

    pub(super) fn start(&mut self, role: Role) {
        // One that is killed as soon as it starts starts again.
        for _ in 0..8 {
            let may = self.kills < MOST_KILLS && !self.is_villain(role);
            let kill =
                (may && self.fault(FaultKind::Kill, (1, 3))).then(|| draw_kill(&mut self.rng));
            let ready = self.ready;
            let Some(node) = self.nodes.get_mut(&role) else {
                return;
            };
            match node.start(ready, kill) {
                Took::Done(letters) => {
                    self.event(format!("{role} starts"));
                    self.post(role, letters);
                    // As a node does before it hears anybody.
                    return self.look(role);
                }
                Took::Killed => self.kills += 1,
                Took::Failed(reason) => return self.defect(role, reason),
            }
        }
    }

    pub(super) fn defect(&mut self, role: Role, reason: String) {
        if self.is_villain(role) {
            // It falls over what it does wrong itself.
            self.event(format!("{role}, an adversary, falls: {reason}"));
            return;
        }
        let party = PartyName::from(role);
        self.violation(Violation::Defect { party, reason });
    }

    /// Ends a process, and starts another one at once or later.
    pub(super) fn kill(&mut self, role: Role) {
        self.kills += 1;
        let Some(node) = self.nodes.get_mut(&role) else {
            return;
        };
        let replayed = node.kill();
        self.event(format!("{role} is killed"));
        match replayed {
            Ok(true) => {}
            Ok(false) => {
                let party = PartyName::from(role);
                self.violation(Violation::Replay { party });
            }
            Err(error) => self.defect(role, error.to_string()),
        }
        self.down(role);
    }

    /// A process has ended.
    fn down(&mut self, role: Role) {
        if self.fault(FaultKind::Absence, (1, 2)) {
            let long = self.vanishes();
            let until = self.tip + 1 + long;
            if let Some(node) = self.nodes.get_mut(&role) {
                node.away_until = until;
                node.is_gone |= long > 0;
            }
            return self.event(format!("{role} stays away until {until}"));
        }
        if !self.has_rolled_back && self.fault(FaultKind::Rollback, (1, 4)) {
            return self.roll_back(role);
        }
        self.start(role);
    }

    /// A process was killed while it wrote.
    pub(super) fn killed(&mut self, role: Role) {
        self.ends(role, "writes");
        self.down(role);
    }

    /// A process is killed while it does something.
    pub(super) fn ends(&mut self, role: Role, does: &str) {
        self.kills += 1;
        if let Some(node) = self.nodes.get_mut(&role) {
            node.party = None;
        }
        self.event(format!("{role} is killed while it {does}"));
    }

    /// Letters of a party are on their way, or what an adversary makes of them.
    pub(super) fn post(&mut self, from: Role, letters: Vec<Letter>) {
        let honest = !self.is_villain(from);
        if honest && self.kills < MOST_KILLS && !letters.is_empty() {
            // It was killed after it had sent some of them.
            if self.has(FaultKind::Kill) && self.fault(FaultKind::Kill, (1, 200)) {
                let sent = self.rng.gen_range(0..letters.len());
                for letter in letters.into_iter().take(sent) {
                    self.send(from, letter);
                }
                return self.kill(from);
            }
        }
        if honest {
            for letter in letters {
                self.look_into(from, &letter);
                self.send(from, letter);
            }
            return;
        }
        let Some(node) = self.nodes.get(&from) else {
            return;
        };
        let (villain, cheats) = (node.villain.clone(), node.cheats.clone());
        let letters = match cheats {
            Some(cheats) => {
                let mut between = between(cheats);
                let made = letters.into_iter().flat_map(|letter| between(from, letter));
                made.collect()
            }
            None => letters,
        };
        let Some(villain) = villain.filter(|villain| !villain.has_quit(self.tip)) else {
            return;
        };
        for letter in letters {
            let letter = self.spoilt(&villain, letter);
            for fate in villain.send(letter, &self.roles, &mut self.rng) {
                match fate {
                    Fate::Now(letter) => self.send(from, letter),
                    Fate::Later((to, bytes)) => self.later.push((from, to, bytes)),
                }
            }
        }
    }

    /// What an adversary makes of its evidence.
    fn spoilt(&mut self, villain: &Villain, (to, bytes): Letter) -> Letter {
        let evidence = message(&bytes).filter(|_| villain.spoils());
        let Some(ContractMessage::Evidence(mut evidence)) = evidence else {
            return (to, bytes);
        };
        let job = &self.ready.job;
        let input = |index| {
            let (record, proof) = job.prove_record(index).ok()?;
            Some(ProvenRecord {
                index,
                record,
                proof,
            })
        };
        villain.brings(&mut evidence.part.pieces, input, &mut self.whims);
        let node = self.nodes.get(&villain.role);
        let party = node.and_then(|node| node.party.as_ref());
        match party.map(|party| party.signer().brings(&evidence.part)) {
            Some(Ok(brought)) => evidence.brought = brought,
            // It has been killed meanwhile, and says nothing.
            _ => return (to, bytes),
        }
        (to, ContractMessage::Evidence(evidence).to_bytes())
    }

    fn send(&mut self, from: Role, (to, bytes): Letter) {
        let link = (from.into(), to.into());
        self.net.send(link, Rc::new(bytes), self.tip);
    }

    pub(super) fn look(&mut self, role: Role) {
        let chain = &mut self.chain;
        let node = self.nodes.get_mut(&role);
        let Some(party) = node.and_then(|node| node.party.as_mut()) else {
            return;
        };
        let before = party.place();
        let looked = took(party.look(chain));
        let after = party.place();
        self.stepped(role, (before, "chain", after));
        match looked {
            Took::Done(letters) => self.post(role, letters),
            Took::Killed => self.killed(role),
            Took::Failed(reason) => self.defect(role, reason),
        }
    }

    fn stepped(
        &mut self,
        role: Role,
        (before, input, after): (&'static str, &'static str, &'static str),
    ) {
        if !self.is_villain(role) {
            let name = match role {
                Role::Arbiter(_) => "arbiter",
                Role::Client => "client",
                Role::Worker => "worker",
                Role::Verifier => "verifier",
            };
            self.steps.insert((name, before, input, after));
        }
    }

    /// All that is said before the next block.
    pub(super) fn talk(&mut self) {
        for (from, to, bytes) in std::mem::take(&mut self.later) {
            self.send(from, (to, bytes));
        }
        let mut looks: Vec<_> = self.shuffled();
        let late = self.fault(FaultKind::Delay, (1, 2));
        for _ in 0..MOST_EVENTS {
            let is_look = !looks.is_empty() && self.rng.gen_range(0..3u8) == 0;
            if is_look && let Some(role) = looks.pop() {
                self.look(role);
                self.order(role);
                continue;
            }
            if self.deliver() {
                // Not everything comes before the next block.
                if late && looks.is_empty() && self.rng.gen_range(0..24u8) == 0 {
                    break;
                }
                continue;
            }
            match looks.pop() {
                Some(role) => {
                    self.look(role);
                    self.order(role);
                }
                None if !self.look_again() => break,
                None => {}
            }
        }
        self.flush(self.tip);
    }

    /// Delivers what is on its way since before a tip.
    pub(super) fn flush(&mut self, before: u32) {
        for _ in 0..MOST_EVENTS {
            let next = {
                let this = &*self;
                this.net.overdue(|link| this.is_open(link), before)
            };
            match next {
                Some(next) => self.delivered(next),
                None => return,
            }
        }
    }

    /// Who has work that could not be done looks again, now and then. Whether somebody did.
    fn look_again(&mut self) -> bool {
        let waits = |party: &LifeParty<'_>| party.is_waiting();
        let nodes = self.nodes.iter();
        let waiting = nodes.filter(|(_, node)| node.party.as_ref().is_some_and(waits));
        let waiting: Vec<_> = waiting.map(|(role, _)| *role).collect();
        let some = waiting.get(self.rng.gen_range(0..4usize)).copied();
        if let Some(role) = some {
            self.look(role);
        }
        some.is_some() && self.rng.gen_range(0..2u8) == 0
    }

    /// A worker whose owner does not wait goes on chain.
    fn order(&mut self, role: Role) {
        let node = self.nodes.get(&role).and_then(|node| node.party.as_ref());
        let may = node.is_some_and(|party| {
            party.standing() != "working" && party.book().facts().path.len() == 1
        });
        if role != Role::Worker || !may || !self.fault(FaultKind::Hurry, (1, 8)) {
            return;
        }
        let node = self.nodes.get_mut(&role);
        let Some(party) = node.and_then(|node| node.party.as_mut()) else {
            return;
        };
        let before = party.place();
        // An order may come too late, which is nobody's fault.
        let ordered = party.order(Order::Deliver);
        let after = party.place();
        match ordered {
            Ok(letters) => {
                self.stepped(role, (before, "order", after));
                self.post(role, letters);
            }
            Err(error) => {
                if matches!(took::<()>(Err(error)), Took::Killed) {
                    self.killed(role);
                }
            }
        }
    }

    /// Delivers any letter that is on its way; whether there was one.
    fn deliver(&mut self) -> bool {
        let next = {
            let (nodes, tip) = (&self.nodes, self.tip);
            let is_there = |party| nodes.get(&Role::from(party));
            self.net.next(
                |(from, to)| {
                    let open = |node: &super::node::LifeNode| node.cut_until <= tip;
                    is_there(to).is_some_and(|node| node.is_up() && open(node))
                        && is_there(from).is_some_and(open)
                },
                &mut self.rng,
            )
        };
        let is_one = next.is_some();
        if let Some(next) = next {
            self.delivered(next);
        }
        is_one
    }

    fn delivered(&mut self, ((from, to), bytes): Next) {
        let (sender, receiver) = (Role::from(from), Role::from(to));
        let node = self.nodes.get_mut(&receiver);
        let Some(party) = node.and_then(|node| node.party.as_mut()) else {
            return;
        };
        let (before, entries) = (party.place(), party.changes());
        let heard = took(party.hear(sender, &bytes));
        let after = party.place();
        if matches!(heard, Took::Done(_)) {
            let said = Rc::clone(&bytes);
            self.record.took((sender, receiver), said, entries);
        }
        let end = bytes.len().saturating_sub(12);
        let mark = bitcoin::hex::DisplayHex::to_lower_hex_string(&bytes[end..]);
        let what = format!("{sender} to {receiver}: {} bytes, {mark}", bytes.len());
        self.event(what);
        match heard {
            Took::Done(Heard::Taken(letters)) => {
                self.stepped(receiver, (before, "said", after));
                let again = self.fault(FaultKind::Duplicate, (1, 16));
                self.net.delivered((from, to), again);
                self.post(receiver, letters);
            }
            Took::Done(Heard::Refused(reason)) => {
                self.net.delivered((from, to), false);
                self.refused((sender, receiver), reason);
            }
            // It comes again.
            Took::Killed => self.killed(receiver),
            Took::Failed(reason) => {
                self.net.delivered((from, to), false);
                self.defect(receiver, reason);
            }
        }
    }

    fn refused(&mut self, (from, by): (Role, Role), reason: String) {
        self.event(format!("{by} refuses what {from} said: {reason}"));
        // After the end nothing is taken any more.
        let is_late = reason.contains("is over");
        let is_quiet = !self.has(FaultKind::Adversary) && !self.has(FaultKind::Rollback);
        if is_quiet && !is_late {
            let (by, from) = (by.into(), from.into());
            self.violation(Violation::Refused { by, from, reason });
        }
    }
}

/// A letter that has come, and on which link.
type Next = (Link, Posted);

/// The message of a letter.
pub(super) fn message(bytes: &[u8]) -> Option<ContractMessage> {
    ContractMessage::from_bytes(bytes).ok()
}
