//! The client of a slice.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Transaction, Txid, secp256k1::SecretKey};
use narthex_contracts::{
    depth::Depth,
    graph::TxGraph,
    setup::ContractSignatures,
    slice::{Bundle, ClientBook, ClientDuty, Coin, Post, SliceError, SliceTerms, claim, refund},
};

use super::out_of_order;
use crate::{CoinSeen, Machine, Step};

/// What a client begins with: the signatures of the ceremony, and its policy.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientStart {
    /// Its signatures, with the terms.
    pub holdings: ContractSignatures<SliceTerms>,
    /// How deep a spend must be before the slice is over for it.
    pub depth: Depth,
}

impl std::fmt::Debug for ClientStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientStart({} deep)", self.depth)
    }
}

/// Where the price of a provider is, by the client's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientPrice {
    /// Not confirmed.
    Unfunded,
    /// Neither claimed nor refunded.
    Locked {
        /// Height that confirmed it.
        height: u32,
        /// The next block may hold the refund.
        is_due: bool,
    },
    /// Gone.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
        /// By the provider's claim, which shows its secret.
        is_claimed: bool,
    },
}

/// What comes to the client.
#[derive(Clone, Debug)]
pub enum ClientInput {
    /// The ceremony is over.
    Held(Box<ClientStart>),
    /// The wallet has signed the funding.
    Funded(Transaction),
    /// Where a provider's price is, with the tip.
    Price {
        /// Whose, from 0.
        index: u8,
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        price: CoinSeen,
    },
    /// A provider's post.
    Post(Box<Post>),
    /// What a provider released.
    Bundle(Bundle),
    /// A provider's claim, seen in a block or waiting for one.
    Claim {
        /// Whose, from 0.
        index: u8,
        /// The transaction.
        tx: Transaction,
    },
    /// The signer has signed the refund of a provider's price.
    Refunded {
        /// Whose, from 0.
        index: u8,
        /// The transaction.
        tx: Transaction,
    },
    /// The owner waits no longer for what a provider was paid for and showed to those only who paid it. Nothing else can say
    /// that it never comes: any of them may show it at any time.
    GiveUp {
        /// Whose, from 0.
        index: u8,
    },
}

/// What is written down.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientChange {
    /// The ceremony is over.
    Held(Box<ClientStart>),
    /// The funding, signed.
    Funded(Transaction),
    /// A price is there now.
    Price {
        /// Whose, from 0.
        index: u8,
        /// Where it is.
        price: ClientPrice,
    },
    /// A provider has committed to its work.
    Posted(Box<Post>),
    /// A provider has released its shares.
    Bundle(Bundle),
    /// A claim has shown its secret.
    Revealed {
        /// Whose, from 0.
        index: u8,
        /// s + u.
        secret: SecretKey,
    },
    /// A refund, signed.
    Refunded {
        /// Of whose price, from 0.
        index: u8,
        /// The transaction.
        tx: Transaction,
    },
    /// A post is not waited for any longer.
    GivenUp {
        /// Whose, from 0.
        index: u8,
    },
}

impl std::fmt::Debug for ClientChange {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held(start) => start.fmt(f),
            Self::Funded(tx) => write!(f, "Funded({})", tx.compute_txid()),
            Self::Price { index, price } => write!(f, "Price({index}, {price:?})"),
            Self::Posted(post) => write!(f, "Posted({})", post.from),
            Self::Bundle(bundle) => write!(f, "Bundle(of {})", bundle.from),
            Self::Revealed { index, .. } => write!(f, "Revealed({index})"),
            Self::Refunded { index, .. } => write!(f, "Refunded({index})"),
            Self::GivenUp { index } => write!(f, "GivenUp({index})"),
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEffect {
    /// Have the wallet sign the funding: [`ClientInput::Funded`].
    Fund,
    /// Publish the funding.
    Publish(Transaction),
    /// Give a provider what another released.
    HandOut {
        /// To whom, from 0.
        to: u8,
        /// The other's.
        bundle: Bundle,
    },
    /// Find the claim that spends a price: [`ClientInput::Claim`].
    Find {
        /// Whose, from 0.
        index: u8,
    },
    /// Ask the other providers for the post of one that was paid: who paid it has it, and its claim has shown what opens it.
    /// It comes as [`ClientInput::Post`].
    Ask {
        /// Whose, from 0.
        index: u8,
    },
    /// Have the refund of a provider's price signed: [`ClientInput::Refunded`].
    Refund {
        /// Whose, from 0.
        index: u8,
    },
    /// Publish a refund, with a child that pays for it.
    PublishRefund {
        /// Of whose price, from 0.
        index: u8,
        /// The transaction.
        tx: Transaction,
    },
}

/// The client of one slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientMachine {
    book: Option<ClientBook>,
    depth: Depth,
    funding: Option<Transaction>,
    prices: Vec<ClientPrice>,
    refunds: BTreeMap<u8, Transaction>,
    /// Whose posts are not waited for.
    given_up: BTreeSet<u8>,
}

