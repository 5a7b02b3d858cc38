#![cfg(feature = "wasmtime")]
#![allow(clippy::unwrap_used, clippy::panic)]

use narthex_arbiter::Opinion;
use narthex_game_model::{
    computation::{PortableProgram, ProgramData, StepError, StepProgram},
    workload::load,
};

use super::engines::second;
use crate::job::Running;

/// Loops inside of loops, whose fuel native code counts more than once; then the record's first byte.
const NESTED: &str = "(local $i i32) (local $j i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $inner (i32.lt_u (local.get $j) (i32.const 40))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $outer (i32.lt_u (local.get $i) (i32.const 40))))
    (i64.const 1)";

fn program(body: &str, fuel: u64) -> PortableProgram {
    let text = format!(
        "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0))
           (func $step (export \"step\") (param $len i32) (result i64) {body}))"
    );
    PortableProgram::of(ProgramData::Wasm {
        source: text.as_bytes().into(),
        fuel,
        memory_bytes: 1 << 16,
        output_bytes: 1,
        max_units: None,
    })
}

fn wasmi(program: &PortableProgram) -> Result<Vec<u8>, StepError> {
    let program = load(program, Running::default().budget()).unwrap();
    program.run(&[7])
}

fn native(program: &PortableProgram) -> Opinion {
    second(program).unwrap().opinion(&[7])
}

/// The least fuel with which wasmi gives an output: an honest job may have no more, and both engines must be able to say so.
fn least(body: &str) -> u64 {
    let (mut short, mut enough) = (0, 1 << 20);
    while enough - short > 1 {
        let middle = (short + enough) / 2;
        match wasmi(&program(body, middle)) {
            Ok(_) => enough = middle,
            Err(_) => short = middle,
        }
    }
    enough
}

#[test]
fn native_code_has_room_for_steps_that_need_all_their_fuel() {
    let fuel = least(NESTED);
    let exact = program(NESTED, fuel);
    assert_eq!(wasmi(&exact), Ok(vec![7]));
    match native(&exact) {
        Opinion::Output { bytes, may_exceed } => {
            assert_eq!(bytes, [7]);
            assert!(
                may_exceed,
                "it counts no more than wasmi: the room is for nothing"
            );
        }
        other => panic!("{other:?}"),
    }
    // One unit less, and it has no output; that native code has one is no contradiction.
    let short = program(NESTED, fuel - 1);
    assert!(matches!(wasmi(&short), Err(StepError::OutOfFuel { .. })));
    let opinion = native(&short);
    let is_open = matches!(
        opinion,
        Opinion::Output {
            may_exceed: true,
            ..
        }
    );
    assert!(is_open, "{opinion:?}");
}

#[test]
fn what_has_no_output_has_none_natively() {
    let endless = program("(loop (br 0)) (i64.const 1)", 10_000);
    assert!(matches!(wasmi(&endless), Err(StepError::OutOfFuel { .. })));
    assert_eq!(native(&endless), Opinion::MetLimit);
    let trap = program("unreachable", 10_000);
    assert!(matches!(wasmi(&trap), Err(StepError::Trap(_))));
    assert!(matches!(native(&trap), Opinion::NoOutput(_)));
    let deep = program("(call $step (local.get $len))", 1 << 30);
    assert!(wasmi(&deep).is_err());
    let opinion = native(&deep);
    assert!(!matches!(opinion, Opinion::Output { .. }), "{opinion:?}");
}

#[test]
fn where_there_is_one_engine_it_is_said_why() {
    let mut units = program(NESTED, 10_000);
    let ProgramData::Wasm { max_units, .. } = &mut units.data else {
        panic!("{units:?}");
    };
    *max_units = Some(3);
    let words = PortableProgram::of(ProgramData::WordCount {
        partition_bytes: 160,
    });
    for (program, why) in [(units, "units"), (words, "one implementation")] {
        let none = second(&program).err().unwrap();
        assert!(none.contains(why), "{none}");
    }
}
