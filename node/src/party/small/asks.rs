//! Asks: own ones, those of other nodes, and their answers.

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        Logged, StepError,
        small::{
            SmallAnswer, SmallAsk, SmallBeginning, SmallEffect, SmallInput, SmallMachine,
            SmallPeer, SmallRefusal,
        },
        wire::{Envelope, small_kind},
    },
    contracts::depth::Depth,
    small::{family_of, is_guests},
};
use narthex_base::{codec::Message as _, kinds};

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
            let small = Small::new(asked, self.policy.max_rate);
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
        let (Some(begun), Some(of_it)) = (small.begun(), small.membership()) else {
            return Ok(Vec::new());
        };
        let is_joined = small.standing() == "joined";
        // A guest is anybody: what it is served costs it nothing.
        let is_known = (is_joined && !small.is_guest()) || begun.is_own;
        let mut all = Vec::new();
        for peer in begun.peers.clone() {
            let (node, address) = (peer.node, format!("{}@{}", peer.node, peer.address));
            let mut due = match self.open_contract(node, (id, of_it))? {
                Ok(due) => due,
                Err(refusal) => {
                    self.note(format_args!("{}: {refusal}", name(&id)));
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
                let small = Small::new(asked, self.policy.max_rate);
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
            Err(why) => {
                self.note(format_args!("an ask of {from} is turned away: {why}"));
                self.fault(from, &why);
                return Ok(Vec::new());
            }
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
                self.fault(from, &refusal.to_string());
                return Ok(Vec::new());
            }
        };
        if self.small.get(&id).is_some_and(|small| !small.is_guest()) {
            self.note(format_args!("{} waits for a decision", name(&id)));
        }
        let mut due = self.meet_small(id)?;
        // It is delivered again, to a contract that is there now.
        if let Some(peer) = self.peers.get_mut(&from) {
            let out = peer.link.received_envelope(envelope)?;
            due.extend(super::super::peers::of(from, out));
        }
        Ok(due)
    }

    /// Whether an ask is looked at.
    fn may_ask(&self, from: &PublicKey, envelope: &Envelope) -> Result<SmallAsk, String> {
        if self.tip.is_none() {
            return Err("this node has not seen its chain yet".into());
        }
        let kind = small_kind(envelope).map_err(|fault| fault.to_string())?;
        if kind != Some(kinds::SMALL_ASK) {
            return Err("it is not known here".into());
        }
        let ask = SmallAsk::from_bytes(envelope.body()).map_err(|error| error.to_string())?;
        if ask.id() != envelope.head().contract {
            return Err("it is under another id than its own".into());
        }
        family_of(&ask.figures).map_err(|error| error.to_string())?;
        if is_guests(&ask.figures) && !self.is_hosted(&ask.figures) {
            return Err("there is nothing of that here".into());
        }
        let open_s = ask.expires_s.saturating_sub(self.now.unix_s);
        let most = self.policy.max_open_s;
        if !(1..=most).contains(&open_s) {
            return Err(format!(
                "it is open for {open_s} seconds; 1 to {most} are taken"
            ));
        }
        let others = self.small.values().filter(|small| {
            let is_of = small.place_of(from).is_some();
            small.standing() == "joined" && is_of && !small.is_guest()
        });
        // A guest that is served stays until it expires.
        let is_open = |small: &&Small| match small.standing() {
            "asked" => true,
            standing => standing == "joined" && small.is_guest(),
        };
        let asked = self.small.values().filter(is_open);
        // Whoever it has a contract with has a claim; of all others there are so many.
        if others.count() == 0 && asked.count() >= self.policy.max_asked {
            return Err("as many asks as may wait for a decision are waiting".into());
        }
        Ok(ask)
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
        self.note(format_args!("{}: {standing}", name(&id)));
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

    /// The other nodes of one, in their places.
    pub(super) fn small_peers(&self, id: &[u8; 32]) -> Vec<(u8, PublicKey)> {
        let known = self.small.get(id).into_iter();
        known.flat_map(Small::peers).collect()
    }

    /// Nobody says anything in it any more.
    pub(super) fn end_small_link(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let peers = self.small_peers(&id);
        for (_, peer) in peers {
            let is_open = |peer: &Peer| peer.link.machine().membership(&id).is_some();
            if self.peers.get(&peer).is_some_and(is_open) {
                let due = self.mark(peer, |peer| peer.link.end_contract(id))?;
                self.outcomes(due)?;
            }
        }
        Ok(())
    }
}
