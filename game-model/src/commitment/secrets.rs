//! The worker's secrets. They are wiped when dropped and never printed.

use narthex_base::secret;

use crate::tagged::{Tag, TaggedHasher};

static SALT: Tag = Tag::new("narthex/salt");

secret! {
    /// t: the result secret. It encrypts the result; a settlement that pays the worker reveals it.
    ResultSecret
}

secret! {
    /// What the salts of all leaves are derived from. It is part of the encrypted result, so the
    /// client can rebuild the tree; before, only single salts are revealed.
    SaltSeed
}

impl ResultSecret {
    /// Key of the result of one job.
    pub(super) fn encryption_key(&self, job: &[u8; 32]) -> [u8; 32] {
        TaggedHasher::new("narthex/result-key")
            .fixed(self.expose())
            .fixed(job)
            .finish()
    }

    /// Salted hash of a result.
    pub(super) fn plaintext_hash(&self, plaintext: &[u8]) -> [u8; 32] {
        TaggedHasher::new("narthex/result-plaintext")
            .fixed(self.expose())
            .sized(plaintext)
            .finish()
    }
}

impl SaltSeed {
    /// Salt of one leaf. Revealing some salts says nothing about the others.
    pub fn salt(&self, index: u64) -> [u8; 32] {
        SALT.start().fixed(self.expose()).number(index).finish()
    }
}
