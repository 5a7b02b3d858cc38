//! `narthex store`, the real command on a real file: stored, audited, damaged, recovered.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/game-model/data/digits.csv");

struct Done {
    fine: bool,
    out: String,
    err: String,
}

fn narthex(folder: &Path, args: &str) -> Done {
    let run = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .current_dir(folder)
        .arg("store")
        .args(args.split_whitespace())
        .output()
        .unwrap();
    Done {
        fine: run.status.success(),
        out: String::from_utf8(run.stdout).unwrap(),
        err: String::from_utf8(run.stderr).unwrap(),
    }
}

/// Runs a command that must succeed.
fn works(folder: &Path, args: &str) -> String {
    let done = narthex(folder, args);
    assert!(done.fine, "{args}: {}", done.err);
    done.out
}

/// Runs a command that must fail, with these words.
fn fails(folder: &Path, args: &str, words: &str) {
    let done = narthex(folder, args);
    assert!(!done.fine, "{args}: {}", done.out);
    assert!(done.err.contains(words), "{args}: {}", done.err);
    assert!(!done.err.contains("panicked"), "{args}: {}", done.err);
}

/// Spoils the first `count` chunks of 4 KiB.
fn damage(folder: &Path, count: usize) {
    let chunks = folder.join("s/chunks");
    let mut file = OpenOptions::new().write(true).open(chunks).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&vec![0xee; count * 4096]).unwrap();
}

#[test]
fn a_store_is_audited_damaged_and_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = works(folder, &format!("encode {FILE} --out s --json"));
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["archive"]["shape"]["data_chunks"], 65);

    // Client and provider apart, with the client's own files.
    std::fs::copy(folder.join("s/archive.json"), folder.join("mine.json")).unwrap();
    let challenge = "challenge --archive mine.json --out c.json --chunks 60";
    works(folder, &format!("{challenge} --id {id}"));
    works(folder, "prove s --challenge c.json --out p");
    let passed = works(
        folder,
        "verify --archive mine.json --challenge c.json --proof p --json",
    );
    let passed: serde_json::Value = serde_json::from_str(&passed).unwrap();
    assert_eq!(
        (&passed["passed"], &passed["chunks"]),
        (&true.into(), &60.into())
    );
    works(folder, &format!("audit s --proof p1 --id {id}"));
    // The proof answers no other challenge.
    works(
        folder,
        "challenge --archive mine.json --out d.json --chunks 60",
    );
    let other = "verify --archive mine.json --challenge d.json --proof p";
    fails(folder, other, "answers another challenge");

    damage(folder, 33);
    fails(
        folder,
        "prove s --challenge c.json --out p2",
        "is lost or damaged",
    );
    assert!(!folder.join("p2").exists());
    let recovered = works(folder, "recover s --out back --memory-mib 1");
    assert!(
        recovered.contains("33 of 98 chunks were lost"),
        "{recovered}"
    );
    let back = std::fs::read(folder.join("back")).unwrap();
    assert_eq!(back, std::fs::read(FILE).unwrap());

    damage(folder, 35);
    fails(
        folder,
        "recover s --out more",
        "35 of 98 chunks are lost, at most 33 can be replaced",
    );
    assert!(!folder.join("more").exists());
}

