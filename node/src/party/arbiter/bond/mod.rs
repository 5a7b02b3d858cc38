//! An arbiter's offers on chain and their bonds: made, brought into blocks, renewed before they end, and rolled over.
//!
//! What is due at a height is a function ([`due`]); what is done about it is planned and durable before anything leaves ([`record`]); what the
//! chain has of it is read block behind block, by a log for each offer, as for everything else that a node waits for. Each offer has an
//! identity of its own, which follows from the seed and its end.

mod behind;
mod build;
mod due;
mod plan;
mod policy;
mod publish;
mod record;
mod status;

use std::{collections::BTreeMap, rc::Rc};

use narthex::{
    bitcoin::{BlockHash, OutPoint, ScriptBuf, Transaction},
    channel::{Logged, follow::MAX_REORG_BLOCKS, log::Identity},
    game_model::{Params, schedule::stake_unlock_height},
    life::{Bumper, LifeError, Reader},
    regtest::NodeAccess,
};

use self::{
    build::{identity, script},
    due::{Held, Stands, due},
    policy::covers,
    record::{BondChange, BondRecord, Entry, Plan},
};
use crate::party::{
    AnyLog, Core, Fatal, Reply,
    command::{Answer, refused},
    life::follow_log,
};

pub(in crate::party) use behind::{Unseen, seen_behind};
pub use policy::BondPolicy;
pub use status::{BondStatus, OfferStatus, OfferingStatus};

/// Where the plans are kept.
pub(in crate::party) fn bond_log() -> Identity {
    Identity::new("bonds", [0; 32])
}

/// Offers and bonds of this node.
#[derive(Default)]
pub(super) struct Bonds {
    /// Opened when it is there, or wanted.
    record: Option<Logged<BondRecord, AnyLog>>,
    /// What each offer is in memory, by its end.
    live: BTreeMap<u32, Live>,
    /// What keeps the next step from being made.
    trouble: Option<String>,
    /// The tip at which something was due at last.
    tried: Option<BlockHash>,
}

/// An offer that is not over, as it was read and published since the start.
struct Live {
    reader: Reader<'static>,
    bumper: Bumper,
    /// What its bond pays to.
    pays_to: ScriptBuf,
    looked: Option<BlockHash>,
    published: Option<BlockHash>,
    found: Found,
}

/// What the chain has of an offer.
#[derive(Clone, Debug, Default)]
struct Found {
    /// The transaction that made it, its height, and where its bond is.
    posted: Option<(Transaction, u32, OutPoint)>,
    /// What spends the bond, and its height.
    spent: Option<(Transaction, u32)>,
    /// Something else has spent what it was to spend, at this height.
    lost: Option<u32>,
}

impl Found {
    fn of(plan: &Plan, pays_to: &ScriptBuf, reader: &Reader<'_>) -> Found {
        let mut all = Found::default();
        for (height, tx) in reader.follower().found() {
            let spends = |coin: &OutPoint| tx.input.iter().any(|i| i.previous_output == *coin);
            let is_own = plan.coins.iter().any(|coin| spends(&coin.outpoint));
            let bond = all.posted.as_ref().map(|(.., bond)| *bond);
            match (bond, plan.bond_in(pays_to, tx)) {
                (Some(bond), _) if spends(&bond) => all.spent = Some((tx.clone(), height)),
                (None, Some(bond)) if is_own => all.posted = Some((tx.clone(), height, bond)),
                (None, None) if is_own => all.lost = Some(height),
                _ => {}
            }
        }
        all
    }

    /// The height from which on nothing more comes, unless it is taken back.
    fn ended(&self) -> Option<u32> {
        let spent = self.spent.as_ref().map(|(_, height)| *height);
        spent.or(self.lost.filter(|_| self.posted.is_none()))
    }
}

