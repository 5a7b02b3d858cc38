//! Small contracts between two processes: one side each, hosted by whoever has links, a chain and a wallet.
//!
//! Whatever the contract is, its host drives a [`SmallSide`] in one way: it gives it what the other side says
//! ([`SmallSide::hear`]), what the chain shows ([`SmallSide::seen`]) and what its owner orders ([`SmallSide::order`]); then it lets it
//! go on ([`SmallSide::go_on`]) and takes what it has to say. What it publishes ([`SmallSide::publications`]) leaves once its log is
//! durable; deadlines are heights, so that each look at the chain is a timer's tick.
//!
//! A side is a machine of `narthex_channel` with its log, and beside it what is in memory alone: sessions of nonces, and which
//! words were given out since the start. A process that dies loses these without harm: what is to be said is said again, and a link says
//! nothing twice.

mod bank;
mod error;

use std::collections::BTreeMap;

use bitcoin::{OutPoint, Transaction, secp256k1::SecretKey};
use narthex_base::{codec::Message as _, kinds::Kind, secret::Secret};
use narthex_channel::{
    bank::{BankConsent, BankFigures},
    log::Log,
    small::{SmallAnswer, SmallMachine},
};
use narthex_contracts::{
    binding::Bindings,
    depth::Depth,
    template::Reserve,
    terms::{FeeError, FeeRate},
};
use narthex_regtest::AcceptedPolicy;
use serde::{Deserialize, Serialize};

pub use bank::{BankPayer, BankProvider};
pub use error::SmallError;

use crate::{life::Due, wallet::PartyWallet};

/// What a side works with, for one call.
pub struct Surroundings<'a> {
    /// What secrets follow from.
    pub seed: &'a Secret,
    /// The key of this side in this contract.
    pub key: SecretKey,
    /// Its coins.
    pub wallet: &'a mut PartyWallet,
    /// What it has bound, for ever.
    pub bindings: &'a mut dyn Bindings,
    /// That its Bitcoin node takes what contracts end with, once it was asked: nothing is funded before.
    pub node: Option<&'a AcceptedPolicy>,
    /// Fee rate of what pays its own fee.
    pub rate: FeeRate,
    /// Highest that it agrees to.
    pub max_rate: FeeRate,
    /// What is kept back of the coins, this contract's part too.
    pub reserve: Reserve,
    /// Height of the chain.
    pub tip: u32,
    /// Whether the other side has said what it holds of this one's words since the start: before, this disk may be older than what was
    /// said, and nothing new is signed for it. What is published does not wait for that.
    pub may_sign: bool,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallHeard {
    /// It is in the log, or needs not be.
    Taken,
    /// It cannot be taken yet: it is given again when the chain has gone on.
    Later,
    /// It is refused for good, and why: the sender's fault, or nobody's.
    Refused(String),
}

/// What an owner orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SmallOrder {
    /// As the payer of a bank: pays up to this penny.
    Pay {
        /// Its number.
        to: u32,
    },
    /// Ends it by agreement, if the other side is there.
    Close,
    /// Stops it alone.
    ForceClose,
}

/// Something to be published at each tip, until it confirms.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its name in the graph.
    pub name: &'static str,
    /// Whole.
    pub tx: Transaction,
    /// What it is worth and until when it must confirm, if a child of its host's pays for it; else it pays its own fee.
    pub due: Option<Due>,
}

/// One side of a small contract between two nodes.
pub trait SmallSide {
    /// Its family, in a word.
    fn family(&self) -> &'static str;

    /// Which side it is, in a word.
    fn role(&self) -> &'static str;

    /// Where it stands, in a word of its machine.
    fn standing(&self) -> &'static str;

    /// Figures for its owner, by name.
    fn figures(&self) -> BTreeMap<String, u64>;

    /// Fee rate of its funding, at which it begins to pay for what it publishes too.
    fn rate(&self) -> FeeRate;

