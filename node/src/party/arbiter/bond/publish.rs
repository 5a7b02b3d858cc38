//! What brings offers and bonds into blocks, at the fee of the day, until it is there.

use std::rc::Rc;

use narthex::{
    bitcoin::{Amount, BlockHash, OutPoint, Transaction},
    contracts::funding::FeeCoin,
    life::{Due, Offered, Secrecy},
    regtest::NodeAccess,
};

use super::{
    build::{Free, identity, script},
    record::{BondChange, Entry},
};
use crate::party::{Core, Fatal, life::follow_log};

/// One in so many of a bond is at stake when a transaction of it is to come into a block: half of that is paid at most, which stays below the
/// tenth that a sweep takes for no mistake (`Fees`).
const AT_STAKE: u64 = 6;

impl Core {
    /// The bond of an offer that is in a block.
    pub(super) fn bond_coin(&self, end: u32) -> Option<FeeCoin> {
        let live = self.sitting.bonds.live.get(&end)?;
        let (tx, _, outpoint) = live.found.posted.as_ref()?;
        Some(FeeCoin {
            outpoint: *outpoint,
            prevout: tx.output.get(outpoint.vout as usize)?.clone(),
        })
    }

    /// The same as its owner spends it.
    fn free(&self, end: u32, coin: FeeCoin) -> Option<Free> {
        let pair = identity(&self.own.borrow().seed, end).ok()?;
        Some(Free {
            coin,
            script: script(&pair, end).ok()?,
            key: pair.secret_key(),
        })
    }

    /// Publishes what is planned and in no block, once at each tip. Plans are durable before.
    pub(super) fn publish_bonds(
        &mut self,
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let due: Vec<_> = self
            .sitting
            .bonds
            .live
            .iter()
            .filter(|(_, live)| live.published != Some(tip.1) && live.found.ended().is_none())
            .map(|(end, _)| *end)
            .collect();
        let is_due = |core: &Core, end: &u32| {
            let posted = core
                .sitting
                .bonds
                .live
                .get(end)
                .map(|l| l.found.posted.is_some());
            let leaves = core
                .entry(*end)
                .is_some_and(|entry| entry.withdrawn.is_some());
            posted == Some(false) || leaves
        };
        let due: Vec<_> = due.into_iter().filter(|end| is_due(self, end)).collect();
        if due.is_empty() {
            return Ok(());
        }
        self.keep()?;
        for end in due {
            let words = self.publish_bond(end, chain);
            if let Some(live) = self.sitting.bonds.live.get_mut(&end) {
                live.published = Some(tip.1);
            }
            if let Some(words) = words {
                self.note(format_args!("the offer that ends at {end}: {words}"));
            }
        }
        Ok(())
    }

    fn publish_bond(&mut self, end: u32, chain: &mut dyn NodeAccess) -> Option<String> {
        let Entry { plan, withdrawn } = self.entry(end)?.clone();
        let live = self.sitting.bonds.live.get(&end)?;
        let (mut bumper, pays_to) = (live.bumper.clone(), live.pays_to.clone());
        let is_posted = live.found.posted.is_some();
        let own = Rc::clone(&self.own);
        // A bond that goes back, or one that goes into this offer; else coins of the wallet.
        let free = match (is_posted, plan.rolls) {
            (true, _) => self.free(end, self.bond_coin(end)?),
            (false, Some(old)) => self.free(old, plan.coins.first()?.clone()),
            (false, None) => None,
        };
        let (name, coin) = match (&free, is_posted) {
            (Some(free), true) => ("its bond back to the wallet", free.coin.outpoint),
            (Some(free), false) => ("with the bond before", free.coin.outpoint),
            (None, false) if plan.rolls.is_none() => {
                ("from the wallet", plan.coins.first()?.outpoint)
            }
            _ => return Some("no key of its bond follows from the seed".into()),
        };
        let mut sign = |fee| match (&free, &withdrawn) {
            (Some(free), Some(to)) if is_posted => free.spend((Vec::new(), to.clone()), fee),
            _ => {
                let own = own.borrow();
                plan.sign((&own.seed, &own.wallet), free.as_ref(), fee)
            }
        };
        let least = match sign(Amount::from_sat(LEAST_FEE)) {
            Ok(tx) => tx,
            Err(why) => return Some(why),
        };
        let is_own = |tx: &Transaction| {
            let mut outputs = tx.output.iter();
            outputs.any(|out| out.script_pubkey == pays_to)
                || own.borrow().wallet.sent_and_received(tx).1 > Amount::ZERO
        };
        let due = Due {
            until: plan.until.filter(|_| !is_posted),
            confirm: self.policy.confirm.into(),
            at_stake: plan.asked / AT_STAKE,
            secret: Secrecy::None,
        };
        let what = (coin, least.weight());
        let offered = bumper.spend((chain, &is_own), what, &due, &mut sign);
        if let Some(live) = self.sitting.bonds.live.get_mut(&end) {
            live.bumper = bumper;
        }
        Some(match offered {
            Ok(Offered::Waits) => return None,
            Ok(Offered::Taken { by, fee }) => {
                let txid = by.compute_txid();
                format!("published: {txid}, {name}, for a fee of {fee}")
            }
            Ok(offered) => format!("not published yet, {name}: {offered}"),
            Err(error) => format!("not published, {name}: {error}"),
        })
    }

