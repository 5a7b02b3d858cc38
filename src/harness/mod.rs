//! The parties of a small contract on one harness: wallets with coins, a chain, moves, and accounts that must be exact.
//!
//! A contract's own shell holds a [`Harness`] and its state machines, and makes their moves through it.

mod error;
mod event;
mod figures;
mod moves;
mod participant;

pub use error::ScenarioError;
pub use event::{Event, Outcome, PartyBalance, Reporter, Step, TransactionEvent};
pub use figures::Unplayable;
pub(crate) use figures::{MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, playable};
pub use participant::{Harness, HarnessOptions, Participant};

use bitcoin::ScriptBuf;
use narthex_regtest::{Bitcoind, Chain, Embedded};

/// The chain to play on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// In this process; nothing to install.
    Embedded,
    /// A bitcoind on regtest, found or built.
    Bitcoind,
}

/// An empty chain of this kind.
pub fn start_chain(kind: ChainKind) -> Result<Box<dyn Chain>, narthex_regtest::Error> {
    Ok(match kind {
        ChainKind::Embedded => Box::new(Embedded::new()),
        ChainKind::Bitcoind => Box::new(Bitcoind::start()?),
    })
}

/// Blocks pay to anybody: nobody's balance changes by them.
pub fn miner() -> ScriptBuf {
    ScriptBuf::new_p2a()
}
