//! A provider as its host sees it.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction};
use narthex_base::{
    codec::Message,
    kinds::{self, Kind},
};
use narthex_channel::{
    CoinSeen,
    slice::{ProviderEffect, ProviderInput, ProviderPrice, SliceTalk},
};
use narthex_contracts::slice::{Bundle, MAX_RESULT_BYTES, Post, ProviderBook};

use super::{
    super::{COMMITMENT, FAMILY, POSTED, RELEASED, WORK, name_of, shown},
    CLIENT, Said, SliceProvider,
};
use crate::{
    life::{Due, Secrecy},
    small::{
        Delivered, Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Surroundings, Talk,
        onchain,
    },
};

impl SliceProvider {
    /// Height of the own price's funding, as long as something follows from it.
    fn funded(&self) -> Option<u32> {
        match self.machine.machine().price() {
            ProviderPrice::Locked { height, .. } => Some(height),
            ProviderPrice::Claimed { funded, .. } => Some(funded),
            ProviderPrice::Unfunded | ProviderPrice::Spent { .. } => None,
        }
    }

    fn refund_height(&self) -> Option<u32> {
        let d = u32::from(self.place.figures.refund_blocks);
        self.funded().map(|height| height.saturating_add(d))
    }

    fn post_height(&self) -> Option<u32> {
        let blocks = u32::from(self.place.figures.post_blocks);
        self.funded().map(|height| height.saturating_add(blocks))
    }
}

