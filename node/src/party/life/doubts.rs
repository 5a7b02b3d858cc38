//! A store that may lack what its contracts came to, and a chain that was another.

use narthex::channel::log::{Identity, LogError};

use super::FOLLOWED;
use crate::party::{Core, Fatal, Store, contract::SET_UP};

/// As long as there is this log, which stays empty, an arbiter has yet to take in that this disk may lack what it has ruled in a contract.
fn doubted_log(id: [u8; 32]) -> Identity {
    Identity::new(DOUBTED, id)
}

const DOUBTED: &str = "doubted";

/// Says of every contract that this store may lack what was said and ruled in it: arbiters then go by what their peers have. For a store that was
/// put back, or that another process has written to meanwhile, before it is opened. Durable on return.
///
/// # Errors
/// [`LogError`]; this computer's fault.
pub fn go_by_peers(store: &mut dyn Store) -> Result<(), LogError> {
    for whose in store.known()? {
        if whose.machine == SET_UP {
            store.open(&doubted_log(whose.id))?;
        }
    }
    store.commit()
}

/// Forgets how far the chain was read, for every contract: each is followed anew from before its funding. For an operator whose
/// Bitcoin node was on a wrong chain for longer than can be followed back.
///
/// # Errors
/// [`LogError`]; this computer's fault.
pub fn follow_anew(store: &mut dyn Store) -> Result<(), LogError> {
    for whose in store.known()? {
        if whose.machine == FOLLOWED {
            store.remove(&whose)?;
        }
    }
    store.commit()
}

impl Core {
    /// Of which contracts that was said, by the logs that there are.
    pub(in crate::party) fn recover_doubts(&mut self, known: &[Identity]) {
        let doubted = known.iter().filter(|whose| whose.machine == DOUBTED);
        self.doubted = doubted.map(|whose| whose.id).collect();
    }

    /// It was taken in, or the contract is forgotten.
    pub(in crate::party) fn end_doubt(&mut self, id: &[u8; 32]) -> Result<(), Fatal> {
        self.doubted.remove(id);
        Ok(self.store.remove(&doubted_log(*id))?)
    }
}
