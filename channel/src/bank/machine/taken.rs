//! Which input makes which change.

use bitcoin::{Transaction, Txid};
use narthex_contracts::{
    bank::{AdaptorCommitments, BankError, Penny},
    builder::BuilderError,
    graph::TxGraph,
};

use super::{BankMachine, SHALLOW, Side, Taken};
use crate::bank::{BankChange, BankInput, SideError};

impl<S: Side> BankMachine<S> {
    /// The change that an input makes; none if it was taken before.
    pub(super) fn taken(&self, input: &BankInput) -> Taken {
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
}

pub(super) fn same_transaction(expected: Option<Txid>, tx: &Transaction) -> Result<(), SideError> {
    let missing = || BankError::from(BuilderError::Missing("transaction"));
    let expected = expected.ok_or_else(missing)?;
    match tx.compute_txid() {
        found if found == expected => Ok(()),
        found => Err(SideError::OtherTransaction { expected, found }),
    }
}
