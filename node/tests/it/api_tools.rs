//! The API and the page as programs of others see them.

use std::{collections::BTreeMap, process::Command};

use narthex::{
    bitcoin::{
        hashes::{Hash as _, sha256},
        hex::DisplayHex as _,
    },
    game_model::{ParamsRecord, Template},
};
use tempfile::TempDir;

use crate::{
    contracts::lived,
    support::{
        figures,
        house::{ARBITERS, House},
        http::Client,
        tools::{looked_at, run, schemathesis, top, web},
    },
};

/// Blocks of commands that the node's README shows, in its order.
fn shown() -> Vec<String> {
    let page = std::fs::read_to_string(top().join("node/README.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// Runs commands of the README where the nodes have their folders.
fn walk(house: &House, commands: &str) -> String {
    let at = house.nodes.iter().map(|node| {
        let folder = node.dir.file_name().unwrap().to_str().unwrap();
        format!("[{folder}]={}", node.api)
    });
    let at: Vec<_> = at.collect();
    let script = format!(
        "set -euo pipefail\ndeclare -A at=({})\n{commands}",
        at.join(" ")
    );
    let output = run(Command::new("bash")
        .args(["-c", &script])
        .current_dir(house.nodes[0].dir.parent().unwrap()));
    String::from_utf8(output.stdout).unwrap()
}

/// Six nodes with a contract that is live, as the README has it.
fn live(blocks: &[String]) -> (House, String) {
    let mut house = House::new();
    // As `narthex game example` writes it.
    let params = ParamsRecord::example_of(Template::Hardened, ARBITERS, 2, 800_000);
    let case = serde_json::json!({ "params": params }).to_string();
    std::fs::write(house.file("case.json"), case).unwrap();
    let said = walk(&house, &format!("{}{}{}", blocks[0], blocks[1], blocks[2]));
    let id = house.ask(0, &["list"])["contracts"][0]["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    for line in [&format!("offer {id}"), "worker: ", "verifier: "] {
        assert!(said.contains(line), "{said}");
    }
    // However far it is by now: the same order under the same key has the same answer, and the key is for no other.
    let path = format!("/v1/contracts/{id}/accept");
    let client = house.client(1);
    let again = client.order(&path, "accept-1", "");
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(client.order(&path, "accept-1", "").body, again.body);
    let decline = path.replace("/accept", "/decline");
    let other = client.order(&decline, "accept-1", r#"{"reason": ""}"#);
    assert_eq!(
        (other.status, &other.json()["code"]),
        (409, &"key-reused".into())
    );
    let all = |state: &'static str| {
        let id = id.clone();
        move |house: &House| (0..house.nodes.len()).all(|at| house.state(at, &id) == state)
    };
    house.wait("all are committed", all("committed"));
    house.wait("the funding is published", |house| {
        !house.waiting().is_empty()
    });
    house.mine(1);
    house.wait("all are live", all("live"));
    (house, id)
}

/// A client in TypeScript that is made from the description, and one that uses it, are of one mind about types.
#[test]
fn a_typescript_client_is_made_of_the_description() {
    let (web, folder) = (web(), TempDir::new().unwrap());
    let client = top().join("node/tests/web/client.ts");
    std::fs::copy(client, folder.path().join("client.ts")).unwrap();
    run(
        Command::new(web.join("node_modules/.bin/openapi-typescript"))
            .arg(top().join("docs/api/openapi.json"))
            .arg("-o")
            .arg(folder.path().join("api.ts")),
    );
    let check = |file: &str| {
        Command::new(web.join("node_modules/.bin/tsc"))
            .args([
                "--noEmit",
                "--strict",
                "--exactOptionalPropertyTypes",
                "--noUnusedLocals",
            ])
            .args([
                "--target",
                "es2022",
                "--module",
                "es2022",
                "--moduleResolution",
                "bundler",
            ])
            .args(["--lib", "es2022,dom"])
            .arg(folder.path().join(file))
            .output()
            .unwrap()
    };
    let fine = check("client.ts");
    let said = String::from_utf8_lossy(&fine.stdout);
    assert!(fine.status.success(), "{said}");
    // The check can fail: a field that is not there is found.
    let text = std::fs::read_to_string(folder.path().join("client.ts")).unwrap();
    let wrong = text.replace("contract.deposit_sat", "contract.deposit_btc");
    assert_ne!(wrong, text);
    std::fs::write(folder.path().join("wrong.ts"), wrong).unwrap();
    let found = String::from_utf8_lossy(&check("wrong.ts").stdout).into_owned();
    assert!(found.contains("deposit_btc"), "{found}");
}

/// Whatever the description allows is answered as it says; what it forbids is refused.
#[test]
fn schemathesis_finds_nothing() {
    let mut house = House::of_one();
    let Client { at, token } = house.client(0);
    run(Command::new(schemathesis())
        // What is left out, and why, stands there.
        .arg("--config-file")
        .arg(top().join("node/tests/web/schemathesis.toml"))
        .arg("run")
        .arg(top().join("docs/api/openapi.json"))
        .args(["--url", &format!("http://{at}")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--seed", "86", "--max-examples", "12", "--no-color"])
        .current_dir(TempDir::new().unwrap().path()));
    assert!(house.nodes[0].runs(), "{:?}", house.nodes[0].said());
}

/// Looks at the page of the client with a browser.
fn page(house: &House, id: &str, phase: &str) {
    looked_at(&house.client(0), ("page", ""), id, phase);
}

/// Names of transactions by their state.
fn graph(house: &House, id: &str, state: &str) -> Vec<String> {
    let graph = house.client(0).get(&format!("/v1/contracts/{id}/graph"));
    let graph = graph.json();
    let all = graph["transactions"].as_array().unwrap().iter();
    let of = all.filter(|tx| tx["state"] == state);
    of.map(|tx| tx["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Samples that are whole numbers, by their names and labels as they are written; each belongs to a family that says what it is.
fn samples(text: &str) -> BTreeMap<String, u64> {
    let (families, mut found) = (figures::read(text), BTreeMap::new());
    // What has a unit says it.
    let units = ["satoshis", "bytes", "blocks", "seconds", "total"];
    let counts = ["info", "contracts", "ends", "troubles", "peers", "cases"];
    let others = ["narthex_deadline_blocks_min", "narthex_rolled_back"];
    for (name, family) in &families {
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name}");
        assert!(name.starts_with("narthex_"), "{name}");
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}"
        );
        let last = name.rsplit('_').next().unwrap();
        let is_said = units.contains(&last) || counts.contains(&last);
        assert!(is_said || others.contains(&name.as_str()), "{name}");
        let whole = family
            .samples
            .iter()
            .filter(|(_, value)| value.fract() == 0.0);
        found.extend(whole.map(|(sample, value)| (sample.clone(), *value as u64)));
    }
    found
}

/// Figures of nodes that have lived a contract, as whoever watches them reads them: by a token that opens nothing else.
fn scraped(house: &House) {
    for (at, role) in [(0, "client"), (1, "worker"), (3, "arbiter")] {
        let operator = house.client(at);
        let token = std::fs::read_to_string(house.nodes[at].dir.join("metrics.token"));
        let token = token.unwrap().trim().to_owned();
        let watcher = Client {
            token,
            ..operator.clone()
        };
        let answer = watcher.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!(answer.header("content-type"), Some(kind));
        let figures = samples(&answer.body);
        println!("{} samples of the {role}", figures.len());
        let node = &house.ask(at, &["status"])["node"];
        for (name, field) in [
            ("narthex_chain_tip_height_blocks", "tip"),
            ("narthex_wallet_balance_satoshis", "balance_sat"),
            ("narthex_wallet_reserve_satoshis", "reserve_sat"),
        ] {
            assert_eq!(Some(figures[name]), node[field].as_u64(), "{name}");
        }
        let live = format!("narthex_contracts{{role=\"{role}\",state=\"live\"}}");
        assert_eq!(figures[&live], 1, "{figures:#?}");
        assert_eq!(
            figures["narthex_contract_ends{transaction=\"S3\"}"], 1,
            "{figures:#?}"
        );
        assert_eq!(figures["narthex_peers{state=\"connected\"}"], 5);
        assert!(figures["narthex_store_commits_total"] > 5);
        assert!(figures["narthex_chain_look_timestamp_seconds"] > 1_700_000_000);
        assert!(figures["narthex_http_responses_total{status=\"2xx\"}"] > 0);
        assert_eq!(operator.get("/metrics").status, 200);
        for (method, path) in [
            ("GET", "/v1/node"),
            ("POST", "/v1/stop"),
            ("GET", "/metrics/"),
            ("GET", "/v1/tower/bundles"),
        ] {
            let answer = watcher.ask(method, path, &[("Idempotency-Key", "a")], "");
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        }
        let wrong = Client {
            token: "0".repeat(64),
            ..operator
        };
        assert_eq!(wrong.get("/metrics").status, 401);
        // The same on the command line.
        let said = house.ask(at, &["metrics"]);
        assert!(samples(said["metrics"].as_str().unwrap()).len() + 5 >= figures.len());
    }
}

/// What there is of a contract to judge by is listed, and each piece is what the list says.
fn judged(house: &House, id: &str) {
    let client = house.client(2);
    let list = client.get(&format!("/v1/contracts/{id}/evidence")).json();
    let list = list.as_array().unwrap();
    let kinds: Vec<_> = list
        .iter()
        .map(|piece| piece["kind"].as_str().unwrap())
        .collect();
    println!("evidence of the verifier: {kinds:?}");
    assert!(kinds.contains(&"terms") && kinds.contains(&"item") && kinds.contains(&"receipt"));
    // Nobody was accused.
    assert!(!kinds.contains(&"case") && !kinds.contains(&"attestation"));
    let folder = house.file("evidence");
    house.ask(2, &["evidence", id, "--out", folder.to_str().unwrap()]);
    for piece in list {
        let (kind, item) = (
            piece["kind"].as_str().unwrap(),
            piece["id"].as_str().unwrap(),
        );
        let answer = client.get(&format!("/v1/contracts/{id}/evidence/{item}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let hash = sha256::Hash::hash(answer.body.as_bytes()).to_byte_array();
        assert_eq!(hash.to_lower_hex_string(), item);
        assert_eq!(piece["bytes"], answer.body.len());
        let disposition = answer.header("content-disposition").unwrap();
        assert!(
            disposition.starts_with("attachment; filename="),
            "{disposition}"
        );
        let file = std::fs::read(folder.join(format!("{kind}-{item}.json"))).unwrap();
        assert_eq!(file, answer.body.as_bytes());
    }
    let nothing = format!("/v1/contracts/{id}/evidence/{}", "0".repeat(64));
    assert_eq!(client.get(&nothing).json()["code"], "unknown");
    for bad in ["..%2f..%2fseed", "x"] {
        let answer = client.get(&format!("/v1/contracts/{id}/evidence/{bad}"));
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (400, &"bad-id".into())
        );
    }
    let unknown = format!("/v1/contracts/{}/evidence", "0".repeat(64));
    assert_eq!(client.get(&unknown).status, 404);
}

/// By the commands of the README, with the page beside, from the offer to the result in the client's hands.
#[test]
fn a_contract_is_lived_by_curl_and_looked_at_on_the_page_and_in_python() {
    let blocks = shown();
    let (mut house, id) = live(&blocks);
    let client = house.client(0);
    assert_eq!(graph(&house, &id, "confirmed"), ["Tx0"]);
    assert!(graph(&house, &id, "closed").is_empty());
    let shown = client.get(&format!("/v1/contracts/{id}/graph")).json();
    let funding = &shown["transactions"][0];
    assert_eq!(funding["txid"], house.show(0, &id)["funding"]);
    assert_eq!(funding["height"], house.show(0, &id)["live_at"]);
    for date in shown["dates"].as_array().unwrap() {
        let ahead = date["height"].as_u64() > shown["tip"].as_u64();
        assert_eq!(date["about_s"].is_u64(), ahead, "{date}");
    }
    let svg = client.get(&format!("/v1/contracts/{id}/graph.svg"));
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    let all = shown["transactions"].as_array().unwrap();
    assert_eq!(svg.body.matches("<rect").count(), all.len());
    // There is no result yet, and nobody has it without the token.
    let bytes = format!("/v1/contracts/{id}/result/bytes");
    for path in [&bytes, bytes.trim_end_matches("/bytes")] {
        let answer = client.get(path);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (409, &"none".into())
        );
    }

    let watched = run(Command::new("python3")
        .arg(top().join("docs/api/watch.py"))
        .arg(format!("http://{}", client.at))
        .arg(&house.nodes[0].dir));
    let watched = String::from_utf8_lossy(&watched.stdout);
    let line = format!("contract {id}  client    live");
    assert!(watched.contains(&line), "{watched}");
    assert!(watched.contains("funded (past)"), "{watched}");
    page(&house, &id, "live");

    lived(&mut house, &id, |_, _| ());
    assert_eq!(graph(&house, &id, "confirmed"), ["Tx0", "S3"]);
    let said = walk(
        &house,
        &format!("id={id}\n{}{}{}", blocks[0], blocks[3], blocks[4]),
    );
    for line in ["decrypted", "S3 in block", "result: OK"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(std::fs::read(house.file("result")).unwrap(), house.right());
    page(&house, &id, "over");
    scraped(&house);
    judged(&house, &id);
    let no_token = client.ask("GET", &bytes, &[("Authorization", "")], "");
    assert_eq!(no_token.status, 401);
    // Only the client has it.
    assert_eq!(house.client(1).get(&bytes).status, 409);
    // What is not what was kept is not handed out.
    let file = house.show(0, &id)["result"]["file"].clone();
    let file = std::path::PathBuf::from(file.as_str().unwrap());
    let mut wrong = house.right();
    wrong[0] ^= 1;
    std::fs::write(&file, wrong).unwrap();
    let lost = client.get(&bytes);
    assert_eq!(
        (lost.status, &lost.json()["code"]),
        (500, &"lost-result".into())
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(client.get(&bytes).json()["code"], "lost-result");
}
