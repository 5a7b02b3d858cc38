//! Machines that have begun: what walks and refusals of small contracts start from.

use std::fmt::Debug;

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::Machine;

/// Gives a machine what it takes; what it asks for then.
pub fn take<M: Machine<Error: Debug>>(machine: &mut M, input: &M::Input) -> Vec<M::Effect> {
    let step = machine.step(input).unwrap();
    step.changes.iter().for_each(|change| machine.apply(change));
    step.effects
}

/// A machine that has begun. Most walks start there: reading back at each step what it begins with takes its time.
pub struct Begun<M> {
    machine: M,
    is_new: bool,
}

impl<M: Machine<Error: Debug> + Default + Clone> Begun<M> {
    pub fn with(input: &M::Input) -> Self {
        let (mut machine, is_new) = (M::default(), true);
        take(&mut machine, input);
        Begun { machine, is_new }
    }

    /// Another walk: now and then one that starts with a new machine.
    pub fn draw(&mut self, rng: &mut StdRng) {
        self.is_new = rng.gen_ratio(1, 16);
    }

    /// What the walk starts with.
    pub fn fresh(&self) -> M {
        match self.is_new {
            true => M::default(),
            false => self.machine.clone(),
        }
    }
}
