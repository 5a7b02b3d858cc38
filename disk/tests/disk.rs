//! What writing promises: rights from the start, nothing through links, the old content or the new.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use narthex_disk::{
    Draft, Readers, keep_secret, lock, make_folder, move_new, open_log, read_secret, replace, save,
    sweep, target, temporary_folder,
};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Runs one test of this file again, as a process with this umask.
fn under_umask(test: &str, umask: &str) -> bool {
    if std::env::var("UNDER_UMASK").is_ok() {
        return true;
    }
    let script = format!("umask {umask}; exec \"$0\" --exact {test}");
    let status = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("UNDER_UMASK", umask)
        .status()
        .unwrap();
    assert!(status.success(), "umask {umask}");
    false
}

#[test]
fn rights_under_any_umask() {
    if !under_umask("rights_under_any_umask", "000") {
        under_umask("rights_under_any_umask", "077");
        under_umask("rights_under_any_umask", "022");
        return;
    }
    let umask = u32::from_str_radix(&std::env::var("UNDER_UMASK").unwrap(), 8).unwrap();
    let home = temporary_folder("disk-", None).unwrap();
    let home = home.path();
    assert_eq!(mode(home), 0o700);
    let folder = home.join("a/b");
    let made = make_folder(&folder, Readers::Owner).unwrap();
    assert_eq!(made, [home.join("a"), folder.clone()]);
    assert_eq!((mode(&home.join("a")), mode(&folder)), (0o700, 0o700));
    make_folder(&home.join("c"), Readers::Umask).unwrap();
    assert_eq!(mode(&home.join("c")), 0o777 & !umask);
    for (readers, expected) in [(Readers::Owner, 0o600), (Readers::Umask, 0o666 & !umask)] {
        let file = |name: &str| folder.join(format!("{name}-{readers:?}"));
        replace(&file("replace"), b"x", readers).unwrap();
        save(&file("save"), b"x", readers).unwrap();
        open_log(&file("log"), readers).unwrap();
        lock(&file("lock"), readers).unwrap();
        let mut draft = Draft::for_new(&file("draft"), readers).unwrap();
        // Before there is anything in it.
        let unnamed = draft.file().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(unnamed, expected);
        draft.publish_new(&file("draft")).unwrap();
        for name in ["replace", "save", "log", "lock", "draft"] {
            assert_eq!(mode(&file(name)), expected, "{name} {readers:?} {umask:o}");
        }
    }
    assert_eq!(names(&folder).len(), 10, "nothing else is left");
}

#[test]
fn names_of_ours_lead_nowhere_else() {
    let home = temporary_folder("disk-", None).unwrap();
    let (name, elsewhere) = (home.path().join("secrets"), home.path().join("elsewhere"));
    fs::write(&elsewhere, "theirs").unwrap();
    type Write<'a> = &'a dyn Fn() -> std::io::Result<()>;
    let writers: [(&str, Write<'_>); 4] = [
        ("replace", &|| replace(&name, b"secret", Readers::Owner)),
        ("log", &|| open_log(&name, Readers::Owner).map(drop)),
        ("lock", &|| lock(&name, Readers::Owner).map(drop)),
        ("publish_over", &|| {
            let mut draft = Draft::beside(&name, Readers::Owner)?;
            draft.file().write_all(b"secret")?;
            draft.publish_over(&name)
        }),
    ];
    for (what, write) in writers {
        let refused = |plant: &dyn Fn(), says: &str| {
            plant();
            let before = names(home.path());
            let error = write().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error}");
            assert!(error.to_string().contains(says), "{what}: {error}");
            assert_eq!(names(home.path()), before);
            assert_eq!(fs::read(&elsewhere).unwrap(), b"theirs");
        };
        refused(&|| symlink(&elsewhere, &name).unwrap(), "elsewhere");
        fs::remove_file(&name).unwrap();
        refused(&|| symlink("nowhere", &name).unwrap(), "a link to nowhere");
        assert!(!home.path().join("nowhere").exists());
        fs::remove_file(&name).unwrap();
        refused(&|| fs::create_dir(&name).unwrap(), "a folder");
        fs::remove_dir(&name).unwrap();
        let fifo = || {
            let made = Command::new("mkfifo").arg(&name).status().unwrap();
            assert!(made.success());
        };
        refused(&fifo, "no ordinary file");
        fs::remove_file(&name).unwrap();
        if what == "log" || what == "lock" {
            refused(&|| fs::hard_link(&elsewhere, &name).unwrap(), "2 names");
            fs::remove_file(&name).unwrap();
        }
        write().unwrap();
        fs::remove_file(&name).unwrap();
    }
}

