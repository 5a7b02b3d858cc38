//! One life, from its seed to its end.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use bitcoin::{
    OutPoint, Transaction, Txid,
    secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
};
use narthex_base::tagged::tagged_hash_parts;
use narthex_contracts::{
    attest::Attestation,
    graph::NodeId,
    party::{PartyId, PartyName},
    terms::{Role, stake_unlock_height},
};
use narthex_regtest::Embedded;

use super::{
    flaw::LifeFlaw,
    node::{LifeNode, Rulings},
    pool::{self, PACE, Pool, PoolError, Ready},
    villain::Villain,
};
use crate::{
    life::{Record, Sight},
    schedules::{FaultKind, Less, Outcome, Violation, net::Net, trace::Trace},
};

/// Rounds after which a life counts as endless.
const MOST_ROUNDS: u32 = 600;
/// Events of one round after which it counts as endless.
pub(super) const MOST_EVENTS: u32 = 6_000;

/// What is lived.
#[derive(Clone, Debug, Default)]
pub struct LifePlan {
    /// These disturbances and no others, and these single faults left out.
    pub less: Less,
    /// A rule that honest parties do not keep.
    pub flaw: Option<LifeFlaw>,
    /// Last events that the outcome has at least; 40 without it.
    pub events: Option<usize>,
}

/// One input of one party's machine: which machine, where it stood, what came, and where it stood then.
pub type Step = (&'static str, &'static str, &'static str, &'static str);

/// How a contract was lived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    /// The transaction that settled.
    pub exit: Option<&'static str>,
    /// Rows by which honest arbiters ruled.
    pub rows: BTreeSet<String>,
    /// Who ruled by which row, and why, adversaries among them.
    pub rulings: Vec<String>,
    /// What honest parties' machines did.
    pub steps: BTreeSet<Step>,
    /// Blocks that were mined.
    pub blocks: u32,
    /// What adversaries did, each in a few words.
    pub habits: Vec<String>,
    /// Single faults that happened.
    pub faults: u32,
}

/// Lives the life of a seed.
pub fn live(seed: &[u8; 32], pool: &Pool, plan: &LifePlan) -> Outcome {
    let lived = pool.with(seed, |ready| {
        let mut world = World::new(seed, ready, plan)?;
        world.run();
        Ok(world.outcome())
    });
    lived.unwrap_or_else(|error: PoolError| {
        let party = PartyName::from(Role::Client);
        let reason = error.to_string();
        let defect = Violation::Defect { party, reason };
        Outcome {
            violations: vec![defect],
            ..Outcome::default()
        }
    })
}

/// A letter on its way.
pub(super) type Posted = Rc<Vec<u8>>;

pub(super) struct World<'r> {
    pub(super) rng: StdRng,
    /// What adversaries draw besides.
    pub(super) whims: StdRng,
    pub(super) ready: &'r Ready,
    pub(super) chain: Embedded,
    pub(super) tip: u32,
    pub(super) roles: Vec<Role>,
    pub(super) nodes: BTreeMap<Role, LifeNode>,
    pub(super) net: Net<Posted>,
    /// What the links keep.
    pub(super) record: Record,
    pub(super) kinds: Vec<FaultKind>,
    skipped: BTreeSet<u32>,
    pub(super) faults: u32,
    pub(super) kills: u32,
    pub(super) trace: Trace,
    pub(super) found: Vec<Violation>,
    pub(super) rulings: Rulings,
    pub(super) attested: BTreeMap<Role, Attestation>,
    pub(super) steps: BTreeSet<Step>,
    pub(super) blocks: u32,
    /// Since which tip a transaction waits.
    pub(super) waiting: BTreeMap<Txid, u32>,
    /// Since which tip a coin is spent by one that waits, whichever it is by now.
    pub(super) spent: BTreeMap<OutPoint, u32>,
    /// Fee rate that the miner asks for, in satoshi for 1000 weight units.
    pub(super) floor: u64,
    /// What went to the miner past the mempool.
    pub(super) bribed: Vec<Transaction>,
    /// Letters that an adversary sends in the next round.
    pub(super) later: Vec<(Role, Role, Vec<u8>)>,
    /// How often a duty was not on its way when it ought to have been.
    pub(super) missed: BTreeMap<(Role, NodeId), u32>,
    pub(super) has_rolled_back: bool,
    /// The contract as anybody sees it.
    pub(super) sight: Sight<'static>,
    /// The contract's transactions that confirmed, at the last look.
    pub(super) path: Vec<(NodeId, u32)>,
    /// Until the stakes are back.
    pub(super) is_patient: bool,
    /// Height after which nothing is locked any more.
    pub(super) bound: u32,
}

