//! Terms before the arbiters have announced their nonces: what is agreed on, bound and announced for.

use bitcoin::{
    Amount, ScriptBuf,
    key::XOnlyPublicKey,
    secp256k1::{PublicKey, Secp256k1, Verification},
};
use narthex_game_model::{Params, Template};

use super::{Host, TermsError, TermsRecord, json, record};
use crate::{
    attest::{Announcement, attestation_point},
    musig::{AdaptorPoint, KeySet},
    terms::Role,
};

/// Checked terms without announcements. They have the contract's id, which is all that an announcement needs; nobody can
/// sign them.
#[derive(Debug, Clone, PartialEq)]
pub struct TermsDraft {
    record: TermsRecord,
    params: Params,
    unplaced_id: [u8; 32],
    contract_id: [u8; 32],
}

impl TermsDraft {
    /// Reads a draft from JSON and checks it.
    pub fn from_json(json: &[u8]) -> Result<TermsDraft, TermsError> {
        TermsDraft::new(json::read(json)?)
    }

    /// Checks proposed terms. Nothing is signed or locked by terms that fail.
    pub fn new(record: TermsRecord) -> Result<TermsDraft, TermsError> {
        let hosted = record.host.is_some();
        TermsDraft::checked(record, hosted)
    }

    /// `hosted`: that the contract has, or will have, no funding transaction of its own.
    pub(super) fn checked(record: TermsRecord, hosted: bool) -> Result<TermsDraft, TermsError> {
        let params = Params::new(record.params.clone())?;
        record.check(&params, hosted)?;
        let unplaced_id = record.unplaced_id(&params);
        let contract_id = match &record.host {
            None => unplaced_id,
            Some(host) => host.contract_id(&unplaced_id),
        };
        Ok(TermsDraft {
            record,
            params,
            unplaced_id,
            contract_id,
        })
    }

    /// As JSON.
    pub fn to_json(&self) -> Result<String, TermsError> {
        json::write(&self.record)
    }

    /// What was proposed.
    pub fn record(&self) -> &TermsRecord {
        &self.record
    }

    /// The validated parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Tagged hash of the canonical bytes of all that was agreed on before nonces were announced: parameters, keys,
    /// salts, points, coins, identities. What arbiters rule on, and what their nonces are derived from.
    pub fn contract_id(&self) -> &[u8; 32] {
        &self.contract_id
    }

    /// The contract's id without the place of its host: what the outputs that a host pays to commit to, since the host's
    /// id follows from them. With a funding transaction of its own, the contract's id.
    pub fn unplaced_id(&self) -> &[u8; 32] {
        &self.unplaced_id
    }

    /// Where the contract stands, if it has no funding transaction of its own.
    pub fn host(&self) -> Option<&Host> {
        self.record.host.as_ref()
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

    /// The key that an arbiter is known by; `None` beyond the panel.
    pub fn identity(&self, arbiter: u8) -> Option<&XOnlyPublicKey> {
        let arbiter = self.record.arbiters.get(usize::from(arbiter))?;
        Some(&arbiter.identity)
    }

    /// The point of the worker's result secret.
    pub fn result_point(&self) -> PublicKey {
        self.record.result.point
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

    /// Which template lays these terms out.
    pub fn template(&self) -> Template {
        self.params.template()
    }

    /// Whether an announcement is this arbiter's for these terms. To be asked when it comes, so that a bad one is
    /// refused alone and the draft stays.
    pub fn check_announcement(
        &self,
        arbiter: u8,
        announcement: &Announcement,
    ) -> Result<(), TermsError> {
        let role = Role::Arbiter(arbiter);
        let identity = self
            .identity(arbiter)
            .ok_or(TermsError::NoSuchParty { role })?;
        let secp = narthex_base::context::verifying();
        announcement
            .verify(secp, identity, &self.contract_id)
            .map_err(|error| TermsError::Announcement { arbiter, error })
    }

    /// The point of an arbiter's attestation of `ruling` with this nonce.
    pub(super) fn ruling_point(
        &self,
        secp: &Secp256k1<impl Verification>,
        arbiter: u8,
        announced: &Announcement,
        ruling: narthex_game_model::Ruling,
    ) -> Result<AdaptorPoint, TermsError> {
        self.identity(arbiter)
            .and_then(|identity| {
                attestation_point(secp, identity, &announced.nonce, &self.contract_id, ruling)
            })
            .and_then(|point| AdaptorPoint::try_from(point).ok())
            .ok_or(TermsError::DegenerateRuling { arbiter })
    }
}
