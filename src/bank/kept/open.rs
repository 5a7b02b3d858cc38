//! Opening a bank: terms, and the force close signed by both in one session that is never written down.

use std::path::{Path, PathBuf};

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, rand::rngs::OsRng},
};
use narthex_channel::bank::Coin;
use narthex_channel::{
    Logged,
    bank::{BankInput, BankMachine, Lineage, PayerMachine, ProviderMachine, Side},
    log::{Identity, SqliteLog},
};
use narthex_contracts::{
    bank::{BankRecord, FreshChain, PayerOpening, ProviderOpening},
    depth::Depth,
};
use narthex_disk::{Readers, replace};
use narthex_game_model::tagged::tagged_hash;

use super::{KeptBank, KeptChain, KeptError, Party, Sides, party::secret};
use crate::bank::{DeskOptions, exchange::coin_of};

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
) -> Result<Option<Sides>, KeptError> {
    if !["payer", "provider"]
        .iter()
        .any(|who| log_path(dir, who, number).exists())
    {
        return Ok(None);
    }
    let mut sides = sides(dir, number, parties)?;
    share(&mut sides)?;
    let Some(lineage) = sides.payer.machine().lineage() else {
        return Ok(None);
    };
    let coin = coin_of(lineage.bank(), chain.chain(), Depth::LEAST)?;
    Ok((coin != Coin::Unfunded).then_some(sides))
}

/// Both machines of a bank, from their logs.
pub(super) fn sides(
    dir: &Path,
    number: u32,
    [payer, provider]: [&Party; 2],
) -> Result<Sides, KeptError> {
    let log = |who: &str, party: &Party| {
        let key = PublicKey::from_secret_key(&Secp256k1::signing_only(), &party.key);
        let id = [&key.serialize()[..], &number.to_be_bytes()].concat();
        let whose = Identity::new(format!("bank-{who}"), tagged_hash("narthex/kept-bank", &id));
        SqliteLog::open(&log_path(dir, who, number), &whose)
    };
    Ok(Sides {
        payer: Logged::open(PayerMachine::default(), log("payer", payer)?)?,
        provider: Logged::open(ProviderMachine::default(), log("provider", provider)?)?,
    })
}

/// A side that has no signed force close, killed before it or put back from an older copy, gets terms and force-close of the other
/// side: with its own signature in it, so that it needs to believe nobody.
pub(super) fn share(sides: &mut Sides) -> Result<(), KeptError> {
    fn of<S: Side>(machine: &BankMachine<S>) -> Option<(Lineage, [u8; 64])> {
        Some((
            machine.lineage()?.clone(),
            *machine.force_close_signature()?,
        ))
    }
    let (payers, providers) = (of(sides.payer.machine()), of(sides.provider.machine()));
    let inputs = |own: Option<&Lineage>, (lineage, force_close): (Lineage, [u8; 64])| {
        let other = own.is_some_and(|own| *own != lineage);
        let abandon = other.then_some(BankInput::Abandon);
        let force_close = BankInput::Signed { force_close };
        abandon
            .into_iter()
            .chain([BankInput::Propose(lineage), force_close])
    };
    match (payers, providers) {
        (Some(known), None) => {
            let own = sides.provider.machine().lineage();
            for input in inputs(own, known).collect::<Vec<_>>() {
                sides.provider(&input)?;
            }
        }
        (None, Some(known)) => {
            let own = sides.payer.machine().lineage();
            for input in inputs(own, known).collect::<Vec<_>>() {
                sides.payer(&input)?;
            }
        }
        _ => {}
    }
    Ok(())
}

impl KeptBank {
    /// Opens the first bank and funds it; what a killed command left of it is gone on with.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn open(&mut self, options: &DeskOptions) -> Result<(), KeptError> {
        self.first_coins()?;
        let machine = self.sides.payer.machine();
        if machine.force_close_signature().is_none() {
            let height = self.chain.chain().height()?;
            let model = self.model(options, height)?;
            let fresh = FreshChain::draw(&mut OsRng);
            let record = fresh.name(model)?;
            let terms = vec![record.check()?];
            let lineage = Lineage::new(terms)?;
            self.sign_force_close(0, lineage, fresh, None)?;
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

    fn model(&mut self, options: &DeskOptions, height: u32) -> Result<BankRecord, KeptError> {
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

    /// Terms are written first, then bound, then a nonce leaves. A session that died has left terms without a signature:
    /// they are dropped on both sides, and others take their place.
    pub(super) fn sign_force_close(
        &mut self,
        number: u32,
        lineage: Lineage,
        fresh: FreshChain,
        other: Option<&mut Sides>,
    ) -> Result<(), KeptError> {
        let path = self.seed_path(number);
        let file = |error| KeptError::File {
            path: path.clone(),
            error,
        };
        let sides = other.unwrap_or(&mut self.sides);
        sides.both(&BankInput::Abandon)?;
        // The seed is there before anything hangs on it.
        replace(&path, fresh.seed().expose(), Readers::Owner).map_err(file)?;
        sides.both(&BankInput::Propose(lineage.clone()))?;
        let (ours, theirs) = (lineage.derive()?, lineage.derive()?);
        let (payer, provider) = (&mut self.payer, &mut self.provider);
        let rng = &mut OsRng;
        let (ours, nonce) = PayerOpening::new(ours, payer.key, fresh, &mut payer.bindings, rng)?;
        let (_theirs, answer, share) =
            ProviderOpening::new(theirs, provider.key, nonce, &mut provider.bindings, rng)?;
        let (ours, _share) = ours.finish(answer, share)?;
        // The provider takes the whole signature: it can be shown again at any time, the share only now.
        let force_close = ours.force_close;
        sides.both(&BankInput::Signed { force_close })
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
