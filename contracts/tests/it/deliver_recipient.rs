//! What a recipient finds, checks, hands over and reads, and what it refuses, without a chain.

use crate::deliver_support;

use bitcoin::{
    Amount, Transaction, TxOut, Witness,
    secp256k1::{
        Message, Secp256k1, SecretKey,
        rand::{Rng, SeedableRng, rngs::StdRng},
        schnorr,
    },
};
use deliver_support::{
    FUNDED, MESSAGE, RECIPIENT, T, TIP, agree, agreed, found, pay, plan, public, recipient, record,
    rehash, rng, secret, sender, serve,
};
use narthex_contracts::{
    binding::MemoryBindings,
    deliver::{
        Agent, Coin, DeliverError, Handover, Plan, Reading, Recipient, Scanner, Sender, Served,
        unseal,
    },
    graph::NodeId,
};

const FEE: Amount = Amount::from_sat(400);

fn claim(agent: &Agent) -> Transaction {
    agent.claim(FEE, &mut rng()).unwrap()
}

/// A sender whose seed comes from another random source.
fn sending_from(plan: Plan, source: u64) -> Sender {
    let mut rng = StdRng::seed_from_u64(source);
    let mut bindings = MemoryBindings::default();
    Sender::new(plan, secret(1), MESSAGE, &mut bindings, &mut rng).unwrap()
}

/// A signature by a plain key, as somebody makes one who does not have the key that was asked for.
fn sign(message: &[u8; 32], key: &SecretKey) -> schnorr::Signature {
    let secp = Secp256k1::new();
    secp.sign_schnorr_no_aux_rand(&Message::from_digest(*message), &key.keypair(&secp))
}

/// Every way in which what an agent serves is not its copy under the root.
#[test]
fn a_bad_leaf() {
    let (sender, agents) = agreed(3);
    let mut recipient = recipient(&sender, &[]);
    let good = serve(&sender, &agents[0]);
    let second = serve(&sender, &agents[1]);
    let mut refused = |change: &dyn Fn(&mut Served)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert_ne!(bad, good);
        let error = recipient.keep(bad).unwrap_err();
        let paid = recipient.hand_over(0, (TIP, FUNDED), &mut rng());
        assert_eq!(paid, Err(DeliverError::NoCopy { agent: 0 }));
        error
    };
    let is_leaf = |error| matches!(error, DeliverError::Leaf { .. });
    // Other bytes, another's copy, another index, another's branch, a branch that is cut, bent or drawn out.
    assert!(is_leaf(refused(&|s| s.copy[7] ^= 1)));
    assert!(is_leaf(refused(&|s| s.copy.clone_from(&second.copy))));
    assert!(is_leaf(refused(&|s| s.agent = 1)));
    assert!(is_leaf(refused(&|s| s.branch = second.branch.clone())));
    assert!(is_leaf(refused(&|s| s.branch.siblings.truncate(1))));
    assert!(is_leaf(refused(&|s| s.branch.siblings.push([0; 32]))));
    assert!(is_leaf(refused(&|s| s.branch.siblings.swap(0, 1))));
    assert!(is_leaf(refused(&|s| s.branch.siblings[0][0] ^= 1)));
    let is_length = |error| matches!(error, DeliverError::CopyLength { .. });
    assert!(is_length(refused(&|s| s.copy.truncate(40))));
    assert!(is_length(refused(&|s| s.copy.push(0))));
    assert!(is_length(refused(&|s| s.copy.clear())));
    assert!(matches!(
        refused(&|s| s.agent = 3),
        DeliverError::NoAgent { .. }
    ));
    assert_eq!(
        refused(&|s| s.terms.amount_sat += Amount::ONE_SAT),
        DeliverError::Foreign
    );
    // All of it of another delivery of the same message to the same recipient by the same agents.
    let mut other = sending_from(plan(3), 8);
    let agent = agree(&mut other, 0);
    let theirs = serve(&other, &agent);
    assert_eq!(refused(&|s| *s = theirs.clone()), DeliverError::Foreign);
    assert!(is_leaf(refused(&|s| s.branch = theirs.branch.clone())));
    recipient.keep(good).unwrap();
    assert_eq!(recipient.keep(second).unwrap(), 1);
}

