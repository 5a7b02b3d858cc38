//! The side of a small contract as it is hosted: what it hears, and what it says.

use std::collections::VecDeque;

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        small::SmallAnswer,
        wire::{Envelope, SMALL, small_kind},
    },
    small::{SmallError, SmallHeard, SmallSide, Surroundings, Talk, open},
};
use narthex_base::{codec::Message as _, kinds};

use super::{Small, apart_log, side_log};
use crate::party::{Core, Fatal, Own, peers::Due, talk::place};

impl Core {
    /// The side of a contract that is joined, as its log left it.
    pub(super) fn open_side(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let ms = self.now.ms;
        let is_due = |small: &&Small| {
            let is_joined = matches!(small.standing(), "joined" | "over");
            let is_hosted = is_joined && !small.is_guest();
            is_hosted && small.side.is_none() && small.again_ms <= ms
        };
        let Some(small) = self.small.get(&id).filter(is_due) else {
            return Ok(());
        };
        let machine = small.asked.machine().clone();
        // Whoever was over before it was joined has none.
        if machine.answers().is_empty() {
            return Ok(());
        }
        let log = self.store.open(&side_log(id))?;
        let apart = self.store.open(&apart_log(id))?;
        match open(&machine, &self.me, (log, apart)) {
            Ok(side) => {
                // Coins that it is to spend are its own, whatever else begins first.
                for coin in side.coins() {
                    self.own.borrow_mut().wallet.reserve(coin);
                }
                if let Some(small) = self.small.get_mut(&id) {
                    small.bumper.rate = side.rate();
                    small.side = Some(side);
                    small.trouble = None;
                    small.is_due = true;
                }
                Ok(())
            }
            Err(error) => self.small_failed(id, error),
        }
    }

