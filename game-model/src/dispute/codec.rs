//! The canonical bytes of moves and transcripts.
//!
//! Version 2: dates are no part of what is signed. Integers big-endian; a list or a byte string has its 32-bit length in front. No length
//! is believed: space is made only for bytes that are there.
//!
//! ```text
//! transcript  version 1 ‖ dispute 32 ‖ opened at 4 ‖ complete to 4 ‖ entries 4 ‖ entry…
//! entry       height 4 ‖ 0 ‖ signed move    or    height 4 ‖ 1 ‖ signed move ‖ signed move
//! signed move number 4 ‖ previous 32 ‖ move ‖ signature 64
//! move        0 ‖ digests 4 ‖ digest 32…                               post
//!             1 ‖ part 4                                               choice
//!             2 ‖ bytes 4 ‖ record ‖ siblings 4 ‖ sibling 32…          reveal of the record
//!             3 ‖ bytes 4 ‖ state                                      reveal of a state
//!             4                                                        reveal of a failure
//! changes     next number 4 ‖ head 32 ‖ since 4 ‖ phase
//! phase       0 ‖ interval                                             waits for a post
//!             1 ‖ interval ‖ digests 4 ‖ digest 32…                    waits for a choice
//!             2 ‖ interval                                             waits for a reveal
//!             3 ‖ ruling 1 ‖ bytes 4 ‖ reason                          ended
//! interval    agreed 8 ‖ its digest 32 ‖ disputed 8 ‖ its digest 32
//! ```

use narthex_base::codec::{DecodeError, Reader, Writer};

use super::entry::{Entry, Equivocation, Event, Move, Reveal, SignedMove};
use super::interval::Interval;
use super::machine::{AwaitChoice, AwaitPost, AwaitReveal, Changes, Phase};
use super::transcript::Transcript;
use crate::Ruling;
use crate::commitment::Multiproof;
use crate::play::Finding;

/// The only version that is read. Under the moves of version 1 lie the heights of their records.
const VERSION: u8 = 2;
/// Height, kind of entry, number, previous, kind of move, signature: an entry whose move says nothing more.
const LEAST_ENTRY_BYTES: usize = 4 + 1 + 4 + 32 + 1 + 64;

impl SignedMove {
    /// The canonical bytes, as a transcript has them: what a party writes down before it sends a move.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        write_signed(&mut w, self);
        w.finish()
    }

    /// Reads canonical bytes. Whether the move is signed is for [`SignedMove::is_signed_by`] to say.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut r = Reader::plain(bytes);
        let signed = read_signed(&mut r)?;
        r.finish()?;
        Ok(signed)
    }
}

impl Transcript {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION)
            .fixed(&self.dispute)
            .u32(self.opened_at)
            .u32(self.complete_to);
        w.list(&self.entries, write_entry);
        w.finish()
    }

    /// Reads canonical bytes. Whether the entries count is for [`Transcript::replay`] to say.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut r = Reader::plain(bytes);
        match r.u8("version")? {
            VERSION => {}
            version => return Err(TranscriptError::Version(version)),
        }
        let dispute = r.array("dispute")?;
        let (opened_at, complete_to) = (r.u32("opened at")?, r.u32("complete to")?);
        let mut entries = Vec::new();
        for _ in 0..r.count("entries", LEAST_ENTRY_BYTES)? {
            entries.push(read_entry(&mut r)?);
        }
        r.finish()?;
        Ok(Self {
            dispute,
            opened_at,
            complete_to,
            entries,
        })
    }
}

impl Entry {
    /// The canonical bytes, as in a transcript.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        write_entry(&mut w, self);
        w.finish()
    }

    /// Reads canonical bytes. Whether it counts is for [`Dispute::step`](super::Dispute::step) to say.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut r = Reader::plain(bytes);
        let entry = read_entry(&mut r)?;
        r.finish()?;
        Ok(entry)
    }
}

impl Changes {
    /// The canonical bytes, for a log that nobody but its owner writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u32(self.next_number).fixed(&self.head).u32(self.since);
        match &self.phase {
            Phase::Post(AwaitPost { interval }) => write_interval(w.u8(0), interval),
            Phase::Choice(AwaitChoice { interval, posted }) => {
                write_interval(w.u8(1), interval);
                write_hashes(&mut w, posted);
            }
            Phase::Reveal(AwaitReveal { interval }) => write_interval(w.u8(2), interval),
            Phase::Ended(finding) => write_finding(w.u8(3), finding),
        }
        w.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut r = Reader::plain(bytes);
        let changes = Self {
            next_number: r.u32("next number")?,
            head: r.array("head")?,
            since: r.u32("since")?,
            phase: read_phase(&mut r)?,
        };
        r.finish()?;
        Ok(changes)
    }
}

impl Finding {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        write_finding(&mut w, self);
        w.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut r = Reader::plain(bytes);
        let finding = read_finding(&mut r)?;
        r.finish()?;
        Ok(finding)
    }
}

fn write_entry(w: &mut Writer, entry: &Entry) {
    w.u32(entry.height);
    match &entry.event {
        Event::Moved(signed) => write_signed(w.u8(0), signed),
        Event::Equivocated(two) => {
            write_signed(w.u8(1), &two.first);
            write_signed(w, &two.second);
        }
    }
}

