//! The floor of the house: what every crate of Narthex says bytes, hashes, secrets and signatures with.
//!
//! Parties that do not trust each other must agree on bytes before they can agree on anything else. So there is one
//! [`codec`] with one table of [`kinds`], one way to hash under a tag ([`tagged`]), one way to sign a statement
//! ([`statement`]), one context to check in ([`context`]), one kind of secret ([`secret`](mod@secret)), one
//! small set ([`set`]) and one row of hexadecimal bridges ([`hex`]). Nothing here knows a
//! transaction, a contract, a chain or a file; that a node was asked before anybody funds is a name alone ([`node`]).
//!
//! ```
//! use narthex_base::codec::{DecodeError, Message, Reader, Writer};
//! use narthex_base::kinds::{self, Kind};
//!
//! #[derive(Debug, PartialEq)]
//! struct Penny {
//!     index: u64,
//! }
//!
//! impl Message for Penny {
//!     const KIND: Kind = kinds::PENNY;
//!
//!     fn write(&self, w: &mut Writer) {
//!         w.u64(self.index);
//!     }
//!
//!     fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
//!         Ok(Penny { index: r.u64("index")? })
//!     }
//! }
//!
//! let penny = Penny { index: 7 };
//! assert_eq!(penny.to_bytes(), b"NXP1\0\0\0\0\0\0\0\x07");
//! assert_eq!(Penny::from_bytes(&penny.to_bytes()), Ok(penny));
//! assert!(Penny::from_bytes(b"NXP1\0").is_err());
//! ```

pub mod codec;
pub mod context;
pub mod hex;
pub mod kinds;
pub mod node;
pub mod secret;
pub mod set;
pub mod statement;
pub mod tagged;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use secp256k1;
