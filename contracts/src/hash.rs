//! Tagged hashes, as BIP340 defines them, so that no message of one kind can stand for another kind.

use bitcoin::hashes::{Hash, HashEngine, sha256};

/// SHA256(SHA256(tag) ‖ SHA256(tag) ‖ parts…). Parts must be of fixed length, or carry their length.
pub(crate) fn tagged_hash(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    for part in parts {
        engine.input(part);
    }
    sha256::Hash::from_engine(engine).to_byte_array()
}
