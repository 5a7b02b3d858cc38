//! Moves against each other in the mempool.

use bitcoin::{Amount, Transaction};
use narthex::{
    contracts::terms::{FeeRate, Role},
    play::ContractPlay,
    regtest::Error,
    wallet::ChildRequest,
};

/// `who`'s child of `parent` at `rate`, at least `least_fee`.
pub fn child(
    play: &mut ContractPlay<'_>,
    who: Role,
    parent: &Transaction,
    rate: FeeRate,
    least_fee: Amount,
) -> Transaction {
    let request = ChildRequest {
        parent,
        coins: Vec::new(),
        data: None,
        rate,
        least_fee,
    };
    play.participant_mut(who)
        .unwrap()
        .wallet
        .child(request)
        .unwrap()
}

/// Offers `parent` with `who`'s child to the mempool.
pub fn offer(
    play: &mut ContractPlay<'_>,
    who: Role,
    parent: &Transaction,
    rate: FeeRate,
) -> Result<Transaction, Error> {
    let child = child(play, who, parent, rate, Amount::ZERO);
    play.chain()
        .submit_package(&[parent.clone(), child.clone()])?;
    Ok(child)
}

/// Fee of a child whose coins are this party's alone, counted to its costs.
pub fn pay(play: &mut ContractPlay<'_>, who: Role, child: &Transaction) {
    let participant = play.participant_mut(who).unwrap();
    let (sent, received) = participant.wallet.sent_and_received(child);
    participant.fees += sent - received;
}

pub fn waits(play: &mut ContractPlay<'_>, tx: &Transaction) -> bool {
    play.chain().mempool().unwrap().contains(&tx.compute_txid())
}

pub fn is_confirmed(play: &mut ContractPlay<'_>, tx: &Transaction) -> bool {
    let found = play.chain().transaction(tx.compute_txid()).unwrap();
    found.is_some_and(|(_, height)| height.is_some())
}
