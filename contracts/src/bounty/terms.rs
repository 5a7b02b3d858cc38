//! What requester and recomputers agree on before a bounty is funded.

use bitcoin::{
    Amount, ScriptBuf,
    absolute::LockTime,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::PublicKey,
};
use narthex_base::codec::Writer;
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::market::{LayerSet, RecomputerId, payable};
use serde::{Deserialize, Serialize};

use super::{BountyError, Call, RecomputerOffer, Work, offer};
use crate::{
    builder::BuilderError,
    depth::Depth,
    graph::{SecretId, SecretName},
    musig::AdaptorPoint,
    party::{PartyId, PartyName},
    setup::Agreement,
    terms::{Contribution, FeeRate},
};

/// The requester A.
pub const REQUESTER: PartyName = PartyName::new(PartyId(0), "requester");

/// The place of the first recomputer among the parties. Those between it and the requester stay empty.
const FIRST_RECOMPUTER: u8 = 3;

/// The recomputer at a seat, from 0; people count from 1.
pub const fn recomputer_name(seat: u8) -> PartyName {
    let id = PartyId(FIRST_RECOMPUTER.saturating_add(seat));
    PartyName::numbered(id, "recomputer ", seat as u16 + 1)
}

/// The secret that the recomputer at a seat gives for one set, or for the empty one to give everything back.
pub(super) const fn share_secret(seat: u8, set: LayerSet) -> SecretName {
    let id = SecretId(set.mask() as u16 * 256 + seat as u16);
    SecretName::numbered(id, "the secret of recomputer ", seat as u16 + 1)
}

/// The seat of a party; `None` if it is no recomputer's.
pub(super) fn seat_of(party: impl Into<PartyId>) -> Option<u8> {
    party.into().0.checked_sub(FIRST_RECOMPUTER)
}

/// Largest terms as JSON, in bytes.
pub const MAX_BOUNTY_TERMS_BYTES: usize = 128 * 1024;

/// Fewest blocks of a round, so that a move has time to be made.
pub const MIN_ROUND_BLOCKS: u16 = 3;

/// Terms of a bounty as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BountyRecord {
    /// What the recomputers answered to.
    pub call: Call,
    /// A's key in the contract.
    pub requester_key: PublicKey,
    /// Where A is paid what is left, hex of the script.
    pub requester_script: ScriptBuf,
    /// The recomputers in the order in which they sign.
    pub recomputers: Vec<RecomputerOffer>,
    /// L: from this height A may seal an envelope that lacks layers.
    pub layer_height: u32,
    /// B: blocks for the openings, for each further closing, and before T.
    pub round_blocks: u16,
    /// T: above this height A takes everything back.
    pub refund_height: u32,
    /// A's coins and change.
    pub contribution: Contribution,
    /// Fee rate of the funding transaction.
    pub rate_sat_per_kwu: FeeRate,
}

/// Checked terms of a bounty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BountyTerms {
    record: BountyRecord,
    id: [u8; 32],
    total: Amount,
}

impl BountyRecord {
    /// Checks the terms: one signature for each offer and one for each point of it, some milliseconds each recomputer.
    /// Errors name the field or the recomputer at fault.
    pub fn check(self) -> Result<BountyTerms, BountyError> {
        let bad = |field, problem: String| Err(BountyError::Terms { field, problem });
        self.call.check()?;
        let (given, recomputers) = (self.recomputers.len(), self.call.recomputers);
        if given != usize::from(recomputers) {
            return bad(
                "recomputers",
                format!("{given} offers for {recomputers} seats"),
            );
        }
        let script = &self.requester_script;
        if !script.is_p2tr() && !script.is_p2wpkh() {
            return bad("requester_script", "is neither P2TR nor P2WPKH".into());
        }
        self.check_heights()?;
        let total = self.check_amounts()?;
        let secp = narthex_base::context::verifying();
        for (seat, offer) in (0..).zip(&self.recomputers) {
            offer.check(secp, &self.call, seat)?;
        }
        self.check_strangers()?;
        self.contribution
            .check(total, self.rate_sat_per_kwu)
            .map_err(BuilderError::from)?;
        let id = self.id();
        let terms = BountyTerms {
            record: self,
            id,
            total,
        };
        // No sum of points is infinite: all secrets are known to somebody, so this is chance of 2⁻²⁵⁶ or a defect.
        for set in terms.sets() {
            terms.point_of(set)?;
        }
        Ok(terms)
    }

