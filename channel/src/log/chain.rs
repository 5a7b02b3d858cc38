//! A digest for each entry that covers all before it: a changed, moved or missing entry is found.

use narthex_game_model::tagged::tagged_hash;

use super::Identity;

/// The digest below the first entry.
pub(super) fn start(of: &Identity) -> [u8; 32] {
    let mut bytes = of.id.to_vec();
    bytes.extend(of.machine.as_bytes());
    tagged_hash("narthex/log", &bytes)
}

/// Entries as they are read back, each held against its number and the digest that was noted with it.
pub(super) struct Walk {
    /// Number of the next entry, from 0.
    pub(super) next: u64,
    /// The digest below it.
    pub(super) digest: [u8; 32],
}

impl Walk {
    /// From below the first entry.
    pub(super) const fn from(start: [u8; 32]) -> Walk {
        Walk {
            next: 0,
            digest: start,
        }
    }

    /// An entry as a store has it, or why it is not the one that was written there.
    pub(super) fn entry(&mut self, number: i64, bytes: &[u8], noted: &[u8]) -> Result<u64, String> {
        let next = self.next;
        if u64::try_from(number) != Ok(next) {
            return Err(format!("entry {next} is missing"));
        }
        let digest = link(&self.digest, bytes);
        if noted != digest {
            return Err(format!("entry {next} is not what was written"));
        }
        (self.next, self.digest) = (next + 1, digest);
        Ok(next)
    }
}

/// The digest of an entry on top of that of the one before.
pub(super) fn link(below: &[u8; 32], entry: &[u8]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(below.len() + entry.len());
    bytes.extend(below);
    bytes.extend(entry);
    tagged_hash("narthex/log-entry", &bytes)
}
