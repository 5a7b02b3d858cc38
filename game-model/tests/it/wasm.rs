//! WebAssembly steps: every way to misbehave has a name, and the digits job is right.

use narthex_game_model::caps::{MAX_MEMORY_BYTES, MAX_STEP_FUEL};
use narthex_game_model::computation::{Computation, StepError, StepProgram};
use narthex_game_model::workload::digits::{self, DigitsError, Labelled};
use narthex_game_model::workload::{
    Limits, LineFault, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, ProgramError, Records, RecordsError,
    WasmProgram,
};

const LIMITS: Limits = Limits {
    fuel: 10_000,
    memory_bytes: 65_536,
    output_bytes: 2,
};

fn compile(source: &str) -> Result<WasmProgram, ProgramError> {
    WasmProgram::new(source.as_bytes(), LIMITS)
}

/// A program whose step has this body; input at 0, one page of memory.
fn program(body: &str) -> WasmProgram {
    compile(&format!(
        "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
         (func $step (export \"step\") (param i32) (result i64) {body}))"
    ))
    .unwrap()
}

fn error(body: &str) -> StepError {
    program(body).run(&[1, 2]).unwrap_err()
}

#[test]
fn a_step_gets_its_record_and_nothing_else() {
    // Output: the first two bytes, plus what the step before left in memory (nothing).
    let body = "(i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) \
                (i32.load8_u (i32.const 100)))) \
                (i32.store8 (i32.const 100) (i32.const 50)) (i64.const 2)";
    let program = program(body);
    for _ in 0..3 {
        assert_eq!(program.run(&[7, 8]).unwrap(), [7, 8]);
    }
    let costs: Vec<u64> = (0..3)
        .map(|_| program.run_metered(&[7, 8]).unwrap().1)
        .collect();
    assert!(
        costs[0] > 0 && costs.iter().all(|cost| *cost == costs[0]),
        "{costs:?}"
    );
}

#[test]
fn each_failing_step_is_named() {
    assert_eq!(
        error("(loop (br 0)) (i64.const 2)"),
        StepError::OutOfFuel { limit: 10_000 }
    );
    assert!(matches!(error("unreachable"), StepError::Trap(_)));
    let division = "(drop (i32.div_u (i32.const 1) (i32.const 0))) (i64.const 2)";
    assert!(matches!(error(division), StepError::Trap(text) if text.contains("zero")));
    assert!(
        matches!(error("(call $step (local.get 0))"), StepError::Trap(_)),
        "deep recursion"
    );
    let wild = "(i64.extend_i32_u (i32.load (i32.const 70000)))";
    assert!(matches!(error(wild), StepError::Trap(_)));
    let grow = "(drop (memory.grow (i32.const 1))) (i64.const 2)";
    assert_eq!(error(grow), StepError::MemoryLimit { limit: 65_536 });
    assert_eq!(error("(i64.const 0)"), StepError::NoOutput);
    assert_eq!(
        error("(i64.const 3)"),
        StepError::WrongOutputSize {
            expected: 2,
            found: 3
        }
    );
    assert_eq!(
        error("(i64.const 0xffffffff)"),
        StepError::OversizedOutput {
            limit: MAX_OUTPUT_BYTES,
            found: u32::MAX as usize
        }
    );
    assert_eq!(
        error("(i64.const 0xffff00000002)"),
        StepError::OutputOutOfBounds {
            address: 0xffff,
            bytes: 2
        }
    );
    let too_long = vec![0; 65_537];
    assert_eq!(
        program("(i64.const 2)").run(&too_long),
        Err(StepError::RecordDoesNotFit { bytes: 65_537 })
    );
    let two_pages = compile(
        "(module (memory (export \"memory\") 2) (global (export \"input\") i32 (i32.const 0)) \
         (func (export \"step\") (param i32) (result i64) (i64.const 2)))",
    );
    // No step of such a program could run, so it is refused before there is one.
    let refused = two_pages.map(|program| program.id());
    let (limit, least) = (65_536, 2 * 65_536);
    let too_small = ProgramError::MemoryBelowMinimum { limit, least };
    assert_eq!(refused, Err(too_small));
}

/// Somebody bounds what an arbiter may have to compute: no limit of a program is beyond what any job may have.
#[test]
fn a_job_cannot_be_unjudgeable() {
    let source =
        br#"(module (memory (export "memory") 1) (global (export "input") i32 (i32.const 0))
        (func (export "step") (param i32) (result i64) (loop $l (br $l)) unreachable))"#;
    let made = |limits: Limits| WasmProgram::new(source, limits).map(|program| program.limits());
    let most = Limits {
        fuel: MAX_STEP_FUEL,
        memory_bytes: MAX_MEMORY_BYTES,
        output_bytes: MAX_OUTPUT_BYTES,
    };
    assert_eq!(made(most), Ok(most));
    for fuel in [MAX_STEP_FUEL + 1, u64::MAX] {
        let units = 1;
        let refused = made(Limits { fuel, ..most }).unwrap_err();
        assert_eq!(refused, ProgramError::Fuel { fuel, units });
        assert!(refused.to_string().contains(&fuel.to_string()), "{refused}");
    }
    for found in [MAX_MEMORY_BYTES + 1, u64::MAX] {
        let memory_bytes = found;
        let refused = made(Limits {
            memory_bytes,
            ..most
        });
        assert_eq!(refused, Err(ProgramError::Memory { found }));
    }
}

#[test]
fn tables_are_few_and_small_and_do_not_grow() {
    let made = |rest: &str| {
        compile(&format!(
            "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
             (func (export \"step\") (param i32) (result i64) (i64.const 2)) {rest})"
        ))
        .map(|program| program.run(&[1]).is_ok())
    };
    assert_eq!(made("(table 10000 funcref)"), Ok(true));
    let refused = |rest: &str| match made(rest) {
        Err(ProgramError::Tables(what)) => what,
        other => panic!("{rest}: {other:?}"),
    };
    assert_eq!(refused("(table 10001 funcref)"), "too large a table");
    assert_eq!(made(&"(table 9 funcref)".repeat(100)), Ok(true));
    let many = made(&"(table 9 funcref)".repeat(101));
    assert!(matches!(many, Err(ProgramError::Invalid(_))), "{many:?}");
    let grows = "(table $t 1 funcref) (func (drop (table.grow $t (ref.null func) (i32.const 1))))";
    assert_eq!(refused(grows), "a table that grows");
}

/// Text of any depth is refused or read, on the smallest of stacks.
#[test]
fn deeply_nested_text_does_not_exhaust_the_host() {
    let deep = |open: &str, close: &str, times: usize| {
        format!(
            "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
             (func (export \"step\") (param i32) (result i64) {}(nop){} (i64.const 2)))",
            open.repeat(times),
            close.repeat(times)
        )
    };
    let run = move || {
        for (open, close) in [
            ("(", ")"),
            ("(block ", ")"),
            ("block ", " end"),
            ("loop ", " end"),
            ("i32.const 1 if ", " end"),
            ("(if (i32.const 1) (then ", "))"),
            ("(; ", " ;)"),
        ] {
            let program = compile(&deep(open, close, 50_000));
            // Whether it is a program is the parser's matter; that there is an answer is ours.
            if let Ok(program) = program {
                assert!(matches!(
                    program.run(&[1]),
                    Ok(_)
                        | Err(StepError::OutOfFuel { .. })
                        | Err(StepError::OutputOutOfBounds { .. })
                        | Err(StepError::Trap(_))
                ));
            }
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(run)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn each_bad_program_is_named() {
    let missing = |name| Err(ProgramError::Missing(name));
    let id = |source: &str| compile(source).map(|p| p.id());
    assert_eq!(id("(module)"), missing("memory"));
    let memory = "(memory (export \"memory\") 1)";
    assert_eq!(id(&format!("(module {memory})")), missing("input"));
    let input = "(global (export \"input\") i32 (i32.const 0))";
    assert_eq!(id(&format!("(module {memory} {input})")), missing("step"));
    let step = |rest: &str| id(&format!("(module {memory} {input} {rest})"));
    let typed = step("(func (export \"step\"))");
    assert_eq!(
        typed,
        Err(ProgramError::Type("step", "a function from i32 to i64"))
    );
    let import = id("(module (import \"env\" \"clock\" (func)))");
    assert_eq!(import, Err(ProgramError::Import("env.clock".into())));
    let good = "(func (export \"step\") (param i32) (result i64) (i64.const 1))";
    assert!(step(good).is_ok());
    for forbidden in [
        "(func (drop (f64.add (f64.const 1) (f64.const 1))))",
        "(func (drop (v128.const i64x2 1 1)))",
        "(memory 1)",
        "(func $start) (start $start)",
    ] {
        let result = step(&format!("{good} {forbidden}"));
        assert!(
            matches!(result, Err(ProgramError::Invalid(_))),
            "{forbidden}: {result:?}"
        );
    }
    assert!(matches!(id("nonsense"), Err(ProgramError::Invalid(_))));
    let huge = vec![b' '; MAX_PROGRAM_BYTES + 1];
    let too_large = WasmProgram::new(&huge, LIMITS).unwrap_err();
    assert_eq!(
        too_large,
        ProgramError::TooLarge {
            bytes: MAX_PROGRAM_BYTES + 1
        }
    );
    for bytes in [0, MAX_OUTPUT_BYTES + 1] {
        let limits = Limits {
            output_bytes: bytes,
            ..LIMITS
        };
        let refused = WasmProgram::new(b"(module)", limits).unwrap_err();
        assert_eq!(refused, ProgramError::OutputSize { bytes });
    }
}

#[test]
fn limits_are_part_of_the_identity() {
    let source =
        b"(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
        (func (export \"step\") (param i32) (result i64) (i64.const 1)))";
    let id = |limits| WasmProgram::new(source, limits).unwrap().id();
    assert_ne!(
        id(LIMITS),
        id(Limits {
            fuel: 9_999,
            ..LIMITS
        })
    );
    assert_ne!(
        id(LIMITS),
        id(Limits {
            memory_bytes: 65_537,
            ..LIMITS
        })
    );
    assert_ne!(
        id(LIMITS),
        id(Limits {
            output_bytes: 1,
            ..LIMITS
        })
    );
}

/// The same classifier in Rust, written from the description in the program's header.
fn nearest(reference: &[(Vec<i32>, u8)], image: &[u8]) -> Vec<u8> {
    let mut ranked: Vec<(i32, usize)> = reference
        .iter()
        .enumerate()
        .map(|(position, (pixels, _))| {
            let gap = |(a, b): (&i32, &u8)| (a - i32::from(*b)).pow(2);
            (pixels.iter().zip(image).map(gap).sum(), position)
        })
        .collect();
    ranked.sort_unstable();
    let labels: Vec<u8> = ranked[..3]
        .iter()
        .map(|(_, position)| reference[*position].1)
        .collect();
    let digit = if labels[1] == labels[2] {
        labels[1]
    } else {
        labels[0]
    };
    let votes = labels.iter().filter(|label| **label == digit).count() as u8;
    let mut output = vec![digit, votes];
    output.extend((ranked[0].0 as u16).to_le_bytes());
    output.extend(trace(reference, image).to_le_bytes());
    output
}

/// What the comparisons come to: each row of eight pixels of a labelled image is added up until the sum is no nearer than
/// the third of those before.
fn trace(reference: &[(Vec<i32>, u8)], image: &[u8]) -> u32 {
    let (mut nearest, mut trace) = ([i32::MAX; 3], 0x811c_9dc5_u32);
    for (pixels, _) in reference {
        let gaps: Vec<i32> = pixels
            .iter()
            .zip(image)
            .map(|(a, b)| (a - i32::from(*b)).pow(2))
            .collect();
        let mut rows = (1..=8).map(|rows| gaps[..8 * rows].iter().sum::<i32>());
        let whole = gaps.iter().sum();
        let compared = rows.find(|sum| *sum >= nearest[2]).unwrap_or(whole);
        trace = (trace ^ compared as u32).wrapping_mul(16_777_619);
        if compared < nearest[2] {
            nearest[2] = compared;
            nearest.sort_unstable();
        }
    }
    trace
}

#[test]
fn the_digits_program_equals_an_implementation_in_rust_and_reads_well() {
    let (reference, rest) = Labelled::shipped().unwrap().split(digits::REFERENCE_ROWS);
    assert_eq!((reference.len(), rest.len()), (900, 897));
    let rows: Vec<(Vec<i32>, u8)> = reference
        .images()
        .unwrap()
        .iter()
        .map(|image| image.iter().map(|pixel| i32::from(*pixel)).collect())
        .zip(reference.labels())
        .collect();
    let job = digits::job(None).unwrap();
    let (mut right, mut dearest) = (0, 0);
    for ((index, image), label) in (0..).zip(rest.images().unwrap().iter()).zip(rest.labels()) {
        let (output, fuel) = job.program().program.run_metered(image).unwrap();
        assert_eq!(output, nearest(&rows, image), "image {index}");
        assert_eq!(job.step(index).unwrap(), output);
        right += usize::from(digits::predictions(&output).all(|p| p.digit == label));
        dearest = dearest.max(fuel);
    }
    // 862 of 897 is what the rule gives; it is a figure of the data, not of the engine.
    println!(
        "{right} of {} right, dearest step {dearest} fuel",
        rest.len()
    );
    assert!(right * 100 >= 95 * rest.len());
    assert!(dearest * 3 < job.program().program.limits().fuel);
}

#[test]
fn a_users_own_images_are_validated_line_by_line() {
    let row = |value: &str| [value; 64].join(",");
    let line = |line, fault| Err(RecordsError::Line { line, fault });
    let good = row("16");
    let records = digits::images_from_csv(&format!("{good}\r\n\n {} \n", row(" 0"))).unwrap();
    assert_eq!((records.len(), records.width()), (2, 64));
    assert_eq!(digits::job(Some(records)).unwrap().steps(), 2);

    let short = digits::images_from_csv(&format!("{good}\n1,2,3\n"));
    assert_eq!(
        short,
        line(
            2,
            LineFault::Columns {
                expected: 64,
                found: 3
            }
        )
    );
    let large = digits::images_from_csv(&format!("{good}\n\n{}", row("17")));
    assert_eq!(
        large,
        line(
            3,
            LineFault::OutOfRange {
                column: 1,
                value: 17,
                max: 16
            }
        )
    );
    assert_eq!(
        large.unwrap_err().to_string(),
        "line 3: column 1: 17 is not between 0 and 16"
    );
    let negative = digits::images_from_csv(&row("-1"));
    assert_eq!(
        negative,
        line(
            1,
            LineFault::OutOfRange {
                column: 1,
                value: -1,
                max: 16
            }
        )
    );
    let text = digits::images_from_csv(&good.replacen("16", "1.5", 1));
    let fault = LineFault::NotAnInteger {
        column: 1,
        text: "1.5".into(),
    };
    assert_eq!(text, line(1, fault));
    assert_eq!(digits::images_from_csv("\n\n"), Err(RecordsError::Empty));
    assert_eq!(
        Records::from_bytes(64, vec![0; 65]),
        Err(RecordsError::Ragged {
            bytes: 65,
            width: 64
        })
    );
    let label = Labelled::from_csv(&format!("{good},9\n{good},10\n"));
    assert_eq!(label, Err(DigitsError::Label { row: 2, label: 10 }));
    let few = Labelled::from_csv(&format!("{good},9\n")).unwrap();
    assert_eq!(
        digits::program(&few).unwrap_err(),
        DigitsError::Reference { rows: 1 }
    );
}

/// The engine must not use the host's stack per executed instruction, in any build profile.
#[test]
fn long_steps_run_on_a_small_stack() {
    let limits = Limits {
        fuel: 50_000_000,
        ..LIMITS
    };
    let source =
        b"(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 0)) \
        (func (export \"step\") (param i32) (result i64) (local $i i32) \
          (loop (local.set $i (i32.add (local.get $i) (i32.const 1))) \
            (br_if 0 (i32.lt_u (local.get $i) (i32.const 5000000)))) \
          (i64.const 2)))";
    let run = move || {
        WasmProgram::new(source, limits)
            .unwrap()
            .run(&[1, 2])
            .unwrap()
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(run)
        .unwrap();
    assert_eq!(thread.join().unwrap(), [1, 2]);
}
