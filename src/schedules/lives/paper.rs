//! Lives under the paper's template, from one seed: the template is known to be unsafe, and what it does not withstand must be found by
//! adversaries that do anything at random, not by a script.
//!
//! Parties live by the machines that plays of the template have ([`narthex_channel::contract::Contract::research`]), with a real job, real signatures and real scripts.
//! Adversaries leave undone what theirs ask for, and publish and hand over whatever they hold. Blocks are mined with what is
//! published, without fees: what matters is who may spend when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{
    ScriptBuf, Transaction,
    secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
};
use narthex_base::{codec::Message as _, tagged::tagged_hash_parts};
use narthex_channel::contract::{ContractErrand, ContractMessage};
use narthex_contracts::{graph::NodeName, template::reclaim_stake_coin, terms::Role};
use narthex_regtest::{ChainSource as _, Embedded, Miner as _};

use super::{
    paper_pool::{DELIVERY_BLOCKS, PANEL, PaperPool, RATE, Works},
    pool::{PoolError, failed},
};
use crate::life::{Heard, Letter, LifeError, LifeParty};

/// Blocks behind t4 until everybody has had a turn.
const AFTER: u32 = 8;

/// What the paper's template is known not to withstand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KnownAttack {
    /// A worker that has delivered nothing is paid as if the verifier had been silent (Tx3).
    IdleWorker,
    /// A verifier rejects right work and keeps its half of the appeal (Tx5).
    MuteVerifier,
    /// An arbiter has spent its stake, so that nobody can appeal (Tx5).
    Sideways,
    /// A worker is cleared with the secret that was shown to convict it (Tx8).
    OneSecret,
    /// Wrong work is approved unseen, and paid (Tx4).
    RubberStamp,
}

impl KnownAttack {
    /// All of them.
    pub const ALL: [KnownAttack; 5] = [
        KnownAttack::IdleWorker,
        KnownAttack::MuteVerifier,
        KnownAttack::Sideways,
        KnownAttack::OneSecret,
        KnownAttack::RubberStamp,
    ];
}

/// How a life under the paper's template ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaperOutcome {
    /// The transaction that settled.
    pub exit: Option<&'static str>,
    /// Honest parties that it wrongs.
    pub wronged: BTreeSet<Role>,
    /// How, where it is known.
    pub attack: Option<KnownAttack>,
    /// Who was no honest party.
    pub villains: BTreeSet<Role>,
}

struct Life<'p> {
    rng: StdRng,
    pool: &'p PaperPool,
    chain: Embedded,
    tip: u32,
    parties: BTreeMap<Role, LifeParty<'static>>,
    /// What is on its way; what is for somebody who is away waits.
    letters: VecDeque<(Role, Letter)>,
    villains: BTreeSet<Role>,
    /// How often, in 3, adversaries do what their machines ask for.
    diligence: u8,
    works: Works,
    /// Which halves the verifier has handed over.
    handed: BTreeSet<&'static str>,
    is_sideways: bool,
    /// Who is away, from when and until when.
    away: Option<(Role, u32, u32)>,
    /// The contract's transactions that confirmed.
    path: Vec<NodeName>,
    waiting: Vec<(Option<NodeName>, Transaction)>,
}

/// Lives the life of a seed under the paper's template.
///
/// # Errors
/// [`PoolError`]: this program's fault.
pub fn live_paper(seed: &[u8; 32], pool: &PaperPool) -> Result<PaperOutcome, PoolError> {
    let mut rng = StdRng::from_seed(tagged_hash_parts("narthex/simulated-paper", &[seed]));
    let roles: Vec<_> = pool.terms.roles().collect();
    let count = rng.gen_range(0..3usize);
    let villains: BTreeSet<_> = (0..count)
        .map(|_| roles[rng.gen_range(0..roles.len())])
        .collect();
    let diligence = rng.gen_range(0..3);
    let works = match (villains.contains(&Role::Worker), rng.gen_range(0..3u8)) {
        (false, _) | (_, 0) => Works::Right,
        (_, 1) => Works::Wrong,
        _ => Works::Nothing,
    };
    let who = Role::PRINCIPALS[rng.gen_range(0..3usize)];
    let from = pool.tip + rng.gen_range(0..DELIVERY_BLOCKS);
    let away = (rng.gen_range(0..3u8) == 0).then(|| (who, from, from + rng.gen_range(1..24)));
    let locks = pool.terms.params().paper_locks();
    let last = locks.map_or(0, |locks| locks.t4) + AFTER;
    let mut life = Life {
        rng,
        pool,
        chain: pool.chain.clone(),
        tip: pool.tip,
        parties: BTreeMap::new(),
        letters: VecDeque::new(),
        villains,
        diligence,
        works,
        handed: BTreeSet::new(),
        is_sideways: false,
        away,
        path: Vec::new(),
        waiting: Vec::new(),
    };
    for role in roles {
        let (party, letters) = pool.party(role, works).map_err(failed)?;
        life.parties.insert(role, party);
        life.post(role, letters);
    }
    while life.tip < last && !life.path.iter().any(|name| name.base != "TxA") {
        life.round().map_err(failed)?;
    }
    Ok(life.outcome())
}

