//! Rulings of arbiters as BIP340 signatures whose points are known before they are made.
//!
//! At setup arbiter i announces one nonce point Rᵢ for the contract. Its attestation of ruling d is a signature
//! (Rᵢ, s) by its identity key Aᵢ; the scalar s has the point `P = Rᵢ + e·Aᵢ`, which everybody can compute
//! in advance. Settlements are encrypted under sums of such points. An arbiter that attests two rulings of one
//! case has used one nonce for two messages and gives its key away: [`extract_identity_key`]. An honest one binds its
//! case to its ruling before it signs ([`BoundRuling`]), shows the others a digest of it, and signs as an [`Attester`],
//! which is used up (`docs/adr/0113-one-attestation.md`).

mod announcement;
mod attestation;
mod attester;
mod ruling;

pub use announcement::{AnnounceError, Announcement, AttestationNonce};
pub use attestation::{AttestError, Attestation, attestation_point, extract_identity_key};
pub use attester::Attester;
pub use ruling::{BoundRuling, RulingError};
