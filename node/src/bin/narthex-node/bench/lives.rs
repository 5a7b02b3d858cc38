//! Contracts of a panel of 2-of-3 between six processes and a bitcoind, from the offer to the result.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use narthex::{bench, contracts::terms::Role, game_model::Template, regtest::Bitcoind};
use narthex_disk::temporary_folder;
use narthex_node::party::{Command, ContractStatus, Reply};

use super::{Measured, store};
use crate::six::{ARBITERS, DELIVERY_BLOCKS, LOOK, Node, Six, gave_up, is_everybody, pause};

/// How long a set-up may take, in times of what its signatures take in one process.
const MOST_SETUP: f64 = 3.0;

/// Most writes of a party from the offer to the result.
const MOST_COMMITS: f64 = 20.0;

/// Looks without news after which the next block comes.
const QUIET_LOOKS: u32 = 8;

/// What a node has used up since it was started.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    commits: u64,
    sent: u64,
    disk: u64,
    /// Seconds of processors, if this system says it.
    cpu_s: f64,
    /// Bytes of memory, if this system says it.
    memory: u64,
}

pub(super) fn run(rounds: u32, contracts: u32) -> anyhow::Result<Vec<Measured>> {
    // One deposit a contract, two coins that pay its fees, and one to spare.
    let coins = 3 * contracts + 1;
    let mut six = Six::new()?;
    for role in Role::all(ARBITERS) {
        six.begin(role, coins)?;
    }
    six.see_coins()?;
    let empty = spent(&six)?;
    let (mut setup, mut floor) = (f64::MAX, f64::MAX);
    let mut ids = Vec::new();
    for _ in 0..contracts {
        let start = Instant::now();
        let id = six.offer()?;
        wait(&six, &id, |states| is_everybody(states, "committed"))?;
        setup = setup.min(start.elapsed().as_secs_f64());
        floor = floor.min(in_process(rounds)?);
        ids.push(id);
    }
    let held = spent(&six)?;
    let start = Instant::now();
    six.mine()?;
    for id in &ids {
        wait(&six, id, |states| is_everybody(states, "live"))?;
    }
    let live = spent(&six)?;
    live_all(&mut six, &ids)?;
    let lived_s = start.elapsed().as_secs_f64();
    let over = spent(&six)?;
    let each = |from: &[Spent], to: &[Spent], of: fn(&Spent) -> u64| {
        let all = from.iter().zip(to);
        let all: Vec<_> = all
            .map(|(from, to)| of(to).saturating_sub(of(from)))
            .collect();
        (
            all.iter().sum::<u64>(),
            all.iter().max().copied().unwrap_or_default(),
        )
    };
    let count = f64::from(contracts);
    let (commits, most) = each(&empty, &over, |spent| spent.commits);
    let (sent, _) = each(&empty, &over, |spent| spent.sent);
    let (disk, most_disk) = each(&empty, &over, |spent| spent.disk);
    let (memory, _) = each(&empty, &live, |spent| spent.memory);
    let all = f64::from(Role::all(ARBITERS).count() as u32);
    let mut found = vec![
        Measured::time(
            "lives: set-up of 2-of-3, six processes beside one",
            setup,
            floor,
        )
        .most("ratio", MOST_SETUP),
        Measured::plain(
            "lives: commits of a contract, the party with most",
            most as f64 / count,
            "commits",
        )
        .most("figure", MOST_COMMITS),
        Measured::plain(
            "lives: contracts from held on, blocks as they are quiet",
            count / lived_s,
            "1/s",
        ),
        Measured::plain(
            "lives: bytes on the wire, a contract, all parties",
            sent as f64 / count,
            "bytes",
        ),
        Measured::plain(
            "lives: bytes on disk, a contract, all parties",
            disk as f64 / count,
            "bytes",
        ),
        Measured::plain(
            "lives: bytes on disk, a contract, the party with most",
            most_disk as f64 / count,
            "bytes",
        ),
    ];
    let cpu = |from: &[Spent], to: &[Spent]| {
        let all = from.iter().zip(to);
        all.map(|(from, to)| to.cpu_s - from.cpu_s).sum::<f64>()
    };
    // A system that does not say it has measured nothing.
    if over.iter().all(|spent| spent.cpu_s > 0.0) {
        let folder = temporary_folder("narthex-bench-", Some(&std::env::current_dir()?))?;
        let life = commits.saturating_sub(each(&empty, &held, |spent| spent.commits).0);
        let written = disk.saturating_sub(each(&empty, &held, |spent| spent.disk).0);
        let bare = store::bare_commits(folder.path(), life, written)?;
        let name = "lives: processors from held on, a contract, beside its bare commits";
        found.push(Measured::time(
            name,
            cpu(&held, &over) / count,
            bare / count,
        ));
        let name = "lives: memory of an open contract, a party";
        found.push(Measured::plain(name, memory as f64 / count / all, "bytes"));
    }
    found.push(starts(&mut six, contracts)?);
    Ok(found)
}

