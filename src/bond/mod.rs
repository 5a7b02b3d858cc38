//! Fidelity bonds on a chain: what it shows of them, and a bond's whole life.

mod life;
mod sight;

pub use life::{BondForm, Life, LifeError, LifeOptions, LifeStep, live};
pub use sight::{SightError, moment, register, sight, verify};
