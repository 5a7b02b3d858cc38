//! All sides of a bounty as processes host them, in one process, with the chain between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{
    Amount,
    hashes::{Hash as _, sha256},
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::bounty::{BountyFigures, BountySeat},
    contracts::depth::Depth,
    life::{Bumper, FeeWallet, Offered},
    regtest::{AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _},
    small::{BountyRecomputer, BountyRequester, SmallHeard, Talk},
};

use crate::{
    common::miner,
    small_support::{Host, MOST, RATE, funded},
};

pub const AMOUNT: Amount = Amount::from_sat(20_000);
pub const RESULT: &[u8] = b"six times seven is forty-two";
pub const ASK: [u8; 32] = [7; 32];
pub const LAYER_BLOCKS: u32 = 30;
pub const ROUND: u16 = 4;

pub const REQUESTER: usize = 0;
/// The first recomputer; the others are behind it.
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

/// All of them, and their chain.
pub struct Hiring {
    pub chain: Embedded,
    pub node: AcceptedPolicy,
    pub figures: BountyFigures,
    pub all: Vec<One>,
    /// Messages that were taken, or refused.
    pub taken: usize,
    pub refused: Vec<String>,
    /// After which of them its receiver is killed.
    pub kill_at: Option<usize>,
    /// What comes of what is said, from whom to whom; all of it if there is none.
    pub way: Option<Way>,
    pub started: Amount,
    /// Who was asked by another ask than the others.
    pub deceived: Option<usize>,
}

impl Hiring {
    pub fn new(recomputers: usize, quorum: u8) -> Hiring {
        let mut all: Vec<_> = (0..=recomputers)
            .map(|at| One {
                host: Host::new(&at.to_string(), 1 + u8::try_from(at).unwrap()),
                bumper: Bumper::new(RATE, MOST),
                posted: BTreeSet::new(),
                inbox: BTreeMap::new(),
                is_gone: false,
            })
            .collect();
        let mut hosts: Vec<_> = all.iter_mut().map(|one| &mut one.host).collect();
        let (mut chain, node) = funded(&mut hosts);
        let seats = all[FIRST..].iter().map(|one| BountySeat {
            node: PublicKey::from_secret_key(&Secp256k1::new(), &one.host.identity),
            address: "127.0.0.1:1".into(),
            amount: AMOUNT,
        });
        let layer_height = chain.height().unwrap() + LAYER_BLOCKS;
        let rounds = 5 + recomputers as u32 - u32::from(quorum);
        let figures = BountyFigures {
            job: sha256::Hash::from_byte_array([9; 32]),
            seats: seats.collect(),
            quorum,
            layer_height,
            round_blocks: ROUND,
            refund_height: layer_height + rounds * u32::from(ROUND),
            rate: RATE,
        };
        let mut hiring = Hiring {
            chain,
            node,
            figures,
            all,
            taken: 0,
            refused: Vec::new(),
            kill_at: None,
            way: None,
            started: Amount::ZERO,
            deceived: None,
        };
        hiring.started = hiring.money();
        (0..=recomputers).for_each(|at| hiring.start(at));
        hiring
    }

    /// A process begins, from what its logs have.
    pub fn start(&mut self, at: usize) {
        let figures = self.figures.clone();
        let asking = PublicKey::from_secret_key(&Secp256k1::new(), &self.all[0].host.identity);
        let one = &mut self.all[at];
        one.bumper = Bumper::new(RATE, MOST);
        let depth = Depth::new(2).unwrap();
        let ask = match self.deceived == Some(at) {
            true => [8; 32],
            false => ASK,
        };
        one.host.start(|host| {
            let logs = (host.log("side"), host.log("apart"));
            match at {
                REQUESTER => Box::new(BountyRequester::open((figures, ASK), depth, logs).unwrap()),
                _ => {
                    let seat = ((at - FIRST) as u8, depth);
                    let side = BountyRecomputer::open(figures, (ask, asking), seat, logs);
                    Box::new(side.unwrap())
                }
            }
        });
    }

    /// As whom one knows another: the same way to and fro.
    pub fn talk(at: usize, other: usize) -> Talk {
        match at {
            REQUESTER => Talk::Peer((other - FIRST) as u8),
            _ => Talk::Peer(other as u8),
        }
    }

    fn to(at: usize, talk: Talk) -> usize {
        match (at, talk) {
            (REQUESTER, Talk::Peer(seat)) => FIRST + usize::from(seat),
            (_, Talk::Peer(place)) => usize::from(place),
            other => panic!("{other:?}"),
        }
    }

    pub fn running(&self) -> Vec<usize> {
        let all = self.all.iter().enumerate();
        let running = all.filter(|(_, one)| one.host.runs() && !one.is_gone);
        running.map(|(at, _)| at).collect()
    }

    /// Everything that follows, until nobody has anything to say or to be published.
    pub fn settle(&mut self) {
        loop {
            let before = (self.taken, self.changes());
            for at in self.running() {
                self.all[at].host.look(&mut self.chain);
                self.go_on(at);
                self.all[at].host.look(&mut self.chain);
                self.go_on(at);
                self.publish(at);
                let from: Vec<_> = self.all[at].inbox.keys().copied().collect();
                from.into_iter().for_each(|from| self.deliver(at, from));
            }
            if before == (self.taken, self.changes()) {
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
            let to = Self::to(at, talk);
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
        match self.hear(at, Self::talk(at, from), &body) {
            SmallHeard::Later => return,
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

    /// A recomputer has come to a result.
    pub fn work(&mut self, at: usize, result: &[u8]) {
        self.all[at].host.side_mut().give(result).unwrap();
    }

    pub fn work_all(&mut self) {
        (FIRST..self.all.len()).for_each(|at| self.work(at, RESULT));
        self.settle();
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

    /// The funding is published and confirms, as deep as all wait for.
    pub fn fund(&mut self) {
        self.settle();
        assert_eq!(self.standing(REQUESTER), "unfunded");
        assert_eq!(self.waiting(), 1);
        self.mine(2);
        assert_eq!(self.standing(REQUESTER), "layering");
    }

    pub fn read(&self) -> Option<Vec<u8>> {
        let delivered = self.all[REQUESTER].host.side().delivered()?;
        assert_eq!(delivered.what, "result");
        Some(delivered.bytes)
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

    /// However it ended: nothing is gone but fees, and it was read exactly if it was paid.
    pub fn fair(&mut self) {
        let left = self.money();
        let cost = self.started - left;
        assert!(cost < Amount::from_sat(8_000), "{cost} are gone");
        let is_settled = self.path(REQUESTER).contains(&"Settle");
        assert_eq!(self.read().is_some(), is_settled, "{:?}", self.path(0));
    }

    /// From the ceremony to the reading; messages that were taken.
    pub fn whole(mut self) -> usize {
        self.fund();
        self.work_all();
        // Paying and reading are one: before it is published nothing is read.
        assert_eq!(self.read(), None);
        assert!(self.waiting() >= 1, "{:?}", self.refused);
        self.mine(1);
        assert_eq!(self.read().unwrap(), RESULT);
        self.mine(2);
        self.over();
        self.fair();
        assert_eq!(self.path(REQUESTER), ["Bounty", "Settle"]);
        self.taken
    }
}
