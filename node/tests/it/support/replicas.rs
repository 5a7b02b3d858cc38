//! Replicas of one node, with their logs in one database.
#![allow(dead_code)]

use std::{
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use narthex::contracts::terms::Role;

use super::{
    house::{ARBITERS, House},
    postgres::Postgres,
    started::{Process, Starting, last_words},
};

/// What a replica is run with.
pub fn words_of(server: &Postgres, database: &str, replicas: u16) -> Vec<String> {
    let password = server.password().display().to_string();
    let (address, replicas) = (server.address(database), replicas.to_string());
    let words = ["--database", &address, "--database-password", &password];
    let words = words.into_iter().chain(["--replicas", &replicas]);
    words.map(str::to_owned).collect()
}

/// The keys of a node go into another folder.
fn copied(dir: &Path, other: &Path) {
    std::fs::create_dir(other).unwrap();
    let rights = std::fs::metadata(dir).unwrap().permissions();
    std::fs::set_permissions(other, rights).unwrap();
    for name in ["node.key", "seed", "network"] {
        std::fs::copy(dir.join(name), other.join(name)).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let standbys = std::mem::take(&mut self.standbys);
        standbys.into_values().for_each(Starting::end);
    }
}

impl Process {
    /// `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }
}

impl House {
    /// Everybody with coins, and a verifier that can be cut off. The first arbiter has two replicas, each with these words.
    pub fn with_replicas(words: &[String]) -> House {
        let mut house = House::empty();
        let mut started = Vec::new();
        for role in Role::all(ARBITERS).filter(|role| *role != Role::Verifier) {
            let words = if role == Role::Arbiter(0) { words } else { &[] };
            let dir = house.dir(role);
            started.push(house.begin_with((role, &dir, words), (None, None)));
        }
        let nodes = started.into_iter().map(Starting::ready).collect();
        house.peopled(nodes);
        house.endow();
        let at = house
            .nodes
            .iter()
            .position(|node| node.role == Role::Arbiter(0));
        let address = house.nodes[at.unwrap()].address.clone();
        house.duplicate(at.unwrap(), words, Some(&address));
        house
    }

    /// One more replica of a node: with its keys, and nothing else of its folder.
    fn duplicate(&mut self, at: usize, words: &[String], address: Option<&str>) {
        let node = &mut self.nodes[at];
        node.words = words.to_vec();
        let (role, dir) = (node.role, node.dir.clone());
        let other = dir.with_extension("other");
        copied(&dir, &other);
        let standby = self.begin_with((role, &other, words), (address, None));
        self.standbys.insert(at, standby.waits());
    }

    /// Where the replica is that waits for its turn.
    pub fn standby(&self, at: usize) -> PathBuf {
        self.standbys[&at].dir.clone()
    }

    /// Another replica is the node once this one was killed, which waits for its turn then. One that is doomed may die over it.
    pub(super) fn takes_over(&mut self, at: usize, mut standby: Starting) {
        let node = &self.nodes[at];
        let (role, words, address) = (node.role, node.words.clone(), node.address.clone());
        let mut dead = node.dir.clone();
        loop {
            let dir = standby.dir.clone();
            match standby.try_ready() {
                Ok(mut next) => {
                    let before = &mut self.nodes[at];
                    assert_eq!(next.id, before.id);
                    next.words = words.clone();
                    next.dooms = std::mem::take(&mut before.dooms);
                    let doom = next.dooms.pop();
                    *before = next;
                    let waits = self.begin_with((role, &dead, &words), (Some(&address), doom));
                    self.standbys.insert(at, waits);
                    return;
                }
                Err(mut child) => {
                    let signal = child.wait().unwrap().signal();
                    assert_eq!(signal, Some(9), "{role} has ended: {}", last_words(&dir));
                    let doom = self.nodes[at].dooms.pop();
                    standby = self.begin_with((role, &dead, &words), (Some(&address), doom));
                    dead = dir;
                }
            }
        }
    }

    /// A node of two replicas, without a coin, each with an address of its own: one that stands still keeps it.
    pub fn of_one_with(words: &[String]) -> House {
        let mut house = House::empty();
        house.keeps_logs = true;
        let dir = house.dir(Role::Client);
        let started = house.begin_with((Role::Client, &dir, words), (None, None));
        house.nodes.push(started.ready());
        // Its seed is there once it answers.
        house.ask(0, &["address"]);
        house.duplicate(0, words, None);
        house
    }

    /// Waits until another replica is the node, since this one stands still.
    pub fn replaced(&mut self, at: usize) -> Process {
        let standby = self.standbys.remove(&at).unwrap();
        let mut next = standby.ready();
        next.words = self.nodes[at].words.clone();
        std::mem::replace(&mut self.nodes[at], next)
    }

    /// A replica waits for its turn.
    pub fn stands_by(&mut self, at: usize, dir: &Path) {
        let node = &self.nodes[at];
        let (role, words, address) = (node.role, node.words.clone(), node.address.clone());
        let standby = self.begin_with((role, dir, &words), (Some(&address), None));
        self.standbys.insert(at, standby.waits());
    }

    /// Waits until a node has said something.
    pub fn heard(&mut self, at: usize, what: &str) {
        self.wait(what, |house| {
            let said = house.nodes[at].said();
            said.iter().any(|line| line.contains(what))
        });
    }

    /// A node goes on in a folder that has its keys and nothing else.
    pub fn anew(&mut self, at: usize, name: &str, words: &[String]) {
        self.nodes[at].kill();
        let other = self.file(name);
        copied(&self.nodes[at].dir, &other);
        self.nodes[at].dir = other;
        self.nodes[at].words = words.to_vec();
        self.again(at);
    }

    /// All replicas of a node are killed for good, and it is started from one of their folders with other words.
    pub fn alone(&mut self, at: usize, words: &[String]) {
        if let Some(standby) = self.standbys.remove(&at) {
            standby.end();
        }
        self.nodes[at].kill();
        self.nodes[at].words = words.to_vec();
        self.nodes[at].dooms.clear();
        self.again(at);
    }
}
