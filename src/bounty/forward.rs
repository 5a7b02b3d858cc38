//! Recomputers pass on what they have: who was not sent something by the requester has it from them.

use narthex_channel::bounty::{RecomputerEffect, RecomputerInput, RequesterInput};
use narthex_contracts::bounty::Forwards;

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
            let due = self.side(seat)?.side.pending();
            let passes = |effect: &RecomputerEffect| matches!(effect, RecomputerEffect::Forward(_));
            if !due.iter().any(passes) {
                continue;
            }
            // With its own secret, which only the signer has.
            let Some(passed) = self.recomputer(seat)?.forwards()? else {
                continue;
            };
            // Who was left out still has the closing before.
            if self.requester.book()?.record().closing.as_ref() != Some(&passed.closing) {
                continue;
            }
            for delivery in &passed.deliveries {
                let delivery = Box::new(self.send(Of(seat), Client, delivery)?);
                self.requester
                    .side
                    .step(&RequesterInput::Delivery(delivery))?;
            }
            for member in seats(passed.to).filter(|member| Some(*member) != silent) {
                self.hear(seat, member, &passed)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, from: u8, member: u8, passed: &Forwards) -> Result<(), ScenarioError> {
        let (tip, (from, to)) = (self.chain().height()?, (Of(from), Of(member)));
        let closing = Box::new(self.send(from, to, &passed.closing)?);
        (self.side(member)?.side).step(&RecomputerInput::Closing { tip, closing })?;
        self.deliver(member)?;
        for delivery in &passed.deliveries {
            let delivery = Box::new(self.send(from, to, delivery)?);
            (self.side(member)?.side).step(&RecomputerInput::Delivery { tip, delivery })?;
        }
        for share in &passed.shares {
            let share = self.send(from, to, share)?;
            (self.side(member)?.side).step(&RecomputerInput::Share { tip, share })?;
        }
        if let Some(grant) = &passed.grant {
            let grant = self.send(from, to, grant)?;
            self.take_grant(member, &grant)?;
            self.give(member, grant.set)?;
        }
        Ok(())
    }
}
