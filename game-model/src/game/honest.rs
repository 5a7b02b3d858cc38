//! Proof, for whoever is about to sign, that honest play pays.

use super::build;
use super::economics::{Economics, EconomicsError, TimeOuts};
use super::inequality::{Inequality, inequalities};
use super::solve::{Verdict, solve};
use crate::params::Params;
use crate::rational::rounded;

/// That honest play is the only equilibrium of a contract with one party's figures. There is no
/// other way to get one than [`Self::prove`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HonestPlay {
    params_hash: [u8; 32],
}

impl HonestPlay {
    /// Solves the game. There is one judgement: what [`solve()`] says of the tree.
    ///
    /// # Errors
    /// [`Unprofitable`], with the deviation that pays and the inequalities that fail.
    pub fn prove(params: &Params, economics: &Economics) -> Result<Self, Unprofitable> {
        if economics.time_outs != TimeOuts::PayNobody {
            return Err(EconomicsError::NoSuchContract.into());
        }
        let game = build(params, economics)?;
        let verdict = solve(&game).verdict;
        if verdict.honest_play_pays() {
            let params_hash = params.hash();
            return Ok(Self { params_hash });
        }
        let mut broken = inequalities(params, economics)?;
        broken.retain(|row| !row.holds());
        let verdict = Box::new(verdict);
        Err(Unprofitable::NotUnique { verdict, broken })
    }

    /// Whether the proof is about this record.
    pub fn is_for(&self, params: &Params) -> bool {
        self.params_hash == params.hash()
    }
}

/// Why a contract should not be signed. The parameters are at fault, or the figures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprofitable {
    /// Honest play is not the only equilibrium.
    #[error("honest play does not pay: {}{}", said(.verdict), list(.broken))]
    NotUnique {
        /// What the solver found.
        verdict: Box<Verdict>,
        /// Sufficient conditions that fail.
        broken: Vec<Inequality>,
    },
    /// The figures make no game.
    #[error(transparent)]
    Economics(#[from] EconomicsError),
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Unique => "it does".to_owned(),
        Verdict::NotUnique { other } => format!("there is another equilibrium: {other}"),
        Verdict::Deviates(deviation) => deviation.to_string(),
        Verdict::Undecided { why } => format!("that it does could not be shown: {why}"),
    }
}

fn list(broken: &[Inequality]) -> String {
    let each = broken.iter().map(|i| {
        let (left, right) = (rounded(&i.left, 2), rounded(&i.right, 2));
        format!("; {} fails: {}, here {left} > {right}", i.name, i.formula)
    });
    each.collect()
}
