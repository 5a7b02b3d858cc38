//! A node as an arbiter: what its open cases take of memory, and how it starts beside those that are over.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use narthex::{
    bitcoin::Network,
    contracts::{
        binding::{Bindings as _, Mark},
        terms::Role,
    },
    regtest::Node as Chain,
};
use narthex_base::tagged::tagged_hash;
use narthex_node::{
    party::{Command, Core, Now, Reply, fill_archive},
    shell::Folder,
};

use super::{
    Measured,
    lives::{empty_start, live_all, status_bytes, timed_start, wait},
};
use crate::six::{ARBITERS, Node, Six, is_everybody, pause};

/// Open cases that a node is to have room for.
const MANY_CASES: f64 = 1_000.0;

/// Most memory of a node with as many, in bytes.
const MOST_MEMORY: f64 = 512.0 * 1024.0 * 1024.0;

/// Most seconds until a node with a hundred thousand cases that are over answers.
const MOST_START_S: f64 = 2.0;

/// Set-ups that run at once.
const AT_ONCE: usize = 8;

/// Blocks within which a contract is over, all stakes are back, and it is put away.
const MOST_BLOCKS: u32 = 1_500;

/// Where in the canonical order the first arbiter is.
const FIRST_ARBITER: usize = 3;

/// Blocks that come at once while nothing is to be done but to wait.
const BLOCKS_AT_ONCE: u32 = 8;

/// Length of a line of the record of bindings, and of what stands before the first.
const LINE: u64 = 195;

/// Addresses that an arbiter's wallet shows for each case: where it is paid, and where its stake goes back to.
const ADDRESSES: u64 = 2;

fn begun(words: &'static [&'static str], coins: u32) -> anyhow::Result<Six> {
    let mut six = Six::new()?;
    six.words = words;
    for role in Role::all(ARBITERS) {
        six.begin(role, coins)?;
    }
    six.see_coins()?;
    Ok(six)
}

/// Most memory that a node ever had, in bytes; 0 where the system does not say it.
fn most_memory(node: &Node) -> u64 {
    let process = Path::new("/proc").join(node.process().to_string());
    status_bytes(&process, "VmHWM:").unwrap_or_default()
}

/// Memory of a panel with so many open cases.
pub(super) fn open(cases: u32) -> anyhow::Result<Vec<Measured>> {
    let coins = 3 * cases + 1;
    let mut six = begun(&[], coins)?;
    let most = |six: &Six| {
        let arbiters = six.nodes.iter().skip(FIRST_ARBITER);
        arbiters.map(most_memory).max().unwrap_or_default()
    };
    let empty = most(&six);
    let mut ids = Vec::new();
    while ids.len() < usize::try_from(cases)? {
        let left = usize::try_from(cases)? - ids.len();
        let some = (0..left.min(AT_ONCE)).map(|_| six.offer());
        let some: Vec<_> = some.collect::<Result<_, _>>()?;
        for id in &some {
            wait(&six, id, |states| is_everybody(states, "committed"))?;
        }
        ids.extend(some);
    }
    six.mine()?;
    for id in &ids {
        wait(&six, id, |states| is_everybody(states, "live"))?;
    }
    for node in six.nodes.iter().skip(FIRST_ARBITER) {
        let Reply::Arbiter(status) = node.ask(&Command::Arbiter)? else {
            bail!("an arbiter does not say how it stands");
        };
        ensure!(
            status.open_cases == cases,
            "{} cases are open",
            status.open_cases
        );
    }
    let full = most(&six);
    let name = format!("arbiter: most memory of a node with {cases} open cases");
    let each = full.saturating_sub(empty) as f64 / f64::from(cases);
    let reckoned = each.mul_add(MANY_CASES, empty as f64);
    let many = format!("arbiter: memory of a node with {MANY_CASES} open cases, reckoned");
    Ok(vec![
        Measured::plain(name, full as f64, "bytes"),
        Measured::plain("arbiter: memory of an open case", each, "bytes"),
        Measured::plain(many, reckoned, "bytes").most("figure", MOST_MEMORY),
    ])
}

