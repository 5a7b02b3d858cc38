//! How an arbiter's offers and bonds stand, for its operator and for others.

use narthex::{
    bitcoin::{hex::DisplayHex, secp256k1::Secp256k1},
    contracts::{bond::Certificate, bond::Claim, panel::OfferTerms},
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::{
    build::{identity, script},
    due::{Wanted, renewal},
    record::Entry,
};
use crate::party::{Core, graph::about, metrics::Figures};

/// An offer on chain, and its bond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BondStatus {
    /// Its identity, which owns the bond: a BIP340 key.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub identity: String,
    /// `waiting`: in no block yet; `standing`; `free`: its end has come, and its bond can be spent; `rolling` into the next bond; `returning` to the
    /// wallet; `over`: its bond is spent, and that is not deep yet; `lost`: something else has spent what it was to be made of.
    pub state: String,
    /// Height at which it ends, and from which its bond can be spent.
    pub end_height: u32,
    /// When that is about, in seconds since 1970, if it is ahead.
    pub end_about_s: Option<u64>,
    /// Height of the block that it is in.
    pub height: Option<u32>,
    /// Where its bond is, once it is in a block.
    pub outpoint: Option<String>,
    /// What its bond holds, or is to hold.
    pub value_sat: u64,
    /// Hash of its terms, which the chain has.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub terms_hash: String,
    /// What its transactions have paid to miners, as far as they are in blocks.
    pub fees_sat: u64,
}

/// What an arbiter offers on chain, and what it has locked for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OfferingStatus {
    /// What is locked for each offer; none if no further one is wanted.
    pub amount_sat: Option<u64>,
    /// Blocks from the making of an offer to its end.
    pub blocks: Option<u32>,
    /// Blocks before the end of one in which the next is made.
    pub margin_blocks: Option<u32>,
    /// Height at which the next is made, if one stands and another is wanted.
    pub next_height: Option<u32>,
    /// When that is about, in seconds since 1970, if it is ahead.
    pub next_about_s: Option<u64>,
    /// Whether the operator has asked for the next one now.
    pub is_asked: bool,
    /// Bonds in blocks, free ones too.
    pub locked_sat: u64,
    /// What all transactions of offers have paid to miners.
    pub fees_sat: u64,
    /// What keeps the next step from being made: it is tried again with each block.
    pub trouble: Option<String>,
    /// Those that are not over, first end first.
    pub offers: Vec<BondStatus>,
}

/// An arbiter's offer on chain, for anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OfferStatus {
    /// Its identity, which owns the bond: a BIP340 key.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub identity: String,
    /// Height at which it ends.
    pub end_height: u32,
    /// Where its bond is.
    pub outpoint: String,
    /// What its bond holds.
    pub value_sat: u64,
    /// Its terms, of which the chain has the hash.
    #[schema(value_type = Object)]
    pub terms: OfferTerms,
    /// That hash.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub terms_hash: String,
    /// The bond's word that it stands for this node's key, as `narthex bond check` reads it.
    #[schema(pattern = "^[0-9a-f]+$")]
    pub certificate: String,
}

impl Core {
    /// The offer in a block that ends last, if it has not ended.
    pub(in crate::party::arbiter) fn posted_offer(&self) -> Option<OfferStatus> {
        let end = self.standing_end(self.tip.unwrap_or_default())?;
        let (entry, signed) = (self.entry(end)?, self.certificate(end)?);
        let claim = signed.claim();
        Some(OfferStatus {
            identity: claim.script.owner().to_string(),
            end_height: end,
            outpoint: claim.outpoint.to_string(),
            value_sat: claim.value.to_sat(),
            terms: entry.plan.terms,
            terms_hash: entry.plan.terms.hash().to_string(),
            certificate: signed.to_bytes().to_lower_hex_string(),
        })
    }

    /// The word of an offer's bond, once it is in a block, that it stands for this node's key.
    pub(super) fn certificate(&self, end: u32) -> Option<Certificate> {
        let live = self.sitting.bonds.live.get(&end)?;
        let (tx, height, outpoint) = live.found.posted.as_ref()?;
        let pair = identity(&self.own.borrow().seed, end).ok()?;
        let claim = Claim {
            script: script(&pair, end).ok()?,
            outpoint: *outpoint,
            value: tx.output.get(outpoint.vout as usize)?.value,
            confirmed_height: *height,
            identity: self.me.x_only_public_key().0,
        };
        Certificate::sign(&Secp256k1::new(), claim, end, &pair).ok()
    }

