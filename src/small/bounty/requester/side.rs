//! A requester as its host sees it.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction};
use narthex_base::{
    codec::Message,
    kinds::{self, Kind},
};
use narthex_channel::{
    CoinSeen,
    bounty::{BountyTalk, RequesterEffect, RequesterInput},
};

use super::{
    super::{
        FAMILY, LOST, READ,
        ceremony::Ceremony,
        coin::{self, COIN},
        shown,
    },
    BountyRequester, Lost,
};
use crate::{
    life::{Due, Secrecy},
    small::{
        Delivered, Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Surroundings, Talk,
        onchain,
    },
};

impl SmallSide for BountyRequester {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "requester"
    }

    fn standing(&self) -> &'static str {
        match (self.machine.machine().standing(), &self.lost) {
            ("new", Some(_)) => "lost",
            (standing, _) => standing,
        }
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let amounts = self.figures.seats.iter();
        let total = amounts.fold(0u64, |sum, seat| sum.saturating_add(seat.amount.to_sat()));
        let hold = self.given.holding(&self.kept).count() as u64;
        let mut reached = vec![("amount_sat", total), ("hold", hold)];
        if let Some(book) = self.book() {
            let record = book.record();
            let layers = record.envelope.as_ref();
            reached.extend([
                ("layers", layers.map_or(0, |of| of.layers.len() as u64)),
                ("opened", record.openings.len() as u64),
                ("delivered", record.deliveries.len() as u64),
                ("cheats", record.false_results.len().into()),
            ]);
            let rounds = record.closing.as_ref();
            reached.extend(rounds.map(|closing| ("round", closing.round.into())));
        }
        let read = self.kept.get(READ).map(|result| result.len() as u64);
        reached.extend(read.map(|bytes| ("read_bytes", bytes)));
        shown(&self.figures, self.depth, &reached)
    }

    fn rate(&self) -> FeeRate {
        self.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.graph().map_or("", |graph| coin::name_of(graph, tx))
    }

    fn hears(&self) -> &'static [Kind] {
        &[
            kinds::BOUNTY_TALK,
            kinds::ENVELOPE,
            kinds::BOUNTY_OPENING,
            kinds::BOUNTY_DELIVERY,
            kinds::BOUNTY_SHARE,
        ]
    }

    fn hear(
        &mut self,
        from: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let Talk::Peer(seat) = from else {
            return Ok(SmallHeard::Refused("that is another's to say".into()));
        };
        let begins = |kind: Kind| body.starts_with(kind.as_bytes());
        let refused = |error: &dyn std::fmt::Display| Ok(SmallHeard::Refused(error.to_string()));
        if begins(kinds::BOUNTY_TALK) {
            return match BountyTalk::from_bytes(body) {
                Ok(talk) => self.talked(seat, talk, with),
                Err(error) => refused(&error),
            };
        }
        let input = match () {
            () if begins(kinds::ENVELOPE) => Message::from_bytes(body)
                .map(Box::new)
                .map(RequesterInput::Envelope),
            () if begins(kinds::BOUNTY_OPENING) => Message::from_bytes(body)
                .map(Box::new)
                .map(RequesterInput::Opening),
            () if begins(kinds::BOUNTY_DELIVERY) => Message::from_bytes(body)
                .map(Box::new)
                .map(RequesterInput::Delivery),
            () => Message::from_bytes(body).map(RequesterInput::Share),
        };
        match input {
            Ok(input) => self.hears_input(&input),
            Err(error) => refused(&error),
        }
    }

    /// Own terms: this disk has forgotten what it held of them, and perhaps that they were funded.
    fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError> {
        let Ok(BountyTalk::Terms { json }) = BountyTalk::from_bytes(body) else {
            return Ok(());
        };
        if self.signed().is_none() {
            self.kept.keep(LOST, &json)?;
            (self.ceremony, self.lost) = (None, Some(Lost::of(&json)?));
        }
        Ok(())
    }

    fn order(&mut self, _: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        Err(SmallError::refused(
            "a bounty ends by the members' settlement, at once if all give back, or goes back to its requester above the refund height",
        ))
    }

    fn watched(&self) -> Vec<OutPoint> {
        match (self.signed(), &self.lost) {
            (Some(of), _) => onchain::watched(&of.terms().record().contribution),
            (None, Some(lost)) => onchain::watched(&lost.terms.record().contribution),
            (None, None) => Vec::new(),
        }
    }

    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        self.graph()
            .map_or_else(Vec::new, |graph| onchain::watches(graph, 1, tx))
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.seen.0 = tip;
        if let Some(lost) = &mut self.lost {
            lost.see(found);
        }
        let Some(signed) = self.signed() else {
            return Ok(());
        };
        let coin = onchain::seen(signed.graph(), COIN, found);
        let spender = onchain::spender(signed.graph(), COIN, found);
        let spender = spender.map(|(_, tx)| tx.clone());
        self.seen = (tip, coin);
        self.step(&RequesterInput::Coin { tip, coin })?;
        let looks = self.machine.pending().contains(&RequesterEffect::Look);
        if let Some(tx) = spender.filter(|_| looks) {
            self.step(&RequesterInput::Settlement(tx))?;
        }
        Ok(())
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        if let (Some(lost), "new") = (&mut self.lost, self.machine.machine().standing()) {
            return lost.go_on(with);
        }
        if self.standing() == "new" {
            self.call(with);
            return Ok(());
        }
        let gives = self.given.give(&self.kept);
        self.says.extend(gives);
        // What is signed has effects of its own: until nothing follows.
        loop {
            let before = self.machine.changes();
            for effect in self.machine.pending() {
                self.act(&effect, with)?;
            }
            if self.machine.changes() == before {
                return Ok(());
            }
        }
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.says.drain(..).collect()
    }

    fn funds(&self) -> bool {
        let is_funded = self.machine.machine().funding().is_some();
        matches!(self.standing(), "new" | "unfunded") && !is_funded
    }

    fn delivered(&self) -> Option<Delivered> {
        let bytes = self.kept.get(READ)?.to_vec();
        let what = "result";
        Some(Delivered { what, bytes })
    }

    fn publications(&self) -> Vec<Publication> {
        let lost = self.lost.as_ref().map(|lost| lost.terms.total());
        let at_stake = self.book().map(|book| book.terms().total()).or(lost);
        let due = Due {
            until: None,
            confirm: 1,
            at_stake: at_stake.unwrap_or_default(),
            secret: Secrecy::None,
        };
        let one = |name, tx, due| Publication { name, tx, due };
        let pending = self.machine.pending().into_iter();
        let published = pending.filter_map(|effect| match effect {
            RequesterEffect::Publish(tx) => Some(one("Bounty", tx, None)),
            RequesterEffect::Cancel(tx) => Some(one("Cancel", tx, Some(due))),
            RequesterEffect::Refund => Some(one("Refund", self.refund.clone()?, Some(due))),
            _ => None,
        });
        let tip = self.seen.0;
        let lost = self.lost.iter().filter(|lost| lost.is_due(tip));
        let lost = lost.filter_map(|lost| Some(one("Refund", lost.refund.clone()?, Some(due))));
        published.chain(lost).collect()
    }

    fn coins(&self) -> Vec<OutPoint> {
        let signed = self.signed().filter(|_| self.standing() == "unfunded");
        let coins = signed.into_iter();
        let coins = coins.flat_map(|of| &of.terms().record().contribution.coins);
        let signed = coins.map(|coin| coin.outpoint);
        let begun = self.ceremony.iter().flat_map(Ceremony::coins);
        signed.chain(begun).collect()
    }

    fn acts_at(&self) -> Option<u32> {
        let terms = self.book()?.terms();
        let is_locked = matches!(self.standing(), "layering" | "sealed" | "closed");
        let record = terms.record();
        let rounds = (0..=terms.last_round()).map(|round| terms.round_height(round));
        let marks = rounds.chain([record.layer_height, record.refund_height]);
        let next = marks.filter(|mark| *mark > self.seen.0).min();
        next.filter(|_| is_locked)
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        match self.standing() {
            "new" => self.is_late(),
            // One that was signed may be in a mempool, and confirm.
            "unfunded" => self.is_late() && self.machine.machine().funding().is_none(),
            "lost" => self.lost.as_ref().is_some_and(|lost| match lost.coin {
                // What is funded above T it would take back in the next block.
                CoinSeen::Unfunded => self.seen.0 > self.figures.refund_height,
                CoinSeen::Locked { .. } => false,
                CoinSeen::Spent { height, .. } => self.depth.is_reached(height, self.seen.0),
            }),
            standing => standing == "over",
        }
    }
}
