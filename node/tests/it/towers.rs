//! A watchtower as a process, asked over HTTP by those whom it serves.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    support::{
        house::House,
        http::{Answer, Client, raw},
    },
    tower::funded,
};

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (status, Some(code)),
        "{answer:?}"
    );
}

/// A ticket, as a party draws it, and as the tower's operator admits it.
fn ticket(house: &House, tower: usize, name: &str) -> String {
    let file = house.file(&format!("{name}.ticket"));
    let drawn = Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args(["tower", "ticket", "--out"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{drawn:?}");
    let hash = String::from_utf8(drawn.stdout).unwrap();
    house.ask_tower(tower, &["admit", name, hash.trim()]);
    std::fs::read_to_string(file).unwrap()
}

fn by(house: &House, tower: usize, ticket: &str) -> Client {
    let at = house.nodes[tower].api.clone();
    let token = ticket.to_owned();
    Client { at, token }
}

fn given(client: &Client, key: &str, bundle: &str) -> Answer {
    let body = serde_json::json!({ "bundle": bundle }).to_string();
    client.order("/v1/tower/bundles", key, &body)
}

/// The client hands its bundle over, and is killed for good, as the worker is. The tower is killed as soon as it has answered, and before every
/// block; the client's money comes back in time.
#[test]
fn a_party_that_is_killed_for_good_is_watched_for_by_a_tower_that_is_killed_again_and_again() {
    let seed = 20_261_129;
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = House::new();
    let id = house.offer();
    house.accept(&id);
    let all = |state: &'static str, id: String| {
        move |house: &House| (0..6).all(|at| house.state(at, &id) == state)
    };
    house.wait("all are committed", all("committed", id.clone()));
    house.wait("the funding is published", |house| {
        !house.waiting().is_empty()
    });
    house.mine(1);
    house.wait("all are live", all("live", id.clone()));
    let tower = house.hire("tower", &[]);

    let ticket = ticket(&house, tower, "anne");
    let bundle = house
        .client(0)
        .get(&format!("/v1/contracts/{id}/bundle"))
        .json();
    let bundle = bundle["bundle"].as_str().unwrap().to_owned();
    // Killed at any moment of the order, it has it or not; given again under its key it is there, once.
    for _ in 0..6 {
        let client = by(&house, tower, &ticket);
        let bundle = bundle.clone();
        let pause = rng.gen_range(0..30);
        let gives = std::thread::spawn(move || {
            let body = serde_json::json!({ "bundle": bundle }).to_string();
            let answer = client.try_order("/v1/tower/bundles", "a", &body);
            answer.is_some_and(|answer| answer.status == 200)
        });
        std::thread::park_timeout(std::time::Duration::from_millis(pause));
        house.nodes[tower].kill();
        let is_answered = gives.join().unwrap();
        house.again(tower);
        let kept = by(&house, tower, &ticket).get("/v1/tower/bundles").json();
        let kept = kept.as_array().unwrap().len();
        println!("killed after {pause} ms: answered {is_answered}, {kept} kept");
        assert!(kept <= 1 && (kept == 1 || !is_answered));
    }
    let to = format!("http://{}", house.nodes[tower].api);
    let anne = house.file("anne.ticket");
    std::fs::write(house.file("other.ticket"), "ab".repeat(32)).unwrap();
    let sent = |to: &str, ticket: &std::path::Path| {
        let mut sends = Command::new(env!("CARGO_BIN_EXE_narthex-node"));
        sends.args(["tower", "send", "--json", "--to", to, "--dir"]);
        sends.arg(&house.nodes[0].dir).arg("--ticket").arg(ticket);
        sends
    };
    let said = sent(&to, &anne).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["given"][0]["contract"], id, "{said}");
    assert_eq!(said["given"][0]["tower"]["role"], "client", "{said}");
    // What would be read on the way is not sent; and a ticket that nobody has admitted opens nothing.
    for (to, ticket, why) in [
        ("http://192.0.2.1:9", &anne, "--elsewhere"),
        ("https://127.0.0.1:9", &anne, "no TLS"),
        ("http://a:b@127.0.0.1:9", &anne, "no user"),
        ("http://127.0.0.1:9", &house.file("none"), "none"),
        (&to, &house.file("other.ticket"), "token"),
    ] {
        let refused = sent(to, ticket).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap()
            + &String::from_utf8(refused.stdout).unwrap();
        assert!(
            !refused.status.success() && said.contains(why),
            "{why}: {said}"
        );
        assert!(!said.contains(&"ab".repeat(32)), "{said}");
    }
    // Whoever gives all the time outlasts a tower that is away.
    let mut gives = sent(&to, &anne)
        .args(["--every", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, errors) = (gives.stdout.take().unwrap(), gives.stderr.take().unwrap());
    let line = BufReader::new(out).lines().next().unwrap().unwrap();
    assert!(line.contains("\"client\""), "{line}");
    house.nodes[tower].kill();
    let line = BufReader::new(errors).lines().next().unwrap().unwrap();
    assert!(line.contains("does not answer"), "{line}");
    assert!(gives.try_wait().unwrap().is_none());
    gives.kill().unwrap();
    gives.wait().unwrap();
    house.again(tower);
    house.nodes[tower].kill();
    house.again(tower);
    let kept = by(&house, tower, &ticket).get("/v1/tower/bundles").json();
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
    assert_eq!(kept[0]["role"], "client");

    house.bury(0);
    house.bury(1);
    let mut last = serde_json::Value::Null;
    for _ in 0..400 {
        let tip = house.height();
        house.wait("the tower sees the block", |house| {
            house.ask(tower, &["status"])["node"]["tip"] == tip
        });
        let one = by(&house, tower, &ticket).get("/v1/tower/bundles").json();
        last = one[0].clone();
        if last["state"] == "over" {
            break;
        }
        if last["state"] == "publishes" {
            house.wait("it waits", |house| !house.waiting().is_empty());
        }
        if rng.gen_ratio(1, 8) || last["state"] == "publishes" {
            house.nodes[tower].kill();
            house.again(tower);
        }
        house.mine(1);
    }
    assert_eq!(last["last"]["name"], "S1", "{last}");
    assert_eq!(last["state"], "over", "{last}");
    // The client comes back, and has what is its own.
    house.again(0);
    let tip = house.height();
    house.wait("the client sees it", |house| {
        let status = house.ask(0, &["status"]);
        let path = house.show(0, &id)["path"].to_string();
        status["node"]["tip"] == tip && path.contains("S1")
    });
}

/// Bundles of a contract of another chain: what a tower takes does not depend on whether it is funded.
#[test]
fn strangers_and_clients_of_a_tower_are_bounded() {
    let (_, _, bundles) = funded();
    let mut house = House::of_one();
    let tower = house.hire("tower", &["--tower-client-bundles", "2"]);
    let (anne, bob) = (ticket(&house, tower, "anne"), ticket(&house, tower, "bob"));
    let (anne, bob) = (by(&house, tower, &anne), by(&house, tower, &bob));
    let operator = house.client(tower);
    // A ticket opens what it is for. Nobody else's opens anything, and no name does.
    for wrong in [
        "anne",
        "",
        &"0".repeat(64),
        &operator.token.replace('a', "b"),
    ] {
        let stranger = by(&house, tower, wrong);
        if stranger.token != operator.token {
            refused(&given(&stranger, "a", &bundles[0]), 401, "unauthorized");
            refused(&stranger.get("/v1/tower/bundles"), 401, "unauthorized");
        }
    }
    for (method, path) in [
        ("GET", "/v1/node"),
        ("POST", "/v1/stop"),
        ("GET", "/v1/tower/clients"),
        ("POST", "/v1/tower/clients"),
        ("DELETE", "/v1/tower/clients/bob"),
        ("GET", "/v1/events"),
        ("GET", "/v1/tower/bundles/"),
    ] {
        let answer = anne.ask(method, path, &[("Idempotency-Key", "a")], "");
        refused(&answer, 401, "unauthorized");
    }
    // A key is its client's own.
    let first = given(&anne, "a", &bundles[0]);
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(given(&bob, "a", &bundles[1]).status, 200);
    assert_eq!(given(&anne, "a", &bundles[0]).body, first.body);
    refused(&given(&anne, "a", &bundles[1]), 409, "key-reused");
    assert_eq!(given(&anne, "b", &bundles[1]).status, 200);
    refused(&given(&anne, "c", &bundles[2]), 409, "full");
    let ids: Vec<String> = operator
        .get("/v1/tower/bundles")
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);
    let of_anne = first.json()["id"].as_str().unwrap().to_owned();
    let one = format!("/v1/tower/bundles/{of_anne}");
    refused(&bob.get(&one), 404, "unknown");
    refused(&bob.ask("DELETE", &one, &[], ""), 404, "unknown");
    assert_eq!(anne.get(&one).status, 200);
    // Bodies that are huge, or come in crowds, or not at all.
    let huge = "00".repeat(5 << 20);
    refused(&given(&anne, "d", &huge), 413, "too-large");
    let long = "00".repeat((1 << 20) + 1);
    refused(&given(&anne, "d", &long), 413, "too-large");
    let crowd: Vec<_> = (0..24)
        .map(|_| {
            let (anne, long) = (anne.clone(), long.clone());
            std::thread::spawn(move || {
                let body = serde_json::json!({ "bundle": long }).to_string();
                let request = format!(
                    "POST /v1/tower/bundles HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: e\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    anne.at, anne.token, body.len()
                );
                raw(&anne.at, request.as_bytes()).map(|answer| answer.status)
            })
        })
        .collect();
    for one in crowd {
        // Whoever is refused before its body was read may not hear why.
        let status = one.join().unwrap();
        assert!(matches!(status, None | Some(413 | 429)), "{status:?}");
    }
    assert_eq!(operator.get("/v1/node").status, 200);
    let memory = house.nodes[tower].most_memory();
    println!("{memory} bytes of memory at most");
    assert!(memory < 256 << 20, "{memory}");
    // It ends a slot with a body that stops in the midst for as long as that may take, and no longer; others are answered.
    let stuck: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(&anne.at).unwrap();
            let part = format!(
                "POST /v1/tower/bundles HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{",
                anne.at, anne.token
            );
            std::io::Write::write_all(&mut stream, part.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(bob.get("/v1/tower/bundles").status, 200);
    drop(stuck);
    // Dismissed, it is not heard any more; what it gave is watched.
    let answer = operator.ask("DELETE", "/v1/tower/clients/anne", &[], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    refused(&anne.get("/v1/tower/bundles"), 401, "unauthorized");
    assert_eq!(operator.get(&one).status, 200);
    assert_eq!(operator.ask("DELETE", &one, &[], "").status, 200);
    refused(&operator.ask("DELETE", &one, &[], ""), 404, "unknown");
    let listed = house.ask_tower(tower, &["list"]);
    assert_eq!(listed["towers"].as_array().unwrap().len(), 2, "{listed}");
}
