//! A node as a process, from its start to its end.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use narthex::contracts::terms::Role;
use serde_json::Value;

use super::kill::When;

/// At which write after its start a process is killed, the first being 1, and when.
pub type Doom = (u32, When);

/// Any port of a loopback address that no other house has, of this program or of another. A port of 127.0.0.1 may be another's connection by the
/// time that a node which was killed listens at it again.
pub(super) fn anywhere() -> String {
    static HOUSES: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = (std::process::id() % 32_768 + 256).to_be_bytes();
    let house = HOUSES.fetch_add(1, Ordering::Relaxed);
    format!("127.{high}.{low}.{house}:0")
}

/// The end of what a node logged, of a house that keeps that.
pub(super) fn last_words(dir: &Path) -> String {
    let log = std::fs::read_to_string(dir.with_extension("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// A node as a process, killed when dropped.
pub struct Process {
    pub(super) child: Child,
    pub role: Role,
    pub dir: PathBuf,
    pub id: String,
    pub address: String,
    pub api: String,
    /// What it is run with beside the others.
    pub(super) words: Vec<String>,
    pub(super) is_gone: bool,
    /// At which writes it dies: at the last of these first.
    pub(super) dooms: Vec<Doom>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// As `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it has said.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has ended by itself, as it should.
    pub fn ends(&mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {:?}", self.said());
    }

    /// Most memory that it ever had since it was started, in bytes.
    pub fn most_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() << 10
    }

    /// That it dies at these writes, at the last of them first: counted from a start each, from the next one on.
    pub fn is_doomed_to(&mut self, dooms: Vec<Doom>) {
        self.dooms = dooms;
    }

    /// How often it has yet to die.
    pub fn deaths_left(&self) -> usize {
        self.dooms.len()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has not said yet where it listens.
pub(super) struct Starting {
    child: Child,
    role: Role,
    pub(super) dir: PathBuf,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Starting {
    /// Starts it, as a role in a folder.
    pub(super) fn begin(command: &mut Command, role: Role, dir: &Path) -> Starting {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Starting {
            child,
            role,
            dir: dir.to_owned(),
            lines,
        }
    }

    /// Waits until it says that its turn has not come: from then on it answers, but as the node only if that is dead.
    pub(super) fn waits(mut self) -> Starting {
        let line = self.lines.next();
        let Some(Ok(line)) = line else {
            panic!("{} has ended: {}", self.role, last_words(&self.dir));
        };
        assert!(line.contains("\"stands_by\""), "{line}");
        self
    }

    /// As `kill -9`.
    pub(super) fn end(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn ready(self) -> Process {
        let (role, dir) = (self.role, self.dir.clone());
        self.try_ready()
            .unwrap_or_else(|_| panic!("{role} has ended: {}", last_words(&dir)))
    }

    /// Once it listens; the process that has ended before.
    pub(super) fn try_ready(mut self) -> Result<Process, Child> {
        let ready = loop {
            let Some(line) = self.lines.next() else {
                return Err(self.child);
            };
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            // A replica whose turn has not come says so first.
            if line["stands_by"].is_null() {
                break line;
            }
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let (saying, lines) = (said.clone(), self.lines);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                saying.lock().unwrap().push(line);
            }
        });
        Ok(Process {
            child: self.child,
            role: self.role,
            dir: self.dir,
            id: ready["node"].as_str().unwrap().to_owned(),
            address: ready["address"].as_str().unwrap().to_owned(),
            api: ready["api"].as_str().unwrap().to_owned(),
            words: Vec::new(),
            is_gone: false,
            dooms: Vec::new(),
            said,
        })
    }
}
