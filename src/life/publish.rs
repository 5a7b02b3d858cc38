//! What a party publishes: completed with what it holds and knows, and paid for from its wallet.

use std::ops::DerefMut;

use bitcoin::{Amount, Transaction};
use narthex_channel::contract::Book;
use narthex_contracts::{
    graph::NodeId,
    template::{Exit, RootRecord, root_coin},
    terms::{FeeRate, Role},
};
use narthex_regtest::NodeAccess;

use super::{LifeError, LifeSigner};
use crate::wallet::{ChildRequest, PartyWallet, WalletError};

/// Whoever has the wallet that a party pays from: its own, or one that all contracts of a node share.
pub trait Purse {
    /// The wallet, for as long as it is used.
    fn wallet(&mut self) -> Box<dyn DerefMut<Target = PartyWallet> + '_>;
}

impl Purse for &mut PartyWallet {
    fn wallet(&mut self) -> Box<dyn DerefMut<Target = PartyWallet> + '_> {
        Box::new(&mut **self)
    }
}

/// From where a party pays for what it publishes.
pub struct Publisher<'a> {
    /// Its coins.
    pub purse: Box<dyn Purse + 'a>,
    /// At which rate, of a transaction and its child together.
    pub rate: FeeRate,
    /// What it has paid so far, and with which child.
    pub paid: Vec<Paid>,
}

/// One payment for a transaction of a contract.
#[derive(Clone, Debug)]
pub struct Paid {
    /// Which; `None` for the root in a transaction of its own.
    pub node: Option<NodeId>,
    /// What was published.
    pub tx: Transaction,
    /// What pays for it.
    pub child: Option<Transaction>,
    /// The fee.
    pub fee: Amount,
}

impl<'a> Publisher<'a> {
    /// From a wallet, at a rate.
    pub fn new(purse: impl Purse + 'a, rate: FeeRate) -> Publisher<'a> {
        Publisher {
            purse: Box::new(purse),
            rate,
            paid: Vec::new(),
        }
    }

    fn fee(&mut self, tx: &Transaction) -> Amount {
        let (sent, received) = self.purse.wallet().sent_and_received(tx);
        sent.checked_sub(received).unwrap_or(Amount::ZERO)
    }
}

/// Own root, as it goes on record.
fn record(book: &Book) -> Option<RootRecord> {
    let root = book.papers().commitment()?.id();
    (book.contract().role() == Role::Worker).then_some(RootRecord { root })
}

/// Publishes a transaction of the graph with a child that pays for it; the delivery's records the root. Nothing happens if it is
/// known to the node already, or if another transaction that spends the same waits there and this one would show a secret.
///
/// # Errors
/// [`LifeError`]; the chain's refusal too. It is tried again with the next block.
pub fn publish(
    chain: &mut dyn NodeAccess,
    (signer, publisher): (&LifeSigner<'_>, &mut Publisher<'_>),
    book: &Book,
    node: NodeId,
) -> Result<bool, LifeError> {
    let graph = book.contract().graph();
    let txid = graph.txid(node).ok_or(LifeError::Order("a transaction"))?;
    if chain.transaction(txid)?.is_some() {
        return Ok(false);
    }
    // One's own that waits shows nothing new; another's would be fought over with the secret in the open.
    if let Some(coin) = book.facts().coin(graph)
        && chain
            .waiting_spender(coin)?
            .is_some_and(|other| other != txid)
        && book.shows_secret(node)
    {
        return Ok(false);
    }
    let tx = signer.signatures().complete(node, &signer.secrets(book))?;
    let (mut coins, mut data) = (Vec::new(), None);
    if book.contract().graph().find(Exit::DELIVERED) == Some(node) {
        let coin = root_coin(book.contract().terms(), graph);
        let coin = coin.and_then(|coin| publisher.purse.wallet().coin(coin));
        // If it was spent before, the root is on record already.
        if let (Some(coin), Some(record)) = (coin, record(book)) {
            coins.push(coin);
            data = Some(record.script());
        }
    }
    let request = ChildRequest {
        parent: &tx,
        coins,
        data,
        rate: publisher.rate,
        least_fee: Amount::ZERO,
    };
    let child = publisher.purse.wallet().child(request)?;
    chain.submit_package(&[tx.clone(), child.clone()])?;
    let fee = publisher.fee(&child);
    publisher.paid.push(Paid {
        node: Some(node),
        tx,
        child: Some(child),
        fee,
    });
    Ok(true)
}

/// The worker spends its root coin in a transaction of its own that carries the root.
///
/// # Errors
/// As [`publish`].
pub fn record_root(
    chain: &mut dyn NodeAccess,
    publisher: &mut Publisher<'_>,
    book: &Book,
) -> Result<bool, LifeError> {
    let order = || LifeError::Order("a root coin");
    let coin = root_coin(book.contract().terms(), book.contract().graph()).ok_or_else(order)?;
    if chain.waiting_spender(coin)?.is_some() {
        return Ok(false);
    }
    let record = record(book).ok_or_else(order)?;
    let mut wallet = publisher.purse.wallet();
    let coin = wallet.coin(coin).ok_or_else(order)?;
    let change = wallet.fresh_script();
    let psbt = record.transaction(coin, &[], change, publisher.rate, Amount::ZERO);
    let mut psbt = psbt.map_err(WalletError::from)?;
    let tx = wallet.sign_all(&mut psbt)?;
    drop(wallet);
    chain.submit(&tx)?;
    let fee = publisher.fee(&tx);
    publisher.paid.push(Paid {
        node: None,
        tx,
        child: None,
        fee,
    });
    Ok(true)
}
