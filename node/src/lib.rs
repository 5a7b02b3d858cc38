//! One party of contracts about computations: as a library, and as a process.
//!
//! A [`party`] decides: it makes offers and answers them, fetches jobs, signs set-ups, funds, lives each contract to its end, and watches the
//! chain. It has no socket, thread or clock. A program of its own (a market, a wallet, a game) gives it what comes and carries out what
//! it hands back; `examples/marketplace.rs` is one that trades between processes in under 150 lines, with Unix sockets.
//!
//! ```
//! use narthex::{bitcoin::Network, regtest::Embedded};
//! use narthex_node::party::{Action, Command, Core, Event};
//! use narthex_node::shell::{Clock, Folder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let mut chain = Embedded::new();
//! let (clock, folder) = (Clock::start(), Folder::open(&dir.path().join("party"))?);
//! let (parts, _) = folder.parts(Network::Regtest, &mut chain, &[])?;
//! let mut party = Core::open(parts, clock.now())?;
//!
//! // In: frames of peers and news of their connections, time, orders of the owner.
//! party.take(Event::Tick, clock.now())?;
//! let address = party.fresh_address()?;
//! assert!(party.command(Command::List, clock.now())?.is_ok());
//! // Out, once everything that it rests on is durable: frames, and words for the owner. What is due on chain is published in here.
//! for action in party.turn(&mut chain, clock.now())? {
//!     match action {
//!         Action::Send { to, bytes } | Action::Serve { to, bytes } => println!("{} bytes to {to}", bytes.len()),
//!         Action::Look(look) => party.take(look.done(), clock.now())?,
//!         other => println!("{other:?}"),
//!     }
//! }
//! // What is next in each contract, and until when.
//! assert!(party.next_moves().is_empty());
//! # assert!(address.starts_with("bcrt1"));
//! # Ok(()) }
//! ```
//!
//! What is its program's to choose, and what there is:
//!
//! | | how | there is |
//! |---|---|---|
//! | transport | [`party::Event`] in, [`party::Action`] out; a frame is bytes, a [`wire::Frame`](narthex::channel::wire::Frame), and in its envelope a [`Saying`](narthex::channel::wire::Saying) | [`transport`]: BOLT 8 over TCP |
//! | store | [`party::Store`], a [`Log`](narthex::channel::log::Log) for each machine and [`Blobs`](narthex::life::Blobs) | [`party::DiskStore`] (SQLite), [`party::MemoryStore`] |
//! | chain | [`NodeAccess`](narthex::regtest::NodeAccess): a `ChainSource` that is read, a `Broadcaster` | `Node` (bitcoind's RPC), `Embedded` |
//! | clock | [`party::Now`] with each call | [`shell::Clock`] |
//! | what is accepted | [`party::Policy`] | |
//!
//! To who knows LDK: a [`party::Core`] is `ChannelManager` and `ChainMonitor` in one, [`party::Action`] what comes out of
//! `process_pending_events` and of the peer handler's queue. There is nothing to persist by the caller: what an action rests on is in the store
//! before it is handed out.
//!
//! The process: the [`shell`] has the folder, the sockets and the clock around a party ([`shell::run`]), the [`api`] is it over HTTP, and the [`transport`]
//! carries messages between nodes that know each other by their keys, in order, encrypted, and bounded in both directions, whatever the
//! other side does:
//!
//! ```
//! use narthex_node::{
//!     NodeKey,
//!     transport::{Event, Limits, Transport},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let (client, worker) = (NodeKey::draw(), NodeKey::draw());
//! let (client_id, worker_id) = (client.id(), worker.id());
//! let (client, _client_events) = Transport::start(client, Limits::default())?;
//! let (worker, mut worker_events) = Transport::start(worker, Limits::default())?;
//! worker.know(client_id);
//! let address = worker.listen("127.0.0.1:0").await?;
//! client.connect(format!("{worker_id}@{address}").parse()?);
//! client.connected(&worker_id).await;
//! client.send(&worker_id, 33_010, b"an offer".to_vec()).await?;
//! while let Some(event) = worker_events.next().await {
//!     if let Event::Message { from, kind, bytes } = event {
//!         assert_eq!((from, kind, bytes.as_slice()), (client_id, 33_010, &b"an offer"[..]));
//!         break;
//!     }
//! }
//! # Ok(()) })}
//! ```

pub mod api;
mod key;
mod meters;
pub mod party;
pub mod shell;
pub mod transport;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use bitcoin;
pub use key::{KeyError, NodeKey};
