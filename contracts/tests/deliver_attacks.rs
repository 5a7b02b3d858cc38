//! Cheats and faults of every side of a delivery, without a chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod deliver_support;

use bitcoin::{Amount, Transaction, TxOut, Witness, secp256k1::rand::Rng};
use deliver_support::{
    AMOUNT, FUNDED, Lie, MESSAGE, RECIPIENT, SEED, T, TIP, agent_key, agree, agreed, conditions,
    found, lying, pay, plan, public, recipient, record, rehash, request, restored, rng, script,
    secret, sender, serve,
};
use narthex_contracts::{
    deliver::{
        Agent, AgentDuty, Assignment, Coin, Conditions, DeliverError, Evidence, Fault, Found,
        Guilt, Handover, MAX_MESSAGE_BYTES, Reading, Recipient, Scanner, Sender, SenderDuty,
        Served, Shared, unseal,
    },
    pact::PactError,
};

const FEE: Amount = Amount::from_sat(400);

fn claim(agent: &Agent) -> Transaction {
    agent.claim(FEE, &mut rng()).unwrap()
}

/// From the message to the message, everything as bytes between the three.
#[test]
fn a_delivery() {
    for count in [1, 3, 15] {
        let (sender, mut agents) = agreed(count);
        let mut recipient = recipient(&sender, &agents);
        let last = agents.last_mut().unwrap();
        assert_eq!(last.duty(TIP, FUNDED), AgentDuty::Serve);
        pay(&mut recipient, last);
        assert_eq!(last.duty(TIP, FUNDED), AgentDuty::Claim);
        let claim = claim(last);
        let read = recipient.read(&claim).unwrap();
        assert_eq!(read, Reading::Message(MESSAGE.to_vec()));
        assert_eq!(last.duty(TIP, Coin::Spent), AgentDuty::Done);
    }
}

#[test]
fn messages_of_every_length() {
    for length in [0, 1, 63, 64, 65, 100_000] {
        let message = vec![5; length];
        let mut sender = Sender::new(plan(2), secret(1), SEED, &message).unwrap();
        let mut agent = agree(&mut sender, 0);
        assert_eq!(agent.copy().len(), length + 32);
        agree(&mut sender, 1);
        let mut recipient = recipient(&sender, std::slice::from_ref(&agent));
        pay(&mut recipient, &mut agent);
        let read = recipient.read(&claim(&agent)).unwrap();
        assert_eq!(read, Reading::Message(message));
    }
    let long = vec![0; MAX_MESSAGE_BYTES + 1];
    assert!(matches!(
        Sender::new(plan(1), secret(1), SEED, &long),
        Err(DeliverError::TooLarge { .. })
    ));
    for agents in [0, 16] {
        assert!(Sender::new(plan(agents), secret(1), SEED, MESSAGE).is_err());
    }
}

/// Nobody can sign the funding before everybody agreed, whoever's word is missing, false, or of another delivery.
#[test]
fn funding_waits_for_every_consent() {
    let mut sender = sender(2);
    let consent = |sender: &Sender, agent| {
        let assignment = sender.assignment(agent).unwrap();
        let agreed = Agent::new(assignment, agent_key(agent), &conditions(agent), 890);
        agreed.unwrap().1
    };
    let (first, second) = (consent(&sender, 0), consent(&sender, 1));
    assert_eq!(sender.duty(890, Coin::Unfunded), SenderDuty::Assign);
    for mut bad in [first, second] {
        bad.agent ^= 1;
        assert!(matches!(
            sender.agreed(&bad),
            Err(DeliverError::FalseConsent { .. })
        ));
        bad.agent = 2;
        assert!(matches!(
            sender.agreed(&bad),
            Err(DeliverError::NoAgent { .. })
        ));
        bad.terms[0] ^= 1;
        assert_eq!(sender.agreed(&bad), Err(DeliverError::Foreign));
    }
    sender.agreed(&second).unwrap();
    assert_eq!(
        sender.funding_psbt(890).unwrap_err(),
        DeliverError::NoConsent { agent: 0 }
    );
    sender.agreed(&first).unwrap();
    assert_eq!(sender.duty(890, Coin::Unfunded), SenderDuty::Fund);
    sender.funding_psbt(T - 12).unwrap();
    assert!(matches!(
        sender.funding_psbt(T - 11),
        Err(DeliverError::TooLate { .. })
    ));
    assert_eq!(sender.duty(T - 11, Coin::Unfunded), SenderDuty::Abandon);
    assert_eq!(sender.duty(T - 1, FUNDED), SenderDuty::Wait);
    assert_eq!(sender.duty(T, FUNDED), SenderDuty::Refund);
    assert_eq!(sender.duty(T, Coin::Spent), SenderDuty::Done);
}

