//! One harness for all scenarios: participants with wallets and accounts that must be exact, a chain, what they send each
//! other, and the one way to play.
//!
//! A contract is registered by its figures, [`Playable`]: its participants on a [`Harness`], and its [`Scenario`]s, each a
//! script of what the participants do. [`play`] plays any of them; `docs/adr/0056-one-harness.md` says why it is like this.

mod error;
mod event;
mod figures;
mod moves;
mod network;
mod participant;
mod scenario;
mod side;

pub use error::ScenarioError;
pub(crate) use error::{Refusal, expect, is_refused, refusals};
pub use event::{Event, Figures, Outcome, PartyBalance, Reporter, Step, TransactionEvent};
pub use figures::Unplayable;
pub(crate) use figures::{MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, playable};
pub use participant::{Harness, HarnessOptions, Participant};
pub(crate) use scenario::on_harness;
pub use scenario::{Playable, Scenario, Script, play, play_on};
pub(crate) use side::Side;

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
