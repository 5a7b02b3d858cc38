//! Counters that a program carries itself, each of them ahead of what wasmi counts.
//!
//! # Fuel
//! wasmi charges at most 1 per operator, in advance: the operators of a control frame when the frame is entered (a
//! function, a turn of a loop, a branch of an `if`), where it sees through conditions also those of frames inside; 1
//! per entry; and 1 more for some `if`s. Here each entry charges for *all* operators inside the frame, those of inner
//! frames included, which are charged again when these are entered. An operator that wasmi charges for lies in a frame
//! that was entered, so nothing is missed. Operators on blocks of memory or of tables are charged by size as wasmi
//! does (64 bytes for 1), rounded up.
//!
//! # Stack
//! wasmi refuses more than [`MAX_CALL_DEPTH`] frames and more than [`MAX_STACK_BYTES`] of values. A frame has a value
//! of 8 bytes per local and operand; each is counted with a reserve, and as at least the 1,000th part of the whole, so
//! that one sum bounds both.
//!
//! Where a counter passes its limit, or memory does not grow, the program notes so and traps; what wasmi would say is
//! then asked of wasmi.

use narthex_game_model::workload::{Limits, MAX_CALL_DEPTH, MAX_STACK_BYTES};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType, Module,
    ValType,
};
use wasmparser::{
    BinaryReaderError, FuncValidatorAllocations, Operator, Parser, Payload, ValidPayload, Validator,
};

mod inject;

use inject::Injector;

/// Values of a frame that are not locals or operands of the program: a reserve.
const FRAME_RESERVE: u64 = 64;
/// Bytes per value on wasmi's stack.
const VALUE_BYTES: u64 = 8;
/// Bytes that wasmi copies for 1 unit of fuel.
const BYTES_PER_FUEL_LOG2: i64 = 6;

/// A program with counters.
#[derive(Clone, Debug)]
pub struct Metered {
    /// The program, binary.
    pub binary: Vec<u8>,
    /// Name of the exported `i64` global that counts down from the fuel of a step.
    pub fuel: String,
    /// Name of the exported `i32` global that is 1 once a limit was met.
    pub met_limit: String,
}

/// Gives counters to a valid program.
///
/// # Errors
/// [`MeterError`]; programs that wasmi accepts are none of these cases, as far as is known.
pub fn meter(binary: &[u8], limits: Limits) -> Result<Metered, MeterError> {
    let survey = survey(binary)?;
    let deepest = survey.functions.iter().map(|f| f.frame_bytes).max();
    let unique = |name: &str| {
        let mut name = format!("narthex {name}");
        while survey.exports.contains(&name) {
            name.push('\'');
        }
        name
    };
    let (fuel, met_limit) = (unique("fuel"), unique("limit"));
    let mut metering = Metering {
        inject: Injector {
            fuel: survey.globals,
            stack: survey.globals + 1,
            met_limit: survey.globals + 2,
            // The frame that is called comes on top.
            stack_limit: i32::try_from(
                (MAX_STACK_BYTES as u64).saturating_sub(deepest.unwrap_or(0)),
            )
            .unwrap_or(i32::MAX),
        },
        names: (fuel.clone(), met_limit.clone()),
        // Tables and memory that a program begins with are filled from the program itself.
        fuel: limits.fuel.min(i64::MAX as u64) as i64 - binary.len() as i64 / 8,
        functions: survey.functions.into_iter(),
    };
    let mut module = Module::new();
    metering
        .parse_core_module(&mut module, Parser::new(0), binary)
        .map_err(|error| MeterError(format!("{error:?}")))?;
    Ok(Metered {
        binary: module.finish(),
        fuel,
        met_limit,
    })
}

/// A program that could not be given counters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no counters: {0}")]
pub struct MeterError(String);

impl From<BinaryReaderError> for MeterError {
    fn from(error: BinaryReaderError) -> Self {
        Self(error.to_string())
    }
}

/// What must be known of a function before it is written.
#[derive(Debug)]
struct FunctionSurvey {
    /// Charge of each frame, in the order in which frames begin.
    charges: Vec<i64>,
    /// Parameters and locals; the next index is free.
    locals: u32,
    frame_bytes: u64,
}

#[derive(Debug, Default)]
struct Survey {
    globals: u32,
    exports: Vec<String>,
    functions: Vec<FunctionSurvey>,
}

