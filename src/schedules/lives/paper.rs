//! Lives under the paper's template, from one seed: the template is known to be unsafe, and what it does not withstand must be found by
//! adversaries that do anything at random, not by a script.
//!
//! There is no machine for this template. Honest parties do here what the paper says, on its own graph with real signatures and real
//! scripts; adversaries leave it undone, and publish and hand over whatever they hold. Blocks are mined with what is published, without
//! fees: what matters is who may spend when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{Rng, SeedableRng, rngs::StdRng},
    },
    transaction::Version,
};
use narthex_base::tagged::tagged_hash_parts;
use narthex_contracts::{
    fixtures::{Fixtures, MadeUpNode},
    graph::{NodeId, NodeName},
    setup::{ContractSignatures, Secrets, ceremony},
    template::{ContractSecret, Rulings, reclaim_stake_coin},
    terms::{Change, Coin, Contribution, FeeRate, Role, Terms, deposit, stake_coin_script},
};
use narthex_game_model::{ArbiterSet, Params, ParamsRecord, Ruling};
use narthex_regtest::{ChainSource as _, Embedded, Miner as _, mine_coins};

use super::{
    pool::{PoolError, failed},
    purse::SimWallet,
};

/// Blocks from the funding to t3.
const DELIVERY_BLOCKS: u32 = 40;
/// Blocks behind t4 until everybody has had a turn.
const AFTER: u32 = 8;
const CHANGE: Amount = Amount::from_sat(50_000);
const FEE: Amount = Amount::from_sat(500);
const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);
const PANEL: (u8, u8) = (3, 2);

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

/// A contract under the paper's template whose funding is on the chain.
pub struct PaperPool {
    chain: Embedded,
    terms: Arc<Terms>,
    held: BTreeMap<Role, ContractSignatures<Terms>>,
    fixtures: Fixtures,
    tip: u32,
}

impl std::fmt::Debug for PaperPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a contract under the paper's template, funded at {}",
            self.tip
        )
    }
}

impl PaperPool {
    /// One contract, set up by a ceremony.
    ///
    /// # Errors
    /// [`PoolError`]: this program's fault.
    pub fn make(seed: &[u8; 32]) -> Result<PaperPool, PoolError> {
        let anyone = ScriptBuf::new_p2a();
        let mut chain = Embedded::new();
        let coins = mine_coins(&mut chain, 1, &anyone, &anyone).map_err(failed)?;
        let (coin, _) = coins.into_iter().next().ok_or_else(|| failed("no coin"))?;
        let (n, k) = PANEL;
        let tip = chain.height().map_err(failed)?;
        let record = ParamsRecord::paper_example(n, k, tip + DELIVERY_BLOCKS);
        let params = Params::new(record).map_err(failed)?;
        let fixtures = Fixtures::new(params.clone(), *seed);
        let mut wallets = BTreeMap::new();
        for role in Role::all(n) {
            let part = [role.index() as u8];
            let key = tagged_hash_parts("narthex/simulated-wallet", &[seed, &part]);
            wallets.insert(
                role,
                SimWallet::new(&SecretKey::from_slice(&key).map_err(failed)?),
            );
        }
        let (outputs, staked) = deposits(&params, &fixtures, &wallets)?;
        let paying = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: coin,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: outputs,
        };
        let txid = paying.compute_txid();
        chain.mine_exactly(&[paying], &anyone).map_err(failed)?;
        let placed = staked.into_iter().map(|(role, vout, part)| {
            let Contribution { mut coins, change } = part;
            for coin in &mut coins {
                coin.outpoint = OutPoint { txid, vout };
            }
            (role, Contribution { coins, change })
        });
        let payouts = wallets.iter();
        let payouts = payouts.map(|(role, wallet)| (*role, wallet.script().clone()));
        let terms = fixtures.terms_with(placed.collect(), payouts.collect(), RATE);
        let terms = Arc::new(terms.map_err(failed)?);
        let parties = fixtures.parties(&terms).map_err(failed)?;
        let mut rng = StdRng::from_seed(*seed);
        let held = ceremony::run(parties, &mut rng, |_| ()).map_err(failed)?;
        let held: BTreeMap<_, _> = held.into_iter().map(|held| (held.role(), held)).collect();
        let client = held.get(&Role::Client).ok_or_else(|| failed("no client"))?;
        let mut funding = client.funding_psbt(&MadeUpNode).map_err(failed)?;
        for wallet in wallets.values() {
            wallet.sign(&mut funding).map_err(failed)?;
        }
        let funding = funding.extract_tx_with_fee_rate_limit(FeeRate::MAX);
        let funding = funding.map_err(failed)?;
        chain.mine_exactly(&[funding], &anyone).map_err(failed)?;
        let tip = chain.height().map_err(failed)?;
        Ok(PaperPool {
            chain,
            terms,
            held,
            fixtures,
            tip,
        })
    }
}

