//! Requests over HTTP on loopback, by a client over connections that are kept: of a node that runs, beside a bare route that answers as
//! many bytes.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use axum::{Router, routing::get};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use narthex::{contracts::terms::Role, regtest::Bitcoind};
use narthex_disk::temporary_folder;

use super::Measured;
use crate::six::Node;

/// What is asked for: how the node stands, which its deciding thread says, and all its figures.
const PATHS: [&str; 2] = ["/v1/node", "/metrics"];

/// Connections at once, each with one request at a time.
const CONNECTIONS: u32 = 8;

/// Longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a round took.
#[derive(Clone, Copy)]
struct Round {
    /// From the first request to the last answer, in seconds.
    all: f64,
    /// In which 99 of 100 were answered, in seconds.
    most: f64,
}

impl Round {
    fn least(self, other: Option<Round>) -> Round {
        other.map_or(self, |other| Round {
            all: self.all.min(other.all),
            most: self.most.min(other.most),
        })
    }
}

pub(super) fn run(rounds: u32, requests: u32) -> anyhow::Result<Vec<Measured>> {
    let chain = Bitcoind::start()?;
    let folder = temporary_folder("narthex-bench-", Some(&std::env::current_dir()?))?;
    let dir = folder.path().join("node");
    let words = ["--api", "127.0.0.1:0"];
    let node = Node::start_with((Role::Client, &dir), &chain, ("127.0.0.1:0", &words))?;
    let at = node.api.context("a node without an API")?;
    let token = std::fs::read_to_string(dir.join("api.token"))?;
    let mut all = Vec::new();
    for path in PATHS {
        let asked = Asked {
            at,
            head: format!(
                "GET {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {}\r\n\r\n",
                token.trim()
            ),
        };
        let bytes = asked.connect()?.ask(&asked.head)?;
        let floor = bare(path, bytes)?;
        let bare = Asked {
            at: floor,
            head: asked.head.clone(),
        };
        let (mut figure, mut least) = (None, None);
        for _ in 0..rounds {
            figure = Some(asked.round(requests)?.least(figure));
            least = Some(bare.round(requests)?.least(least));
        }
        let (figure, least) = figure.zip(least).context("at least one round")?;
        let name = format!("http: GET {path}, {bytes} bytes, {CONNECTIONS} connections");
        let count = f64::from(requests);
        all.push(Measured::rate(&name, count, (figure.all, least.all)));
        let name = format!("http: GET {path}, 99 of 100 within");
        all.push(Measured::time(name, figure.most, least.most));
    }
    Ok(all)
}

/// Where what is asked.
struct Asked {
    at: SocketAddr,
    head: String,
}

/// A connection that is kept.
struct Kept(BufReader<TcpStream>);

impl Asked {
    fn connect(&self) -> anyhow::Result<Kept> {
        let stream = TcpStream::connect(self.at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Kept(BufReader::new(stream)))
    }

    /// So many requests, over all connections together.
    fn round(&self, requests: u32) -> anyhow::Result<Round> {
        let each = requests.div_ceil(CONNECTIONS);
        let mut kept = Vec::new();
        for _ in 0..CONNECTIONS {
            kept.push(self.connect()?);
        }
        let start = Instant::now();
        let asking: Vec<_> = kept
            .into_iter()
            .map(|mut kept| {
                let head = self.head.clone();
                thread::spawn(move || -> anyhow::Result<Vec<Duration>> {
                    let asks = (0..each).map(|_| {
                        let start = Instant::now();
                        kept.ask(&head)?;
                        Ok(start.elapsed())
                    });
                    asks.collect()
                })
            })
            .collect();
        let mut took = Vec::new();
        for thread in asking {
            took.extend(thread.join().map_err(|_| anyhow!("a client has ended"))??);
        }
        let all = start.elapsed().as_secs_f64() * f64::from(requests) / took.len() as f64;
        took.sort_unstable();
        let most = took.get(took.len().saturating_sub(1) * 99 / 100);
        let most = most.context("no answer")?.as_secs_f64();
        Ok(Round { all, most })
    }
}

impl Kept {
    /// Asks once; how many bytes the body of the answer has.
    fn ask(&mut self, head: &str) -> anyhow::Result<usize> {
        self.0.get_mut().write_all(head.as_bytes())?;
        let (mut line, mut bytes, mut is_first) = (String::new(), None, true);
        loop {
            line.clear();
            ensure!(
                self.0.read_line(&mut line)? > 0,
                "the connection was closed"
            );
            if is_first {
                ensure!(
                    line.starts_with("HTTP/1.1 200 "),
                    "answered: {}",
                    line.trim()
                );
                is_first = false;
            }
            let field = line.split_once(':');
            if let Some((_, value)) =
                field.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                bytes = Some(value.trim().parse::<usize>()?);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let bytes = bytes.context("an answer without a length")?;
        let mut body = vec![0; bytes];
        self.0.read_exact(&mut body)?;
        Ok(bytes)
    }
}

/// A route that answers so many constant bytes, in a thread of its own, as long as this process lives.
fn bare(path: &'static str, bytes: usize) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let at = listener.local_addr()?;
    let router = Router::new().route(path, get(async move || vec![b'x'; bytes]));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                return;
            };
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                // A client that breaks off is done.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    Ok(at)
}
