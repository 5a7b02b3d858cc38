//! Contracts that are taken out of the archive again: a reorganisation deeper than they lay took a block away that they rest on.

use std::collections::BTreeMap;

use narthex::{
    bitcoin::{BlockHash, hashes::Hash as _},
    channel::{Logged, contract::ContractChange, offer::OfferMachine},
    regtest::NodeAccess,
};

use super::{ROW, Row, logs, mute_log, row_log, row_of};
use crate::party::{
    Core, Fatal,
    contract::{Contract, offer_log, short},
    life::{follow_log, life_log},
};
use narthex_base::codec::Message as _;

/// Rows that are read at once.
const PAGE: usize = 256;

impl Core {
    /// Takes out what rests on a block that the chain has no more: by one question for each tip where it has all of them. A chain that is
    /// lower than that has not been read yet, or is no longer one.
    pub(in crate::party) fn take_out_lost(
        &mut self,
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let last = self
            .archive
            .counts
            .last
            .filter(|(height, _)| tip.0 >= *height);
        let Some(last) = last.filter(|_| self.archive.seen != Some(tip.1)) else {
            return Ok(());
        };
        match is_there(last, chain) {
            Ok(true) => self.archive.seen = Some(tip.1),
            Ok(false) => {
                self.note("the chain has lost blocks that contracts rest on which are put away: those are taken out");
                if self.take_out_all_lost(tip.0, chain)? {
                    self.archive.seen = Some(tip.1);
                }
            }
            Err(why) => self.note(format_args!("the chain: {why}")),
        }
        Ok(())
    }

    /// Whether all rows could be looked through.
    fn take_out_all_lost(&mut self, tip: u32, chain: &mut dyn NodeAccess) -> Result<bool, Fatal> {
        let (mut before, mut last) = (None, None);
        let mut there = BTreeMap::new();
        let (mut lost, mut asked) = (Vec::new(), true);
        while asked {
            let page = self.store.away(ROW, before, PAGE)?;
            before = page.last().map(|(number, _)| *number);
            asked = before.is_some();
            for (_, whose) in page {
                let Some(row) = row_of(&mut *self.store, whose.id)? else {
                    continue;
                };
                let known = there.get(&row.block).copied();
                let is_here = match known {
                    Some(is_here) => is_here,
                    None if row.block.0 > tip => false,
                    None => match is_there(row.block, chain) {
                        Ok(is_here) => is_here,
                        // Nothing was changed: all of it is asked again with the next look.
                        Err(why) => {
                            self.note(format_args!("the chain: {why}"));
                            return Ok(false);
                        }
                    },
                };
                there.insert(row.block, is_here);
                match is_here {
                    true => last = last.max(Some(row.block)),
                    false => lost.push((whose.id, row)),
                }
            }
        }
        let mut counts = self.archive.counts.clone();
        for (id, row) in lost {
            counts = counts.without(&row);
            self.take_out(id, &row)?;
        }
        counts.last = last;
        self.count(counts)?;
        self.must_keep = true;
        Ok(true)
    }

    /// A contract lives again, by its logs and the chain.
    fn take_out(&mut self, id: [u8; 32], row: &Row) -> Result<(), Fatal> {
        self.store.remove(&row_log(id))?;
        for whose in &logs(id) {
            self.store.put_away(whose, false)?;
        }
        // That it is over is written in its log for good, as far as reorganisations are reckoned with.
        let mut log = self.store.open(&life_log(id))?;
        let mut before = Vec::new();
        let next = log.read(&mut |_, bytes| {
            if !matches!(ContractChange::from_bytes(bytes), Ok(ContractChange::Over)) {
                before.push(bytes.to_vec());
            }
        })?;
        log.replace(next, &before)?;
        drop(log);
        // What was read lies behind what can be taken back: it is read anew.
        self.store.remove(&follow_log(id))?;
        drop(self.store.open(&mute_log(id))?);
        self.archive.mute.insert(id);
        let offer = Logged::open(OfferMachine::default(), self.store.open(&offer_log(id))?)?;
        self.contracts.insert(id, Contract::new(offer));
        self.note_of(
            id,
            format_args!(
                "{}: block {} that it rests on is gone; it goes on",
                short(&id),
                row.block.0
            ),
        );
        // Its job may have to be fetched again.
        self.meet(id);
        Ok(())
    }
}

fn is_there(
    (height, hash): (u32, [u8; 32]),
    chain: &mut dyn NodeAccess,
) -> Result<bool, narthex::regtest::Error> {
    Ok(chain.block_hash(height)?.to_byte_array() == hash)
}
