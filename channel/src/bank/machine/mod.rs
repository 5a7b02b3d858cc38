//! One side of a bank: where it stands, what is to be done, what a change does to it.

mod leave;
mod summary;
mod taken;

use std::marker::PhantomData;

use bitcoin::Transaction;
use narthex_contracts::{
    bank::{Bank, FORCE_CLOSE},
    builder::finish,
};

use super::{BankChange, BankEffect, BankInput, CoinAt, Leaving, Lineage, ProviderBook, SideError};
use crate::{Machine, Step, Transition};

/// Which side of a bank.
pub trait Side: Clone + std::fmt::Debug {
    /// Whether it pays.
    const PAYS: bool;
    /// Name of the machine.
    const NAME: &'static str;
    /// What it is for.
    const SUMMARY: &'static str;
    /// Its transitions.
    const TABLE: &'static [&'static [Transition]];
}

/// The payer's side: gives pennies.
#[derive(Clone, Copy, Debug)]
pub struct Paying;

/// The provider's side: takes pennies and commitments.
#[derive(Clone, Copy, Debug)]
pub struct Receiving;

/// One side of a bank.
#[derive(Clone, Debug)]
pub struct BankMachine<S> {
    lineage: Option<Lineage>,
    force_close: Option<[u8; 64]>,
    funding: Option<Transaction>,
    coin: CoinAt,
    is_force_closing: bool,
    leaving: Option<Leaving>,
    left: Option<Transaction>,
    /// Pennies given away, on the payer's side.
    given: u32,
    /// On the provider's side, once the force close is signed.
    book: Option<ProviderBook>,
    side: PhantomData<S>,
}

impl<S> Default for BankMachine<S> {
    fn default() -> Self {
        Self {
            lineage: None,
            force_close: None,
            funding: None,
            coin: CoinAt::Nowhere,
            is_force_closing: false,
            leaving: None,
            left: None,
            given: 0,
            book: None,
            side: PhantomData,
        }
    }
}

/// Why a penny is neither given nor taken yet.
const SHALLOW: &str = ": its coin is not so deep yet that a reorganisation leaves it there";

type Taken = Result<Option<BankChange>, SideError>;

impl<S: Side> BankMachine<S> {
    /// Terms and bank, once they are proposed.
    pub const fn lineage(&self) -> Option<&Lineage> {
        self.lineage.as_ref()
    }

    /// Both parties' signature on the force close.
    pub const fn force_close_signature(&self) -> Option<&[u8; 64]> {
        self.force_close.as_ref()
    }

    /// What the provider was given.
    pub const fn book(&self) -> Option<&ProviderBook> {
        self.book.as_ref()
    }

    /// Pennies given away, or taken.
    pub fn pennies(&self) -> u32 {
        self.book.as_ref().map_or(self.given, |book| book.paid())
    }

    /// Where the coin is.
    pub const fn coin(&self) -> CoinAt {
        self.coin
    }

    /// How the bank is being left.
    pub const fn leaving(&self) -> Option<&Leaving> {
        self.leaving.as_ref()
    }

    /// The transaction that leaves, once it is signed.
    pub const fn left(&self) -> Option<&Transaction> {
        self.left.as_ref()
    }

