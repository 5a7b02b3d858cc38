//! What is found, and why sometimes nothing is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Refused;
use crate::arbiters::Ruling;
use crate::dispute::ReplayError;
use crate::play::EvidenceError;
use crate::token::SealError;

/// A row of the table, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// 0.
    Contradiction,
    /// 1.
    Record,
    /// 2.
    Boxes,
    /// 3.
    Sample,
    /// 4.
    Token,
    /// 5.
    Reply,
    /// 6.
    OpenSeal,
    /// 7.
    Leaves,
    /// 8.
    Rerun,
    /// 9.
    Opening,
    /// 9a.
    FalseSeal,
    /// 10.
    BadBox,
    /// 11.
    Else,
    /// c2.
    Unserved,
    /// c3.
    Unopened,
    /// c4.
    ChallengedStep,
    /// c5.
    NoGround,
}

impl Row {
    /// All of them, in order.
    pub const ALL: [Self; 17] = [
        Self::Contradiction,
        Self::Record,
        Self::Boxes,
        Self::Sample,
        Self::Token,
        Self::Reply,
        Self::OpenSeal,
        Self::Leaves,
        Self::Rerun,
        Self::Opening,
        Self::FalseSeal,
        Self::BadBox,
        Self::Else,
        Self::Unserved,
        Self::Unopened,
        Self::ChallengedStep,
        Self::NoGround,
    ];
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contradiction => "0",
            Self::Record => "1",
            Self::Boxes => "2",
            Self::Sample => "3",
            Self::Token => "4",
            Self::Reply => "5",
            Self::OpenSeal => "6",
            Self::Leaves => "7",
            Self::Rerun => "8",
            Self::Opening => "9",
            Self::FalseSeal => "9a",
            Self::BadBox => "10",
            Self::Else => "11",
            Self::Unserved => "c2",
            Self::Unopened => "c3",
            Self::ChallengedStep => "c4",
            Self::NoGround => "c5",
        })
    }
}

/// What follows from a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFinding {
    /// The first row that applies.
    pub row: Row,
    /// The ruling.
    pub ruling: Ruling,
    /// What was found, for humans.
    pub reason: String,
    /// The row is against the verifier, and the ruling is not: why the worker's opening is none that it could be paid
    /// for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpaid: Option<String>,
    /// What was brought and counts as absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// Why nothing is found. It says nothing about any party: the judge has read too little, or its machine can't do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The facts contradict each other.
    #[error("these are not the facts of one contract: {0}")]
    Facts(&'static str),
    /// A block is missing.
    #[error("the hash of the block at height {height} is missing")]
    Block {
        /// Its height, at most one above the appeal or challenge.
        height: u32,
    },
    /// A step is to be run again, and there is no program.
    #[error("step {index} is to be run again, for which the program is missing")]
    Program {
        /// The step.
        index: u64,
    },
    /// The program or job at hand is not the contract's.
    #[error("what is at hand to run the step again is of another contract: {0}")]
    OtherCase(String),
    /// The step could not be judged here.
    #[error(transparent)]
    Step(EvidenceError),
    /// The search inside the step has not come to an end that counts.
    #[error(transparent)]
    Search(#[from] ReplayError),
    /// The seal could not be tried here.
    #[error(transparent)]
    Seal(SealError),
}