/// An agent declines what it does not like, and what is not sound.
#[test]
fn an_agent_checks_before_it_agrees() {
    let sender = sender(3);
    let wanted = conditions(1);
    let hear = |assignment: Assignment, wanted: &Conditions, key, tip| {
        Agent::new(assignment, key, wanted, tip)
            .map(|_| ())
            .unwrap_err()
    };
    let given = || sender.assignment(1).unwrap();
    let tastes: [fn(&mut Conditions); 5] = [
        |c| c.least = AMOUNT + Amount::ONE_SAT,
        |c| c.most_bytes = MESSAGE.len() as u64 + 31,
        |c| c.latest_height = T - 1,
        |c| c.claim_blocks = 13,
        |c| c.script = script(99),
    ];
    for taste in tastes {
        let mut wanted = wanted.clone();
        taste(&mut wanted);
        let declined = hear(given(), &wanted, agent_key(1), 890);
        assert!(
            matches!(declined, DeliverError::Declined { agent: 1, .. }),
            "{declined}"
        );
    }
    assert!(matches!(
        hear(given(), &wanted, agent_key(1), T - 11),
        DeliverError::TooLate { .. }
    ));
    assert!(matches!(
        hear(given(), &wanted, agent_key(2), 890),
        DeliverError::Pact(PactError::WrongKey { .. })
    ));
    let mut other = given();
    other.key = sender.assignment(2).unwrap().key;
    assert_eq!(
        hear(other, &wanted, agent_key(1), 890),
        DeliverError::OtherKey { agent: 1 }
    );
    let mut other = given();
    other.served.copy = sender.assignment(2).unwrap().served.copy;
    assert!(matches!(
        hear(other, &wanted, agent_key(1), 890),
        DeliverError::Leaf { agent: 1, .. }
    ));
}

/// A copy that gives another envelope, or none, is found by its agent before anything is funded.
#[test]
fn an_agent_finds_a_false_copy() {
    for lie in [Lie::OtherCopy, Lie::Garbage] {
        let (_, served) = lying(3, lie);
        let key = sender(3).assignment(0).unwrap().key;
        let assignment = Assignment { served, key };
        let refused = Agent::new(assignment, agent_key(0), &conditions(0), 890);
        assert!(matches!(
            refused,
            Err(DeliverError::NotTheEnvelope { agent: 0 })
        ));
    }
}

