//! wasmtime, set up to agree with wasmi.

use std::{thread, time::Duration};

use wasmtime::{Config, Engine};

/// A tick of the clock that ends steps.
const TICK: Duration = Duration::from_millis(100);
/// Native stack of a step. A program that needs more runs under wasmi, which keeps its own stack.
const NATIVE_STACK_BYTES: usize = 256 << 10;

/// An engine whose clock runs as long as it lives. With a number of bytes it reserves no more addresses for a memory, and checks each access:
/// for a process that may have few of them, and no more files.
pub(crate) fn engine(reserved_bytes: Option<u64>) -> Result<Engine, wasmtime::Error> {
    let mut config = Config::new();
    if let Some(bytes) = reserved_bytes {
        config
            .memory_reservation(bytes)
            .memory_reservation_for_growth(0)
            .memory_guard_size(0)
            // Which would take a file for each program.
            .memory_init_cow(false);
    }
    config
        .epoch_interruption(true)
        .max_wasm_stack(NATIVE_STACK_BYTES)
        .wasm_backtrace_max_frames(None)
        // Programs with floats or vectors are refused before they come here; should one slip through, it would at
        // least be deterministic.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_tail_call(false)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_extended_const(true);
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    let clock = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    // Without a clock native code could run for ever; then all steps run under wasmi.
    thread::Builder::new().spawn(clock)?;
    Ok(engine)
}

/// Ticks in a time, at least one.
pub(crate) fn ticks(time: Duration) -> u64 {
    let ticks = time.as_millis() / TICK.as_millis();
    u64::try_from(ticks)
        .unwrap_or(u64::MAX / 2)
        .clamp(1, u64::MAX / 2)
}