    fn check_heights(&self) -> Result<(), BountyError> {
        let bad = |field, problem: String| Err(BountyError::Terms { field, problem });
        if self.round_blocks < MIN_ROUND_BLOCKS {
            let given = self.round_blocks;
            let problem = format!("{given} is less than {MIN_ROUND_BLOCKS}");
            return bad("round_blocks", problem);
        }
        let blocks = u32::from(self.round_blocks);
        // Openings, one round for each recomputer that may be left out, the last one's settlement, and B before T.
        let rounds = 3 + u32::from(self.call.recomputers - self.call.quorum);
        let last = self.layer_height.checked_add(rounds * blocks);
        if self.layer_height == 0 || last.is_none_or(|last| self.refund_height < last) {
            let problem = format!("is less than {rounds} rounds after the layers' height");
            return bad("refund_height", problem);
        }
        if LockTime::from_height(self.refund_height).is_err() {
            return bad("refund_height", "is no height".into());
        }
        Ok(())
    }

    /// What is locked. Each amount must be worth an output of the recomputer's, and one of A's when it is not paid.
    fn check_amounts(&self) -> Result<Amount, BountyError> {
        let mut total = Amount::ZERO;
        for (seat, offer) in (0..).zip(&self.recomputers) {
            let dust = offer.script.minimal_non_dust();
            if offer.amount_sat < dust.max(self.requester_script.minimal_non_dust()) {
                let problem = "asks less than an output may hold";
                return Err(BountyError::Offer { seat, problem });
            }
            total = total
                .checked_add(offer.amount_sat)
                .filter(|sum| *sum <= Amount::MAX_MONEY)
                .ok_or(BountyError::Offer {
                    seat,
                    problem: "brings the sum above what there is",
                })?;
        }
        Ok(total)
    }

    /// Nobody sits twice. Two seats of one owner under two identities cannot be told apart from two owners.
    fn check_strangers(&self) -> Result<(), BountyError> {
        let mut identities = vec![self.call.requester];
        let mut keys = vec![self.requester_key];
        for (seat, offer) in (0..).zip(&self.recomputers) {
            if identities.contains(&offer.identity) || keys.contains(&offer.key) {
                let problem = "has the identity or key of somebody before it";
                return Err(BountyError::Offer { seat, problem });
            }
            identities.push(offer.identity);
            keys.push(offer.key);
        }
        Ok(())
    }

    fn id(&self) -> [u8; 32] {
        let mut w = Writer::default();
        w.fixed(&self.call.context(u8::MAX))
            .fixed(&self.requester_key.serialize())
            .bytes(self.requester_script.as_bytes())
            .u32(self.layer_height)
            .u32(self.round_blocks.into())
            .u32(self.refund_height)
            .u64(self.rate_sat_per_kwu.to_sat_per_kwu());
        for recomputer in &self.recomputers {
            let (amount, points) = (recomputer.amount_sat, &recomputer.points);
            w.fixed(&recomputer.identity.serialize())
                .bytes(&offer::body(
                    &recomputer.key,
                    &recomputer.script,
                    amount,
                    points,
                ));
        }
        self.contribution.write(&mut w);
        tagged_hash_parts("narthex/bounty-terms", &[&w.finish()])
    }
}

impl BountyTerms {
    /// Reads terms as JSON and checks them.
    pub fn from_json(json: &[u8]) -> Result<BountyTerms, BountyError> {
        let problem = |problem: String| BountyError::Terms {
            field: "json",
            problem,
        };
        if json.len() > MAX_BOUNTY_TERMS_BYTES {
            return Err(problem(format!("more than {MAX_BOUNTY_TERMS_BYTES} bytes")));
        }
        narthex_game_model::text::parsed(json, serde_json::from_str::<BountyRecord>)
            .map_err(|e| problem(e.to_string()))?
            .check()
    }

    /// As JSON: [`BountyTerms::from_json`] reads it.
    pub fn to_json(&self) -> Vec<u8> {
        // Plain data without maps always becomes JSON.
        serde_json::to_vec(&self.record).unwrap_or_default()
    }

    /// The terms as data.
    pub fn record(&self) -> &BountyRecord {
        &self.record
    }

    /// What is locked: all amounts.
    pub fn total(&self) -> Amount {
        self.total
    }

    /// Number of recomputers.
    pub fn recomputers(&self) -> u8 {
        self.record.call.recomputers
    }

    /// The recomputer of a seat.
    pub fn recomputer(&self, seat: u8) -> Result<&RecomputerOffer, BountyError> {
        let recomputer = self.record.recomputers.get(usize::from(seat));
        recomputer.ok_or(BountyError::Seat { seat })
    }

    /// Whom ledgers know the recomputer of a seat as.
    pub fn recomputer_id(&self, seat: u8) -> Result<RecomputerId, BountyError> {
        Ok(RecomputerId(self.recomputer(seat)?.identity.serialize()))
    }

    pub(super) fn identity(&self, seat: u8) -> Result<XOnlyPublicKey, BountyError> {
        Ok(self.recomputer(seat)?.identity)
    }

    /// All seats.
    pub fn all(&self) -> LayerSet {
        let mask = (1u8 << self.recomputers()) - 1;
        LayerSet::new(mask).unwrap_or_default()
    }

