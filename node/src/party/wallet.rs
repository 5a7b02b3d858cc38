//! What the node's wallet has learned, in the store that all else is in: with one commit, and no second file to fall behind.

use std::cell::RefCell;

use narthex::wallet::{Learned, PartyWallet};
use narthex_channel::log::{Identity, Log as _};

use super::{AnyLog, Birth, Fatal, Own, Store};

/// After so many entries they are put together: a node that looks at each block for weeks reads some hundred lines at its start.
const MOST_ENTRIES: u64 = 1_000;

/// Where it is kept.
pub(super) struct WalletLog {
    log: AnyLog,
    next: u64,
}

impl WalletLog {
    /// Gives a wallet what it had learned; a new one begins at `birth`, before which nobody can have paid it.
    pub(super) fn open(
        store: &mut dyn Store,
        wallet: &mut PartyWallet,
        birth: Option<Birth>,
    ) -> Result<WalletLog, Fatal> {
        let mut log = store.open(&Identity::new("wallet", [0; 32]))?;
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let next = log.read(&mut |_, bytes| kept.push(bytes.to_vec()))?;
        wallet.remember(kept.iter().map(Vec::as_slice))?;
        if let Some(birth) = birth.filter(|_| kept.is_empty()) {
            wallet.begin_at(birth.height, birth.hash)?;
        }
        Ok(WalletLog { log, next })
    }

    /// Writes what the wallet has learned; it is durable with the next commit.
    pub(super) fn keep(&mut self, wallet: &mut PartyWallet) -> Result<(), Fatal> {
        let entry = match wallet.learned()? {
            None => return Ok(()),
            Some(Learned::More(bytes)) if self.next < MOST_ENTRIES => {
                self.log.append(self.next, &[bytes])?;
                self.next += 1;
                return Ok(());
            }
            Some(Learned::More(_)) => wallet.all_learned()?,
            Some(Learned::All(bytes)) => bytes,
        };
        self.log.replace(self.next, &[entry])?;
        self.next = 1;
        Ok(())
    }
}

/// Makes durable what has happened: before anything that rests on it leaves, for peers or for the chain.
pub(super) fn keep(
    wallet: &mut WalletLog,
    own: &RefCell<Own>,
    store: &mut dyn Store,
) -> Result<(), Fatal> {
    let mut own = own.borrow_mut();
    wallet.keep(&mut own.wallet)?;
    // Before the logs: what they say was bound is bound.
    let settled = own.bindings.settle();
    settled.map_err(|error| Fatal::Step(error.to_string()))?;
    Ok(store.commit()?)
}
