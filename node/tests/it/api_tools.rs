//! The API and the page as programs of others see them.

use std::process::Command;

use tempfile::TempDir;

use crate::support::{
    house::House,
    http::Client,
    tools::{run, schemathesis, top, web},
};

/// Six nodes with a contract that is live; worker and verifier accepted over HTTP.
fn live() -> (House, String) {
    let mut house = House::new();
    let id = house.offer();
    for at in [1, 2] {
        house.wait("the offer comes", |house| house.state(at, &id) == "asked");
        let client = house.client(at);
        let path = format!("/v1/contracts/{id}/accept");
        let first = client.order(&path, "accept", "");
        assert_eq!(first.status, 200, "{first:?}");
        // However far it is by now: the same order under the same key has the same answer.
        assert_eq!(client.order(&path, "accept", "").body, first.body);
    }
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
        .arg("run")
        .arg(top().join("docs/api/openapi.json"))
        .args(["--url", &format!("http://{at}")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--seed", "86", "--max-examples", "25", "--no-color"])
        // It would end the node that is asked.
        .args(["--exclude-path", "/v1/stop"])
        .current_dir(TempDir::new().unwrap().path()));
    assert!(house.nodes[0].runs(), "{:?}", house.nodes[0].said());
}

#[test]
fn the_page_and_the_example_in_python_show_a_live_contract() {
    let (house, id) = live();
    let client = house.client(0);
    let graph = client.get(&format!("/v1/contracts/{id}/graph")).json();
    let all = graph["transactions"].as_array().unwrap();
    let of = |state: &str| all.iter().filter(|tx| tx["state"] == state).count();
    assert_eq!((of("confirmed"), of("closed")), (1, 0), "{graph}");
    let funding = all.iter().find(|tx| tx["name"] == "Tx0").unwrap();
    assert_eq!(funding["state"], "confirmed");
    assert_eq!(funding["txid"], house.show(0, &id)["funding"]);
    assert_eq!(funding["height"], house.show(0, &id)["live_at"]);
    let svg = client.get(&format!("/v1/contracts/{id}/graph.svg"));
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert_eq!(svg.body.matches("<rect").count(), all.len());

    let watched = run(Command::new("python3")
        .arg(top().join("examples/api/watch.py"))
        .arg(format!("http://{}", client.at))
        .arg(&house.nodes[0].dir));
    let watched = String::from_utf8_lossy(&watched.stdout);
    assert!(
        watched.contains(&format!("contract {id}  client    live")),
        "{watched}"
    );
    assert!(watched.contains("funded (past)"), "{watched}");

    let kept = std::env::var_os("NARTHEX_PICTURES");
    let folder = TempDir::new().unwrap();
    let pictures = kept.map_or(folder.path().to_owned(), Into::into);
    let web = web();
    let chromium = std::env::var("CHROMIUM_EXE").unwrap_or("/usr/bin/chromium".to_owned());
    run(Command::new("node")
        .arg(top().join("node/tests/web/page.mjs"))
        .arg(&web)
        .args([
            &chromium,
            &format!("http://{}/", client.at),
            &client.token,
            &id,
        ])
        .arg(&pictures));
    for width in [1200, 400] {
        let picture = std::fs::read(pictures.join(format!("page-{width}.png"))).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{width}");
    }
}
