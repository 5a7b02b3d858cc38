//! What the hub of a ceremony gives each member at its end, and who holds what it relies on: it funds when all do.

use narthex_base::codec::Message;

use super::{SmallError, Talk, apart::Kept};

/// Behind it by the seat: who holds what it relies on.
const HOLDS: u8 = 16;
/// And the shares that it is given, until it does. Shares are made once: a member whose link is down when this process dies has them of the next.
const GIVES: u8 = 48;

/// Those of so many seats.
pub(super) struct Given {
    seats: u8,
    /// Since the start.
    is_given: bool,
}

impl Given {
    pub(super) fn new(seats: usize) -> Given {
        Given {
            seats: u8::try_from(seats).unwrap_or(u8::MAX),
            is_given: false,
        }
    }

    /// What a member is to be given.
    pub(super) fn keep(
        &self,
        kept: &mut Kept,
        seat: u8,
        what: &impl Message,
    ) -> Result<(), SmallError> {
        kept.keep(GIVES + seat, &what.to_bytes())
    }

    /// A member holds what it relies on.
    pub(super) fn held(&self, kept: &mut Kept, seat: u8) -> Result<(), SmallError> {
        kept.keep(HOLDS + seat, &[1])
    }

    /// Whoever does not is given its shares, once since the start.
    pub(super) fn give(&mut self, kept: &Kept) -> Vec<(Talk, Vec<u8>)> {
        if std::mem::replace(&mut self.is_given, true) {
            return Vec::new();
        }
        let lacking = (0..self.seats).filter(|seat| kept.get(HOLDS + seat).is_none());
        let given = lacking.filter_map(|seat| {
            let bytes = kept.get(GIVES + seat)?;
            Some((Talk::Peer(seat), bytes.to_vec()))
        });
        given.collect()
    }

    /// Seats of those that do.
    pub(super) fn holding<'k>(&self, kept: &'k Kept) -> impl Iterator<Item = u8> + use<'k> {
        (0..self.seats).filter(|seat| kept.get(HOLDS + seat).is_some())
    }

    /// Whether all do.
    pub(super) fn is_held_by_all(&self, kept: &Kept) -> bool {
        self.holding(kept).count() == usize::from(self.seats)
    }
}
