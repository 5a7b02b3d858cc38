//! A watchtower for others: bundles of parties that may be away, kept in this node's logs, watched on its chain, and paid for from
//! its wallet, after what its own contracts may need.
//!
//! Whoever gives a bundle is a *client* of the tower, known by a ticket of which the tower has the hash alone, or the operator itself.
//! A client has so many bundles and bytes at most, and for one transaction so much is paid at most.

mod kept;
mod order;
mod purse;
mod status;

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use narthex::{
    bitcoin::{Amount, BlockHash},
    channel::{Logged, StepError, log::Identity},
    contracts::{
        party::PartyId,
        template::{Reserve, TowerBundle},
    },
    life::{LifeError, Publisher, TowerError, Watchtower},
    regtest::{ChainSource, NodeAccess},
};
use narthex_base::{codec::Message as _, tagged::tagged_hash_parts};

use super::{AnyLog, Core, Fatal, contract::AGAIN_MS};
use kept::{ChargeChange, ChargeRecord, ClientRecord};
use purse::TowerPurse;

pub use order::TowerCommand;
pub use status::{TowerClientStatus, TowerPaid, TowerStatus};

/// Blocks behind the end of a contract after which nothing is kept of it.
const REMEMBERED: u32 = 144;

/// What a tower takes, and what it pays.
#[derive(Clone, Debug)]
pub struct TowerPolicy {
    /// Largest bundle, in bytes.
    pub bundle_bytes: usize,
    /// Most bundles of one client.
    pub client_bundles: usize,
    /// Most bytes of one client's bundles.
    pub client_bytes: usize,
    /// Most bundles of all.
    pub bundles: usize,
    /// Most bytes of all.
    pub bytes: usize,
    /// Most that is paid for one transaction, beyond what relays take at least; and never more than half of what its party
    /// would lose.
    pub fee: Amount,
    /// Most blocks that are read back to a contract's funding. They are read at once, and nothing else is done meanwhile.
    pub behind: u32,
}

impl Default for TowerPolicy {
    fn default() -> Self {
        TowerPolicy {
            bundle_bytes: 1 << 20,
            client_bundles: 16,
            client_bytes: 4 << 20,
            bundles: 256,
            bytes: 32 << 20,
            fee: Amount::from_sat(50_000),
            behind: 2_160,
        }
    }
}

/// What a tower has.
pub(super) struct Towers {
    clients: Option<Logged<ClientRecord, AnyLog>>,
    charges: BTreeMap<[u8; 32], Charge>,
    /// What the node's own contracts may need.
    reserve: Rc<Cell<Reserve>>,
}

impl Towers {
    pub(super) fn new() -> Towers {
        Towers {
            clients: None,
            charges: BTreeMap::new(),
            reserve: Rc::new(Cell::new(Reserve::NONE)),
        }
    }
}

/// One contract that is watched for one of its parties.
struct Charge {
    kept: Logged<ChargeRecord, AnyLog>,
    tower: Watchtower<'static>,
    /// The tip that it has seen.
    looked: Option<BlockHash>,
    /// The tip, and the number of rulings, as it was when it published what was due.
    published: Option<(BlockHash, usize)>,
    /// What was told last.
    told: Option<String>,
    trouble: Option<String>,
    again_ms: u64,
}

fn clients_log() -> Identity {
    Identity::new("tower-clients", [0; 32])
}

fn charge_log(id: [u8; 32]) -> Identity {
    Identity::new(CHARGED, id)
}

/// Where it stands how far the chain was read.
fn watched_log(id: [u8; 32]) -> Identity {
    Identity::new("watched", id)
}

const CHARGED: &str = "charge";

/// By what a bundle of a client is known: another one for the same party of the same contract takes its place.
fn charge_id(bundle: &TowerBundle, client: &str) -> [u8; 32] {
    let party = PartyId::from(bundle.role()).0;
    let parts = [bundle.terms().contract_id().as_slice(), &[party]];
    let whose = tagged_hash_parts("narthex/watched", &parts);
    tagged_hash_parts("narthex/charge", &[&whose, client.as_bytes()])
}

/// An id as it stands in notes.
fn name(id: &[u8; 32]) -> String {
    use narthex::bitcoin::hex::DisplayHex;
    let first = id.first_chunk::<8>().copied().unwrap_or_default();
    format!("watched contract {}", first.as_hex())
}

