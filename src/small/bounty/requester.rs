//! The requester of a bounty between nodes.

mod lost;
mod side;

use std::collections::VecDeque;

use bitcoin::{
    Amount, Transaction,
    secp256k1::{PublicKey, Secp256k1, rand::rngs::OsRng},
};
use narthex_base::codec::Message;
use narthex_channel::{
    CoinSeen, Logged, StepError,
    bounty::{
        BountyFigures, BountyTalk, RequesterEffect, RequesterInput, RequesterMachine,
        RequesterStart,
    },
    log::Log,
};
use narthex_contracts::{
    bounty::{BountyError, BountyTerms, RecomputerOffer, Requester, RequesterBook},
    depth::Depth,
    graph::TxGraph,
    setup::{Agreement as _, ContractSignatures},
};
use narthex_game_model::market::LayerSet;

use super::{
    LACKS, LOST, READ,
    ceremony::{Ceremony, Follows, Own},
    heard, seats,
};
use crate::small::{SmallError, SmallHeard, Surroundings, Talk, apart::Kept, given::Given};
use lost::Lost;

/// How often a ceremony is begun anew since the start of a process: who lets each fail keeps nobody busy for ever.
const MAX_ATTEMPTS: u8 = 16;

/// The requester's side.
pub struct BountyRequester {
    machine: Logged<RequesterMachine, Box<dyn Log>>,
    kept: Kept,
    figures: BountyFigures,
    /// Id of the ask.
    ask: [u8; 32],
    depth: Depth,
    /// The chain as it was seen last.
    seen: (u32, CoinSeen),
    ceremony: Option<Ceremony>,
    attempts: u8,
    says: VecDeque<(Talk, Vec<u8>)>,
    /// What was done since the start: a link says nothing twice.
    done: Vec<RequesterEffect>,
    refund: Option<Transaction>,
    lost: Option<Lost>,
    given: Given,
}

impl BountyRequester {
    /// As its logs left it; asked for by the ask of this id.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        (figures, ask): (BountyFigures, [u8; 32]),
        depth: Depth,
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<BountyRequester, SmallError> {
        let kept = Kept::open(apart)?;
        let given = Given::new(figures.seats.len());
        Ok(BountyRequester {
            machine: Logged::open(RequesterMachine::default(), log)?,
            lost: kept.get(LOST).map(Lost::of).transpose()?,
            kept,
            figures,
            ask,
            depth,
            seen: (0, CoinSeen::Unfunded),
            ceremony: None,
            attempts: 0,
            says: VecDeque::new(),
            done: Vec::new(),
            refund: None,
            given,
        })
    }

    fn book(&self) -> Option<&RequesterBook> {
        self.machine.machine().book()
    }

    fn signed(&self) -> Option<&ContractSignatures<BountyTerms>> {
        self.book().map(RequesterBook::holdings)
    }

    fn graph(&self) -> Option<&TxGraph> {
        let lost = self.lost.as_ref().map(|lost| &*lost.graph);
        self.signed().map(|signed| &**signed.graph()).or(lost)
    }

    /// The signer, as the machine stands.
    fn signer(&self, with: &Surroundings<'_>) -> Result<Requester, SmallError> {
        let book = self.book();
        let book = book.ok_or(SmallError::Order("terms of a bounty"))?;
        let (held, record) = (book.holdings().clone(), book.record().clone());
        Ok(Requester::restore(held, with.identity, with.key, record)?)
    }

    fn say(&mut self, seat: u8, message: &impl Message) {
        self.says.push_back((Talk::Peer(seat), message.to_bytes()));
    }

    fn step(&mut self, input: &RequesterInput) -> Result<(), StepError<BountyError>> {
        self.machine.step(input).map(drop)
    }

