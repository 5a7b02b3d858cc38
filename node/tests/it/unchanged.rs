//! Bad input changes nothing: what a node has on its disk is the same after everything that nobody may send.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use narthex::{
    bitcoin::{
        hashes::{Hash as _, sha256},
        secp256k1::rand::{Rng, RngCore, SeedableRng, rngs::StdRng},
    },
    channel::wire::{Frame, Hello, Resume},
    contracts::party::PartySet,
    regtest::ChainSource as _,
};
use narthex_node::transport::MESSAGE_TYPES;
use rusqlite::{Connection, types::Value};

use crate::support::{
    evil::Evil,
    figures,
    house::House,
    http::{Client, described, raw},
    rude::{Raw, Rude},
    run, seed,
};

/// What a node has on its disk: every row of every table, and every file by the hash of its bytes. The node has ended.
type Dump = BTreeMap<String, Vec<String>>;

fn tables(database: &Path, dump: &mut Dump) {
    let db = Connection::open(database).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let names: Vec<String> = names
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let mut select = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|column| row.get::<_, Value>(column));
            Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
        };
        let mut rows: Vec<String> = select
            .query_map([], row)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        rows.sort();
        dump.insert(format!("table {name}"), rows);
    }
}

fn files(folder: &Path, dump: &mut Dump) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let (entry, path) = (entry.as_ref().unwrap(), entry.as_ref().unwrap().path());
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().unwrap();
        // The database is looked at by its rows.
        if kind.is_dir() {
            files(&path, dump);
        } else if kind.is_file() && !name.starts_with("node.db") {
            let hash = sha256::Hash::hash(&std::fs::read(&path).unwrap());
            dump.insert(path.display().to_string(), vec![hash.to_string()]);
        }
    }
}

/// Ends the node as its operator does, so that nothing waits to be written, and says what is there.
fn dumped(house: &mut House) -> Dump {
    house.ask(0, &["stop"]);
    house.nodes[0].ends();
    let (dir, mut dump) = (house.nodes[0].dir.clone(), Dump::new());
    tables(&dir.join("node.db"), &mut dump);
    files(&dir, &mut dump);
    dump
}

/// Dumps that are to be equal; else what one has alone.
fn same(before: &Dump, after: &Dump) {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        let rows = |dump: &Dump| BTreeSet::from_iter(dump.get(name).cloned().unwrap_or_default());
        let (then, now) = (rows(before), rows(after));
        let alone: Vec<_> = then.symmetric_difference(&now).collect();
        let shown = alone.iter().map(|row| format!("{row:.300}"));
        let shown: Vec<_> = shown.take(5).collect();
        assert!(before.get(name) == after.get(name), "{name}: {shown:#?}");
    }
}

/// A folder's files, in the place of what was there. Sockets are made by each process.
fn copied(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, place) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copied(&entry.path(), &place);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// Bodies that are none of any route.
fn bodies(rng: &mut StdRng) -> Vec<String> {
    let mut all: Vec<String> = [
        "{",
        "[]",
        "null",
        "\"x\"",
        "7",
        "{\"nonsense\": 1}",
        "\u{0}",
    ]
    .map(str::to_owned)
    .into();
    all.push("[".repeat(1 << 12));
    all.push(format!("\"{}\"", "a".repeat((1 << 20) + 1)));
    all.push(
        r#"{"file": 1, "job": {}, "files": [], "id": "x", "bundle": "zz", "name": ""}"#.to_owned(),
    );
    let length = rng.gen_range(1..200);
    all.push(
        (0..length)
            .map(|_| char::from(rng.gen_range(32..127_u8)))
            .collect(),
    );
    all
}

/// Everything that the description has, asked as nobody may; how many requests these were.
fn over_http(client: &Client, (id, rng): (&str, &mut StdRng)) -> usize {
    let mut count = 0;
    let mut refused = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        count += 1;
        let answer = client.ask(method, path, headers, body);
        assert!(
            answer.status >= 400,
            "{method} {path} {headers:?} {body:.80}: {answer:?}"
        );
        assert!(answer.status < 500, "{method} {path}: {answer:?}");
    };
    let json = ("Content-Type", "application/json");
    let (zeros, long) = ("0".repeat(64), "k".repeat(201));
    for (method, path) in described() {
        let key = ("Idempotency-Key", "bad");
        let wrong = format!("Bearer {zeros}");
        for token in ["", &wrong, "Basic YTpi", "Bearer"] {
            refused(&method, &path, &[("Authorization", token), key], "");
        }
        refused(&method, &path, &[("Host", "evil.example"), key], "");
        refused(
            &method,
            &path,
            &[("Origin", "https://evil.example"), key],
            "",
        );
        if method == "GET" {
            continue;
        }
        // Of a contract that there is too.
        for path in [
            path.replace("/contracts/0", "/contracts/x"),
            path.replace(&zeros, id),
        ] {
            if method == "POST" {
                refused(&method, &path, &[json], "");
                refused(&method, &path, &[json, ("Idempotency-Key", &long)], "");
                refused(&method, &path, &[json, ("Idempotency-Key", "\u{7f}")], "");
            }
            for body in bodies(rng) {
                let kind = match method.as_str() {
                    // Which says that its bytes have another hash.
                    "PUT" => ("Content-Type", "application/octet-stream"),
                    _ => json,
                };
                refused(&method, &path, &[kind, key], &body);
                refused(
                    &method,
                    &path,
                    &[("Content-Type", "text/plain"), key],
                    &body,
                );
            }
        }
    }
    // What is no HTTP, or stops in the midst.
    for _ in 0..100 {
        let mut bytes = vec![0; rng.gen_range(1..400)];
        rng.fill_bytes(&mut bytes);
        let head = format!("POST /v1/offers HTTP/1.1\r\nHost: {}\r\n", client.at).into_bytes();
        let bytes = match rng.gen_range(0..3_u8) {
            0 => bytes,
            1 => [head, bytes, b"\r\n\r\n".to_vec()].concat(),
            _ => [head, b"Content-Length: 3\r\n\r\n".to_vec(), bytes].concat(),
        };
        let answer = raw(&client.at, &bytes);
        assert!(answer.is_none_or(|answer| answer.status >= 400));
        count += 1;
    }
    count
}

