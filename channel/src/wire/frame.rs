//! What the transport carries: a type number, and the bytes behind it.

use narthex_base::codec::Message;

use super::{
    Ack, AskDeclined, Chunk, Envelope, Fault, Hello, Piece, Recall, Resume, SignedHead, Want,
    WireFault,
    types::{
        ACK, CHUNK, Carrier, DECLINED, FAULT, GONE, HELLO, MAX_FRAME, MAX_WHOLE, MessageType,
        PIECE, RECALL, RESUME, WANT,
    },
};

/// One message of a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first words.
    Hello(Hello),
    /// How far one has read.
    Resume(Resume),
    /// The same, on the way.
    Ack(Ack),
    /// A part of a long body.
    Piece(Piece),
    /// A wish to have one's own messages back.
    Recall(Recall),
    /// The place of a message whose body is not there any more.
    Gone(SignedHead),
    /// A message of a contract.
    Envelope(Envelope),
    /// The same, whose body follows in pieces.
    Head(SignedHead),
    /// A wish for a chunk of a job.
    Want(Want),
    /// A chunk of a job.
    Chunk(Chunk),
    /// An ask that was turned away.
    Declined(AskDeclined),
    /// What was wrong.
    Fault(Fault),
    /// An odd type that this program does not know.
    Ignored(u16),
}

impl Frame {
    /// Its type number.
    pub const fn number(&self) -> u16 {
        match self {
            Frame::Hello(_) => HELLO,
            Frame::Resume(_) => RESUME,
            Frame::Ack(_) => ACK,
            Frame::Piece(_) => PIECE,
            Frame::Recall(_) => RECALL,
            Frame::Gone(_) => GONE,
            Frame::Want(_) => WANT,
            Frame::Chunk(_) => CHUNK,
            Frame::Envelope(envelope) => envelope.head().message,
            Frame::Head(signed) => signed.head.message,
            Frame::Declined(_) => DECLINED,
            Frame::Fault(_) => FAULT,
            Frame::Ignored(number) => *number,
        }
    }

    /// What stands behind the number.
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Frame::Hello(m) => m.to_bytes(),
            Frame::Resume(m) => m.to_bytes(),
            Frame::Ack(m) => m.to_bytes(),
            Frame::Piece(m) => m.to_bytes(),
            Frame::Recall(m) => m.to_bytes(),
            Frame::Gone(m) | Frame::Head(m) => m.to_bytes(),
            Frame::Envelope(m) => m.to_bytes(),
            Frame::Want(m) => m.to_bytes(),
            Frame::Chunk(m) => m.to_bytes(),
            Frame::Declined(m) => m.to_bytes(),
            Frame::Fault(m) => m.to_bytes(),
            Frame::Ignored(_) => Vec::new(),
        }
    }

    /// Number and payload behind each other, as BOLT 8 carries them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.number().to_be_bytes().to_vec();
        bytes.extend(self.payload());
        bytes
    }

    /// Reads what [`Frame::to_bytes`] writes.
    ///
    /// # Errors
    /// [`WireFault`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Frame, WireFault> {
        match bytes.split_first_chunk::<2>() {
            Some((number, payload)) => Frame::read(u16::from_be_bytes(*number), payload),
            None => Err(WireFault::Frame {
                given: bytes.len(),
                most: MAX_FRAME,
            }),
        }
    }

    /// Reads what came under a number. Bounds first, then the fields.
    ///
    /// # Errors
    /// [`WireFault`]: whoever sent it is at fault.
    pub fn read(number: u16, payload: &[u8]) -> Result<Frame, WireFault> {
        let given = payload.len().saturating_add(2);
        if given > MAX_FRAME {
            let most = MAX_FRAME;
            return Err(WireFault::Frame { given, most });
        }
        let row = match MessageType::known(number) {
            Some(row) => row,
            None if number % 2 == 1 => return Ok(Frame::Ignored(number)),
            None => return Err(WireFault::UnknownType { number }),
        };
        match row.carrier {
            Carrier::Envelope => contract(row, payload),
            Carrier::Link => {
                row.check_length(payload.len())?;
                link(row, payload)
            }
        }
    }
}

fn link(row: &'static MessageType, payload: &[u8]) -> Result<Frame, WireFault> {
    fn read<T: Message>(row: &'static MessageType, payload: &[u8]) -> Result<T, WireFault> {
        T::from_bytes(payload).map_err(WireFault::decode(row.name))
    }
    Ok(match row.number {
        HELLO => Frame::Hello(read(row, payload)?),
        RESUME => Frame::Resume(read(row, payload)?),
        ACK => Frame::Ack(read(row, payload)?),
        PIECE => Frame::Piece(read(row, payload)?),
        RECALL => Frame::Recall(read(row, payload)?),
        GONE => Frame::Gone(read(row, payload)?),
        WANT => Frame::Want(read(row, payload)?),
        CHUNK => Frame::Chunk(read(row, payload)?),
        DECLINED => Frame::Declined(read(row, payload)?),
        _ => Frame::Fault(read(row, payload)?),
    })
}

/// A whole envelope, or the head of a long one.
fn contract(row: &'static MessageType, payload: &[u8]) -> Result<Frame, WireFault> {
    let is_head = payload.starts_with(SignedHead::KIND.as_bytes());
    let decode = WireFault::decode(row.name);
    let (frame, head) = if is_head {
        let signed = SignedHead::from_bytes(payload).map_err(decode)?;
        (Frame::Head(signed), signed.head)
    } else {
        let envelope = Envelope::from_bytes(payload).map_err(decode)?;
        let head = *envelope.head();
        (Frame::Envelope(envelope), head)
    };
    if head.message != row.number {
        return Err(WireFault::Inside {
            message: row.name,
            field: "type",
            outside: row.number.into(),
            inside: head.message.into(),
        });
    }
    // One way for each: short ones whole, long ones in pieces.
    if head.is_long() != is_head {
        let (least, most) = match is_head {
            true => (MAX_WHOLE as usize + 1, row.most as usize),
            false => (row.least as usize, MAX_WHOLE as usize),
        };
        return Err(WireFault::Length {
            message: row.name,
            given: head.length as usize,
            least,
            most,
        });
    }
    Ok(frame)
}

/// The frames that bring an envelope; of a long body those from byte `have` on.
pub fn frames(envelope: &Envelope, have: u32) -> impl Iterator<Item = Frame> + '_ {
    let signed = envelope.signed();
    let (first, rest) = match signed.head.is_long() {
        true => (Frame::Head(*signed), envelope.body().get(have as usize..)),
        false => (Frame::Envelope(envelope.clone()), None),
    };
    let chunks = rest.unwrap_or_default().chunks(MAX_WHOLE as usize);
    let pieces = chunks.scan(have, move |offset, bytes| {
        let piece = Piece {
            hash: signed.head.body,
            total: signed.head.length,
            offset: *offset,
            bytes: bytes.to_vec(),
        };
        // A chunk is no longer than `MAX_WHOLE`.
        *offset = offset.saturating_add(bytes.len() as u32);
        Some(Frame::Piece(piece))
    });
    std::iter::once(first).chain(pieces)
}
