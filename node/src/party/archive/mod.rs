//! Contracts that are over for this party, put away: one row for each in the place of what a start reads.
//!
//! A contract is put away once its end, and what took this party's own coins out of it, is [`Policy::archive_blocks`](super::Policy) deep, and
//! nothing is due, waits, or is doubted (`due.rs`). Its row ([`row::Row`]) says how it stood; its logs stay where they are, and no start looks
//! at them; what it showed to judge by is kept beside its other long things. What all rows come to is counted in one log, so that figures
//! need no row. All of it is one change of the store.
//!
//! Links keep nothing of it. What a peer says of it later is said to be read, by the row alone ([`Core::heard_late`]). Nothing new is signed in it:
//! the record of bindings, which is no log, has what it had.
//!
//! Where a reorganisation takes the block away that a contract rests on, the contract is taken out again (`back.rs`). It lives by the chain alone
//! then, and is opened on no link: the numbers of its messages were given out, and are forgotten.

mod back;
mod due;
mod filled;
mod row;
mod shown;

use std::collections::BTreeSet;

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        log::{Identity, LogError},
        wire::{Head, Outcome},
    },
};
use narthex_base::codec::Message as _;

use super::{
    AnyLog, Core, Fatal, Store,
    contract::{offer_log, setup_log},
    life::{follow_log, life_log},
    peers::Due,
};

pub use filled::fill_archive;
use row::Pack;
pub use row::{ArchiveStatus, ArchivedStatus};
pub(super) use row::{Counts, Row};

/// Where the row of a contract is.
const ROW: &str = "archived";

fn row_log(id: [u8; 32]) -> Identity {
    Identity::new(ROW, id)
}

/// Where it stands what all rows come to.
fn counts_log() -> Identity {
    Identity::new("archive", [0; 32])
}

/// As long as there is this log, which stays empty, a contract that was taken out again is opened on no link.
fn mute_log(id: [u8; 32]) -> Identity {
    Identity::new(MUTE, id)
}

const MUTE: &str = "mute";

/// The logs of a contract, which are put away with it.
pub(super) fn logs(id: [u8; 32]) -> [Identity; 4] {
    [offer_log(id), setup_log(id), life_log(id), follow_log(id)]
}

/// What a node knows of its archive without reading a row.
#[derive(Default)]
pub(super) struct Archive {
    counts: Counts,
    /// Once there is a row.
    log: Option<AnyLog>,
    next: u64,
    /// Contracts that were taken out again.
    mute: BTreeSet<[u8; 32]>,
    /// The tip at which it was seen last that the chain still has what the rows rest on.
    seen: Option<narthex::bitcoin::BlockHash>,
}

fn torn(whose: &Identity, problem: impl std::fmt::Display) -> LogError {
    LogError::Torn {
        name: format!("the log of {whose}"),
        problem: problem.to_string(),
    }
}

/// The last entry of a log, and how many there are.
fn last(log: &mut AnyLog) -> Result<(u64, Option<Vec<u8>>), LogError> {
    let mut found = None;
    let next = log.read(&mut |_, bytes| found = Some(bytes.to_vec()))?;
    Ok((next, found))
}

/// The row of a contract, if it is put away.
fn row_of(store: &mut dyn Store, id: [u8; 32]) -> Result<Option<Row>, LogError> {
    let whose = row_log(id);
    if !store.has(&whose)? {
        return Ok(None);
    }
    let (_, found) = last(&mut store.open(&whose)?)?;
    let found = found.ok_or_else(|| torn(&whose, "it is empty"))?;
    let row = Row::from_bytes(&found).map_err(|error| torn(&whose, error))?;
    Ok(Some(row))
}

impl Core {
    /// What is counted of the archive, and which contracts were taken out of it, by the logs that there are.
    pub(super) fn recover_archive(&mut self, known: &[Identity]) -> Result<(), Fatal> {
        let mute = known.iter().filter(|whose| whose.machine == MUTE);
        self.archive.mute = mute.map(|whose| whose.id).collect();
        if known.contains(&counts_log()) {
            self.open_counts()?;
        }
        Ok(())
    }

    fn open_counts(&mut self) -> Result<(), Fatal> {
        let whose = counts_log();
        let mut log = self.store.open(&whose)?;
        let (next, found) = last(&mut log)?;
        if let Some(found) = found {
            let counts = Counts::from_bytes(&found);
            self.archive.counts = counts.map_err(|error| torn(&whose, error))?;
        }
        self.archive.next = next;
        self.archive.log = Some(log);
        Ok(())
    }

    /// Counts anew: one entry in the place of the last.
    fn count(&mut self, counts: Counts) -> Result<(), Fatal> {
        if self.archive.log.is_none() {
            self.open_counts()?;
        }
        let Archive { log, next, .. } = &mut self.archive;
        if let Some(log) = log {
            log.replace(*next, &[counts.to_bytes()])?;
            *next = 1;
        }
        self.archive.counts = counts;
        Ok(())
    }

    /// What all rows come to.
    pub(super) const fn archived_counts(&self) -> &Counts {
        &self.archive.counts
    }

    /// Whether a contract was taken out of the archive, and lives by the chain alone.
    pub(super) fn is_mute(&self, id: &[u8; 32]) -> bool {
        self.archive.mute.contains(id)
    }

    /// Whether nothing is said in a contract any more, here or by anybody to this node: it is put away, or was.
    pub(super) fn is_silent_for_good(&mut self, id: &[u8; 32]) -> Result<bool, Fatal> {
        Ok(self.is_mute(id) || self.is_archived(id)?)
    }

    /// Whether a contract is put away.
    pub(super) fn is_archived(&mut self, id: &[u8; 32]) -> Result<bool, Fatal> {
        let is_one = self.archive.counts.rows > 0 && !self.contracts.contains_key(id);
        Ok(is_one && self.store.has(&row_log(*id))?)
    }

    /// Something came of a contract that no link knows: of one that is put away it is said to be read, so that it comes no more; `None` of any
    /// other.
    pub(super) fn heard_late(
        &mut self,
        node: PublicKey,
        head: &Head,
    ) -> Result<Option<Due>, Fatal> {
        if !self.is_silent_for_good(&head.contract)? {
            return Ok(None);
        }
        let ms = self.now.ms;
        let peer = self.peers.get_mut(&node);
        let out = peer.map_or_else(Vec::new, |peer| peer.link.read_over(head, ms));
        Ok(Some(super::peers::of(node, out)))
    }

    /// A contract that is put away is opened on no link any more, and is no reason for one.
    fn close_links(&mut self, id: [u8; 32], nodes: &[PublicKey]) -> Result<(), Fatal> {
        for node in nodes {
            let due: Vec<(PublicKey, Outcome)> =
                self.mark(*node, |peer| peer.link.close_contract(id))?;
            self.outcomes(due)?;
        }
        Ok(())
    }
}
