//! Finds state of a program that a snapshot of memory and exported globals would not hold.

use wasmparser::{ExternalKind, Operator, Parser, Payload, ValType};

use super::ProgramError;

/// A mutable global of a program, by the name under which it is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Global {
    pub(super) name: String,
    pub(super) wide: bool,
}

/// The mutable globals by index; an error if anything else but memory can change.
///
/// The module was validated before, so reading it only fails where there is nothing to read.
pub(super) fn mutable_globals(source: &[u8]) -> Result<Vec<Global>, ProgramError> {
    let invalid = |error: &dyn std::fmt::Display| ProgramError::Invalid(error.to_string());
    let binary = wat::parse_bytes(source).map_err(|error| invalid(&error))?;
    let mut mutable: Vec<(u32, ValType)> = Vec::new();
    let mut exported: Vec<(u32, String)> = Vec::new();
    for payload in Parser::new(0).parse_all(&binary) {
        match payload.map_err(|error| invalid(&error))? {
            Payload::GlobalSection(section) => {
                // Programs import nothing, so the first global has index 0.
                for (index, global) in (0..).zip(section) {
                    let ty = global.map_err(|error| invalid(&error))?.ty;
                    mutable.extend(ty.mutable.then_some((index, ty.content_type)));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(|error| invalid(&error))?;
                    if export.kind == ExternalKind::Global {
                        exported.push((export.index, export.name.to_owned()));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader();
                for operator in operators.map_err(|error| invalid(&error))? {
                    refuse(&operator.map_err(|error| invalid(&error))?)?;
                }
            }
            _ => {}
        }
    }
    let name = |(index, ty): &(u32, ValType)| {
        let export = exported.iter().find(|(exported, _)| exported == index);
        let (_, name) = export.ok_or(ProgramError::HiddenState(
            "a mutable global is not exported",
        ))?;
        match ty {
            ValType::I32 | ValType::I64 => Ok(Global {
                name: name.clone(),
                wide: *ty == ValType::I64,
            }),
            _ => Err(ProgramError::HiddenState("a mutable global is no integer")),
        }
    };
    mutable.iter().map(name).collect()
}

fn refuse(operator: &Operator<'_>) -> Result<(), ProgramError> {
    match operator {
        Operator::TableSet { .. }
        | Operator::TableGrow { .. }
        | Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. } => Err(ProgramError::HiddenState("it changes a table")),
        Operator::DataDrop { .. } | Operator::ElemDrop { .. } => {
            Err(ProgramError::HiddenState("it drops a segment"))
        }
        _ => Ok(()),
    }
}
