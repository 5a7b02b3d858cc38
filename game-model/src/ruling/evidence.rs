//! What parties bring, and what of it counts.

use std::cmp::Reverse;

use narthex_base::codec::Message;
use secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Serialize};

use super::item::{Item, SignedItem};
use super::shown::Shown;
use super::{CaseTerms, Litigant};
use crate::arbiters::MAX_ARBITERS;
use crate::caps::MAX_OPENINGS;
use crate::commitment::{Commitment, Multiproof, Opening, Receipt, ReceiptKind, SignedReceipt};
use crate::play::Evidence;
use crate::tagged::TaggedHasher;
use crate::token::Token;

/// Most items that one party brings: each kind twice over, by both.
pub const MAX_ITEMS: usize = 24;
/// Most receipts that one party brings: of each arbiter and party for each thing that is handed over, and again.
pub const MAX_RECEIPTS: usize = 2 * 6 * (MAX_ARBITERS as usize + 3);
/// Most openings that one party brings.
pub const MAX_SHOWN_OPENINGS: usize = 3;

/// What one party brings. Whatever is wrong in it is refused and counts as absent; bounds hold for each party alone, so
/// that nobody crowds out what another one brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brought {
    /// Who brings it.
    pub by: Litigant,
    /// Signed items, of whomever.
    #[serde(default)]
    pub items: Vec<SignedItem>,
    /// Receipts, of whomever.
    #[serde(default)]
    pub receipts: Vec<SignedReceipt>,
    /// What the root of record commits to, if no signed item has it.
    #[serde(default)]
    pub commitment: Option<Commitment>,
    /// Openings.
    #[serde(default)]
    pub openings: Vec<Opening>,
    /// x, in the open: the worker shows it where the verifier says that it has it and has not.
    #[serde(default, with = "optional")]
    pub token: Option<[u8; 32]>,
    /// The input of the disputed step.
    #[serde(default)]
    pub record: Option<ProvenRecord>,
}

/// An input record of the job, with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenRecord {
    /// Which.
    pub index: u64,
    /// The record.
    #[serde(with = "narthex_base::hex")]
    pub record: Vec<u8>,
    /// That it is the job's.
    pub proof: Multiproof,
}

impl ProvenRecord {
    /// What a step is judged by: its input, and the worker's opening of it.
    pub fn about(self, opening: Opening) -> Evidence {
        Evidence {
            index: self.index,
            record: self.record,
            record_proof: self.proof,
            opening: opening.about(self.index),
        }
    }
}

impl Brought {
    /// How much is in it, before anything is looked at.
    const fn pieces(&self) -> usize {
        self.items.len() + self.receipts.len() + self.openings.len()
    }

    /// Hash of all that is in it.
    fn digest(&self, contract: &[u8; 32]) -> [u8; 32] {
        let start = TaggedHasher::new("narthex/case-part").number(self.items.len() as u64);
        let items = self.items.iter().fold(start, |hash, signed| {
            let hash = hash.fixed(&signed.item.id(contract));
            hash.fixed(&signed.signature.serialize())
        });
        let start = items.number(self.receipts.len() as u64);
        let receipts = self.receipts.iter();
        let receipts = receipts.fold(start, |hash, signed| hash.fixed(&signed.to_bytes()));
        let commitment = self.commitment.as_ref().map(Message::to_bytes);
        let start = receipts.sized(&commitment.unwrap_or_default());
        let start = start.number(self.openings.len() as u64);
        let openings = self.openings.iter();
        let openings = openings.fold(start, |hash, opening| hash.sized(&opening.to_bytes()));
        let token = self.token.as_ref().map_or(&[][..], |token| &token[..]);
        let hash = openings.sized(token);
        let Some(record) = &self.record else {
            return hash.finish();
        };
        let siblings = record.proof.siblings.as_flattened();
        hash.number(record.index)
            .sized(&record.record)
            .sized(siblings)
            .finish()
    }

    /// Nothing yet.
    pub const fn by(by: Litigant) -> Self {
        Self {
            by,
            items: Vec::new(),
            receipts: Vec::new(),
            commitment: None,
            openings: Vec::new(),
            token: None,
            record: None,
        }
    }
}

/// Something that was brought and counts as absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Who brought it, whose fault it is.
    pub by: Litigant,
    /// What it is.
    pub what: String,
    /// What is wrong.
    pub why: String,
}

/// What counts, whoever brought it.
pub(super) struct Pool {
    pub(super) items: Vec<([u8; 32], Item)>,
    receipts: Vec<Receipt>,
    pub(super) commitments: Vec<Commitment>,
    pub(super) openings: Vec<Shown>,
    pub(super) tokens: Vec<Token>,
    pub(super) records: Vec<(Litigant, ProvenRecord)>,
    pub(super) refused: Vec<Refused>,
}

impl Pool {
    pub(super) fn admit(terms: &CaseTerms, brought: &[Brought]) -> Self {
        let mut pool = Self {
            items: Vec::new(),
            receipts: Vec::new(),
            commitments: Vec::new(),
            openings: Vec::new(),
            tokens: Vec::new(),
            records: Vec::new(),
            refused: Vec::new(),
        };
        // Judges get parts in any order. So that all take the same one of two, it is the one with more in it.
        let mut parts: Vec<_> = brought.iter().collect();
        parts.sort_by_cached_key(|part| {
            (
                part.by,
                Reverse(part.pieces()),
                part.digest(&terms.contract),
            )
        });
        let mut seen = Vec::new();
        for part in parts {
            if seen.contains(&part.by) {
                pool.refuse(part.by, "evidence", "a second part of one party");
                continue;
            }
            seen.push(part.by);
            pool.take(terms, part);
        }
        pool
    }

