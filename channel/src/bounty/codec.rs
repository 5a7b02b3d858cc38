//! What is kept of a bounty, as bytes.

use bitcoin::hashes::{Hash, sha256};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    bounty::{BountyTerms, MAX_RESULT_BYTES, RecomputerBook, RequesterBook, Work, restore},
    depth::Depth,
    setup::ContractSignatures,
};

use super::talk::read_set;
use super::{
    RecomputerChange, RecomputerCoin, RecomputerStart, RequesterChange, RequesterCoin,
    RequesterStart,
};
use crate::fields::{self, read_transaction, unknown, write_transaction};

fn write_held(w: &mut Writer, holdings: &ContractSignatures<BountyTerms>, depth: Depth) {
    fields::write_held(w, &holdings.terms().to_json(), (holdings, depth));
}

fn read_held(r: &mut Reader<'_>) -> Result<(ContractSignatures<BountyTerms>, Depth), DecodeError> {
    fields::read_held(
        r,
        BountyTerms::from_json,
        BountyTerms::to_json,
        |terms, bytes| restore(&terms, bytes),
    )
}

impl Message for RequesterChange {
    const KIND: Kind = kinds::REQUESTER_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Held(start) => {
                w.u8(0);
                write_held(w, &start.holdings, start.depth);
            }
            Self::Funded(tx) => {
                w.u8(1);
                write_transaction(w, tx);
            }
            Self::Coin(coin) => {
                w.u8(2);
                match coin {
                    RequesterCoin::Unfunded { has_room } => w.u8(0).flag(*has_room),
                    RequesterCoin::Locked { mark } => w.u8(1).u32(*mark),
                    RequesterCoin::Spent { is_deep, paid } => {
                        w.u8(2).flag(*is_deep).u8(paid.mask())
                    }
                };
            }
            Self::Envelope(envelope) => {
                w.u8(3).message(&**envelope);
            }
            Self::Sealed(seal) => {
                w.u8(4).message(&**seal);
            }
            Self::Opening(opening) => {
                w.u8(5).message(&**opening);
            }
            Self::LeaveOut(late) => {
                w.u8(6).u8(late.mask());
            }
            Self::Closed(closing) => {
                w.u8(7).message(&**closing);
            }
            Self::Delivery(delivery) => {
                w.u8(8).message(&**delivery);
            }
            Self::Share(share) => {
                w.u8(9).message(share);
            }
            Self::Settled(tx) => {
                w.u8(10);
                write_transaction(w, tx);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (holdings, depth) = read_held(r)?;
                // Whether they are the requester's.
                RequesterBook::new(holdings.clone())
                    .map_err(|e| DecodeError::invalid("requester", e))?;
                Self::Held(Box::new(RequesterStart { holdings, depth }))
            }
            1 => Self::Funded(read_transaction(r)?),
            2 => Self::Coin(match r.u8("coin")? {
                0 => RequesterCoin::Unfunded {
                    has_room: r.flag("room")?,
                },
                1 => RequesterCoin::Locked {
                    mark: r.u32("mark")?,
                },
                2 => RequesterCoin::Spent {
                    is_deep: r.flag("deep")?,
                    paid: read_set(r)?,
                },
                kind => return Err(unknown("coin", kind)),
            }),
            3 => Self::Envelope(Box::new(r.message("envelope")?)),
            4 => Self::Sealed(Box::new(r.message("seal")?)),
            5 => Self::Opening(Box::new(r.message("opening")?)),
            6 => Self::LeaveOut(read_set(r)?),
            7 => Self::Closed(Box::new(r.message("closing")?)),
            8 => Self::Delivery(Box::new(r.message("delivery")?)),
            9 => Self::Share(r.message("share")?),
            10 => Self::Settled(read_transaction(r)?),
            kind => return Err(unknown("change", kind)),
        })
    }
}

impl Message for RecomputerChange {
    const KIND: Kind = kinds::RECOMPUTER_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Held(start) => {
                w.u8(0);
                write_held(w, &start.holdings, start.depth);
            }
            Self::Coin(coin) => {
                w.u8(1);
                match coin {
                    RecomputerCoin::Unfunded => w.u8(0),
                    RecomputerCoin::Locked {
                        height,
                        is_deep,
                        is_late,
                    } => w.u8(1).u32(*height).flag(*is_deep).flag(*is_late),
                    RecomputerCoin::Spent { is_deep } => w.u8(2).flag(*is_deep),
                };
            }
            Self::Work { before, work } => {
                w.u8(2).message(&**before).bytes(&work.result);
                w.fixed(work.root.as_byte_array());
            }
            Self::Layer(envelope) => {
                w.u8(3).message(&**envelope);
            }
            Self::Envelope { tip, envelope } => {
                w.u8(4).u32(*tip).message(&**envelope);
            }
            Self::Seal(seal) => {
                w.u8(5).message(&**seal);
            }
            Self::Opening(opening) => {
                w.u8(6).message(&**opening);
            }
            Self::Closing { tip, closing } => {
                w.u8(7).u32(*tip).message(&**closing);
            }
            Self::Delivery { tip, delivery } => {
                w.u8(8).u32(*tip).message(&**delivery);
            }
            Self::Grant { tip, grant } => {
                w.u8(9).u32(*tip).message(grant);
            }
            Self::Share { tip, share } => {
                w.u8(10).u32(*tip).message(share);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (holdings, depth) = read_held(r)?;
                // Whether they are a recomputer's.
                RecomputerBook::new(holdings.clone(), depth)
                    .map_err(|e| DecodeError::invalid("recomputer", e))?;
                Self::Held(Box::new(RecomputerStart { holdings, depth }))
            }
            1 => Self::Coin(match r.u8("coin")? {
                0 => RecomputerCoin::Unfunded,
                1 => RecomputerCoin::Locked {
                    height: r.u32("height")?,
                    is_deep: r.flag("deep")?,
                    is_late: r.flag("late")?,
                },
                2 => RecomputerCoin::Spent {
                    is_deep: r.flag("deep")?,
                },
                kind => return Err(unknown("coin", kind)),
            }),
            2 => Self::Work {
                before: Box::new(r.message("envelope")?),
                work: Work {
                    result: r.bytes_up_to("result", MAX_RESULT_BYTES)?.to_vec(),
                    root: sha256::Hash::from_byte_array(r.array("root")?),
                },
            },
            3 => Self::Layer(Box::new(r.message("envelope")?)),
            4 => Self::Envelope {
                tip: r.u32("tip")?,
                envelope: Box::new(r.message("envelope")?),
            },
            5 => Self::Seal(Box::new(r.message("seal")?)),
            6 => Self::Opening(Box::new(r.message("opening")?)),
            7 => Self::Closing {
                tip: r.u32("tip")?,
                closing: Box::new(r.message("closing")?),
            },
            8 => Self::Delivery {
                tip: r.u32("tip")?,
                delivery: Box::new(r.message("delivery")?),
            },
            9 => Self::Grant {
                tip: r.u32("tip")?,
                grant: r.message("grant")?,
            },
            10 => Self::Share {
                tip: r.u32("tip")?,
                share: r.message("share")?,
            },
            kind => return Err(unknown("change", kind)),
        })
    }
}