    /// Where it stands, in a word.
    pub const fn standing(&self) -> &'static str {
        match (self.coin, &self.lineage, &self.force_close, &self.leaving) {
            (CoinAt::Spent { is_deep: true }, ..) => "over",
            (_, None, ..) => "new",
            (_, _, None, _) => "proposed",
            (CoinAt::Spent { .. }, ..) => "spent",
            (_, _, _, Some(_)) => "leaving",
            (CoinAt::Nowhere, ..) => "signed",
            (CoinAt::Banked { .. }, ..) if self.is_force_closing => "force_closing",
            (CoinAt::Banked { .. }, ..) => "open",
            (CoinAt::ForceClosed { .. }, ..) => "force_closed",
        }
    }

    const fn is_banked(&self) -> bool {
        matches!(self.coin, CoinAt::Banked { .. })
    }

    /// Whether pennies are worth anything: the coin is in the bank, and stays there through a short reorganisation.
    const fn is_deep(&self) -> bool {
        matches!(self.coin, CoinAt::Banked { is_deep: true })
    }

    fn refuse<T>(&self, what: &'static str, hint: &'static str) -> Result<T, SideError> {
        let state = self.standing();
        Err(SideError::State { state, what, hint })
    }

    fn bank(&self, what: &'static str) -> Result<&Bank, SideError> {
        match &self.lineage {
            Some(lineage) => Ok(lineage.bank()),
            None => self.refuse(what, ""),
        }
    }

    /// What is to be done as it stands.
    fn due(&self) -> Vec<BankEffect> {
        let force_close = || {
            let (bank, signature) = (self.lineage.as_ref()?.bank(), self.force_close?);
            let tx = finish(bank.graph(), FORCE_CLOSE, &[signature], &[]).ok()?;
            Some(BankEffect::PublishWithChild(tx))
        };
        let mut due = Vec::new();
        match self.standing() {
            "proposed" => due.push(BankEffect::Cosign),
            "signed" if S::PAYS => match (&self.funding, &self.lineage) {
                (Some(tx), _) => due.push(BankEffect::Publish(tx.clone())),
                (None, Some(lineage)) if !lineage.is_resumed() => due.push(BankEffect::Fund),
                _ => {}
            },
            "open" if self.given > 0 && self.is_deep() => {
                due.push(BankEffect::Give { to: self.given })
            }
            "force_closing" => due.extend(force_close()),
            "leaving" => {
                if self.is_force_closing && self.is_banked() {
                    due.extend(force_close());
                }
                if self.coin == CoinAt::Nowhere {
                    due.extend(self.funding.clone().map(BankEffect::Publish));
                }
                let leaving = self.leaving.filter(|how| how.is_of(self.coin));
                due.extend(leaving.map(|how| match &self.left {
                    None => BankEffect::Sign(how),
                    Some(tx) if how.needs_child() => BankEffect::PublishWithChild(tx.clone()),
                    Some(tx) => BankEffect::Publish(tx.clone()),
                }));
            }
            _ => {}
        }
        due
    }
}

impl<S: Side> Machine for BankMachine<S> {
    type Input = BankInput;
    type Change = BankChange;
    type Effect = BankEffect;
    type Error = SideError;

    fn step(&self, input: &BankInput) -> Result<Step<BankChange, BankEffect>, SideError> {
        Ok(Step::of(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &BankChange) {
        match change {
            BankChange::Proposed(lineage) => self.lineage = Some(lineage.clone()),
            BankChange::Abandoned => self.lineage = None,
            BankChange::Signed { force_close } => {
                self.force_close = Some(*force_close);
                let bank = self.lineage.as_ref().map(|lineage| lineage.bank().clone());
                self.book = match S::PAYS {
                    true => None,
                    false => bank.map(|bank| ProviderBook::open(bank, *force_close)),
                };
            }
            BankChange::Funded(tx) => self.funding = Some(tx.clone()),
            BankChange::Coin(coin) => self.coin = *coin,
            BankChange::Paid { to } => self.given = *to,
            BankChange::AdaptorCommitments(good) => {
                if let Some(book) = &mut self.book {
                    book.hold(good);
                }
            }
            BankChange::Taken(good) => {
                if let Some(book) = &mut self.book {
                    // What it was worth is asked of the book.
                    let _ = book.take(good);
                }
            }
            BankChange::ForceClosing => self.is_force_closing = true,
            BankChange::Leaving(how) => {
                self.leaving = Some(*how);
                self.left = None;
            }
            BankChange::Left(tx) => self.left = Some(tx.clone()),
        }
    }

    fn pending(&self) -> Vec<BankEffect> {
        self.due()
    }
}
