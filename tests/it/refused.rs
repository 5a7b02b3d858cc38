//! A refused command changes nothing: names, rights, times and bytes of a whole folder, before and after.

use crate::common::tree;

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;
use tree::{difference, tree, without_folder_times};

struct Place(TempDir);

impl Place {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(args.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn works(&self, args: &str) -> String {
        let done = self.run(args);
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{args}: {error}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Refused with these words, and everything is as it was.
    fn refused(&self, args: &str, words: &str) {
        let before = tree(self.0.path());
        self.refused_as(&mut self.command(args), args, words);
        assert_eq!(difference(&before, &tree(self.0.path())), [""; 0], "{args}");
    }

    /// The same for commands that begin files before they can know.
    fn taken_back(&self, args: &str, words: &str) {
        self.refused_as(&mut self.command(args), args, words);
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command
            .args(args.split_whitespace())
            .current_dir(self.0.path());
        command
    }

    fn refused_as(&self, command: &mut Command, args: &str, words: &str) {
        let before = without_folder_times(tree(self.0.path()));
        let done = command.output().unwrap();
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success(), "{args} is not refused");
        assert!(
            error.contains(words) && !error.contains("panicked"),
            "{args}: {error}"
        );
        let after = without_folder_times(tree(self.0.path()));
        let changed = difference(&before, &after);
        assert!(changed.is_empty(), "{args} changed {changed:?}");
    }

    /// The same where files of more than one block cannot be written, as on a full disk.
    fn refused_when_full(&self, args: &str, words: &str) {
        let script = format!(
            "trap '' XFSZ; ulimit -f 1; exec {} {args}",
            env!("CARGO_BIN_EXE_narthex")
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(self.0.path());
        self.refused_as(&mut command, args, words);
    }
}

/// A place with a job of this many steps, run in `s`.
fn with_job(records: u32) -> Place {
    let place = Place(tempfile::tempdir().unwrap());
    let job = place.works("job example wasm");
    let job = job.replace("\"records\": 10000", &format!("\"records\": {records}"));
    fs::write(place.path("j.json"), job).unwrap();
    place.works("job run j.json --state s");
    place
}

fn edit(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_refused_commit_leaves_the_folder_as_it_was() {
    let place = with_job(400);
    place.refused_when_full("job commit --state s", "cannot write");
    place.refused_when_full("job commit --state s --contract x", "cannot write");
    place.refused(
        "job commit --state s --cheat falsify:1/10 --cheat-stage 1",
        "no stage 1",
    );
    place.works("job commit --state s");
    let audit = "job audit --job j.json --state s --sample 20";
    place.works(audit);
    for cheat in ["falsify:1/10", "skip:1/10", "target:3"] {
        place.refused(
            &format!("job commit --state s --cheat {cheat}"),
            "another commitment",
        );
    }
    // The right one again changes nothing either, and what was shown is shown again.
    let before = tree(&place.path("s"));
    place.works("job commit --state s");
    assert_eq!(difference(&before, &tree(&place.path("s"))), [""; 0]);
    place.works(audit);
    // The other way round: who cheated first cannot be honest in the same contract.
    place.works("job commit --state s --sample 200 --cheat falsify:1/10 --contract bad");
    place.refused("job commit --state s --contract bad", "another commitment");
    place.refused(
        "job commit --state s --cheat skip:1/10 --contract bad",
        "another commitment",
    );
    let done = place.run("job audit --job j.json --state s --contract bad --sample 200");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(error.contains("reject, and dispute"), "{error}");
}

#[test]
fn job_commands_that_are_refused_change_nothing() {
    let place = with_job(200);
    place.works("job example word-count");
    fs::write(place.path("w.json"), place.works("job example word-count")).unwrap();
    place.refused("job run w.json --state s", "another job");
    place.refused("job run nothing.json --state new", "nothing.json");
    place.refused("job run j.json --state j.json", "j.json");
    place.refused("job commit --state new", "narthex job run");
    place.refused("job audit --job j.json --state s", "is not committed to");
    place.refused("job open --state s --steps 1", "is not committed to");
    place.works("job commit --state s");
    place.refused("job open --state s --steps 200", "name steps of the job");
    place.refused("job open --state s --steps 1 --stage 1", "stage 1");
    place.refused("job audit --job w.json --state s", "another job");
    place.refused("job audit --job j.json --state s --sample 0", "ask for 1");
    place.refused(
        "job verify --job j.json --commitment s/commitment-0.json --opening none",
        "none",
    );
    place.refused("job dispute --job j.json --out d.json", "units");
    fs::write(
        place.path("u.json"),
        place.works("job example digits-units"),
    )
    .unwrap();
    place.refused("job dispute --job u.json --out none/d.json", "cannot write");
    place.refused(
        "job dispute --job u.json --step 99999 --out d.json",
        "no step",
    );

    // A torn or damaged log is not cut by who only reads it, nor by who refuses it.
    edit(&place.path("s/outputs-0.journal"), |b| b.extend(b"000 abc"));
    edit(&place.path("s/outputs-0.bin"), |b| b.extend([7; 100]));
    place.refused(
        "job commit --state s --cheat target:1",
        "another commitment",
    );
    let before = without_folder_times(tree(&place.path("s")));
    place.works("job audit --job j.json --state s --sample 5");
    place.works("job open --state s --steps 3");
    // They write down what they open, and nothing else.
    let changed = difference(&before, &without_folder_times(tree(&place.path("s"))));
    assert!(
        matches!(&changed[..], [only] if only.ends_with("opened-0.json made")),
        "{changed:?}"
    );
    edit(&place.path("s/outputs-0.bin"), |b| b[5] ^= 1);
    place.refused("job run j.json --state s", "--repair");
    place.refused("job commit --state s", "--repair");
    place.refused("job commit --state s --contract x", "--repair");
    place.refused("job audit --job j.json --state s --sample 5", "--repair");
}

/// What a full disk tore is cut off by the next run, which goes on.
#[test]
fn a_run_on_a_full_disk_goes_on_when_there_is_room() {
    let place = with_job(400);
    let script = format!(
        "trap '' XFSZ; ulimit -f 1; exec {} job run j.json --state t",
        env!("CARGO_BIN_EXE_narthex")
    );
    let mut command = Command::new("sh");
    let done = command
        .args(["-c", &script])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success() && error.contains("cannot write"),
        "{error}"
    );
    place.works("job run j.json --state t");
    for name in ["outputs-0.bin", "job-0.json", "state.json"] {
        let read = |folder: &str| fs::read(place.path(folder).join(name)).unwrap();
        assert_eq!(read("s"), read("t"), "{name}");
    }
}

#[test]
fn secrets_that_are_missing_or_foreign_are_not_made_up() {
    let place = with_job(20);
    place.works("job commit --state s");
    place.works("job commit --state s --contract one");
    let keep = fs::read(place.path("s/secrets-0.json")).unwrap();
    fs::remove_file(place.path("s/secrets-0.json")).unwrap();
    for command in [
        "job commit --state s",
        "job open --state s --steps 1",
        "job audit --job j.json --state s --sample 2",
    ] {
        place.refused(command, "restore it from a copy");
    }
    fs::write(place.path("s/secrets-0.json"), keep).unwrap();
    // The secrets of one sale for another.
    fs::create_dir(place.path("s/contracts/two")).unwrap();
    fs::copy(
        place.path("s/contracts/one/secrets-0.json"),
        place.path("s/contracts/two/secrets-0.json"),
    )
    .unwrap();
    place.refused(
        "job commit --state s --contract two",
        "secrets of the contract one",
    );
    // Outputs changed since: no opening that would prove nothing.
    fs::write(place.path("s/claimed-0.bin"), vec![0; 80]).unwrap();
    place.refused(
        "job open --state s --steps 1",
        "not those that were committed to",
    );
}

#[test]
fn nothing_is_written_through_links() {
    let place = with_job(20);
    fs::write(place.path("elsewhere"), "theirs").unwrap();
    for name in [
        "secrets-0.json",
        "commitment-0.json",
        "result-0.sealed",
        "claimed-0.bin",
    ] {
        for to in ["../elsewhere", "../nowhere"] {
            symlink(to, place.path(&format!("s/{name}"))).unwrap();
            place.taken_back("job commit --state s --cheat target:1", name);
            place.taken_back("job commit --state s", name);
            fs::remove_file(place.path(&format!("s/{name}"))).unwrap();
        }
    }
    fs::create_dir(place.path("away")).unwrap();
    symlink("../away", place.path("s/contracts")).unwrap();
    place.refused("job commit --state s --contract x", "a link to ../away");
    fs::remove_file(place.path("s/contracts")).unwrap();
    fs::remove_file(place.path("s/lock")).unwrap();
    symlink("../elsewhere", place.path("s/lock")).unwrap();
    place.refused("job commit --state s", "a link to ../elsewhere");
    for name in [
        "outputs-0.bin",
        "outputs-0.journal",
        "state.json",
        "job-0.json",
        "lock",
    ] {
        fs::create_dir(place.path("t")).unwrap();
        symlink("../elsewhere", place.path(&format!("t/{name}"))).unwrap();
        let done = place.run("job run j.json --state t");
        assert!(!done.status.success(), "{name}");
        assert_eq!(fs::read(place.path("elsewhere")).unwrap(), b"theirs");
        fs::remove_dir_all(place.path("t")).unwrap();
    }
    for name in ["chunks", "hashes", "archive.json", "unfinished"] {
        fs::create_dir(place.path("t")).unwrap();
        symlink("../elsewhere", place.path(&format!("t/{name}"))).unwrap();
        place.refused("store encode j.json --out t", "");
        fs::remove_dir_all(place.path("t")).unwrap();
    }
    symlink("elsewhere", place.path("ledger.lock")).unwrap();
    place.refused("market ledger init ledger", "a link to elsewhere");
}

#[test]
fn store_commands_that_are_refused_change_nothing() {
    let place = with_job(20);
    fs::write(place.path("file"), vec![5; 100_000]).unwrap();
    fs::write(place.path("empty"), "").unwrap();
    place.refused("store encode empty --out t", "the file is empty");
    place.refused("store encode none --out t/u/v", "cannot open");
    place.refused("store encode file --out file", "file");
    place.refused("store encode file --out file/x", "file");
    place.refused("store encode file --out t --loss 100%", "between 0 and 1");
    place.refused_when_full("store encode file --out t/u/v", "is not stored");
    fs::create_dir(place.path("mine")).unwrap();
    place.refused_when_full("store encode file --out mine", "is not stored");
    place.works("store encode file --out st");
    place.refused("store encode file --out st", "holds a store already");
    place.refused("store recover none --out x", "holds no complete store");
    place.refused("store recover st --out file", "is there already");
    place.refused("store recover st --out none/x", "none/x");
    place.refused_when_full("store recover st --out x", "x is not written");
    place.refused(
        "store challenge --archive st/archive.json --out c --chunks 9999",
        "cannot sample",
    );
    place.refused(
        "store challenge --archive st/archive.json --out file",
        "is there already",
    );
    place.works("store challenge --archive st/archive.json --out c");
    place.refused(
        "store prove st --challenge c --out file",
        "is there already",
    );
    place.refused(
        "store prove st --challenge file --out p",
        "more than 65536 bytes",
    );
    place.refused_when_full("store prove st --challenge c --out p", "p");
    place.refused("store audit st --proof file", "is there already");
    place.refused_when_full("store audit st --proof p", "p");
    place.works("store prove st --challenge c --out p");
    edit(&place.path("p"), |b| b[100] ^= 1);
    place.refused(
        "store verify --archive st/archive.json --challenge c --proof p",
        "does not answer",
    );
    edit(&place.path("st/chunks"), |b| b.fill(1));
    place.taken_back("store prove st --challenge c --out q", "lost or damaged");
    place.taken_back("store audit st --proof q", "lost or damaged");
    place.taken_back("store recover st --out q", "are lost");
}

#[test]
fn ledgers_and_plans_that_are_refused_change_nothing() {
    let place = Place(tempfile::tempdir().unwrap());
    fs::write(place.path("file"), "mine").unwrap();
    let (recomputer, job) = ("11".repeat(32), "22".repeat(32));
    let audit = |file: &str, height: u32, job: &str| {
        format!(
            "market ledger audit {file} --recomputer {recomputer} --job {job} --passed --height {height}"
        )
    };
    place.refused("market ledger init file", "a ledger is begun once");
    place.refused("market ledger init none/x", "none/x");
    place.refused(&audit("none", 5, &job), "none");
    place.refused(&audit("file", 5, &job), "file");
    place.works("market ledger init ledger");
    place.works(&audit("ledger", 5, &job));
    place.refused(&audit("ledger", 5, &job), "");
    place.refused(&audit("ledger", 4, &"33".repeat(32)), "");
    // As a copy without its lock.
    fs::copy(place.path("ledger"), place.path("copy")).unwrap();
    place.refused(&audit("copy", 5, &job), "");

    let plan = "game plan --samples 20";
    place.taken_back(
        &format!("{plan} --svg a.svg --out none/x"),
        "cannot write none/x",
    );
    place.taken_back(
        &format!("{plan} --svg none/a.svg --out x"),
        "cannot write none/a.svg",
    );
    fs::write(place.path("old"), vec![1; 10]).unwrap();
    place.refused_when_full(&format!("{plan} --out x --svg old"), "cannot write");
    place.refused_when_full("game export --efg --out old", "cannot write old");
    place.refused_when_full("game export --efg --out new", "cannot write new");
    place.refused("game export --efg --out .", "cannot write .");
}

#[test]
fn what_a_user_named_stays_what_it_is() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let place = Place(tempfile::tempdir().unwrap());
    fs::create_dir(place.path("far")).unwrap();
    fs::write(place.path("far/tree"), "old").unwrap();
    fs::set_permissions(place.path("far/tree"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("far/tree", place.path("link")).unwrap();
    place.works("game export --efg --out link");
    let whole = place.works("game export --efg");
    assert_eq!(fs::read_to_string(place.path("far/tree")).unwrap(), whole);
    assert_eq!(
        fs::metadata(place.path("far/tree")).unwrap().mode() & 0o777,
        0o640
    );
    assert!(place.path("link").is_symlink());
    // A ledger behind a link, and its lock beside the ledger.
    symlink("far/ledger", place.path("ledger")).unwrap();
    place.works("market ledger init ledger");
    assert!(place.path("ledger").is_symlink() && place.path("far/ledger.lock").exists());
    assert!(!place.path("ledger.lock").exists());
    place.works("game export --efg --out /dev/null");
    assert_eq!(place.works("game export --efg --out /dev/stdout"), whole);
    let full = place.run("game export --efg --out /dev/full");
    assert!(!full.status.success());
}
