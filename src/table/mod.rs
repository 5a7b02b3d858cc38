//! The parties of a small contract at one table: wallets with coins, a chain, moves, and accounts that must be exact.
//!
//! A contract's own shell holds a [`Table`] and its state machines, and makes their moves through it.

mod error;
mod event;
mod figures;
mod moves;
mod seat;

pub use error::TableError;
pub use event::{PartyBalance, Step, TableEvent, TableOutcome, TableReporter, TransactionEvent};
pub use figures::Unplayable;
pub(crate) use figures::{MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, playable};
pub use seat::{Seat, Table, TableOptions};

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
