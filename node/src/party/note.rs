//! What a party tells its owner.

use std::fmt;

use super::{Action, Core};

/// Something for the operator to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Id of the contract that it is about, if it is about one: of the negotiation, of the ask, or of what is watched.
    pub contract: Option<[u8; 32]>,
    /// What happened, in words; they have a short form of the id.
    pub words: String,
}

impl<T: Into<String>> From<T> for Note {
    fn from(words: T) -> Note {
        Note {
            contract: None,
            words: words.into(),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Core {
    pub(super) fn note(&mut self, words: impl fmt::Display) {
        self.out.push_back(Action::Note(words.to_string().into()));
    }

    /// The same about a contract.
    pub(super) fn note_of(&mut self, contract: [u8; 32], words: impl fmt::Display) {
        self.out.push_back(Action::Note(Note {
            contract: Some(contract),
            words: words.to_string(),
        }));
    }

    /// What contracts have done is told.
    pub(super) fn tell_journal(&mut self) {
        let told = self.journal.take();
        self.out.extend(told.into_iter().map(Action::Note));
    }
}
