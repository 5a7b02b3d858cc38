//! Moves: orders to the two machines, and what follows from them.

use bitcoin::{Amount, Transaction};
use narthex_channel::bank::{BankEffect, BankInput, Coin, CoinAt};
use narthex_contracts::{
    bank::{BankRecord, FORCE_CLOSE, FreshChain, PAYER, Points},
    depth::Depth,
    party::PartyName,
};

use super::{
    BankPlay,
    coin::coin_of,
    keeper::Keeper as _,
    play::lineage_of,
    sides::{Sides, Who},
};
use crate::harness::{ScenarioError, expect};

impl BankPlay<'_> {
    /// The payer funds the bank, now that both hold the force close.
    pub fn fund(&mut self) -> Result<(), ScenarioError> {
        self.told("both hold the force close");
        Ok(self.settle()?)
    }

    /// Both wait until the coin lies as deep as they ask.
    pub(super) fn wait_deep(&mut self) -> Result<(), ScenarioError> {
        self.look()?;
        while self.sides.coin() == (CoinAt::Banked { is_deep: false }) {
            self.harness.mine(1)?;
            self.look()?;
        }
        Ok(())
    }

    /// Pays `pennies` one by one, with commitments as they fall due; first both wait until the coin lies as deep as they
    /// ask.
    pub fn pay(&mut self, pennies: u32) -> Result<(), ScenarioError> {
        self.wait_deep()?;
        for _ in 0..pennies {
            self.pay_at_once(1)?;
        }
        let book = self.provider()?;
        let (paid, safe) = (book.paid(), book.enforceable());
        let what = format!("pays {pennies} pennies, {paid} in all; {safe} are enforceable");
        self.harness.step("payer", what, "for service")
    }

    /// The payer is ordered to pay so many pennies more, and gives the last of them.
    pub(super) fn pay_at_once(&mut self, pennies: u32) -> Result<(), ScenarioError> {
        let to = self.sides.payer.machine().pennies().saturating_add(pennies);
        self.sides.payer(&BankInput::Pay { to })?;
        self.give(to)?;
        let taken = self.sides.provider.machine().pennies();
        expect(taken == to, format!("{to} pennies given, {taken} taken"))
    }

    /// Where the chain says that the coin is, to a provider that asks for the least depth.
    pub fn coin(&mut self) -> Result<Coin, ScenarioError> {
        let lineage = self.sides.lineage()?;
        coin_of(lineage.bank(), self.harness.chain(), Depth::LEAST)
    }

    /// Books what the provider has earned for good, by what the two agreed to or the chain of commitments enforces.
    fn earned(&mut self, amount: Amount) -> Result<(), ScenarioError> {
        self.harness.moved(0, 1, amount)
    }

    /// What so many pennies are worth in the bank in use.
    fn worth(&self, pennies: u32) -> Result<Amount, ScenarioError> {
        Ok(self.sides.lineage()?.bank().terms().worth(pennies))
    }

    /// Either party stops the bank.
    pub fn force_close(&mut self, who: PartyName, why: &str) -> Result<(), ScenarioError> {
        self.look()?;
        self.told(why);
        self.order_force_close(match who {
            PAYER => Who::Payer,
            _ => Who::Provider,
        })?;
        Ok(self.settle()?)
    }

    /// The provider claims by its best commitment.
    pub fn claim(&mut self) -> Result<(), ScenarioError> {
        self.look()?;
        self.told("its best commitment");
        let worth = self.worth(self.provider()?.enforceable())?;
        self.order_claim()?;
        self.settle()?;
        self.earned(worth)
    }

    /// The payer takes back what was not claimed.
    pub fn timeout_refund(&mut self) -> Result<(), ScenarioError> {
        self.take_back("not claimed in time")
    }

    /// The payer takes everything back after T.
    pub fn refund(&mut self) -> Result<(), ScenarioError> {
        self.take_back("nobody force-closed until T")
    }

    fn take_back(&mut self, why: &str) -> Result<(), ScenarioError> {
        self.look()?;
        self.told(why);
        self.order_refund()?;
        Ok(self.settle()?)
    }

    /// Both agree on the end, in the bank or force-closed: one ordinary transaction that pays its own fee.
    pub fn close(&mut self) -> Result<(), ScenarioError> {
        let worth = self.worth(self.sides.provider.machine().pennies())?;
        self.sign_close()?;
        self.told("both agree");
        self.settle()?;
        self.earned(worth)
    }

    /// An agreed end, signed by both. Nothing is published or booked.
    pub fn sign_close(&mut self) -> Result<Transaction, ScenarioError> {
        self.look()?;
        self.order_close()?;
        self.sign_pending()
    }

    /// The force-closed coin goes on in a new bank of what is left, after the provider was paid.
    pub fn resume(&mut self) -> Result<(), ScenarioError> {
        let worth = self.worth(self.sides.provider.machine().pennies())?;
        self.sign_resume()?;
        self.told("both go on");
        self.settle()?;
        self.earned(worth)
    }

    /// What moves the force-closed coin into the next bank, signed by both. Nothing is published or booked.
    pub fn sign_resume(&mut self) -> Result<Transaction, ScenarioError> {
        self.look()?;
        self.order_resume(self.options.refund_blocks)?;
        self.sign_pending()
    }

    /// What both agreed on is signed.
    fn sign_pending(&mut self) -> Result<Transaction, ScenarioError> {
        for who in [Who::Payer, Who::Provider] {
            for effect in self.sides.pending(who) {
                if let BankEffect::Sign(_) = effect {
                    self.act(who, effect)?;
                }
            }
        }
        let left = self.sides.payer.machine().left().cloned();
        left.ok_or_else(|| ScenarioError::broken("no end was signed"))
    }

    /// Another bank takes the prepared one's place, of other salt and chain, as after a cut and choose; not funded yet.
    pub(super) fn replace(
        &mut self,
        record: BankRecord,
        fresh: FreshChain,
        points: Points,
    ) -> Result<(), ScenarioError> {
        self.sides = self.next()?;
        self.number = self.number.saturating_add(1);
        self.points = Some(points);
        Ok(self.sign_force_close(&lineage_of(record)?, fresh, None)?)
    }

    /// Both go down and come back from their logs.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        // A log is open once: it makes room before it is opened anew.
        self.sides = Sides::forgetful()?;
        self.sides = Sides::open(self.logs(self.number)?)?;
        self.payer = Some(self.payer_signer(&self.sides, self.number)?);
        if self.next_payer.is_some() {
            let next = self.next()?;
            self.next_payer = Some(self.payer_signer(&next, self.number.saturating_add(1))?);
        }
        let what = "come back from their records".into();
        self.harness
            .step("payer and provider", what, "both went down")
    }

    /// Height of the force close on the chain.
    pub fn force_closed_at(&mut self) -> Result<u32, ScenarioError> {
        let lineage = self.sides.lineage()?;
        let found = match lineage.bank().graph().txid(FORCE_CLOSE) {
            Some(txid) => self.harness.confirmed_at(txid)?,
            None => None,
        };
        found.ok_or_else(|| ScenarioError::broken("it is not force-closed"))
    }
}
