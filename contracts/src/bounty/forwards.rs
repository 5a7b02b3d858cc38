//! What a recomputer passes on, so that neither the requester nor a recomputer alone can make somebody look silent; and who is
//! silent by what it has passed on.

use narthex_game_model::market::LayerSet;

use super::{BountyError, Closing, Delivery, Grant, Heard, RecomputerBook, Share};

/// What a recomputer passes on of the set that was closed for last. It follows from the record: after a restart it is the
/// same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwards {
    /// Every other member of the set.
    pub to: LayerSet,
    /// For the members: the requester may have left one out.
    pub closing: Closing,
    /// For the members: likewise.
    pub grant: Option<Grant>,
    /// For the members and the requester, which then has no excuse for leaving their senders out.
    pub deliveries: Vec<Delivery>,
    /// For the members alone: after a grant its own secret and those that it has.
    pub shares: Vec<Share>,
}

impl RecomputerBook {
    /// What it passes on but for its own secret, at once after each closing, grant, delivery or secret that is new to it.
    /// Nothing before a closing.
    pub fn to_forward(&self) -> Option<Forwards> {
        let record = &self.record;
        let ((_, set), closing) = (self.closed()?, record.closing.as_ref()?);
        let grant = record.grants.iter().find(|grant| grant.set == set);
        let shares = record.shares.iter();
        let shares = shares.filter(|share| grant.is_some() && share.set == set);
        let heard = record.deliveries.iter().map(|heard| &heard.delivery);
        let own = 1u8.checked_shl(self.seat.into()).unwrap_or_default();
        Some(Forwards {
            to: LayerSet::new(set.mask() & !own).unwrap_or_default(),
            closing: closing.clone(),
            grant: grant.copied(),
            deliveries: heard.filter(|made| made.set == set).cloned().collect(),
            shares: shares.copied().collect(),
        })
    }

    /// Whether a delivery holds.
    ///
    /// # Errors
    /// [`BountyError::Delivery`], its sender's fault; [`BountyError::Foreign`].
    pub fn check_delivery(&self, delivery: &Delivery) -> Result<(), BountyError> {
        delivery.verify(self.terms())
    }

    /// Keeps a delivery that came at `height`, to pass it on.
    pub fn hold_delivery(&mut self, height: u32, delivery: &Delivery) {
        let current = self.closed().map(|(_, set)| set);
        let (seat, set) = (delivery.seat, delivery.set);
        // Two of each seat at most: for the set closed for last, and for one that may be closed for next.
        self.record.deliveries.retain(
            |Heard {
                 delivery: known, ..
             }| {
                known.seat != seat || known.set == set || Some(known.set) == current
            },
        );
        if self.delivery_heard(set, seat).is_none() {
            let delivery = delivery.clone();
            self.record.deliveries.push(Heard { height, delivery });
        }
    }

    /// Whether `seat` withholds what it owes to `set`: its delivery, or its secret once a grant says that all have
    /// delivered. This recomputer has passed on the closing, or the grant, two margins before; and what came to it a margin
    /// before the time was over was passed on early enough for the requester and the members to go on with it.
    pub(super) fn check_withheld(
        &self,
        (height, round): (u32, u8),
        set: LayerSet,
        seat: u8,
    ) -> Result<(), BountyError> {
        let (terms, record) = (self.terms(), &self.record);
        let (asked, heard) = match record.grants.iter().any(|grant| grant.set == set) {
            true => {
                let mut granted = record.granted_at.iter();
                let asked = granted.find(|(of, _)| *of == set).map(|(_, at)| *at);
                (asked, self.share_heard(set, seat))
            }
            false => (record.closed_at, self.delivery_heard(set, seat)),
        };
        let margin = terms.margin();
        let answered = asked.unwrap_or(height).saturating_add(2 * margin);
        let due = terms.round_height(round).max(answered);
        if heard.is_some_and(|at| at.saturating_add(margin) <= due) {
            return Err(BountyError::LeftOut { seat });
        }
        match height < due {
            true => Err(BountyError::Time {
                what: "somebody is left out",
                height,
                bound: "it had no time to answer what was passed on to it",
            }),
            false => Ok(()),
        }
    }

    fn delivery_heard(&self, set: LayerSet, seat: u8) -> Option<u32> {
        let mut heard = self.record.deliveries.iter();
        let heard = heard.find(|h| (h.delivery.set, h.delivery.seat) == (set, seat));
        heard.map(|heard| heard.height)
    }

    fn share_heard(&self, set: LayerSet, seat: u8) -> Option<u32> {
        let mut heights = self.record.shared_at.iter();
        let height = heights.find(|(of, by, _)| (*of, *by) == (set, seat));
        // One without a height counts as in time.
        let height = height.map_or(0, |(_, _, at)| *at);
        self.has_share(set, seat).then_some(height)
    }
}
