//! Machines that survive being killed, and what keeps them.
//!
//! A party to a contract must never say what it cannot repeat: whatever it answers follows from something that is on its
//! disk. That is one idea, and this crate is its one form:
//!
//! * a [`Machine`] takes an input and answers with *changes* and *effects*, and does nothing itself. It has no key, clock,
//!   socket, file, thread or source of randomness. Where a signature is needed, it asks for one by an effect, and the
//!   signer's answer is an input;
//! * [`Logged`] appends the changes to a [`Log`](log::Log), then applies them, then hands out the effects. Replaying the log gives the
//!   machine back, and with it everything that is still to be done;
//! * a machine's [`Transition`]s are a value: the pages in `docs/machines` are made from them, and the laws hold the
//!   code to them.
//!
//! ```
//! # use narthex_base::{codec::{DecodeError, Message, Reader, Writer}, kinds::{self, Kind}};
//! # use narthex_channel::{Logged, Machine, Step, log::{Identity, MemoryDisk}};
//! /// Counts to any height, one at a time.
//! #[derive(Default)]
//! struct Counter(u32);
//! struct Counted(u32);
//!
//! impl Message for Counted {
//!     const KIND: Kind = kinds::PENNY;
//!     fn write(&self, w: &mut Writer) { w.u32(self.0); }
//!     fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> { Ok(Counted(r.u32("count")?)) }
//! }
//!
//! impl Machine for Counter {
//!     type Input = u32;
//!     type Change = Counted;
//!     type Effect = String;
//!     type Error = &'static str;
//!     fn step(&self, to: &u32) -> Result<Step<Counted, String>, &'static str> {
//!         match to.checked_sub(self.0) {
//!             Some(0) => Ok(Step::seen(self.pending())),
//!             Some(1) => Ok(Step::new(vec![Counted(*to)], vec![format!("say {to}")])),
//!             _ => Err("one at a time"),
//!         }
//!     }
//!     fn apply(&mut self, change: &Counted) { self.0 = change.0 }
//!     fn pending(&self) -> Vec<String> { vec![format!("say {}", self.0)] }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (disk, who) = (MemoryDisk::default(), Identity::new("counter", [7; 32]));
//! let mut counter = Logged::open(Counter::default(), disk.open(&who)?)?;
//! assert_eq!(counter.step(&1)?, ["say 1"]);
//! assert!(counter.step(&3).is_err());
//! drop(counter);
//! // Another process goes on where this one was killed.
//! let counter = Logged::open(Counter::default(), disk.open(&who)?)?;
//! assert_eq!(counter.pending(), ["say 1"]);
//! # Ok(()) }
//! ```
//!
//! Machines: either side of a payment [`channel`](mod@channel), the [`dispute`] inside a step, both sides of a penny [`bank`], of a [`stream`] over one and of a gated [`slice`](mod@slice), the three of a
//! sealed [`delivery`], requester and recomputers of a [`bounty`], a payment that is forwarded from one place to another
//! ([`ptlc`]), who takes part in a contract ([`offer`]), a small contract that one
//! node asks another for ([`small`]), a job that travels to them ([`fetch`]), a party's way to it
//! ([`setup`]), what two nodes have told each other ([`wire`]), and how far a chain was read ([`follow`]).

pub mod bank;
pub mod bounty;
pub mod channel;
mod coin;
pub mod contract;
pub mod delivery;
pub mod dispute;
pub mod fetch;
mod fields;
pub mod follow;
#[cfg(feature = "testing")]
pub mod laws;
pub mod log;
mod logged;
mod machine;
pub mod offer;
pub mod ptlc;
pub mod setup;
pub mod slice;
pub mod small;
pub mod stream;
mod table;
#[cfg(feature = "toy")]
pub mod toy;
pub mod wire;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use bitcoin;

pub use coin::CoinSeen;
pub use logged::{Logged, OpenError, StepError, Taken};
pub use machine::{Machine, Step, Summary};
pub use table::{Tabled, Transition, render};
