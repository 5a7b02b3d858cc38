//! The terms of one contract: parameters, parties, promises and the coins that fund it.
//!
//! [`TermsRecord`] is what parties propose to each other, as JSON; [`Terms`] is the same after every check.
//! Each party derives its whole transaction graph from `Terms` alone.

mod contribution;
mod error;
mod fee;
mod proof;
mod proposal;
mod record;

use bitcoin::{Amount, ScriptBuf, secp256k1::PublicKey};
use narthex_game_model::{Layout, Params, Ruling};

pub use contribution::{
    Change, Coin, Contribution, ContributionError, MAX_COINS, RootCoinFound, is_null,
};
pub use error::TermsError;
pub use fee::{FeeError, FeeRate, Fees};
pub use proof::SecretPoint;
pub use proposal::Proposal;
pub use record::deposit;
pub use record::{ArbiterRecord, PaperRecord, PartyRecord, TermsRecord, stake_coin_script};

use crate::{
    attest::{Announcement, CaseContext, attestation_point},
    musig::{AdaptorPoint, KeySet},
    role::Role,
};

/// Largest terms that are read, in bytes of JSON.
pub const MAX_TERMS_BYTES: usize = 1 << 20;

/// Validated terms. Two parties with equal [`Terms::contract_id`] derive identical graphs.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    record: TermsRecord,
    params: Params,
    contract_id: [u8; 32],
}

impl Terms {
    /// Reads terms from JSON and checks them.
    pub fn from_json(json: &[u8]) -> Result<Terms, TermsError> {
        if json.len() > MAX_TERMS_BYTES {
            return Err(TermsError::TooLarge {
                bytes: json.len(),
                limit: MAX_TERMS_BYTES,
            });
        }
        let record: TermsRecord =
            serde_json::from_slice(narthex_game_model::text::without_mark(json))
                .map_err(|e| TermsError::Json(shortened(&e.to_string())))?;
        Terms::new(record)
    }

    /// Checks proposed terms. Nothing is signed or locked by terms that fail.
    pub fn new(record: TermsRecord) -> Result<Terms, TermsError> {
        let params = Params::new(record.params.clone())?;
        record.check(&params)?;
        let contract_id = record.contract_id(&params);
        Ok(Terms {
            record,
            params,
            contract_id,
        })
    }

    /// As JSON.
    pub fn to_json(&self) -> Result<String, TermsError> {
        serde_json::to_string_pretty(&self.record).map_err(|e| TermsError::Json(e.to_string()))
    }

    /// What was proposed.
    pub fn record(&self) -> &TermsRecord {
        &self.record
    }

    /// The validated parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Tagged hash of the canonical bytes of all terms, funding included.
    pub fn contract_id(&self) -> &[u8; 32] {
        &self.contract_id
    }

    /// Number of arbiters.
    pub fn panel_size(&self) -> u8 {
        self.params.arbiters()
    }

    /// All parties in canonical order.
    pub fn roles(&self) -> impl Iterator<Item = Role> + use<> {
        Role::all(self.panel_size())
    }

    /// A party's contract key; `None` for an arbiter that is not on the panel.
    pub fn key(&self, role: Role) -> Option<PublicKey> {
        self.record.party(role).map(|party| party.key)
    }

    /// Where a party is paid.
    pub fn payout(&self, role: Role) -> Option<&ScriptBuf> {
        self.record.party(role).map(|party| party.payout)
    }

    /// An arbiter's announcement.
    pub fn announcement(&self, arbiter: u8) -> Option<&Announcement> {
        self.record
            .arbiters
            .get(usize::from(arbiter))
            .map(|a| &a.announcement)
    }

    /// The point of the worker's result secret.
    pub fn result_point(&self) -> PublicKey {
        self.record.result.point
    }

    /// The points of every arbiter's attestation of `ruling`, in order of the panel.
    pub fn ruling_points(&self, ruling: Ruling) -> Result<Vec<AdaptorPoint>, TermsError> {
        let secp = bitcoin::secp256k1::Secp256k1::verification_only();
        self.record
            .arbiters
            .iter()
            .enumerate()
            .map(|(i, a)| {
                let Announcement {
                    identity, nonce, ..
                } = &a.announcement;
                attestation_point(&secp, identity, nonce, &self.contract_id, ruling)
                    .and_then(|point| AdaptorPoint::try_from(point).ok())
                    .ok_or(TermsError::DegenerateRuling { arbiter: i as u8 })
            })
            .collect()
    }

    /// What a party puts into the funding transaction, fee not counted.
    pub fn deposit(&self, role: Role) -> Amount {
        record::deposit(&self.params, role)
    }

    /// The key set of these roles, tweaked with `merkle_root`.
    pub fn key_set(
        &self,
        roles: impl IntoIterator<Item = Role>,
        merkle_root: Option<[u8; 32]>,
    ) -> Result<KeySet, TermsError> {
        use bitcoin::hashes::Hash;
        let signers = roles
            .into_iter()
            .map(|role| {
                self.key(role)
                    .map(|key| (role, key))
                    .ok_or(TermsError::NoSuchParty { role })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let root = merkle_root.map(bitcoin::TapNodeHash::from_byte_array);
        Ok(KeySet::new(&signers, root)?)
    }

    /// The context of an arbiter's announcement.
    pub fn case_context(&self, arbiter: u8) -> Option<CaseContext> {
        self.record.case_context(&self.params, arbiter)
    }

    /// Which template lays these terms out.
    pub fn layout(&self) -> Layout {
        self.params.layout()
    }
}

/// Both ends of what the parser says: it quotes what it read, which may be long, and names the place at the end.
fn shortened(message: &str) -> String {
    const END: usize = 80;
    let count = message.chars().count();
    if count <= 3 * END {
        return message.to_owned();
    }
    let head = message.chars().take(2 * END);
    let tail = message.chars().skip(count - END);
    head.chain(" … ".chars()).chain(tail).collect()
}
