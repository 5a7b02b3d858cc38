//! The requester of a bounty.

use bitcoin::Transaction;
use narthex_contracts::{
    bounty::{
        BountyError, BountyTerms, Closing, ClosingDraft, Coin, Delivery, Envelope, Grant, Opening,
        RequesterBook, RequesterDuty, Seal, Share, settlement,
    },
    depth::Depth,
    graph::TxGraph,
    setup::{Agreement, ContractSignatures},
};
use narthex_game_model::market::LayerSet;

use super::{CoinSeen, out_of_order};
use crate::{Machine, Step};

/// What a requester begins with: the signatures of the ceremony, and its policy.
#[derive(Clone)]
pub struct RequesterStart {
    /// Its signatures, with the terms.
    pub holdings: ContractSignatures<BountyTerms>,
    /// How deep what spends the coin must be before the bounty is over for it.
    pub depth: Depth,
}

impl PartialEq for RequesterStart {
    fn eq(&self, other: &Self) -> bool {
        let of = |start: &Self| (*start.holdings.terms().id(), start.depth);
        of(self) == of(other) && self.holdings.to_bytes() == other.holdings.to_bytes()
    }
}

impl Eq for RequesterStart {}

impl std::fmt::Debug for RequesterStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RequesterStart({} deep)", self.depth)
    }
}

/// Where the coin is, by the requester's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequesterCoin {
    /// Not confirmed.
    Unfunded {
        /// A funding that is published now could be deep in time for the openings.
        has_room: bool,
    },
    /// Locked.
    Locked {
        /// Height that confirmed it.
        height: u32,
        /// [`BountyTerms::last_mark`] of the tip.
        mark: u32,
    },
    /// Gone.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
        /// Whom a settlement paid; nobody if it was cancelled or refunded.
        paid: LayerSet,
    },
}

/// What comes to the requester.
#[derive(Clone, Debug)]
pub enum RequesterInput {
    /// The ceremony is over.
    Held(Box<RequesterStart>),
    /// The wallet has signed the funding.
    Funded(Transaction),
    /// Where the coin is, with the tip.
    Coin {
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        coin: CoinSeen,
    },
    /// The envelope, as far as it goes.
    Envelope(Box<Envelope>),
    /// The signer has sealed.
    Sealed(Box<Seal>),
    /// A recomputer opens its layer.
    Opening(Box<Opening>),
    /// Its owner leaves out those who withhold a delivery, or a secret, as the members tell.
    LeaveOut(LayerSet),
    /// The signer has closed.
    Closed(Box<Closing>),
    /// A result, encrypted.
    Delivery(Box<Delivery>),
    /// A secret that gives everything back.
    Share(Share),
    /// A settlement, seen in a block or waiting for one.
    Settlement(Transaction),
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequesterChange {
    /// The ceremony is over.
    Held(Box<RequesterStart>),
    /// The funding, signed.
    Funded(Transaction),
    /// The coin is there now.
    Coin(RequesterCoin),
    /// An envelope came.
    Envelope(Box<Envelope>),
    /// It has sealed.
    Sealed(Box<Seal>),
    /// A layer is opened.
    Opening(Box<Opening>),
    /// These are to be left out.
    LeaveOut(LayerSet),
    /// It has closed.
    Closed(Box<Closing>),
    /// A result came.
    Delivery(Box<Delivery>),
    /// All of this set have delivered: its settlement is granted.
    Granted(LayerSet),
    /// A secret came.
    Share(Share),
    /// A settlement has shown the sum of its secrets.
    Settled(Transaction),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequesterEffect {
    /// Have the wallet sign the funding: [`RequesterInput::Funded`].
    Fund,
    /// Publish the funding.
    Publish(Transaction),
    /// Have this sealed: [`RequesterInput::Sealed`].
    SignSeal(Box<Envelope>),
    /// Send the seal to those in the envelope.
    Seal(Box<Seal>),
    /// Have this closed: [`RequesterInput::Closed`].
    SignClosing(Box<ClosingDraft>),
    /// Send the closing to those who opened.
    Close(Box<Closing>),
    /// Send the consent to all whom it pays.
    Grant(Grant),
    /// Ask the members whose secrets they lack: [`RequesterInput::LeaveOut`].
    Ask {
        /// Who has not delivered.
        undelivered: LayerSet,
    },
    /// Publish the cancellation, with a child that pays for it.
    Cancel(Transaction),
    /// Have the refund signed, and publish it with a child that pays for it.
    Refund,
    /// Find the settlement that spends the coin: [`RequesterInput::Settlement`].
    Look,
    /// Read the result out of this settlement ([`RequesterBook::read`]).
    Read(Transaction),
}

/// The requester of one bounty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequesterMachine {
    book: Option<RequesterBook>,
    depth: Depth,
    funding: Option<Transaction>,
    coin: Option<RequesterCoin>,
    /// Ordered, and not closed with yet.
    leaving: Option<LayerSet>,
    settlement: Option<Transaction>,
}

impl RequesterMachine {
    /// What it knows, once the ceremony is over.
    pub const fn book(&self) -> Option<&RequesterBook> {
        self.book.as_ref()
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some(book) = &self.book else {
            return "new";
        };
        let (height, mark) = match self.coin {
            Some(RequesterCoin::Unfunded { has_room: false }) => return "abandoned",
            None | Some(RequesterCoin::Unfunded { .. }) => {
                return match self.funding {
                    None => "signed",
                    Some(_) => "funding",
                };
            }
            Some(RequesterCoin::Spent { is_deep, paid }) => {
                let is_read = paid.is_empty() || book.record().settled == Some(paid);
                return match (is_read, is_deep) {
                    (false, _) => "spent",
                    (true, false) => "settled",
                    (true, true) => "over",
                };
            }
            Some(RequesterCoin::Locked { height, mark }) => (height, mark),
        };
        let record = book.record();
        match book.duty(mark, Coin::Locked { height }) {
            RequesterDuty::Refund => "refunding",
            RequesterDuty::Seal => "sealing",
            RequesterDuty::Cancel if self.draft(book, mark).is_none() => "cancelling",
            _ if record.seal.is_none() => "layering",
            _ if self.draft(book, mark).is_some() => "closing",
            RequesterDuty::CloseAgain { .. } => "asking",
            _ if record.closing.is_none() => "sealed",
            _ => match self.grant(book) {
                Some(_) => "granted",
                None => "closed",
            },
        }
    }

