//! Small contracts between processes: one side each, hosted by whoever has links, a chain and a wallet.
//!
//! Whatever the contract is, its host drives a [`SmallSide`] in one way: it gives it what the other side says
//! ([`SmallSide::hear`]), what the chain shows ([`SmallSide::seen`]) and what its owner orders ([`SmallSide::order`]); then it lets it
//! go on ([`SmallSide::go_on`]) and takes what it has to say. What it publishes ([`SmallSide::publications`]) leaves once its log is
//! durable; deadlines are heights, so that each look at the chain is a timer's tick.
//!
//! A side talks with one or several others ([`Talk`]): with those that are asked, or that ask, and with guests, who ask it by themselves for
//! its part in what it shares with others.
//!
//! A side is a machine of `narthex_channel` with its log, and beside it what is in memory alone: sessions of nonces, and which
//! words were given out since the start. A process that dies loses these without harm: what is to be said is said again, and a link says
//! nothing twice.

mod apart;
mod bank;
mod bounty;
mod ceremony;
mod delivery;
mod error;
mod family;
mod given;
mod line_up;
mod onchain;
mod slice;

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, Transaction, Weight, secp256k1::SecretKey};
use narthex_base::{kinds::Kind, secret::Secret};
use narthex_channel::{StepError, small::SmallPeer};
use narthex_contracts::{binding::Bindings, template::Reserve, terms::FeeRate};
use narthex_regtest::AcceptedPolicy;
use serde::{Deserialize, Serialize};

pub use bank::{BankPayer, BankProvider, check_bank};
pub use bounty::{BountyRecomputer, BountyRequester, check_bounty};
pub use delivery::{
    DeliveryKeeper, DeliveryRecipient, DeliverySender, check_figures, keep_message,
};
pub use error::SmallError;
pub use family::{check_ask, family_of, is_guests, members, named_at, open, reserve_of};

pub use slice::{SliceClient, SliceProvider, check_slice};

use crate::{life::Due, wallet::PartyWallet};

/// What a side works with, for one call.
pub struct Surroundings<'a> {
    /// What secrets follow from.
    pub seed: &'a Secret,
    /// The key of this side in this contract.
    pub key: SecretKey,
    /// The key that others know this node by.
    pub identity: SecretKey,
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
    /// Whether all others have said what they hold of this one's words since the start: before, this disk may be older than what was
    /// said, and nothing new is signed for it. What is published does not wait for that.
    pub may_sign: bool,
}

/// With whom a side talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// The one that asks; or of those that are asked the one in this place, from 0. Behind the one that asks a side has other members
    /// ([`members`]).
    Peer(u8),
    /// Whoever has asked this node by itself for something of the contract, by the id of that ask.
    Guest([u8; 32]),
}

/// Another node of a contract whom the ask of a third names: both speak under the id of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// In which place of the talks it is ([`Talk::Peer`]), behind the one that asks.
    pub place: u8,
    /// Its node, and where it listens.
    pub peer: SmallPeer,
    /// Whether this node is party 0 on the link; else it is party 1.
    pub asks: bool,
}

/// What a side says to the ask of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// It is served: what it is told is what [`SmallSide::serve`] says then.
    Now,
    /// Not yet: it is asked again when the chain has gone on.
    Later,
    /// It is not, and why.
    Never(String),
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

impl SmallHeard {
    /// What became of a message that a machine did not take: its refusal is the sender's fault, or nobody's.
    fn of_step<E: std::fmt::Display>(error: StepError<E>) -> Result<SmallHeard, SmallError> {
        match SmallError::of_step(error) {
            SmallError::Refused(why) => Ok(SmallHeard::Refused(why)),
            error => Err(error),
        }
    }
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
    /// As the provider of a bank: serves the stream that its payer has ordered.
    Serve,
    /// As the provider of a bank: keeps pennies for a request, by its key. The same again changes nothing.
    Reserve {
        /// Of the request, drawn by whoever makes it; in hex.
        #[serde(with = "narthex_base::hex::array")]
        key: [u8; 32],
        /// How many.
        pennies: u32,
    },
    /// As the provider of a bank: so many of these are used. The same again changes nothing.
    Debit {
        /// Of the request.
        #[serde(with = "narthex_base::hex::array")]
        key: [u8; 32],
        /// How many.
        pennies: u32,
    },
    /// As the provider of a bank: what the request did not use is free again.
    Release {
        /// Of the request.
        #[serde(with = "narthex_base::hex::array")]
        key: [u8; 32],
    },
    /// As either side of a bank: goes no further with its stream. What is paid for is still opened.
    Stop,
    /// Ends it by agreement, if the other side is there.
    Close,
    /// Stops it alone.
    ForceClose,
    /// As the recipient of a delivery: accepts another agent that has served its copy, since the last one does not claim.
    Next,
    /// As the client of a slice: waits no longer for what a provider was paid for and showed to those only who paid it.
    GiveUp {
        /// Whose, from 1.
        provider: u8,
    },
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

/// Something to be signed at the fee of the day and published at each tip until it confirms: it spends a coin of the contract alone, and pays
/// out of it.
#[derive(Clone, Copy, Debug)]
pub struct Spend {
    /// Its name in the graph.
    pub name: &'static str,
    /// The coin.
    pub coin: OutPoint,
    /// What it weighs.
    pub weight: Weight,
    /// What it is worth, and until when it must confirm.
    pub due: Due,
}

/// What was delivered to this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// `message`, or `evidence` that whoever sent it committed to none.
    pub what: &'static str,
    /// That.
    pub bytes: Vec<u8>,
}

