//! A store whose writes are timed.

use std::{io, sync::Arc, time::Instant};

use narthex::{
    channel::log::{Identity, LogError},
    life::Blobs,
};

use crate::{
    meters::Meters,
    party::{AnyLog, Store},
};

/// Another store, of which somebody knows how long it takes to make something durable.
pub(super) struct TimedStore {
    store: Box<dyn Store>,
    meters: Arc<Meters>,
}

impl TimedStore {
    pub(super) fn new(store: Box<dyn Store>, meters: Arc<Meters>) -> TimedStore {
        TimedStore { store, meters }
    }
}

impl Store for TimedStore {
    fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError> {
        self.store.open(whose)
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        self.store.known()
    }

    fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
        self.store.has(whose)
    }

    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        self.store.put_away(whose, is_away)
    }

    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        self.store.away(machine, before, most)
    }

    fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
        self.store.remove(whose)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let (before, start) = (self.store.commits(), Instant::now());
        self.store.commit()?;
        // Where nothing was written there is nothing to be made durable.
        if self.store.commits() > before {
            self.meters.committed(start.elapsed());
        }
        Ok(())
    }

    fn commits(&self) -> u64 {
        self.store.commits()
    }

    fn blobs(&mut self, contract: &[u8; 32]) -> io::Result<Box<dyn Blobs>> {
        self.store.blobs(contract)
    }
}
