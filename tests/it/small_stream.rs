//! A stream over a bank as processes host it, in one process: whoever is killed before or after whichever message, neither side is ahead by
//! more than a slice in what is durable; and lies.

use std::collections::{BTreeSet, VecDeque};

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::{
        bank::{BankConsent, BankFigures},
        stream::{StreamOrder, StreamTalk},
    },
    contracts::depth::Depth,
    game_model::{
        commitment::ResultSecret,
        computation::{PortableProgram, ProgramData},
    },
    regtest::{
        AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _, mine_coins,
    },
    small::{BankPayer, BankProvider, SmallError, SmallHeard, SmallOrder, Talk},
};
use narthex_base::{codec::Message as _, kinds};

use crate::{
    common::miner,
    small_support::{Host, RATE},
};

const PAYER: usize = 0;
const PROVIDER: usize = 1;
const SLICES: u32 = 4;
const STEPS: u32 = 3;
const PRICE: u32 = 25;
/// Collatz lengths of the numbers from 1.
const RESULT: [u32; 12] = [0, 1, 7, 2, 5, 8, 16, 3, 19, 6, 14, 9];

/// A program that counts, over the numbers from 1.
fn order() -> StreamOrder {
    let source = include_str!("../../src/job/collatz.wat");
    StreamOrder {
        bank: [0; 32],
        first: 0,
        price: PRICE,
        slices: SLICES,
        steps: STEPS,
        output_bytes: 4,
        width: 8,
        program: PortableProgram::of(ProgramData::Wasm {
            source: source.as_bytes().into(),
            fuel: 100_000,
            memory_bytes: 65_536,
            output_bytes: 4,
            max_units: None,
        }),
        records: (1..=u64::from(SLICES * STEPS))
            .flat_map(u64::to_le_bytes)
            .collect(),
    }
}

fn result(slices: usize) -> Vec<u8> {
    let of_them = RESULT.iter().take(slices * STEPS as usize);
    of_them.flat_map(|n| n.to_le_bytes()).collect()
}

/// One of them, with all that outlives its process.
struct One {
    about: (BankFigures, BankConsent),
    host: Host,
    /// Whatever was said before: a link says nothing twice.
    posted: BTreeSet<Vec<u8>>,
    inbox: VecDeque<Vec<u8>>,
}

impl One {
    fn new(is_payer: bool) -> One {
        let byte = 1 + u8::from(is_payer);
        let mut host = Host::new(if is_payer { "payer" } else { "provider" }, byte);
        let script = host.wallet.fresh_script();
        let public = PublicKey::from_secret_key(&Secp256k1::new(), &host.key);
        let figures = BankFigures {
            payer: public,
            payer_script: script.clone(),
            pennies: 1_000,
            value: Amount::from_sat(100),
            capacity: Amount::from_sat(110_000),
            refund_height: 0,
            claim_blocks: 6,
            // A slice is less than may be unenforced: commitments of its own make it enforceable.
            step: 100,
            shift: 4,
            rate: RATE,
        };
        let consent = BankConsent {
            provider: public,
            provider_script: script,
        };
        One {
            about: (figures, consent),
            host,
            posted: BTreeSet::new(),
            inbox: VecDeque::new(),
        }
    }

    /// A process begins, from what its logs have.
    fn start(&mut self, is_payer: bool) {
        let about = self.about.clone();
        self.host.start(|host| {
            let logs = (host.log("side"), host.log("apart"));
            match is_payer {
                true => Box::new(BankPayer::open(about, Depth::LEAST, logs).unwrap()),
                false => Box::new(BankProvider::open(about, Depth::LEAST, logs).unwrap()),
            }
        });
    }

    fn figure(&self, name: &str) -> u32 {
        let figures = self.host.side().figures();
        figures.get(name).map_or(0, |figure| *figure as u32)
    }

    fn stream(&self) -> &'static str {
        self.host.side().stream().map_or("none", |of| of.standing)
    }
}

/// When one of them is killed: as the message with this number comes, before it is taken or after, with what it says then or without.
#[derive(Clone, Copy, PartialEq)]
enum Kill {
    Never,
    /// Its changes are durable, and nothing that it says has left.
    Silent(usize),
    After(usize),
}

