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
    /// As far as it goes then; the first has begun and no more.
    machines: Vec<M>,
    /// Which of them, but for a new one.
    at: Option<usize>,
}

impl<M: Machine<Error: Debug> + Default + Clone> Begun<M> {
    pub fn with(input: &M::Input) -> Self {
        let mut machine = M::default();
        take(&mut machine, input);
        Begun {
            machines: vec![machine],
            at: None,
        }
    }

    /// Some walks start where the machine has taken these too.
    pub fn and(mut self, inputs: &[M::Input]) -> Self {
        let mut machine = self.machines[0].clone();
        for input in inputs {
            take(&mut machine, input);
        }
        self.machines.push(machine);
        self
    }

    /// One of the machines, in their order.
    pub fn stage(&self, at: usize) -> M {
        self.machines[at].clone()
    }

    /// Another walk: now and then one that starts with a new machine.
    pub fn draw(&mut self, rng: &mut StdRng) {
        let is_new = rng.gen_ratio(1, 16);
        self.at = (!is_new).then(|| match self.machines.len() {
            1 => 0,
            many => rng.gen_range(0..many),
        });
    }

    /// What the walk starts with.
    pub fn fresh(&self) -> M {
        self.at.map_or_else(M::default, |at| self.stage(at))
    }
}
