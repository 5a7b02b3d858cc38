//! Draining, and whether a node is ready.

use std::collections::BTreeSet;

use narthex_node::{
    api::document,
    party::{Command, NewBank, Now, Policy, Reply, SmallCommand, TowerCommand},
};
use serde_json::Value;

use crate::{
    life::lived,
    support::{
        figures::read,
        house::House,
        http::Client,
        town::{Town, everything},
    },
    tower::funded,
};

fn drain(town: &mut Town, at: usize, on: bool) {
    match town.ask(at, Command::Drain { on }) {
        Ok(Reply::Node(status)) => assert_eq!(status.draining, on),
        other => panic!("{other:?}"),
    }
}

/// Why a node is not ready, in words for programs.
fn reasons(town: &mut Town, at: usize, now: Now) -> Vec<String> {
    let core = town.nodes[at].core.as_mut().unwrap();
    let status = match core.command(Command::Ready, now).unwrap() {
        Ok(Reply::Ready(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status.ready, status.reasons.is_empty());
    status
        .reasons
        .into_iter()
        .map(|reason| reason.code)
        .collect()
}

/// An arbiter that drains turns an offer away, also after a start, and lives the contract that it is in; then it takes offers again.
#[test]
fn who_drains_takes_nothing_new_and_goes_on_with_what_runs() {
    let mut town = Town::new();
    let id = town.offer();
    town.pump();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    drain(&mut town, 3, true);
    town.pump();
    for round in 0..2 {
        let other = town.offer();
        town.pump();
        assert_eq!(town.state(3, &other), "unknown", "{round}");
        assert_eq!(town.state(4, &other), "waiting", "{round}");
        let now = town.now;
        assert_eq!(reasons(&mut town, 3, now), ["draining"]);
        assert_eq!(reasons(&mut town, 4, now), [""; 0]);
        town.restart(3);
        town.pump();
    }
    let notes = &town.nodes[3].notes;
    let turned = notes
        .iter()
        .filter(|note| note.contains("turned away: draining"));
    assert!(turned.count() >= 2, "{notes:?}");
    lived(&mut town, &id);
    // Twice is once, and off is off also after a start.
    drain(&mut town, 3, true);
    drain(&mut town, 3, false);
    drain(&mut town, 3, false);
    town.pump();
    town.restart(3);
    let next = town.offer();
    town.pump();
    assert_eq!(town.state(3, &next), "committed", "{}", town.notes());
}

/// What waits for its operator, whom to ask and what to watch are something new too.
#[test]
fn orders_that_begin_something_are_refused_while_it_drains() {
    let mut town = Town::new();
    town.kill(1);
    town.nodes[1].decide_by(Policy {
        accept: BTreeSet::new(),
        ..everything()
    });
    town.start(1);
    town.connect_all(1);
    let id = town.offer();
    town.pump();
    assert_eq!(town.state(1, &id), "asked", "{}", town.notes());
    let hex = narthex::bitcoin::hex::DisplayHex::to_lower_hex_string(&id);
    let own = Command::Offer(Box::new(town.order()));
    for at in [0, 1] {
        drain(&mut town, at, true);
        let why = town.ask(at, own.clone()).unwrap_err();
        assert!(why.starts_with("draining"), "{why}");
    }
    let accept = Command::Accept { id: hex };
    let why = town.ask(1, accept.clone()).unwrap_err();
    assert!(why.starts_with("draining"), "{why}");
    assert_eq!(town.state(1, &id), "asked");
    drain(&mut town, 1, false);
    town.ask(1, accept).unwrap();
    town.pump();
    // The client drains, and goes on with what it has offered.
    assert_eq!(town.state(0, &id), "committed", "{}", town.notes());
}

/// An ask for a small contract is declined, and a bundle is not taken; one that is watched already may come again.
#[test]
fn who_drains_is_no_bank_and_no_new_tower() {
    let (mut town, _, bundles) = funded();
    let take = |bundle: &str| Command::Tower {
        order: TowerCommand::Take {
            bundle: bundle.to_owned(),
            client: None,
        },
    };
    town.ask(5, take(&bundles[0])).unwrap();
    drain(&mut town, 5, true);
    let why = town.ask(5, take(&bundles[1])).unwrap_err();
    assert!(why.starts_with("draining"), "{why}");
    town.ask(5, take(&bundles[0])).unwrap();
    let bank = Command::Small {
        order: SmallCommand::Bank(NewBank {
            with: town.place(5),
            pennies: 100,
            penny_sat: 1_000,
            refund_blocks: 2_000,
            claim_blocks: 144,
            step: 10,
            shift: 5,
            rate_sat_kwu: 500,
            depth: 6,
            open_s: 3_600,
        }),
    };
    let mut asked = || match town.ask(4, bank.clone()) {
        Ok(Reply::Small(status)) => {
            town.pump();
            let show = SmallCommand::Show { id: status.id };
            match town.ask(4, Command::Small { order: show }) {
                Ok(Reply::Small(status)) => (*status, town.notes()),
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    };
    let (status, notes) = asked();
    assert_eq!(status.state, "declined", "{notes}");
    assert!(status.reason.unwrap().starts_with("draining"), "{notes}");
    drain(&mut town, 5, false);
}

#[test]
fn a_chain_that_does_not_answer_is_said() {
    let mut town = Town::new();
    let now = town.now;
    let later = |seconds: u64| Now {
        ms: now.ms + seconds * 1_000,
        unix_s: now.unix_s + seconds,
    };
    assert_eq!(reasons(&mut town, 0, later(100)), [""; 0]);
    assert_eq!(reasons(&mut town, 0, later(200)), ["chain"]);
}

/// A disk that went back is said, and counted, until peers have given back what it lacks.
#[test]
fn a_disk_that_went_back_is_said() {
    let mut town = Town::new();
    let old = town.nodes[3].snapshot();
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    town.kill(3);
    town.nodes[3].store = old;
    town.start(3);
    town.connect_all(3);
    let (mut seen, now) = (Vec::new(), town.now);
    let mut quiet = 0;
    for at in (0..6).cycle() {
        quiet = if town.act(at) { 0 } else { quiet + 1 };
        let alarms = match town.ask(3, Command::Metrics) {
            Ok(Reply::Metrics(text)) => {
                read(&text)["narthex_rolled_back"].samples["narthex_rolled_back"]
            }
            other => panic!("{other:?}"),
        };
        let is_said = reasons(&mut town, 3, now) == ["rolled-back"];
        assert_eq!(is_said, alarms > 0.0);
        seen.push(is_said);
        if quiet > 6 {
            break;
        }
    }
    assert!(seen.contains(&true), "{seen:?}");
    assert_eq!(seen.last(), Some(&false), "{seen:?}");
}

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

/// By the control socket alone, and seen over HTTP without a token, so often a minute.
#[test]
fn a_process_says_whether_it_lives_and_is_ready() {
    let mut house = House::of_one();
    let stranger = Client {
        token: String::new(),
        ..house.client(0)
    };
    let open = |path: &str| stranger.ask("GET", path, &[("Authorization", "")], "");
    let alive = open("/healthz");
    assert_eq!((alive.status, alive.body.as_str()), (200, "alive\n"));
    let ready = open("/readyz");
    assert_eq!(ready.status, 200, "{ready:?}");
    assert_eq!(
        ready.json(),
        serde_json::json!({"ready": true, "reasons": []})
    );
    assert_eq!(house.ask(0, &["ready"])["ready"]["ready"], true);
    // There is no way to it over HTTP.
    let document: Value = serde_json::from_str(&document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(
        paths.keys().all(|path| !path.contains("drain")),
        "{paths:?}"
    );
    let operator = house.client(0);
    for path in ["/v1/drain", "/admin/drain", "/drain"] {
        assert_eq!(operator.order(path, "drain", "").status, 404);
    }
    assert_eq!(house.ask(0, &["status"])["node"]["draining"], false);
    assert_eq!(house.ask(0, &["drain"])["node"]["draining"], true);
    house.nodes[0].kill();
    house.again(0);
    let client = house.client(0);
    assert_eq!(client.get("/v1/node").json()["draining"], true);
    let open = |path: &str| client.ask("GET", path, &[("Authorization", "")], "");
    let drains = open("/readyz");
    assert_eq!(drains.status, 503, "{drains:?}");
    assert_eq!(codes(&drains.json()), ["draining"]);
    let said = house.try_ask(0, &["ready"]).unwrap_err();
    assert!(said.contains("not ready"), "{said}");
    assert_eq!(house.ask(0, &["drain", "--off"])["node"]["draining"], false);
    assert_eq!(open("/readyz").status, 200);
    // A disk that does not take a file.
    std::thread::sleep(std::time::Duration::from_secs(10));
    std::fs::create_dir(house.nodes[0].dir.join("ready.tried")).unwrap();
    assert_eq!(codes(&open("/readyz").json()), ["store"]);
    std::fs::remove_dir(house.nodes[0].dir.join("ready.tried")).unwrap();
    assert_eq!(open("/readyz").status, 200);
    // So often a minute; a minute may end meanwhile. Who has a token is not counted.
    let answers: Vec<_> = (0..130).map(|_| open("/healthz")).collect();
    let refused = answers.iter().filter(|answer| answer.status == 429);
    assert!(refused.clone().count() >= 10, "{}", refused.count());
    let last = answers.iter().rfind(|answer| answer.status == 429).unwrap();
    assert_eq!(last.json()["code"], "quota");
    assert!(answers.iter().filter(|answer| answer.status == 200).count() <= 120);
    for path in ["/", "/page.js", "/readyz"] {
        let status = open(path).status;
        assert!([200, 429].contains(&status), "{path}: {status}");
    }
    for _ in 0..70 {
        assert_eq!(client.get("/v1/node").status, 200);
    }
}
