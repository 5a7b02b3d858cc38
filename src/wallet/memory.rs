//! What a wallet has learned, for whoever keeps it: blocks, what they confirmed, addresses that were shown. All but the last
//! follows from the chain; kept, it is not read again from the first block on at each start.

use bdk_wallet::{
    ChangeSet, KeychainKind, Update, Wallet,
    bitcoin::{BlockHash, Network},
    chain::{BlockId, Merge as _},
    template::Bip86,
};

use super::{PartyWallet, WalletError};

/// What is to be kept, as bytes of the library's own format (JSON). No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Behind what is kept already.
    More(Vec<u8>),
    /// In the place of all that was kept: a reorganisation took something back.
    All(Vec<u8>),
}

impl PartyWallet {
    /// The network whose coins these are.
    pub fn network(&self) -> Network {
        self.inner.network()
    }

    /// The block that the wallet began at, if it did not begin at the first of the chain: the one behind that is not missing then.
    pub(super) fn born(&self) -> Option<BlockId> {
        let seen = self.inner.latest_checkpoint();
        let behind = seen.iter().filter(|block| block.height() > 0).last();
        behind
            .filter(|block| block.height() > 1)
            .map(|block| block.block_id())
    }

    /// Nothing was paid to it up to this block: it is read from the next on. For a wallet whose seed is new.
    ///
    /// # Errors
    /// [`WalletError::Setup`] if the wallet has seen blocks of another chain.
    pub fn begin_at(&mut self, height: u32, hash: BlockHash) -> Result<(), WalletError> {
        begin_at(&mut self.inner, BlockId { height, hash }).map_err(|reason| WalletError::Setup {
            owner: self.owner.clone(),
            reason,
        })
    }

    /// What the wallet has learned since this was asked for the last time; nothing if it is nothing. Whoever keeps it makes it
    /// durable before an address that was shown leaves.
    ///
    /// # Errors
    /// [`WalletError::Setup`]: it has no bytes; a defect.
    pub fn learned(&mut self) -> Result<Option<Learned>, WalletError> {
        if self.changes.is_empty() {
            self.changes.push(ChangeSet::default());
        }
        let Some(all) = self.changes.first_mut() else {
            return Ok(None);
        };
        let mut new = self.inner.take_staged().unwrap_or_default();
        all.merge(new.clone());
        new.locked_outpoints = Default::default();
        let (what, learned): (_, fn(Vec<u8>) -> Learned) = match self.has_forgotten {
            true => (without_locks(all.clone()), Learned::All),
            false if new.is_empty() => return Ok(None),
            false => (new, Learned::More),
        };
        let bytes = serde_json::to_vec(&what).map_err(|error| WalletError::Setup {
            owner: self.owner.clone(),
            reason: error.to_string(),
        })?;
        self.has_forgotten = false;
        Ok(Some(learned(bytes)))
    }

    /// All that the wallet has learned: what may be kept in the place of many [`Learned::More`].
    ///
    /// # Errors
    /// [`WalletError::Setup`]: it has no bytes; a defect.
    pub fn all_learned(&mut self) -> Result<Vec<u8>, WalletError> {
        self.has_forgotten = true;
        match self.learned()? {
            Some(Learned::All(bytes) | Learned::More(bytes)) => Ok(bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Gives back what the wallet has learned, in the order in which it was kept. It knows nothing before.
    ///
    /// # Errors
    /// [`WalletError::Setup`] unless these are bytes of a wallet of this seed on this network; then it is as it was.
    pub fn remember<'a>(
        &mut self,
        kept: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), WalletError> {
        let setup = |reason: String| WalletError::Setup {
            owner: self.owner.clone(),
            reason: format!("what it has learned cannot be read: {reason}"),
        };
        let mut all = ChangeSet::default();
        for bytes in kept {
            all.merge(serde_json::from_slice(bytes).map_err(|e| setup(e.to_string()))?);
        }
        let all = without_locks(all);
        if all.is_empty() {
            return Ok(());
        }
        let descriptor = |keychain| Some(Bip86(self.root, keychain));
        let loaded = Wallet::load()
            .check_network(self.network())
            .descriptor(KeychainKind::External, descriptor(KeychainKind::External))
            .descriptor(KeychainKind::Internal, descriptor(KeychainKind::Internal))
            .load_wallet_no_persist(all.clone());
        let loaded = loaded.map_err(|e| setup(e.to_string()))?;
        self.inner = loaded.ok_or_else(|| setup("there is no wallet in it".into()))?;
        self.changes = vec![all];
        self.has_forgotten = false;
        Ok(())
    }
}

/// Coins are kept for a use by a process, which frees them, and keeps them again when it goes on: a lock that outlived it would
/// be nobody's to open.
fn without_locks(mut all: ChangeSet) -> ChangeSet {
    all.locked_outpoints = Default::default();
    all
}

/// Nothing is read up to this block.
pub(super) fn begin_at(wallet: &mut Wallet, born: BlockId) -> Result<(), String> {
    let seen = wallet.latest_checkpoint();
    if born.height <= seen.height() {
        return Ok(());
    }
    let update = Update {
        chain: Some(seen.insert(born)),
        ..Update::default()
    };
    wallet.apply_update(update).map_err(|e| e.to_string())
}