    /// What a transaction that was found is called, in a word of its graph; empty if it is none of the contract's.
    fn name_of(&self, tx: &Transaction) -> &'static str;

    /// The kinds of messages that it hears.
    fn hears(&self) -> &'static [Kind];

    /// The other side says something. The link has it on its disk together with what follows.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault.
    fn hear(&mut self, body: &[u8], with: &mut Surroundings<'_>) -> Result<SmallHeard, SmallError>;

    /// This side has said this itself, and its disk has forgotten it: what follows from it holds.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault.
    fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError>;

    /// The owner orders something.
    ///
    /// # Errors
    /// [`SmallError::Refused`]: it is not done, and nothing has changed; others are this computer's fault.
    fn order(&mut self, order: SmallOrder, with: &mut Surroundings<'_>) -> Result<(), SmallError>;

    /// The coins to begin with, whose spends tell of the contract; none before it may be funded.
    fn watched(&self) -> Vec<OutPoint>;

    /// Of a transaction that spends what is watched: which of its outputs are watched then.
    fn watches(&self, tx: &Transaction) -> Vec<u32>;

    /// What was found so far of what is watched, with heights, in order; with the tip. Deadlines that are reached are acted on.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault.
    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError>;

    /// Does what is due as it stands: signs, and puts by what is to be said.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault; it is tried again.
    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError>;

    /// Bodies of messages to the other side, in order, each given out once.
    fn said(&mut self) -> Vec<Vec<u8>>;

    /// What is to be published as it stands.
    fn publications(&self) -> Vec<Publication>;

    /// Own coins that are planned with, and not in a block yet: no other contract takes them.
    fn coins(&self) -> Vec<OutPoint>;

    /// The first height at which it acts by itself if nothing else happens.
    fn acts_at(&self) -> Option<u32>;

    /// Number of changes in its log, to see whether anything is new.
    fn changes(&self) -> u64;

    /// Whether its end lies so deep that nothing of it can come any more, or it was not funded in time.
    fn is_over(&self) -> bool;
}

/// Which side of what an ask is about, from its figures.
///
/// # Errors
/// [`SmallError::Refused`] if they are of no family that is hosted: the fault of whoever asks.
pub fn family_of(figures: &[u8]) -> Result<&'static str, SmallError> {
    let read = BankFigures::from_bytes(figures);
    read.map(|_| bank::FAMILY).map_err(SmallError::refused)
}

/// The coins that a host keeps back to pay for the exits of a side.
///
/// # Errors
/// [`FeeError`] if the rate is taken for a mistake.
pub fn reserve_of(rate: FeeRate) -> Result<Reserve, FeeError> {
    bank::reserve(rate)
}

/// The side of a contract that is joined, as its log left it.
///
/// # Errors
/// [`SmallError`]: the log cannot be read, or it is not joined.
pub fn open(asked: &SmallMachine, log: Box<dyn Log>) -> Result<Box<dyn SmallSide>, SmallError> {
    let order = SmallError::Order("a small contract that is joined");
    let (Some(begun), Some(SmallAnswer::Takes(answer)), Some(depth)) =
        (asked.begun(), asked.answer(), asked.depth())
    else {
        return Err(order);
    };
    open_bank(begun.is_own, (&begun.ask.figures, answer), depth, log)
}

fn open_bank(
    is_payer: bool,
    (figures, consent): (&[u8], &[u8]),
    depth: Depth,
    log: Box<dyn Log>,
) -> Result<Box<dyn SmallSide>, SmallError> {
    let figures = BankFigures::from_bytes(figures).map_err(SmallError::refused)?;
    let consent = BankConsent::from_bytes(consent).map_err(SmallError::refused)?;
    Ok(match is_payer {
        true => Box::new(BankPayer::open((figures, consent), depth, log)?),
        false => Box::new(BankProvider::open((figures, consent), depth, log)?),
    })
}
