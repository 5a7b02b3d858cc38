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

use secp256k1::schnorr;

use super::entry::{Entry, Equivocation, Event, Move, Reveal, SignedMove};
use super::interval::Interval;
use super::machine::{AwaitChoice, AwaitPost, AwaitReveal, Changes, Phase};
use super::transcript::Transcript;
use crate::Ruling;
use crate::commitment::Multiproof;
use crate::play::Finding;

/// The only version that is read. Under the moves of version 1 lie the heights of their records.
const VERSION: u8 = 2;

impl SignedMove {
    /// The canonical bytes, as a transcript has them: what a party writes down before it sends a move.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_signed(&mut out, self);
        out
    }

    /// Reads canonical bytes. Whether the move is signed is for [`SignedMove::is_signed_by`] to say.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut reader = Reader(bytes);
        let signed = reader.signed()?;
        match reader.0.len() {
            0 => Ok(signed),
            more => Err(TranscriptError::TrailingBytes(more)),
        }
    }
}

impl Transcript {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.dispute);
        out.extend(self.opened_at.to_be_bytes());
        out.extend(self.complete_to.to_be_bytes());
        write_length(&mut out, self.entries.len());
        for entry in &self.entries {
            write_entry(&mut out, entry);
        }
        out
    }

    /// Reads canonical bytes. Whether the entries count is for [`Transcript::replay`] to say.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut reader = Reader(bytes);
        match reader.u8()? {
            VERSION => {}
            version => return Err(TranscriptError::Version(version)),
        }
        let dispute = reader.array()?;
        let (opened_at, complete_to) = (reader.u32()?, reader.u32()?);
        let count = reader.u32()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(reader.entry()?);
        }
        reader.end()?;
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
        let mut out = Vec::new();
        write_entry(&mut out, self);
        out
    }

    /// Reads canonical bytes. Whether it counts is for [`Dispute::step`](super::Dispute::step) to say.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut reader = Reader(bytes);
        let entry = reader.entry()?;
        reader.end()?;
        Ok(entry)
    }
}

impl Changes {
    /// The canonical bytes, for a log that nobody but its owner writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.next_number.to_be_bytes().to_vec();
        out.extend(self.head);
        out.extend(self.since.to_be_bytes());
        match &self.phase {
            Phase::Post(AwaitPost { interval }) => {
                out.push(0);
                write_interval(&mut out, interval);
            }
            Phase::Choice(AwaitChoice { interval, posted }) => {
                out.push(1);
                write_interval(&mut out, interval);
                write_hashes(&mut out, posted);
            }
            Phase::Reveal(AwaitReveal { interval }) => {
                out.push(2);
                write_interval(&mut out, interval);
            }
            Phase::Ended(finding) => {
                out.push(3);
                write_finding(&mut out, finding);
            }
        }
        out
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut reader = Reader(bytes);
        let changes = Self {
            next_number: reader.u32()?,
            head: reader.array()?,
            since: reader.u32()?,
            phase: reader.phase()?,
        };
        reader.end()?;
        Ok(changes)
    }
}

impl Finding {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_finding(&mut out, self);
        out
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`TranscriptError`] for anything but the bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut reader = Reader(bytes);
        let finding = reader.finding()?;
        reader.end()?;
        Ok(finding)
    }
}

fn write_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.extend(entry.height.to_be_bytes());
    match &entry.event {
        Event::Moved(signed) => {
            out.push(0);
            write_signed(out, signed);
        }
        Event::Equivocated(two) => {
            out.push(1);
            write_signed(out, &two.first);
            write_signed(out, &two.second);
        }
    }
}

fn write_interval(out: &mut Vec<u8>, interval: &Interval) {
    out.extend(interval.agreed.to_be_bytes());
    out.extend(interval.agreed_digest);
    out.extend(interval.disputed.to_be_bytes());
    out.extend(interval.disputed_digest);
}

fn write_finding(out: &mut Vec<u8>, finding: &Finding) {
    out.push(match finding.ruling {
        Ruling::WorkerAtFault => 0,
        Ruling::VerifierAtFault => 1,
    });
    write_length(out, finding.reason.len());
    out.extend(finding.reason.as_bytes());
}

pub(super) fn write_signed(out: &mut Vec<u8>, signed: &SignedMove) {
    out.extend(signed.number.to_be_bytes());
    out.extend(signed.previous);
    write_move(out, &signed.action);
    out.extend(signed.signature.as_ref());
}

pub(super) fn write_move(out: &mut Vec<u8>, action: &Move) {
    match action {
        Move::Post { digests } => {
            out.push(0);
            write_hashes(out, digests);
        }
        Move::Choose { part } => {
            out.push(1);
            out.extend(part.to_be_bytes());
        }
        Move::Reveal(Reveal::Record { record, proof }) => {
            out.push(2);
            write_length(out, record.len());
            out.extend(record);
            write_hashes(out, &proof.siblings);
        }
        Move::Reveal(Reveal::State { state }) => {
            out.push(3);
            write_length(out, state.len());
            out.extend(state);
        }
        Move::Reveal(Reveal::Failed) => out.push(4),
    }
}