type Twist = dyn Fn(&mut Vec<u8>);

struct Streaming {
    chain: Embedded,
    node: AcceptedPolicy,
    all: [One; 2],
    taken: usize,
    kill: Kill,
    /// What becomes of what the provider says.
    twist: Box<Twist>,
    /// Messages that were refused.
    refused: usize,
    /// The most that either had at stake.
    most: [u32; 2],
    /// Pennies before the stream.
    first: u32,
}

impl Streaming {
    /// A bank that is open, and deep for both.
    fn new() -> Streaming {
        let mut chain = Embedded::new();
        let mut all = [One::new(true), One::new(false)];
        for one in &mut all {
            let script = one.host.wallet.fresh_script();
            mine_coins(&mut chain, 3, &script, &miner()).unwrap();
        }
        for one in &mut all {
            one.host.wallet.sync(&mut chain).unwrap();
        }
        let node = all[0].host.wallet.probe(&mut chain, RATE).unwrap();
        let tip = chain.height().unwrap();
        let figures = BankFigures {
            refund_height: tip + 100,
            ..all[PAYER].about.0.clone()
        };
        let consent = all[PROVIDER].about.1.clone();
        for (at, one) in all.iter_mut().enumerate() {
            one.about = (figures.clone(), consent.clone());
            one.start(at == PAYER);
        }
        let mut streaming = Streaming {
            chain,
            node,
            all,
            taken: 0,
            kill: Kill::Never,
            twist: Box::new(|_| {}),
            refused: 0,
            most: [0; 2],
            first: 0,
        };
        streaming.settle();
        streaming.mine(2);
        streaming.taken = 0;
        streaming
    }

    /// In what is durable neither side is ahead by more than one slice, and nobody has pennies that the other did not give.
    fn check(&mut self) {
        let [payer, provider] = &self.all;
        if payer.stream() == "asked"
            && provider.stream() != "asked"
            && provider.figure("stream_made") > 1
        {
            // The provider has not heard of it: what it shows is the stream before.
            return;
        }
        let slices = |pennies: u32| (pennies.saturating_sub(self.first) / PRICE).min(SLICES);
        let opened = payer.figure("stream_opened");
        let given = slices(payer.figure("paid"));
        let made = provider.figure("stream_made");
        let enforceable = slices(provider.figure("enforceable"));
        let at_stake = [
            given.saturating_sub(opened),
            made.saturating_sub(enforceable),
        ];
        assert!(at_stake.iter().all(|stake| *stake <= 1), "{at_stake:?}");
        // What the sides say of themselves is the same.
        assert_eq!(payer.figure("stream_exposure"), at_stake[PAYER]);
        assert_eq!(provider.figure("stream_exposure"), at_stake[PROVIDER]);
        assert!(provider.figure("paid") <= payer.figure("paid"));
        // It never works on, nor pays for, what comes behind the next slice.
        assert!(opened <= made && given <= made && made <= given + 1);
        for (most, stake) in self.most.iter_mut().zip(at_stake) {
            *most = stake.max(*most);
        }
    }

    fn settle(&mut self) {
        loop {
            let before = (self.taken + self.refused, self.changes());
            for at in [PAYER, PROVIDER] {
                self.all[at].host.look(&mut self.chain);
                self.go_on(at, false);
                self.publish(at);
                self.deliver(at);
            }
            let is_quiet = self.all.iter().all(|one| one.inbox.is_empty());
            if is_quiet && before == (self.taken + self.refused, self.changes()) {
                return;
            }
        }
    }

    fn changes(&self) -> [u64; 2] {
        [0, 1].map(|at| self.all[at].host.side().changes())
    }

    /// What it does is durable; what it says leaves, unless it dies before.
    fn go_on(&mut self, at: usize, dies: bool) {
        let tip = self.chain.height().unwrap();
        let said = self.all[at].host.with((&self.node, tip), |side, with| {
            side.go_on(with).unwrap();
            side.said()
        });
        self.check();
        if dies {
            return;
        }
        for (_, mut body) in said {
            if self.all[at].posted.insert(body.clone()) {
                if at == PROVIDER {
                    (self.twist)(&mut body);
                }
                self.all[1 - at].inbox.push_back(body);
            }
        }
    }

