//! A recomputer as its host sees it.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction};
use narthex_base::{
    codec::Message,
    kinds::{self, Kind},
};
use narthex_channel::{
    CoinSeen,
    bounty::{BountyTalk, MAX_BOUNTY_RESULT, RecomputerEffect, RecomputerInput},
};
use narthex_contracts::{bounty::RecomputerBook, setup::Agreement as _};

use super::{
    super::{
        FAMILY, RESULT,
        coin::{self, COIN},
        shown,
    },
    BountyRecomputer, REQUESTER,
};
use crate::{
    life::{Due, Secrecy},
    small::{
        Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Surroundings, Talk, onchain,
    },
};

impl SmallSide for BountyRecomputer {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "recomputer"
    }

    fn standing(&self) -> &'static str {
        self.machine.machine().standing()
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let mut reached = vec![
            ("amount_sat", self.place.amount().to_sat()),
            ("seat", u64::from(self.place.seat) + 1),
            ("turn_height", self.turn().into()),
        ];
        let result = self.kept.get(RESULT).map(|result| result.len() as u64);
        reached.extend(result.map(|bytes| ("result_bytes", bytes)));
        if let Some(record) = self.book().map(RecomputerBook::record) {
            let layers = record.envelope.as_ref();
            reached.extend([
                ("layers", layers.map_or(0, |of| of.layers.len() as u64)),
                ("opened", record.openings.len() as u64),
                ("delivered", record.deliveries.len() as u64),
                ("secrets", record.shares.len() as u64),
            ]);
            let rounds = record.closing.as_ref();
            reached.extend(rounds.map(|closing| ("round", closing.round.into())));
        }
        shown(&self.place.figures, self.place.depth, &reached)
    }

    fn rate(&self) -> FeeRate {
        self.place.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.signed().map_or("", |of| coin::name_of(of.graph(), tx))
    }

    fn hears(&self) -> &'static [Kind] {
        &[
            kinds::BOUNTY_TALK,
            kinds::ENVELOPE,
            kinds::BOUNTY_SEAL,
            kinds::BOUNTY_OPENING,
            kinds::BOUNTY_CLOSING,
            kinds::BOUNTY_DELIVERY,
            kinds::BOUNTY_GRANT,
            kinds::BOUNTY_SHARE,
        ]
    }

    fn hear(
        &mut self,
        from: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let begins = |kind: Kind| body.starts_with(kind.as_bytes());
        let refused = |error: &dyn std::fmt::Display| Ok(SmallHeard::Refused(error.to_string()));
        let is_others = matches!(from, Talk::Peer(place) if place > 0);
        if begins(kinds::BOUNTY_TALK) {
            return match (BountyTalk::from_bytes(body), from) {
                (Ok(talk), REQUESTER) => self.talked(talk, with),
                (Ok(_), _) => refused(&"that is the requester's to say"),
                (Err(error), _) => refused(&error),
            };
        }
        if self.seen.0 == 0 {
            // By its height everything is judged: before the first look there is none.
            return Ok(SmallHeard::Later);
        }
        if begins(kinds::ENVELOPE) {
            return self.enveloped(body);
        }
        if self.book().is_none() {
            // By a link that is faster than the requester's.
            return Ok(match is_others {
                true => SmallHeard::Later,
                false => SmallHeard::Refused("nothing is signed yet".into()),
            });
        }
        let tip = self.seen.0;
        let input = match () {
            () if begins(kinds::BOUNTY_SEAL) => {
                let seal = Message::from_bytes(body).map(Box::new);
                seal.map(|seal| RecomputerInput::Seal { tip, seal })
            }
            () if begins(kinds::BOUNTY_OPENING) => {
                let opening = Message::from_bytes(body).map(Box::new);
                opening.map(RecomputerInput::Opening)
            }
            () if begins(kinds::BOUNTY_CLOSING) => {
                let closing = Message::from_bytes(body).map(Box::new);
                closing.map(|closing| RecomputerInput::Closing { tip, closing })
            }
            () if begins(kinds::BOUNTY_DELIVERY) => {
                let delivery = Message::from_bytes(body).map(Box::new);
                delivery.map(|delivery| RecomputerInput::Delivery { tip, delivery })
            }
            () if begins(kinds::BOUNTY_GRANT) => {
                let grant = Message::from_bytes(body);
                grant.map(|grant| RecomputerInput::Grant { tip, grant })
            }
            () => {
                let share = Message::from_bytes(body);
                share.map(|share| RecomputerInput::Share { tip, share })
            }
        };
        let input = match input {
            Ok(input) => input,
            Err(error) => return refused(&error),
        };
        let heard = self.hears_input(&input)?;
        if let (RecomputerInput::Opening(opening), SmallHeard::Taken) = (&input, &heard) {
            // The requester may lack it, and would close without it.
            self.say(REQUESTER, &**opening);
        }
        Ok(heard)
    }

    fn order(&mut self, _: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        Err(SmallError::refused(
            "a recomputer is given its result by `work`, and does the rest by itself",
        ))
    }

    /// The result: one, which it commits to.
    fn give(&mut self, bytes: &[u8]) -> Result<(), SmallError> {
        if bytes.len() > MAX_BOUNTY_RESULT {
            let (given, most) = (bytes.len(), MAX_BOUNTY_RESULT);
            return Err(SmallError::refused(format_args!(
                "a result of {given} bytes; at most {most} are delivered between nodes"
            )));
        }
        let is_worked = !matches!(self.standing(), "new" | "idle");
        match self.kept.get(RESULT) {
            Some(known) if known == bytes => Ok(()),
            Some(_) if is_worked => Err(SmallError::refused("it has committed to another result")),
            None if is_worked => Err(SmallError::refused("it is too late for a result")),
            _ => self.kept.keep(RESULT, bytes),
        }
    }

    fn watched(&self) -> Vec<OutPoint> {
        self.signed().map_or_else(Vec::new, |of| {
            onchain::watched(&of.terms().record().contribution)
        })
    }

    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        self.signed()
            .map_or_else(Vec::new, |of| onchain::watches(of.graph(), 1, tx))
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.seen.0 = tip;
        let Some(signed) = self.signed() else {
            return Ok(());
        };
        let coin = onchain::seen(signed.graph(), COIN, found);
        self.seen = (tip, coin);
        Ok(self.step(&RecomputerInput::Coin { tip, coin })?)
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(terms) = self.signed().map(|signed| *signed.terms().id()) else {
            return Ok(());
        };
        if !self.is_told_held {
            self.is_told_held = true;
            self.say(REQUESTER, &BountyTalk::Held { terms });
            // What it has passed on before, the requester may lack.
            let openings = self.book().map(|book| book.record().openings.clone());
            for opening in openings.unwrap_or_default() {
                self.say(REQUESTER, &opening);
            }
        }
        self.layer()?;
        // What is signed has effects of its own: until nothing follows.
        loop {
            let before = self.machine.changes();
            for effect in self.machine.pending() {
                self.act(&effect, with)?;
            }
            if self.machine.changes() == before {
                break;
            }
        }
        self.lack();
        Ok(())
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.says.drain(..).collect()
    }

    fn publications(&self) -> Vec<Publication> {
        let pending = self.machine.pending();
        let settles = |set| pending.contains(&RecomputerEffect::Settle { set });
        let due = Due {
            until: Some(self.place.figures.refund_height),
            confirm: 1,
            at_stake: self.place.amount(),
            // It shows the result: beside a refund it would be read, and perhaps not paid.
            secret: Secrecy::Written,
        };
        let ready = self.settlement.iter();
        let ready = ready.filter(|of| settles(of.set) && self.pays(of));
        let ready = ready.map(|of| Publication {
            name: "Settle",
            tx: of.tx.clone(),
            due: Some(due),
        });
        ready.collect()
    }

    fn acts_at(&self) -> Option<u32> {
        let (turn, tip) = (self.turn(), self.seen.0);
        let waits = self.standing() == "idle" && self.kept.get(RESULT).is_some();
        (waits && turn > tip).then_some(turn)
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        let is_past = self.seen.0 > self.place.figures.refund_height;
        match self.standing() {
            "new" | "over" => is_past || self.standing() == "over",
            // What is funded above T goes back to its requester.
            _ => is_past && self.seen.1 == CoinSeen::Unfunded,
        }
    }
}
