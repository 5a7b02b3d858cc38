//! What is kept of a delivery, as bytes.

use std::sync::Arc;

use bitcoin::{Txid, hashes::Hash};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    deliver::{DeliverTerms, Delivery, MAX_AGENTS, MAX_DELIVER_TERMS_BYTES},
    depth::Depth,
};
use narthex_game_model::commitment::Multiproof;

use super::{
    AgentChange, AgentCoin, AgentStart, RecipientChange, RecipientCoin, RecipientStart,
    SenderChange, SenderCoin, SenderStart,
};
use crate::fields::{read_transaction, unknown, write_transaction};

fn write_delivery(w: &mut Writer, delivery: &Delivery, depth: Depth) {
    // Checked terms become JSON always; bytes that did not would be read by nobody.
    let terms = delivery.terms().to_json().unwrap_or_default();
    w.bytes(&terms).u32(depth.blocks());
}

fn read_delivery(r: &mut Reader<'_>) -> Result<(Arc<Delivery>, Depth), DecodeError> {
    let json = r.bytes_up_to("terms", MAX_DELIVER_TERMS_BYTES)?;
    let depth = Depth::new(r.u32("depth")?).map_err(|e| DecodeError::invalid("depth", e))?;
    let terms = DeliverTerms::from_json(json).map_err(|e| DecodeError::invalid("terms", e))?;
    if terms.to_json().ok().as_deref() != Some(json) {
        return Err(DecodeError::invalid("terms", "spelt otherwise"));
    }
    let delivery = Delivery::new(terms).map_err(|e| DecodeError::invalid("terms", e))?;
    Ok((Arc::new(delivery), depth))
}

fn write_branch(w: &mut Writer, branch: &Multiproof) {
    w.list(&branch.siblings, |w, sibling| {
        w.fixed(sibling);
    });
}

fn read_branch(r: &mut Reader<'_>) -> Result<Multiproof, DecodeError> {
    let siblings = r.list_up_to("branch", 32, MAX_AGENTS, |r| r.array("branch"))?;
    Ok(Multiproof { siblings })
}

fn read_txid(r: &mut Reader<'_>) -> Result<Txid, DecodeError> {
    Ok(Txid::from_byte_array(r.array("txid")?))
}

impl Message for AgentChange {
    const KIND: Kind = kinds::AGENT_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Agreed(start) => {
                w.u8(0);
                write_delivery(w, &start.delivery, start.depth);
                w.u8(start.agent).flag(start.alone);
                write_branch(w, &start.branch);
            }
            Self::Coin(coin) => {
                w.u8(1);
                match coin {
                    AgentCoin::Unfunded => w.u8(0),
                    AgentCoin::Funded {
                        height,
                        is_deep,
                        in_time,
                    } => w.u8(1).u32(*height).flag(*is_deep).flag(*in_time),
                    AgentCoin::Spent { is_deep } => w.u8(2).flag(*is_deep),
                };
            }
            Self::Accepted(signature) => {
                w.u8(2).signature(signature);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (delivery, depth) = read_delivery(r)?;
                Self::Agreed(Box::new(AgentStart {
                    delivery,
                    depth,
                    agent: r.u8("agent")?,
                    alone: r.flag("alone")?,
                    branch: read_branch(r)?,
                }))
            }
            1 => Self::Coin(match r.u8("coin")? {
                0 => AgentCoin::Unfunded,
                1 => AgentCoin::Funded {
                    height: r.u32("height")?,
                    is_deep: r.flag("deep")?,
                    in_time: r.flag("in time")?,
                },
                2 => AgentCoin::Spent {
                    is_deep: r.flag("deep")?,
                },
                kind => return Err(unknown("coin", kind)),
            }),
            2 => Self::Accepted(r.signature("acceptance")?),
            kind => return Err(unknown("change", kind)),
        })
    }
}

impl Message for SenderChange {
    const KIND: Kind = kinds::SENDER_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Made(start) => {
                w.u8(0);
                write_delivery(w, &start.delivery, start.depth);
            }
            Self::Consented { agent, signature } => {
                w.u8(1).u8(*agent).signature(signature);
            }
            Self::Coin(coin) => {
                w.u8(2);
                match coin {
                    SenderCoin::Unfunded { has_room } => w.u8(0).flag(*has_room),
                    SenderCoin::Funded { height, is_due } => w.u8(1).u32(*height).flag(*is_due),
                    SenderCoin::Spent { is_deep } => w.u8(2).flag(*is_deep),
                };
            }
            Self::Funded(tx) => {
                w.u8(3);
                write_transaction(w, tx);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (delivery, depth) = read_delivery(r)?;
                Self::Made(Box::new(SenderStart { delivery, depth }))
            }
            1 => Self::Consented {
                agent: r.u8("agent")?,
                signature: r.signature("consent")?,
            },
            2 => Self::Coin(match r.u8("coin")? {
                0 => SenderCoin::Unfunded {
                    has_room: r.flag("room")?,
                },
                1 => SenderCoin::Funded {
                    height: r.u32("height")?,
                    is_due: r.flag("due")?,
                },
                2 => SenderCoin::Spent {
                    is_deep: r.flag("deep")?,
                },
                kind => return Err(unknown("coin", kind)),
            }),
            3 => Self::Funded(read_transaction(r)?),
            kind => return Err(unknown("change", kind)),
        })
    }
}

impl Message for RecipientChange {
    const KIND: Kind = kinds::RECIPIENT_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Found(start) => {
                w.u8(0);
                write_delivery(w, &start.delivery, start.depth);
            }
            Self::Kept { agent, branch } => {
                w.u8(1).u8(*agent);
                write_branch(w, branch);
            }
            Self::Coin(coin) => {
                w.u8(2);
                match coin {
                    RecipientCoin::Unfunded => w.u8(0),
                    RecipientCoin::Funded { height } => w.u8(1).u32(*height),
                    RecipientCoin::Spent { is_deep, by } => {
                        w.u8(2).flag(*is_deep).fixed(by.as_byte_array())
                    }
                };
            }
            Self::Accepting(agent) => {
                w.u8(3).u8(*agent);
            }
            Self::Handed { agent, signature } => {
                w.u8(4).u8(*agent).signature(signature);
            }
            Self::Claimed(tx) => {
                w.u8(5);
                write_transaction(w, tx);
            }
            Self::Opened(txid) => {
                w.u8(6).fixed(txid.as_byte_array());
            }
            Self::Keyless(txid) => {
                w.u8(7).fixed(txid.as_byte_array());
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (delivery, depth) = read_delivery(r)?;
                Self::Found(Box::new(RecipientStart { delivery, depth }))
            }
            1 => Self::Kept {
                agent: r.u8("agent")?,
                branch: read_branch(r)?,
            },
            2 => Self::Coin(match r.u8("coin")? {
                0 => RecipientCoin::Unfunded,
                1 => RecipientCoin::Funded {
                    height: r.u32("height")?,
                },
                2 => RecipientCoin::Spent {
                    is_deep: r.flag("deep")?,
                    by: read_txid(r)?,
                },
                kind => return Err(unknown("coin", kind)),
            }),
            3 => Self::Accepting(r.u8("agent")?),
            4 => Self::Handed {
                agent: r.u8("agent")?,
                signature: r.signature("acceptance")?,
            },
            5 => Self::Claimed(read_transaction(r)?),
            6 => Self::Opened(read_txid(r)?),
            7 => Self::Keyless(read_txid(r)?),
            kind => return Err(unknown("change", kind)),
        })
    }
}
