//! Asks: own ones, those of other nodes, and their answers.

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        Logged, StepError,
        small::{
            SmallAnswer, SmallAsk, SmallBeginning, SmallEffect, SmallInput, SmallMachine,
            SmallRefusal,
        },
        wire::{Envelope, small_kind},
    },
    contracts::depth::Depth,
    small::family_of,
};
use narthex_base::{codec::Message as _, kinds};

use super::{ASKED_LOG, Small, ask_log, name, side_log, takes};
use crate::{
    party::{Action, Core, Fatal, life::follow_log, peers::Due},
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

    /// The link to the peer is on disk, with this contract on it; and the peer is connected, if this node is to do that.
    fn meet_small(&mut self, id: [u8; 32]) -> Result<Due, Fatal> {
        let Some(small) = self.small.get(&id).filter(|s| s.standing() != "over") else {
            return Ok(Vec::new());
        };
        let (Some(begun), Some(of_it)) = (small.begun(), small.membership()) else {
            return Ok(Vec::new());
        };
        let (peer, is_joined) = (begun.peer, small.standing() == "joined");
        let address = format!("{peer}@{}", begun.address);
        let address = address.parse::<PeerAddress>().ok();
        let is_known = is_joined || begun.is_own;
        let mut due = match self.open_contract(peer, (id, of_it))? {
            Ok(due) => due,
            Err(refusal) => {
                self.note(format_args!("{}: {refusal}", name(&id)));
                Vec::new()
            }
        };
        if is_joined {
            due.extend(self.mark(peer, |peer| peer.link.settle_contract(id))?);
        }
        if is_known {
            self.vouch(&peer);
        }
        self.out.extend(address.map(Action::Connect));
        Ok(due)
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

    /// An own ask goes to the peer.
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
            let body = match effect {
                SmallEffect::Ask => machine.begun().map(|begun| begun.ask.to_bytes()),
                SmallEffect::Answer => machine.answer().map(SmallAnswer::to_bytes),
            };
            small.unsent.extend(body);
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
        let begun = SmallBeginning {
            ask,
            is_own: false,
            peer: from,
            address: String::new(),
            height: self.tip.unwrap_or_default(),
        };
        let id = match self.begin_small(begun, None)? {
            Ok(id) => id,
            Err(refusal) => {
                self.fault(from, &refusal.to_string());
                return Ok(Vec::new());
            }
        };
        self.note(format_args!("{} waits for a decision", name(&id)));
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
        let open_s = ask.expires_s.saturating_sub(self.now.unix_s);
        let most = self.policy.max_open_s;
        if !(1..=most).contains(&open_s) {
            return Err(format!(
                "it is open for {open_s} seconds; 1 to {most} are taken"
            ));
        }
        let others = self.small.values().filter(|small| {
            let is_of = small.begun().is_some_and(|begun| begun.peer == *from);
            small.standing() == "joined" && is_of
        });
        let asked = self.small.values().filter(|s| s.standing() == "asked");
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
        answer: SmallAnswer,
        depth: Option<Depth>,
    ) -> Result<Result<Due, String>, Fatal> {
        let Some(small) = self.small.get_mut(&id) else {
            return Ok(Err("there is no such small contract".into()));
        };
        let is_taken = takes(&answer);
        match small.asked.step(&SmallInput::Answered(answer, depth)) {
            Ok(_) => {}
            Err(StepError::Refused(refusal)) => return Ok(Err(refusal.to_string())),
            Err(error) => return Err(Fatal::step(error)),
        }
        let word = if is_taken { "joined" } else { "declined" };
        self.note(format_args!("{}: {word}", name(&id)));
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
            let is_open = matches!(small.standing(), "asked" | "waiting" | "declined");
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
        self.store.remove(&follow_log(id))?;
        Ok(())
    }

    /// Nobody says anything in it any more.
    pub(super) fn end_small_link(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let peer = self.small.get(&id).and_then(Small::begun).map(|b| b.peer);
        let is_open = |peer: &&PublicKey| {
            let peer = self.peers.get(*peer);
            peer.is_some_and(|peer| peer.link.machine().membership(&id).is_some())
        };
        if let Some(peer) = peer.as_ref().filter(is_open).copied() {
            let due = self.mark(peer, |peer| peer.link.end_contract(id))?;
            self.outcomes(due)?;
        }
        Ok(())
    }
}
