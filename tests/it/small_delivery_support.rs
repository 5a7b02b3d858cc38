//! All sides of a sealed delivery as processes host them, in one process, with the chain between them.

use std::collections::{BTreeSet, VecDeque};

use bitcoin::{
    Amount, ScriptBuf, Transaction, Txid,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::delivery::{DeliveryAgent, DeliveryFigures},
    contracts::{deliver::Request, depth::Depth, derive::delivery_key},
    life::{Bumper, Offered},
    regtest::{AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _},
    small::{
        DeliveryKeeper, DeliveryRecipient, DeliverySender, SmallError, SmallHeard, SmallOrder,
        Talk, Welcome, keep_message,
    },
};
use narthex_base::codec::Message as _;

use crate::{
    common::miner,
    small_support::{Host, MOST, RATE, funded},
};

pub const AMOUNT: Amount = Amount::from_sat(20_000);
pub const MESSAGE: &[u8] = b"Meet me in the narthex at noon.";
pub const SALT: [u8; 32] = [7; 32];
pub const REFUND_BLOCKS: u32 = 40;

pub const SENDER: usize = 0;
pub const RECIPIENT: usize = 1;
/// The first agent; the second is behind it.
pub const AGENT: usize = 2;

/// By which id an agent knows the recipient as its guest.
pub const GUEST: [u8; 32] = [9; 32];

/// One of them, with all that outlives its process.
pub struct One {
    pub at: usize,
    pub host: Host,
    pub bumper: Bumper,
    pub script: ScriptBuf,
    /// Whatever was said before: a link says nothing twice.
    pub posted: BTreeSet<(usize, Vec<u8>)>,
    /// What it has not taken yet, and of whom.
    pub inbox: VecDeque<(usize, Vec<u8>)>,
    /// It does not run.
    pub is_gone: bool,
}

impl One {
    pub fn new(at: usize) -> One {
        let byte = 1 + u8::try_from(at).unwrap();
        let mut host = Host::new(&at.to_string(), byte);
        let script = host.wallet.fresh_script();
        One {
            at,
            host,
            bumper: Bumper::new(RATE, MOST),
            script,
            posted: BTreeSet::new(),
            inbox: VecDeque::new(),
            is_gone: false,
        }
    }

    pub fn brings(&self) -> DeliveryAgent {
        DeliveryAgent {
            key: PublicKey::from_secret_key(&Secp256k1::new(), &self.host.key),
            script: self.script.clone(),
        }
    }
}

/// All of them, and their chain.
pub struct Delivering {
    pub chain: Embedded,
    pub node: AcceptedPolicy,
    pub figures: DeliveryFigures,
    pub all: Vec<One>,
    /// Of which funding the recipient was told.
    pub told: Option<Txid>,
    /// Messages that were taken.
    pub taken: usize,
    /// After which of them its receiver is killed.
    pub kill_at: Option<usize>,
}

impl Delivering {
    pub fn new(agents: usize) -> Delivering {
        let mut all: Vec<_> = (0..AGENT + agents).map(One::new).collect();
        let (mut chain, node) = funded(&mut [&mut all[SENDER].host]);
        let figures = DeliveryFigures {
            amount: AMOUNT,
            refund_height: chain.height().unwrap() + REFUND_BLOCKS,
            claim_blocks: 6,
            message_bytes: MESSAGE.len() as u32,
            agents: agents as u8,
            rate: RATE,
        };
        let key = delivery_key(&all[RECIPIENT].host.seed).unwrap();
        let apart = all[SENDER].host.log("apart");
        let to = PublicKey::from_secret_key(&Secp256k1::new(), &key);
        keep_message(apart, &to, MESSAGE).unwrap();
        let mut delivering = Delivering {
            chain,
            node,
            figures,
            all,
            told: None,
            taken: 0,
            kill_at: None,
        };
        for at in (0..AGENT + agents).filter(|at| *at != RECIPIENT) {
            delivering.start(at);
        }
        delivering
    }

