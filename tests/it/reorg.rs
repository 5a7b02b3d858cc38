//! Blocks that are lost under every confirmed step.

use crate::common;
use crate::common::table;

use common::{
    before, deliver_height, gains, is_spent, is_too_early, options, refused, shaky::Shaky,
};
use narthex::{
    contracts::{
        graph::NodeName,
        template::{ContractSecret, Exit},
        terms::Role,
    },
    game_model::Template,
    harness::play_on,
    regtest::{Bitcoind, Chain, Embedded},
};

use Role::{Client, Verifier, Worker};

on_both_chains!(
    locks_count_from_the_new_height,
    a_delivery_lost_at_the_deadline,
    another_verdict_after_a_reorganisation,
    a_secret_does_not_come_back,
);

const LONG: [&str; 7] = [
    "normal-long",
    "outbid-root",
    "timeout-long",
    "silent-verifier",
    "admit-long",
    "failed",
    "verifier-at-fault-long",
];

/// The whole scenario on a chain that loses `depth` blocks after each step: everything confirms again, later, not one
/// block before its locks allow at the new heights, and everybody gets the same to the satoshi.
fn survives(chain: &mut dyn Chain, scenario: &str, depth: u32) {
    let mut options = options(Template::Hardened, scenario, (2, 3));
    options.probe_early = true;
    options.input = Some(common::few_images());
    let mut shaky = Shaky::new(chain, depth);
    let outcome = play_on(&mut shaky, scenario, &options, &mut ()).unwrap();
    let expected = table::expected(Template::Hardened, scenario, (2, 3));
    assert!(shaky.reorganisations >= expected.transactions as u32);
    println!(
        "{scenario}, {depth} deep: {} reorganisations, {} sent again",
        shaky.reorganisations, shaky.sent_again
    );
    for balance in &outcome.balances {
        assert!(balance.is_exact(), "{balance:?}");
        assert_eq!(balance.settlement_sat, expected.change_of(&balance.party));
    }
    assert_eq!(outcome.transactions.len(), expected.transactions);
    assert_eq!(outcome.figures.result.is_some(), expected.reveals);
    let heights: Vec<u32> = outcome
        .figures
        .txids
        .iter()
        .map(|txid| {
            chain
                .transaction(txid.parse().unwrap())
                .unwrap()
                .unwrap()
                .1
                .unwrap()
        })
        .collect();
    assert!(heights.is_sorted_by(|a, b| a < b), "{heights:?}");
    if let table::Timing::After(parent, blocks) = expected.timing {
        let at = outcome
            .transactions
            .iter()
            .position(|t| t == parent)
            .unwrap();
        assert!(
            heights.last().unwrap() - heights[at] >= blocks,
            "{heights:?}"
        );
    }
}

#[test]
fn scenarios_embedded() {
    for depth in [1, 3] {
        for scenario in LONG {
            // The example's windows hold no more: a root that is recorded alone has two blocks. When three are lost and come again, they are
            // over before anybody has seen it.
            let depth = match scenario {
                "outbid-root" => depth.min(2),
                _ => depth,
            };
            survives(&mut Embedded::new(), scenario, depth);
        }
    }
}

#[test]
fn scenarios_bitcoind() {
    for (scenario, depth) in LONG.iter().zip([3, 2, 1].into_iter().cycle()) {
        survives(&mut Bitcoind::start().unwrap(), scenario, depth);
    }
}

/// S2, S1' and S4' against the loss of their parents' blocks: what was ripe is not ripe any more.
fn locks_count_from_the_new_height(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::token_shown(&mut play);
    let funded = play.chain().height().unwrap();
    let cases = [
        (
            vec![(Worker, Exit::DELIVERED)],
            Worker,
            Exit::VERIFIER_TIMEOUT,
        ),
        (
            vec![(Worker, Exit::DELIVERED), (Verifier, Exit::APPROVED)],
            Client,
            Exit::WITHHELD,
        ),
        (
            vec![(Worker, Exit::DELIVERED), (Verifier, Exit::REJECTED)],
            Client,
            Exit::UNAPPEALED,
        ),
    ];
    for (parents, who, last) in cases {
        let complete = |play: &narthex::play::ContractPlay<'_>, (who, name): (Role, NodeName)| {
            play.complete(who, common::node(play, name)).unwrap()
        };
        let parents: Vec<_> = parents
            .into_iter()
            .map(|step| complete(&play, step))
            .collect();
        let last = complete(&play, (who, last));
        for tx in &parents {
            common::mined(&mut play, tx);
        }
        let old = play.chain().height().unwrap();
        play.mine(5).unwrap();
        assert_eq!(common::mined(&mut play, &last), old + 6);
        // All but the parent's ancestors is lost; the parent comes back two blocks later.
        play.chain().disconnect(7).unwrap();
        play.chain().mine_exactly(&[], &common::miner()).unwrap();
        play.chain().mine_exactly(&[], &common::miner()).unwrap();
        let new = common::mined(&mut play, parents.last().unwrap());
        assert_eq!(new, old + 2);
        while play.chain().height().unwrap() < new + 4 {
            play.chain().mine_exactly(&[], &common::miner()).unwrap();
        }
        assert!(
            is_too_early(&refused(&mut play, &last)),
            "ripe on the old branch, not here"
        );
        play.chain().mine_exactly(&[], &common::miner()).unwrap();
        assert_eq!(common::mined(&mut play, &last), new + 6);
        let height = play.chain().height().unwrap();
        play.chain().disconnect(height - funded).unwrap();
        play.sync().unwrap();
    }
}

