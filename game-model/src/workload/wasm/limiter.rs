//! Who denied a step its memory: the job, or the machine.

use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

use super::Limits;
use crate::caps::{MAX_MEMORY_BYTES, MAX_TABLE_ELEMENTS};
use crate::computation::{MachineLimit, StepError, reserve};

/// Asks the system for memory of this size; a test puts one here that fails.
pub(super) type Reserve = fn(&'static str, u64) -> Result<(), MachineLimit>;

/// What a step may allocate, and what became of it.
#[derive(Debug)]
pub(super) struct StepLimiter {
    memory_bytes: u64,
    reserve: Reserve,
    /// Size asked for last, in bytes.
    asked: u64,
    /// Why the step was stopped, if it was here.
    pub(super) stopped: Option<StepError>,
}

impl StepLimiter {
    pub(super) fn new(limits: &Limits, reserve: Reserve) -> Self {
        Self {
            memory_bytes: limits.memory_bytes,
            reserve,
            asked: 0,
            stopped: None,
        }
    }

    fn stop(&mut self, error: StepError) -> LimiterError {
        self.stopped = Some(error);
        LimiterError::ResourceLimiterDeniedAllocation
    }
}

impl Default for StepLimiter {
    fn default() -> Self {
        let nothing = Limits {
            fuel: 0,
            memory_bytes: 0,
            output_bytes: 0,
        };
        Self::new(&nothing, reserve)
    }
}

impl ResourceLimiter for StepLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let limit = self.memory_bytes.min(MAX_MEMORY_BYTES);
        self.asked = desired as u64;
        if self.asked > limit {
            let limit = self.memory_bytes;
            return Err(self.stop(StepError::MemoryLimit { limit }));
        }
        // Asked for in time, so that the engine's own growth is not the first to fail.
        let more = desired.saturating_sub(current) as u64;
        match (self.reserve)("a step's growing memory", more) {
            Ok(()) => Ok(true),
            Err(error) => Err(self.stop(error.into())),
        }
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        match error {
            MemoryError::OutOfSystemMemory => {
                let limit = MachineLimit::Memory {
                    what: "a step's memory",
                    needed: self.asked,
                };
                Err(self.stop(limit.into()))
            }
            // Without fuel the engine stops by itself, and with the other causes the program is told.
            _ => Ok(()),
        }
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        // Larger tables were refused with the program, and no step grows one.
        match desired > MAX_TABLE_ELEMENTS {
            true => Err(self.stop(StepError::engine("a table larger than any program's"))),
            false => Ok(true),
        }
    }

    fn table_grow_failed(&mut self, error: &TableError) -> Result<(), LimiterError> {
        match error {
            TableError::OutOfSystemMemory => {
                let limit = MachineLimit::Memory {
                    what: "a step's table of functions",
                    needed: (MAX_TABLE_ELEMENTS * 8) as u64,
                };
                Err(self.stop(limit.into()))
            }
            _ => Ok(()),
        }
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        // A valid module has at most 100.
        100
    }

    fn memories(&self) -> usize {
        1
    }
}
