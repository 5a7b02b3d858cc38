//! Jobs as they travel: packed, fetched chunk by chunk, looked at.

use std::{
    fs,
    path::{Path, PathBuf},
};

use narthex::{
    game_model::{
        bundle::{Bundle, BundleTree, CHUNK_BYTES},
        computation::{Computation as _, StepProgram as _},
    },
    job::{BundleServer, BundleWriter, HeldBundle, JobError, Looked, Plan, Running, pack},
};
use tempfile::TempDir;

/// A job of a program and records in files of their own, three chunks of them and a bit.
fn job(folder: &Path) -> PathBuf {
    fs::create_dir(folder.join("deep")).unwrap();
    let example = narthex::job::Manifest::example("wasm", &[]).unwrap();
    let mut json = serde_json::to_value(example).unwrap();
    let text = json["work"]["program"]["text"].as_str().unwrap().to_owned();
    fs::write(folder.join("deep/program.wat"), text).unwrap();
    let records: Vec<u8> = (1_u64..=12_345).flat_map(u64::to_le_bytes).collect();
    assert_eq!(records.len().div_ceil(CHUNK_BYTES), 4);
    fs::write(folder.join("records"), records).unwrap();
    json["work"]["program"] = serde_json::json!({ "file": "deep/program.wat" });
    json["work"]["input"] = serde_json::json!({ "format": "bytes", "file": "records", "width": 8 });
    json["entropy_bits"] = serde_json::json!(5);
    let path = folder.join("job.json");
    fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    path
}

fn packed(job: &Path, folder: &Path) -> (Bundle, BundleServer) {
    fs::create_dir(folder).unwrap();
    let bundle = pack(job, folder).unwrap();
    let held = HeldBundle::new(bundle.clone(), folder.to_owned());
    (bundle, BundleServer::open(held).unwrap())
}

