//! Jobs that a node keeps: copied from files of its machine, or made of files that were uploaded.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    time::{Duration, Instant},
};

use narthex::{
    bitcoin::{
        hashes::{Hash as _, sha256},
        hex::DisplayHex as _,
        secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
    },
    job::Manifest,
};
use narthex_node::party::{
    Command, CommandError, JobCommand, KeptJobStatus, NewJob, Reply, UploadError, Uploads,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    house::{House, PATIENCE},
    http::{Answer, Client, raw},
    town::Town,
};

fn hash(bytes: &[u8]) -> String {
    sha256::Hash::hash(bytes)
        .to_byte_array()
        .to_lower_hex_string()
}

/// A job of a program and records, as its file has it, and the two.
fn wasm() -> (Value, Vec<u8>, Vec<u8>) {
    let example = Manifest::example("wasm", &[]).unwrap();
    let mut json = serde_json::to_value(example).unwrap();
    let program = json["work"]["program"]["text"].as_str().unwrap().to_owned();
    let records: Vec<u8> = (1_u64..=12_345).flat_map(u64::to_le_bytes).collect();
    json["work"]["program"] = json!({ "file": "deep/program.wat" });
    json["work"]["input"] = json!({ "format": "bytes", "file": "records", "width": 8 });
    (json, program.into_bytes(), records)
}

fn new(job: &Value, files: &[(&str, &[u8])]) -> NewJob {
    let files = files.iter();
    NewJob {
        job: job.clone(),
        files: files
            .map(|(name, bytes)| ((*name).to_owned(), hash(bytes)))
            .collect(),
    }
}

fn take(uploads: &Uploads, sha256: &str, pieces: &[&[u8]]) -> Result<u64, UploadError> {
    let pieces = pieces.iter().map(|piece| Ok(*piece));
    uploads.take(sha256, None, pieces).map(|file| file.bytes)
}

/// Everything in a folder, by name.
fn entries(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).unwrap();
    let mut all: Vec<_> = all
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    all.sort();
    all
}

#[test]
fn a_file_is_what_was_announced_or_nothing_is_left_of_it() {
    let folder = TempDir::new().unwrap();
    let uploads = Uploads::open(folder.path().to_owned(), 100).unwrap();
    let (good, name) = ([7; 60], hash(&[7; 60]));
    assert!(matches!(
        take(&uploads, &name, &[&good[..59]]),
        Err(UploadError::Hash { .. })
    ));
    assert!(matches!(
        take(&uploads, &name, &[]),
        Err(UploadError::Hash { .. })
    ));
    let broken = [Ok(&good[..30]), Err(io::ErrorKind::TimedOut.into())];
    let found = uploads.take(&name, None, broken.into_iter());
    assert!(
        matches!(found, Err(UploadError::Broken { bytes: 30, .. })),
        "{found:?}"
    );
    for bad in [
        "",
        "..",
        "../x",
        &name[..63],
        &format!("{name}0"),
        &"g".repeat(64),
    ] {
        assert!(
            matches!(take(&uploads, bad, &[]), Err(UploadError::Name(_))),
            "{bad}"
        );
    }
    assert_eq!(entries(folder.path()), [""; 0]);
    assert_eq!(
        take(&uploads, &name, &[&good[..30], &[], &good[30..]]).unwrap(),
        60
    );
    // It is here: nothing is read of it a second time.
    let unread = std::iter::from_fn(|| -> Option<io::Result<Vec<u8>>> { panic!("read") });
    assert_eq!(uploads.take(&name, None, unread).unwrap().bytes, 60);
    // 41 bytes more are too many, wherever they end.
    let other = [8; 41];
    let full = take(&uploads, &hash(&other), &[&other[..40], &other[40..]]);
    assert!(
        matches!(
            full,
            Err(UploadError::Full {
                used: 60,
                most: 100,
                ..
            })
        ),
        "{full:?}"
    );
    assert_eq!(entries(folder.path()), std::slice::from_ref(&name));
    // What a process that was killed left.
    std::fs::create_dir(folder.path().join("job-00")).unwrap();
    let uploads = Uploads::open(folder.path().to_owned(), 100).unwrap();
    assert_eq!(entries(folder.path()), std::slice::from_ref(&name));
    assert!(uploads.forget(&name).unwrap());
    assert!(!uploads.forget(&name).unwrap());
    // So many, however small.
    for number in 0..128_u64 {
        let small = Uploads::open(folder.path().to_owned(), 10_000).unwrap();
        take(
            &small,
            &hash(&number.to_le_bytes()),
            &[&number.to_le_bytes()],
        )
        .unwrap();
    }
    let small = Uploads::open(folder.path().to_owned(), 10_000).unwrap();
    let more = take(&small, &hash(b"more"), &[b"more"]);
    assert!(
        matches!(more, Err(UploadError::Full { files: 128, .. })),
        "{more:?}"
    );
}

