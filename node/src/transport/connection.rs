//! One connection from its first byte to its last: the library speaks, and what it does not look after is looked after here.

use std::{
    future::poll_fn,
    io,
    net::Shutdown,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use tokio::{io::Interest, net::TcpStream, time};

use super::{
    Manager,
    pump::end_of,
    shared::{End, Shared, Shown},
};

/// A socket for the library, a second handle of it, and its other end.
pub(super) struct Prepared {
    pub(super) socket: std::net::TcpStream,
    handle: TcpStream,
    end: End,
}

impl Prepared {
    /// # Errors
    /// Those of the system: the connection is over already, or there are too many open files.
    pub(super) fn new(socket: TcpStream, inbound: bool) -> io::Result<Prepared> {
        socket.set_nodelay(true)?;
        let end = End::new(inbound, &socket.peer_addr()?);
        let socket = socket.into_std()?;
        let handle = TcpStream::from_std(socket.try_clone()?)?;
        Ok(Prepared {
            socket,
            handle,
            end,
        })
    }

    /// Hands the socket to the library by `begin`, which gives the end of the connection as a future, and returns then.
    /// Who has shown no key in time is closed, and so is a socket that has broken: the library waits for room to write before it
    /// reads again, and would not see that until pings fail.
    pub(super) async fn see_through<F: Future<Output = ()>>(
        self,
        shared: &Arc<Shared>,
        manager: &Arc<Manager>,
        begin: impl FnOnce(std::net::TcpStream) -> F,
    ) {
        let Prepared {
            socket,
            handle,
            end,
        } = self;
        let limit = shared.state().limits().handshake;
        let shown = shared.begin(end);
        let mut over = pin!(begin(socket));
        let stands = match time::timeout(limit, either(over.as_mut(), shown)).await {
            Ok(None) => {
                shared.give_up(end);
                return;
            }
            Ok(Some(shown)) => shown == Ok(Shown::Key),
            Err(_) => false,
        };
        if stands {
            if either(over.as_mut(), broken(&handle)).await.is_none() {
                return;
            }
            let peers = manager.list_peers().into_iter();
            let mut broken = peers.filter(|peer| end_of(peer) == Some(end));
            if let Some(peer) = broken.next() {
                manager.disconnect_by_node_id(peer.counterparty_node_id);
            }
        } else {
            shared.give_up(end);
            if let Ok(handle) = handle.into_std() {
                // One that is closed already is what is wanted.
                let _ = handle.shutdown(Shutdown::Both);
            }
        }
        over.await;
    }
}

/// Waits until nothing can be written any more. The error itself is told once, and may be told to the library; that the
/// socket is closed stays.
async fn broken(handle: &TcpStream) {
    while let Ok(ready) = handle.ready(Interest::WRITABLE | Interest::ERROR).await {
        if ready.is_write_closed() || ready.is_error() {
            return;
        }
        // There is room, which is not what is waited for: not again before that changes.
        let _ = handle.try_io(Interest::WRITABLE, || -> io::Result<()> {
            Err(io::ErrorKind::WouldBlock.into())
        });
    }
}

/// What `other` gives, or `None` if `over` is ready before.
async fn either<T>(
    mut over: Pin<&mut impl Future<Output = ()>>,
    other: impl Future<Output = T>,
) -> Option<T> {
    let mut other = pin!(other);
    poll_fn(|context| {
        if over.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        other.as_mut().poll(context).map(Some)
    })
    .await
}
