//! What waits in the mempool, and what it pays.

use bitcoin::{Amount, OutPoint, Transaction, Weight};
use narthex_contracts::funding::Evicted;
use narthex_regtest::NodeAccess;

use super::LifeError;

/// A transaction and what it pays.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) tx: Transaction,
    pub(super) fee: Amount,
}

impl Waiting {
    /// What replaces it by itself evicts.
    pub(super) fn evicted(&self) -> Evicted {
        self.evicted_with(Weight::ZERO)
    }

    /// What replaces it together with a parent that it pays for evicts.
    pub(super) fn evicted_with(&self, parent: Weight) -> Evicted {
        let (fee, weight) = (self.fee, parent + self.tx.weight());
        Evicted { fee, weight }
    }
}

/// What a transaction spends.
pub(super) fn coins_of(tx: &Transaction) -> Vec<OutPoint> {
    tx.input.iter().map(|input| input.previous_output).collect()
}

/// Whether nothing else waits on the coins of a transaction, but for this one: to send it again must not evict what pays for another
/// contract.
pub(super) fn is_free(
    chain: &mut dyn NodeAccess,
    tx: &Transaction,
    but: OutPoint,
) -> Result<bool, LifeError> {
    for coin in coins_of(tx).into_iter().filter(|coin| *coin != but) {
        if chain.waiting_spender(coin)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What spends an output in the mempool.
pub(super) fn waiting(
    chain: &mut dyn NodeAccess,
    coin: OutPoint,
) -> Result<Option<Waiting>, LifeError> {
    let Some(txid) = chain.waiting_spender(coin)? else {
        return Ok(None);
    };
    let Some(tx) = chain.waiting(txid)? else {
        return Ok(None);
    };
    let fee = fee(chain, &tx)?;
    Ok(Some(Waiting { tx, fee }))
}

/// What a transaction pays that waits; nothing, if that cannot be said because it has just gone.
fn fee(chain: &mut dyn NodeAccess, tx: &Transaction) -> Result<Amount, LifeError> {
    let mut sum = Amount::ZERO;
    for input in &tx.input {
        let coin = input.previous_output;
        let output = match chain.utxo(coin)? {
            Some((output, _)) => Some(output),
            None => {
                let parent = chain.waiting(coin.txid)?;
                parent.and_then(|tx| tx.output.get(coin.vout as usize).cloned())
            }
        };
        let value = output.map_or(Amount::ZERO, |output| output.value);
        sum = sum.checked_add(value).unwrap_or(Amount::MAX_MONEY);
    }
    let mut out = Amount::ZERO;
    for output in &tx.output {
        out = out.checked_add(output.value).unwrap_or(Amount::MAX_MONEY);
    }
    Ok(sum.checked_sub(out).unwrap_or(Amount::ZERO))
}

/// Transactions that wait on the coins of this one, each with what depends on it: all would go.
pub(super) fn rivals(
    chain: &mut dyn NodeAccess,
    parent: &Transaction,
) -> Result<Vec<Evicted>, LifeError> {
    let (mut rivals, mut seen) = (Vec::new(), Vec::new());
    for input in &parent.input {
        let mut todo = vec![input.previous_output];
        let (mut fees, mut weight) = (Amount::ZERO, Weight::ZERO);
        while let Some(coin) = todo.pop() {
            let Some(Waiting { tx, fee }) = waiting(chain, coin)? else {
                continue;
            };
            let txid = tx.compute_txid();
            if seen.contains(&txid) {
                continue;
            }
            seen.push(txid);
            fees = fees.checked_add(fee).unwrap_or(Amount::MAX_MONEY);
            weight += tx.weight();
            let outputs = (0u32..).zip(&tx.output);
            todo.extend(outputs.map(|(vout, _)| OutPoint { txid, vout }));
        }
        if weight > Weight::ZERO {
            rivals.push(Evicted { fee: fees, weight });
        }
    }
    Ok(rivals)
}
