//! The contract as an extensive-form game, and what follows from it.
//!
//! [`build()`] turns a parameter record and what the work is worth to everybody ([`Economics`]) into a
//! [`Game`] with exact rational payoffs in satoshi; [`solve()`] finds the equilibria that survive the elimination of
//! dominated actions and says whether honest play is the only one, or which deviation pays and how much;
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
mod fees;
mod honest;
mod inequality;
mod league;
mod panel;
pub mod plan;
mod rejected;
pub mod solve;
mod stakes;
mod tree;

pub use crate::detection::hit_probability;
pub use crate::rational::{Rational, exact, rounded};
pub use build::{Promise, build};
pub use builder::{GameBuilder, GameError, Move};
pub use economics::{
    ArbiterModel, Economics, EconomicsError, MAX_EXACT_DRAWS, MAX_STRATEGIC_ARBITERS, SidePayments,
    TimeOuts, VerdictRule,
};
pub use fees::Fees;
pub use honest::{HonestPlay, Unprofitable};
pub use inequality::{Inequality, inequalities};
pub use league::{Inspection, League, hidden_league_game, inspection_game};
pub use panel::{Dominance, Oversight, PanelAudits, PanelReport, panel_game};
pub use rejected::{RejectedWorker, hindrance_game, rejected_worker};
pub use solve::{Deviation, Equilibrium, Rival, Solution, Verdict, rival, solve};
pub use stakes::{FreeOption, Grief, Locked, StakesReport};
pub use tree::{Game, InfoSet, InfoSetId, Node, NodeId, Player};