fn write_hashes(out: &mut Vec<u8>, hashes: &[[u8; 32]]) {
    write_length(out, hashes.len());
    out.extend(hashes.iter().flatten());
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    // Four gigabytes in one move are beyond any program's memory; such bytes would not read back.
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TranscriptError> {
        let (head, tail) = self
            .0
            .split_at_checked(length)
            .ok_or(TranscriptError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], TranscriptError> {
        let (head, tail) = self
            .0
            .split_first_chunk()
            .ok_or(TranscriptError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, TranscriptError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, TranscriptError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, TranscriptError> {
        self.array().map(u64::from_be_bytes)
    }

    fn end(self) -> Result<(), TranscriptError> {
        match self.0.len() {
            0 => Ok(()),
            more => Err(TranscriptError::TrailingBytes(more)),
        }
    }

    fn interval(&mut self) -> Result<Interval, TranscriptError> {
        Ok(Interval {
            agreed: self.u64()?,
            agreed_digest: self.array()?,
            disputed: self.u64()?,
            disputed_digest: self.array()?,
        })
    }

    fn finding(&mut self) -> Result<Finding, TranscriptError> {
        let ruling = match self.u8()? {
            0 => Ruling::WorkerAtFault,
            1 => Ruling::VerifierAtFault,
            kind => return Err(TranscriptError::Kind(kind)),
        };
        let reason = String::from_utf8(self.bytes()?).map_err(|_| TranscriptError::Text)?;
        Ok(Finding { ruling, reason })
    }

    fn phase(&mut self) -> Result<Phase, TranscriptError> {
        Ok(match self.u8()? {
            0 => Phase::Post(AwaitPost {
                interval: self.interval()?,
            }),
            1 => Phase::Choice(AwaitChoice {
                interval: self.interval()?,
                posted: self.hashes()?,
            }),
            2 => Phase::Reveal(AwaitReveal {
                interval: self.interval()?,
            }),
            3 => Phase::Ended(self.finding()?),
            kind => return Err(TranscriptError::Kind(kind)),
        })
    }

    fn bytes(&mut self) -> Result<Vec<u8>, TranscriptError> {
        let length = usize::try_from(self.u32()?).map_err(|_| TranscriptError::Truncated)?;
        self.take(length).map(<[u8]>::to_vec)
    }

    fn hashes(&mut self) -> Result<Vec<[u8; 32]>, TranscriptError> {
        let length = usize::try_from(self.u32()?)
            .ok()
            .and_then(|count| count.checked_mul(32))
            .ok_or(TranscriptError::Truncated)?;
        let (hashes, _) = self.take(length)?.as_chunks();
        Ok(hashes.to_vec())
    }

    fn entry(&mut self) -> Result<Entry, TranscriptError> {
        let height = self.u32()?;
        let event = match self.u8()? {
            0 => Event::Moved(self.signed()?),
            1 => Event::Equivocated(Equivocation {
                first: self.signed()?,
                second: self.signed()?,
            }),
            kind => return Err(TranscriptError::Kind(kind)),
        };
        Ok(Entry { height, event })
    }

    fn signed(&mut self) -> Result<SignedMove, TranscriptError> {
        Ok(SignedMove {
            number: self.u32()?,
            previous: self.array()?,
            action: self.action()?,
            signature: schnorr::Signature::from_slice(self.take(64)?)
                .map_err(|_| TranscriptError::Truncated)?,
        })
    }

    fn action(&mut self) -> Result<Move, TranscriptError> {
        Ok(match self.u8()? {
            0 => Move::Post {
                digests: self.hashes()?,
            },
            1 => Move::Choose { part: self.u32()? },
            2 => Move::Reveal(Reveal::Record {
                record: self.bytes()?,
                proof: Multiproof {
                    siblings: self.hashes()?,
                },
            }),
            3 => Move::Reveal(Reveal::State {
                state: self.bytes()?,
            }),
            4 => Move::Reveal(Reveal::Failed),
            kind => return Err(TranscriptError::Kind(kind)),
        })
    }
}

/// Why bytes are no transcript. Whoever handed them over is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// The bytes end too early.
    #[error("the transcript is cut off")]
    Truncated,
    /// The bytes go on behind the last entry.
    #[error("{0} bytes too many behind the transcript")]
    TrailingBytes(usize),
    /// Another version than 2.
    #[error("transcript of version {0}; only version {VERSION} is read")]
    Version(u8),
    /// No such kind of entry or move.
    #[error("no entry, move, phase or ruling is of kind {0}")]
    Kind(u8),
    /// A reason that is no text.
    #[error("a reason is not UTF-8")]
    Text,
}
