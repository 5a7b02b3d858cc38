//! The laws that every machine is held to.
//!
//! | law | says |
//! |---|---|
//! | determinism | the same state and input give the same step, and the same log the same state |
//! | refusal | a refused input changes nothing, and the log does not grow |
//! | replay | the log alone gives the state back, and what is to be done |
//! | codec | a change reads back as it was written; cut off or with a byte more it is refused |
//! | seen | the same input again changes nothing |
//! | pending | what a step hands out is to be done until an input says otherwise: a crash loses none of it |
//! | end | where no row begins, nothing changes any more |
//! | table | every transition is a row, and every row is reached |
//! | summary | the changes by which a machine says its state give it, and what is to be done ([`check_summary`]) |
//! | store | an append that fails, before or after it was durable, leaves a log to go on from |
//!
//! They are tried on random walks. A walk is made of one seed, and an error says which.

mod walk;

use std::fmt;

use bitcoin::secp256k1::rand::rngs::StdRng;

// It stands where the logs are; laws are tried on it.
pub use crate::log::{FailingLog, Fault};
pub use walk::{check, check_summary};

use narthex_base::codec::Message;

use crate::Tabled;

/// A machine to be held to the laws, and what may come to it.
pub trait Subject {
    /// The machine.
    type Machine: Tabled<
            Input: Clone + fmt::Debug,
            Change: Message + PartialEq + fmt::Debug,
            Effect: PartialEq + fmt::Debug,
            Error: PartialEq + fmt::Debug,
        >;
    /// All that a machine knows, to compare two of them.
    type State: PartialEq + fmt::Debug;

    /// A new machine, the same each time until [`Subject::begin`].
    fn fresh(&self) -> Self::Machine;

    /// All that a machine knows.
    fn state(&self, machine: &Self::Machine) -> Self::State;

    /// Another walk begins.
    fn begin(&mut self, _rng: &mut StdRng) {}

    /// Something that might come as it stands: mostly what the machine waits for, and now and then what it does not.
    fn input(
        &mut self,
        machine: &Self::Machine,
        rng: &mut StdRng,
    ) -> <Self::Machine as crate::Machine>::Input;
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Everything random follows from it.
    pub seed: u64,
    /// Number of walks.
    pub walks: u32,
    /// Inputs of each.
    pub inputs: u32,
}

impl Effort {
    /// So many walks of so many inputs, by the seed in `NARTHEX_SEED` or else this one; as many times more as `NARTHEX_EFFORT`
    /// says.
    pub fn new(usual: u64, walks: u32, inputs: u32) -> Self {
        let named = |name| std::env::var(name).ok();
        let seed = named("NARTHEX_SEED").and_then(|seed| seed.parse().ok());
        let effort = named("NARTHEX_EFFORT").and_then(|times| times.parse().ok());
        Self {
            seed: seed.unwrap_or(usual),
            walks: walks.saturating_mul(effort.unwrap_or(1)),
            inputs,
        }
    }
}

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{machine}: the law of {law} does not hold: {found} (NARTHEX_SEED={seed} repeats it; walk {walk}, input {input})"
)]
pub struct Broken {
    /// Name of the machine.
    pub machine: &'static str,
    /// Which law.
    pub law: &'static str,
    /// What was found.
    pub found: String,
    /// The seed that was used.
    pub seed: u64,
    /// Which walk.
    pub walk: u32,
    /// Which input of it.
    pub input: u32,
}
