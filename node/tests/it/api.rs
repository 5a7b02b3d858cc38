//! The API: who may ask, what is asked once, and what it bears.

use std::{net::TcpStream, os::unix::fs::PermissionsExt, path::Path};

use narthex_node::{
    api::document,
    party::{Command, JobCommand, TowerCommand},
};
use serde_json::Value;

use crate::support::{
    house::House,
    http::{Answer, Client, described, raw},
    tools::top,
};

/// Whether an error says what errors say, and this code.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let error = answer.json();
    assert_eq!(error["code"], code, "{answer:?}");
    for field in ["message", "at_fault", "next"] {
        let words = error[field].as_str().unwrap_or_default();
        assert!(!words.is_empty(), "{field}: {answer:?}");
    }
    assert!(error["values"].is_object(), "{answer:?}");
}

#[test]
fn the_description_is_as_checked_in() {
    let path = top().join("docs/api/openapi.json");
    let now = document();
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = before.lines().zip(now.lines()).find(|(a, b)| a != b);
    assert!(
        before == now,
        "the API is not what {} says, first at {differs:?}; if that is meant, say so in CHANGELOG.md and run this test with \
         NARTHEX_BLESS=1",
        path.display()
    );
    let read: Value = serde_json::from_str(&now).unwrap();
    // Programs that are made of it call routes by these names.
    let named: Vec<_> = now
        .lines()
        .filter(|line| line.contains("\"operationId\""))
        .collect();
    let once: std::collections::BTreeSet<_> = named.iter().collect();
    assert_eq!(once.len(), named.len(), "{named:?}");
    assert!(
        read["openapi"].as_str().unwrap().starts_with("3.1"),
        "{now}"
    );
    // What it refers to, it has.
    let (schemas, mut named) = (&read["components"]["schemas"], 0);
    for rest in now.split("\"#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(schemas[name].is_object(), "{name}");
        named += 1;
    }
    assert!(named > 100, "{named}");
}

/// Which route an order of the control socket has. A new order does not compile without one.
const fn route(command: &Command) -> (&'static str, &'static str) {
    match command {
        Command::Node => ("get", "/v1/node"),
        Command::Ready => ("get", "/readyz"),
        // Of the control socket alone: see drains.rs.
        Command::Drain { .. } => ("none", "none"),
        Command::Address => ("post", "/v1/wallet/address"),
        Command::Offer(_) => ("post", "/v1/offers"),
        Command::Accept { .. } => ("post", "/v1/contracts/{id}/accept"),
        Command::Decline { .. } => ("post", "/v1/contracts/{id}/decline"),
        Command::Leave { .. } => ("post", "/v1/contracts/{id}/leave"),
        Command::Deliver { .. } => ("post", "/v1/contracts/{id}/deliver"),
        Command::Admit { .. } => ("post", "/v1/contracts/{id}/admit"),
        Command::Agree { .. } => ("post", "/v1/contracts/{id}/agree"),
        Command::Result { .. } => ("get", "/v1/contracts/{id}/result"),
        Command::Bundle { .. } => ("get", "/v1/contracts/{id}/bundle"),
        Command::Evidence { .. } => ("get", "/v1/contracts/{id}/evidence"),
        Command::EvidenceText { .. } => ("get", "/v1/contracts/{id}/evidence/{item}"),
        Command::Metrics => ("get", "/metrics"),
        Command::Arbiter => ("get", "/v1/arbiter"),
        Command::Identity => ("get", "/v1/identity"),
        Command::Burn { .. } => ("post", "/v1/arbiter/burn"),
        Command::RenewOffer => ("post", "/v1/arbiter/offer"),
        Command::Show { .. } => ("get", "/v1/contracts/{id}"),
        Command::Graph { .. } => ("get", "/v1/contracts/{id}/graph"),
        Command::List => ("get", "/v1/contracts"),
        Command::Archive { .. } => ("get", "/v1/archive"),
        Command::Peers => ("get", "/v1/peers"),
        Command::Clear { .. } => ("post", "/v1/peers/{node}/clear"),
        Command::Small { .. } => ("post", "/v1/small"),
        Command::Job { order } => match order {
            // What the command line copies comes over HTTP as files.
            JobCommand::Copy { .. } | JobCommand::Keep(_) => ("post", "/v1/jobs"),
            JobCommand::Show { .. } => ("get", "/v1/jobs/{id}"),
            JobCommand::List => ("get", "/v1/jobs"),
            JobCommand::Forget { .. } => ("delete", "/v1/jobs/{id}"),
        },
        Command::Tower { order } => match order {
            TowerCommand::Take { .. } => ("post", "/v1/tower/bundles"),
            TowerCommand::Ruling { .. } => ("post", "/v1/tower/rulings"),
            TowerCommand::List { .. } => ("get", "/v1/tower/bundles"),
            TowerCommand::Show { .. } => ("get", "/v1/tower/bundles/{id}"),
            TowerCommand::Forget { .. } => ("delete", "/v1/tower/bundles/{id}"),
            TowerCommand::Admit { .. } => ("post", "/v1/tower/clients"),
            TowerCommand::Dismiss { .. } => ("delete", "/v1/tower/clients/{name}"),
            TowerCommand::Clients => ("get", "/v1/tower/clients"),
        },
        Command::Stop => ("post", "/v1/stop"),
    }
}

