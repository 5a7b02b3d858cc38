//! The requester of a bounty.

use bitcoin::Transaction;
use narthex_contracts::{
    bounty::{
        BountyError, BountyTerms, Closing, ClosingDraft, Delivery, Envelope, Grant, Opening,
        RequesterBook, RequesterDuty, Seal, Share, settlement,
    },
    depth::Depth,
    graph::TxGraph,
    setup::ContractSignatures,
};
use narthex_game_model::market::LayerSet;

use crate::{CoinSeen, Machine, Step};

/// What a requester begins with: the signatures of the ceremony, and its policy.
#[derive(Clone, PartialEq, Eq)]
pub struct RequesterStart {
    /// Its signatures, with the terms.
    pub holdings: ContractSignatures<BountyTerms>,
    /// How deep what spends the coin must be before the bounty is over for it.
    pub depth: Depth,
}

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

impl Default for RequesterCoin {
    /// Before it was looked for.
    fn default() -> Self {
        RequesterCoin::Unfunded { has_room: true }
    }
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
    /// These are to be left out, and who was before.
    LeaveOut(LayerSet),
    /// It has closed.
    Closed(Box<Closing>),
    /// A result came. The last one of those who are paid is the consent to their settlement.
    Delivery(Box<Delivery>),
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
    coin: RequesterCoin,
    /// Who is left out by the next closing, which was ordered, and is not signed yet.
    leaving: Option<LayerSet>,
    settlement: Option<Transaction>,
}

type Taking = Result<Option<RequesterChange>, BountyError>;

impl RequesterMachine {
    /// What it knows, once the ceremony is over.
    pub const fn book(&self) -> Option<&RequesterBook> {
        self.book.as_ref()
    }

    /// The funding, once it is signed.
    pub const fn funding(&self) -> Option<&Transaction> {
        self.funding.as_ref()
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some(book) = &self.book else {
            return "new";
        };
        let record = book.record();
        match self.coin {
            RequesterCoin::Unfunded { .. } => "unfunded",
            RequesterCoin::Locked { .. } if record.seal.is_none() => "layering",
            RequesterCoin::Locked { .. } if record.closing.is_none() => "sealed",
            RequesterCoin::Locked { .. } => "closed",
            RequesterCoin::Spent { is_deep, paid } => match is_deep && is_read(book, paid) {
                true => "over",
                false => "spent",
            },
        }
    }

    /// Book, mark and duty while the coin is locked.
    fn locked(&self) -> Option<(&RequesterBook, u32, RequesterDuty)> {
        match (&self.book, self.coin) {
            (Some(book), RequesterCoin::Locked { mark }) => {
                Some((book, mark, book.duty_of_locked(mark)))
            }
            _ => None,
        }
    }

    /// What is to be sealed now.
    fn to_seal(&self) -> Option<Envelope> {
        let (book, mark, duty) = self.locked()?;
        let is_due = duty == RequesterDuty::Seal;
        is_due.then(|| book.to_seal(mark).ok()).flatten()
    }

    /// What is to be closed now: without those who are left out, or with openings that came since.
    fn to_close(&self) -> Option<ClosingDraft> {
        let (book, mark, duty) = self.locked()?;
        if matches!(duty, RequesterDuty::Refund | RequesterDuty::Cancel) {
            return None;
        }
        if let Some(late) = self.leaving {
            return book.to_leave_out(mark, late).ok();
        }
        let draft = book.to_close(mark).ok()?;
        let known = book.record().closing.as_ref();
        known.is_none_or(|known| !draft.is(known)).then_some(draft)
    }

