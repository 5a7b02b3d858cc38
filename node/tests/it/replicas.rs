//! Several replicas of one node with their logs in PostgreSQL: one writes, another takes over, and no ruling is signed twice.

use std::{
    cell::Cell,
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use narthex::{
    bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom},
    channel::contract::ContractChange,
};
use narthex_base::codec::Message as _;
use serde_json::Value;

use crate::{
    contracts::{everybody, quiet},
    support::{
        house::{Doom, House},
        kill::When,
        postgres::Postgres,
        replicas::words_of,
        seed,
    },
};

/// The arbiter that has replicas.
const AT: usize = 3;

const MOMENTS: [When; 4] = [When::Written, When::Before, When::After, When::Said];

/// Writes of a replica from its start on: that it takes over, what it doubts, what it has seen, and some of its node.
const WRITES: u32 = 7;

/// A case of a node as its arbiter; nothing while it is not there.
fn case(house: &House, at: usize) -> Value {
    let status = house.try_arbiter(at, &["status"]).unwrap_or_default();
    status["arbiter"]["cases"][0].clone()
}

/// Changes of contracts in the logs of a database or a file, by whoever reads their entries.
fn changes(entries: Vec<Vec<u8>>) -> Vec<ContractChange> {
    let changes = entries
        .iter()
        .map(|entry| ContractChange::from_bytes(entry).unwrap());
    changes.collect()
}

const ENTRIES: &str = "SELECT bytes FROM entry JOIN log ON log.number = entry.log
    WHERE machine = 'contract' ORDER BY entry.log, entry.number";

fn in_database(server: &Postgres, database: &str) -> Vec<ContractChange> {
    let rows = server.client(database).query(ENTRIES, &[]).unwrap();
    changes(rows.iter().map(|row| row.get(0)).collect())
}

fn in_file(dir: &Path) -> Vec<ContractChange> {
    let db = rusqlite::Connection::open(dir.join("node.db")).unwrap();
    // `number` is of both tables.
    let mut select = db.prepare(ENTRIES).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    changes(rows.collect::<Result<_, _>>().unwrap())
}

/// What was signed or said of rulings of the arbiter: its attestations, and the digests that went to others.
fn said(changes: &[ContractChange]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut attested, mut digests) = (BTreeSet::new(), BTreeSet::new());
    for change in changes {
        match change {
            ContractChange::Attested(attested_by) if attested_by.arbiter == 0 => {
                attested.insert(format!("{attested_by:?}"));
            }
            ContractChange::DigestHeard(digest)
            | ContractChange::RulingFixed { mine: digest, .. }
                if digest.arbiter == 0 =>
            {
                digests.insert(format!("{:?}", digest.digest));
            }
            _ => {}
        }
    }
    (attested, digests)
}

/// From now on whoever is the node dies so, the last of these first. The two that are there are none of them.
fn doomed(house: &mut House, dooms: Vec<Doom>) {
    house.nodes[AT].is_doomed_to(dooms);
    for _ in 0..2 {
        house.nodes[AT].kill();
        house.again(AT);
    }
}

/// Blocks come until the arbiter is as it should be.
fn mined_until(house: &mut House, id: &str, is_so: impl Fn(&House) -> bool) {
    for _ in 0..200 {
        quiet(house, id);
        if is_so(house) {
            return;
        }
        house.mine(1);
    }
    house.in_vain("blocks");
}

