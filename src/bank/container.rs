//! A program that works as long as somebody pays: what a bank's pennies buy in the scenarios.

use crate::harness::ScenarioError;
use bitcoin::hashes::{Hash, HashEngine, sha256};
use narthex_game_model::{
    computation::{Computation, Job, Stated},
    workload::{WasmProgram, digits},
};

/// Images read for one slice.
const IMAGES: u64 = 10;

/// A WebAssembly program that reads handwritten digits, with how far it is.
pub(super) struct Container {
    job: Job<Stated<WasmProgram>>,
    next: u64,
    outputs: sha256::HashEngine,
}

impl Container {
    pub(super) fn new() -> Result<Container, ScenarioError> {
        Ok(Container {
            job: digits::job(None).map_err(|e| ScenarioError::broken(e.to_string()))?,
            next: 0,
            outputs: sha256::Hash::engine(),
        })
    }

    /// Goes on with a program that was stopped after so many steps, by running them again.
    pub(super) fn resume(steps: u64) -> Result<Container, ScenarioError> {
        let mut container = Container::new()?;
        container.run(steps)?;
        Ok(container)
    }

    /// One slice of work: what the provider does for its pennies.
    pub(super) fn slice(&mut self) -> Result<(), ScenarioError> {
        self.run(IMAGES)
    }

    fn run(&mut self, steps: u64) -> Result<(), ScenarioError> {
        let end = self.next.saturating_add(steps).min(self.job.steps());
        for step in self.next..end {
            let output = self.job.step(step);
            let output = output.map_err(|e| ScenarioError::broken(e.to_string()))?;
            self.outputs.input(&output);
        }
        self.next = end;
        Ok(())
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.next
    }

    /// Hash of all outputs so far.
    pub(super) fn digest(&self) -> sha256::Hash {
        sha256::Hash::from_engine(self.outputs.clone())
    }
}
