//! Deliveries on coins that are on no chain.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Txid, WPubkeyHash,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
    },
};
use narthex_base::codec::Message as _;
use narthex_contracts::{
    binding::MemoryBindings,
    deliver::{
        Agent, Announcement, Assignment, Coin, Conditions, Copies, DeliverRecord, Found, Handover,
        Plan, Recipient, Request, Sender, SenderRecord, Served, Shared, copy_leaf, seal,
    },
    depth::Depth,
    terms::{Coin as WalletCoin, Contribution, FeeRate},
};

pub const AMOUNT: Amount = Amount::from_sat(20_000);
pub const T: u32 = 1_000;
pub const RECIPIENT: u8 = 200;
pub const MESSAGE: &[u8] = b"the sealed message";
pub const FUNDED: Coin = Coin::Funded { height: 900 };
/// A tip at which a coin of height 900 is deep enough, and T far.
pub const TIP: u32 = 910;
/// What agents and recipient wait for.
pub const DEPTH: Depth = Depth::USUAL;

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn public(byte: u8) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte))
}

pub fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([byte; 20]))
}

pub fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}

/// Key of an agent.
pub fn agent_key(agent: u8) -> SecretKey {
    secret(10 + agent)
}

pub fn plan(agents: u8) -> Plan {
    let rate = FeeRate::from_sat_per_kwu(250);
    let coin = WalletCoin {
        outpoint: OutPoint::new(Txid::from_byte_array([3; 32]), 1),
        value_sat: Plan::deposit(AMOUNT, rate).unwrap() + Amount::from_sat(500),
        script: script(3),
    };
    Plan {
        recipient: public(RECIPIENT),
        agents: (0..agents)
            .map(|i| (public(10 + i), script(10 + i)))
            .collect(),
        amount: AMOUNT,
        refund_height: T,
        claim_blocks: 12,
        sender_script: script(1),
        contribution: Contribution {
            coins: vec![coin],
            change: None,
        },
        rate,
    }
}

pub fn sender(agents: u8) -> Sender {
    sending(plan(agents), MESSAGE)
}

/// A sender of this plan and message; the same each time, as nobody remembers.
pub fn sending(plan: Plan, message: &[u8]) -> Sender {
    let mut bindings = MemoryBindings::default();
    Sender::new(plan, secret(1), message, &mut bindings, &mut rng()).unwrap()
}

pub fn record(agents: u8) -> DeliverRecord {
    sender(agents).record().terms
}

pub fn conditions(agent: u8) -> Conditions {
    Conditions {
        least: AMOUNT,
        most_bytes: 1 << 20,
        latest_height: T,
        claim_blocks: 12,
        script: script(10 + agent),
        depth: DEPTH,
        alone: false,
    }
}

/// Agrees to an assignment as it travels.
pub fn agree(sender: &mut Sender, agent: u8) -> Agent {
    let bytes = sender.assignment(agent).unwrap().to_bytes();
    let assignment = Assignment::from_bytes(&bytes).unwrap();
    let (agent, consent) =
        Agent::new(assignment, agent_key(agent), &conditions(agent), 890).unwrap();
    sender.agreed(&consent).unwrap();
    agent
}

/// A sender whose agents all agreed.
pub fn agreed(agents: u8) -> (Sender, Vec<Agent>) {
    let mut sender = sender(agents);
    let agents = (0..agents).map(|i| agree(&mut sender, i)).collect();
    (sender, agents)
}

pub fn found(sender: &Sender) -> Found {
    let terms = sender.delivery().terms().record();
    Found {
        txid: sender.delivery().coin().unwrap().0.txid,
        announcement: Announcement {
            root: terms.root.to_byte_array(),
            ephemeral: terms.ephemeral,
            view_tag: terms.view_tag,
        },
    }
}

pub fn request(sender: &Sender) -> Request {
    Recipient::first_request(&found(sender))
}

/// What an agent serves.
pub fn serve(sender: &Sender, agent: &Agent) -> Served {
    let served = agent.serve(&request(sender), TIP, FUNDED).unwrap();
    Served::from_bytes(&served.to_bytes()).unwrap()
}

/// A recipient that keeps the copies of these agents.
pub fn recipient(sender: &Sender, agents: &[Agent]) -> Recipient {
    let terms = sender.record().terms;
    let mut recipient =
        Recipient::open(&found(sender), (terms, DEPTH), &secret(RECIPIENT)).unwrap();
    for agent in agents {
        recipient.keep(serve(sender, agent)).unwrap();
    }
    recipient
}

/// The recipient hands over, the agent takes.
pub fn pay(recipient: &mut Recipient, agent: &mut Agent) {
    let index = agent.record().agent;
    let handover = recipient
        .hand_over(index, (TIP, FUNDED), &mut rng())
        .unwrap();
    let handover = Handover::from_bytes(&handover.to_bytes()).unwrap();
    agent.take(&handover).unwrap();
}

/// What a cheating sender commits to in place of an honest copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Every copy opens to this envelope, which does not decrypt.
    Envelope,
    /// Copy 0 is of another envelope than the terms name.
    OtherCopy,
    /// Copy 0 does not open under its key.
    Garbage,
}

/// Terms of a sender that lies, and its copy 0 with branch.
pub fn lying(agents: u8, lie: Lie) -> (DeliverRecord, Served) {
    let honest = sender(agents);
    let mut terms = honest.record().terms;
    let envelope = match lie {
        Lie::Envelope => vec![7; honest.envelope().len()],
        _ => honest.envelope().to_vec(),
    };
    if lie == Lie::Envelope {
        terms.envelope = envelope_hash(&envelope);
    }
    let mut copies = (0..agents)
        .map(|i| seal(&honest.assignment(i).unwrap().key, i, &envelope).unwrap())
        .collect::<Vec<_>>();
    match lie {
        Lie::Envelope => {}
        Lie::Garbage => copies[0] = vec![1; copies[0].len()],
        Lie::OtherCopy => {
            let key = honest.assignment(0).unwrap().key;
            copies[0] = seal(&key, 0, &vec![8; envelope.len()]).unwrap();
        }
    }
    let leaves = (0..).zip(&copies).map(|(i, copy)| copy_leaf(i, copy));
    let copies_tree = Copies(leaves.collect());
    let branch = copies_tree.branch(0).unwrap();
    terms.root = sha256::Hash::from_byte_array(copies_tree.root().unwrap());
    rehash(&mut terms);
    let served = Served {
        terms: terms.clone(),
        agent: 0,
        branch,
        copy: copies.swap_remove(0),
    };
    (terms, served)
}

/// The view tag of terms that were changed: the sender, or who knows as much, makes it anew.
pub fn rehash(terms: &mut DeliverRecord) {
    let shared = Shared::of_recipient(&secret(RECIPIENT), &terms.ephemeral);
    terms.view_tag = shared.view_tag(terms.root.as_byte_array());
}

/// As the terms name an envelope, written down a second time.
pub fn envelope_hash(envelope: &[u8]) -> sha256::Hash {
    let tag = sha256::Hash::hash(b"narthex/deliver-envelope").to_byte_array();
    let length = (envelope.len() as u64).to_be_bytes();
    sha256::Hash::hash(&[&tag, &tag, &length[..], envelope].concat())
}

/// A sender that went down and came back.
pub fn restored(sender: &Sender) -> Sender {
    let json = serde_json::to_string(&sender.record()).unwrap();
    let record: SenderRecord = serde_json::from_str(&json).unwrap();
    Sender::restore(record, secret(1), sender.envelope().to_vec()).unwrap()
}