/// Frames that are none, and such that read and are nothing that a stranger may say; how many these were.
fn over_the_wire(house: &mut House, rng: &mut StdRng) -> usize {
    let chain = house.chain.block_hash(0).unwrap().to_byte_array();
    let place = house.nodes[0].address.parse().unwrap();
    let node = house.nodes[0].id.parse().unwrap();
    let mut count = 0;
    run(async {
        for number in 1..=60_u8 {
            let mut rude = Rude::new(number, node);
            rude.connect(place).await;
            let hello = Hello {
                chain,
                features: 0,
                boot: u64::from(number),
            };
            let resume = Resume {
                marks: Vec::new(),
                is_last: true,
            };
            let mut frames = vec![
                Frame::Hello(hello).to_bytes(),
                Frame::Resume(resume).to_bytes(),
            ];
            if number % 3 == 0 {
                frames.clear();
            }
            for _ in 0..rng.gen_range(1..20) {
                let kind = rng.gen_range(MESSAGE_TYPES);
                let mut bytes = vec![0; rng.gen_range(0..300)];
                rng.fill_bytes(&mut bytes);
                let frame = match rng.gen_range(0..3_u8) {
                    0 => [&kind.to_be_bytes()[..], &bytes].concat(),
                    // Signed by somebody else than who sends it, about no contract.
                    1 => {
                        let of = (rng.r#gen(), PartySet::EMPTY);
                        Evil::new(number).envelope(of, (0, 1, kind), bytes)
                    }
                    _ => {
                        let mut frame = Frame::Hello(Hello {
                            chain,
                            features: 0,
                            boot: 1,
                        })
                        .to_bytes();
                        let place = rng.gen_range(2..frame.len());
                        frame[place] ^= 1 << rng.gen_range(0..8);
                        frame
                    }
                };
                frames.push(frame);
            }
            count += frames.len();
            let messages = frames.into_iter().map(|frame| {
                Raw(
                    u16::from_be_bytes([frame[0], frame[1]]),
                    frame[2..].to_vec(),
                )
            });
            rude.send(messages);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    count
}

#[test]
fn whatever_is_wrong_changes_nothing_on_the_disk() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = House::of_pair();
    // A contract that is offered, a job, a client of the watchtower, and an order that was answered.
    let id = house.offer();
    house.wait("the worker hears of it", |house| {
        house.state(1, &id) == "asked"
    });
    house.ask_tower(0, &["admit", "bob", &"1".repeat(64)]);
    let first = house.client(0).order("/v1/wallet/address", "one", "").body;
    house.bury(1);
    // Each start changes something by itself, such as the number that links are told: so the same folder starts twice, and nobody says
    // anything the first time.
    dumped(&mut house);
    let (dir, kept) = (house.nodes[0].dir.clone(), house.file("kept"));
    copied(&dir, &kept);
    house.again(0);
    house.wait("it has read its chain", |house| {
        house.ask(0, &["status"])["node"]["tip"].is_u64()
    });
    let before = dumped(&mut house);
    copied(&kept, &dir);
    house.again(0);
    let client = house.client(0);
    let requests = over_http(&client, (&id, &mut rng));
    let frames = over_the_wire(&mut house, &mut rng);
    let figures = figures::read(&client.get("/metrics").body);
    let bad = &figures["narthex_bad_input_total"].samples;
    println!("{requests} requests and {frames} frames: {bad:?}");
    for code in [
        "unauthorized",
        "bad-body",
        "too-large",
        "bad-key",
        "bad-host",
        "frame",
    ] {
        let sample = format!("narthex_bad_input_total{{code=\"{code}\"}}");
        assert!(bad.contains_key(&sample), "{code}: {bad:?}");
    }
    // It counts in memory alone.
    same(&before, &dumped(&mut house));
    // What is right changes something: the comparison sees it.
    house.again(0);
    let client = house.client(0);
    assert_eq!(client.order("/v1/wallet/address", "one", "").body, first);
    assert_eq!(client.order("/v1/wallet/address", "two", "").status, 200);
    let after = dumped(&mut house);
    assert_ne!(before["table entry"], after["table entry"]);
}
