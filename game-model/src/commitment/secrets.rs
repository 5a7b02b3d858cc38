//! The worker's secrets. They are wiped when dropped and never printed.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::tagged::{Tag, TaggedHasher};

static SALT: Tag = Tag::new("narthex/salt");

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 secret bytes; the caller wipes its own copy.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The secret bytes, for deriving points and for handing over on purpose.
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

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
            .fixed(&self.0)
            .fixed(job)
            .finish()
    }

    /// Salted hash of a result.
    pub(super) fn plaintext_hash(&self, plaintext: &[u8]) -> [u8; 32] {
        TaggedHasher::new("narthex/result-plaintext")
            .fixed(&self.0)
            .sized(plaintext)
            .finish()
    }
}

impl SaltSeed {
    /// Salt of one leaf. Revealing some salts says nothing about the others.
    pub fn salt(&self, index: u64) -> [u8; 32] {
        SALT.start().fixed(&self.0).number(index).finish()
    }
}
