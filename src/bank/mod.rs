//! Penny banks on a chain: from the first coin to the last balance.
//!
//! Both sides are machines, driven by one piece of code (`keeper.rs`): in a [`BankPlay`] with logs in memory, on a harness,
//! and in a [`KeptBank`] with logs in a folder, between commands. [`BankOptions`] has the scenarios, whole lives of banks. In a [`BankersPlay`] customers pay each other through bankers; [`BankersOptions`] has its
//! scenarios. [`measure`] times openings and payments. What the parties sign and check is in
//! [`contracts::bank`](narthex_contracts::bank) and [`channel::bank`](narthex_channel::bank).

mod banker_scenarios;
mod bankers;
mod bench;
mod coin;
mod container;
mod error;
mod keeper;
mod kept;
mod moves;
mod passing;
mod play;
mod scenarios;
mod sides;

pub use bankers::{BankersOptions, BankersPlay};
pub use bench::{Pace, measure};
pub use error::KeptError;
pub use kept::{Due, KeptBank, KeptChain, KeptStanding, NextMove};
pub use play::{BankOptions, BankPlay};

use narthex_channel::{
    bank::{BankerError, MeterError},
    ptlc::PtlcError,
};
use narthex_contracts::{
    bank::{BankError, ChooseError},
    builder::BuilderError,
};

crate::harness::refusals!(
    BankError,
    BankerError,
    BuilderError,
    MeterError,
    ChooseError,
    PtlcError,
);
