//! Connections that others make.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, time};

use super::{Manager, connection::Prepared, shared::Shared};

/// Before the next try where the system has no socket left.
const NO_SOCKET: Duration = Duration::from_millis(50);

/// Takes in whoever comes.
pub(super) async fn accept(shared: Arc<Shared>, manager: Arc<Manager>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                // One that is over before it began is nobody's loss.
                let Ok(prepared) = Prepared::new(socket, true) else {
                    continue;
                };
                let (shared, manager) = (shared.clone(), manager.clone());
                tokio::spawn(async move {
                    let begin =
                        |socket| lightning_net_tokio::setup_inbound(manager.clone(), socket);
                    prepared.see_through(&shared, &manager, begin).await;
                });
            }
            // Either that one is gone already, or there are too many open files; both pass.
            Err(_) => time::sleep(NO_SOCKET).await,
        }
    }
}
