//! Fidelity bonds on a chain: what it shows of them, and a bond's whole life.

mod life;
mod outcome;
mod status;

pub use life::live;
pub use outcome::{BondForm, Life, LifeError, LifeOptions, LifeStep};
pub use status::{StatusError, moment, register, status, verify};
