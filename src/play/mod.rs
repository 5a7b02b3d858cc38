//! Contracts played from funding to their end: real wallets, real keys, a real job, on a regtest chain.
//!
//! [`PlayOptions`] has the scenarios ([`Playable`](crate::harness::Playable)); a [`ContractPlay`] holds the chain and the
//! parties and makes their moves. Everything that happens is reported as an [`Event`], for people and for programs.

pub(crate) mod attack;
mod case;
pub(crate) mod cheat;
mod conduct;
mod contract;
mod error;
mod event;
mod job;
mod killer;
mod ledger;
mod lives;
mod narrate;
mod options;
pub(crate) mod panel;
mod participant;
mod publish;
mod records;
mod scenarios;
mod setup;
mod stage;
mod told;
mod workshop;

pub use contract::{ContractPlay, Ending};
pub use error::PlayError;
pub use event::{DecryptedDigits, DecryptedOutputs, DecryptedResult, Event, Outcome, Settled};
pub use options::{JobFile, PlayOptions};
pub use participant::ContractParticipant;