/// The least of so many rounds of the same signatures in one process, in seconds.
fn in_process(rounds: u32) -> anyhow::Result<f64> {
    let panel = (ARBITERS, ARBITERS / 2 + 1);
    let all = bench::measure(
        (Template::Hardened, panel),
        usize::try_from(rounds)?,
        None,
        &mut |_: &str| {},
    )?;
    let is_total = |one: &&bench::Measurement| one.name.ends_with("all parties, total");
    let total = all
        .iter()
        .find(is_total)
        .context("a total of all parties")?;
    Ok(total.figure)
}

/// How long a node takes until it runs and answers, beside one without any contract.
fn starts(six: &mut Six, contracts: u32) -> anyhow::Result<Measured> {
    let client = six.nodes.first_mut().context("no client")?;
    let (role, dir) = (client.role, client.dir.clone());
    client.end()?;
    let (figure, again) = timed_start(&six.chain, (role, &dir))?;
    let floor = empty_start(&six.chain, (role, &dir))?;
    if let Some(client) = six.nodes.first_mut() {
        *client = again;
    }
    let name =
        format!("lives: start with {contracts} contracts that are over, beside an empty node");
    Ok(Measured::time(name, figure, floor))
}

/// How long a node takes until it runs and answers.
pub(super) fn timed_start(chain: &Bitcoind, who: (Role, &Path)) -> anyhow::Result<(f64, Node)> {
    let start = Instant::now();
    let node = Node::start(who, chain, "127.0.0.1:0")?;
    node.ask(&Command::Arbiter)?;
    Ok((start.elapsed().as_secs_f64(), node))
}

/// The same of a node without any contract, in a folder beside this one.
pub(super) fn empty_start(chain: &Bitcoind, (role, dir): (Role, &Path)) -> anyhow::Result<f64> {
    let fresh = dir.with_file_name("fresh");
    // Its folder and keys are made by a start that is not counted.
    drop(timed_start(chain, (role, &fresh))?);
    Ok(timed_start(chain, (role, &fresh))?.0)
}

pub(super) fn wait(
    six: &Six,
    id: &str,
    is_so: impl Fn(&[ContractStatus]) -> bool,
) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let states: Vec<_> = six
            .states(id)
            .into_iter()
            .map(|(_, status)| status)
            .collect();
        if is_so(&states) {
            return Ok(());
        }
        gave_up(&states)?;
        pause(start)?;
    }
}

/// Blocks come, each once nobody has anything more to say about the last one, until the client has all results.
pub(super) fn live_all(six: &mut Six, ids: &[String]) -> anyhow::Result<()> {
    for _ in 0..DELIVERY_BLOCKS {
        let (mut last, mut quiet) = (standings(six)?, 0);
        while quiet < QUIET_LOOKS {
            std::thread::park_timeout(LOOK);
            let now = standings(six)?;
            quiet = if now == last { quiet + 1 } else { 0 };
            last = now;
        }
        let client = six.nodes.first().context("no client")?;
        let Reply::Contracts(all) = client.ask(&Command::List)? else {
            bail!("no list");
        };
        let done = all.iter().filter(|status| status.result.is_some());
        let done: BTreeSet<_> = done.map(|status| &status.id).collect();
        if ids.iter().all(|id| done.contains(id)) {
            return Ok(());
        }
        six.mine()?;
    }
    bail!("no result after {DELIVERY_BLOCKS} blocks")
}

/// Where everybody stands in everything.
fn standings(six: &Six) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let mut found = Vec::new();
    for node in &six.nodes {
        let Reply::Contracts(all) = node.ask(&Command::List)? else {
            bail!("no list");
        };
        found.extend(
            all.into_iter()
                .map(|status| (status.state, status.standing)),
        );
    }
    Ok(found)
}

/// What each has used up so far.
fn spent(six: &Six) -> anyhow::Result<Vec<Spent>> {
    six.nodes.iter().map(spent_of).collect()
}

fn spent_of(node: &Node) -> anyhow::Result<Spent> {
    let Reply::Metrics(figures) = node.ask(&Command::Metrics)? else {
        bail!("no figures");
    };
    let figure = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|value| value.trim().parse().ok());
        value.with_context(|| format!("no figure {name}"))
    };
    let process = Path::new("/proc").join(node.process().to_string());
    let disk = ["node.db", "node.db-wal", "contracts"].map(|name| bytes(&node.dir.join(name)));
    Ok(Spent {
        commits: figure("narthex_store_commits_total ")?,
        sent: figure("narthex_sent_bytes_total ")?,
        disk: disk.into_iter().sum(),
        cpu_s: cpu_s(&process).unwrap_or_default(),
        memory: memory(&process).unwrap_or_default(),
    })
}

/// What a file or folder has.
fn bytes(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| bytes(&entry.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |file| file.len()),
    }
}

/// Time of processors of a process on Linux, which counts hundredths of seconds for programs.
pub(super) fn cpu_s(process: &Path) -> Option<f64> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    // Behind its name, which may have any byte.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let [user, system] =
        [(); 2].map(|()| fields.next().and_then(|field| field.parse::<u64>().ok()));
    let ticks = user?.checked_add(system?)?;
    Some(Duration::from_millis(ticks.checked_mul(10)?).as_secs_f64())
}

/// Bytes that a process has in memory.
fn memory(process: &Path) -> Option<u64> {
    status_bytes(process, "VmRSS:")
}

/// What a system says of a process, in bytes.
pub(super) fn status_bytes(process: &Path, what: &str) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}
