//! Both engines accept the same programs and say the same of every step, limits included.

#![allow(clippy::unwrap_used, clippy::panic)]

mod random;

use std::time::Duration;

use narthex_game_model::computation::{Computation, MachineLimit, StepError, StepProgram};
use narthex_game_model::workload::digits::{self, Labelled};
use narthex_game_model::workload::{Limits, ProgramError, WasmProgram};
use narthex_wasmtime::{CrossChecked, Native, WasmtimeProgram};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    fuel: 10_000,
    memory_bytes: 65_536,
    output_bytes: 2,
};

const INTERFACE: &str =
    "(memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0))";

fn module(body: &str, rest: &str) -> String {
    format!(
        "(module {INTERFACE} (func $step (export \"step\") (param i32) (result i64) {body}) {rest})"
    )
}

fn native(source: &str, limits: Limits) -> WasmtimeProgram {
    let program = WasmtimeProgram::new(source.as_bytes(), limits).unwrap();
    assert_eq!(program.without_native_code(), None, "{source}");
    program
}

/// What both say, which must be the same.
fn both(program: &WasmtimeProgram, record: &[u8]) -> Result<Vec<u8>, StepError> {
    let ruling = program.ruling().run(record);
    assert_eq!(program.run(record), ruling);
    assert_eq!(CrossChecked::new(program.clone()).run(record), ruling);
    ruling
}

#[test]
fn digits_are_read_natively_and_alike() {
    let (reference, rest) = Labelled::shipped().unwrap().split(digits::REFERENCE_ROWS);
    let (source, limits) = digits::source(&reference).unwrap();
    let program = WasmtimeProgram::new(&source, limits).unwrap();
    let job = digits::job(None).unwrap();
    assert_eq!(program.id(), job.program().id(), "the same job");
    let mut margins = Vec::new();
    for (index, image) in (0..).zip(rest.images().unwrap().iter()).take(60) {
        let (ruled, used) = program.ruling().run_metered(image).unwrap();
        assert_eq!(ruled, job.step(index).unwrap());
        let Native::Output { output, fuel } = program.run_native(image) else {
            panic!("step {index} was not decided natively");
        };
        assert_eq!(output, ruled);
        assert!(fuel >= used, "step {index}: {fuel} counted, {used} used");
        margins.push(100 * fuel / used);
    }
    println!("counted / used: {:?} %", margins.iter().max());
}

#[test]
fn each_failing_step_has_the_name_that_wasmi_gives_it() {
    for body in [
        "(loop (br 0)) (i64.const 2)",
        "unreachable",
        "(drop (i32.div_u (i32.const 1) (i32.load (i32.const 8)))) (i64.const 2)",
        "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1))) (i64.const 2)",
        "(call $step (local.get 0))",
        "(i64.extend_i32_u (i32.load (i32.const 70000)))",
        "(drop (memory.grow (i32.const 1))) (i64.const 2)",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65537)) (i64.const 2)",
        "(i64.const 0)",
        "(i64.const 3)",
        "(i64.const 0xffffffff)",
        "(i64.const 0xffff00000002)",
    ] {
        let program = native(&module(body, ""), LIMITS);
        assert!(both(&program, &[1, 2]).is_err(), "{body}");
    }
    // A growth beyond all memory there can be is no failure under wasmi, others are.
    let beyond = "(drop (memory.grow (i32.const -1))) (i64.const 2)";
    assert!(both(&native(&module(beyond, ""), LIMITS), &[1, 2]).is_ok());
    let good = native(&module("(i64.const 2)", ""), LIMITS);
    assert_eq!(both(&good, &[5, 6]), Ok(vec![5, 6]));
    let too_long = vec![0; 65_537];
    let refused = StepError::RecordDoesNotFit { bytes: 65_537 };
    assert_eq!(both(&good, &too_long), Err(refused));
}

