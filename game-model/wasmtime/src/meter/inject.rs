//! The instructions that count.

use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::Operator;

use super::BYTES_PER_FUEL_LOG2;

/// Where the counters are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Injector {
    pub(super) fuel: u32,
    pub(super) stack: u32,
    pub(super) met_limit: u32,
    pub(super) stack_limit: i32,
}

impl Injector {
    /// Takes a fixed amount of fuel.
    pub(super) fn charge(&self, f: &mut Function, amount: i64) {
        f.instruction(&Instruction::GlobalGet(self.fuel))
            .instruction(&Instruction::I64Const(amount))
            .instruction(&Instruction::I64Sub)
            .instruction(&Instruction::GlobalSet(self.fuel));
        self.check_fuel(f);
    }

    /// What an operator needs in front: fuel by size, or a frame on the stack. `spare` is a free local.
    pub(super) fn before(&self, f: &mut Function, op: &Operator<'_>, spare: u32, frame: i32) {
        match op {
            Operator::Call { .. } | Operator::CallIndirect { .. } => self.push_frame(f, frame),
            // A page is 2^16 bytes.
            Operator::MemoryGrow { .. } => self.charge_sized(f, spare, |f| {
                f.instruction(&Instruction::I64Const(16 - BYTES_PER_FUEL_LOG2))
                    .instruction(&Instruction::I64Shl);
            }),
            Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. } => {
                self.charge_sized(f, spare, |f| {
                    f.instruction(&Instruction::I64Const(BYTES_PER_FUEL_LOG2))
                        .instruction(&Instruction::I64ShrU);
                });
            }
            // An element is smaller than what is copied for 1.
            Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => self.charge_sized(f, spare, |_| ()),
            _ => {}
        }
    }

    /// What an operator needs behind.
    pub(super) fn after(&self, f: &mut Function, op: &Operator<'_>, spare: u32, frame: i32) {
        match op {
            Operator::Call { .. } | Operator::CallIndirect { .. } => self.move_stack(f, -frame),
            // Under wasmi a growth that fails ends the step.
            Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => {
                f.instruction(&Instruction::LocalTee(spare))
                    .instruction(&Instruction::LocalGet(spare))
                    .instruction(&Instruction::I32Const(-1))
                    .instruction(&Instruction::I32Eq);
                self.stop_if(f);
            }
            _ => {}
        }
    }

    /// Takes fuel by the number on top of the stack, which stays there, scaled.
    fn charge_sized(&self, f: &mut Function, spare: u32, scale: impl Fn(&mut Function)) {
        f.instruction(&Instruction::LocalTee(spare))
            .instruction(&Instruction::GlobalGet(self.fuel))
            .instruction(&Instruction::LocalGet(spare))
            .instruction(&Instruction::I64ExtendI32U);
        scale(f);
        f.instruction(&Instruction::I64Sub)
            .instruction(&Instruction::I64Const(1))
            .instruction(&Instruction::I64Sub)
            .instruction(&Instruction::GlobalSet(self.fuel));
        self.check_fuel(f);
    }

    fn push_frame(&self, f: &mut Function, frame: i32) {
        self.move_stack(f, frame);
        f.instruction(&Instruction::GlobalGet(self.stack))
            .instruction(&Instruction::I32Const(self.stack_limit))
            .instruction(&Instruction::I32GtS);
        self.stop_if(f);
    }

    fn move_stack(&self, f: &mut Function, by: i32) {
        f.instruction(&Instruction::GlobalGet(self.stack))
            .instruction(&Instruction::I32Const(by))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::GlobalSet(self.stack));
    }

    fn check_fuel(&self, f: &mut Function) {
        f.instruction(&Instruction::GlobalGet(self.fuel))
            .instruction(&Instruction::I64Const(0))
            .instruction(&Instruction::I64LtS);
        self.stop_if(f);
    }

    /// Stops for a limit if the number on top of the stack is not 0.
    fn stop_if(&self, f: &mut Function) {
        f.instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::I32Const(1))
            .instruction(&Instruction::GlobalSet(self.met_limit))
            .instruction(&Instruction::Unreachable)
            .instruction(&Instruction::End);
    }
}
