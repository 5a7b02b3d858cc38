//! What a requester asks nodes for, and what the parties say until the bounty is funded: terms follow from the figures, from what each
//! recomputer offers, and from the requester's coins.

use bitcoin::{
    Amount, FeeRate,
    hashes::{Hash, sha256},
    secp256k1::PublicKey,
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash_parts,
};
use narthex_contracts::bounty::{BountyTerms, Call};
use narthex_game_model::market::MAX_LAYERS;

use crate::offer::MAX_ADDRESS;

/// Longest result of a bounty between nodes, in bytes: delivered, it is one message of a link.
pub const MAX_BOUNTY_RESULT: usize = 256 << 10;

/// A recomputer that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BountySeat {
    /// Its node, whose key is its identity.
    pub node: PublicKey,
    /// Where it listens, `HOST:PORT`: the others connect it.
    pub address: String,
    /// What it is paid.
    pub amount: Amount,
}

/// What a requester asks all recomputers for. [`BountyRecord`](narthex_contracts::bounty::BountyRecord) says what each figure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BountyFigures {
    /// The job, by its id.
    pub job: sha256::Hash,
    /// The line-up, in the order in which they sign: 1 to 6 of them.
    pub seats: Vec<BountySeat>,
    /// Least number of equal layers that are paid.
    pub quorum: u8,
    /// L.
    pub layer_height: u32,
    /// B.
    pub round_blocks: u16,
    /// T.
    pub refund_height: u32,
    /// Fee rate of the funding.
    pub rate: FeeRate,
}

impl BountyFigures {
    /// What its recomputers answer to: called by this node, with this salt, in the ask of this id. Job and ask are named together, so that
    /// whoever signs terms knows that all others have the same figures, and the same id for what they say to each other.
    pub fn call(&self, requester: &PublicKey, ask: &[u8; 32], salt: sha256::Hash) -> Call {
        let parts: [&[u8]; 2] = [self.job.as_byte_array(), ask];
        let job = tagged_hash_parts("narthex/bounty-job", &parts);
        Call {
            requester: requester.x_only_public_key().0,
            job: sha256::Hash::from_byte_array(job),
            salt,
            recomputers: u8::try_from(self.seats.len()).unwrap_or(u8::MAX),
            quorum: self.quorum,
        }
    }

    /// The seat of a node; `None` if it has none.
    pub fn seat_of(&self, node: &PublicKey) -> Option<u8> {
        let mut seats = (0u8..).zip(&self.seats);
        seats.find_map(|(at, seat)| (seat.node == *node).then_some(at))
    }

    /// Whether terms are those that follow from these figures, asked for by this node by this ask: all but salt, keys, scripts and coins. Every
    /// recomputer's identity is its node's key, so that nobody stands in for another.
    pub fn are_of(&self, requester: &PublicKey, ask: &[u8; 32], terms: &BountyTerms) -> bool {
        let record = terms.record();
        let offers = self.seats.iter().zip(&record.recomputers);
        let mut offers = offers.map(|(seat, offer)| {
            let identity = seat.node.x_only_public_key().0;
            offer.identity == identity && offer.amount_sat == seat.amount
        });
        record.call == self.call(requester, ask, record.call.salt)
            && record.recomputers.len() == self.seats.len()
            && offers.all(|is_asked| is_asked)
            && record.layer_height == self.layer_height
            && record.round_blocks == self.round_blocks
            && record.refund_height == self.refund_height
            && record.rate_sat_per_kwu == self.rate
    }
}

/// A point, an address of no byte, and an amount.
const LEAST_SEAT: usize = 33 + 4 + 8;

impl Message for BountyFigures {
    const KIND: Kind = kinds::BOUNTY_FIGURES;

    fn write(&self, w: &mut Writer) {
        w.fixed(self.job.as_byte_array());
        w.list(&self.seats, |w, seat| {
            let address = seat.address.as_bytes();
            w.point(&seat.node).bytes(address).amount(seat.amount);
        });
        w.u8(self.quorum)
            .u32(self.layer_height)
            .u16(self.round_blocks)
            .u32(self.refund_height)
            .u64(self.rate.to_sat_per_kwu());
    }

    fn read(r: &mut Reader<'_>) -> Result<BountyFigures, DecodeError> {
        Ok(BountyFigures {
            job: sha256::Hash::from_byte_array(r.array("job")?),
            seats: r.list_up_to("recomputers", LEAST_SEAT, MAX_LAYERS, read_seat)?,
            quorum: r.u8("quorum")?,
            layer_height: r.u32("layer height")?,
            round_blocks: r.u16("round blocks")?,
            refund_height: r.u32("refund height")?,
            rate: FeeRate::from_sat_per_kwu(r.u64("fee rate")?),
        })
    }
}

fn read_seat(r: &mut Reader<'_>) -> Result<BountySeat, DecodeError> {
    let node = r.point("recomputer")?;
    let address = std::str::from_utf8(r.bytes_up_to("address", MAX_ADDRESS)?);
    let address = address.map_err(|error| DecodeError::invalid("address", error))?;
    let address = address.to_owned();
    let amount = r.amount("amount")?;
    Ok(BountySeat {
        node,
        address,
        amount,
    })
}