type Taking = Result<Option<ClientChange>, SliceError>;

impl ClientMachine {
    /// What it knows, once the ceremony is over.
    pub const fn book(&self) -> Option<&ClientBook> {
        self.book.as_ref()
    }

    /// Where the prices are, in order of the providers.
    pub fn prices(&self) -> &[ClientPrice] {
        &self.prices
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some(book) = &self.book else {
            return "new";
        };
        let is = |what: fn(&ClientPrice) -> bool| self.prices.iter().any(what);
        if is(|price| *price == ClientPrice::Unfunded) {
            return match self.funding {
                None => "signed",
                Some(_) => "funding",
            };
        }
        if is(|price| matches!(price, ClientPrice::Locked { .. })) {
            return "running";
        }
        let is_done = |(index, price): (u8, &ClientPrice)| match price {
            ClientPrice::Spent {
                is_deep,
                is_claimed,
            } => *is_deep && (!is_claimed || self.lacks(book, index).is_none()),
            _ => false,
        };
        match (0..).zip(&self.prices).all(is_done) {
            true => "over",
            false => "ending",
        }
    }

    /// What is missing of what a claim pays for: the secret that it shows, then the post that this opens. With both the client
    /// has the work, or evidence that there is none ([`ClientBook::opened`]).
    fn lacks(&self, book: &ClientBook, index: u8) -> Option<ClientEffect> {
        if book.secret(index).is_none() {
            return Some(ClientEffect::Find { index });
        }
        let is_waited_for = book.post(index).is_none() && !self.given_up.contains(&index);
        is_waited_for.then_some(ClientEffect::Ask { index })
    }

    fn taken(&self, input: &ClientInput) -> Taking {
        let Some(book) = &self.book else {
            return match input {
                ClientInput::Held(start) => {
                    // Whether they are the client's.
                    ClientBook::new(start.holdings.clone())?;
                    Ok(Some(ClientChange::Held(start.clone())))
                }
                _ => out_of_order("nothing is signed yet"),
            };
        };
        let (state, holdings) = (self.standing(), book.holdings());
        if state == "over" {
            return match input {
                ClientInput::Price { .. } => Ok(None),
                _ => out_of_order("the slice is over"),
            };
        }
        match input {
            ClientInput::Held(start) => {
                match start.depth == self.depth && start.holdings == *holdings {
                    true => Ok(None),
                    false => out_of_order("another slice's ceremony is over"),
                }
            }
            ClientInput::Funded(tx) => {
                holdings.check_transaction(TxGraph::FUNDING, tx)?;
                match (&self.funding, state) {
                    (Some(known), _) if known == tx => Ok(None),
                    (None, "signed") => Ok(Some(ClientChange::Funded(tx.clone()))),
                    _ => out_of_order("funded twice, or too late"),
                }
            }
            ClientInput::Price { index, tip, price } => {
                let (index, known) = (*index, self.price(book, *index)?);
                let price = self.see(book, index, *tip, *price);
                Ok((price != known).then_some(ClientChange::Price { index, price }))
            }
            ClientInput::Post(post) => {
                let is_new = book.check_post(post)?;
                Ok(is_new.then(|| ClientChange::Posted(post.clone())))
            }
            ClientInput::Bundle(bundle) => {
                let is_new = book.check_bundle(bundle)?;
                Ok(is_new.then(|| ClientChange::Bundle(bundle.clone())))
            }
            ClientInput::Claim { index, tx } => {
                let (index, secret) = (*index, book.secret_of(*index, tx)?);
                match book.secret(index) {
                    Some(known) if *known == secret => Ok(None),
                    _ => Ok(Some(ClientChange::Revealed { index, secret })),
                }
            }
            ClientInput::Refunded { index, tx } => {
                let price = self.price(book, *index)?;
                holdings.check_transaction(refund(*index), tx)?;
                match (self.refunds.get(index), price) {
                    // Signed twice, it is the same transaction: the one that was written first is published.
                    (Some(_), _) => Ok(None),
                    (None, ClientPrice::Locked { is_due: true, .. }) => {
                        let (index, tx) = (*index, tx.clone());
                        Ok(Some(ClientChange::Refunded { index, tx }))
                    }
                    _ => out_of_order("a refund that is not due"),
                }
            }
            ClientInput::GiveUp { index } => {
                let (index, price) = (*index, self.price(book, *index)?);
                let is_paid = matches!(
                    price,
                    ClientPrice::Spent {
                        is_deep: true,
                        is_claimed: true
                    }
                );
                match self.lacks(book, index) {
                    _ if self.given_up.contains(&index) => Ok(None),
                    Some(ClientEffect::Ask { .. }) if is_paid => {
                        Ok(Some(ClientChange::GivenUp { index }))
                    }
                    _ => {
                        out_of_order("a post that is not waited for, or a payment that may be lost")
                    }
                }
            }
        }
    }

