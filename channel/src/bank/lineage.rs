//! A bank and those whose coin it goes on with.

use std::{fmt, sync::Arc};

use narthex_contracts::bank::{Bank, BankError, BankTerms};

/// Most banks behind each other: their terms are kept together.
pub const MAX_RESUMED: usize = 256;

/// The terms of a bank after those of all that it goes on with, the first of which a wallet funded.
#[derive(Clone)]
pub struct Lineage {
    terms: Vec<BankTerms>,
    bank: Arc<Bank>,
}

impl Lineage {
    /// Derives the last bank from all terms.
    ///
    /// # Errors
    /// [`BankError`]: the fault of whoever proposed the terms that it names.
    pub fn new(terms: Vec<BankTerms>) -> Result<Self, BankError> {
        let bank = derive(&terms)?;
        let bank = Arc::new(bank);
        Ok(Self { terms, bank })
    }

    /// The same and a bank that goes on with its force-closed coin.
    ///
    /// # Errors
    /// As [`Lineage::new`].
    pub fn resumed(&self, next: BankTerms) -> Result<Self, BankError> {
        let mut terms = self.terms.clone();
        terms.push(next);
        Self::new(terms)
    }

    /// The last bank once more, for a signer of its own.
    ///
    /// # Errors
    /// As [`Lineage::new`].
    pub fn derive(&self) -> Result<Bank, BankError> {
        derive(&self.terms)
    }

    /// The last bank.
    pub const fn bank(&self) -> &Arc<Bank> {
        &self.bank
    }

    /// All terms, from the first bank.
    pub fn terms(&self) -> &[BankTerms] {
        &self.terms
    }

    /// Whether it goes on with another's coin.
    pub fn is_resumed(&self) -> bool {
        self.terms.len() > 1
    }
}

fn derive(terms: &[BankTerms]) -> Result<Bank, BankError> {
    let bad = |problem: String| BankError::Terms {
        field: "funding",
        problem,
    };
    if terms.len() > MAX_RESUMED {
        return Err(bad(format!(
            "more than {MAX_RESUMED} banks behind each other"
        )));
    }
    let mut bank: Option<Bank> = None;
    for terms in terms {
        if terms.record().promises > 0 {
            let problem = "is not 0: this side keeps no promises".into();
            let field = "promises";
            return Err(BankError::Terms { field, problem });
        }
        let terms = terms.clone();
        bank = Some(match &bank {
            None => Bank::new(terms)?,
            Some(prior) => Bank::resumed(terms, prior)?,
        });
    }
    bank.ok_or_else(|| bad("is of no bank".into()))
}

impl PartialEq for Lineage {
    /// A bank follows from its terms.
    fn eq(&self, other: &Self) -> bool {
        self.terms == other.terms
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use bitcoin::hex::DisplayHex;
        let id = self.bank.terms().id();
        write!(f, "Lineage({} of {})", id.as_hex(), self.terms.len())
    }
}
