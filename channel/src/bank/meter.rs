//! Service for pennies: units are served against what was brought, whoever brought it.
//!
//! *The container pays for itself*: a program's purse pays for each slice of its run. *Accessor pays*: whoever asks
//! brings pennies of its own bank. Both are one meter for each bank.

use narthex_contracts::bank::{BankError, Penny, Phase};

use super::{Accepted, Provider, ProviderBook};

/// Counts units served against pennies taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// Pennies for one unit.
    price: u32,
    /// Pennies of the bank that are served off.
    served: u32,
}

/// Why a unit is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// The penny is not taken; nothing is served and nothing is lost.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// The payer signed a false commitment: what it brought may not be enforceable. Nothing is served any more.
    #[error("the payer's commitment is false: force close, and serve no more")]
    Cheated,
    /// Not enough was brought.
    #[error("{units} units cost {due} pennies, {credit} were brought")]
    Due {
        /// Units asked for.
        units: u32,
        /// What they cost.
        due: u32,
        /// What is there.
        credit: u32,
    },
}

impl Meter {
    /// A meter at `price` pennies a unit, of a bank of which `served` pennies are served off.
    pub fn new(price: u32, served: u32) -> Meter {
        Meter { price, served }
    }

    /// Pennies brought and not served off.
    pub fn credit(&self, book: &ProviderBook) -> u32 {
        book.paid().saturating_sub(self.served)
    }

    /// Pennies served off: durable together with the provider's record.
    pub fn served(&self) -> u32 {
        self.served
    }

    /// What must still be brought for `units`.
    pub fn due(&self, book: &ProviderBook, units: u32) -> u32 {
        let cost = self.price.saturating_mul(units);
        cost.saturating_sub(self.credit(book))
    }

    /// Takes what is brought, and books `units` if it suffices. What was taken and does not suffice stays as credit.
    pub fn serve(
        &mut self,
        provider: &mut Provider,
        units: u32,
        penny: Option<&Penny>,
    ) -> Result<Option<Accepted>, MeterError> {
        let accepted = match penny {
            None => None,
            Some(penny) => Some(provider.accept(penny)?),
        };
        self.count(provider, units)?;
        Ok(accepted)
    }

    /// Books `units` if what was taken suffices.
    ///
    /// # Errors
    /// [`MeterError::Cheated`], [`MeterError::Due`].
    pub fn count(&mut self, book: &ProviderBook, units: u32) -> Result<(), MeterError> {
        if book.phase() == Phase::Cheated {
            return Err(MeterError::Cheated);
        }
        let credit = self.credit(book);
        let short = |due| MeterError::Due { units, due, credit };
        let due = self.price.checked_mul(units).ok_or(short(u32::MAX))?;
        if due > credit {
            return Err(short(due));
        }
        self.served = self.served.saturating_add(due);
        Ok(())
    }
}
