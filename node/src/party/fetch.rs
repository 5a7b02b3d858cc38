//! Jobs that travel: fetched from the client of a contract.

use std::{collections::BTreeMap, path::Path};

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        Logged, StepError,
        fetch::{FetchInput, FetchMachine, FetchRefusal, FetchWindow},
        log::Identity,
        setup::Phase,
        wire::{Chunk, Frame, Want},
    },
    contracts::terms::Role,
    game_model::{bundle::Bundle, computation::JobSpec},
};

use super::{
    Action, Core, Fatal,
    contract::{AGAIN_MS, Contract, short},
    store::AnyLog,
};

/// Chunks after which what came is made durable: 4 MiB, which is what a crash may cost.
const SYNC_CHUNKS: u32 = 128;

/// A job that travels.
pub(super) struct Travelling {
    pub(super) machine: Logged<FetchMachine, AnyLog>,
    /// Chunks that were written, some of which a crash would take.
    pub(super) written: u32,
    pub(super) asked: Option<Asked>,
    /// Who was silent the last time.
    pub(super) silent: Option<PublicKey>,
    pub(super) look: LookedAt,
    /// Not before this, where something of this computer's failed.
    again_ms: u64,
}

/// Of whom chunks were asked for.
pub(super) struct Asked {
    pub(super) node: PublicKey,
    contract: [u8; 32],
    pub(super) window: FetchWindow,
}

/// Where the look at it stands.
pub(super) enum LookedAt {
    NotYet,
    Looking,
    Is(JobSpec),
}

pub(super) fn fetch_log(bundle: [u8; 32]) -> Identity {
    Identity::new("fetch", bundle)
}

impl Travelling {
    /// Bytes that it takes, or will.
    pub(super) fn bytes(&self) -> u64 {
        let machine = self.machine.machine();
        let bundle = machine.bundle().filter(|_| machine.useless().is_none());
        bundle.map_or(0, Bundle::bytes)
    }

    /// Bytes that are here.
    pub(super) fn here(&self) -> u64 {
        let machine = self.machine.machine();
        let chunks = self.written.max(machine.kept());
        machine.bundle().map_or(0, |bundle| bundle.bytes_of(chunks))
    }

    /// In a word, for the operator.
    pub(super) fn standing(&self) -> &'static str {
        match (self.machine.machine().standing(), &self.look) {
            ("held", LookedAt::Is(_)) => "here",
            ("held", _) => "looked-at",
            (standing, _) => standing,
        }
    }
}

/// Bundle and client of a contract that this node did not offer.
fn offered(contract: &Contract) -> Option<(&Bundle, PublicKey)> {
    let offer = contract.offer.machine().offer()?;
    let client = offer.parties.first()?.node;
    (contract.me() != Some(Role::Client)).then_some((&offer.bundle, client))
}

impl Core {
    /// Jobs that travel as their logs left them, after the contracts.
    pub(super) fn recover_jobs(&mut self) -> Result<(), Fatal> {
        let known = self.store.known()?;
        for whose in known.iter().filter(|whose| whose.machine == "fetch") {
            let machine = Logged::open(FetchMachine::default(), self.store.open(whose)?)?;
            self.travels(whose.id, machine);
        }
        let wanted: Vec<_> = self.wanted().collect();
        for id in wanted {
            self.meet_client(id);
        }
        self.recover_kept()?;
        self.fetch_missing()
    }

    fn travels(&mut self, id: [u8; 32], machine: Logged<FetchMachine, AnyLog>) {
        let travelling = Travelling {
            written: machine.machine().kept(),
            machine,
            asked: None,
            silent: None,
            look: LookedAt::NotYet,
            again_ms: 0,
        };
        self.travelling.insert(id, travelling);
    }

    /// Contracts that are to be taken part in once their job is here.
    pub(super) fn wanted(&self) -> impl Iterator<Item = [u8; 32]> {
        let all = self.travelling.values();
        all.flat_map(|travelling| travelling.machine.machine().wanted_by().iter().copied())
    }

    /// Whether a contract waits for its job, to be taken part in.
    pub(super) fn is_wanted(&self, id: &[u8; 32]) -> bool {
        self.wanted().any(|wanted| wanted == *id)
    }

