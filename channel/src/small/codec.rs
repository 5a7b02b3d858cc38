//! The bytes of what is written down.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::depth::Depth;

use super::{SmallBeginning, SmallChange};
use crate::{fields::unknown, offer::MAX_ADDRESS};

impl Message for SmallChange {
    const KIND: Kind = kinds::SMALL_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Begun(begun) => {
                w.u8(0)
                    .message(&begun.ask)
                    .flag(begun.is_own)
                    .point(&begun.peer)
                    .bytes(begun.address.as_bytes())
                    .u32(begun.height);
            }
            Self::Depth(depth) => {
                w.u8(1).u32(depth.blocks());
            }
            Self::Answered(answer) => {
                w.u8(2).message(answer);
            }
            Self::Ended => {
                w.u8(3);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (ask, is_own, peer) = (r.message("ask")?, r.flag("own")?, r.point("peer")?);
                let address = std::str::from_utf8(r.bytes_up_to("address", MAX_ADDRESS)?);
                let address = address.map_err(|error| DecodeError::invalid("address", error))?;
                Self::Begun(Box::new(SmallBeginning {
                    ask,
                    is_own,
                    peer,
                    address: address.to_owned(),
                    height: r.u32("height")?,
                }))
            }
            1 => {
                let depth = Depth::new(r.u32("depth")?);
                Self::Depth(depth.map_err(|error| DecodeError::invalid("depth", error))?)
            }
            2 => Self::Answered(r.message("answer")?),
            3 => Self::Ended,
            kind => return Err(unknown("change", kind)),
        })
    }
}
