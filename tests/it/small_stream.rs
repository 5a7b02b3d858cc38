//! A stream over a bank between processes: whoever is killed before or after whichever message, neither side is ahead by more than a slice in
//! what is durable; and lies.

use narthex::{
    channel::stream::{SealedSlice, StreamOrder, StreamTalk},
    game_model::commitment::{
        Domain, PolynomialSeed, ResultSecret, SaltSeed, Sealer, Sealing, TreeBuilder,
        WorkerSecrets, state_digest, work_leaf,
    },
    small::{SmallError, SmallHeard, SmallOrder},
};
use narthex_base::{codec::Message as _, kinds};

use crate::small_stream_support::{
    Kill, One, PAYER, PRICE, PROVIDER, SLICES, Streaming, Twist, order, result,
};

#[test]
fn whoever_is_killed_at_whichever_message_no_side_is_ahead_by_more_than_a_slice() {
    let messages = Streaming::new().whole();
    assert!(messages > 4 * SLICES as usize, "{messages}");
    for at in 1..=messages {
        for kill in [Kill::Silent(at), Kill::After(at)] {
            let mut streaming = Streaming::new();
            streaming.kill = kill;
            streaming.whole();
        }
    }
    println!("killed at {messages} messages, in two ways each");
}

/// How many slices are opened, when the provider lies about one.
fn lied(twist: Box<Twist>) -> Streaming {
    let mut streaming = Streaming::new();
    streaming.ask();
    streaming.twist = twist;
    streaming.settle();
    streaming
}

fn is_slice(body: &[u8], wanted: u32) -> bool {
    let talk = StreamTalk::from_bytes(body);
    matches!(talk, Ok(StreamTalk::Slice(_, slice)) if slice.slice == wanted)
}

fn key_of(body: &[u8]) -> Option<([u8; 32], u32)> {
    match StreamTalk::from_bytes(body) {
        Ok(StreamTalk::Key(stream, slice, _)) => Some((stream, slice)),
        _ => None,
    }
}

/// A wrong ciphertext, or another slice, is refused, and nothing is paid for it; a wrong key, or one that came before, opens nothing, and
/// costs the one slice that was paid for.
#[test]
fn a_lie_costs_its_other_side_one_slice_at_most() {
    let wrong_box = lied(Box::new(|body| {
        if is_slice(body, 2) {
            *body.last_mut().unwrap() ^= 1;
        }
    }));
    let first = std::cell::RefCell::new(Vec::new());
    let again = lied(Box::new(move |body| {
        match (is_slice(body, 1), is_slice(body, 2)) {
            (true, _) => *first.borrow_mut() = body.clone(),
            (_, true) => *body = first.borrow().clone(),
            _ => {}
        }
    }));
    for streaming in [&wrong_box, &again] {
        let [payer, provider] = &streaming.all;
        assert_eq!(payer.figure("paid"), PRICE);
        assert_eq!((payer.stream(), provider.stream()), ("waiting", "unpaid"));
        assert_eq!(payer.host.side().delivered().unwrap().bytes, result(1));
        assert_eq!(provider.figure("stream_exposure"), 1);
    }
    let wrong_key = lied(Box::new(|body| {
        if let Some((stream, 2)) = key_of(body) {
            *body = StreamTalk::Key(stream, 2, ResultSecret::from_bytes([5; 32])).to_bytes();
        }
    }));
    let first = std::cell::RefCell::new(Vec::new());
    let old_key = lied(Box::new(move |body| match key_of(body) {
        Some((_, 1)) => *first.borrow_mut() = body.clone(),
        Some((_, 2)) => *body = first.borrow().clone(),
        _ => {}
    }));
    // The slice behind the lie is refused, too: the one before it is not open.
    for streaming in [wrong_key, old_key] {
        let payer = &streaming.all[PAYER];
        assert_eq!(streaming.refused, 2);
        assert_eq!(
            (payer.stream(), payer.figure("paid")),
            ("holding", 2 * PRICE)
        );
        assert_eq!(payer.figure("stream_exposure"), 1);
        assert_eq!(payer.host.side().delivered().unwrap().bytes, result(1));
    }
}

