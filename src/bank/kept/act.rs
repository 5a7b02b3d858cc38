//! What a folder gives both sides of its bank: logs, seeds, wallets, a chain.

use bitcoin::{
    Amount, Psbt, Transaction, Weight,
    secp256k1::{SecretKey, rand::rngs::OsRng},
};
use narthex_channel::{
    bank::{BankEffect, Payer},
    log::SqliteLog,
};
use narthex_contracts::{bank::ChainSeed, terms::FeeRules};
use narthex_disk::{Readers, replace};
use narthex_regtest::{AcceptedPolicy, ChainSource};

use super::{KeptBank, KeptError, Party, open};
use crate::{
    bank::{
        keeper::Keeper,
        sides::{Sides, Who},
    },
    bindings::FileBindings,
    wallet::ChildRequest,
};

impl KeptBank {
    /// As before an order: what does not go through is said, and keeps nobody from ordering something else. A close that
    /// the node refuses must not stand before a claim.
    pub(super) fn catch_up(&mut self) {
        if let Err(error) = self.settle() {
            self.done.push(format!("not done: {error}"));
        }
    }

    /// Whether something waits for a block.
    pub(super) fn waits(&self) -> bool {
        let pending = [Who::Payer, Who::Provider].map(|who| self.sides.pending(who));
        pending.iter().flatten().any(|effect| {
            matches!(
                effect,
                BankEffect::Publish(_) | BankEffect::PublishWithChild(_)
            )
        })
    }

    fn party(&mut self, who: Who) -> &mut Party {
        match who {
            Who::Payer => &mut self.payer,
            Who::Provider => &mut self.provider,
        }
    }
}

impl Keeper for KeptBank {
    type Log = SqliteLog;
    type Rng = OsRng;

    fn sides(&self) -> &Sides<SqliteLog> {
        &self.sides
    }

    fn sides_mut(&mut self) -> &mut Sides<SqliteLog> {
        &mut self.sides
    }

    fn next(&mut self) -> Result<Sides<SqliteLog>, KeptError> {
        let next = self.number.saturating_add(1);
        open::sides(&self.dir, next, [&self.payer, &self.provider])
    }

    fn go_to_next(&mut self) -> Result<bool, KeptError> {
        let next = self.number.saturating_add(1);
        let parties = [&self.payer, &self.provider];
        let Some(sides) = open::successor(&self.dir, next, parties, &mut self.chain)? else {
            return Ok(false);
        };
        (self.sides, self.number) = (sides, next);
        Ok(true)
    }

    fn chain(&mut self) -> &mut dyn ChainSource {
        self.chain.chain()
    }

    fn look(&mut self) -> Result<(), KeptError> {
        self.sides.look(self.chain.chain(), self.depth)?;
        self.payer.wallet.sync(self.chain.chain())?;
        Ok(self.provider.wallet.sync(self.chain.chain())?)
    }

    /// Again, since another command may have opened the bank long ago.
    fn asked(&mut self) -> Result<AcceptedPolicy, KeptError> {
        Ok((self.payer.wallet).probe(self.chain.chain(), self.rate)?)
    }

    fn fee(&self, weight: Weight) -> Result<Amount, KeptError> {
        Ok(self.rate.checked_fee(weight)?)
    }

    fn key(&self, who: Who) -> Result<SecretKey, KeptError> {
        Ok(match who {
            Who::Payer => self.payer.key,
            Who::Provider => self.provider.key,
        })
    }

    fn bindings(&mut self, who: Who) -> Result<&mut FileBindings, KeptError> {
        Ok(&mut self.party(who).bindings)
    }

    fn rng(&mut self) -> OsRng {
        OsRng
    }

    fn keep_seed(&mut self, is_next: bool, seed: &ChainSeed) -> Result<(), KeptError> {
        let number = self.number.saturating_add(is_next.into());
        let path = self.seed_path(number);
        let kept = replace(&path, seed.expose(), Readers::Owner);
        kept.map_err(|error| KeptError::File { path, error })
    }

    /// Key and chain are there for as long as the call.
    fn with_payer<T>(
        &mut self,
        act: impl FnOnce(&mut Payer, &mut OsRng) -> Result<T, KeptError>,
    ) -> Result<T, KeptError> {
        let seed = ChainSeed::from_bytes(self.seed()?);
        let mut payer = self.sides.payer_signer(self.payer.key, &seed)?;
        act(&mut payer, &mut OsRng)
    }

    fn sign_funding(&mut self, mut psbt: Psbt) -> Result<Transaction, KeptError> {
        Ok(self.payer.wallet.sign_all(&mut psbt)?)
    }

    fn put_out(&mut self, tx: &Transaction, child_of: Option<Who>) -> Result<(), KeptError> {
        match child_of {
            None => drop(self.chain.chain().submit(tx)?),
            Some(who) => {
                let rate = self.rate;
                let child = self.party(who).wallet.child(ChildRequest {
                    parent: tx,
                    coins: Vec::new(),
                    data: None,
                    rate,
                    least_fee: Amount::ZERO,
                })?;
                self.chain.chain().submit_package(&[tx.clone(), child])?;
            }
        }
        self.done.push(format!("published {}", tx.compute_txid()));
        Ok(())
    }

    /// On a chain of the folder's own what was published is mined.
    fn confirm(&mut self) -> Result<(), KeptError> {
        match self.chain.is_own() {
            true => self.chain.mine(1),
            false => Ok(()),
        }
    }
}
