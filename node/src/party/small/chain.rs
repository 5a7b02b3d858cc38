//! What the chain shows the sides of small contracts, and what they publish.

use narthex::{
    bitcoin::{Amount, BlockHash, Transaction},
    channel::{follow::MAX_REORG_BLOCKS, small::SmallInput},
    life::{FeeWallet, Offered, Reader},
    regtest::NodeAccess,
    small::{Publication, SmallError, SmallSide, Spend},
};

use super::{Small, name};
use crate::party::{Core, Fatal, contract::AGAIN_MS, life::follow_log};

impl Core {
    /// Shows every small contract the chain, lets it go on, and publishes what is due.
    pub(in crate::party) fn poll_small(
        &mut self,
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let ids: Vec<_> = self.small.keys().copied().collect();
        for id in ids {
            self.open_side(id)?;
            self.ask_node(id, chain);
            self.look_small(id, tip.1, chain)?;
            if self.small.get(&id).is_some_and(|small| small.is_due) {
                self.side_goes_on(id)?;
                // What it has signed may have to be watched, and is published at once.
                self.look_small(id, tip.1, chain)?;
            }
            self.publish_small(id, tip.1, chain)?;
            self.end_small(id)?;
        }
        // Those for whom a coin was not deep enough.
        self.see_guests()
    }

    /// Nothing is funded before the Bitcoin node was asked whether it takes what contracts end with.
    fn ask_node(&mut self, id: [u8; 32], chain: &mut dyn NodeAccess) {
        let ms = self.now.ms;
        let small = self.small.get(&id).filter(|small| small.again_ms <= ms);
        let side = small.and_then(|small| small.side.as_ref());
        let Some(rate) = side.filter(|side| side.funds()).map(|s| s.rate()) else {
            return;
        };
        if self.asked.contains_key(&rate.to_sat_per_kwu()) {
            return;
        }
        match self.asked(rate, chain) {
            Ok(_) => {
                if let Some(small) = self.small.get_mut(&id) {
                    small.is_due = true;
                }
            }
            Err(why) => {
                let again_ms = self.now.ms.saturating_add(AGAIN_MS);
                if let Some(small) = self.small.get_mut(&id) {
                    small.trouble = Some(why.clone());
                    small.again_ms = again_ms;
                }
                self.note_of(id, format_args!("{}: {why}", name(&id)));
            }
        }
    }

    /// Shows it the chain, if that has another tip than at the last look, or if it is watched anew.
    fn look_small(
        &mut self,
        id: [u8; 32],
        tip: BlockHash,
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some((small, side)) = self.small.get(&id).and_then(joined) else {
            return Ok(());
        };
        let begins = small.reader.is_none() && !side.watched().is_empty();
        if small.looked == Some(tip) && !begins {
            return Ok(());
        }
        // On another branch its funding may be lower than what was the tip then.
        let since = small.begun().map_or(0, |begun| begun.height);
        let since = since.saturating_sub(MAX_REORG_BLOCKS);
        if begins {
            let log = self.store.open(&follow_log(id))?;
            let reader = Reader::open(log, since)?;
            if let Some(small) = self.small.get_mut(&id) {
                small.reader = Some(reader);
            }
        }
        let Some(small) = self.small.get_mut(&id) else {
            return Ok(());
        };
        let before = small.side.as_ref().map(|side| side.standing());
        match looked(small, chain) {
            Ok(()) => {
                small.looked = Some(tip);
                small.is_due = true;
                // What came too early may be taken now.
                small.is_held = true;
                let after = small.side.as_ref().map(|side| side.standing());
                if let (true, Some(after)) = (before != after, after) {
                    self.note_of(id, format_args!("{}: {after}", name(&id)));
                }
                Ok(())
            }
            // Nothing was taken: it is asked again.
            Err(SmallError::Chain(error)) => match error {
                narthex::life::LifeError::Log(error) => Err(error.into()),
                error => {
                    self.note_of(id, format_args!("{}: {error}", name(&id)));
                    Ok(())
                }
            },
            Err(error) => self.small_failed(id, error),
        }
    }

    /// Publishes what is due: at each tip, and whenever something new is.
    fn publish_small(
        &mut self,
        id: [u8; 32],
        tip: BlockHash,
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some((small, side)) = self.small.get(&id).and_then(joined) else {
            return Ok(());
        };
        let now = (tip, side.changes());
        let (due, spends) = (side.publications(), side.spends());
        if small.published == Some(now) || (due.is_empty() && spends.is_empty()) {
            return Ok(());
        }
        // What is durable alone leaves.
        self.keep()?;
        for one in due {
            self.publish_one(id, &one, chain);
        }
        for one in spends {
            self.spend_one(id, &one, chain);
        }
        if let Some(small) = self.small.get_mut(&id) {
            small.published = Some(now);
        }
        Ok(())
    }

