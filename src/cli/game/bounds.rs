//! What the job of a planned contract may take.

use clap::Args;
use narthex::game_model::JobBounds;

use crate::cli::value::size;

/// Bounds of the job, as the case that is written has them. No contract is planned whose panel could not judge a step in
/// time at the rate that is stated.
#[derive(Args)]
pub(super) struct BoundsArgs {
    /// Most fuel of a unit, or of a step that is not cut.
    #[arg(long, value_name = "FUEL", default_value_t = JobBounds::default().fuel)]
    fuel: u64,
    /// Most units of a step, with the two that begin and end it; 1 where steps are not cut.
    #[arg(long, default_value_t = JobBounds::default().units)]
    units: u64,
    /// Most memory of a step, such as 64MiB.
    #[arg(long, value_name = "SIZE", default_value_t = JobBounds::default().memory_bytes, value_parser = size)]
    memory: u64,
    /// Largest program.
    #[arg(long, value_name = "SIZE", default_value_t = JobBounds::default().program_bytes, value_parser = size)]
    program: u64,
    /// Largest input record.
    #[arg(long, value_name = "SIZE", default_value_t = JobBounds::default().record_bytes, value_parser = size)]
    record: u64,
    /// Largest output of a step.
    #[arg(long, value_name = "SIZE", default_value_t = JobBounds::default().output_bytes, value_parser = size)]
    output: u64,
    /// Fuel that the slowest arbiter's machine burns in a second.
    #[arg(long, value_name = "FUEL", default_value_t = JobBounds::default().fuel_per_second)]
    fuel_per_second: u64,
    /// Least blocks for the panel's decision; more than answers need leave time to judge long steps.
    #[arg(
        long,
        value_name = "BLOCKS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(super) decide_blocks: u16,
}

impl BoundsArgs {
    pub(super) fn bounds(&self) -> JobBounds {
        JobBounds {
            fuel: self.fuel,
            units: self.units,
            memory_bytes: self.memory,
            program_bytes: self.program,
            record_bytes: self.record,
            output_bytes: self.output,
            fuel_per_second: self.fuel_per_second,
        }
    }
}
