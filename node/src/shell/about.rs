//! What a frame is about, for the log.

use narthex::{bitcoin::hex::DisplayHex, channel::wire::Frame};
use tracing::Level;

/// Id of the contract that a frame is about, if it says one, where somebody reads of every message. It is read, and not believed.
pub(super) fn contract_of(frame: &[u8]) -> Option<String> {
    if !tracing::enabled!(Level::DEBUG) {
        return None;
    }
    let contract = match Frame::from_bytes(frame).ok()? {
        Frame::Envelope(envelope) => envelope.head().contract,
        Frame::Head(signed) | Frame::Gone(signed) => signed.head.contract,
        Frame::Recall(recall) => recall.contract,
        Frame::Want(want) => want.contract,
        Frame::Chunk(chunk) => chunk.contract,
        Frame::Declined(declined) => declined.contract,
        _ => return None,
    };
    Some(contract.to_lower_hex_string())
}
