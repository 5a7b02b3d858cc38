//! What a side keeps apart from its machine's log.

use std::collections::BTreeMap;

use narthex_base::codec::Message as _;
use narthex_channel::{
    log::Log,
    small::{Apart, MAX_APART},
};

use super::SmallError;

/// What is kept apart, by its number.
pub(super) struct Kept {
    log: Box<dyn Log>,
    next: u64,
    all: BTreeMap<u8, Vec<u8>>,
}

impl Kept {
    /// As its log has it.
    pub(super) fn open(mut log: Box<dyn Log>) -> Result<Kept, SmallError> {
        let (all, next) = Apart::read_all(&mut log)?;
        let all = all.into_iter().map(|apart| (apart.what, apart.bytes));
        let all = all.collect();
        Ok(Kept { log, next, all })
    }

    pub(super) fn get(&self, what: u8) -> Option<&[u8]> {
        self.all.get(&what).map(Vec::as_slice)
    }

    /// Keeps it, in the place of what has this number.
    pub(super) fn keep(&mut self, what: u8, bytes: &[u8]) -> Result<(), SmallError> {
        if self.get(what) == Some(bytes) {
            return Ok(());
        }
        if bytes.len() > MAX_APART {
            let (given, most) = (bytes.len(), MAX_APART);
            let why = format_args!("{given} bytes are kept apart; at most {most} are");
            return Err(SmallError::refused(why));
        }
        let bytes = bytes.to_vec();
        let apart = Apart { what, bytes };
        self.log.append(self.next, &[apart.to_bytes()])?;
        self.next = self.next.saturating_add(1);
        self.all.insert(what, apart.bytes);
        Ok(())
    }
}
