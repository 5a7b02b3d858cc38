//! What two nodes tell each other of their connection.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::party::{PartySet, read_parties, write_parties};
use narthex_game_model::{
    bundle::{CHUNK_BYTES, MAX_BUNDLE_SIBLINGS},
    commitment::Multiproof,
};

use super::{
    SignedHead,
    types::{LONGEST, MAX_WHOLE},
};

/// Features that this program has none of yet: an even bit that somebody sets is one that it must know.
const KNOWN_FEATURES: u64 = 0;

/// Most bytes of the words of a [`Fault`].
const MAX_WORDS: usize = 500;

/// Most [`Mark`]s of one [`Resume`]: so many fit in a frame.
pub const MAX_MARKS: usize = 220;

/// The first words on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Hash of the first block of the chain that its contracts are on.
    pub chain: [u8; 32],
    /// A bit for each; one with an even place must be known to the other side.
    pub features: u64,
    /// How often the sender has started, as far as its disk knows.
    pub boot: u64,
}

impl Hello {
    /// Even features that this program does not know.
    pub const fn unknown(&self) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        self.features & EVEN & !KNOWN_FEATURES
    }
}

/// How far one has read what the other side numbered in one contract to the same receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which contract.
    pub contract: [u8; 32],
    /// Which receivers.
    pub to: PartySet,
    /// The number that is awaited.
    pub next: u64,
    /// The one before it, as its sender signed it: only with it a number is believed that the sender has not reached.
    pub proof: Option<SignedHead>,
    /// Of the awaited one's body: its hash, and how many bytes of it are there.
    pub partial: Option<([u8; 32], u32)>,
}

/// How far one has read, on a new connection or when something had to be dropped: from there it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// One for each contract and set of receivers.
    pub marks: Vec<Mark>,
    /// Whether there are no more of them.
    pub is_last: bool,
}

/// All below `next` was taken, and is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Which contract.
    pub contract: [u8; 32],
    /// Which receivers.
    pub to: PartySet,
    /// The number that is awaited.
    pub next: u64,
}

/// The sender's disk is older than what it has said: what it sent from this number on, it asks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recall {
    /// Which contract.
    pub contract: [u8; 32],
    /// Which receivers.
    pub to: PartySet,
    /// From which number on.
    pub from: u64,
}

/// A part of a body, whose head was sent before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// Hash of the body.
    pub hash: [u8; 32],
    /// Bytes of the body.
    pub total: u32,
    /// Where this part begins.
    pub offset: u32,
    /// The part.
    pub bytes: Vec<u8>,
}

/// Asks the client of a contract for a chunk of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Which contract.
    pub contract: [u8; 32],
    /// Which chunk.
    pub index: u32,
}

/// A chunk of a contract's job, as it was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which contract.
    pub contract: [u8; 32],
    /// Which chunk.
    pub index: u32,
    /// That it is the one that was offered.
    pub proof: Multiproof,
    /// The chunk.
    pub bytes: Vec<u8>,
}

/// What was wrong with something that came. For people: nothing follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// [`WireFault::code`](super::WireFault::code).
    pub code: u16,
    /// What it was, cut to what may be sent.
    pub words: String,
}

impl Fault {
    /// A fault with these words, as far as there is room for them.
    pub fn new(code: u16, words: &str) -> Fault {
        let mut end = words.len().min(MAX_WORDS);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        let words = words.get(..end).unwrap_or_default().to_owned();
        Fault { code, words }
    }
}

// Bodies are long.
impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (offset, end) = (self.offset, self.offset as usize + self.bytes.len());
        write!(f, "bytes {offset}..{end} of {}", self.total)
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "chunk {} of {} bytes", self.index, self.bytes.len())
    }
}

impl Message for Hello {
    const KIND: Kind = kinds::WIRE_HELLO;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.chain).u64(self.features).u64(self.boot);
    }

    fn read(r: &mut Reader<'_>) -> Result<Hello, DecodeError> {
        Ok(Hello {
            chain: r.array("chain")?,
            features: r.u64("features")?,
            boot: r.u64("starts")?,
        })
    }
}

fn write_mark(w: &mut Writer, mark: &Mark) {
    w.fixed(&mark.contract);
    write_parties(w, mark.to);
    w.u64(mark.next).flag(mark.proof.is_some());
    if let Some(proof) = &mark.proof {
        w.message(proof);
    }
    w.flag(mark.partial.is_some());
    if let Some((hash, have)) = &mark.partial {
        w.fixed(hash).u32(*have);
    }
}

