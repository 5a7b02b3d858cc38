//! What a party asks of terms that another one put together.

use bitcoin::{
    OutPoint, ScriptBuf,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::PublicKey,
};
use narthex_game_model::AcceptedJob;

use super::{Contribution, FeeRate, PartyRecord, TermsDraft, TermsError};
use crate::{binding::FreshSalt, terms::Role};

/// A party's own part of the terms, as it proposed it, and what it understood the rest to be.
///
/// It holds the salt that makes the contract a new one, and is used up with it by [`TermsDraft::bind`]: it can be neither
/// copied nor stored, and a second contract, or a second attempt at one, takes a new proposal.
#[derive(Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its role.
    pub role: Role,
    /// Its contract key.
    pub key: PublicKey,
    /// Its salt.
    pub salt: FreshSalt,
    /// Where it is paid.
    pub payout: ScriptBuf,
    /// Its coins.
    pub funding: Contribution,
    /// Hash of the parameters.
    pub params_hash: [u8; 32],
    /// The job, which the party has compared with the parameters: nobody binds itself to another.
    pub job: AcceptedJob,
    /// Fee rate of the funding.
    pub funding_rate: FeeRate,
    /// An arbiter's identity key.
    pub identity: Option<XOnlyPublicKey>,
    /// The worker's result point. Settlements under another point can't be completed by it.
    pub result: Option<PublicKey>,
    /// The worker's token point: approvals under another pay a verifier that the worker knows nothing of.
    pub token: Option<PublicKey>,
    /// The worker's appeal point (`paper` template).
    pub appeal: Option<PublicKey>,
    /// The verifier's commitment to its sample nonce.
    pub sample_nonce: Option<sha256::Hash>,
}

impl Proposal {
    /// The party's part, to be sent to whoever puts the terms together.
    pub fn record(&self) -> PartyRecord {
        PartyRecord {
            key: self.key,
            salt: self.salt.value(),
            payout: self.payout.clone(),
            funding: self.funding.clone(),
        }
    }
}

impl TermsDraft {
    /// Whether these terms are those that the party agreed to. [`TermsDraft::bind`] asks it; a party that wants to keep
    /// its proposal when somebody sends it other terms asks first.
    ///
    /// Besides, its wallet must own none of [`TermsDraft::coins_of_others`], or it would sign for another's deposit; and
    /// `deliver_height` must leave it the time that it needs.
    pub fn check_proposal(&self, own: &Proposal) -> Result<(), TermsError> {
        let role = own.role;
        let record = self.record();
        let named = record.party(role).ok_or(TermsError::NoSuchParty { role })?;
        let identity = match role {
            Role::Arbiter(i) => self.identity(i).copied(),
            _ => None,
        };
        let appeal = record.paper.as_ref().map(|paper| paper.appeal.point);
        let is_or_not_mine = |same: bool, mine: bool| !mine || same;
        let checks = [
            ("parameters", self.params().hash() == own.params_hash),
            ("job", *record.job.as_byte_array() == own.job.id()),
            (
                "funding rate",
                record.funding_rate_sat_per_kwu == own.funding_rate,
            ),
            ("key", named.key == own.key),
            ("salt", named.salt == own.salt.value()),
            ("payout script", *named.payout == own.payout),
            ("funding", *named.funding == own.funding),
            (
                "identity key",
                is_or_not_mine(identity == own.identity, matches!(role, Role::Arbiter(_))),
            ),
            (
                "result point",
                is_or_not_mine(
                    Some(record.result.point) == own.result,
                    role == Role::Worker,
                ),
            ),
            (
                "token point",
                is_or_not_mine(self.token_point() == own.token, role == Role::Worker),
            ),
            (
                "appeal point",
                is_or_not_mine(appeal == own.appeal, role == Role::Worker),
            ),
            (
                "sample nonce",
                is_or_not_mine(
                    Some(record.sample_nonce) == own.sample_nonce,
                    role == Role::Verifier,
                ),
            ),
        ];
        match checks.iter().find(|(_, same)| !same) {
            None => Ok(self.params().has_accepted(&own.job)?),
            Some((field, _)) => Err(TermsError::NotAsProposed { role, field }),
        }
    }

    /// Coins that parties other than `role` bring. A wallet that owns one of them is being made to pay for somebody
    /// else, and must not sign.
    pub fn coins_of_others(&self, role: Role) -> impl Iterator<Item = OutPoint> + '_ {
        self.roles()
            .filter(move |other| *other != role)
            .filter_map(|other| self.record().funding(other))
            .flat_map(|funding| funding.coins.iter().map(|coin| coin.outpoint))
    }
}
