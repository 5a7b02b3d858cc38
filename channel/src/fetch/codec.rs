//! The bytes of what is written down.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use super::{FetchChange, machine::MAX_REASON};
use crate::fields::{read_bundle, unknown, write_bundle};

impl Message for FetchChange {
    const KIND: Kind = kinds::FETCH_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Begun(bundle) => {
                w.u8(0);
                write_bundle(w, bundle);
            }
            Self::Wanted(contract) => {
                w.u8(1).fixed(contract);
            }
            Self::Kept(chunks) => {
                w.u8(2).u32(*chunks);
            }
            Self::Useless(why) => {
                w.u8(3).bytes(why.as_bytes());
            }
            Self::Dismissed(contract) => {
                w.u8(4).fixed(contract);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => Self::Begun(read_bundle(r)?),
            1 => Self::Wanted(r.array("contract")?),
            2 => Self::Kept(r.u32("chunks")?),
            3 => {
                let why = std::str::from_utf8(r.bytes_up_to("reason", MAX_REASON)?);
                let why = why.map_err(|error| DecodeError::invalid("reason", error))?;
                Self::Useless(why.to_owned())
            }
            4 => Self::Dismissed(r.array("contract")?),
            kind => return Err(unknown("change", kind)),
        })
    }
}
