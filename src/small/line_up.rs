//! Nodes that one ask names, each with a seat: they speak with each other under the id of that ask.

use std::collections::BTreeSet;

use bitcoin::{Amount, FeeRate, Weight, secp256k1::PublicKey};
use narthex_channel::small::SmallPeer;
use narthex_contracts::{
    template::Reserve,
    terms::{FeeError, FeeRules as _},
};

use super::{Member, SmallError};

/// In which place of a node's talks the one in another seat is: behind the one that asks.
pub(super) const fn place_of(seat: u8) -> u8 {
    seat.saturating_add(1)
}

/// The seat of a node; `None` if it has none.
fn seat_of(seats: &[SmallPeer], node: &PublicKey) -> Option<u8> {
    let mut all = (0u8..).zip(seats);
    all.find_map(|(at, seat)| (seat.node == *node).then_some(at))
}

/// The others that a node with a seat talks with beside the one that asks.
pub(super) fn members(seats: &[SmallPeer], node: &PublicKey) -> Vec<Member> {
    let Some(own) = seat_of(seats, node) else {
        return Vec::new();
    };
    let others = (0u8..).zip(seats).filter(|(seat, _)| *seat != own);
    let others = others.map(|(seat, peer)| Member {
        place: place_of(seat),
        peer: peer.clone(),
        // Both connect each other: who is named at a false address is not cut off by that.
        asks: own < seat,
    });
    others.collect()
}

/// Where the others are told that a node listens; `None` if it has no seat.
pub(super) fn named_at(seats: &[SmallPeer], node: &PublicKey) -> Option<String> {
    let seat = seats.get(usize::from(seat_of(seats, node)?))?;
    Some(seat.address.clone())
}

/// Whether nobody sits twice; and of a node that is asked, whether it has a seat.
///
/// # Errors
/// [`SmallError::Refused`]; the fault of whoever asks.
pub(super) fn check_seats(seats: &[SmallPeer], node: Option<&PublicKey>) -> Result<(), SmallError> {
    // Signatures show the x coordinate only.
    let identity = |of: &SmallPeer| of.node.x_only_public_key().0;
    let nodes: BTreeSet<_> = seats.iter().map(identity).collect();
    if nodes.len() != seats.len() {
        return Err(SmallError::refused("a node is named twice"));
    }
    match node.is_some_and(|node| seat_of(seats, node).is_none()) {
        true => Err(SmallError::refused("this node has no seat in it")),
        false => Ok(()),
    }
}

/// The coin that pays for one exit of at most this weight, child included, at this rate.
pub(super) fn one_exit(weight: Weight, rate: FeeRate) -> Result<Reserve, FeeError> {
    // What is left of a coin must be worth an output (P2TR, at Bitcoin Core's dust rate).
    let each = rate.checked_fee(weight)? + Amount::from_sat(330);
    Ok(Reserve { coins: 1, each })
}
