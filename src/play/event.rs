//! What happens during a play, as data. `docs/json.md` documents the same for programs.

use serde::Serialize;

use crate::table::{PartyBalance, Step, TransactionEvent};

/// Takes events as they happen.
pub trait Reporter {
    /// One more event.
    fn report(&mut self, event: &Event);

    /// Something long goes on: `done` of `total` steps. Called with `done == total` at its end.
    fn progress(&mut self, _what: &str, _done: u32, _total: u32) {}
}

/// Forgets everything.
impl Reporter for () {
    fn report(&mut self, _: &Event) {}
}

/// Keeps everything.
impl Reporter for Vec<Event> {
    fn report(&mut self, event: &Event) {
        self.push(event.clone());
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A move off the chain.
    Step(Step),
    /// A confirmed transaction.
    Transaction(TransactionEvent),
    /// The end.
    Outcome(Outcome),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Name of the story.
    pub story: String,
    /// `hardened` or `paper`.
    pub template: String,
    /// `embedded` or `bitcoind`.
    pub chain: String,
    /// Number of the settlement scheme, 1 to 7; `None` for an agreement outside the table.
    pub scheme: Option<u8>,
    /// `k-of-n`.
    pub arbiters: String,
    /// Everything random follows from this seed, hex.
    pub seed: String,
    /// Height of the funding and of the settlement.
    pub funded_at: u32,
    /// Height of the last settlement transaction.
    pub settled_at: u32,
    /// Names of the contract's transactions on chain, in order.
    pub transactions: Vec<String>,
    /// Their ids.
    pub txids: Vec<String>,
    /// Size of the contract's transactions in vB, children not counted.
    pub vbytes: u64,
    /// All fees in sat, children included.
    pub fees_sat: u64,
    /// Everybody's balance before and after.
    pub balances: Vec<PartyBalance>,
    /// What the client decrypted, if the result secret was revealed.
    pub result: Option<DecryptedResult>,
}

/// The decrypted result of the job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecryptedResult {
    /// Number of steps, each of which read one image.
    pub steps: u64,
    /// All digits read, one a step. Not part of the event: they may be many.
    #[serde(skip)]
    pub digits: Vec<u8>,
    /// The first digits read.
    pub first_digits: Vec<u8>,
    /// Share of the digits that agree with the labels, where the input has labels.
    pub agreeing_with_labels: Option<f64>,
    /// Whether decryption agrees with the worker's commitment.
    pub matches_commitment: bool,
}
