//! What spends a coin of a contract alone, and pays out of it.

use bitcoin::{Amount, OutPoint, Transaction, Weight};
use narthex_contracts::funding::{Evicted, FeeCurve, FeeRules};
use narthex_regtest::NodeAccess;

use super::{Bumper, Due, Effort, Offered, taken};
use crate::{
    life::{
        LifeError,
        mempool::{Waiting, waiting},
    },
    wallet::WalletError,
};

/// Whether a transaction pays whoever asks.
type Owning<'a> = dyn Fn(&Transaction) -> bool + 'a;

impl Bumper {
    /// Offers what spends a coin of a contract alone, weighs so much and pays out of that coin: signed with the fee of the day, and
    /// anew with a higher one. `is_own` tells what pays its owner, whichever process made it; `sign` says why it does not sign.
    ///
    /// # Errors
    /// [`LifeError`]: the chain cannot be asked.
    pub fn spend(
        &mut self,
        (chain, is_own): (&mut dyn NodeAccess, &Owning<'_>),
        (coin, weight): (OutPoint, Weight),
        due: &Due,
        sign: &mut dyn FnMut(Amount) -> Result<Transaction, String>,
    ) -> Result<Offered, LifeError> {
        let tip = chain.height()?;
        let waits = waiting(chain, coin)?;
        let effort = self.efforts.entry(coin).or_insert(Effort::new(tip));
        effort.asked = tip;
        let (own, rival) = match waits {
            Some(waits) if is_own(&waits.tx) => (Some(waits), None),
            waits => (None, waits),
        };
        let is_hidden = effort.sent.is_none() && own.is_none();
        if is_hidden && due.secret.is_held(rival.is_some()) {
            return Ok(Offered::Held);
        }
        let about = (due.at_stake, weight);
        let curve = FeeCurve::new(self.rate, self.ceiling, about).map_err(WalletError::from)?;
        let fee = curve.rate(&due.urgency(effort.since, tip)).fee(weight);
        let fee = fee.unwrap_or(Amount::MAX_MONEY).min(curve.budget());
        if let Some(own) = own.as_ref().filter(|own| own.fee >= fee) {
            effort.sent = Some(own.clone());
            return Ok(Offered::Waits);
        }
        // What was made before serves again.
        let gone = effort.sent.clone().filter(|_| own.is_none());
        if let Some(sent) = gone.filter(|sent| sent.fee >= fee && rival.is_none())
            && taken(chain.submit(&sent.tx))?.is_ok()
        {
            let (by, fee) = (sent.tx, sent.fee);
            return Ok(Offered::Taken { by, fee });
        }
        let evicted: Vec<_> = own.iter().chain(&rival).map(Waiting::evicted).collect();
        let least = Evicted::least_fee(&evicted, weight, weight).unwrap_or(Amount::MAX_MONEY);
        if least > curve.budget() {
            return Ok(Offered::Outbid { least });
        }
        let fee = fee.max(least);
        let tx = match sign(fee) {
            Ok(tx) => tx,
            Err(why) => return Ok(Offered::Refused(why)),
        };
        if let Err(reason) = taken(chain.submit(&tx))? {
            return Ok(Offered::Refused(reason));
        }
        let made = Waiting { tx, fee };
        effort.sent = Some(made.clone());
        Ok(Offered::Taken { by: made.tx, fee })
    }
}
