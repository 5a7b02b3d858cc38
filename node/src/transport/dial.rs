//! Connections that this side makes, again and again until they stand.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpStream, time};

use super::{
    Manager, address::PeerAddress, connection::Prepared, event::Unreachable, shared::Shared,
};

/// Keeps a node connected until it is forgotten.
pub(super) async fn keep(shared: Arc<Shared>, manager: Arc<Manager>, to: PeerAddress) {
    let mut failures = 0;
    loop {
        let mut changes = shared.changes.subscribe();
        // It may have come to us meanwhile.
        let idle = changes.wait_for(|_| {
            let state = shared.state();
            !state.is_connected(&to.node) || !state.is_wanted(&to.node)
        });
        if idle.await.is_err() || !shared.state().is_wanted(&to.node) {
            return;
        }
        shared.state().attempt(&to.node);
        let missed = once(&shared, &manager, &to).await;
        let now_connected = shared.state().is_connected(&to.node);
        let attempt = shared.state().attempt(&to.node);
        failures = match attempt.spoke {
            true => 0,
            false => u32::saturating_add(failures, 1),
        };
        if now_connected {
            continue;
        }
        if !attempt.connected && shared.state().is_wanted(&to.node) {
            shared.state().unreachable(to.node, missed);
            shared.news.notify_one();
        }
        let (least, most) = shared.state().limits().backoff;
        time::sleep(pause(least, most, failures)).await;
    }
}

/// Connects once, and waits for the end of the connection. Says what was missing if no connection came of it.
async fn once(shared: &Arc<Shared>, manager: &Arc<Manager>, to: &PeerAddress) -> Unreachable {
    let limit = shared.state().limits().handshake;
    let made = TcpStream::connect((to.host.as_str(), to.port));
    let socket = match time::timeout(limit, made).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return Unreachable::Connect(error.kind()),
        Err(_) => return Unreachable::Connect(std::io::ErrorKind::TimedOut),
    };
    let prepared = match Prepared::new(socket, false) {
        Ok(prepared) => prepared,
        Err(error) => return Unreachable::Connect(error.kind()),
    };
    let begin = |socket| lightning_net_tokio::setup_outbound(manager.clone(), to.node, socket);
    prepared.see_through(shared, manager, begin).await;
    Unreachable::Handshake
}

/// How long to wait after so many failures in a row: doubled each time, up to the longest, and half of it by chance, so
/// that two that look for each other do not meet halfway for ever.
fn pause(least: Duration, most: Duration, failures: u32) -> Duration {
    let doubled = least.saturating_mul(2_u32.saturating_pow(failures.min(30)) / 2);
    let whole = doubled.clamp(least, most.max(least));
    let chance = RandomState::new().hash_one(failures) >> 40;
    whole / 2 + (whole / 2).mul_f64(chance as f64 / f64::from(1 << 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_within_its_bounds() {
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(3));
        for failures in 0..200_u32 {
            let whole = 100_u64 << failures.saturating_sub(1).min(5);
            let whole = Duration::from_millis(whole).clamp(least, most);
            let drawn = pause(least, most, failures);
            assert!(
                drawn >= whole / 2 && drawn <= whole,
                "{failures}: {drawn:?}"
            );
        }
    }
}
