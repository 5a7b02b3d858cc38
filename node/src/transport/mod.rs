//! Messages between nodes: BOLT 8 by `lightning`'s `PeerManager`, over sockets by `lightning-net-tokio`.
//!
//! What a message means is not known here. A message is a type of [`MESSAGE_TYPES`] and at most [`MAX_MESSAGE_BYTES`] bytes;
//! it comes whole, in order, from the node that it says, or not at all. When a connection ends, messages that were on
//! their way are lost: whoever sent one sends it again until the other party has acknowledged it.
//!
//! **Bounds.** What waits for one peer, and what one peer can make this side keep, is bounded ([`Limits`], [`WINDOW`]). Both
//! sides count what the other's party has taken out and tell it by [`CREDIT`]; a fast sender waits for a slow reader.
//! Who sends beyond its credit, or grants what was never sent, is closed and named ([`Reason`]). Nodes that are not
//! [known](Transport::know) are strangers: few at once, some bytes each, and the oldest makes place for the next, as among
//! connections that have not shown a key yet. What a peer sends that is ignored (odd types, BOLT 1) costs the network and
//! no memory.
//!
//! **Threads.** Everything runs in tasks of the tokio runtime in which [`Transport::start`] is called; they end when the
//! [`Transport`] is dropped.

mod address;
mod connection;
mod dial;
mod event;
mod frame;
mod handler;
mod limits;
mod listen;
mod pump;
mod shared;
mod signer;
mod silent;
mod state;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bitcoin::secp256k1::{
    PublicKey,
    rand::{RngCore, rngs::OsRng},
};
use lightning::ln::peer_handler::{
    ErroringMessageHandler, IgnoringMessageHandler, MessageHandler, PeerManager,
};
use lightning_net_tokio::SocketDescriptor;
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    task::AbortHandle,
};
use zeroize::Zeroizing;

use crate::NodeKey;
use frame::Frame;
use handler::Handler;
use shared::Shared;
use signer::Signer;
use silent::Silent;
use state::State;

pub use address::{AddressError, PeerAddress};
pub use event::{Event, Reason, SendError, Unreachable};
pub use limits::{CREDIT, Limits, MAX_MESSAGE_BYTES, MESSAGE_OVERHEAD, MESSAGE_TYPES, WINDOW};

/// The library's part: no channels, no gossip, no onion messages, and our messages.
type Manager = PeerManager<
    SocketDescriptor,
    Arc<ErroringMessageHandler>,
    Arc<IgnoringMessageHandler>,
    Arc<IgnoringMessageHandler>,
    Arc<Silent>,
    Arc<Handler>,
    Arc<Signer>,
    Arc<IgnoringMessageHandler>,
>;

/// Sends messages, and decides who is connected. Dropped, it closes all.
pub struct Transport {
    shared: Arc<Shared>,
    manager: Arc<Manager>,
    id: PublicKey,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({})", self.id)
    }
}

/// What happens to a transport, to be read by one.
#[derive(Debug)]
pub struct Events(Arc<Shared>);

impl Events {
    /// The next event; `None` when the [`Transport`] is gone and all has been read. Reading a message lets its sender send
    /// more. Nothing is lost if this is dropped while it waits.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let news = self.0.news.notified();
            let (read, is_over) = {
                let mut state = self.0.state();
                (state.read(), state.is_over())
            };
            match read {
                Some((event, is_credit_due)) => {
                    if is_credit_due {
                        self.0.work.notify_one();
                    }
                    return Some(event);
                }
                None if is_over => return None,
                None => news.await,
            }
        }
    }
}