impl Core {
    /// Plans that were made before this start.
    pub(in crate::party) fn recover_bonds(&mut self) -> Result<(), Fatal> {
        let log = self.store.open(&bond_log())?;
        let record = Logged::open(BondRecord::default(), log)?;
        let ends: Vec<_> = record.machine().entries.keys().copied().collect();
        self.sitting.bonds.record = Some(record);
        ends.into_iter().try_for_each(|end| self.open_offer(end))
    }

    /// The part of an offer that is in memory; what it is to spend nothing else spends.
    fn open_offer(&mut self, end: u32) -> Result<(), Fatal> {
        let Some(Entry { plan, .. }) = self.entry(end).cloned() else {
            return Ok(());
        };
        let own = Rc::clone(&self.own);
        let pair = identity(&own.borrow().seed, end).map_err(Fatal::Step)?;
        let bond = script(&pair, end).map_err(Fatal::Step)?;
        let pays_to = bond.script_pubkey();
        let pays_to = pays_to.map_err(|error| Fatal::Step(error.to_string()))?;
        if plan.rolls.is_none() {
            for coin in &plan.coins {
                own.borrow_mut().wallet.reserve(coin.outpoint);
            }
        }
        let log = self
            .store
            .open(&follow_log(pair.x_only_public_key().0.serialize()))?;
        let reader = Reader::open(log, plan.since.saturating_sub(MAX_REORG_BLOCKS))?;
        let found = Found::of(&plan, &pays_to, &reader);
        let live = Live {
            reader,
            bumper: Bumper::new(plan.rate, self.policy.max_rate),
            pays_to,
            looked: None,
            published: None,
            found,
        };
        self.sitting.bonds.live.insert(end, live);
        Ok(())
    }

    fn bond_record(&self) -> Option<&BondRecord> {
        self.sitting.bonds.record.as_ref().map(Logged::machine)
    }

    fn entry(&self, end: u32) -> Option<&Entry> {
        self.bond_record()?.entries.get(&end)
    }

    fn bond_step(&mut self, change: &BondChange) -> Result<(), Fatal> {
        if self.sitting.bonds.record.is_none() {
            self.recover_bonds()?;
        }
        let record = self.sitting.bonds.record.as_mut();
        let record = record.ok_or_else(|| Fatal::Step("no record of bonds".into()))?;
        record.step(change).map_err(Fatal::step)?;
        Ok(())
    }

    /// Looks at the chain for offers and bonds, and does what is due.
    pub(in crate::party) fn poll_bonds(
        &mut self,
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        if self.policy.bond.is_none() && self.sitting.bonds.record.is_none() {
            return Ok(());
        }
        let ends: Vec<_> = self.sitting.bonds.live.keys().copied().collect();
        let mut is_seen = true;
        for end in &ends {
            is_seen &= self.look_bond(*end, tip.1, chain)?;
        }
        // Nothing is decided by what is not all known.
        if !is_seen {
            return Ok(());
        }
        let is_asked = self.bond_record().is_some_and(|record| record.is_asked);
        let held = self.held_offers();
        let last = self.bond_record().and_then(|record| record.last);
        let wanted = self
            .policy
            .wanted(self.burned().is_some(), self.is_draining);
        let step = due(tip.0, &held, (wanted, last), is_asked);
        if let Some(step) = step.filter(|_| self.sitting.bonds.tried != Some(tip.1)) {
            self.sitting.bonds.trouble = None;
            if let Err(why) = self.plan_bond(step, tip.0, chain)? {
                self.sitting.bonds.tried = Some(tip.1);
                self.note(format_args!("the offer on chain: {why}"));
                self.sitting.bonds.trouble = Some(why);
            }
        }
        self.publish_bonds(tip, chain)?;
        self.end_bonds(tip.0)
    }