    /// Its offers and bonds; `None` of a node that is to make none and has made none.
    pub(in crate::party::arbiter) fn offering(&self) -> Option<OfferingStatus> {
        let record = self.bond_record();
        if self.policy.bond.is_none() && record.is_none() {
            return None;
        }
        let ahead = |height: u32| {
            let tip = self.tip?;
            about(height, tip, self.now.unix_s)
        };
        let (amount, blocks, margin) = match self.policy.wanted(self.burned().is_some(), false) {
            Wanted::Offers {
                amount,
                blocks,
                margin,
            } => (Some(amount.to_sat()), Some(blocks), Some(margin)),
            Wanted::Nothing | Wanted::Later => (None, None, None),
        };
        let standing = self.standing_end(self.tip.unwrap_or_default());
        let next = standing
            .zip(margin)
            .map(|(end, margin)| renewal(end, margin));
        let entries = record.into_iter().flat_map(|record| &record.entries);
        let offers: Vec<_> = entries
            .filter_map(|(end, entry)| self.bond_status(*end, entry, ahead(*end)))
            .collect();
        let is_there = |bond: &&BondStatus| bond.outpoint.is_some() && bond.state != "over";
        let locked = offers.iter().filter(is_there).map(|bond| bond.value_sat);
        let before = record.map_or(0, |record| record.fees.to_sat());
        let fees = offers.iter().map(|bond| bond.fees_sat);
        Some(OfferingStatus {
            amount_sat: amount,
            blocks,
            margin_blocks: margin,
            next_height: next,
            next_about_s: next.and_then(ahead),
            is_asked: record.is_some_and(|record| record.is_asked),
            locked_sat: locked.fold(0, u64::saturating_add),
            fees_sat: fees.fold(before, u64::saturating_add),
            trouble: self.sitting.bonds.trouble.clone(),
            offers,
        })
    }

    fn bond_status(&self, end: u32, entry: &Entry, about_s: Option<u64>) -> Option<BondStatus> {
        let pair = identity(&self.own.borrow().seed, end).ok()?;
        let found = self.sitting.bonds.live.get(&end).map(|live| &live.found);
        let posted = found.and_then(|found| found.posted.as_ref());
        let is_spent = found.is_some_and(|found| found.spent.is_some());
        let is_lost = found.is_some_and(|found| found.lost.is_some());
        let is_free = self.tip.is_some_and(|tip| tip >= end);
        let state = match posted {
            None if is_lost => "lost",
            None => "waiting",
            Some(_) if is_spent => "over",
            Some(_) if entry.withdrawn.is_some() => "returning",
            Some(_) if self.rolls_into(end).is_some() => "rolling",
            Some(_) if is_free => "free",
            Some(_) => "standing",
        };
        let value = posted.and_then(|(tx, _, at)| tx.output.get(at.vout as usize));
        let value = value.map_or(entry.plan.asked, |out| out.value);
        Some(BondStatus {
            identity: pair.x_only_public_key().0.to_string(),
            state: state.to_owned(),
            end_height: end,
            end_about_s: about_s,
            height: posted.map(|(_, height, _)| *height),
            outpoint: posted.map(|(.., at)| at.to_string()),
            value_sat: value.to_sat(),
            terms_hash: entry.plan.terms.hash().to_string(),
            fees_sat: self.bond_fees(end).to_sat(),
        })
    }

    /// Figures of offers and bonds, of a node that has any.
    pub(in crate::party) fn bond_figures(&self, out: &mut Figures) {
        let Some(offering) = self.offering() else {
            return;
        };
        let OfferingStatus {
            next_height,
            locked_sat,
            fees_sat,
            trouble,
            offers,
            ..
        } = offering;
        let mut one = |name: &str, kind: &str, help: &str, value: u64| {
            out.family(name, kind, help);
            out.sample(name, &[], value);
        };
        one(
            "narthex_bond_satoshis",
            "gauge",
            "Bonds of this arbiter's offers that are in blocks and not spent, free ones too.",
            locked_sat,
        );
        one(
            "narthex_bond_fees_satoshis",
            "gauge",
            "What transactions of this arbiter's offers and bonds have paid to miners.",
            fees_sat,
        );
        one(
            "narthex_offer_troubles",
            "gauge",
            "1 if the next step with this arbiter's offers cannot be made, else 0.",
            trouble.is_some().into(),
        );
        let standing = offers.iter().filter(|bond| bond.state == "standing");
        if let Some(end) = standing.map(|bond| bond.end_height).max() {
            one(
                "narthex_offer_end_height_blocks",
                "gauge",
                "Height at which the last of this arbiter's offers ends that stand.",
                end.into(),
            );
        }
        if let Some(next) = next_height {
            one(
                "narthex_offer_next_height_blocks",
                "gauge",
                "Height at which this arbiter's next offer is made.",
                next.into(),
            );
        }
    }
}
