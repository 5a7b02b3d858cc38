//! Pays for what a party publishes until it confirms: offers it, offers it again when a node has lost it, and pays more as its
//! deadline comes near.
//!
//! What was offered before is kept in memory, and nothing is wrong without it: what waits in the mempool is asked for each time.

mod due;
mod spend;

use std::collections::BTreeMap;

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Txid, Weight};
use narthex_contracts::{
    funding::{ChildError, Evicted, FeeCoin, FeeCurve, FeeRules},
    graph::anchor_script,
    template::RootRecord,
    terms::FeeRate,
};
use narthex_regtest::{Error, NodeAccess};

pub use due::{Due, Offered, Secrecy};

use super::{
    FeeWallet, LifeError,
    mempool::{Waiting, coins_of, is_free, rivals, waiting},
};
use crate::wallet::{ChildRequest, WalletError};

/// Coins that a child spends at most beside the root coin: with 14 P2TR coins beside it, it would be 1,004 vB large, and version 3
/// allows 1,000.
const MAX_COINS: usize = 13;

/// What a child weighs, about: for what can be paid at all, before there is one.
const USUAL_CHILD: Weight = Weight::from_wu(800);

/// What is left of the coins in any case: an output that is not dust (P2TR).
const LEAST_CHANGE: Amount = Amount::from_sat(330);

/// How often a child is made anew at most, until it fits what it has to replace. It grows with each, and by no more than its coins.
const MAX_TRIES: usize = 2 + MAX_COINS;

/// What was offered for one transaction before.
#[derive(Clone, Debug)]
struct Effort {
    since: u32,
    /// Tip at which it was asked for last.
    asked: u32,
    sent: Option<Waiting>,
}

impl Effort {
    const fn new(tip: u32) -> Effort {
        Effort {
            since: tip,
            asked: tip,
            sent: None,
        }
    }
}

/// From where and how much a party pays.
#[derive(Clone, Debug)]
pub struct Bumper {
    /// At which rate it begins, of a transaction and its child together.
    pub rate: FeeRate,
    /// Most that it pays, whatever is at stake.
    pub ceiling: FeeRate,
    /// By the coin that the payment spends: an anchor, or a root coin.
    efforts: BTreeMap<OutPoint, Effort>,
}

type Made = Result<Waiting, Offered>;

impl Bumper {
    /// Pays this rate at first, and more with time.
    pub const fn new(rate: FeeRate, ceiling: FeeRate) -> Bumper {
        Bumper {
            rate,
            ceiling,
            efforts: BTreeMap::new(),
        }
    }

