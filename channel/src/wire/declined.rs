//! An ask for a small contract that is turned away before it is anybody's.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use crate::small::Declined;

/// The ask for a small contract is turned away, and nothing of it is kept. It is of the connection, and not in an envelope: whoever keeps
/// nothing of an ask has no number to sign an answer under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskDeclined {
    /// The contract that was asked for.
    pub contract: [u8; 32],
    /// Why.
    pub why: Declined,
}

impl Message for AskDeclined {
    const KIND: Kind = kinds::WIRE_DECLINED;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.contract);
        self.why.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<AskDeclined, DecodeError> {
        let contract = r.array("contract")?;
        let why = Declined::read(r)?;
        Ok(AskDeclined { contract, why })
    }
}