    /// What it takes, or refuses for good: that it cannot yet is only of what others must do first.
    fn hears_input(&mut self, input: &RequesterInput) -> Result<SmallHeard, SmallError> {
        match self.step(input) {
            Ok(()) => Ok(SmallHeard::Taken),
            Err(StepError::Refused(error)) => Ok(heard(&error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether nobody would open what is funded now.
    fn is_late(&self) -> bool {
        let deep = Depth::LEAST.reached_at(self.seen.0.saturating_add(1));
        let blocks = u32::from(self.figures.round_blocks);
        deep >= self.figures.layer_height.saturating_add(blocks)
    }

    /// Another attempt, of which all are told.
    fn call(&mut self, with: &Surroundings<'_>) {
        let is_open = with.may_sign && with.node.is_some() && !self.is_late();
        if self.ceremony.is_some()
            || self.lost.is_some()
            || !is_open
            || self.attempts >= MAX_ATTEMPTS
        {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let ceremony = Ceremony::begin();
        let call = ceremony.call();
        for seat in (0u8..).take(self.figures.seats.len()) {
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

    /// All have offered: the terms follow, with the wallet's coins.
    fn propose(&mut self, with: &mut Surroundings<'_>) -> Result<Follows, SmallError> {
        let none = Follows {
            says: Vec::new(),
            held: None,
        };
        let (Some(node), Some(ceremony)) = (with.node, &mut self.ceremony) else {
            return Ok(none);
        };
        let mut amounts = self.figures.seats.iter().map(|seat| seat.amount);
        let total = amounts.try_fold(Amount::ZERO, Amount::checked_add);
        let total = total.ok_or_else(|| SmallError::refused("more than there is"))?;
        let rate = self.figures.rate;
        let (contribution, _) = with
            .wallet
            .contribute_keeping(total, rate, node, &with.reserve)?;
        let coins = contribution.coins.iter().map(|coin| coin.outpoint);
        let coins: Vec<_> = coins.collect();
        let own = Own {
            requester: PublicKey::from_secret_key(&Secp256k1::signing_only(), &with.identity),
            ask: self.ask,
            key: with.key,
            script: with.wallet.fresh_script(),
            contribution,
        };
        let proposed = ceremony.propose(&self.figures, own, &mut *with.bindings);
        if proposed.is_err() {
            with.wallet.free(coins);
        }
        Ok(proposed?)
    }

    /// What follows from a message of the ceremony. A ceremony that fails is begun anew.
    fn follow(
        &mut self,
        follows: Result<Follows, BountyError>,
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
            let start = RequesterStart { holdings, depth };
            // Shares are made once: a recomputer whose link is down when this process dies has them of the next.
            for (seat, talk) in &follows.says {
                self.given.keep(&mut self.kept, *seat, talk)?;
            }
            self.step(&RequesterInput::Held(Box::new(start)))?;
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
        talk: BountyTalk,
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let own = self.signed().map(|signed| *signed.terms().id());
        let is_of = |terms: &[u8; 32]| own.as_ref() == Some(terms);
        match talk {
            BountyTalk::Held { terms } if is_of(&terms) => {
                self.given.held(&mut self.kept, seat)?;
                return Ok(SmallHeard::Taken);
            }
            BountyTalk::Lacks {
                terms,
                set,
                missing,
            } if is_of(&terms) => {
                self.kept
                    .keep(LACKS + seat, &[set.mask(), missing.mask()])?;
                return Ok(SmallHeard::Taken);
            }
            _ => {}
        }
        // What is said in an attempt that is over is of no use any more.
        let Some(ceremony) = self.ceremony.as_mut().filter(|_| own.is_none()) else {
            return Ok(SmallHeard::Taken);
        };
        let follows = match talk {
            BountyTalk::Offer { salt, json } => {
                let offer = narthex_game_model::text::parsed(
                    &json,
                    serde_json::from_str::<RecomputerOffer>,
                );
                let offer = match offer {
                    Ok(offer) => offer,
                    Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
                };
                match ceremony.offered(&self.figures, seat, (salt, offer)) {
                    Ok(false) => return Ok(SmallHeard::Taken),
                    Ok(true) => match self.propose(with) {
                        Ok(follows) => Ok(follows),
                        Err(SmallError::Bounty(error)) => Err(error),
                        Err(error) => {
                            self.end_ceremony(with);
                            return Err(error);
                        }
                    },
                    Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
                }
            }
            BountyTalk::Nonces { terms, all } if ceremony.is_of(&terms) => match &all[..] {
                [one] => ceremony.nonces(seat, one),
                _ => return Ok(SmallHeard::Refused("nonces of others than its own".into())),
            },
            BountyTalk::Shares { terms, all } if ceremony.is_of(&terms) => {
                ceremony.shares(seat, &all)
            }
            BountyTalk::Again { terms } if ceremony.is_of(&terms) => {
                self.end_ceremony(with);
                return Ok(SmallHeard::Taken);
            }
            BountyTalk::Nonces { .. }
            | BountyTalk::Shares { .. }
            | BountyTalk::Again { .. }
            | BountyTalk::Held { .. }
            | BountyTalk::Lacks { .. } => return Ok(SmallHeard::Taken),
            BountyTalk::Call { .. } | BountyTalk::Terms { .. } => {
                return Ok(SmallHeard::Refused("that is the requester's to say".into()));
            }
        };
        self.follow(follows, with)
    }

    fn fund(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(node) = with.node.filter(|_| self.given.is_held_by_all(&self.kept)) else {
            return Ok(());
        };
        let mut psbt = match self.signer(with)?.funding_psbt(with.tip, node) {
            Ok(psbt) => psbt,
            // It is too late, and nothing was locked.
            Err(BountyError::Late { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let tx = with.wallet.sign_all(&mut psbt)?;
        Ok(self.step(&RequesterInput::Funded(tx))?)
    }

    /// Whom all other members lack the secrets of, as few as may be; those that have not delivered, if there are any.
    fn late(&self, undelivered: LayerSet) -> Option<LayerSet> {
        if !undelivered.is_empty() {
            return Some(undelivered);
        }
        let set = self.book()?.verdict().ok()?.paid;
        let lacks = |seat: u8| match self.kept.get(LACKS + seat) {
            Some([of, missing]) if *of == set.mask() => *missing,
            _ => 0,
        };
        let all = LayerSet::subsets(u8::try_from(self.figures.seats.len()).unwrap_or(0));
        let agreed = all.filter(|late| {
            let mut left = seats(set.without(*late));
            !late.is_empty()
                && late.is_subset_of(set)
                && left.all(|seat| lacks(seat) & late.mask() == late.mask())
        });
        agreed.min_by_key(|late| (late.len(), late.mask()))
    }

    fn leave_out(&mut self, undelivered: LayerSet) -> Result<(), SmallError> {
        let Some(late) = self.late(undelivered) else {
            return Ok(());
        };
        match self.step(&RequesterInput::LeaveOut(late)) {
            // So many that nobody is paid, or openings are to be closed with first.
            Ok(()) | Err(StepError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, tx: &Transaction) -> Result<(), SmallError> {
        let learned = self.book().map(|book| book.read(tx)).transpose()?;
        match learned.and_then(|learned| learned.result) {
            Some(result) => self.kept.keep(READ, &result),
            None => Ok(()),
        }
    }

    fn act(
        &mut self,
        effect: &RequesterEffect,
        with: &mut Surroundings<'_>,
    ) -> Result<(), SmallError> {
        match effect {
            RequesterEffect::Fund => return self.fund(with),
            RequesterEffect::SignSeal(_) => {
                // That it is due the machine has from the chain, whatever was looked at since the start.
                let due = self.figures.layer_height;
                let sealed = self.signer(with)?.seal(due)?;
                self.step(&RequesterInput::Sealed(Box::new(sealed)))?;
            }
            RequesterEffect::SignClosing(draft) => {
                let closed = self.signer(with)?.sign_closing(draft)?;
                self.step(&RequesterInput::Closed(Box::new(closed)))?;
            }
            RequesterEffect::Ask { undelivered } => return self.leave_out(*undelivered),
            RequesterEffect::Refund if self.refund.is_none() => {
                self.refund = Some(self.signer(with)?.refund(&mut OsRng)?);
            }
            effect if self.done.contains(effect) => {}
            RequesterEffect::Seal(seal) => {
                seats(seal.envelope.seats()).for_each(|seat| self.say(seat, &**seal));
            }
            RequesterEffect::Close(closing) => {
                seats(closing.opened()).for_each(|seat| self.say(seat, &**closing));
            }
            RequesterEffect::Grant(grant) => {
                seats(grant.set).for_each(|seat| self.say(seat, grant));
            }
            RequesterEffect::Read(tx) => self.read(tx)?,
            RequesterEffect::Publish(_)
            | RequesterEffect::Cancel(_)
            | RequesterEffect::Refund
            | RequesterEffect::Look => return Ok(()),
        }
        if !self.done.contains(effect) {
            self.done.push(effect.clone());
        }
        Ok(())
    }
}