#[test]
fn stale_names_and_rights_do_not_matter_to_a_secret() {
    let home = temporary_folder("disk-", None).unwrap();
    let name = home.path().join("secrets.json");
    // As the name of unfinished files once was.
    let part = home.path().join("secrets.json.part");
    fs::write(&part, "").unwrap();
    chmod(&part, 0o666);
    fs::write(&name, "old").unwrap();
    chmod(&name, 0o666);
    replace(&name, b"new", Readers::Owner).unwrap();
    assert_eq!(
        (mode(&name), fs::read(&name).unwrap()),
        (0o600, b"new".to_vec())
    );
    assert_eq!(fs::read(&part).unwrap(), b"");
    let log = home.path().join("log");
    fs::write(&log, "lines").unwrap();
    chmod(&log, 0o644);
    drop(open_log(&log, Readers::Owner).unwrap());
    assert_eq!(
        (mode(&log), fs::read(&log).unwrap()),
        (0o600, b"lines".to_vec())
    );
    // What is not secret keeps the rights that somebody gave it.
    chmod(&name, 0o640);
    replace(&name, b"newer", Readers::Umask).unwrap();
    assert_eq!(mode(&name), 0o640);
}

#[test]
fn a_secret_is_read_as_it_was_kept_or_not_at_all() {
    if !under_umask("a_secret_is_read_as_it_was_kept_or_not_at_all", "000") {
        return;
    }
    let home = temporary_folder("disk-", None).unwrap();
    let name = home.path().join("secret");
    let mut found = [9; 32];
    assert!(!read_secret(&name, &mut found).unwrap());
    keep_secret(&name, &[7; 32]).unwrap();
    assert_eq!(mode(&name), 0o600);
    assert!(read_secret(&name, &mut found).unwrap());
    assert_eq!(found, [7; 32]);
    // It is never written over.
    let error = keep_secret(&name, &[8; 32]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);

    let mut before = [1; 32];
    let mut refused = |path: &Path, kind| {
        let error = read_secret(path, &mut before).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(before, [1; 32]);
    };
    for rights in [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o666] {
        chmod(&name, rights);
        refused(&name, ErrorKind::InvalidInput);
    }
    chmod(&name, 0o400);
    let link = home.path().join("link");
    symlink(&name, &link).unwrap();
    refused(&link, ErrorKind::InvalidInput);
    let error = keep_secret(&link, &[8; 32]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    refused(home.path(), ErrorKind::InvalidInput);
    let second = home.path().join("second");
    fs::hard_link(&name, &second).unwrap();
    refused(&name, ErrorKind::InvalidInput);
    fs::remove_file(&second).unwrap();
    chmod(&name, 0o600);
    for length in [0, 31, 33] {
        fs::write(&name, vec![1; length]).unwrap();
        refused(&name, ErrorKind::InvalidData);
    }
}

#[test]
fn a_users_file_stays_what_it_is() {
    let home = temporary_folder("disk-", None).unwrap();
    let path = |name: &str| home.path().join(name);
    fs::create_dir(path("far")).unwrap();
    fs::write(path("far/real"), "old").unwrap();
    chmod(&path("far/real"), 0o640);
    symlink("far/real", path("link")).unwrap();
    symlink("link", path("link of link")).unwrap();
    let owner = |p: &Path| fs::metadata(p).map(|m| (m.uid(), m.gid())).unwrap();
    let before = owner(&path("far/real"));
    save(&path("link of link"), b"new", Readers::Umask).unwrap();
    assert_eq!(fs::read(path("far/real")).unwrap(), b"new");
    assert_eq!(
        (mode(&path("far/real")), owner(&path("far/real"))),
        (0o640, before)
    );
    assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("far/real"));
    assert_eq!(
        fs::read_link(path("link of link")).unwrap(),
        Path::new("link")
    );
    assert_eq!(names(&path("far")), ["real"]);
    assert_eq!(
        target(&path("link")).unwrap(),
        fs::canonicalize(path("far/real")).unwrap()
    );

    // A link to a file that is yet to be made, and one that leads nowhere.
    symlink("far/new", path("to new")).unwrap();
    save(&path("to new"), b"made", Readers::Umask).unwrap();
    assert_eq!(fs::read(path("far/new")).unwrap(), b"made");
    symlink("circle", path("circle")).unwrap();
    assert!(save(&path("circle"), b"x", Readers::Umask).is_err());
    symlink("none/there", path("dead")).unwrap();
    assert!(save(&path("dead"), b"x", Readers::Umask).is_err());
    make_folder(&path("shared"), Readers::Umask).unwrap();
    chmod(&path("shared"), 0o1777);
    symlink("../planted", path("shared/dead")).unwrap();
    let error = save(&path("shared/dead"), b"x", Readers::Umask).unwrap_err();
    assert!(error.to_string().contains("others write to"), "{error}");
    assert!(!path("planted").exists());

    // Two names of one file would be parted.
    fs::hard_link(path("far/real"), path("twin")).unwrap();
    let error = save(&path("twin"), b"x", Readers::Umask).unwrap_err();
    assert!(error.to_string().contains("2 names"), "{error}");
    assert_eq!(fs::read(path("twin")).unwrap(), b"new");
    assert!(
        save(&path("far"), b"x", Readers::Umask).is_err(),
        "a folder"
    );
    save(Path::new("/dev/null"), b"x", Readers::Umask).unwrap();
    let error = save(Path::new("/dev/full"), b"x", Readers::Umask).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

#[test]
fn a_file_that_may_not_be_written_is_not_replaced() {
    let home = temporary_folder("disk-", None).unwrap();
    let name = home.path().join("mine");
    fs::write(&name, "old").unwrap();
    chmod(&name, 0o444);
    // The system lets root write anything.
    let may = fs::OpenOptions::new().write(true).open(&name).is_ok();
    assert_eq!(save(&name, b"new", Readers::Umask).is_ok(), may);
    assert_eq!(mode(&name), 0o444);
}

#[test]
fn a_failed_write_leaves_the_old_content_and_nothing_else() {
    const LIMITED: &str = "UNDER_A_LIMIT";
    let (old, new) = (vec![1; 100], vec![2; 100_000]);
    if let Ok(home) = std::env::var(LIMITED) {
        let path = |name: &str| Path::new(&home).join(name);
        assert!(replace(&path("replace"), &new, Readers::Owner).is_err());
        assert!(save(&path("save"), &new, Readers::Umask).is_err());
        assert!(save(&path("link"), &new, Readers::Umask).is_err());
        assert!(save(&path("never"), &new, Readers::Umask).is_err());
        let mut draft = Draft::for_new(&path("draft"), Readers::Umask).unwrap();
        assert!(draft.file().write_all(&new).is_err());
        return;
    }
    let home = temporary_folder("disk-", None).unwrap();
    for name in ["replace", "save", "behind link"] {
        fs::write(home.path().join(name), &old).unwrap();
    }
    symlink("behind link", home.path().join("link")).unwrap();
    let before = names(home.path());
    // A limit of 8 blocks stands for a full disk; a write beyond it fails once the signal is ignored.
    let test = "a_failed_write_leaves_the_old_content_and_nothing_else";
    let script = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact {test}");
    let limited = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, home.path())
        .output()
        .unwrap();
    assert!(limited.status.success(), "{limited:?}");
    assert_eq!(names(home.path()), before);
    for name in ["replace", "save", "link"] {
        assert_eq!(fs::read(home.path().join(name)).unwrap(), old, "{name}");
    }
}

