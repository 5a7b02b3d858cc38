//! The transactions of an offer: with a bond from the wallet or from the bond before, and what brings a bond back. Scripts, data output and
//! the spend of a bond are the library's ([`OfferDraft`], [`BondScript::sweep`]).

use narthex::{
    bitcoin::{
        Amount, FeeRate, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight,
        absolute::LockTime,
        key::Keypair,
        secp256k1::{Secp256k1, SecretKey},
        transaction::Version,
    },
    contracts::{
        bond::{BondScript, Lock},
        derive::offer_identity,
        funding::FeeCoin,
        panel::OfferDraft,
    },
    wallet::PartyWallet,
};
use narthex_base::secret::Secret;

use super::record::Plan;

/// The key pair of the offer that ends there.
pub(super) fn identity(seed: &Secret, end: u32) -> Result<Keypair, String> {
    let key = offer_identity(seed, end).ok_or("no identity follows from the seed")?;
    Ok(Keypair::from_secret_key(&Secp256k1::new(), &key))
}

/// What its bond pays to.
pub(super) fn script(pair: &Keypair, end: u32) -> Result<BondScript, String> {
    let lock = Lock::height(end).map_err(|error| error.to_string())?;
    Ok(BondScript::taproot(pair.x_only_public_key().0, lock))
}

/// A bond and whose it is.
pub(super) struct Free {
    pub(super) coin: FeeCoin,
    pub(super) script: BondScript,
    pub(super) key: SecretKey,
}

impl Plan {
    /// Its draft, with so much locked.
    pub(super) fn draft(&self, seed: &Secret, value: Amount) -> Result<OfferDraft, String> {
        let owner = identity(seed, self.end)?.x_only_public_key().0;
        let draft = OfferDraft::new(owner, self.end, value, &self.terms);
        draft.map_err(|error| error.to_string())
    }

    /// The transaction that makes it, with this fee. What the wallet pays more than bond and fee it has back; a bond that rolls over pays its
    /// fee itself.
    pub(super) fn sign(
        &self,
        (seed, wallet): (&Secret, &PartyWallet),
        free: Option<&Free>,
        fee: Amount,
    ) -> Result<Transaction, String> {
        let outputs = self.draft(seed, self.asked)?.outputs();
        let [bond, data] = outputs.map_err(|error| error.to_string())?;
        if let Some(free) = free {
            return free.spend((vec![data], bond.script_pubkey), fee);
        }
        let mut coins = self.coins.iter().map(|coin| coin.prevout.value);
        let all = coins.try_fold(Amount::ZERO, Amount::checked_add);
        let all = all.ok_or("more coins than there are")?;
        let left = all.checked_sub(self.asked);
        let left = left.and_then(|left| left.checked_sub(fee));
        let left =
            left.ok_or_else(|| format!("coins of {all} pay no bond of {} and {fee}", self.asked))?;
        let mut output = vec![bond, data];
        // Less than that is the miners'.
        if left >= self.change.minimal_non_dust() {
            output.push(TxOut {
                value: left,
                script_pubkey: self.change.clone(),
            });
        }
        let input = self.coins.iter().map(|coin| TxIn {
            previous_output: coin.outpoint,
            // The fee can be raised (BIP125).
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        });
        let unsigned = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: input.collect(),
            output,
        };
        let psbt = Psbt::from_unsigned_tx(unsigned);
        let mut psbt = psbt.map_err(|error| error.to_string())?;
        let signed = wallet.sign_all(&mut psbt);
        signed.map_err(|error| error.to_string())
    }

    /// Where a transaction has its bond.
    pub(super) fn bond_in(&self, pays_to: &ScriptBuf, tx: &Transaction) -> Option<OutPoint> {
        let mut outputs = (0u32..).zip(&tx.output);
        let (vout, _) = outputs.find(|(_, output)| output.script_pubkey == *pays_to)?;
        let txid = tx.compute_txid();
        Some(OutPoint { txid, vout })
    }
}

impl Free {
    /// What spends it with this fee: these outputs, and all that is left to somebody.
    pub(super) fn spend(
        &self,
        (outputs, rest): (Vec<TxOut>, ScriptBuf),
        fee: Amount,
    ) -> Result<Transaction, String> {
        let at = |rate: FeeRate| {
            let (coin, outputs) = (&self.coin, outputs.clone());
            let sweep = self.script.sweep(
                coin.outpoint,
                coin.prevout.clone(),
                outputs,
                rest.clone(),
                rate,
            );
            let swept = sweep.map_err(|error| error.to_string())?;
            swept.sign(&self.key).map_err(|error| error.to_string())
        };
        // Whatever it pays it weighs the same; a sweep asks for a rate.
        let weight = at(FeeRate::from_sat_per_kwu(LEAST_RATE))?.weight();
        at(rate_of(fee, weight))
    }
}

/// The least that is no mistake.
const LEAST_RATE: u64 = 25;

/// The rate at which so much is paid at least.
fn rate_of(fee: Amount, weight: Weight) -> FeeRate {
    let wu = weight.to_wu().max(1);
    let rate = fee.to_sat().saturating_mul(1_000).div_ceil(wu);
    FeeRate::from_sat_per_kwu(rate.max(LEAST_RATE))
}