    /// A process begins, from what its logs have.
    pub fn start(&mut self, at: usize) {
        let figures = self.figures.clone();
        let agents: Vec<_> = self.all[AGENT..].iter().map(One::brings).collect();
        let told = self.told;
        let one = &mut self.all[at];
        one.bumper = Bumper::new(RATE, MOST);
        let depth = Depth::new(2).unwrap();
        one.host.start(|host| {
            let logs = (host.log("side"), host.log("apart"));
            match at {
                SENDER => {
                    let about = (figures, agents);
                    Box::new(DeliverySender::open(about, (SALT, depth), logs).unwrap())
                }
                RECIPIENT => Box::new(DeliveryRecipient::open(told.unwrap(), depth, logs).unwrap()),
                _ => {
                    let about = (figures, agents[at - AGENT].clone());
                    Box::new(DeliveryKeeper::open(about, depth, logs).unwrap())
                }
            }
        });
    }

    /// To whom one speaks so.
    pub fn to(&self, at: usize, talk: Talk) -> usize {
        match (at, talk) {
            (SENDER | RECIPIENT, Talk::Peer(agent)) => AGENT + usize::from(agent),
            (_, Talk::Peer(0)) => SENDER,
            (_, Talk::Guest(GUEST)) => RECIPIENT,
            other => panic!("{other:?}"),
        }
    }

    /// As whom one hears another.
    pub fn talk(&self, at: usize, from: usize) -> Talk {
        match (at, from) {
            (SENDER | RECIPIENT, agent) => Talk::Peer((agent - AGENT) as u8),
            (_, SENDER) => Talk::Peer(0),
            _ => Talk::Guest(GUEST),
        }
    }

    pub fn running(&self) -> Vec<usize> {
        let all = self.all.iter();
        let running = all.filter(|one| one.host.runs() && !one.is_gone);
        running.map(|one| one.at).collect()
    }

    /// Everything that follows, until nobody has anything to say or to be published.
    pub fn settle(&mut self) {
        loop {
            let before = (self.taken, self.changes());
            for at in self.running() {
                self.all[at].host.look(&mut self.chain);
                self.welcome(at);
                self.go_on(at);
                self.all[at].host.look(&mut self.chain);
                self.publish(at);
                self.deliver(at);
            }
            let is_quiet = self
                .running()
                .iter()
                .all(|at| self.all[*at].inbox.is_empty());
            if is_quiet && before == (self.taken, self.changes()) {
                return;
            }
        }
    }

    pub fn changes(&self) -> Vec<u64> {
        let sides = self.all.iter().filter(|one| one.host.runs());
        sides.map(|one| one.host.side().changes()).collect()
    }

    /// An agent's host serves the recipient, once that has asked.
    pub fn welcome(&mut self, at: usize) {
        let Some(funding) = self.told.filter(|_| at >= AGENT) else {
            return;
        };
        let accepted = BTreeSet::new();
        let ask = Request { funding, accepted }.to_bytes();
        let side = self.all[at].host.side_mut();
        if side.welcomes(&ask) == Some(Welcome::Now) {
            side.serve(GUEST).unwrap();
        }
    }

    pub fn go_on(&mut self, at: usize) {
        let tip = self.chain.height().unwrap();
        let said = self.all[at].host.with((&self.node, tip), |side, with| {
            side.go_on(with).unwrap();
            side.said()
        });
        for (talk, body) in said {
            let to = self.to(at, talk);
            if self.all[at].posted.insert((to, body.clone())) {
                self.all[to].inbox.push_back((at, body));
            }
        }
    }

    pub fn publish(&mut self, at: usize) {
        let due = self.all[at].host.side().publications();
        for one in due {
            assert!(one.due.is_none());
            // It waits already, or is in a block that was not read yet.
            let _ = self.chain.submit(&one.tx);
        }
        let tip = self.chain.height().unwrap();
        let spends = self.all[at].host.side().spends();
        for spend in spends {
            let mut bumper = self.all[at].bumper.clone();
            let one = &mut self.all[at];
            let script = one.script.clone();
            let is_own = |tx: &Transaction| tx.output[0].script_pubkey == script;
            let node = &self.node;
            let mut sign = |fee| {
                let signed = one
                    .host
                    .with((node, tip), |side, with| side.spend(spend.name, fee, with));
                signed.map_err(|error: SmallError| error.to_string())
            };
            let what = (spend.coin, spend.weight);
            let chain = (
                &mut self.chain as &mut dyn narthex::regtest::NodeAccess,
                &is_own as _,
            );
            let offered = bumper.spend(chain, what, &spend.due, &mut sign).unwrap();
            let is_held = matches!(offered, Offered::Held);
            assert!(
                is_held || matches!(offered, Offered::Waits | Offered::Taken { .. }),
                "{offered}"
            );
            self.all[at].bumper = bumper;
        }
    }

