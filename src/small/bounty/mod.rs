//! The sides of a bounty between nodes: requester and recomputers.
//!
//! A requester asks its line-up by one ask, whose figures name every recomputer with its node and address. So each of them opens a link of
//! its own to each other, under the same id: what members owe each other needs no requester. The ceremony alone goes through the
//! requester.

mod ceremony;
mod coin;
mod joining;
mod recomputer;
mod requester;

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate, Weight, hashes::Hash as _, secp256k1::PublicKey};
use narthex_channel::{bounty::BountyFigures, small::SmallPeer};
use narthex_contracts::{
    bounty::{BountyError, MIN_ROUND_BLOCKS},
    depth::Depth,
    template::Reserve,
    terms::{FeeError, FeeRules, Fees},
};
use narthex_game_model::market::LayerSet;

use super::{
    SmallError, SmallHeard,
    line_up::{check_seats, one_exit},
};

pub use recomputer::BountyRecomputer;
pub use requester::BountyRequester;

/// Its name.
pub(super) const FAMILY: &str = "bounty";

/// The largest exit, a settlement of six (1,356 wu), with a child of one coin and change.
const LARGEST_EXIT: Weight = Weight::from_wu(1_356 + 800);

/// What a recomputer keeps apart: its terms and shares before the ceremony is over, its result, the envelope of those before it.
const TERMS: u8 = 0;
const SIGNING: u8 = 1;
const RESULT: u8 = 2;
const BEFORE: u8 = 3;
/// What a requester does: what it read.
const READ: u8 = 4;
/// Its own terms, that came back to a disk which had forgotten them.
const LOST: u8 = 5;
/// Behind it by the seat: who lacks whose secrets. Beside it is what [`given`](super::given) keeps.
const LACKS: u8 = 32;

/// The line-up.
pub(super) fn seats_of(figures: &BountyFigures) -> Vec<SmallPeer> {
    let seats = figures.seats.iter();
    let seats = seats.map(|of| SmallPeer {
        node: of.node,
        address: of.address.clone(),
    });
    seats.collect()
}

/// The coins that pay for a side's exit at this rate.
pub(super) fn reserve(rate: FeeRate) -> Result<Reserve, FeeError> {
    one_exit(LARGEST_EXIT, rate)
}

/// Whether there can be a bounty of these figures: asked at this height by a side that waits for this depth; of a node that is asked, whether
/// it has a seat.
///
/// # Errors
/// [`SmallError::Refused`]; the fault of whoever asks.
pub fn check_bounty(
    figures: &BountyFigures,
    (tip, depth): (u32, Depth),
    node: Option<&PublicKey>,
) -> Result<(), SmallError> {
    let refused = |why: std::fmt::Arguments<'_>| Err(SmallError::refused(why));
    // Whatever requester and salt.
    let Some(first) = figures.seats.first() else {
        return refused(format_args!("nobody is asked to recompute"));
    };
    let salt = bitcoin::hashes::sha256::Hash::all_zeros();
    let call = figures.call(&first.node, &[0; 32], salt);
    call.check().map_err(SmallError::refused)?;
    check_seats(&seats_of(figures), node)?;
    let fee = figures.rate.checked_fee(LARGEST_EXIT)?;
    for seat in &figures.seats {
        Fees::from(figures.rate).check_share(fee, seat.amount)?;
        // A payout of whatever script is worth an output.
        if seat.amount < Amount::from_sat(330) || seat.amount > Amount::MAX_MONEY {
            return refused(format_args!("a recomputer for {}", seat.amount));
        }
    }
    let (blocks, margin) = (u32::from(figures.round_blocks), figures.round_blocks / 2);
    if figures.round_blocks < MIN_ROUND_BLOCKS {
        return refused(format_args!(
            "rounds of {blocks} blocks; at least {MIN_ROUND_BLOCKS} are given"
        ));
    }
    // As the terms will have it.
    let rounds = 3 + u32::from(call.recomputers.saturating_sub(call.quorum));
    let least = figures.layer_height.checked_add(rounds * blocks);
    if least.is_none_or(|least| figures.refund_height < least) {
        return refused(format_args!(
            "a refund at {}; {rounds} rounds of {blocks} blocks come after the layers, at {}",
            figures.refund_height, figures.layer_height
        ));
    }
    let open = figures.layer_height.saturating_add(blocks);
    let deep = depth.reached_at(tip.saturating_add(1));
    // Each has its turn, and a round is left in which an envelope that is stripped of layers is refused.
    let turns = u32::from(margin) * u32::from(call.recomputers) + blocks;
    let first = tip.saturating_add(turns);
    match deep < open && first < figures.layer_height {
        true => Ok(()),
        false => refused(format_args!(
            "layers are due at {}, openings at {open}: before are {turns} blocks of turns from {tip} on, and the coin is deep at {deep} at the earliest",
            figures.layer_height
        )),
    }
}

/// What was asked for, for the owner of a side, with how far that has come.
fn shown(figures: &BountyFigures, depth: Depth, reached: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let open_height = figures
        .layer_height
        .saturating_add(figures.round_blocks.into());
    let give_below = figures
        .refund_height
        .saturating_sub(figures.round_blocks.into());
    let asked = [
        ("recomputers", figures.seats.len() as u64),
        ("quorum", figures.quorum.into()),
        ("layer_height", figures.layer_height.into()),
        ("round_blocks", figures.round_blocks.into()),
        ("open_height", open_height.into()),
        ("give_below", give_below.into()),
        ("refund_height", figures.refund_height.into()),
        ("depth", depth.blocks().into()),
    ];
    let all = asked.iter().chain(reached);
    all.map(|(name, figure)| ((*name).to_owned(), *figure))
        .collect()
}

/// Seats of a set.
fn seats(set: LayerSet) -> impl Iterator<Item = u8> {
    set.iter().filter_map(|seat| u8::try_from(seat).ok())
}

/// What became of a message that a rule did not take: what passes with time waits, the rest is its sender's fault, or nobody's.
fn heard(error: &BountyError) -> SmallHeard {
    match error {
        BountyError::Shallow(_) | BountyError::Time { .. } => SmallHeard::Later,
        error => SmallHeard::Refused(error.to_string()),
    }
}
