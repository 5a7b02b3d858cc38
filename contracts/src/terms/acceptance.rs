//! Why a party goes on with a contract of computation.

use narthex_game_model::game::{Economics, HonestPlay, Unprofitable};

use super::TermsDraft;

/// What a party bases its consent on. Without one that covers the terms it is no party of their ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptancePolicy {
    /// It solved the game with its own figures: honest play is the only equilibrium.
    Pays(HonestPlay),
    /// It does not ask whether honest play pays. For research on coins that may be lost.
    Research,
}

impl AcceptancePolicy {
    /// Solves the game of these terms with the party's own costs and values.
    ///
    /// # Errors
    /// [`Unprofitable`]: the deviation that pays, and the sufficient conditions that fail.
    pub fn of(terms: &TermsDraft, economics: &Economics) -> Result<AcceptancePolicy, Unprofitable> {
        HonestPlay::prove(terms.params(), economics).map(AcceptancePolicy::Pays)
    }

    /// Whether it was found for the parameters of these terms.
    pub fn covers(&self, terms: &TermsDraft) -> bool {
        match self {
            AcceptancePolicy::Pays(proof) => proof.is_for(terms.params()),
            AcceptancePolicy::Research => true,
        }
    }
}
