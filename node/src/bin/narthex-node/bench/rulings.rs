//! Rulings of an arbiter, from what its judge has found to its attestation: each in the log of a contract of its own, bound in the record of
//! bindings, and durable three times before anything of it may leave: the ruling is fixed, enough of the others have its digest, it is attested.
//! As in a node that is told much at once, as many are made durable together as [`ROWS`].
//!
//! The floor are bare commits of as many rows, three for each ruling. A ruling takes a processor as well, whatever the disk is: on a disk that commits
//! faster than the last line says, half of the floor is more than one thread signs and checks.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};
use narthex::{
    bindings::FileBindings,
    bitcoin::{
        XOnlyPublicKey,
        secp256k1::{Secp256k1, SecretKey},
    },
    channel::{
        Logged,
        contract::{
            ArbiterMachine, ChainView, Contract, ContractInput, Done, Facts, Policy, RulingDigest,
            Said,
        },
        log::{Identity, SqliteShelf},
    },
    contracts::{
        attest::{Attester, BoundRuling},
        binding::Bindings as _,
        depth::Depth,
        fixtures::Fixtures,
        graph::TxGraph,
        template::{Exit, derive},
        terms::Role,
    },
    game_model::{Ruling, Template},
};
use narthex_node::party::{AnyLog, DiskStore, Store};

use super::{Measured, by_turns, lives::cpu_s, store::bare_rows};

/// Rulings that are made durable together.
const ROWS: u32 = 50;

/// How many times the floor a ruling may take.
const MOST_RATIO: f64 = 2.0;

/// Whose rulings.
const SEAT: u8 = 0;
const DELIVER: u32 = 1_000;
const FUNDED: u32 = DELIVER - 100;
const ACCUSED: u32 = DELIVER + 20;
const FOUND: Ruling = Ruling::VerifierAtFault;

/// A case that is about to be ruled on.
struct Case {
    contract: Contract,
    identity: SecretKey,
    name: XOnlyPublicKey,
}

/// The same in a store.
struct Open<'c> {
    machine: Logged<ArbiterMachine, AnyLog>,
    case: &'c Case,
}

impl Case {
    fn id(&self) -> &[u8; 32] {
        self.contract.terms().contract_id()
    }

    fn attester(&self) -> anyhow::Result<Attester> {
        Attester::of(&self.identity, self.id()).context("no nonce")
    }

    fn bound(&self, bindings: &mut FileBindings) -> anyhow::Result<BoundRuling> {
        Ok(BoundRuling::bind(self.id(), &self.name, FOUND, bindings)?)
    }
}

impl Open<'_> {
    fn take(&mut self, input: &ContractInput) -> anyhow::Result<()> {
        let taken = self.machine.step(input);
        taken.map(drop).map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// What was found is written down, and fixed.
    fn fix(&mut self, bindings: &mut FileBindings) -> anyhow::Result<()> {
        self.take(&ContractInput::Done(Done::Ruled(FOUND)))?;
        let ruling = self.case.bound(bindings)?.ruling();
        let (attester, book) = (self.case.attester()?, self.machine.machine().book());
        let mine = RulingDigest {
            arbiter: SEAT,
            evidence: book.evidence_root(),
            digest: attester.digest(ruling),
        };
        let other = Ruling::ALL.into_iter().find(|other| *other != ruling);
        let other = attester.digest(other.context("one ruling alone")?);
        let fixed = Done::Fixed {
            ruling,
            mine,
            other,
        };
        self.take(&ContractInput::Done(fixed))
    }

    /// Enough of the others say that they have its digest.
    fn is_seconded(&mut self) -> anyhow::Result<()> {
        let book = self.machine.machine().book();
        let digest = *book.once().fixed().context("nothing is fixed")?;
        let (others, enough) = (book.contract().others(), book.enough_answers());
        for from in others.iter().take(enough) {
            let (from, what) = (from.into(), Said::DigestSeen(digest));
            self.take(&ContractInput::Said { from, what })?;
        }
        Ok(())
    }

    fn attest(&mut self, bindings: &mut FileBindings) -> anyhow::Result<()> {
        let bound = self.case.bound(bindings)?;
        let attested = self
            .case
            .attester()?
            .attest(&Secp256k1::new(), SEAT, bound)?;
        self.take(&ContractInput::Done(Done::Attested(attested)))
    }
}

/// Contracts that differ, with their graphs.
fn cases(count: u32) -> anyhow::Result<Vec<Case>> {
    let mut fixtures = Fixtures::example(Template::Hardened, 3, 2, DELIVER, [42; 32])?;
    let identity = fixtures.identity(SEAT);
    let (name, _) = identity.x_only_public_key(&Secp256k1::new());
    let mut all = Vec::new();
    for _ in 0..count {
        fixtures.next_attempt();
        let terms = fixtures.terms()?;
        let graph = Arc::new(derive(&terms)?);
        let policy = Policy {
            depth: Depth::LEAST,
            confirm: 1,
            message: 1,
        };
        let contract = Contract::new(Arc::new(terms), graph, Role::Arbiter(SEAT), policy)?;
        all.push(Case {
            contract,
            identity,
            name,
        });
    }
    Ok(all)
}