/// Blocks come until an arbiter has put its only case away.
fn until_put_away(six: &mut Six, at: usize) -> anyhow::Result<()> {
    for _ in 0..MOST_BLOCKS / BLOCKS_AT_ONCE {
        let node = six.nodes.get(at).context("no arbiter")?;
        let Reply::Node(status) = node.ask(&Command::Node)? else {
            bail!("a node does not say how it stands");
        };
        if status.archived == 1 {
            return Ok(());
        }
        let seen = status.tip;
        for _ in 0..BLOCKS_AT_ONCE {
            six.mine()?;
        }
        let start = Instant::now();
        loop {
            let node = six.nodes.get(at).context("no arbiter")?;
            match node.ask(&Command::Node)? {
                Reply::Node(status) if status.tip > seen => break,
                _ => pause(start)?,
            }
        }
    }
    bail!("a case is not put away after {MOST_BLOCKS} blocks")
}

/// A folder of a node that is not running gets so many cases that are over beside its own one.
fn filled(dir: &Path, six: &Six, cases: u32) -> anyhow::Result<()> {
    let (url, cookie) = six.chain.rpc();
    let mut chain = Chain::connect(&url, Path::new(&cookie))?;
    let folder = Folder::open(dir)?;
    let lines = std::fs::metadata(dir.join("bindings"))?.len() / LINE;
    let (mut parts, _) = folder.parts(Network::Regtest, &mut chain, &[])?;
    fill_archive(&mut *parts.store, cases.into())?;
    for mark in 0..u64::from(cases) * lines {
        let hash = tagged_hash("narthex/bench-mark", &mark.to_be_bytes());
        parts.own.bindings.bind(Mark(hash), hash)?;
    }
    parts.own.bindings.settle()?;
    Ok(())
}

/// And its wallet has shown an address or two for each.
fn shown(dir: &Path, six: &Six, cases: u32) -> anyhow::Result<()> {
    let (url, cookie) = six.chain.rpc();
    let mut chain = Chain::connect(&url, Path::new(&cookie))?;
    let folder = Folder::open(dir)?;
    let (parts, _) = folder.parts(Network::Regtest, &mut chain, &[])?;
    let mut core = Core::open(parts, Now::default())?;
    for _ in 0..u64::from(cases) * ADDRESSES {
        core.fresh_address()
            .map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    core.all_actions()?;
    Ok(())
}

/// How long a node takes until it answers, beside so many cases that are over.
pub(super) fn closed(cases: u32) -> anyhow::Result<Vec<Measured>> {
    let mut six = begun(&["--archive-blocks", "144"], 4)?;
    let id = six.offer()?;
    wait(&six, &id, |states| is_everybody(states, "committed"))?;
    six.mine()?;
    wait(&six, &id, |states| is_everybody(states, "live"))?;
    live_all(&mut six, std::slice::from_ref(&id))?;
    until_put_away(&mut six, FIRST_ARBITER)?;
    let node = six.nodes.get_mut(FIRST_ARBITER).context("no arbiter")?;
    let (role, dir) = (node.role, node.dir.clone());
    node.end()?;
    // A lock that is let go is free a moment later.
    std::thread::park_timeout(Duration::from_millis(100));
    let floor = empty_start(&six.chain, (role, &dir))?;
    filled(&dir, &six, cases)?;
    let started = |what: &str| -> anyhow::Result<(f64, Measured)> {
        let (figure, node) = timed_start(&six.chain, (role, &dir))?;
        let Reply::Node(status) = node.ask(&Command::Node)? else {
            bail!("a node does not say how it stands");
        };
        ensure!(
            status.archived == u64::from(cases) + 1,
            "{} cases",
            status.archived
        );
        let memory = most_memory(&node) as f64;
        let name = format!("arbiter: start with {cases} closed cases{what}, beside an empty node");
        Ok((memory, Measured::time(name, figure, floor)))
    };
    let (memory, start) = started("")?;
    shown(&dir, &six, cases)?;
    let (_, with_wallet) = started(" and the addresses of all of them")?;
    Ok(vec![
        start.most("figure", MOST_START_S),
        with_wallet,
        Measured::plain(
            "arbiter: memory of a node with closed cases alone",
            memory,
            "bytes",
        ),
    ])
}
