//! WebAssembly steps in units: the laws, and states of strangers.

use narthex_game_model::computation::{Computation, StepError, StepProgram, UnitProgram};
use narthex_game_model::workload::digits::{self, Labelled};
use narthex_game_model::workload::{Limits, MAX_UNITS, ProgramError, WasmUnitProgram};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    fuel: 10_000,
    memory_bytes: 3 * 65_536,
    output_bytes: 8,
};

/// Sums the bytes of the record, one a unit, into the global `sum`; the position is in memory.
/// `unit` is what a unit does besides.
fn source(unit: &str, rest: &str) -> String {
    format!(
        "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 64)) \
         (global $sum (export \"sum\") (mut i64) (i64.const 0)) \
         (global $end (export \"end\") (mut i32) (i32.const 0)) \
         (data (i32.const 5000) \"cleared by the first unit\") \
         (func (export \"begin\") (param i32) (global.set $end (local.get 0))) \
         (func (export \"unit\") (result i32) (local $at i32) {unit} \
           (i64.store (i32.const 5000) (i64.const 0)) \
           (local.set $at (i32.load (i32.const 0))) \
           (global.set $sum (i64.add (global.get $sum) \
             (i64.load8_u (i32.add (local.get $at) (i32.const 64))))) \
           (local.set $at (i32.add (local.get $at) (i32.const 1))) \
           (i32.store (i32.const 0) (local.get $at)) \
           (i32.ge_u (local.get $at) (global.get $end))) \
         (func (export \"result\") (result i64) \
           (i64.store (i32.const 8) (i64.add (global.get $sum) \
             (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 32)))) \
           (i64.const 0x800000008)) {rest})"
    )
}

fn program(unit: &str, max_units: u64) -> WasmUnitProgram {
    WasmUnitProgram::new(source(unit, "").as_bytes(), LIMITS, max_units).unwrap()
}

fn states(program: &WasmUnitProgram, record: &[u8]) -> Result<Vec<Vec<u8>>, StepError> {
    let mut states = vec![program.start(record)?];
    for _ in 0..program.max_units() {
        states.push(program.advance(states.last().unwrap())?);
    }
    Ok(states)
}

#[test]
fn units_give_what_the_step_gives() {
    // Memory that grows on the way is part of the state.
    let grow = "(if (i32.eq (i32.load (i32.const 0)) (i32.const 2)) \
                (then (drop (memory.grow (i32.const 1)))))";
    for (unit, pages) in [("", 1u64), (grow, 2)] {
        let program = program(unit, 10);
        let record = [10, 20, 30, 40];
        let states = states(&program, &record).unwrap();
        let output = program.run(&record).unwrap();
        assert_eq!(output, (100 + (pages << 32)).to_le_bytes());
        assert_eq!(program.output(states.last().unwrap()).unwrap(), output);
        assert!(states[4..].iter().all(|state| *state == states[4]), "ended");
        assert!(states[..4].is_sorted_by(|a, b| a != b));
        let early = program.output(&states[3]).unwrap_err();
        assert!(matches!(early, StepError::NotAState { .. }));
    }
}

#[test]
fn the_digits_in_units_equal_the_digits() {
    let (reference, rest) = Labelled::shipped().unwrap().split(digits::REFERENCE_ROWS);
    let program = digits::unit_program(&reference).unwrap().program;
    let job = digits::job(None).unwrap();
    assert_ne!(program.id(), job.program().id(), "another program");
    let images = rest.images().unwrap();
    for index in 0..25 {
        let image = images.get(index).unwrap();
        assert_eq!(program.run(image).unwrap(), job.step(index).unwrap());
    }
    assert_eq!(program.max_units(), 900);
    let image = images.get(3).unwrap();
    let mut state = program.start(image).unwrap();
    for _ in 0..program.max_units() {
        state = program.advance(&state).unwrap();
    }
    assert_eq!(program.output(&state).unwrap(), job.step(3).unwrap());
    println!("a state has {} bytes", state.len());
}

#[test]
fn each_failing_step_is_named() {
    let record = [1, 2, 3];
    let both = |program: &WasmUnitProgram| {
        let error = program.run(&record).unwrap_err();
        assert_eq!(states(program, &record).err(), Some(error.clone()));
        error
    };
    assert!(matches!(
        both(&program("unreachable", 9)),
        StepError::Trap(_)
    ));
    let endless = both(&program("(loop (br 0))", 9));
    assert_eq!(endless, StepError::OutOfFuel { limit: 10_000 });
    let wrong = both(&program("(return (i32.const 2))", 9));
    assert!(matches!(wrong, StepError::Trap(text) if text.contains("neither 0 nor 1")));
    let growing = both(&program("(drop (memory.grow (i32.const 1)))", 9));
    assert_eq!(growing, StepError::MemoryLimit { limit: 3 * 65_536 });
    // Fuel is per unit: many units may use more than one may.
    let costly = "(loop $l (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1))) \
                  (br_if $l (i32.rem_u (i32.load (i32.const 32)) (i32.const 500))))";
    assert!(program(costly, 9).run(&record).is_ok());
    // Not ended after the last unit.
    let short = program("", 2);
    assert_eq!(
        short.run(&record),
        Err(StepError::TooManyUnits { limit: 2 })
    );
    let last = states(&short, &record).unwrap().pop().unwrap();
    assert!(matches!(
        short.output(&last),
        Err(StepError::NotAState { .. })
    ));
    let other_size = Limits {
        output_bytes: 4,
        ..LIMITS
    };
    let program = WasmUnitProgram::new(source("", "").as_bytes(), other_size, 9).unwrap();
    let wrong_size = StepError::WrongOutputSize {
        expected: 4,
        found: 8,
    };
    assert_eq!(program.run(&record), Err(wrong_size));
}

