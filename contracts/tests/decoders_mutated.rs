//! Every decoder of the small contracts and of panels on damaged inputs, from the table that `fuzz/` runs. What has a
//! property of its own is in `bad_input_decoders.rs`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "it/bounty_support/mod.rs"]
mod bounty_support;
#[path = "it/deliver_support/mod.rs"]
mod deliver_support;
#[path = "it/given/mod.rs"]
mod given;
#[path = "it/panel_support/mod.rs"]
mod panel_support;
#[path = "it/slice_support/mod.rs"]
mod slice_support;
#[path = "../../fuzz/src/small.rs"]
mod small;
#[path = "../../fuzz/src/table.rs"]
mod table;

use bitcoin::secp256k1::Secp256k1;
use narthex_base::codec::Message as _;
use narthex_contracts::{
    deliver::Evidence,
    enrolment::{Enrolment, Scope},
    fixtures::Fixtures,
    panel::{AnswerSet, Offer, OfferPayload, Order, Panel, Seed, Willingness},
    shared_secret::{Collector, Dealer, Sharing},
    terms::Role,
};
use narthex_game_model::Template;
use serde::Serialize;

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// Terms of real contracts, and what their sides keep.
fn contracts() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let (sender, agents) = deliver_support::agreed(3);
    let recipient = deliver_support::recipient(&sender, &agents);
    let served = deliver_support::serve(&sender, &agents[1]);
    let assignment = sender.assignment(1).unwrap();
    let evidence = Evidence {
        terms: served.terms.clone(),
        agent: 1,
        branch: served.branch.clone(),
        copy: served.copy.clone(),
        key: assignment.key.clone(),
        opening: None,
    };
    all.extend([
        json(&served.terms),
        served.to_bytes(),
        assignment.to_bytes(),
        evidence.to_bytes(),
        json(&sender.record()),
        json(agents[0].record()),
        json(recipient.record()),
    ]);
    let slice = slice_support::slice_of(2, 3, 1);
    all.extend([
        json(slice.terms.record()),
        json(&slice.client.record()),
        json(&slice.providers[0].record()),
    ]);
    let participants = slice_support::participants(2, 3, 1);
    let dealers = slice_support::dealers(&participants, &mut slice_support::rng(1));
    all.extend(
        slice_support::dealt(&dealers)
            .iter()
            .map(|dealt| dealt.to_bytes()),
    );
    let bounty = bounty_support::signed(2, 1);
    all.extend([
        json(bounty.terms.record()),
        json(bounty.requester.record()),
        json(bounty.recomputers[0].record()),
    ]);
    all
}

fn panels() -> Vec<Vec<u8>> {
    let secp = Secp256k1::new();
    let terms = panel_support::standard_terms();
    let transaction = panel_support::offer(1, 60_000, 5_000);
    let offer = Offer::from_transaction(&transaction, 100).unwrap().unwrap();
    let payload = OfferPayload {
        identity: panel_support::identity(1),
        expiry_height: 5_000,
        terms_hash: terms.hash(),
    };
    let pair = panel_support::arbiter(1);
    let enrolled = Enrolment::sign(
        Scope::Contract([1; 32]),
        Role::Arbiter(2),
        &pair,
        &panel_support::arbiter(2),
    );
    let willing = Willingness::sign(&secp, &panel_support::arbiter(1), &[7; 32]);
    let answers = AnswerSet {
        by: Role::Worker,
        answers: vec![willing; 2],
    };
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let announcement = *fixtures.terms().unwrap().announcement(1).unwrap();
    let mut all = vec![
        terms.to_bytes(),
        panel_support::verifier_terms().to_bytes(),
        enrolled.unwrap().to_bytes(),
        payload.to_bytes(),
        willing.to_bytes(),
        answers.to_bytes(),
        json(&offer),
        json(panel_support::case(3, 2).rules()),
        json(&announcement),
    ];
    let case = panel_support::case(3, 2);
    let pool = panel_support::pool(&[10_000, 20_000, 30_000]);
    let snapshot = pool.snapshot(case.rules()).unwrap();
    let order = Order::draw(&case, &snapshot, &Seed::from_bytes([3; 32])).unwrap();
    let panel = Panel {
        arbiters: order.entries().to_vec(),
        transcript: [4; 32],
    };
    all.extend([
        case.rules().to_bytes(),
        snapshot.to_bytes(),
        order.to_bytes(),
        panel.to_bytes(),
    ]);
    let mut rng = deliver_support::rng();
    let sharing = Sharing::new([7; 32], 3, 2).unwrap();
    let dealers = [0, 1, 2].map(|i| Dealer::new(sharing, i, &mut rng).unwrap());
    let mut collector = Collector::new(sharing, 0).unwrap();
    for dealer in &dealers {
        let (dealing, share) = (dealer.dealing(&secp).unwrap(), dealer.share(0).unwrap());
        all.extend([dealing.to_bytes(), share.to_bytes().to_vec()]);
        collector.accept_dealing(&secp, dealing).unwrap();
        collector.accept_share(&secp, share).unwrap();
    }
    all.push(collector.finish().unwrap().1.reveal().to_bytes());
    all
}

/// Alone in its file: what other tests ask for would count.
#[test]
fn damaged_inputs_are_refused_or_keep_their_law() {
    let valid = [contracts(), panels()].concat();
    let decoders = small::decoders(&valid);
    let before = table::most_memory();
    let read = table::damage_all(&decoders, 0x6e61_7274_6865_7839, 300);
    assert!(read > 100, "{read} damaged inputs were read");
    if let (Some(before), Some(after)) = (before, table::most_memory()) {
        let grown = after - before;
        assert!(grown < 256 << 20, "decoders asked for {grown} bytes");
    }
}
