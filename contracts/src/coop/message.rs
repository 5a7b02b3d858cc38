//! An ending as it is proposed to the others.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use super::Proposal;
use crate::{
    graph::NodeName,
    party::{read_party, write_party},
    terms::Role,
};

/// The transactions whose first output the three can spend together, by their number in a message.
const SPENDABLE: [NodeName; 4] = [
    NodeName::plain("Tx0"),
    NodeName::plain("TxD"),
    NodeName::plain("TxV1"),
    NodeName::plain("TxV0"),
];

impl Message for Proposal {
    const KIND: Kind = kinds::ENDING;

    /// Which output (0 Tx0, 1 TxD, 2 TxV1, 3 TxV0; 255 for another, which nobody reads); for each payout party (1) and
    /// value (8); whether the result is revealed; attempt (4); expiry (4). At most 46 bytes.
    fn write(&self, w: &mut Writer) {
        let spends = (0u8..)
            .zip(SPENDABLE)
            .find(|(_, name)| *name == self.spends);
        w.u8(spends.map_or(u8::MAX, |(number, _)| number));
        w.list(&self.payouts, |w, (role, value)| {
            write_party(w, (*role).into());
            w.amount(*value);
        });
        w.flag(self.reveals_result)
            .u32(self.attempt)
            .u32(self.expires_height);
    }

    fn read(r: &mut Reader<'_>) -> Result<Proposal, DecodeError> {
        let number = r.u8("output to be spent")?;
        let spends = SPENDABLE.get(usize::from(number)).copied();
        let spends = spends.ok_or_else(|| DecodeError::invalid("output to be spent", number))?;
        let payouts = r.list_up_to("payouts", 9, Role::PRINCIPALS.len(), |r| {
            let party = read_party(r, "payee")?;
            match Role::principals().contains(party) {
                true => Ok((party.into(), r.amount("payout")?)),
                false => Err(DecodeError::invalid("payee", party.0)),
            }
        })?;
        Ok(Proposal {
            spends,
            payouts,
            reveals_result: r.flag("whether the result is revealed")?,
            attempt: r.u32("attempt")?,
            expires_height: r.u32("expiry")?,
        })
    }
}
