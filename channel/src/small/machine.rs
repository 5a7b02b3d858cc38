//! The machine.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::PublicKey;
use narthex_contracts::depth::Depth;

use super::{SmallAnswer, SmallAsk};
use crate::{Machine, Step};

/// Most nodes that are asked at once.
pub const MAX_SMALL_PEERS: usize = 15;

/// Another node of a small contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallPeer {
    /// Its key.
    pub node: PublicKey,
    /// Where it listens, `HOST:PORT`, if this node is to connect it; else empty.
    pub address: String,
}

/// How a small contract begins, as one of its nodes has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallBeginning {
    /// What is asked.
    pub ask: SmallAsk,
    /// Whether this node asks.
    pub is_own: bool,
    /// Those that are asked, up to [`MAX_SMALL_PEERS`], each once; or the one that asks this node.
    pub peers: Vec<SmallPeer>,
    /// How many of those that are asked must take it before it is joined.
    pub quorum: u8,
    /// Height of the chain then: nothing of the contract confirms at or below it.
    pub height: u32,
}

impl SmallBeginning {
    /// Between two nodes.
    pub fn of_two(ask: SmallAsk, is_own: bool, peer: SmallPeer, height: u32) -> SmallBeginning {
        let peers = vec![peer];
        SmallBeginning {
            ask,
            is_own,
            peers,
            quorum: 1,
            height,
        }
    }

    /// Whether a node with these peers can begin.
    pub(super) fn is_sound(&self) -> bool {
        let nodes: BTreeSet<_> = self.peers.iter().map(|peer| peer.node).collect();
        let (count, quorum) = (self.peers.len(), usize::from(self.quorum));
        let most = if self.is_own { MAX_SMALL_PEERS } else { 1 };
        (1..=most).contains(&count) && nodes.len() == count && (1..=count).contains(&quorum)
    }
}

/// What comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallInput {
    /// It is asked: by the owner, or by the peer.
    Asked(Box<SmallBeginning>, Option<Depth>),
    /// The owner's answer to the peer's ask, and how deep a coin must lie for this side; or the answer to the own ask of the peer in
    /// this place, from 0, whose depth was said then.
    Answered(u8, SmallAnswer, Option<Depth>),
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
    /// It was answered, by whom.
    Answered(u8, SmallAnswer),
    /// It is over.
    Ended,
}

/// What is to be said to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallEffect {
    /// The own ask, to the peer in this place.
    Ask(u8),
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
    /// None, too many, one of them twice, or a quorum that there is not. The fault of whoever asks.
    #[error("1 to {MAX_SMALL_PEERS} nodes are asked, each once; {0} are named")]
    Peers(usize),
    /// An answer of a node that is not asked. The caller's fault.
    #[error("no node is asked in place {0}")]
    Nobody(u8),
}

/// A small contract from the ask on, as one of its nodes has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmallMachine {
    begun: Option<Box<SmallBeginning>>,
    depth: Option<Depth>,
    answers: BTreeMap<u8, SmallAnswer>,
    is_ended: bool,
}

impl SmallMachine {
    /// How it began.
    pub fn begun(&self) -> Option<&SmallBeginning> {
        self.begun.as_deref()
    }

    /// The answer of the first that is asked, or the own one, once there is one.
    pub fn answer(&self) -> Option<&SmallAnswer> {
        self.answers.get(&0)
    }

    /// The answers so far, by the places of those that gave them.
    pub const fn answers(&self) -> &BTreeMap<u8, SmallAnswer> {
        &self.answers
    }

    /// How deep a coin must lie for this side.
    pub const fn depth(&self) -> Option<Depth> {
        self.depth
    }

    fn taken(&self) -> usize {
        let takes = |answer: &&SmallAnswer| matches!(answer, SmallAnswer::Takes(_));
        self.answers.values().filter(takes).count()
    }

    /// Places of those that have not answered.
    fn silent(&self) -> Vec<u8> {
        let count = self.begun.as_ref().map_or(0, |begun| begun.peers.len());
        let places = (0u8..).take(count);
        places.filter(|at| !self.answers.contains_key(at)).collect()
    }

    /// `new`, `asked`, `waiting`, `joined`, `declined` or `over`.
    pub fn standing(&self) -> &'static str {
        let Some(begun) = &self.begun else {
            return "new";
        };
        let (quorum, taken) = (usize::from(begun.quorum), self.taken());
        match begun.is_own {
            _ if self.is_ended => "over",
            _ if taken >= quorum => "joined",
            _ if taken + self.silent().len() < quorum => "declined",
            true => "waiting",
            false => "asked",
        }
    }

    fn changes(&self, input: &SmallInput) -> Result<Vec<SmallChange>, SmallRefusal> {
        let state = self.standing();
        let untimely = |what| Err(SmallRefusal::Untimely { state, what });
        match input {
            SmallInput::Asked(begun, depth) => match &self.begun {
                Some(known) if known.ask == begun.ask => Ok(Vec::new()),
                Some(_) => Err(SmallRefusal::Other("ask")),
                None if !begun.is_sound() => Err(SmallRefusal::Peers(begun.peers.len())),
                None if begun.is_own && depth.is_none() => Err(SmallRefusal::NoDepth),
                None => {
                    let depth = depth.filter(|_| begun.is_own).map(SmallChange::Depth);
                    let begun = SmallChange::Begun(begun.clone());
                    Ok(std::iter::once(begun).chain(depth).collect())
                }
            },
            SmallInput::Answered(by, answer, depth) => {
                let count = self.begun.as_ref().map_or(0, |begun| begun.peers.len());
                let given = SmallChange::Answered(*by, answer.clone());
                match (state, self.answers.get(by)) {
                    ("new" | "over", _) => untimely("answer"),
                    (_, Some(known)) if known == answer => Ok(Vec::new()),
                    (_, Some(_)) => Err(SmallRefusal::Other("answer")),
                    _ if usize::from(*by) >= count => Err(SmallRefusal::Nobody(*by)),
                    ("asked", None) => match (answer, depth) {
                        (SmallAnswer::Takes(_), None) => Err(SmallRefusal::NoDepth),
                        (SmallAnswer::Takes(_), Some(depth)) => {
                            Ok(vec![SmallChange::Depth(*depth), given])
                        }
                        _ => Ok(vec![given]),
                    },
                    (_, None) => Ok(vec![given]),
                }
            }
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
            SmallChange::Answered(by, answer) => {
                self.answers.insert(*by, answer.clone());
            }
            SmallChange::Ended => self.is_ended = true,
        }
    }

    fn pending(&self) -> Vec<SmallEffect> {
        let is_own = self.begun.as_ref().is_some_and(|begun| begun.is_own);
        match (self.standing(), is_own) {
            // Whoever has not answered may still take part in what others have joined.
            ("waiting" | "joined", true) => {
                let silent = self.silent().into_iter();
                silent.map(SmallEffect::Ask).collect()
            }
            ("joined" | "declined", false) => vec![SmallEffect::Answer],
            _ => Vec::new(),
        }
    }
}