#[test]
fn what_is_fetched_is_the_job_that_was_packed() {
    let folder = TempDir::new().unwrap();
    let path = job(folder.path());
    let (bundle, mut server) = packed(&path, &folder.path().join("packed"));
    // Whatever becomes of the user's files.
    let plan = Plan::load(&path, &Running::default()).unwrap();
    let spec = *plan.first().spec();
    fs::remove_file(folder.path().join("records")).unwrap();
    let there = folder.path().join("fetched");
    let held = HeldBundle::new(bundle.clone(), there.clone());
    assert!(matches!(
        held.look(&Running::default(), false),
        Looked::Damaged
    ));
    for index in 0..bundle.chunks() {
        // As a process that is killed before each of them.
        let mut writer = BundleWriter::open(held.clone()).unwrap();
        let (bytes, proof) = server.chunk(index).unwrap();
        bundle.check(index, &bytes, &proof).unwrap();
        writer.write(index, &bytes).unwrap();
        writer.sync().unwrap();
    }
    let error = server.chunk(bundle.chunks()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    // What the client states of its entropy is believed, or not.
    for (is_believed, bits) in [(true, 5), (false, 0)] {
        match held.look(&Running::default(), is_believed) {
            Looked::Job(job, stage) => {
                assert_eq!((job.spec(), stage), (&spec, 0));
                assert_eq!(job.program().entropy_bits(), bits);
                assert_eq!(job.steps(), 12_345);
            }
            other => panic!("{other:?}"),
        }
    }
    // A bit that the disk has lost.
    let records = there.join("2");
    let mut bytes = fs::read(&records).unwrap();
    bytes[70_000] ^= 1;
    fs::write(&records, bytes).unwrap();
    assert!(matches!(
        held.look(&Running::default(), false),
        Looked::Damaged
    ));
    // And one that the client has lost: it is not served.
    let records = folder.path().join("packed/2");
    let mut bytes = fs::read(&records).unwrap();
    bytes[70_000] ^= 1;
    fs::write(&records, bytes).unwrap();
    let faults = (0..bundle.chunks()).filter(|index| server.chunk(*index).is_err());
    assert_eq!(faults.count(), 1);
}

/// A bundle as a stranger might make it, of whatever files.
fn made(folder: &Path, files: &[&[u8]]) -> HeldBundle {
    let lengths: Vec<_> = files.iter().map(|file| file.len() as u64).collect();
    let mut tree = BundleTree::new(&lengths).unwrap();
    for chunk in files.iter().flat_map(|file| file.chunks(CHUNK_BYTES)) {
        tree.push(chunk);
    }
    let (bundle, _) = tree.finish().unwrap();
    let held = HeldBundle::new(bundle.clone(), folder.to_owned());
    let mut writer = BundleWriter::open(held.clone()).unwrap();
    let chunks = files.iter().flat_map(|file| file.chunks(CHUNK_BYTES));
    for (index, chunk) in (0..).zip(chunks) {
        writer.write(index, chunk).unwrap();
    }
    writer.sync().unwrap();
    held
}

#[test]
fn a_strangers_job_names_no_file_of_this_machine() {
    let folder = TempDir::new().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "1,2,3").unwrap();
    let work = |images: &str| {
        format!(r#"{{"narthex_job": 1, "work": {{"kind": "digits-model", "images": "{images}"}}}}"#)
    };
    let names = [
        secret.to_str().unwrap(),
        "../secret",
        "1/../../secret",
        "./1",
        "2",
        "job.json",
    ];
    for (at, name) in names.into_iter().enumerate() {
        let manifest = work(name);
        let folder = folder.path().join(at.to_string());
        let held = made(&folder, &[manifest.as_bytes(), b"0,0"]);
        match held.look(&Running::default(), true) {
            Looked::Useless(JobError::Unbundled { file }) => assert_eq!(file, Path::new(name)),
            other => panic!("{name}: {other:?}"),
        }
    }
    // One that comes without its file, one with a file too many, and one that is none.
    let manifest = work("1");
    for (at, files) in [
        &[manifest.as_bytes()][..],
        &[manifest.as_bytes(), b"0", b"0"],
    ]
    .into_iter()
    .enumerate()
    {
        let held = made(&folder.path().join(format!("count-{at}")), files);
        let looked = held.look(&Running::default(), true);
        assert!(
            matches!(looked, Looked::Useless(JobError::Bundled { named: 1, .. })),
            "{looked:?}"
        );
    }
    for (at, file) in [&b"garbage"[..], b"{}", &[0xff; 70_000]]
        .into_iter()
        .enumerate()
    {
        let held = made(&folder.path().join(format!("none-{at}")), &[file]);
        let looked = held.look(&Running::default(), true);
        assert!(matches!(looked, Looked::Useless(_)), "{looked:?}");
    }
}

#[test]
fn what_cannot_travel_is_not_packed() {
    let folder = TempDir::new().unwrap();
    let manifest = |texts: &str| {
        let work = format!(
            r#"{{"kind": "word-count", "texts": [{texts}], "partition_bytes": 4096, "fan_in": 4}}"#
        );
        let path = folder.path().join("job.json");
        fs::write(&path, format!(r#"{{"narthex_job": 1, "work": {work}}}"#)).unwrap();
        path
    };
    let into = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    fs::write(folder.path().join("text"), "a word").unwrap();
    let many = vec![r#""text""#; 64].join(",");
    let error = pack(&manifest(&many), &into("many")).unwrap_err();
    assert!(matches!(error, JobError::Bundle(_)), "{error}");
    let error = pack(&manifest(r#""missing""#), &into("missing")).unwrap_err();
    assert!(matches!(error, JobError::NoFile { .. }), "{error}");
    let error = pack(&manifest(r#"".""#), &into("folder")).unwrap_err();
    assert!(matches!(error, JobError::NoFile { .. }), "{error}");
    // A hole of 3 GiB, which takes no room on the disk.
    let large = fs::File::create(folder.path().join("large")).unwrap();
    large.set_len(3 << 30).unwrap();
    let error = pack(&manifest(r#""large""#), &into("large-job")).unwrap_err();
    assert!(matches!(error, JobError::Bundle(_)), "{error}");
}