    /// Offers a transaction with a child of this wallet's that carries what it is to carry: if the node does not have it, or if
    /// what pays for it is not enough any more. Another's child stays for a block at least, and as long as it pays enough.
    ///
    /// # Errors
    /// [`LifeError`]: the chain cannot be asked, or the wallet has no coins.
    pub fn offer(
        &mut self,
        (chain, wallet): (&mut dyn NodeAccess, &mut dyn FeeWallet),
        parent: &Transaction,
        carries: Option<(FeeCoin, ScriptBuf)>,
        due: &Due,
    ) -> Result<Offered, LifeError> {
        let (tip, txid) = (chain.height()?, parent.compute_txid());
        let anchor = anchor(parent, txid)?;
        // Of a parent that the node has the child alone is new.
        let is_new = chain.waiting(txid)?.is_none();
        if is_new && is_confirmed(chain, parent, txid)? {
            wallet.set_paying(anchor, Vec::new());
            return Ok(Offered::Waits);
        }
        let (child, rivals) = match is_new {
            false => (waiting(chain, anchor)?, Vec::new()),
            true => (None, rivals(chain, parent)?),
        };
        let effort = self.efforts.entry(anchor).or_insert(Effort::new(tip));
        effort.asked = tip;
        // What was shown before is shown.
        let is_hidden = effort.sent.is_none() && is_new;
        if is_hidden && due.secret.is_held(!rivals.is_empty()) {
            return Ok(Offered::Held);
        }
        let weight = parent.weight();
        let about = (due.at_stake, weight + USUAL_CHILD);
        let curve = FeeCurve::new(self.rate, self.ceiling, about).map_err(WalletError::from)?;
        let now = due.urgency(effort.since, tip);
        let rate = curve.rate(&now);
        let suffices = |one: &Waiting| {
            rate.fee(weight + one.tx.weight())
                .is_some_and(|fee| one.fee >= fee)
        };
        if let Some(child) = &child {
            let is_own = wallet.sent_and_received(&child.tx).0 > Amount::ZERO;
            let may_confirm = !is_own && effort.since == tip && !now.is_last();
            if is_own {
                effort.sent = Some(child.clone());
                wallet.set_paying(anchor, coins_of(&child.tx));
            }
            if suffices(child) || may_confirm {
                return Ok(Offered::Waits);
            }
        }
        let gone = effort.sent.clone().filter(|sent| {
            let txid = sent.tx.compute_txid();
            child
                .as_ref()
                .is_none_or(|child| child.tx.compute_txid() != txid)
        });
        // What was made before serves again.
        if let Some(sent) = gone.as_ref().filter(|sent| suffices(sent))
            && child.is_none()
            && rivals.is_empty()
            && is_free(chain, &sent.tx, anchor)?
            && taken(chain.submit_package(&[parent.clone(), sent.tx.clone()]))?.is_ok()
        {
            let (by, fee) = (sent.tx.clone(), sent.fee);
            return Ok(Offered::Taken { by, fee });
        }
        let evicted = |one: &Waiting| one.evicted_with(weight);
        // What the node has, or other nodes may still have: never both.
        let elsewhere: Vec<_> = gone.iter().map(evicted).collect();
        let mut evicted: Vec<_> = child.iter().map(evicted).chain(rivals).collect();
        let replaced: Vec<_> = [&child, &gone].into_iter().flatten().collect();
        let spare = spare(chain, wallet, &replaced)?;
        let mut change = own_change(wallet, &replaced);
        let (mut coins, mut data) = (Vec::new(), None);
        if let Some((coin, carried)) = &carries {
            let spender = waiting(chain, coin.outpoint)?;
            let is_replaced = |one: &Waiting| replaced.iter().any(|old| old.tx == one.tx);
            let spender = spender.filter(|spender| !is_replaced(spender));
            let is_carried =
                |one: &Waiting| one.tx.output.iter().any(|o| o.script_pubkey == *carried);
            // It is on its way already, in a transaction of its own: this child need not fight it for the coin.
            if !spender.as_ref().is_some_and(is_carried) {
                evicted.extend(spender.iter().map(Waiting::evicted));
                (coins, data) = (vec![coin.clone()], Some(carried.clone()));
            }
        }
        let made = make(&curve, rate, |rate, least_fee| {
            let request = ChildRequest {
                parent,
                coins: coins.clone(),
                data: data.clone(),
                rate,
                least_fee,
            };
            let tx = wallet.child_of(request, &spare, change.clone())?;
            // Made anew, it goes to the same.
            let last = tx.output.last().map(|output| output.script_pubkey.clone());
            change = change.take().or(last);
            let relayed = match is_new {
                true => tx.weight() + weight,
                false => tx.weight(),
            };
            let package = weight + tx.weight();
            let least = |gone: &[Evicted], package| {
                let least = Evicted::least_fee(gone, relayed, package);
                least.unwrap_or(Amount::MAX_MONEY)
            };
            // What this node asks for, whatever it is; and as far as there is money, what others may ask for: that have the child that is
            // gone here, or that compare children by themselves (Bitcoin Core before 31).
            let alone: Vec<_> = replaced.iter().map(|one| one.evicted()).collect();
            let others = least(&elsewhere, package).max(least(&alone, tx.weight()));
            let least = least(&evicted, package).max(others.min(curve.budget()));
            let fee = paid(wallet, &tx);
            Ok((Waiting { tx, fee }, least))
        })?;
        let made = match made {
            Ok(made) => made,
            Err(offered) => return Ok(offered),
        };
        let package = [parent.clone(), made.tx.clone()];
        let taken = taken(chain.submit_package(&package))?;
        self.sent(wallet, anchor, made, taken)
    }

