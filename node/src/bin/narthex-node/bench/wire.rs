//! Messages between two nodes over loopback: authenticated, encrypted and bounded, beside the same bytes over bare TCP.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Instant,
};

use anyhow::{Context as _, anyhow};
use narthex_node::{
    NodeKey,
    transport::{Event, Limits, PeerAddress, Transport},
};

use super::{Measured, by_turns};

/// Bytes of a message: a signed word, and a piece of something long.
const SIZES: [usize; 2] = [300, 60_000];

/// Type of the messages: `piece`. Nothing reads them.
const KIND: u16 = 33_006;

pub(super) fn run(rounds: u32, messages: u32) -> anyhow::Result<Vec<Measured>> {
    let mut all = Vec::new();
    for size in SIZES {
        // As many bytes of long ones as they take time.
        let count = match size {
            ..=1_000 => messages,
            _ => (messages / 20).max(1),
        };
        let least = by_turns(rounds, || encrypted(count, size), || bare(count, size))?;
        let name = format!("wire: messages of {size} bytes, BOLT 8 beside TCP");
        all.push(Measured::rate(name, f64::from(count), least));
    }
    Ok(all)
}

/// A node slows down whoever goes on sending; what is measured is what the transport costs.
fn unslowed() -> Limits {
    Limits {
        bytes_per_second: 1 << 40,
        ..Limits::default()
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Seconds from the first message sent to the last one read, each side in a thread of its own.
fn encrypted(count: u32, size: usize) -> anyhow::Result<f64> {
    let (key, reader) = (NodeKey::draw(), NodeKey::draw());
    let (sender_id, reader_id) = (key.id(), reader.id());
    let (at, listens) = mpsc::channel();
    let reads = thread::spawn(move || -> anyhow::Result<Instant> {
        runtime()?.block_on(async move {
            let (transport, mut events) = Transport::start(reader, unslowed())?;
            transport.know(sender_id);
            at.send(transport.listen("127.0.0.1:0").await?)
                .context("nobody sends")?;
            let mut left = count;
            while left > 0 {
                match events.next().await.context("the transport is gone")? {
                    Event::Message { .. } => left -= 1,
                    Event::Disconnected { reason, .. } => {
                        return Err(anyhow!("the connection has ended: {reason:?}"));
                    }
                    _ => {}
                }
            }
            Ok(Instant::now())
        })
    });
    let at = listens.recv().context("nobody listens")?;
    let start = runtime()?.block_on(async move {
        let (transport, mut events) = Transport::start(key, unslowed())?;
        transport.know(reader_id);
        let to: PeerAddress = format!("{reader_id}@{at}")
            .parse()
            .map_err(|error| anyhow!("{error}"))?;
        transport.connect(to);
        transport.connected(&reader_id).await;
        let start = Instant::now();
        for _ in 0..count {
            transport
                .send(&reader_id, KIND, vec![7; size])
                .await
                .map_err(|error| anyhow!("{error:?}"))?;
        }
        // What is queued leaves as long as this runs: the reader closes when it has all of it.
        while !reads.is_finished() {
            let wait = std::time::Duration::from_millis(1);
            let _ = tokio::time::timeout(wait, events.next()).await;
        }
        let end = reads
            .join()
            .map_err(|_| anyhow!("the reader has ended"))??;
        anyhow::Ok(end.duration_since(start))
    })?;
    Ok(start.as_secs_f64())
}

/// The same bytes, with their length before them, over a socket alone.
fn bare(count: u32, size: usize) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?;
    let reads = thread::spawn(move || -> std::io::Result<Instant> {
        let (mut socket, _) = listener.accept()?;
        let (mut length, mut bytes) = ([0; 2], vec![0; size]);
        for _ in 0..count {
            socket.read_exact(&mut length)?;
            socket.read_exact(&mut bytes)?;
        }
        Ok(Instant::now())
    });
    let mut socket = TcpStream::connect(at)?;
    socket.set_nodelay(true)?;
    let length = u16::try_from(size)?.to_be_bytes();
    let message = [&length[..], &vec![7; size]].concat();
    let start = Instant::now();
    for _ in 0..count {
        socket.write_all(&message)?;
    }
    let end = reads
        .join()
        .map_err(|_| anyhow!("the reader has ended"))??;
    Ok(end.duration_since(start).as_secs_f64())
}