/// Terms that an agent shows must be those of the transaction on chain: coin by coin, byte by byte.
#[test]
fn terms_of_another_funding_are_refused() {
    let (sender, _) = agreed(3);
    let found = found(&sender);
    let open = |terms| Recipient::open(&found, terms, &secret(RECIPIENT)).map(drop);
    open(record(3)).unwrap();
    let mut changed = record(3);
    changed.amount_sat -= Amount::ONE_SAT;
    // Nobody, the sender included, shows other terms for a transaction that is there.
    for made_anew in [false, true] {
        if made_anew {
            rehash(&mut changed);
        }
        assert!(matches!(
            open(changed.clone()),
            Err(DeliverError::OtherFunding { .. })
        ));
    }
    // A key of the sender's own to accept agents with, or a key of the envelope that would convict nobody.
    let mut accepting = record(3);
    accepting.recipient = public(99);
    let field = "recipient";
    assert_eq!(open(accepting), Err(DeliverError::NotMine { field }));
    let mut unread = record(3);
    unread.envelope_key = unread.envelope;
    let field = "envelope_key";
    assert_eq!(open(unread), Err(DeliverError::NotMine { field }));
}

/// The scanner knows what is for it, at one multiplication for each delivery on chain.
#[test]
fn a_scan_finds_its_own_alone() {
    let tx = |sender: &Sender| sender.delivery().graph().assemble(bitcoin_node()).unwrap();
    let mut rng = rng();
    let mut mine = Scanner::new(secret(RECIPIENT));
    let mut others = Scanner::new(secret(77));
    for _ in 0..40 {
        let mut plan = plan(1);
        plan.recipient = public(rng.gen_range(100..150));
        let stranger = sending_from(plan, rng.r#gen());
        assert_eq!(mine.look(&tx(&stranger)), None);
    }
    let sender = sender(2);
    let funding = tx(&sender);
    assert_eq!(mine.look(&funding), Some(found(&sender)));
    assert_eq!(others.look(&funding), None);
    assert_eq!((mine.candidates(), others.candidates()), (41, 1));
    // Transactions without the output, or with something like it, cost nothing.
    let mut bare = funding.clone();
    bare.output.truncate(1);
    let mut swapped = funding.clone();
    swapped.output.swap(0, 1);
    let mut long = funding.clone();
    let script = [
        &[0x6a, 0x4c, 73][..],
        &funding.output[1].script_pubkey.as_bytes()[2..],
    ]
    .concat();
    long.output[1].script_pubkey = script.into();
    let mut kind = funding.clone();
    let mut script = funding.output[1].script_pubkey.to_bytes();
    script[2] ^= 1;
    kind.output[1].script_pubkey = script.into();
    for tx in [bare, swapped, long, kind] {
        assert_eq!(mine.look(&tx), None);
    }
    assert_eq!(mine.candidates(), 41);
    // The announcement in a stranger's transaction: the tag fits, the terms do not.
    let mut copied = funding.clone();
    copied.output[0] = TxOut {
        value: Amount::from_sat(1_000),
        script_pubkey: deliver_support::script(50),
    };
    let lure = mine.look(&copied).unwrap();
    let refused = Recipient::open(&lure, record(2), &secret(RECIPIENT)).unwrap_err();
    assert!(matches!(refused, DeliverError::OtherFunding { .. }));
    // The same ephemeral key with other copies: the tag does not fit.
    let mut script = funding.output[1].script_pubkey.to_bytes();
    script[10] ^= 1;
    copied.output[1].script_pubkey = script.into();
    assert_eq!(mine.look(&copied), None);
}

fn bitcoin_node() -> narthex_contracts::graph::NodeId {
    narthex_contracts::graph::TxGraph::FUNDING
}

/// A wrong recipient derives nothing that pays an agent or opens the message.
#[test]
fn a_wrong_recipient_gains_nothing() {
    let (sender, mut agents) = agreed(2);
    let refused = Recipient::open(&found(&sender), record(2), &secret(77)).unwrap_err();
    assert_eq!(refused, DeliverError::NotMine { field: "recipient" });
    let terms = sender.delivery().terms();
    let graph = sender.delivery().claim(0, FEE).unwrap();
    let asked = graph.release_hashes(NodeId(0)).unwrap()[0];
    let handover = Handover {
        terms: terms.id(),
        agent: 0,
        signature: sign(&asked, &secret(77)),
    };
    assert_eq!(
        agents[0].take(&handover),
        Err(DeliverError::FalseAcceptance { agent: 0 })
    );
    // Whoever has copy and claim has the envelope, and nothing more.
    let mut recipient = recipient(&sender, &agents);
    pay(&mut recipient, &mut agents[0]);
    let claimed = sender.delivery().claimed_by(&claim(&agents[0])).unwrap();
    let envelope = unseal(&claimed.key, 0, agents[0].copy()).unwrap();
    assert_eq!(envelope, sender.envelope());
    assert!(
        !envelope
            .windows(MESSAGE.len())
            .any(|window| window == MESSAGE)
    );
}

/// An acceptance is good for one agent of one delivery.
#[test]
fn an_acceptance_is_good_once() {
    let (sender, mut agents) = agreed(3);
    let mut recipient = recipient(&sender, &agents);
    let handover = recipient.hand_over(0, (TIP, FUNDED), &mut rng()).unwrap();
    assert_eq!(agents[1].take(&handover), Err(DeliverError::Foreign));
    let renamed = Handover {
        agent: 1,
        ..handover
    };
    assert_eq!(
        agents[1].take(&renamed),
        Err(DeliverError::FalseAcceptance { agent: 1 })
    );
    // The same copies, keys, seed and amounts, and another coin, by a sender that keeps no record: a second delivery.
    let mut twin_plan = plan(3);
    twin_plan.contribution.coins[0].outpoint.vout += 1;
    let mut twin = deliver_support::sending(twin_plan, MESSAGE);
    let mut theirs = agree(&mut twin, 0);
    assert_eq!(twin.record().terms.root, sender.record().terms.root);
    assert_eq!(theirs.take(&handover), Err(DeliverError::Foreign));
    let moved = Handover {
        terms: twin.delivery().terms().id(),
        ..handover
    };
    assert_eq!(
        theirs.take(&moved),
        Err(DeliverError::FalseAcceptance { agent: 0 })
    );
    assert!(
        twin.delivery()
            .claimed_by(&{
                agents[0].take(&handover).unwrap();
                claim(&agents[0])
            })
            .is_none()
    );
    assert_eq!(
        agents[1].claim(FEE, &mut rng()),
        Err(DeliverError::NotAccepted { agent: 1 })
    );
}

#[test]
fn the_recipient_hands_over_in_time_and_for_a_coin() {
    let (sender, agents) = agreed(2);
    let mut recipient = recipient(&sender, &agents[..1]);
    for coin in [Coin::Unfunded, Coin::Spent] {
        assert!(matches!(
            recipient.hand_over(0, (TIP, coin), &mut rng()),
            Err(DeliverError::NotFunded { .. })
        ));
    }
    assert!(matches!(
        recipient.hand_over(0, (T - 11, FUNDED), &mut rng()),
        Err(DeliverError::TooLate { .. })
    ));
    assert_eq!(
        recipient.hand_over(1, (TIP, FUNDED), &mut rng()),
        Err(DeliverError::NoCopy { agent: 1 })
    );
    assert!(recipient.record().handed.is_empty());
    recipient
        .hand_over(0, (T - 12, FUNDED), &mut rng())
        .unwrap();
    assert!(recipient.record().handed.contains_key(&0));
}

/// What looks like a claim and is none.
#[test]
fn only_a_claim_is_read() {
    let (sender, mut agents) = agreed(2);
    let mut recipient = recipient(&sender, &agents[..1]);
    pay(&mut recipient, &mut agents[0]);
    let good = claim(&agents[0]);
    let stack: Vec<Vec<u8>> = good.input[0].witness.iter().map(<[u8]>::to_vec).collect();
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let (mut bad, mut stack) = (good.clone(), stack.clone());
        change(&mut stack);
        bad.input[0].witness = Witness::from_slice(&stack);
        bad
    };
    let none = [
        with(&|s| s[0][0] ^= 1),
        with(&|s| s.swap(0, 1)),
        with(&|s| s[0].truncate(31)),
        with(&|s| drop(s.remove(0))),
        with(&|s| s.push(vec![])),
        with(&|s| s[3][0] ^= 1),
        with(&|s| s.clear()),
        sender.refund(FEE, &mut rng()).unwrap(),
    ];
    for tx in none {
        assert!(matches!(
            recipient.read(&tx),
            Err(DeliverError::NoClaim { .. })
        ));
    }
    // An annex (BIP341), which a miner takes with a signature over it, hides nothing.
    let annexed = with(&|s| s.push(vec![0x50, 1, 2]));
    let read = sender.delivery().claimed_by(&annexed).unwrap();
    assert_eq!(read, sender.delivery().claimed_by(&good).unwrap());
    // An agent that the recipient has nothing of: its copy may still be asked for.
    let mut other = recipient_of_both(&sender, &agents);
    pay(&mut other, &mut agents[1]);
    let second = claim(&agents[1]);
    assert_eq!(
        recipient.read(&second),
        Err(DeliverError::NoCopy { agent: 1 })
    );
    recipient.keep(serve(&sender, &agents[1])).unwrap();
    assert!(matches!(recipient.read(&second), Ok(Reading::Message(_))));
}

fn recipient_of_both(sender: &Sender, agents: &[Agent]) -> Recipient {
    recipient(sender, agents)
}
