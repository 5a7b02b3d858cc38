//! What is kept of a contract that is put away, and what all of them come to.

use std::collections::BTreeMap;

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::party::{CaseStatus, ContractStatus, EvidenceText, GraphStatus, MoneyStatus};

/// Longest row, in bytes.
const MAX_ROW: usize = 1 << 20;

/// A contract that is put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArchivedStatus {
    /// Its number in the archive: later ones have higher numbers.
    pub number: u64,
    /// Height of the chain at which it was put away.
    pub archived_at: u32,
    /// Height of the last block that it rests on: its end, and what took this party's own coins out of it.
    pub rests_on: u32,
    /// How it stood.
    pub contract: ContractStatus,
    /// The same as a case, of an arbiter.
    pub case: Option<CaseStatus>,
}

/// A page of contracts that are put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArchiveStatus {
    /// How many there are in all.
    pub all: u64,
    /// Those of this page, the last that was put away first.
    pub contracts: Vec<ArchivedStatus>,
    /// Of which number the next page is before; none if this was the last.
    pub next: Option<u64>,
}

/// What stands in the log of a contract that is put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::party) struct Row {
    pub(super) archived_at: u32,
    /// The last block that it rests on. If the chain has another there, the contract may go on.
    pub(super) block: (u32, [u8; 32]),
    pub(super) contract: ContractStatus,
    pub(super) case: Option<CaseStatus>,
    /// Hash of its [`Pack`], among its long things.
    pub(super) pack: [u8; 32],
    /// What it adds to the counts.
    pub(super) share: Counts,
}

/// What is shown of a contract that is put away if somebody asks, beside its row. Pieces longer than [`Pack::MAX_PIECE`] stand by
/// themselves, each under its own id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pack {
    pub(super) graph: Option<GraphStatus>,
    /// With their texts, where they are short.
    pub(super) pieces: Vec<EvidenceText>,
}

impl Pack {
    /// Longest piece that stands in it, in bytes.
    pub(super) const MAX_PIECE: u64 = 64 << 10;
}

/// What contracts that are put away come to, for figures: those of one, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::party) struct Counts {
    /// Contracts.
    pub(in crate::party) rows: u64,
    /// By kind of role.
    pub(in crate::party) roles: BTreeMap<String, u64>,
    /// By the transaction that ended them.
    pub(in crate::party) ends: BTreeMap<String, u64>,
    /// Of an arbiter: where its machine stood.
    pub(in crate::party) cases: BTreeMap<String, u64>,
    /// The same as its operator is shown it.
    pub(in crate::party) states: BTreeMap<String, u64>,
    /// Rulings, and within each the row of the table.
    pub(in crate::party) rulings: BTreeMap<String, BTreeMap<String, u64>>,
    /// Rulings that were attested.
    pub(in crate::party) attested: u64,
    /// What cases have brought.
    pub(in crate::party) money: MoneyStatus,
    /// Of all: the highest block that one of them rests on.
    pub(super) last: Option<(u32, [u8; 32])>,
}

/// Adds what another has, or takes it away; what is none then is not there.
fn merge(to: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>, is_more: bool) {
    for (name, count) in from {
        let here = to.entry(name.clone()).or_default();
        *here = match is_more {
            true => here.saturating_add(*count),
            false => here.saturating_sub(*count),
        };
    }
    to.retain(|_, count| *count > 0);
}

impl Counts {
    fn changed(mut self, by: &Counts, is_more: bool) -> Counts {
        let one = |here: u64, by: u64| match is_more {
            true => here.saturating_add(by),
            false => here.saturating_sub(by),
        };
        self.rows = one(self.rows, by.rows);
        self.attested = one(self.attested, by.attested);
        merge(&mut self.roles, &by.roles, is_more);
        merge(&mut self.ends, &by.ends, is_more);
        merge(&mut self.cases, &by.cases, is_more);
        merge(&mut self.states, &by.states, is_more);
        for (ruling, rows) in &by.rulings {
            merge(
                self.rulings.entry(ruling.clone()).or_default(),
                rows,
                is_more,
            );
        }
        self.rulings.retain(|_, rows| !rows.is_empty());
        self.money = match is_more {
            true => self.money.and(by.money),
            false => self.money.less(by.money),
        };
        self
    }

    /// With one more.
    pub(super) fn and(self, row: &Row) -> Counts {
        let mut all = self.changed(&row.share, true);
        all.last = all.last.max(Some(row.block));
        all
    }

    /// Without one that is taken out again. What the others rest on has to be seen.
    pub(super) fn without(self, row: &Row) -> Counts {
        self.changed(&row.share, false)
    }
}

fn write_json<T: Serialize>(w: &mut Writer, value: &T) {
    // Types of this crate: names are text, and numbers are whole.
    w.bytes(&serde_json::to_vec(value).unwrap_or_default());
}

fn read_json<T: DeserializeOwned>(
    r: &mut Reader<'_>,
    field: &'static str,
) -> Result<T, DecodeError> {
    let bytes = r.bytes_up_to(field, MAX_ROW)?;
    serde_json::from_slice(bytes).map_err(|error| DecodeError::invalid(field, error))
}

impl Message for Row {
    const KIND: Kind = kinds::ARCHIVED;

    fn write(&self, w: &mut Writer) {
        write_json(w, self);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_json(r, "row")
    }
}

impl Message for Counts {
    const KIND: Kind = kinds::ARCHIVE_COUNTS;

    fn write(&self, w: &mut Writer) {
        write_json(w, self);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_json(r, "counts")
    }
}
