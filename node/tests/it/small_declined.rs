//! Asks for small contracts that are wrong: whoever asks is told why and whose fault it is, nothing of it is kept, and the next ask on the
//! same connection is heard.

use std::collections::BTreeSet;

use narthex::{
    bitcoin::{
        Amount, FeeRate, ScriptBuf, Txid,
        hashes::Hash as _,
        hex::{DisplayHex as _, FromHex as _},
        secp256k1::PublicKey,
    },
    channel::{
        bank::BankFigures,
        delivery::DeliveryFigures,
        small::{AskFault, SmallAsk},
        wire::{Frame, SMALL},
    },
    contracts::{
        deliver::Request,
        party::{PartyId, PartySet},
    },
    regtest::ChainSource as _,
};
use narthex_base::codec::Message as _;
use narthex_node::party::{
    Command, NewCollection, NewDelivery, Policy, Reply, SmallCommand, SmallStatus, Store as _,
};

use crate::support::{
    evil::Evil,
    town::{Town, everything},
};

const OPEN_S: u64 = 3_600;
const MESSAGE: &[u8] = b"Meet me in the narthex at noon.";

/// A town whose nodes have all seen the last block.
fn settled() -> Town {
    let mut town = Town::new();
    town.pass(1);
    town
}

/// Seconds pass until something is so.
fn until(town: &mut Town, what: &str, mut is_so: impl FnMut(&mut Town) -> bool) {
    for _ in 0..20 {
        if is_so(town) {
            return;
        }
        town.pass(1);
    }
    panic!("{what}: {}", town.notes());
}

/// Whoever is asked.
fn asked() -> PartySet {
    [PartyId(1)].into_iter().collect()
}

/// A delivery that an agent may take.
fn delivery(town: &mut Town) -> DeliveryFigures {
    DeliveryFigures {
        amount: Amount::from_sat(20_000),
        refund_height: town.chain.height().unwrap() + 1_008,
        claim_blocks: 36,
        message_bytes: 31,
        agents: 1,
        rate: FeeRate::from_sat_per_kwu(500),
    }
}

/// A bank that a provider may take.
fn bank(town: &mut Town, payer: PublicKey) -> BankFigures {
    let payer_script = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[7; 32]].concat());
    let value = Amount::from_sat(100);
    BankFigures {
        payer,
        capacity: value * 1_000 + payer_script.minimal_non_dust(),
        payer_script,
        pennies: 1_000,
        value,
        refund_height: town.chain.height().unwrap() + 1_008,
        claim_blocks: 144,
        step: 10,
        shift: 4,
        rate: FeeRate::from_sat_per_kwu(500),
    }
}

fn ask_for(town: &Town, salt: u8, figures: Vec<u8>) -> SmallAsk {
    SmallAsk {
        salt: [salt; 32],
        expires_s: town.now.unix_s + OPEN_S,
        figures,
    }
}

fn request(funding: u8) -> Vec<u8> {
    let (funding, accepted) = (Txid::from_byte_array([funding; 32]), BTreeSet::new());
    Request { funding, accepted }.to_bytes()
}

fn smalls(town: &mut Town, at: usize) -> Vec<SmallStatus> {
    let order = SmallCommand::List;
    match town.ask(at, Command::Small { order }) {
        Ok(Reply::Smalls(all)) => all,
        other => panic!("{other:?}"),
    }
}

fn order(town: &mut Town, at: usize, order: SmallCommand) -> Result<SmallStatus, String> {
    match town.ask(at, Command::Small { order })? {
        Reply::Small(status) => Ok(*status),
        other => panic!("{other:?}"),
    }
}

fn show(town: &mut Town, at: usize, id: &str) -> SmallStatus {
    let id = id.to_owned();
    order(town, at, SmallCommand::Show { id }).unwrap()
}

impl Evil {
    /// Says this first in the contract of this id.
    fn knock(&self, town: &mut Town, at: usize, (id, body): ([u8; 32], Vec<u8>)) {
        let envelope = self.envelope((id, asked()), (0, 0, SMALL), body);
        self.send(town, at, envelope);
        town.pump();
    }
}

