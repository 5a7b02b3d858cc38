//! The sides of a gated slice between nodes: client and providers.
//!
//! A client asks all providers by one ask, whose figures name each with its node and address. So each two of them have a link of their own under
//! the same id (as members of a bounty do): posts and bundles need no client. It carries them too, for those that do not reach each other. The
//! ceremony alone goes through it.

mod ceremony;
mod client;
mod joining;
mod provider;

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate, Transaction, Weight, secp256k1::PublicKey};
use narthex_channel::slice::SliceFigures;
use narthex_contracts::{
    depth::Depth,
    graph::TxGraph,
    party::PartyName,
    slice::{CLIENT, MIN_BLOCKS, Participants, claim, provider as provider_name, refund},
    template::Reserve,
    terms::{FeeError, FeeRules as _, Fees},
};

use super::{
    SmallError,
    ceremony::Circle,
    line_up::{check_seats, one_exit},
};

pub use client::SliceClient;
pub use provider::SliceProvider;

/// Its name.
pub(super) const FAMILY: &str = "slice";

/// The larger exit, a refund (569 wu), with a child of one coin and change.
const LARGEST_EXIT: Weight = Weight::from_wu(569 + 800);

/// What a provider keeps apart: terms with what all have dealt for them, its session once it has signed, and what its owner has given it.
const TERMS: u8 = 0;
const SIGNING: u8 = 1;
const WORK: u8 = 2;
/// What it said itself before its disk went back: it says nothing else.
const POSTED: u8 = 3;
const RELEASED: u8 = 4;
/// What a client does: its own terms, that came back to a disk which had forgotten them.
const LOST: u8 = 5;

/// Bytes of the commitment that stands before a result in what an owner gives.
const COMMITMENT: usize = 32;

/// Who is who in the ceremony of so many providers.
const fn circle(seats: u8) -> Circle {
    Circle {
        hub: CLIENT,
        seats,
        name: provider_name as fn(u8) -> PartyName,
    }
}

/// The coins that pay for an exit of a side at this rate. A client's refunds are paid for one after another.
pub(super) fn reserve(rate: FeeRate) -> Result<Reserve, FeeError> {
    one_exit(LARGEST_EXIT, rate)
}

/// Whether there can be a slice of these figures: asked at this height by a side that waits for this depth; of a node that is asked, whether it has
/// a seat.
///
/// # Errors
/// [`SmallError::Refused`]; the fault of whoever asks.
pub fn check_slice(
    figures: &SliceFigures,
    (tip, depth): (u32, Depth),
    node: Option<&PublicKey>,
) -> Result<(), SmallError> {
    let refused = |why: std::fmt::Arguments<'_>| Err(SmallError::refused(why));
    let (n, m) = (figures.seats.len(), figures.quorum.into());
    Participants::check_numbers(n, m).map_err(SmallError::refused)?;
    check_seats(&figures.seats, node)?;
    let fee = figures.rate.checked_fee(LARGEST_EXIT)?;
    Fees::from(figures.rate).check_share(fee, figures.price)?;
    // A payout of whatever script is worth an output.
    let deposit = figures.deposit();
    if figures.price < Amount::from_sat(330) || deposit.is_none_or(|all| all > Amount::MAX_MONEY) {
        return refused(format_args!("a provider for {}", figures.price));
    }
    // As the terms will have it.
    let (posts, d) = (figures.post_blocks, figures.refund_blocks);
    if posts < MIN_BLOCKS || d.checked_sub(posts).is_none_or(|left| left < MIN_BLOCKS) {
        return refused(format_args!(
            "{posts} blocks for posts and a refund after {d}; at least {MIN_BLOCKS} are given for each"
        ));
    }
    if depth.blocks().saturating_add(MIN_BLOCKS.into()) > d.into() {
        return refused(format_args!(
            "a refund after {d} blocks; a coin that is to lie {} deep leaves fewer than {MIN_BLOCKS} to claim it",
            depth.blocks()
        ));
    }
    match tip < figures.fund_height {
        true => Ok(()),
        false => refused(format_args!(
            "it is to be funded at height {} at the latest, and the tip is {tip}",
            figures.fund_height
        )),
    }
}

/// What a transaction is called that spends one of the coins.
fn name_of(graph: &TxGraph, providers: u8, tx: &Transaction) -> &'static str {
    let is = |node| Some(tx.compute_txid()) == graph.txid(node);
    let mut all = 0..providers;
    match () {
        () if is(TxGraph::FUNDING) => "Slice",
        () if all.clone().any(|of| is(claim(of))) => "Claim",
        () if all.any(|of| is(refund(of))) => "Refund",
        () => "",
    }
}

/// What was asked for, for the owner of a side, with how far that has come.
fn shown(figures: &SliceFigures, depth: Depth, reached: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let asked = [
        ("providers", figures.seats.len() as u64),
        ("quorum", figures.quorum.into()),
        ("price_sat", figures.price.to_sat()),
        ("post_blocks", figures.post_blocks.into()),
        ("refund_blocks", figures.refund_blocks.into()),
        ("fund_height", figures.fund_height.into()),
        ("depth", depth.blocks().into()),
    ];
    let all = asked.iter().chain(reached);
    all.map(|(name, figure)| ((*name).to_owned(), *figure))
        .collect()
}
