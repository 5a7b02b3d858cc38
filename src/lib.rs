//! Bitcoin contracts for computation games: the facade over the project's crates, and what the command needs.

pub mod play;
pub mod wallet;

pub use narthex_contracts as contracts;
pub use narthex_game_model as game_model;
pub use narthex_regtest as regtest;
