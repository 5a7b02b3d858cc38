//! Contracts that are over are put away: what is shown of them, what comes late, what a reorganisation and an older disk do.

use std::{collections::BTreeMap, path::Path};

use narthex::bitcoin::hex::DisplayHex as _;
use narthex::channel::log::{Identity, LogError, suite};
use narthex::regtest::ChainSource as _;
use narthex_node::party::{
    AnyLog, ArbiterStatus, ArchiveStatus, Command, ContractStatus, DiskStore, EvidenceText,
    MemoryStore, Policy, Reply, Store,
};
use tempfile::TempDir;

use crate::{
    life::{balances, funded, is_over, path},
    support::town::{Town, everything},
};

/// How deep a contract's end lies before it is put away.
const DEPTH: u32 = 144;

/// Blocks after which a contract has an end, and all stakes are back.
const MOST_BLOCKS: u32 = 300;

/// From now on these put away what is over.
fn tidy(town: &mut Town, nodes: &[usize]) {
    for at in nodes {
        town.nodes[*at].decide_by(Policy {
            archive_blocks: 0,
            ..everything()
        });
        town.restart(*at);
    }
    town.pass(1);
}

/// A contract comes to its end, and everybody's own is taken out of it.
fn ended(town: &mut Town, id: &[u8; 32]) {
    for _ in 0..MOST_BLOCKS {
        // Who has nothing of its own in it any more may have put it away before others.
        let is_done = |at: usize| {
            town.show(at, id).is_none_or(|status| {
                is_over(status.standing.as_deref().unwrap_or_default()) && status.due.is_empty()
            })
        };
        if (0..6)
            .filter(|at| town.nodes[*at].core.is_some())
            .all(is_done)
        {
            return;
        }
        town.mine(1);
    }
    panic!("{:?}\n{}", town.states(id), town.notes());
}

/// The verifier hears nobody and rejects; the worker appeals, and the panel rules.
fn ruled(town: &mut Town) -> [u8; 32] {
    let id = funded(town);
    town.isolate(2);
    ended(town, &id);
    assert_eq!(
        path(town, &id)[..4],
        ["Tx0", "TxD", "TxV0", "TxA"],
        "{}",
        town.notes()
    );
    id
}

fn page(town: &mut Town, at: usize) -> ArchiveStatus {
    let (before, most) = (None, None);
    match town.ask(at, Command::Archive { before, most }) {
        Ok(Reply::Archive(page)) => *page,
        other => panic!("{other:?}"),
    }
}

/// How many contracts are put away.
fn put_away(town: &mut Town, at: usize) -> u64 {
    page(town, at).all
}

fn arbiter(town: &mut Town, at: usize) -> ArbiterStatus {
    match town.ask(at, Command::Arbiter) {
        Ok(Reply::Arbiter(status)) => *status,
        other => panic!("{other:?}"),
    }
}

fn shown(town: &mut Town, at: usize, id: &[u8; 32]) -> ContractStatus {
    let id = id.to_lower_hex_string();
    match town.ask(at, Command::Show { id }) {
        Ok(Reply::Contract(status)) => *status,
        other => panic!("{other:?}"),
    }
}

/// Names of a contract's transactions that are in blocks, as its client has them.
fn names(town: &mut Town, id: &[u8; 32]) -> Vec<String> {
    let path = shown(town, 0, id).path.into_iter();
    path.map(|tx| tx.name).collect()
}

fn evidence(town: &mut Town, at: usize, id: &[u8; 32]) -> Vec<EvidenceText> {
    let id = id.to_lower_hex_string();
    let Ok(Reply::Evidence(list)) = town.ask(at, Command::Evidence { id: id.clone() }) else {
        panic!("no evidence");
    };
    let mut all = Vec::new();
    for piece in list {
        let (id, item) = (id.clone(), piece.id.clone());
        match town.ask(at, Command::EvidenceText { id, item }) {
            Ok(Reply::EvidenceText(found)) => all.push(*found),
            other => panic!("{other:?}"),
        }
    }
    all
}