    /// All sets that have a settlement: the empty one, which gives everything back, and each that may be paid.
    pub fn sets(&self) -> impl Iterator<Item = LayerSet> + use<> {
        let paid = payable(usize::from(self.recomputers()), self.record.call.quorum);
        std::iter::once(LayerSet::empty()).chain(paid)
    }

    /// Whose secrets complete a set's settlement: its members', and everybody's to give all back.
    pub fn keepers(&self, set: LayerSet) -> LayerSet {
        if set.is_empty() { self.all() } else { set }
    }

    /// The point of one recomputer's secret for one set; `None` if it has none.
    pub fn point(&self, seat: u8, set: LayerSet) -> Option<PublicKey> {
        let at = self.record.call.sets(seat).position(|own| own == set)?;
        Some(self.recomputer(seat).ok()?.points.get(at)?.point)
    }

    /// The sum of the points of a set.
    pub fn point_of(&self, set: LayerSet) -> Result<AdaptorPoint, BountyError> {
        let mut sum: Option<AdaptorPoint> = None;
        for seat in seats(self.keepers(set)) {
            let point = self.point(seat, set).ok_or(BountyError::NoSet { set })?;
            let point = AdaptorPoint::try_from(point).map_err(BuilderError::from)?;
            sum = Some(match sum {
                None => point,
                Some(sum) => sum.plus(&point).map_err(BuilderError::from)?,
            });
        }
        sum.ok_or(BountyError::NoSet { set })
    }

    /// Height from which the requester may close without openings that did not come.
    pub fn open_height(&self) -> u32 {
        self.round_height(0)
    }

    /// Fails if a coin that confirms in the block after this tip, at the earliest, is so deep only when the time of the
    /// openings is over: nobody who waits for that depth would open.
    pub(super) fn check_room(&self, tip: u32, depth: Depth) -> Result<(), BountyError> {
        let deep_at = depth.reached_at(tip.saturating_add(1));
        let open_height = self.open_height();
        match deep_at < open_height {
            true => Ok(()),
            false => Err(BountyError::Late {
                deep_at,
                open_height,
            }),
        }
    }

    /// Height from which closing number `round` may come; closing 0 comes earlier if nothing is missing.
    pub fn round_height(&self, round: u8) -> u32 {
        let blocks = u32::from(self.record.round_blocks) * (1 + u32::from(round));
        self.record.layer_height.saturating_add(blocks)
    }

    /// The last height, at or below the tip, from which the requester may do more: that of the layers, each round's, T; 0 before
    /// all of them. What is due does not change between two of them.
    pub fn last_mark(&self, tip: u32) -> u32 {
        let rounds = (0..=self.last_round()).map(|round| self.round_height(round));
        let marks = rounds.chain([self.record.layer_height, self.record.refund_height]);
        marks.filter(|mark| *mark <= tip).max().unwrap_or_default()
    }

    /// Blocks in which what a recomputer passes on is answered, and what is answered is passed on: half a round, rounded
    /// down.
    pub fn margin(&self) -> u32 {
        u32::from(self.record.round_blocks / 2)
    }

    /// The last closing that may leave somebody out.
    pub fn last_round(&self) -> u8 {
        self.recomputers() - self.record.call.quorum
    }

    /// Height from which a recomputer gives no secret any more: the settlement could meet the refund.
    pub fn give_below(&self) -> u32 {
        let blocks = u32::from(self.record.round_blocks);
        self.record.refund_height.saturating_sub(blocks)
    }

    /// Commitment to a result: what a recomputer binds itself to and what is compared. Whoever can guess the result can
    /// check the guess by it.
    pub fn root(&self, result: &[u8]) -> [u8; 32] {
        let job = self.record.call.job.as_byte_array();
        tagged_hash_parts("narthex/bounty-result", &[job, result])
    }

    /// A result, with what a layer commits to.
    pub fn work(&self, result: Vec<u8>) -> Work {
        let root = sha256::Hash::from_byte_array(self.root(&result));
        Work { result, root }
    }

    pub(super) fn context(&self, seat: u8) -> [u8; 32] {
        self.record.call.context(seat)
    }
}

/// Seats of a set.
pub(super) fn seats(set: LayerSet) -> impl Iterator<Item = u8> {
    (0u8..)
        .take(8)
        .filter(move |seat| set.contains((*seat).into()))
}

impl Agreement for BountyTerms {
    fn id(&self) -> &[u8; 32] {
        &self.id
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        if party == REQUESTER {
            return Some(self.record.requester_key);
        }
        Some(self.recomputer(seat_of(party)?).ok()?.key)
    }

    fn everyone(&self) -> Vec<PartyName> {
        let recomputers = (0..self.recomputers()).map(recomputer_name);
        std::iter::once(REQUESTER).chain(recomputers).collect()
    }
}
