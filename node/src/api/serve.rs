//! Connections, and their bounds.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

use super::{
    EventLog, OrderWay, Shared, Tickets,
    document::router,
    error::{ApiError, Code},
    guard::CameFrom,
    metrics::Answered,
    shown::MOST_WAITS,
    token::Token,
};
use crate::meters::Meters;

/// Most bytes of a body.
pub(super) const MAX_BODY: usize = 1 << 20;

/// Bodies at once that are longer than that.
const MOST_LONG: usize = 2;

/// Connections at once. Further ones wait in the system's queue.
const MOST_CONNECTIONS: usize = 64;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

/// Time for the head of a request, from the moment that a connection stands or has nothing to do.
const HEAD: Duration = Duration::from_secs(15);

/// Time for a request with its body, and for what it asks for.
const WHOLE: Duration = Duration::from_secs(60);

/// Time for a connection, whatever is asked on it: who reads slowly loses it.
const CONNECTION: Duration = Duration::from_secs(300);

/// Time for answers that are on their way when the node ends.
const DRAIN: Duration = Duration::from_secs(3);

/// How a node is asked over HTTP.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Where it listens, `HOST:PORT`: on this machine alone, unless there are `hosts`.
    pub listen: String,
    /// Names (`NAME` or `NAME:PORT`) by which it is called from elsewhere, by way of a proxy that encrypts.
    pub hosts: Vec<String>,
}

/// A socket that listens, and nobody is served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    at: SocketAddr,
    hosts: BTreeSet<String>,
}

/// The API of a node that runs.
pub(crate) struct Api {
    stop: watch::Sender<bool>,
    permits: Arc<Semaphore>,
}

impl Bound {
    /// Takes the place.
    pub(crate) async fn new(options: &ApiOptions) -> io::Result<Bound> {
        let all: Vec<SocketAddr> = tokio::net::lookup_host(&options.listen).await?.collect();
        if options.hosts.is_empty() && !all.iter().all(|at| at.ip().is_loopback()) {
            let why = "it is not of this machine alone; name the hosts by which others call the node (--api-host), and put what encrypts before it";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(all.as_slice()).await?;
        let at = listener.local_addr()?;
        let port = at.port();
        let own = [at.to_string(), format!("localhost:{port}")];
        let given = options.hosts.iter().map(|host| host.to_ascii_lowercase());
        Ok(Bound {
            listener,
            at,
            hosts: own.into_iter().chain(given).collect(),
        })
    }

    /// Where it is.
    pub(crate) const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Serves from now on, by the tokens of this folder: that of the operator, and that which opens the figures alone.
    pub(crate) fn serve(
        self,
        [(secret, text), (reading, reads)]: [(&Path, &Path); 2],
        (orders, uploads): (OrderWay, Arc<crate::party::Uploads>),
        (events, tickets, meters): (Arc<EventLog>, Arc<Tickets>, Arc<Meters>),
    ) -> io::Result<Api> {
        let shared = Arc::new(Shared {
            orders,
            events,
            token: Token::of(secret, text)?,
            reads: Token::of(reading, reads)?,
            answered: Answered::default(),
            meters,
            quota: Mutex::default(),
            tickets,
            uploads: Some(uploads),
            uploading: Semaphore::new(1),
            making: Semaphore::new(1),
            hosts: self.hosts,
            waits: Semaphore::new(MOST_WAITS),
            long: Semaphore::new(MOST_LONG),
        });
        let router = router(shared)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(from_fn(in_time));
        let stop = watch::Sender::new(false);
        let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let taken = (permits.clone(), stop.clone());
        tokio::spawn(take(self.listener, router, taken));
        Ok(Api { stop, permits })
    }
}

impl Api {
    /// Ends, once what is on its way is answered, or the time for it is over.
    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        let all = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
        // Whoever does not read it by then does not get it.
        let _ = timeout(DRAIN, self.permits.acquire_many(all)).await;
    }
}

/// Waits until it is told to stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // What it gives is a guard, which no other thread may drop.
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn in_time(request: Request, next: Next) -> Response {
    // Files, and jobs that are made of them, take as long as they are; the connection ends all the same.
    let is_long = ["/v1/files/", "/v1/jobs"]
        .iter()
        .any(|path| request.uri().path().starts_with(path));
    let most = if is_long { CONNECTION } else { WHOLE };
    match timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format_args!("it took more than {} s", most.as_secs());
            ApiError::new(Code::TooSlow, message).into_response()
        }
    }
}

async fn take(
    listener: TcpListener,
    router: Router,
    (permits, stop): (Arc<Semaphore>, watch::Sender<bool>),
) {
    let mut stopping = stop.subscribe();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => return,
            taken = listener.accept() => match taken {
                Ok((stream, from)) => {
                    let router = router.clone().layer(Extension(CameFrom(from.ip())));
                    tokio::spawn(talk(stream, router, (permit, stop.subscribe())));
                }
                // Too many open files, or a connection that is gone again.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// One connection, to its end.
async fn talk(
    stream: TcpStream,
    router: Router,
    (_permit, mut stopping): (OwnedSemaphorePermit, watch::Receiver<bool>),
) {
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    let served = timeout(CONNECTION, async {
        tokio::select! {
            served = &mut connection => return served,
            () = stopped(&mut stopping) => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    });
    // A client that breaks off is no event of this node.
    let _ = served.await;
}
