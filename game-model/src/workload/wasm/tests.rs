//! What a machine cannot give is never the step's failure; slices of fuel change nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::computation::{Clock, MachineLimit, UnitProgram};

const LIMITS: Limits = Limits {
    fuel: 100_000,
    memory_bytes: 4 * 65_536,
    output_bytes: 4,
};

/// One step; `rest` may declare what `body` needs.
fn source(body: &str, rest: &str) -> String {
    format!(
        "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) {rest} \
         (func $step (export \"step\") (param i32) (result i64) (local $i i32) {body}))"
    )
}

fn program(body: &str) -> WasmProgram {
    let table = "(table $t 8 funcref) (elem $e func $f $f) (elem declare func $f) \
         (func $f (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 7)) \
           (else (call $f (i32.sub (local.get 0) (i32.const 1)))))) \
         (data $d \"0123456789abcdef\")";
    WasmProgram::new(source(body, table).as_bytes(), LIMITS).unwrap()
}

/// Counts up by one at each look.
#[derive(Debug, Default)]
struct Looks(AtomicU64);

impl Clock for Looks {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn patient() -> TimeBudget {
    TimeBudget::new(Arc::new(Looks::default()), Duration::MAX)
}

/// Bodies that use up fuel by every kind of operation that has its own price.
const BODIES: [&str; 9] = [
    "(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) \
       (br_if $l (i32.lt_u (local.get $i) (i32.const 500)))) (i64.const 4)",
    "(drop (memory.grow (i32.const 1))) (drop (memory.grow (i32.const 1))) \
       (i32.store (i32.const 0) (memory.size)) (i64.const 4)",
    "(memory.fill (i32.const 0) (i32.const 9) (i32.const 60000)) \
       (memory.copy (i32.const 100) (i32.const 0) (i32.const 50000)) (i64.const 0x0000c35000000004)",
    "(memory.init $d (i32.const 40) (i32.const 2) (i32.const 8)) (i64.const 0x0000002a00000004)",
    "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2)) \
       (table.copy $t $t (i32.const 4) (i32.const 0) (i32.const 2)) \
       (table.fill $t (i32.const 6) (ref.func $f) (i32.const 2)) \
       (i32.store (i32.const 0) (call_indirect $t (param i32) (result i32) (i32.const 30) (i32.const 7))) \
       (i64.const 4)",
    "(i32.store (i32.const 0) (call $f (i32.const 300))) (i64.const 4)",
    "(i32.store (i32.const 0) (call $f (i32.const 2000))) (i64.const 4)",
    "(loop $l (drop (memory.grow (i32.const 0))) (br $l)) (i64.const 4)",
    "(drop (memory.grow (i32.const 9))) (i64.const 4)",
];

#[test]
fn slices_change_neither_outputs_nor_fuel_nor_failures() {
    for (position, body) in BODIES.into_iter().enumerate() {
        let whole = program(body);
        let expected = whole.run_metered(&[1, 2, 3]);
        assert_eq!(expected.is_ok(), position < 6, "{body}: {expected:?}");
        for slice in [1, 2, 3, 17, 400, 5_000, u64::MAX] {
            let mut sliced = whole.clone().with_budget(patient());
            sliced.sandbox.set_slice(slice);
            assert_eq!(sliced.run_metered(&[1, 2, 3]), expected, "{slice}: {body}");
        }
        // And so at every limit of fuel near what it takes.
        let used = expected.as_ref().map_or(3_000, |(_, used)| *used);
        for fuel in [0, 1, used / 2, used.saturating_sub(1), used, used + 1] {
            let mut tight = whole.clone();
            tight.sandbox.limits.fuel = fuel;
            let expected = tight.run_metered(&[1, 2, 3]);
            let mut sliced = tight.with_budget(patient());
            sliced.sandbox.set_slice(5);
            assert_eq!(sliced.run_metered(&[1, 2, 3]), expected, "{fuel}: {body}");
        }
    }
}

#[test]
fn fuel_that_runs_out_inside_a_growth_is_called_fuel() {
    let mut program = program("(drop (memory.grow (i32.const 3))) (i64.const 4)");
    let (_, used) = program.run_metered(&[1]).unwrap();
    // 64 bytes for one unit of fuel.
    assert!(used > 3 * 65_536 / 64);
    let limit = used / 2;
    program.sandbox.limits.fuel = limit;
    assert_eq!(program.run(&[1]), Err(StepError::OutOfFuel { limit }));
    program.sandbox.limits.fuel = used;
    assert!(program.run(&[1]).is_ok());
}

fn none(what: &'static str, needed: u64) -> Result<(), MachineLimit> {
    Err(MachineLimit::Memory { what, needed })
}

fn no_growth(what: &'static str, needed: u64) -> Result<(), MachineLimit> {
    match what {
        "a step's growing memory" if needed > 65_536 => none(what, needed),
        _ => Ok(()),
    }
}

fn not_even_the_first_page(what: &'static str, needed: u64) -> Result<(), MachineLimit> {
    match what {
        "a step's growing memory" => none(what, needed),
        _ => Ok(()),
    }
}

fn is_memory(error: &StepError, what: &str, bytes: u64) -> bool {
    let found = matches!(error, StepError::Machine(MachineLimit::Memory { what: w, needed })
        if *w == what && *needed == bytes);
    found && error.is_defect() && error.to_string().contains("this machine")
}

#[test]
fn memory_that_the_machine_lacks_is_its_own_limit() {
    let growing = |reserve: super::limiter::Reserve, pages: u32| {
        let body = format!(
            "(drop (memory.grow (i32.const 1))) (drop (memory.grow (i32.const {pages}))) (i64.const 4)"
        );
        let mut program = program(&body);
        program.sandbox.set_reserve(reserve);
        program.run(&[1])
    };
    let before = growing(none, 2).unwrap_err();
    let asked = 4 * 65_536 + 4 + (8 << 20);
    assert!(is_memory(&before, "a step of this job", asked), "{before}");
    let first = growing(not_even_the_first_page, 2).unwrap_err();
    assert!(
        is_memory(&first, "a step's growing memory", 65_536),
        "{first}"
    );
    let later = growing(no_growth, 2).unwrap_err();
    assert!(
        is_memory(&later, "a step's growing memory", 131_072),
        "{later}"
    );
    // What the job itself denies is the job's limit, on this machine as on any.
    let denied = growing(no_growth, 3).unwrap_err();
    assert_eq!(denied, StepError::MemoryLimit { limit: 4 * 65_536 });
    assert!(!denied.is_defect());
}

#[test]
fn the_engines_own_growth_that_fails_is_the_machines_limit() {
    use wasmi::ResourceLimiter;
    use wasmi::errors::{MemoryError, TableError};
    let mut limiter = limiter::StepLimiter::new(&LIMITS, |_, _| Ok(()));
    assert!(limiter.memory_growing(65_536, 131_072, None).unwrap());
    let fuel = MemoryError::OutOfFuel { required_fuel: 9 };
    assert!(limiter.memory_grow_failed(&fuel).is_ok());
    assert_eq!(limiter.stopped, None);
    limiter
        .memory_grow_failed(&MemoryError::OutOfSystemMemory)
        .unwrap_err();
    let stopped = limiter.stopped.take().unwrap();
    assert!(is_memory(&stopped, "a step's memory", 131_072), "{stopped}");
    limiter
        .table_grow_failed(&TableError::OutOfSystemMemory)
        .unwrap_err();
    assert!(limiter.stopped.take().unwrap().is_defect());
    // Its own declared maximum is told to the program, by both answers alike.
    assert!(!limiter.memory_growing(0, 131_072, Some(65_536)).unwrap());
    assert_eq!(limiter.stopped, None);
}

#[test]
fn a_step_that_takes_too_long_is_not_decided() {
    let endless = program("(loop $l (br $l)) (i64.const 4)");
    let budget = TimeBudget::new(Arc::new(Looks::default()), Duration::from_secs(3));
    let mut timed = endless.clone().with_budget(budget);
    timed.sandbox.set_slice(1_000);
    // The clock counts looks: one at the start, one at each slice.
    let error = timed.run(&[1]).unwrap_err();
    let StepError::Machine(MachineLimit::Time {
        allowed,
        fuel,
        limit,
    }) = error
    else {
        unreachable!("{error}");
    };
    assert_eq!((allowed, limit), (Duration::from_secs(3), LIMITS.fuel));
    assert!((2_900..=3_000).contains(&fuel), "{fuel}");
    // With time enough it is the job's own limit.
    let limit = LIMITS.fuel;
    assert_eq!(endless.run(&[1]), Err(StepError::OutOfFuel { limit }));
}

#[test]
fn many_short_units_are_timed_together() {
    let source = "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
        (func (export \"begin\") (param i32)) \
        (func (export \"unit\") (result i32) (i32.const 0)) \
        (func (export \"result\") (result i64) (i64.const 4)))";
    let program = WasmUnitProgram::new(source.as_bytes(), LIMITS, 1_000_000).unwrap();
    let budget = TimeBudget::new(Arc::new(Looks::default()), Duration::from_secs(50));
    let timed = program.with_budget(budget);
    let error = timed.run(&[1]).unwrap_err();
    let StepError::Machine(MachineLimit::Time { fuel, limit, .. }) = error else {
        unreachable!("{error}");
    };
    assert!(fuel > 0 && fuel < 1_000, "{fuel}");
    assert_eq!(limit, LIMITS.fuel * 1_000_000);
    let state = timed.start(&[1]).unwrap();
    assert!(timed.advance(&state).is_ok(), "one unit has its own time");
}

#[test]
fn states_that_the_machine_cannot_hold_are_no_fault_of_theirs() {
    let source = "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
        (func (export \"begin\") (param i32) (drop (memory.grow (i32.const 2)))) \
        (func (export \"unit\") (result i32) (i32.const 1)) \
        (func (export \"result\") (result i64) (i64.const 4)))";
    let mut program = WasmUnitProgram::new(source.as_bytes(), LIMITS, 3).unwrap();
    let state = program.start(&[1]).unwrap();
    program.set_reserve(no_growth);
    for error in [
        program.start(&[1]).unwrap_err(),
        program.advance(&state).unwrap_err(),
        program.output(&program_end(&state)).unwrap_err(),
    ] {
        assert!(
            is_memory(&error, "a step's growing memory", 131_072),
            "{error}"
        );
    }
}

/// The same state, ended.
fn program_end(state: &[u8]) -> Vec<u8> {
    let mut ended = state.to_vec();
    ended[0] = 1;
    ended
}
