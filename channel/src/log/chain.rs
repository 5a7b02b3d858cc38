//! A digest for each entry that covers all before it: a changed, moved or missing entry is found.

use narthex_game_model::tagged::tagged_hash;

use super::Identity;

/// The digest below the first entry.
pub(super) fn start(of: &Identity) -> [u8; 32] {
    let mut bytes = of.id.to_vec();
    bytes.extend(of.machine.as_bytes());
    tagged_hash("narthex/log", &bytes)
}

/// The digest of an entry on top of that of the one before.
pub(super) fn link(below: &[u8; 32], entry: &[u8]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(below.len() + entry.len());
    bytes.extend(below);
    bytes.extend(entry);
    tagged_hash("narthex/log-entry", &bytes)
}
