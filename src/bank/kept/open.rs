//! Opening a bank: terms, and the force close signed by both in one session that is never written down.

use std::path::{Path, PathBuf};

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, rand::rngs::OsRng},
};
use narthex_channel::{
    bank::Lineage,
    log::{Identity, SqliteLog},
};
use narthex_contracts::bank::{BankRecord, FreshChain};
use narthex_game_model::tagged::tagged_hash;

use super::{KeptBank, KeptChain, KeptError, Party, party::secret};
use crate::bank::{BankOptions, keeper::Keeper as _, sides::Sides};

/// Coins that a party of a folder's own chain begins with.
const COINS: u32 = 3;

fn log_path(dir: &Path, who: &str, number: u32) -> PathBuf {
    dir.join(who).join(format!("bank-{number}"))
}

/// The bank of this number, if the coin of the one before it went there. One that was signed and never got the coin, since
/// the provider claimed or the payer refunded in its place, is none.
pub(super) fn successor(
    dir: &Path,
    number: u32,
    parties: [&Party; 2],
    chain: &mut KeptChain,
) -> Result<Option<Sides<SqliteLog>>, KeptError> {
    if !["payer", "provider"]
        .iter()
        .any(|who| log_path(dir, who, number).exists())
    {
        return Ok(None);
    }
    let mut sides = sides(dir, number, parties)?;
    sides.share()?;
    Ok(sides.has_coin(chain.chain())?.then_some(sides))
}

/// Both machines of a bank, from their logs.
pub(super) fn sides(
    dir: &Path,
    number: u32,
    [payer, provider]: [&Party; 2],
) -> Result<Sides<SqliteLog>, KeptError> {
    let log = |who: &str, party: &Party| {
        let key = PublicKey::from_secret_key(&Secp256k1::signing_only(), &party.key);
        let id = [&key.serialize()[..], &number.to_be_bytes()].concat();
        let whose = Identity::new(format!("bank-{who}"), tagged_hash("narthex/kept-bank", &id));
        SqliteLog::open(&log_path(dir, who, number), &whose)
    };
    Sides::open([log("payer", payer)?, log("provider", provider)?])
}

impl KeptBank {
    /// Opens the first bank and funds it; what a killed command left of it is gone on with.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn open(&mut self, options: &BankOptions) -> Result<(), KeptError> {
        self.first_coins()?;
        let machine = self.sides.payer.machine();
        if machine.force_close_signature().is_none() {
            let height = self.chain.chain().height()?;
            let model = self.model(options, height)?;
            let fresh = FreshChain::draw(&mut OsRng);
            let record = fresh.name(model)?;
            let terms = vec![record.check()?];
            let lineage = Lineage::new(terms)?;
            self.sign_force_close(&lineage, fresh, None)?;
            self.done.push("both signed the force close".into());
        } else if machine.standing() != "signed" {
            let state = machine.standing();
            return Err(KeptError::State(format!(
                "the bank in this folder is {state}"
            )));
        }
        self.settle()
    }

    /// On a chain of its own a folder's parties begin with coins.
    fn first_coins(&mut self) -> Result<(), KeptError> {
        if self.chain.is_own() && self.chain.chain().height()? == 0 {
            let each = [
                (&*self.payer.script, COINS),
                (&*self.provider.script, COINS),
            ];
            self.chain
                .mine_to(&each, narthex_regtest::COINBASE_MATURITY_BLOCKS)?;
            self.look()?;
        }
        Ok(())
    }

    fn model(&mut self, options: &BankOptions, height: u32) -> Result<BankRecord, KeptError> {
        let secp = Secp256k1::signing_only();
        let capacity = options.capacity(&self.payer.script);
        let capacity = capacity.filter(|all| *all <= Amount::MAX_MONEY);
        let capacity =
            capacity.ok_or_else(|| KeptError::State("a bank of more than there is".into()))?;
        let policy = (self.payer.wallet).probe(self.chain.chain(), self.rate)?;
        let (contribution, _) = (self.payer.wallet).contribute(capacity, self.rate, &policy)?;
        let sides = [&self.payer, &self.provider];
        Ok(options.record(
            sides.map(|side| PublicKey::from_secret_key(&secp, &side.key)),
            sides.map(|side| side.script.clone()),
            height,
            (capacity, contribution, self.rate),
        ))
    }

    /// Fails unless the payer has the chain of its pennies.
    pub(super) fn has_seed(&self) -> Result<(), KeptError> {
        self.seed().map(drop)
    }

    pub(super) fn seed(&self) -> Result<[u8; 32], KeptError> {
        let path = self.seed_path(self.number);
        let error = std::io::ErrorKind::NotFound.into();
        secret(&path)?.ok_or(KeptError::File { path, error })
    }

    pub(super) fn seed_path(&self, number: u32) -> PathBuf {
        self.payer.folder.join(format!("chain-{number}"))
    }
}
