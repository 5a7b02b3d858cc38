//! A watchtower as a process: contracts of others, its own coins, and no key but its wallet's.

use std::{
    cell::{RefCell, RefMut},
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use bitcoin::BlockHash;
use narthex::{
    channel::log::Identity,
    contracts::{
        attest::Attestation,
        party::PartyId,
        template::{MAX_BUNDLE_BYTES, TowerBundle},
        terms::FeeRate,
    },
    life::{FeeWallet, Held, LifeError, Publisher, Purse, TowerError, Watchtower},
    regtest::{self, ChainSource, Node, NodeAccess},
    wallet::PartyWallet,
};
use narthex_base::{
    codec::{DecodeError, Message as _},
    tagged::tagged_hash_parts,
};

use super::{Folder, FolderError, Said};
use crate::party::Store;

/// Largest file with an attestation, in bytes.
const MAX_ATTESTATION: u64 = 1 << 10;

/// How a tower is run.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Its folder.
    pub dir: PathBuf,
    /// JSON-RPC of its Bitcoin node.
    pub node: String,
    /// The file that opens it.
    pub cookie: PathBuf,
    /// Bundles of parties.
    pub bundles: Vec<PathBuf>,
    /// A folder with rulings that have become known, one a file; looked through again each time.
    pub attestations: Option<PathBuf>,
    /// Fee rate that it begins with, of a transaction and its child together.
    pub rate: FeeRate,
    /// Most that it pays.
    pub max_rate: FeeRate,
    /// Between two looks at the chain.
    pub tick: Duration,
    /// Looks once and ends.
    pub once: bool,
}

/// Why a tower ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// Its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its Bitcoin node, when it starts. Later it is waited for.
    #[error("the Bitcoin node: {0}")]
    Chain(#[from] regtest::Error),
    /// A file cannot be read, or is too large.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// A file is no bundle.
    #[error("{} is no bundle: {error}", path.display())]
    Bytes {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: DecodeError,
    },
    /// A bundle is not what one must be. The fault of the party that it is from.
    #[error("{}: {error}", path.display())]
    Bundle {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        error: Box<TowerError>,
    },
    /// The logs.
    #[error(transparent)]
    Log(#[from] narthex::channel::log::LogError),
}

/// The wallet that pays for all.
struct Coins(Rc<RefCell<PartyWallet>>);

impl Purse for Coins {
    fn wallet(&mut self) -> Held<'_> {
        Box::new(RefMut::map(self.0.borrow_mut(), |wallet| {
            let wallet: &mut dyn FeeWallet = wallet;
            wallet
        }))
    }
}

/// What is watched.
struct Watch {
    name: String,
    watchtower: Watchtower<'static>,
    told: Option<String>,
}

