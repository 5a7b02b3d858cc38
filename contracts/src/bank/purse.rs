//! A purse: pennies without a key. A program carries it and pays for itself.

use super::{BankError, Pebbles, Penny};

/// The pennies above one and up to another. It holds one secret of the chain, and no key: a thief can give its
/// pennies to the provider, which is all that they are good for, and gets none above its budget.
#[derive(Debug)]
pub struct Purse(Pebbles);

impl Purse {
    /// A purse whose last penny is `top` and whose first is the one above `from`.
    pub fn new(top: Penny, from: u32) -> Purse {
        Purse(Pebbles::new(top.bank, top.index, top.secret, from))
    }

    /// Reads a purse that was written down as its last penny and the number of the last one spent.
    pub fn restore(top: Penny, spent: u32) -> Result<Purse, BankError> {
        match spent <= top.index {
            true => Ok(Purse::new(top, spent)),
            false => Err(BankError::Spent {
                wanted: spent,
                left: top.index,
            }),
        }
    }

    /// Pennies left.
    pub fn left(&self) -> u32 {
        self.0.left()
    }

    /// Number of the last penny that was given away: what a program writes down to be restored.
    pub fn spent(&self) -> u32 {
        self.0.revealed()
    }

    /// Pays `count` pennies.
    pub fn pay(&mut self, count: u32) -> Result<Penny, BankError> {
        let left = self.left();
        self.0.reveal(count).ok_or(BankError::Spent {
            wanted: count,
            left,
        })
    }
}