#[test]
fn a_job_speaks_of_its_own_files_and_of_no_other() {
    let folder = TempDir::new().unwrap();
    let uploads = Uploads::open(folder.path().join("up"), 1 << 20).unwrap();
    let (json, program, records) = wasm();
    let files: [(&str, &[u8]); 2] = [("deep/program.wat", &program), ("records", &records)];
    let whole = new(&json, &files);
    assert!(matches!(
        uploads.make(&whole),
        Err(UploadError::Missing { .. })
    ));
    for (_, bytes) in files {
        take(&uploads, &hash(bytes), &[bytes]).unwrap();
    }
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let here = folder.path().join("secret");
    let refused = |job: &NewJob| {
        let error = uploads.make(job).unwrap_err();
        assert!(matches!(error, UploadError::Job(_)), "{error}");
        assert_eq!(entries(&folder.path().join("up")).len(), 2, "{error}");
    };
    // A file of the machine, by whatever name; one that does not come with it; one that nothing speaks of.
    for file in [
        here.to_str().unwrap(),
        "../secret",
        "/dev/zero",
        "./records",
        "1",
    ] {
        let mut other = json.clone();
        other["work"]["input"]["file"] = json!(file);
        refused(&new(&other, &files));
    }
    refused(&new(&json, &files[..1]));
    let more: [(&str, &[u8]); 3] = [files[0], files[1], ("more", &records)];
    refused(&new(&json, &more));
    // What does not read, or is no program.
    for job in [
        json!(null),
        json!({}),
        json!({"narthex_job": 2, "work": json["work"]}),
    ] {
        refused(&new(&job, &files));
    }
    let swapped: [(&str, &[u8]); 2] = [("deep/program.wat", &records), ("records", &records)];
    refused(&new(&json, &swapped));
    uploads.make(&whole).unwrap();
    // It is made once.
    uploads.make(&whole).unwrap();
    assert_eq!(entries(&folder.path().join("up")).len(), 3);
}

fn ask(town: &mut Town, order: JobCommand) -> Result<Reply, CommandError> {
    let now = town.now;
    let core = town.nodes[0].core.as_mut().unwrap();
    let answer = core.command(Command::Job { order }, now).unwrap();
    town.act(0);
    answer
}

fn kept(town: &mut Town) -> Vec<KeptJobStatus> {
    match ask(town, JobCommand::List) {
        Ok(Reply::Jobs(all)) => all,
        other => panic!("{other:?}"),
    }
}

/// A job that is kept stays without a contract, is offered by its id, and cannot be taken from a contract that needs it.
#[test]
fn a_job_is_kept_offered_by_its_id_and_forgotten() {
    let mut town = Town::new();
    let file = town.job.clone();
    let copied = match ask(&mut town, JobCommand::Copy { file: file.clone() }) {
        Ok(Reply::Job(status)) => *status,
        other => panic!("{other:?}"),
    };
    assert_eq!(copied.state, "here");
    assert_eq!(copied.steps, Some(897));
    // Twice is once.
    ask(&mut town, JobCommand::Copy { file }).unwrap();
    town.pass(300);
    assert_eq!(kept(&mut town), std::slice::from_ref(&copied));
    town.restart(0);
    town.pump();
    // It was looked at again.
    assert_eq!(kept(&mut town), std::slice::from_ref(&copied));
    let refused = |town: &mut Town, job_id: Option<String>, file: bool, code: &str| {
        let mut order = town.order();
        order.job = order.job.filter(|_| file);
        order.job_id = job_id;
        let now = town.now;
        let core = town.nodes[0].core.as_mut().unwrap();
        let answer = core.command(Command::Offer(Box::new(order)), now).unwrap();
        assert_eq!(answer.unwrap_err().code, code);
    };
    refused(&mut town, Some("0".repeat(64)), false, "unknown");
    refused(&mut town, Some("0".repeat(63)), false, "bad-id");
    refused(&mut town, Some(copied.id.clone()), true, "bad-offer");
    refused(&mut town, None, false, "bad-offer");
    let mut order = town.order();
    order.job = None;
    order.job_id = Some(copied.id.clone());
    let id = match town.ask(0, Command::Offer(Box::new(order))) {
        Ok(Reply::Contract(status)) => status.id,
        other => panic!("{other:?}"),
    };
    let needed = ask(
        &mut town,
        JobCommand::Forget {
            id: copied.id.clone(),
        },
    )
    .unwrap_err();
    assert_eq!(
        (needed.code.as_str(), &needed.values["contracts"]),
        ("in-use", &id)
    );
    let id = <[u8; 32] as narthex::bitcoin::hex::FromHex>::from_hex(&id).unwrap();
    town.pump();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    crate::life::lived(&mut town, &id);
    // The contract is known as long as its node knows it, and its job stays with it.
    assert_eq!(kept(&mut town).remove(0).contracts.len(), 1);
}