    fn take(&mut self, terms: &CaseTerms, part: &Brought) {
        let by = part.by;
        for (what, found, most) in [
            ("items", part.items.len(), MAX_ITEMS),
            ("receipts", part.receipts.len(), MAX_RECEIPTS),
            ("openings", part.openings.len(), MAX_SHOWN_OPENINGS),
        ] {
            if found > most {
                self.refuse(by, what, format!("{found}; the first {most} count"));
            }
        }
        for signed in part.items.iter().take(MAX_ITEMS) {
            self.item(terms, by, signed);
        }
        for receipt in part.receipts.iter().take(MAX_RECEIPTS) {
            self.receipt(terms, by, receipt);
        }
        self.commitments.extend(part.commitment);
        // Of more steps than the sample's too: a worker that signed such a one is convicted by it.
        for opening in part.openings.iter().take(MAX_SHOWN_OPENINGS) {
            let (found, most) = (opening.leaves.len(), MAX_OPENINGS as usize);
            match found <= most {
                true => self.openings.push(opening.clone().into()),
                false => self.refuse(by, "opening", format!("{found} leaves of at most {most}")),
            }
        }
        if let Some(bytes) = part.token {
            match Token::from_bytes(bytes) {
                Some(token) if token.point() == Some(terms.token) => self.tokens.push(token),
                _ => self.refuse(by, "token", "not the logarithm of the contract's point"),
            }
        }
        self.records
            .extend(part.record.clone().map(|record| (by, record)));
    }

    fn item(&mut self, terms: &CaseTerms, by: Litigant, signed: &SignedItem) {
        let item = &signed.item;
        let key = terms.key(item.author());
        if !signed.is_by(&terms.contract, key) {
            let why = format!("not signed by the {} in this contract", item.author());
            return self.refuse(by, item.name(), why);
        }
        let id = item.id(&terms.contract);
        if self.items.iter().all(|(known, _)| *known != id) {
            if let Item::Commitment(commitment) = item {
                self.commitments.push(**commitment);
            }
            self.items.push((id, item.clone()));
        }
    }

    fn receipt(&mut self, terms: &CaseTerms, by: Litigant, signed: &SignedReceipt) {
        let receipt = &signed.receipt;
        if receipt.contract != terms.contract {
            return self.refuse(by, "receipt", "of another contract");
        }
        if !signed.is_signed() {
            return self.refuse(by, "receipt", "not signed by its issuer");
        }
        let issued_by = |key: &XOnlyPublicKey| key.serialize() == receipt.issuer;
        let known = match receipt.kind {
            ReceiptKind::Kept => terms.arbiters.iter().any(issued_by),
            _ => Litigant::ALL.iter().any(|who| issued_by(terms.key(*who))),
        };
        match known {
            true => self.receipts.push(*receipt),
            false => self.refuse(by, "receipt", "by nobody whose receipt counts"),
        }
    }

    pub(super) fn refuse(&mut self, by: Litigant, what: &str, why: impl Into<String>) {
        self.refused.push(Refused {
            by,
            what: what.to_owned(),
            why: why.into(),
        });
    }

    /// When a thing was handed over: as a receiver says itself, or as enough arbiters do.
    ///
    /// Enough are q = n − k + 1. Since at most k − 1 arbiters are mute, whoever asks all has receipts of q; and since less
    /// than q lie, the q-th smallest height is never below that of an honest one, from which the other side can fetch the
    /// thing. Each arbiter counts once, by its smallest height: so nobody moves a date by leaving receipts out, but
    /// upwards, to its own harm.
    pub(super) fn handed(
        &self,
        terms: &CaseTerms,
        kind: ReceiptKind,
        item: &[u8; 32],
        receivers: &[Litigant],
    ) -> Option<u32> {
        let of = |kind, key: &XOnlyPublicKey| {
            let issuer = key.serialize();
            let mine = move |r: &&Receipt| r.kind == kind && r.item == *item && r.issuer == issuer;
            self.receipts.iter().filter(mine).map(|r| r.height).min()
        };
        let own = receivers.iter().filter_map(|who| of(kind, terms.key(*who)));
        let own = own.min();
        let kept = terms.arbiters.iter();
        let mut kept: Vec<_> = kept.filter_map(|key| of(ReceiptKind::Kept, key)).collect();
        kept.sort_unstable();
        let enough = terms.params.keepers().saturating_sub(1);
        let kept = kept.get(enough).copied();
        match (own, kept) {
            (Some(own), Some(kept)) => Some(own.min(kept)),
            (own, kept) => own.or(kept),
        }
    }
}

/// 32 bytes in hex, or nothing.
mod optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Hex(#[serde(with = "narthex_base::hex::array")] [u8; 32]);

    pub(super) fn serialize<S: Serializer>(v: &Option<[u8; 32]>, s: S) -> Result<S::Ok, S::Error> {
        v.map(Hex).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        Ok(Option::<Hex>::deserialize(d)?.map(|hex| hex.0))
    }
}
