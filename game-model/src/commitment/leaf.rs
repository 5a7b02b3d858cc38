//! Hashes at the bottom of the trees, each under a tag of its own.

use crate::tagged::Tag;

static STATE: Tag = Tag::new("narthex/state");
static LEAF: Tag = Tag::new("narthex/leaf");
static BOX: Tag = Tag::new("narthex/box");
static BOX_LEAF: Tag = Tag::new("narthex/box-leaf");
static INPUT: Tag = Tag::new("narthex/input");

/// Digest of the state after a step: of its output bytes, for independent steps.
pub fn state_digest(output: &[u8]) -> [u8; 32] {
    STATE.start().sized(output).finish()
}

/// The salted leaf that commits to step `index`.
pub fn work_leaf(index: u64, salt: &[u8; 32], digest: &[u8; 32]) -> [u8; 32] {
    LEAF.start()
        .number(index)
        .fixed(salt)
        .fixed(digest)
        .finish()
}

/// The leaf that commits to input record `index`.
pub fn input_leaf(index: u64, record: &[u8]) -> [u8; 32] {
    INPUT.start().number(index).sized(record).finish()
}

/// Hash of a step's box, for whoever needs no more than to know which one it is.
pub fn box_hash(sealed: &[u8]) -> [u8; 32] {
    BOX.start().sized(sealed).finish()
}

/// The leaf of a box with this [`box_hash`]: what is sealed of step `index`, bound to the leaf of its tree. So whoever has
/// all boxes with their leaves sees without a key that both trees speak of the same steps.
pub fn box_leaf(index: u64, leaf: &[u8; 32], hash: &[u8; 32]) -> [u8; 32] {
    BOX_LEAF
        .start()
        .number(index)
        .fixed(leaf)
        .fixed(hash)
        .finish()
}
