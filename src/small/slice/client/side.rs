//! A client as its host sees it.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction};
use narthex_base::{
    codec::Message,
    kinds::{self, Kind},
};
use narthex_channel::slice::{ClientEffect, ClientInput, ClientPrice, SliceTalk};
use narthex_contracts::slice::Opened;

use super::{
    super::{FAMILY, LOST, ceremony::Ceremony, name_of, shown},
    Lost, SliceClient,
};
use crate::{
    life::{Due, Secrecy},
    small::{
        Delivered, Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Surroundings, Talk,
        onchain,
    },
};

impl SmallSide for SliceClient {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "client"
    }

    fn standing(&self) -> &'static str {
        match (self.machine.machine().standing(), &self.lost) {
            ("new", Some(_)) => "lost",
            ("new", None) if self.consents.is_err() => "refused",
            (standing, _) => standing,
        }
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let hold = self.given.holding(&self.kept).count() as u64;
        let mut reached = vec![("hold", hold)];
        if let Err(seat) = self.consents {
            reached.push(("refused_provider", u64::from(seat) + 1));
        }
        if let Some(book) = self.book() {
            let is_claimed = |price: &&ClientPrice| match price {
                ClientPrice::Spent { is_claimed, .. } => *is_claimed,
                _ => false,
            };
            let prices = self.machine.machine().prices();
            let locked = prices.iter().filter_map(|price| match price {
                ClientPrice::Locked { height, .. } => Some(*height),
                _ => None,
            });
            let d = u32::from(self.figures.refund_blocks);
            reached.extend([
                ("posts", book.posts().count() as u64),
                ("paid", prices.iter().filter(is_claimed).count() as u64),
                ("opened", self.opened().len() as u64),
            ]);
            let refund = locked
                .min()
                .map(|height| u64::from(height.saturating_add(d)));
            reached.extend(refund.map(|height| ("refund_height", height)));
        }
        shown(&self.figures, self.depth, &reached)
    }

    fn rate(&self) -> FeeRate {
        self.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        let providers = self.seats().end;
        self.graph()
            .map_or("", |graph| name_of(graph, providers, tx))
    }

    fn hears(&self) -> &'static [Kind] {
        &[kinds::SLICE_TALK, kinds::SLICE_POST, kinds::SLICE_BUNDLE]
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
        if begins(kinds::SLICE_TALK) {
            return match SliceTalk::from_bytes(body) {
                Ok(talk) => self.talked(seat, talk, with),
                Err(error) => refused(&error),
            };
        }
        let input = match begins(kinds::SLICE_POST) {
            true => Message::from_bytes(body)
                .map(Box::new)
                .map(ClientInput::Post),
            false => Message::from_bytes(body).map(ClientInput::Bundle),
        };
        let input = match input {
            Ok(input) => input,
            Err(error) => return refused(&error),
        };
        match self.step(&input) {
            Ok(()) => Ok(SmallHeard::Taken),
            Err(error) => SmallHeard::of_step(error),
        }
    }

    /// Own terms: this disk has forgotten what it held of them, and perhaps that they were funded.
    fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError> {
        let Ok(SliceTalk::Terms { json, .. }) = SliceTalk::from_bytes(body) else {
            return Ok(());
        };
        if self.signed().is_none() {
            self.kept.keep(LOST, &json)?;
            (self.ceremony, self.lost) = (None, Some(Lost::of(&json)?));
        }
        Ok(())
    }

    fn order(&mut self, order: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let SmallOrder::GiveUp { provider } = order else {
            return Err(SmallError::refused(
                "a slice ends by the providers' claims; what nobody claims goes back to its client by itself, after the refund's blocks",
            ));
        };
        let index = provider
            .checked_sub(1)
            .filter(|index| self.seats().contains(index));
        let index = index.ok_or_else(|| SmallError::refused("there is no such provider"))?;
        Ok(self.step(&ClientInput::GiveUp { index })?)
    }

    fn watched(&self) -> Vec<OutPoint> {
        let lost = self.lost.as_ref().map(|lost| &lost.terms);
        let terms = self.signed().map(|signed| &**signed.terms()).or(lost);
        terms.map_or_else(Vec::new, |terms| {
            onchain::watched(&terms.record().contribution)
        })
    }

    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        let providers = self.seats().end.into();
        let graph = self.graph();
        graph.map_or_else(Vec::new, |graph| onchain::watches(graph, providers, tx))
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.tip = tip;
        if let Some(lost) = &mut self.lost {
            lost.see(found);
        }
        self.look(found)
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        match (self.standing(), &mut self.lost) {
            ("lost", Some(lost)) => return lost.go_on(with),
            ("new", _) => {
                self.call(with);
                return Ok(());
            }
            _ => {}
        }
        let gives = self.given.give(&self.kept);
        self.says.extend(gives);
        self.carry_posts();
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
        matches!(self.standing(), "new" | "signed")
    }

    /// The result that most of those that were paid had sealed; evidence, where none of them had any.
    fn delivered(&self) -> Option<Delivered> {
        let opened = self.opened();
        let of_root = |root: &[u8; 32]| {
            let same = opened.iter().filter(
                |opened| matches!(opened, Opened::Result { root: other, .. } if other == root),
            );
            same.count()
        };
        let results = opened.iter().filter_map(|opened| match opened {
            Opened::Result { root, work } => Some((of_root(root), work)),
            Opened::False(_) => None,
        });
        if let Some((_, work)) = results.max_by_key(|(count, _)| *count) {
            let (what, bytes) = ("result", work.result.clone());
            return Some(Delivered { what, bytes });
        }
        opened.iter().find_map(|opened| match opened {
            Opened::False(evidence) => Some(Delivered {
                what: "evidence",
                bytes: evidence.to_bytes(),
            }),
            Opened::Result { .. } => None,
        })
    }

    fn publications(&self) -> Vec<Publication> {
        let due = Due {
            until: None,
            confirm: 1,
            at_stake: self.figures.price,
            secret: Secrecy::None,
        };
        let one = |name, tx, due| Publication { name, tx, due };
        let pending = self.machine.pending().into_iter();
        let published = pending.filter_map(|effect| match effect {
            ClientEffect::Publish(tx) => Some(one("Slice", tx, None)),
            ClientEffect::PublishRefund { tx, .. } => Some(one("Refund", tx, Some(due))),
            _ => None,
        });
        let lost = self.lost.iter().filter(|_| self.signed().is_none());
        let lost = lost.flat_map(|lost| lost.publishes(self.tip));
        let lost = lost.map(|tx| one("Refund", tx, Some(due)));
        published.chain(lost).collect()
    }

    fn coins(&self) -> Vec<OutPoint> {
        let is_unfunded = matches!(self.standing(), "signed" | "funding");
        let signed = self.signed().filter(|_| is_unfunded).into_iter();
        let coins = signed.flat_map(|of| &of.terms().record().contribution.coins);
        let signed = coins.map(|coin| coin.outpoint);
        let begun = self.ceremony.iter().flat_map(Ceremony::coins);
        signed.chain(begun).collect()
    }

    fn acts_at(&self) -> Option<u32> {
        if let (None, Some(lost)) = (self.signed(), &self.lost) {
            return lost.acts_at(self.tip);
        }
        let d = u32::from(self.figures.refund_blocks);
        let prices = self.machine.machine().prices().iter();
        let locked = prices.filter_map(|price| match price {
            ClientPrice::Locked { height, .. } => Some(height.saturating_add(d).saturating_sub(1)),
            _ => None,
        });
        locked.filter(|at| *at > self.tip).min()
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        match self.standing() {
            "new" | "refused" => self.is_late(),
            // A disk that went back may have forgotten that it was funded.
            "signed" => {
                let blocks = self.figures.refund_blocks.into();
                self.tip > self.figures.fund_height.saturating_add(blocks)
            }
            "lost" => self
                .lost
                .as_ref()
                .is_some_and(|lost| lost.is_over(self.tip, (self.depth, self.figures.fund_height))),
            standing => standing == "over",
        }
    }
}
