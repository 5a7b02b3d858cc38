//! A forwarded payment with its log in memory, for who keeps all its payments in one record.

use bitcoin::secp256k1::PublicKey;

use super::{
    Forward, ForwardChange, ForwardEffect, ForwardInput, ForwardMachine, Offer, Policy, PtlcError,
    Upstream,
};
use crate::{Machine, Step};

/// A forwarded payment and all its changes. What it hands out may be done once the changes are durable.
#[derive(Debug, Clone)]
pub struct KeptForward {
    machine: ForwardMachine,
    offer: Box<Offer>,
    changes: Vec<ForwardChange>,
}

impl KeptForward {
    /// A payment that was asked for with the tip at `tip`. Its outgoing PTLC counts as out: who makes one offers it in the
    /// same breath.
    ///
    /// # Errors
    /// The order is refused; nothing has happened.
    pub fn new(policy: Policy, offer: Offer, tip: u32) -> Result<KeptForward, PtlcError> {
        let mut kept = KeptForward {
            machine: ForwardMachine::new(policy),
            offer: Box::new(offer.clone()),
            changes: Vec::new(),
        };
        kept.step(&ForwardInput::Offer(Box::new(offer), tip))?;
        kept.step(&ForwardInput::Sent)?;
        Ok(kept)
    }

    /// A payment out of its log.
    ///
    /// # Errors
    /// As [`ForwardMachine::replay`].
    pub fn restore(policy: Policy, changes: Vec<ForwardChange>) -> Result<KeptForward, PtlcError> {
        let machine = ForwardMachine::replay(policy, &changes)?;
        let offer = machine.offer().cloned();
        let offer = Box::new(offer.ok_or(PtlcError::Kept("no order at its beginning"))?);
        Ok(KeptForward {
            machine,
            offer,
            changes,
        })
    }

    /// Takes an input. What is to be done comes back.
    ///
    /// # Errors
    /// The input is refused; nothing has happened.
    pub fn step(&mut self, input: &ForwardInput) -> Result<Vec<ForwardEffect>, PtlcError> {
        let Step { changes, effects } = self.machine.step(input)?;
        changes.iter().for_each(|change| self.machine.apply(change));
        self.changes.extend(changes);
        Ok(effects)
    }

    /// What is to be durable.
    pub fn changes(&self) -> &[ForwardChange] {
        &self.changes
    }

    /// The machine.
    pub const fn machine(&self) -> &ForwardMachine {
        &self.machine
    }

    /// What was asked for.
    pub const fn order(&self) -> &Forward {
        &self.offer.order
    }

    /// Whether this is its outgoing PTLC.
    pub fn is_out(&self, place: &[u8; 32], point: &PublicKey) -> bool {
        (&self.order().out_place, &self.offer.outgoing.point) == (place, point)
    }

    /// Whether this is its incoming PTLC.
    pub fn is_in(&self, place: &[u8; 32], point: &PublicKey) -> bool {
        (&self.order().in_place, &self.offer.incoming.point) == (place, point)
    }

    /// Whether it may still have to be paid without anything to be had for it.
    pub const fn is_at_risk(&self) -> bool {
        self.machine.is_at_risk()
    }

    /// Whether it can be forgotten.
    pub fn is_over(&self) -> bool {
        self.machine.is_over()
    }

    /// The place that it would close by force if the place of its incoming PTLC stood so.
    pub fn closes_by(&self, upstream: Upstream) -> Option<[u8; 32]> {
        let step = self.machine.step(&ForwardInput::Upstream(upstream)).ok()?;
        step.effects.iter().find_map(|effect| match effect {
            ForwardEffect::ForceClose(place) => Some(*place),
            _ => None,
        })
    }
}
