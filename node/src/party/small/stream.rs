//! Orders about streams over banks.

use narthex::{
    bitcoin::hex::FromHex as _, channel::stream::StreamOrder,
    game_model::computation::PortableProgram,
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::order::bad;
use crate::party::{
    Core, Fatal,
    command::{Answer, CommandError, id_of},
};

/// Work in slices that this node pays for out of a bank, slice by slice.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStream {
    /// The bank's id in hex.
    pub id: String,
    /// Pennies for a slice.
    pub price: u32,
    /// Number of slices, 1 to 1,024.
    pub slices: u32,
    /// Steps of a slice: one record each.
    pub steps: u32,
    /// Bytes of a step's output, as the program has it.
    pub output_bytes: u32,
    /// Bytes of a record.
    pub width: u32,
    /// The program with its limits in hex (`NXPG1`), up to 64 KiB of it.
    pub program: String,
    /// All records one after the other in hex, up to 128 KiB of them.
    pub records: String,
}

impl NewStream {
    /// As it is signed for; the bank fills in itself and the pennies before.
    fn order(&self) -> Result<StreamOrder, CommandError> {
        let program = Vec::<u8>::from_hex(&self.program).map_err(|error| bad(&error))?;
        Ok(StreamOrder {
            bank: [0; 32],
            first: 0,
            price: self.price,
            slices: self.slices,
            steps: self.steps,
            output_bytes: self.output_bytes,
            width: self.width,
            program: PortableProgram::from_bytes(&program).map_err(|error| bad(&error))?,
            records: Vec::<u8>::from_hex(&self.records).map_err(|error| bad(&error))?,
        })
    }
}

impl Core {
    /// The payer of a bank orders work.
    pub(super) fn order_stream(&mut self, new: &NewStream) -> Result<Answer, Fatal> {
        match id_of(&new.id).and_then(|id| Ok((id, new.order()?))) {
            Ok((id, order)) => {
                let bytes = order.to_bytes();
                self.do_with_side(id, |side, _| side.give(&bytes))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}
