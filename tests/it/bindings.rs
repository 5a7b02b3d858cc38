//! The record of what a party has bound: what was acknowledged is there, whatever happens to process or file.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Secp256k1, SecretKey},
};
use narthex::{
    bindings::{BindingsError, FileBindings},
    contracts::{
        attest::{Attester, BoundRuling, RulingError},
        binding::{
            BindError, Bindings, Mark,
            conformance::{self, Reopen},
        },
        fixtures::Fixtures,
        terms::{Role, TermsDraft, TermsError},
    },
    game_model::{Ruling, Template},
};

fn mark(n: u8) -> Mark {
    Mark::of("test", &[n; 32])
}

fn used(n: u8, bound_to: u8) -> Result<(), BindError> {
    Err(BindError::Used {
        mark: mark(n),
        bound_to: [bound_to; 32],
    })
}

struct Record {
    _folder: tempfile::TempDir,
    path: PathBuf,
    open: Option<FileBindings>,
}

impl Record {
    fn new() -> Record {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bindings");
        let open = Some(FileBindings::open(&path).unwrap());
        Record {
            _folder: folder,
            path,
            open,
        }
    }

    /// A record with three bindings, closed, and its bytes.
    fn of_three() -> (Record, Vec<u8>) {
        let mut record = Record::new();
        let mut open = record.open.take().unwrap();
        for n in 1..=3 {
            open.bind(mark(n), [n; 32]).unwrap();
        }
        drop(open);
        let bytes = fs::read(&record.path).unwrap();
        (record, bytes)
    }
}

impl Reopen for Record {
    type Store = FileBindings;

    fn store(&mut self) -> Result<&mut FileBindings, String> {
        self.open.as_mut().ok_or_else(|| "closed".into())
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.open = None;
        self.open = Some(FileBindings::open(&self.path).map_err(|e| e.to_string())?);
        Ok(())
    }
}

#[test]
fn a_record_in_a_file_conforms() {
    conformance::check(&mut Record::new()).unwrap();
}

/// A record that becomes durable late has everything at once for whoever asks it or opens it again, and nothing of it is trusted once its file is gone.
#[test]
fn a_late_record_conforms_and_settles() {
    let mut record = Record::new();
    record.open = record.open.take().map(FileBindings::late);
    conformance::check(&mut record).unwrap();
    let mut record = Record::new();
    let mut open = record.open.take().unwrap().late();
    for n in 1..=3 {
        open.bind(mark(n), [n; 32]).unwrap();
        assert_eq!(open.bound(&mark(n)), Some([n; 32]));
    }
    open.settle().unwrap();
    open.settle().unwrap();
    open.bind(mark(4), [4; 32]).unwrap();
    drop(open);
    let mut open = FileBindings::open(&record.path).unwrap().late();
    assert_eq!(open.bind(mark(4), [5; 32]), used(4, 4));
    open.bind(mark(5), [5; 32]).unwrap();
    fs::rename(&record.path, record.path.with_extension("gone")).unwrap();
    assert!(matches!(open.settle(), Err(BindError::Store(_))));
    assert!(matches!(open.settle(), Err(BindError::Store(_))));
    assert!(matches!(
        open.bind(mark(6), [6; 32]),
        Err(BindError::Store(_))
    ));
}