    pub(super) fn fetch_step(
        &mut self,
        id: [u8; 32],
        input: &FetchInput,
    ) -> Result<Result<(), FetchRefusal>, Fatal> {
        if !self.travelling.contains_key(&id) {
            let log = self.store.open(&fetch_log(id))?;
            let machine = Logged::open(FetchMachine::default(), log)?;
            self.travels(id, machine);
        }
        let Some(travelling) = self.travelling.get_mut(&id) else {
            return Ok(Ok(()));
        };
        match travelling.machine.step(input) {
            // What follows is seen from how it stands.
            Ok(_) => Ok(Ok(())),
            Err(StepError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(Fatal::step(error)),
        }
    }

    /// Packs a job's file; else what is wrong with it.
    pub(super) fn pack(&mut self, file: &Path) -> Result<(Bundle, JobSpec), String> {
        if !file.is_file() {
            // A pipe would keep this node waiting for ever.
            return Err(format!("{} is no file", file.display()));
        }
        self.jobs.pack(file).map_err(|error| error.to_string())
    }

    /// A job that was packed for an order that is refused: nothing is left of it, unless it travels otherwise.
    pub(super) fn unpack(&mut self, id: &[u8; 32]) {
        if !self.travelling.contains_key(id)
            && let Err(error) = self.jobs.forget(id)
        {
            self.note(format_args!("the folder of jobs: {error}"));
        }
    }

    /// This node's own job, which it has packed, is offered.
    pub(super) fn packed(&mut self, bundle: &Bundle, job: JobSpec) -> Result<(), Fatal> {
        let id = bundle.id();
        let bundle = bundle.clone();
        if let Err(refusal) = self.fetch_step(id, &FetchInput::Packed { bundle })? {
            self.note(format_args!("the job {}: {refusal}", hex(&id)));
        }
        if let Some(travelling) = self.travelling.get_mut(&id) {
            travelling.written = travelling.machine.machine().kept();
            travelling.asked = None;
            travelling.look = LookedAt::Is(job);
        }
        Ok(())
    }

    /// Whether there is room for a contract's job beside those of others; else what is missing.
    pub(super) fn has_room(&self, id: &[u8; 32]) -> Result<(), String> {
        let own = self.contracts.get(id).and_then(offered);
        let (bundle, client) = own.ok_or("there is no such offer")?;
        let (id, bytes) = (bundle.id(), bundle.bytes());
        let (mut all, mut of_client) = (0_u64, 0_u64);
        for (other, travelling) in self.travelling.iter().filter(|(other, _)| **other != id) {
            let clients = self.contracts.values().filter_map(offered);
            let clients = clients.filter(|(bundle, _)| bundle.id() == *other);
            let clients: Vec<_> = clients.map(|(_, client)| client).collect();
            // What this node offers itself is its operator's.
            if !clients.is_empty() {
                all = all.saturating_add(travelling.bytes());
            }
            if clients.contains(&client) {
                of_client = of_client.saturating_add(travelling.bytes());
            }
        }
        let (most, of_peer) = (self.policy.max_jobs_bytes, self.policy.max_peer_job_bytes);
        let left = most
            .saturating_sub(all)
            .min(of_peer.saturating_sub(of_client));
        match bytes <= left {
            true => Ok(()),
            false => Err(format!(
                "a job of {bytes} bytes; {left} are left for jobs of this client ({of_peer} for each, {most} for all)"
            )),
        }
    }

    /// A contract is to be taken part in once its job is here: it is fetched from the client.
    pub(super) fn fetch(&mut self, id: [u8; 32]) -> Result<Result<(), String>, Fatal> {
        let offered = self.contracts.get(&id).and_then(offered);
        let Some((bundle, _)) = offered else {
            return Ok(Err("there is no such offer".into()));
        };
        let (bundle, contract) = (bundle.clone(), id);
        if let Err(why) = self.has_room(&id) {
            return Ok(Err(why));
        }
        let which = bundle.id();
        let input = FetchInput::Wanted { bundle, contract };
        if let Err(refusal) = self.fetch_step(which, &input)? {
            return Ok(Err(refusal.to_string()));
        }
        if let Some(contract) = self.contracts.get_mut(&id) {
            contract.trouble = None;
        }
        self.meet_client(id);
        // It may be here for another contract already.
        if let Some(travelling) = self.travelling.get(&which)
            && let LookedAt::Is(job) = travelling.look
        {
            self.decided(which, &job)?;
        }
        Ok(Ok(()))
    }

    /// Whether a contract's job is on its way, and no failure yet.
    pub(super) fn job_comes(&self, bundle: &Bundle, job: &JobSpec) -> bool {
        let travelling = self.travelling.get(&bundle.id());
        travelling.is_some_and(|travelling| match &travelling.look {
            LookedAt::Is(found) => found == job && !self.jobs.has(job),
            _ => travelling.standing() != "useless",
        })
    }

    /// Contracts that a bundle is for, with their clients: those to be taken part in, and those that are.
    pub(super) fn needed_by(&self, bundle: &[u8; 32]) -> Vec<([u8; 32], PublicKey)> {
        let needs = |(id, contract): &(&[u8; 32], &Contract)| match self.standing(id) {
            "asked" => self.is_wanted(id),
            "waiting" | "joined" => contract.phase() != Some(Phase::Dropped),
            _ => false,
        };
        let contracts = self.contracts.iter().filter(needs);
        let contracts = contracts.filter_map(|(id, contract)| {
            let offer = contract.offer.machine().offer()?;
            let client = offer.parties.first()?.node;
            (offer.bundle.id() == *bundle).then_some((*id, client))
        });
        contracts.collect()
    }

    /// Asks for what is missing, and looks at what is whole.
    pub(super) fn fetch_on(&mut self) -> Result<(), Fatal> {
        let ids: Vec<_> = self.travelling.keys().copied().collect();
        for id in ids {
            let now_ms = self.now.ms;
            let Some(travelling) = self.travelling.get(&id) else {
                continue;
            };
            if travelling.again_ms > now_ms {
                continue;
            }
            let is_fetched = match travelling.machine.machine().standing() {
                "fetching" => false,
                "held" => true,
                _ => continue,
            };
            let is_looked_at = match &travelling.look {
                LookedAt::NotYet => self.needed_by(&id).is_empty() && !self.is_kept(&id),
                LookedAt::Looking => true,
                LookedAt::Is(job) => self.jobs.has(job),
            };
            match (is_fetched, is_looked_at) {
                (false, _) => self.ask_on(id),
                (true, false) => self.look_at(id),
                (true, true) => {}
            }
        }
        Ok(())
    }

    /// Asks one client for the chunks that are next.
    fn ask_on(&mut self, id: [u8; 32]) {
        let clients = self.needed_by(&id);
        let is_there = |node: &PublicKey| {
            let peer = self.peers.get(node);
            *node != self.me && peer.is_some_and(|peer| peer.is_connected)
        };
        let mut clients: Vec<_> = clients
            .into_iter()
            .filter(|(_, node)| is_there(node))
            .collect();
        let now_ms = self.now.ms;
        let Some(travelling) = self.travelling.get_mut(&id) else {
            return;
        };
        // Who was silent is asked when nobody else is there.
        clients.sort_by_key(|(_, node)| Some(*node) == travelling.silent);
        let all = travelling
            .machine
            .machine()
            .bundle()
            .map_or(0, Bundle::chunks);
        let still = |asked: &Asked| clients.contains(&(asked.contract, asked.node));
        if !travelling.asked.as_ref().is_some_and(still) {
            travelling.asked = clients.first().map(|(contract, node)| Asked {
                node: *node,
                contract: *contract,
                window: FetchWindow::new(travelling.written, all, now_ms),
            });
        }
        let Some(Asked {
            node,
            contract,
            window,
        }) = &mut travelling.asked
        else {
            return;
        };
        for index in window.ask() {
            let contract = *contract;
            let bytes = Frame::Want(Want { contract, index }).to_bytes();
            self.out.push_back(Action::Send { to: *node, bytes });
        }
    }

    /// A chunk came. What nobody awaits is dropped; of what is not right nothing stays.
    pub(super) fn chunk_came(&mut self, from: PublicKey, chunk: &Chunk) -> Result<(), Fatal> {
        let now_ms = self.now.ms;
        let is_its = |asked: &Asked| {
            (asked.node, asked.contract) == (from, chunk.contract)
                && asked.window.awaits(chunk.index)
        };
        let mut all = self.travelling.iter_mut();
        let found = all.find(|(_, travelling)| travelling.asked.as_ref().is_some_and(is_its));
        let Some((id, travelling)) = found.map(|(id, travelling)| (*id, travelling)) else {
            return Ok(());
        };
        let Some(bundle) = travelling.machine.machine().bundle().cloned() else {
            return Ok(());
        };
        if let Err(fault) = bundle.check(chunk.index, &chunk.bytes, &chunk.proof) {
            travelling.asked = None;
            travelling.silent = Some(from);
            travelling.again_ms = now_ms.saturating_add(AGAIN_MS);
            let words = fault.to_string();
            self.note_of(
                chunk.contract,
                format_args!("{}: {from} is at fault: {words}", short(&chunk.contract)),
            );
            self.tally.bad("chunk");
            self.fault(from, &words);
            let why = words;
            self.out.push_back(Action::Close { node: from, why });
            return Ok(());
        }
        let written = chunk.index.saturating_add(1);
        let mut kept = self.jobs.write(&bundle, chunk.index, &chunk.bytes);
        let is_due = written == bundle.chunks() || written.is_multiple_of(SYNC_CHUNKS);
        if is_due && kept.is_ok() {
            kept = self.jobs.sync(&id);
        }
        if let Err(error) = kept {
            self.fetch_failed(id, &error);
            return Ok(());
        }
        if let Some(travelling) = self.travelling.get_mut(&id) {
            travelling.written = written;
            travelling.silent = None;
            if let Some(asked) = &mut travelling.asked {
                asked.window.took(now_ms);
            }
        }
        if is_due {
            let chunks = written;
            // Nobody waits for it, but a process that is killed would ask for all of it anew. With the last there is an answer to be said.
            self.must_keep |= written != bundle.chunks();
            if let Err(refusal) = self.fetch_step(id, &FetchInput::Kept { chunks })? {
                self.note(format_args!("the job {}: {refusal}", hex(&id)));
            }
        }
        if written == bundle.chunks() {
            self.jobs.close(&id);
            if let Some(travelling) = self.travelling.get_mut(&id) {
                travelling.asked = None;
            }
            self.note_of(
                chunk.contract,
                format_args!(
                    "{}: its job is fetched, {} bytes",
                    short(&chunk.contract),
                    bundle.bytes()
                ),
            );
        }
        Ok(())
    }

    /// Something of this computer's failed: it goes on later, from what is durable.
    pub(super) fn fetch_failed(&mut self, id: [u8; 32], why: &dyn std::fmt::Display) {
        self.note(format_args!("the job {}: {why}", hex(&id)));
        let again_ms = self.now.ms.saturating_add(AGAIN_MS);
        self.jobs.close(&id);
        if let Some(travelling) = self.travelling.get_mut(&id) {
            travelling.written = travelling.machine.machine().kept();
            travelling.asked = None;
            travelling.again_ms = again_ms;
            if matches!(travelling.look, LookedAt::Looking) {
                travelling.look = LookedAt::NotYet;
            }
        }
        self.trouble(&id, &why.to_string());
    }

    /// What is wrong with a job, where its contracts are shown.
    pub(super) fn trouble(&mut self, bundle: &[u8; 32], why: &str) {
        for (id, _) in self.needed_by(bundle) {
            if let Some(contract) = self.contracts.get_mut(&id) {
                contract.trouble = Some(why.to_owned());
            }
        }
    }

    /// Nothing that was asked for on a connection comes any more.
    pub(super) fn not_served(&mut self, node: &PublicKey) {
        for travelling in self.travelling.values_mut() {
            if travelling
                .asked
                .as_ref()
                .is_some_and(|asked| asked.node == *node)
            {
                travelling.asked = None;
            }
        }
    }
}

pub(super) fn hex(id: &[u8; 32]) -> String {
    use narthex::bitcoin::hex::DisplayHex;
    id.to_lower_hex_string()
}

pub(super) type AllTravelling = BTreeMap<[u8; 32], Travelling>;
