//! A house whose panel was made by `arbiter init`, and in which a verifier can be cut off.

use narthex::contracts::terms::Role;
use narthex_node::shell::Folder;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    house::{ARBITERS, DIGITS, House, program},
    started::Process,
};

/// Where the verifier stands in the canonical order.
const VERIFIER: usize = 2;

impl House {
    /// What `arbiter init` answers, with these words behind the others.
    pub fn init(&self, name: &str, words: &[&str]) -> Value {
        let (url, cookie) = self.chain.rpc();
        let output = program()
            .args(["arbiter", "init", "--json", "--dir"])
            .arg(self.file(name))
            .args(["--node", &url, "--cookie"])
            .arg(cookie)
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asks an arbiter as its operator does.
    pub fn arbiter(&self, at: usize, words: &[&str]) -> Value {
        self.try_arbiter(at, words).unwrap()
    }

    /// The same of one that may be gone.
    pub fn try_arbiter(&self, at: usize, words: &[&str]) -> Option<Value> {
        let output = program()
            .arg("arbiter")
            .args(words)
            .args(["--json", "--dir"])
            .arg(&self.nodes[at].dir)
            .output()
            .unwrap();
        let is_answered = output.status.success();
        is_answered.then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The chain, and nobody.
    pub fn empty() -> House {
        House::founded((TempDir::new().unwrap(), DIGITS), Vec::new())
    }

    /// One more node, of the folder of this name that `arbiter init` has made.
    pub fn serves(&mut self, name: &str) {
        let dir = self.file(name);
        let started = self.begin(Role::Arbiter(0), &dir, (None, None));
        self.nodes.push(started.ready());
    }

    /// The client offers a contract with a retainer for each arbiter, and wants a bond behind the rulings of each.
    pub fn offer_bonded(&self, retainer: u64, bond: u64) -> String {
        let (retainer, bond) = (retainer.to_string(), bond.to_string());
        let words = ["--retainer", &retainer, "--arbiter-bond", &bond];
        self.offer_with(&words)
    }

    /// Everybody with coins; the arbiters were made by `arbiter init` with these words, and are served.
    pub fn with_panel(words: &[&str]) -> House {
        let mut house = House::empty();
        let all = Role::all(ARBITERS);
        let mut started = Vec::new();
        for role in all.filter(|role| *role != Role::Verifier) {
            if matches!(role, Role::Arbiter(_)) {
                house.init(&role.to_string(), words);
            }
            started.push(house.begin(role, &house.dir(role), (None, None)));
        }
        let nodes = started.into_iter().map(|node| node.ready()).collect();
        house.peopled(nodes);
        house.endow();
        house
    }

    /// These, and a verifier between them that can be cut off.
    pub(super) fn peopled(&mut self, mut nodes: Vec<Process>) {
        let house = self;
        // Of two that are no clients the one with the lower key connects the other: this verifier connects nobody.
        let highest = nodes.iter().map(|node| node.id.clone()).max().unwrap();
        let dir = house.dir(Role::Verifier);
        while Folder::open(&dir).unwrap().key().unwrap().id().to_string() < highest {
            std::fs::remove_dir_all(&dir).unwrap();
        }
        let verifier = house.begin(Role::Verifier, &dir, (None, None));
        nodes.insert(VERIFIER, verifier.ready());
        house.nodes = nodes;
    }

    /// The verifier is started again where nobody finds it: it sees the chain, and hears nobody.
    pub fn cut_off_verifier(&mut self) {
        self.nodes[VERIFIER].kill();
        let dir = self.dir(Role::Verifier);
        let again = self.begin(Role::Verifier, &dir, (None, None)).ready();
        assert_ne!(again.address, self.nodes[VERIFIER].address);
        self.nodes[VERIFIER] = again;
    }
}
