//! Which contracts are put away, and how.

use std::collections::BTreeMap;

use narthex::{
    bitcoin::{BlockHash, hashes::Hash as _},
    channel::{setup::Phase, wire::links::LinkPhase},
    contracts::{template::stake_output, terms::Role},
};

use super::{Counts, Pack, Row, logs, mute_log, row::ArchivedStatus, row_log};
use crate::party::{
    CaseStatus, Core, Fatal, Reply,
    command::CommandError,
    contract::{Contract, short},
    life::Life,
};
use narthex_base::codec::Message as _;

/// Contracts that are put away with one look at the chain, at most: others wait for the next.
const MOST_AT_ONCE: usize = 16;

impl Life {
    /// Height of the last block that this party's end of a contract rests on, if it has one: nothing is left in it that is this party's.
    fn rests_on(&self) -> Option<u32> {
        let party = &self.party;
        let (book, sight) = (party.book(), party.signer().sight());
        let ended = book.ended()?;
        let is_idle = party.on_chain().is_empty()
            && party.stake_due().is_none()
            && !party.is_waiting()
            && party.is_past();
        if let Role::Arbiter(seat) = party.role() {
            let (terms, graph) = (book.contract().terms(), book.contract().graph());
            let (coin, _) = stake_output(terms, graph, seat)?;
            // Nobody takes it back but its owner.
            sight.spender(coin)?;
            // A case that was ruled on has its bundle by now, or never will.
            let is_drawn_up = |branch| matches!(&self.bundle, Some((drawn, _)) if *drawn == branch);
            if !party.bundle_branch().is_none_or(is_drawn_up) {
                return None;
            }
        }
        // Its machine takes nothing back any more; the chain may have.
        let found = || sight.found().map(|(height, _)| height);
        let is_there = found().any(|height| height == ended);
        found().max().filter(|_| is_idle && is_there)
    }
}

impl Core {
    /// Puts away what is over, as many as there may be at once.
    pub(in crate::party) fn put_away_due(&mut self, tip: (u32, BlockHash)) -> Result<(), Fatal> {
        let due = self.contracts.iter().filter_map(|(id, contract)| {
            let block = self.closed(id, contract, tip)?;
            Some((*id, block))
        });
        let due: Vec<_> = due.take(MOST_AT_ONCE).collect();
        for (id, block) in due {
            if let Some(contract) = self.contracts.get_mut(&id) {
                contract.closed_at = Some(tip.1);
            }
            match self.row(id, block, tip.0)? {
                Ok(row) => self.put_away(id, &row)?,
                Err(why) => self.note_of(id, format_args!("{}: not put away: {why}", short(&id))),
            }
        }
        Ok(())
    }

    /// The last block that a contract rests on, if it is to be put away at this tip.
    fn closed(
        &self,
        id: &[u8; 32],
        contract: &Contract,
        tip: (u32, BlockHash),
    ) -> Option<(u32, [u8; 32])> {
        let life = contract.life.as_ref()?;
        // What it has to say to somebody who never comes keeps it from nothing.
        let is_quiet = contract.phase() == Some(Phase::Live)
            && life.has_looked(tip.1)
            && contract.closed_at != Some(tip.1)
            && !self.doubted.contains(id);
        if !is_quiet || self.next_move(id).is_some() {
            return None;
        }
        let height = life.rests_on()?;
        let deep = height.checked_add(self.policy.archive_depth())?;
        if tip.0 < deep {
            return None;
        }
        // A disk that went back says so until its operator has looked.
        let is_sound = |node| {
            let phase = self.link_phase(&node);
            !matches!(phase, Some(LinkPhase::RolledBack | LinkPhase::Forked))
        };
        let hash = life.party.signer().sight().block_hash(height)?;
        // Such a coin is known by the contract's secrets alone, as long as it lies there.
        let paid = life.party.paid_key();
        let is_paid = paid.is_some_and(|key| self.own.borrow().wallet.is_paid_by(&key));
        let all_sound = contract.nodes().into_iter().all(is_sound);
        (all_sound && !is_paid).then(|| (height, hash.to_byte_array()))
    }

    /// What is kept of a contract. What it shows is durable then, beside its other long things.
    fn row(
        &mut self,
        id: [u8; 32],
        block: (u32, [u8; 32]),
        archived_at: u32,
    ) -> Result<Result<Row, CommandError>, Fatal> {
        let Some(contract) = self.contract_status(&id) else {
            return Ok(Err(super::shown::unknown()));
        };
        let case = self
            .contracts
            .get(&id)
            .and_then(|known| self.case(&id, known));
        let share = self.share(&id, case.as_ref());
        let graph = match self.graph(&contract.id)? {
            Ok(Reply::Graph(graph)) => Some(*graph),
            _ => None,
        };
        let pack = Pack {
            graph,
            pieces: Vec::new(),
        };
        Ok(self.packed_evidence(&id, pack).map(|pack| Row {
            archived_at,
            block,
            contract,
            case,
            pack,
            share,
        }))
    }

    /// What a contract adds to the counts.
    fn share(&self, id: &[u8; 32], case: Option<&CaseStatus>) -> Counts {
        let mut share = Counts {
            rows: 1,
            ..Counts::default()
        };
        let one = |name: &str| BTreeMap::from([(name.to_owned(), 1)]);
        let Some(life) = self.contracts.get(id).and_then(|known| known.life.as_ref()) else {
            return share;
        };
        share.roles = one(crate::party::metrics::kind(life.party.role()));
        share.ends = life
            .path()
            .pop()
            .map(|last| one(&last.name))
            .unwrap_or_default();
        if let Some(case) = case {
            share.cases = one(life.standing());
            share.states = one(&case.state);
            share.attested = u64::from(case.attested);
            share.money = case.money;
            if let Some((ruling, row)) = life.ruled() {
                share.rulings = BTreeMap::from([(ruling.to_owned(), one(&row))]);
            }
        }
        share
    }

    /// A row in the place of what a start reads. Nothing of it is durable before the store's next commit, and all of it is then.
    fn put_away(&mut self, id: [u8; 32], row: &Row) -> Result<(), Fatal> {
        let Some(contract) = self.contracts.remove(&id) else {
            return Ok(());
        };
        let nodes = contract.nodes();
        // Its logs are closed.
        drop(contract);
        self.close_links(id, &nodes)?;
        let whose = row_log(id);
        let mut log = self.store.open(&whose)?;
        let next = log.read(&mut |_, _| {})?;
        log.replace(next, &[row.to_bytes()])?;
        drop(log);
        for whose in logs(id).iter().chain([&whose]) {
            self.store.put_away(whose, true)?;
        }
        self.held.remove(&id);
        self.archive.mute.remove(&id);
        self.store.remove(&mute_log(id))?;
        let counts = self.archive.counts.clone().and(row);
        self.count(counts)?;
        self.must_keep = true;
        self.note_of(
            id,
            format_args!(
                "{}: over since height {}, and put away",
                short(&id),
                row.block.0
            ),
        );
        Ok(())
    }
}

impl Row {
    /// As it is shown.
    pub(super) fn shown(self, number: u64) -> ArchivedStatus {
        ArchivedStatus {
            number,
            archived_at: self.archived_at,
            rests_on: self.block.0,
            contract: self.contract,
            case: self.case,
        }
    }
}