impl Transport {
    /// A transport of this node, which neither listens nor connects yet. Must be called in a tokio runtime that has sockets and
    /// time.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] outside of a runtime.
    pub fn start(key: NodeKey, limits: Limits) -> io::Result<(Transport, Events)> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| io::Error::new(io::ErrorKind::Unsupported, error))?;
        let tick = limits.tick;
        let id = key.id();
        let shared = Arc::new(Shared::new(State::new(limits)));
        let mut seed = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(seed.as_mut());
        let ignoring = || Arc::new(IgnoringMessageHandler {});
        let handlers = MessageHandler {
            chan_handler: Arc::new(ErroringMessageHandler::new()),
            route_handler: ignoring(),
            onion_message_handler: ignoring(),
            custom_message_handler: Arc::new(Handler(shared.clone())),
            send_only_message_handler: ignoring(),
        };
        // The time dates gossip that asks for channels, which nobody here has.
        let manager = Manager::new(handlers, 0, &seed, Arc::new(Silent), Arc::new(Signer(key)));
        let manager = Arc::new(manager);
        let pump = runtime.spawn(pump::run(shared.clone(), manager.clone()));
        let ticks = runtime.spawn(pump::tick(shared.clone(), manager.clone(), tick));
        let transport = Transport {
            shared: shared.clone(),
            manager,
            id,
            tasks: Mutex::new(vec![pump.abort_handle(), ticks.abort_handle()]),
        };
        Ok((transport, Events(shared)))
    }

    /// This node's id.
    pub const fn id(&self) -> PublicKey {
        self.id
    }

    /// Takes connections at an address from now on, and says which it is (port 0 is any that is free).
    ///
    /// # Errors
    /// Those of the system: the address is taken, or not one of this machine.
    pub async fn listen(&self, at: impl ToSocketAddrs) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let accept = listen::accept(self.shared.clone(), self.manager.clone(), listener);
        self.keep(tokio::spawn(accept).abort_handle());
        Ok(address)
    }

    /// Connects a node, and again whenever the connection is lost, with longer and longer pauses while it cannot be reached.
    /// It is [known](Transport::know) therefore. The first address of a node stands until it is [forgotten](Transport::forget).
    pub fn connect(&self, to: PeerAddress) {
        if self.shared.state().want(to.node) {
            let keep = dial::keep(self.shared.clone(), self.manager.clone(), to);
            self.keep(tokio::spawn(keep).abort_handle());
        }
    }

    fn keep(&self, task: AbortHandle) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// A node is no stranger from now on, whether it is connected or not.
    pub fn know(&self, node: PublicKey) {
        self.shared.state().know(node);
    }

    /// A node is a stranger from now on; its connection ends, and is not made again by this side.
    pub fn forget(&self, node: &PublicKey) {
        self.shared.state().forget(node);
        self.shared.work.notify_one();
        self.shared.changed();
    }

    /// Ends a connection. One that is to be [connected](Transport::connect) comes again.
    pub fn disconnect(&self, node: &PublicKey) {
        self.shared.state().close(node, Reason::Own);
        self.shared.work.notify_one();
    }

    /// Whether messages can be sent to a node now.
    pub fn is_connected(&self, node: &PublicKey) -> bool {
        self.shared.state().is_connected(node)
    }

    /// Waits until messages can be sent to a node.
    pub async fn connected(&self, node: &PublicKey) {
        let mut changes = self.shared.changes.subscribe();
        let is_connected = changes.wait_for(|_| self.is_connected(node));
        // The sender is in `self`.
        let _ = is_connected.await;
    }

    /// Queues a message, if there is room.
    ///
    /// # Errors
    /// [`SendError`]; then nothing is queued.
    pub fn try_send(&self, to: &PublicKey, kind: u16, bytes: Vec<u8>) -> Result<(), SendError> {
        let mut frame = Some(Frame { kind, bytes });
        self.shared.state().queue(to, &mut frame)?;
        self.shared.work.notify_one();
        Ok(())
    }

    /// Queues a message as soon as there is room: as fast as the other side takes out what it gets.
    ///
    /// # Errors
    /// [`SendError`], but never [`SendError::Full`]; then nothing is queued.
    pub async fn send(&self, to: &PublicKey, kind: u16, bytes: Vec<u8>) -> Result<(), SendError> {
        let mut changes = self.shared.changes.subscribe();
        let mut frame = Some(Frame { kind, bytes });
        let mut queued = Ok(());
        let tried = changes.wait_for(|_| {
            queued = self.shared.state().queue(to, &mut frame);
            !matches!(queued, Err(SendError::Full { .. }))
        });
        // The sender is in `self`.
        let _ = tried.await;
        self.shared.work.notify_one();
        queued
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in tasks {
            task.abort();
        }
        self.shared.state().end();
        self.manager.disconnect_all_peers();
        self.shared.changed();
        self.shared.news.notify_one();
    }
}
