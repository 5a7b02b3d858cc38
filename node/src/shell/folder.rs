//! A node's folder. One node has one, and one process at a time uses it.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use bitcoin::{
    BlockHash, Network,
    hashes::Hash as _,
    secp256k1::{
        PublicKey,
        rand::{RngCore, rngs::OsRng},
    },
};
use narthex::{
    bindings::{BindingsError, FileBindings},
    channel::{
        follow::MAX_REORG_BLOCKS,
        log::{Identity, LogError, SqliteShelf},
    },
    job::JobError,
    regtest::{self, ChainSource},
    wallet::{PartyWallet, WalletError},
};
use narthex_base::{secret::Secret, tagged::tagged_hash};
use narthex_disk::{Readers, check_folder, keep_secret, lock, make_folder, read_secret};

use super::{DatabaseError, DatabaseOptions, database::enter};
use crate::{
    KeyError, NodeKey,
    party::{Birth, DiskStore, Jobs, Own, Parts, Policy, Store},
};

/// Why a folder cannot be used. This machine's fault, or its owner's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Something in it cannot be read or written, or is not as safe as it must be.
    #[error("{}: {error}", path.display())]
    File {
        /// What.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
    /// Another process uses it.
    #[error("{} is in use by another process", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// It holds coins of another network.
    #[error("{} is a node's folder on {found}, and this is {network}; name another folder, or --network {found}", path.display())]
    Network {
        /// The folder.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What it was to be.
        network: Network,
    },
    /// The Bitcoin node is on another chain than the wallet.
    #[error(
        "the Bitcoin node is not on {network}: its first block is {genesis}; name its network with --network"
    )]
    OtherChain {
        /// What was named.
        network: Network,
        /// Its first block.
        genesis: BlockHash,
    },
    /// Its logs are in a database that was not named.
    #[error("{} says that the logs of this node are in a database; name it with --database", path.display())]
    Database {
        /// What this replica has seen of it.
        path: PathBuf,
    },
    /// The database that has its logs.
    #[error(transparent)]
    Replica(#[from] DatabaseError),
    /// The Bitcoin node does not answer.
    #[error("the Bitcoin node: {0}")]
    Chain(#[from] regtest::Error),
    /// A job file that was named.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The node key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The logs.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The record of what was bound.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
    /// The wallet of its seed.
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

/// The first block of a chain, if it is of this network.
fn on_network(network: Network, chain: &mut dyn ChainSource) -> Result<BlockHash, FolderError> {
    let genesis = chain.block_hash(0)?;
    match genesis == bitcoin::constants::genesis_block(network).block_hash() {
        true => Ok(genesis),
        false => Err(FolderError::OtherChain { network, genesis }),
    }
}

/// A node's folder, as long as this process uses it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Files of a node: the key that it is known by.
    pub const KEY: &str = "node.key";
    /// The seed that all its other secrets follow from.
    const SEED: &str = "seed";
    /// What was bound.
    const BINDINGS: &str = "bindings";
    /// All logs.
    const SHELF: &str = "node.db";
    /// What this replica has seen of a database that has its logs. No copy of it is put back, and no other replica gets it.
    const SEEN: &str = "database.seen";
    /// Long things of contracts, a folder for each.
    const BLOBS: &str = "contracts";
    /// Jobs that travel, a folder for each.
    const BUNDLES: &str = "bundles";
    /// Files that came over HTTP.
    const UPLOADS: &str = "uploads";
    /// Orders are taken here.
    const CONTROL: &str = "control";
    /// The secret that the API's token is written from.
    const API_SECRET: &str = "api.secret";
    /// The token, as programs read it.
    const API_TOKEN: &str = "api.token";
    /// The secret that the token for figures is written from.
    const METRICS_SECRET: &str = "metrics.secret";
    /// That token.
    const METRICS_TOKEN: &str = "metrics.token";
    /// One process has it locked.
    const LOCK: &str = "lock";
    /// Job files, one a line.
    const JOBS: &str = "jobs";
    /// Name of the network whose coins it holds.
    const NETWORK: &str = "network";

    /// The folder, made if there is none, for its owner alone; and its lock.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let file = |error| FolderError::File {
            path: path.to_owned(),
            error,
        };
        make_folder(path, Readers::Owner).map_err(file)?;
        check_folder(path).map_err(file)?;
        let path = path.canonicalize().map_err(file)?;
        let held = lock(&path.join(Self::LOCK), Readers::Owner).map_err(file)?;
        match held.try_lock() {
            Ok(()) => Ok(Folder { path, _lock: held }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Busy { path }),
            Err(TryLockError::Error(error)) => Err(file(error)),
        }
    }

    /// Where the operator's orders go.
    pub fn control(path: &Path) -> PathBuf {
        path.join(Self::CONTROL)
    }

    /// Where this one is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the API's tokens are, that of the operator and that which opens the figures alone: the secret of each, and the text for
    /// programs.
    pub(super) fn api(&self) -> [(PathBuf, PathBuf); 2] {
        [
            (Self::API_SECRET, Self::API_TOKEN),
            (Self::METRICS_SECRET, Self::METRICS_TOKEN),
        ]
        .map(|(secret, text)| (self.path.join(secret), self.path.join(text)))
    }

    /// Its node key; a new one in a new folder.
    ///
    /// # Errors
    /// [`FolderError::Key`].
    pub fn key(&self) -> Result<NodeKey, FolderError> {
        Ok(NodeKey::load_or_draw(&self.path.join(Self::KEY))?)
    }

    /// Whether its seed is still to be made: nobody can have paid it.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn is_new(&self) -> Result<bool, FolderError> {
        let path = self.path.join(Self::SEED);
        match path.try_exists() {
            Ok(exists) => Ok(!exists),
            Err(error) => Err(FolderError::File { path, error }),
        }
    }

    /// Says that its coins are of this network, or that they are of another. A folder that says nothing was made when there was
    /// regtest alone.
    fn bind_network(&self, network: Network) -> Result<(), FolderError> {
        let path = self.path.join(Self::NETWORK);
        let file = |error| FolderError::File {
            path: path.clone(),
            error,
        };
        let found = match narthex_disk::read_bounded(&path, 64) {
            Ok(text) => String::from_utf8_lossy(&text.unwrap_or_default()).into_owned(),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(error)),
            Err(_) if self.is_new()? => {
                let name = format!("{network}\n");
                return narthex_disk::save(&path, name.as_bytes(), Readers::Owner).map_err(file);
            }
            Err(_) => Network::Regtest.to_string(),
        };
        match found.trim() == network.to_string() {
            true => Ok(()),
            false => Err(FolderError::Network {
                path: self.path.clone(),
                found: found.trim().chars().take(32).collect(),
                network,
            }),
        }
    }

    /// All that a party in this folder is made of, with no other policy than to ask its operator, and no address; and what is wrong with
    /// job files that it was given before, which is no reason not to start. `jobs` are files that it is given now. The folder is to be kept as
    /// long as the party lives: no other process uses it meanwhile.
    ///
    /// # Errors
    /// [`FolderError`]; what is wrong with a file of `jobs`.
    pub fn parts(
        &self,
        network: Network,
        chain: &mut dyn ChainSource,
        jobs: &[PathBuf],
    ) -> Result<(Parts, Vec<JobError>), FolderError> {
        self.parts_with(network, chain, (jobs, None))
    }

    /// The same of a replica, with its logs in a database, where no other one is the node.
    ///
    /// # Errors
    /// As [`Folder::parts`]; [`FolderError::Replica`].
    pub fn parts_in(
        &self,
        database: &DatabaseOptions,
        network: Network,
        chain: &mut dyn ChainSource,
    ) -> Result<(Parts, Vec<JobError>), FolderError> {
        on_network(network, chain)?;
        let mut busy = String::new();
        let mut wait = |words: &str| {
            busy = words.to_owned();
            false
        };
        let entered = enter(self, &self.key()?.id(), database, &mut wait)?;
        let entered = entered.ok_or(DatabaseError::Busy { words: busy })?;
        self.parts_with(network, chain, (&[], Some(entered.store)))
    }

    /// The same, with logs that are elsewhere, if they are.
    pub(super) fn parts_with(
        &self,
        network: Network,
        chain: &mut dyn ChainSource,
        (jobs, store): (&[PathBuf], Option<Box<dyn Store>>),
    ) -> Result<(Parts, Vec<JobError>), FolderError> {
        let genesis = on_network(network, chain)?;
        // Deep enough that its block is there to stay.
        let deep = chain.height()?.saturating_sub(MAX_REORG_BLOCKS);
        let birth = match self.is_new()? && deep > 0 {
            true => Some(Birth {
                height: deep,
                hash: chain.block_hash(deep)?,
            }),
            false => None,
        };
        // Before a seed is made: whoever ends here begins anew.
        let (mut known, mut troubles) = (Jobs::new(self.bundles()), Vec::new());
        for path in jobs.iter().cloned().chain(self.jobs()?) {
            match known.load(&path) {
                Ok(_) => {}
                // Whoever names it now is to know.
                Err(error) if jobs.contains(&path) => return Err(error.into()),
                Err(error) => troubles.push(error),
            }
        }
        let own = self.own(network, chain)?;
        self.keep_jobs(known.paths())?;
        let store = match store {
            Some(store) => store,
            None => Box::new(self.store(&own.node)?),
        };
        let parts = Parts {
            own,
            store,
            jobs: known,
            policy: Policy::default(),
            chain: genesis.to_byte_array(),
            address: String::new(),
            birth,
        };
        Ok((parts, troubles))
    }

    /// Its keys, seed, wallet and bindings. A new folder gets new ones, durable before this returns, and is of this network
    /// from then on.
    ///
    /// # Errors
    /// [`FolderError`]; [`FolderError::OtherChain`] if the chain is of another network.
    pub fn own(&self, network: Network, chain: &mut dyn ChainSource) -> Result<Own, FolderError> {
        on_network(network, chain)?;
        self.bind_network(network)?;
        let (node, seed) = (self.key()?, self.seed()?);
        // The wallet's keys are others than what is derived for contracts.
        let wallet_seed = tagged_hash("narthex/node-wallet", seed.expose());
        let wallet = PartyWallet::on(network, "node", &wallet_seed)?;
        // A party writes it before its logs, and both before anything leaves.
        let bindings = FileBindings::open(&self.path.join(Self::BINDINGS))?.late();
        Ok(Own {
            seed,
            node,
            wallet,
            bindings: Box::new(bindings),
        })
    }

    fn seed(&self) -> Result<Secret, FolderError> {
        let path = self.path.join(Self::SEED);
        let file = |error| FolderError::File {
            path: path.clone(),
            error,
        };
        let mut found = Ok(false);
        let seed = Secret::drawn(|bytes| found = read_secret(&path, bytes));
        if found.map_err(file)? {
            return Ok(seed);
        }
        let seed = Secret::drawn(|bytes| OsRng.fill_bytes(bytes));
        keep_secret(&path, seed.expose()).map_err(file)?;
        Ok(seed)
    }

    /// Its logs, and long things beside them.
    ///
    /// # Errors
    /// [`FolderError::Log`]; [`FolderError::Database`] if this folder is a replica's.
    pub fn store(&self, node: &NodeKey) -> Result<DiskStore, FolderError> {
        let path = self.path.join(Self::SEEN);
        match path.try_exists() {
            Ok(false) => {}
            Ok(true) => return Err(FolderError::Database { path }),
            Err(error) => return Err(FolderError::File { path, error }),
        }
        let shelf = SqliteShelf::open(&self.path.join(Self::SHELF), &Self::whose(&node.id()))?;
        Ok(DiskStore::new(shelf, self.blobs()))
    }

    /// Whose logs a node's are.
    pub(super) fn whose(node: &PublicKey) -> Identity {
        Identity::new("node", tagged_hash("narthex/node", &node.serialize()))
    }

    /// Where it stands what a replica has seen of its database.
    #[cfg(feature = "postgres")]
    pub(super) fn seen(&self) -> PathBuf {
        self.path.join(Self::SEEN)
    }

    /// Its logs, if they are here.
    #[cfg(feature = "postgres")]
    pub(super) fn logs(&self) -> io::Result<Option<PathBuf>> {
        let path = self.path.join(Self::SHELF);
        Ok(path.try_exists()?.then_some(path))
    }

    /// Where long things are.
    pub(super) fn blobs(&self) -> PathBuf {
        self.path.join(Self::BLOBS)
    }

    /// Where jobs are that travel.
    pub fn bundles(&self) -> PathBuf {
        self.path.join(Self::BUNDLES)
    }

    /// Where uploads are, as long as no job was made of them.
    pub fn uploads(&self) -> PathBuf {
        self.path.join(Self::UPLOADS)
    }

    /// Job files that it was given before.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn jobs(&self) -> Result<Vec<PathBuf>, FolderError> {
        let path = self.path.join(Self::JOBS);
        let text = match narthex_disk::read_bounded(&path, 1 << 20) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(FolderError::File { path, error }),
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.lines().map(PathBuf::from).collect())
    }

    /// Keeps the names of its job files.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn keep_jobs<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Result<(), FolderError> {
        let path = self.path.join(Self::JOBS);
        let lines = paths.map(|path| format!("{}\n", path.display()));
        let text = lines.collect::<String>();
        narthex_disk::replace(&path, text.as_bytes(), Readers::Owner)
            .map_err(|error| FolderError::File { path, error })
    }
}
