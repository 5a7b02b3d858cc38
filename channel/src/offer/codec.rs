//! The bytes of offers and answers, and of what is kept of them.

use bitcoin::FeeRate;
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    enrolment::Enrolment,
    party::{MAX_PARTIES, PartyId, read_party, write_party},
};
use narthex_game_model::{Params, computation::JobSpec};

use super::{Accept, Decline, Invited, MAX_ADDRESS, MAX_DECLINE, Offer, OfferChange, Offering};
use crate::{
    fields::{read_bundle, unknown, write_bundle},
    setup::Timing,
};

/// Most bytes of parameters.
const MAX_PARAMS: usize = 314;

fn read_text(r: &mut Reader<'_>, field: &'static str, most: usize) -> Result<String, DecodeError> {
    let text = std::str::from_utf8(r.bytes_up_to(field, most)?);
    let text = text.map_err(|error| DecodeError::invalid(field, error))?;
    Ok(text.to_owned())
}

fn read_invited(r: &mut Reader<'_>) -> Result<Invited, DecodeError> {
    let node = r.point("node")?;
    let address = read_text(r, "address", MAX_ADDRESS)?;
    // It is shown, and given to a resolver.
    match address.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Invited { node, address }),
        false => Err(DecodeError::invalid("address", "not printable")),
    }
}

impl Message for Offer {
    const KIND: Kind = kinds::NEGOTIATION;

    /// Chain (32), salt (32), parameters, job: program (32), root of its input (32), steps (8), bytes an output (8); the root of
    /// its chunks (32) and the bytes of its files (8 each); fee rate in sat/kwu (8), nodes with their addresses, patience (4), funding deadline (4), margin (4), burial (4), expiry (8), least bond of an arbiter in sat (8).
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.chain).fixed(&self.salt);
        w.bytes(&self.params.to_bytes());
        w.fixed(&self.job.program)
            .fixed(&self.job.input_root)
            .u64(self.job.steps)
            .u64(self.job.output_bytes);
        write_bundle(w, &self.bundle);
        w.u64(self.rate.to_sat_per_kwu());
        w.list(&self.parties, |w, invited| {
            w.point(&invited.node).bytes(invited.address.as_bytes());
        });
        w.u32(self.timing.patience_s)
            .u32(self.timing.funding_deadline)
            .u32(self.timing.margin)
            .u32(self.timing.burial)
            .u64(self.expires_s)
            .amount(self.bond);
    }

    fn read(r: &mut Reader<'_>) -> Result<Offer, DecodeError> {
        let (chain, salt) = (r.array("chain")?, r.array("salt")?);
        let params = Params::from_bytes(r.bytes_up_to("parameters", MAX_PARAMS)?);
        let params = params.map_err(|error| DecodeError::invalid("parameters", error))?;
        let job = JobSpec {
            program: r.array("program")?,
            input_root: r.array("root of the input")?,
            steps: r.u64("steps")?,
            output_bytes: r.u64("bytes of an output")?,
        };
        let bundle = read_bundle(r)?;
        let rate = FeeRate::from_sat_per_kwu(r.u64("fee rate")?);
        // A key and the length of an address at least.
        let parties = r.list_up_to("parties", 37, MAX_PARTIES.into(), read_invited)?;
        let timing = Timing {
            patience_s: r.u32("patience")?,
            funding_deadline: r.u32("funding deadline")?,
            margin: r.u32("margin")?,
            burial: r.u32("burial")?,
        };
        Ok(Offer {
            chain,
            salt,
            params,
            job,
            bundle,
            rate,
            parties,
            timing,
            expires_s: r.u64("expiry")?,
            bond: r.amount("bond")?,
        })
    }
}

impl Message for Offering {
    const KIND: Kind = kinds::OFFERING;

    fn write(&self, w: &mut Writer) {
        w.message(&self.offer).message(&self.enrolment);
    }

    fn read(r: &mut Reader<'_>) -> Result<Offering, DecodeError> {
        let offer = r.message::<Offer>("offer")?;
        let enrolment = r.message::<Enrolment>("enrolment")?;
        Ok(Offering { offer, enrolment })
    }
}

impl Message for Accept {
    const KIND: Kind = kinds::ACCEPT;

    fn write(&self, w: &mut Writer) {
        w.message(&self.enrolment);
        w.optional(self.bond.as_ref(), |w, bond| {
            w.message(bond);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Accept, DecodeError> {
        Ok(Accept {
            enrolment: r.message::<Enrolment>("enrolment")?,
            bond: r.optional("bond", |r| r.message("bond"))?,
        })
    }
}

impl Message for Decline {
    const KIND: Kind = kinds::DECLINE;

    fn write(&self, w: &mut Writer) {
        w.bytes(self.reason.as_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<Decline, DecodeError> {
        let reason = read_text(r, "reason", MAX_DECLINE)?;
        Ok(Decline { reason })
    }
}

impl Message for OfferChange {
    const KIND: Kind = kinds::OFFER_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Offered { me, offering } => {
                write_party(w.u8(0), *me);
                w.message(&**offering)
            }
            Self::Accepted(accept) => w.u8(1).message(&**accept),
            Self::Declined { by, reason } => {
                write_party(w.u8(2), *by);
                w.bytes(reason.as_bytes())
            }
            Self::Expired => w.u8(3),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let me: PartyId = read_party(r, "this party")?;
                let offering = Box::new(r.message::<Offering>("offer")?);
                Self::Offered { me, offering }
            }
            1 => Self::Accepted(Box::new(r.message::<Accept>("answer")?)),
            2 => Self::Declined {
                by: read_party(r, "who declines")?,
                reason: read_text(r, "reason", MAX_DECLINE)?,
            },
            3 => Self::Expired,
            kind => return Err(unknown("change", kind)),
        })
    }
}
