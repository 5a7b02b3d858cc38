//! Asks: own ones, those of other nodes, and their answers.

use std::collections::BTreeSet;

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        Logged, StepError,
        small::{
            AskFault, Declined, SmallAnswer, SmallBeginning, SmallEffect, SmallInput, SmallMachine,
            SmallPeer, SmallRefusal,
        },
        wire::Envelope,
    },
    contracts::depth::Depth,
    small::is_guests,
};
use narthex_base::codec::Message as _;

use super::{ASKED_LOG, Small, apart_log, ask_log, name, side_log};
use crate::{
    party::{
        Action, Core, Fatal,
        life::follow_log,
        peers::{Due, Peer},
    },
    transport::PeerAddress,
};

impl Core {
    /// Small contracts as their logs left them.
    pub(in crate::party) fn recover_small(&mut self) -> Result<(), Fatal> {
        let known = self.store.known()?;
        for whose in known.iter().filter(|whose| whose.machine == ASKED_LOG) {
            let log = self.store.open(whose)?;
            let asked = Logged::open(SmallMachine::default(), log)?;
            let small = Small::new(asked, &self.me, self.policy.max_rate);
            self.small.insert(whose.id, small);
        }
        let ids: Vec<_> = self.small.keys().copied().collect();
        for id in ids {
            let due = self.meet_small(id)?;
            self.outcomes(due)?;
            self.say_asked(id);
            self.open_side(id)?;
        }
        Ok(())
    }

    /// The links to the peers are on disk, with this contract on them; and the peers are connected, if this node is to do that.
    fn meet_small(&mut self, id: [u8; 32]) -> Result<Due, Fatal> {
        let Some(small) = self.small.get(&id).filter(|s| s.standing() != "over") else {
            return Ok(Vec::new());
        };
        let Some(begun) = small.begun() else {
            return Ok(Vec::new());
        };
        let is_joined = small.standing() == "joined";
        // A guest is anybody: what it is served costs it nothing.
        let is_known = (is_joined && !small.is_guest()) || begun.is_own;
        let mut all = Vec::new();
        let talking: BTreeSet<_> = small.talking().map(|(_, node)| node).collect();
        let peers = (0u8..).zip(begun.peers.iter().cloned());
        let peers = peers.filter(|(_, peer)| talking.contains(&peer.node));
        let members = small.members.iter().filter(|_| is_joined);
        let members = members.map(|member| (member.place, member.peer.clone()));
        let all_of = peers
            .chain(members)
            .map(|(place, peer)| (peer, small.membership(place)));
        let all_of: Vec<_> = all_of.collect();
        for (peer, of_it) in all_of {
            let Some(of_it) = of_it else {
                continue;
            };
            let (node, address) = (peer.node, format!("{}@{}", peer.node, peer.address));
            let mut due = match self.open_contract(node, (id, of_it))? {
                Ok(due) => due,
                Err(refusal) => {
                    self.note_of(id, format_args!("{}: {refusal}", name(&id)));
                    Vec::new()
                }
            };
            if is_joined {
                due.extend(self.mark(node, |peer| peer.link.settle_contract(id))?);
            }
            if is_known {
                self.vouch(&node);
            }
            let address = address.parse::<PeerAddress>().ok();
            self.out.extend(address.map(Action::Connect));
            all.extend(due);
        }
        Ok(all)
    }

