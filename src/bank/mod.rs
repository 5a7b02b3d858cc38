//! Penny banks on a chain: from the first coin to the last balance.
//!
//! A [`BankPlay`] holds the chain, both parties and their wallets and makes their moves; [`BankOptions`] has the scenarios,
//! whole lives of banks. In a [`BankersPlay`] customers pay each other through bankers; [`BankersOptions`] has its
//! scenarios. [`measure`] times openings and payments. What the parties sign and check is in
//! [`contracts::bank`](narthex_contracts::bank) and [`channel::bank`](narthex_channel::bank).

mod banker_scenarios;
mod bankers;
mod bench;
mod coin;
mod container;
mod kept;
mod moves;
mod passing;
mod play;
mod scenarios;

pub use bankers::{BankersOptions, BankersPlay};
pub use bench::{Pace, measure};
pub use kept::{KeptBank, KeptChain, KeptError, KeptStanding};
pub use moves::Resumption;
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