fn write_interval(w: &mut Writer, interval: &Interval) {
    w.u64(interval.agreed)
        .fixed(&interval.agreed_digest)
        .u64(interval.disputed)
        .fixed(&interval.disputed_digest);
}

fn write_finding(w: &mut Writer, finding: &Finding) {
    w.u8(match finding.ruling {
        Ruling::WorkerAtFault => 0,
        Ruling::VerifierAtFault => 1,
    });
    w.bytes(finding.reason.as_bytes());
}

fn write_signed(w: &mut Writer, signed: &SignedMove) {
    w.u32(signed.number).fixed(&signed.previous);
    write_move(w, &signed.action);
    w.signature(&signed.signature);
}

pub(super) fn write_move(w: &mut Writer, action: &Move) {
    match action {
        Move::Post { digests } => write_hashes(w.u8(0), digests),
        Move::Choose { part } => {
            w.u8(1).u32(*part);
        }
        Move::Reveal(Reveal::Record { record, proof }) => {
            write_hashes(w.u8(2).bytes(record), &proof.siblings);
        }
        Move::Reveal(Reveal::State { state }) => {
            w.u8(3).bytes(state);
        }
        Move::Reveal(Reveal::Failed) => {
            w.u8(4);
        }
    }
}

fn write_hashes(w: &mut Writer, hashes: &[[u8; 32]]) {
    w.list(hashes, |w, hash| {
        w.fixed(hash);
    });
}

fn read_entry(r: &mut Reader<'_>) -> Result<Entry, TranscriptError> {
    let height = r.u32("height")?;
    let event = match r.u8("kind of entry")? {
        0 => Event::Moved(read_signed(r)?),
        1 => Event::Equivocated(Equivocation {
            first: read_signed(r)?,
            second: read_signed(r)?,
        }),
        kind => return Err(TranscriptError::Kind(kind)),
    };
    Ok(Entry { height, event })
}

fn read_interval(r: &mut Reader<'_>) -> Result<Interval, DecodeError> {
    Ok(Interval {
        agreed: r.u64("agreed")?,
        agreed_digest: r.array("agreed digest")?,
        disputed: r.u64("disputed")?,
        disputed_digest: r.array("disputed digest")?,
    })
}

fn read_finding(r: &mut Reader<'_>) -> Result<Finding, TranscriptError> {
    let ruling = match r.u8("ruling")? {
        0 => Ruling::WorkerAtFault,
        1 => Ruling::VerifierAtFault,
        kind => return Err(TranscriptError::Kind(kind)),
    };
    let reason = r.bytes("reason")?.to_vec();
    let reason = String::from_utf8(reason).map_err(|_| TranscriptError::Text)?;
    Ok(Finding { ruling, reason })
}

fn read_phase(r: &mut Reader<'_>) -> Result<Phase, TranscriptError> {
    Ok(match r.u8("phase")? {
        0 => Phase::Post(AwaitPost {
            interval: read_interval(r)?,
        }),
        1 => Phase::Choice(AwaitChoice {
            interval: read_interval(r)?,
            posted: read_hashes(r, "posted")?,
        }),
        2 => Phase::Reveal(AwaitReveal {
            interval: read_interval(r)?,
        }),
        3 => Phase::Ended(read_finding(r)?),
        kind => return Err(TranscriptError::Kind(kind)),
    })
}

fn read_signed(r: &mut Reader<'_>) -> Result<SignedMove, TranscriptError> {
    Ok(SignedMove {
        number: r.u32("number")?,
        previous: r.array("previous")?,
        action: read_move(r)?,
        signature: r.signature("signature")?,
    })
}

fn read_move(r: &mut Reader<'_>) -> Result<Move, TranscriptError> {
    Ok(match r.u8("kind of move")? {
        0 => Move::Post {
            digests: read_hashes(r, "digests")?,
        },
        1 => Move::Choose {
            part: r.u32("part")?,
        },
        2 => Move::Reveal(Reveal::Record {
            record: r.bytes("record")?.to_vec(),
            proof: Multiproof {
                siblings: read_hashes(r, "siblings")?,
            },
        }),
        3 => Move::Reveal(Reveal::State {
            state: r.bytes("state")?.to_vec(),
        }),
        4 => Move::Reveal(Reveal::Failed),
        kind => return Err(TranscriptError::Kind(kind)),
    })
}

fn read_hashes(r: &mut Reader<'_>, field: &'static str) -> Result<Vec<[u8; 32]>, DecodeError> {
    r.list(field, 32, |r| r.array(field))
}

/// Why bytes are no transcript. Whoever handed them over is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The bytes end too early or too late.
    #[error(transparent)]
    Codec(#[from] DecodeError),
    /// Another version than 2.
    #[error("transcript of version {0}; only version {VERSION} is read")]
    Version(u8),
    /// No such kind of entry, move, phase or ruling.
    #[error("no entry, move, phase or ruling is of kind {0}")]
    Kind(u8),
    /// A reason that is no text.
    #[error("a reason is not UTF-8")]
    Text,
}