/// Watches until nothing is left to be watched. `tell` is told what the operator may want to read.
///
/// # Errors
/// [`WatchError`].
pub fn watch(options: &WatchOptions, tell: &dyn Fn(Said<'_>)) -> Result<(), WatchError> {
    let folder = Folder::open(&options.dir)?;
    let mut chain = Node::connect(&options.node, &options.cookie)?;
    let own = folder.own(bitcoin::Network::Regtest, &mut chain)?;
    let mut store = folder.store(&own.node)?;
    let mut wallet = own.wallet;
    let address = bitcoin::Address::from_script(&wallet.fresh_script(), bitcoin::Network::Regtest);
    if let Ok(address) = address {
        tell(Said::Note(&format!("coins for fees go to {address}")));
    }
    let wallet = Rc::new(RefCell::new(wallet));
    let mut all = Vec::new();
    for path in &options.bundles {
        all.push(opened(path, options, (&mut store, &wallet))?);
    }
    let mut seen = None;
    loop {
        let round = round(
            &mut chain,
            options,
            (&mut all, &mut seen),
            (&mut store, &wallet),
            tell,
        );
        match round {
            // It is asked again later.
            Err(WatchError::Chain(error)) => tell(Said::Note(&format!("the chain: {error}"))),
            other => other?,
        }
        let is_over = all.iter().all(|one| one.watchtower.is_past());
        if is_over || options.once {
            return Ok(());
        }
        std::thread::sleep(options.tick);
    }
}

fn opened(
    path: &Path,
    options: &WatchOptions,
    (store, wallet): (&mut dyn Store, &Rc<RefCell<PartyWallet>>),
) -> Result<Watch, WatchError> {
    let bytes = read(path, MAX_BUNDLE_BYTES as u64)?;
    let bundle = TowerBundle::from_bytes(&bytes).map_err(|error| WatchError::Bytes {
        path: path.to_owned(),
        error,
    })?;
    let (contract, role) = (*bundle.terms().contract_id(), bundle.role());
    let party = PartyId::from(role).0;
    let whose = tagged_hash_parts("narthex/watched", &[&contract, &[party]]);
    let log = store.open(&Identity::new("watched", whose))?;
    let publisher = Publisher::new(Coins(Rc::clone(wallet)), options.rate).up_to(options.max_rate);
    let watchtower = Watchtower::open(&bundle, Box::new(log), publisher);
    let watchtower = watchtower.map_err(|error| WatchError::Bundle {
        path: path.to_owned(),
        error: Box::new(error),
    })?;
    Ok(Watch {
        name: format!("{role} of {}", path.display()),
        watchtower,
        told: None,
    })
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, WatchError> {
    let file = |error| WatchError::File {
        path: path.to_owned(),
        error,
    };
    let bytes = narthex_disk::read_bounded(path, most).map_err(file)?;
    bytes.ok_or_else(|| file(io::Error::other(format!("longer than {most} bytes"))))
}

/// One look at the chain, and what follows from it.
fn round(
    chain: &mut Node,
    options: &WatchOptions,
    (all, seen): (&mut [Watch], &mut Option<BlockHash>),
    (store, wallet): (&mut dyn Store, &Rc<RefCell<PartyWallet>>),
    tell: &dyn Fn(Said<'_>),
) -> Result<(), WatchError> {
    let is_new = rulings(all, options, tell)?;
    let (_, tip) = chain.tip()?;
    if *seen == Some(tip) && !is_new {
        return Ok(());
    }
    let synced = wallet.borrow_mut().sync(chain);
    if let Err(error) = synced {
        tell(Said::Note(&format!("the wallet: {error}")));
        return Ok(());
    }
    for one in all.iter_mut() {
        if let Err(error) = one.watchtower.look(chain) {
            trouble(&one.name, error, tell)?;
            continue;
        }
        let standing = one.watchtower.standing();
        let standing = standing.map(|(name, height)| format!("{name} at height {height}"));
        if standing.is_some() && one.told != standing {
            let standing = standing.clone().unwrap_or_default();
            tell(Said::Note(&format!("{}: {standing}", one.name)));
        }
        one.told = standing;
    }
    // What was read is not read again.
    store.commit()?;
    let chain: &mut dyn NodeAccess = chain;
    for one in all.iter_mut().filter(|one| !one.watchtower.is_past()) {
        match one.watchtower.publish(chain) {
            Err(error) => trouble(&one.name, error, tell)?,
            Ok(true) => tell(Said::Note(&format!("{}: published", one.name))),
            Ok(false) => {}
        }
        for refused in &one.watchtower.publisher().refused {
            let why = &refused.why;
            tell(Said::Note(&format!(
                "{}: not published yet: {why}",
                one.name
            )));
        }
    }
    *seen = Some(tip);
    Ok(())
}

/// What does not concern the tower as a whole is told, and tried again.
fn trouble(name: &str, error: LifeError, tell: &dyn Fn(Said<'_>)) -> Result<(), WatchError> {
    match error {
        LifeError::Log(error) => Err(error.into()),
        error => {
            tell(Said::Note(&format!("{name}: {error}")));
            Ok(())
        }
    }
}

/// Rulings that have become known; whether one is new. A file that is none, or of another contract, is left alone.
fn rulings(
    all: &mut [Watch],
    options: &WatchOptions,
    tell: &dyn Fn(Said<'_>),
) -> Result<bool, WatchError> {
    let Some(folder) = &options.attestations else {
        return Ok(false);
    };
    let file = |error| WatchError::File {
        path: folder.clone(),
        error,
    };
    let mut is_new = false;
    for entry in std::fs::read_dir(folder).map_err(file)? {
        let path = entry.map_err(file)?.path();
        let Ok(bytes) = read(&path, MAX_ATTESTATION) else {
            continue;
        };
        let Ok(attestation) = Attestation::from_bytes(&bytes) else {
            continue;
        };
        for one in all.iter_mut() {
            if one.watchtower.attest(&attestation) == Ok(true) {
                is_new = true;
                let shown = path.display();
                tell(Said::Note(&format!("{}: a ruling, {shown}", one.name)));
            }
        }
    }
    Ok(is_new)
}
