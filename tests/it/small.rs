//! Both sides of a penny bank as processes host them, in one process: killed after every message, and lied to.

use std::collections::{BTreeSet, VecDeque};

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::bank::{BankConsent, BankFigures, BankTalk, Closing},
    contracts::depth::Depth,
    regtest::{AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _},
    small::{BankPayer, BankProvider, SmallError, SmallHeard, SmallOrder, Talk},
};
use narthex_base::codec::Message as _;

use crate::{
    common::miner,
    small_support::{Host, RATE, funded},
};

/// One of them, with all that outlives its process.
struct One {
    is_payer: bool,
    about: (BankFigures, BankConsent),
    host: Host,
    /// Whatever was said before: a link says nothing twice.
    posted: BTreeSet<Vec<u8>>,
    /// What it has not taken yet.
    inbox: VecDeque<Vec<u8>>,
}

impl One {
    fn new(is_payer: bool) -> One {
        let byte = 1 + u8::from(is_payer);
        let owner = if is_payer { "payer" } else { "provider" };
        let mut host = Host::new(owner, byte);
        let script = host.wallet.fresh_script();
        let public = PublicKey::from_secret_key(&Secp256k1::new(), &host.key);
        // What the other brings comes with `meet`.
        let about = (
            BankFigures {
                payer: public,
                payer_script: script.clone(),
                pennies: 1_000,
                value: Amount::from_sat(100),
                capacity: Amount::from_sat(110_000),
                refund_height: 0,
                claim_blocks: 6,
                step: 10,
                shift: 4,
                rate: RATE,
            },
            BankConsent {
                provider: public,
                provider_script: script,
            },
        );
        One {
            is_payer,
            about,
            host,
            posted: BTreeSet::new(),
            inbox: VecDeque::new(),
        }
    }

    /// A process begins, from what its logs have.
    fn start(&mut self) {
        let (about, is_payer) = (self.about.clone(), self.is_payer);
        let logs = |host: &Host| (host.log("side"), host.log("apart"));
        self.host.start(|host| match is_payer {
            true => Box::new(BankPayer::open(about, Depth::LEAST, logs(host)).unwrap()),
            false => Box::new(BankProvider::open(about, Depth::LEAST, logs(host)).unwrap()),
        });
    }
}

/// Both, and their chain.
struct Bank {
    chain: Embedded,
    node: AcceptedPolicy,
    /// The payer first.
    all: [One; 2],
    /// Messages that were taken.
    taken: usize,
    /// After which of them its receiver is killed.
    kill_at: Option<usize>,
}

impl Bank {
    fn new() -> Bank {
        let mut all = [One::new(true), One::new(false)];
        let (mut chain, node) = funded(&mut all.each_mut().map(|one| &mut one.host));
        let tip = chain.height().unwrap();
        let figures = BankFigures {
            refund_height: tip + 100,
            ..all[0].about.0.clone()
        };
        let consent = all[1].about.1.clone();
        for one in &mut all {
            one.about = (figures.clone(), consent.clone());
            one.start();
        }
        Bank {
            chain,
            node,
            all,
            taken: 0,
            kill_at: None,
        }
    }

    /// Everything that follows, until nobody has anything to say or to be published.
    fn settle(&mut self) {
        loop {
            let before = (self.taken, self.changes());
            for at in [0, 1] {
                self.all[at].host.look(&mut self.chain);
                self.go_on(at);
                self.publish(at);
                self.deliver(at);
            }
            let is_quiet = self.all.iter().all(|one| one.inbox.is_empty());
            if is_quiet && before == (self.taken, self.changes()) {
                return;
            }
        }
    }

    fn changes(&self) -> [u64; 2] {
        [0, 1].map(|at| self.all[at].host.side().changes())
    }

    fn go_on(&mut self, at: usize) {
        let tip = self.chain.height().unwrap();
        let said = self.all[at].host.with((&self.node, tip), |side, with| {
            side.go_on(with).unwrap();
            side.said()
        });
        for (_, body) in said {
            if self.all[at].posted.insert(body.clone()) {
                self.all[1 - at].inbox.push_back(body);
            }
        }
    }

    fn publish(&mut self, at: usize) {
        let due = self.all[at].host.side().publications();
        for one in due.iter().filter(|one| one.due.is_none()) {
            // It waits already, by the other's hand.
            let _ = self.chain.submit(&one.tx);
        }
    }

