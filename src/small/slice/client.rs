//! The client of a gated slice between nodes.

mod lost;
mod side;

use std::collections::{BTreeSet, VecDeque};

use bitcoin::{
    Transaction,
    secp256k1::{PublicKey, Secp256k1, rand::rngs::OsRng},
};
use narthex_base::codec::Message;
use narthex_channel::{
    CoinSeen, Logged, StepError,
    log::Log,
    slice::{
        ClientEffect, ClientInput, ClientMachine, ClientStart, SliceConsent, SliceFigures,
        SliceTalk,
    },
};
use narthex_contracts::{
    depth::Depth,
    graph::TxGraph,
    setup::ContractSignatures,
    slice::{ClientBook, Opened, SliceError, SliceTerms},
};

use super::{
    LOST,
    ceremony::{Ceremony, Follows, Own},
};
use crate::small::{SmallError, SmallHeard, Surroundings, Talk, apart::Kept, given::Given};
use lost::Lost;

/// How often a ceremony is begun anew since the start of a process: who lets each fail keeps nobody busy for ever.
const MAX_ATTEMPTS: u8 = 16;

/// What is said once since the start: a link says nothing twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// To whom, whose.
    Post(u8, u8),
    /// To whom, whose.
    Bundle(u8, u8),
    /// Whose post is lacking.
    Lacks(u8),
}

/// The client's side.
pub struct SliceClient {
    machine: Logged<ClientMachine, Box<dyn Log>>,
    kept: Kept,
    figures: SliceFigures,
    /// What the providers bring; or whose does not hold.
    consents: Result<Vec<SliceConsent>, u8>,
    /// Id of the ask.
    ask: [u8; 32],
    depth: Depth,
    /// The chain as it was seen last.
    tip: u32,
    ceremony: Option<Ceremony>,
    attempts: u8,
    given: Given,
    says: VecDeque<(Talk, Vec<u8>)>,
    done: BTreeSet<Said>,
    lost: Option<Lost>,
}

impl SliceClient {
    /// As its logs left it; asked for by the ask of this id, to which the providers have brought this, in their order.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        (figures, brought): (SliceFigures, &[&[u8]]),
        (ask, depth): ([u8; 32], Depth),
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<SliceClient, SmallError> {
        let kept = Kept::open(apart)?;
        Ok(SliceClient {
            machine: Logged::open(ClientMachine::default(), log)?,
            lost: kept.get(LOST).map(Lost::of).transpose()?,
            kept,
            consents: consents_of(&figures, &ask, brought),
            given: Given::new(figures.seats.len()),
            figures,
            ask,
            depth,
            tip: 0,
            ceremony: None,
            attempts: 0,
            says: VecDeque::new(),
            done: BTreeSet::new(),
        })
    }

    fn book(&self) -> Option<&ClientBook> {
        self.machine.machine().book()
    }

    fn signed(&self) -> Option<&ContractSignatures<SliceTerms>> {
        self.book().map(ClientBook::holdings)
    }

    fn graph(&self) -> Option<&TxGraph> {
        let lost = self.lost.as_ref().map(|lost| &*lost.graph);
        self.signed().map(|signed| &**signed.graph()).or(lost)
    }

    fn seats(&self) -> std::ops::Range<u8> {
        0..u8::try_from(self.figures.seats.len()).unwrap_or(u8::MAX)
    }

    fn say(&mut self, seat: u8, message: &impl Message) {
        self.says.push_back((Talk::Peer(seat), message.to_bytes()));
    }

    /// Whether nobody would work for what is funded now.
    fn is_late(&self) -> bool {
        self.tip >= self.figures.fund_height
    }

    fn step(&mut self, input: &ClientInput) -> Result<(), StepError<SliceError>> {
        self.machine.step(input).map(drop)
    }

    /// Another attempt, of which all are told.
    fn call(&mut self, with: &Surroundings<'_>) {
        let is_open = with.may_sign && with.node.is_some() && !self.is_late();
        let is_spent = self.attempts >= MAX_ATTEMPTS;
        if self.ceremony.is_some() || self.lost.is_some() || !is_open || is_spent {
            return;
        }
        let Ok(consents) = &self.consents else {
            return;
        };
        self.attempts = self.attempts.saturating_add(1);
        let node = PublicKey::from_secret_key(&Secp256k1::signing_only(), &with.identity);
        let of = (&node, &self.ask);
        let ceremony = Ceremony::begin(&self.figures, of, &with.key, consents);
        let call = ceremony.call(consents);
        for seat in self.seats() {
            self.say(seat, &call);
        }
        self.ceremony = Some(ceremony);
    }