type Staked = Vec<(Role, u32, Contribution)>;

/// Outputs that parties fund from, and which of them is whose.
fn deposits(
    params: &Params,
    fixtures: &Fixtures,
    wallets: &BTreeMap<Role, SimWallet>,
) -> Result<(Vec<TxOut>, Staked), PoolError> {
    let secp = Secp256k1::new();
    let (mut outputs, mut staked) = (Vec::new(), Vec::new());
    for ((role, wallet), vout) in wallets.iter().zip(0u32..) {
        let (value, script, change) = match role {
            Role::Arbiter(_) => {
                let key = PublicKey::from_secret_key(&secp, &fixtures.key(*role));
                let script = stake_coin_script(*role, key).map_err(failed)?;
                (params.arbiter_stake(), script, None)
            }
            _ => {
                let sum = deposit(params, *role).checked_add(CHANGE);
                let sum = sum.and_then(|sum| sum.checked_add(FEE));
                let sum = sum.ok_or_else(|| failed("a deposit that is no amount"))?;
                let change = Change {
                    value_sat: CHANGE,
                    script: wallet.script().clone(),
                };
                (sum, wallet.script().clone(), Some(change))
            }
        };
        let coins = vec![Coin {
            outpoint: OutPoint::null(),
            value_sat: value,
            script: script.clone(),
        }];
        staked.push((*role, vout, Contribution { coins, change }));
        outputs.push(TxOut {
            value,
            script_pubkey: script,
        });
    }
    Ok((outputs, staked))
}

/// How the worker works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Works {
    Right,
    Wrong,
    Nothing,
}

struct Life<'p> {
    rng: StdRng,
    pool: &'p PaperPool,
    chain: Embedded,
    tip: u32,
    held: BTreeMap<Role, ContractSignatures<Terms>>,
    villains: BTreeSet<Role>,
    /// How often, in 3, adversaries do what honest parties do.
    diligence: u8,
    works: Works,
    /// Which halves the verifier has handed over.
    handed: BTreeSet<&'static str>,
    /// Who of the panel has shown its share of the secret.
    shown: BTreeSet<Role>,
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
        held: pool.held.clone(),
        villains,
        diligence,
        works,
        handed: BTreeSet::new(),
        shown: BTreeSet::new(),
        is_sideways: false,
        away,
        path: Vec::new(),
        waiting: Vec::new(),
    };
    while life.tip < last && !life.path.iter().any(|name| name.base != "TxA") {
        life.round()?;
    }
    Ok(life.outcome())
}