#[test]
fn the_record_is_its_owners_alone() {
    let record = Record::new();
    let mode = fs::metadata(&record.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn wherever_a_write_is_cut_off_what_was_acknowledged_is_there_and_the_rest_is_free() {
    let (record, whole) = Record::of_three();
    let (head, line) = (19, 195);
    assert_eq!(whole.len(), head + 3 * line);
    for cut in 0..=whole.len() {
        fs::write(&record.path, &whole[..cut]).unwrap();
        let kept = cut.saturating_sub(head) / line;
        let mut open = FileBindings::open(&record.path).unwrap();
        for n in 1..=3u8 {
            let again = open.bind(mark(n), [n + 10; 32]);
            match usize::from(n) <= kept {
                true => assert_eq!(again, used(n, n), "cut at {cut}"),
                false => assert_eq!(again, Ok(()), "cut at {cut}"),
            }
        }
        drop(open);
        let mut open = FileBindings::open(&record.path).unwrap();
        assert_eq!(
            open.bind(mark(3), [3; 32]),
            used(3, if kept == 3 { 3 } else { 13 })
        );
    }
}

#[test]
fn any_other_damage_is_refused_names_its_record_and_changes_nothing() {
    let (record, whole) = Record::of_three();
    let expect = |bytes: &[u8], number: u64, what: &str| {
        fs::write(&record.path, bytes).unwrap();
        let error = FileBindings::open(&record.path).unwrap_err();
        assert!(
            matches!(error, BindingsError::Damaged { record, .. } if record == number),
            "{what}: {error}"
        );
        assert_eq!(fs::read(&record.path).unwrap(), bytes, "{what}");
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let number = if at < 19 {
            0
        } else {
            (at as u64 - 19) / 195 + 1
        };
        expect(&bytes, number, &format!("byte {at} changed"));
    }
    let line = |n: usize| &whole[19 + 195 * n..19 + 195 * (n + 1)];
    let of = |lines: &[&[u8]]| [&whole[..19], &lines.concat()[..]].concat();
    expect(&of(&[line(0), line(2)]), 2, "a line taken out");
    expect(&of(&[line(1), line(0), line(2)]), 1, "lines swapped");
    expect(
        &of(&[line(0), line(1), line(2), line(2)]),
        4,
        "a line twice",
    );
    expect(
        &of(&[line(0), line(1), line(2), &[0; 40]]),
        4,
        "zeros behind",
    );
    expect(b"something else entirely", 0, "another file");
}

#[test]
fn a_record_that_was_replaced_under_its_name_binds_nothing_more() {
    let mut record = Record::new();
    fs::remove_file(&record.path).unwrap();
    let lost = record.store().unwrap().bind(mark(1), [1; 32]);
    assert!(matches!(lost, Err(BindError::Store(_))), "{lost:?}");
    // And goes on refusing until it is opened again.
    fs::write(&record.path, b"").unwrap();
    let lost = record.store().unwrap().bind(mark(2), [2; 32]);
    assert!(matches!(lost, Err(BindError::Store(_))), "{lost:?}");
    record.reopen().unwrap();
    record.store().unwrap().bind(mark(1), [1; 32]).unwrap();
}

#[test]
fn a_link_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let (elsewhere, path) = (folder.path().join("elsewhere"), folder.path().join("link"));
    fs::write(&elsewhere, b"").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = FileBindings::open(&path).unwrap_err();
    assert!(matches!(error, BindingsError::File { .. }), "{error}");
    assert_eq!(fs::read(&elsewhere).unwrap(), b"");
}

/// Names of the variables that tell a process of its own what to do.
const RECORD: &str = "NARTHEX_TEST_RECORD";
const THEN: &str = "NARTHEX_TEST_THEN";

fn process(path: &Path, then: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "bindings::in_a_process",
        ])
        .env(RECORD, path)
        .env(THEN, then)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The case that an arbiter rules on in a process of its own.
const CASE: [u8; 32] = [5; 32];

