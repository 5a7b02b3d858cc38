//! What is written down of a link.

use std::sync::Arc;

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::party::{
    PartyId, PartySet, read_parties, read_party, write_parties, write_party,
};

use crate::wire::{Contradiction, Envelope, SignedHead, types::LONGEST};

/// A message as it is kept: whole, or its head alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// What its sender signed.
    pub signed: SignedHead,
    /// Its body, if it is still there. Shared, so that a machine that is tried out copies none.
    pub body: Option<Arc<[u8]>>,
}

impl Kept {
    /// The whole message, if its body is there. That it is the one that was signed was seen when it came.
    pub(in crate::wire) fn envelope(&self) -> Option<Envelope> {
        let body = self.body.as_deref()?;
        Some(self.signed.around(body.to_vec()))
    }
}

// Bodies are long.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = &self.signed.head;
        let body = if self.body.is_some() { "whole" } else { "head" };
        write!(f, "{} {} ({body}, {head:?})", head.name(), head.seq)
    }
}

/// A contract on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// As whom this party takes part.
    pub me: PartyId,
    /// As whom the peer does.
    pub peer: PartyId,
    /// Most bytes of a body in it: what its plan needs.
    pub most: u32,
}

/// What is kept of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinksChange {
    /// The program started: until the peer has said how far it has read, nothing new is signed.
    Booted {
        /// Which start it is.
        boot: u64,
    },
    /// The peer has said so.
    Resumed,
    /// A contract with the peer, or its bodies may be longer.
    Opened {
        /// Which.
        contract: [u8; 32],
        /// Who is who.
        of: Membership,
    },
    /// It is out of its set-up.
    Settled {
        /// Which.
        contract: [u8; 32],
    },
    /// It is over: everything of it is forgotten, but that it was.
    Ended {
        /// Which.
        contract: [u8; 32],
    },
    /// It is over, and its party keeps that it was: nothing of it is kept here.
    Closed {
        /// Which.
        contract: [u8; 32],
    },
    /// Own message: it is in the outbox.
    Posted(Kept),
    /// The peer's message, which the contract has taken.
    Taken(Kept),
    /// How far the peer has read.
    Marked {
        /// In which contract.
        contract: [u8; 32],
        /// Of what is for whom.
        to: PartySet,
        /// All below it.
        next: u64,
    },
    /// An own message that this disk does not know of: the disk is older than what was said.
    Claimed(SignedHead),
    /// An own message that came back, which the contract has taken.
    Imported(Kept),
    /// Own key has signed two things: somebody runs a copy of this node, or did.
    Forked(Contradiction),
    /// The peer has signed two things.
    Contradicted(Contradiction),
    /// The contract knows of it.
    Noted {
        /// Which.
        contract: [u8; 32],
    },
    /// What was claimed below this number is given up: it is used, and nobody knows for what.
    Skipped {
        /// In which contract.
        contract: [u8; 32],
        /// Of what is for whom.
        to: PartySet,
        /// All below it.
        next: u64,
    },
    /// The operator says that nothing else is missing, and that no copy runs.
    Cleared,
}

fn write_kept<'w>(w: &'w mut Writer, kept: &Kept) -> &'w mut Writer {
    w.message(&kept.signed).flag(kept.body.is_some());
    match &kept.body {
        Some(body) => w.bytes(body),
        None => w,
    }
}

fn read_kept(r: &mut Reader<'_>) -> Result<Kept, DecodeError> {
    Ok(Kept {
        signed: r.message("head")?,
        body: match r.flag("body is there")? {
            true => Some(r.bytes_up_to("body", LONGEST as usize)?.into()),
            false => None,
        },
    })
}

impl Message for LinksChange {
    const KIND: Kind = kinds::LINKS_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Booted { boot } => w.u8(0).u64(*boot),
            Self::Resumed => w.u8(1),
            Self::Opened { contract, of } => {
                w.u8(2).fixed(contract);
                write_party(w, of.me);
                write_party(w, of.peer);
                w.u32(of.most)
            }
            Self::Settled { contract } => w.u8(3).fixed(contract),
            Self::Ended { contract } => w.u8(4).fixed(contract),
            Self::Posted(kept) => write_kept(w.u8(5), kept),
            Self::Taken(kept) => write_kept(w.u8(6), kept),
            Self::Marked { contract, to, next } => {
                w.u8(7).fixed(contract);
                write_parties(w, *to);
                w.u64(*next)
            }
            Self::Claimed(signed) => w.u8(8).message(signed),
            Self::Imported(kept) => write_kept(w.u8(9), kept),
            Self::Forked(proof) => w.u8(10).message(proof),
            Self::Contradicted(proof) => w.u8(11).message(proof),
            Self::Noted { contract } => w.u8(12).fixed(contract),
            Self::Cleared => w.u8(13),
            Self::Skipped { contract, to, next } => {
                w.u8(14).fixed(contract);
                write_parties(w, *to);
                w.u64(*next)
            }
            Self::Closed { contract } => w.u8(15).fixed(contract),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => Self::Booted {
                boot: r.u64("starts")?,
            },
            1 => Self::Resumed,
            2 => Self::Opened {
                contract: r.array("contract")?,
                of: Membership {
                    me: read_party(r, "this party")?,
                    peer: read_party(r, "peer")?,
                    most: r.u32("most")?,
                },
            },
            3 => Self::Settled {
                contract: r.array("contract")?,
            },
            4 => Self::Ended {
                contract: r.array("contract")?,
            },
            5 => Self::Posted(read_kept(r)?),
            6 => Self::Taken(read_kept(r)?),
            7 => Self::Marked {
                contract: r.array("contract")?,
                to: read_parties(r, "receivers")?,
                next: r.u64("next")?,
            },
            8 => Self::Claimed(r.message("head")?),
            9 => Self::Imported(read_kept(r)?),
            10 => Self::Forked(r.message("proof")?),
            11 => Self::Contradicted(r.message("proof")?),
            12 => Self::Noted {
                contract: r.array("contract")?,
            },
            13 => Self::Cleared,
            14 => Self::Skipped {
                contract: r.array("contract")?,
                to: read_parties(r, "receivers")?,
                next: r.u64("next")?,
            },
            15 => Self::Closed {
                contract: r.array("contract")?,
            },
            found => return Err(DecodeError::invalid("change", found)),
        })
    }
}
