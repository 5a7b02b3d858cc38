//! The sides of a sealed delivery between nodes: sender, agent, recipient.
//!
//! A sender asks its agents by one ask. A recipient asks agents as their guest, by the funding of which it was told: whoever knows that is
//! served its copy. An agent has a talk with each of both, and none of them knows the other from it.

mod agent;
mod coin;
mod recipient;
mod sender;

use std::collections::BTreeMap;

use bitcoin::{Amount, FeeRate, Weight, secp256k1::PublicKey};
use narthex_channel::{delivery::DeliveryFigures, log::Log};
use narthex_contracts::{
    deliver::{MAX_AGENTS, MIN_CLAIM_BLOCKS},
    depth::Depth,
    terms::{FeeRules, Fees},
};

pub use agent::DeliveryKeeper;
pub use recipient::DeliveryRecipient;
pub use sender::DeliverySender;

use super::{SmallError, apart::Kept};

/// Its name.
pub(super) const FAMILY: &str = "delivery";

/// The largest claim, in a delivery with as many agents as there may be (docs/contracts/deliver.md).
const LARGEST_CLAIM: Weight = Weight::from_wu(813);

/// What a sender keeps apart: the message, the recipient's key and the envelope.
const MESSAGE: u8 = 0;
const RECIPIENT: u8 = 1;
const ENVELOPE: u8 = 2;
/// What an agent does: its copy, with the key of it.
const ASSIGNMENT: u8 = 3;
/// What a recipient has read: the message, or that there is none.
const READ: u8 = 4;
const EVIDENCE: u8 = 5;
/// Behind it by the agent's index the copies that a recipient keeps, and from whom it has each.
const COPIES: u8 = 16;
const OF: u8 = 32;

/// Keeps what a sender is to deliver, and to whom, before anybody is asked for it.
///
/// # Errors
/// [`SmallError::Refused`] if it is too long; others are this computer's fault.
pub fn keep_message(
    apart: Box<dyn Log>,
    recipient: &PublicKey,
    message: &[u8],
) -> Result<(), SmallError> {
    let mut kept = Kept::open(apart)?;
    kept.keep(RECIPIENT, &recipient.serialize())?;
    kept.keep(MESSAGE, message)
}

/// Whether there can be a delivery of these figures, whoever takes part: asked at this height by a side that waits for this depth.
///
/// # Errors
/// [`SmallError::Refused`]; the fault of whoever asks.
pub fn check_figures(figures: &DeliveryFigures, tip: u32, depth: Depth) -> Result<(), SmallError> {
    let refused = |why: std::fmt::Arguments<'_>| Err(SmallError::refused(why));
    let agents = usize::from(figures.agents);
    if !(1..=MAX_AGENTS).contains(&agents) {
        return refused(format_args!("{agents} agents; 1 to {MAX_AGENTS} are taken"));
    }
    let claim_blocks = figures.claim_blocks;
    if claim_blocks < MIN_CLAIM_BLOCKS {
        return refused(format_args!(
            "{claim_blocks} blocks for a claim; at least {MIN_CLAIM_BLOCKS} are given"
        ));
    }
    let fee = figures.rate.checked_fee(LARGEST_CLAIM)?;
    Fees::from(figures.rate).check_share(fee, figures.amount)?;
    // A payout of whatever script is worth an output.
    let least = fee.checked_add(Amount::from_sat(330));
    if least.is_none_or(|least| figures.amount < least) {
        return refused(format_args!(
            "{} do not pay a claim, whose fee is {fee}",
            figures.amount
        ));
    }
    // As the terms will have it for this depth: a copy is served from there on.
    let first = depth.reached_at(tip.saturating_add(1));
    match first.saturating_add(claim_blocks.into()) <= figures.refund_height {
        true => Ok(()),
        false => refused(format_args!(
            "a copy is served from height {first} on, and must be claimed {claim_blocks} blocks before {}",
            figures.refund_height
        )),
    }
}

/// What was asked for, for the owner of a side, with how far that has come.
fn shown(figures: &DeliveryFigures, depth: Depth, reached: (&str, u64)) -> BTreeMap<String, u64> {
    [
        ("amount_sat", figures.amount.to_sat()),
        ("refund_height", figures.refund_height.into()),
        ("claim_blocks", figures.claim_blocks.into()),
        ("message_bytes", figures.message_bytes.into()),
        ("agents", figures.agents.into()),
        ("depth", depth.blocks().into()),
        reached,
    ]
    .map(|(name, figure)| (name.to_owned(), figure))
    .into()
}

/// At which rate a recipient, who pays nothing, would begin.
const NO_RATE: FeeRate = FeeRate::from_sat_per_kwu(250);
