//! A real job: reading handwritten digits.
//!
//! The data set is *Optical Recognition of Handwritten Digits* (E. Alpaydin and C. Kaynak, 1998,
//! UCI Machine Learning Repository, doi 10.24432/C50P49, CC BY 4.0), shipped in `data/digits.csv`:
//! 1,797 images of 8x8 pixels with values 0 to 16. The program holds labelled images and finds the
//! three nearest to its input record; one image is one step.

use std::fmt::Write as _;

use super::wasm::{Limits, ProgramError, WasmProgram, WasmUnitProgram};
use crate::commitment::TreeError;
use crate::computation::{Job, Stated};
use crate::records::{Records, RecordsError};

/// Values per image.
pub const PIXELS: usize = 64;
/// Largest value of a pixel.
pub const MAX_PIXEL: u8 = 16;
/// Size of each output: digit, votes, distance of the nearest image (16 bits), trace (32 bits), both little-endian.
pub const OUTPUT_BYTES: usize = 8;
/// Bits of entropy that an output has for who has not run the step. Digit and votes have next to none and the distance of the
/// nearest image 6, which is less than a step of this fuel needs to seal a token; the trace mixes the distances of all
/// labelled images, and nobody has it who has not compared with each. A test measures as much over thousands of images.
pub const ENTROPY_BITS: u32 = 12;
/// Labelled images in the demonstration job; the other rows are its input.
pub const REFERENCE_ROWS: usize = 900;

/// Most labelled images that fit below the input in the program's memory.
const MAX_REFERENCE_ROWS: usize = (131_072 - 4) / (PIXELS + 1);
const DATA: &str = include_str!("../../data/digits.csv");
const PROGRAM: &str = include_str!("nearest.wat");
const UNIT_PROGRAM: &str = include_str!("nearest_units.wat");
/// The dearest step over [`REFERENCE_ROWS`] images takes 1.4 million; this is enough for the largest
/// reference too.
const FUEL_PER_STEP: u64 = 8_000_000;
/// One image compared with another takes about 1,700.
const FUEL_PER_UNIT: u64 = 10_000;
/// Three pages, which the program has and cannot grow.
const MEMORY_BYTES: u64 = 3 * 65_536;

/// Images with the digit that each shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled(Vec<[u8; PIXELS + 1]>);

impl Labelled {
    /// The shipped data set.
    ///
    /// # Errors
    /// None for the file as shipped; it is read like any other.
    pub fn shipped() -> Result<Self, DigitsError> {
        Self::from_csv(DATA)
    }

