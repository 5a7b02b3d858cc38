//! Conditions that are sufficient for honest play, each with both sides.

mod rows;
mod symbols;

use serde::{Serialize, Serializer};

use super::economics::{Economics, EconomicsError};
use crate::params::Params;
use crate::rational::Rational;

pub(super) use symbols::{Deposits, Symbols, locking};

/// A strict inequality, `left > right`, in satoshi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inequality {
    /// What it is for; part of the interface.
    pub name: &'static str,
    /// In symbols.
    pub formula: &'static str,
    /// Left side.
    #[serde(serialize_with = "shown")]
    pub left: Rational,
    /// Right side.
    #[serde(serialize_with = "shown")]
    pub right: Rational,
}

fn shown<S: Serializer>(value: &Rational, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl Inequality {
    /// Whether it holds, strictly.
    pub fn holds(&self) -> bool {
        self.left > self.right
    }
}

/// The inequalities under which honest play is the only equilibrium of the hardened game, and the only subgame-perfect one.
/// They are sufficient, not necessary: the exact answer is [`super::solve()`]'s. Products are
/// floored as in the settlement table. With strategic arbiters the panel does not err.
///
/// # Errors
/// [`EconomicsError`] if the figures make no game.
pub fn inequalities(
    params: &Params,
    economics: &Economics,
) -> Result<Vec<Inequality>, EconomicsError> {
    economics.check(params)?;
    Ok(Symbols::new(params, economics).rows())
}
