//! Spending a bond after its lock: withdrawing it, or rolling it over.

use bitcoin::{OutPoint, ScriptBuf, Sequence, TxOut};

use super::{BondError, BondScript};
use crate::funding::{FeeCoin, Fees, Sweep, Unlock};

impl BondScript {
    /// The transaction that spends this bond when its lock is over, as a plan. All that `outputs` and the fee leave
    /// goes to `rest`: the owner's wallet for a withdrawal, the next bond's script for a roll-over. Either is valid in
    /// blocks above the lock, and not in one before.
    pub fn sweep(
        &self,
        outpoint: OutPoint,
        prevout: TxOut,
        outputs: Vec<TxOut>,
        rest: ScriptBuf,
        fees: impl Into<Fees>,
    ) -> Result<Sweep, BondError> {
        let unlock = match self {
            BondScript::Bip46 { key, .. } => Unlock::WitnessScript {
                script: self.inner()?,
                key: *key,
            },
            BondScript::Taproot { owner, .. } => {
                let leaf = self.inner()?;
                let descriptor = self.descriptor()?;
                let Some(miniscript::Descriptor::Tr(tr)) = &descriptor else {
                    return Err(BondError::Script("not Taproot".into()));
                };
                Unlock::leaf(&tr.spend_info(), leaf, *owner)
                    .ok_or_else(|| BondError::Script("the leaf is not in the tree".into()))?
            }
        };
        Ok(Sweep {
            coin: FeeCoin { outpoint, prevout },
            lock_time: self.lock().lock_time(),
            // The lock counts (BIP65) and the fee can be raised (BIP125).
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            unlock,
            outputs,
            rest,
            fees: fees.into(),
        })
    }
}