    /// Reads rows of 64 pixels and a digit.
    ///
    /// # Errors
    /// [`DigitsError`] with the number of the bad line.
    pub fn from_csv(text: &str) -> Result<Self, DigitsError> {
        let records = Records::from_csv(text, PIXELS + 1, MAX_PIXEL)?;
        let rows: Vec<[u8; PIXELS + 1]> = records
            .iter()
            .filter_map(|row| row.try_into().ok())
            .collect();
        match rows.iter().position(|row| row[PIXELS] > 9) {
            Some(position) => Err(DigitsError::Label {
                row: position + 1,
                label: rows[position][PIXELS],
            }),
            None => Ok(Self(rows)),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first `count` images and the rest.
    pub fn split(mut self, count: usize) -> (Self, Self) {
        let rest = self.0.split_off(count.min(self.0.len()));
        (self, Self(rest))
    }

    /// The digits.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = u8> {
        self.0.iter().map(|row| row[PIXELS])
    }

    /// The images alone, as input of a job.
    ///
    /// # Errors
    /// [`RecordsError::Empty`] without any.
    pub fn images(&self) -> Result<Records, RecordsError> {
        let bytes = self.0.iter().flat_map(|row| &row[..PIXELS]).copied();
        Records::from_bytes(PIXELS, bytes.collect())
    }
}

/// Reads a user's own images: rows of 64 integers from 0 to 16.
///
/// # Errors
/// [`RecordsError`] with the number of the bad line.
pub fn images_from_csv(text: &str) -> Result<Records, RecordsError> {
    Records::from_csv(text, PIXELS, MAX_PIXEL)
}

/// Source and limits of the classifier with these labelled images built in, for any engine.
///
/// # Errors
/// [`DigitsError::Reference`] unless there are 3 to 2,016 of them.
pub fn source(reference: &Labelled) -> Result<(Vec<u8>, Limits), DigitsError> {
    let limits = Limits {
        fuel: FUEL_PER_STEP,
        memory_bytes: MEMORY_BYTES,
        output_bytes: OUTPUT_BYTES,
    };
    Ok((with_reference(PROGRAM, reference)?, limits))
}

/// The classifier with these labelled images built in.
///
/// # Errors
/// As [`source`].
pub fn program(reference: &Labelled) -> Result<Stated<WasmProgram>, DigitsError> {
    let (source, limits) = source(reference)?;
    Ok(stated(WasmProgram::new(&source, limits)?))
}

/// A program that gives these outputs, with what is known of them ([`ENTROPY_BITS`]).
pub const fn stated<P>(program: P) -> Stated<P> {
    Stated {
        program,
        entropy_bits: ENTROPY_BITS,
    }
}

/// The same classifier in units of one labelled image each: the same outputs, another job.
///
/// # Errors
/// As [`source`].
pub fn unit_program(reference: &Labelled) -> Result<Stated<WasmUnitProgram>, DigitsError> {
    let limits = Limits {
        fuel: FUEL_PER_UNIT,
        memory_bytes: MEMORY_BYTES,
        output_bytes: OUTPUT_BYTES,
    };
    let source = with_reference(UNIT_PROGRAM, reference)?;
    let program = WasmUnitProgram::new(&source, limits, reference.len() as u64)?;
    Ok(stated(program))
}

fn with_reference(program: &str, reference: &Labelled) -> Result<Vec<u8>, DigitsError> {
    let rows = reference.len();
    if !(3..=MAX_REFERENCE_ROWS).contains(&rows) {
        return Err(DigitsError::Reference { rows });
    }
    // At most 2,016 rows, so the count fits 32 bits.
    let count = (rows as u32).to_le_bytes();
    let mut data = String::with_capacity(3 * (4 + rows * (PIXELS + 1)));
    for byte in count.iter().chain(reference.0.iter().flatten()) {
        // Writing to a string cannot fail.
        let _ = write!(data, "\\{byte:02x}");
    }
    Ok(program.replace("@REFERENCE@", &data).into_bytes())
}

/// The demonstration job: the first 900 shipped images are the reference; the input is `input`,
/// or the other 897 images.
///
/// # Errors
/// [`DigitsError`]; none for the shipped data.
pub fn job(input: Option<Records>) -> Result<Job<Stated<WasmProgram>>, DigitsError> {
    let (reference, rest) = Labelled::shipped()?.split(REFERENCE_ROWS);
    let input = match input {
        Some(records) => records,
        None => rest.images()?,
    };
    Ok(Job::new(program(&reference)?, input)?)
}

/// What one output says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// The digit read.
    pub digit: u8,
    /// How many of the three nearest labelled images show it.
    pub votes: u8,
    /// Squared distance of the nearest one.
    pub distance: u16,
    /// What the comparisons with all labelled images came to.
    pub trace: u32,
}

/// The predictions in a result: the outputs of all steps one after the other. Bytes behind the
/// last whole output are not read.
pub fn predictions(result: &[u8]) -> impl ExactSizeIterator<Item = Prediction> {
    result.chunks_exact(OUTPUT_BYTES).map(|output| Prediction {
        digit: output[0],
        votes: output[1],
        distance: u16::from_le_bytes([output[2], output[3]]),
        trace: u32::from_le_bytes([output[4], output[5], output[6], output[7]]),
    })
}

/// Why there is no digits job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigitsError {
    /// The file is bad.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// A label is no digit.
    #[error("row {row}: label {label} is not between 0 and 9")]
    Label {
        /// Number of the row, from 1.
        row: usize,
        /// The label found.
        label: u8,
    },
    /// Too few or too many labelled images.
    #[error("{rows} labelled images; the program takes 3 to {MAX_REFERENCE_ROWS}")]
    Reference {
        /// Number of images.
        rows: usize,
    },
    /// The program did not compile.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The input makes no tree.
    #[error(transparent)]
    Input(#[from] TreeError),
}
