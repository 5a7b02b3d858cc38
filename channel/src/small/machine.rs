//! The machine.

use bitcoin::secp256k1::PublicKey;
use narthex_contracts::depth::Depth;

use super::{SmallAnswer, SmallAsk};
use crate::{Machine, Step};

/// How a small contract begins, as one of its two nodes has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallBeginning {
    /// What is asked.
    pub ask: SmallAsk,
    /// Whether this node asks.
    pub is_own: bool,
    /// The other node.
    pub peer: PublicKey,
    /// Where it listens, `HOST:PORT`, if this node is to connect it; else empty.
    pub address: String,
    /// Height of the chain then: nothing of the contract confirms at or below it.
    pub height: u32,
}

/// What comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallInput {
    /// It is asked: by the owner, or by the peer.
    Asked(Box<SmallBeginning>, Option<Depth>),
    /// The owner's answer to the peer's ask, and how deep a coin must lie for this side; or the peer's answer to the own ask, whose
    /// depth was said then.
    Answered(SmallAnswer, Option<Depth>),
    /// It has expired, or nothing of it can come any more.
    Ended,
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallChange {
    /// It was asked.
    Begun(Box<SmallBeginning>),
    /// This side asks for this depth.
    Depth(Depth),
    /// It was answered.
    Answered(SmallAnswer),
    /// It is over.
    Ended,
}

/// What is to be said to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallEffect {
    /// The own ask.
    Ask,
    /// The own answer.
    Answer,
}

/// Why an input changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmallRefusal {
    /// Not as it stands. The fault of whoever asks.
    #[error("a small contract that is {state} takes no {what}")]
    Untimely {
        /// How it stands.
        state: &'static str,
        /// What was tried.
        what: &'static str,
    },
    /// Another ask or answer than the one that is known. The sender's fault.
    #[error("another {0} came before")]
    Other(&'static str),
    /// No depth was said. The caller's fault.
    #[error("how deep a coin must lie is to be said")]
    NoDepth,
}

/// A small contract from the ask on, as one of its two nodes has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmallMachine {
    begun: Option<Box<SmallBeginning>>,
    depth: Option<Depth>,
    answer: Option<SmallAnswer>,
    is_ended: bool,
}

impl SmallMachine {
    /// How it began.
    pub fn begun(&self) -> Option<&SmallBeginning> {
        self.begun.as_deref()
    }

    /// The answer, once there is one.
    pub const fn answer(&self) -> Option<&SmallAnswer> {
        self.answer.as_ref()
    }

    /// How deep a coin must lie for this side.
    pub const fn depth(&self) -> Option<Depth> {
        self.depth
    }

    /// `new`, `asked`, `waiting`, `joined`, `declined` or `over`.
    pub fn standing(&self) -> &'static str {
        match (&self.begun, &self.answer) {
            (None, _) => "new",
            _ if self.is_ended => "over",
            (Some(begun), None) if begun.is_own => "waiting",
            (Some(_), None) => "asked",
            (_, Some(SmallAnswer::Takes(_))) => "joined",
            (_, Some(SmallAnswer::Declines(_))) => "declined",
        }
    }

    fn changes(&self, input: &SmallInput) -> Result<Vec<SmallChange>, SmallRefusal> {
        let state = self.standing();
        let untimely = |what| Err(SmallRefusal::Untimely { state, what });
        match input {
            SmallInput::Asked(begun, depth) => match &self.begun {
                Some(known) if known.ask == begun.ask => Ok(Vec::new()),
                Some(_) => Err(SmallRefusal::Other("ask")),
                None if begun.is_own && depth.is_none() => Err(SmallRefusal::NoDepth),
                None => {
                    let depth = depth.filter(|_| begun.is_own).map(SmallChange::Depth);
                    let begun = SmallChange::Begun(begun.clone());
                    Ok(std::iter::once(begun).chain(depth).collect())
                }
            },
            SmallInput::Answered(answer, depth) => match (state, &self.answer) {
                ("joined" | "declined", Some(known)) if known == answer => Ok(Vec::new()),
                ("joined" | "declined", _) => Err(SmallRefusal::Other("answer")),
                ("waiting", _) => Ok(vec![SmallChange::Answered(answer.clone())]),
                ("asked", _) => match (answer, depth) {
                    (SmallAnswer::Takes(_), None) => Err(SmallRefusal::NoDepth),
                    (SmallAnswer::Takes(_), Some(depth)) => Ok(vec![
                        SmallChange::Depth(*depth),
                        SmallChange::Answered(answer.clone()),
                    ]),
                    _ => Ok(vec![SmallChange::Answered(answer.clone())]),
                },
                _ => untimely("answer"),
            },
            SmallInput::Ended => match state {
                "new" => untimely("end"),
                "over" => Ok(Vec::new()),
                _ => Ok(vec![SmallChange::Ended]),
            },
        }
    }
}

impl Machine for SmallMachine {
    type Input = SmallInput;
    type Change = SmallChange;
    type Effect = SmallEffect;
    type Error = SmallRefusal;

    fn step(&self, input: &SmallInput) -> Result<Step<SmallChange, SmallEffect>, SmallRefusal> {
        Ok(Step::of(self, self.changes(input)?))
    }

    fn apply(&mut self, change: &SmallChange) {
        match change {
            SmallChange::Begun(begun) => self.begun = Some(begun.clone()),
            SmallChange::Depth(depth) => self.depth = Some(*depth),
            SmallChange::Answered(answer) => self.answer = Some(answer.clone()),
            SmallChange::Ended => self.is_ended = true,
        }
    }

    fn pending(&self) -> Vec<SmallEffect> {
        let is_own = self.begun.as_ref().is_some_and(|begun| begun.is_own);
        match (self.standing(), is_own) {
            ("waiting", _) => vec![SmallEffect::Ask],
            ("joined" | "declined", false) => vec![SmallEffect::Answer],
            _ => Vec::new(),
        }
    }
}
