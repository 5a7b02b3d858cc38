//! What no job may exceed, whatever its parties agree on, and why.
//!
//! A job is judged by people with ordinary machines and a deadline: who is silent pays for it. So
//! nothing of a job is without a bound. Here are the bounds that hold for every job; those of one
//! contract ([`crate::params::JobBounds`]) and of one arbiter's offer lie below them.

/// Largest program in bytes, text or binary: it travels to each arbiter.
pub const MAX_PROGRAM_BYTES: usize = 4 << 20;
/// Largest input record in bytes: one travels in the evidence, twice as long in JSON. It holds as
/// many outputs as a step of a reduction takes.
pub const MAX_RECORD_BYTES: usize = 64 << 20;
/// Largest output of a step in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Most steps or chunks of a sample that is drawn: whoever checks it holds each. Steps are bounded by [`MAX_OPENINGS`]
/// too.
pub const MAX_SAMPLE: u32 = 1 << 20;
/// Most steps of one commitment that a worker ever opens: the degree of its key polynomial. Whoever takes the polynomial
/// out of shares, or checks as many, multiplies as many numbers as the square of it; and an opening goes into evidence, some
/// 4.3 kB for a step at the most.
pub const MAX_OPENINGS: u32 = 1 << 14;
/// Most fuel of a step, all its units together, in `wasmi` units (about one per instruction): an
/// hour at 3·10^8 a second, which an interpreter does on a machine of 2025.
pub const MAX_STEP_FUEL: u64 = 1 << 40;
/// Most units of a step: as many as fuel for 256 instructions each allows.
pub const MAX_UNITS: u64 = 1 << 32;
/// Bytes of a step's memory that are written, read and hashed between two units in the time of one unit of fuel: a
/// machine that burns 3·10^8 a second does some 2 GB.
pub const STATE_BYTES_PER_FUEL: u64 = 8;
/// Most linear memory of a step in bytes: all that WebAssembly addresses with 32 bits.
pub const MAX_MEMORY_BYTES: u64 = 1 << 32;
/// Deepest call stack of a step, in frames. With [`MAX_STACK_BYTES`] it is a limit of every job, the
/// same under each engine; the stack of the machine that runs the engine has no part in it.
pub const MAX_CALL_DEPTH: usize = 1_000;
/// Values on that stack, in bytes.
pub const MAX_STACK_BYTES: usize = 1 << 20;
/// Largest table of functions of a program, in elements.
pub const MAX_TABLE_ELEMENTS: usize = 10_000;

/// Least seconds that a block is taken to last when the time to judge is counted.
///
/// A block takes 600 s on average, but the next ones may come fast. A tenth of the average is for
/// judging: twelve blocks, the shortest window of a panel of three in the examples, come within 12
/// minutes less than once in 10^8 tries. The other nine tenths are for evidence to arrive and for
/// rulings to be mined.
pub const JUDGING_SECONDS_PER_BLOCK: u64 = 60;

/// Fuel that is burnt in a window of `blocks` blocks at `fuel_per_second`. Windows have at most 32
/// bits of blocks, so nothing saturates.
pub fn fuel_in_window(fuel_per_second: u64, blocks: u64) -> u128 {
    u128::from(fuel_per_second)
        .saturating_mul(u128::from(blocks))
        .saturating_mul(u128::from(JUDGING_SECONDS_PER_BLOCK))
}