    /// One message, as it is taken: what follows from it is posted together with that.
    fn deliver(&mut self, at: usize) {
        let tip = self.chain.height().unwrap();
        let Some(body) = self.all[at].inbox.front().cloned() else {
            return;
        };
        let heard = self.hear(at, &body, tip).unwrap();
        if heard == SmallHeard::Later {
            return;
        }
        assert_eq!(heard, SmallHeard::Taken, "{at} of {:?}", self.taken);
        self.all[at].inbox.pop_front();
        self.go_on(at);
        self.taken += 1;
        if self.kill_at == Some(self.taken) {
            self.all[at].start();
        }
    }

    fn hear(&mut self, at: usize, body: &[u8], tip: u32) -> Result<SmallHeard, SmallError> {
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

    fn standings(&self) -> [&'static str; 2] {
        [0, 1].map(|at| self.all[at].host.side().standing())
    }

    fn paid(&self, at: usize) -> u64 {
        self.all[at].host.side().figures()["paid"]
    }

    /// From the terms to the close; messages that were taken.
    fn whole(mut self, closes: usize) -> usize {
        let before = self.all[1].host.wallet.balance();
        self.settle();
        self.mine(2);
        assert_eq!(self.standings(), ["open", "open"]);
        for to in [5, 300] {
            self.order(0, SmallOrder::Pay { to }).unwrap();
            self.settle();
            assert_eq!(self.paid(1), u64::from(to));
        }
        self.order(closes, SmallOrder::Close).unwrap();
        self.settle();
        self.mine(2);
        assert_eq!(self.standings(), ["over", "over"]);
        let gained = self.all[1].host.wallet.balance() - before;
        assert_eq!(gained, Amount::from_sat(30_000));
        self.taken
    }
}

#[test]
fn whoever_is_killed_after_whichever_message_the_bank_comes_to_its_end() {
    for closes in [0, 1] {
        let messages = Bank::new().whole(closes);
        assert!(messages > 8, "{messages}");
        for kill_at in 1..=messages {
            let mut bank = Bank::new();
            bank.kill_at = Some(kill_at);
            let taken = bank.whole(closes);
            println!("closed by {closes}, killed after {kill_at}: {taken} messages");
        }
    }
}

/// What a lying peer says is refused in words, and changes nothing.
#[test]
fn lies_are_refused_and_change_nothing() {
    let mut bank = Bank::new();
    bank.settle();
    bank.mine(2);
    bank.order(0, SmallOrder::Pay { to: 50 }).unwrap();
    bank.settle();
    let tip = bank.chain.height().unwrap();
    let closing = |paid, fee_sat| Closing {
        paid,
        fee: Amount::from_sat(fee_sat),
        force_closed: false,
    };
    let (payer, provider) = (0, 1);
    let lies = [
        // More than was paid, a fee that nobody pays, one that leaves nothing, dust, pennies that there are not.
        (payer, BankTalk::Close(closing(51, 300))),
        (payer, BankTalk::Close(closing(50, 20_000))),
        (payer, BankTalk::Close(closing(50, 2_100_000_000_000_000))),
        (payer, BankTalk::Close(closing(1, 300))),
        (payer, BankTalk::Close(closing(u32::MAX, 300))),
        // Less than was paid; dust again.
        (provider, BankTalk::Close(closing(49, 300))),
        (provider, BankTalk::Close(closing(1, 300))),
        // The other's words, and what is of other terms.
        (
            payer,
            BankTalk::Signed {
                terms: [1; 32],
                force_close: [1; 64],
            },
        ),
        (
            provider,
            BankTalk::Signed {
                terms: [1; 32],
                force_close: [1; 64],
            },
        ),
        (provider, BankTalk::Again { terms: [1; 32] }),
    ];
    let before = (bank.changes(), bank.standings());
    for (at, lie) in &lies {
        let heard = bank.hear(*at, &lie.to_bytes(), tip).unwrap();
        assert!(
            matches!(heard, SmallHeard::Refused(_)),
            "{lie:?}: {heard:?}"
        );
    }
    for at in [payer, provider] {
        for bytes in [&b"NXBT1"[..], b"NXP1 of nobody", b"NXKL1", b""] {
            let heard = bank.hear(at, bytes, tip).unwrap();
            assert!(matches!(heard, SmallHeard::Refused(_)), "{heard:?}");
        }
    }
    assert_eq!((bank.changes(), bank.standings()), before);
    // A penny that was given twice is one, and a signature of nobody ends nothing.
    bank.order(provider, SmallOrder::Close).unwrap();
    let fee = 0;
    let whole = BankTalk::Closed(closing(50, fee), [3; 64]);
    assert_eq!(
        bank.hear(provider, &whole.to_bytes(), tip).unwrap(),
        SmallHeard::Taken
    );
    assert_eq!(bank.standings()[provider], "leaving");
    bank.settle();
    bank.mine(2);
    assert_eq!(bank.standings(), ["over", "over"]);
}