    fn publish_one(&mut self, id: [u8; 32], one: &Publication, chain: &mut dyn NodeAccess) {
        let Some(small) = self.small.get_mut(&id) else {
            return;
        };
        let words = match &one.due {
            None => match chain.submit(&one.tx) {
                Ok(txid) => format!("published: {} {txid}", one.name),
                // It is tried again with the next block.
                Err(error) => format!("{} is not published: {error}", one.name),
            },
            Some(due) => {
                let mut own = self.own.borrow_mut();
                let wallet: &mut dyn FeeWallet = &mut own.wallet;
                match small.bumper.offer((chain, wallet), &one.tx, None, due) {
                    Ok(Offered::Waits) => return,
                    Ok(Offered::Taken { fee, .. }) => {
                        format!("published: {}, for a fee of {fee}", one.name)
                    }
                    Ok(offered) => format!("{} is not published yet: {offered}", one.name),
                    Err(error) => format!("{} is not published: {error}", one.name),
                }
            }
        };
        self.note_of(id, format_args!("{}: {words}", name(&id)));
    }

    /// Something that its side signs at the fee of the day.
    fn spend_one(&mut self, id: [u8; 32], one: &Spend, chain: &mut dyn NodeAccess) {
        let Some(small) = self.small.get(&id) else {
            return;
        };
        // Signing needs the wallet as well: the fee is found out first, and offered by a copy of what was offered before.
        let mut bumper = small.bumper.clone();
        let own = std::rc::Rc::clone(&self.own);
        let mut sign = |fee| {
            let signed = self.with_side(&id, |side, with| side.spend(one.name, fee, with));
            let signed = signed.ok_or_else(|| "there is no key".to_owned())?;
            signed.map_err(|error| error.to_string())
        };
        let is_own = |tx: &Transaction| own.borrow().wallet.sent_and_received(tx).1 > Amount::ZERO;
        let what = (one.coin, one.weight);
        let offered = bumper.spend((chain, &is_own), what, &one.due, &mut sign);
        if let Some(small) = self.small.get_mut(&id) {
            small.bumper = bumper;
        }
        let words = match offered {
            Ok(Offered::Waits) => return,
            Ok(Offered::Taken { by, fee }) => {
                let txid = by.compute_txid();
                format!("published: {} {txid}, for a fee of {fee}", one.name)
            }
            Ok(offered) => format!("{} is not published yet: {offered}", one.name),
            Err(error) => format!("{} is not published: {error}", one.name),
        };
        self.note_of(id, format_args!("{}: {words}", name(&id)));
    }

    /// One whose end lies deep is over: nobody says anything in it any more.
    fn end_small(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let tip = self.tip;
        let Some(small) = self.small.get_mut(&id) else {
            return Ok(());
        };
        let is_over = small.side.as_ref().is_some_and(|side| side.is_over());
        if !is_over || small.standing() != "joined" {
            return Ok(());
        }
        small.asked.step(&SmallInput::Ended).map_err(Fatal::step)?;
        // Of one that was never funded they are free again.
        let coins = small.side.as_ref().map(|side| side.coins());
        let coins = coins.unwrap_or_default();
        self.own.borrow_mut().wallet.free(coins);
        small.unsent.clear();
        // The coins of its children are free for other uses.
        small.bumper.rest(&mut self.own.borrow_mut().wallet, tip);
        self.note_of(id, format_args!("{}: over", name(&id)));
        self.end_small_link(id)
    }
}

/// A small contract that is hosted here as one side of it.
fn joined(small: &Small) -> Option<(&Small, &dyn SmallSide)> {
    let side = small.side.as_deref()?;
    (small.standing() == "joined").then_some((small, side))
}

/// Reads the blocks that were not read, and gives the side what was found so far.
fn looked(small: &mut Small, chain: &mut dyn NodeAccess) -> Result<(), SmallError> {
    let Some(side) = &mut small.side else {
        return Ok(());
    };
    let Some(reader) = &mut small.reader else {
        let tip = chain.height().map_err(narthex::life::LifeError::from)?;
        return side.seen(&[], tip);
    };
    let blocks = reader.unread(chain, side.watched())?;
    let mut next = |tx: &Transaction, _: u32| side.watches(tx);
    reader.connect(chain, &blocks, &mut next)?;
    let found: Vec<_> = reader.follower().found().collect();
    side.seen(&found, reader.tip())
}