#[test]
fn mistakes_are_named_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    works(folder, &format!("encode {FILE} --out s"));
    fails(
        folder,
        &format!("encode {FILE} --out s"),
        "holds a store already",
    );
    fails(folder, "encode nothing --out t", "cannot open nothing");
    fails(folder, "encode . --out t", "no ordinary file");
    std::fs::write(folder.join("empty"), "").unwrap();
    fails(folder, "encode empty --out t", "the file is empty");
    for (loss, words) in [
        ("0.3.3", "write it as 1/10, 10% or 0.1"),
        ("1/0", "parts of 0 are none"),
        ("100%", "between 0 and 1"),
    ] {
        fails(
            folder,
            &format!("encode {FILE} --out t --loss {loss}"),
            words,
        );
    }
    fails(folder, "recover t --out b", "holds no complete store");
    fails(
        folder,
        "recover s --out s/chunks",
        "name a file that does not exist yet",
    );
    let zeros = "00".repeat(32);
    fails(
        folder,
        &format!("recover s --out b --id {zeros}"),
        "another store, or was changed",
    );
    fails(
        folder,
        "audit s --proof p --chunks 99",
        "cannot sample 99 of 98",
    );
    fails(
        folder,
        "audit s --proof p --chunks 0",
        "cannot sample 0 of 98",
    );
    // What belongs to the store is damaged, cut short or foreign.
    let hashes = std::fs::read(folder.join("s/hashes")).unwrap();
    std::fs::write(folder.join("s/hashes"), &hashes[..1000]).unwrap();
    fails(folder, "recover s --out b", "not those of the archive");
    std::fs::write(folder.join("s/hashes"), vec![0; 3 << 20]).unwrap();
    fails(folder, "recover s --out b", "has more than 2097152 bytes");
    std::fs::write(folder.join("s/hashes"), hashes).unwrap();
    let archive = std::fs::read_to_string(folder.join("s/archive.json")).unwrap();
    for (from, to) in [
        ("65", "64"),
        ("4096", "4097"),
        ("264712", "99999999999999999999"),
    ] {
        let bad = archive.replacen(from, to, 1);
        assert_ne!(bad, archive);
        std::fs::write(folder.join("s/archive.json"), bad).unwrap();
        fails(folder, "recover s --out b", "is not what it should be");
    }
    std::fs::write(folder.join("s/archive.json"), archive).unwrap();
    std::fs::remove_file(folder.join("s/chunks")).unwrap();
    fails(folder, "audit s --proof p", "without its chunks");
    assert!(!folder.join("p").exists() && !folder.join("b").exists());
}

/// `encode` killed at each file that it makes: the next attempt does it, and no message sends in a circle.
#[test]
fn an_encode_that_was_killed_is_done_anew() {
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bytes: Vec<u8> = (0..6_000_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(folder.join("big"), &bytes).unwrap();
    let names = |store: &Path| -> Vec<String> {
        let names = std::fs::read_dir(store).into_iter().flatten().flatten();
        names
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    };
    let mut killed = 0;
    for at in ["unfinished", ".part", "chunks", "hashes", "archive.json"] {
        let store = folder.join(at);
        let mut child = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .current_dir(folder)
            .args(["store", "encode", "big", "--json", "--out", at])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let is_there = || names(&store).iter().any(|name| name.ends_with(at));
        while !is_there() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if names(&store).iter().all(|name| name != "archive.json") {
            killed += 1;
            let words = "`narthex store encode FILE --out";
            fails(folder, &format!("recover {at} --out x"), words);
            works(folder, &format!("encode big --out {at}"));
        }
        works(folder, &format!("recover {at} --out back"));
        assert_eq!(std::fs::read(folder.join("back")).unwrap(), bytes);
        std::fs::remove_file(folder.join("back")).unwrap();
        assert!(names(&store).iter().all(|name| !name.ends_with(".part")));
    }
    assert!(killed >= 2, "{killed} of 5 were killed in time");

    // Every state that a kill between two names can leave.
    let whole = folder.join("archive.json");
    for kept in [
        &["unfinished"][..],
        &["unfinished", "chunks"],
        &["unfinished", "chunks", "hashes"],
    ] {
        let state = folder.join("state");
        std::fs::create_dir(&state).unwrap();
        for name in kept {
            std::fs::write(state.join(name), "half").unwrap();
        }
        fails(folder, "recover state --out x", "begins it anew");
        works(folder, "encode big --out state");
        for name in ["chunks", "hashes", "archive.json"] {
            let same = std::fs::read(state.join(name)).unwrap()
                == std::fs::read(whole.join(name)).unwrap();
            assert!(same, "{name}");
        }
        assert!(!state.join("unfinished").exists());
        std::fs::remove_dir_all(&state).unwrap();
    }

    // Chunks without a word about who left them are nobody's to overwrite; each message says what to do.
    std::fs::remove_file(whole.join("archive.json")).unwrap();
    std::fs::remove_file(whole.join("unfinished")).ok();
    let words = "delete archive.json/chunks";
    fails(folder, "encode big --out archive.json", words);
    fails(folder, "recover archive.json --out x", words);
    std::fs::remove_file(whole.join("chunks")).unwrap();
    fails(
        folder,
        "encode big --out archive.json",
        "delete archive.json/hashes",
    );
    std::fs::remove_file(whole.join("hashes")).unwrap();
    works(folder, "encode big --out archive.json");

    // Two at once do not mix.
    std::fs::create_dir(folder.join("shared")).unwrap();
    let lock = std::fs::File::open(folder.join("shared")).unwrap();
    lock.lock().unwrap();
    fails(
        folder,
        "encode big --out shared",
        "another process is making a store",
    );
    drop(lock);
    works(folder, "encode big --out shared");
}
