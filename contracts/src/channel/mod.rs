//! A payment channel between two: one coin on chain, a pair of commitments off it, payments locked to points or hashes.
//!
//! * [`Channel`] is what both agree on ([`ChannelTerms`]) with the keys that follow from it. From a [`State`] (balances and pending
//!   payments) it derives each side's [`Commitment`] transaction, the same bytes on both sides.
//! * A commitment is signed by both with MuSig2: the side that may publish it puts its share on last, with a nonce that follows
//!   from its seed ([`ChannelKeys::verification_nonce`]); the other's share is a [`CommitmentShare`], made with a nonce drawn for it.
//! * Every output but the anchor and the peer's own has the revocation key inside: whoever publishes a commitment that it has
//!   revoked loses all of it ([`ChannelSpend`]).
//! * A pending payment is claimed or taken back by a [`SecondLevel`] transaction, which the counterparty signed ahead with
//!   `SIGHASH_SINGLE|ANYONECANPAY`, so that a coin for the fee can be put beside it. That of a point is an adaptor
//!   signature: who claims shows the secret ([`SecondLevel::secret`]).
//!
//! The construction is that of zero-fee simple taproot channels (BOLT proposals 995, 1228, 1330) with static keys. What of
//! it is equal to the published vectors is tested with them. Nothing here keeps anything: what must be durable when is the business of
//! the machine in the crate `narthex-channel`.
//!
//! ```
//! use bitcoin::{Amount, OutPoint};
//! use narthex_contracts::channel::{Channel, ChannelKeys, ChannelTerms, Side, State};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (opener, accepter) = (ChannelKeys::new([1; 32]), ChannelKeys::new([2; 32]));
//! let terms = ChannelTerms::usual(Amount::from_sat(1_000_000), [opener.basepoints(), accepter.basepoints()]);
//! let channel = Channel::new(terms, OutPoint { vout: 0, ..OutPoint::null() })?;
//! let state = State::first(&channel, Amount::from_sat(200_000))?;
//! let point = opener.point(0);
//! let commitment = channel.commitment(Side::Opener, &state, &point)?;
//! // Both balances and the anchor.
//! assert_eq!(commitment.tx().output.len(), 3);
//! # Ok(()) }
//! ```

mod close;
mod commitment;
mod error;
mod keys;
mod number;
mod output;
mod revocation;
mod second;
mod shachain;
mod share;
mod spend;
mod state;
mod terms;

pub use close::{Close, CloseNonce, CloseShare};
pub use commitment::{Commitment, CommitmentOutput, Purpose};
pub use error::ChannelError;
pub use keys::{Basepoints, ChannelKeys};
pub use number::{MAX_NUMBER, Obscured};
pub use output::{delayed_leaf, delayed_output};
pub use revocation::{revocation_key, revocation_secret};
pub use second::{SecondKind, SecondLevel};
pub use shachain::{SecretStore, StoreError, per_commitment_secret};
pub use share::CommitmentShare;
pub use spend::{ChannelSpend, SpendPath};
pub use state::{Lock, Payment, PaymentId, Proof, State, Update, UpdateError};
pub use terms::{Channel, ChannelTerms, MAX_PAYMENTS, Side, WORST_RATE};
