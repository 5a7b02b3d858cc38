//! One party as a process: what speaks to other nodes over sockets.
//!
//! What is signed and when is decided below, in crates without a socket. Here a [`party`] joins them, without a socket either: links,
//! offers, set-ups, wallet and chain. The [`shell`] is the process around it, and the [`transport`] carries messages between
//! nodes that know each other by their keys, in order, encrypted, and bounded in both directions, whatever the other
//! side does.
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
pub mod party;
pub mod shell;
pub mod transport;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use bitcoin;
pub use key::{KeyError, NodeKey};
