//! Recomputers pass on what they have: who was not sent something by the requester has it from them.

use narthex_contracts::bounty::{Answer, Forwards};

use super::{
    BountyPlay,
    moves::{
        End::{Recomputer as Of, Requester as Client},
        seats,
    },
};
use crate::harness::ScenarioError;

impl BountyPlay<'_> {
    /// Every recomputer that has taken a closing passes on what it has of it; `silent` neither does nor hears.
    pub(super) fn forward(&mut self, silent: Option<u8>) -> Result<(), ScenarioError> {
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
                let delivery = self.send(Of(seat), Client, delivery)?;
                self.requester.take_delivery(&delivery)?;
            }
            for member in seats(passed.to).filter(|member| Some(*member) != silent) {
                self.hear(seat, member, &passed)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, from: u8, member: u8, passed: &Forwards) -> Result<(), ScenarioError> {
        let ((height, coin), (from, to)) = (self.status()?, (Of(from), Of(member)));
        let closing = self.send(from, to, &passed.closing)?;
        if let Answer::Deliver(made) = self.recomputer(member)?.accept((height, coin), &closing)? {
            self.delivered(to, (height, made.set), &made)?;
        }
        for delivery in &passed.deliveries {
            let delivery = self.send(from, to, delivery)?;
            self.recomputer(member)?.hear_delivery(height, &delivery)?;
        }
        for share in &passed.shares {
            let share = self.send(from, to, share)?;
            self.recomputer(member)?.take_share(height, &share)?;
        }
        if let Some(grant) = &passed.grant {
            let grant = self.send(from, to, grant)?;
            let share = (self.recomputer(member)?).take_grant((height, coin), &grant)?;
            self.shared(to, (height, grant.set), &share)?;
        }
        Ok(())
    }
}
