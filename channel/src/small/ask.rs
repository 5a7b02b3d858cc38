//! What is asked, and what is answered.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash,
};

use crate::{
    fields::unknown,
    offer::{Decline, MAX_DECLINE},
};

/// Most bytes of the figures of an ask or of an answer.
pub const MAX_FIGURES: usize = 4_096;

/// A node asks another for a small contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallAsk {
    /// Drawn by whoever asks: the same asked twice is two contracts.
    pub salt: [u8; 32],
    /// When it is not taken any more, in seconds since 1970.
    pub expires_s: u64,
    /// What is asked for: a message of its family, with its kind; up to [`MAX_FIGURES`] bytes.
    pub figures: Vec<u8>,
}

impl SmallAsk {
    /// What the contract is known by on the wire.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/small", &self.to_bytes())
    }
}

/// The answer to an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallAnswer {
    /// It is taken: what this side brings, a message of the family with its kind; up to [`MAX_FIGURES`] bytes.
    Takes(Vec<u8>),
    /// It is not.
    Declines(Decline),
}

impl Message for SmallAsk {
    const KIND: Kind = kinds::SMALL_ASK;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.salt).u64(self.expires_s).bytes(&self.figures);
    }

    fn read(r: &mut Reader<'_>) -> Result<SmallAsk, DecodeError> {
        Ok(SmallAsk {
            salt: r.array("salt")?,
            expires_s: r.u64("expiry")?,
            figures: r.bytes_up_to("figures", MAX_FIGURES)?.to_vec(),
        })
    }
}

impl Message for SmallAnswer {
    const KIND: Kind = kinds::SMALL_ANSWER;

    fn write(&self, w: &mut Writer) {
        match self {
            SmallAnswer::Takes(figures) => w.u8(0).bytes(figures),
            SmallAnswer::Declines(decline) => w.u8(1).bytes(decline.reason.as_bytes()),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<SmallAnswer, DecodeError> {
        Ok(match r.u8("answer")? {
            0 => SmallAnswer::Takes(r.bytes_up_to("figures", MAX_FIGURES)?.to_vec()),
            1 => {
                let words = std::str::from_utf8(r.bytes_up_to("reason", MAX_DECLINE)?);
                let words = words.map_err(|error| DecodeError::invalid("reason", error))?;
                SmallAnswer::Declines(Decline::new(words))
            }
            kind => return Err(unknown("answer", kind)),
        })
    }
}
