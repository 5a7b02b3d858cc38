//! What a party asks of terms that another one put together.

use bitcoin::{OutPoint, hashes::sha256, secp256k1::PublicKey};

use super::{FeeRate, PartyRecord, Terms, TermsError};
use crate::{attest::Announcement, role::Role};

/// A party's own part of the terms, as it proposed it, and what it understood the rest to be.
///
/// The salt in [`Proposal::record`] is what makes the contract a new one: a party that draws it afresh and checks it
/// here shares no output key and no attestation nonce between two contracts, or two attempts at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its role.
    pub role: Role,
    /// Its key, salt, payout script and coins.
    pub record: PartyRecord,
    /// Hash of the parameters.
    pub params_hash: [u8; 32],
    /// The job.
    pub job: sha256::Hash,
    /// Fee rate of the funding.
    pub funding_rate: FeeRate,
    /// An arbiter's announcement.
    pub announcement: Option<Announcement>,
    /// The worker's result point. Settlements under another point can't be completed by it.
    pub result: Option<PublicKey>,
    /// The worker's appeal point (`paper` layout).
    pub appeal: Option<PublicKey>,
    /// The verifier's commitment to its sample nonce.
    pub sample_nonce: Option<sha256::Hash>,
}

impl Terms {
    /// Whether these terms are those that the party agreed to. Each party asks this before it announces nonces.
    ///
    /// Besides, its wallet must own none of [`Terms::coins_of_others`], or it would sign for another's deposit; and
    /// `deliver_height` must leave it the time that it needs.
    pub fn check_proposal(&self, own: &Proposal) -> Result<(), TermsError> {
        let role = own.role;
        let named = self
            .record
            .party(role)
            .ok_or(TermsError::NoSuchParty { role })?;
        let announced = match role {
            Role::Arbiter(i) => self.announcement(i).copied(),
            _ => None,
        };
        let appeal = self.record.paper.as_ref().map(|paper| paper.appeal.point);
        let is_or_not_mine = |same: bool, mine: bool| !mine || same;
        let checks = [
            ("parameters", self.params.hash() == own.params_hash),
            ("job", self.record.job == own.job),
            (
                "funding rate",
                self.record.funding_rate_sat_per_kwu == own.funding_rate,
            ),
            ("key", named.key == own.record.key),
            ("salt", named.salt == own.record.salt),
            ("payout script", *named.payout == own.record.payout),
            ("funding", *named.funding == own.record.funding),
            (
                "announcement",
                is_or_not_mine(
                    announced == own.announcement,
                    matches!(role, Role::Arbiter(_)),
                ),
            ),
            (
                "result point",
                is_or_not_mine(
                    Some(self.record.result.point) == own.result,
                    role == Role::Worker,
                ),
            ),
            (
                "appeal point",
                is_or_not_mine(appeal == own.appeal, role == Role::Worker),
            ),
            (
                "sample nonce",
                is_or_not_mine(
                    Some(self.record.sample_nonce) == own.sample_nonce,
                    role == Role::Verifier,
                ),
            ),
        ];
        match checks.iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((field, _)) => Err(TermsError::NotAsProposed { role, field }),
        }
    }

    /// Coins that parties other than `role` bring. A wallet that owns one of them is being made to pay for somebody
    /// else, and must not sign.
    pub fn coins_of_others(&self, role: Role) -> impl Iterator<Item = OutPoint> + '_ {
        self.roles()
            .filter(move |other| *other != role)
            .filter_map(|other| self.record.funding(other))
            .flat_map(|funding| funding.coins.iter().map(|coin| coin.outpoint))
    }
}
