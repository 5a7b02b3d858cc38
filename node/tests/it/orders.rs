//! Orders under a key, without sockets: done once, wherever a node is killed.

use narthex_node::party::{Command, CommandError, NewOffer, Once, Reply};
use serde_json::Value;

use crate::support::town::Town;

/// An order of the client under a key.
fn once(town: &mut Town, key: &str, command: &Command) -> Result<Reply, CommandError> {
    let now = town.now;
    let core = town.nodes[0].core.as_mut().unwrap();
    let once = Once::new(key, command);
    core.command_once(&once, command.clone(), now).unwrap()
}

fn json(answer: Result<Reply, CommandError>) -> Value {
    serde_json::to_value(answer.unwrap()).unwrap()
}

fn contracts(town: &mut Town) -> usize {
    match town.ask(0, Command::List) {
        Ok(Reply::Contracts(all)) => all.len(),
        other => panic!("{other:?}"),
    }
}

/// What an order changes and its answer are durable together. So a disk has both, or neither.
#[test]
fn an_order_is_done_once_on_whichever_side_of_its_commit_a_node_is_killed() {
    let mut town = Town::new();
    let offer = Command::Offer(Box::new(town.order()));
    let before = town.nodes[0].snapshot();
    let commits = town.nodes[0].core.as_ref().unwrap().commits();
    let lost = json(once(&mut town, "a", &offer));
    let core = town.nodes[0].core.as_ref().unwrap();
    assert_eq!(core.commits(), commits, "nothing is durable in the midst");
    assert_eq!(contracts(&mut town), 1);

    // Killed before: it was not done, and is done when it comes again.
    town.kill(0);
    town.nodes[0].store = before;
    town.start(0);
    assert_eq!(contracts(&mut town), 0);
    let first = json(once(&mut town, "a", &offer));
    assert_ne!(first, lost, "another salt, so another offer");
    assert_eq!(contracts(&mut town), 1);

    // Killed after, without an answer: the answer is there, and nothing is done again.
    town.nodes[0].core.as_mut().unwrap().actions().unwrap();
    for _ in 0..2 {
        town.kill(0);
        town.start(0);
        assert_eq!(json(once(&mut town, "a", &offer)), first);
        assert_eq!(contracts(&mut town), 1);
    }
    // Under another key it is another offer.
    assert_ne!(json(once(&mut town, "b", &offer)), first);
    assert_eq!(contracts(&mut town), 2);
}

#[test]
fn a_key_is_for_one_order() {
    let mut town = Town::new();
    let order = town.order();
    let first = json(once(
        &mut town,
        "a",
        &Command::Offer(Box::new(order.clone())),
    ));
    // Whatever differs, however little.
    let mut others = vec![Command::Address, Command::Stop];
    let changes: [fn(&mut NewOffer); 4] = [
        |order| order.rate_sat_kwu += 1,
        |order| order.burial += 1,
        |order| order.params.steps += 1,
        |order| order.arbiters.swap(0, 1),
    ];
    for change in changes {
        let mut other = order.clone();
        change(&mut other);
        others.push(Command::Offer(Box::new(other)));
    }
    for other in &others {
        let refused = once(&mut town, "a", other).unwrap_err();
        assert_eq!(refused.code, "key-reused", "{other:?}");
    }
    assert_eq!(contracts(&mut town), 1);
    let again = Command::Offer(Box::new(order));
    assert_eq!(json(once(&mut town, "a", &again)), first);
}

/// The thread that decides opens it: it would wait for ever.
#[test]
fn a_job_that_is_no_file_is_refused() {
    let mut town = Town::new();
    let folder = tempfile::TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for job in [pipe, folder.path().to_owned(), "/dev/zero".into()] {
        let mut order = town.order();
        order.job = Some(job);
        let why = town.ask(0, Command::Offer(Box::new(order))).unwrap_err();
        assert!(why.contains("is no file"), "{why}");
    }
    assert_eq!(contracts(&mut town), 0);
}
