//! Two states, back to back, with a network that is all that stands between them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::NodeKey;

/// What one side sends is what the other side reads, in order, whatever each does when; and neither is ever told that the
/// other broke a rule. At the end, when both read, all is there.
fn walk(seed: u64) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let start = Instant::now();
    let mut now = start;
    let ids = [NodeKey::draw().id(), NodeKey::draw().id()];
    let limits = Limits {
        bytes_per_second: rng.gen_range(100_000..10_000_000),
        queued_bytes: rng.gen_range(1..1_000_000),
        ..Limits::default()
    };
    let mut states = [0, 1].map(|side| {
        let mut state = State::new(limits.clone());
        state.know(ids[1 - side]);
        assert!(state.connected(ids[1 - side], side == 1, now));
        assert!(matches!(state.read(), Some((Event::Connected { .. }, _))));
        state
    });
    let mut network: [VecDeque<Frame>; 2] = Default::default();
    let (mut sent, mut read) = ([0_u32; 2], [0_u32; 2]);
    let most = limits.queued_bytes.max(Frame::MOST);
    let steps = 3_000;
    for step in 0.. {
        let is_end = step >= steps;
        let side = rng.gen_range(0..2);
        let other = ids[1 - side];
        match rng.gen_range(0..4) {
            0 if !is_end => {
                let length = match rng.gen_range(0..3) {
                    0 => rng.gen_range(4..100),
                    1 => rng.gen_range(4..=MAX_MESSAGE_BYTES),
                    _ => MAX_MESSAGE_BYTES,
                };
                let mut bytes = vec![0; length];
                bytes[..4].copy_from_slice(&sent[side].to_be_bytes());
                let kind = 33_010;
                match states[side].queue(&other, &mut Some(Frame { kind, bytes })) {
                    Ok(()) => sent[side] += 1,
                    Err(error) => assert!(matches!(error, SendError::Full { .. }), "{error}"),
                }
            }
            0 | 1 => {
                let leaving = states[side].leaving(now);
                assert!(leaving.iter().all(|(to, _)| *to == other));
                network[side].extend(leaving.into_iter().map(|(_, frame)| frame));
            }
            2 => {
                if let Some(frame) = network[1 - side].pop_front() {
                    assert_eq!(
                        states[side].received(other, frame),
                        Ok(()),
                        "NARTHEX_SEED={seed}"
                    );
                }
            }
            _ => {
                if let Some((event, _)) = states[side].read() {
                    let Event::Message { bytes, .. } = event else {
                        panic!("{event:?}");
                    };
                    let number = u32::from_be_bytes(bytes[..4].try_into().unwrap());
                    assert_eq!(number, read[side], "NARTHEX_SEED={seed}");
                    read[side] += 1;
                }
            }
        }
        for state in &states {
            let peer = state.peers.values().next().unwrap();
            assert!(peer.queued <= most, "NARTHEX_SEED={seed}");
            assert!(peer.sent - peer.credited <= WINDOW, "NARTHEX_SEED={seed}");
            assert!(
                peer.received - peer.granted <= WINDOW,
                "NARTHEX_SEED={seed}"
            );
            let waiting: u64 = state.waiting.iter().map(|w| w.cost).sum();
            assert_eq!(waiting, peer.received - peer.taken, "NARTHEX_SEED={seed}");
        }
        now += Duration::from_micros(rng.gen_range(0..2_000));
        if is_end && read[0] == sent[1] && read[1] == sent[0] {
            break;
        }
        assert!(step < 100 * steps, "it stands still: NARTHEX_SEED={seed}");
    }
    assert!(sent[0] > 10 && sent[1] > 10, "NARTHEX_SEED={seed}");
    // Nobody sent faster than is granted, beyond the first window.
    let passed = (now - start).as_secs_f64();
    for state in &states {
        let peer = state.peers.values().next().unwrap();
        let most = passed * limits.bytes_per_second as f64 + 2.0 * WINDOW as f64;
        assert!(peer.received as f64 <= most, "NARTHEX_SEED={seed}");
    }
}

#[test]
fn honest_sides_never_break_a_rule_and_never_stand_still() {
    let named = std::env::var("NARTHEX_SEED").ok();
    let seeds = match named.and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 1..41,
    };
    seeds.for_each(walk);
}

#[test]
fn what_waits_of_those_that_went_is_counted_until_it_is_read() {
    let now = Instant::now();
    let mut state = State::new(Limits {
        left_bytes: 100,
        ..Limits::default()
    });
    let [a, b] = [NodeKey::draw().id(), NodeKey::draw().id()];
    let frame = || Frame {
        kind: 33_010,
        bytes: vec![0; 50],
    };
    assert!(state.connected(a, true, now));
    assert!(!state.connected(a, true, now), "one connection each");
    state.received(a, frame()).unwrap();
    state.disconnected(a);
    assert!(!state.connected(b, true, now), "114 bytes are left");
    assert_eq!(state.leaving(now).len(), 0);
    let kinds: Vec<_> = std::iter::from_fn(|| state.read())
        .map(|(e, _)| e)
        .collect();
    assert!(matches!(
        kinds.as_slice(),
        [
            Event::Connected { .. },
            Event::Message { .. },
            Event::Disconnected {
                reason: Reason::Gone,
                ..
            }
        ]
    ));
    assert!(state.connected(b, true, now));
    // What an earlier connection left is no credit for the next one of the same node.
    state.received(b, frame()).unwrap();
    state.disconnected(b);
    while state.read().is_some() {}
    assert!(state.connected(b, true, now));
    assert_eq!((state.left, state.peers[&b].taken), (0, 0));
    state.end();
    state.disconnected(b);
    assert!(!state.connected(a, true, now), "it is over");
}