/// The replicas of an arbiter die at each of their writes, in the set-up and in a case, in turns; one that has nothing but an older database takes
/// over at last. Peers hear of one ruling.
#[test]
fn replicas_are_killed_at_their_writes_and_a_late_one_is_promoted_and_one_ruling_is_signed() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut primary = Postgres::start();
    let mut follower = primary.follower("b");
    let mut late = primary.follower("late");
    primary.set("synchronous_standby_names", "b");
    let database = primary.database();
    let mut house = House::with_replicas(&words_of(&primary, &database, 2));
    // Once in the set-up: who costs two attempts is left out by the others.
    let doom = |rng: &mut StdRng, at: u32| -> Doom { (at, *MOMENTS.choose(rng).unwrap()) };
    let once = rng.gen_range(3..=WRITES);
    let in_set_up = doom(&mut rng, once);
    println!("in the set-up: {in_set_up:?}");
    doomed(&mut house, vec![in_set_up]);
    let id = house.offer();
    house.accept(&id);
    house.wait("all are committed", |house| {
        everybody(house, &id, "committed")
    });
    println!("attempt {}", house.show(AT, &id)["attempt"]);
    house.wait("the funding is published", |house| {
        !house.waiting().is_empty()
    });
    house.cut_off_verifier();
    house.mine(1);
    house.wait("all are live", |house| everybody(house, &id, "live"));
    // What comes from here on one server hears of by and by, or not at all.
    late.stop();
    let mut dooms: Vec<_> = (1..=WRITES).map(|at| doom(&mut rng, at)).collect();
    dooms.shuffle(&mut rng);
    println!("{dooms:?}");
    doomed(&mut house, dooms);
    house.wait("the work is done", |house| {
        house.try_ask(1, &["deliver", &id]).is_ok()
    });
    mined_until(&mut house, &id, |house| case(house, AT)["attested"] == true);
    let left = house.nodes[AT].deaths_left();
    println!("{left} deaths were left");
    assert!(left <= WRITES as usize / 2);
    let (attested, digests) = said(&in_database(&primary, &database));
    assert_eq!((attested.len(), digests.len()), (1, 1));
    let ruling = case(&house, AT)["ruling"].clone();
    assert!(ruling.is_string());

    // Both servers that have it fail, and the late one is promoted. A replica that was there sees what is missing.
    primary.stop();
    follower.stop();
    late.again();
    late.promote();
    let (none, _) = said(&in_database(&late, &database));
    assert_eq!(none.len(), 0);
    house.alone(AT, &words_of(&late, &database, 1));
    house.heard(
        AT,
        "the database is an older copy than this replica has seen",
    );
    // What it has said of its ruling is given back to it, though no server and no record that it has knows of that.
    house.wait("it goes by the others", |_| {
        let known = in_database(&late, &database);
        let is_back = |change: &ContractChange| match change {
            ContractChange::DigestSeen { digest, .. } => {
                digests.contains(&format!("{:?}", digest.digest))
            }
            _ => false,
        };
        known.contains(&ContractChange::PutBack(true)) && known.iter().any(is_back)
    });
    // One that has no memory at all neither.
    let words = words_of(&late, &database, 1);
    house.anew(AT, "third", &words);
    house.heard(
        AT,
        "others have written to the database since this replica did",
    );
    mined_until(&mut house, &id, |house| {
        (3..6).all(|at| !case(house, at)["ended"].is_null())
    });
    let case = case(&house, AT);
    println!("{case}");
    assert!(
        case["ruling"].is_null() || case["ruling"] == ruling,
        "{case}"
    );
    for node in &mut house.nodes {
        node.kill();
    }
    let heard = (0..house.nodes.len()).filter(|at| *at != AT);
    let heard = heard.map(|at| said(&in_file(&house.nodes[at].dir)));
    for (signed, said) in heard.chain([said(&in_database(&late, &database))]) {
        assert!(signed.is_subset(&attested), "{signed:?}, {attested:?}");
        assert!(said.is_subset(&digests), "{said:?}, {digests:?}");
    }
}

/// An order to a replica, as its operator gives it.
fn ordered(dir: &Path, order: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_narthex-node"));
    command.args([order, "--json", "--dir"]).arg(dir);
    command
}