/// What the chain has of a case that is before the panel.
fn facts(contract: &Contract) -> anyhow::Result<Facts> {
    let path = [
        (Exit::DELIVERED, ACCUSED - 15),
        (Exit::REJECTED, ACCUSED - 5),
        (Exit::APPEALED, ACCUSED),
    ];
    let mut facts = Facts {
        path: vec![(TxGraph::FUNDING, FUNDED)],
        ..Facts::default()
    };
    for (name, height) in path {
        let node = contract.graph().find(name);
        facts
            .path
            .push((node.context("no such transaction")?, height));
    }
    Ok(facts)
}

/// A case up to where its judge is asked; of a process that may have been started later.
fn before<'c>(store: &mut dyn Store, case: &'c Case) -> anyhow::Result<Open<'c>> {
    let machine = ArbiterMachine::new(case.contract.clone())?;
    let log = store.open(&Identity::new("contract", *case.id()))?;
    let machine = Logged::open(machine, log)?;
    let mut open = Open { machine, case };
    let schedule = case.contract.panel_schedule(ACCUSED);
    let heard = schedule.heard.max(schedule.evidence);
    // A process that has not seen the accusation come waits a round more.
    for tip in [ACCUSED + 1, heard + 1, heard + 8] {
        let facts = facts(&case.contract)?;
        let since = ACCUSED;
        open.take(&ContractInput::Chain(ChainView { tip, since, facts }))?;
    }
    Ok(open)
}

/// Seconds in which all of them are ruled on, and those of them that were spent by a processor, as far as this system says it.
fn ruled(folder: &Path, cases: &[Case]) -> anyhow::Result<(f64, f64)> {
    let shelf = SqliteShelf::open(&folder.join("node.db"), &Identity::new("bench", [0; 32]))?;
    let mut store = DiskStore::new(shelf, folder.join("contracts"));
    let mut bindings = FileBindings::open(&folder.join("bindings"))?.late();
    let open = cases.iter().map(|case| before(&mut store, case));
    let mut open: Vec<_> = open.collect::<Result<_, _>>()?;
    store.commit()?;
    let spent = || cpu_s(Path::new("/proc/self")).unwrap_or_default();
    let (start, before) = (Instant::now(), spent());
    for group in open.chunks_mut(usize::try_from(ROWS)?) {
        for one in &mut *group {
            one.fix(&mut bindings)?;
        }
        bindings.settle()?;
        store.commit()?;
        for one in &mut *group {
            one.is_seconded()?;
        }
        store.commit()?;
        for one in &mut *group {
            one.attest(&mut bindings)?;
        }
        bindings.settle()?;
        store.commit()?;
    }
    let taken = (start.elapsed().as_secs_f64(), spent() - before);
    for one in &open {
        let book = one.machine.machine().book();
        ensure!(book.attestations().len() == 1, "a case is not attested");
    }
    Ok(taken)
}

pub(super) fn run(folder: &Path, rounds: u32, count: u32) -> anyhow::Result<Vec<Measured>> {
    let cases = cases(count)?;
    if cases.is_empty() {
        bail!("nothing to rule on");
    }
    let commits = 3 * count.div_ceil(ROWS);
    let mut number = 0;
    let mut fresh = || -> PathBuf {
        number += 1;
        folder.join(number.to_string())
    };
    let mut places: Vec<_> = (0..rounds).map(|_| fresh()).collect();
    let mut floors: Vec<_> = (0..rounds).map(|_| fresh()).collect();
    let missing = "as many folders as rounds";
    let mut processors = f64::MAX;
    let least = by_turns(
        rounds,
        || {
            let (taken, spent) = ruled(&places.pop().context(missing)?, &cases)?;
            processors = processors.min(spent);
            Ok(taken)
        },
        || bare_rows(&floors.pop().context(missing)?, commits, ROWS.min(count)),
    )?;
    let name = format!("rulings: durable, {ROWS} rows a commit, three commits each");
    let each = processors / f64::from(count);
    // Three commits and a sync of the record of bindings, beside twice three commits.
    let slow_enough = each * f64::from(ROWS) / (MOST_RATIO * 3.0 - 4.0);
    Ok(vec![
        Measured::rate(name, f64::from(count), least).most("ratio", MOST_RATIO),
        Measured::plain("rulings: processors, each", each, "s"),
        Measured::plain(
            "rulings: a commit of the disk from which on the bar is kept",
            slow_enough,
            "s",
        ),
    ])
}
