//! What a payer orders.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash,
};
use narthex_game_model::{commitment::SealedShape, computation::PortableProgram};

use super::StreamError;

/// Most slices of a stream: each is two messages of its provider.
pub const MAX_STREAM_SLICES: u32 = 1_024;
/// Longest program, with its limits, in bytes.
pub const MAX_STREAM_PROGRAM: usize = 64 << 10;
/// Most bytes of all records.
pub const MAX_STREAM_RECORDS: usize = 128 << 10;
/// Most bytes of a slice as it is sealed.
pub const MAX_STREAM_SEALED: usize = 128 << 10;

/// Steps of a slice that may be opened before it is paid for: its keys need one, and none is ever opened so.
pub(super) const OPENINGS: u32 = 1;

/// A program over records, in slices, at a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOrder {
    /// The bank that pays ([`BankTerms::bank`](narthex_contracts::bank::BankTerms::bank)).
    pub bank: [u8; 32],
    /// Pennies of it that were given before: what the stream pays comes behind them.
    pub first: u32,
    /// Pennies for a slice.
    pub price: u32,
    /// Number of slices, 1 to [`MAX_STREAM_SLICES`].
    pub slices: u32,
    /// Steps of a slice: one record each.
    pub steps: u32,
    /// Bytes of a step's output, as the program has it.
    pub output_bytes: u32,
    /// Bytes of a record.
    pub width: u32,
    /// The program, up to [`MAX_STREAM_PROGRAM`] bytes.
    pub program: PortableProgram,
    /// All records one after the other, up to [`MAX_STREAM_RECORDS`] bytes: those of a slice behind those of the one before.
    pub records: Vec<u8>,
}

impl StreamOrder {
    /// What the stream is known by.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/stream", &self.to_bytes())
    }

    /// What identifies the work of a slice in its commitment: no slice of another stream has the same.
    pub fn slice_id(stream: &[u8; 32], slice: u32) -> [u8; 32] {
        let bytes = [&stream[..], &slice.to_be_bytes()].concat();
        tagged_hash("narthex/stream-slice", &bytes)
    }

    /// The penny that pays for the slices up to this one; 0 are what was given before.
    pub const fn penny(&self, slices: u32) -> u32 {
        self.first.saturating_add(self.price.saturating_mul(slices))
    }

    /// How many slices so many pennies of the bank pay for.
    pub fn paid_slices(&self, pennies: u32) -> u32 {
        let of_it = pennies.saturating_sub(self.first);
        let paid = of_it.checked_div(self.price).unwrap_or(0);
        paid.min(self.slices)
    }

    /// Sizes of a slice as it is sealed.
    pub fn shape(&self) -> Option<SealedShape> {
        let output_bytes = usize::try_from(self.output_bytes).ok()?;
        let shape = SealedShape::new(self.steps.into(), output_bytes, OPENINGS)?;
        (shape.total_bytes() <= MAX_STREAM_SEALED as u64).then_some(shape)
    }

    /// The records of a slice, from 1.
    pub fn slice_records(&self, slice: u32) -> Option<&[u8]> {
        let all = usize::try_from(u64::from(self.steps) * u64::from(self.width)).ok()?;
        let before = usize::try_from(slice.checked_sub(1)?).ok()?;
        let start = before.checked_mul(all)?;
        self.records.get(start..start.checked_add(all)?)
    }

    /// Whether there can be such a stream, as far as its figures say.
    ///
    /// # Errors
    /// [`StreamError::Order`]: the fault of whoever orders it.
    pub fn check(&self) -> Result<(), StreamError> {
        let none = |what| Err(StreamError::Order(what));
        if !(1..=MAX_STREAM_SLICES).contains(&self.slices) {
            return none("so many slices");
        }
        let last = self.price.checked_mul(self.slices);
        if self.price == 0 || last.and_then(|all| self.first.checked_add(all)).is_none() {
            return none("such a price");
        }
        if self.shape().is_none() {
            return none("slices of that length");
        }
        let of_a_slice = u64::from(self.steps) * u64::from(self.width);
        let bytes = u128::from(of_a_slice) * u128::from(self.slices);
        if bytes == 0
            || bytes != self.records.len() as u128
            || self.records.len() > MAX_STREAM_RECORDS
        {
            return none("records of that length");
        }
        match self.program.to_bytes().len() <= MAX_STREAM_PROGRAM {
            true => Ok(()),
            false => none("a program of that length"),
        }
    }
}

impl Message for StreamOrder {
    const KIND: Kind = kinds::STREAM_ORDER;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank)
            .u32(self.first)
            .u32(self.price)
            .u32(self.slices)
            .u32(self.steps)
            .u32(self.output_bytes)
            .u32(self.width)
            .bytes(&self.program.to_bytes())
            .bytes(&self.records);
    }

    fn read(r: &mut Reader<'_>) -> Result<StreamOrder, DecodeError> {
        Ok(StreamOrder {
            bank: r.array("bank")?,
            first: r.u32("pennies before")?,
            price: r.u32("price")?,
            slices: r.u32("slices")?,
            steps: r.u32("steps")?,
            output_bytes: r.u32("bytes of an output")?,
            width: r.u32("bytes of a record")?,
            program: PortableProgram::from_bytes(r.bytes_up_to("program", MAX_STREAM_PROGRAM)?)?,
            records: r.bytes_up_to("records", MAX_STREAM_RECORDS)?.to_vec(),
        })
    }
}
