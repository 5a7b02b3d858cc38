//! A recomputer of a bounty between nodes: it talks with the requester, and with each other recomputer over a link of their own.

mod side;

use std::collections::VecDeque;

use bitcoin::{Transaction, secp256k1::PublicKey};
use narthex_base::codec::Message;
use narthex_channel::{
    CoinSeen, Logged, StepError,
    bounty::{
        BountyFigures, BountyTalk, RecomputerEffect, RecomputerInput, RecomputerMachine,
        RecomputerStart,
    },
    log::Log,
};
use narthex_contracts::{
    bounty::{Answer, BountyError, BountyTerms, Envelope, Recomputer, RecomputerBook},
    depth::Depth,
    setup::{Agreement as _, ContractSignatures},
};
use narthex_game_model::market::LayerSet;

use super::{
    BEFORE, RESULT, heard,
    joining::{Joined, Place, Session},
    seats,
};
use crate::small::{
    SmallError, SmallHeard, SmallSide as _, Surroundings, Talk, apart::Kept, line_up::place_of,
};

/// Where the requester is among a recomputer's talks.
const REQUESTER: Talk = Talk::Peer(0);

/// A settlement that is complete.
struct Settlement {
    set: LayerSet,
    tx: Transaction,
    /// Tip at which it was complete, as this process saw it.
    since: u32,
}

/// A recomputer's side.
pub struct BountyRecomputer {
    machine: Logged<RecomputerMachine, Box<dyn Log>>,
    kept: Kept,
    place: Place,
    session: Session,
    /// The chain as it was seen last.
    seen: (u32, CoinSeen),
    says: VecDeque<(Talk, Vec<u8>)>,
    /// What was done since the start: a link says nothing twice.
    done: Vec<RecomputerEffect>,
    is_told_held: bool,
    lacked: Option<BountyTalk>,
    settlement: Option<Settlement>,
}

impl BountyRecomputer {
    /// As its logs left it; of a bounty that this node has asked for, with the id of its ask.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        figures: BountyFigures,
        (ask, requester): ([u8; 32], PublicKey),
        (seat, depth): (u8, Depth),
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<BountyRecomputer, SmallError> {
        let place = Place {
            figures,
            ask,
            requester,
            seat,
            depth,
        };
        Ok(BountyRecomputer {
            machine: Logged::open(RecomputerMachine::default(), log)?,
            kept: Kept::open(apart)?,
            place,
            session: Session::default(),
            seen: (0, CoinSeen::Unfunded),
            says: VecDeque::new(),
            done: Vec::new(),
            is_told_held: false,
            lacked: None,
            settlement: None,
        })
    }

    fn book(&self) -> Option<&RecomputerBook> {
        self.machine.machine().book()
    }

    fn signed(&self) -> Option<&ContractSignatures<BountyTerms>> {
        self.book().map(RecomputerBook::holdings)
    }

    /// The signer, as the machine stands.
    fn signer(&self, with: &Surroundings<'_>) -> Result<Recomputer, SmallError> {
        let book = self.book();
        let book = book.ok_or(SmallError::Order("terms of a bounty"))?;
        let (held, record) = (book.holdings().clone(), book.record().clone());
        let seed = self.place.seed(&book.terms().record().call.salt, with);
        Ok(Recomputer::restore(held, with.identity, seed, record)?)
    }

    fn say(&mut self, to: Talk, message: &impl Message) {
        self.says.push_back((to, message.to_bytes()));
    }

    /// To all other recomputers of a set.
    fn say_to(&mut self, set: LayerSet, message: &impl Message) {
        let own = self.place.seat;
        for seat in seats(set).filter(|seat| *seat != own) {
            self.say(Talk::Peer(place_of(seat)), message);
        }
    }

    fn all(&self) -> LayerSet {
        LayerSet::full(u8::try_from(self.place.figures.seats.len()).unwrap_or(0))
    }

    fn step(&mut self, input: &RecomputerInput) -> Result<(), StepError<BountyError>> {
        self.machine.step(input).map(drop)
    }

