//! Processes that are killed, and go on.

use tempfile::TempDir;

use crate::support::process::{Node, sent};

#[test]
fn who_is_killed_while_messages_come_is_found_again() {
    let folder = TempDir::new().unwrap();
    let keys = [folder.path().join("a"), folder.path().join("b")];
    let mut a = Node::start(&keys[0]);
    let mut b = Node::start(&keys[1]);
    let (id_a, id_b) = (a.id, b.id);
    let address = b.listen("127.0.0.1:0");
    let (_, place) = address.split_once('@').unwrap();
    b.know(&id_a);
    a.order(format!("connect {address}"));
    for round in 0..4_u64 {
        let first = round * 1000;
        // Some are on their way when it dies, and some are in its hands.
        for number in first..first + 200 {
            a.send(&id_b, number, 3_000);
        }
        for number in first..first + 20 {
            assert_eq!(b.message(), sent(&id_a, number, 3_000));
        }
        b.kill();
        assert_eq!(a.wait("disconnected "), format!("{id_b} Gone"));
        // The same node, elsewhere in time: the same key at the same place.
        b = Node::start(&keys[1]);
        assert_eq!(b.id, id_b);
        b.know(&id_a);
        b.listen(place);
        assert_eq!(a.wait("connected "), format!("{id_b} false"));
        assert_eq!(b.wait("connected "), format!("{id_a} true"));
        a.send(&id_b, first + 500, 5);
        b.send(&id_a, first + 501, 5);
        assert_eq!(a.message(), sent(&id_b, first + 501, 5));
        // What was still waiting for a connection may come first.
        while b.message() != sent(&id_a, first + 500, 5) {}
    }
}

#[test]
fn who_connects_and_is_killed_connects_again() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("a");
    let mut b = Node::start(&folder.path().join("b"));
    let address = b.listen("127.0.0.1:0");
    for number in 0..4 {
        let mut a = Node::start(&key);
        b.know(&a.id);
        a.order(format!("connect {address}"));
        assert_eq!(b.wait("connected "), format!("{} true", a.id));
        a.send(&b.id, number, 60_000);
        assert_eq!(b.message(), sent(&a.id, number, 60_000));
        let id = a.id;
        a.kill();
        assert_eq!(b.wait("disconnected "), format!("{id} Gone"));
    }
}

#[test]
fn who_stands_still_is_gone_and_comes_back() {
    let folder = TempDir::new().unwrap();
    let mut a = Node::watchful(&folder.path().join("a"));
    let mut b = Node::start(&folder.path().join("b"));
    let (id_a, id_b) = (a.id, b.id);
    let address = b.listen("127.0.0.1:0");
    b.know(&id_a);
    a.order(format!("connect {address}"));
    a.wait("connected ");
    // Its system still takes what is sent, and nobody answers: a half-open connection.
    b.signal("STOP");
    assert_eq!(a.wait("disconnected "), format!("{id_b} Gone"));
    assert!(a.wait("unreachable ").ends_with("Handshake"));
    b.signal("CONT");
    a.wait("connected ");
    a.send(&id_b, 9, 9);
    assert_eq!(b.message(), sent(&id_a, 9, 9));
}