#[test]
fn both_accept_the_same_programs() {
    let good = "(func (export \"step\") (param i32) (result i64) (i64.const 1))";
    for rest in [
        "",
        "(func (drop (f64.add (f64.const 1) (f64.const 1))))",
        "(func (drop (v128.const i64x2 1 1)))",
        "(memory 1)",
        "(func $start) (start $start)",
        "(func (param i64) (result i64 i64) (local.get 0) (local.get 0))",
        "(func (result i32) (i32.extend8_s (i32.const 200)))",
        "(table 3 funcref) (elem (i32.const 0) $f) (func $f)",
        "(table 3 externref)",
        "(func (param externref))",
        "(func (drop (ref.null func)))",
        "(func (param i32) (return_call 0 (local.get 0)))",
        "(func (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)))",
        "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
        "(tag)",
        "(type (struct))",
        "(func (drop (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1))))",
        "(func (drop (i32.atomic.load (i32.const 0))))",
        "(export \"narthex fuel\" (global 0)) (export \"narthex limit\" (global 0))",
        "(import \"env\" \"clock\" (func))",
        "nonsense",
    ] {
        let source = format!("(module {INTERFACE} {good} {rest})");
        let ruling = WasmProgram::new(source.as_bytes(), LIMITS);
        let program = WasmtimeProgram::new(source.as_bytes(), LIMITS);
        match (ruling, program) {
            (Ok(ruling), Ok(program)) => {
                assert_eq!(ruling.id(), program.id());
                println!("accepted: {rest} {:?}", program.without_native_code());
                assert_eq!(
                    both(&program, &[9]).unwrap_err(),
                    StepError::WrongOutputSize {
                        expected: 2,
                        found: 1
                    }
                );
            }
            (ruling, program) => assert_eq!(ruling.unwrap_err(), program.unwrap_err(), "{rest}"),
        }
    }
    let limits = Limits {
        output_bytes: 0,
        ..LIMITS
    };
    let refused = WasmtimeProgram::new(b"(module)", limits).unwrap_err();
    assert_eq!(refused, ProgramError::OutputSize { bytes: 0 });
}

/// A worker that computes natively must not deliver where an arbiter runs out of fuel.
#[test]
fn every_fuel_limit_means_the_same() {
    // Many turns that leave early from a long body, which wasmi charges in full.
    let filler = "(local.set $x (i32.mul (local.get $x) (i32.const 3)))".repeat(40);
    let body = format!(
        "(local $i i32) (local $x i32) \
         (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) \
           (br_if $l (i32.lt_u (local.get $i) (i32.const 9))) \
           (if (i32.eqz (local.get $x)) (then {filler}) (else {filler}))) \
         (memory.fill (i32.const 100) (i32.const 7) (i32.const 900)) \
         (i64.const 2)"
    );
    let source = module(&body, "");
    let (mut natively, mut outputs) = (0, 0);
    for fuel in (0..8_000).step_by(41) {
        let program = native(&source, Limits { fuel, ..LIMITS });
        let ruling = both(&program, &[1, 2]);
        outputs += usize::from(ruling.is_ok());
        natively += usize::from(matches!(program.run_native(&[1, 2]), Native::Output { .. }));
    }
    println!("{outputs} outputs, {natively} natively");
    assert!(outputs > 50 && natively > 20 && natively <= outputs);
}

#[test]
fn every_depth_means_the_same() {
    // Down to the depth that the record names, with few or with many values per frame.
    for locals in ["", &"i64 ".repeat(300)] {
        let source = format!(
            "(module {INTERFACE} \
             (func $down (param i32) (local {locals}) \
               (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1)))))) \
             (func (export \"step\") (param i32) (result i64) \
               (call $down (i32.load16_u (i32.const 0))) (i64.const 2)))"
        );
        let limits = Limits {
            fuel: 1_000_000,
            ..LIMITS
        };
        let program = native(&source, limits);
        let (mut natively, mut outputs) = (0, 0);
        for depth in (0u16..1_100).step_by(7).chain(990..1_010) {
            let record = depth.to_le_bytes();
            outputs += usize::from(both(&program, &record).is_ok());
            let native = program.run_native(&record);
            natively += usize::from(matches!(native, Native::Output { .. }));
        }
        println!("{outputs} depths, {natively} natively");
        assert!(natively > 30 && natively <= outputs);
    }
}