/// Where the stream of a bank stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// In a word of its machine.
    pub standing: &'static str,
    /// Why it goes no further, if either side has said so.
    pub why: Option<String>,
}

/// One side of a small contract between nodes. One that stakes nothing funds and publishes nothing, as it stands here.
pub trait SmallSide {
    /// Its family, in a word.
    fn family(&self) -> &'static str;

    /// Which side it is, in a word.
    fn role(&self) -> &'static str;

    /// Where it stands, in a word of its machine.
    fn standing(&self) -> &'static str;

    /// Figures for its owner, by name.
    fn figures(&self) -> BTreeMap<String, u64>;

    /// Of a bank that has paid or served a stream: where the last one stands.
    fn stream(&self) -> Option<Streamed> {
        None
    }

    /// Fee rate of its funding, at which it begins to pay for what it publishes too.
    fn rate(&self) -> FeeRate;

    /// What a transaction that was found is called, in a word of its graph; empty if it is none of the contract's.
    fn name_of(&self, tx: &Transaction) -> &'static str;

    /// The kinds of messages that it hears.
    fn hears(&self) -> &'static [Kind];

    /// Another says something. The link has it on its disk together with what follows.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault.
    fn hear(
        &mut self,
        from: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError>;

    /// This side has said this itself, and its disk has forgotten it: what follows from it holds. Nothing does where all that it stands on
    /// comes again from others.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault.
    fn came_back(&mut self, _body: &[u8]) -> Result<(), SmallError> {
        Ok(())
    }

    /// The owner orders something.
    ///
    /// # Errors
    /// [`SmallError::Refused`]: it is not done, and nothing has changed; others are this computer's fault.
    fn order(&mut self, order: SmallOrder, with: &mut Surroundings<'_>) -> Result<(), SmallError>;

    /// The owner gives it something of its own: as a recomputer of a bounty its result, as a provider of a slice its
    /// commitment to the computation and behind that its result, as the payer of a bank the order of a stream
    /// ([`StreamOrder`](narthex_channel::stream::StreamOrder), whose bank and pennies before the side fills in).
    ///
    /// # Errors
    /// [`SmallError::Refused`]: it is not taken, and nothing has changed; others are this computer's fault.
    fn give(&mut self, _bytes: &[u8]) -> Result<(), SmallError> {
        Err(SmallError::refused("nothing is to be given to this side"))
    }

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

    /// Bodies of messages, in order, each given out once, and for whom.
    fn said(&mut self) -> Vec<(Talk, Vec<u8>)>;

    /// Whether it funds, as it stands: its host asks the Bitcoin node before whether that takes what the contract ends with.
    fn funds(&self) -> bool {
        false
    }

    /// What it says to a guest's ask with these figures; `None` if they are about something else.
    fn welcomes(&self, _figures: &[u8]) -> Option<Welcome> {
        None
    }

    /// A guest that is welcome is served: what it is told is among what is said next. Whether there is something that it was not told
    /// since the start.
    ///
    /// # Errors
    /// [`SmallError`]: this computer's fault.
    fn serve(&mut self, _guest: [u8; 32]) -> Result<bool, SmallError> {
        Ok(false)
    }

    /// What is to be signed at the fee of the day as it stands.
    fn spends(&self) -> Vec<Spend> {
        Vec::new()
    }

    /// One of these with this fee.
    ///
    /// # Errors
    /// [`SmallError`]: there is none of this name, or the coin does not pay so much.
    fn spend(
        &mut self,
        _name: &'static str,
        _fee: Amount,
        _with: &mut Surroundings<'_>,
    ) -> Result<Transaction, SmallError> {
        Err(SmallError::Order("something to be signed"))
    }

    /// What was delivered to this node, once it has it.
    fn delivered(&self) -> Option<Delivered> {
        None
    }

    /// What is to be published as it stands.
    fn publications(&self) -> Vec<Publication> {
        Vec::new()
    }

    /// Own coins that are planned with, and not in a block yet: no other contract takes them.
    fn coins(&self) -> Vec<OutPoint> {
        Vec::new()
    }

    /// The first height at which it acts by itself if nothing else happens.
    fn acts_at(&self) -> Option<u32> {
        None
    }

    /// Number of changes in its log, to see whether anything is new.
    fn changes(&self) -> u64;

    /// Whether its end lies so deep that nothing of it can come any more, or it was not funded in time.
    fn is_over(&self) -> bool;
}