/// WEAKNESS of waiting: a delivery in the last block before the deadline is in time, until that block is lost; then
/// S1 competes with it. A worker should deliver as many blocks early as it wants to be safe from.
fn a_delivery_lost_at_the_deadline(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::token_shown(&mut play);
    let deadline = deliver_height(play.terms());
    let txd = play
        .complete(Worker, common::node(&play, Exit::DELIVERED))
        .unwrap();
    let s1 = play
        .complete(Client, common::node(&play, Exit::WORKER_TIMEOUT))
        .unwrap();
    before(&mut play, deadline);
    common::mined(&mut play, &txd);
    assert!(is_spent(&refused(&mut play, &s1)));
    play.chain().disconnect(1).unwrap();
    assert!(
        is_too_early(&refused(&mut play, &s1)),
        "still not in the deadline's own block"
    );
    play.chain().mine_exactly(&[], &common::miner()).unwrap();
    common::mined(&mut play, &s1);
    assert!(is_spent(&refused(&mut play, &txd)));
    assert_eq!(gains(&play), [0, -180_000, 0]);
}

/// A verifier may change its mind when its verdict's block is lost; each way ends by its own rules, with nothing left.
fn another_verdict_after_a_reorganisation(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::token_shown(&mut play);
    common::deliver(&mut play);
    let approve = play
        .complete(Verifier, common::node(&play, Exit::APPROVED))
        .unwrap();
    let reject = play
        .complete(Verifier, common::node(&play, Exit::REJECTED))
        .unwrap();
    let open = play
        .complete(Worker, common::node(&play, Exit::NORMAL_LONG))
        .unwrap();
    common::mined(&mut play, &approve);
    common::mined(&mut play, &open);
    assert_eq!(gains(&play), [-100_000, 80_000, 20_000]);
    // The secret is out, and both blocks are lost. The rejection costs the verifier its stake if the panel is right.
    play.chain().disconnect(2).unwrap();
    common::mined(&mut play, &reject);
    assert!(is_spent(&refused(&mut play, &approve)) && is_spent(&refused(&mut play, &open)));
    play.publish(Worker, Exit::APPEALED, "test").unwrap();
    common::rule(
        &mut play,
        0..3,
        narthex::game_model::Ruling::VerifierAtFault,
    );
    let all = narthex::game_model::ArbiterSet::full(3);
    let name = Exit::ruled(narthex::game_model::Ruling::VerifierAtFault, all);
    play.publish(Worker, name, "test").unwrap();
    assert_eq!(gains(&play), [-100_000, 100_000, -220_000]);
}

/// WEAKNESS of settling late: S3 confirmed just before the deadline and lost with its block leaves the client with the
/// secret and S1. The worker loses αw and its pay.
fn a_secret_does_not_come_back(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::token_shown(&mut play);
    let id = common::node(&play, Exit::NORMAL);
    let secrets = play.participant(Worker).unwrap().secrets.clone();
    common::approve(&mut play);
    let s3 = play.complete(Worker, id).unwrap();
    let s1 = play
        .complete(Client, common::node(&play, Exit::WORKER_TIMEOUT))
        .unwrap();
    let deadline = deliver_height(play.terms());
    before(&mut play, deadline);
    common::mined(&mut play, &s3);
    let client = play.participant(Client).unwrap();
    let secret = client
        .holdings
        .as_ref()
        .unwrap()
        .extract_result(id, &s3, &client.secrets)
        .unwrap();
    assert_eq!(Some(secret), secrets.get(ContractSecret::Result));
    play.chain().disconnect(1).unwrap();
    play.chain().mine_exactly(&[], &common::miner()).unwrap();
    common::mined(&mut play, &s1);
    assert_eq!(gains(&play), [0, -180_000, 0]);
}