    /// Nothing was funded by it: its coins are free.
    fn end_ceremony(&mut self, with: &mut Surroundings<'_>) {
        if let Some(ceremony) = self.ceremony.take() {
            with.wallet.free(ceremony.coins());
        }
    }

    /// All have dealt: the terms follow, with the wallet's coins.
    fn propose(&mut self, with: &mut Surroundings<'_>) -> Result<Follows, SmallError> {
        let (Some(node), Some(ceremony), Ok(consents)) =
            (with.node, &mut self.ceremony, &self.consents)
        else {
            return Ok(Follows::nothing());
        };
        let deposit = self.figures.deposit();
        let deposit = deposit.ok_or_else(|| SmallError::refused("more than there is"))?;
        let rate = self.figures.rate;
        let (contribution, _) =
            with.wallet
                .contribute_keeping(deposit, rate, node, &with.reserve)?;
        let coins = contribution.coins.iter().map(|coin| coin.outpoint);
        let coins: Vec<_> = coins.collect();
        let own = Own {
            key: with.key,
            script: with.wallet.fresh_script(),
            contribution,
        };
        let proposed = ceremony.propose(&self.figures, (own, consents), &mut *with.bindings);
        if proposed.is_err() {
            with.wallet.free(coins);
        }
        Ok(proposed?)
    }

    /// What follows from a message of the ceremony. A ceremony that fails is begun anew.
    fn follow(
        &mut self,
        follows: Result<Follows, SliceError>,
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let follows = match follows {
            Ok(follows) => follows,
            Err(error) => {
                self.end_ceremony(with);
                return Ok(SmallHeard::Refused(error.to_string()));
            }
        };
        if let Some(holdings) = follows.held {
            let depth = self.depth;
            for (seat, talk) in &follows.says {
                self.given.keep(&mut self.kept, *seat, talk)?;
            }
            let start = ClientStart { holdings, depth };
            self.step(&ClientInput::Held(Box::new(start)))?;
            self.ceremony = None;
            return Ok(SmallHeard::Taken);
        }
        for (seat, talk) in follows.says {
            self.say(seat, &talk);
        }
        Ok(SmallHeard::Taken)
    }

    fn talked(
        &mut self,
        seat: u8,
        talk: SliceTalk,
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let own = self.signed().map(|signed| signed.terms().id());
        if let (SliceTalk::Held { terms }, Some(own)) = (&talk, &own)
            && terms == own
        {
            self.given.held(&mut self.kept, seat)?;
            return Ok(SmallHeard::Taken);
        }
        // What is said in an attempt that is over is of no use any more.
        let Some(ceremony) = self.ceremony.as_mut().filter(|_| own.is_none()) else {
            return Ok(SmallHeard::Taken);
        };
        let follows = match talk {
            SliceTalk::Deal { salt, dealing } => match ceremony.dealt(seat, (salt, &dealing)) {
                Ok(false) => return Ok(SmallHeard::Taken),
                Ok(true) => match self.propose(with) {
                    Ok(follows) => Ok(follows),
                    Err(SmallError::Slice(error)) => Err(error),
                    Err(error) => {
                        self.end_ceremony(with);
                        return Err(error);
                    }
                },
                Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
            },
            SliceTalk::Nonces { terms, all } if ceremony.is_of(&terms) => match &all[..] {
                [one] => ceremony.nonces(seat, one),
                _ => return Ok(SmallHeard::Refused("nonces of others than its own".into())),
            },
            SliceTalk::Shares { terms, all } if ceremony.is_of(&terms) => {
                ceremony.shares(seat, &all)
            }
            SliceTalk::Again { terms } if ceremony.is_of(&terms) => {
                self.end_ceremony(with);
                return Ok(SmallHeard::Taken);
            }
            SliceTalk::Nonces { .. }
            | SliceTalk::Shares { .. }
            | SliceTalk::Again { .. }
            | SliceTalk::Held { .. } => return Ok(SmallHeard::Taken),
            SliceTalk::Call { .. } | SliceTalk::Terms { .. } | SliceTalk::Lacks { .. } => {
                return Ok(SmallHeard::Refused("that is the client's to say".into()));
            }
        };
        self.follow(follows, with)
    }