    /// Reads the blocks that were not read for one offer; whether that went through.
    fn look_bond(
        &mut self,
        end: u32,
        tip: BlockHash,
        chain: &mut dyn NodeAccess,
    ) -> Result<bool, Fatal> {
        let Some(Entry { plan, .. }) = self.entry(end).cloned() else {
            return Ok(true);
        };
        let Some(live) = self.sitting.bonds.live.get_mut(&end) else {
            return Ok(true);
        };
        if live.looked == Some(tip) {
            return Ok(true);
        }
        let before = live
            .found
            .posted
            .as_ref()
            .map(|(_, height, bond)| (*height, *bond));
        let coins = plan.coins.iter().map(|coin| coin.outpoint).collect();
        let read = live.reader.unread(chain, coins).and_then(|blocks| {
            let mut next = |tx: &Transaction, _: u32| {
                let bond = plan.bond_in(&live.pays_to, tx);
                bond.map(|bond| bond.vout).into_iter().collect()
            };
            live.reader.connect(chain, &blocks, &mut next)
        });
        match read {
            Ok(()) => {}
            Err(LifeError::Log(error)) => return Err(error.into()),
            Err(error) => {
                self.note(format_args!("the offer that ends at {end}: {error}"));
                return Ok(false);
            }
        }
        live.found = Found::of(&plan, &live.pays_to, &live.reader);
        live.looked = Some(tip);
        let after = live
            .found
            .posted
            .as_ref()
            .map(|(_, height, bond)| (*height, *bond));
        match after {
            _ if before == after => {}
            Some((height, bond)) => self.note(format_args!(
                "the offer that ends at {end} is in block {height}, its bond at {bond}"
            )),
            None => self.note(format_args!(
                "the offer that ends at {end} is in no block any more"
            )),
        }
        Ok(true)
    }

    /// Offers as the decision takes them.
    fn held_offers(&self) -> Vec<Held> {
        let record = self.bond_record().into_iter();
        let entries = record.flat_map(|record| &record.entries);
        let of = |(end, entry): (&u32, &Entry)| {
            let found = self.sitting.bonds.live.get(end).map(|live| &live.found)?;
            let stands = match (&found.posted, found.lost) {
                (None, Some(_)) => return None,
                (None, None) => Stands::Waits,
                _ if entry.withdrawn.is_some() || found.spent.is_some() => Stands::Leaves,
                _ if self.rolls_into(*end).is_some() => Stands::Leaves,
                _ => Stands::Posted,
            };
            let asked = entry.plan.asked;
            Some(Held {
                end: *end,
                asked,
                stands,
            })
        };
        entries.filter_map(of).collect()
    }

    /// The offer into which the bond of another goes.
    fn rolls_into(&self, old: u32) -> Option<&Entry> {
        let mut entries = self.bond_record()?.entries.values();
        entries.find(|entry| entry.plan.rolls == Some(old))
    }

    /// The end of the offer that stands longest at this tip.
    fn standing_end(&self, tip: u32) -> Option<u32> {
        let held = self.held_offers().into_iter();
        let standing = held.filter(|one| one.stands == Stands::Posted && one.end > tip);
        standing.map(|one| one.end).max()
    }

    /// Whether an offer on chain covers a contract, of a node that makes any.
    pub(super) fn bond_covers(&self, params: &Params) -> Result<(), String> {
        if self.policy.bond.is_none() {
            return Ok(());
        }
        let reorg = self.policy.reorg();
        let end = self.standing_end(self.tip.unwrap_or_default());
        match end {
            None => Err("this arbiter's offer is in no block yet".into()),
            Some(end) if covers(end, params, reorg) => Ok(()),
            Some(end) => Err(format!(
                "this arbiter's offer ends at {end}; with this contract its stake would be free, {reorg} blocks deep, no earlier than {}",
                stake_unlock_height(params).saturating_add(reorg)
            )),
        }
    }

    /// The operator wants the next offer now: it is made with the next look at the chain.
    pub(in crate::party) fn renew_offer(&mut self) -> Result<Answer, Fatal> {
        if self.policy.bond.is_none() {
            let why = "no bond is wanted: the node was started without --bond";
            return Ok(Err(refused("none", why)));
        }
        if !self.bond_record().is_some_and(|record| record.is_asked) {
            self.bond_step(&BondChange::Asked)?;
        }
        Ok(Ok(Reply::Arbiter(Box::new(self.arbiter_status()))))
    }
}