/// Outputs that no program gives, sealed and committed to as they must be.
fn forged(stream: &[u8; 32], slice: u32) -> (SealedSlice, ResultSecret) {
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes([6; 32]),
        salts: SaltSeed::from_bytes([7; 32]),
        polynomial: PolynomialSeed::from_bytes([8; 32]),
    };
    let (order, job) = (order(), StreamOrder::slice_id(stream, slice));
    let outputs = vec![[0xee; 4]; order.steps as usize];
    let mut leaves = TreeBuilder::new(Domain::Work);
    for (index, output) in (0..).zip(&outputs) {
        let salt = secrets.salts.salt(index);
        leaves.push(work_leaf(index, &salt, &state_digest(output)));
    }
    let (root, _) = leaves.finish().unwrap();
    let shape = order.shape().unwrap();
    let mut sealer = Sealer::new(&Sealing { job, root, shape }, &secrets).unwrap();
    let mut sealed = sealer.coefficients().to_vec();
    for output in &outputs {
        sealed.extend(sealer.push(output).unwrap());
    }
    let commitment = sealer.finish().unwrap();
    let slice = SealedSlice {
        slice,
        commitment,
        sealed,
    };
    (slice, secrets.result)
}

/// A false slice that opens as it must is found by the step that the payer runs itself: it is no part of the result, and the last that is paid.
#[test]
fn a_false_slice_is_the_last_one_that_is_paid() {
    let streaming = lied(Box::new(|body| {
        if is_slice(body, 2) {
            let talk = StreamTalk::from_bytes(body).unwrap();
            let stream = *talk.stream();
            *body = StreamTalk::Slice(stream, Box::new(forged(&stream, 2).0)).to_bytes();
        }
        if let Some((stream, 2)) = key_of(body) {
            *body = StreamTalk::Key(stream, 2, forged(&stream, 2).1).to_bytes();
        }
    }));
    let [payer, provider] = &streaming.all;
    assert_eq!((payer.stream(), provider.stream()), ("false", "stopped"));
    assert_eq!(payer.figure("paid"), 2 * PRICE);
    assert_eq!(payer.figure("stream_exposure"), 1);
    assert_eq!(payer.host.side().delivered().unwrap().bytes, result(1));
}

/// A provider that stops computes nothing more, gives the key of what is paid, and what is not paid for is its loss; a payer that stops
/// pays nothing more, and opens what it has paid for.
#[test]
fn whoever_stops_leaves_one_slice_at_most() {
    for stops in [PAYER, PROVIDER] {
        let mut streaming = Streaming::new();
        let before = streaming.all[PROVIDER].host.wallet.balance();
        streaming.ask();
        // Until the second slice is there, and not paid for.
        while streaming.all[PROVIDER].figure("stream_made") < 2 {
            for at in [PROVIDER, PAYER] {
                streaming.go_on(at, false);
                streaming.deliver(at);
            }
        }
        streaming.order(stops, SmallOrder::Stop).unwrap();
        assert!(streaming.order(stops, SmallOrder::Serve).is_err());
        streaming.settle();
        let [payer, provider] = &streaming.all;
        assert_eq!([payer.stream(), provider.stream()], ["stopped"; 2]);
        let (paid, opened) = (payer.figure("paid"), payer.figure("stream_opened"));
        assert_eq!(paid, PRICE * opened, "what is paid for is open");
        assert!(provider.figure("stream_made") <= opened + 1);
        streaming.close(paid, before);
    }
}