    fn fund(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let node = with.node.filter(|_| self.given.is_held_by_all(&self.kept));
        let (Some(node), Some(book), false) = (node, self.book(), self.is_late()) else {
            return Ok(());
        };
        let mut psbt = book.funding_psbt(node)?;
        let tx = with.wallet.sign_all(&mut psbt)?;
        Ok(self.step(&ClientInput::Funded(tx))?)
    }

    /// Every post is carried to all other providers: those that have no link with each other are not late by that.
    fn carry_posts(&mut self) {
        let Some(book) = self.book() else {
            return;
        };
        let posts: Vec<_> = book.posts().cloned().collect();
        for post in posts {
            for to in self.seats().filter(|to| *to != post.from) {
                if self.done.insert(Said::Post(to, post.from)) {
                    self.say(to, &post);
                }
            }
        }
    }

    fn act(
        &mut self,
        effect: &ClientEffect,
        with: &mut Surroundings<'_>,
    ) -> Result<(), SmallError> {
        match effect {
            ClientEffect::Fund => self.fund(with)?,
            ClientEffect::Refund { index } => {
                let book = self.book().ok_or(SmallError::Order("terms of a slice"))?;
                let (index, tx) = (*index, book.refund(*index, &with.key, &mut OsRng)?);
                self.step(&ClientInput::Refunded { index, tx })?;
            }
            ClientEffect::HandOut { to, bundle } => {
                if self.done.insert(Said::Bundle(*to, bundle.from)) {
                    self.say(*to, bundle);
                }
            }
            ClientEffect::Ask { index } if self.done.insert(Said::Lacks(*index)) => {
                let terms = self.signed().map(|signed| signed.terms().id());
                let lacks = SliceTalk::Lacks {
                    terms: terms.unwrap_or_default(),
                    post_of: *index,
                };
                for to in self.seats().filter(|to| to != index) {
                    self.say(to, &lacks);
                }
            }
            // A claim is looked for with each look at the chain; what is published, the host does.
            ClientEffect::Ask { .. }
            | ClientEffect::Find { .. }
            | ClientEffect::Publish(_)
            | ClientEffect::PublishRefund { .. } => {}
        }
        Ok(())
    }

    /// Where each price is, and the secrets that claims show.
    fn look(&mut self, found: &[(u32, &Transaction)]) -> Result<(), SmallError> {
        let tip = self.tip;
        for index in self.seats() {
            let Some(graph) = self.signed().map(|signed| signed.graph().clone()) else {
                return Ok(());
            };
            let price = crate::small::onchain::seen(&graph, index.into(), found);
            self.step(&ClientInput::Price { index, tip, price })?;
            let finds = ClientEffect::Find { index };
            if let CoinSeen::Spent { by, .. } = price
                && self.machine.pending().contains(&finds)
                && let Some((_, tx)) = found.iter().find(|(_, tx)| tx.compute_txid() == by)
            {
                let tx = (*tx).clone();
                self.step(&ClientInput::Claim { index, tx })?;
            }
        }
        Ok(())
    }

    /// What the providers that were paid had sealed, as far as it is open.
    fn opened(&self) -> Vec<Opened> {
        let book = self.book().into_iter();
        let opened = book.flat_map(|book| self.seats().filter_map(|of| book.opened(of).ok()));
        opened.collect()
    }
}

/// What the providers bring, or whose does not hold: nothing is begun with that.
fn consents_of(
    figures: &SliceFigures,
    ask: &[u8; 32],
    brought: &[&[u8]],
) -> Result<Vec<SliceConsent>, u8> {
    let mut all = Vec::new();
    for (seat, bytes) in (0u8..).zip(brought) {
        let consent = SliceConsent::from_bytes(bytes).map_err(|_| seat)?;
        let checked = figures.check_seat(seat, ask, &consent.enrolment);
        let is_script = consent.script.is_p2tr() || consent.script.is_p2wpkh();
        if checked.is_err() || !is_script {
            return Err(seat);
        }
        all.push(consent);
    }
    match all.len() == figures.seats.len() {
        true => Ok(all),
        false => Err(u8::try_from(all.len()).unwrap_or(u8::MAX)),
    }
}
