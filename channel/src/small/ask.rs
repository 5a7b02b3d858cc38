//! What is asked, and what is answered.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash,
};

use super::declined::{Declined, read_decline};
use crate::{fields::unknown, offer::Decline};

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
    /// It is not, by its owner's word.
    Declines(Decline),
    /// It is not, and nobody was asked: there is something wrong with it, or it is too early.
    Declined(Declined),
}

impl SmallAnswer {
    /// Why it is not taken, for people; `None` if it is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            SmallAnswer::Takes(_) => None,
            SmallAnswer::Declines(decline) => Some(&decline.reason),
            SmallAnswer::Declined(declined) => Some(&declined.decline.reason),
        }
    }
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
            SmallAnswer::Declined(declined) => {
                declined.write(w.u8(2));
                w
            }
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<SmallAnswer, DecodeError> {
        Ok(match r.u8("answer")? {
            0 => SmallAnswer::Takes(r.bytes_up_to("figures", MAX_FIGURES)?.to_vec()),
            1 => SmallAnswer::Declines(read_decline(r)?),
            2 => SmallAnswer::Declined(Declined::read(r)?),
            kind => return Err(unknown("answer", kind)),
        })
    }
}