    /// One message, as it is taken: what follows from it is posted together with that.
    pub fn deliver(&mut self, at: usize) {
        let Some((from, body)) = self.all[at].inbox.front().cloned() else {
            return;
        };
        let heard = self.hear(at, self.talk(at, from), &body);
        assert_eq!(heard, SmallHeard::Taken, "{at} of {:?}", self.taken);
        self.all[at].inbox.pop_front();
        self.go_on(at);
        self.taken += 1;
        if self.kill_at == Some(self.taken) {
            self.start(at);
        }
    }

    pub fn hear(&mut self, at: usize, talk: Talk, body: &[u8]) -> SmallHeard {
        let tip = self.chain.height().unwrap();
        self.all[at].host.with((&self.node, tip), |side, with| {
            side.hear(talk, body, with).unwrap()
        })
    }

    pub fn order(&mut self, at: usize, order: SmallOrder) -> Result<(), SmallError> {
        let tip = self.chain.height().unwrap();
        self.all[at]
            .host
            .with((&self.node, tip), |side, with| side.order(order, with))
    }

    pub fn mine(&mut self, count: u32) {
        self.chain.mine(count, &miner()).unwrap();
        self.settle();
    }

    pub fn standing(&self, at: usize) -> &'static str {
        self.all[at].host.side().standing()
    }

    pub fn waiting(&mut self) -> usize {
        self.chain.mempool().unwrap().len()
    }

    /// The funding is published and confirms; the recipient is told of it.
    pub fn fund(&mut self) {
        self.settle();
        assert_eq!(self.standing(SENDER), "funding");
        assert_eq!(self.waiting(), 1);
        self.mine(1);
        let side = self.all[SENDER].host.side();
        let reader = self.all[SENDER].host.reader.as_ref().unwrap();
        let mut found = reader.follower().found();
        let (_, funding) = found
            .find(|(_, tx)| side.name_of(tx) == "Delivery")
            .unwrap();
        let funding = funding.compute_txid();
        drop(found);
        self.told = Some(funding);
        self.start(RECIPIENT);
        self.settle();
        // Shallow: nobody is served.
        assert_eq!(self.standing(RECIPIENT), "new");
    }

    pub fn read(&self) -> Option<Vec<u8>> {
        let delivered = self.all[RECIPIENT].host.side().delivered()?;
        assert_eq!(delivered.what, "message");
        Some(delivered.bytes)
    }

    pub fn balance(&mut self, at: usize) -> Amount {
        let one = &mut self.all[at];
        one.host.wallet.sync(&mut self.chain).unwrap();
        one.host.wallet.balance()
    }

    pub fn over(&self, all: &[usize]) {
        for at in all {
            let side = self.all[*at].host.side();
            assert!(side.is_over(), "{at} is {}", side.standing());
        }
    }

    /// From the terms to the reading; messages that were taken.
    pub fn whole(mut self) -> usize {
        self.fund();
        self.mine(1);
        assert_eq!(self.standing(AGENT), "claiming");
        // It pays its agent only by showing the key, and nothing is read before.
        assert_eq!((self.read(), self.waiting()), (None, 1));
        self.mine(1);
        assert_eq!(self.read().unwrap(), MESSAGE);
        self.mine(2);
        self.over(&[SENDER, RECIPIENT, AGENT]);
        let paid = self.balance(AGENT);
        assert!(paid < AMOUNT && paid + Amount::from_sat(1_000) > AMOUNT);
        self.taken
    }
}
