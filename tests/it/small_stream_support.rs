//! Both sides of a stream over a bank as processes host them, in one process.

use std::collections::{BTreeSet, VecDeque};

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::{
        bank::{BankConsent, BankFigures},
        stream::StreamOrder,
    },
    contracts::depth::Depth,
    game_model::computation::{PortableProgram, ProgramData},
    regtest::{AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _},
    small::{BankPayer, BankProvider, SmallError, SmallHeard, SmallOrder, Talk},
};
use narthex_base::codec::Message as _;

use crate::{
    common::miner,
    small_support::{Host, RATE, funded},
};

pub const PAYER: usize = 0;
pub const PROVIDER: usize = 1;
pub const SLICES: u32 = 4;
const STEPS: u32 = 3;
pub const PRICE: u32 = 25;
/// Collatz lengths of the numbers from 1.
const RESULT: [u32; 12] = [0, 1, 7, 2, 5, 8, 16, 3, 19, 6, 14, 9];

/// A program that counts, over the numbers from 1.
pub fn order() -> StreamOrder {
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

pub fn result(slices: usize) -> Vec<u8> {
    let of_them = RESULT.iter().take(slices * STEPS as usize);
    of_them.flat_map(|n| n.to_le_bytes()).collect()
}

/// One of them, with all that outlives its process.
pub struct One {
    about: (BankFigures, BankConsent),
    pub host: Host,
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

    pub fn figure(&self, name: &str) -> u32 {
        let figures = self.host.side().figures();
        figures.get(name).map_or(0, |figure| *figure as u32)
    }

    pub fn stream(&self) -> &'static str {
        self.host.side().stream().map_or("none", |of| of.standing)
    }
}

/// When one of them is killed: as the message with this number comes, before it is taken or after, with what it says then or without.
#[derive(Clone, Copy, PartialEq)]
pub enum Kill {
    Never,
    /// Its changes are durable, and nothing that it says has left.
    Silent(usize),
    After(usize),
}

pub type Twist = dyn Fn(&mut Vec<u8>);

pub struct Streaming {
    chain: Embedded,
    node: AcceptedPolicy,
    pub all: [One; 2],
    taken: usize,
    pub kill: Kill,
    /// What becomes of what the provider says.
    pub twist: Box<Twist>,
    /// Messages that were refused.
    pub refused: usize,
    /// The most that either had at stake.
    most: [u32; 2],
    /// Pennies before the stream.
    first: u32,
}

impl Streaming {
    /// A bank that is open, and deep for both.
    pub fn new() -> Streaming {
        let mut all = [One::new(true), One::new(false)];
        let (mut chain, node) = funded(&mut all.each_mut().map(|one| &mut one.host));
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
        if payer.stream() == "none" {
            return;
        }
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

    pub fn settle(&mut self) {
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

    pub fn changes(&self) -> [u64; 2] {
        [0, 1].map(|at| self.all[at].host.side().changes())
    }

    /// What it does is durable; what it says leaves, unless it dies before.
    pub fn go_on(&mut self, at: usize, dies: bool) {
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

    pub fn deliver(&mut self, at: usize) {
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

    pub fn start(&mut self, at: usize) {
        self.all[at].start(at == PAYER);
        self.all[at].host.look(&mut self.chain);
        self.check();
    }

    pub fn hear(&mut self, at: usize, body: &[u8]) -> Result<SmallHeard, SmallError> {
        let tip = self.chain.height().unwrap();
        self.all[at].host.with((&self.node, tip), |side, with| {
            side.hear(Talk::Peer(0), body, with)
        })
    }

    pub fn order(&mut self, at: usize, order: SmallOrder) -> Result<(), SmallError> {
        let tip = self.chain.height().unwrap();
        self.all[at]
            .host
            .with((&self.node, tip), |side, with| side.order(order, with))
    }

    fn mine(&mut self, count: u32) {
        self.chain.mine(count, &miner()).unwrap();
        self.settle();
    }

    pub fn ask(&mut self) {
        let bytes = order().to_bytes();
        self.first = self.all[PAYER].figure("paid");
        self.all[PAYER].host.side_mut().give(&bytes).unwrap();
        self.settle();
        assert_eq!(self.all[PROVIDER].stream(), "asked");
        // Nothing is done before its owner serves it.
        assert_eq!(self.all[PROVIDER].figure("stream_made"), 0);
        self.order(PROVIDER, SmallOrder::Serve).unwrap();
    }

    pub fn close(mut self, pennies: u32, before: Amount) {
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
    pub fn whole(mut self) -> usize {
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