/// The answer to an order, once the node runs.
fn answered(mut order: Command) -> Value {
    let start = Instant::now();
    loop {
        let output = order.output().unwrap();
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{output:?}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// What a node that is not to start says.
fn refused(house: &House, dir: &Path, words: &[String]) -> String {
    let (url, cookie) = house.chain.rpc();
    let run = ["--research", "--node", &url, "--cookie"];
    let output = ordered(dir, "run")
        .args(run)
        .arg(cookie)
        .args(words)
        .output();
    let Output { status, stderr, .. } = output.unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_replica_that_was_paused_commits_nothing_when_it_wakes_up() {
    let server = Postgres::start();
    let database = server.database();
    let words = words_of(&server, &database, 1);
    let mut house = House::of_one_with(&words);
    let other = house.standby(0);
    let first = house.ask(0, &["address"])["address"].clone();
    house.ask(0, &["drain"]);
    // Whoever waits says so, and does nothing else.
    let ready = ordered(&other, "ready").output().unwrap();
    assert!(!ready.status.success());
    let said = String::from_utf8(ready.stdout).unwrap();
    assert!(
        said.contains("\"standby\"") && said.contains("waits for its turn"),
        "{said}"
    );
    let address = ordered(&other, "address").output().unwrap();
    assert!(!address.status.success(), "{address:?}");

    // What must not start does not: with settings that lose commits, with a password for everybody to read, from another past.
    let new = house.file("new");
    let why = refused(&house, &new, &words_of(&server, &database, 2));
    assert!(why.contains("synchronous_standby_names is \"\""), "{why}");
    let open = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let why = refused(
        &house,
        &new,
        &open(&["--database", "postgres://a:hunter2@localhost/b"]),
    );
    assert!(
        why.contains("has a password in it") && !why.contains("hunter2"),
        "{why}"
    );
    let why = refused(
        &house,
        &new,
        &open(&["--database", "postgres://a@db.example/b"]),
    );
    assert!(why.contains("nothing encrypts"), "{why}");
    let why = refused(&house, &new, &words);
    assert!(why.contains("is the shelf of node"), "{why}");
    house.nodes[0].kill();
    let own = house.nodes[0].dir.clone();
    let why = refused(&house, &own, &[]);
    assert!(why.contains("name it with --database"), "{why}");
    std::fs::copy(own.join("node.key"), new.join("node.key")).unwrap();
    let why = refused(&house, &new, &words);
    assert!(why.contains("has no seed"), "{why}");
    std::fs::write(new.join("node.db"), "").unwrap();
    let why = refused(&house, &new, &words);
    assert!(why.contains("has the logs of this node"), "{why}");
    house.again(0);
    assert_eq!(house.nodes[0].dir, other);
    let second = house.ask(0, &["address"])["address"].clone();
    assert_ne!(first, second);

    // An arbiter's folder is made with its logs in a database of its own, and has its address in its options.
    let own = words_of(&server, &server.database(), 1);
    let own: Vec<_> = own.iter().map(String::as_str).collect();
    let made = house.init("arbiter", &[&["--research"], &own[..]].concat());
    let dir = house.file("arbiter");
    assert!(dir.join("database.seen").exists() && !dir.join("node.db").exists());
    let served = ordered(&dir, "address");
    let mut serves = Command::new(env!("CARGO_BIN_EXE_narthex-node"))
        .args([
            "arbiter",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--api",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(&dir)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let address = answered(served);
    assert_ne!(address["address"], made["pay_to"]);
    serves.kill().unwrap();
    serves.wait().unwrap();

    // It stands still, and is given an order and a block meanwhile; another takes over.
    let commits = || -> (i64, i64) {
        let row = server
            .client(&database)
            .query_one("SELECT epoch, commits FROM lease", &[]);
        let row = row.unwrap();
        (row.get(0), row.get(1))
    };
    let (epoch, _) = commits();
    house.nodes[0].signal("STOP");
    let late = ordered(&other, "address")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut paused = house.replaced(0);
    assert_eq!(house.ask(0, &["status"])["node"]["draining"], true);
    let third = house.ask(0, &["address"])["address"].clone();
    assert!(![&first, &second].contains(&&third));
    house.mine(1);
    let height = house.height();
    house.wait("it sees the block", |house| {
        house.ask(0, &["status"])["node"]["tip"] == height
    });
    // What it commits of that block, it has committed: several of its looks at the chain have changed nothing.
    let before = Cell::new(commits());
    house.wait("it has nothing more to commit", |_| {
        std::thread::park_timeout(Duration::from_millis(500));
        let now = commits();
        before.replace(now) == now
    });
    let before = before.get();
    assert_eq!(before.0, epoch + 1);
    paused.signal("CONT");
    let start = Instant::now();
    while paused.runs() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{:?}",
            paused.said()
        );
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let late = late.wait_with_output().unwrap();
    assert!(!late.status.success(), "{late:?}");
    assert_eq!(commits(), before);
    // By the lease, and not since it found something else than it knew. Both have one file.
    let logged = std::fs::read_to_string(house.log(0)).unwrap();
    assert!(logged.contains("another replica writes to"), "{logged}");
    // Started again it waits.
    house.stands_by(0, &other);
    house.nodes[0].kill();
    house.again(0);
    let fourth = house.ask(0, &["address"])["address"].clone();
    assert!(![first, second, third].contains(&fourth));
}
