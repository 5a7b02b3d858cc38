//! Every party alone has an exit by a stated height, from wherever the contract stands.
//!
//! An exit is a chain of transactions that the party holds complete after setup, with its own secrets and nobody's
//! further cooperation, up to one that pays everybody out. Computed from the graph, and again from the holdings of a
//! real ceremony.

use crate::laws_support;

use std::collections::BTreeMap;

use bitcoin::secp256k1::rand::thread_rng;
use laws_support::{Sample, children, config, goes_on, samples};
use narthex_contracts::{
    graph::{NodeId, NodeName, SecretId, TxGraph},
    setup::{ContractSignatures, Secrets, ceremony},
    template::{ContractSecret, Exit, stake_unlock_height},
    terms::{MAX_ARBITERS, Role, Terms},
};
use narthex_game_model::{Ruling, Template};
use proptest::prelude::*;

/// Height at which the contract's step confirmed, in what follows: any height will do.
const AT: u32 = 1_000_000;

/// First block that may hold the last transaction of the party's fastest way out, if `state` confirmed at `height`.
fn exit(
    graph: &TxGraph,
    state: NodeId,
    height: u32,
    holds: &dyn Fn(NodeId) -> bool,
) -> Option<u32> {
    children(graph, state)
        .filter(|(id, _)| holds(*id))
        .filter_map(|(id, node)| {
            let relative = u32::from(TxGraph::relative_lock_blocks(node)).max(1);
            // A locktime of h is final in blocks above h (BIP65 and consensus).
            let absolute = if node.lock_height > 0 {
                node.lock_height + 1
            } else {
                0
            };
            let block = (height + relative).max(absolute);
            if goes_on(node) {
                exit(graph, id, block, holds)
            } else {
                Some(block)
            }
        })
        .min()
}

/// What a role holds by the plan: it is among the signature_holders, and knows every secret of the adaptor itself.
fn planned(graph: &TxGraph, role: Role, id: NodeId) -> bool {
    let signing = graph.node(id).unwrap().signing.unwrap();
    let needs = signing.adaptor.map(|id| &graph.adaptor(id).unwrap().needs);
    let own = |id: &SecretId| {
        let mut all = ContractSecret::all(MAX_ARBITERS);
        match all.find(|secret| SecretId::from(*secret) == *id).unwrap() {
            ContractSecret::Result | ContractSecret::Appeal | ContractSecret::Token => {
                role == Role::Worker
            }
            ContractSecret::Panel => false,
            ContractSecret::Attestation(_, arbiter) => role == Role::Arbiter(arbiter),
        }
    };
    let knows = needs.is_none_or(|needs| needs.iter().all(own));
    signing.signature_holders.contains(role) && knows
}

