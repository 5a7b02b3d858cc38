//! A node as a watchtower for others, without sockets: what it takes, whom it serves, and how it comes back.

use narthex::{
    bitcoin::{
        Amount,
        hex::{DisplayHex as _, FromHex as _},
    },
    contracts::{
        graph::NodeId,
        musig::AdaptorSignature,
        template::{Exit, TowerBundle, TowerPace},
        terms::{Role, Terms},
    },
    regtest::ChainSource,
};
use narthex_base::{
    codec::{Message, Writer},
    kinds,
};
use narthex_node::party::{
    Command, CommandError, Policy, Reply, TowerCommand, TowerPolicy, TowerStatus,
};

use crate::{
    life::balances,
    support::town::{Town, everything},
};

/// More than all windows of an example.
const MOST_BLOCKS: u32 = 400;

/// What a party gives, in hex.
pub fn bundle(town: &mut Town, at: usize, id: &[u8; 32]) -> String {
    let id = id.to_lower_hex_string();
    match town.ask(at, Command::Bundle { id }) {
        Ok(Reply::Bundle(given)) => given.bundle,
        other => panic!("{other:?}"),
    }
}

/// A contract that is funded, and everybody's bundle of it, in the order of the roles.
pub fn funded() -> (Town, [u8; 32], Vec<String>) {
    let mut town = Town::new();
    let id = town.offer();
    town.pump();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    let all = (0..6).map(|at| bundle(&mut town, at, &id)).collect();
    (town, id, all)
}

fn ask(town: &mut Town, at: usize, order: TowerCommand) -> Result<Reply, CommandError> {
    let now = town.now;
    let core = town.nodes[at].core.as_mut().unwrap();
    core.command(Command::Tower { order }, now).unwrap()
}

fn take(
    town: &mut Town,
    at: usize,
    bundle: &str,
    client: Option<&str>,
) -> Result<TowerStatus, CommandError> {
    let order = TowerCommand::Take {
        bundle: bundle.to_owned(),
        client: client.map(str::to_owned),
    };
    ask(town, at, order).map(|reply| match reply {
        Reply::Tower(status) => *status,
        other => panic!("{other:?}"),
    })
}

fn watched(town: &mut Town, at: usize, client: Option<&str>) -> Vec<TowerStatus> {
    let client = client.map(str::to_owned);
    match ask(town, at, TowerCommand::List { client }) {
        Ok(Reply::Towers(all)) => all,
        other => panic!("{other:?}"),
    }
}

fn admit(town: &mut Town, at: usize, name: &str, byte: u8) -> Result<Reply, CommandError> {
    let order = TowerCommand::Admit {
        name: name.to_owned(),
        ticket_sha256: [byte; 32].to_lower_hex_string(),
    };
    ask(town, at, order)
}

/// Client and worker are gone for good. The tower gives the client back what is its own, killed before every block.
#[test]
fn a_node_watches_for_a_client_that_is_gone_however_often_it_is_killed() {
    let (mut town, _, bundles) = funded();
    let before = balances(&mut town);
    let tower = town.settle(9, everything());
    let given = take(&mut town, tower, &bundles[0], None).unwrap();
    assert_eq!(
        (given.role.as_str(), given.state.as_str()),
        ("client", "waits")
    );
    // Given again it is the same.
    assert_eq!(take(&mut town, tower, &bundles[0], None).unwrap(), given);
    town.kill(0);
    town.kill(1);
    for _ in 0..MOST_BLOCKS {
        town.kill(tower);
        town.start(tower);
        let all = watched(&mut town, tower, None);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].trouble, None);
        if all[0].state == "over" {
            break;
        }
        town.mine_only(1);
        town.pass(1);
    }
    let all = watched(&mut town, tower, None);
    assert_eq!(all[0].state, "over", "{all:?}");
    assert_eq!(all[0].last.as_ref().unwrap().name, "S1");
    // What nothing can need any more is forgotten.
    town.mine_only(144);
    town.pass(1);
    assert_eq!(watched(&mut town, tower, None), []);
    town.kill(tower);
    town.start(tower);
    assert_eq!(watched(&mut town, tower, None), []);
    town.start(0);
    town.start(1);
    let after = balances(&mut town);
    assert!(after[0] + 20_000 > before[0], "{before:?} {after:?}");
    // The fee was the tower's.
    let paid = town.nodes[tower].notes.iter();
    assert_eq!(
        paid.filter(|note| note.contains("published: S1")).count(),
        1
    );
}

/// On either side of its commit a tower that is killed has a bundle, or has not answered.
#[test]
fn a_bundle_is_durable_before_it_is_answered() {
    let (mut town, _, bundles) = funded();
    let tower = town.settle(9, everything());
    let before = town.nodes[tower].snapshot();
    let commits = town.nodes[tower].core.as_ref().unwrap().commits();
    take(&mut town, tower, &bundles[0], None).unwrap();
    let core = town.nodes[tower].core.as_mut().unwrap();
    assert_eq!(core.commits(), commits, "nothing is durable in the midst");
    // Whoever drives a node answers after this alone.
    core.actions().unwrap();
    town.kill(tower);
    town.start(tower);
    assert_eq!(watched(&mut town, tower, None).len(), 1);
    town.kill(tower);
    town.nodes[tower].store = before;
    town.start(tower);
    assert_eq!(watched(&mut town, tower, None), []);
    take(&mut town, tower, &bundles[0], None).unwrap();
}

