//! Cheats and faults of sender and agents, crashes of all, without a chain.

use crate::deliver_support;
use narthex_base::codec::Message as _;

use bitcoin::{
    Amount, Transaction,
    secp256k1::{
        rand::{SeedableRng, rngs::StdRng},
        schnorr,
    },
};
use deliver_support::{
    AMOUNT, DEPTH, FUNDED, Lie, MESSAGE, RECIPIENT, T, TIP, agent_key, agree, agreed, conditions,
    lying, pay, plan, recipient, request, restored, rng, script, secret, sender, serve,
};
use narthex_contracts::fixtures::MadeUpNode;
use narthex_contracts::{
    binding::{BindError, MemoryBindings},
    builder::BuilderError,
    deliver::{
        Agent, AgentDuty, Assignment, Coin, Conditions, DeliverError, DeliverySeed, EnvelopeKey,
        Evidence, Fault, Found, Guilt, Handover, MAX_MESSAGE_BYTES, Plan, Reading, Recipient,
        Sender, SenderDuty, Shared,
    },
    depth::Shallow,
};

const FEE: Amount = Amount::from_sat(400);

fn claim(agent: &Agent) -> Transaction {
    agent.claim((TIP, FUNDED), FEE, &mut rng()).unwrap()
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
        let mut sender = deliver_support::sending(plan(2), &message);
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
        attempt(plan(1), &long),
        Err(DeliverError::TooLarge { .. })
    ));
    for agents in [0, 16] {
        assert!(attempt(plan(agents), MESSAGE).is_err());
    }
}

fn attempt(plan: Plan, message: &[u8]) -> Result<Sender, DeliverError> {
    let mut bindings = MemoryBindings::default();
    Sender::new(plan, secret(1), message, &mut bindings, &mut rng())
}

/// A seed serves one delivery: a random source that repeats itself is found out, whatever the terms, before anything is
/// given away. What was restored goes on.
#[test]
fn a_seed_serves_one_delivery() {
    let mut bindings = MemoryBindings::default();
    let mut begin = |plan, message: &[u8]| {
        Sender::new(plan, secret(1), message, &mut bindings, &mut rng()).map(|sender| {
            let id = sender.delivery().terms().id();
            (sender, id)
        })
    };
    let (first, id) = begin(plan(2), MESSAGE).unwrap();
    let mut dearer = plan(2);
    dearer.contribution.coins[0].outpoint.vout += 1;
    for (plan, message) in [
        (plan(2), MESSAGE),
        (plan(2), &b"another message"[..]),
        (dearer, MESSAGE),
    ] {
        match begin(plan, message) {
            Err(DeliverError::Bind(BindError::Used { bound_to, .. })) => assert_eq!(bound_to, id),
            other => panic!("{other:?}"),
        }
    }
    let mut again = restored(&first);
    agree(&mut again, 0);
    agree(&mut again, 1);
    again.funding_psbt(890, &MadeUpNode).unwrap();
    // What was refused used nothing up: terms that do not check leave the seed free.
    let mut bindings = MemoryBindings::default();
    let mut hasty = plan(2);
    hasty.claim_blocks = 5;
    let refused = Sender::new(hasty, secret(1), MESSAGE, &mut bindings, &mut rng());
    assert!(matches!(refused, Err(DeliverError::Terms { .. })));
    Sender::new(plan(2), secret(1), MESSAGE, &mut bindings, &mut rng()).unwrap();
}

