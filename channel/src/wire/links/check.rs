//! What holds of own messages as of the peer's.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey;
use narthex_contracts::party::{PartyId, PartySet};

use super::{Kept, LinksRefusal, MAX_MESSAGES, MAX_RECEIVER_SETS, state::Way};
use crate::wire::{Head, WireFault};

/// Whether the sender is the one whose message it is to be.
pub(super) fn check_sender(head: &Head, sender: &PublicKey) -> Result<(), LinksRefusal> {
    match head.from == *sender {
        true => Ok(()),
        false => Err(WireFault::other_sender(head.from, *sender).into()),
    }
}

/// Whether it is for the receiver, and not for its sender.
pub(super) fn check_receivers(
    head: &Head,
    sender: PartyId,
    receiver: PartyId,
) -> Result<(), LinksRefusal> {
    match head.to.contains(receiver) && !head.to.contains(sender) {
        true => Ok(()),
        false => Err(WireFault::NotForMe {
            message: head.name(),
            seq: head.seq,
        }
        .into()),
    }
}

/// Whether a sender may have a message of this number for these receivers, beside what it has said in the contract.
pub(super) fn check_room(
    said: &BTreeMap<PartySet, Way>,
    to: PartySet,
    number: u64,
) -> Result<(), LinksRefusal> {
    let too_many = |what, most| Err(WireFault::TooMany { what, most }.into());
    if !said.contains_key(&to) && said.len() >= MAX_RECEIVER_SETS {
        return too_many("sets of receivers", MAX_RECEIVER_SETS);
    }
    if number >= MAX_MESSAGES {
        return too_many("messages to the same receivers", MAX_MESSAGES as usize);
    }
    Ok(())
}

/// Whether a body, if it is there, is the one that was signed.
pub(super) fn check_body(Kept { signed, body }: &Kept) -> Result<(), LinksRefusal> {
    match body.as_ref().is_none_or(|body| signed.is_of(body)) {
        true => Ok(()),
        false => Err(WireFault::Pieces {
            message: signed.head.name(),
            seq: signed.head.seq,
        }
        .into()),
    }
}
