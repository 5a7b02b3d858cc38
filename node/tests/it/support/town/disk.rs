//! The disks of a town: what is written there is noted, in its order.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use narthex::{
    channel::log::{Identity, Log, LogError},
    contracts::binding::{BindError, Bindings, Mark, MemoryBindings},
    life::Blobs,
};
use narthex_node::party::{AnyLog, MemoryStore, Store};

/// A record of bindings that outlives its node.
#[derive(Clone, Default)]
pub struct SharedBindings(pub Rc<RefCell<MemoryBindings>>);

impl Bindings for SharedBindings {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        self.0.borrow_mut().bind(mark, id)
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        self.0.borrow().bound(mark)
    }
}

/// What was written, over all logs in its order.
pub type Written = Rc<RefCell<Vec<(String, Vec<u8>)>>>;

/// What stands in each log.
pub(super) type Mirror = Rc<RefCell<BTreeMap<(String, [u8; 32]), Vec<Vec<u8>>>>>;

/// A store that notes the order of writes.
pub(super) struct Noted(
    pub(super) MemoryStore,
    pub(super) Written,
    pub(super) Mirror,
);

struct NotedLog(AnyLog, Identity, Written, Mirror);

impl NotedLog {
    fn mirrored(&self, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let Identity { machine, id } = self.1.clone();
        change(self.3.borrow_mut().entry((machine, id)).or_default());
    }
}

impl Store for Noted {
    fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError> {
        let log = self.0.open(whose)?;
        Ok(Box::new(NotedLog(
            log,
            whose.clone(),
            self.1.clone(),
            self.2.clone(),
        )))
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        self.0.known()
    }

    fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
        self.0.has(whose)
    }

    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        self.0.put_away(whose, is_away)
    }

    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        self.0.away(machine, before, most)
    }

    fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
        let place = (whose.machine.clone(), whose.id);
        self.2.borrow_mut().remove(&place);
        self.0.remove(whose)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        self.0.commit()
    }

    fn commits(&self) -> u64 {
        self.0.commits()
    }

    fn blobs(&mut self, contract: &[u8; 32]) -> std::io::Result<Box<dyn Blobs>> {
        self.0.blobs(contract)
    }
}

impl Log for NotedLog {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        self.0.read(each)
    }

    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.0.append(next, entries)?;
        let machine = &self.1.machine;
        let notes = entries.iter().map(|entry| (machine.clone(), entry.clone()));
        self.2.borrow_mut().extend(notes);
        self.mirrored(|all| all.extend_from_slice(entries));
        Ok(())
    }

    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.mirrored(|all| *all = entries.to_vec());
        self.0.replace(next, entries)
    }
}
