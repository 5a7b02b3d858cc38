//! Whoever comes: with the wrong key, with garbage, with nothing, in crowds.

use std::{
    net::{SocketAddr, TcpListener as StdListener},
    time::Duration,
};

use narthex_node::{
    NodeKey,
    transport::{Event, Limits, Reason, Transport, Unreachable},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::support::{
    connected, disconnected, limits, listening, message, pattern,
    rude::{Raw, Rude},
    run, unreachable, wait_for,
};

/// Waits until the other side has closed.
async fn closed(mut socket: TcpStream) {
    let mut bytes = [0; 1024];
    while matches!(socket.read(&mut bytes).await, Ok(1..)) {}
}

#[test]
fn who_has_another_key_is_not_spoken_to() {
    run(async {
        let (b, mut from_b, address) = listening(limits::quick()).await;
        let (a, mut from_a) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
        let wanted = NodeKey::draw().id();
        a.connect(format!("{wanted}@{address}").parse().unwrap());
        for _ in 0..3 {
            let found = unreachable(&mut from_a).await;
            assert_eq!(found, (wanted, Unreachable::Handshake));
        }
        assert!(!a.is_connected(&wanted));
        // It never came so far that somebody was told.
        let (c, _from_c) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
        c.connect(format!("{}@{address}", b.id()).parse().unwrap());
        let first = from_b.next().await.unwrap();
        let known = Event::Connected {
            node: c.id(),
            inbound: true,
        };
        assert_eq!(first, known);
    });
}

#[test]
fn nobody_there_is_told_with_what_the_system_says() {
    run(async {
        // A port that was free a moment ago.
        let port = StdListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let (a, mut from_a) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
        let node = NodeKey::draw().id();
        a.connect(format!("{node}@{port}").parse().unwrap());
        let refused = Unreachable::Connect(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(unreachable(&mut from_a).await, (node, refused));
    });
}

/// Passes bytes on in both directions, and changes one of those that the dialer sends, in the first connection alone.
async fn meddler(to: SocketAddr, at: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut at = Some(at);
        loop {
            let (from, _) = listener.accept().await.unwrap();
            let (mut from, mut to_dialer) = from.into_split();
            let (mut answers, mut to) = TcpStream::connect(to).await.unwrap().into_split();
            let mut at = at.take();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut answers, &mut to_dialer).await;
            });
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while let Ok(read @ 1..) = from.read(&mut bytes).await {
                    if let Some(left) = at {
                        if left < read {
                            bytes[left] ^= 1;
                        }
                        at = left.checked_sub(read);
                    }
                    if to.write_all(&bytes[..read]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_changed_byte_ends_the_connection_and_the_next_one_stands() {
    // Version, point and tag of act one; version, key and tag of act three; length and tag of the first message; the message.
    for at in [
        0, 1, 20, 34, 49, 50, 51, 90, 115, 116, 117, 118, 133, 134, 140,
    ] {
        run(async {
            let (b, mut from_b, address) = listening(limits::quick()).await;
            let (a, mut from_a) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
            b.know(a.id());
            let meddler = meddler(address, at).await;
            a.connect(format!("{}@{meddler}", b.id()).parse().unwrap());
            // Which of them, depends on who had shown its key by then.
            let first = wait_for(&mut from_a, |event| match event {
                Event::Connected { .. } => None,
                Event::Disconnected { reason, .. } => Some(format!("{reason:?}")),
                Event::Unreachable { reason, .. } => Some(format!("{reason:?}")),
                other => panic!("{other:?}"),
            })
            .await;
            assert!(
                ["Gone", "Handshake"].contains(&first.as_str()),
                "{at}: {first}"
            );
            connected(&mut from_a).await;
            a.send(&b.id(), 33_010, pattern(1, 1000)).await.unwrap();
            let found = message(&mut from_b).await;
            assert_eq!(found, (a.id(), 33_010, pattern(1, 1000)), "{at}");
        });
    }
}

#[test]
fn garbage_is_closed_and_costs_nobody_else_anything() {
    run(async {
        let (b, mut from_b, address) = listening(limits::quick()).await;
        for number in 0..50 {
            let mut socket = TcpStream::connect(address).await.unwrap();
            // The first byte of a handshake, often, so that more than the first byte is looked at.
            let mut bytes = pattern(number, 50 + 40 * number as usize);
            bytes[0] = (number % 2) as u8;
            // It may have been closed before all of it was written.
            let _ = socket.write_all(&bytes).await;
            closed(socket).await;
        }
        let (a, mut from_a) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
        a.connect(format!("{}@{address}", b.id()).parse().unwrap());
        assert_eq!(connected(&mut from_b).await, a.id());
        assert_eq!(connected(&mut from_a).await, b.id());
    });
}

#[test]
fn who_says_nothing_is_closed_in_time() {
    run(async {
        let soon = Limits {
            handshake: Duration::from_millis(50),
            ..limits::quick()
        };
        let (b, _from_b, address) = listening(soon.clone()).await;
        // Nothing at all, half of act one, act one and no more.
        for length in [0, 25] {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(&vec![0; length]).await.unwrap();
            closed(socket).await;
        }
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (a, mut from_a) = Transport::start(NodeKey::draw(), soon).unwrap();
        let place = silent.local_addr().unwrap();
        a.connect(format!("{}@{place}", b.id()).parse().unwrap());
        assert_eq!(
            unreachable(&mut from_a).await,
            (b.id(), Unreachable::Handshake)
        );
        let (mut socket, _) = silent.accept().await.unwrap();
        let mut act_one = [0; 50];
        socket.read_exact(&mut act_one).await.unwrap();
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(&act_one).await.unwrap();
        let mut act_two = [0; 50];
        half.read_exact(&mut act_two).await.unwrap();
        closed(half).await;
    });
}

#[test]
fn a_thousand_that_say_nothing_keep_nobody_out() {
    run(async {
        let patient = Limits {
            handshake: Duration::from_secs(3600),
            tick: Duration::from_secs(3600),
            ..limits::quick()
        };
        let most = patient.unfinished;
        let (b, mut from_b, address) = listening(patient).await;
        // Each stays as long as it may.
        let mut silent = JoinSet::new();
        for _ in 0..1000 {
            silent.spawn(closed(TcpStream::connect(address).await.unwrap()));
        }
        let (a, _from_a) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
        b.know(a.id());
        a.connect(format!("{}@{address}", b.id()).parse().unwrap());
        a.connected(&b.id()).await;
        a.send(&b.id(), 33_010, vec![1]).await.unwrap();
        assert_eq!(message(&mut from_b).await, (a.id(), 33_010, vec![1]));
        // All but the last ones were closed to make place, and those were not.
        for _ in 0..1000 - most {
            silent.join_next().await.unwrap().unwrap();
        }
        let more = std::iter::from_fn(|| silent.try_join_next()).count();
        assert!(more <= 1, "{more}");
    });
}

#[test]
fn strangers_with_keys_make_place_for_each_other_and_friends_for_none_of_them() {
    run(async {
        let few = Limits {
            strangers: 4,
            ..limits::quick()
        };
        let (b, mut from_b, address) = listening(few).await;
        let mut peers: Vec<_> = (1..=12).map(|number| Rude::new(number, b.id())).collect();
        b.know(peers[0].id);
        for peer in &mut peers {
            peer.connect(address).await;
            b.connected(&peer.id).await;
        }
        // The friend came first; of the eleven strangers the last four stay, and the others went in their order.
        for peer in &peers[1..8] {
            assert_eq!(disconnected(&mut from_b).await, (peer.id, Reason::Crowded));
        }
        for peer in [&peers[0]].into_iter().chain(&peers[8..]) {
            assert!(b.is_connected(&peer.id));
            peer.send([Raw(33_010, vec![1])]);
            assert_eq!(message(&mut from_b).await, (peer.id, 33_010, vec![1]));
        }
    });
}

#[test]
fn a_stranger_may_say_little() {
    run(async {
        let (b, mut from_b, address) = listening(limits::quick()).await;
        let mut stranger = Rude::new(1, b.id());
        let over = stranger.connect(address).await;
        stranger.send((0..3).map(|_| Raw(33_010, vec![0; 5_000])));
        for _ in 0..3 {
            message(&mut from_b).await;
        }
        stranger.send([Raw(33_010, vec![0; 5_000])]);
        let (node, reason) = disconnected(&mut from_b).await;
        assert_eq!(node, stranger.id);
        assert_eq!(reason, Reason::Stranger { bytes: 4 * 5_064 });
        over.await.unwrap();
        // The same is nothing for a friend.
        let mut friend = Rude::new(2, b.id());
        b.know(friend.id);
        let _over = friend.connect(address).await;
        friend.send((0..10).map(|_| Raw(33_010, vec![0; 5_000])));
        for _ in 0..10 {
            assert_eq!(message(&mut from_b).await.0, friend.id);
        }
    });
}

#[test]
fn odd_types_of_others_are_ignored_and_even_ones_end_it() {
    run(async {
        let (b, mut from_b, address) = listening(limits::quick()).await;
        for (number, even) in [(1, 32_768), (2, 32_998), (3, 33_094), (4, 60_000), (5, 2)] {
            let mut peer = Rude::new(number, b.id());
            b.know(peer.id);
            let over = peer.connect(address).await;
            let odd = [32_769, 32_999, 33_091, 65_535].map(|kind| Raw(kind, vec![7; 100]));
            peer.send(odd);
            peer.send([
                Raw(33_090, vec![1]),
                Raw(even, vec![2]),
                Raw(33_090, vec![3]),
            ]);
            // What stands between is not there.
            assert_eq!(message(&mut from_b).await, (peer.id, 33_090, vec![1]));
            assert_eq!(disconnected(&mut from_b).await, (peer.id, Reason::Gone));
            over.await.unwrap();
        }
    });
}