    /// What is to be closed next: without those who are left out, or with openings that came since.
    fn draft(&self, book: &RequesterBook, mark: u32) -> Option<ClosingDraft> {
        if let Some(late) = self.leaving {
            return book.to_leave_out(mark, late).ok();
        }
        let draft = book.to_close(mark).ok()?;
        let known = book.record().closing.as_ref();
        known.is_none_or(|known| !draft.is(known)).then_some(draft)
    }

    /// What those who are paid may have.
    fn grant(&self, book: &RequesterBook) -> Option<Grant> {
        let set = book.verdict().ok()?.paid;
        let is_granted = book.record().granted.contains(&set);
        is_granted.then(|| book.to_grant().ok()).flatten()
    }

    fn taken(&self, input: &RequesterInput) -> Result<Option<RequesterChange>, BountyError> {
        use RequesterChange as Change;
        let what = "this";
        let Some(book) = &self.book else {
            return match input {
                RequesterInput::Held(start) => {
                    // Whether they are the requester's.
                    RequesterBook::new(start.holdings.clone())?;
                    Ok(Some(Change::Held(start.clone())))
                }
                _ => out_of_order(what, "nothing is signed yet"),
            };
        };
        let state = self.standing();
        if state == "over" {
            return match input {
                RequesterInput::Coin { .. } => Ok(None),
                _ => out_of_order(what, "the bounty is over"),
            };
        }
        let change = match input {
            RequesterInput::Held(start) => {
                let same = start.depth == self.depth
                    && start.holdings.terms().id() == book.terms().id()
                    && start.holdings.to_bytes() == book.holdings().to_bytes();
                return match same {
                    true => Ok(None),
                    false => out_of_order("a ceremony", "another's is over"),
                };
            }
            RequesterInput::Funded(tx) => {
                let found = tx.compute_txid();
                if book.holdings().graph().txid(TxGraph::FUNDING) != Some(found) {
                    return out_of_order("a funding", "it is another's");
                }
                return match (&self.funding, state) {
                    // Signed twice, it is the same transaction: the one that was written first is published.
                    (Some(_), _) => Ok(None),
                    (None, "signed") => Ok(Some(Change::Funded(tx.clone()))),
                    _ => out_of_order("a funding", "it is funded, or too late"),
                };
            }
            RequesterInput::Coin { tip, coin } => Change::Coin(self.see(book, *tip, *coin)),
            RequesterInput::Envelope(envelope) => {
                book.check_envelope(envelope)?;
                Change::Envelope(envelope.clone())
            }
            RequesterInput::Sealed(seal) => {
                seal.verify(book.terms())?;
                match (&book.record().seal, self.to_seal(book)) {
                    (Some(known), _) if known == &**seal => {}
                    (None, Some(envelope)) if envelope == seal.envelope => {}
                    _ => return out_of_order("a seal", "it is not of what is to be sealed"),
                }
                Change::Sealed(seal.clone())
            }
            RequesterInput::Opening(opening) => {
                book.check_opening(opening)?;
                Change::Opening(opening.clone())
            }
            RequesterInput::LeaveOut(late) => {
                let Some(RequesterCoin::Locked { mark, .. }) = self.coin else {
                    return out_of_order("to leave somebody out", "the coin is not locked");
                };
                if state == "refunding" {
                    return out_of_order("to leave somebody out", "the refund is due");
                }
                book.to_leave_out(mark, *late)?;
                Change::LeaveOut(*late)
            }
            RequesterInput::Closed(closing) => {
                closing.verify(book.terms())?;
                let mark = match self.coin {
                    Some(RequesterCoin::Locked { mark, .. }) => mark,
                    _ => 0,
                };
                let draft = self.draft(book, mark);
                match &book.record().closing {
                    Some(known) if known == &**closing => return Ok(None),
                    _ if draft.is_some_and(|draft| draft.is(closing)) => {}
                    _ => return out_of_order("a closing", "it is not what is to be closed"),
                }
                Change::Closed(closing.clone())
            }
            RequesterInput::Delivery(delivery) => {
                book.check_delivery(delivery)?;
                Change::Delivery(delivery.clone())
            }
            RequesterInput::Share(share) => {
                book.check_share(share)?;
                Change::Share(*share)
            }
            RequesterInput::Settlement(tx) => {
                book.read(tx)?;
                Change::Settled(tx.clone())
            }
        };
        let mut after = self.clone();
        after.apply(&change);
        Ok((after != *self).then_some(change))
    }

