//! What the sides of a stream say to each other. Pennies and the bank's commitments travel as ever.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_game_model::commitment::{Commitment, ResultSecret};

use super::MAX_STREAM_SEALED;
use crate::{fields::unknown, offer::Decline, small::read_decline};

/// A slice as its provider gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSlice {
    /// Which, from 1.
    pub slice: u32,
    /// To its outputs and its key.
    pub commitment: Commitment,
    /// Coefficient box and boxes, up to [`MAX_STREAM_SEALED`] bytes.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for SealedSlice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SealedSlice({}, {} bytes)",
            self.slice,
            self.sealed.len()
        )
    }
}

impl SealedSlice {
    pub(super) fn write<'w>(&self, w: &'w mut Writer) -> &'w mut Writer {
        w.u32(self.slice)
            .message(&self.commitment)
            .bytes(&self.sealed)
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<SealedSlice, DecodeError> {
        Ok(SealedSlice {
            slice: r.u32("slice")?,
            commitment: r.message("commitment")?,
            sealed: r.bytes_up_to("sealed slice", MAX_STREAM_SEALED)?.to_vec(),
        })
    }
}

/// What the sides say, of the stream that stands in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamTalk {
    /// The provider gives a slice, sealed.
    Slice([u8; 32], Box<SealedSlice>),
    /// The provider gives the key of a slice that is paid for.
    Key([u8; 32], u32, ResultSecret),
    /// The sender goes no further. What is paid for is still opened.
    Stop([u8; 32], Decline),
}

impl StreamTalk {
    /// Of which stream.
    pub const fn stream(&self) -> &[u8; 32] {
        match self {
            Self::Slice(stream, _) | Self::Key(stream, ..) | Self::Stop(stream, _) => stream,
        }
    }
}

impl Message for StreamTalk {
    const KIND: Kind = kinds::STREAM_TALK;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Slice(stream, slice) => slice.write(w.u8(0).fixed(stream)),
            Self::Key(stream, slice, secret) => {
                w.u8(1).fixed(stream).u32(*slice).fixed(secret.expose())
            }
            Self::Stop(stream, why) => w.u8(2).fixed(stream).bytes(why.reason.as_bytes()),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<StreamTalk, DecodeError> {
        let which = r.u8("what is said")?;
        let stream = r.array("stream")?;
        Ok(match which {
            0 => Self::Slice(stream, Box::new(SealedSlice::read(r)?)),
            1 => {
                let slice = r.u32("slice")?;
                Self::Key(stream, slice, ResultSecret::from_bytes(r.array("key")?))
            }
            2 => Self::Stop(stream, read_decline(r)?),
            kind => return Err(unknown("what is said", kind)),
        })
    }
}