impl<'r> World<'r> {
    fn new(seed: &[u8; 32], ready: &'r Ready, plan: &LifePlan) -> Result<World<'r>, PoolError> {
        let mut rng = StdRng::from_seed(tagged_hash_parts("narthex/simulated-schedule", &[seed]));
        let drawn = FaultKind::LIFE.into_iter();
        let drawn: Vec<_> = drawn.filter(|_| rng.gen_range(0..2u8) == 0).collect();
        let kinds = plan.less.kinds.clone().unwrap_or(drawn);
        let roles: Vec<_> = ready.terms.roles().collect();
        let mut whims = StdRng::from_seed(tagged_hash_parts("narthex/simulated-whims", &[seed]));
        let mut cast = Self::cast(ready, &roles, (&mut rng, &mut whims));
        if !kinds.contains(&FaultKind::Adversary) {
            cast.clear();
        }
        let rulings = Rulings::new(RefCell::default());
        let sight = Sight::in_memory(ready.since()).map_err(pool::failed)?;
        let mut nodes = BTreeMap::new();
        for role in &roles {
            let villain = cast.iter().find(|villain| villain.role == *role).cloned();
            let node = LifeNode::new((ready, *role), villain, plan.flaw, rulings.clone())?;
            nodes.insert(*role, node);
        }
        let mut net = Net::default();
        if kinds.contains(&FaultKind::Delay) {
            for (from, to) in roles
                .iter()
                .flat_map(|a| roles.iter().map(move |b| (*a, *b)))
            {
                net.slow((from.into(), to.into()), rng.gen_range(0..8));
            }
        }
        let slack = 4 * u32::from(PACE.confirm + PACE.reorg);
        let params = ready.terms.params();
        let funded = ready
            .funded
            .saturating_add(params.stake_lock_blocks().into());
        let unlock = stake_unlock_height(params).max(funded);
        let is_patient = rng.gen_range(0..24u8) == 0;
        Ok(World {
            chain: ready.chain.clone(),
            ready,
            tip: 0,
            nodes,
            net,
            record: Record::default(),
            kinds,
            skipped: plan.less.skipped.clone(),
            faults: 0,
            kills: 0,
            trace: Trace::showing(plan.events),
            found: Vec::new(),
            rulings,
            attested: BTreeMap::new(),
            steps: BTreeSet::new(),
            blocks: 0,
            waiting: BTreeMap::new(),
            spent: BTreeMap::new(),
            floor: 0,
            bribed: Vec::new(),
            later: Vec::new(),
            missed: BTreeMap::new(),
            has_rolled_back: false,
            sight,
            path: Vec::new(),
            is_patient,
            bound: unlock.saturating_add(slack),
            roles,
            rng,
            whims,
        })
    }

    /// Who is an adversary, if anybody is: one, or a league of two, and as many arbiters as a majority can do without.
    fn cast(
        ready: &Ready,
        roles: &[Role],
        (rng, whims): (&mut StdRng, &mut StdRng),
    ) -> Vec<Villain> {
        let mut cast: Vec<Role> = Vec::new();
        let principals = [Role::Client, Role::Worker, Role::Verifier];
        let one = principals[rng.gen_range(0..3usize)];
        let other = principals[rng.gen_range(0..3usize)];
        match rng.gen_range(0..8u8) {
            0 => {}
            1 | 2 if one != other => cast.extend([one, other]),
            _ => cast.push(one),
        }
        let params = ready.terms.params();
        let (n, k) = (params.arbiters(), params.quorum());
        let most = n.saturating_sub(k);
        let arbiters = match rng.gen_range(0..3u8) {
            0 => 0,
            _ => most,
        };
        let first = rng.gen_range(0..n);
        cast.extend((0..arbiters).map(|at| Role::Arbiter((first + at) % n)));
        let draw = |role| Villain::draw(role, roles, rng).with_whims(ready.funded, whims);
        let mut cast: Vec<_> = cast.into_iter().map(draw).collect();
        if let [one, other, ..] = &mut cast[..]
            && !matches!(other.role, Role::Arbiter(_))
        {
            Villain::ally([one, other], whims);
        }
        cast
    }

    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether a fault of this kind happens now, with such a chance.
    pub(super) fn fault(&mut self, kind: FaultKind, (n, of): (u32, u32)) -> bool {
        if !self.has(kind) || !self.rng.gen_ratio(n, of) {
            return false;
        }
        let number = self.faults;
        self.faults += 1;
        if self.skipped.contains(&number) {
            return false;
        }
        self.event(format!("fault {number}: {kind:?}"));
        true
    }

    pub(super) fn event(&mut self, what: String) {
        let tip = self.tip;
        self.trace.event(format!("{tip}: {what}"));
    }

    pub(super) fn violation(&mut self, violation: Violation) {
        if !self.found.contains(&violation) {
            self.event(format!("VIOLATION {violation}"));
            self.found.push(violation);
        }
    }

    pub(super) fn is_bound(&self, role: Role) -> bool {
        self.nodes.get(&role).is_some_and(LifeNode::is_bound)
    }

    pub(super) fn is_villain(&self, role: Role) -> bool {
        let node = self.nodes.get(&role);
        node.is_some_and(|node| node.villain.is_some())
    }

    /// Roles in an order of chance.
    pub(super) fn shuffled(&mut self) -> Vec<Role> {
        let mut roles = self.roles.clone();
        for at in (1..roles.len()).rev() {
            let other = self.rng.gen_range(0..=at);
            roles.swap(at, other);
        }
        roles
    }

    /// Whether both ends of a link are there.
    pub(super) fn is_open(&self, (from, to): (PartyId, PartyId)) -> bool {
        let node = |party: PartyId| self.nodes.get(&Role::from(party));
        let is_there = |node: &LifeNode| node.cut_until <= self.tip;
        node(to).is_some_and(|node| node.is_up() && is_there(node))
            && node(from).is_some_and(is_there)
    }

    fn run(&mut self) {
        self.see_chain();
        for role in self.shuffled() {
            self.start(role);
        }
        for _ in 0..MOST_ROUNDS {
            self.round();
            if self.is_over() || !self.found.is_empty() && self.found.len() > 8 {
                return;
            }
        }
        let party = PartyName::from(Role::Client);
        let phase = "endless";
        self.violation(Violation::Stuck { party, phase });
    }

    fn round(&mut self) {
        self.comings_and_goings();
        self.talk();
        self.adversaries();
        self.publish();
        self.watch_duties();
        self.mine();
    }
}