impl SmallSide for SliceProvider {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "provider"
    }

    fn standing(&self) -> &'static str {
        match self.is_other {
            true => "forgotten",
            false => self.machine.machine().standing(),
        }
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let mut reached = vec![("seat", u64::from(self.place.seat) + 1)];
        let heights = [
            ("post_height", self.post_height()),
            ("refund_height", self.refund_height()),
        ];
        let heights = heights.into_iter();
        reached.extend(heights.filter_map(|(name, at)| Some((name, at?.into()))));
        let result = self.work().map(|work| work.result.len() as u64);
        reached.extend(result.map(|bytes| ("result_bytes", bytes)));
        if let Some(book) = self.book() {
            let needed = book.terms().participants().needed();
            reached.extend([
                ("posts", book.posts().count() as u64),
                ("shares", book.received() as u64),
                ("shares_needed", needed.into()),
                ("lies", self.machine.machine().lies().len() as u64),
            ]);
        }
        shown(&self.place.figures, self.place.depth, &reached)
    }

    fn rate(&self) -> FeeRate {
        self.place.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.signed().map_or("", |of| {
            name_of(of.graph(), of.terms().participants().size(), tx)
        })
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
        let begins = |kind: Kind| body.starts_with(kind.as_bytes());
        let refused = |error: &dyn std::fmt::Display| Ok(SmallHeard::Refused(error.to_string()));
        if begins(kinds::SLICE_TALK) {
            return match (SliceTalk::from_bytes(body), from) {
                (Ok(talk), CLIENT) => self.talked(talk, with),
                (Ok(_), _) => refused(&"that is the client's to say"),
                (Err(error), _) => refused(&error),
            };
        }
        if self.book().is_none() {
            // By a link that is faster than the client's.
            return Ok(match from {
                CLIENT => SmallHeard::Refused("nothing is signed yet".into()),
                _ => SmallHeard::Later,
            });
        }
        let input = match begins(kinds::SLICE_POST) {
            true => Message::from_bytes(body)
                .map(Box::new)
                .map(ProviderInput::Post),
            false => Message::from_bytes(body).map(ProviderInput::Bundle),
        };
        match input {
            Ok(input) => self.heard(&input),
            Err(error) => refused(&error),
        }
    }

    /// What it has said stays said: it says no other post, and no other bundle.
    fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError> {
        let begins = |kind: Kind| body.starts_with(kind.as_bytes());
        match () {
            () if begins(kinds::SLICE_POST) => match Post::from_bytes(body) {
                Ok(post) if post.from == self.place.seat => self.kept.keep(POSTED, body),
                _ => Ok(()),
            },
            () if begins(kinds::SLICE_BUNDLE) => match Bundle::from_bytes(body) {
                Ok(_) => self.kept.keep(RELEASED, body),
                Err(_) => Ok(()),
            },
            () => Ok(()),
        }
    }

    fn order(&mut self, _: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        Err(SmallError::refused(
            "a provider is given its result by `work`, and does the rest by itself",
        ))
    }

    /// The work: one, which it commits to.
    fn give(&mut self, bytes: &[u8]) -> Result<(), SmallError> {
        let result = bytes.len().checked_sub(COMMITMENT);
        let result = result.ok_or_else(|| SmallError::refused("a result without a commitment"))?;
        if result > MAX_RESULT_BYTES {
            return Err(SmallError::refused(format_args!(
                "a result of {result} bytes; at most {MAX_RESULT_BYTES} are sealed: give the hash of a longer one, which travels apart"
            )));
        }
        let is_committed = self.book().and_then(ProviderBook::opening).is_some();
        let is_open = matches!(
            self.machine.machine().standing(),
            "new" | "unfunded" | "working"
        );
        match self.kept.get(WORK) {
            Some(known) if known == bytes => Ok(()),
            Some(_) if is_committed => {
                Err(SmallError::refused("it has committed to another result"))
            }
            _ if !is_open => Err(SmallError::refused("it is too late for a result")),
            _ => {
                self.is_other = false;
                self.kept.keep(WORK, bytes)
            }
        }
    }

    fn watched(&self) -> Vec<OutPoint> {
        self.signed().map_or_else(Vec::new, |of| {
            onchain::watched(&of.terms().record().contribution)
        })
    }

    /// All prices, so that its owner sees who was paid.
    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        let providers = self.place.figures.seats.len();
        let providers = u32::try_from(providers).unwrap_or(u32::MAX);
        self.signed()
            .map_or_else(Vec::new, |of| onchain::watches(of.graph(), providers, tx))
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.seen.0 = tip;
        let Some(signed) = self.signed() else {
            return Ok(());
        };
        let price = onchain::seen(signed.graph(), self.place.seat.into(), found);
        self.seen = (tip, price);
        Ok(self.step(&ProviderInput::Price { tip, price })?)
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(terms) = self.signed().map(|signed| signed.terms().id()) else {
            return Ok(());
        };
        if self.done.insert(Said::Held) {
            self.say(CLIENT, &SliceTalk::Held { terms });
        }
        // What is signed has effects of its own: until nothing follows.
        loop {
            let before = self.machine.changes();
            self.show();
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

    /// Proof that somebody lied to it, once nobody is owed anything: it would let everybody read what else was released.
    fn delivered(&self) -> Option<Delivered> {
        let machine = self.machine.machine();
        let evidence = machine.lies().first()?;
        let is_ended = matches!(machine.standing(), "spent" | "over");
        is_ended.then(|| Delivered {
            what: "evidence",
            bytes: evidence.to_bytes(),
        })
    }

    fn publications(&self) -> Vec<Publication> {
        let due = Due {
            until: self.refund_height(),
            confirm: 1,
            at_stake: self.place.figures.price,
            // It opens the result: beside a refund it would be read, and perhaps not paid.
            secret: Secrecy::Written,
        };
        let pending = self.machine.pending().into_iter();
        let claims = pending.filter_map(|effect| match effect {
            ProviderEffect::Publish(tx) => Some(Publication {
                name: "Claim",
                tx,
                due: Some(due),
            }),
            _ => None,
        });
        claims.collect()
    }

    /// It releases without posts that are missing.
    fn acts_at(&self) -> Option<u32> {
        let is_posted = self.machine.machine().standing() == "posted";
        let at = self.post_height().filter(|at| *at > self.seen.0);
        at.filter(|_| is_posted)
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        match self.machine.machine().standing() {
            "new" => self.seen.0 > self.place.figures.fund_height,
            "unfunded" => self.seen.1 == CoinSeen::Unfunded && self.seen.0 > self.waits_until(),
            standing => standing == "over",
        }
    }
}
