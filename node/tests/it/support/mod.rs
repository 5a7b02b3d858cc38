//! Nodes in processes, and peers that keep no rule.

pub mod evil;
pub mod figures;
pub mod house;
pub mod http;
#[path = "../../../../tests/it/kill/mod.rs"]
pub mod kill;
pub mod limits;
pub mod panel;
#[path = "../../../../channel/tests/it/postgres/mod.rs"]
pub mod postgres;
pub mod process;
pub mod replicas;
pub mod rude;
pub mod started;
pub mod tools;
pub mod town;

use narthex_node::{
    NodeKey,
    bitcoin::secp256k1::PublicKey,
    transport::{Event, Events, Limits, Reason, Transport, Unreachable},
};

/// Bytes of this length that differ from place to place and from message to message.
pub fn pattern(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// A node in this process that listens.
pub async fn listening(limits: Limits) -> (Transport, Events, std::net::SocketAddr) {
    let (transport, events) = Transport::start(NodeKey::draw(), limits).unwrap();
    let address = transport.listen("127.0.0.1:0").await.unwrap();
    (transport, events, address)
}

/// Reads events until one is what is waited for.
pub async fn wait_for<T>(events: &mut Events, mut is_it: impl FnMut(&Event) -> Option<T>) -> T {
    loop {
        let event = events.next().await.expect("the transport is gone");
        if let Some(found) = is_it(&event) {
            return found;
        }
    }
}

pub async fn connected(events: &mut Events) -> PublicKey {
    wait_for(events, |event| match event {
        Event::Connected { node, .. } => Some(*node),
        _ => None,
    })
    .await
}

pub async fn disconnected(events: &mut Events) -> (PublicKey, Reason) {
    wait_for(events, |event| match event {
        Event::Disconnected { node, reason } => Some((*node, *reason)),
        _ => None,
    })
    .await
}

pub async fn unreachable(events: &mut Events) -> (PublicKey, Unreachable) {
    wait_for(events, |event| match event {
        Event::Unreachable { node, reason } => Some((*node, *reason)),
        _ => None,
    })
    .await
}

pub async fn message(events: &mut Events) -> (PublicKey, u16, Vec<u8>) {
    wait_for(events, |event| match event {
        Event::Message { from, kind, bytes } => Some((*from, *kind, bytes.clone())),
        _ => None,
    })
    .await
}

/// Runs a test with sockets, on two threads as a node does.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

/// The outputs of a job's steps, one after the other.
pub fn result_of(job: &std::path::Path) -> Vec<u8> {
    use narthex::game_model::computation::Computation as _;
    let mut jobs = narthex_node::party::Jobs::new("bundles".into());
    let spec = jobs.load(job).unwrap();
    let (job, _) = jobs.stage(&spec).unwrap();
    let outputs = (0..job.steps()).map(|index| job.step(index).unwrap());
    outputs.flatten().collect()
}

/// The seed that the user names, or one that is.
pub fn seed() -> u64 {
    let named = std::env::var("NARTHEX_SEED").ok();
    named.map_or(20_261_128, |seed| seed.parse().unwrap())
}
