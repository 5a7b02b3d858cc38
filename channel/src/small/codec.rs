//! The bytes of what is written down.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::depth::Depth;

use super::{MAX_SMALL_PEERS, SmallBeginning, SmallChange, SmallPeer};
use crate::{fields::unknown, offer::MAX_ADDRESS};

impl Message for SmallChange {
    const KIND: Kind = kinds::SMALL_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Begun(begun) => match (&begun.peers[..], begun.quorum) {
                ([peer], 1) => {
                    w.u8(0).message(&begun.ask).flag(begun.is_own);
                    write_peer(w, peer);
                    w.u32(begun.height);
                }
                (peers, quorum) => {
                    w.u8(4).message(&begun.ask).flag(begun.is_own);
                    w.list(peers, write_peer).u8(quorum).u32(begun.height);
                }
            },
            Self::Depth(depth) => {
                w.u8(1).u32(depth.blocks());
            }
            Self::Answered(0, answer) => {
                w.u8(2).message(answer);
            }
            Self::Answered(by, answer) => {
                w.u8(5).u8(*by).message(answer);
            }
            Self::Ended => {
                w.u8(3);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => {
                let (ask, is_own) = (r.message("ask")?, r.flag("own")?);
                let peer = read_peer(r)?;
                let begun = SmallBeginning::of_two(ask, is_own, peer, r.u32("height")?);
                Self::Begun(Box::new(begun))
            }
            1 => {
                let depth = Depth::new(r.u32("depth")?);
                Self::Depth(depth.map_err(|error| DecodeError::invalid("depth", error))?)
            }
            2 => Self::Answered(0, r.message("answer")?),
            3 => Self::Ended,
            4 => {
                let begun = SmallBeginning {
                    ask: r.message("ask")?,
                    is_own: r.flag("own")?,
                    peers: r.list_up_to("peers", LEAST_PEER, MAX_SMALL_PEERS, read_peer)?,
                    quorum: r.u8("quorum")?,
                    height: r.u32("height")?,
                };
                // Between two it is spelt shorter.
                if !begun.is_sound() || begun.peers.len() == 1 {
                    return Err(DecodeError::invalid("peers", begun.peers.len()));
                }
                Self::Begun(Box::new(begun))
            }
            5 => {
                let by = r.u8("place")?;
                if by == 0 || usize::from(by) >= MAX_SMALL_PEERS {
                    return Err(DecodeError::invalid("place", by));
                }
                Self::Answered(by, r.message("answer")?)
            }
            kind => return Err(unknown("change", kind)),
        })
    }
}

/// A point, and an address of no byte.
pub(crate) const LEAST_PEER: usize = 33 + 4;

pub(crate) fn write_peer(w: &mut Writer, peer: &SmallPeer) {
    w.point(&peer.node).bytes(peer.address.as_bytes());
}

pub(crate) fn read_peer(r: &mut Reader<'_>) -> Result<SmallPeer, DecodeError> {
    let node = r.point("peer")?;
    let address = std::str::from_utf8(r.bytes_up_to("address", MAX_ADDRESS)?);
    let address = address.map_err(|error| DecodeError::invalid("address", error))?;
    let address = address.to_owned();
    Ok(SmallPeer { node, address })
}
