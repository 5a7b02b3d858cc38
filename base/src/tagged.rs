//! Tagged hashes in the manner of BIP340: `SHA256(SHA256(tag) ‖ SHA256(tag) ‖ message)`.
//!
//! Every hash carries its own tag, so that no value computed for one purpose (a
//! leaf, a tree node, a parameter record) can be presented as another.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// A tag whose two prefix blocks are hashed once for the whole process.
///
/// A leaf of a tree hashes a handful of blocks; hashing its tag anew each time would add two to
/// every one of its hashes. Keep a tag in a `static`.
pub struct Tag {
    name: &'static str,
    started: OnceLock<TaggedHasher>,
}

impl Tag {
    /// Names a tag; hashes nothing yet.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            started: OnceLock::new(),
        }
    }

    /// Starts a hash under the tag: the same as [`TaggedHasher::new`] with its name.
    pub fn start(&self) -> TaggedHasher {
        let started = self.started.get_or_init(|| TaggedHasher::new(self.name));
        started.clone()
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tag").field(&self.name).finish()
    }
}

/// A SHA-256 engine that has already absorbed the tag prefix; feed it the message and finish.
///
/// Parts of variable length are the caller's business: whoever hashes more than one of them
/// writes the length in front (see [`TaggedHasher::sized`]).
#[derive(Clone)]
pub struct TaggedHasher(Sha256);

impl TaggedHasher {
    /// Starts a hash under `tag` (BIP340, "Tagged hashes").
    pub fn new(tag: &str) -> Self {
        let tag_hash = Sha256::digest(tag.as_bytes());
        let mut engine = Sha256::new();
        engine.update(tag_hash);
        engine.update(tag_hash);
        Self(engine)
    }

    /// Absorbs bytes of a length that the tag fixes.
    #[must_use]
    pub fn fixed(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// Absorbs a big-endian 64-bit number.
    #[must_use]
    pub fn number(self, value: u64) -> Self {
        self.fixed(&value.to_be_bytes())
    }

    /// Absorbs bytes of variable length, with their length as a 64-bit number in front.
    #[must_use]
    pub fn sized(self, bytes: &[u8]) -> Self {
        // `usize` is at most 64 bits wide on every platform that Rust supports.
        self.number(bytes.len() as u64).fixed(bytes)
    }

    /// Ends the hash.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The tagged hash of parts behind each other. Parts must be of a length that the tag fixes, or carry their length.
pub fn tagged_hash_parts(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let hasher = TaggedHasher::new(tag);
    parts.iter().fold(hasher, |h, part| h.fixed(part)).finish()
}

/// The tagged hash of one message.
pub fn tagged_hash(tag: &str, message: &[u8]) -> [u8; 32] {
    TaggedHasher::new(tag).fixed(message).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_definition_of_bip340() {
        let tag = Sha256::digest(b"BIP0340/challenge");
        let mut plain = Sha256::new();
        plain.update(tag);
        plain.update(tag);
        plain.update(b"abc");
        let expected: [u8; 32] = plain.finalize().into();
        assert_eq!(tagged_hash("BIP0340/challenge", b"abc"), expected);
        assert_ne!(tagged_hash("BIP0340/aux", b"abc"), expected);
    }

    #[test]
    fn a_kept_tag_hashes_like_a_new_one() {
        static TAG: Tag = Tag::new("narthex/test");
        for message in [&b""[..], b"abc", &[7; 200]] {
            let kept = TAG.start().fixed(message).finish();
            assert_eq!(kept, tagged_hash("narthex/test", message));
            assert_eq!(kept, TAG.start().fixed(message).finish());
        }
    }

    #[test]
    fn parts_are_hashed_as_one_message() {
        let parts = tagged_hash_parts("t", &[b"ab", b"", b"c"]);
        assert_eq!(parts, tagged_hash("t", b"abc"));
    }

    #[test]
    fn lengths_keep_neighbours_apart() {
        let hash = |a: &[u8], b: &[u8]| TaggedHasher::new("t").sized(a).sized(b).finish();
        assert_ne!(hash(b"ab", b"c"), hash(b"a", b"bc"));
    }
}
