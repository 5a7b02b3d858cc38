//! Moves against each other in the mempool.

use bitcoin::{Amount, Transaction};
use narthex::{
    contracts::terms::{FeeRate, Role},
    play::Scene,
    regtest::Error,
    wallet::ChildRequest,
};

/// `who`'s child of `parent` at `rate`, at least `least_fee`.
pub fn child(
    scene: &mut Scene<'_>,
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
    scene.actor_mut(who).unwrap().wallet.child(request).unwrap()
}

/// Offers `parent` with `who`'s child to the mempool.
pub fn offer(
    scene: &mut Scene<'_>,
    who: Role,
    parent: &Transaction,
    rate: FeeRate,
) -> Result<Transaction, Error> {
    let child = child(scene, who, parent, rate, Amount::ZERO);
    scene
        .chain()
        .submit_package(&[parent.clone(), child.clone()])?;
    Ok(child)
}

/// Fee of a child whose coins are this party's alone, counted to its costs.
pub fn pay(scene: &mut Scene<'_>, who: Role, child: &Transaction) {
    let actor = scene.actor_mut(who).unwrap();
    let (sent, received) = actor.wallet.sent_and_received(child);
    actor.fees += sent - received;
}

pub fn waits(scene: &mut Scene<'_>, tx: &Transaction) -> bool {
    scene
        .chain()
        .mempool()
        .unwrap()
        .contains(&tx.compute_txid())
}

pub fn is_confirmed(scene: &mut Scene<'_>, tx: &Transaction) -> bool {
    let found = scene.chain().transaction(tx.compute_txid()).unwrap();
    found.is_some_and(|(_, height)| height.is_some())
}
