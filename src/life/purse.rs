//! From which coins a party pays for what it publishes.

use std::ops::DerefMut;

use bitcoin::{Amount, OutPoint, Psbt, Script, ScriptBuf, Transaction, secp256k1::SecretKey};
use narthex_contracts::funding::FeeCoin;
use narthex_regtest::ChainSource;

use crate::wallet::{ChildRequest, PartyWallet, WalletError};

/// A wallet, as far as a party of a contract needs one. Errors are those of [`PartyWallet`].
pub trait FeeWallet {
    /// Confirmed coins that nothing is planned with, largest first.
    fn spare_coins(&self) -> Vec<FeeCoin>;
    /// A coin of the wallet, if it is there.
    fn coin(&self, outpoint: OutPoint) -> Option<FeeCoin>;
    /// Whether a script is its own.
    fn is_own(&self, script: &Script) -> bool;
    /// What a transaction gave to and took from this wallet.
    fn sent_and_received(&self, tx: &Transaction) -> (Amount, Amount);
    /// A script to be paid to.
    fn fresh_script(&mut self) -> ScriptBuf;
    /// A signed child that pays for its parent, by [`PartyWallet::child_of`].
    ///
    /// # Errors
    /// [`WalletError`].
    fn child_of(
        &mut self,
        request: ChildRequest<'_>,
        spare: &[FeeCoin],
        change: Option<ScriptBuf>,
    ) -> Result<Transaction, WalletError>;
    /// Signs a PSBT of which every input is its own, and takes the transaction out.
    ///
    /// # Errors
    /// [`WalletError`].
    fn sign_all(&self, psbt: &mut Psbt) -> Result<Transaction, WalletError>;
    /// Says what is spent by whatever pays for the transaction with this output.
    fn set_paying(&mut self, output: OutPoint, coins: Vec<OutPoint>);
    /// Keeps a coin for a use of its own; whether nothing had kept it before.
    fn reserve(&mut self, outpoint: OutPoint) -> bool;
    /// Frees a coin that was kept.
    fn free(&mut self, outpoint: OutPoint);
    /// Owns what is paid to this key alone.
    ///
    /// # Errors
    /// [`WalletError`].
    fn import(&mut self, key: &SecretKey) -> Result<(), WalletError>;
    /// Reads the blocks that it has not seen.
    ///
    /// # Errors
    /// [`WalletError`].
    fn sync(&mut self, chain: &mut dyn ChainSource) -> Result<(), WalletError>;

    /// A child with whichever coins are needed.
    ///
    /// # Errors
    /// [`WalletError`].
    fn child(&mut self, request: ChildRequest<'_>) -> Result<Transaction, WalletError> {
        let spare = self.spare_coins();
        self.child_of(request, &spare, None)
    }
}

impl FeeWallet for PartyWallet {
    fn spare_coins(&self) -> Vec<FeeCoin> {
        PartyWallet::spare_coins(self)
    }

    fn coin(&self, outpoint: OutPoint) -> Option<FeeCoin> {
        PartyWallet::coin(self, outpoint)
    }

    fn is_own(&self, script: &Script) -> bool {
        PartyWallet::is_own(self, script)
    }

    fn sent_and_received(&self, tx: &Transaction) -> (Amount, Amount) {
        PartyWallet::sent_and_received(self, tx)
    }

    fn fresh_script(&mut self) -> ScriptBuf {
        PartyWallet::fresh_script(self)
    }

    fn child_of(
        &mut self,
        request: ChildRequest<'_>,
        spare: &[FeeCoin],
        change: Option<ScriptBuf>,
    ) -> Result<Transaction, WalletError> {
        PartyWallet::child_of(self, request, spare, change)
    }

    fn sign_all(&self, psbt: &mut Psbt) -> Result<Transaction, WalletError> {
        PartyWallet::sign_all(self, psbt)
    }

    fn set_paying(&mut self, output: OutPoint, coins: Vec<OutPoint>) {
        PartyWallet::set_paying(self, output, coins);
    }

    fn reserve(&mut self, outpoint: OutPoint) -> bool {
        PartyWallet::reserve(self, outpoint)
    }

    fn free(&mut self, outpoint: OutPoint) {
        PartyWallet::free(self, [outpoint]);
    }

    fn import(&mut self, key: &SecretKey) -> Result<(), WalletError> {
        PartyWallet::import(self, key)
    }

    fn sync(&mut self, chain: &mut dyn ChainSource) -> Result<(), WalletError> {
        PartyWallet::sync(self, chain)
    }
}

/// A wallet for as long as it is used.
pub type Held<'a> = Box<dyn DerefMut<Target = dyn FeeWallet> + 'a>;

/// Whoever has the wallet that a party pays from: its own, or one that all contracts of a node share.
pub trait Purse {
    /// The wallet, for as long as it is used.
    fn wallet(&mut self) -> Held<'_>;
}

impl Purse for &mut PartyWallet {
    fn wallet(&mut self) -> Held<'_> {
        let wallet: &mut dyn FeeWallet = &mut **self;
        Box::new(wallet)
    }
}