impl Life<'_> {
    fn is_away(&self, role: Role) -> bool {
        let away = self.away.filter(|(who, ..)| *who == role);
        away.is_some_and(|(_, from, until)| (from..until).contains(&self.tip))
    }

    /// Whether a party does now what its machine asks for.
    fn is_diligent(&mut self, role: Role) -> bool {
        !self.villains.contains(&role) || self.rng.gen_range(0..3u8) < self.diligence
    }

    fn post(&mut self, from: Role, letters: Vec<Letter>) {
        for letter in letters {
            // Whoever has done nothing has nothing to say.
            let is_idle = from == Role::Worker && self.works == Works::Nothing;
            if is_idle || !self.is_diligent(from) {
                continue;
            }
            self.send(from, letter);
        }
    }

    fn send(&mut self, from: Role, letter: Letter) {
        if from == Role::Verifier {
            self.handed.extend(self.pool.half(&letter.1));
        }
        self.letters.push_back((from, letter));
    }

    fn round(&mut self) -> Result<(), LifeError> {
        // What came may be waited for by a view of the chain that was seen already.
        for _ in 0..2 {
            for role in self.shuffled() {
                let Some(party) = self.parties.get_mut(&role) else {
                    continue;
                };
                let letters = party.look(&mut self.chain)?;
                self.post(role, letters);
            }
            self.deliver()?;
        }
        for role in self.shuffled() {
            let is_villain = self.villains.contains(&role);
            if self.is_diligent(role) {
                self.publish(role);
            }
            if is_villain && self.rng.gen_range(0..6u8) == 0 {
                self.anything(role);
            }
        }
        self.deliver()?;
        self.mine()
    }

    /// Those who are there, in an order of chance.
    fn shuffled(&mut self) -> Vec<Role> {
        let mut roles: Vec<_> = self.pool.terms.roles().collect();
        roles.retain(|role| !self.is_away(*role));
        for at in (1..roles.len()).rev() {
            let other = self.rng.gen_range(0..=at);
            roles.swap(at, other);
        }
        roles
    }

    fn deliver(&mut self) -> Result<(), LifeError> {
        let mut later = VecDeque::new();
        while let Some((from, (to, bytes))) = self.letters.pop_front() {
            if self.is_away(to) {
                later.push_back((from, (to, bytes)));
                continue;
            }
            let Some(party) = self.parties.get_mut(&to) else {
                continue;
            };
            if let Heard::Taken(letters) = party.hear(from, &bytes)? {
                self.post(to, letters);
            }
        }
        self.letters = later;
        Ok(())
    }

    /// Miners take what comes, one transaction of the contract at a time.
    fn mine(&mut self) -> Result<(), LifeError> {
        let anyone = ScriptBuf::new_p2a();
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut is_mined = false;
        while !waiting.is_empty() && !is_mined {
            let at = self.rng.gen_range(0..waiting.len());
            let (name, tx) = waiting.swap_remove(at);
            is_mined = self.chain.mine_exactly(&[tx], &anyone).is_ok();
            if is_mined {
                self.is_sideways |= name.is_none();
                self.path.extend(name);
            }
        }
        if !is_mined {
            self.chain.mine_exactly(&[], &anyone)?;
        }
        self.tip = self.chain.height()?;
        Ok(())
    }

    /// What a machine asks for goes to the miners.
    fn publish(&mut self, role: Role) {
        let Some(party) = self.parties.get(&role) else {
            return;
        };
        let (book, signer) = (party.book(), party.signer());
        let secrets = signer.secrets(book);
        for errand in party.on_chain() {
            let ContractErrand::Publish { node, .. } = errand else {
                continue;
            };
            let name = book.contract().graph().node(node).map(|node| node.name);
            let tx = signer.signatures().complete(node, &secrets).ok();
            self.waiting.extend(tx.map(|tx| (name, tx)));
        }
    }

    /// Anything that an adversary can do: it hands over any half, spends or shows what it has, and publishes what it holds.
    fn anything(&mut self, role: Role) {
        let pool = self.pool;
        match (role, self.rng.gen_range(0..3u8)) {
            (Role::Verifier, 0) => {
                let half = &pool.halves[self.rng.gen_range(0..2usize)];
                for release in half {
                    let letter = ContractMessage::Release(release.clone()).to_bytes();
                    self.send(role, (Role::Worker, letter));
                }
                return;
            }
            (Role::Arbiter(seat), 0) => {
                let share = pool.shares.get(usize::from(seat));
                let message = share.map(|share| ContractMessage::Share(share.reveal()));
                for to in pool.terms.roles().filter(|to| *to != role) {
                    let letter = message.as_ref().map(|message| (to, message.to_bytes()));
                    letter
                        .into_iter()
                        .for_each(|letter| self.send(role, letter));
                }
                return;
            }
            (Role::Arbiter(seat), 1) => {
                let key = pool.fixtures.key(role);
                let to = ScriptBuf::new_p2a();
                let rng = &mut self.rng;
                let back = reclaim_stake_coin(&pool.terms, seat, &key, to, RATE, rng);
                self.waiting.extend(back.ok().map(|tx| (None, tx)));
                return;
            }
            _ => {}
        }
        let Some(party) = self.parties.get(&role) else {
            return;
        };
        let (book, signer) = (party.book(), party.signer());
        let secrets = signer.secrets(book);
        let held = signer.signatures();
        let whole = held.complete_nodes().filter_map(|node| {
            let tx = held.complete(node, &secrets).ok()?;
            Some((held.graph().node(node)?.name, tx))
        });
        let mut whole: Vec<_> = whole.filter(|(name, _)| name.base != "Tx0").collect();
        if !whole.is_empty() {
            let (name, tx) = whole.swap_remove(self.rng.gen_range(0..whole.len()));
            self.waiting.push((Some(name), tx));
        }
    }

    /// Whom the end wrongs, and by which of the known attacks.
    fn outcome(self) -> PaperOutcome {
        let exit = self.path.last().map(|name| name.base);
        let is_honest = |role| !self.villains.contains(&role);
        let (client, worker) = (is_honest(Role::Client), is_honest(Role::Worker));
        let verifier = is_honest(Role::Verifier);
        let arbiters = (0..PANEL.0)
            .map(Role::Arbiter)
            .filter(|role| is_honest(*role));
        let panel = arbiters.count() >= usize::from(PANEL.1);
        let is_right = self.works == Works::Right;
        use KnownAttack::{IdleWorker, MuteVerifier, OneSecret, RubberStamp, Sideways};
        let (wronged, attack) = match exit {
            Some("Tx1" | "Tx2") if worker => (Some(Role::Worker), None),
            Some("Tx3") if self.works == Works::Nothing && verifier => {
                (Some(Role::Verifier), Some(IdleWorker))
            }
            Some("Tx3") if verifier && !self.handed.is_empty() => (Some(Role::Verifier), None),
            Some("Tx4") if client && !is_right => {
                let is_stamped = self.works == Works::Wrong && !verifier;
                (Some(Role::Client), is_stamped.then_some(RubberStamp))
            }
            Some("Tx5") if worker => {
                let attack = match (self.handed.contains("TxA"), self.is_sideways) {
                    (false, _) => Some(MuteVerifier),
                    (true, true) => Some(Sideways),
                    (true, false) => None,
                };
                (Some(Role::Worker), attack)
            }
            Some("Tx6") if worker && panel => (Some(Role::Worker), None),
            Some("Tx7") if worker && panel => (Some(Role::Worker), None),
            Some("Tx8") if verifier && panel && !is_right => {
                (Some(Role::Verifier), Some(OneSecret))
            }
            _ => (None, None),
        };
        PaperOutcome {
            exit,
            wronged: wronged.into_iter().collect(),
            attack,
            villains: self.villains,
        }
    }
}
