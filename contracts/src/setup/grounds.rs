//! Why a party goes on with a contract.

use narthex_game_model::game::{Economics, HonestPlay, Unprofitable};

use crate::terms::TermsDraft;

/// What a party bases its consent on. The ceremony starts with nothing less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// It solved the game with its own figures: honest play is the only equilibrium.
    Pays(HonestPlay),
    /// It does not ask whether honest play pays. For research on coins that may be lost.
    Research,
}

impl Grounds {
    /// Solves the game of these terms with the party's own costs and values.
    ///
    /// # Errors
    /// [`Unprofitable`]: the deviation that pays, and the sufficient conditions that fail.
    pub fn of(terms: &TermsDraft, economics: &Economics) -> Result<Grounds, Unprofitable> {
        HonestPlay::prove(terms.params(), economics).map(Grounds::Pays)
    }

    pub(crate) fn cover(&self, terms: &TermsDraft) -> bool {
        match self {
            Grounds::Pays(proof) => proof.is_for(terms.params()),
            Grounds::Research => true,
        }
    }
}