fn survey(binary: &[u8]) -> Result<Survey, MeterError> {
    let mut survey = Survey::default();
    let mut validator = Validator::new();
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(binary) {
        let payload = payload?;
        match &payload {
            Payload::GlobalSection(section) => survey.globals = section.count(),
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    survey.exports.push(export?.name.to_owned());
                }
            }
            _ => {}
        }
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            let mut function = function.into_validator(allocations);
            let mut reader = body.get_binary_reader();
            function.read_locals(&mut reader)?;
            let mut height = 0;
            let mut charges = Charges::default();
            while !reader.eof() {
                let offset = reader.original_position();
                let operator = reader.read_operator()?;
                charges.see(&operator);
                function.op(offset, &operator)?;
                height = height.max(function.operand_stack_height());
            }
            let values = u64::from(function.len_locals()) + u64::from(height) + FRAME_RESERVE;
            survey.functions.push(FunctionSurvey {
                charges: charges.all,
                locals: function.len_locals(),
                frame_bytes: (values * VALUE_BYTES)
                    .max((MAX_STACK_BYTES / MAX_CALL_DEPTH) as u64 + 1),
            });
            allocations = function.into_allocations();
        }
    }
    Ok(survey)
}

/// Counts operators per frame.
#[derive(Debug)]
struct Charges {
    all: Vec<i64>,
    open: Vec<Frame>,
}

/// A frame that is open.
#[derive(Debug)]
struct Frame {
    /// Where its charge goes, if it has one of its own.
    index: Option<usize>,
    /// Cost of the operators in it so far, those of inner frames included.
    cost: i64,
}

impl Default for Charges {
    fn default() -> Self {
        let mut charges = Self {
            all: Vec::new(),
            open: Vec::new(),
        };
        charges.begin();
        charges
    }
}

impl Charges {
    fn see(&mut self, operator: &Operator<'_>) {
        // An `if` may cost one more where its branches meet.
        let cost = 1 + i64::from(matches!(operator, Operator::If { .. }));
        if let Some(frame) = self.open.last_mut() {
            frame.cost += cost;
        }
        match operator {
            Operator::Block { .. } => self.open.push(Frame {
                index: None,
                cost: 0,
            }),
            Operator::Loop { .. } | Operator::If { .. } => self.begin(),
            Operator::Else => {
                self.end();
                self.begin();
            }
            Operator::End => self.end(),
            _ => {}
        }
    }

    fn begin(&mut self) {
        self.open.push(Frame {
            index: Some(self.all.len()),
            cost: 0,
        });
        self.all.push(1);
    }

    fn end(&mut self) {
        let Some(frame) = self.open.pop() else {
            return;
        };
        if let Some(charge) = frame.index.and_then(|index| self.all.get_mut(index)) {
            *charge += frame.cost;
        }
        if let Some(outer) = self.open.last_mut() {
            outer.cost += frame.cost;
        }
    }
}

struct Metering {
    inject: Injector,
    names: (String, String),
    fuel: i64,
    functions: std::vec::IntoIter<FunctionSurvey>,
}

type Written = Result<(), reencode::Error<MeterError>>;

impl Reencode for Metering {
    type Error = MeterError;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Written {
        reencode::utils::parse_global_section(self, globals, section)?;
        let mut counter = |val_type, start: &ConstExpr| {
            let ty = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            globals.global(ty, start);
        };
        counter(ValType::I64, &ConstExpr::i64_const(self.fuel));
        counter(ValType::I32, &ConstExpr::i32_const(0));
        counter(ValType::I32, &ConstExpr::i32_const(0));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Written {
        reencode::utils::parse_export_section(self, exports, section)?;
        exports.export(&self.names.0, ExportKind::Global, self.inject.fuel);
        exports.export(&self.names.1, ExportKind::Global, self.inject.met_limit);
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Written {
        let missing = || reencode::Error::UserError(MeterError("a function too many".into()));
        let survey = self.functions.next().ok_or_else(missing)?;
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let mut function = Function::new(locals);
        let mut charges = survey.charges.iter().copied();
        // The survey saw these very operators: there is a charge for each frame.
        let mut charge = |function: &mut Function, inject: &Injector| {
            inject.charge(function, charges.next().unwrap_or(i64::MAX));
        };
        charge(&mut function, &self.inject);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let frame = i32::try_from(survey.frame_bytes).unwrap_or(i32::MAX);
            self.inject
                .before(&mut function, &operator, survey.locals, frame);
            function.instruction(&self.instruction(operator.clone())?);
            self.inject
                .after(&mut function, &operator, survey.locals, frame);
            if matches!(
                operator,
                Operator::Loop { .. } | Operator::If { .. } | Operator::Else
            ) {
                charge(&mut function, &self.inject);
            }
        }
        code.function(&function);
        Ok(())
    }
}
