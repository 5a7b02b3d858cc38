//! Programs as data: what a judge is given that has not been given the job, on another machine or in a box.

use std::sync::Arc;

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use crate::caps::MAX_PROGRAM_BYTES;

/// Largest file of a model, as a model is read.
const MAX_MODEL_BYTES: usize = 1 << 24;

/// A program as data. Whether it is one, and the one that was asked for, is seen when it is loaded: by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableProgram {
    /// What makes it.
    pub data: ProgramData,
    /// [`StepProgram::entropy_bits`](super::StepProgram::entropy_bits), as whoever accepted the job was told: it is no part of the id.
    pub entropy_bits: u32,
}

/// What makes a program.
#[derive(Clone, PartialEq, Eq)]
pub enum ProgramData {
    /// WebAssembly with its limits.
    Wasm {
        /// Text or binary, as its id is hashed of.
        source: Arc<[u8]>,
        /// Fuel of a step, or of a unit.
        fuel: u64,
        /// Memory of a step in bytes.
        memory_bytes: u64,
        /// Size of each output in bytes.
        output_bytes: u64,
        /// Most units of a step, where steps are cut.
        max_units: Option<u64>,
    },
    /// Inference of a model, by its file.
    Model(Arc<[u8]>),
    /// The map of a word count.
    WordCount {
        /// Bytes of a partition.
        partition_bytes: u64,
    },
    /// A round of merges of one.
    MergeTables {
        /// Bytes of a table before it.
        table_bytes: u64,
        /// Tables of a step.
        fan_in: u64,
    },
}

impl std::fmt::Debug for ProgramData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wasm { source, .. } => write!(f, "WebAssembly of {} bytes", source.len()),
            Self::Model(file) => write!(f, "model of {} bytes", file.len()),
            Self::WordCount { partition_bytes } => write!(f, "word count of {partition_bytes}"),
            Self::MergeTables {
                table_bytes,
                fan_in,
            } => write!(f, "merge of {fan_in} tables of {table_bytes} bytes"),
        }
    }
}

impl PortableProgram {
    /// Of which nothing is known of its outputs' entropy.
    pub const fn of(data: ProgramData) -> Self {
        let entropy_bits = 0;
        Self { data, entropy_bits }
    }
}

impl Message for PortableProgram {
    const KIND: Kind = kinds::PROGRAM;

    /// Bits (4), a byte that says which, then: 0 length and source, fuel (8), memory (8), output (8), and whether there are units (1) with
    /// their number (8); 1 length and file; 2 bytes of a partition (8); 3 bytes of a table (8) and tables (8).
    fn write(&self, w: &mut Writer) {
        w.u32(self.entropy_bits);
        match &self.data {
            ProgramData::Wasm {
                source,
                fuel,
                memory_bytes,
                output_bytes,
                max_units,
            } => w
                .u8(0)
                .bytes(source)
                .u64(*fuel)
                .u64(*memory_bytes)
                .u64(*output_bytes)
                .optional(max_units.as_ref(), |w, units| {
                    w.u64(*units);
                }),
            ProgramData::Model(file) => w.u8(1).bytes(file),
            ProgramData::WordCount { partition_bytes } => w.u8(2).u64(*partition_bytes),
            ProgramData::MergeTables {
                table_bytes,
                fan_in,
            } => w.u8(3).u64(*table_bytes).u64(*fan_in),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let entropy_bits = r.u32("bits of entropy")?;
        let data = match r.u8("which program")? {
            0 => ProgramData::Wasm {
                source: r.bytes_up_to("source", MAX_PROGRAM_BYTES)?.into(),
                fuel: r.u64("fuel")?,
                memory_bytes: r.u64("memory")?,
                output_bytes: r.u64("output")?,
                max_units: r.optional("units", |r| r.u64("number of units"))?,
            },
            1 => ProgramData::Model(r.bytes_up_to("model", MAX_MODEL_BYTES)?.into()),
            2 => ProgramData::WordCount {
                partition_bytes: r.u64("partition")?,
            },
            3 => ProgramData::MergeTables {
                table_bytes: r.u64("table")?,
                fan_in: r.u64("tables")?,
            },
            other => return Err(DecodeError::invalid("which program", other)),
        };
        Ok(Self { data, entropy_bits })
    }
}