/// Names and states of a contract's transactions.
fn graph(town: &mut Town, at: usize, id: &[u8; 32]) -> Vec<(String, String)> {
    let id = id.to_lower_hex_string();
    match town.ask(at, Command::Graph { id }) {
        Ok(Reply::Graph(graph)) => {
            let all = graph.transactions.into_iter();
            all.map(|tx| (tx.name, format!("{:?}", tx.state))).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Figures by their names and labels, of those that speak of contracts.
fn figures(town: &mut Town, at: usize) -> BTreeMap<String, String> {
    let Ok(Reply::Metrics(text)) = town.ask(at, Command::Metrics) else {
        panic!("no figures");
    };
    let speaks = |line: &&str| {
        let of = [
            "narthex_contract",
            "narthex_case",
            "narthex_ruling",
            "narthex_attest",
            "narthex_silent",
        ];
        of.iter().any(|of| line.starts_with(of))
    };
    let lines = text.lines().filter(speaks);
    let lines = lines.filter_map(|line| line.rsplit_once(' '));
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Logs of a node that a start looks at.
fn looked_at(town: &Town, at: usize) -> Vec<String> {
    let known = town.nodes[at].store.clone().known().unwrap();
    known.into_iter().map(|whose| whose.machine).collect()
}

const OF_A_CONTRACT: [&str; 5] = ["offer", "setup", "contract", "followed", "doubted"];

fn is_of_a_contract(machine: &str) -> bool {
    OF_A_CONTRACT.contains(&machine)
}

#[test]
fn what_is_over_is_put_away_and_shown_as_it_stood() {
    let mut town = Town::new();
    tidy(&mut town, &[0, 1, 2, 3, 4, 5]);
    let id = ruled(&mut town);
    town.connect_all(2);
    // Deep, and not deep enough by a block.
    let end = town.show(0, &id).unwrap().path.pop().unwrap().height;
    let height = town.chain.height().unwrap();
    town.mine_only(end + DEPTH - 2 - height);
    town.mine(1);
    let before: Vec<_> = (0..6)
        .map(|at| {
            assert_eq!(put_away(&mut town, at), 0, "{at}: {}", town.notes());
            let stood = (
                shown(&mut town, at, &id),
                evidence(&mut town, at, &id),
                graph(&mut town, at, &id),
            );
            (at, stood, figures(&mut town, at), arbiter(&mut town, at))
        })
        .collect();
    let coins = balances(&mut town);
    for _ in 0..20 {
        town.mine(1);
    }
    for round in 0..2 {
        for (at, (status, pieces, drawn), counted, arbitrated) in &before {
            let at = *at;
            assert_eq!(put_away(&mut town, at), 1, "{at}: {}", town.notes());
            assert!(
                !looked_at(&town, at)
                    .iter()
                    .any(|name| is_of_a_contract(name)),
                "{at}: {:?}",
                looked_at(&town, at)
            );
            let Ok(Reply::Contracts(list)) = town.ask(at, Command::List) else {
                panic!("no list");
            };
            assert_eq!(list, []);
            let Ok(Reply::Peers(peers)) = town.ask(at, Command::Peers) else {
                panic!("no peers");
            };
            assert!(
                peers
                    .iter()
                    .all(|peer| peer.contracts == 0 && peer.link == "open"),
                "{peers:?}"
            );
            // All that is shown is what was shown. The job is not here any more.
            let mut stood = shown(&mut town, at, &id);
            stood.job = status.job.clone();
            assert_eq!(stood, *status, "{at}");
            // A case has the blocks that were read until it was asked for.
            let mut now = evidence(&mut town, at, &id);
            assert_eq!(now.len(), pieces.len());
            now.retain(|piece| pieces.contains(piece) || piece.evidence.kind == "case");
            assert_eq!(now.len(), pieces.len(), "{at}");
            assert_eq!(graph(&mut town, at, &id), *drawn, "{at}");
            // And counted: what is over stakes nothing.
            assert_eq!(figures(&mut town, at), *counted, "{at}, {round}");
            let now = arbiter(&mut town, at);
            assert_eq!(
                (&now.states, now.money),
                (&arbitrated.states, arbitrated.money),
                "{at}"
            );
            assert_eq!((now.open_cases, now.cases.len()), (0, 0));
            let page = page(&mut town, at);
            assert_eq!(page.contracts.len(), 1);
            assert_eq!(page.contracts[0].case.is_some(), at >= 3);
            assert_eq!(now.archived, u64::from(at >= 3));
            // It is over: nothing is ordered in it.
            for order in ["deliver", "admit", "leave"] {
                let id = id.to_lower_hex_string();
                let order = match order {
                    "deliver" => Command::Deliver { id },
                    "admit" => Command::Admit { id },
                    _ => Command::Leave {
                        id,
                        reason: String::new(),
                    },
                };
                let refused = town.ask(at, order).unwrap_err();
                assert!(refused.contains("put away"), "{refused}");
            }
        }
        assert_eq!(balances(&mut town), coins);
        // The same after a start.
        for at in 0..6 {
            town.restart(at);
        }
        town.pass(1);
    }
    // The record of bindings has what it had: an arbiter that is given the case again is bound by it.
    let pieces = evidence(&mut town, 3, &id);
    assert!(pieces.iter().any(|piece| piece.evidence.kind == "bundle"));
    assert!(
        pieces
            .iter()
            .any(|piece| piece.evidence.kind == "attestation")
    );
    // A next one is made as if none had been.
    let next = funded(&mut town);
    assert_ne!(next, id);
}

/// Who has an older disk asks for what it lacks of a contract that the others have put away: it hears that all was read, and comes to the same end
/// by the chain. So does who has put it away itself, and has an older disk.
#[test]
fn who_comes_late_is_told_that_all_was_read() {
    let mut town = Town::new();
    tidy(&mut town, &[0, 1, 3, 4]);
    let id = funded(&mut town);
    town.pass(1);
    let old = [1, 5].map(|at| (at, town.nodes[at].snapshot()));
    // A disk has the job too.
    let folder = TempDir::new().unwrap();
    copied(&town.bundles(1), folder.path());
    ended(&mut town, &id);
    let way = names(&mut town, &id);
    town.mine_only(DEPTH);
    town.mine(1);
    town.mine(1);
    for at in [0, 1, 3, 4] {
        assert_eq!(put_away(&mut town, at), 1, "{at}: {}", town.notes());
    }
    assert_eq!(town.standing(5, &id), "over");
    let (coins, rows) = (balances(&mut town), page(&mut town, 1).contracts);
    for (at, store) in old {
        town.kill(at);
        town.nodes[at].store = store;
        if at == 1 {
            copied(folder.path(), &town.bundles(at));
        }
        town.start(at);
        town.connect_all(at);
    }
    town.pump();
    for _ in 0..6 {
        town.pass(20);
        town.mine(1);
    }
    assert_eq!(put_away(&mut town, 1), 1, "{}", town.notes());
    let again = page(&mut town, 1).contracts;
    assert_eq!(again[0].contract.path, rows[0].contract.path);
    assert_eq!(again[0].rests_on, rows[0].rests_on);
    assert!(is_over(&town.standing(5, &id)), "{}", town.notes());
    let now = town.show(5, &id).unwrap().path;
    assert_eq!(
        now.iter().map(|tx| tx.name.clone()).collect::<Vec<_>>(),
        way
    );
    assert_eq!(balances(&mut town), coins);
    // Nobody was thrown out, nor is anything of it on a link of who has put it away.
    for at in [0, 1, 3, 4] {
        assert!(
            town.nodes[at].closed.is_empty(),
            "{at}: {:?}",
            town.nodes[at].closed
        );
        let Ok(Reply::Peers(peers)) = town.ask(at, Command::Peers) else {
            panic!("no peers");
        };
        assert!(
            peers.iter().all(|peer| peer.contracts == 0),
            "{at}: {peers:?}"
        );
        assert_eq!(put_away(&mut town, at), 1);
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &place),
            false => drop(std::fs::copy(entry.path(), place).unwrap()),
        }
    }
}

/// All but the verifier: what it is paid for its approval lies at a key that it knows by this contract alone, as long as it has not spent it.
const TIDY: [usize; 5] = [0, 1, 3, 4, 5];

/// A reorganisation deeper than a contract lay takes its end away: it is taken out again, with its logs and without its row, and stays so after a
/// start. (How it comes to its end once more is not played here: it needs its job again.)
#[test]
fn what_a_deeper_reorganisation_takes_back_is_taken_out_again() {
    let mut town = Town::new();
    tidy(&mut town, &[0, 1, 2, 3, 4, 5]);
    let id = funded(&mut town);
    ended(&mut town, &id);
    let end = shown(&mut town, 0, &id).path.pop().unwrap().height;
    town.mine_only(DEPTH);
    for _ in 0..3 {
        town.mine(1);
    }
    for at in TIDY {
        assert_eq!(put_away(&mut town, at), 1, "{at}: {}", town.notes());
    }
    let height = town.chain.height().unwrap();
    town.take_back(height - end + 1);
    town.pass(1);
    let is_out = |town: &mut Town| {
        for at in TIDY {
            assert_eq!(put_away(town, at), 0, "{at}: {}", town.notes());
            let logs = looked_at(town, at);
            assert!(
                logs.iter().any(|name| is_of_a_contract(name)),
                "{at}: {logs:?}"
            );
            assert!(town.show(at, &id).is_some(), "{at}");
        }
    };
    is_out(&mut town);
    for at in TIDY {
        let mut notes = town.nodes[at].notes.iter();
        assert!(notes.any(|note| note.contains("it goes on")), "{at}");
        town.restart(at);
    }
    is_out(&mut town);
}

/// The store of a node, as the suite has it.
struct Kept<S>(S, Option<TempDir>);

fn disk(folder: &TempDir) -> DiskStore {
    use narthex::channel::log::SqliteShelf;
    let path = folder.path().join("node.db");
    let shelf = SqliteShelf::open(&path, &Identity::new("node", [1; 32])).unwrap();
    DiskStore::new(shelf, folder.path().join("contracts"))
}

macro_rules! shelf {
    ($store:ty, $empty:expr, $again:expr) => {
        impl suite::Shelf for Kept<$store> {
            type Log = AnyLog;

            fn empty() -> Self {
                $empty
            }

            fn again(self) -> Self {
                $again(self)
            }

            fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError> {
                self.0.open(whose)
            }

            fn known(&mut self) -> Result<Vec<Identity>, LogError> {
                self.0.known()
            }

            fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
                self.0.has(whose)
            }

            fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
                self.0.remove(whose)
            }

            fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
                self.0.put_away(whose, is_away)
            }

            fn away(
                &mut self,
                machine: &str,
                before: Option<u64>,
                most: usize,
            ) -> Result<Vec<(u64, Identity)>, LogError> {
                self.0.away(machine, before, most)
            }

            fn commit(&mut self) -> Result<(), LogError> {
                self.0.commit()
            }
        }
    };
}

shelf!(MemoryStore, Kept(MemoryStore::default(), None), |kept| kept);
shelf!(
    DiskStore,
    {
        let folder = TempDir::new().unwrap();
        Kept(disk(&folder), Some(folder))
    },
    |Kept(store, folder): Kept<DiskStore>| {
        drop(store);
        let again = disk(folder.as_ref().unwrap());
        Kept(again, folder)
    }
);

#[test]
fn stores_of_nodes_put_logs_away() {
    suite::check_shelf::<Kept<MemoryStore>>().unwrap();
    suite::check_shelf::<Kept<DiskStore>>().unwrap();
}
