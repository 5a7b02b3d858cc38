//! Between the transport and the thread that decides: what comes from peers, and what goes to them.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::secp256k1::PublicKey;
use tokio::sync::mpsc::{self, Sender, UnboundedSender};

use super::{
    about::contract_of,
    run::{Input, Said, Teller},
};
use crate::{
    meters::Meters,
    party::{Action, Look},
    transport::{Event, Reason, Transport},
};

/// Gives what the transport tells to the thread that decides. A connection has a queue of its own, so that nothing of one before
/// it leaves on it.
pub(super) async fn read(
    mut events: crate::transport::Events,
    transport: Arc<Transport>,
    (inputs, meters): (Sender<Input>, Arc<Meters>),
) {
    let mut queues = BTreeMap::new();
    while let Some(event) = events.next().await {
        let input = match event {
            Event::Connected { node, .. } => {
                let (queue, mut waiting) = mpsc::unbounded_channel::<Vec<u8>>();
                let transport = transport.clone();
                let sending = tokio::spawn(async move {
                    while let Some(frame) = waiting.recv().await {
                        let Some((kind, bytes)) = frame.split_first_chunk::<2>() else {
                            continue;
                        };
                        let kind = u16::from_be_bytes(*kind);
                        if transport.send(&node, kind, bytes.to_vec()).await.is_err() {
                            return;
                        }
                    }
                });
                let before = queues.insert(node, sending);
                before.inspect(|sending| sending.abort());
                Input::Connected(node, queue)
            }
            Event::Disconnected { node, reason } => {
                if let Some(code) = bad(reason) {
                    meters.bad(code);
                }
                let before = queues.remove(&node);
                before.inspect(tokio::task::JoinHandle::abort);
                Input::Disconnected(node)
            }
            Event::Message { from, kind, bytes } => {
                let frame = [&kind.to_be_bytes()[..], &bytes].concat();
                Input::Frame(from, frame)
            }
            // It is tried again.
            Event::Unreachable { .. } => continue,
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

/// What the peer has done that no peer may, if that ended the connection.
const fn bad(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::Flood { .. } => Some("flood"),
        Reason::Stranger { .. } => Some("stranger"),
        Reason::NotReading { .. } => Some("not-reading"),
        Reason::BadCredit => Some("bad-credit"),
        Reason::Gone | Reason::Own | Reason::Crowded => None,
    }
}

pub(super) fn act(
    action: Action,
    transport: &Transport,
    (queues, looks): (
        &BTreeMap<PublicKey, UnboundedSender<Vec<u8>>>,
        &std::sync::mpsc::Sender<Look>,
    ),
    tell: Teller<'_>,
) {
    match action {
        // Of a connection that has ended nothing is sent: it begins anew on the next.
        Action::Send { to, bytes } => {
            if let Some(queue) = queues.get(&to) {
                let contract = contract_of(&bytes);
                tracing::debug!(%to, bytes = bytes.len(), contract, "sends");
                let _ = queue.send(bytes);
            }
        }
        Action::Serve { to, bytes } => {
            if let Some((kind, payload)) = bytes.split_first_chunk::<2>() {
                // Where there is no room, or nobody there, it is asked for again.
                let _ = transport.try_send(&to, u16::from_be_bytes(*kind), payload.to_vec());
            }
        }
        Action::Look(look) => {
            // One after the other: each has a job in memory.
            if looks.send(look).is_err() {
                let why =
                    "jobs are not looked at any more: a defect of this program; start it again";
                tell(Said::Note(&why.into()));
            }
        }
        Action::Close { node, why } => {
            let words = format!("the connection with {node} is closed: {why}");
            tell(Said::Note(&words.into()));
            transport.disconnect(&node);
        }
        Action::Know(node) => transport.know(node),
        Action::Connect(peer) => {
            tracing::debug!(node = %peer.node, "connects");
            transport.connect(peer);
        }
        Action::Note(note) => tell(Said::Note(&note)),
    }
}
