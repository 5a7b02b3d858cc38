//! An ending that the three agree on: signed by a ceremony of its own, and published.

use bitcoin::{
    Amount, Transaction, Txid,
    secp256k1::{SecretKey, rand::rngs::OsRng},
};
use narthex_channel::contract::{Book, Done, EndingTask, StoredEnding, WholeEnding};
use narthex_contracts::{
    binding::BindError,
    coop::{COOP, CoopError, Ending, Proposal},
    graph::TxGraph,
    party::PartyId,
    setup::{Announced, ContractSignatures, SetupError, SharesMessage},
    template::stage,
    terms::{FeeError, FeeRate, FeeRules, Role, Terms},
};
use narthex_game_model::{Outcome, settle, settlement::SettlementError};
use narthex_regtest::{Error, NodeAccess};
use std::sync::Arc;

use super::{
    LifeError, LifeSigner, Offered, Paid, Publisher, Refused, Secrecy, mempool::rivals,
    signer::Worked,
};

/// Why there is no such ending.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoEnding {
    /// The settlement is none of these parameters.
    #[error(transparent)]
    Settle(#[from] SettlementError),
    /// The coin is not one of the three, or it cannot be paid out so.
    #[error(transparent)]
    Coop(#[from] CoopError),
    /// The worker's share does not pay the fee.
    #[error(transparent)]
    Fee(#[from] FeeError),
}

/// An ending of the funding that pays as a settlement does, and its fee from the worker's share.
///
/// # Errors
/// [`NoEnding`].
pub fn ending_like(
    (terms, graph): (&Terms, &TxGraph),
    settlement: Outcome,
    rate: FeeRate,
    expires_height: u32,
) -> Result<Proposal, NoEnding> {
    let payout = settle(terms.params(), settlement)?;
    let payouts = [
        (Role::Client, payout.client),
        (Role::Worker, payout.worker),
        (Role::Verifier, payout.verifier),
    ];
    let paid = payouts.into_iter().filter(|(_, v)| *v > Amount::ZERO);
    let mut proposal = Proposal {
        spends: narthex_contracts::graph::NodeName::plain("Tx0"),
        payouts: paid.collect(),
        reveals_result: true,
        attempt: 0,
        expires_height,
    };
    let plan = proposal.plan(terms, graph)?;
    let fee = rate.checked_fee(plan.weight)?;
    for (role, value) in &mut proposal.payouts {
        if *role == Role::Worker {
            let coins = *value;
            *value = coins
                .checked_sub(fee)
                .ok_or(FeeError::Share { fee, coins })?;
        }
    }
    proposal.payouts.retain(|(_, value)| *value > Amount::ZERO);
    Ok(proposal)
}

/// Nonces of an attempt, in this process alone.
pub(super) type Volatile = Option<(u32, Announced<Ending>)>;

impl LifeSigner<'_> {
    pub(super) fn ending(&mut self, attempt: u32, task: EndingTask, book: &Book) -> Worked {
        let order = || LifeError::Order("an ending");
        let own = book.endings().own().filter(|own| own.attempt == attempt);
        let own = own.ok_or_else(order)?.clone();
        match task {
            EndingTask::Announce => self.announce_ending(&own, book),
            EndingTask::Sign => self.sign_ending(&own, book),
            EndingTask::Close => self.close_ending(&own, book),
        }
    }

    fn announce_ending(&mut self, own: &Proposal, book: &Book) -> Worked {
        let (terms, graph) = (book.contract().terms(), book.contract().graph());
        let (role, tip) = (self.role(), self.sight.tip());
        let key: SecretKey = self.own.key;
        let record = self.own.bindings.as_mut();
        let record = record.ok_or(LifeError::Order("a record of what is bound"))?;
        let party = match own.party(terms, graph, (role, &key), tip, record.as_mut()) {
            Ok(party) => party,
            // This number was bound before a crash: what came of it then is lost.
            Err(CoopError::Setup(SetupError::Bind(BindError::Used { .. }))) => {
                return Ok(Some(Done::EndingVoid));
            }
            // Of this tip: the machine lets it lapse, or the time for it comes.
            Err(CoopError::Expired { .. } | CoopError::Distant { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (announced, nonces) = party.announce(&mut OsRng).map_err(CoopError::from)?;
        self.announced = Some((own.attempt, announced));
        Ok(Some(Done::EndingAnnounced(nonces)))
    }

    fn sign_ending(&mut self, own: &Proposal, book: &Book) -> Worked {
        let void = Ok(Some(Done::EndingVoid));
        let announced = self.announced.take();
        let announced = announced.filter(|(attempt, _)| *attempt == own.attempt);
        let Some((_, mut announced)) = announced else {
            return void;
        };
        let me = announced.me().id;
        for nonces in book.endings().nonces().filter(|nonces| nonces.from != me) {
            if announced.accept(nonces.clone()).is_err() {
                return void;
            }
        }
        let Ok(mut signing) = announced.sign() else {
            return void;
        };
        // Nothing is signed in the stages before.
        for before in stage::ALL {
            if before.id < stage::SETTLEMENT.id {
                signing.close(before.id).map_err(CoopError::from)?;
            }
        }
        let mut shares: Vec<SharesMessage> = Vec::new();
        for to in Role::PRINCIPALS {
            if me != PartyId::from(to) {
                let share = signing.shares_for(stage::SETTLEMENT.id, to);
                let share = share.map_err(CoopError::from)?;
                shares.extend(Some(share).filter(|share| !share.shares.is_empty()));
            }
        }
        let signing = StoredEnding(signing.to_bytes());
        Ok(Some(Done::EndingSigned { signing, shares }))
    }

    fn close_ending(&mut self, own: &Proposal, book: &Book) -> Worked {
        let void = Ok(Some(Done::EndingVoid));
        let (terms, graph) = (book.contract().terms(), book.contract().graph());
        let endings = book.endings();
        let signing = endings.signing();
        let signing = signing.ok_or(LifeError::Order("a share of an ending"))?;
        let mut signing = own.resume(terms, graph, signing)?;
        for shares in endings.shares() {
            if signing.accept(shares.clone()).is_err() {
                return void;
            }
        }
        if signing.close(stage::SETTLEMENT.id).is_err() {
            return void;
        }
        let mut held = signing.finish().map_err(CoopError::from)?;
        let node = held.graph().find(COOP);
        let node = node.ok_or(LifeError::Order("an ending"))?;
        let releases = match endings.released() {
            None => match held.release(node, self.sight.tip()) {
                Ok(releases) => releases,
                // Too late: the machine lets it lapse.
                Err(CoopError::Expired { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
            Some(release) => match held.accept(release) {
                Ok(()) => Vec::new(),
                Err(_) => return void,
            },
        };
        if held.adaptor_signature(node).is_err() {
            return void;
        }
        Ok(Some(Done::EndingWhole {
            signatures: StoredEnding(held.to_bytes()),
            releases,
        }))
    }

    /// The client takes the key out of the ending that is on chain.
    pub(super) fn decrypt_ending(&mut self, book: &Book) -> Worked {
        for whole in book.endings().whole() {
            let held = restored(whole, book)?;
            let node = held.graph().find(COOP);
            let node = node.ok_or(LifeError::Order("an ending"))?;
            let Some(tx) = held
                .graph()
                .txid(node)
                .and_then(|txid| self.sight.transaction(txid))
            else {
                continue;
            };
            let secret = held.extract_result(node, tx)?;
            let by: Txid = tx.compute_txid();
            return self.decrypt_with(by, &secret, book);
        }
        Ok(None)
    }
}

fn restored(whole: &WholeEnding, book: &Book) -> Result<ContractSignatures<Ending>, LifeError> {
    let (terms, graph): (&Arc<Terms>, _) = (book.contract().terms(), book.contract().graph());
    Ok(whole.proposal.restore(terms, graph, &whole.signatures.0)?)
}

/// The ending that a worker holds whole, complete, with its fee.
pub(super) fn complete(
    signer: &LifeSigner<'_>,
    book: &Book,
) -> Result<(Transaction, Amount), LifeError> {
    let order = || LifeError::Order("an ending");
    let whole = book.whole_here().ok_or_else(order)?;
    let held = restored(whole, book)?;
    let node = held.graph().find(COOP).ok_or_else(order)?;
    let tx = held.complete(node, &signer.secrets(book))?;
    let coins = held.graph().prevouts(node).unwrap_or_default();
    let sum = |all: &mut dyn Iterator<Item = Amount>| {
        all.fold(Amount::ZERO, |sum, value| {
            sum.checked_add(value).unwrap_or(Amount::MAX_MONEY)
        })
    };
    let paid = sum(&mut coins.iter().map(|coin| coin.value));
    let out = sum(&mut tx.output.iter().map(|out| out.value));
    let fee = paid.checked_sub(out).unwrap_or(Amount::ZERO);
    Ok((tx, fee))
}

/// Gives the ending to a node, as often as it does not have it. Whether something was sent.
pub(super) fn publish_ending(
    chain: &mut dyn NodeAccess,
    publisher: &mut Publisher<'_>,
    (tx, fee): (Transaction, Amount),
    secret: Secrecy,
) -> Result<bool, LifeError> {
    publisher.refused.retain(|refused| refused.node.is_some());
    let txid = tx.compute_txid();
    if chain.waiting(txid)?.is_some() {
        return Ok(false);
    }
    let is_hidden = publisher.ended.as_ref().is_none_or(|paid| paid.tx != tx);
    let is_held = match secret {
        Secrecy::None | Secrecy::Shown => false,
        Secrecy::Kept => true,
        Secrecy::Written => is_hidden && !rivals(chain, &tx)?.is_empty(),
    };
    let why = match is_held {
        true => Offered::Held,
        false => match chain.submit(&tx) {
            Ok(_) => {
                publisher.ended = Some(Paid {
                    node: None,
                    tx,
                    child: None,
                    fee,
                });
                return Ok(true);
            }
            Err(Error::Rejected { reason, .. }) => Offered::Refused(reason),
            Err(error) => return Err(error.into()),
        },
    };
    publisher.refused.push(Refused { node: None, why });
    Ok(false)
}
