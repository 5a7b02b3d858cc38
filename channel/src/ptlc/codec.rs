//! What is kept of a forwarded payment, as bytes.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use super::{Expiry, Forward, ForwardChange, Offer, Ptlc, PtlcId, Upstream};

impl Message for ForwardChange {
    const KIND: Kind = kinds::FORWARD_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Offered(offer) => {
                w.u8(0).message(&offer.order);
                write_ptlc(w, &offer.incoming);
                write_ptlc(w, &offer.outgoing);
            }
            Self::Sent => {
                w.u8(1);
            }
            Self::Revealed(secret) => {
                w.u8(2).scalar(secret);
            }
            Self::Paid => {
                w.u8(3);
            }
            Self::Collected => {
                w.u8(4);
            }
            Self::Upstream(upstream) => {
                let upstream = match upstream {
                    Upstream::Open => 0,
                    Upstream::Closing => 1,
                    Upstream::Gone => 2,
                };
                w.u8(5).u8(upstream);
            }
            Self::Ended => {
                w.u8(6);
            }
            Self::Failed => {
                w.u8(7);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => Self::Offered(Box::new(Offer {
                order: r.message::<Forward>("order")?,
                incoming: read_ptlc(r)?,
                outgoing: read_ptlc(r)?,
            })),
            1 => Self::Sent,
            2 => Self::Revealed(r.scalar("secret")?),
            3 => Self::Paid,
            4 => Self::Collected,
            5 => Self::Upstream(match r.u8("upstream")? {
                0 => Upstream::Open,
                1 => Upstream::Closing,
                2 => Upstream::Gone,
                found => return Err(DecodeError::invalid("upstream", found)),
            }),
            6 => Self::Ended,
            7 => Self::Failed,
            found => return Err(DecodeError::invalid("change", found)),
        })
    }
}

fn write_ptlc(w: &mut Writer, ptlc: &Ptlc) {
    w.fixed(&ptlc.id.0)
        .amount(ptlc.amount)
        .point(&ptlc.point)
        .u32(ptlc.expiry.height)
        .flag(ptlc.expiry.window.is_some());
    if let Some(window) = ptlc.expiry.window {
        w.u16(window);
    }
}

fn read_ptlc(r: &mut Reader<'_>) -> Result<Ptlc, DecodeError> {
    Ok(Ptlc {
        id: PtlcId(r.array("id")?),
        amount: r.amount("amount")?,
        point: r.point("point")?,
        expiry: Expiry {
            height: r.u32("height")?,
            window: match r.flag("window")? {
                true => Some(r.u16("window")?),
                false => None,
            },
        },
    })
}
