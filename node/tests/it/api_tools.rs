//! The API and the page as programs of others see them.

use std::process::Command;

use narthex::game_model::{ParamsRecord, Template};
use tempfile::TempDir;

use crate::{
    contracts::lived,
    support::{
        house::{ARBITERS, House},
        http::Client,
        tools::{run, schemathesis, top, web},
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

/// Looks at the page of the client with a browser; where pictures are to be kept is said by `NARTHEX_PICTURES`.
fn page(house: &House, id: &str, phase: &str) {
    let client = house.client(0);
    let kept = std::env::var_os("NARTHEX_PICTURES");
    let folder = TempDir::new().unwrap();
    let pictures = kept.map_or(folder.path().to_owned(), Into::into);
    let chromium = std::env::var("CHROMIUM_EXE").unwrap_or("/usr/bin/chromium".to_owned());
    run(Command::new("node")
        .arg(top().join("node/tests/web/page.mjs"))
        .arg(web())
        .args([
            &chromium,
            &format!("http://{}/", client.at),
            &client.token,
            id,
        ])
        .arg(&pictures)
        .arg(phase));
    for width in [1200, 400] {
        let picture = pictures.join(format!("page-{phase}-{width}.png"));
        let picture = std::fs::read(picture).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{width}");
    }
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
