//! Recomputers pass on what they have: who was not sent something by the requester has it from them.

use narthex_base::codec::Message as _;
use narthex_contracts::bounty::{Answer, Closing, Delivery, Forwards, Grant, Share};

use super::{
    Board, BoardError,
    moves::{seats, sent},
};

impl Board<'_> {
    /// Every recomputer that has taken a closing passes on what it has of it; `silent` neither does nor hears.
    pub(super) fn forward(&mut self, silent: Option<u8>) -> Result<(), BoardError> {
        let all = self.terms().all();
        for seat in seats(all).filter(|seat| Some(*seat) != silent) {
            let Some(passed) = self.recomputer(seat)?.forwards()? else {
                continue;
            };
            // Who was left out still has the closing before.
            if self.requester.record().closing.as_ref() != Some(&passed.closing) {
                continue;
            }
            for delivery in &passed.deliveries {
                let delivery = sent(delivery.to_bytes(), Delivery::from_bytes)?;
                self.requester.take_delivery(&delivery)?;
            }
            for member in seats(passed.to).filter(|member| Some(*member) != silent) {
                self.hear(member, &passed)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, member: u8, passed: &Forwards) -> Result<(), BoardError> {
        let (height, coin) = self.status()?;
        let closing = sent(passed.closing.to_bytes(), Closing::from_bytes)?;
        if let Answer::Deliver(made) = self.recomputer(member)?.accept((height, coin), &closing)? {
            let made = sent(made.to_bytes(), Delivery::from_bytes)?;
            self.requester.take_delivery(&made)?;
            for other in seats(made.set) {
                self.recomputer(other)?.hear_delivery(height, &made)?;
            }
        }
        let recomputer = self.recomputer(member)?;
        for delivery in &passed.deliveries {
            let delivery = sent(delivery.to_bytes(), Delivery::from_bytes)?;
            recomputer.hear_delivery(height, &delivery)?;
        }
        for share in &passed.shares {
            let share = sent(share.to_bytes(), Share::from_bytes)?;
            recomputer.take_share(height, &share)?;
        }
        if let Some(grant) = &passed.grant {
            let grant = sent(grant.to_bytes(), Grant::from_bytes)?;
            let share = self
                .recomputer(member)?
                .take_grant((height, coin), &grant)?;
            let share = sent(share.to_bytes(), Share::from_bytes)?;
            for other in seats(grant.set) {
                self.recomputer(other)?.take_share(height, &share)?;
            }
        }
        Ok(())
    }
}
