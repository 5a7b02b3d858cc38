//! The draw: from seed and snapshot to an order of the whole pool.

use super::{DrawCase, Entry, OfferRole, Seed, Snapshot};
use crate::lots::{Fenwick, Stream};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash_parts,
};

/// Why nothing can be drawn. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The snapshot was taken by other rules or at another height than the case says.
    #[error("the snapshot at height {found} was not taken by the rules of this draw at {wanted}")]
    OtherSnapshot {
        /// Height of the snapshot.
        found: u32,
        /// Height of the draw.
        wanted: u32,
    },
}

/// The whole pool in drawn order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    id: [u8; 32],
    role: OfferRole,
    seats: u8,
    entries: Vec<Entry>,
}

impl Order {
    /// Draws without replacement: each place goes to one of those left with a probability of its weight over
    /// theirs. Exact: numbers are drawn by rejection, not by remainder. The verifier that the case leaves out is no part of it.
    pub fn draw(case: &DrawCase, snapshot: &Snapshot, seed: &Seed) -> Result<Order, DrawError> {
        if snapshot.rules() != case.rules() {
            return Err(DrawError::OtherSnapshot {
                found: snapshot.rules().height,
                wanted: case.rules().height,
            });
        }
        let height = snapshot.rules().height;
        let weights = snapshot
            .entries()
            .iter()
            .map(|e| match case.verifier() == Some(&e.identity) {
                true => 0,
                false => e.weight(height),
            })
            .collect::<Vec<_>>();
        let id = tagged_hash_parts("narthex/panel-draw", &[case.id(), &seed.0, snapshot.hash()]);
        let mut stream = Stream::new("narthex/panel-stream", id);
        let mut sums = Fenwick::new(&weights);
        let mut entries = Vec::with_capacity(weights.len());
        // Bonds of no value have no weight and are never drawn.
        while sums.total() > 0 {
            let index = sums.find(stream.below(sums.total()));
            let (Some(entry), Some(weight)) = (snapshot.entries().get(index), weights.get(index))
            else {
                break;
            };
            sums.remove(index, *weight);
            entries.push(*entry);
        }
        Ok(Order {
            id,
            role: case.role(),
            seats: case.seats(),
            entries,
        })
    }

    /// Identifies the draw: arbiters sign it when they answer.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// What is drawn.
    pub fn role(&self) -> OfferRole {
        self.role
    }

    /// The number wanted.
    pub fn seats(&self) -> u8 {
        self.seats
    }

    /// First drawn first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// One that was kept. Another party's order is drawn again, not read.
impl Message for Order {
    const KIND: Kind = kinds::DRAWN_ORDER;

    /// Id (32), role (1), seats (1), entries as drawn.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.id);
        self.role.write(w);
        w.u8(self.seats)
            .list(&self.entries, |w, entry| entry.write(w));
    }

    fn read(r: &mut Reader<'_>) -> Result<Order, DecodeError> {
        Ok(Order {
            id: r.array("draw")?,
            role: OfferRole::read(r)?,
            seats: r.u8("seats")?,
            entries: r.list("entries", Entry::BYTES, Entry::read)?,
        })
    }
}
