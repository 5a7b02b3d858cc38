//! What happens in a schedule: messages, ticks, blocks, kills.

use bitcoin::secp256k1::rand::Rng;
use narthex_channel::{
    log::Fault,
    setup::{Body, Phase, SetupInput, SetupMessage},
    toy::toy_funding,
};
use narthex_contracts::party::PartyId;

use super::{Flaw, TICK_S, World};
use crate::schedules::{
    FaultKind, Violation,
    chain::Spend,
    node::{Node, Taken, draw_kill},
    oracle::blames,
};

impl World {
    pub(super) fn next_event(&mut self) {
        self.now_s += self.rng.gen_range(0..4);
        let up = |node: &Node| node.is_up();
        let next = {
            let nodes = &self.nodes;
            self.net
                .next(|(_, to)| nodes.get(&to).is_some_and(up), &mut self.rng)
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

    pub(super) fn tick(&mut self) {
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

    pub(super) fn block(&mut self) {
        let hurried = if self.has(FaultKind::Hurry) { 300 } else { 900 };
        self.block_at_s = self.now_s + self.rng.gen_range(60..hurried);
        let at = self.rng.gen_range(0..u32::MAX) as usize;
        let is_reorg = self.has(FaultKind::Reorg) && self.rng.gen_range(0..4u8) == 0;
        match is_reorg {
            true => self.chain.replace_last(|among| at % among),
            false => self.chain.mine(|among| at % among),
        }
        // What was kept back comes when nobody reckons with it any more.
        let is_late = self.chain.tip > self.deadline;
        if let Some(hoarded) = self.hoarded.take_if(|_| is_late) {
            self.chain.publish(Spend::Funding(hoarded));
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
    pub(super) fn look(&mut self, party: PartyId) {
        let Some(node) = self.nodes.get_mut(&party) else {
            return;
        };
        node.see(self.chain.tip);
        let own = node.machine().and_then(toy_funding);
        let view = self.chain.view(own.as_deref());
        self.take(party, &SetupInput::Chain(view));
    }

    pub(super) fn start(&mut self, party: PartyId) {
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

    pub(super) fn kill_of(&mut self, party: PartyId) -> Option<(u32, Fault)> {
        if let Some(kill) = self.kill {
            let is_first = kill.party == party && self.disturbed.kills == 0;
            return is_first.then_some((kill.write, kill.side));
        }
        let is_killed =
            self.has(FaultKind::Kill) && !self.is_adversary(party) && self.disturbed.kills < 12;
        (is_killed && self.rng.gen_range(0..3u8) == 0).then(|| draw_kill(&mut self.rng))
    }

    /// Whether the input was taken, or is done with.
    pub(super) fn take(&mut self, party: PartyId, input: &SetupInput) -> bool {
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
    pub(super) fn trust(&mut self, party: PartyId, input: &SetupInput) {
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

    pub(super) fn killed(&mut self, party: PartyId) {
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

    pub(super) fn refused(&mut self, by: PartyId, input: &SetupInput, reason: String) {
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
    pub(super) fn watch(&mut self, party: PartyId) {
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
            let is_steady = !self.has(FaultKind::Kill) && self.kill.is_none();
            let by = (self.name(party), cause);
            blames(by, is_steady, is_honest, |party| self.name(party))
        });
        if let Some(violation) = found.filter(|violation| !self.found.contains(violation)) {
            self.found.push(violation);
        }
    }
}
