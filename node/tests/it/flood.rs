//! More than anybody can take.

use narthex_node::{
    NodeKey,
    transport::{CREDIT, Event, Limits, Reason, Transport, Unreachable, WINDOW},
};
use tempfile::TempDir;

use crate::support::{
    disconnected, limits, listening, message,
    process::Node,
    rude::{Raw, Rude},
    run, wait_for,
};

const MIB: u64 = 1024;

/// What may come on top of what a process needs anyway, in KiB: far less than what is sent.
const MOST_KIB: u64 = 32 * MIB;

#[test]
fn a_hundred_mib_pass_through_little_memory_and_wait_for_who_reads() {
    const LENGTH: u64 = 65_000;
    const COUNT: u64 = 100 * 1024 * 1024 / LENGTH;
    let folder = TempDir::new().unwrap();
    let mut a = Node::start(&folder.path().join("a"));
    let mut b = Node::mute(&folder.path().join("b"), false);
    let address = b.listen("127.0.0.1:0");
    b.know(&a.id);
    a.order(format!("connect {address}"));
    a.wait("connected ");
    let before = [a.memory(), b.memory()];
    // Nobody reads: what fits is the window and the queue.
    a.order(format!("fill {} {LENGTH}", b.id));
    let filled = a.wait("filled ");
    let bytes: u64 = filled.split(' ').next().unwrap().parse().unwrap();
    let most = limits::quick().queued_bytes + WINDOW;
    assert!(bytes <= most, "{filled}");
    assert!(
        bytes > limits::quick().queued_bytes - 2 * LENGTH,
        "{filled}"
    );
    a.order(format!("stream {} {COUNT} {LENGTH}", b.id));
    b.order("read");
    a.wait("streamed");
    let read = b.wait("read ");
    assert_eq!(read, format!("{} from {}", bytes + COUNT * LENGTH, a.id));
    for (node, before) in [(&mut a, before[0]), (&mut b, before[1])] {
        let peak = node.memory();
        assert!(peak < before + MOST_KIB, "{peak} KiB after {before} KiB");
    }
}

#[test]
fn who_sends_more_than_it_was_granted_is_closed() {
    let folder = TempDir::new().unwrap();
    // Its party reads nothing, so that nothing is granted.
    let mut b = Node::mute(&folder.path().join("b"), false);
    let address = b.listen("127.0.0.1:0");
    let (_, place) = address.split_once('@').unwrap();
    run(async {
        let mut rude = Rude::new(1, b.id);
        b.know(&rude.id);
        let before = b.memory();
        let over = rude.connect(place.parse().unwrap()).await;
        rude.send((0..1_600).map(|_| Raw(33_010, vec![0; 65_533])));
        over.await.unwrap();
        let peak = b.memory();
        assert!(peak < before + MOST_KIB, "{peak} KiB after {before} KiB");
        b.order("read");
        let reason = b.wait("disconnected ");
        assert!(
            reason.starts_with(&format!("{} Flood", rude.id)),
            "{reason}"
        );
    });
}

#[test]
fn who_reads_its_socket_and_takes_nothing_out_is_closed() {
    run(async {
        let (b, mut from_b, address) = listening(limits::watchful()).await;
        let mut rude = Rude::new(1, b.id());
        b.know(rude.id);
        let over = rude.connect(address).await;
        b.connected(&rude.id).await;
        let sent = b.send(&rude.id, 33_010, vec![1; 60_000]).await;
        assert_eq!(sent, Ok(()));
        // One message is within the window, and nobody has to answer it.
        assert_eq!(rude.message().await.1, vec![1; 60_000]);
        while b.try_send(&rude.id, 33_010, vec![2; 60_000]).is_ok() {}
        let (node, reason) = disconnected(&mut from_b).await;
        assert_eq!(node, rude.id);
        assert!(
            matches!(reason, Reason::NotReading { bytes } if bytes > WINDOW),
            "{reason:?}"
        );
        over.await.unwrap();
    });
}

#[test]
fn credit_for_what_was_not_sent_ends_it() {
    run(async {
        let (b, mut from_b, address) = listening(limits::quick()).await;
        let sum = |sum: u64| sum.to_be_bytes().to_vec();
        for (number, bad) in [
            sum(0),
            sum(1_065),
            sum(u64::MAX),
            vec![],
            vec![0; 7],
            vec![0; 9],
        ]
        .into_iter()
        .enumerate()
        {
            let mut rude = Rude::new(number as u8, b.id());
            b.know(rude.id);
            let over = rude.connect(address).await;
            b.connected(&rude.id).await;
            b.send(&rude.id, 33_010, vec![0; 1_000]).await.unwrap();
            rude.message().await;
            rude.send([Raw(CREDIT, bad)]);
            assert_eq!(
                disconnected(&mut from_b).await,
                (rude.id, Reason::BadCredit)
            );
            over.await.unwrap();
        }
    });
}

#[test]
fn nobody_new_is_let_in_while_too_much_is_left_to_read() {
    run(async {
        let small = Limits {
            left_bytes: 400_000,
            ..limits::quick()
        };
        let (b, mut from_b, address) = listening(small).await;
        // Each leaves what fits the window and goes; the party reads nothing.
        let leave = async |number: u8| {
            let mut rude = Rude::new(number, b.id());
            b.know(rude.id);
            let over = rude.connect(address).await;
            // The last is one too many for the window, so that it is closed when all before it has come.
            rude.send((0..9).map(|_| Raw(33_010, vec![number; 60_000])));
            over.await.unwrap();
        };
        leave(1).await;
        let (late, mut from_late) = Transport::start(NodeKey::draw(), limits::quick()).unwrap();
        b.know(late.id());
        late.connect(format!("{}@{address}", b.id()).parse().unwrap());
        // Whether it has heard of the other side before that closed, is chance.
        wait_for(&mut from_late, |event| {
            let refused = matches!(
                event,
                Event::Disconnected {
                    reason: Reason::Gone,
                    ..
                } | Event::Unreachable {
                    reason: Unreachable::Handshake,
                    ..
                }
            );
            refused.then_some(())
        })
        .await;
        assert!(!b.is_connected(&late.id()));
        for _ in 0..8 {
            assert_eq!(message(&mut from_b).await.2, vec![1; 60_000]);
        }
        // Now that it has read, it takes the next.
        b.connected(&late.id()).await;
    });
}
