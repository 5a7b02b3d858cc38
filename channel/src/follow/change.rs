//! What is written down of a chain that is followed.

use bitcoin::{BlockHash, OutPoint, Transaction, hashes::Hash};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::wire::{ReadOutPoint, WriteOutPoint};

use super::{MAX_FOUND, MAX_REORG_BLOCKS, MAX_WATCHED};
use crate::fields::{read_transaction, unknown, write_transaction};

/// A transaction that spends something watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The transaction.
    pub tx: Transaction,
    /// Which of its own outputs are watched from here on.
    pub watched: Vec<u32>,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowChange {
    /// Following began.
    Began {
        /// Height of the last of these blocks; no block up to it is read, whatever it holds.
        height: u32,
        /// Hashes of the last blocks up to it, oldest first: a reorganisation may go below it.
        hashes: Vec<BlockHash>,
        /// The outputs that are watched.
        watched: Vec<OutPoint>,
    },
    /// A block was read.
    Connected {
        /// Its hash.
        hash: BlockHash,
        /// What it holds that spends what is watched, in its order.
        found: Vec<Found>,
    },
    /// The blocks above a height were taken back.
    Forked {
        /// The highest that is left.
        to: u32,
    },
}

impl Message for FollowChange {
    const KIND: Kind = kinds::FOLLOW_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Began {
                height,
                hashes,
                watched,
            } => {
                w.u8(0).u32(*height);
                w.list(hashes, |w, hash| {
                    w.fixed(hash.as_byte_array());
                });
                w.list(watched, |w, outpoint| {
                    w.outpoint(outpoint);
                });
            }
            Self::Connected { hash, found } => {
                w.u8(1).fixed(hash.as_byte_array());
                w.list(found, |w, found| {
                    write_transaction(w, &found.tx);
                    w.list(&found.watched, |w, vout| {
                        w.u32(*vout);
                    });
                });
            }
            Self::Forked { to } => {
                w.u8(2).u32(*to);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let hash = |r: &mut Reader<'_>| r.array("block").map(BlockHash::from_byte_array);
        Ok(match r.u8("change")? {
            0 => {
                let height = r.u32("height")?;
                let hashes = r.list_up_to("blocks", 32, MAX_REORG_BLOCKS as usize, hash)?;
                let watched = r.list_up_to("watched", 36, MAX_WATCHED, |r| {
                    r.outpoint(["transaction", "output"])
                })?;
                Self::Began {
                    height,
                    hashes,
                    watched,
                }
            }
            1 => {
                let hash = hash(r)?;
                let found = r.list_up_to("found", 8, MAX_FOUND, |r| {
                    let tx = read_transaction(r)?;
                    let watched = r.list_up_to("watched", 4, MAX_WATCHED, |r| r.u32("output"))?;
                    Ok(Found { tx, watched })
                })?;
                Self::Connected { hash, found }
            }
            2 => Self::Forked {
                to: r.u32("height")?,
            },
            other => return Err(unknown("change", other)),
        })
    }
}
