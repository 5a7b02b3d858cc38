//! What was written and is not durable yet.

use std::collections::{BTreeMap, BTreeSet};

use ::postgres::Transaction;

use crate::log::Identity;

/// Bytes of entries that go with one statement, about.
const BATCH: usize = 8 << 20;

/// The end of a log.
#[derive(Debug)]
struct Tail {
    /// As many durable entries stand below it.
    from: u64,
    /// Whether others than these are durable, and go.
    cuts: bool,
    /// Entries with their digests.
    entries: Vec<(Vec<u8>, [u8; 32])>,
}

/// What is written with the next commit.
#[derive(Debug, Default)]
pub(super) struct Pending {
    begun: BTreeMap<i64, Identity>,
    removed: BTreeSet<i64>,
    tails: BTreeMap<i64, Tail>,
    /// Logs that are put away with it, or taken out again.
    moved: BTreeMap<i64, (Identity, bool)>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
            && self.removed.is_empty()
            && self.tails.is_empty()
            && self.moved.is_empty()
    }

    pub(super) fn begin(&mut self, log: i64, whose: Identity) {
        self.begun.insert(log, whose);
        self.cut(log);
    }

    /// Puts a log away, or takes it out.
    pub(super) fn put_away(&mut self, log: i64, whose: Identity, is_away: bool) {
        self.moved.insert(log, (whose, is_away));
    }

    /// Number of a log that is put away with it.
    pub(super) fn away(&self, whose: &Identity) -> Option<i64> {
        let mut away = self.moved.iter().filter(|(_, (_, is_away))| *is_away);
        away.find_map(|(log, (of, _))| (of == whose).then_some(*log))
    }

    /// What becomes of logs of a machine that are away, by their numbers: those that come to them, and those that do not stay.
    pub(super) fn moves(&self, machine: &str) -> (Vec<(i64, Identity)>, BTreeSet<i64>) {
        let of_it = self
            .moved
            .iter()
            .filter(|(_, (of, _))| of.machine == machine);
        let (mut come, mut go) = (Vec::new(), self.removed.clone());
        for (log, (whose, is_away)) in of_it {
            go.insert(*log);
            if *is_away {
                come.push((*log, whose.clone()));
            }
        }
        (come, go)
    }

    /// Whether a log goes with it.
    pub(super) fn is_removed(&self, log: i64) -> bool {
        self.removed.contains(&log)
    }

    pub(super) fn remove(&mut self, log: i64) {
        self.tails.remove(&log);
        self.moved.remove(&log);
        if self.begun.remove(&log).is_none() {
            self.removed.insert(log);
        }
    }

    /// All entries of a log go.
    pub(super) fn cut(&mut self, log: i64) {
        let tail = Tail {
            from: 0,
            cuts: true,
            entries: Vec::new(),
        };
        self.tails.insert(log, tail);
    }

    /// One more; `from` are all that there are before the first that is pending.
    pub(super) fn append(&mut self, (log, from): (i64, u64), bytes: Vec<u8>, digest: [u8; 32]) {
        let tail = self.tails.entry(log).or_insert_with(|| Tail {
            from,
            cuts: false,
            entries: Vec::new(),
        });
        tail.entries.push((bytes, digest));
    }

    /// How many entries of a log that are durable stand below what is pending; all of them if nothing is.
    pub(super) fn durable(&self, log: i64) -> Option<u64> {
        self.tails.get(&log).map(|tail| tail.from)
    }

    /// Those of a log that are pending, with their digests.
    pub(super) fn entries(&self, log: i64) -> impl Iterator<Item = &(Vec<u8>, [u8; 32])> {
        self.tails
            .get(&log)
            .into_iter()
            .flat_map(|tail| &tail.entries)
    }

    pub(super) fn write(&self, transaction: &mut Transaction<'_>) -> Result<(), ::postgres::Error> {
        for log in &self.removed {
            transaction.execute("DELETE FROM entry WHERE log = $1", &[log])?;
            transaction.execute("DELETE FROM log WHERE number = $1", &[log])?;
        }
        let begin = "INSERT INTO log (number, machine, id) VALUES ($1, $2, $3)";
        for (log, whose) in &self.begun {
            transaction.execute(begin, &[log, &whose.machine, &&whose.id[..]])?;
        }
        for (log, (_, is_away)) in &self.moved {
            let update = "UPDATE log SET away = $2 WHERE number = $1";
            transaction.execute(update, &[log, is_away])?;
        }
        let append = transaction.prepare(
            "INSERT INTO entry (log, number, bytes, digest)
             SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[])",
        )?;
        for (log, tail) in &self.tails {
            if tail.cuts && !self.begun.contains_key(log) {
                transaction.execute("DELETE FROM entry WHERE log = $1", &[log])?;
            }
            let mut number = tail.from.cast_signed();
            let mut rest = &tail.entries[..];
            while !rest.is_empty() {
                let (mut bytes, mut count) = (0, 0);
                while let Some((entry, _)) = rest.get(count)
                    && (count == 0 || bytes + entry.len() <= BATCH)
                {
                    bytes += entry.len();
                    count += 1;
                }
                let (batch, behind) = rest.split_at(count);
                let numbers: Vec<i64> = (number..).take(count).collect();
                let entries: Vec<&[u8]> = batch.iter().map(|(bytes, _)| &bytes[..]).collect();
                let digests: Vec<&[u8]> = batch.iter().map(|(_, digest)| &digest[..]).collect();
                transaction.execute(&append, &[log, &numbers, &entries, &digests])?;
                number += count as i64;
                rest = behind;
            }
        }
        Ok(())
    }
}