    /// An ask is written down.
    pub(super) fn begin_small(
        &mut self,
        begun: SmallBeginning,
        depth: Option<Depth>,
    ) -> Result<Result<[u8; 32], SmallRefusal>, Fatal> {
        let id = begun.ask.id();
        let log = self.store.open(&ask_log(id))?;
        let mut asked = Logged::open(SmallMachine::default(), log)?;
        match asked.step(&SmallInput::Asked(Box::new(begun), depth)) {
            Ok(_) => {
                let small = Small::new(asked, &self.me, self.policy.max_rate);
                self.small.insert(id, small);
                Ok(Ok(id))
            }
            Err(StepError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(Fatal::step(error)),
        }
    }

    /// An own ask goes to the peers.
    pub(super) fn ask_small(
        &mut self,
        begun: SmallBeginning,
        depth: Depth,
    ) -> Result<Result<[u8; 32], SmallRefusal>, Fatal> {
        let id = match self.begin_small(begun, Some(depth))? {
            Ok(id) => id,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let due = self.meet_small(id)?;
        self.outcomes(due)?;
        self.say_asked(id);
        Ok(Ok(id))
    }

    /// What there is to say of the ask or its answer.
    fn say_asked(&mut self, id: [u8; 32]) {
        let Some(small) = self.small.get_mut(&id) else {
            return;
        };
        for effect in small.asked.pending() {
            let machine = small.asked.machine();
            let (to, body) = match effect {
                SmallEffect::Ask(to) => (to, machine.begun().map(|begun| begun.ask.to_bytes())),
                SmallEffect::Answer => (0, machine.answer().map(SmallAnswer::to_bytes)),
            };
            // It is said once: whoever does not answer has it on its link.
            let is_said = |body: &Vec<u8>| small.unsent.get(&to).is_some_and(|u| u.contains(body));
            if let Some(body) = body.filter(|body| !is_said(body)) {
                small.say(to, body);
            }
        }
    }

    /// A first message of a small contract that this node does not know.
    pub(in crate::party) fn small_knocked(
        &mut self,
        from: PublicKey,
        envelope: Envelope,
    ) -> Result<Due, Fatal> {
        let ask = match self.may_ask(&from, &envelope) {
            Ok(ask) => ask,
            Err(why) => return Ok(self.turn_away(from, envelope.head().contract, why)),
        };
        let peer = SmallPeer {
            node: from,
            address: String::new(),
        };
        let height = self.tip.unwrap_or_default();
        let begun = SmallBeginning::of_two(ask, false, peer, height);
        let id = match self.begin_small(begun, None)? {
            Ok(id) => id,
            Err(refusal) => {
                let why = Declined::new(AskFault::Malformed, refusal);
                return Ok(self.turn_away(from, envelope.head().contract, why));
            }
        };
        if self.small.get(&id).is_some_and(|small| !small.is_guest()) {
            self.note_of(id, format_args!("{} waits for a decision", name(&id)));
        }
        let mut due = self.meet_small(id)?;
        // It is delivered again, to a contract that is there now.
        if let Some(peer) = self.peers.get_mut(&from) {
            let out = peer.link.received_envelope(envelope)?;
            due.extend(super::super::peers::of(from, out));
        }
        Ok(due)
    }

    /// Gives an answer, own or the peer's, to an ask; then its side begins.
    pub(super) fn answer_small(
        &mut self,
        id: [u8; 32],
        (by, answer): (u8, SmallAnswer),
        depth: Option<Depth>,
    ) -> Result<Result<Due, String>, Fatal> {
        let Some(small) = self.small.get_mut(&id) else {
            return Ok(Err("there is no such small contract".into()));
        };
        match small.asked.step(&SmallInput::Answered(by, answer, depth)) {
            Ok(_) => {}
            Err(StepError::Refused(refusal)) => return Ok(Err(refusal.to_string())),
            Err(error) => return Err(Fatal::step(error)),
        }
        let standing = small.standing();
        self.note_of(id, format_args!("{}: {standing}", name(&id)));
        self.say_asked(id);
        let due = self.meet_small(id)?;
        self.open_side(id)?;
        Ok(Ok(due))
    }

    /// Time passes for asks. Of one that came to nothing no more is kept.
    pub(in crate::party) fn tick_small(&mut self) -> Result<(), Fatal> {
        let unix_s = self.now.unix_s;
        let is_past = |small: &Small| {
            let expires_s = small.begun().map_or(0, |begun| begun.ask.expires_s);
            // Of a guest, and of what nobody has served, nothing is left to be done.
            let is_unserved = || {
                let mut begun = small.begun().into_iter();
                let mut side = small.side.iter();
                begun.any(|begun| is_guests(&begun.ask.figures))
                    && side.any(|side| side.standing() == "new")
            };
            let is_open = match small.standing() {
                "asked" | "waiting" | "declined" => true,
                standing => standing == "joined" && (small.is_guest() || is_unserved()),
            };
            is_open && unix_s >= expires_s
        };
        let past = self.small.iter().filter(|(_, small)| is_past(small));
        let past: Vec<_> = past.map(|(id, _)| *id).collect();
        for id in past {
            self.forget_small(id)?;
        }
        Ok(())
    }

    fn forget_small(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        self.end_small_link(id)?;
        self.small.remove(&id);
        self.store.remove(&ask_log(id))?;
        self.store.remove(&side_log(id))?;
        self.store.remove(&apart_log(id))?;
        self.store.remove(&follow_log(id))?;
        Ok(())
    }

    /// The other nodes of one, members too, in their places.
    pub(super) fn small_peers(&self, id: &[u8; 32]) -> Vec<(u8, PublicKey)> {
        let known = self.small.get(id).into_iter();
        known
            .flat_map(|small| small.peers().chain(small.met()))
            .collect()
    }

    /// Nobody says anything in it any more.
    pub(super) fn end_small_link(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        for (_, peer) in self.small_peers(&id) {
            let due = self.end_link_with(id, peer)?;
            self.outcomes(due)?;
        }
        Ok(())
    }

    /// The same of one peer.
    pub(super) fn end_link_with(&mut self, id: [u8; 32], node: PublicKey) -> Result<Due, Fatal> {
        let is_open = |peer: &Peer| peer.link.machine().membership(&id).is_some();
        match self.peers.get(&node).is_some_and(is_open) {
            true => self.mark(node, |peer| peer.link.end_contract(id)),
            false => Ok(Vec::new()),
        }
    }
}