    /// Does something with a side and what it works with; `None` where there is none.
    pub(super) fn with_side<T>(
        &mut self,
        id: &[u8; 32],
        act: impl FnOnce(&mut dyn SmallSide, &mut Surroundings<'_>) -> Result<T, SmallError>,
    ) -> Option<Result<T, SmallError>> {
        let begun = self.small.get(id)?.begun().cloned();
        let key = self.small_key(id, begun.as_ref())?;
        let reserve = match self.reserved(None) {
            Ok(reserve) => reserve,
            Err(error) => return Some(Err(error.into())),
        };
        let tip = self.tip.unwrap_or_default();
        let peers = self.small.get(id)?.talking();
        let peers: Vec<_> = peers.map(|(_, node)| node).collect();
        let may_sign = self.may_sign(&peers);
        let side = self.small.get_mut(id)?.side.as_mut()?;
        let rate = side.rate();
        let mut own = self.own.borrow_mut();
        let identity = own.node_pair()?.secret_key();
        let Own {
            seed,
            wallet,
            bindings,
            ..
        } = &mut *own;
        let mut with = Surroundings {
            seed,
            key,
            identity,
            wallet,
            bindings: &mut **bindings,
            node: self.asked.get(&rate.to_sat_per_kwu()),
            rate,
            max_rate: self.policy.max_rate,
            reserve,
            tip,
            may_sign,
        };
        Some(act(&mut **side, &mut with))
    }

    /// A message of a small contract. It is taken once it is on the contract's disk, or refused for good; until it can be it
    /// waits.
    pub(in crate::party) fn small_delivered(
        &mut self,
        node: PublicKey,
        envelope: &Envelope,
    ) -> Result<Due, Fatal> {
        let head = *envelope.head();
        let id = head.contract;
        let Some(small) = self.small.get(&id) else {
            return self.taken(node, place(&head));
        };
        let (talk, host) = (
            small.place_of(&node).map(Talk::Peer),
            small.guests_figures(),
        );
        let (standing, is_own) = (small.standing(), small.begun().is_some_and(|b| b.is_own));
        let kind = match small_kind(envelope) {
            Ok(Some(kind)) => kind,
            Ok(None) => return self.taken(node, place(&head)),
            Err(fault) => return self.refused(node, &head, fault),
        };
        if kind == kinds::SMALL_ASK {
            // It is known by its id.
            return self.taken(node, place(&head));
        }
        // Nothing new is signed before the peer has said what it holds; it is given again then.
        if !self.may_sign(&[node]) {
            self.hold_small(&id);
            return Ok(Vec::new());
        }
        if kind == kinds::SMALL_ANSWER {
            if !is_own {
                return self.refused(node, &head, "whoever asks does not answer");
            }
            let answer = match SmallAnswer::from_bytes(envelope.body()) {
                Ok(answer) => answer,
                Err(error) => return self.refused(node, &head, error),
            };
            let Some(by) = small.place_of(&node) else {
                return self.refused(node, &head, "it was not asked");
            };
            let mut due = match self.answer_small(id, (by, answer), None)? {
                Ok(due) => due,
                Err(why) => return self.refused(node, &head, why),
            };
            due.extend(self.taken(node, place(&head))?);
            return Ok(due);
        }
        match standing {
            "joined" => match (host, talk) {
                (Some(figures), _) => match self.host_of(&figures) {
                    Some(host) => self.side_hears((host, Talk::Guest(id)), (node, envelope), kind),
                    None => self.taken(node, place(&head)),
                },
                (None, Some(talk)) => self.side_hears((id, talk), (node, envelope), kind),
                (None, None) => self.refused(node, &head, "it has no part in it"),
            },
            // Of what came to nothing there is nothing to hear.
            "over" | "declined" => self.taken(node, place(&head)),
            _ => self.refused(node, &head, "it was not joined"),
        }
    }

    fn side_hears(
        &mut self,
        (id, from): ([u8; 32], Talk),
        (node, envelope): (PublicKey, &Envelope),
        kind: kinds::Kind,
    ) -> Result<Due, Fatal> {
        let head = *envelope.head();
        let heard = self.with_side(&id, |side, with| match side.hears().contains(&kind) {
            true => side.hear(from, envelope.body(), with),
            false => {
                let why = format!("no message of kind {} is heard here", kind.as_str());
                Ok(SmallHeard::Refused(why))
            }
        });
        match heard {
            // Something of this computer's failed: it goes on later.
            None | Some(Ok(SmallHeard::Later)) => {
                self.hold_small(&head.contract);
                Ok(Vec::new())
            }
            Some(Ok(SmallHeard::Taken)) => {
                if let Some(small) = self.small.get_mut(&id) {
                    small.is_due = true;
                }
                self.taken(node, place(&head))
            }
            Some(Ok(SmallHeard::Refused(why))) => {
                if let Some(small) = self.small.get_mut(&id) {
                    small.is_due = true;
                }
                self.refused(node, &head, why)
            }
            Some(Err(error)) => {
                self.small_failed(id, error)?;
                self.hold_small(&head.contract);
                Ok(Vec::new())
            }
        }
    }

    fn hold_small(&mut self, id: &[u8; 32]) {
        if let Some(small) = self.small.get_mut(id) {
            small.is_held = true;
        }
    }

    /// An own message that this disk has forgotten.
    pub(in crate::party) fn small_came_back(
        &mut self,
        id: &[u8; 32],
        envelope: Option<&Envelope>,
    ) -> Result<(), Fatal> {
        let Some(envelope) = envelope else {
            return Ok(());
        };
        if let Ok(answer) = SmallAnswer::from_bytes(envelope.body()) {
            // What it had agreed to holds; how deep its coin is to lie is asked of nobody again.
            let depth = Some(narthex::contracts::depth::Depth::USUAL);
            if let Ok(due) = self.answer_small(*id, (0, answer), depth)? {
                self.outcomes(due)?;
            }
            return Ok(());
        }
        match self.with_side(id, |side, _| side.came_back(envelope.body())) {
            Some(Err(error)) => self.small_failed(*id, error),
            _ => Ok(()),
        }
    }

    /// What waited goes on, where it can; and what is to be said is, as soon as the link takes it.
    pub(in crate::party) fn small_go_on(&mut self) -> Result<(), Fatal> {
        self.see_guests()?;
        let ids: Vec<_> = self.small.keys().copied().collect();
        for id in ids {
            self.small_on(id)?;
        }
        Ok(())
    }

    fn small_on(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let small = self.small.get(&id).into_iter();
        let talking = small.flat_map(|small| small.talking().chain(small.met()));
        let open = talking.filter(|(_, node)| self.may_sign(&[*node]));
        let open: Vec<_> = open.collect();
        if open.is_empty() {
            // Exits need no peer, and are signed by the look at the chain.
            return Ok(());
        }
        if let Some(small) = self.small.get_mut(&id).filter(|small| small.is_held) {
            small.is_held = false;
            let due = self.waiting_for(&id);
            self.outcomes(due)?;
        }
        if self.small.get(&id).is_some_and(|small| small.is_due) {
            self.side_goes_on(id)?;
        }
        for (place, node) in open {
            self.flush_small(id, (place, node))?;
        }
        Ok(())
    }

    /// Lets a side do what is due, and takes what it has to say.
    pub(super) fn side_goes_on(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let Some(went_on) = self.with_side(&id, |side, with| {
            side.go_on(with)?;
            Ok((side.said(), with.may_sign))
        }) else {
            return Ok(());
        };
        match went_on {
            Ok((said, may_sign)) => {
                for (to, body) in said {
                    let (of, place) = match to {
                        Talk::Peer(place) => (id, place),
                        Talk::Guest(guest) => (guest, 0),
                    };
                    if let Some(small) = self.small.get_mut(&of) {
                        small.say(place, body);
                    }
                }
                if let Some(small) = self.small.get_mut(&id) {
                    // What waits for the links goes on when they are open.
                    small.is_due = !may_sign;
                    small.trouble = None;
                }
                Ok(())
            }
            Err(error) => self.small_failed(id, error),
        }
    }

    fn flush_small(&mut self, id: [u8; 32], (place, peer): (u8, PublicKey)) -> Result<(), Fatal> {
        while let Some(small) = self.small.get_mut(&id) {
            let to = small.receivers(place);
            let next = small.unsent.get(&place).and_then(VecDeque::front);
            let Some(body) = next.cloned() else {
                break;
            };
            match self.post(peer, (&id, to), (0, SMALL), body)? {
                Some(due) => {
                    let small = self.small.get_mut(&id);
                    if let Some(unsent) = small.and_then(|small| small.unsent.get_mut(&place)) {
                        unsent.pop_front();
                    }
                    self.outcomes(due)?;
                }
                None => break,
            }
        }
        Ok(())
    }
}