    /// Where a provider's price is known to be.
    fn price(&self, book: &ClientBook, index: u8) -> Result<ClientPrice, SliceError> {
        let providers = book.terms().participants().size();
        let found = self.prices.get(usize::from(index)).copied();
        found.ok_or(SliceError::Stranger { index, providers })
    }

    /// Where it is, by the own policy.
    fn see(&self, book: &ClientBook, index: u8, tip: u32, price: CoinSeen) -> ClientPrice {
        match price {
            CoinSeen::Unfunded => ClientPrice::Unfunded,
            CoinSeen::Locked { height } => ClientPrice::Locked {
                height,
                is_due: book.duty(tip, Coin::Locked { height }) == ClientDuty::Refund,
            },
            CoinSeen::Spent { height, by } => ClientPrice::Spent {
                is_deep: self.depth.is_reached(height, tip),
                is_claimed: is_claim(book, index, by),
            },
        }
    }
}

fn is_claim(book: &ClientBook, index: u8, by: Txid) -> bool {
    book.holdings().graph().txid(claim(index)) == Some(by)
}

impl Machine for ClientMachine {
    type Input = ClientInput;
    type Change = ClientChange;
    type Effect = ClientEffect;
    type Error = SliceError;

    /// The effects of a step are those that were not due before it.
    fn step(&self, input: &ClientInput) -> Result<Step<ClientChange, ClientEffect>, SliceError> {
        Ok(Step::of_new(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &ClientChange) {
        if let ClientChange::Held(start) = change {
            // What is of another party was refused, or not read back.
            self.book = ClientBook::new(start.holdings.clone()).ok();
            self.depth = start.depth;
            let size = start.holdings.terms().participants().size();
            self.prices = vec![ClientPrice::Unfunded; size.into()];
        }
        let Some(book) = &mut self.book else {
            return;
        };
        match change {
            ClientChange::Held(_) => {}
            ClientChange::Funded(tx) => self.funding = Some(tx.clone()),
            ClientChange::Price { index, price } => {
                if let Some(known) = self.prices.get_mut(usize::from(*index)) {
                    *known = *price;
                }
            }
            ClientChange::Posted(post) => book.hold_post(post),
            ClientChange::Bundle(bundle) => book.hold_bundle(bundle),
            ClientChange::Revealed { index, secret } => book.hold_secret(*index, *secret),
            ClientChange::Refunded { index, tx } => {
                self.refunds.insert(*index, tx.clone());
            }
            ClientChange::GivenUp { index } => {
                self.given_up.insert(*index);
            }
        }
    }

    fn pending(&self) -> Vec<ClientEffect> {
        let Some(book) = &self.book else {
            return Vec::new();
        };
        let mut due = Vec::new();
        match (self.standing(), &self.funding) {
            ("over", _) => return due,
            ("signed", _) => due.push(ClientEffect::Fund),
            ("funding", Some(tx)) => due.push(ClientEffect::Publish(tx.clone())),
            _ => {}
        }
        for (index, price) in (0..).zip(&self.prices) {
            let bundles = book.hand_out(index).cloned();
            due.extend(bundles.map(|bundle| ClientEffect::HandOut { to: index, bundle }));
            match price {
                ClientPrice::Locked { is_due: true, .. } => {
                    due.push(match self.refunds.get(&index).cloned() {
                        Some(tx) => ClientEffect::PublishRefund { index, tx },
                        None => ClientEffect::Refund { index },
                    });
                }
                ClientPrice::Spent {
                    is_claimed: true, ..
                } => due.extend(self.lacks(book, index)),
                _ => {}
            }
        }
        due
    }
}
