//! What the node's wallet has learned, in the store that all else is in: with one commit, and no second file to fall behind.

use narthex::wallet::Learned;
use narthex_channel::log::{Identity, Log as _};

use super::{AnyLog, Birth, Core, Fatal};

/// After so many entries they are put together: a node that looks at each block for weeks reads some hundred lines at its start.
const MOST_ENTRIES: u64 = 1_000;

/// Where it is kept.
pub(super) struct WalletLog {
    log: AnyLog,
    next: u64,
}

impl Core {
    /// The wallet as it was left; a new one begins at `birth`, before which nobody can have paid it.
    pub(super) fn open_wallet(&mut self, birth: Option<Birth>) -> Result<(), Fatal> {
        let mut log = self.store.open(&Identity::new("wallet", [0; 32]))?;
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let next = log.read(&mut |_, bytes| kept.push(bytes.to_vec()))?;
        let wallet = &mut self.own.borrow_mut().wallet;
        wallet.remember(kept.iter().map(Vec::as_slice))?;
        if let Some(birth) = birth.filter(|_| kept.is_empty()) {
            wallet.begin_at(birth.height, birth.hash)?;
        }
        self.wallet = Some(WalletLog { log, next });
        Ok(())
    }

    /// Writes what the wallet has learned; it is durable with the next commit.
    pub(super) fn keep_wallet(&mut self) -> Result<(), Fatal> {
        let Some(WalletLog { log, next }) = &mut self.wallet else {
            return Ok(());
        };
        let wallet = &mut self.own.borrow_mut().wallet;
        match wallet.learned()? {
            None => {}
            Some(Learned::More(_)) if *next >= MOST_ENTRIES => {
                log.replace(*next, &[wallet.all_learned()?])?;
                *next = 1;
            }
            Some(Learned::More(bytes)) => {
                log.append(*next, &[bytes])?;
                *next += 1;
            }
            Some(Learned::All(bytes)) => {
                log.replace(*next, &[bytes])?;
                *next = 1;
            }
        }
        Ok(())
    }
}
