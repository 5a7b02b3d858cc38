//! What each input does to a side of a bank.

use std::marker::PhantomData;

use bitcoin::{Amount, Transaction, Txid, hashes::Hash};
use narthex_contracts::{
    bank::{
        AdaptorCommitments, Bank, BankError, FORCE_CLOSE, Penny, Phase, REFUND, TIMEOUT_REFUND,
    },
    builder::{BuilderError, finish},
    graph::{NodeId, TxGraph},
};

use super::{
    BankChange, BankEffect, BankInput, Coin, CoinAt, GoodPenny, Leaving, Lineage, ProviderBook,
    ProviderDuty, SideError,
};
use crate::{Machine, Step, Summary, Transition};

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

    /// The change that an input makes; none if it was taken before.
    fn taken(&self, input: &BankInput) -> Taken {
        if self.standing() == "over" {
            return match input {
                BankInput::Coin(_) => Ok(None),
                _ => self.refuse("input", ""),
            };
        }
        match input {
            BankInput::Propose(lineage) => match &self.lineage {
                None => Ok(Some(BankChange::Proposed(lineage.clone()))),
                Some(known) if known == lineage => Ok(None),
                Some(_) => self.refuse("terms", ""),
            },
            BankInput::Abandon => match (&self.lineage, &self.force_close) {
                (None, _) => Ok(None),
                (Some(_), None) => Ok(Some(BankChange::Abandoned)),
                _ => self.refuse("end of its opening", ": its force close is signed"),
            },
            BankInput::Signed { force_close } => self.signed(force_close),
            BankInput::Funded(tx) => self.funded(tx),
            BankInput::Coin(coin) => match &self.force_close {
                _ if self.coin == *coin => Ok(None),
                Some(_) => Ok(Some(BankChange::Coin(*coin))),
                None => self.refuse("coin", ": its force close is not signed"),
            },
            BankInput::Pay { to } => self.paid(*to),
            BankInput::AdaptorCommitments(commitments) => self.commitments(commitments),
            BankInput::Penny(penny) => self.penny(penny),
            BankInput::ForceClose => match self.standing() {
                "force_closing" | "force_closed" => Ok(None),
                "open" => Ok(Some(BankChange::ForceClosing)),
                // An agreed end that does not confirm keeps nobody from it.
                "leaving" if self.is_banked() && !self.is_force_closing => {
                    Ok(Some(BankChange::ForceClosing))
                }
                "leaving" => Ok(None),
                _ => self.refuse("force_close", ""),
            },
            BankInput::Leave { tip, how } => self.leave(*tip, how),
            BankInput::Left(tx) => self.left_by(tx),
        }
    }

    fn signed(&self, force_close: &[u8; 64]) -> Taken {
        let bank = self.bank("signature")?;
        match &self.force_close {
            Some(known) if known == force_close => Ok(None),
            Some(_) => self.refuse("other signature", ""),
            None => {
                bank.check_force_close(force_close)?;
                let force_close = *force_close;
                Ok(Some(BankChange::Signed { force_close }))
            }
        }
    }

    fn funded(&self, tx: &Transaction) -> Taken {
        let bank = self.bank("funding")?;
        let is_first = self.lineage.as_ref().is_some_and(|l| !l.is_resumed());
        if !S::PAYS || !is_first || self.force_close.is_none() {
            return self.refuse("funding", "");
        }
        same_transaction(bank.graph().txid(TxGraph::FUNDING), tx)?;
        match &self.funding {
            Some(known) if known == tx => Ok(None),
            Some(_) => self.refuse("other funding", ""),
            None if self.standing() != "signed" => self.refuse("funding", ""),
            None => Ok(Some(BankChange::Funded(tx.clone()))),
        }
    }

    fn paid(&self, to: u32) -> Taken {
        let (given, pennies) = (self.given, self.bank("payment")?.terms().record().pennies);
        if !S::PAYS || self.standing() != "open" {
            return self.refuse("payment", "");
        }
        if !self.is_deep() {
            return self.refuse("payment", SHALLOW);
        }
        if to < given {
            return Err(SideError::Given { given, to });
        }
        if to > pennies {
            let (wanted, left) = (to.saturating_sub(given), pennies.saturating_sub(given));
            return Err(BankError::Spent { wanted, left }.into());
        }
        Ok((to > given).then_some(BankChange::Paid { to }))
    }

    fn commitments(&self, commitments: &AdaptorCommitments) -> Taken {
        let Some(book) = &self.book else {
            return self.refuse("commitments", "");
        };
        if !matches!(self.standing(), "signed" | "open") {
            return self.refuse("commitments", "");
        }
        let good = book.check_commitments(commitments)?;
        Ok((!good.is_empty()).then_some(BankChange::AdaptorCommitments(good)))
    }

    fn penny(&self, penny: &Penny) -> Taken {
        let Some(book) = &self.book else {
            return self.refuse("penny", "");
        };
        if book.is_latest(penny) {
            return Ok(None);
        }
        if self.standing() != "open" {
            return self.refuse("penny", "");
        }
        if !self.is_deep() {
            return self.refuse("penny", SHALLOW);
        }
        Ok(Some(BankChange::Taken(book.check_penny(penny)?)))
    }

    fn leave(&self, tip: u32, how: &Leaving) -> Taken {
        let bank = self.bank("end")?;
        if self.leaving.as_ref() == Some(how) {
            return Ok(None);
        }
        if !matches!(
            self.standing(),
            "open" | "force_closing" | "force_closed" | "leaving"
        ) {
            return self.refuse("end", "");
        }
        if let Some(known) = &self.leaving
            && known.is_of(self.coin)
            && (!known.is_agreed() || how.is_agreed())
        {
            return self.refuse("other end", ": one was agreed to or ordered before");
        }
        let (next, record) = (tip.saturating_add(1), bank.terms().record());
        let early = |from: u32| match next < from {
            true => Err(SideError::Early { from, next }),
            false => Ok(()),
        };
        match (how, self.coin) {
            (
                Leaving::Close {
                    paid,
                    fee_sat,
                    force_closed,
                },
                _,
            ) => {
                if !how.is_of(self.coin) {
                    return self.refuse("such a close", ": its coin is elsewhere");
                }
                self.agree(*paid, Amount::from_sat(*fee_sat))?;
                bank.close(*paid, Amount::from_sat(*fee_sat), *force_closed)?;
            }
            (Leaving::Resume { paid, .. }, CoinAt::ForceClosed { .. }) => {
                self.agree(*paid, Amount::ZERO)?;
            }
            (Leaving::Claim { commitment }, CoinAt::ForceClosed { height }) if !S::PAYS => {
                let coin = Coin::ForceClosed { height };
                let duty = self.book.as_ref().map(|book| book.duty(tip, coin));
                if duty
                    != Some(ProviderDuty::Claim {
                        commitment: *commitment,
                    })
                {
                    let (commitment, problem) = (*commitment, "not the best that is enforceable");
                    return Err(BankError::AdaptorCommitment {
                        commitment,
                        problem,
                    }
                    .into());
                }
            }
            (Leaving::Refund, CoinAt::Banked { .. }) if S::PAYS => {
                early(record.refund_height.saturating_add(1))?;
            }
            (Leaving::TimeoutRefund, CoinAt::ForceClosed { height }) if S::PAYS => {
                early(height.saturating_add(record.claim_blocks.into()))?;
            }
            _ => {
                return self.refuse(
                    "such an end",
                    ": its coin is elsewhere, or it is the other side's",
                );
            }
        }
        Ok(Some(BankChange::Leaving(*how)))
    }

    /// Whether this side agrees to an end after so many pennies.
    fn agree(&self, paid: u32, fee: Amount) -> Result<(), SideError> {
        let known = self.pennies();
        let problem = match S::PAYS {
            true if paid > known => "more than was paid",
            false if paid < known => "less than was paid",
            _ => return Ok(()),
        };
        Err(BankError::Ending { paid, fee, problem }.into())
    }

    fn left_by(&self, tx: &Transaction) -> Taken {
        let Some(how) = &self.leaving else {
            return self.refuse("signed end", "");
        };
        same_transaction(self.leaving_txid(how)?, tx)?;
        match &self.left {
            Some(known) if known == tx => Ok(None),
            // Signed twice, it is the same transaction: the one that was written first is published.
            Some(_) => Ok(None),
            None if self.standing() != "leaving" => self.refuse("signed end", ""),
            None => Ok(Some(BankChange::Left(tx.clone()))),
        }
    }

    /// Id of the transaction that leaves so.
    fn leaving_txid(&self, how: &Leaving) -> Result<Option<Txid>, SideError> {
        let bank = self.bank("end")?;
        Ok(match how {
            Leaving::Close {
                paid,
                fee_sat,
                force_closed,
            } => {
                let graph = bank.close(*paid, Amount::from_sat(*fee_sat), *force_closed)?;
                graph.txid(NodeId(0))
            }
            Leaving::Resume { txid, .. } => Some(Txid::from_byte_array(*txid)),
            Leaving::Claim { commitment } => bank.claim(*commitment)?.txid(NodeId(0)),
            Leaving::Refund => bank.graph().txid(REFUND),
            Leaving::TimeoutRefund => bank.graph().txid(TIMEOUT_REFUND),
        })
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

impl<S: Side> Summary for BankMachine<S> {
    /// Terms, signatures, where the coin is, the pennies of either side and the commitments that are still of use: however many
    /// pennies there were.
    fn summary(&self) -> Vec<BankChange> {
        let mut all = Vec::new();
        all.extend(self.lineage.clone().map(BankChange::Proposed));
        let signed = |force_close| BankChange::Signed { force_close };
        all.extend(self.force_close.map(signed));
        all.extend(self.funding.clone().map(BankChange::Funded));
        if self.coin != CoinAt::Nowhere {
            all.push(BankChange::Coin(self.coin));
        }
        if self.given > 0 {
            all.push(BankChange::Paid { to: self.given });
        }
        if let Some(book) = &self.book {
            let record = book.record();
            if !record.commitments.is_empty() {
                all.push(BankChange::AdaptorCommitments(record.commitments));
            }
            if record.latest > 0 {
                let (index, secret) = (record.latest, record.secret.to_byte_array());
                let bank = book.bank().terms().bank();
                all.push(BankChange::Taken(GoodPenny {
                    penny: Penny {
                        bank,
                        index,
                        secret,
                    },
                    // That the payer lied stays; the commitment that showed it is gone, and none has number 0.
                    false_commitments: match record.phase {
                        Phase::Cheated => vec![0],
                        _ => Vec::new(),
                    },
                }));
            }
        }
        if self.is_force_closing {
            all.push(BankChange::ForceClosing);
        }
        all.extend(self.leaving.map(BankChange::Leaving));
        all.extend(self.left.clone().map(BankChange::Left));
        all
    }
}

fn same_transaction(expected: Option<Txid>, tx: &Transaction) -> Result<(), SideError> {
    let missing = || BankError::from(BuilderError::Missing("transaction"));
    let expected = expected.ok_or_else(missing)?;
    match tx.compute_txid() {
        found if found == expected => Ok(()),
        found => Err(SideError::OtherTransaction { expected, found }),
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
