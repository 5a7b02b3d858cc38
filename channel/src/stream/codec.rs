//! The bytes of what is written down.

use std::sync::Arc;

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_game_model::commitment::ResultSecret;

use super::{MAX_STREAM_SEALED, Metering, PayingChange, SealedSlice, ServingChange};
use crate::{fields::unknown, small::read_decline};

impl Message for PayingChange {
    const KIND: Kind = kinds::PAYING_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Ordered(order) => w.u8(0).message(&**order),
            Self::Held(slice) => slice.write(w.u8(1)),
            Self::Opened { secret, outputs } => w.u8(2).fixed(secret.expose()).bytes(outputs),
            Self::Looked => w.u8(3),
            Self::False(secret) => w.u8(4).fixed(secret.expose()),
            Self::Stopped { is_own, why } => w.u8(5).flag(*is_own).bytes(why.reason.as_bytes()),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => Self::Ordered(Arc::new(r.message("order")?)),
            1 => Self::Held(Arc::new(SealedSlice::read(r)?)),
            2 => Self::Opened {
                secret: ResultSecret::from_bytes(r.array("key")?),
                outputs: r.bytes_up_to("outputs", MAX_STREAM_SEALED)?.to_vec(),
            },
            3 => Self::Looked,
            4 => Self::False(ResultSecret::from_bytes(r.array("key")?)),
            5 => Self::Stopped {
                is_own: r.flag("own")?,
                why: read_decline(r)?,
            },
            kind => return Err(unknown("change", kind)),
        })
    }
}

impl Message for ServingChange {
    const KIND: Kind = kinds::SERVING_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Ordered(order) => w.u8(0).message(&**order),
            Self::Served => w.u8(1),
            Self::Made(slice) => slice.write(w.u8(2)),
            Self::Paid => w.u8(3),
            Self::Stopped { is_own, why } => w.u8(4).flag(*is_own).bytes(why.reason.as_bytes()),
            Self::Metered(key, what) => match what {
                Metering::Reserve(pennies) => w.u8(5).fixed(key).u32(*pennies),
                Metering::Debit(pennies) => w.u8(6).fixed(key).u32(*pennies),
                Metering::Release => w.u8(7).fixed(key),
            },
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => Self::Ordered(Arc::new(r.message("order")?)),
            1 => Self::Served,
            2 => Self::Made(Arc::new(SealedSlice::read(r)?)),
            3 => Self::Paid,
            4 => Self::Stopped {
                is_own: r.flag("own")?,
                why: read_decline(r)?,
            },
            5 => Self::Metered(r.array("key")?, Metering::Reserve(r.u32("pennies")?)),
            6 => Self::Metered(r.array("key")?, Metering::Debit(r.u32("pennies")?)),
            7 => Self::Metered(r.array("key")?, Metering::Release),
            kind => return Err(unknown("change", kind)),
        })
    }
}