    fn hears_input(&mut self, input: &RecomputerInput) -> Result<SmallHeard, SmallError> {
        match self.step(input) {
            Ok(()) => Ok(SmallHeard::Taken),
            // An opening may come before the seal that it is of, by another link; and all before this node has seen the coin.
            Err(StepError::Refused(BountyError::Phase { .. }))
                if self.waits(input) || self.seen.1 == CoinSeen::Unfunded =>
            {
                Ok(SmallHeard::Later)
            }
            // After T − B nothing is given any more: that does not pass.
            Err(StepError::Refused(error @ BountyError::Time { .. }))
                if matches!(input, RecomputerInput::Grant { .. }) =>
            {
                Ok(SmallHeard::Refused(error.to_string()))
            }
            Err(StepError::Refused(error)) => Ok(heard(&error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what is refused is of a seal that may come.
    fn waits(&self, input: &RecomputerInput) -> bool {
        let record = self.book().map(RecomputerBook::record);
        let is_sealed = record.is_some_and(|record| record.seal.is_some());
        let is_late = self.seen.0 >= self.place.figures.refund_height;
        matches!(input, RecomputerInput::Opening(_)) && !is_sealed && !is_late
    }

    fn talked(
        &mut self,
        talk: BountyTalk,
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        if let Some(signed) = self.signed() {
            // Said again by a requester that went on; and to a recomputer that has signed nothing else is proposed.
            let is_known = match &talk {
                BountyTalk::Shares { terms, .. } | BountyTalk::Nonces { terms, .. } => {
                    terms == signed.terms().id()
                }
                _ => false,
            };
            return Ok(match is_known {
                true => SmallHeard::Taken,
                false => SmallHeard::Refused("a bounty was signed already".into()),
            });
        }
        let joined = self
            .session
            .hear(&self.place, talk, (&mut self.kept, with))?;
        match joined {
            Joined::Heard(heard) => Ok(heard),
            Joined::Says(talk) => {
                self.say(REQUESTER, &talk);
                Ok(SmallHeard::Taken)
            }
            Joined::Held(holdings) => {
                let (holdings, depth) = (*holdings, self.place.depth);
                let start = RecomputerStart { holdings, depth };
                self.step(&RecomputerInput::Held(Box::new(start)))?;
                Ok(SmallHeard::Taken)
            }
        }
    }

    /// An envelope: one that goes on from the own is heard; before there is an own one the longest that leaves room for it is kept.
    fn enveloped(&mut self, body: &[u8]) -> Result<SmallHeard, SmallError> {
        let Some(book) = self.book() else {
            return Ok(SmallHeard::Later);
        };
        let envelope = Envelope::from_bytes(body);
        let envelope = match envelope.map_err(BountyError::from) {
            Ok(envelope) => envelope,
            Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
        };
        if let Err(error) = envelope.verify(book.terms()) {
            return Ok(SmallHeard::Refused(error.to_string()));
        }
        let own = self.place.seat;
        if envelope.layer(own).is_some() {
            let (tip, envelope) = (self.seen.0, Box::new(envelope));
            return self.hears_input(&RecomputerInput::Envelope { tip, envelope });
        }
        let leaves_room = envelope.layers.iter().all(|layer| layer.seat < own);
        let known = self.before().map_or(0, |before| before.layers.len());
        if leaves_room && envelope.layers.len() > known {
            self.kept.keep(BEFORE, body)?;
        }
        Ok(SmallHeard::Taken)
    }

    fn before(&self) -> Option<Envelope> {
        Envelope::from_bytes(self.kept.get(BEFORE)?).ok()
    }

    /// From which height on it does not wait for those before it: each has its turn, and all are over a round before the layers are due.
    fn turn(&self) -> u32 {
        let figures = &self.place.figures;
        let margin = u32::from(figures.round_blocks / 2);
        let left = figures
            .seats
            .len()
            .saturating_sub(usize::from(self.place.seat));
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let before = u32::from(figures.round_blocks).saturating_add(margin.saturating_mul(left));
        figures.layer_height.saturating_sub(before)
    }

    /// The result is there, and so are the layers before it, or their time is over: a layer is ordered.
    fn layer(&mut self) -> Result<(), SmallError> {
        let (Some(book), "idle") = (self.book(), self.standing()) else {
            return Ok(());
        };
        let Some(result) = self.kept.get(RESULT) else {
            return Ok(());
        };
        let before = self.before();
        let before = before.unwrap_or_else(|| Envelope::new(book.terms()));
        let next = before.layers.last().map_or(0, |layer| layer.seat + 1);
        if next < self.place.seat && self.seen.0 < self.turn() {
            return Ok(());
        }
        let work = book.terms().work(result.to_vec());
        let before = Box::new(before);
        match self.step(&RecomputerInput::Work { before, work }) {
            // The coin is gone.
            Ok(()) | Err(StepError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn act(
        &mut self,
        effect: &RecomputerEffect,
        with: &mut Surroundings<'_>,
    ) -> Result<(), SmallError> {
        if self.done.contains(effect) {
            return Ok(());
        }
        match effect {
            RecomputerEffect::Sign { before, work } => {
                let layer = self.signer(with)?.sign(before, &work.result)?;
                self.step(&RecomputerInput::Layer(Box::new(layer)))?;
            }
            RecomputerEffect::Pass(envelope) => {
                self.say(REQUESTER, &**envelope);
                self.say_to(self.all(), &**envelope);
            }
            RecomputerEffect::Open => {
                let opening = self.signer(with)?.opening()?;
                self.say(REQUESTER, &opening);
                self.say_to(self.all(), &opening);
            }
            RecomputerEffect::Deliver { .. } | RecomputerEffect::GiveBack => {
                match self.signer(with)?.answer()? {
                    Answer::Deliver(made) => {
                        self.say(REQUESTER, &*made);
                        self.say_to(made.set, &*made);
                    }
                    Answer::GiveBack(share) => self.say(REQUESTER, &share),
                    Answer::Nothing => {}
                }
            }
            RecomputerEffect::Forward(_) => self.forward(with)?,
            RecomputerEffect::Settle { .. } => return self.settle(with),
        }
        self.done.push(effect.clone());
        Ok(())
    }

    /// Passes on what it has of the current set, to each other member over their own link. To the requester deliveries alone.
    fn forward(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(passed) = self.signer(with)?.forwards()? else {
            return Ok(());
        };
        for delivery in &passed.deliveries {
            self.say(REQUESTER, delivery);
        }
        self.say_to(passed.to, &passed.closing);
        for delivery in &passed.deliveries {
            self.say_to(passed.to, delivery);
        }
        if let Some(grant) = &passed.grant {
            self.say_to(passed.to, grant);
        }
        for share in &passed.shares {
            self.say_to(passed.to, share);
        }
        Ok(())
    }

    fn settle(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let (tip, coin) = self.seen;
        if !matches!(coin, CoinSeen::Locked { .. }) {
            // Nothing was looked at since the start.
            return Ok(());
        }
        let Some((set, tx)) = self.signer(with)?.settle((tip, coin.into()))? else {
            return Ok(());
        };
        if self
            .settlement
            .as_ref()
            .is_none_or(|known| known.set != set)
        {
            let since = tip;
            self.settlement = Some(Settlement { set, tx, since });
        }
        Ok(())
    }

    /// The requester is told whose secrets it lacks, once their round is over.
    fn lack(&mut self) {
        let Some(book) = self.book() else {
            return;
        };
        let (terms, record) = (book.terms(), book.record());
        let Some(closing) = &record.closing else {
            return;
        };
        let Ok(verdict) = closing.verify(terms) else {
            return;
        };
        let (set, missing) = (verdict.paid, book.missing(verdict.paid));
        let due = terms.round_height(closing.round.saturating_add(1));
        let is_granted = record.grants.iter().any(|grant| grant.set == set);
        let is_due = is_granted && !missing.is_empty() && self.seen.0 >= due;
        let terms = *terms.id();
        let talk = BountyTalk::Lacks {
            terms,
            set,
            missing,
        };
        if is_due && self.lacked.as_ref() != Some(&talk) {
            self.say(REQUESTER, &talk);
            self.lacked = Some(talk);
        }
    }

    /// Whether it is this one's turn to pay for the settlement: whoever is first of the set does at once, each next a margin later, so that
    /// one child is enough; all when time is short.
    fn pays(&self, settlement: &Settlement) -> bool {
        let before = seats(settlement.set).filter(|seat| *seat < self.place.seat);
        let before = u32::try_from(before.count()).unwrap_or(u32::MAX);
        let turn = settlement.since.saturating_add(before);
        let blocks = u32::from(self.place.figures.round_blocks);
        let last = self.place.figures.refund_height.saturating_sub(blocks);
        self.seen.0 >= turn.min(last)
    }
}
