//! The end of a schedule, and what the oracles say of it.

use narthex_channel::{setup::Phase, toy::ToyViolation};

use super::{Outcome, World};
use crate::schedules::{
    Violation,
    oracle::{Ended, judge},
};

impl World {
    pub(super) fn outcome(mut self) -> Outcome {
        let honest = self
            .nodes
            .iter()
            .filter(|(party, _)| !self.is_adversary(**party));
        let ended: Vec<_> = honest
            .filter_map(|(party, node)| {
                let machine = node.machine()?;
                Some(Ended {
                    party: self.name(*party),
                    phase: machine.phase(),
                    cause: machine.dropped().cloned(),
                })
            })
            .collect();
        let is_funded = self.chain.funding().is_some();
        judge(&ended, is_funded, &self.disturbed, &mut self.found);
        let ledger = self.ledger.borrow().violations().to_vec();
        let of = |violation: &ToyViolation| match violation {
            ToyViolation::NonceReused { party }
            | ToyViolation::SaltReused { party }
            | ToyViolation::Barrier { party, .. } => *party,
        };
        // An adversary may say that it holds what it does not, and use its own nonces as it likes.
        let by_honest = ledger.into_iter().filter(|violation| {
            let falsely = matches!(violation, ToyViolation::Barrier { before, .. } if self.is_adversary(*before));
            !self.is_adversary(of(violation)) && !falsely
        });
        let by_honest = by_honest.map(Violation::from).collect::<Vec<_>>();
        self.found.extend(by_honest);
        Outcome {
            trace: self.trace.hash,
            is_live: ended.iter().any(|party| party.phase == Phase::Live),
            violations: self.found,
            life: None,
            kinds: self.disturbed.kinds,
            strategy: self.adversary.map(|who| who.strategy),
            attempts: self.attempts,
            kills: self.disturbed.kills,
            messages: self.net.sent,
            last: self.trace.last,
        }
    }
}
