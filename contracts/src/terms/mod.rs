//! The terms of one contract: parameters, parties, promises and the coins that fund it.
//!
//! They come about in steps, each a type of its own:
//!
//! 1. [`Proposal`]: a party's own part, with a salt drawn for this contract alone.
//! 2. [`TermsRecord`] is what somebody puts together out of the parts: as an [`Assembly`] of [`Part`]s between parties, as
//!    JSON in files; [`TermsDraft`] the same after every
//!    check. It has the contract's id.
//! 3. [`TermsDraft::bind`] uses the proposal up: its salt belongs to this id for ever ([`crate::binding`]). A
//!    [`BoundDraft`] may be spoken of to others; arbiters announce their nonces for its id.
//! 4. [`BoundDraft::complete`] takes everybody's announcements: [`BoundTerms`], which the ceremony uses up.
//!
//! A contract without a funding transaction of its own begins with an [`UnplacedDraft`].
//!
//! [`Terms`] are a draft with announcements: what judges, holdings and plays share. A party derives its whole
//! transaction graph from them alone; it cannot sign with them alone.

mod acceptance;
mod attested;
mod bound;
mod draft;
mod error;
mod host;
mod json;
mod part;
mod proof;
mod proposal;
mod record;
mod role;
mod token;
mod word;

use narthex_base::tagged::tagged_hash_parts;
use std::ops::Deref;

use narthex_game_model::Ruling;
use serde::{Deserialize, Serialize};

pub use acceptance::AcceptancePolicy;
pub use bound::{BoundDraft, BoundTerms, salt_mark};
// What a party brings and pays is said in every contract's terms.
pub use crate::funding::{
    Change, Coin, Contribution, ContributionError, FeeError, FeeRate, FeeRules, Fees, MAX_COINS,
    SatPerVb, is_null,
};
pub use draft::TermsDraft;
pub use error::{RootCoinFound, TermsError};
pub use host::{Host, UnplacedDraft};
pub use narthex_game_model::schedule::stake_unlock_height;
pub use part::{Assembly, AssemblyError, Part};
pub use proof::SecretPoint;
pub use proposal::Proposal;
pub use record::deposit;
pub use record::{ArbiterRecord, PaperRecord, PartyRecord, TermsRecord, stake_coin_script};
pub(crate) use role::read_role;
pub use role::{MAX_ARBITERS, Role, UnknownRole};
pub use token::{token_descriptor, token_key, token_secret};
pub use word::{word_key, word_pair, word_pair_in};

use crate::{attest::Announcement, musig::AdaptorPoint};

/// Largest terms that are read, in bytes of JSON.
pub const MAX_TERMS_BYTES: usize = 1 << 20;

/// Validated terms: a draft, whose methods they have, and everybody's announcements. Two parties with equal
/// [`Terms::agreement_id`] derive identical graphs.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    draft: TermsDraft,
    announcements: Vec<Announcement>,
    agreement_id: [u8; 32],
}

/// Whole terms as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnnouncedRecord {
    draft: TermsRecord,
    announcements: Vec<Announcement>,
}

impl Deref for Terms {
    type Target = TermsDraft;

    fn deref(&self) -> &TermsDraft {
        &self.draft
    }
}

impl Terms {
    /// Reads terms from JSON and checks them.
    pub fn from_json(json: &[u8]) -> Result<Terms, TermsError> {
        let AnnouncedRecord {
            draft,
            announcements,
        } = json::read(json)?;
        Terms::new(draft, announcements)
    }

    /// Checks proposed terms, and that the announcements are each arbiter's for them, in order of the panel.
    pub fn new(record: TermsRecord, announcements: Vec<Announcement>) -> Result<Terms, TermsError> {
        Terms::announced(TermsDraft::new(record)?, announcements)
    }

    fn announced(draft: TermsDraft, announcements: Vec<Announcement>) -> Result<Terms, TermsError> {
        if announcements.len() != usize::from(draft.panel_size()) {
            return Err(TermsError::Announcements {
                given: announcements.len(),
                wanted: draft.panel_size(),
            });
        }
        for (arbiter, announcement) in (0u8..).zip(&announcements) {
            draft.check_announcement(arbiter, announcement)?;
        }
        // The nonces alone: proofs can be made anew, and say the same.
        let nonces = announcements.iter().map(|a| a.nonce.serialize());
        let nonces = nonces.collect::<Vec<_>>().concat();
        let agreement_id = tagged_hash_parts("narthex/agreement", &[draft.contract_id(), &nonces]);
        Ok(Terms {
            draft,
            announcements,
            agreement_id,
        })
    }

    /// Terms with nonces that nobody announced, and nobody knows: never to be signed. What is signed by whom, and how long
    /// the messages are, does not depend on the nonces.
    pub(crate) fn stand_in(draft: &TermsDraft) -> Option<Terms> {
        let secp = bitcoin::secp256k1::Secp256k1::signing_only();
        let announcements = (0..draft.panel_size()).map(|arbiter| {
            let parts: [&[u8]; 2] = [draft.contract_id(), &[arbiter]];
            let bytes = tagged_hash_parts("narthex/stand-in", &parts);
            let pair = bitcoin::key::Keypair::from_seckey_slice(&secp, &bytes).ok()?;
            let unsigned = narthex_base::statement::sign_in(&secp, &bytes, &pair);
            Some(Announcement {
                nonce: pair.x_only_public_key().0,
                nonce_proof: unsigned,
                signature: unsigned,
            })
        });
        Some(Terms {
            draft: draft.clone(),
            announcements: announcements.collect::<Option<_>>()?,
            agreement_id: [0; 32],
        })
    }

    /// As JSON.
    pub fn to_json(&self) -> Result<String, TermsError> {
        json::write(&AnnouncedRecord {
            draft: self.draft.record().clone(),
            announcements: self.announcements.clone(),
        })
    }

    /// The terms as they were before the announcements.
    pub fn draft(&self) -> &TermsDraft {
        &self.draft
    }

    /// Hash of the contract's id and of all announced nonces: what a ceremony is about. Two sets of announcements for one
    /// contract have nothing in common there.
    pub fn agreement_id(&self) -> &[u8; 32] {
        &self.agreement_id
    }

    /// Everybody's announcements, in order of the panel.
    pub fn announcements(&self) -> &[Announcement] {
        &self.announcements
    }

    /// An arbiter's announcement.
    pub fn announcement(&self, arbiter: u8) -> Option<&Announcement> {
        self.announcements.get(usize::from(arbiter))
    }

    /// The points of every arbiter's attestation of `ruling`, in order of the panel.
    pub fn ruling_points(&self, ruling: Ruling) -> Result<Vec<AdaptorPoint>, TermsError> {
        let secp = narthex_base::context::verifying();
        (0u8..)
            .zip(&self.announcements)
            .map(|(i, announced)| self.draft.ruling_point(secp, i, announced, ruling))
            .collect()
    }
}