impl Life<'_> {
    fn round(&mut self) -> Result<(), PoolError> {
        let mut roles: Vec<_> = self.pool.terms.roles().collect();
        while !roles.is_empty() {
            let role = roles.swap_remove(self.rng.gen_range(0..roles.len()));
            let tip = self.tip;
            let away = self.away.filter(|(who, ..)| *who == role);
            if away.is_some_and(|(_, from, until)| (from..until).contains(&tip)) {
                continue;
            }
            let is_villain = self.villains.contains(&role);
            if !is_villain || self.rng.gen_range(0..3u8) < self.diligence {
                self.honest(role);
            }
            if is_villain && self.rng.gen_range(0..6u8) == 0 {
                self.anything(role);
            }
        }
        self.mine()
    }

    /// Miners take what comes, one transaction of the contract at a time.
    fn mine(&mut self) -> Result<(), PoolError> {
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
            self.chain.mine_exactly(&[], &anyone).map_err(failed)?;
        }
        self.tip = self.chain.height().map_err(failed)?;
        Ok(())
    }

    fn is_appealed(&self) -> bool {
        self.path.iter().any(|name| name.base == "TxA")
    }

    fn secrets(&self, role: Role) -> Secrets {
        let mut known = match role {
            Role::Worker => self.pool.fixtures.worker_secrets(),
            _ => Secrets::default(),
        };
        let (_, quorum) = PANEL;
        if self.shown.len() >= usize::from(quorum) {
            known.insert(ContractSecret::Panel, self.pool.fixtures.panel());
        }
        known
    }

    /// Publishes a transaction, if it can be completed.
    fn publish(&mut self, role: Role, name: NodeName) {
        let secrets = self.secrets(role);
        let Some(held) = self.held.get(&role) else {
            return;
        };
        let tx = held
            .graph()
            .find(name)
            .map(|node| held.complete(node, &secrets));
        if let Some(Ok(tx)) = tx {
            self.waiting.push((Some(name), tx));
        }
    }

    /// The verifier hands the worker its half of a transaction.
    fn hand_over(&mut self, base: &'static str) {
        let verifier = self.held.get(&Role::Verifier);
        let name = NodeName::plain(base);
        let node = verifier.and_then(|held| held.graph().find(name));
        let releases = verifier
            .zip(node)
            .map(|(held, node)| held.release(node, None));
        if let (Some(Ok(releases)), Some(worker)) = (releases, self.held.get_mut(&Role::Worker)) {
            for release in releases {
                let _ = worker.accept(&release);
            }
            self.handed.insert(base);
        }
    }

    /// What the paper has a party do.
    fn honest(&mut self, role: Role) {
        let pool = self.pool;
        let Some(locks) = pool.terms.params().paper_locks() else {
            return;
        };
        let next = self.tip + 1;
        let is_delivered = self.works != Works::Nothing;
        let is_right = self.works == Works::Right;
        let plain = NodeName::plain;
        let rejected = self.handed.contains("TxA");
        match (role, self.is_appealed()) {
            (Role::Verifier, false) => match () {
                () if is_delivered && self.handed.is_empty() => {
                    self.hand_over(if is_right { "Tx4" } else { "TxA" });
                }
                () if rejected && next > locks.t2 => self.publish(role, plain("Tx5")),
                () if !is_delivered && next > locks.t3 => self.publish(role, plain("Tx1")),
                () => {}
            },
            (Role::Worker, false) if is_delivered => match () {
                () if self.handed.contains("Tx4") => self.publish(role, plain("Tx4")),
                () if rejected => self.publish(role, plain("TxA")),
                () if next > locks.t1 => self.publish(role, plain("Tx3")),
                () => {}
            },
            (Role::Client, false) if !is_delivered && next > locks.t3 => {
                self.publish(role, plain("Tx2"));
            }
            // The panel's secret is one: it is shown to convict and to clear.
            (Role::Arbiter(_), true) => {
                self.shown.insert(role);
            }
            (Role::Client, true) if next > locks.t4 => self.publish(role, plain("Tx6")),
            (Role::Verifier, true) if !is_right => self.publish(role, Self::ruled(false)),
            (Role::Worker, true) if is_right => self.publish(role, Self::ruled(true)),
            _ => {}
        }
    }

    /// The settlement by a ruling of the whole panel.
    fn ruled(is_right: bool) -> NodeName {
        let all = ArbiterSet::full(PANEL.0);
        match is_right {
            true => NodeName::with("Tx8", Rulings::of(Ruling::VerifierAtFault, all)),
            false => NodeName::with("Tx7", Rulings::of(Ruling::WorkerAtFault, all)),
        }
    }

    /// Anything that an adversary can do: it hands over any half, spends or shows what it has, and publishes what it holds.
    fn anything(&mut self, role: Role) {
        match (role, self.rng.gen_range(0..3u8)) {
            (Role::Verifier, 0) => {
                let base = ["Tx4", "TxA"][self.rng.gen_range(0..2usize)];
                return self.hand_over(base);
            }
            (Role::Arbiter(_), 0) => {
                self.shown.insert(role);
                return;
            }
            (Role::Arbiter(seat), 1) => {
                let key = self.pool.fixtures.key(role);
                let to = ScriptBuf::new_p2a();
                let rng = &mut self.rng;
                let back = reclaim_stake_coin(&self.pool.terms, seat, &key, to, RATE, rng);
                self.waiting.extend(back.ok().map(|tx| (None, tx)));
                return;
            }
            _ => {}
        }
        let secrets = self.secrets(role);
        let Some(held) = self.held.get(&role) else {
            return;
        };
        let nodes: Vec<NodeId> = held.complete_nodes().collect();
        let whole = nodes.into_iter().filter_map(|node| {
            let tx = held.complete(node, &secrets).ok()?;
            Some((Some(held.graph().node(node)?.name), tx))
        });
        let mut whole: Vec<_> = whole
            .filter(|(name, _)| name.is_some_and(|name| name.base != "Tx0"))
            .collect();
        if !whole.is_empty() {
            let any = whole.swap_remove(self.rng.gen_range(0..whole.len()));
            self.waiting.push(any);
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
