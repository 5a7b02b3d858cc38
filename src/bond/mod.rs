//! Fidelity bonds on a chain: what it shows of them, and a bond's whole life.

mod life;
mod outcome;
mod sight;

pub use life::live;
pub use outcome::{BondForm, Life, LifeError, LifeOptions, LifeStep};
pub use sight::{SightError, moment, register, sight, verify};
