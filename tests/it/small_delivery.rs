//! All sides of a sealed delivery as processes host them, in one process: killed after every message, silent, gone, and lied to.

use std::collections::{BTreeSet, VecDeque};

use bitcoin::{
    Amount, ScriptBuf, Transaction, Txid,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex::{
    channel::delivery::{DeliveryAgent, DeliveryFigures},
    contracts::{
        deliver::{Assignment, Consent, Evidence, Handover, Request, Served, unseal},
        depth::Depth,
        derive::delivery_key,
    },
    life::{Bumper, Offered},
    regtest::{
        AcceptedPolicy, Broadcaster as _, ChainSource as _, Embedded, Miner as _, mine_coins,
    },
    small::{
        DeliveryKeeper, DeliveryRecipient, DeliverySender, SmallError, SmallHeard, SmallOrder,
        Talk, Welcome, keep_message,
    },
};
use narthex_base::codec::Message as _;

use crate::{
    common::miner,
    small_support::{Host, MOST, RATE},
};

const AMOUNT: Amount = Amount::from_sat(20_000);
const MESSAGE: &[u8] = b"Meet me in the narthex at noon.";
const SALT: [u8; 32] = [7; 32];
const REFUND_BLOCKS: u32 = 40;

const SENDER: usize = 0;
const RECIPIENT: usize = 1;
/// The first agent; the second is behind it.
const AGENT: usize = 2;

/// By which id an agent knows the recipient as its guest.
const GUEST: [u8; 32] = [9; 32];

/// One of them, with all that outlives its process.
struct One {
    at: usize,
    host: Host,
    bumper: Bumper,
    script: ScriptBuf,
    /// Whatever was said before: a link says nothing twice.
    posted: BTreeSet<(usize, Vec<u8>)>,
    /// What it has not taken yet, and of whom.
    inbox: VecDeque<(usize, Vec<u8>)>,
    /// It does not run.
    is_gone: bool,
}

impl One {
    fn new(at: usize) -> One {
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

    fn brings(&self) -> DeliveryAgent {
        DeliveryAgent {
            key: PublicKey::from_secret_key(&Secp256k1::new(), &self.host.key),
            script: self.script.clone(),
        }
    }
}

/// All of them, and their chain.
struct Delivering {
    chain: Embedded,
    node: AcceptedPolicy,
    figures: DeliveryFigures,
    all: Vec<One>,
    /// Of which funding the recipient was told.
    told: Option<Txid>,
    /// Messages that were taken.
    taken: usize,
    /// After which of them its receiver is killed.
    kill_at: Option<usize>,
}

impl Delivering {
    fn new(agents: usize) -> Delivering {
        let mut chain = Embedded::new();
        let mut all: Vec<_> = (0..AGENT + agents).map(One::new).collect();
        let script = all[SENDER].host.wallet.fresh_script();
        mine_coins(&mut chain, 3, &script, &miner()).unwrap();
        all[SENDER].host.wallet.sync(&mut chain).unwrap();
        let node = all[SENDER].host.wallet.probe(&mut chain, RATE).unwrap();
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
    fn start(&mut self, at: usize) {
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
    fn to(&self, at: usize, talk: Talk) -> usize {
        match (at, talk) {
            (SENDER | RECIPIENT, Talk::Peer(agent)) => AGENT + usize::from(agent),
            (_, Talk::Peer(0)) => SENDER,
            (_, Talk::Guest(GUEST)) => RECIPIENT,
            other => panic!("{other:?}"),
        }
    }

    /// As whom one hears another.
    fn talk(&self, at: usize, from: usize) -> Talk {
        match (at, from) {
            (SENDER | RECIPIENT, agent) => Talk::Peer((agent - AGENT) as u8),
            (_, SENDER) => Talk::Peer(0),
            _ => Talk::Guest(GUEST),
        }
    }

    fn running(&self) -> Vec<usize> {
        let all = self.all.iter();
        let running = all.filter(|one| one.host.runs() && !one.is_gone);
        running.map(|one| one.at).collect()
    }

    /// Everything that follows, until nobody has anything to say or to be published.
    fn settle(&mut self) {
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

    fn changes(&self) -> Vec<u64> {
        let sides = self.all.iter().filter(|one| one.host.runs());
        sides.map(|one| one.host.side().changes()).collect()
    }

    /// An agent's host serves the recipient, once that has asked.
    fn welcome(&mut self, at: usize) {
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

    fn go_on(&mut self, at: usize) {
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

    fn publish(&mut self, at: usize) {
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
    fn deliver(&mut self, at: usize) {
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

    fn hear(&mut self, at: usize, talk: Talk, body: &[u8]) -> SmallHeard {
        let tip = self.chain.height().unwrap();
        self.all[at].host.with((&self.node, tip), |side, with| {
            side.hear(talk, body, with).unwrap()
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

    fn standing(&self, at: usize) -> &'static str {
        self.all[at].host.side().standing()
    }

    fn waiting(&mut self) -> usize {
        self.chain.mempool().unwrap().len()
    }

    /// The funding is published and confirms; the recipient is told of it.
    fn fund(&mut self) {
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

    fn read(&self) -> Option<Vec<u8>> {
        let delivered = self.all[RECIPIENT].host.side().delivered()?;
        assert_eq!(delivered.what, "message");
        Some(delivered.bytes)
    }

    fn balance(&mut self, at: usize) -> Amount {
        let one = &mut self.all[at];
        one.host.wallet.sync(&mut self.chain).unwrap();
        one.host.wallet.balance()
    }

    fn over(&self, all: &[usize]) {
        for at in all {
            let side = self.all[*at].host.side();
            assert!(side.is_over(), "{at} is {}", side.standing());
        }
    }

    /// From the terms to the reading; messages that were taken.
    fn whole(mut self) -> usize {
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

#[test]
fn whoever_is_killed_after_whichever_message_it_is_delivered() {
    for agents in [1, 2] {
        let messages = Delivering::new(agents).whole();
        assert!(messages >= 4, "{messages}");
        for kill_at in 1..=messages {
            let mut delivering = Delivering::new(agents);
            delivering.kill_at = Some(kill_at);
            let taken = delivering.whole();
            println!("{agents} agents, killed after {kill_at}: {taken} messages");
        }
    }
}

#[test]
fn a_sender_whose_recipient_is_silent_has_its_coin_back_at_t_and_not_before() {
    let mut delivering = Delivering::new(2);
    let before = delivering.balance(SENDER);
    delivering.settle();
    delivering.mine(1);
    let acts_at = delivering.all[SENDER].host.side().acts_at();
    assert_eq!(acts_at, Some(delivering.figures.refund_height + 1));
    let tip = delivering.chain.height().unwrap();
    delivering.mine(delivering.figures.refund_height - tip - 1);
    assert_eq!(
        (delivering.standing(SENDER), delivering.waiting()),
        ("funded", 0)
    );
    // Killed a block before.
    delivering.start(SENDER);
    delivering.mine(1);
    assert_eq!(
        (delivering.standing(SENDER), delivering.waiting()),
        ("refunding", 1)
    );
    delivering.start(SENDER);
    delivering.settle();
    assert_eq!(delivering.waiting(), 1);
    delivering.mine(2);
    delivering.over(&[SENDER, AGENT, AGENT + 1]);
    let cost = before - delivering.balance(SENDER);
    assert!(cost < Amount::from_sat(2_000), "{cost}");
    // Whoever asks now is served nothing.
    let funding = delivering.all[SENDER].host.reader.as_ref().unwrap();
    let funding = funding.follower().found().next().unwrap().1.compute_txid();
    let accepted = BTreeSet::new();
    let ask = Request { funding, accepted }.to_bytes();
    let side = delivering.all[AGENT].host.side();
    assert!(!matches!(side.welcomes(&ask), Some(Welcome::Now)));
}

#[test]
fn agent_and_recipient_need_no_sender_once_it_is_funded() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.all[SENDER].is_gone = true;
    delivering.mine(1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    delivering.mine(2);
    delivering.over(&[RECIPIENT, AGENT]);
    // It comes back to an end that it had no part in.
    delivering.all[SENDER].is_gone = false;
    delivering.start(SENDER);
    delivering.settle();
    delivering.over(&[SENDER]);
}

#[test]
fn another_agent_is_accepted_where_the_first_is_silent() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    // It serves, is accepted, and is never heard of again.
    delivering.mine(1);
    let order = |delivering: &mut Delivering| delivering.order(RECIPIENT, SmallOrder::Next);
    let first = delivering.all[RECIPIENT].host.side().figures()["accepted"];
    assert_eq!(first, 1);
    order(&mut delivering).unwrap();
    delivering.start(RECIPIENT);
    delivering.settle();
    let accepted = delivering.all[RECIPIENT].host.side().figures()["accepted"];
    assert_eq!(accepted, 2, "it was ordered, and is done after a crash");
    assert!(order(&mut delivering).is_err(), "there is nobody else");
    // Beside the first one's claim the second shows its key to nobody.
    assert_eq!(delivering.waiting(), 1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    delivering.mine(2);
    delivering.over(&[SENDER, RECIPIENT, AGENT, AGENT + 1]);
    let paid = [AGENT, AGENT + 1].map(|at| delivering.balance(at));
    assert_eq!(paid.iter().filter(|paid| **paid > Amount::ZERO).count(), 1);
}

#[test]
fn the_second_agent_is_paid_where_the_first_is_gone() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    delivering.all[AGENT].is_gone = true;
    delivering.mine(1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    assert_eq!(delivering.balance(AGENT), Amount::ZERO);
    assert!(delivering.balance(AGENT + 1) > Amount::ZERO);
}

#[test]
fn a_recipient_that_comes_too_late_accepts_nobody() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.all[RECIPIENT].is_gone = true;
    // The copy comes in time; it is read of it too late.
    delivering.mine(2);
    assert!(!delivering.all[RECIPIENT].inbox.is_empty());
    let last = delivering.figures.refund_height - u32::from(delivering.figures.claim_blocks);
    let tip = delivering.chain.height().unwrap();
    delivering.mine(last - tip + 2);
    delivering.all[RECIPIENT].is_gone = false;
    delivering.settle();
    let side = delivering.all[RECIPIENT].host.side();
    assert_eq!((side.figures()["kept"], side.figures()["accepted"]), (1, 0));
    assert!(delivering.order(RECIPIENT, SmallOrder::Next).is_err());
    let before = delivering.balance(SENDER);
    let tip = delivering.chain.height().unwrap();
    delivering.mine(delivering.figures.refund_height - tip);
    delivering.mine(3);
    delivering.over(&[SENDER, RECIPIENT, AGENT]);
    assert!(delivering.balance(SENDER) > before);
    assert_eq!(
        (delivering.read(), delivering.balance(AGENT)),
        (None, Amount::ZERO)
    );
}

/// What spends the coin in the mempool, and its fee.
fn offered(delivering: &mut Delivering) -> (Txid, Amount) {
    let txid = delivering.chain.mempool().unwrap()[0];
    let tx = delivering.chain.waiting(txid).unwrap().unwrap();
    (txid, AMOUNT - tx.output[0].value)
}

/// Blocks come without it: it pays more, a claim so that it is in time, and never more than half of the coin.
fn rises(delivering: &mut Delivering, blocks: u32) -> Amount {
    let mut last = offered(delivering);
    let first = last.1;
    for _ in 0..blocks {
        delivering.chain.mine_exactly(&[], &miner()).unwrap();
        delivering.settle();
        assert_eq!(delivering.waiting(), 1);
        let now = offered(delivering);
        assert!(
            now.1 >= last.1 && now.1 <= AMOUNT / 2,
            "{} after {}",
            now.1,
            last.1
        );
        // Signed anew for a higher fee alone.
        assert_eq!(now.0 == last.0, now.1 == last.1);
        last = now;
    }
    assert!(last.1 > first);
    last.1
}

#[test]
fn claim_and_refund_pay_more_until_they_confirm() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.mine(1);
    assert_eq!(delivering.standing(AGENT), "claiming");
    let left = delivering.figures.refund_height - delivering.chain.height().unwrap();
    // Killed on the way it goes on from what waits.
    rises(&mut delivering, left / 2);
    delivering.start(AGENT);
    delivering.settle();
    let fee = rises(&mut delivering, left - left / 2 - 1);
    assert!(fee > AMOUNT / 4, "{fee}: the next block is the last");
    delivering.mine(3);
    delivering.over(&[SENDER, RECIPIENT, AGENT]);
    assert_eq!(delivering.balance(AGENT), AMOUNT - fee);
    let mut delivering = Delivering::new(1);
    delivering.settle();
    delivering.mine(1);
    let tip = delivering.chain.height().unwrap();
    delivering.mine(delivering.figures.refund_height - tip);
    rises(&mut delivering, 3);
    delivering.mine(2);
    delivering.over(&[SENDER]);
}

/// An agent beside whose coin a rival waits shows nothing.
#[test]
fn a_claim_is_held_back_beside_a_rival() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    delivering.mine(1);
    let first = offered(&mut delivering).0;
    delivering.order(RECIPIENT, SmallOrder::Next).unwrap();
    for _ in 0..3 {
        delivering.settle();
        delivering.chain.mine_exactly(&[], &miner()).unwrap();
    }
    assert_eq!(delivering.standing(AGENT + 1), "claiming");
    let tx = offered(&mut delivering).0;
    let tx = delivering.chain.waiting(tx).unwrap().unwrap();
    let rival = delivering.chain.waiting(first).unwrap();
    let own = delivering.all[AGENT].script.clone();
    assert!(rival.is_some() || tx.output[0].script_pubkey == own);
    assert_eq!(tx.output[0].script_pubkey, own);
}

#[test]
fn a_claim_outlives_a_reorganisation() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.mine(1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    // The claim's block is lost, and the funding's, and both come again.
    delivering.chain.reorg(3, &miner()).unwrap();
    delivering.settle();
    delivering.mine(2);
    delivering.mine(3);
    delivering.over(&[SENDER, RECIPIENT, AGENT]);
    assert!(delivering.balance(AGENT) > Amount::ZERO);
}

/// What a liar says is refused in words, and changes nothing.
#[test]
fn lies_are_refused_and_change_nothing() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    // What was said so far, by who said it.
    let said = |of: &Delivering, at: usize| of.all[at].posted.clone();
    let assignments = said(&delivering, SENDER);
    let mut assignments = assignments.iter();
    let [first, second] = [(); 2].map(|()| {
        let (to, body) = assignments.next().unwrap();
        (*to, Assignment::from_bytes(body).unwrap())
    });
    assert_eq!((first.0, second.0), (AGENT, AGENT + 1));
    delivering.all[RECIPIENT].is_gone = true;
    delivering.mine(1);
    let served = said(&delivering, AGENT);
    let served = served.iter().find(|(to, _)| *to == RECIPIENT).unwrap();
    let served = Served::from_bytes(&served.1).unwrap();
    let terms = delivering.all[SENDER].host.side().changes();
    let before = (delivering.changes(), terms);
    let id = served.terms.clone().check().unwrap().id();
    let agent = Talk::Guest(GUEST);
    let signature = bitcoin::secp256k1::schnorr::Signature::from_slice(&[1; 64]).unwrap();
    let mut lies: Vec<(usize, Talk, Vec<u8>)> = Vec::new();
    // Strangers accept an agent; the sender does; an acceptance of another agent.
    let accepts = |agent| Handover {
        terms: id,
        agent,
        signature,
    };
    lies.push((AGENT, agent, accepts(0).to_bytes()));
    lies.push((AGENT, agent, accepts(1).to_bytes()));
    lies.push((AGENT, Talk::Peer(0), accepts(0).to_bytes()));
    // A guest assigns a copy; the sender gives another's.
    lies.push((AGENT, agent, first.1.to_bytes()));
    let consent = |agent, terms| Consent {
        terms,
        agent,
        signature,
    };
    lies.push((SENDER, Talk::Peer(0), consent(0, id).to_bytes()));
    lies.push((SENDER, Talk::Peer(1), consent(9, id).to_bytes()));
    lies.push((SENDER, Talk::Peer(1), consent(1, [3; 32]).to_bytes()));
    // Other bytes, another's branch, another's number, other terms.
    let mut bytes = served.clone();
    bytes.copy[0] ^= 1;
    let mut branch = served.clone();
    branch.branch = second.1.served.branch.clone();
    let mut number = served.clone();
    number.agent = 1;
    let mut others = served.clone();
    others.terms.amount_sat = Amount::from_sat(20_001);
    let mut later = served.clone();
    later.terms.refund_height += 1;
    for lie in [bytes, branch, number, others, later] {
        lies.push((RECIPIENT, Talk::Peer(0), lie.to_bytes()));
    }
    lies.push((RECIPIENT, agent, served.to_bytes()));
    for at in [SENDER, RECIPIENT, AGENT] {
        for bytes in [&b"NXD2"[..], b"NXD3", b"NXD5{}", b"NXD6", b"NXBT1", b""] {
            lies.push((at, Talk::Peer(0), bytes.to_vec()));
        }
    }
    for (at, talk, lie) in lies {
        let heard = delivering.hear(at, talk, &lie);
        assert!(matches!(heard, SmallHeard::Refused(_)), "{at}: {heard:?}");
        let is_pay = matches!(delivering.standing(AGENT), "claiming");
        assert!(!is_pay);
    }
    // What a recipient found of it holds: the terms lead to the very funding.
    let changes = delivering.changes();
    assert_eq!(
        (changes[SENDER], &changes[AGENT..]),
        (before.0[SENDER], &before.0[AGENT..])
    );
    assert_eq!(delivering.all[RECIPIENT].host.side().figures()["kept"], 0);
    // The truth is taken afterwards all the same.
    delivering.all[RECIPIENT].is_gone = false;
    delivering.settle();
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
}

/// An agent that is given terms with other figures than it was asked for does not agree, and nothing is funded.
#[test]
fn an_agent_agrees_to_what_it_was_asked_for_alone() {
    let asked = Delivering::new(1).figures;
    for figures in [
        DeliveryFigures {
            amount: AMOUNT + Amount::ONE_SAT,
            ..asked.clone()
        },
        DeliveryFigures {
            refund_height: asked.refund_height - 1,
            ..asked.clone()
        },
        DeliveryFigures {
            claim_blocks: 7,
            ..asked.clone()
        },
        DeliveryFigures {
            message_bytes: asked.message_bytes - 1,
            ..asked.clone()
        },
        DeliveryFigures {
            agents: 2,
            ..asked.clone()
        },
    ] {
        let mut delivering = Delivering::new(1);
        delivering.figures = figures.clone();
        delivering.start(AGENT);
        delivering.go_on(SENDER);
        let (from, body) = delivering.all[AGENT].inbox.pop_front().unwrap();
        let heard = delivering.hear(AGENT, delivering.talk(AGENT, from), &body);
        assert!(
            matches!(heard, SmallHeard::Refused(_)),
            "{figures:?}: {heard:?}"
        );
        delivering.go_on(AGENT);
        assert!(delivering.all[SENDER].inbox.is_empty());
        assert_eq!(
            (delivering.standing(AGENT), delivering.waiting()),
            ("new", 0)
        );
    }
}

/// A process that finds a copy where another sender's message was is told so by the evidence of it.
#[test]
fn what_a_recipient_keeps_opens_to_the_message_by_the_key_that_the_claim_shows() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.mine(1);
    let claim = delivering.chain.mempool().unwrap()[0];
    let claim = delivering.chain.waiting(claim).unwrap().unwrap();
    let given = delivering.all[SENDER]
        .posted
        .iter()
        .next()
        .unwrap()
        .1
        .clone();
    let given = Assignment::from_bytes(&given).unwrap();
    // Before that the recipient has bytes that nobody but agent and sender opens.
    let shown = claim.input[0].witness.iter().next().unwrap();
    assert_eq!(shown, given.key.expose());
    assert!(unseal(&given.key, 0, &given.served.copy).is_some());
    assert!(Evidence::from_bytes(&given.served.copy).is_err());
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
}