/// An agent that serves alone does so by the recipient's word, and no longer when another was accepted.
#[test]
fn an_agent_that_serves_alone() {
    let mut sender = sender(2);
    let mut agents = Vec::new();
    for index in 0..2 {
        let wanted = Conditions {
            alone: true,
            ..conditions(index)
        };
        let assignment = sender.assignment(index).unwrap();
        let (agent, consent) = Agent::new(assignment, agent_key(index), &wanted, 890).unwrap();
        sender.agreed(&consent).unwrap();
        agents.push(back(&agent));
    }
    let mut recipient = recipient(&sender, &agents[..1]);
    let asked = |recipient: &Recipient| {
        let request = recipient.request().unwrap();
        narthex_contracts::deliver::Request::from_bytes(&request.to_bytes()).unwrap()
    };
    agents[1].serve(&asked(&recipient), TIP, FUNDED).unwrap();
    pay(&mut recipient, &mut agents[0]);
    assert_eq!(
        agents[1].serve(&asked(&recipient), TIP, FUNDED),
        Err(DeliverError::NotAlone { agent: 1, other: 0 })
    );
    // The one that was accepted serves its copy again.
    agents[0].serve(&asked(&recipient), TIP, FUNDED).unwrap();
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
        sender.funding_psbt(890, &MadeUpNode).unwrap_err(),
        DeliverError::NoConsent { agent: 0 }
    );
    sender.agreed(&first).unwrap();
    assert_eq!(sender.duty(890, Coin::Unfunded), SenderDuty::Fund);
    // Two blocks deep at T − 12, when a claim still has its time.
    sender.funding_psbt(T - 14, &MadeUpNode).unwrap();
    assert!(matches!(
        sender.funding_psbt(T - 13, &MadeUpNode),
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
        DeliverError::Pact(BuilderError::WrongKey { .. })
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
    let shallow = Shallow {
        height: 906,
        tip: 910,
        depth: DEPTH,
    };
    for (coin, error) in [
        (Coin::Unfunded, DeliverError::NotFunded { tip: 910 }),
        (Coin::Spent, DeliverError::NotFunded { tip: 910 }),
        (at(906), DeliverError::Shallow(shallow)),
    ] {
        assert_eq!(serve(910, coin), Err(error));
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
        let mut recipient =
            Recipient::open(&found, (terms.clone(), DEPTH), &secret(RECIPIENT)).unwrap();
        recipient.keep(served).unwrap();
        let handover = recipient.hand_over(0, (TIP, FUNDED), &mut rng()).unwrap();
        // Its agent is in league with it, or did not look: it claims all the same.
        let key = sender(3).assignment(0).unwrap().key;
        let claim = forged_claim(&delivery, &handover, key.expose());
        let Reading::Fraud(evidence) = recipient.read(&claim).unwrap() else {
            panic!("{lie:?} was read");
        };
        assert_eq!(evidence.opening.is_some(), fault == Fault::DoesNotDecrypt);
        let evidence = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
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
            for opening in [None, Some(EnvelopeKey::from_bytes([1; 32]))] {
                let mut bent = evidence.clone();
                bent.opening = opening;
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
    let signatures = [[0; 64], handover.signature.serialize()];
    narthex_contracts::builder::finish(&graph, id, &signatures, &[*key]).unwrap()
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
        opening: None,
    };
    let others = [
        None,
        Some(shared.envelope_key()),
        Some(EnvelopeKey::from_bytes([3; 32])),
    ];
    for opening in others {
        let mut charge = charge.clone();
        charge.opening = opening;
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
    assert!(sender.funding_psbt(890, &MadeUpNode).is_ok());
    let mut recipient = recipient(&sender, &agents[..2]);
    recipient = back_recipient(&recipient);
    let handover = recipient.hand_over(1, (TIP, FUNDED), &mut rng()).unwrap();
    recipient = back_recipient(&recipient);
    // Not known whether it was sent: it is sent again, the same.
    let mut other_rng = StdRng::seed_from_u64(99);
    let again = recipient.hand_over(1, (TIP, FUNDED), &mut other_rng);
    assert_eq!(again, Ok(handover));
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
    let restore = |record, key, envelope| Sender::restore(record, key, envelope).map(drop);
    let record = sender.record();
    let mut other_seed = record.clone();
    other_seed.seed = DeliverySeed::from_bytes([1; 32]);
    assert_eq!(
        restore(other_seed, secret(1), envelope()),
        Err(DeliverError::WrongSeed)
    );
    assert!(restore(record.clone(), secret(2), envelope()).is_err());
    assert!(restore(record.clone(), secret(1), vec![0; 50]).is_err());
    let mut false_word = record;
    false_word.consents.swap(0, 1);
    assert!(restore(false_word, secret(1), envelope()).is_err());
    let agent = &agents[0];
    let copy = || agent.copy().to_vec();
    let mut other = agent.record().clone();
    let foreign = recipient_word(&sender, &agents[1]);
    other.accepted = Some(foreign);
    assert!(Agent::restore(other, copy(), agent_key(0)).is_err());
    assert!(Agent::restore(agent.record().clone(), vec![0; copy().len()], agent_key(0)).is_err());
    let mut other = recipient.record().clone();
    other.handed.insert(1, recipient.record().handed[&0]);
    assert!(Recipient::restore(other, recipient.copies().clone(), &secret(RECIPIENT)).is_err());
    let mut other = recipient.record().clone();
    other.handed.insert(0, recipient_word(&sender, &agents[1]));
    assert!(matches!(
        Recipient::restore(other, recipient.copies().clone(), &secret(RECIPIENT)),
        Err(DeliverError::FalseAcceptance { agent: 0 })
    ));
    let record = recipient.record().clone();
    assert!(Recipient::restore(record, Default::default(), &secret(RECIPIENT)).is_err());
}

/// The recipient's acceptance of this agent.
fn recipient_word(sender: &Sender, agent: &Agent) -> schnorr::Signature {
    let mut other = recipient(sender, std::slice::from_ref(agent));
    let index = agent.record().agent;
    let word = other.hand_over(index, (TIP, FUNDED), &mut rng()).unwrap();
    word.signature
}

/// No secret shows in what is printed.
#[test]
fn nothing_secret_is_printed() {
    let (sender, mut agents) = agreed(2);
    let mut recipient = recipient(&sender, &agents[..1]);
    pay(&mut recipient, &mut agents[0]);
    let assignment = sender.assignment(0).unwrap();
    let handover = recipient.hand_over(0, (TIP, FUNDED), &mut rng()).unwrap();
    let record = sender.record();
    let printed = format!(
        "{sender:?} {record:?} {:?} {recipient:?} {assignment:?} {handover:?} {:?}",
        agents[0],
        recipient.read(&claim(&agents[0])).unwrap(),
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let listed = |bytes: &[u8]| format!("{bytes:?}");
    let shared = Shared::of_recipient(&secret(RECIPIENT), &record.terms.ephemeral);
    let opening = shared.envelope_key();
    for secret in [
        shared.expose(),
        opening.expose(),
        assignment.key.expose(),
        record.seed.expose(),
    ] {
        assert!(!printed.contains(&hex(secret)) && !printed.contains(&listed(secret)));
    }
}
