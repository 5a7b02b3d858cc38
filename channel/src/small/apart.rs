//! What is long, or a secret that somebody else gave, and no machine's: kept in a log of its own beside the machine's, made durable with it.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use crate::{OpenError, log::Log};

/// Longest thing that is kept so, in bytes.
pub const MAX_APART: usize = 1 << 20;

/// Something that is kept: the last by its number counts.
#[derive(Clone, PartialEq, Eq)]
pub struct Apart {
    /// What it is, by a number of the family.
    pub what: u8,
    /// That, up to [`MAX_APART`] bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Apart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Apart({}, {} bytes)", self.what, self.bytes.len())
    }
}

impl Message for Apart {
    const KIND: Kind = kinds::SMALL_APART;

    fn write(&self, w: &mut Writer) {
        w.u8(self.what).bytes(&self.bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Apart, DecodeError> {
        let what = r.u8("what")?;
        let bytes = r.bytes_up_to("bytes", MAX_APART)?.to_vec();
        Ok(Apart { what, bytes })
    }
}

impl Apart {
    /// All that a log has, and how many entries it has.
    ///
    /// # Errors
    /// [`OpenError`]: the log cannot be read, or holds something else.
    pub fn read_all(log: &mut dyn Log) -> Result<(Vec<Apart>, u64), OpenError> {
        let (mut all, mut bad) = (Vec::new(), None);
        let next = log.read(&mut |entry, bytes| match Apart::from_bytes(bytes) {
            Ok(apart) => all.push(apart),
            Err(error) => bad = bad.take().or(Some(OpenError::Change { entry, error })),
        })?;
        match bad {
            Some(error) => Err(error),
            None => Ok((all, next)),
        }
    }
}