fn arbiter() -> (SecretKey, XOnlyPublicKey) {
    let key = SecretKey::from_slice(&[6; 32]).unwrap();
    (key, key.x_only_public_key(&Secp256k1::new()).0)
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn in_a_process() {
    let mut open = FileBindings::open(Path::new(&std::env::var_os(RECORD).unwrap())).unwrap();
    if std::env::var(THEN).unwrap() == "rule" {
        // Bound, and killed before there is a signature.
        let (_, name) = arbiter();
        let bound = BoundRuling::bind(&CASE, &name, Ruling::WorkerAtFault, &mut open);
        bound.unwrap();
        std::process::abort();
    }
    open.bind(mark(1), [1; 32]).unwrap();
    if std::env::var(THEN).unwrap() == "die" {
        std::process::abort();
    }
    println!("\nbound");
    // Until it is killed, or its parent is gone.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_process_that_dies_before_it_can_say_so_has_bound() {
    let mut record = Record::new();
    record.open = None;
    let status = process(&record.path, "die").wait().unwrap();
    assert!(!status.success());
    record.reopen().unwrap();
    assert_eq!(record.store().unwrap().bind(mark(1), [2; 32]), used(1, 1));
}

/// An arbiter that is killed between its ruling and its signature rules the same when it is back, whatever it is told
/// then, and the signature is the one that it would have sent.
#[test]
fn an_arbiter_that_dies_before_it_attests_has_ruled() {
    let mut record = Record::new();
    record.open = None;
    let status = process(&record.path, "rule").wait().unwrap();
    assert!(!status.success());
    let (key, name) = arbiter();
    let secp = Secp256k1::new();
    let (bound, asked) = (Ruling::WorkerAtFault, Ruling::VerifierAtFault);
    let mut sent = Vec::new();
    for _ in 0..2 {
        record.reopen().unwrap();
        let store = record.store().unwrap();
        let other = BoundRuling::bind(&CASE, &name, asked, store);
        assert_eq!(other, Err(RulingError::Contradicts { bound, asked }));
        let same = BoundRuling::bind(&CASE, &name, bound, store).unwrap();
        let attester = Attester::of(&key, &CASE).unwrap();
        let announced = attester.point(&secp);
        let attestation = attester.attest(&secp, 0, same).unwrap();
        attestation.verify(&secp, &name, &announced, &CASE).unwrap();
        sent.push(attestation);
    }
    assert_eq!(sent[0], sent[1]);
    // A record that cannot be written rules on nothing.
    fs::remove_file(&record.path).unwrap();
    let elsewhere = BoundRuling::bind(&[7; 32], &name, bound, record.store().unwrap());
    assert!(
        matches!(elsewhere, Err(RulingError::Bind(BindError::Store(_)))),
        "{elsewhere:?}"
    );
}

#[test]
fn two_processes_cannot_bind_at_once_and_a_killed_one_leaves_no_lock() {
    let mut record = Record::new();
    record.open = None;
    let mut other = process(&record.path, "wait");
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "bound"));
    let error = FileBindings::open(&record.path).unwrap_err();
    assert!(matches!(error, BindingsError::InUse { .. }), "{error}");
    other.kill().unwrap();
    other.wait().unwrap();
    record.reopen().unwrap();
    assert_eq!(record.store().unwrap().bind(mark(1), [2; 32]), used(1, 1));
}

#[test]
fn one_process_cannot_open_a_record_twice() {
    let record = Record::new();
    let error = FileBindings::open(&record.path).unwrap_err();
    assert!(matches!(error, BindingsError::InUse { .. }), "{error}");
}

/// The machine stops after a failed ceremony; what starts again finds its salt used, for these terms and for others.
#[test]
fn terms_that_were_bound_before_a_restart_are_refused_after_it() {
    let mut record = Record::new();
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 800_000, [7; 32]).unwrap();
    let terms = fixtures.terms().unwrap();
    let mut other = terms.record().clone();
    other.client.funding.coins[0].value_sat += bitcoin::Amount::from_sat(1);
    let other = TermsDraft::new(other).unwrap();
    for role in Role::all(3) {
        let draft = terms.draft().clone();
        let proposal = fixtures.proposal(role, &draft).unwrap();
        draft.bind(proposal, record.store().unwrap()).unwrap();
    }
    record.reopen().unwrap();
    for role in Role::all(3) {
        for draft in [terms.draft(), &other] {
            let proposal = fixtures.proposal(role, draft).unwrap();
            let error = draft.clone().bind(proposal, record.store().unwrap());
            assert!(
                matches!(
                    &error,
                    Err(TermsError::Bind(BindError::Used { bound_to, .. })) if bound_to == terms.contract_id()
                ),
                "{role}: {error:?}"
            );
        }
    }
}
