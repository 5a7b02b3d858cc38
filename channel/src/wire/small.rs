//! Messages of small contracts in envelopes: each travels as it is, with its own kind.

use narthex_base::kinds::{self, Kind};

use super::{
    Envelope, WireFault,
    types::{MessageType, SMALL},
};

/// What may travel as `small`: the ask and its answer, and the messages of the families that nodes host.
pub const SMALL_KINDS: &[Kind] = &[
    kinds::SMALL_ASK,
    kinds::SMALL_ANSWER,
    kinds::BANK_TALK,
    kinds::COMMITMENTS,
    kinds::PENNY,
    kinds::STREAM_ORDER,
    kinds::STREAM_TALK,
    kinds::ASSIGNMENT,
    kinds::CONSENT,
    kinds::SERVED,
    kinds::HANDOVER,
    kinds::BOUNTY_TALK,
    kinds::ENVELOPE,
    kinds::BOUNTY_SEAL,
    kinds::BOUNTY_OPENING,
    kinds::BOUNTY_CLOSING,
    kinds::BOUNTY_DELIVERY,
    kinds::BOUNTY_GRANT,
    kinds::BOUNTY_SHARE,
    kinds::SLICE_TALK,
    kinds::SLICE_POST,
    kinds::SLICE_BUNDLE,
];

/// The kind of the message of a small contract that an envelope carries; `None` if it carries another message.
///
/// # Errors
/// [`WireFault::Inside`] if its body begins with none of [`SMALL_KINDS`], or it is of an attempt: a small contract has none.
pub fn small_kind(envelope: &Envelope) -> Result<Option<Kind>, WireFault> {
    let head = envelope.head();
    if head.message != SMALL {
        return Ok(None);
    }
    let message = MessageType::of(head.message)?.name;
    let inside = |field, outside, inside| WireFault::Inside {
        message,
        field,
        outside,
        inside,
    };
    if head.attempt != 0 {
        return Err(inside("attempt", head.attempt.into(), 0));
    }
    let begins = |kind: &&Kind| envelope.body().starts_with(kind.as_bytes());
    let kind = SMALL_KINDS.iter().find(begins).copied();
    let kind = kind.ok_or_else(|| inside("kind", head.message.into(), 0))?;
    Ok(Some(kind))
}