    /// Where the coin is, by the own policy.
    fn see(&self, book: &RequesterBook, tip: u32, coin: CoinSeen) -> RequesterCoin {
        let terms = book.terms();
        match coin {
            CoinSeen::Unfunded => RequesterCoin::Unfunded {
                has_room: book.has_room(tip),
            },
            CoinSeen::Locked { height } => RequesterCoin::Locked {
                height,
                mark: terms.last_mark(tip),
            },
            CoinSeen::Spent { height, by } => {
                let graph = book.holdings().graph();
                let pays = |set: &LayerSet| {
                    let node = settlement(terms, *set).ok();
                    node.and_then(|node| graph.txid(node)) == Some(by)
                };
                RequesterCoin::Spent {
                    is_deep: self.depth.is_reached(height, tip),
                    paid: terms.sets().find(pays).unwrap_or_default(),
                }
            }
        }
    }

    fn to_seal(&self, book: &RequesterBook) -> Option<Envelope> {
        match self.coin {
            Some(RequesterCoin::Locked { mark, .. }) => book.to_seal(mark).ok(),
            _ => None,
        }
    }

    fn due(&self) -> Vec<RequesterEffect> {
        use RequesterEffect as Effect;
        let Some(book) = &self.book else {
            return Vec::new();
        };
        let (height, mark) = match (self.coin, self.standing()) {
            (_, "signed") => return vec![Effect::Fund],
            (_, "funding") => {
                let tx = self.funding.clone();
                return tx.map(Effect::Publish).into_iter().collect();
            }
            (_, "spent") => return vec![Effect::Look],
            (_, "settled") => {
                let tx = self.settlement.clone();
                return tx.map(Effect::Read).into_iter().collect();
            }
            (_, "refunding") => return vec![Effect::Refund],
            (Some(RequesterCoin::Locked { height, mark }), _) => (height, mark),
            _ => return Vec::new(),
        };
        let (mut due, record) = (Vec::new(), book.record());
        let Some(seal) = &record.seal else {
            if book.duty(mark, Coin::Locked { height }) == RequesterDuty::Seal {
                due.extend(self.to_seal(book).map(Box::new).map(Effect::SignSeal));
            }
            return due;
        };
        match (&record.closing, self.grant(book)) {
            (None, _) => due.push(Effect::Seal(Box::new(seal.clone()))),
            (Some(closing), None) => due.push(Effect::Close(Box::new(closing.clone()))),
            (Some(_), Some(grant)) => due.push(Effect::Grant(grant)),
        }
        if let Some(draft) = self.draft(book, mark) {
            due.push(Effect::SignClosing(Box::new(draft)));
            return due;
        }
        match book.duty(mark, Coin::Locked { height }) {
            RequesterDuty::CloseAgain { undelivered } => due.push(Effect::Ask { undelivered }),
            RequesterDuty::Cancel => {
                // All secrets are there, so it is complete.
                let tx = book.cancel().ok().flatten();
                due.extend(tx.map(Effect::Cancel));
            }
            _ => {}
        }
        due
    }
}

impl Machine for RequesterMachine {
    type Input = RequesterInput;
    type Change = RequesterChange;
    type Effect = RequesterEffect;
    type Error = BountyError;

