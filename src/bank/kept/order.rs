//! What the owners order, once a bank is open.

use narthex_channel::bank::{BankInput, CoinAt};

use super::{KeptBank, KeptError};
use crate::bank::{keeper::Keeper as _, sides::Who};

impl KeptBank {
    /// Carries out what is pending, as after a command that was killed. What does not go through is said in
    /// [`KeptStanding::done`](super::KeptStanding::done), and is tried again by the next command.
    pub fn go_on(&mut self) {
        self.catch_up();
    }

    /// Pays so many pennies more.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn pay(&mut self, count: u32) -> Result<(), KeptError> {
        let given = self.sides.payer.machine().pennies();
        self.pay_to(given.saturating_add(count))
    }

    /// Pays up to this penny: the same twice pays once.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn pay_to(&mut self, to: u32) -> Result<(), KeptError> {
        self.catch_up();
        // Whoever has a chain for itself does not wait for others' blocks.
        while self.chain.is_own() && self.sides.coin() == (CoinAt::Banked { is_deep: false }) {
            self.mine(1)?;
        }
        // What nobody takes is not given.
        let provider = self.sides.provider.machine().standing();
        if provider != "open" {
            let why = format!("the provider takes no penny: its side of the bank is {provider}");
            return Err(KeptError::State(why));
        }
        self.has_seed()?;
        self.sides.payer(&BankInput::Pay { to })?;
        self.settle()?;
        let taken = self.sides.provider.machine().pennies();
        let worth = self.sides.lineage()?.bank().terms().worth(taken);
        self.done
            .push(format!("{taken} pennies are paid in all, {worth}"));
        Ok(())
    }

    /// Stops the bank, by the payer or the provider.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn force_close(&mut self, by_payer: bool) -> Result<(), KeptError> {
        let who = if by_payer { Who::Payer } else { Who::Provider };
        self.order(|bank| bank.order_force_close(who))
    }

    /// The provider claims by its best commitment, if there is one.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn claim(&mut self) -> Result<(), KeptError> {
        self.order(Self::order_claim)
    }

    /// The payer takes back what is its own: above T, or D blocks after a force close that nobody claimed from.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn refund(&mut self) -> Result<(), KeptError> {
        self.order(Self::order_refund)
    }

    /// Both agree on the end.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn close(&mut self) -> Result<(), KeptError> {
        self.order(Self::order_close)
    }

    /// The force-closed coin goes on in another bank of what is left. Its force close is signed before the coin moves.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn resume(&mut self, refund_blocks: u32) -> Result<(), KeptError> {
        self.order(|bank| bank.order_resume(refund_blocks))
    }

    /// What is pending first, then the order, then what follows from it.
    fn order(
        &mut self,
        order: impl FnOnce(&mut Self) -> Result<(), KeptError>,
    ) -> Result<(), KeptError> {
        self.catch_up();
        order(self)?;
        self.settle()
    }
}