impl Core {
    /// What was given, as the logs have it.
    pub(super) fn recover_towers(&mut self) -> Result<(), Fatal> {
        let known = self.store.known()?;
        // A node that has never served anybody has no log of it.
        if known.contains(&clients_log()) {
            self.tower_clients()?;
        }
        for whose in known.iter().filter(|whose| whose.machine == CHARGED) {
            let kept = Logged::open(ChargeRecord::default(), self.store.open(whose)?)?;
            let record = kept.machine().clone();
            let watched = match TowerBundle::from_bytes(&record.bundle) {
                Ok(bundle) => {
                    let found = self.checked(whose.id, &bundle)?;
                    found.map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            match watched {
                Ok(mut tower) => {
                    for ruling in &record.rulings {
                        // They were checked when they came.
                        let _ = tower.attest(ruling);
                    }
                    self.towers
                        .charges
                        .insert(whose.id, Charge::new(kept, tower));
                }
                // It was checked before it was kept: another version of this program wrote it, or the disk is damaged.
                Err(why) => self.note_of(
                    whose.id,
                    format_args!(
                        "{}: what was given cannot be read any more, and is not watched: {why}",
                        name(&whose.id)
                    ),
                ),
            }
        }
        Ok(())
    }

    /// A watchtower over a bundle, which is checked; else what is wrong with it.
    fn checked(
        &mut self,
        id: [u8; 32],
        bundle: &TowerBundle,
    ) -> Result<Result<Watchtower<'static>, TowerError>, Fatal> {
        let purse = TowerPurse::new(Rc::clone(&self.own), Rc::clone(&self.towers.reserve));
        let publisher = Publisher::new(purse, FIRST_RATE).up_to(self.policy.max_rate);
        let store = &mut self.store;
        let opened = Watchtower::open(bundle, || store.open(&watched_log(id)), publisher);
        match opened {
            Ok(tower) => Ok(Ok(tower.at_most(self.policy.tower.fee))),
            Err(TowerError::Log(error)) => Err(error.into()),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Shows all that is watched the chain, and publishes what is due.
    pub(super) fn poll_towers(
        &mut self,
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        if self.towers.charges.is_empty() {
            return Ok(());
        }
        let reserved = self.reserved(None).unwrap_or(Reserve::NONE);
        self.towers.reserve.set(reserved);
        let ids: Vec<_> = self.towers.charges.keys().copied().collect();
        let mut due = Vec::new();
        for id in ids {
            if self.watch_one(id, tip, chain)? {
                due.push(id);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        // What was read is not read again, and no address of the wallet is shown that is not kept.
        self.keep()?;
        for id in due {
            self.publish_watched(id, tip.1, chain)?;
        }
        Ok(())
    }

    /// Reads on for one; whether it is to publish something.
    fn watch_one(
        &mut self,
        id: [u8; 32],
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<bool, Fatal> {
        let ms = self.now.ms;
        let Some(charge) = self.towers.charges.get_mut(&id) else {
            return Ok(false);
        };
        if charge.again_ms > ms {
            return Ok(false);
        }
        if charge.looked != Some(tip.1) {
            let source: &mut dyn ChainSource = chain;
            if let Err(error) = charge.tower.look(source) {
                self.watch_failed(id, error)?;
                return Ok(false);
            }
            charge.looked = Some(tip.1);
            charge.trouble = None;
        }
        let ended = charge.tower.standing().filter(|_| charge.tower.is_past());
        if let Some((last, height)) = ended {
            charge.tower.rest();
            if tip.0 > height.saturating_add(REMEMBERED) {
                self.note_of(
                    id,
                    format_args!(
                        "{}: it ended by {last} at height {height}, and is forgotten",
                        name(&id)
                    ),
                );
                self.forget_charge(id)?;
            }
            return Ok(false);
        }
        let standing = charge.tower.standing();
        let standing = standing.map(|(name, height)| format!("{name} at height {height}"));
        if standing.is_some() && charge.told != standing {
            charge.told.clone_from(&standing);
            self.note_of(
                id,
                format_args!("{}: {}", name(&id), standing.unwrap_or_default()),
            );
        }
        let charge = self.towers.charges.get(&id);
        Ok(charge.is_some_and(|charge| charge.published != Some(charge.now(tip.1))))
    }

    fn publish_watched(
        &mut self,
        id: [u8; 32],
        tip: BlockHash,
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some(charge) = self.towers.charges.get_mut(&id) else {
            return Ok(());
        };
        charge.published = Some(charge.now(tip));
        let sent = charge.tower.publish(chain);
        let what = charge.due();
        let refused = charge.tower.publisher().refused.iter();
        let refused: Vec<_> = refused.map(|refused| refused.why.to_string()).collect();
        for why in refused {
            self.note_of(id, format_args!("{}: not published yet: {why}", name(&id)));
        }
        match sent {
            Ok(false) => Ok(()),
            Ok(true) => {
                let what = what.unwrap_or_default();
                self.note_of(id, format_args!("{}: published: {what}", name(&id)));
                Ok(())
            }
            Err(error) => self.watch_failed(id, error),
        }
    }

    /// What does not concern the node as a whole is told, and tried again.
    fn watch_failed(&mut self, id: [u8; 32], error: LifeError) -> Result<(), Fatal> {
        let why = error.to_string();
        match error {
            LifeError::Log(error) => return Err(error.into()),
            LifeError::Sight(error) => return Err(error.into()),
            _ => {}
        }
        let again_ms = self.now.ms.saturating_add(AGAIN_MS);
        let Some(charge) = self.towers.charges.get_mut(&id) else {
            return Ok(());
        };
        charge.again_ms = again_ms;
        // With the next try, whatever the tip is then.
        charge.published = None;
        let is_news = charge.trouble.as_ref() != Some(&why);
        charge.trouble = Some(why.clone());
        if is_news {
            self.note_of(id, format_args!("{}: {why}", name(&id)));
        }
        Ok(())
    }

    /// Nothing of it is left, with the next commit.
    fn forget_charge(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        if let Some(mut charge) = self.towers.charges.remove(&id) {
            charge.tower.rest();
        }
        self.store.remove(&charge_log(id))?;
        self.store.remove(&watched_log(id))?;
        Ok(())
    }

    fn tower_clients(&mut self) -> Result<&mut Logged<ClientRecord, AnyLog>, Fatal> {
        if self.towers.clients.is_none() {
            let log = self.store.open(&clients_log())?;
            self.towers.clients = Some(Logged::open(ClientRecord::default(), log)?);
        }
        self.towers.clients.as_mut().ok_or(Fatal::Key)
    }

    /// Whom this node serves as a tower: names, and the hash of the ticket of each.
    fn served(&self) -> impl Iterator<Item = (&String, &[u8; 32])> {
        let clients = self.towers.clients.iter();
        clients.flat_map(|clients| &clients.machine().tickets)
    }

    /// Whom this node serves as a tower: the hash of the ticket of each, with its name.
    pub fn tickets(&self) -> BTreeMap<[u8; 32], String> {
        let all = self.served();
        all.map(|(name, ticket)| (*ticket, name.clone())).collect()
    }

    fn charge_step(&mut self, id: [u8; 32], change: &ChargeChange) -> Result<(), Fatal> {
        let Some(charge) = self.towers.charges.get_mut(&id) else {
            return Ok(());
        };
        match charge.kept.step(change) {
            Ok(_) => Ok(()),
            Err(StepError::Refused(never)) => Err(Fatal::Step(never.to_string())),
            Err(error) => Err(Fatal::step(error)),
        }
    }
}

/// 2 sat/vB: with what it begins. From there it climbs by itself.
const FIRST_RATE: narthex::bitcoin::FeeRate = narthex::bitcoin::FeeRate::from_sat_per_kwu(500);

impl Charge {
    fn new(kept: Logged<ChargeRecord, AnyLog>, tower: Watchtower<'static>) -> Charge {
        Charge {
            kept,
            tower,
            looked: None,
            published: None,
            told: None,
            trouble: None,
            again_ms: 0,
        }
    }

    fn now(&self, tip: BlockHash) -> (BlockHash, usize) {
        (tip, self.kept.machine().rulings.len())
    }

    /// Name of what is to be published as it stands.
    fn due(&self) -> Option<String> {
        let (node, _, _) = self.tower.due()?;
        Some(self.tower.name(node)?.to_string())
    }
}