fn read_mark(r: &mut Reader<'_>) -> Result<Mark, DecodeError> {
    let mark = Mark {
        contract: r.array("contract")?,
        to: read_parties(r, "receivers")?,
        next: r.u64("next")?,
        proof: match r.flag("proof")? {
            true => Some(r.message::<SignedHead>("proof")?),
            false => None,
        },
        partial: match r.flag("part")? {
            true => Some((r.array("hash of the part")?, r.u32("bytes of the part")?)),
            false => None,
        },
    };
    // A proof is of the number before, in the same place.
    if let Some(SignedHead { head, .. }) = &mark.proof {
        let is_of_it = (head.contract, head.to) == (mark.contract, mark.to);
        if !is_of_it || head.seq.checked_add(1) != Some(mark.next) {
            return Err(DecodeError::invalid("proof", head.seq));
        }
    }
    Ok(mark)
}

impl Message for Resume {
    const KIND: Kind = kinds::WIRE_RESUME;

    fn write(&self, w: &mut Writer) {
        w.flag(self.is_last).list(&self.marks, write_mark);
    }

    fn read(r: &mut Reader<'_>) -> Result<Resume, DecodeError> {
        let is_last = r.flag("last")?;
        // Contract, receivers, number and two flags at least.
        let marks = r.list_up_to("marks", 46, MAX_MARKS, read_mark)?;
        Ok(Resume { marks, is_last })
    }
}

impl Message for Ack {
    const KIND: Kind = kinds::WIRE_ACK;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.contract);
        write_parties(w, self.to);
        w.u64(self.next);
    }

    fn read(r: &mut Reader<'_>) -> Result<Ack, DecodeError> {
        Ok(Ack {
            contract: r.array("contract")?,
            to: read_parties(r, "receivers")?,
            next: r.u64("next")?,
        })
    }
}

impl Message for Recall {
    const KIND: Kind = kinds::WIRE_RECALL;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.contract);
        write_parties(w, self.to);
        w.u64(self.from);
    }

    fn read(r: &mut Reader<'_>) -> Result<Recall, DecodeError> {
        Ok(Recall {
            contract: r.array("contract")?,
            to: read_parties(r, "receivers")?,
            from: r.u64("from")?,
        })
    }
}

impl Message for Piece {
    const KIND: Kind = kinds::WIRE_PIECE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.hash).u32(self.total).u32(self.offset);
        w.bytes(&self.bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Piece, DecodeError> {
        let (hash, total) = (r.array("hash")?, r.u32("total")?);
        // What fits in a frame does not go in pieces.
        if total <= MAX_WHOLE || total > LONGEST {
            return Err(DecodeError::invalid("total", total));
        }
        let offset = r.u32("offset")?;
        let bytes = r.bytes_up_to("bytes", MAX_WHOLE as usize)?;
        let end = u64::from(offset) + bytes.len() as u64;
        if bytes.is_empty() || end > u64::from(total) {
            return Err(DecodeError::invalid("offset", offset));
        }
        Ok(Piece {
            hash,
            total,
            offset,
            bytes: bytes.to_vec(),
        })
    }
}

impl Message for Want {
    const KIND: Kind = kinds::WIRE_WANT;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.contract).u32(self.index);
    }

    fn read(r: &mut Reader<'_>) -> Result<Want, DecodeError> {
        Ok(Want {
            contract: r.array("contract")?,
            index: r.u32("index")?,
        })
    }
}

impl Message for Chunk {
    const KIND: Kind = kinds::WIRE_CHUNK;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.contract).u32(self.index);
        w.list(&self.proof.siblings, |w, sibling| {
            w.fixed(sibling);
        });
        w.bytes(&self.bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Chunk, DecodeError> {
        let (contract, index) = (r.array("contract")?, r.u32("index")?);
        let siblings = r.list_up_to("proof", 32, MAX_BUNDLE_SIBLINGS, |r| r.array("sibling"))?;
        let bytes = r.bytes_up_to("bytes", CHUNK_BYTES)?;
        // No file has a chunk of nothing.
        match bytes.is_empty() {
            true => Err(DecodeError::invalid("bytes", "none")),
            false => Ok(Chunk {
                contract,
                index,
                proof: Multiproof { siblings },
                bytes: bytes.to_vec(),
            }),
        }
    }
}

impl Message for Fault {
    const KIND: Kind = kinds::WIRE_FAULT;

    fn write(&self, w: &mut Writer) {
        w.u16(self.code).bytes(self.words.as_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<Fault, DecodeError> {
        let code = r.u16("code")?;
        let words = std::str::from_utf8(r.bytes_up_to("words", MAX_WORDS)?);
        let words = words.map_err(|error| DecodeError::invalid("words", error))?;
        Ok(Fault {
            code,
            words: words.to_owned(),
        })
    }
}