    /// The effects of a step are those that were not due before it.
    fn step(
        &self,
        input: &RequesterInput,
    ) -> Result<Step<RequesterChange, RequesterEffect>, BountyError> {
        let Some(change) = self.taken(input)? else {
            return Ok(Step::seen(self.due()));
        };
        let (before, mut after) = (self.due(), self.clone());
        after.apply(&change);
        let mut changes = vec![change];
        // The delivery that was missing: consent follows from it, and is written down with it.
        if let Some(book) = &after.book
            && let (Ok(grant), true) = (
                book.to_grant(),
                matches!(input, RequesterInput::Delivery(_)),
            )
            && !book.record().granted.contains(&grant.set)
        {
            changes.push(RequesterChange::Granted(grant.set));
            after.apply(&RequesterChange::Granted(grant.set));
        }
        let mut new = after.due();
        new.retain(|effect| !before.contains(effect));
        Ok(Step::new(changes, new))
    }

    fn apply(&mut self, change: &RequesterChange) {
        if let RequesterChange::Held(start) = change {
            // What is of another party was refused, or not read back.
            self.book = RequesterBook::new(start.holdings.clone()).ok();
            self.depth = start.depth;
        }
        let Some(book) = &mut self.book else {
            return;
        };
        match change {
            RequesterChange::Held(_) => {}
            RequesterChange::Funded(tx) => self.funding = Some(tx.clone()),
            RequesterChange::Coin(coin) => self.coin = Some(*coin),
            RequesterChange::Envelope(envelope) => book.hold_envelope(envelope),
            RequesterChange::Sealed(seal) => book.hold_seal(seal),
            RequesterChange::Opening(opening) => book.hold_opening(opening),
            RequesterChange::LeaveOut(late) => self.leaving = Some(*late),
            RequesterChange::Closed(closing) => {
                book.hold_closing(closing);
                self.leaving = None;
            }
            RequesterChange::Delivery(delivery) => book.hold_delivery(delivery),
            RequesterChange::Granted(set) => book.hold_granted(*set),
            RequesterChange::Share(share) => book.hold_share(share),
            RequesterChange::Settled(tx) => {
                // It was read before it was written down.
                if let Ok(learned) = book.read(tx) {
                    book.hold_learned(&learned);
                    self.settlement = Some(tx.clone());
                }
            }
        }
    }

    fn pending(&self) -> Vec<RequesterEffect> {
        self.due()
    }
}