/// Nothing needs it: it is gone with the next tick, from the disk too.
#[test]
fn a_job_that_is_forgotten_leaves_nothing() {
    let mut town = Town::new();
    let file = town.job.clone();
    ask(&mut town, JobCommand::Copy { file }).unwrap();
    town.pass(1);
    assert_eq!(entries(&town.bundles(0)).len(), 1);
    let id = kept(&mut town).remove(0).id;
    ask(&mut town, JobCommand::Forget { id: id.clone() }).unwrap();
    assert_eq!(kept(&mut town), []);
    town.pass(1);
    assert_eq!(entries(&town.bundles(0)), [""; 0]);
    let again = ask(&mut town, JobCommand::Forget { id }).unwrap_err();
    assert_eq!(again.code, "unknown");
    for file in ["/dev/zero", "/nowhere", "/tmp"] {
        let order = JobCommand::Copy { file: file.into() };
        assert_eq!(ask(&mut town, order).unwrap_err().code, "bad-job");
    }
    // A node of this kind takes no uploads.
    let order = JobCommand::Keep(NewJob {
        job: Value::Null,
        files: BTreeMap::new(),
    });
    assert_eq!(ask(&mut town, order).unwrap_err().code, "cannot");
    town.restart(0);
    assert_eq!(kept(&mut town), []);
}

fn put(client: &Client, sha256: &str, bytes: &[u8]) -> Option<Answer> {
    put_some(client, sha256, bytes, bytes.len())
}

/// Says how long it is, and sends so many bytes of it.
fn put_some(client: &Client, sha256: &str, bytes: &[u8], said: usize) -> Option<Answer> {
    let Client { at, token } = client;
    let head = format!(
        "PUT /v1/files/{sha256} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: {said}\r\n\r\n"
    );
    raw(at, &[head.as_bytes(), bytes].concat())
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let found = answer.json()["code"].as_str().map(str::to_owned);
    assert_eq!(
        (answer.status, found.as_deref()),
        (status, Some(code)),
        "{answer:?}"
    );
}

