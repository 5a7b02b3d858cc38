//! One party's folder: seed, wallet, key, bindings.

use std::path::{Path, PathBuf};

use bitcoin::{
    ScriptBuf,
    secp256k1::{
        SecretKey,
        rand::{RngCore, rngs::OsRng},
    },
};
use narthex_channel::bank::PayerMachine;
use narthex_disk::{Readers, keep_secret, make_folder, read_secret};

use super::{KeptChain, KeptError};
use crate::{bindings::FileBindings, wallet::PartyWallet};

/// A party with its wallet.
pub(super) struct Party {
    pub(super) folder: PathBuf,
    pub(super) wallet: PartyWallet,
    pub(super) script: ScriptBuf,
    pub(super) key: SecretKey,
    pub(super) bindings: FileBindings,
}

impl Party {
    /// The party in this folder; one that is not there yet draws its seed.
    pub(super) fn load(
        dir: &Path,
        name: &'static str,
        chain: &mut KeptChain,
    ) -> Result<Party, KeptError> {
        let folder = dir.join(name);
        let file = |error| KeptError::File {
            path: folder.clone(),
            error,
        };
        make_folder(&folder, Readers::Owner).map_err(file)?;
        let bindings = FileBindings::open(&folder.join("bindings"))?;
        let seed = seed(&folder.join("seed"))?;
        let mut wallet = PartyWallet::new(name, &seed)?;
        let script = wallet.fresh_script();
        wallet.sync(chain.chain())?;
        Ok(Party {
            key: wallet.contract_key(0)?,
            folder,
            wallet,
            script,
            bindings,
        })
    }

    /// The coins of a funding that is signed and not confirmed pay for nothing else.
    pub(super) fn reserve(&mut self, machine: &PayerMachine) {
        use narthex_contracts::graph::TxGraph;
        let Some(lineage) = machine.lineage() else {
            return;
        };
        let funding = lineage.bank().graph().assemble(TxGraph::FUNDING);
        for input in funding.iter().flat_map(|tx| &tx.input) {
            self.wallet.reserve(input.previous_output);
        }
    }
}

fn seed(path: &Path) -> Result<[u8; 32], KeptError> {
    let file = |error| KeptError::File {
        path: path.to_owned(),
        error,
    };
    match secret(path)? {
        Some(seed) => Ok(seed),
        None => {
            let mut seed = [0; 32];
            OsRng.fill_bytes(&mut seed);
            keep_secret(path, &seed).map_err(file)?;
            Ok(seed)
        }
    }
}

/// 32 secret bytes in a file, if it is there.
pub(super) fn secret(path: &Path) -> Result<Option<[u8; 32]>, KeptError> {
    let file = |error| KeptError::File {
        path: path.to_owned(),
        error,
    };
    let mut secret = [0; 32];
    let found = read_secret(path, &mut secret).map_err(file)?;
    Ok(found.then_some(secret))
}