    fn taken(&self, input: &RequesterInput) -> Taking {
        use RequesterChange as Change;
        let Some(book) = &self.book else {
            return match input {
                RequesterInput::Held(start) => {
                    // Whether they are the requester's.
                    RequesterBook::new(start.holdings.clone())?;
                    Ok(Some(Change::Held(start.clone())))
                }
                _ => out_of_order(input, "nothing is signed yet"),
            };
        };
        if self.standing() == "over" {
            return match input {
                RequesterInput::Coin { .. } => Ok(None),
                _ => out_of_order(input, "the bounty is over"),
            };
        }
        let change = match input {
            RequesterInput::Held(start) => {
                return match start.depth == self.depth && start.holdings == *book.holdings() {
                    true => Ok(None),
                    false => out_of_order(input, "another's is over"),
                };
            }
            RequesterInput::Funded(tx) => {
                book.holdings().check_transaction(TxGraph::FUNDING, tx)?;
                return match (&self.funding, self.coin) {
                    // Signed twice, it is the same transaction: the one that was written first is published.
                    (Some(_), _) => Ok(None),
                    (None, RequesterCoin::Unfunded { has_room: true }) => {
                        Ok(Some(Change::Funded(tx.clone())))
                    }
                    _ => out_of_order(input, "it is there, or too late"),
                };
            }
            RequesterInput::Coin { tip, coin } => Change::Coin(self.see(book, *tip, *coin)),
            RequesterInput::Envelope(envelope) => {
                book.check_envelope(envelope)?;
                if book.record().seal.is_some() {
                    return Ok(None);
                }
                Change::Envelope(envelope.clone())
            }
            RequesterInput::Sealed(seal) => {
                seal.verify(book.terms())?;
                let to_seal = self.to_seal();
                match &book.record().seal {
                    Some(known) if known == &**seal => return Ok(None),
                    _ if to_seal.is_some_and(|envelope| envelope == seal.envelope) => {}
                    _ => return out_of_order(input, "it is not of what is to be sealed"),
                }
                Change::Sealed(seal.clone())
            }
            RequesterInput::Opening(opening) => {
                book.check_opening(opening)?;
                Change::Opening(opening.clone())
            }
            RequesterInput::LeaveOut(late) => {
                let Some((_, mark, duty)) = self.locked() else {
                    return out_of_order(input, "the coin is not locked");
                };
                if duty == RequesterDuty::Refund {
                    return out_of_order(input, "the refund is due");
                }
                let draft = book.to_leave_out(mark, *late)?;
                if self.leaving.is_none() && self.to_close().is_some() {
                    // Who has seen them refuses to go on without them.
                    return out_of_order(input, "openings came that are to be closed with first");
                }
                Change::LeaveOut(draft.late)
            }
            RequesterInput::Closed(closing) => {
                closing.verify(book.terms())?;
                let to_close = self.to_close();
                match &book.record().closing {
                    Some(known) if known == &**closing => return Ok(None),
                    _ if to_close.is_some_and(|draft| draft.is(closing)) => {}
                    _ => return out_of_order(input, "it is not what is to be closed"),
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
                if self.settlement.as_ref() == Some(tx) {
                    return Ok(None);
                }
                let learned = book.read(tx)?;
                match self.coin {
                    RequesterCoin::Spent { paid, .. } if paid != learned.set => {
                        return out_of_order(input, "another transaction spends the coin");
                    }
                    _ => Change::Settled(tx.clone()),
                }
            }
        };
        Ok(Some(change))
    }

    /// Where the coin is, by the own policy.
    fn see(&self, book: &RequesterBook, tip: u32, coin: CoinSeen) -> RequesterCoin {
        let terms = book.terms();
        match coin {
            CoinSeen::Unfunded => RequesterCoin::Unfunded {
                has_room: book.has_room(tip),
            },
            CoinSeen::Locked { .. } => RequesterCoin::Locked {
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

    /// What is to be done about a locked coin.
    fn of_locked(&self) -> Vec<RequesterEffect> {
        use RequesterEffect as Effect;
        let Some((book, _, duty)) = self.locked() else {
            return Vec::new();
        };
        let record = book.record();
        match duty {
            RequesterDuty::Refund => return vec![Effect::Refund],
            RequesterDuty::Cancel => {
                // All secrets are there, so it is complete.
                let tx = book.cancel().ok().flatten();
                return tx.map(Effect::Cancel).into_iter().collect();
            }
            _ => {}
        }
        let Some(seal) = &record.seal else {
            let seal = self.to_seal().map(Box::new).map(Effect::SignSeal);
            return seal.into_iter().collect();
        };
        let sent = match (&record.closing, book.to_grant()) {
            (None, _) => Effect::Seal(Box::new(seal.clone())),
            (Some(_), Ok(grant)) => Effect::Grant(grant),
            (Some(closing), Err(_)) => Effect::Close(Box::new(closing.clone())),
        };
        let next = match (self.to_close(), duty) {
            (Some(draft), _) => Some(Effect::SignClosing(Box::new(draft))),
            (None, RequesterDuty::CloseAgain { undelivered }) => Some(Effect::Ask { undelivered }),
            _ => None,
        };
        std::iter::once(sent).chain(next).collect()
    }
}

/// Whether whom a settlement paid was read out of it, if anybody was paid.
fn is_read(book: &RequesterBook, paid: LayerSet) -> bool {
    paid.is_empty() || book.record().settled == Some(paid)
}

/// Not as it stands, in words.
fn out_of_order<T>(input: &RequesterInput, why: &'static str) -> Result<T, BountyError> {
    let what = match input {
        RequesterInput::Held(_) => "a ceremony",
        RequesterInput::Funded(_) => "a funding",
        RequesterInput::Coin { .. } => "a look at the coin",
        RequesterInput::Envelope(_) => "an envelope",
        RequesterInput::Sealed(_) => "a seal",
        RequesterInput::Opening(_) => "an opening",
        RequesterInput::LeaveOut(_) => "to leave somebody out",
        RequesterInput::Closed(_) => "a closing",
        RequesterInput::Delivery(_) => "a delivery",
        RequesterInput::Share(_) => "a secret",
        RequesterInput::Settlement(_) => "a settlement",
    };
    Err(BountyError::Phase { what, why })
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
        Ok(Step::of_news(self, self.taken(input)?))
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
            RequesterChange::Coin(coin) => self.coin = *coin,
            RequesterChange::Envelope(envelope) => book.hold_envelope(envelope),
            RequesterChange::Sealed(seal) => book.hold_seal(seal),
            RequesterChange::Opening(opening) => {
                let known = book.record().openings.len();
                book.hold_opening(opening);
                // It is closed with first.
                let is_new = book.record().openings.len() > known;
                self.leaving = self.leaving.filter(|_| !is_new);
            }
            RequesterChange::LeaveOut(late) => self.leaving = Some(*late),
            RequesterChange::Closed(closing) => {
                book.hold_closing(closing);
                self.leaving = None;
            }
            RequesterChange::Delivery(delivery) => {
                let (set, seat) = (delivery.set, usize::from(delivery.seat));
                let is_late = book.undelivered(set).contains(seat);
                book.hold_delivery(delivery);
                // Who has delivered after all is not to be left out: those who saw it would refuse.
                let leaves = |late: &LayerSet| is_late && late.contains(seat);
                self.leaving = self.leaving.filter(|late| !leaves(late));
                if let Ok(grant) = book.to_grant() {
                    book.hold_granted(grant.set);
                }
            }
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
        use RequesterEffect as Effect;
        let Some(book) = &self.book else {
            return Vec::new();
        };
        let mut due = match (self.coin, &self.funding) {
            (RequesterCoin::Unfunded { has_room: true }, None) => vec![Effect::Fund],
            (RequesterCoin::Unfunded { has_room: true }, Some(tx)) => {
                vec![Effect::Publish(tx.clone())]
            }
            (RequesterCoin::Spent { paid, .. }, _) if !is_read(book, paid) => vec![Effect::Look],
            (RequesterCoin::Locked { .. }, _) => self.of_locked(),
            _ => Vec::new(),
        };
        due.extend(self.settlement.clone().map(Effect::Read));
        due
    }
}
