//! A purse: pennies without a key. A program carries it and pays for itself.

use bitcoin::secp256k1::rand::{CryptoRng, RngCore};

use narthex_contracts::bank::{
    AdaptorCommitments, BankError, MAX_COMMITMENTS, Pebbles, Penny, Phase,
};

use super::Payer;

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

impl Payer {
    /// Hands `budget` pennies to a program, which then pays without any key. They count as paid: whoever steals the
    /// purse can give them to the provider, and nothing else. The commitments that they need go to the provider.
    pub fn purse<R: RngCore + CryptoRng>(
        &mut self,
        budget: u32,
        rng: &mut R,
    ) -> Result<(Purse, AdaptorCommitments), BankError> {
        self.check(Phase::Open, "purse")?;
        if !self.record.ptlcs.is_empty() {
            // Its pennies would go beyond what the last claims bear.
            let (given, most) = (self.record.ptlcs.len(), 0);
            return Err(BankError::Promises { given, most });
        }
        let (from, left) = (self.record.revealed, self.left());
        let spent = BankError::Spent {
            wanted: budget,
            left,
        };
        let top = from.checked_add(budget).ok_or(spent.clone())?;
        if budget == 0 || budget > left {
            return Err(spent);
        }
        let (mut last, mut due) = self.foot();
        while last < top && due.len() <= MAX_COMMITMENTS {
            last = self.bank.terms().next_commitment(last).min(top);
            // Nothing is due for pennies that are worth less than dust together.
            if self.bank.terms().has_commitment(last) {
                due.push(last);
            }
        }
        if due.len() > MAX_COMMITMENTS {
            let (commitment, problem) =
                (top, "a purse that needs so many commitments is too large");
            return Err(BankError::AdaptorCommitment {
                commitment,
                problem,
            });
        }
        let commitments = self.sign_commitments(&due, rng)?;
        let penny = self.chain.reveal(budget).ok_or(spent)?;
        self.record.revealed = top;
        self.signed = due.last().copied().or(self.signed);
        let commitments = AdaptorCommitments {
            bank: penny.bank,
            commitments,
        };
        Ok((Purse::new(penny, from), commitments))
    }
}
