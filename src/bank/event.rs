//! What happens to a bank, as data. `docs/json.md` documents the same for programs.

use serde::Serialize;

use crate::play::{PartyBalance, Step, TransactionEvent};

/// Takes events as they happen.
pub trait BankReporter {
    /// One more event.
    fn report(&mut self, event: &BankEvent);
}

/// Forgets everything.
impl BankReporter for () {
    fn report(&mut self, _: &BankEvent) {}
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BankEvent {
    /// A move off the chain.
    Step(Step),
    /// A confirmed transaction.
    Transaction(TransactionEvent),
    /// The end.
    Outcome(BankOutcome),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BankOutcome {
    /// Name of the story.
    pub story: String,
    /// `embedded` or `bitcoind`.
    pub chain: String,
    /// Everything random follows from this seed, hex.
    pub seed: String,
    /// Pennies that the provider was given.
    pub pennies: u32,
    /// Rungs that the payer signed.
    pub rungs: usize,
    /// Names of the transactions on chain, in order.
    pub transactions: Vec<String>,
    /// Size of them in vB, children not counted.
    pub vbytes: u64,
    /// Both balances before and after.
    pub balances: Vec<PartyBalance>,
}
