//! Which coins are staked, and which pay fees.

use bdk_wallet::bitcoin::{Amount, OutPoint, Psbt, ScriptBuf};
use narthex_contracts::{
    template::Reserve,
    terms::{Contribution, Fees},
};
use narthex_regtest::AcceptedPolicy;

use super::{PartyWallet, WalletError, placeholder};

impl PartyWallet {
    /// Its part of a funding transaction: a PSBT that pays `deposit` to a placeholder, unsigned, and what is
    /// taken from it. The coins are reserved.
    ///
    /// Only with a node that was asked: what a contract pays out could not be published otherwise.
    pub fn contribute(
        &mut self,
        deposit: Amount,
        fees: impl Into<Fees>,
        node: &AcceptedPolicy,
    ) -> Result<(Contribution, Psbt), WalletError> {
        self.contribute_keeping(deposit, fees, node, &Reserve::NONE)
    }

    /// The same, while coins of this reserve stay behind: they pay for what the party may have to publish.
    ///
    /// # Errors
    /// [`WalletError::Reserve`] says what is missing; nothing is reserved then.
    pub fn contribute_keeping(
        &mut self,
        deposit: Amount,
        fees: impl Into<Fees>,
        _: &AcceptedPolicy,
        reserve: &Reserve,
    ) -> Result<(Contribution, Psbt), WalletError> {
        let kept = self.kept_for(reserve)?;
        let placeholder = placeholder();
        let psbt = self.build_without(&kept, &[(placeholder.clone(), deposit)], fees.into())?;
        let contribution = Contribution::from_psbt(&psbt, &placeholder, deposit);
        self.free_unless(contribution.is_ok(), &psbt);
        Ok((contribution?, psbt))
    }

    /// Coins for a payment of its own, and what is left of them at this rate, while coins of this reserve stay behind. They are reserved;
    /// nothing is signed.
    ///
    /// # Errors
    /// As [`PartyWallet::contribute_keeping`].
    pub fn set_aside(
        &mut self,
        payments: &[(ScriptBuf, Amount)],
        fees: impl Into<Fees>,
        _: &AcceptedPolicy,
        reserve: &Reserve,
    ) -> Result<Psbt, WalletError> {
        let kept = self.kept_for(reserve)?;
        self.build_without(&kept, payments, fees.into())
    }

    /// The coins that a reserve is made of: the smallest that suffice.
    ///
    /// # Errors
    /// [`WalletError::Reserve`] says what is missing.
    pub fn kept_for(&self, reserve: &Reserve) -> Result<Vec<OutPoint>, WalletError> {
        let coins = self.spare_coins().into_iter();
        let coins: Vec<_> = coins.map(|c| (c.outpoint, c.prevout.value)).collect();
        reserve
            .choose(&coins)
            .map_err(|missing| WalletError::Reserve {
                owner: self.owner.clone(),
                missing,
            })
    }

    /// Confirmed coins together that can be staked: that nothing is planned with, and that this reserve leaves.
    ///
    /// # Errors
    /// [`WalletError::Reserve`] says what is missing of the reserve itself.
    pub fn stakeable(&self, reserve: &Reserve) -> Result<Amount, WalletError> {
        let kept = self.kept_for(reserve)?;
        let kept: Vec<_> = self.paying().chain(kept).collect();
        let coins = self.spare_coins().into_iter();
        let coins = coins.filter(|coin| !kept.contains(&coin.outpoint));
        Ok(coins.map(|coin| coin.prevout.value).sum())
    }

    /// Says what is spent by whatever pays for the transaction with this output, until it is said anew: no payment and no stake takes these
    /// coins meanwhile. None: nothing of this wallet waits there.
    pub fn set_paying(&mut self, output: OutPoint, coins: Vec<OutPoint>) {
        match coins.is_empty() {
            true => self.paying.remove(&output),
            false => self.paying.insert(output, coins),
        };
    }

    pub(super) fn paying(&self) -> impl Iterator<Item = OutPoint> {
        self.paying.values().flatten().copied()
    }
}
