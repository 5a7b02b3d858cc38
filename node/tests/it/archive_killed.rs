//! A node that is killed while it puts a contract away: the row is there, or the contract is, and never both or neither.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{house::House, kill::When};

/// The arbiter that is killed.
const AT: usize = 3;

/// Blocks until a contract is over, and the stake of an arbiter is back.
const MOST_BLOCKS: u32 = 400;

/// Writes of a start at which it is killed: the contract is put away with one of the first.
const WRITES: u32 = 9;

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (place, kind) = (to.join(entry.file_name()), entry.file_type().unwrap());
        match kind.is_dir() {
            true => copied(&entry.path(), &place),
            // A socket of a process that is gone is no file.
            false if kind.is_file() => drop(std::fs::copy(entry.path(), place).unwrap()),
            false => {}
        }
    }
}

fn archive(house: &House) -> Option<Value> {
    let reply = house.try_ask(AT, &["archive"]).ok()?;
    Some(reply["archive"].clone())
}

/// A contract is over, and the arbiter has its stake back.
fn over(house: &mut House) -> String {
    let id = house.offer();
    house.accept(&id);
    house.wait("all are committed", |house| {
        (0..6).all(|at| house.state(at, &id) == "committed")
    });
    house.wait("the funding waits", |house| !house.waiting().is_empty());
    for _ in 0..MOST_BLOCKS {
        house.mine(1);
        let height = house.height();
        house.wait("everybody has seen the block", |house| {
            let seen = |at: usize| {
                house.try_ask(at, &["status"]).unwrap_or_default()["node"]["tip"] == height
            };
            (0..6).all(seen)
        });
        let status = house.show(AT, &id);
        let is_over = matches!(status["standing"].as_str(), Some("settled" | "over"));
        if is_over && status["due"].as_array().is_some_and(Vec::is_empty) {
            return id;
        }
    }
    panic!("{}", house.show(AT, &id));
}

#[test]
fn who_is_killed_while_it_puts_away_has_done_it_or_not() {
    let mut house = House::logged(&["--archive-blocks", "144"]);
    let id = over(&mut house);
    house.nodes[AT].kill();
    house.mine(160);
    let (ready, dir) = (TempDir::new().unwrap(), house.nodes[AT].dir.clone());
    copied(&dir, ready.path());
    let mut first: Option<Value> = None;
    for (write, when) in
        (1..=WRITES).flat_map(|write| [(write, When::Before), (write, When::After)])
    {
        std::fs::remove_dir_all(&dir).unwrap();
        copied(ready.path(), &dir);
        house.nodes[AT].is_doomed_to(vec![(write, when)]);
        house.again(AT);
        house.wait("it is put away", |house| {
            archive(house).is_some_and(|page| page["all"] == 1)
        });
        for _ in 0..2 {
            let page = archive(&house).unwrap();
            let rows = page["contracts"].as_array().unwrap();
            assert_eq!(
                (rows.len(), &rows[0]["contract"]["id"]),
                (1, &Value::from(id.clone())),
                "{write} {when:?}"
            );
            assert_eq!(
                house.ask(AT, &["list"])["contracts"],
                Value::Array(Vec::new())
            );
            assert_eq!(house.show(AT, &id), rows[0]["contract"]);
            let stood = (
                rows[0]["contract"]["path"].clone(),
                rows[0]["case"]["money"].clone(),
                rows[0]["rests_on"].clone(),
            );
            let now = serde_json::json!(stood);
            assert_eq!(*first.get_or_insert(now.clone()), now, "{write} {when:?}");
            let status = &house.ask(AT, &["status"])["node"];
            assert_eq!(
                (&status["contracts"], &status["archived"]),
                (&Value::from(0), &Value::from(1))
            );
            // And again after a start that nobody disturbs.
            house.nodes[AT].is_doomed_to(Vec::new());
            house.nodes[AT].kill();
            house.again(AT);
            house.wait("it answers", |house| archive(house).is_some());
        }
        house.nodes[AT].kill();
    }
}
