//! Asks that are turned away: of others, before anything of them is kept; own ones, by whoever was asked.

use narthex::{
    bitcoin::secp256k1::{PublicKey, Secp256k1},
    channel::{
        small::{AskFault, Declined, SmallAnswer, SmallAsk},
        wire::{AskDeclined, Envelope, small_kind},
    },
    small::{check_ask, family_of, is_guests},
};
use narthex_base::{codec::Message as _, kinds};

use super::{Small, name};
use crate::party::{
    Core, Fatal,
    peers::{Due, of},
};

impl Core {
    /// An ask that is not taken in: its sender is told why, on this connection. Nothing of it is kept, and another one is heard.
    pub(super) fn turn_away(&mut self, from: PublicKey, id: [u8; 32], why: Declined) -> Due {
        let words = &why.decline.reason;
        self.note_of(
            id,
            format_args!("{}: an ask of {from} is turned away: {words}", name(&id)),
        );
        let ms = self.now.ms;
        let peer = self.peers.get_mut(&from);
        let out = peer.map(|peer| peer.link.turn_away(id, why, ms));
        of(from, out.unwrap_or_default())
    }

    /// Whether an ask is looked at.
    pub(super) fn may_ask(
        &self,
        from: &PublicKey,
        envelope: &Envelope,
    ) -> Result<SmallAsk, Declined> {
        let malformed = |words: &dyn std::fmt::Display| Declined::new(AskFault::Malformed, words);
        let kind = small_kind(envelope).map_err(|fault| malformed(&fault))?;
        if kind != Some(kinds::SMALL_ASK) {
            return Err(Declined::new(AskFault::Unknown, "it is not known here"));
        }
        let ask = SmallAsk::from_bytes(envelope.body()).map_err(|error| malformed(&error))?;
        if ask.id() != envelope.head().contract {
            return Err(malformed(&"it is under another id than its own"));
        }
        let figures = |error: &dyn std::fmt::Display| Declined::new(AskFault::Figures, error);
        family_of(&ask.figures).map_err(|error| figures(&error))?;
        let open_s = ask.expires_s.saturating_sub(self.now.unix_s);
        let most = self.policy.max_open_s;
        if !(1..=most).contains(&open_s) {
            let words = format!("it is open for {open_s} seconds; 1 to {most} are taken");
            return Err(Declined::new(AskFault::Expiry, words));
        }
        let Some(tip) = self.tip else {
            let words = "this node has not seen its chain yet";
            return Err(Declined::new(AskFault::Unready, words));
        };
        let key = self.small_key(&ask.id(), None).ok_or_else(|| {
            // One id in 2^128 has no key: another salt has another id.
            malformed(&"no key follows from its id")
        })?;
        let key = PublicKey::from_secret_key(&Secp256k1::signing_only(), &key);
        check_ask(&ask.figures, (&self.me, &key), tip).map_err(|error| figures(&error))?;
        match is_guests(&ask.figures) {
            // It belongs to what runs.
            true => self.may_visit(&ask.figures)?,
            false => {
                let more = self.takes_more();
                more.map_err(|why| Declined::new(AskFault::Unready, why))?;
            }
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
            let words = "as many asks as may wait for a decision are waiting";
            return Err(Declined::new(AskFault::Full, words));
        }
        Ok(ask)
    }

    /// A node turns an own ask away: it is as if its owner had declined, and there is nothing more to be said to it in this contract.
    pub(in crate::party) fn small_turned_away(
        &mut self,
        node: PublicKey,
        declined: AskDeclined,
    ) -> Result<Due, Fatal> {
        let id = declined.contract;
        let is_own = |small: &&Small| small.begun().is_some_and(|begun| begun.is_own);
        let Some(small) = self.small.get(&id).filter(is_own) else {
            return Ok(Vec::new());
        };
        let Some(by) = small.place_of(&node) else {
            return Ok(Vec::new());
        };
        let mut due = match small.asked.machine().answers().get(&by) {
            // This node was killed before its link knew it.
            Some(SmallAnswer::Declined(_)) => Vec::new(),
            // It has answered, and that holds.
            Some(_) => return Ok(Vec::new()),
            None => {
                let answer = SmallAnswer::Declined(declined.why);
                match self.answer_small(id, (by, answer), None)? {
                    Ok(due) => due,
                    Err(why) => {
                        self.note_of(id, format_args!("{}: of {node}: {why}", name(&id)));
                        return Ok(Vec::new());
                    }
                }
            }
        };
        due.extend(self.end_link_with(id, node)?);
        Ok(due)
    }
}
