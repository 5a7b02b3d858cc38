//! Messages between processes.

use narthex_node::transport::{CREDIT, MAX_MESSAGE_BYTES, Reason, SendError, WINDOW};
use tempfile::TempDir;

use crate::support::{
    connected, disconnected, limits, listening, message, pattern,
    process::{Node, sent},
    run,
};

/// Lengths on both sides of whatever is counted in 2, 16, 4,096 or 65,536 bytes.
const LENGTHS: [usize; 18] = [
    0,
    1,
    2,
    15,
    16,
    17,
    255,
    256,
    4_077,
    4_095,
    4_096,
    4_097,
    8_192,
    32_768,
    60_000,
    65_519,
    65_532,
    MAX_MESSAGE_BYTES,
];

#[test]
fn two_processes_exchange_messages_of_all_lengths() {
    let folder = TempDir::new().unwrap();
    let mut a = Node::start(&folder.path().join("a"));
    let mut b = Node::start(&folder.path().join("b"));
    let (to_a, to_b) = (a.id, b.id);
    let address = b.listen("127.0.0.1:0");
    b.know(&to_a);
    a.order(format!("connect {address}"));
    assert_eq!(a.wait("connected "), format!("{to_b} false"));
    assert_eq!(b.wait("connected "), format!("{to_a} true"));
    for (number, length) in LENGTHS.into_iter().enumerate() {
        a.send(&to_b, number as u64, length);
        b.send(&to_a, 100 + number as u64, length);
    }
    for (number, length) in LENGTHS.into_iter().enumerate() {
        assert_eq!(b.message(), sent(&to_a, number as u64, length));
        assert_eq!(a.message(), sent(&to_b, 100 + number as u64, length));
    }
}

#[test]
fn six_processes_talk_each_to_each() {
    const EACH: u64 = 20;
    let folder = TempDir::new().unwrap();
    let mut nodes: Vec<_> = (0..6)
        .map(|number| Node::start(&folder.path().join(number.to_string())))
        .collect();
    let ids: Vec<_> = nodes.iter().map(|node| node.id).collect();
    let addresses: Vec<_> = nodes.iter_mut().map(|n| n.listen("127.0.0.1:0")).collect();
    for node in &mut nodes {
        ids.iter().for_each(|id| node.know(id));
    }
    for (i, node) in nodes.iter_mut().enumerate() {
        for (_, address) in addresses.iter().enumerate().filter(|(j, _)| *j != i) {
            // Both look for each other, whoever is first.
            node.order(format!("connect {address}"));
        }
    }
    let length = |from: usize, to: usize, number: u64| (from * 7 + to * 13) * 31 + number as usize;
    for (i, node) in nodes.iter_mut().enumerate() {
        for number in 0..EACH {
            for (j, to) in ids.iter().enumerate().filter(|(j, _)| *j != i) {
                node.send(to, number, length(i, j, number));
            }
        }
    }
    for (j, node) in nodes.iter_mut().enumerate() {
        let mut next = [0; 6];
        for _ in 0..5 * EACH {
            let line = node.message();
            let (i, from) = ids
                .iter()
                .enumerate()
                .find(|(_, id)| line.contains(&id.to_string()))
                .unwrap();
            // In order, from each.
            assert_eq!(line, sent(from, next[i], length(i, j, next[i])));
            next[i] += 1;
        }
        assert_eq!(next.iter().sum::<u64>(), 5 * EACH);
    }
}

#[test]
fn what_cannot_be_sent_is_refused_and_nothing_is_queued() {
    run(async {
        let (a, mut from_a, _) = listening(limits::quick()).await;
        let (b, mut from_b, address) = listening(limits::quick()).await;
        let to = b.id();
        let refused = |kind, length| a.try_send(&to, kind, vec![0; length]);
        assert_eq!(refused(33_000, 1), Err(SendError::NotConnected));
        assert_eq!(
            a.send(&to, 33_000, vec![]).await,
            Err(SendError::NotConnected)
        );
        b.know(a.id());
        a.connect(format!("{to}@{address}").parse().unwrap());
        connected(&mut from_a).await;
        for kind in [0, 1, 32_768, 32_999, 33_091, CREDIT, u16::MAX] {
            assert_eq!(refused(kind, 1), Err(SendError::Kind { kind }));
        }
        let bytes = MAX_MESSAGE_BYTES + 1;
        assert_eq!(refused(33_000, bytes), Err(SendError::TooLong { bytes }));
        let late = a.send(&to, 33_000, vec![0; bytes]).await;
        assert_eq!(late, Err(SendError::TooLong { bytes }));
        // Nobody reads on the other side, so that at last there is no room.
        let mut count = 0;
        let queued = loop {
            match refused(33_001, MAX_MESSAGE_BYTES) {
                Ok(()) => count += 1,
                Err(SendError::Full { queued }) => break queued,
                Err(other) => panic!("{other}"),
            }
        };
        assert!(queued <= limits::quick().queued_bytes, "{queued}");
        assert!(queued + WINDOW >= (count - 1) * MAX_MESSAGE_BYTES as u64);
        for _ in 0..2 {
            let (from, kind, bytes) = message(&mut from_b).await;
            let found = (from, kind, bytes.len());
            assert_eq!(found, (a.id(), 33_001, MAX_MESSAGE_BYTES));
        }
        a.forget(&to);
        assert_eq!(disconnected(&mut from_a).await, (to, Reason::Own));
        assert_eq!(refused(33_000, 1), Err(SendError::NotConnected));
        drop(a);
        while from_a.next().await.is_some() {}
    });
}

#[test]
fn nodes_in_one_process_find_each_other_by_either_side() {
    run(async {
        let (a, mut from_a, at_a) = listening(limits::quick()).await;
        let (b, mut from_b, at_b) = listening(limits::quick()).await;
        a.connect(format!("{}@{at_b}", b.id()).parse().unwrap());
        b.connect(format!("{}@{at_a}", a.id()).parse().unwrap());
        for round in 0..20 {
            a.connected(&b.id()).await;
            b.connected(&a.id()).await;
            // It may have been the connection that gave way to the other: then once more.
            if a.try_send(&b.id(), 33_010, pattern(round, 100)).is_err() {
                continue;
            }
            a.disconnect(&b.id());
        }
        while a.send(&b.id(), 33_012, vec![7]).await.is_err() {
            a.connected(&b.id()).await;
        }
        loop {
            match message(&mut from_b).await {
                (_, 33_012, bytes) => break assert_eq!(bytes, [7]),
                (_, kind, bytes) => assert_eq!((kind, bytes.len()), (33_010, 100)),
            }
        }
        while b.send(&a.id(), 33_012, vec![8]).await.is_err() {
            b.connected(&a.id()).await;
        }
        let (_, kind, bytes) = message(&mut from_a).await;
        assert_eq!((kind, bytes), (33_012, vec![8]));
    });
}
