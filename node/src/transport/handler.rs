//! Between the library, which speaks BOLT 8, and the state, which decides.

use std::{sync::Arc, time::Instant};

use bitcoin::secp256k1::PublicKey;
use lightning::{
    ln::{
        msgs::{DecodeError, ErrorAction, Init, LightningError},
        peer_handler::CustomMessageHandler,
        wire::CustomMessageReader,
    },
    types::features::{InitFeatures, NodeFeatures},
    util::ser::LengthLimitedRead,
};

use super::{
    frame::Frame,
    limits::{CREDIT, MAX_MESSAGE_BYTES, MESSAGE_TYPES},
    shared::Shared,
};

/// Takes and gives the messages of ours.
#[derive(Debug)]
pub(super) struct Handler(pub(super) Arc<Shared>);

impl CustomMessageReader for Handler {
    type CustomMessage = Frame;

    /// Those of ours. Others are the library's to ignore, if odd, or to end the connection for, as BOLT 1 says.
    fn read<R: LengthLimitedRead>(
        &self,
        kind: u16,
        buffer: &mut R,
    ) -> Result<Option<Frame>, DecodeError> {
        if !MESSAGE_TYPES.contains(&kind) && kind != CREDIT {
            return Ok(None);
        }
        let length = usize::try_from(buffer.remaining_bytes()).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE_BYTES {
            return Err(DecodeError::BadLengthDescriptor);
        }
        let mut bytes = vec![0; length];
        buffer.read_exact(&mut bytes).map_err(DecodeError::from)?;
        Ok(Some(Frame { kind, bytes }))
    }
}

impl CustomMessageHandler for Handler {
    fn handle_custom_message(&self, frame: Frame, from: PublicKey) -> Result<(), LightningError> {
        let is_credit = frame.kind == CREDIT;
        let taken = self.0.state().received(from, frame);
        match taken {
            // More may leave.
            Ok(()) if is_credit => self.0.work.notify_one(),
            Ok(()) => self.0.news.notify_one(),
            // Whoever waits for room waits in vain.
            Err(_) => self.0.changed(),
        }
        taken.map_err(|reason| LightningError {
            err: format!("{reason:?}"),
            action: ErrorAction::DisconnectPeer { msg: None },
        })
    }

    fn get_and_clear_pending_msg(&self) -> Vec<(PublicKey, Frame)> {
        let leaving = self.0.state().leaving(Instant::now());
        if !leaving.is_empty() {
            self.0.changed();
        }
        leaving
    }

    fn peer_connected(&self, node: PublicKey, _: &Init, inbound: bool) -> Result<(), ()> {
        let is_in = self.0.state().connected(node, inbound, Instant::now());
        self.0.news.notify_one();
        self.0.work.notify_one();
        self.0.changed();
        is_in.then_some(()).ok_or(())
    }

    fn peer_disconnected(&self, node: PublicKey) {
        self.0.state().disconnected(node);
        self.0.news.notify_one();
        self.0.changed();
    }

    fn provided_node_features(&self) -> NodeFeatures {
        NodeFeatures::empty()
    }

    fn provided_init_features(&self, _: PublicKey) -> InitFeatures {
        InitFeatures::empty()
    }
}