    fn publish(&mut self, at: usize) {
        let due = self.all[at].host.side().publications();
        for one in due.iter().filter(|one| one.due.is_none()) {
            let _ = self.chain.submit(&one.tx);
        }
    }

    fn deliver(&mut self, at: usize) {
        let Some(body) = self.all[at].inbox.front().cloned() else {
            return;
        };
        let next = self.taken + 1;
        let heard = self.hear(at, &body).unwrap();
        self.check();
        match heard {
            SmallHeard::Later => return,
            SmallHeard::Taken => {}
            SmallHeard::Refused(_) => {
                self.all[at].inbox.pop_front();
                self.refused += 1;
                return;
            }
        }
        if self.kill == Kill::Silent(next) {
            self.go_on(at, true);
            self.kill = Kill::Never;
            // It is given again: whoever sent it does not know that it was taken.
            return self.start(at);
        }
        self.all[at].inbox.pop_front();
        self.taken = next;
        self.go_on(at, false);
        if self.kill == Kill::After(next) {
            self.start(at);
        }
    }

    fn start(&mut self, at: usize) {
        self.all[at].start(at == PAYER);
        self.all[at].host.look(&mut self.chain);
        self.check();
    }

    fn hear(&mut self, at: usize, body: &[u8]) -> Result<SmallHeard, SmallError> {
        let tip = self.chain.height().unwrap();
        self.all[at].host.with((&self.node, tip), |side, with| {
            side.hear(Talk::Peer(0), body, with)
        })
    }

    fn order(&mut self, at: usize, order: SmallOrder) -> Result<(), SmallError> {
        let tip = self.chain.height().unwrap();
        self.all[at]
            .host
            .with((&self.node, tip), |side, with| side.order(order, with))
    }

    fn mine(&mut self, count: u32) {
        self.chain.mine(count, &miner()).unwrap();
        self.settle();
    }

    fn ask(&mut self) {
        let bytes = order().to_bytes();
        self.first = self.all[PAYER].figure("paid");
        self.all[PAYER].host.side_mut().give(&bytes).unwrap();
        self.settle();
        assert_eq!(self.all[PROVIDER].stream(), "asked");
        // Nothing is done before its owner serves it.
        assert_eq!(self.all[PROVIDER].figure("stream_made"), 0);
        self.order(PROVIDER, SmallOrder::Serve).unwrap();
    }

    fn close(mut self, pennies: u32, before: Amount) {
        self.order(PROVIDER, SmallOrder::Close).unwrap();
        self.settle();
        self.mine(2);
        for one in &self.all {
            assert_eq!(one.host.side().standing(), "over");
        }
        let gained = self.all[PROVIDER].host.wallet.balance() - before;
        assert_eq!(gained, Amount::from_sat(100 * u64::from(pennies)));
    }

    /// From the order to the close of the bank; messages that were taken.
    fn whole(mut self) -> usize {
        let before = self.all[PROVIDER].host.wallet.balance();
        self.ask();
        self.settle();
        assert_eq!(self.all.each_ref().map(One::stream), ["done", "done"]);
        let delivered = self.all[PAYER].host.side().delivered().unwrap();
        assert_eq!(delivered.bytes, result(SLICES as usize));
        assert_eq!((self.most, self.refused), ([1, 1], 0));
        let taken = self.taken;
        self.close(PRICE * SLICES, before);
        taken
    }
}

#[test]
fn whoever_is_killed_at_whichever_message_no_side_is_ahead_by_more_than_a_slice() {
    let messages = Streaming::new().whole();
    assert!(messages >= 1 + 4 * SLICES as usize, "{messages}");
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
    // What was opened before says nothing again; the slice behind the lie is refused, too, since the lie is not followed by a payment.
    for (streaming, refused) in [(wrong_key, 2), (old_key, 1)] {
        let payer = &streaming.all[PAYER];
        assert_eq!(streaming.refused, refused);
        assert_eq!(
            (payer.stream(), payer.figure("paid")),
            ("holding", 2 * PRICE)
        );
        assert_eq!(payer.figure("stream_exposure"), 1);
        assert_eq!(payer.host.side().delivered().unwrap().bytes, result(1));
    }
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