#[test]
fn every_order_has_its_route() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let id = "0".repeat(64);
    let one = |word: &str| {
        let order = serde_json::json!({"do": word, "id": id, "reason": ""});
        let plain = serde_json::json!({"do": word});
        let short = serde_json::json!({"do": word, "id": id});
        let ending = serde_json::json!({
            "client_sat": 0, "worker_sat": 1, "verifier_sat": 0, "reveals_result": true, "until_height": 1,
        });
        let agreed = serde_json::json!({"do": word, "id": id, "ending": ending});
        let piece = serde_json::json!({"do": word, "id": id, "item": id});
        let said = serde_json::json!({"do": word, "reason": ""});
        let all = [order, short, plain, agreed, piece, said].into_iter();
        let mut read = all.filter_map(|order| serde_json::from_value::<Command>(order).ok());
        read.next().unwrap_or_else(|| panic!("{word}"))
    };
    let words = "node ready address accept decline leave deliver admit agree result bundle evidence evidence-text metrics arbiter renew-offer identity burn show graph list archive peers stop";
    let towers = r#"["clients", {"take": {"bundle": ""}}, {"ruling": {"attestation": ""}}, {"list": {}}, {"show": {"id": ""}},
        {"forget": {"id": ""}}, {"admit": {"name": "", "ticket_sha256": ""}}, {"dismiss": {"name": ""}}]"#;
    let towers: Vec<TowerCommand> = serde_json::from_str(towers).unwrap();
    let towers = towers.into_iter().map(|order| Command::Tower { order });
    let jobs = r#"["list", {"copy": {"file": ""}}, {"keep": {"job": {}, "files": {}}}, {"show": {"id": ""}}, {"forget": {"id": ""}}]"#;
    let jobs: Vec<JobCommand> = serde_json::from_str(jobs).unwrap();
    let jobs = jobs.into_iter().map(|order| Command::Job { order });
    for order in words.split(' ').map(one).chain(towers).chain(jobs) {
        let (method, path) = route(&order);
        let found = &document["paths"][path][method];
        assert!(found.is_object(), "{method} {path}");
        let has_key = found["parameters"].to_string().contains("Idempotency-Key");
        assert_eq!(has_key, method == "post", "{path}: {found}");
    }
}

