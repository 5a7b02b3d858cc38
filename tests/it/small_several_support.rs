//! Several sides of one small contract as processes host them, in one process, with the chain between them: the one that asks, and behind it those
//! that have seats.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::Amount;
use narthex::{
    life::{Bumper, FeeWallet, Offered},
    regtest::{AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _},
    small::{SmallHeard, SmallSide, Talk},
};

use crate::{
    common::miner,
    small_support::{Host, MOST, RATE, funded},
};

/// The one that asks.
pub const ASKING: usize = 0;
/// The first that has a seat; the others are behind it.
pub const FIRST: usize = 1;

/// One of them, with all that outlives its process.
pub struct One {
    pub host: Host,
    pub bumper: Bumper,
    /// Whatever was said before: a link says nothing twice.
    pub posted: BTreeSet<(usize, Vec<u8>)>,
    /// What it has not taken yet, by who said it: a link of its own each.
    pub inbox: BTreeMap<usize, VecDeque<Vec<u8>>>,
    /// It does not run.
    pub is_gone: bool,
}

/// What becomes of a message on its way.
pub type Way = Box<dyn FnMut(usize, usize, &[u8]) -> Option<Vec<u8>>>;

/// How a process opens its side, from its logs.
pub type Open = Box<dyn Fn(usize, &Host) -> Box<dyn SmallSide>>;

/// All of them, and their chain.
pub struct Several {
    pub chain: Embedded,
    pub node: AcceptedPolicy,
    pub all: Vec<One>,
    /// Messages that were taken, or refused.
    pub taken: usize,
    pub refused: Vec<String>,
    /// After which of them its receiver is killed.
    pub kill_at: Option<usize>,
    /// The same, before anything that follows has left.
    pub silent_at: Option<usize>,
    /// What comes of what is said, from whom to whom; all of it if there is none.
    pub way: Option<Way>,
    pub started: Amount,
    open: Open,
}

/// As whom one knows another: the same way to and fro.
pub fn talk(at: usize, other: usize) -> Talk {
    match at {
        ASKING => Talk::Peer((other - FIRST) as u8),
        _ => Talk::Peer(other as u8),
    }
}

fn to(at: usize, talk: Talk) -> usize {
    match (at, talk) {
        (ASKING, Talk::Peer(seat)) => FIRST + usize::from(seat),
        (_, Talk::Peer(place)) => usize::from(place),
        other => panic!("{other:?}"),
    }
}

/// So many that have seats, and the one that asks: with coins, and no process yet.
pub fn hosts(seats: usize) -> (Vec<One>, Embedded, AcceptedPolicy) {
    let mut all: Vec<_> = (0..=seats)
        .map(|at| One {
            host: Host::new(&at.to_string(), 1 + u8::try_from(at).unwrap()),
            bumper: Bumper::new(RATE, MOST),
            posted: BTreeSet::new(),
            inbox: BTreeMap::new(),
            is_gone: false,
        })
        .collect();
    let mut hosts: Vec<_> = all.iter_mut().map(|one| &mut one.host).collect();
    let (chain, node) = funded(&mut hosts);
    (all, chain, node)
}

impl Several {
    pub fn new((all, chain, node): (Vec<One>, Embedded, AcceptedPolicy), open: Open) -> Several {
        let mut several = Several {
            chain,
            node,
            all,
            taken: 0,
            refused: Vec::new(),
            kill_at: None,
            silent_at: None,
            way: None,
            started: Amount::ZERO,
            open,
        };
        several.started = several.money();
        (0..several.all.len()).for_each(|at| several.start(at));
        several
    }

    /// A process begins, from what its logs have.
    pub fn start(&mut self, at: usize) {
        let one = &mut self.all[at];
        one.bumper = Bumper::new(RATE, MOST);
        let open = &self.open;
        one.host.start(|host| open(at, host));
    }

    pub fn running(&self) -> Vec<usize> {
        let all = self.all.iter().enumerate();
        let running = all.filter(|(_, one)| one.host.runs() && !one.is_gone);
        running.map(|(at, _)| at).collect()
    }

    /// Everything that follows, until nobody has anything to say or to be published.
    pub fn settle(&mut self) {
        loop {
            let before = (self.taken, self.silent_at, self.changes());
            for at in self.running() {
                self.all[at].host.look(&mut self.chain);
                self.go_on(at);
                self.all[at].host.look(&mut self.chain);
                self.go_on(at);
                self.publish(at);
                let from: Vec<_> = self.all[at].inbox.keys().copied().collect();
                from.into_iter().for_each(|from| self.deliver(at, from));
            }
            if before == (self.taken, self.silent_at, self.changes()) {
                return;
            }
        }
    }

