//! PostgreSQL servers of a test's own: as Debian has them, in a folder that goes with the test, reached by sockets alone.
#![allow(dead_code)]

use std::{
    cell::Cell,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ::postgres::{Client, NoTls};
use tempfile::TempDir;

/// Time for a server to start, to follow, to take a setting in.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who owns every database here.
const USER: &str = "narthex";
pub const PASSWORD: &str = "correct horse";

/// A server, stopped when dropped.
pub struct Postgres {
    child: Option<Child>,
    /// Data, sockets, password.
    folder: TempDir,
    /// What it calls itself as one that follows.
    name: String,
    databases: Cell<u32>,
}

/// Where its programs are.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let versions = versions.filter_map(|entry| {
        let path = entry.ok()?.path();
        let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
        let programs = path.join("bin");
        programs
            .join("initdb")
            .exists()
            .then_some((number, programs))
    });
    let newest = versions.max().map(|(_, programs)| programs);
    newest
        .expect("PostgreSQL is missing: install Debian's package postgresql, or run ./test --setup")
}

/// As whom they run: PostgreSQL refuses to run as root.
fn owner() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| {
        let line = users
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut words = line.split(':').skip(1).map(|word| word.parse().ok());
        Some((words.next()??, words.next()??))
    };
    let user = user("postgres").or_else(|| user("nobody"));
    Some(user.expect("PostgreSQL does not run as root, and there is no user postgres or nobody"))
}

fn program(name: &str) -> Command {
    let mut command = Command::new(programs().join(name));
    if let Some((user, group)) = owner() {
        command.uid(user).gid(group);
    }
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .env("PGPASSWORD", PASSWORD);
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

impl Postgres {
    /// A server with no other that follows it.
    pub fn start() -> Postgres {
        let mut server = Postgres::made("alone");
        run(program("initdb")
            .arg("-D")
            .arg(server.data())
            .args([
                "-U",
                USER,
                "--auth=scram-sha-256",
                "--no-sync",
                "--encoding=UTF8",
            ])
            .args(["--no-instructions", "--pwfile"])
            .arg(server.password()));
        server.again();
        server
    }

    /// A server that follows this one, under a name by which it is waited for.
    pub fn follower(&self, name: &str) -> Postgres {
        let mut server = Postgres::made(name);
        run(program("pg_basebackup")
            .arg("-D")
            .arg(server.data())
            .arg("-h")
            .arg(self.folder.path())
            .args([
                "-U",
                USER,
                "--checkpoint=fast",
                "--no-sync",
                "--write-recovery-conf",
            ]));
        server.again();
        let follows = "SELECT 1::bigint FROM pg_stat_replication WHERE state = 'streaming' AND application_name = $1";
        let mut client = self.client("postgres");
        server.until(|| !client.query(follows, &[&name]).unwrap().is_empty());
        server
    }

    fn made(name: &str) -> Postgres {
        let folder = TempDir::new().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = owner() {
            for path in [folder.path(), &password] {
                chown(path, Some(user), Some(group)).unwrap();
            }
        }
        Postgres {
            child: None,
            folder,
            name: name.into(),
            databases: Cell::new(0),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file that has the password.
    pub fn password(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// Starts it where it is stopped.
    pub fn again(&mut self) {
        let log = self.folder.path().join("log");
        let log = || {
            std::fs::File::options()
                .create(true)
                .append(true)
                .open(&log)
                .unwrap()
        };
        let child = program("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "shared_buffers=16MB",
                "-c",
                "max_wal_senders=5",
            ])
            .args(["-c", &format!("cluster_name={}", self.name)])
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap();
        self.child = Some(child);
        self.until(|| self.try_client("postgres").is_ok());
    }

    fn until(&self, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let log = || std::fs::read_to_string(self.folder.path().join("log"));
            assert!(
                start.elapsed() < PATIENCE,
                "PostgreSQL in vain: {:?}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a machine that fails.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let kill = format!("kill -QUIT {}", child.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
            let _ = child.wait();
        }
    }

    /// One that follows is followed from now on.
    pub fn promote(&mut self) {
        let mut client = self.client("postgres");
        assert!(
            client
                .query_one("SELECT pg_promote()", &[])
                .unwrap()
                .get::<_, bool>(0)
        );
    }

    /// Sets something for the whole server, and waits until it is so.
    pub fn set(&self, name: &str, value: &str) {
        let mut client = self.client("postgres");
        client
            .batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'"))
            .unwrap();
        client.execute("SELECT pg_reload_conf()", &[]).unwrap();
        self.until(|| {
            let row = self
                .client("postgres")
                .query_one("SELECT current_setting($1)", &[&name]);
            row.unwrap().get::<_, String>(0) == value
        });
    }

    /// The name of a new database.
    pub fn database(&self) -> String {
        self.databases.set(self.databases.get() + 1);
        let name = format!("narthex{}", self.databases.get());
        self.client("postgres")
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        name
    }

    /// Where a database is, as an operator says it.
    pub fn address(&self, database: &str) -> String {
        let sockets: &Path = self.folder.path();
        format!("postgres://{USER}@/{database}?host={}", sockets.display())
    }

    fn try_client(&self, database: &str) -> Result<Client, ::postgres::Error> {
        let mut config: ::postgres::Config = self.address(database).parse().unwrap();
        config.password(PASSWORD).connect(NoTls)
    }

    /// A session in a database.
    pub fn client(&self, database: &str) -> Client {
        self.try_client(database).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}