    /// What lies so deep that nothing takes it back is over.
    pub(super) fn end_bonds(&mut self, tip: u32) -> Result<(), Fatal> {
        let reorg = self.policy.reorg();
        let live = self.sitting.bonds.live.iter();
        let over = live.filter(|(_, live)| {
            let ended = live.found.ended();
            ended.is_some_and(|height| tip >= height.saturating_add(reorg))
        });
        let over: Vec<_> = over.map(|(end, _)| *end).collect();
        for end in over {
            let fees = self.bond_fees(end);
            if let Some(entry) = self.entry(end) {
                let coins: Vec<OutPoint> = match entry.plan.rolls {
                    None => entry.plan.coins.iter().map(|coin| coin.outpoint).collect(),
                    Some(_) => Vec::new(),
                };
                self.own.borrow_mut().wallet.free(coins);
            }
            self.bond_step(&BondChange::Over { end, fees })?;
            self.sitting.bonds.live.remove(&end);
            let pair = identity(&self.own.borrow().seed, end).map_err(Fatal::Step)?;
            let log = follow_log(pair.x_only_public_key().0.serialize());
            self.store.remove(&log)?;
            self.note(format_args!("the offer that ended at {end} is over"));
        }
        Ok(())
    }

    /// What the transaction that made an offer, and the one that brought its bond back, have paid to miners. What made the next one of its bond
    /// is that one's.
    pub(super) fn bond_fees(&self, end: u32) -> Amount {
        let found = self.sitting.bonds.live.get(&end).map(|live| &live.found);
        let (Some(entry), Some(found)) = (self.entry(end), found) else {
            return Amount::ZERO;
        };
        let out = |tx: &Transaction| {
            let mut values = tx.output.iter().map(|out| out.value);
            values.try_fold(Amount::ZERO, Amount::checked_add)
        };
        let mut fees = Amount::ZERO;
        if let Some((tx, ..)) = &found.posted {
            let mut coins = entry.plan.coins.iter().map(|coin| coin.prevout.value);
            let all = coins.try_fold(Amount::ZERO, Amount::checked_add);
            let fee = all.zip(out(tx)).and_then(|(all, out)| all.checked_sub(out));
            fees = fee.unwrap_or(Amount::ZERO);
        }
        if let (Some(_), Some((tx, _)), Some((made, _, bond))) =
            (&entry.withdrawn, &found.spent, &found.posted)
        {
            let value = made.output.get(bond.vout as usize).map(|out| out.value);
            let fee = value
                .zip(out(tx))
                .and_then(|(all, out)| all.checked_sub(out));
            fees = fee.and_then(|fee| fees.checked_add(fee)).unwrap_or(fees);
        }
        fees
    }
}

/// A fee by which a transaction is made to be weighed, in satoshi; it does not leave.
const LEAST_FEE: u64 = 200;