#[test]
fn native_code_stops_for_time() {
    let limits = Limits {
        fuel: narthex_game_model::caps::MAX_STEP_FUEL,
        ..LIMITS
    };
    let program = native(&module("(loop (br 0)) (i64.const 2)", ""), limits);
    let stopped = program
        .with_time_limit(Duration::from_millis(200))
        .run_native(&[1, 2]);
    assert!(matches!(stopped, Native::Undecided(_)), "{stopped:?}");
}

#[test]
fn a_difference_is_a_defect_of_an_engine() {
    let output = |byte, fuel| Native::Output {
        output: vec![byte],
        fuel,
    };
    let trap = || StepError::Trap("wasm trap".into());
    let compare = |native: Native, ruling| CrossChecked::compare(&native, ruling);
    assert_eq!(compare(output(1, 9), Ok((vec![1], 9))), Ok(vec![1]));
    for (native, ruling) in [
        (output(1, 9), Ok((vec![2], 5))),
        (output(1, 4), Ok((vec![1], 5))),
        (output(1, 9), Err(trap())),
        (output(1, 9), Err(StepError::OutOfFuel { limit: 9 })),
        (Native::Failed(trap()), Ok((vec![1], 5))),
    ] {
        let error = compare(native, ruling).unwrap_err();
        assert!(matches!(error, StepError::EnginesDiffer { .. }), "{error}");
        assert!(error.is_defect());
    }
    // A machine without memory for one engine says nothing about the other.
    let lack = || {
        StepError::Machine(MachineLimit::Memory {
            what: "a test",
            needed: 1,
        })
    };
    assert_eq!(compare(output(1, 9), Err(lack())), Err(lack()));
    assert_eq!(compare(Native::Failed(trap()), Err(lack())), Err(lack()));
    let undecided = Native::Undecided("a limit".into());
    assert_eq!(compare(undecided.clone(), Ok((vec![1], 5))), Ok(vec![1]));
    assert_eq!(compare(undecided, Err(trap())), Err(trap()));
    assert_eq!(compare(Native::Failed(trap()), Err(trap())), Err(trap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_programs_run_alike(
        choices in prop::collection::vec(any::<u8>(), 50..1_500),
        record in prop::collection::vec(any::<u8>(), 0..200),
        fuel in prop_oneof![Just(50_000u64), 0u64..3_000],
    ) {
        let source = random::program(&choices);
        let limits = Limits { fuel, memory_bytes: 3 * 65_536, output_bytes: 64 };
        let program = WasmtimeProgram::new(source.as_bytes(), limits).map_err(|error| {
            TestCaseError::fail(format!("{error}\n{source}"))
        })?;
        prop_assert_eq!(program.without_native_code(), None);
        let ruling = program.ruling().run_metered(&record);
        let native = program.run_native(&record);
        if let Err(error) = CrossChecked::compare(&native, ruling.clone()) {
            prop_assert_eq!(Err(error), ruling, "{:?}\n{}", native, source);
        }
    }
}

/// The generator must not make programs that all end the same way.
#[test]
fn random_programs_end_in_many_ways() {
    let (mut outputs, mut traps, mut native_outputs) = (0, 0, 0);
    let mut lower = Vec::new();
    for seed in 0u64..200 {
        let choices: Vec<u8> = (0..25u64)
            .flat_map(|i| {
                narthex_game_model::tagged::tagged_hash("test", &(seed << 8 | i).to_be_bytes())
            })
            .collect();
        let source = random::program(&choices);
        let limits = Limits {
            fuel: 50_000,
            memory_bytes: 3 * 65_536,
            output_bytes: 64,
        };
        let program = native(&source, limits);
        match program.ruling().run_metered(&[1, 2, 3]) {
            Ok((_, used)) => {
                outputs += 1;
                if let Native::Output { fuel, .. } = program.run_native(&[1, 2, 3]) {
                    native_outputs += 1;
                    lower.push(100 * used / fuel);
                }
            }
            Err(_) => traps += 1,
        }
    }
    lower.sort_unstable();
    let median = lower.get(lower.len() / 2).copied();
    println!(
        "{outputs} outputs ({native_outputs} natively), {traps} failures, used/counted {median:?} %"
    );
    assert!(outputs > 60 && native_outputs > 50 && traps > 10);
}
