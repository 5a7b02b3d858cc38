//! What a party publishes: completed with what it holds and knows, and paid for from its wallet.

use bitcoin::{Amount, ScriptBuf, Transaction};
use narthex_channel::contract::Book;
use narthex_contracts::{
    funding::FeeCoin,
    graph::NodeId,
    template::{Exit, RootRecord, root_coin},
    terms::{FeeRate, FeeRules, Role},
};
use narthex_regtest::NodeAccess;

use super::{Bumper, Due, LifeError, LifeSigner, Offered, Purse, Secrecy};

/// From where a party pays for what it publishes.
pub struct Publisher<'a> {
    /// Its coins.
    pub purse: Box<dyn Purse + 'a>,
    /// At which rate, of a transaction and its child together, and up to which.
    pub bumper: Bumper,
    /// What it has offered so far, and with which child; of those for one transaction one may confirm.
    pub paid: Vec<Paid>,
    /// The ending that it has given to a node, which pays for itself.
    pub ended: Option<Paid>,
    /// Why something was not taken when it was offered last.
    pub refused: Vec<Refused>,
}

/// What was not taken, or not offered, at the last attempt: it is tried again with the next block.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Which; `None` for the root in a transaction of its own, and for an ending.
    pub node: Option<NodeId>,
    /// Why.
    pub why: Offered,
}

/// One payment for a transaction of a contract.
#[derive(Clone, Debug)]
pub struct Paid {
    /// Which; `None` for the root in a transaction of its own, and for an ending.
    pub node: Option<NodeId>,
    /// What was published.
    pub tx: Transaction,
    /// What pays for it.
    pub child: Option<Transaction>,
    /// The fee.
    pub fee: Amount,
}

impl Paid {
    /// What pays: the child, or the transaction for itself.
    pub fn by(&self) -> &Transaction {
        self.child.as_ref().unwrap_or(&self.tx)
    }
}

/// A transaction of a contract that is to be published.
pub(super) struct Offer {
    pub(super) node: NodeId,
    /// Whole.
    pub(super) tx: Transaction,
    /// What its child carries: the root, with the coin that has to be spent for it.
    pub(super) carries: Option<(FeeCoin, ScriptBuf)>,
    pub(super) due: Due,
}

impl<'a> Publisher<'a> {
    /// From a wallet, beginning at a rate; up to what is no mistake.
    pub fn new(purse: impl Purse + 'a, rate: FeeRate) -> Publisher<'a> {
        Publisher {
            purse: Box::new(purse),
            bumper: Bumper::new(rate, FeeRate::MOST),
            paid: Vec::new(),
            ended: None,
            refused: Vec::new(),
        }
    }

    /// The same, and pays no more than this rate, whatever is at stake.
    #[must_use]
    pub fn up_to(mut self, ceiling: FeeRate) -> Publisher<'a> {
        self.bumper.ceiling = ceiling;
        self
    }

    /// What is not offered any more frees its coins for other uses; what was offered at this tip goes on.
    pub(super) fn rest(&mut self, tip: Option<u32>) {
        let mut wallet = self.purse.wallet();
        self.bumper.rest(&mut **wallet, tip);
    }

    /// Offers a transaction with a child that pays for it ([`Bumper::offer`]). Whether something was sent.
    pub(super) fn offer(
        &mut self,
        chain: &mut dyn NodeAccess,
        offer: Offer,
    ) -> Result<bool, LifeError> {
        let Offer {
            node,
            tx,
            carries,
            due,
        } = offer;
        let mut wallet = self.purse.wallet();
        let offered = self
            .bumper
            .offer((chain, &mut **wallet), &tx, carries, &due)?;
        drop(wallet);
        Ok(self.note(Some(node), Some(tx), offered))
    }

    /// Writes down what came of an offer; whether something was sent.
    fn note(&mut self, node: Option<NodeId>, tx: Option<Transaction>, offered: Offered) -> bool {
        self.refused.retain(|refused| refused.node != node);
        match offered {
            Offered::Waits => false,
            Offered::Taken { by, fee } => {
                let is_known = |paid: &Paid| *paid.by() == by;
                if self.paid.iter().any(is_known) {
                    return true;
                }
                let (tx, child) = match tx {
                    Some(tx) => (tx, Some(by)),
                    None => (by, None),
                };
                self.paid.push(Paid {
                    node,
                    tx,
                    child,
                    fee,
                });
                true
            }
            why => {
                self.refused.push(Refused { node, why });
                false
            }
        }
    }
}

/// Own root, as it goes on record.
fn record(book: &Book) -> Option<RootRecord> {
    let root = book.papers().commitment()?.id();
    (book.contract().role() == Role::Worker).then_some(RootRecord { root })
}

fn due(book: &Book, node: NodeId, until: Option<u32>, secret: Secrecy) -> Due {
    Due {
        until,
        confirm: book.contract().policy().confirm.into(),
        at_stake: book.at_stake(node),
        secret,
    }
}

/// Publishes a transaction of the graph with a child that pays for it; the delivery's records the root. What the node knows
/// already, it offers again with more as the last moment comes near ([`Bumper::offer`]). Whether something was sent.
///
/// # Errors
/// [`LifeError`]. What a node does not take is no error: it stands in [`Publisher::refused`].
pub fn publish(
    chain: &mut dyn NodeAccess,
    (signer, publisher): (&LifeSigner<'_>, &mut Publisher<'_>),
    book: &Book,
    (node, until, secret): (NodeId, Option<u32>, Secrecy),
) -> Result<bool, LifeError> {
    let graph = book.contract().graph();
    let tx = signer.signatures().complete(node, &signer.secrets(book))?;
    let mut carries = None;
    let wallet = publisher.purse.wallet();
    if graph.find(Exit::DELIVERED) == Some(node) {
        let coin = root_coin(book.contract().terms(), graph);
        let coin = coin.and_then(|coin| wallet.coin(coin));
        // If it was spent before, the root is on record already.
        let both = coin.zip(record(book));
        carries = both.map(|(coin, record)| (coin, record.script()));
    }
    drop(wallet);
    let due = due(book, node, until, secret);
    let offer = Offer {
        node,
        tx,
        carries,
        due,
    };
    publisher.offer(chain, offer)
}

/// The worker spends its root coin in a transaction of its own that carries the root.
///
/// # Errors
/// As [`publish`].
pub fn record_root(
    chain: &mut dyn NodeAccess,
    publisher: &mut Publisher<'_>,
    book: &Book,
    until: u32,
) -> Result<bool, LifeError> {
    let order = || LifeError::Order("a root coin");
    let (terms, graph) = (book.contract().terms(), book.contract().graph());
    let coin = root_coin(terms, graph).ok_or_else(order)?;
    let record = record(book).ok_or_else(order)?;
    let delivered = graph.find(Exit::DELIVERED).ok_or_else(order)?;
    // Without a root nothing was delivered.
    let due = due(book, delivered, Some(until), Secrecy::None);
    let mut wallet = publisher.purse.wallet();
    let coin = wallet.coin(coin).ok_or_else(order)?;
    let offered = publisher
        .bumper
        .record((chain, &mut **wallet), &coin, &record, &due)?;
    drop(wallet);
    Ok(publisher.note(None, None, offered))
}