#[test]
fn nobody_asks_without_token_or_by_another_name() {
    let house = House::of_one();
    let client = house.client(0);
    let mode = |name: &str| {
        let found = std::fs::metadata(house.nodes[0].dir.join(name)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode("api.token"), mode("api.secret")), (0o600, 0o600));
    for (method, path) in described() {
        let key = ("Idempotency-Key", "a");
        let wrong = format!("Bearer {}", "0".repeat(64));
        let query = format!("{path}?token={}", client.token);
        // Who it is anybody may know: `arbiter.rs` asks.
        let is_known = path == "/v1/identity";
        let ways = [(&path, ""), (&path, wrong.as_str()), (&query, "")];
        for (path, token) in ways.into_iter().filter(|_| !is_known) {
            let answer = client.ask(&method, path, &[("Authorization", token), key], "");
            refused(&answer, 401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        // As a browser calls it whose name of another site was pointed at this machine.
        for host in [
            "evil.example",
            "evil.example:80",
            "127.0.0.1",
            "127.0.0.1.evil.example",
        ] {
            let answer = client.ask(&method, &path, &[("Host", host), key], "");
            refused(&answer, 421, "bad-host");
        }
    }
    // Another method, another path: not without the token either.
    for path in ["/v1/nothing", "/v1", "/v1/node/"] {
        refused(
            &client.ask("GET", path, &[("Authorization", "")], ""),
            401,
            "unauthorized",
        );
        refused(&client.get(path), 404, "no-route");
    }
    refused(&client.ask("DELETE", "/v1/node", &[], ""), 405, "no-method");

    // No site may read an answer, and what asks whether it may is not told so.
    let origin = ("Origin", "http://evil.example");
    // Not by a token that has come into its page either; orders as little as questions. Browsers say `null` for a page of no site.
    let port = client.at.rsplit_once(':').unwrap().1;
    let other_port = format!("http://127.0.0.1:{}", port.parse::<u16>().unwrap() ^ 1);
    for page in [
        "http://evil.example",
        "null",
        "file://",
        "http://",
        &other_port,
    ] {
        for (method, path) in described() {
            let answer = client.ask(
                &method,
                &path,
                &[("Origin", page), ("Idempotency-Key", "a")],
                "",
            );
            refused(&answer, 403, "bad-origin");
        }
        let loaded = client.ask("GET", "/", &[("Origin", page)], "");
        refused(&loaded, 403, "bad-origin");
    }
    let own = format!("http://{}", client.at);
    assert_eq!(
        client
            .ask("GET", "/v1/node", &[("Origin", &own)], "")
            .status,
        200
    );
    let asked = client.ask("OPTIONS", "/v1/node", &[origin, ("Authorization", "")], "");
    let answered = client.ask("GET", "/v1/node", &[origin], "");
    for answer in [asked, answered] {
        let head = answer.head.to_ascii_lowercase();
        assert!(!head.contains("access-control"), "{answer:?}");
    }
    // Two hosts, or another in the line: nothing to choose from.
    let Client { at, token } = &client;
    let twice = format!(
        "GET /v1/node HTTP/1.1\r\nHost: {at}\r\nHost: evil.example\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    assert!(raw(at, twice.as_bytes()).is_none_or(|answer| answer.status >= 400));
    let other = format!(
        "GET http://evil.example/v1/node HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    refused(&raw(at, other.as_bytes()).unwrap(), 421, "bad-host");

    // By its other name on this machine it is the same; what it answers is not kept, and says nothing of its secrets.
    let port = at.rsplit_once(':').unwrap().1;
    let called = format!("localhost:{port}");
    let answer = client.ask("GET", "/v1/node", &[("Host", &called)], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(!answer.body.contains(token.as_str()), "{answer:?}");
    let page = client.ask("GET", "/", &[("Authorization", "")], "");
    assert_eq!(page.status, 200, "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
}

#[test]
fn an_order_is_done_once_for_each_key_also_if_the_node_is_killed() {
    let mut house = House::of_one();
    let client = house.client(0);
    let address = |client: &Client, key: &str| {
        let answer = client.order("/v1/wallet/address", key, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["address"].as_str().unwrap().to_owned()
    };
    let first = address(&client, "one");
    assert_eq!(address(&client, "one"), first);
    let second = address(&client, "two");
    assert_ne!(second, first);

    house.nodes[0].kill();
    house.again(0);
    // The token is the same after a start.
    let again = house.client(0);
    assert_eq!(again.token, client.token);
    let client = again;
    assert_eq!(address(&client, "one"), first);
    assert_eq!(address(&client, "two"), second);

    // The same key is for the same order.
    let id = "0".repeat(64);
    let decline = format!("/v1/contracts/{id}/decline");
    refused(
        &client.order(&decline, "one", r#"{"reason": ""}"#),
        409,
        "key-reused",
    );
    // What is refused changes nothing and is not kept: the key may be used for what is mended.
    refused(
        &client.order(&decline, "three", r#"{"reason": ""}"#),
        404,
        "unknown",
    );
    refused(
        &client.order(&decline, "three", r#"{"reason": "b"}"#),
        404,
        "unknown",
    );
    address(&client, "three");

    for key in ["", "with space", "ü", &"k".repeat(201)] {
        refused(&client.order("/v1/wallet/address", key, ""), 400, "bad-key");
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    refused(
        &client.ask("POST", "/v1/wallet/address", &twice, ""),
        400,
        "bad-key",
    );

    // The answer comes, and then the node ends; told again under the same key it does not end again.
    let answer = client.order("/v1/stop", "stop", "");
    assert_eq!(
        (answer.status, answer.json()["done"].as_bool()),
        (200, Some(true)),
        "{answer:?}"
    );
    house.nodes[0].ends();
    house.again(0);
    let client = house.client(0);
    let answer = client.order("/v1/stop", "stop", "");
    assert_eq!(
        (answer.status, answer.json()["done"].as_bool()),
        (200, Some(true)),
        "{answer:?}"
    );
    assert_eq!(client.get("/v1/node").status, 200);
    assert_eq!(address(&client, "one"), first);
}

#[test]
fn it_bears_much_little_and_nothing() {
    let house = House::of_one();
    let client = house.client(0);
    let Client { at, token } = &client;
    // Bodies that are no offer, and that nobody would read to the end.
    for body in ["", "{", "[]", "{}", "null", r#"{"job": 3}"#, "\u{0}"] {
        let headers = [
            ("Idempotency-Key", "a"),
            ("Content-Type", "application/json"),
        ];
        refused(
            &client.ask("POST", "/v1/offers", &headers, body),
            400,
            "bad-body",
        );
    }
    // What a form of another site can send without being asked.
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
    ] {
        let headers = [("Idempotency-Key", "a"), ("Content-Type", kind)];
        refused(
            &client.ask("POST", "/v1/offers", &headers, "{}"),
            415,
            "bad-type",
        );
    }
    let headers = [
        ("Idempotency-Key", "a"),
        ("Content-Type", "Application/JSON; charset=utf-8"),
    ];
    refused(
        &client.ask("POST", "/v1/offers", &headers, "{}"),
        400,
        "bad-body",
    );
    let huge = format!("\"{}\"", "a".repeat((1 << 20) + 1));
    refused(&client.order("/v1/offers", "a", &huge), 413, "too-large");
    let nested = "[".repeat(1 << 19);
    refused(&client.order("/v1/offers", "a", &nested), 400, "bad-body");
    refused(
        &client.order("/v1/wallet/address", "a", "x"),
        400,
        "bad-body",
    );
    for query in [
        "after=-1",
        "wait_s=26",
        "wait_s=99999999999999999999999",
        "other=1",
        "after=%00",
    ] {
        refused(
            &client.get(&format!("/v1/events?{query}")),
            400,
            "bad-query",
        );
    }
    for id in [
        "1",
        "%ff",
        "..%2f..%2fseed",
        &"g".repeat(64),
        &"0".repeat(66),
    ] {
        refused(&client.get(&format!("/v1/contracts/{id}")), 400, "bad-id");
    }
    refused(&client.order("/v1/peers/02/clear", "a", ""), 400, "bad-id");
    // Of the right form, and of no point.
    let nobody = format!("/v1/peers/02{}/clear", "0".repeat(64));
    refused(&client.order(&nobody, "a", ""), 404, "unknown");
    // A head without end is not read to its end.
    let head = format!(
        "GET /v1/node HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nX: {}",
        "x".repeat(1 << 20)
    );
    assert!(raw(at, head.as_bytes()).is_none_or(|answer| answer.status >= 400));
    // Clients that say nothing, or stop in the midst, are in nobody's way.
    let silent: Vec<_> = (0..40).map(|_| TcpStream::connect(at).unwrap()).collect();
    let begun: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(at).unwrap();
            let part = format!(
                "POST /v1/offers HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: a\r\nContent-Length: 100\r\n\r\n{{"
            );
            std::io::Write::write_all(&mut stream, part.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(client.get("/v1/node").status, 200);
    drop((silent, begun));
    // So many may wait for something to happen; whoever comes then is told at once, and others are answered.
    let last = settled(&client);
    let (told, answers) = std::sync::mpsc::channel();
    for _ in 0..33 {
        let (told, waits) = (told.clone(), client.clone());
        std::thread::spawn(move || {
            // The node may be gone before it is answered.
            let request = format!(
                "GET /v1/events?after={last}&wait_s=25 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
                waits.at, waits.token
            );
            let _ = told.send(raw(&waits.at, request.as_bytes()));
        });
    }
    refused(&answers.recv().unwrap().unwrap(), 429, "too-many");
    assert_eq!(client.get("/v1/node").status, 200);
}

/// Number of the last event, once a node has said how it judges, which it does soon after its start: then nothing happens by itself.
fn settled(client: &Client) -> u64 {
    let said = client.get("/v1/events?after=0&wait_s=25");
    said.json()["last"].as_u64().unwrap()
}

#[test]
fn it_waits_for_what_happens() {
    let house = House::of_one();
    let client = house.client(0);
    // What waits for something to happen keeps nobody waiting.
    let waits = client.clone();
    let last = settled(&client);
    let waiting =
        std::thread::spawn(move || waits.get(&format!("/v1/events?after={last}&wait_s=1")));
    assert_eq!(client.get("/v1/peers").json(), serde_json::json!([]));
    assert_eq!(
        waiting.join().unwrap().json()["events"],
        serde_json::json!([])
    );
}

/// Only by a name that was given may it be called from elsewhere.
#[test]
fn it_listens_on_this_machine_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let refusal = |listen: &str| refuses(folder.path(), listen);
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let why = refusal(listen);
        assert!(why.contains("--api-host"), "{why}");
    }
}

/// What a node says that is to take HTTP there.
fn refuses(folder: &Path, listen: &str) -> String {
    let chain = narthex::regtest::Bitcoind::start().unwrap();
    let (url, cookie) = chain.rpc();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args([
            "run",
            "--research",
            "--node",
            &url,
            "--api",
            listen,
            "--dir",
        ])
        .arg(folder.join("node"))
        .arg("--cookie")
        .arg(cookie)
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}
