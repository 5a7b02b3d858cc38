//! What the parties of a bounty say to each other until all hold its signatures, and who lacks which secrets. Envelope, seal, openings,
//! closing, deliveries, grant and secrets travel as they are.
//!
//! All of a ceremony goes through the requester, which holds every signature of it anyway: what it keeps from somebody, or alters, ends
//! in a ceremony that fails, before there is a coin. A session that died with a process is begun anew, by another call.

use bitcoin::hashes::{Hash, sha256};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::bounty::MAX_BOUNTY_TERMS_BYTES;
use narthex_game_model::market::{LayerSet, MAX_LAYERS};

use crate::fields::{read_passed, unknown, write_passed};

/// Longest offer, as JSON: one with a point for each of the 33 sets that a recomputer may have a secret for.
const MAX_OFFER: usize = 16 << 10;

/// Longest message of a ceremony that is passed on: 65 nonces of 66 bytes, or as many shares.
const MAX_PASSED: usize = 8 << 10;

/// What is said. Terms are named by their id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BountyTalk {
    /// The requester calls for offers, with a salt that it draws for each attempt.
    Call {
        /// [`Call::salt`](narthex_contracts::bounty::Call::salt).
        salt: sha256::Hash,
    },
    /// A recomputer's offer, as JSON.
    Offer {
        /// Of which call.
        salt: sha256::Hash,
        /// [`RecomputerOffer`](narthex_contracts::bounty::RecomputerOffer).
        json: Vec<u8>,
    },
    /// The requester's terms, as JSON ([`BountyTerms::to_json`](narthex_contracts::bounty::BountyTerms::to_json)).
    Terms {
        /// That.
        json: Vec<u8>,
    },
    /// A recomputer's nonces; or those of all others, from the requester.
    Nonces {
        /// Of which terms.
        terms: [u8; 32],
        /// [`NoncesMessage`](narthex_contracts::setup::NoncesMessage) of each.
        all: Vec<Vec<u8>>,
    },
    /// A recomputer's shares for all others; or those of all others for it, from the requester.
    Shares {
        /// Of which terms.
        terms: [u8; 32],
        /// [`SharesMessage`](narthex_contracts::setup::SharesMessage) of each.
        all: Vec<Vec<u8>>,
    },
    /// A recomputer holds what it relies on: it may be funded.
    Held {
        /// Of which terms.
        terms: [u8; 32],
    },
    /// A recomputer does not sign these terms any more: a session of theirs has died with its process.
    Again {
        /// Of which terms.
        terms: [u8; 32],
    },
    /// A member of a granted set lacks these members' secrets, and their round is over.
    Lacks {
        /// Of which terms.
        terms: [u8; 32],
        /// The set.
        set: LayerSet,
        /// Whose.
        missing: LayerSet,
    },
}

impl Message for BountyTalk {
    const KIND: Kind = kinds::BOUNTY_TALK;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Call { salt } => w.u8(0).fixed(salt.as_byte_array()),
            Self::Offer { salt, json } => w.u8(1).fixed(salt.as_byte_array()).bytes(json),
            Self::Terms { json } => w.u8(2).bytes(json),
            Self::Nonces { terms, all } => write_passed(w.u8(3).fixed(terms), all),
            Self::Shares { terms, all } => write_passed(w.u8(4).fixed(terms), all),
            Self::Held { terms } => w.u8(5).fixed(terms),
            Self::Again { terms } => w.u8(6).fixed(terms),
            Self::Lacks {
                terms,
                set,
                missing,
            } => (w.u8(7).fixed(terms)).u8(set.mask()).u8(missing.mask()),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<BountyTalk, DecodeError> {
        Ok(match r.u8("what is said")? {
            0 => Self::Call {
                salt: sha256::Hash::from_byte_array(r.array("salt")?),
            },
            1 => Self::Offer {
                salt: sha256::Hash::from_byte_array(r.array("salt")?),
                json: r.bytes_up_to("offer", MAX_OFFER)?.to_vec(),
            },
            2 => Self::Terms {
                json: r.bytes_up_to("terms", MAX_BOUNTY_TERMS_BYTES)?.to_vec(),
            },
            3 => Self::Nonces {
                terms: r.array("terms")?,
                all: read_all(r, "nonces")?,
            },
            4 => Self::Shares {
                terms: r.array("terms")?,
                all: read_all(r, "shares")?,
            },
            5 => Self::Held {
                terms: r.array("terms")?,
            },
            6 => Self::Again {
                terms: r.array("terms")?,
            },
            7 => Self::Lacks {
                terms: r.array("terms")?,
                set: read_set(r)?,
                missing: read_set(r)?,
            },
            kind => return Err(unknown("what is said", kind)),
        })
    }
}

/// One of each recomputer, or of all others: as many at most.
fn read_all(r: &mut Reader<'_>, field: &'static str) -> Result<Vec<Vec<u8>>, DecodeError> {
    read_passed(r, field, (MAX_LAYERS, MAX_PASSED))
}

pub(super) fn read_set(r: &mut Reader<'_>) -> Result<LayerSet, DecodeError> {
    let mask = r.u8("set")?;
    LayerSet::new(mask).ok_or_else(|| DecodeError::invalid("set", mask))
}
