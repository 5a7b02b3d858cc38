//! What the parties of a gated slice say to each other until all hold its signatures, and whose post the client lacks. Posts and bundles travel as
//! they are.
//!
//! All of a ceremony goes through the client, which holds a part of every claim anyway: what it keeps from somebody, or alters, ends in a
//! ceremony that fails, before there is a coin. Dealings are signed, and the shares in them encrypted to whom they are for.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::PublicKey,
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    enrolment::Enrolment,
    slice::{MAX_PROVIDERS, MAX_SLICE_TERMS_BYTES},
};

use crate::fields::{read_passed, unknown, write_passed};

/// Longest dealing: 9 of up to 9 points each, and as many bundles of 8 shares.
const MAX_DEALING: usize = 16 << 10;

/// Longest message of a ceremony that is passed on: a nonce of 66 bytes for each claim, or as many shares.
const MAX_PASSED: usize = 2 << 10;

/// An enrolment with its length.
const LEAST_ENROLMENT: usize = 4 + 5 + 1 + 32 + 1 + 2 * 33 + 2 * 64;

/// What is said. Terms are named by their id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SliceTalk {
    /// The client names all who take part, and asks for their dealings; with a salt that it draws for each attempt.
    Call {
        /// [`Participants::salt`](narthex_contracts::slice::Participants::salt).
        salt: sha256::Hash,
        /// Its contract key.
        client: PublicKey,
        /// The providers', in order.
        enrolled: Vec<Enrolment>,
    },
    /// What a provider deals.
    Deal {
        /// In which attempt.
        salt: sha256::Hash,
        /// [`SliceDealing`](narthex_contracts::slice::SliceDealing).
        dealing: Vec<u8>,
    },
    /// The client's terms, with all dealings that they are made of.
    Terms {
        /// As JSON ([`SliceTerms::to_json`](narthex_contracts::slice::SliceTerms::to_json)).
        json: Vec<u8>,
        /// The dealings, in order of the providers.
        dealings: Vec<Vec<u8>>,
    },
    /// A provider's nonces; or those of all others, from the client.
    Nonces {
        /// Of which terms.
        terms: [u8; 32],
        /// [`NoncesMessage`](narthex_contracts::setup::NoncesMessage) of each.
        all: Vec<Vec<u8>>,
    },
    /// A provider's shares; or those for it, from the client.
    Shares {
        /// Of which terms.
        terms: [u8; 32],
        /// [`SharesMessage`](narthex_contracts::setup::SharesMessage) of each.
        all: Vec<Vec<u8>>,
    },
    /// A provider holds its claim: it may be funded.
    Held {
        /// Of which terms.
        terms: [u8; 32],
    },
    /// A provider does not sign these terms any more: a session of theirs has died with its process.
    Again {
        /// Of which terms.
        terms: [u8; 32],
    },
    /// The client lacks the post of a provider that was paid.
    Lacks {
        /// Of which terms.
        terms: [u8; 32],
        /// Whose, from 0.
        post_of: u8,
    },
}

impl Message for SliceTalk {
    const KIND: Kind = kinds::SLICE_TALK;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Call {
                salt,
                client,
                enrolled,
            } => {
                w.u8(0).fixed(salt.as_byte_array()).point(client);
                w.list(enrolled, |w, one| {
                    w.message(one);
                })
            }
            Self::Deal { salt, dealing } => w.u8(1).fixed(salt.as_byte_array()).bytes(dealing),
            Self::Terms { json, dealings } => write_passed(w.u8(2).bytes(json), dealings),
            Self::Nonces { terms, all } => write_passed(w.u8(3).fixed(terms), all),
            Self::Shares { terms, all } => write_passed(w.u8(4).fixed(terms), all),
            Self::Held { terms } => w.u8(5).fixed(terms),
            Self::Again { terms } => w.u8(6).fixed(terms),
            Self::Lacks { terms, post_of } => w.u8(7).fixed(terms).u8(*post_of),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<SliceTalk, DecodeError> {
        Ok(match r.u8("what is said")? {
            0 => Self::Call {
                salt: sha256::Hash::from_byte_array(r.array("salt")?),
                client: r.point("client")?,
                enrolled: r.list_up_to("enrolments", LEAST_ENROLMENT, MAX_PROVIDERS, |r| {
                    r.message("enrolment")
                })?,
            },
            1 => Self::Deal {
                salt: sha256::Hash::from_byte_array(r.array("salt")?),
                dealing: r.bytes_up_to("dealing", MAX_DEALING)?.to_vec(),
            },
            2 => Self::Terms {
                json: r.bytes_up_to("terms", MAX_SLICE_TERMS_BYTES)?.to_vec(),
                dealings: read_all(r, ("dealings", MAX_DEALING))?,
            },
            3 => Self::Nonces {
                terms: r.array("terms")?,
                all: read_all(r, ("nonces", MAX_PASSED))?,
            },
            4 => Self::Shares {
                terms: r.array("terms")?,
                all: read_all(r, ("shares", MAX_PASSED))?,
            },
            5 => Self::Held {
                terms: r.array("terms")?,
            },
            6 => Self::Again {
                terms: r.array("terms")?,
            },
            7 => Self::Lacks {
                terms: r.array("terms")?,
                post_of: r.u8("provider")?,
            },
            kind => return Err(unknown("what is said", kind)),
        })
    }
}

/// One of each provider, or of all others: as many at most.
fn read_all(
    r: &mut Reader<'_>,
    (field, most): (&'static str, usize),
) -> Result<Vec<Vec<u8>>, DecodeError> {
    read_passed(r, field, (MAX_PROVIDERS, most))
}