#[test]
fn new_names_must_be_free() {
    let home = temporary_folder("disk-", None).unwrap();
    let name = home.path().join("proof");
    let draft = Draft::for_new(&name, Readers::Umask).unwrap();
    // Taken while the draft was written.
    fs::write(&name, "theirs").unwrap();
    let error = draft.publish_new(&name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = Draft::for_new(&name, Readers::Umask).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&name).unwrap(), b"theirs");
    symlink("nowhere", home.path().join("dead")).unwrap();
    assert!(Draft::for_new(&home.path().join("dead"), Readers::Umask).is_err());
    fs::write(home.path().join("from"), "").unwrap();
    assert!(move_new(&home.path().join("from"), &name).is_err());
    move_new(&home.path().join("from"), &home.path().join("to")).unwrap();
    assert_eq!(names(home.path()), ["dead", "proof", "to"]);
}

#[test]
fn what_a_killed_writer_left_is_swept() {
    let home = temporary_folder("disk-", None).unwrap();
    for name in [
        ".narthex-abc.part",
        "narthex-abc.part",
        ".narthex-abc",
        "x.part",
    ] {
        fs::write(home.path().join(name), "").unwrap();
    }
    symlink("x.part", home.path().join(".narthex-link.part")).unwrap();
    sweep(home.path()).unwrap();
    let left = [
        ".narthex-abc",
        ".narthex-link.part",
        "narthex-abc.part",
        "x.part",
    ];
    assert_eq!(names(home.path()), left);
}

#[test]
fn folders_are_made_whole_or_not() {
    let home = temporary_folder("disk-", None).unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    assert!(make_folder(&home.path().join("file/a"), Readers::Umask).is_err());
    assert!(
        make_folder(
            &home.path().join("a/b").join("c".repeat(300)),
            Readers::Umask
        )
        .is_err()
    );
    assert_eq!(names(home.path()), ["file"]);
    assert!(make_folder(home.path(), Readers::Owner).unwrap().is_empty());
}

#[test]
fn a_socket_is_its_owners_and_replaces_nothing_but_a_socket() {
    let folder = temporary_folder("socket", None).unwrap();
    let path = folder.path().join("control");
    let first = narthex_disk::listen(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    drop(first);
    // What a killed process left is replaced.
    let second = narthex_disk::listen(&path).unwrap();
    let _one = std::os::unix::net::UnixStream::connect(&path).unwrap();
    second.accept().unwrap();
    // Nothing else is.
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    let error = narthex_disk::listen(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    // A folder that others write to is no place for it.
    chmod(folder.path(), 0o777);
    let error = narthex_disk::listen(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
