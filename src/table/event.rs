//! What happens to a small contract, as data. `docs/json.md` documents the same for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::play::{PartyBalance, Step, TransactionEvent};

/// Takes events as they happen.
pub trait TableReporter {
    /// One more event.
    fn report(&mut self, event: &TableEvent);
}

/// Forgets everything.
impl TableReporter for () {
    fn report(&mut self, _: &TableEvent) {}
}

/// Keeps everything.
impl TableReporter for Vec<TableEvent> {
    fn report(&mut self, event: &TableEvent) {
        self.push(event.clone());
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TableEvent {
    /// A move off the chain.
    Step(Step),
    /// A confirmed transaction.
    Transaction(TransactionEvent),
    /// The end.
    Outcome(TableOutcome),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableOutcome {
    /// Name of the story.
    pub story: String,
    /// `embedded` or `bitcoind`.
    pub chain: String,
    /// Everything random follows from this seed, hex.
    pub seed: String,
    /// What this kind of contract counts: pennies, rungs, copies.
    #[serde(flatten)]
    pub figures: BTreeMap<String, serde_json::Value>,
    /// Names of the transactions on chain, in order.
    pub transactions: Vec<String>,
    /// Size of them in vB, children not counted.
    pub vbytes: u64,
    /// Everybody's balance before and after.
    pub balances: Vec<PartyBalance>,
}

impl TableOutcome {
    /// The same with one figure more.
    #[must_use]
    pub fn with(mut self, figure: &str, value: impl Into<serde_json::Value>) -> TableOutcome {
        self.figures.insert(figure.into(), value.into());
        self
    }
}
