//! What happens to a small contract, as data. `docs/json.md` documents the same for programs.

use std::collections::BTreeMap;

use serde::Serialize;

/// What an end tells beside balances and transactions, by name: pennies, commitments, copies.
pub type Figures = BTreeMap<String, serde_json::Value>;

/// Takes events as they happen.
pub trait Reporter<F = Figures> {
    /// One more event.
    fn report(&mut self, event: &Event<F>);

    /// Something long goes on: `done` of `total` steps. Called with `done == total` at its end.
    fn progress(&mut self, _what: &str, _done: u32, _total: u32) {}
}

/// Forgets everything.
impl<F> Reporter<F> for () {
    fn report(&mut self, _: &Event<F>) {}
}

/// Keeps everything.
impl<F: Clone> Reporter<F> for Vec<Event<F>> {
    fn report(&mut self, event: &Event<F>) {
        self.push(event.clone());
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<F = Figures> {
    /// A move off the chain.
    Step(Step),
    /// A confirmed transaction.
    Transaction(TransactionEvent),
    /// The end.
    Outcome(Outcome<F>),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome<F = Figures> {
    /// Name of the scenario.
    pub scenario: String,
    /// `embedded` or `bitcoind`.
    pub chain: String,
    /// Everything random follows from this seed, hex.
    pub seed: String,
    /// What this kind of contract tells.
    #[serde(flatten)]
    pub figures: F,
    /// Names of the contract's transactions on chain, in order.
    pub transactions: Vec<String>,
    /// Size of them in vB, children not counted.
    pub vbytes: u64,
    /// Everybody's balance before and after.
    pub balances: Vec<PartyBalance>,
}

impl Outcome {
    /// The same with one figure more.
    #[must_use]
    pub fn with(mut self, figure: &str, value: impl Into<serde_json::Value>) -> Outcome {
        self.figures.insert(figure.into(), value.into());
        self
    }
}

/// A move off the chain: setup, work, a check, a ruling, waiting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Number of the move, from 1, counted together with transactions.
    pub number: u32,
    /// Who moves.
    pub who: String,
    /// What happens.
    pub what: String,
    /// Why.
    pub why: String,
    /// Height of the chain when it happens, blocks.
    pub height: u32,
}

/// A confirmed transaction, with the child that paid for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransactionEvent {
    /// Number of the move, from 1.
    pub number: u32,
    /// Who published it.
    pub who: String,
    /// Name in the graph.
    pub name: String,
    /// Why it was published.
    pub why: String,
    /// Transaction id.
    pub txid: String,
    /// Size in vB.
    pub vbytes: u64,
    /// Fee paid for it in sat, by itself and its child together.
    pub fee_sat: u64,
    /// Id of the child that paid, if it has one.
    pub child_txid: Option<String>,
    /// Size of the child in vB.
    pub child_vbytes: Option<u64>,
    /// Height of the block that confirmed it.
    pub height: u32,
}

/// A party's balance before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartyBalance {
    /// Who.
    pub party: String,
    /// Confirmed balance before the funding, sat.
    pub before_sat: u64,
    /// Confirmed balance at the end, sat.
    pub after_sat: u64,
    /// What the settlement table gives or takes, sat.
    pub settlement_sat: i64,
    /// Fees that the party paid, sat.
    pub fees_sat: u64,
}

impl PartyBalance {
    /// Whether the balance changed by exactly settlement less fees.
    pub fn is_exact(&self) -> bool {
        let change = i128::from(self.after_sat) - i128::from(self.before_sat);
        change == i128::from(self.settlement_sat) - i128::from(self.fees_sat)
    }
}
