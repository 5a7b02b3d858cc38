//! The node over HTTP, for its operator: every order of the control socket has a route, and a page shows what stands.
//!
//! It stands before the thread that decides as the control socket does, and decides nothing itself. It listens on this machine
//! alone unless a name is given by which others call it, takes nobody without the token that lies in the node's folder (but who asks who it is), and
//! bounds what a client may send and how long it may take. Its description (OpenAPI 3.1) is made from the types of [`party`](crate::party)
//! and the routes themselves, and lies in `docs/api/openapi.json`.
//!
//! | who or what | is met by |
//! |---|---|
//! | a page of another site, in the operator's browser | the token, which no site has; no CORS; `Host` must be this machine (rebinding), `Origin` this node; bodies must say that they are JSON |
//! | another user of this machine | the token's file is for its owner alone |
//! | a client that says nothing, or stops in the midst | time for a head, for a body, for a connection; so many connections at most, and fewer that wait |
//! | whoever a watchtower serves, and who may be anybody | a ticket of its own, which opens what it has given and nothing else (`ticket.rs`) |
//! | whoever asks for what needs no token (the page's files, `/healthz`, `/readyz`) | 60 requests a minute of one address (`quota.rs`) |
//! | whoever repeats an order since no answer came | `Idempotency-Key` ([`party::Once`](crate::party::Once)) |

mod arbiter;
mod document;
mod download;
mod error;
mod events;
mod guard;
mod jobs;
mod metrics;
mod orders;
mod page;
mod quota;
mod ready;
mod serve;
mod shown;
mod small;
mod svg;
mod ticket;
mod token;
mod tower;
mod way;

pub use document::document;
pub(crate) use events::EventLog;
pub use serve::ApiOptions;
pub(crate) use serve::Bound;
pub(crate) use ticket::Tickets;
pub(crate) use way::OrderWay;

use std::{collections::BTreeSet, sync::Arc};

/// What every request is answered with.
struct Shared {
    orders: OrderWay,
    events: Arc<EventLog>,
    token: token::Token,
    /// What opens the figures alone.
    reads: token::Token,
    /// What was answered, by what it came to.
    answered: metrics::Answered,
    /// What is counted of bad input, and measured.
    meters: Arc<crate::meters::Meters>,
    /// What each address has asked for without a token.
    quota: std::sync::Mutex<quota::Quota>,
    /// Whom this node serves as a watchtower.
    tickets: Arc<Tickets>,
    /// Where files go that are uploaded.
    uploads: Option<Arc<crate::party::Uploads>>,
    /// One is at a time.
    uploading: tokio::sync::Semaphore,
    /// And one job is made of them.
    making: tokio::sync::Semaphore,
    /// Bodies that are longer than others.
    long: tokio::sync::Semaphore,
    /// What a request may call this node, in its `Host`.
    hosts: BTreeSet<String>,
    /// Answers that may wait for something to happen.
    waits: tokio::sync::Semaphore,
}

type Known = axum::extract::State<Arc<Shared>>;