#[test]
fn programs_that_hide_state_are_refused() {
    let with = |unit: &str, rest: &str| {
        WasmUnitProgram::new(source(unit, rest).as_bytes(), LIMITS, 9).map(|program| program.id())
    };
    assert!(with("", "(global i32 (i32.const 1))").is_ok(), "a constant");
    let table = "(table $t 2 funcref) (elem $e func 0)";
    for (unit, rest) in [
        ("", "(global $hidden (mut i32) (i32.const 1))"),
        (
            "",
            "(global (export \"reference\") (mut funcref) (ref.null func))",
        ),
        ("(table.set $t (i32.const 0) (ref.null func))", table),
        (
            "(drop (table.grow $t (ref.null func) (i32.const 1)))",
            table,
        ),
        (
            "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))",
            table,
        ),
        (
            "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))",
            table,
        ),
        (
            "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))",
            table,
        ),
        ("(elem.drop $e)", table),
        ("(data.drop $d)", "(data $d \"x\")"),
    ] {
        let refused = with(unit, rest);
        let hidden = matches!(refused, Err(ProgramError::HiddenState(_)));
        assert!(hidden, "{unit} {rest}: {refused:?}");
    }
    for units in [0, MAX_UNITS + 1] {
        let refused = WasmUnitProgram::new(source("", "").as_bytes(), LIMITS, units).unwrap_err();
        assert_eq!(refused, ProgramError::Units { found: units });
    }
    let step = "(module (memory (export \"memory\") 1) \
        (global (export \"input\") i32 (i32.const 0)) \
        (func (export \"step\") (param i32) (result i64) (i64.const 1)))";
    let refused = WasmUnitProgram::new(step.as_bytes(), LIMITS, 9).unwrap_err();
    assert_eq!(refused, ProgramError::Missing("begin"));
    let ids = [
        program("", 9).id(),
        program("", 8).id(),
        program("nop", 9).id(),
    ];
    assert!(ids[0] != ids[1] && ids[0] != ids[2], "units are part of it");
}

#[test]
fn states_of_strangers_are_refused() {
    let program = program("", 9);
    let good = program.start(&[1, 2, 3]).unwrap();
    assert!(program.advance(&good).is_ok());
    let refused = |state: &[u8], what: &str| {
        let next = program.advance(state);
        assert!(
            matches!(next, Err(StepError::NotAState { .. })),
            "{what}: {next:?}"
        );
        let end = program.output(state);
        assert!(
            matches!(end, Err(StepError::NotAState { .. })),
            "{what}: {end:?}"
        );
    };
    // Head: ended, sum (8), end (8), pages (4); then the chunks 0 (record) and 4 (data).
    assert_eq!(good.len(), 21 + 2 * (4 + 1_024));
    let whole = [21, 21 + 1_028, good.len()];
    for end in (0..good.len()).filter(|end| !whole.contains(end)) {
        refused(&good[..end], "truncated");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut state = good.clone();
        state[at..at + bytes.len()].copy_from_slice(bytes);
        state
    };
    refused(&with(0, &[2]), "ended");
    refused(&with(13, &[1]), "a global of 32 bits with more");
    refused(&with(17, &0u32.to_le_bytes()), "less memory than at first");
    refused(&with(17, &4u32.to_le_bytes()), "more memory than allowed");
    refused(&with(17, &u32::MAX.to_le_bytes()), "far more memory");
    refused(&with(21, &4u32.to_le_bytes()), "chunks that do not ascend");
    refused(&with(21 + 1_028, &64u32.to_le_bytes()), "a chunk outside");
    refused(&with(25, &[0; 1_024]), "a chunk of zeros");
    refused(
        &[&good[..], &good[21..21 + 1_028]].concat(),
        "a chunk twice",
    );
    let (few, _) = Labelled::shipped().unwrap().split(5);
    let other = digits::unit_program(&few).unwrap().program;
    refused(&other.start(&[1; 64]).unwrap(), "of another program");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_record_sums_alike(record in prop::collection::vec(any::<u8>(), 1..9)) {
        let program = program("", 9);
        let last = states(&program, &record).unwrap().pop().unwrap();
        let sum: u64 = record.iter().map(|byte| u64::from(*byte)).sum();
        let output = program.run(&record).unwrap();
        prop_assert_eq!(&output, &(sum + (1 << 32)).to_le_bytes());
        prop_assert_eq!(program.output(&last).unwrap(), output);
    }

    /// Bytes changed anywhere: refused, or another state; never a panic.
    #[test]
    fn no_state_panics(at in 0usize..2_077, byte: u8, end in 0usize..2_100) {
        let program = program("", 9);
        let mut state = program.start(&[1, 2, 3]).unwrap();
        state[at] = byte;
        state.truncate(end);
        let _ = (program.advance(&state), program.output(&state));
    }
}
