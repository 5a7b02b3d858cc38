//! What is said in sealed deliveries and is not true.

use bitcoin::Amount;
use narthex::{
    channel::delivery::DeliveryFigures,
    contracts::deliver::{Assignment, Consent, Evidence, Handover, Served, unseal},
    regtest::ChainSource as _,
    small::{SmallHeard, Talk},
};
use narthex_base::codec::Message as _;

use crate::small_delivery_support::{AGENT, AMOUNT, Delivering, GUEST, MESSAGE, RECIPIENT, SENDER};

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
