//! The contract as an extensive-form game, and what follows from it.
//!
//! [`build()`] turns a parameter record and what the work is worth to everybody ([`Economics`]) into a
//! [`Game`] with exact rational payoffs in satoshi; [`solve()`] finds its subgame-perfect equilibria
//! and says whether honest play is the only one, or which deviation pays and how much;
//! [`inequalities`] evaluates the conditions that are sufficient for it; [`plan`] looks for the
//! cheapest parameters for which it is.
//!
//! What the game covers, and what it does not, is in [`mod@build`]. Any other game is put together with a [`GameBuilder`];
//! solver and export are the same.

mod bimatrix;
pub mod build;
mod builder;
mod draw;
mod economics;
mod efg;
mod honest;
mod inequality;
pub mod plan;
pub mod solve;
mod tree;

pub use crate::detection::hit_probability;
pub use crate::rational::{Rational, exact, rounded};
pub use build::build;
pub use builder::{GameBuilder, GameError, Move};
pub use economics::{
    ArbiterModel, Economics, EconomicsError, Fees, MAX_EXACT_DRAWS, MAX_STRATEGIC_ARBITERS,
    VerdictRule,
};
pub use honest::{HonestPlay, Unprofitable};
pub use inequality::{Inequality, inequalities};
pub use solve::{Deviation, Equilibrium, Solution, Verdict, solve};
pub use tree::{Game, InfoSet, InfoSetId, Node, NodeId, Player};