    /// The same for a root that goes on record in a transaction of its own, which spends this coin.
    ///
    /// # Errors
    /// As [`Bumper::offer`].
    pub fn record(
        &mut self,
        (chain, wallet): (&mut dyn NodeAccess, &mut dyn FeeWallet),
        coin: &FeeCoin,
        root: &RootRecord,
        due: &Due,
    ) -> Result<Offered, LifeError> {
        let tip = chain.height()?;
        let waits = waiting(chain, coin.outpoint)?;
        let effort = self
            .efforts
            .entry(coin.outpoint)
            .or_insert(Effort::new(tip));
        effort.asked = tip;
        let about = (due.at_stake, USUAL_CHILD);
        let curve = FeeCurve::new(self.rate, self.ceiling, about).map_err(WalletError::from)?;
        let rate = curve.rate(&due.urgency(effort.since, tip));
        let suffices = |one: &Waiting| rate.fee(one.tx.weight()).is_some_and(|fee| one.fee >= fee);
        // The coin is its owner's alone.
        if let Some(waits) = &waits {
            wallet.set_paying(coin.outpoint, coins_of(&waits.tx));
        }
        if waits.as_ref().is_some_and(suffices) {
            return Ok(Offered::Waits);
        }
        let gone = effort.sent.clone().filter(|_| waits.is_none());
        if let Some(sent) = gone.as_ref().filter(|sent| suffices(sent))
            && is_free(chain, &sent.tx, coin.outpoint)?
            && taken(chain.submit(&sent.tx))?.is_ok()
        {
            let (by, fee) = (sent.tx.clone(), sent.fee);
            return Ok(Offered::Taken { by, fee });
        }
        let replaced: Vec<_> = [&waits, &gone].into_iter().flatten().collect();
        let elsewhere: Vec<_> = gone.iter().map(Waiting::evicted).collect();
        let evicted: Vec<_> = waits.iter().map(Waiting::evicted).collect();
        let spare = spare(chain, wallet, &replaced)?;
        let spare: Vec<_> = spare
            .into_iter()
            .filter(|c| c.outpoint != coin.outpoint)
            .collect();
        let change = own_change(wallet, &replaced).unwrap_or_else(|| wallet.fresh_script());
        let made = make(&curve, rate, |rate, least_fee| {
            let psbt = |more: &[FeeCoin]| {
                root.transaction(coin.clone(), more, change.clone(), rate, least_fee)
            };
            let tries = (0..=spare.len()).map(|count| psbt(spare.get(..count).unwrap_or_default()));
            let mut short = None;
            for made in tries {
                match made {
                    Ok(mut psbt) => {
                        let tx = wallet.sign_all(&mut psbt)?;
                        let least = |gone: &[Evicted]| {
                            let least = Evicted::least_fee(gone, tx.weight(), tx.weight());
                            least.unwrap_or(Amount::MAX_MONEY)
                        };
                        let others = least(&elsewhere).min(curve.budget());
                        let least = least(&evicted).max(others);
                        let fee = paid(wallet, &tx);
                        return Ok((Waiting { tx, fee }, least));
                    }
                    Err(error @ ChildError::Short { .. }) => short = Some(error),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(short.unwrap_or(ChildError::Coins).into())
        })?;
        let made = match made {
            Ok(made) => made,
            Err(offered) => return Ok(offered),
        };
        let taken = taken(chain.submit(&made.tx))?;
        self.sent(wallet, coin.outpoint, made, taken)
    }

    /// What is not asked for any more pays for nothing: from here on other contracts may stake its coins. With a tip, what was asked for there
    /// goes on.
    pub fn rest(&self, wallet: &mut dyn FeeWallet, tip: Option<u32>) {
        for (coin, effort) in &self.efforts {
            if Some(effort.asked) != tip {
                wallet.set_paying(*coin, Vec::new());
            }
        }
    }

    fn sent(
        &mut self,
        wallet: &mut dyn FeeWallet,
        coin: OutPoint,
        made: Waiting,
        taken: Result<(), String>,
    ) -> Result<Offered, LifeError> {
        if let Err(reason) = taken {
            return Ok(Offered::Refused(reason));
        }
        wallet.set_paying(coin, coins_of(&made.tx));
        if let Some(effort) = self.efforts.get_mut(&coin) {
            effort.sent = Some(made.clone());
        }
        let (by, fee) = (made.tx, made.fee);
        Ok(Offered::Taken { by, fee })
    }
}

/// Whether a transaction is in a block, as far as its coin is gone and an output of it is there. One of which all outputs are spent
/// confirmed long ago: whoever follows the chain asks for it no more.
fn is_confirmed(
    chain: &mut dyn NodeAccess,
    tx: &Transaction,
    txid: Txid,
) -> Result<bool, LifeError> {
    let coin = tx.input.first().map(|input| input.previous_output);
    if let Some(coin) = coin
        && chain.utxo(coin)?.is_some()
    {
        return Ok(false);
    }
    for vout in (0u32..).take(tx.output.len()) {
        if chain.utxo(OutPoint { txid, vout })?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where anybody can attach a child.
fn anchor(parent: &Transaction, txid: Txid) -> Result<OutPoint, LifeError> {
    let script = anchor_script();
    let mut outputs = (0u32..).zip(&parent.output);
    let vout = outputs.find_map(|(vout, out)| (out.script_pubkey == script).then_some(vout));
    let vout = vout.ok_or(WalletError::from(ChildError::NoAnchor))?;
    Ok(OutPoint { txid, vout })
}

/// A refusal is no error: it is tried again.
fn taken<T>(answer: Result<T, Error>) -> Result<Result<(), String>, LifeError> {
    match answer {
        Ok(_) => Ok(Ok(())),
        Err(Error::Rejected { reason, .. }) => Ok(Err(reason)),
        Err(error) => Err(error.into()),
    }
}

/// Coins of the wallet that nothing in the mempool spends, but for what is replaced.
fn spare(
    chain: &mut dyn NodeAccess,
    wallet: &dyn FeeWallet,
    replaced: &[&Waiting],
) -> Result<Vec<FeeCoin>, LifeError> {
    let replaced: Vec<_> = replaced.iter().map(|one| one.tx.compute_txid()).collect();
    let mut spare = Vec::new();
    for coin in wallet.spare_coins() {
        if spare.len() == MAX_COINS {
            break;
        }
        let spender = chain.waiting_spender(coin.outpoint)?;
        if spender.is_none_or(|txid| replaced.contains(&txid)) {
            spare.push(coin);
        }
    }
    Ok(spare)
}

/// Where the change of what is replaced went: each script that a wallet shows in vain is one more that it must look for.
fn own_change(wallet: &dyn FeeWallet, replaced: &[&Waiting]) -> Option<ScriptBuf> {
    let mut outputs = replaced.iter().flat_map(|one| &one.tx.output);
    let own = outputs.find(|output| wallet.is_own(&output.script_pubkey))?;
    Some(own.script_pubkey.clone())
}

fn paid(wallet: &dyn FeeWallet, tx: &Transaction) -> Amount {
    let (sent, received) = wallet.sent_and_received(tx);
    sent.checked_sub(received).unwrap_or(Amount::ZERO)
}

/// Makes what pays the rate, and at least what it must to take the place of what it evicts, which depends on its size. Where the
/// coins do not suffice for the rate, it pays what there is; never more than the budget.
fn make(
    curve: &FeeCurve,
    rate: FeeRate,
    mut with: impl FnMut(FeeRate, Amount) -> Result<(Waiting, Amount), WalletError>,
) -> Result<Made, LifeError> {
    let budget = curve.budget();
    let (mut ask, mut is_all) = ((rate, Amount::ZERO), false);
    let mut last = Amount::ZERO;
    for _ in 0..MAX_TRIES {
        let (made, least) = match with(ask.0, ask.1) {
            Ok(made) => made,
            Err(WalletError::Child(ChildError::Short { coins, .. }))
                if !is_all && coins > LEAST_CHANGE =>
            {
                is_all = true;
                let all = coins.checked_sub(LEAST_CHANGE).unwrap_or(Amount::ZERO);
                ask = (FeeRate::LEAST, all.min(budget));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        last = least;
        if least > budget {
            break;
        }
        if made.fee < least {
            if is_all {
                break;
            }
            ask = (ask.0, least);
        } else if made.fee > budget && ask != (FeeRate::LEAST, budget) {
            ask = (FeeRate::LEAST, budget);
        } else {
            return Ok(Ok(made));
        }
    }
    Ok(Err(Offered::Outbid { least: last }))
}
