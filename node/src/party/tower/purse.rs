//! The node's wallet as a tower pays from it: what is kept back for the node's own contracts is not there.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use narthex::{
    bitcoin::{Amount, OutPoint, Psbt, Script, ScriptBuf, Transaction, secp256k1::SecretKey},
    contracts::{funding::FeeCoin, template::Reserve},
    life::{FeeWallet, Held, Purse},
    regtest::ChainSource,
    wallet::{ChildRequest, WalletError},
};

use crate::party::Own;

/// Coins that are free beside the reserve, largest first.
pub(super) fn beside(coins: Vec<FeeCoin>, reserve: &Reserve) -> Vec<FeeCoin> {
    let values: Vec<_> = coins
        .iter()
        .map(|coin| (coin.outpoint, coin.prevout.value))
        .collect();
    // Where the reserve itself is not whole, nothing is free.
    let Ok(kept) = reserve.choose(&values) else {
        return Vec::new();
    };
    let free = coins.into_iter();
    free.filter(|coin| !kept.contains(&coin.outpoint)).collect()
}

/// What a tower pays from.
pub(super) struct TowerPurse {
    wallet: Lent,
}

impl TowerPurse {
    /// The node's wallet, but for a reserve that whoever knows the node's contracts says anew.
    pub(super) const fn new(own: Rc<RefCell<Own>>, reserve: Rc<Cell<Reserve>>) -> TowerPurse {
        TowerPurse {
            wallet: Lent { own, reserve },
        }
    }
}

impl Purse for TowerPurse {
    fn wallet(&mut self) -> Held<'_> {
        let wallet: &mut dyn FeeWallet = &mut self.wallet;
        Box::new(wallet)
    }
}

struct Lent {
    own: Rc<RefCell<Own>>,
    reserve: Rc<Cell<Reserve>>,
}

impl FeeWallet for Lent {
    fn spare_coins(&self) -> Vec<FeeCoin> {
        let coins = self.own.borrow().wallet.spare_coins();
        beside(coins, &self.reserve.get())
    }

    fn coin(&self, outpoint: OutPoint) -> Option<FeeCoin> {
        self.own.borrow().wallet.coin(outpoint)
    }

    fn is_own(&self, script: &Script) -> bool {
        self.own.borrow().wallet.is_own(script)
    }

    fn sent_and_received(&self, tx: &Transaction) -> (Amount, Amount) {
        self.own.borrow().wallet.sent_and_received(tx)
    }

    fn fresh_script(&mut self) -> ScriptBuf {
        self.own.borrow_mut().wallet.fresh_script()
    }

    fn child_of(
        &mut self,
        request: ChildRequest<'_>,
        spare: &[FeeCoin],
        change: Option<ScriptBuf>,
    ) -> Result<Transaction, WalletError> {
        let wallet = &mut self.own.borrow_mut().wallet;
        wallet.child_of(request, spare, change)
    }

    fn sign_all(&self, psbt: &mut Psbt) -> Result<Transaction, WalletError> {
        self.own.borrow().wallet.sign_all(psbt)
    }

    fn set_paying(&mut self, output: OutPoint, coins: Vec<OutPoint>) {
        self.own.borrow_mut().wallet.set_paying(output, coins);
    }

    fn reserve(&mut self, outpoint: OutPoint) -> bool {
        self.own.borrow_mut().wallet.reserve(outpoint)
    }

    fn free(&mut self, outpoint: OutPoint) {
        self.own.borrow_mut().wallet.free([outpoint]);
    }

    fn import(&mut self, key: &SecretKey) -> Result<(), WalletError> {
        self.own.borrow_mut().wallet.import(key)
    }

    fn sync(&mut self, chain: &mut dyn ChainSource) -> Result<(), WalletError> {
        self.own.borrow_mut().wallet.sync(chain)
    }
}