    pub fn changes(&self) -> Vec<u64> {
        let sides = self.all.iter().filter(|one| one.host.runs());
        sides.map(|one| one.host.side().changes()).collect()
    }

    pub fn go_on(&mut self, at: usize) {
        let tip = self.chain.height().unwrap();
        let said = self.all[at].host.with((&self.node, tip), |side, with| {
            side.go_on(with).unwrap();
            side.said()
        });
        for (talk, body) in said {
            let to = to(at, talk);
            assert_ne!(to, at);
            if self.all[at].posted.insert((to, body.clone())) {
                let body = match &mut self.way {
                    Some(way) => way(at, to, &body),
                    None => Some(body),
                };
                let inbox = self.all[to].inbox.entry(at).or_default();
                inbox.extend(body);
            }
        }
    }

    pub fn publish(&mut self, at: usize) {
        for one in self.all[at].host.side().publications() {
            let Some(due) = one.due else {
                // It waits already, or is in a block that was not read yet.
                let _ = self.chain.submit(&one.tx);
                continue;
            };
            let of = &mut self.all[at];
            let wallet: &mut dyn FeeWallet = &mut of.host.wallet;
            let chain: &mut dyn narthex::regtest::NodeAccess = &mut self.chain;
            let offered = of.bumper.offer((chain, wallet), &one.tx, None, &due);
            let offered = offered.unwrap();
            assert!(
                matches!(
                    offered,
                    Offered::Waits | Offered::Taken { .. } | Offered::Held
                ),
                "{at} {}: {offered}",
                one.name
            );
        }
    }

    /// One message, as it is taken: what follows from it is posted together with that.
    pub fn deliver(&mut self, at: usize, from: usize) {
        let next = self.all[at].inbox.get(&from).and_then(VecDeque::front);
        let Some(body) = next.cloned() else {
            return;
        };
        match self.hear(at, talk(at, from), &body) {
            SmallHeard::Later => return,
            SmallHeard::Taken if self.silent_at == Some(self.taken + 1) => {
                self.silent_at = None;
                let tip = self.chain.height().unwrap();
                // What follows is durable, and nothing of it has left; whoever sent it does not know that it was taken.
                let act = (&self.node, tip);
                (self.all[at].host).with(act, |side, with| side.go_on(with).unwrap());
                return self.start(at);
            }
            SmallHeard::Taken => {}
            SmallHeard::Refused(why) => {
                let kind = String::from_utf8_lossy(&body[..5.min(body.len())]).into_owned();
                self.refused.push(format!("{from} to {at}, {kind}: {why}"));
            }
        }
        self.all[at].inbox.get_mut(&from).unwrap().pop_front();
        self.go_on(at);
        self.taken += 1;
        if self.kill_at == Some(self.taken) {
            self.start(at);
        }
    }

    pub fn hear(&mut self, at: usize, talk: Talk, body: &[u8]) -> SmallHeard {
        let tip = self.chain.height().unwrap();
        self.all[at].host.with((&self.node, tip), |side, with| {
            assert!(body.len() >= 5);
            side.hear(talk, body, with).unwrap()
        })
    }

    pub fn mine(&mut self, count: u32) {
        for _ in 0..count {
            self.chain.mine(1, &miner()).unwrap();
            self.settle();
        }
    }

    /// Until the tip is there.
    pub fn mine_to(&mut self, height: u32) {
        let tip = self.chain.height().unwrap();
        self.mine(height.saturating_sub(tip));
    }

    pub fn standing(&self, at: usize) -> &'static str {
        self.all[at].host.side().standing()
    }

    pub fn figure(&self, at: usize, name: &str) -> u64 {
        self.all[at].host.side().figures()[name]
    }

    pub fn waiting(&mut self) -> usize {
        self.chain.mempool().unwrap().len()
    }

    pub fn balance(&mut self, at: usize) -> Amount {
        let one = &mut self.all[at];
        one.host.wallet.sync(&mut self.chain).unwrap();
        one.host.wallet.balance()
    }

    /// Of all together.
    pub fn money(&mut self) -> Amount {
        let all = 0..self.all.len();
        all.map(|at| self.balance(at)).sum()
    }

    /// What confirmed, as one of them has found it.
    pub fn path(&self, at: usize) -> Vec<&'static str> {
        let host = &self.all[at].host;
        let found = host.reader.iter();
        let found = found.flat_map(|reader| reader.follower().found());
        found.map(|(_, tx)| host.side().name_of(tx)).collect()
    }

    pub fn over(&self) {
        for at in self.running() {
            let side = self.all[at].host.side();
            assert!(side.is_over(), "{at} is {}", side.standing());
        }
    }
}