/// What the bank's payer may not do beside a stream, and what no bank pays for.
#[test]
fn a_stream_has_its_bank_alone() {
    let mut streaming = Streaming::new();
    let give = |streaming: &mut Streaming, order: StreamOrder| {
        let side = streaming.all[PAYER].host.side_mut();
        side.give(&order.to_bytes())
    };
    let much = StreamOrder {
        price: 251,
        ..order()
    };
    let little = StreamOrder {
        price: 1,
        ..order()
    };
    let longer = StreamOrder {
        output_bytes: 5,
        ..order()
    };
    for bad in [much, little, longer] {
        assert!(matches!(
            give(&mut streaming, bad),
            Err(SmallError::Refused(_))
        ));
    }
    assert!(streaming.order(PROVIDER, SmallOrder::Serve).is_err());
    streaming.ask();
    assert!(
        give(
            &mut streaming,
            StreamOrder {
                price: 26,
                ..order()
            }
        )
        .is_err()
    );
    let pay = SmallOrder::Pay { to: 500 };
    assert!(matches!(
        streaming.order(PAYER, pay),
        Err(SmallError::Refused(_))
    ));
    streaming.settle();
    // Another behind it, and pennies as ever.
    streaming.order(PAYER, SmallOrder::Pay { to: 107 }).unwrap();
    streaming.settle();
    streaming.ask();
    streaming.settle();
    assert_eq!(streaming.all.each_ref().map(One::stream), ["done"; 2]);
    assert_eq!(streaming.all[PROVIDER].figure("paid"), 107 + PRICE * SLICES);
    assert_eq!(
        streaming.all[PROVIDER].figure("enforceable"),
        107 + PRICE * SLICES
    );
}

/// The other's words, and bytes of nothing.
#[test]
fn words_of_the_other_side_are_refused() {
    let mut streaming = Streaming::new();
    streaming.ask();
    let stream = StreamTalk::Key([3; 32], 1, ResultSecret::from_bytes([5; 32])).to_bytes();
    let order = StreamOrder {
        bank: [1; 32],
        ..order()
    }
    .to_bytes();
    let before = streaming.changes();
    for at in [PAYER, PROVIDER] {
        for body in [
            &stream[..],
            &order,
            kinds::STREAM_ORDER.as_bytes(),
            b"NXMT1\x07",
        ] {
            let heard = streaming.hear(at, body).unwrap();
            assert!(matches!(heard, SmallHeard::Refused(_)), "{heard:?}");
        }
    }
    assert_eq!(streaming.changes(), before);
}

/// Requests beside a stream, over the same pennies, by a provider that is killed between any two words: what is said again changes nothing.
#[test]
fn metered_pennies_are_debited_once() {
    let mut streaming = Streaming::new();
    streaming.order(PAYER, SmallOrder::Pay { to: 150 }).unwrap();
    streaming.settle();
    let enforceable = streaming.all[PROVIDER].figure("enforceable");
    let key = [9; 32];
    let orders = [
        (
            SmallOrder::Reserve { key, pennies: 40 },
            (enforceable - 40, 40, 0),
        ),
        (
            SmallOrder::Debit { key, pennies: 30 },
            (enforceable - 40, 10, 30),
        ),
        (SmallOrder::Release { key }, (enforceable - 30, 0, 30)),
    ];
    for (order, (credit, reserved, served)) in orders {
        assert!(streaming.order(PAYER, order).is_err());
        for _ in 0..3 {
            streaming.order(PROVIDER, order).unwrap();
            streaming.start(PROVIDER);
            let provider = &streaming.all[PROVIDER];
            let found = ["credit", "reserved", "served"]
                .map(|name| provider.figure(&format!("meter_{name}")));
            assert_eq!(found, [credit, reserved, served], "{order:?}");
        }
    }
    let pennies = enforceable;
    let much = SmallOrder::Reserve {
        key: [8; 32],
        pennies,
    };
    assert!(matches!(
        streaming.order(PROVIDER, much),
        Err(SmallError::Refused(_))
    ));
    // What a stream is paid is served off by it.
    streaming.ask();
    streaming.settle();
    let provider = &streaming.all[PROVIDER];
    assert_eq!(provider.figure("meter_served"), 30 + PRICE * SLICES);
    assert_eq!(provider.figure("meter_credit"), 150 - 30);
}
