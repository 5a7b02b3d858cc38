//! Fidelity bonds on a chain: what it shows of them, a bond's whole life, and draws by bonds as files.

mod draw;
mod life;
mod outcome;
mod status;

pub use draw::{DrawFile, RedrawError, Redrawn, Seated, ShownAnswers};
pub use life::live;
pub use outcome::{BondForm, Life, LifeError, LifeOptions, LifeStep};
pub use status::{StatusError, moment, register, status, verify};
