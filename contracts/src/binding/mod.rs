//! What was drawn for one contract serves that contract, once: salts of terms, attempts at an ending, seeds of
//! deliveries.
//!
//! Signatures of a ceremony that failed must fit nothing later, and a nonce must sign one message. Both follow from a
//! value that is fresh, and "fresh" is a promise about everything that this party ever did, which no check of the terms
//! at hand can see. So it is kept by a record: before anything that depends on a value is sent, a [`Mark`] of the value
//! is bound to the id of what it serves, durably ([`Bindings`]). A mark is bound once and for ever. Another id for it is
//! refused, and so is the same id: the second time would be a second ceremony.
//!
//! The record sees hashes alone. It learns neither salts nor seeds, and whoever steals it can do nothing with it; whoever
//! puts back an old copy of it can, which is why salts are also drawn from the system and never derived
//! (`docs/adr/0035-one-salt-one-contract.md`).

pub mod conformance;
mod memory;
mod salt;

use narthex_base::tagged::tagged_hash_parts;
use std::fmt;

use hex_conservative::DisplayHex;

pub use memory::MemoryBindings;
pub use salt::FreshSalt;

/// Hash of something that must serve once, with what it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 32]);

impl Mark {
    /// The mark of `value`, where it is used as `purpose`. Marks of two purposes differ, whatever the values; one value
    /// for two purposes is therefore not noticed, and no value is used so. A secret `value` stays secret if it has the
    /// entropy of a key.
    pub fn of(purpose: &str, value: &[u8]) -> Mark {
        Mark(tagged_hash_parts(
            &format!("narthex/mark/{purpose}"),
            &[value],
        ))
    }

    /// Binds the mark to `id`: on return it is used up, and no crash undoes that.
    ///
    /// # Errors
    /// Those of [`Bindings::bind`].
    pub fn bind(self, id: [u8; 32], store: &mut dyn Bindings) -> Result<Binding, BindError> {
        store.bind(self, id)?;
        Ok(Binding { id })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0.as_hex())
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({self})")
    }
}

/// Proof that something fresh has been bound to an id just now, durably. It cannot be copied, stored or made otherwise:
/// what asks for one by value happens once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what was bound is used up, whether the proof is used or not"]
pub struct Binding {
    id: [u8; 32],
}

impl Binding {
    /// What it was bound to.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }
}

/// One party's record of what it has bound. A party has one, for all its contracts and for ever.
///
/// A record may be one that becomes durable late: with [`Bindings::settle`], for many marks at once. Whoever has such a record lets nothing leave
/// that depends on a mark before that.
pub trait Bindings {
    /// Binds `mark` to `id`. The record is durable before this returns, or with the next [`Bindings::settle`] where it is a late one: whatever happens
    /// to the process or the machine afterwards, the mark is found used. If this fails, or never returns, the mark may be used or not, and nothing
    /// that depends on it may be sent.
    ///
    /// # Errors
    /// [`BindError::Used`] if the mark is bound already, whatever to; then nothing has changed. [`BindError::Store`] if
    /// the record cannot be written; then the mark counts as used until the record is opened again.
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError>;

    /// What a mark is bound to, as far as the record knows: one that was lost with its disk, or left behind by a backup, knows less than its party
    /// has bound.
    fn bound(&self, mark: &Mark) -> Option<[u8; 32]>;

    /// Makes durable what was bound so far, where that is not yet.
    ///
    /// # Errors
    /// [`BindError::Store`]: it may be durable or not, and nothing that depends on it may be sent.
    fn settle(&mut self) -> Result<(), BindError> {
        Ok(())
    }
}

impl<B: Bindings + ?Sized> Bindings for &mut B {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        (**self).bind(mark, id)
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        (**self).bound(mark)
    }

    fn settle(&mut self) -> Result<(), BindError> {
        (**self).settle()
    }
}

impl<B: Bindings + ?Sized> Bindings for Box<B> {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        (**self).bind(mark, id)
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        (**self).bound(mark)
    }

    fn settle(&mut self) -> Result<(), BindError> {
        (**self).settle()
    }
}

/// Why something was not bound. Nothing that depends on it may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// It has served already. Own fault, or that of whoever asks to sign again; draw it anew.
    #[error(
        "{mark} is bound to {} already, and serves once; make a new proposal",
        bound_to.as_hex()
    )]
    Used {
        /// Mark of the value.
        mark: Mark,
        /// The id that it serves.
        bound_to: [u8; 32],
    },
    /// The record cannot be written. The fault of this machine, of no party.
    #[error("the record of what has been signed cannot be written, so nothing is signed: {0}")]
    Store(String),
}
