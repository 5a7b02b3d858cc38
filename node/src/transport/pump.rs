//! What makes messages leave, and what looks who is alive.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use lightning::ln::{msgs::SocketAddress, peer_handler::PeerDetails};
use tokio::time::{self, Instant};

use super::{
    Manager,
    shared::{End, Shared},
};

/// Does what the state has decided, whenever something has changed.
pub(super) async fn run(shared: Arc<Shared>, manager: Arc<Manager>) {
    loop {
        let work = shared.work.notified();
        let (finished, to_close) = {
            let mut state = shared.state();
            (state.take_finished(), state.take_to_close())
        };
        for node in finished {
            if let Some(end) = manager.peer_by_node_id(&node).as_ref().and_then(end_of) {
                shared.finish(end);
            }
        }
        for node in to_close {
            manager.disconnect_by_node_id(node);
        }
        manager.process_events();
        let next = shared.state().next_grant();
        match next {
            // Either is fine: there is work, or it is time.
            Some(at) => {
                let _ = time::timeout_at(Instant::from_std(at), work).await;
            }
            None => work.await,
        }
    }
}

/// Looks, at equal intervals.
pub(super) async fn tick(shared: Arc<Shared>, manager: Arc<Manager>, every: Duration) {
    loop {
        time::sleep(every).await;
        shared.state().tick();
        manager.timer_tick_occurred();
        shared.work.notify_one();
    }
}

/// The other end of a peer's connection.
pub(super) fn end_of(peer: &PeerDetails) -> Option<End> {
    let address = match peer.socket_address.as_ref()? {
        SocketAddress::TcpIpV4 { addr, port } => SocketAddr::from((Ipv4Addr::from(*addr), *port)),
        SocketAddress::TcpIpV6 { addr, port } => SocketAddr::from((Ipv6Addr::from(*addr), *port)),
        _ => return None,
    };
    Some(End::new(peer.is_inbound_connection, &address))
}
