//! A peer that speaks BOLT 8 and keeps no other rule: it sends what it likes and grants nothing.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use lightning::{
    ln::{
        msgs::{DecodeError, Init, LightningError},
        peer_handler::{
            CustomMessageHandler, ErroringMessageHandler, IgnoringMessageHandler, MessageHandler,
            PeerManager,
        },
        wire::{CustomMessageReader, Type},
    },
    sign::{KeysManager, NodeSigner, Recipient},
    types::features::{InitFeatures, NodeFeatures},
    util::{
        logger::{Logger, Record},
        ser::{LengthLimitedRead, Writeable, Writer},
    },
};
use lightning_net_tokio::SocketDescriptor;
use narthex_node::bitcoin::secp256k1::PublicKey;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Clone)]
pub struct Raw(pub u16, pub Vec<u8>);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Type for Raw {
    fn type_id(&self) -> u16 {
        self.0
    }
}

impl Writeable for Raw {
    fn write<W: Writer>(&self, w: &mut W) -> Result<(), lightning::io::Error> {
        w.write_all(&self.1)
    }
}

struct Handler {
    to_send: Mutex<Vec<(PublicKey, Raw)>>,
    came: UnboundedSender<Option<Raw>>,
}

impl CustomMessageReader for Handler {
    type CustomMessage = Raw;

    fn read<R: LengthLimitedRead>(
        &self,
        kind: u16,
        buffer: &mut R,
    ) -> Result<Option<Raw>, DecodeError> {
        let mut bytes = vec![0; buffer.remaining_bytes() as usize];
        buffer.read_exact(&mut bytes)?;
        Ok(Some(Raw(kind, bytes)))
    }
}

impl CustomMessageHandler for Handler {
    fn handle_custom_message(&self, message: Raw, _: PublicKey) -> Result<(), LightningError> {
        self.came.send(Some(message)).unwrap();
        Ok(())
    }

    fn get_and_clear_pending_msg(&self) -> Vec<(PublicKey, Raw)> {
        std::mem::take(&mut self.to_send.lock().unwrap())
    }

    fn peer_disconnected(&self, _: PublicKey) {}

    fn peer_connected(&self, _: PublicKey, _: &Init, _: bool) -> Result<(), ()> {
        self.came.send(None).unwrap();
        Ok(())
    }

    fn provided_node_features(&self) -> NodeFeatures {
        NodeFeatures::empty()
    }

    fn provided_init_features(&self, _: PublicKey) -> InitFeatures {
        InitFeatures::empty()
    }
}

struct Silent;

impl Logger for Silent {
    fn log(&self, _: Record<'_>) {}
}

type Manager = PeerManager<
    SocketDescriptor,
    Arc<ErroringMessageHandler>,
    Arc<IgnoringMessageHandler>,
    Arc<IgnoringMessageHandler>,
    Arc<Silent>,
    Arc<Handler>,
    Arc<KeysManager>,
    Arc<IgnoringMessageHandler>,
>;

/// The peer, connected to one node.
pub struct Rude {
    manager: Arc<Manager>,
    handler: Arc<Handler>,
    came: UnboundedReceiver<Option<Raw>>,
    pub id: PublicKey,
    to: PublicKey,
}

impl Rude {
    /// Not connected yet. Its key follows from the number.
    pub fn new(number: u8, to: PublicKey) -> Rude {
        let keys = Arc::new(KeysManager::new(&[number; 32], 1, 1, true));
        let id = keys.get_node_id(Recipient::Node).unwrap();
        let (send, came) = unbounded_channel();
        let handler = Arc::new(Handler {
            to_send: Mutex::default(),
            came: send,
        });
        let ignoring = || Arc::new(IgnoringMessageHandler {});
        let handlers = MessageHandler {
            chan_handler: Arc::new(ErroringMessageHandler::new()),
            route_handler: ignoring(),
            onion_message_handler: ignoring(),
            custom_message_handler: handler.clone(),
            send_only_message_handler: ignoring(),
        };
        let manager = PeerManager::new(handlers, 0, &[number; 32], Arc::new(Silent), keys);
        let manager = Arc::new(manager);
        // It sees that it was closed only when its pings fail, while it has more to write.
        let ticks = manager.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                ticks.timer_tick_occurred();
                ticks.process_events();
            }
        });
        Rude {
            manager,
            handler,
            came,
            id,
            to,
        }
    }

    /// Connects, and waits until the other side has answered. Says when it is over.
    pub async fn connect(&mut self, at: SocketAddr) -> tokio::task::JoinHandle<()> {
        let socket = tokio::net::TcpStream::connect(at).await.unwrap();
        let socket = socket.into_std().unwrap();
        let over = lightning_net_tokio::setup_outbound(self.manager.clone(), self.to, socket);
        let over = tokio::spawn(over);
        assert!(self.came.recv().await.unwrap().is_none());
        over
    }

    pub fn send(&self, messages: impl IntoIterator<Item = Raw>) {
        let messages = messages.into_iter().map(|message| (self.to, message));
        self.handler.to_send.lock().unwrap().extend(messages);
        self.manager.process_events();
    }

    /// The next message that came.
    pub async fn message(&mut self) -> Raw {
        loop {
            if let Some(message) = self.came.recv().await.unwrap() {
                return message;
            }
        }
    }
}