/// By name of the step that is confirmed and not spent, the exit of each role in blocks behind [`AT`].
type Table = BTreeMap<(&'static str, Role), Option<u32>>;

fn table(sample: &Sample, states: &[&'static str], holds: &dyn Fn(Role, NodeId) -> bool) -> Table {
    let graph = &sample.graph;
    let mut table = Table::new();
    for state in states {
        let id = graph.find(NodeName::plain(state)).unwrap();
        for role in sample.terms.roles() {
            let mut block = exit(graph, id, AT, &|node| holds(role, node));
            // Until the appeal spends it, an arbiter's stake waits for nothing but its height; in the paper's
            // template it is an ordinary coin.
            if matches!(role, Role::Arbiter(_)) && !["TxA", "TxC"].contains(state) {
                block = Some(match sample.params().template() {
                    Template::Hardened | Template::Audited => {
                        // The relative lock counts from the funding, so that this is the latest case.
                        let relative = u32::from(sample.params().stake_lock_blocks());
                        (stake_unlock_height(sample.params()) + 1).max(AT + relative)
                    }
                    Template::Paper => AT + 1,
                });
            }
            table.insert((state, role), block.map(|block| block - AT));
        }
    }
    table
}

const HARDENED: [&str; 5] = ["Tx0", "TxD", "TxV1", "TxV0", "TxA"];
const AUDITED: [&str; 6] = ["Tx0", "TxD", "TxV1", "TxV0", "TxA", "TxC"];
const PAPER: [&str; 2] = ["Tx0", "TxA"];

/// What `docs/contracts/hardened.md` and `audited.md` say, for a panel that is told apart in scheme 5.
fn documented(sample: &Sample) -> Table {
    let w = sample.params().windows();
    let t = u32::from(w.work_blocks);
    let [v, a, c, d, q] = [
        w.verdict_blocks,
        w.appeal_blocks,
        w.complete_blocks,
        w.decide_blocks,
        w.per_missing_blocks,
    ]
    .map(u32::from);
    let n = u32::from(sample.params().arbiters());
    let unlock = stake_unlock_height(sample.params());
    let (early, late) = (d + n * q, 2 * d + n * q);
    let mut table = Table::new();
    let mut row = |state, client, worker, verifier, arbiter| {
        let principals = [
            (Role::Client, client),
            (Role::Worker, worker),
            (Role::Verifier, verifier),
        ];
        let arbiters = (0..n as u8).map(|i| (Role::Arbiter(i), Some(arbiter)));
        table.extend(
            principals
                .into_iter()
                .chain(arbiters)
                .map(|(role, blocks)| ((state, role), blocks)),
        );
    };
    let stake = (unlock + 1)
        .saturating_sub(AT)
        .max(sample.params().stake_lock_blocks().into());
    // Only a challenge makes the worker wait for its reward, and the client has one way out more.
    let challenge = sample.params().challenge_blocks();
    let (claim, withheld) = (u32::from(challenge.max(1)), u32::from(challenge) + c);
    let client = match sample.params().template() {
        Template::Audited => withheld.min(u32::from(challenge / 3) + early),
        _ => withheld,
    };
    row("Tx0", Some(t), Some(1), Some(t), stake);
    row(
        "TxD",
        Some(v + 2 * d),
        Some(v),
        Some(1 + a.min(withheld)),
        stake,
    );
    row("TxV1", Some(client), Some(claim), Some(withheld), stake);
    row("TxV0", Some(a), Some(1 + late), Some(a), stake);
    let mut panel = |state| {
        let arbiter = late.min(d + (n - 1) * q);
        row(state, Some(early), Some(late), Some(late), arbiter);
    };
    panel("TxA");
    if sample.params().template() == Template::Audited {
        panel("TxC");
    }
    table
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn hardened((record, seed) in samples(Template::Hardened, 5)) {
        as_documented(&Sample::new(record, seed), &HARDENED)?;
    }

    #[test]
    fn audited((record, seed) in samples(Template::Audited, 4)) {
        as_documented(&Sample::new(record, seed), &AUDITED)?;
    }
}

proptest! {
    #![proptest_config(config(16))]

    /// A worker delivers at the last moment, the verifier speaks a block before the client can end it, and the other side
    /// answers a block before that is too late: no arbiter has its stake back yet, wherever the funding confirmed.
    #[test]
    fn stakes_outlast_the_last_answer((record, seed) in samples(Template::Audited, 4), before in 0..100u32, after in 0..100u32) {
        let sample = Sample::new(record, seed);
        let (graph, params) = (&sample.graph, sample.params());
        let of = |name| {
            let node = graph.node(graph.find(name).unwrap()).unwrap();
            (node.lock_height, u32::from(TxGraph::relative_lock_blocks(node)))
        };
        let deliver = params.deliver_height();
        for funded in [deliver.saturating_sub(before), deliver + after] {
            let (height, blocks) = of(Exit::WORKER_TIMEOUT);
            let delivered = (height + 1).max(funded + blocks) - 1;
            let spoken = delivered + of(Exit::ABANDONED).1 - 1;
            let stake = (stake_unlock_height(params) + 1).max(funded + u32::from(params.stake_lock_blocks()));
            for (ends, answer) in [(Exit::NORMAL_LONG, Exit::CHALLENGED), (Exit::UNAPPEALED, Exit::APPEALED)] {
                let answered = spoken + of(ends).1 - 1;
                prop_assert!(spoken + of(answer).1 <= answered, "{answer} has a window");
                prop_assert!(answered < stake, "{answer} by {answered}, stakes from {stake}");
            }
        }
    }
}

fn as_documented(sample: &Sample, states: &[&'static str]) -> Result<(), TestCaseError> {
    let found = table(sample, states, &|role, id| planned(&sample.graph, role, id));
    prop_assert_eq!(&found, &documented(sample));
    // All of it within the lock of the stakes, which is the sum of the windows.
    let bound = 1 + u32::from(sample.params().stake_lock_blocks());
    let late = found
        .iter()
        .filter(|(_, blocks)| blocks.is_none_or(|b| b > bound))
        .collect::<Vec<_>>();
    prop_assert!(late.is_empty(), "{late:?}");
    Ok(())
}

/// From the funding alone, before anything is late: the way out opens with the delivery's deadline.
#[test]
fn before_the_deadline_client_and_verifier_wait_for_it() {
    let sample = Sample::example(Template::Hardened, 3, 2);
    let deliver = sample.params().deliver_height();
    let at = |role| {
        exit(&sample.graph, TxGraph::FUNDING, 700_000, &|id| {
            planned(&sample.graph, role, id)
        })
    };
    assert_eq!(at(Role::Client), Some(deliver + 1));
    assert_eq!(at(Role::Verifier), Some(deliver + 1));
    assert_eq!(at(Role::Worker), Some(700_001));
}

/// The paper's template: no exit for worker, verifier and arbiters from the appeal, whose stakes are in it.
#[test]
fn paper_locks_parties_in() {
    let sample = Sample::example(Template::Paper, 3, 2);
    let found = table(&sample, &PAPER, &|role, id| {
        planned(&sample.graph, role, id)
    });
    let stuck = found
        .iter()
        .filter(|(_, blocks)| blocks.is_none())
        .map(|(at, _)| *at)
        .collect::<Vec<_>>();
    let arbiters = (0..3).map(|i| ("TxA", Role::Arbiter(i)));
    let expected = [("TxA", Role::Worker), ("TxA", Role::Verifier)]
        .into_iter()
        .chain(arbiters);
    assert_eq!(stuck, expected.collect::<Vec<_>>());
}

/// The same from what parties really hold, with the secrets that are their own.
#[test]
fn holdings_of_a_ceremony_bear_the_table_out() {
    for (template, states) in [
        (Template::Hardened, &HARDENED[..]),
        (Template::Audited, &AUDITED[..]),
        (Template::Paper, &PAPER[..]),
    ] {
        let sample = Sample::example(template, 3, 2);
        let parties = sample.fixtures.parties(&sample.terms).unwrap();
        let holdings = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
        let own = |role: Role| match role {
            Role::Worker => sample.fixtures.worker_secrets(),
            Role::Arbiter(i) => attestations(&sample, i),
            _ => Secrets::default(),
        };
        let held = |role: Role, id: NodeId| {
            let holdings: &ContractSignatures<Terms> = &holdings[role.index()];
            holdings.complete(id, &own(role)).is_ok()
        };
        let found = table(&sample, states, &held);
        assert_eq!(
            found,
            table(&sample, states, &|role, id| planned(
                &sample.graph,
                role,
                id
            ))
        );
        if template.has_delivery() {
            assert_eq!(found, documented(&sample));
        }
    }
}

fn attestations(sample: &Sample, i: u8) -> Secrets {
    // One ruling: a second would give the arbiter's key away.
    let id = sample.terms.contract_id();
    let [ruling, _] = Ruling::ALL;
    let mut secrets = Secrets::default();
    secrets.attest(&sample.fixtures.attestation(i, id, ruling).unwrap());
    secrets
}

/// Large panels are not told apart when arbitration fails: one case, which waits for nobody.
#[test]
fn a_large_panel_fails_earlier() {
    let sample = Sample::example(Template::Hardened, 8, 7);
    let found = table(&sample, &["TxA"], &|role, id| {
        planned(&sample.graph, role, id)
    });
    let d = u32::from(sample.params().windows().decide_blocks);
    assert_eq!(found[&("TxA", Role::Client)], Some(d));
    assert!(
        found
            .values()
            .all(|blocks| blocks.is_some_and(|b| b <= 2 * d))
    );
}
