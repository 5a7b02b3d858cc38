//! What a party does on chain beside its machine.

use bitcoin::{Amount, Script, Transaction};
use narthex_contracts::{
    template::Exit,
    terms::{FeeRate, FeeRules, Role},
};
use narthex_regtest::Chain;

use super::{PlayError, conduct::Unasked};
use crate::{
    life::{Paid, Publisher, Room},
    wallet::{ChildRequest, WalletError},
};

impl Unasked {
    /// Publishes it, if its machine stands there and the next block may hold it.
    pub(super) fn publish(
        &self,
        room: &mut Room<'_>,
        chain: &mut dyn Chain,
        (tip, reward): (u32, &Script),
    ) -> Result<(), PlayError> {
        let Some(party) = room.party_mut(self.by) else {
            return Ok(());
        };
        let book = party.book();
        let graph = book.contract().graph();
        let none = || PlayError::Broken(format!("the graph has no {}", self.what));
        let node = graph.find(self.what).ok_or_else(none)?;
        let tx = graph.assemble(node);
        let spends = tx.and_then(|tx| Some(tx.input.first()?.previous_output));
        let is_there = self.at.is_none_or(|at| party.standing() == at);
        let is_unspent = spends.is_some() && book.facts().coin(graph) == spends;
        let next = tip.saturating_add(1);
        let is_time = book.earliest(node).is_some_and(|first| next >= first);
        if !(is_there && is_unspent && is_time) {
            return Ok(());
        }
        if !self.bribes {
            party.publish_unasked(chain, node)?;
            return Ok(());
        }
        let (book, signer) = (party.book(), party.signer());
        let secrets = signer.secrets(book);
        if let Ok(tx) = signer.signatures().complete(node, &secrets) {
            chain.mine_exactly(std::slice::from_ref(&tx), reward)?;
            party.publisher_mut().paid.push(Paid {
                node: Some(node),
                tx,
                child: None,
                fee: Amount::ZERO,
            });
        }
        Ok(())
    }
}

/// A child of this party's, which carries no root, replaces the worker's in the pool, and the delivery is paid for by it.
pub(super) fn outbid(
    room: &mut Room<'_>,
    chain: &mut dyn Chain,
    by: Role,
) -> Result<(), PlayError> {
    let worker = room.party(Role::Worker);
    let paid = worker.and_then(|worker| {
        let node = worker.book().contract().graph().find(Exit::DELIVERED);
        let mut paid = worker.publisher().paid.iter();
        paid.find(|paid| paid.node == node).cloned()
    });
    let pool = chain.mempool()?;
    let waits = |child: &Transaction| pool.contains(&child.compute_txid());
    let (Some(paid), Some(party)) = (paid, room.party_mut(by)) else {
        return Ok(());
    };
    let Some(child) = paid.child.filter(waits) else {
        return Ok(());
    };
    let publisher = party.publisher_mut();
    let (rival, fee) = rival_child(publisher, &paid.tx, (&child, paid.fee))?;
    chain.submit(&rival)?;
    publisher.paid.push(Paid {
        node: paid.node,
        tx: paid.tx,
        fee,
        child: Some(rival),
    });
    Ok(())
}

/// A child of this party's that takes the place of another's, and what it pays.
pub(crate) fn rival_child(
    publisher: &mut Publisher<'_>,
    parent: &Transaction,
    (child, fee): (&Transaction, Amount),
) -> Result<(Transaction, Amount), WalletError> {
    let rate = FeeRate::from_sat_per_kwu(publisher.bumper.rate.to_sat_per_kwu().saturating_mul(2));
    let mut wallet = publisher.purse.wallet();
    // More than the replaced child paid and 1 sat/vB for itself (BIP125 rules 3 and 4).
    let more = Amount::from_sat((child.vsize() as u64).saturating_add(1_000));
    let rival = wallet.child(ChildRequest {
        parent,
        coins: Vec::new(),
        data: None,
        rate: rate.min(FeeRate::MOST),
        least_fee: fee.checked_add(more).unwrap_or(Amount::MAX_MONEY),
    })?;
    let (sent, received) = wallet.sent_and_received(&rival);
    let paid = sent.checked_sub(received).unwrap_or(Amount::ZERO);
    Ok((rival, paid))
}