/// An agent serves nobody before it is sure of its coin.
#[test]
fn an_agent_serves_when_the_coin_is_deep_and_t_far() {
    let (sender, agents) = agreed(2);
    let asked = request(&sender);
    let serve = |tip, coin| agents[0].serve(&asked, tip, coin).map(drop);
    let at = |height| Coin::Funded { height };
    for coin in [Coin::Unfunded, Coin::Spent, at(906)] {
        assert!(matches!(
            serve(910, coin),
            Err(DeliverError::NotFunded { tip: 910, depth: 6 })
        ));
        assert_ne!(agents[0].duty(910, coin), AgentDuty::Serve);
    }
    serve(910, at(905)).unwrap();
    serve(T - 12, FUNDED).unwrap();
    assert!(matches!(
        serve(T - 11, FUNDED),
        Err(DeliverError::TooLate { .. })
    ));
    assert_eq!(agents[0].duty(T - 11, FUNDED), AgentDuty::Wait);
    let mut foreign = asked;
    foreign.funding = bitcoin::hashes::Hash::all_zeros();
    assert_eq!(
        agents[0].serve(&foreign, TIP, FUNDED),
        Err(DeliverError::Foreign)
    );
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
        let paid = recipient.hand_over(0, TIP, FUNDED);
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
    let mut other = Sender::new(plan(3), secret(1), [8; 32], MESSAGE).unwrap();
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
    // Whoever does not know the shared secret cannot make the hashes anew…
    assert!(matches!(
        open(changed.clone()),
        Err(DeliverError::NotMine { .. })
    ));
    // …and the sender, who can, is found out by the transaction.
    rehash(&mut changed);
    assert!(matches!(
        open(changed),
        Err(DeliverError::OtherFunding { .. })
    ));
    let mut unpayable = record(3);
    unpayable.agents[2].claim_hash = unpayable.sender_script.wscript_hash().to_raw_hash();
    assert_eq!(open(unpayable), Err(DeliverError::NotMine { agent: 2 }));
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
        let stranger = Sender::new(plan, secret(1), rng.r#gen(), MESSAGE).unwrap();
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
    assert_eq!(refused, DeliverError::NotMine { agent: 0 });
    let terms = sender.delivery().terms();
    let shared = Shared::of_recipient(&secret(77), &terms.record().ephemeral);
    let handover = Handover {
        terms: terms.id(),
        agent: 0,
        secret: shared.claim_secret(&terms.delivery(), 0),
    };
    assert_eq!(
        agents[0].take(&handover),
        Err(DeliverError::FalseSecret { agent: 0 })
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

/// d_i is good for one agent of one delivery.
#[test]
fn a_secret_is_good_once() {
    let (sender, mut agents) = agreed(3);
    let mut recipient = recipient(&sender, &agents);
    let handover = recipient.hand_over(0, TIP, FUNDED).unwrap();
    assert_eq!(agents[1].take(&handover), Err(DeliverError::Foreign));
    let renamed = Handover {
        agent: 1,
        ..handover.clone()
    };
    assert_eq!(
        agents[1].take(&renamed),
        Err(DeliverError::FalseSecret { agent: 1 })
    );
    // The same copies, keys, seed and amounts, and another coin: a second delivery.
    let mut twin_plan = plan(3);
    twin_plan.contribution.coins[0].outpoint.vout += 1;
    let mut twin = Sender::new(twin_plan, secret(1), SEED, MESSAGE).unwrap();
    let mut theirs = agree(&mut twin, 0);
    assert_eq!(twin.record().terms.root, sender.record().terms.root);
    assert_eq!(theirs.take(&handover), Err(DeliverError::Foreign));
    let moved = Handover {
        terms: twin.delivery().terms().id(),
        ..handover.clone()
    };
    assert_eq!(
        theirs.take(&moved),
        Err(DeliverError::FalseSecret { agent: 0 })
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
        Err(DeliverError::NoSecret { agent: 1 })
    );
}

#[test]
fn the_recipient_hands_over_in_time_and_for_a_coin() {
    let (sender, agents) = agreed(2);
    let mut recipient = recipient(&sender, &agents[..1]);
    for coin in [Coin::Unfunded, Coin::Spent] {
        assert!(matches!(
            recipient.hand_over(0, TIP, coin),
            Err(DeliverError::NotFunded { .. })
        ));
    }
    assert!(matches!(
        recipient.hand_over(0, T - 11, FUNDED),
        Err(DeliverError::TooLate { .. })
    ));
    assert_eq!(
        recipient.hand_over(1, TIP, FUNDED),
        Err(DeliverError::NoCopy { agent: 1 })
    );
    assert!(recipient.record().handed.is_empty());
    recipient.hand_over(0, T - 12, FUNDED).unwrap();
    assert!(recipient.record().handed.contains(&0));
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
        with(&|s| s[1][0] ^= 1),
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

/// Each lie of a sender that costs the recipient its message is shown to anybody.
#[test]
fn a_lying_sender_is_convicted() {
    let faults = [
        (Lie::Envelope, Fault::DoesNotDecrypt),
        (Lie::OtherCopy, Fault::OtherEnvelope),
        (Lie::Garbage, Fault::DoesNotUnseal),
    ];
    for (lie, fault) in faults {
        let (terms, served) = lying(3, lie);
        let delivery = narthex_contracts::deliver::Delivery::new(terms.clone().check().unwrap());
        let delivery = delivery.unwrap();
        let found = Found {
            txid: delivery.coin().unwrap().0.txid,
            announcement: terms.announcement(),
        };
        let mut recipient = Recipient::open(&found, terms.clone(), &secret(RECIPIENT)).unwrap();
        recipient.keep(served).unwrap();
        let handover = recipient.hand_over(0, TIP, FUNDED).unwrap();
        // Its agent is in league with it, or did not look: it claims all the same.
        let key = sender(3).assignment(0).unwrap().key;
        let claim = forged_claim(&delivery, &handover, key.expose());
        let Reading::Fraud(evidence) = recipient.read(&claim).unwrap() else {
            panic!("{lie:?} was read");
        };
        assert_eq!(evidence.shared.is_some(), fault == Fault::DoesNotDecrypt);
        let evidence = Evidence::from_bytes(&evidence.to_bytes().unwrap()).unwrap();
        let funding = found.txid;
        assert_eq!(evidence.judge(), Ok(Guilt { funding, fault }));
        // Nothing of it can be bent.
        let mut bent = evidence.clone();
        bent.copy[3] ^= 1;
        assert!(matches!(bent.judge(), Err(DeliverError::Leaf { .. })));
        let mut bent = evidence.clone();
        bent.key = sender(3).assignment(1).unwrap().key;
        assert!(matches!(bent.judge(), Err(DeliverError::OtherKey { .. })));
        if fault == Fault::DoesNotDecrypt {
            for shared in [None, Some(Shared::from_bytes([1; 32]))] {
                let mut bent = evidence.clone();
                bent.shared = shared;
                assert!(matches!(bent.judge(), Err(DeliverError::NoEvidence { .. })));
            }
        }
    }
}

/// A claim with a witness that shows these secrets; its signature is nothing.
fn forged_claim(
    delivery: &narthex_contracts::deliver::Delivery,
    handover: &Handover,
    key: &[u8; 32],
) -> Transaction {
    let graph = delivery.claim(0, FEE).unwrap();
    let id = narthex_contracts::graph::NodeId(0);
    let preimages = [*handover.secret.expose(), *key];
    narthex_contracts::pact::finish(&graph, id, &[[0; 64]], &preimages).unwrap()
}

/// No recipient convicts an honest sender.
#[test]
fn an_honest_sender_is_not_convicted() {
    let (sender, agents) = agreed(3);
    let served = serve(&sender, &agents[0]);
    let terms = sender.delivery().terms();
    let shared = Shared::of_recipient(&secret(RECIPIENT), &terms.record().ephemeral);
    let key = sender.assignment(0).unwrap().key;
    let charge = Evidence {
        terms: served.terms,
        agent: 0,
        branch: served.branch,
        copy: served.copy,
        key,
        shared: None,
    };
    let others = [None, Some(shared), Some(Shared::from_bytes([3; 32]))];
    for shared in others {
        let mut charge = charge.clone();
        charge.shared = shared;
        assert!(matches!(
            charge.judge(),
            Err(DeliverError::NoEvidence { .. })
        ));
    }
    let mut charge = charge.clone();
    charge.agent = 1;
    assert!(charge.judge().is_err());
}

/// Everybody goes down after every step and comes back from its record.
#[test]
fn everybody_crashes_at_every_step() {
    let mut sender = restored(&sender(3));
    let mut agents: Vec<Agent> = Vec::new();
    for i in 0..3 {
        let agent = agree(&mut sender, i);
        sender = restored(&sender);
        agents.push(back(&agent));
    }
    assert!(sender.funding_psbt(890).is_ok());
    let mut recipient = recipient(&sender, &agents[..2]);
    recipient = back_recipient(&recipient);
    let handover = recipient.hand_over(1, TIP, FUNDED).unwrap();
    recipient = back_recipient(&recipient);
    // Not known whether it was sent: it is sent again, the same.
    assert_eq!(recipient.hand_over(1, TIP, FUNDED).unwrap(), handover);
    agents[1].take(&handover).unwrap();
    agents[1] = back(&agents[1]);
    agents[1].take(&handover).unwrap();
    assert_eq!(agents[1].duty(TIP, FUNDED), AgentDuty::Claim);
    let claim = claim(&agents[1]);
    let recipient = back_recipient(&recipient);
    assert_eq!(
        recipient.read(&claim),
        Ok(Reading::Message(MESSAGE.to_vec()))
    );
    assert_eq!(restored(&sender).duty(TIP, FUNDED), SenderDuty::Wait);
}

fn back(agent: &Agent) -> Agent {
    let json = serde_json::to_string(agent.record()).unwrap();
    let record = serde_json::from_str(&json).unwrap();
    Agent::restore(
        record,
        agent.copy().to_vec(),
        agent_key(agent.record().agent),
    )
    .unwrap()
}

fn back_recipient(recipient: &Recipient) -> Recipient {
    let json = serde_json::to_string(recipient.record()).unwrap();
    let record = serde_json::from_str(&json).unwrap();
    Recipient::restore(record, recipient.copies().clone(), &secret(RECIPIENT)).unwrap()
}

/// Records that do not belong together are refused.
#[test]
fn a_false_record_is_refused() {
    let (sender, mut agents) = agreed(2);
    let mut recipient = recipient(&sender, &agents[..1]);
    pay(&mut recipient, &mut agents[0]);
    let envelope = || sender.envelope().to_vec();
    let restore = |record, key, seed, envelope| Sender::restore(record, key, seed, envelope);
    let record = sender.record();
    assert!(restore(record.clone(), secret(1), [1; 32], envelope()).is_err());
    assert!(restore(record.clone(), secret(2), SEED, envelope()).is_err());
    assert!(restore(record.clone(), secret(1), SEED, vec![0; 50]).is_err());
    let mut false_word = record;
    false_word.consents.swap(0, 1);
    assert!(restore(false_word, secret(1), SEED, envelope()).is_err());
    let agent = &agents[0];
    let copy = || agent.copy().to_vec();
    let mut other = agent.record().clone();
    other.secret = Some(narthex_contracts::deliver::ClaimSecret::from_bytes([1; 32]));
    assert!(Agent::restore(other, copy(), agent_key(0)).is_err());
    assert!(Agent::restore(agent.record().clone(), vec![0; copy().len()], agent_key(0)).is_err());
    let mut other = recipient.record().clone();
    other.handed.insert(1);
    assert!(Recipient::restore(other, recipient.copies().clone(), &secret(RECIPIENT)).is_err());
    let record = recipient.record().clone();
    assert!(Recipient::restore(record, Default::default(), &secret(RECIPIENT)).is_err());
}

/// No secret shows in what is printed.
#[test]
fn nothing_secret_is_printed() {
    let (sender, mut agents) = agreed(2);
    let mut recipient = recipient(&sender, &agents[..1]);
    pay(&mut recipient, &mut agents[0]);
    let assignment = sender.assignment(0).unwrap();
    let handover = recipient.hand_over(0, TIP, FUNDED).unwrap();
    let printed = format!(
        "{sender:?} {:?} {recipient:?} {assignment:?} {handover:?} {:?}",
        agents[0],
        recipient.read(&claim(&agents[0])).unwrap(),
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let listed = |bytes: &[u8]| format!("{bytes:?}");
    for secret in [handover.secret.expose(), assignment.key.expose(), &SEED] {
        assert!(!printed.contains(&hex(secret)) && !printed.contains(&listed(secret)));
    }
}