/// A bundle as whoever makes one may write it, whatever it says.
fn written(terms: &Terms, role: Role, pace: TowerPace, nodes: &[NodeId]) -> String {
    let mut w = Writer::new(kinds::TOWER_BUNDLE);
    w.bytes(terms.to_json().unwrap().as_bytes());
    w.u8(role.index() as u8);
    w.u32(pace.since).u32(pace.depth);
    w.u16(pace.confirm).u16(pace.message);
    w.list(nodes, |w, node| {
        w.u32(node.0)
            .list(&[AdaptorSignature([1; 64])], |w, signature| {
                w.fixed(&signature.0);
            });
    });
    w.u32(0);
    w.finish().to_lower_hex_string()
}

#[test]
fn what_is_no_bundle_for_a_tower_is_refused_with_the_reason_and_leaves_nothing() {
    let (mut town, _, bundles) = funded();
    let tower = town.settle(9, everything());
    let read = |hex: &str| TowerBundle::from_bytes(&Vec::<u8>::from_hex(hex).unwrap()).unwrap();
    let worker = read(&bundles[1]);
    let (terms, pace) = (worker.terms().clone(), worker.pace());
    let graph = narthex::contracts::template::derive(&terms).unwrap();
    let mut refused = |bundle: &str, code: &str, why: &str| {
        let error = take(&mut town, tower, bundle, None).unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.message.contains(why), "{error:?}");
        error
    };
    let ways = [
        (
            Role::Worker,
            Exit::VERIFIER_TIMEOUT,
            "could show early or sell",
        ),
        (Role::Worker, Exit::NORMAL_LONG, "could show early or sell"),
        (Role::Verifier, Exit::APPROVED, "judges nothing"),
        (Role::Verifier, Exit::REJECTED, "judges nothing"),
        (Role::Worker, Exit::WORKER_TIMEOUT, "none that this party"),
    ];
    for (role, exit, why) in ways {
        let node = graph.find(exit).unwrap();
        let bundle = written(&terms, role, pace, &[node]);
        let error = refused(&bundle, "bad-bundle", why);
        assert_eq!(error.values["transaction"], exit.to_string(), "{error:?}");
        assert_eq!(error.values["role"], role.to_string());
        assert!(error.values["reason"].contains(why));
    }
    let txd = graph.find(Exit::DELIVERED).unwrap();
    refused(
        &written(&terms, Role::Worker, pace, &[txd]),
        "bad-bundle",
        "",
    );
    refused(&written(&terms, Role::Worker, pace, &[]), "bad-bundle", "");
    for hex in ["", "0", "00", "zz", &bundles[0][..bundles[0].len() - 2]] {
        refused(hex, "bad-bundle", "");
    }
    let mut flipped = Vec::<u8>::from_hex(&bundles[0]).unwrap();
    // A signature of its last transaction.
    let at = flipped.len() - 40;
    flipped[at] ^= 1;
    refused(&flipped.to_lower_hex_string(), "bad-bundle", "");
    // A chain that is read from its first block, and an end that never is one.
    let node = [txd];
    let deep = TowerPace {
        depth: 2_017,
        ..pace
    };
    refused(
        &written(&terms, Role::Worker, deep, &node),
        "bad-bundle",
        "2016",
    );
    let long = "00".repeat((1 << 20) + 1);
    refused(&long, "too-large", "1048576");
    assert_eq!(watched(&mut town, tower, None), []);
    town.mine_only(2_161);
    town.pass(1);
    let early = TowerPace { since: 0, ..pace };
    let error = take(
        &mut town,
        tower,
        &written(&terms, Role::Worker, early, &node),
        None,
    );
    assert_eq!(error.unwrap_err().code, "late");
    let store = town.nodes[tower].snapshot();
    town.kill(tower);
    town.nodes[tower].store = store;
    town.start(tower);
    assert_eq!(watched(&mut town, tower, None), []);
}

