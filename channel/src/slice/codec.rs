//! What is kept of a slice, as bytes.

use bitcoin::hashes::{Hash, sha256};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    depth::Depth,
    setup::ContractSignatures,
    slice::{ClientBook, Opening, ProviderBook, SliceTerms, signatures},
};

use super::{ClientChange, ClientPrice, ClientStart, ProviderChange, ProviderPrice, ProviderStart};
use crate::fields::{self, read_transaction, unknown, write_transaction};

fn write_held(w: &mut Writer, holdings: &ContractSignatures<SliceTerms>, depth: Depth) {
    fields::write_held(w, &holdings.terms().to_json(), (holdings, depth));
}

fn read_held(r: &mut Reader<'_>) -> Result<(ContractSignatures<SliceTerms>, Depth), DecodeError> {
    fields::read_held(r, SliceTerms::from_json, SliceTerms::to_json, signatures)
}

impl Message for ProviderChange {
    const KIND: Kind = kinds::SLICE_PROVIDER_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Held(start) => {
                w.u8(0).u8(start.own);
                write_held(w, &start.holdings, start.depth);
            }
            Self::Price(price) => {
                w.u8(1);
                match price {
                    ProviderPrice::Unfunded => w.u8(0),
                    ProviderPrice::Locked {
                        height,
                        is_deep,
                        is_over,
                    } => w.u8(1).u32(*height).flag(*is_deep).flag(*is_over),
                    ProviderPrice::Spent { is_deep } => w.u8(2).flag(*is_deep),
                    ProviderPrice::Claimed {
                        funded,
                        is_deep,
                        is_over,
                        is_closed,
                    } => (w.u8(3).u32(*funded))
                        .flag(*is_deep)
                        .flag(*is_over)
                        .flag(*is_closed),
                };
            }
            Self::Committed { post, opening } => {
                w.u8(2).message(&**post);
                w.scalar(&opening.x).fixed(opening.root.as_byte_array());
            }
            Self::Posted(post) => {
                w.u8(3).message(&**post);
            }
            Self::Released(bundle) => {
                w.u8(4).message(bundle);
            }
            Self::Share((from, value)) => {
                w.u8(5).u8(*from).scalar(value);
            }
            Self::Lied(evidence) => {
                w.u8(6).message(&**evidence);
            }
            Self::Claimed(tx) => {
                w.u8(7);
                write_transaction(w, tx);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let own = r.u8("provider")?;
                let (holdings, depth) = read_held(r)?;
                // Whether they are this provider's.
                ProviderBook::new(holdings.clone(), own, depth)
                    .map_err(|e| DecodeError::invalid("provider", e))?;
                Self::Held(Box::new(ProviderStart {
                    holdings,
                    own,
                    depth,
                }))
            }
            1 => Self::Price(match r.u8("price")? {
                0 => ProviderPrice::Unfunded,
                1 => ProviderPrice::Locked {
                    height: r.u32("height")?,
                    is_deep: r.flag("deep")?,
                    is_over: r.flag("over")?,
                },
                2 => ProviderPrice::Spent {
                    is_deep: r.flag("deep")?,
                },
                3 => ProviderPrice::Claimed {
                    funded: r.u32("height")?,
                    is_deep: r.flag("deep")?,
                    is_over: r.flag("over")?,
                    is_closed: r.flag("closed")?,
                },
                kind => return Err(unknown("price", kind)),
            }),
            2 => Self::Committed {
                post: Box::new(r.message("post")?),
                opening: Opening {
                    x: r.scalar("opening")?,
                    root: sha256::Hash::from_byte_array(r.array("root")?),
                },
            },
            3 => Self::Posted(Box::new(r.message("post")?)),
            4 => Self::Released(r.message("bundle")?),
            5 => Self::Share((r.u8("provider")?, r.scalar("share")?)),
            6 => Self::Lied(Box::new(r.message("evidence")?)),
            7 => Self::Claimed(read_transaction(r)?),
            kind => return Err(unknown("change", kind)),
        })
    }
}

impl Message for ClientChange {
    const KIND: Kind = kinds::SLICE_CLIENT_CHANGE;

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
            Self::Price { index, price } => {
                w.u8(2).u8(*index);
                match price {
                    ClientPrice::Unfunded => w.u8(0),
                    ClientPrice::Locked { height, is_due } => w.u8(1).u32(*height).flag(*is_due),
                    ClientPrice::Spent {
                        is_deep,
                        is_claimed,
                    } => w.u8(2).flag(*is_deep).flag(*is_claimed),
                };
            }
            Self::Posted(post) => {
                w.u8(3).message(&**post);
            }
            Self::Bundle(bundle) => {
                w.u8(4).message(bundle);
            }
            Self::Revealed { index, secret } => {
                w.u8(5).u8(*index).scalar(secret);
            }
            Self::Refunded { index, tx } => {
                w.u8(6).u8(*index);
                write_transaction(w, tx);
            }
            Self::GivenUp { index } => {
                w.u8(7).u8(*index);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (holdings, depth) = read_held(r)?;
                // Whether they are the client's.
                ClientBook::new(holdings.clone()).map_err(|e| DecodeError::invalid("client", e))?;
                Self::Held(Box::new(ClientStart { holdings, depth }))
            }
            1 => Self::Funded(read_transaction(r)?),
            2 => Self::Price {
                index: r.u8("provider")?,
                price: match r.u8("price")? {
                    0 => ClientPrice::Unfunded,
                    1 => ClientPrice::Locked {
                        height: r.u32("height")?,
                        is_due: r.flag("due")?,
                    },
                    2 => ClientPrice::Spent {
                        is_deep: r.flag("deep")?,
                        is_claimed: r.flag("claimed")?,
                    },
                    kind => return Err(unknown("price", kind)),
                },
            },
            3 => Self::Posted(Box::new(r.message("post")?)),
            4 => Self::Bundle(r.message("bundle")?),
            5 => Self::Revealed {
                index: r.u8("provider")?,
                secret: r.scalar("secret")?,
            },
            6 => Self::Refunded {
                index: r.u8("provider")?,
                tx: read_transaction(r)?,
            },
            7 => Self::GivenUp {
                index: r.u8("provider")?,
            },
            kind => return Err(unknown("change", kind)),
        })
    }
}
