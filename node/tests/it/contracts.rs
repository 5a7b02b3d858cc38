//! Contracts between processes, from the offer to the buried funding.

use std::collections::BTreeSet;

use crate::support::house::House;

/// All are at this state; the same contract and funding for everybody.
fn everybody(house: &House, id: &str, state: &str) -> bool {
    (0..house.nodes.len()).all(|at| house.state(at, id) == state)
}

/// What all of them say of a field, if they agree.
fn agreed(house: &House, id: &str, field: &str) -> String {
    let said = (0..house.nodes.len()).map(|at| house.show(at, id)[field].to_string());
    let said: BTreeSet<_> = said.collect();
    assert_eq!(said.len(), 1, "{field}: {said:?}");
    said.into_iter().next().unwrap()
}

#[test]
fn six_processes_make_a_contract_and_fund_it() {
    let mut house = House::new();
    let id = house.offer();
    house.accept(&id);
    house.wait("all are committed", |house| {
        everybody(house, &id, "committed")
    });
    house.wait("the funding is published", |house| {
        let commits = house.ask(0, &["status"])["node"]["commits"].as_u64();
        commits.is_some()
            && !house.nodes[0]
                .said()
                .iter()
                .all(|line| !line.contains("funding"))
    });
    let waiting = house.mempool();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let contract = agreed(&house, &id, "contract");
    assert_eq!(
        agreed(&house, &id, "funding"),
        format!("\"{}\"", waiting[0])
    );
    assert_eq!(agreed(&house, &id, "attempt"), "0");
    house.mine(1);
    house.wait("all are live", |house| everybody(house, &id, "live"));
    assert_eq!(agreed(&house, &id, "contract"), contract);
    for at in 0..house.nodes.len() {
        let node = &house.ask(at, &["status"])["node"];
        println!("{}: {} commits", house.nodes[at].role, node["commits"]);
    }
    // It is there again after a start.
    house.nodes[1].kill();
    house.again(1);
    house.wait("the worker knows it", |house| house.state(1, &id) == "live");
    assert_eq!(agreed(&house, &id, "contract"), contract);
}