#[test]
fn clients_are_bounded_each_by_itself_and_see_their_own() {
    let (mut town, id, bundles) = funded();
    let length = |at: usize| bundles[at].len() / 2;
    println!(
        "bundles of {:?} bytes",
        (0..6).map(length).collect::<Vec<_>>()
    );
    let tower = TowerPolicy {
        client_bundles: 2,
        client_bytes: length(0) + length(1) + length(2) - 1,
        bundles: 5,
        ..TowerPolicy::default()
    };
    let policy = Policy {
        tower,
        ..everything()
    };
    let tower = town.settle(9, policy);
    for name in ["", "with space", "a/b", "ü", &"n".repeat(65)] {
        assert_eq!(
            admit(&mut town, tower, name, 1).unwrap_err().code,
            "bad-name"
        );
    }
    admit(&mut town, tower, "anne", 1).unwrap();
    admit(&mut town, tower, "bob", 2).unwrap();
    // One ticket is one client's.
    assert_eq!(
        admit(&mut town, tower, "carl", 1).unwrap_err().code,
        "bad-ticket"
    );
    let refused = take(&mut town, tower, &bundles[0], Some("carl")).unwrap_err();
    assert_eq!(refused.code, "unknown");

    let anne = take(&mut town, tower, &bundles[0], Some("anne")).unwrap();
    let second = take(&mut town, tower, &bundles[1], Some("anne")).unwrap();
    let third = take(&mut town, tower, &bundles[2], Some("anne")).unwrap_err();
    assert_eq!(third.code, "full", "{third:?}");
    // What was given is not given a second time.
    assert_eq!(
        take(&mut town, tower, &bundles[0], Some("anne")).unwrap(),
        anne
    );
    // Another client of the same party has its own.
    let bob = take(&mut town, tower, &bundles[0], Some("bob")).unwrap();
    assert_ne!(bob.id, anne.id);
    assert_eq!(
        watched(&mut town, tower, Some("bob")),
        std::slice::from_ref(&bob)
    );
    assert_eq!(watched(&mut town, tower, None).len(), 3);
    for order in [
        TowerCommand::Show {
            id: anne.id.clone(),
            client: Some("bob".to_owned()),
        },
        TowerCommand::Forget {
            id: anne.id.clone(),
            client: Some("bob".to_owned()),
        },
    ] {
        assert_eq!(ask(&mut town, tower, order).unwrap_err().code, "unknown");
    }
    let gone = TowerCommand::Forget {
        id: second.id,
        client: Some("anne".to_owned()),
    };
    ask(&mut town, tower, gone).unwrap();
    take(&mut town, tower, &bundles[2], Some("anne")).unwrap();
    // All together.
    take(&mut town, tower, &bundles[1], Some("bob")).unwrap();
    take(&mut town, tower, &bundles[3], None).unwrap();
    assert_eq!(
        take(&mut town, tower, &bundles[4], None).unwrap_err().code,
        "full"
    );
    // Who is dismissed is served no more, and watched for to the end; all of it is so after a start.
    let name = "anne".to_owned();
    ask(&mut town, tower, TowerCommand::Dismiss { name }).unwrap();
    town.pass(1);
    town.kill(tower);
    town.start(tower);
    assert_eq!(watched(&mut town, tower, Some("anne")).len(), 2);
    let refused = take(&mut town, tower, &bundles[1], Some("anne")).unwrap_err();
    assert!(
        ["full", "unknown"].contains(&refused.code.as_str()),
        "{refused:?}"
    );
    let core = town.nodes[tower].core.as_mut().unwrap();
    let tickets: Vec<_> = core.tickets().into_values().collect();
    assert_eq!(tickets, ["bob"]);
    // Parties that live, and a tower that watches for them, end it as they do without one.
    crate::life::lived(&mut town, &id);
    assert!(
        watched(&mut town, tower, None)
            .iter()
            .all(|one| one.paid.is_empty())
    );
}

/// Fees of others are paid after what the node's own contracts may need, and no more than the operator has said.
#[test]
fn a_tower_pays_from_what_its_own_contracts_leave_and_no_more_than_it_may() {
    let (mut town, id, bundles) = funded();
    // Without a coin it is no tower.
    let poor = town.settle_poor(8, everything());
    town.pass(1);
    let refused = take(&mut town, poor, &bundles[0], None).unwrap_err();
    assert_eq!(refused.code, "funds", "{refused:?}");
    // An arbiter of the contract watches for its client, and keeps what it may need itself.
    take(&mut town, 3, &bundles[0], None).unwrap();
    let tower = TowerPolicy {
        fee: Amount::from_sat(1_000),
        ..TowerPolicy::default()
    };
    let mean = town.settle(
        9,
        Policy {
            tower,
            ..everything()
        },
    );
    take(&mut town, mean, &bundles[0], None).unwrap();
    town.kill(0);
    town.kill(1);
    town.kill(3);
    // Nobody's block has it: the fee climbs with the deadline, but only so far.
    let mut most = 0;
    for _ in 0..MOST_BLOCKS {
        town.mine_empty();
        town.pass(1);
        let status = watched(&mut town, mean, None).remove(0);
        let paid = status.paid.iter().map(|paid| paid.fee_sat);
        most = most.max(paid.max().unwrap_or(0));
        let height = town.chain.height().unwrap();
        if status
            .due
            .is_some_and(|due| due.until.is_none_or(|until| height > until))
            && most > 0
        {
            break;
        }
    }
    assert!((1..=1_000).contains(&most), "{most}");
    assert!(town.state(2, &id) == "live");
}