/// Uploaded, made and offered by its id, with the node killed on the way; the worker fetches it.
#[test]
fn a_job_is_uploaded_kept_and_offered() {
    let seed = 20_261_130;
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = House::of_pair_with(&["--believe-entropy"]);
    let (json, program, records) = wasm();
    let mut json = json;
    json["entropy_bits"] = json!(16);
    let client = house.client(0);
    // No token, no file.
    let stranger = Client {
        token: "0".repeat(64),
        ..client.clone()
    };
    refused(
        &put(&stranger, &hash(&program), &program).unwrap(),
        401,
        "unauthorized",
    );
    refused(
        &put(&client, &hash(&records), &program).unwrap(),
        422,
        "bad-hash",
    );
    refused(&put(&client, "x", &program).unwrap(), 400, "bad-id");
    let path = format!("/v1/files/{}", hash(&program));
    refused(
        &client.ask("PUT", &path, &[("Content-Type", "text/plain")], "a"),
        415,
        "bad-type",
    );
    assert_eq!(client.get("/v1/files").json(), json!([]));
    // Killed in the midst of an upload nothing is left; whole it is there after a start.
    let half = {
        let (client, records) = (client.clone(), records.clone());
        std::thread::spawn(move || {
            let half = records.len() / 2;
            put_some(&client, &hash(&records), &records[..half], records.len())
        })
    };
    std::thread::park_timeout(Duration::from_millis(rng.gen_range(20..80)));
    house.nodes[0].kill();
    house.again(0);
    let _ = half.join().unwrap();
    let client = house.client(0);
    assert_eq!(client.get("/v1/files").json(), json!([]));
    for bytes in [&program, &records] {
        let answer = put(&client, &hash(bytes), bytes).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["bytes"], bytes.len());
    }
    house.nodes[0].kill();
    house.again(0);
    let order = new(
        &json,
        &[("deep/program.wat", &program), ("records", &records)],
    );
    let order = serde_json::to_string(&order).unwrap();
    // Killed at any moment of the order: repeated under its key it is done once.
    for _ in 0..4 {
        let client = house.client(0);
        let (order, pause) = (order.clone(), rng.gen_range(0..60));
        let asks = std::thread::spawn(move || {
            let answer = client.try_order("/v1/jobs", "a", &order);
            answer.is_some_and(|answer| answer.status == 200)
        });
        std::thread::park_timeout(Duration::from_millis(pause));
        house.nodes[0].kill();
        let is_answered = asks.join().unwrap();
        house.again(0);
        let kept = house.client(0).get("/v1/jobs").json();
        let kept = kept.as_array().unwrap().len();
        println!("killed after {pause} ms: answered {is_answered}, {kept} kept");
        assert!(kept <= 1 && (kept == 1 || !is_answered));
    }
    let client = house.client(0);
    let answer = client.order("/v1/jobs", "a", &order);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(client.order("/v1/jobs", "a", &order).body, answer.body);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let one = format!("/v1/jobs/{id}");
    let deadline = Instant::now() + PATIENCE;
    while client.get(&one).json()["state"] != "here" {
        assert!(Instant::now() < deadline, "{:?}", client.get(&one));
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(client.get(&one).json()["steps"], 12_345);
    // The files are not needed any more.
    let answer = client.order("/v1/jobs", "b", &order);
    assert!(
        answer.status == 200 || answer.json()["code"] == "no-file",
        "{answer:?}"
    );
    assert_eq!(client.get("/v1/files").json(), json!([]));

    let offer = house.offer_kept(&id);
    house.wait("the offer comes", |house| house.state(1, &offer) == "asked");
    house.try_ask(1, &["accept", &offer]).unwrap();
    house.wait("its job comes", |house| {
        let job = &house.show(1, &offer)["job"];
        job["state"] != "fetching" && job["here_bytes"] == job["bytes"]
    });
    refused(&client.ask("DELETE", &one, &[], ""), 409, "in-use");
    refused(
        &client.ask("DELETE", &format!("/v1/jobs/{}", "0".repeat(64)), &[], ""),
        404,
        "unknown",
    );
}

/// What is long is on the disk and not in memory, one at a time, and no more of it than there is room for.
#[test]
fn uploads_are_bounded() {
    let mut house = House::of_one();
    let node = house.hire("client2", &["--max-jobs-bytes", "100000000"]);
    let client = house.client(node);
    let before = house.nodes[node].most_memory();
    let long = vec![7; 64 << 20];
    let answer = put(&client, &hash(&long), &long).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let grown = house.nodes[node].most_memory() - before;
    println!("64 MiB uploaded in {grown} bytes of memory");
    assert!(grown < 16 << 20, "{grown}");
    let other = vec![8; 64 << 20];
    // It is refused in the midst, and whoever sends on may not hear it.
    if let Some(answer) = put(&client, &hash(&other), &other) {
        refused(&answer, 409, "full");
    }
    let files = client.get("/v1/files").json();
    assert_eq!(files.as_array().unwrap().len(), 1, "{files}");
    // Whoever stops in the midst holds the one place for some seconds, and nobody else up.
    let part = format!(
        "PUT /v1/files/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: 1000\r\n\r\nabc",
        hash(b"a"),
        client.at,
        client.token
    );
    let deadline = Instant::now() + PATIENCE;
    let mut stuck = loop {
        // Which of the two comes first is nobody's to say.
        let mut stuck = std::net::TcpStream::connect(&client.at).unwrap();
        io::Write::write_all(&mut stuck, part.as_bytes()).unwrap();
        if put(&client, &hash(b"b"), b"b").unwrap().status == 429 {
            break stuck;
        }
        client.ask("DELETE", &format!("/v1/files/{}", hash(b"b")), &[], "");
        assert!(Instant::now() < deadline, "nobody else is let in meanwhile");
    };
    assert_eq!(client.get("/v1/node").status, 200);
    // It is told, and the place is free again.
    let mut said = String::new();
    io::Read::read_to_string(&mut stuck, &mut said).unwrap_or_default();
    assert!(
        said.contains("408") && said.contains("ended after 3 bytes"),
        "{said}"
    );
    assert_eq!(put(&client, &hash(b"b"), b"b").unwrap().status, 200);
    let gone = client.ask("DELETE", &format!("/v1/files/{}", hash(&long)), &[], "");
    assert_eq!(gone.status, 200);
}