/// How each is wrong: the id under which it is asked, and the body.
type Wrong = (&'static str, AskFault, [u8; 32], Vec<u8>);

fn wrong_asks(town: &mut Town, payer: PublicKey) -> Vec<Wrong> {
    let (good, bank) = (delivery(town), bank(town, payer));
    let tip = town.chain.height().unwrap();
    let right = ask_for(town, 1, good.to_bytes());
    let mut all: Vec<Wrong> = Vec::new();
    let garbage = [right.to_bytes(), vec![0]].concat();
    all.push(("of a byte more", AskFault::Malformed, right.id(), garbage));
    let other = (
        "of another id",
        AskFault::Malformed,
        [9; 32],
        right.to_bytes(),
    );
    all.push(other);
    let figures = [
        (
            "of no family",
            AskFault::Figures,
            b"NXZZ1 and more".to_vec(),
        ),
        (
            "of a bank of no penny",
            AskFault::Figures,
            BankFigures {
                pennies: 0,
                ..bank.clone()
            }
            .to_bytes(),
        ),
        (
            "of a bank that holds too little",
            AskFault::Figures,
            BankFigures {
                capacity: Amount::from_sat(1_000),
                ..bank.clone()
            }
            .to_bytes(),
        ),
        (
            "of a bank that would be closed at once",
            AskFault::Figures,
            BankFigures {
                refund_height: tip + 145,
                ..bank
            }
            .to_bytes(),
        ),
        (
            "of a delivery for too little",
            AskFault::Figures,
            DeliveryFigures {
                amount: Amount::from_sat(400),
                ..good.clone()
            }
            .to_bytes(),
        ),
        (
            "of a delivery by too many",
            AskFault::Figures,
            DeliveryFigures {
                agents: 16,
                ..good.clone()
            }
            .to_bytes(),
        ),
        (
            "of a delivery that is over",
            AskFault::Figures,
            DeliveryFigures {
                refund_height: tip,
                ..good
            }
            .to_bytes(),
        ),
        ("of nothing that is here", AskFault::Unknown, request(7)),
    ];
    for (what, fault, figures) in figures {
        let ask = ask_for(town, 1, figures);
        all.push((what, fault, ask.id(), ask.to_bytes()));
    }
    let most = Policy::default().max_open_s;
    for (what, expires_s) in [
        ("that is over", town.now.unix_s),
        ("for too long", town.now.unix_s + most + 1),
    ] {
        let ask = SmallAsk {
            expires_s,
            ..right.clone()
        };
        all.push((what, AskFault::Expiry, ask.id(), ask.to_bytes()));
    }
    all
}

/// What this node has answered to one ask of a stranger, on a connection that stands.
fn declined(town: &mut Town, at: usize, evil: &Evil, id: &[u8; 32], what: &str) -> AskFault {
    let frames = evil.got(town);
    let mut all = frames.into_iter().filter_map(|frame| match frame {
        Frame::Declined(declined) => Some(declined),
        _ => None,
    });
    let one = all.next().unwrap_or_else(|| panic!("{what}: no answer"));
    assert_eq!((one.contract, all.next()), (*id, None), "{what}");
    assert!(!one.why.decline.reason.is_empty(), "{what}");
    assert!(
        !town.nodes[at].closed.contains(&evil.id()),
        "{what}: it is closed"
    );
    one.why.fault
}

#[test]
fn each_wrong_ask_is_declined_with_its_reason_and_the_next_one_is_heard() {
    let mut town = settled();
    let payer = Evil::new(99).id();
    let count = wrong_asks(&mut town, payer).len();
    for (number, at) in (100u8..).zip(0..count) {
        // Dates are of this moment.
        let (what, fault, id, body) = wrong_asks(&mut town, payer).remove(at);
        let evil = Evil::new(number);
        evil.connect(&mut town, 1);
        town.pump();
        let before = town.nodes[1].written.borrow().len();
        let known = town.nodes[1].store.known().unwrap();
        evil.knock(&mut town, 1, (id, body));
        assert_eq!(declined(&mut town, 1, &evil, &id, what), fault, "{what}");
        // Nothing is written, and no log is begun.
        assert_eq!(smalls(&mut town, 1), [], "{what}");
        assert_eq!(town.nodes[1].written.borrow().len(), before, "{what}");
        assert_eq!(town.nodes[1].store.known().unwrap(), known, "{what}");
        // On the same connection, of a stranger who may begin one contract.
        let figures = delivery(&mut town).to_bytes();
        let ask = ask_for(&town, number, figures);
        evil.knock(&mut town, 1, (ask.id(), ask.to_bytes()));
        let all = smalls(&mut town, 1);
        assert_eq!(all.len(), 1, "{what}: {}", town.notes());
        assert_eq!(all[0].state, "asked", "{what}");
        // It expires: the next one finds the node as this one did.
        town.pass(OPEN_S + 1);
        assert_eq!(smalls(&mut town, 1), [], "{what}");
    }
}

/// Whoever comes when as many wait as may is told that it is the node's bound, and may ask again.
#[test]
fn one_too_many_may_ask_again_when_there_is_room() {
    let mut town = settled();
    let policy = Policy {
        max_asked: 1,
        ..everything()
    };
    let at = town.settle(50, policy);
    let (first, second) = (Evil::new(100), Evil::new(101));
    let ask = |town: &mut Town, salt| {
        let figures = delivery(town).to_bytes();
        ask_for(town, salt, figures)
    };
    for (evil, salt) in [(&first, 1), (&second, 2)] {
        evil.connect(&mut town, at);
        let ask = ask(&mut town, salt);
        evil.knock(&mut town, at, (ask.id(), ask.to_bytes()));
    }
    let turned = ask(&mut town, 2);
    let fault = declined(&mut town, at, &second, &turned.id(), "full");
    assert_eq!(fault, AskFault::Full);
    let all = smalls(&mut town, at);
    assert_eq!(all.len(), 1);
    let (id, reason) = (all[0].id.clone(), "no".to_owned());
    order(&mut town, at, SmallCommand::Decline { id, reason }).unwrap();
    town.pump();
    // The very same ask.
    second.knock(&mut town, at, (turned.id(), turned.to_bytes()));
    let id = turned.id().to_lower_hex_string();
    assert_eq!(show(&mut town, at, &id).state, "asked");
}

fn collection(town: &Town, agent: usize, funding: Txid) -> SmallCommand {
    SmallCommand::Collect(NewCollection {
        with: vec![town.place(agent)],
        funding,
        since: 0,
        depth: 2,
        open_s: OPEN_S,
    })
}

/// What the user of a node that asked wrongly sees, also after both nodes were killed.
#[test]
fn whoever_asked_reads_why_whose_fault_it_is_and_what_to_do() {
    let mut town = settled();
    let made_up = Txid::from_byte_array([7; 32]);
    let ask = collection(&town, 1, made_up);
    let status = order(&mut town, 0, ask.clone()).unwrap();
    assert_eq!((&*status.state, &status.next), ("waiting", &None));
    town.pump();
    let told = show(&mut town, 0, &status.id);
    assert_eq!(told.state, "declined", "{}", town.notes());
    assert!(told.reason.as_ref().unwrap().contains("not yet"));
    assert_eq!(told.at_fault.as_deref(), Some("nobody"));
    assert!(told.next.as_ref().unwrap().contains("collect it again"));
    assert_eq!(smalls(&mut town, 1), []);
    for at in [0, 1] {
        town.restart(at);
        town.pump();
    }
    assert_eq!(show(&mut town, 0, &status.id), told);
    assert_eq!(smalls(&mut town, 1), []);
    // It is said once, and not at each start.
    let away = |town: &Town| town.notes().matches("is turned away").count();
    assert_eq!(away(&town), 1, "{}", town.notes());
    // What came to nothing keeps nobody from asking again.
    let again = order(&mut town, 0, ask).unwrap();
    assert_ne!(again.id, status.id);
    town.pump();
    assert_eq!(away(&town), 2);
}

/// An agent whose disk is older than the copy that it was given does not know the funding: the recipient is declined. As soon as the agent
/// has it again, the same recipient collects the same delivery.
#[test]
fn a_recipient_that_collects_too_early_collects_again_later() {
    const SENDER: usize = 0;
    const AGENT: usize = 1;
    const RECIPIENT: usize = 2;
    let mut town = settled();
    let Ok(Reply::Node(node)) = town.ask(RECIPIENT, Command::Node) else {
        panic!("no status");
    };
    let deliver = SmallCommand::Deliver(NewDelivery {
        with: vec![town.place(AGENT)],
        to: node.delivery_key.unwrap(),
        message: MESSAGE.to_lower_hex_string(),
        amount_sat: 20_000,
        refund_blocks: 200,
        claim_blocks: 36,
        rate_sat_kwu: 500,
        depth: 2,
        open_s: OPEN_S,
    });
    let id = order(&mut town, SENDER, deliver).unwrap().id;
    town.pump();
    let take = SmallCommand::Take {
        id: id.clone(),
        depth: 2,
    };
    order(&mut town, AGENT, take).unwrap();
    let older = town.nodes[AGENT].snapshot();
    town.pump();
    until(&mut town, "it is funded", |town| {
        town.chain.mempool().unwrap().len() == 1
    });
    let funding = town.chain.mempool().unwrap();
    town.mine(2);
    // The agent has its copy no more, and sees the recipient alone.
    town.kill(AGENT);
    town.nodes[AGENT].store = older;
    town.start(AGENT);
    town.connect(AGENT, RECIPIENT);
    town.pump();
    let collect = collection(&town, AGENT, funding[0]);
    let early = order(&mut town, RECIPIENT, collect.clone()).unwrap().id;
    town.pump();
    assert_eq!(
        show(&mut town, RECIPIENT, &early).state,
        "declined",
        "{}",
        town.notes()
    );
    town.connect(AGENT, SENDER);
    // The sender hands it over again.
    until(&mut town, "the agent has its copy", |town| {
        let agent = show(town, AGENT, &id);
        agent.standing.as_deref() == Some("serving")
    });
    // On the same connection the recipient is served now.
    let own = order(&mut town, RECIPIENT, collect).unwrap().id;
    until(&mut town, "the claim waits", |town| {
        town.chain.mempool().unwrap().len() == 1
    });
    assert_eq!(show(&mut town, RECIPIENT, &own).state, "joined");
    town.mine(1);
    town.mine(1);
    let read = SmallCommand::Read { id: own };
    let Ok(Reply::SmallDelivered(read)) = town.ask(RECIPIENT, Command::Small { order: read })
    else {
        panic!("{}", town.notes());
    };
    assert_eq!(Vec::<u8>::from_hex(&read.hex).unwrap(), MESSAGE);
}

/// A node that has not seen its chain yet can judge no date: it says so.
#[test]
fn a_node_that_has_just_begun_says_so() {
    let mut town = settled();
    town.kill(1);
    town.begin(1);
    let evil = Evil::new(100);
    evil.connect(&mut town, 1);
    let ask = {
        let figures = delivery(&mut town).to_bytes();
        ask_for(&town, 1, figures)
    };
    // Before its first look.
    let envelope = evil.envelope((ask.id(), asked()), (0, 0, SMALL), ask.to_bytes());
    evil.send(&mut town, 1, envelope);
    let actions = town.nodes[1].core.as_mut().unwrap().actions().unwrap();
    let frames = actions.into_iter().filter_map(|action| match action {
        narthex_node::party::Action::Send { to, bytes } if to == evil.id() => {
            Some(Frame::from_bytes(&bytes).unwrap())
        }
        _ => None,
    });
    let mut faults = frames.filter_map(|frame| match frame {
        Frame::Declined(declined) => Some(declined.why.fault),
        _ => None,
    });
    assert_eq!(
        (faults.next(), faults.next()),
        (Some(AskFault::Unready), None)
    );
    town.pass(1);
    evil.knock(&mut town, 1, (ask.id(), ask.to_bytes()));
    let id = ask.id().to_lower_hex_string();
    assert_eq!(show(&mut town, 1, &id).state, "asked", "{}", town.notes());
}
